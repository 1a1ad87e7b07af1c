#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The route flips between linetls_nic and the plain device below it every 50 ms
# in the middle of transfers, on a clean wire and on a bad one.
# shellcheck source-path=SCRIPTDIR disable=SC2119,SC2034
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-routes.sh"

ulp_begin
capture_start wire
modprobe tls
far_netem rate 50mbit
flips 5 1.3 256
wire="1 ms, loss 3 %, reordered 5 %, twice 1 %"
least=3
far_netem rate 50mbit delay 1ms loss 3% reorder 5% duplicate 1%
flips 5 1.2 128
leak_free wire
no_drops
wait_idle
unload
