#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A queue on a plain device that takes packets from their socket (netem with a
# delay does) does not stop a connection that is encrypted in software.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

ulp_begin plain
capture_start wire
wire_netem delay 1ms reorder 5%
transfer 1.3 128 300000
is_gt "$(ulp_stat LinetlsSoftwarePackets)" 0 "packets in software"
leak_free wire
wait_idle
unload
