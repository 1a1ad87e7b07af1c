#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The route's MTU shrinks below the segments that TCP has made, and packets may
# be fragmented: IP copies their payload, but not the mark that says plaintext.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

ulp_begin
# No DF, for connections from now on.
srv sysctl -qw net.ipv4.ip_no_pmtu_disc=1
capture_start wire
for mode in 0 1; do
    rm -f "$work/enough"
    receive in 1.3 128
    transmit out 1.3 128 1000000 -m "$mode" -w "$work/enough" -c 60000
    # Each change finds some packets that were made before it.
    for try in $(seq 1 60); do
        srv ip route replace "$CLI4/32" dev eth0 src "$SRV4" mtu $((600 + try))
        wait_growth LinetlsSoftwareBytes 20000
        srv ip route replace "$CLI4/32" dev tls0 src "$SRV4"
        wait_growth LinetlsRecords 2
        [ "$(ulp_stat LinetlsDropFragment)" -le "$mode" ] || break
    done
    touch "$work/enough"
    pair_done in out
done
is_gt "$(ulp_stat LinetlsDropFragment)" 1 "fragments of plaintext dropped"
leak_free wire
wait_idle
unload
