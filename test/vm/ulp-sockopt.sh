#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Bad input is refused with mainline's errno where it has one, and has no
# effect: malformed or unsupported keys, wrong states, options, flags and
# control messages.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

modprobe linetls
modprobe tls

"$tools/ulp_refusals" >"$work/refusals" || fail "$(<"$work/refusals")"
grep -q '^cases 1[0-9][0-9] failed 0$' "$work/refusals" ||
    fail "$(<"$work/refusals")"
"$tools/ulp_options" >"$work/options" || fail "$(<"$work/options")"
grep -q '^checks [7-9][0-9] failed 0$' "$work/options" ||
    fail "$(<"$work/options")"

# All of this happened over loopback, in the VM's first namespace.
current() {
    ! grep -E '^Linetls(CurrTx|RecordsTracked)' /proc/net/linetls_stat |
        grep -v '[[:space:]]0$'
}
grep -Eq '^LinetlsTxSw[[:space:]]+[1-9][0-9]+$' /proc/net/linetls_stat ||
    fail "no connections in software"
wait_for current
unload
