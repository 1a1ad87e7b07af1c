# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0
#
# For tests of linetls_nic under the kernel's own ULP "tls", after lib.sh: an
# nginx that gives it the keys by itself. linetls.ko is not needed.

debugfs=/sys/kernel/debug/linetls_nic

# check WHAT CMD...: CMD succeeds. For what fails by itself, as wait_for does,
# there is no need of it.
check() {
    local what=$1
    shift
    "$@" >"$work/check.log" 2>&1 || fail "$what: $(<"$work/check.log")"
    say "ok: $what"
}

# above COUNTER N, equals COUNTER N
above() { [ "$(nic_stat "$1")" -gt "$2" ]; }
equals() { [ "$(nic_stat "$1")" -eq "$2" ]; }

# tls_stat NAME: of the kernel's ULP
tls_stat() {
    srv sed -n "s/^$1[[:space:]]*//p" /proc/net/tls_stat
}

# make_file NAME SIZE
make_file() {
    mkdir -p "$work/www"
    make_payload "$2" "$work/www/$1"
}

# nginx with kernel TLS: port 4128 AES-128-GCM, 4256 AES-256-GCM; TLS 1.2
start_nginx() {
    make_cert
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
        listen $SRV4:4128 ssl;
        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;
    }
    server {
        listen $SRV4:4256 ssl;
        ssl_ciphers ECDHE-ECDSA-AES256-GCM-SHA384;
    }
}
END
    background nginx srv nginx -c "$work/nginx.conf" -e "$work/error.log"
    wait_for listening 4256
}

# download PORT FILE: with what was sent
download() {
    rm -f "$work/got"
    cli curl -sS --cacert "$work/cert.pem" -o "$work/got" \
        --max-time $((2 * PATIENCE)) \
        "https://$SRV4:$1/$2" && cmp "$work/got" "$work/www/$2"
}

# Contexts go when the last packet of a connection is acknowledged.
no_contexts() {
    wait_for -t 20 equals tx_tls_ctx_active 0
}
