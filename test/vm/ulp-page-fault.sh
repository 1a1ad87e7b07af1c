#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A sender is in a page fault of memory that user space brings (userfaultfd;
# FUSE and NFS can be as slow), with the socket's lock, and the work that
# closes its open record waits for that lock. The device goes down all the
# same, and its connection goes on in software when the page has come.
# shellcheck source-path=SCRIPTDIR disable=SC2119
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-routes.sh"

[ -e /proc/sys/vm/unprivileged_userfaultfd ] || skip "no userfaultfd"

trace=/sys/kernel/tracing

# uncork start|end: the work has been seen to
uncork() {
    grep -q "workqueue_execute_$1: .*function linetls_uncork" $trace/trace
}

# stuck: a sender is in a page fault, and the work waits for it. The first call
# leaves a record open, the second one goes on with it, at once: but the guest
# may stand still in between, and the work is done before.
stuck() {
    rm -f "$work/pages"
    : >$trace/trace
    receive in 1.3 256
    transmit out 1.3 256 100000 -M -c 1000 -U "$work/pages"
    wait_for log_has out missing
    wait_for uncork start
    ! uncork end
}

# still_stuck WHEN: sender and work are where they were
still_stuck() {
    ! uncork end || fail "the work has ended $1"
    is_eq "$(sent_of out)" "" "what was sent $1"
}

ulp_begin
second_wire
echo 1 >$trace/events/workqueue/workqueue_execute_start/enable
echo 1 >$trace/events/workqueue/workqueue_execute_end/enable

until stuck; do
    say "$SECONDS s: the work came first"
    touch "$work/pages"
    pair_done in out
    wait_idle
done
is_eq "$(ulp_stat LinetlsCurrTxDevice)" 1 "connections on the device"

say "$SECONDS s: down"
background down srv ip link set tls0 down
# RTNL is held where that hangs: what says how the network is would hang, too.
ends_within 30 down || {
    touch "$work/pages"
    finish down || :
    fail "the device went down only after the page fault"
}
finish down
still_stuck "when the device was down"
is_eq "$(ulp_stat LinetlsReasonDeviceDown)" 1 "LinetlsReasonDeviceDown"
is_eq "$(ulp_stat LinetlsCurrTxDevice)" 0 "on the device that is down"

say "$SECONDS s: the page comes"
touch "$work/pages"
pair_done in out
is_eq "$(bytes_of in)" 100000 "bytes"
is_eq "$(status_of out path)" 0 "path"
is_eq "$(status_of out reason)" 4 "reason"
is_eq "$(status_of out fallbacks)" 1/4 "fallbacks"
is_eq "$(status_of out device)" 0/0 "packets and bytes of the device"
wait_for uncork end
no_drops
wait_idle
unload
