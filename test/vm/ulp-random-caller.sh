#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# needs: long
#
# Whatever a local process calls, at random and from several threads at once,
# while routes and the device change: the kernel does not complain, every call
# returns, and nothing is left of any connection. LINETLS_SEED repeats a run.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

seed=${LINETLS_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
seconds=20 looks=0
[ "$LINETLS_KERNEL" != debug ] || seconds=240
say "seed $seed"

# succeeded CALL: how often
succeeded() {
    log_field call "^$1 [0-9]+ ([0-9]+)\$"
}

# no_sockets: of TCP, but those that only wait for their time to be over
no_sockets() {
    [ -z "$(srv ss -Htan exclude time-wait exclude listening)" ]
}

ulp_begin
modprobe tls
background sink cli "$tools/ulp_random" sink 4433 "$seed"
wait_for log_has sink listening
mkdir "$work/files"
# Some are closed that lead nowhere: they shall not try for minutes.
srv sysctl -qw net.ipv4.tcp_orphan_retries=3
# What is sent meets loss, so that records are kept and sent again.
far_netem loss 1% delay 1ms
background call srv "$tools/ulp_random" call "$CLI4" 4433 "$seed" 1000000000 \
    "$seconds" 4 "$work/files" tls0 eth0
# Others look at the sockets, and end one now and then.
while running call; do
    srv ss -tie >"$work/ss"
    ulp_stats >"$work/stats"
    ((++looks % 8)) || srv ss -tK dport = 4433 >/dev/null 2>&1 || :
done
finish call || fail "$(<"$work/call.log")"
cat "$work/call.log"
for call in open keys file status send sendmsg sendfile splice; do
    is_gt "$(succeeded $call)" 0 "$call has succeeded"
done
is_gt "$(ulp_stat LinetlsTxDevice)" 0 "connections on the device"
is_gt "$(ulp_stat LinetlsTxSw)" 0 "connections in software"
ulp_stats | grep -v '[[:space:]]0$'
stop sink KILL
wait_idle 60
# Sockets without keys are in no counter, and their peers end with the topology.
wait_for -t 120 no_sockets
unload
