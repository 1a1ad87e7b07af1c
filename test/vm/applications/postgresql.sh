# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
#
# A table is filled and read by psql.
label=PostgreSQL

postgres=/usr/lib/postgresql/15/bin
postgres_user=(chroot --userspec=postgres:postgres)

version() {
    in_root $postgres/postgres --version | grep -Eo '[0-9]+' | head -n 1
}

start() {
    if [ ! -d "$work/database" ]; then
        mkdir "$work/database"
        chown 902:902 "$work/database"
        "${postgres_user[@]}" "$root" $postgres/initdb -N -A trust -E UTF8 \
            --no-locale -D "$work/database" >"$work/initdb.log" 2>&1 ||
            fail "initdb: $(tail -n 3 "$work/initdb.log")"
        install -o 902 -m 600 "$work/key.pem" "$work/postgres.key"
        echo 'hostssl all all all trust' >"$work/database/pg_hba.conf"
    fi
    background server srv "${postgres_user[@]}" "$root" $postgres/postgres \
        -D "$work/database" -h $SRV4 -p $PORT -k /tmp -c fsync=off \
        -c ssl=on -c "ssl_cert_file=$work/cert.pem" \
        -c "ssl_key_file=$work/postgres.key"
    wait_for -t 60 listening $PORT
}

use() {
    rm -f "$work/got"
    far env PGSSLMODE=verify-ca "PGSSLROOTCERT=$work/cert.pem" \
        "PGSSLMAXPROTOCOLVERSION=TLSv$1" HOME=/ \
        $postgres/psql -X -q -h $SRV4 -p $PORT -U postgres \
        -d postgres -v ON_ERROR_STOP=1 \
        -c 'create table lines (n serial, line text)' \
        -c "\\copy lines (line) from '$work/up'" \
        -c "\\copy (select line from lines order by n) to '$work/got'" \
        -c 'select version, cipher from pg_stat_ssl where pid = pg_backend_pid()' \
        -c 'drop table lines' >"$work/codes" 2>&1 ||
        fail "$name: psql: $(<"$work/codes")"
    seen "TLS $1 $(<"$work/codes")"
    uploaded "$work/got"
    downloaded "$work/got" "$work/up"
}
