#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kernels: 6.1
# timeout: 900
#
# Every way of sending, in software, and over IPv6 and IPv4 behind an IPv6
# socket, where it may differ.
set -eu
# shellcheck source=test/vm/lib-send.sh
. "$(dirname "$0")/lib-send.sh"

few=(sizes types more mmsg edge unbounded pipes close_full tfo_client
    tfo_connect)

send_begin
capture_start wire
send_cases "$CLI4" 1.2 chacha 1
is_eq "$(log_field send '^status path ([0-9])')" 0 "path"
is_eq "$(ulp_stat LinetlsDevicePackets)" 0 "packets for the device"
send_cases "$CLI6" 1.3 ccm128 1 "${few[@]}"
send_cases "$CLI6" 1.2 gcm256 0 "${few[@]}"
send_cases "::ffff:$CLI4" 1.2 gcm128 0 "${few[@]}"
leak_free wire
send_end
