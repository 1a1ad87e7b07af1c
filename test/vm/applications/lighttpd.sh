# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
label=lighttpd

version() {
    in_root lighttpd -v | grep -Eo '[0-9]+\.[0-9]+' | head -n 1
}

start() {
    cat >"$work/lighttpd.conf" <<END
server.modules = ( "mod_openssl", "mod_proxy" )
server.document-root = "$work/html"
server.upload-dirs = ( "$work" )
server.port = $PORT
server.bind = "$SRV4"
ssl.engine = "enable"
ssl.pemfile = "$work/cert.pem"
ssl.privkey = "$work/key.pem"
\$HTTP["url"] =~ "^/put/" {
    proxy.server = ( "" => ( ( "host" => "127.0.0.1", "port" => 8080 ) ) )
}
END
    app server lighttpd -D -f "$work/lighttpd.conf"
    wait_for listening $PORT
}

use() {
    use_https "$1"
}
