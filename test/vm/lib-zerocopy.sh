# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0
#
# For tests of the nginx that patches/nginx/build has made, after lib-ulp.sh
# and lib-provider.sh. $LINETLS_NGINX_VERSION says which one, by default that
# of the machine's own.

nginx_version=${LINETLS_NGINX_VERSION:-1.22.1}
nginx_dir=$LINETLS_SRC/build/patches/nginx-$nginx_version
site=https://$SRV4:$NGINX_PORT

zc_begin() {
    [ -x "$nginx_dir/nginx" ] ||
        skip "patches/nginx/build has not built nginx $nginx_version"
    ulp_begin "$@"
    zc_site
}

# zc_site: certificate and directories
zc_site() {
    [ -f "$LINETLS_PROVIDER_DIR/linetls.so" ] || fail "no linetls.so was built"
    make_cert
    mkdir -p "$work/html" "$work/got"
}

# zc_file NAME SIZE [SKIP]: with a content of its own where SKIP is its own
zc_file() {
    make_payload $((${3:-0} + $2)) "$work/payload"
    tail -c "$2" "$work/payload" >"$work/html/$1"
    rm "$work/payload"
    settle
}

# settle: what has not reached the disk yet is copied.
settle() {
    sync -f "$work"
}

# zc_conf NAME [LOG-VARIABLES]: NAME.conf; what stands in http{} is read
zc_conf() {
    cat >"$work/$1.conf" <<END
worker_processes 1;
user root;
pid $work/nginx.pid;
error_log $work/error.log info;
events { }
http {
    log_format zc '\$uri \$status \$bytes_sent ${2-\$ssl_offload \$ssl_zerocopy}';
    access_log $work/access.log zc;
    client_body_temp_path $work/t-body;
    proxy_temp_path $work/t-proxy;
    fastcgi_temp_path $work/t-fastcgi;
    uwsgi_temp_path $work/t-uwsgi;
    scgi_temp_path $work/t-scgi;
    default_type text/plain;
    sendfile on;
    root $work/html;
    ssl_certificate $work/cert.pem;
    ssl_certificate_key $work/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
$(cat)
}
END
    chmod -R a+rX "$work"
}

# zc_start NAME [BINARY [ENVIRONMENT...]]: nginx with NAME.conf
zc_start() {
    local conf=$1 binary=${2:-$nginx_dir/nginx}
    shift $(($# < 2 ? $# : 2))
    : >"$work/error.log"
    : >"$work/access.log"
    settle
    background nginx srv "${with_provider[@]}" "$@" "$binary" -p "$work" \
        -c "$conf.conf" -e "$work/error.log" -g 'daemon off;'
    wait_for listening "$NGINX_PORT"
}

# zc_stop: the server has not complained.
zc_stop() {
    zc_quiet
    stop nginx QUIT
}

zc_quiet() {
    ! grep -E '\[(alert|crit|emerg|error)\]' "$work/error.log" ||
        fail "nginx has logged an error"
}

# get ARGS...: curl, over one connection
get() {
    cli curl -sS --max-time $((2 * PATIENCE)) --cacert "$work/cert.pem" "$@"
}

# same NAME [OTHER]: what was got as NAME is the file OTHER.
same() {
    cmp "$work/got/$1" "$work/html/${2:-$1}" || fail "$1 is not what was served"
    rm "$work/got/$1"
}

# Lines of the access log are written when a response has been sent, which its
# receiver may know earlier.
logged() {
    wait_for zc_lines "$1"
}

zc_lines() {
    [ "$(wc -l <"$work/access.log")" -ge "$1" ]
}

# next_log N: the next N lines, into $log_line[]
declare -a log_line=()
log_seen=0
next_log() {
    logged $((log_seen + $1))
    mapfile -t log_line < <(tail -n +$((log_seen + 1)) "$work/access.log")
    is_eq "${#log_line[@]}" "$1" "lines in the access log"
    log_seen=$((log_seen + $1))
}

# field N LINE
field() {
    local words
    read -r -a words <<<"$2"
    echo "${words[$1 - 1]}"
}

# sent_zerocopy STATUS BYTES WHAT: the next line of the log says this.
sent_zerocopy() {
    next_log 1
    is_eq "$(field 2 "${log_line[0]}")" "$1" "$3: status"
    is_eq "$(field 4 "${log_line[0]}")" device "$3: \$ssl_offload"
    is_eq "$(field 5 "${log_line[0]}")" "$2" "$3: \$ssl_zerocopy"
}

# --- system calls of nginx -------------------------------------------------

trace=/sys/kernel/tracing

# announced_begin, announced_end N WHAT: that LINETLS_TX_FILE was set N times
announced_begin() {
    echo 'level == 282 && optname == 66' \
        >$trace/events/syscalls/sys_enter_setsockopt/filter
    echo >$trace/trace
    echo 1 >$trace/events/syscalls/sys_enter_setsockopt/enable
}

announced_end() {
    echo 0 >$trace/events/syscalls/sys_enter_setsockopt/enable
    is_eq "$(count 'sys_setsockopt' $trace/trace)" "$1" \
        "$2: LINETLS_TX_FILE"
}

# --- records ---------------------------------------------------------------

# zc_send_buffer: one that a response fits into, before zc_start. Where records
# end does not depend on the client then.
zc_send_buffer() {
    srv sysctl -qw net.ipv4.tcp_wmem='4096 8388608 8388608'
}

# record_sizes PATH [HEADER]: bytes of plaintext in each record of a response,
# one per line. The response is in $work/got/response; HTTP/1.0 keeps its body
# in one piece.
record_sizes() {
    local a b c d e
    printf 'GET %s HTTP/1.0\r\n%s\r\n' "$1" "${2:+$2$'\r\n'}" >"$work/request"
    cli openssl s_client -connect "$SRV4:$NGINX_PORT" -tls1_2 \
        -cipher AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256 \
        -quiet -msg -msgfile "$work/msg" <"$work/request" \
        >"$work/got/response" 2>"$work/s_client.log" ||
        fail "s_client: $(<"$work/s_client.log")"
    sed -n '/^<<<.*RecordHeader/{n; /^ *17 /p}' "$work/msg" |
        while read -r a b c d e; do
            # A nonce of 8 bytes, a tag of 16.
            echo $((0x$d$e - 24))
        done
}
