# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# For tests of failing allocations on the debug kernel, after lib.sh: failslab
# and fail_page_alloc of CONFIG_FAULT_INJECTION, and where they struck.

fault_debugfs=/sys/kernel/debug
fault_tracing=/sys/kernel/tracing

# faults VALUE NAME: of both kinds, as probability, task-filter, ...
faults() {
    echo "$1" >"$fault_debugfs/failslab/$2"
    echo "$1" >"$fault_debugfs/fail_page_alloc/$2"
}

# fault_begin: nothing fails yet; from here on is known where it did, and the
# kernel may say that it had no memory (test/vm/complaints).
fault_begin() {
    local type
    [ -d $fault_debugfs/failslab ] || skip "no fault injection"
    echo "lib-fault: memory fails" >/dev/kmsg
    for type in failslab fail_page_alloc fail_usercopy; do
        echo 0 >$fault_debugfs/$type/verbose
    done
    echo 0 >$fault_debugfs/fail_page_alloc/min-order
    faults 0 probability
    faults -1 times
    echo 16384 >$fault_tracing/buffer_size_kb
    # Which says whose module a function is.
    echo 1 >$fault_tracing/options/sym-offset
    echo "r:fault should_fail_ex failed=\$retval:u8" \
        >$fault_tracing/kprobe_events
    echo "stacktrace if failed == 1" \
        >$fault_tracing/events/kprobes/fault/trigger
}

# fault_all_allocations, fault_atomic_allocations: those that may sleep, too, or
# only those that may not.
fault_all_allocations() {
    faults N ignore-gfp-wait
}

fault_atomic_allocations() {
    faults Y ignore-gfp-wait
}

# fault_forget: where faults were so far. Also before a module is removed, whose
# functions have no names then.
fault_forget() {
    echo >$fault_tracing/trace
}

# fault_where: "COUNT FUNCTION" for all faults so far, a FUNCTION of our modules
# that was the last on the way to the allocation, or "-" if none was.
fault_where() {
    awk '/<stack trace>/ { n++; where[n] = "-" }
         / => / && n && where[n] == "-" && /\[linetls(_nic)?\]/ {
             sub(/\+.*/, "", $2); where[n] = $2 }
         END { for (i in where) sum[where[i]]++
               for (f in sum) print sum[f], f }' $fault_tracing/trace |
        sort -rn
}

# fault_show: where they were, and forget them; there were some in our modules.
fault_show() {
    local where
    where=$(fault_where)
    say "faults, and in which function:"
    printf '    %s\n' "${where//$'\n'/$'\n'    }"
    grep -q ' linetls\| nic_' <<<"$where" || fail "no fault in our modules"
    fault_forget
}

# fault_end: nothing fails any more.
fault_end() {
    faults 0 probability
    faults N task-filter
    echo 0 >$fault_tracing/events/enable
    echo "!stacktrace" >$fault_tracing/events/kprobes/fault/trigger
    echo >$fault_tracing/kprobe_events
    echo 0 >$fault_tracing/options/sym-offset
    fault_forget
    echo "lib-fault: memory is there" >/dev/kmsg
}
