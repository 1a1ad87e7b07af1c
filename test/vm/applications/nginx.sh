# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
label=nginx

version() {
    in_root nginx -v 2>&1 | grep -Eo '[0-9]+\.[0-9]+' | head -n 1
}

start() {
    cat >"$work/nginx.conf" <<END
error_log $work/nginx.error;
pid $work/nginx.pid;
user root;
events {}
http {
    access_log off;
    sendfile on;
    client_max_body_size 0;
    client_body_temp_path $work/body;
    server {
        listen $PORT ssl;
        ssl_certificate $work/cert.pem;
        ssl_certificate_key $work/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        root $work/html;
        location /put/ { root $work; dav_methods PUT; }
    }
}
END
    app server nginx -c "$work/nginx.conf" -g 'daemon off;'
    wait_for listening $PORT
}

use() {
    use_https "$1"
}
