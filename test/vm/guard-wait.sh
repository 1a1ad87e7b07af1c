#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# needs: long
# timeout: 1800
# memory: 3072
#
# How long open() for writing waits, with 1, 100 and 1,000 connections that have
# the file in flight, from many places on, and whose clients read nothing.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

ulp_begin
echo 1 >/sys/kernel/tracing/events/linetls/linetls_guard_end/enable
for n in 1 100 1000; do
    for round in 1 2; do
        rm -f "$work/full"
        # Another file each time: this one is not guarded again so soon.
        make_guarded "$work/file.$n.$round" 2560
        downloads_start in "$n" -b 20000 -w "$work/go"
        downloads_send out -n "$n" -j "$n" -f "$work/full" "$work/file.$n.$round"
        wait_for -t 600 test -e "$work/full"
        is_eq "$(ulp_stat LinetlsGuards)" 1 "guards"
        write_file -S 2560 "$work/file.$n.$round" open
        say "$n connections: $(tail -n 1 "$work/write.log")"
        tail -n 1 /sys/kernel/tracing/trace
        line=$(tail -n 1 "$work/write.log")
        is_le "${line##* }" 3000000 "us that a writer has waited"
        # The rest would take an hour.
        stop out KILL
        stop in KILL
        wait_idle 120
        rm "$work/file.$n.$round"
        wait_for no_guards
    done
done
is_eq "$(ulp_stat LinetlsGuardTorn)" 0 "pages that could not be detached"
unload
