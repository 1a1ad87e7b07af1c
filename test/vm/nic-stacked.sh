#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's own ULP "tls" leaves the mark of plaintext on what it encrypts
# in software. When the route moves to a device above linetls_nic, such packets
# arrive there with a context that would encrypt them again, and twice the same
# key stream is plaintext: they are dropped, and nothing of them is seen.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

ulp_begin
modprobe macvlan
srv ip link add link tls0 name mv0 type macvlan mode bridge
srv ip link set mv0 up
neighbours srv mv0 "$CLI_MAC" "$CLI4"
capture_start wire

# ulp: under linetls the packets are encrypted once and arrive.
receive in 1.3 128
transmit out 1.3 128 1000000 -w "$work/enough" -c 60000
wait_growth LinetlsDevicePackets
srv ip route replace "$CLI4/32" dev mv0 src "$SRV4"
wait_growth LinetlsSoftwarePackets 10
touch "$work/enough"
pair_done in out
is_eq "$(nic_stat tx_tls_drop_copied)" 0 "packets of linetls dropped"

srv ip route replace "$CLI4/32" dev tls0 src "$SRV4"
rm "$work/enough"
before=$(nic_stat tx_tls_encrypted_packets)
receive in 1.2 128
transmit out 1.2 128 1000000 -u tls -w "$work/enough" -c 60000
encrypted() { [ "$(nic_stat tx_tls_encrypted_packets)" -gt "$before" ]; }
dropped() { [ "$(nic_stat tx_tls_drop_copied)" -gt 3 ]; }
wait_for encrypted
srv ip route replace "$CLI4/32" dev mv0 src "$SRV4"
wait_for dropped
# Back on the straight way it goes on.
srv ip route replace "$CLI4/32" dev tls0 src "$SRV4"
touch "$work/enough"
pair_done in out

leak_free wire
srv ip link del mv0
wait_idle
unload
