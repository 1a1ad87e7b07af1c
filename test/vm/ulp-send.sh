#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kernels: 6.1
# timeout: 900
#
# Every way of sending, through a device: calls and flags, full buffers,
# signals, threads, files and pipes, io_uring, TCP Fast Open, and all ends of a
# connection. The receiver opens the records with libcrypto.
set -eu
# shellcheck source=test/vm/lib-send.sh
. "$(dirname "$0")/lib-send.sh"

send_begin
capture_start wire
device=$(ulp_stat LinetlsDevicePackets)
send_cases "$CLI4" 1.3 gcm128 0
is_eq "$(log_field send '^status path ([0-9])')" 1 "path"
is_gt "$(ulp_stat LinetlsDevicePackets)" $((device + 1000)) "device packets"

# The handshake's last ACK comes late: the server's socket is young.
wire_netem_back delay 400ms
send_cases "$CLI4" 1.2 gcm256 0 tfo_server
log_has send 'accepted in SYN_RECV' || fail "the ACK was faster"
wire_clean

leak_free wire
send_end
