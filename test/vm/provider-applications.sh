#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The applications of Debian 12, and some of Debian 13, each with the provider
# switched off and on in the openssl.cnf of the whole system: the other side has
# the same to see, and every byte is checked. Which of them are offloaded
# is what docs/applications.md says:
#
#   test/vm/run --mem 3072 --timeout 3000 --out docs \
#       test/vm/provider-applications.sh
#
# writes that file's table anew. Patterns given as arguments, such as
# 'trixie/*', run only what matches one.
# shellcheck source-path=SCRIPTDIR disable=SC2119
#
# needs: long
# kernels: 6.1
# root: bookworm trixie
# timeout: 3000
# memory: 3072
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-root.sh"
. "$LINETLS_SRC/test/vm/lib-applications.sh"

need curl nginx openssl tcpdump
here=$LINETLS_SRC/test/vm/applications
document=applications.md
cert_ip=$CLI4
declare -A applications=(
    [bookworm]="openssl:s_server openssl:s_client curl curl:preload
        python:server python:client python:asyncio node nginx lighttpd apache
        haproxy haproxy:preload squid stunnel redis postfix postgresql"
    [trixie]="openssl:s_server openssl:s_client curl curl:preload
        python:server python:client python:asyncio nginx haproxy
        haproxy:preload"
)

patterns=("$@")
wanted() {
    local pattern
    [ ${#patterns[@]} -gt 0 ] || return 0
    for pattern in "${patterns[@]}"; do
        # shellcheck disable=SC2053
        [[ $1 != $pattern ]] || return 0
    done
    return 1
}

ulp_begin
applications_begin bookworm trixie
capture_start wire
rows=()
for release in bookworm trixie; do
    use_root "$release"
    openssl=$(in_root openssl version | grep -Eo '[0-9]+\.[0-9]+' | head -n 1)
    say "$release: $(in_root openssl version)"
    for each in ${applications[$release]}; do
        ! wanted "$release/$each" || application "$each"
    done
done
capture_stop wire
is_eq "$(capture_search wire "$MARKER" "HTTP/1.1 200")" 0 "plaintext"
no_drops
wait_idle

head='| application | OpenSSL | TLS | sends | bytes up | bytes down |'
line='|---|---|---|---|---:|---:|'
printf '%s\n' "$head" "$line" "${rows[@]}" >"$work/table"
cat "$work/table"
[ $# -eq 0 ] || exit 0
# The table in the place of the one before.
awk -v table="$work/table" '!/^\|/ {print; next}
    !done++ {while ((getline row <table) > 0) print row}' \
    "$LINETLS_SRC/docs/$document" >"$work/$document"
cat "$work/$document" >"$LINETLS_OUT/$document"
grep '^|' "$LINETLS_SRC/docs/$document" | diff - "$work/table" ||
    fail "docs/$document has another table; see the head of this test"
