#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# needs: long
# timeout: 1800
# memory: 3072
#
# What 1,000 downloads of one file of 10 MiB take of memory while their clients
# read nothing: with copies, each its own; with the guard, the file's pages.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

connections=${LINETLS_CONNECTIONS:-1000}
ulp_begin
make_guarded "$work/file" 2560
cat "$work/file" >/dev/null
# By default TCP takes a tenth of the memory at most.
echo 524288 524288 524288 >/proc/sys/net/ipv4/tcp_mem

available() {
    sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo
}

# memory_of [-a]: KiB that so many downloads take
memory_of() {
    local before used
    rm -f "$work/full" "$work/go"
    downloads_start in "$connections" -b 20000 -w "$work/go"
    before=$(available)
    downloads_send out -n "$connections" -j "$connections" -b 400000 -o \
        -f "$work/full" "$@" "$work/file"
    wait_for -t 900 test -e "$work/full"
    used=$((before - $(available)))
    stop out KILL
    stop in KILL
    wait_idle 120
    memory=$used
}

memory_of -a
copied=$memory
memory_of
guarded=$memory
say "$connections downloads: $copied KiB copied, $guarded KiB guarded"
is_gt "$copied" $((2 * guarded)) "KiB with copies, against twice those without"
unload
