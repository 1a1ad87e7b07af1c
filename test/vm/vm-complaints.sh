#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# where: host
# kernels: 6.1
#
# What the kernel says of memory that a test made fail is no complaint, and hides
# none; the same is one when nothing was made to fail.
set -eu

. "${LINETLS_SRC:?}/test/vm/lib-host.sh"

# complaints LINE...: which of these lines of a log are, without their times
complaints() {
    printf '[    1.000000] %s\n' "$@" | "$LINETLS_SRC/test/vm/complaints" |
        sed 's/^\[ *[0-9.]*\] //'
}

# is WANT LINE...: WANT are the complaints
is() {
    local want=$1 got
    shift
    got=$(complaints "$@")
    [ "$got" = "$want" ] || fail "complaints are '$got', not '$want', of: $*"
}

start='lib-fault: memory fails'
end='lib-fault: memory is there'
cpu='CPU: 0 PID: 1 Comm: ip Tainted: G           O       6.1.0 #1'
trace=('Call Trace:' ' <TASK>' ' ? lockdep_hardirqs_on+0x7e/0x100'
    ' nic_newlink+0x595/0xbb0 [linetls_nic]' ' </TASK>')
vmalloc=("ip: vmalloc error: size 4096, vm_struct allocation failed, mode:0xcc0"
    "$cpu" "Hardware name: QEMU" "${trace[@]}")
sysctl=('sysctl could not get directory: /net/ipv4/conf/tls1 -12' "$cpu"
    'Hardware name: QEMU' "${trace[@]}")
kmemleak='kmemleak: Cannot allocate a scan area, scanning the full object'

is '' "$start" "${vmalloc[@]}" "${sysctl[@]}" "$kmemleak" "$end"
is 'Call Trace:' "${vmalloc[@]}"
is "$kmemleak" "$kmemleak"
is 'Call Trace:' "$start" "$end" "${sysctl[@]}"
is 'Call Trace:' "$start" "$cpu" 'Hardware name: QEMU' "${trace[@]}"
is 'Call Trace:' "$start" "${vmalloc[@]}" "${trace[@]}"
warning='WARNING: CPU: 0 PID: 1 at net/core/sock.c:1 sk_free+0x10/0x20'
is "$warning"$'\nCall Trace:' "$start" "$warning" "$cpu" "${trace[@]}"
is "$warning"$'\nCall Trace:' "$start" "${vmalloc[@]}" "$warning" "$cpu" \
    "${trace[@]}"
