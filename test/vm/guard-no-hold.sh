#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Who may only read a file can't keep its writers waiting by announcing it
# again and again: they wait for a guard now and then, and not for long.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

ulp_begin plain
make_guarded "$work/file" 1024
chmod 755 "$work"
chmod 644 "$work/file"

# opens: 200 of them, some ms apart
opens() {
    write_file -n 200 -d 20 "$work/file" open
    tail -n 1 "$work/write.log"
}

say "without anybody: $(opens)"
background pest setpriv --reuid=65534 --clear-groups \
    "$tools/guard_announce" "again:$work/file"
anchor=/proc/self
wait_for grew LinetlsFileGuarded 0
start=$SECONDS
breaks=$(ulp_stat LinetlsGuardBreaks)
announced=$(ulp_stat LinetlsFileRecent)
say "with one that announces: $(opens)"
seconds=$((SECONDS - start + 1))
breaks=$(($(ulp_stat LinetlsGuardBreaks) - breaks))
announced=$(($(ulp_stat LinetlsFileRecent) - announced))
say "$announced announcements refused, $breaks guards, in $seconds s"
is_gt "$announced" 1000 "announcements refused"
# 0.1, 0.2, 0.4 s ... 10 s apart
is_le "$breaks" $((8 + seconds / 10)) "guards that writers had to wait for"
line=$(tail -n 1 "$work/write.log")
is_le "${line##* }" 1000000 "us that a writer has waited"
stop pest
unload
