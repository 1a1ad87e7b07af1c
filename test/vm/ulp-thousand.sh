#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# needs: long
# memory: 2560
#
# 1,000 connections at once, on a wire with loss and reordering, while the route
# flips between linetls_nic and the plain device below it, and the device is
# lost in mid-stream, back, and lost with its module: every connection goes on,
# all bytes are right, and nothing is left of any.
# shellcheck source-path=SCRIPTDIR disable=SC2119
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-routes.sh"

HALF=500

# half NAME VERSION CIPHER: these send a record every few seconds until they are
# told: all together what a guest can encrypt.
half() {
    receive "in-$1" "$2" "$3" -j $HALF
    transmit "out-$1" "$2" "$3" 1000 -j $HALF -w "$work/enough" -c 1000 \
        -b 5000 -R 400
}

# are_there DEVICE SOFTWARE: so many connections by each, at least
are_there() {
    local device software
    device=$(ulp_stat LinetlsCurrTxDevice)
    software=$(ulp_stat LinetlsCurrTxSw)
    [ $((device + software)) -eq $((2 * HALF)) ] &&
        [ "$device" -ge "$1" ] && [ "$software" -ge "$2" ]
}

# flip: the route, until it is told; ip(8) remembers which tls0 it knew first.
flip() {
    rm -f "$work/steady"
    churn "route replace $CLI4/32 dev eth0 src $SRV4" \
        "route replace $CLI4/32 dev tls0 src $SRV4" &
    flipper=$!
}

steady() {
    touch "$work/steady"
    wait "$flipper"
}

# half_done NAME: each connection has got what was sent, and that is something.
half_done() {
    local sent got
    finish "out-$1" || fail "a sender failed: $(tail "$work/out-$1.log")"
    received "in-$1"
    sent=$(sed -n 's/^sent //p' "$work/out-$1.log" | sort -n)
    got=$(sed -n 's/^bytes \([0-9]*\) other 0$/\1/p' "$work/in-$1.log" |
        sort -n)
    is_eq "$(wc -l <<<"$sent")" $HALF "senders"
    [ "$sent" = "$got" ] ||
        fail "received and sent: $(diff <(echo "$got") - <<<"$sent" || :)"
    is_gt "$(head -n 1 <<<"$sent")" 2000 "bytes of a connection"
    say "half $1: $(head -n 1 <<<"$sent") to $(tail -n 1 <<<"$sent") bytes"
}

ulp_begin
modprobe tls
# The address outlives the device.
ip -n srv addr add $SRV4/32 dev lo
way tls0
capture_start wire
half 1 1.3 128
half 2 1.2 256
# A guest that stands still lets some of them pass the device by for a while.
wait_for -t 120 are_there $((2 * HALF * 9 / 10)) 0
say "$SECONDS s: all are there"
far_netem loss 2% delay 1ms reorder 5% duplicate 1%

flip
reoffloads=$(ulp_stat LinetlsReoffloads)
wait_for -t 60 grew LinetlsReoffloads $((reoffloads + 2 * HALF))
say "$SECONDS s: $(ulp_stat LinetlsFallbacks) fallbacks," \
    "$(ulp_stat LinetlsReoffloads) reoffloads by flips"
ip -n srv link del tls0
wait_for -t 60 are_there 0 $((2 * HALF))
wait_growth LinetlsSoftwarePackets $HALF
say "$SECONDS s: the device is gone"
steady

ip -n srv link add link eth0 name tls0 type linetls_nic
ip -n srv link set tls0 up
neighbours srv tls0 $CLI_MAC $CLI4
flip
reoffloads=$(ulp_stat LinetlsReoffloads)
wait_for -t 60 grew LinetlsReoffloads $((reoffloads + HALF))
say "$SECONDS s: the device is back"
ip -n srv link del tls0
rmmod linetls_nic
wait_for -t 60 are_there 0 $((2 * HALF))
say "$SECONDS s: its module is gone"

steady
touch "$work/enough"
half_done 1
half_done 2
ulp_stats | grep -v '[[:space:]]0$'
leak_free wire
no_drops
wait_idle 60
unload
