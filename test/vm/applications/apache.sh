# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
label=Apache

version() {
    in_root apache2 -v | grep -Eo '[0-9]+\.[0-9]+' | head -n 1
}

start() {
    cat >"$work/apache.conf" <<END
ServerRoot $work
ServerName localhost
PidFile $work/apache.pid
ErrorLog $work/apache.error
DefaultRuntimeDir $work
User www-data
Group www-data
Listen $SRV4:$PORT https
$(printf "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n" \
    mpm_event{,} socache_shmcb{,} ssl{,} authz_core{,} dav{,} dav_fs{,})
DocumentRoot $work/html
DavLockDB $work/dav.lock
SSLEngine on
SSLCertificateFile $work/cert.pem
SSLCertificateKeyFile $work/key.pem
SSLSessionCache none
EnableSendfile on
<Directory $work/html/put>
    Dav On
</Directory>
END
    ln -sfn ../put "$work/html/put"
    app server apache2 -DFOREGROUND -f "$work/apache.conf"
    wait_for listening $PORT
}

use() {
    use_https "$1"
}
