#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A queue on the offloading device takes packets from their socket (netem with
# a delay does), after which the core drops those that are plaintext. After
# some timeouts the connection goes on in software.
# shellcheck source-path=SCRIPTDIR disable=SC2119
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-routes.sh"

ulp_begin
modprobe -a sch_netem tls
way tls0
capture_start wire
begin_transfer
wait_growth LinetlsDevicePackets 5
srv tc qdisc add dev tls0 root netem delay 1ms
wait_growth LinetlsSoftwarePackets 20
is_eq "$(ulp_stat LinetlsCurrTxSw)" 1 "connections in software"
end_transfer
is_eq "$(status_of out fallbacks)" 1/10 "fallbacks"
is_eq "$(status_of out reason)" 10 "reason"
is_eq "$(ulp_stat LinetlsReasonStalled)" 1 "reasons"
transfer 1.2 128 500000
is_eq "$(status_of out fallbacks)" 1/10 "fallbacks of the next connection"
srv tc qdisc del dev tls0 root
leak_free wire
no_drops
wait_idle
unload
