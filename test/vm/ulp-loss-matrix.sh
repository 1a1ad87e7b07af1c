#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# needs: long
# timeout: 1200
# kernels: 6.1
#
# 0, 1, 5, 10 and 20 % of what is sent is lost, some of the rest is reordered
# and doubled, and acknowledgements are lost too: in TLS 1.2 and 1.3, in every
# cipher, on the device, in software, and while the route flips between both
# every 50 ms. The receivers, on the kernel's ULP, find every byte right.
# shellcheck source-path=SCRIPTDIR disable=SC2119
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-routes.sh"

SIZE=150000
ROWS=()
for version in 1.2 1.3; do
    for cipher in gcm128 gcm256 chacha ccm128; do
        ROWS+=("$version-$cipher")
    done
done

# wire LOSS: in percent; with nothing lost, it is clean. Acknowledgements make
# up for each other: few are lost, or TCP would mostly wait.
wire() {
    local bad=()
    [ "$1" = 0 ] || bad=(loss "$1%" reorder 5% duplicate 1%)
    far_netem delay 1ms "${bad[@]}"
    [ "$1" = 0 ] || wire_netem_back loss $((1 + $1 / 5))%
}

# connections [OPTIONS]: one of each version and cipher, all at once.
connections() {
    local row
    for row in "${ROWS[@]}"; do
        receive "in-$row" "${row%-*}" "${row#*-}"
        transmit "out-$row" "${row%-*}" "${row#*-}" $SIZE "$@"
    done
}

# connections_done: each has arrived, whole; $device and $software have the
# packets of each by these.
declare -A device software
connections_done() {
    local row
    for row in "${ROWS[@]}"; do
        pair_done "in-$row" "out-$row"
        is_gt "$(sent_of "out-$row")" $((SIZE - 1)) "bytes of $row"
        device[$row]=$(status_of "out-$row" device)
        software[$row]=$(status_of "out-$row" software)
        device[$row]=${device[$row]%/*}
        software[$row]=${software[$row]%/*}
    done
    wait_idle 60
}

# stalled ROW: three timeouts in a row, after which software takes over, are
# nothing unusual where every third packet or its acknowledgement is lost.
stalled() {
    [ "$loss" -ge 10 ] && [[ $(status_of "out-$1" fallbacks) == */10 ]]
}

# by_device, by_software, by_both: how the rows of a wire are sent.
by_device() {
    local row
    connections
    connections_done
    for row in "${ROWS[@]}"; do
        # No device has CCM.
        case $row in
        *-ccm128) is_eq "${device[$row]}" 0 "device's packets, $row" ;;
        *)
            stalled "$row" ||
                is_gt "${device[$row]}" $((SIZE / 1500)) "device's packets, $row"
            ;;
        esac
    done
}

by_software() {
    local row
    connections -m 1
    connections_done
    for row in "${ROWS[@]}"; do
        is_eq "${device[$row]}" 0 "device's packets, $row"
        is_gt "${software[$row]}" $((SIZE / 1500)) "software's packets, $row"
    done
}

by_both() {
    local row flipper reoffloads sum=0
    reoffloads=$(ulp_stat LinetlsReoffloads)
    rm -f "$work/enough"
    connections -w "$work/enough" -c 20000 -b 60000 -R 200000
    churn "route replace $CLI4/32 dev eth0 src $SRV4 ${RTO[*]}" \
        "route replace $CLI4/32 dev tls0 src $SRV4 ${RTO[*]}" &
    flipper=$!
    wait_for -t 120 grew LinetlsReoffloads $((reoffloads + 30))
    touch "$work/enough"
    wait "$flipper"
    is_eq "$(cat "$work/churn.log")" "" "what ip says"
    connections_done
    for row in "${ROWS[@]}"; do
        is_gt "${software[$row]}" 5 "software's packets, $row"
        sum=$((sum + device[$row]))
    done
    is_gt "$sum" 100 "device's packets"
    route_to tls0
}

ulp_begin
modprobe tls
route_to tls0
wire_segments 1
capture_start wire
for loss in 0 1 5 10 20; do
    wire $loss
    for how in by_device by_software by_both; do
        resyncs=$(ulp_stat LinetlsResyncs)
        retransmits=$(mib srv Tcp RetransSegs)
        start=$SECONDS
        $how
        retransmits=$(($(mib srv Tcp RetransSegs) - retransmits))
        resyncs=$(($(ulp_stat LinetlsResyncs) - resyncs))
        say "loss $loss %, $how: $((SECONDS - start)) s," \
            "$retransmits segments sent again, $resyncs resyncs"
        [ $loss = 0 ] || is_gt "$retransmits" $loss "segments sent again"
        [ $loss = 0 ] || [ $how = by_software ] ||
            is_gt "$resyncs" 0 "resyncs"
    done
done
wire_clean
far_clean
ulp_stats | grep -v '[[:space:]]0$'
leak_free wire
no_drops
unload
