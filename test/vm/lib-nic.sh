# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of linetls_nic share. The kernel's own ULP "tls" is the user
# of the offload here; linetls.ko is not needed.
#
#   namespace srv                      namespace cli
#   tls0  10.7.0.1, linetls_nic
#   eth0  lower device ---- veth ----- eth0  10.7.0.2

work=$(mktemp -d /mnt/scratch/nic.XXXXXX)
marker=PLAINTEXT-OF-THE-FILE
failed=0
pids=()

srv() { ip netns exec srv "$@"; }
cli() { ip netns exec cli "$@"; }

fail() {
    echo "FAIL: $*"
    # shellcheck disable=SC2034 # the tests exit with it
    failed=1
}

# check WHAT COMMAND...: the command succeeds
check() {
    local what=$1
    shift
    if "$@" >"$work/check.log" 2>&1; then
        echo "ok: $what"
    else
        fail "$what"
        sed 's/^/    /' "$work/check.log"
    fi
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

nic_cleanup() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || :
    done
    wait
    ip netns del srv 2>/dev/null || :
    ip netns del cli 2>/dev/null || :
    rm -rf "$work"
}
trap nic_cleanup EXIT

nic_topology() {
    modprobe linetls_nic
    ip netns add srv
    ip netns add cli
    ip link add eth0 netns srv type veth peer name eth0 netns cli
    ip -n srv link set lo up
    ip -n srv link set eth0 up
    ip -n cli link set eth0 up
    ip -n srv link add link eth0 name tls0 type linetls_nic
    ip -n srv addr add 10.7.0.1/24 dev tls0
    ip -n srv link set tls0 up
    ip -n cli addr add 10.7.0.2/24 dev eth0
}

# The value of a counter of tls0.
counter() {
    srv ethtool -S tls0 | sed -n "s/^ *$1: //p"
}

tls_stat() {
    srv sed -n "s/^$1[[:space:]]*//p" /proc/net/tls_stat
}

above() { [ "$(counter "$1")" -gt "$2" ]; }
equals() { [ "$(counter "$1")" -eq "$2" ]; }

# make_file NAME BYTES: lines that a capture can be searched for
make_file() {
    mkdir -p "$work/www"
    seq -f "$marker %09.0f" 1 $(($2 / 32 + 1)) | head -c "$2" \
        >"$work/www/$1"
}

# nginx with kernel TLS: port 4128 AES-128-GCM, 4256 AES-256-GCM; TLS 1.2
start_nginx() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=srv \
        -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
    chmod -R a+rX "$work"
    cat >"$work/nginx.conf" <<END
daemon off;
user root;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/error.log warn;
events { }
http {
    access_log off;
    sendfile on;
    client_body_temp_path $work/t1;
    proxy_temp_path $work/t2;
    fastcgi_temp_path $work/t3;
    uwsgi_temp_path $work/t4;
    scgi_temp_path $work/t5;
    root $work/www;
    ssl_certificate $work/cert.pem;
    ssl_certificate_key $work/key.pem;
    ssl_protocols TLSv1.2;
    ssl_conf_command Options KTLS;
    server {
        listen 10.7.0.1:4128 ssl;
        ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256;
    }
    server {
        listen 10.7.0.1:4256 ssl;
        ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384;
    }
}
END
    ip netns exec srv nginx -c "$work/nginx.conf" -e "$work/error.log" &
    pids+=($!)
    wait_for 20 cli nc -z 10.7.0.1 4256
}

stop_nginx() {
    kill "$(cat "$work/nginx.pid")"
    wait_for 10 test ! -e "$work/nginx.pid"
}

# download PORT FILE: with what was sent
download() {
    rm -f "$work/got"
    cli curl -sS -k --max-time 120 -o "$work/got" "https://10.7.0.1:$1/$2" &&
        cmp "$work/got" "$work/www/$2"
}

# capture DEVICE: all that the server's DEVICE sends, until capture_stop
capture() {
    ip netns exec srv tcpdump -q -n -U -B 16384 -s 0 -i "$1" -w "$work/$1.pcap" \
        2>"$work/$1.tcpdump" &
    pids+=($!)
    eval "capture_$1=$!"
    wait_for 10 grep -q 'listening on' "$work/$1.tcpdump"
}

capture_stop() {
    local pid=capture_$1
    kill "${!pid}"
    wait "${!pid}" || :
}

in_capture() { grep -aqF "$marker" "$work/$1.pcap"; }
not_in_capture() { ! in_capture "$1"; }

# Contexts go when the last packet of a connection is acknowledged.
no_contexts() { wait_for 20 equals tx_tls_ctx_active 0; }

unload() {
    ip netns del srv
    ip netns del cli
    wait_for 20 rmmod linetls_nic
    wait_for 20 rmmod tls
}
