#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Who may only read a file can't keep its writers waiting by announcing it
# again and again. With nothing of it in flight they don't wait at all; who sends
# it, too, makes them wait now and then, and not for long.
#
# With test/vm/run --icount, the times are instructions, whatever else the host
# does.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

[ "$LINETLS_KERNEL" != debug ] || skip "too slow to announce often"

ulp_begin plain
chmod 755 "$work"
anchor=/proc/self
trace=/sys/kernel/tracing
echo 1 >$trace/events/filelock/break_lease_block/enable
echo 1 >$trace/events/linetls/linetls_guard_end/enable

# opens WHO: of $file, 200 of them, some ms apart. How often one had to wait for
# a lease is in $waits; the most that a guard has taken to end, in ns, in $longest.
opens() {
    local line
    : >$trace/trace
    write_file -n 200 -d 20 "$file" open
    waits=0 longest=0
    while read -r line; do
        [[ $line != *" break_lease_block: "* ]] || waits=$((waits + 1))
        [[ ! $line =~ linetls_guard_end:.*\ ns=([0-9]+) ]] ||
            longest=$((BASH_REMATCH[1] > longest ? BASH_REMATCH[1] : longest))
    done <$trace/trace
    say "$1: $waits waits, $longest ns; $(tail -n 1 "$work/write.log")"
}

# opens_against STEP PACE: while a process of nobody does that, every PACE us
opens_against() {
    local start guarded refused
    guarded=$(ulp_stat LinetlsFileGuarded) refused=$(ulp_stat LinetlsFileRecent)
    background pest setpriv --reuid=65534 --clear-groups \
        "$tools/guard_announce" "pace:$2" "$1:$file"
    wait_for -t 60 grew LinetlsFileGuarded "$guarded"
    start=$SECONDS
    breaks=$(ulp_stat LinetlsGuardBreaks)
    opens "$1, every $2 us"
    seconds=$((SECONDS - start + 1))
    breaks=$(($(ulp_stat LinetlsGuardBreaks) - breaks))
    refused=$(($(ulp_stat LinetlsFileRecent) - refused))
    say "$refused announcements refused, $breaks guards, in $seconds s"
    is_gt "$refused" 500 "announcements refused"
    is_gt "$breaks" 0 "guards that writers have met"
    # 0.1, 0.2, 0.4 s ... 10 s apart
    is_le "$breaks" $((8 + seconds / 10)) "guards that writers have met"
    stop pest
}

for pace in 0 1000; do
    # A new one is guarded again soon at first.
    file=$work/file.$pace
    make_guarded "$file" 1024
    chmod 644 "$file"
    opens nobody
    is_eq "$waits" 0 "waits for nobody"
    opens_against again $pace
    is_eq "$waits" 0 "waits for a guard with nothing in flight"
    opens_against send $pace
    # Its lease may be waited for several times, as the VFS does, at each tick.
    is_gt "$waits" 0 "waits for a guard with the file in flight"
    is_le "$longest" 1000000000 "ns that a guard took to end"
done
unload
