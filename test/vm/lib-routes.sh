# shellcheck shell=bash disable=SC2034,SC2086,SC2119,SC2120,SC2154
# SPDX-License-Identifier: GPL-2.0
#
# For tests of ways that a connection's packets may take, after lib-ulp.sh and
# lib-provider.sh: transfers that change their way in the middle, and downloads
# from an unmodified nginx by clients on OpenSSL and on GnuTLS, which compare
# the files by their sums.

FETCH=1048576

routes_begin() {
    ulp_begin
    FILES=("$FETCH")
    make_site
    rm "$work/html/$BIG"
    (cd "$work/html" && sha256sum -- *) >"$work/sums"
    mkdir "$work/got"
    capture_start wire
}

# way DEV [SRC]: the server reaches the client's address by it.
way() {
    ip -n srv route replace "$CLI4/32" dev "$1" src "$SRV4"
}

# fetch curl|wget VERSION [HOST]: a file of $FETCH bytes.
fetch() {
    local client=$1 version=$2 url=https://${3:-$SRV4}:$NGINX_PORT/$FETCH
    case $client in
    curl)
        cli curl -sS --fail --max-time $PATIENCE --cacert "$work/cert.pem" \
            --tlsv"$version" --tls-max "$version" -o "$work/got/$FETCH" "$url"
        ;;
    wget)
        cli wget -q --ca-certificate="$work/cert.pem" --tries=1 \
            --timeout=$PATIENCE \
            --ciphers="NORMAL:-VERS-ALL:+VERS-TLS$version" \
            -O "$work/got/$FETCH" "$url"
        ;;
    esac || fail "$client, TLS $version: no download"
    (cd "$work/got" && sha256sum --quiet --strict -c "$work/sums") ||
        fail "$client, TLS $version: not what was served"
    rm "$work/got/$FETCH"
}

# begin_transfer [OPTIONS]: by the device, until end_transfer, and slow, so that
# everything else here is fast.
begin_transfer() {
    rm -f "$work/enough"
    receive in 1.3 256
    transmit out 1.3 256 100000 -w "$work/enough" -c 30000 -b 100000 \
        -R 500000 "$@"
}

end_transfer() {
    touch "$work/enough"
    pair_done in out
}

# only_software: from now on, and some of it
only_software() {
    local device
    wait_growth LinetlsSoftwarePackets 5
    device=$(ulp_stat LinetlsDevicePackets)
    wait_growth LinetlsSoftwarePackets 10
    is_eq "$(ulp_stat LinetlsDevicePackets)" "$device" \
        "packets for the device, $1"
}

# detour WHAT REASON THERE...: a transfer moves from the device to the way that
# the command THERE makes, where software encrypts for REASON, and back.
detour() {
    local what=$1 reason=$2
    shift 2
    say "$SECONDS s: $what"
    way tls0
    begin_transfer
    wait_growth LinetlsDevicePackets 5
    "$@"
    only_software "$what"
    "${back[@]}"
    wait_growth LinetlsDevicePackets 5
    end_transfer
    is_eq "$(status_of out path)" 1 "path at the end, $what"
    is_eq "$(status_of out reason)" 0 "reason at the end, $what"
    is_eq "$(status_of out fallbacks)" "1/$reason" "fallbacks, $what"
    is_eq "$(status_of out reoffloads)" 1 "reoffloads, $what"
    is_eq "$(status_of out dropped)" "${dropped:-0}" "packets dropped, $what"
}

# rerouted WHAT THERE BACK: something behind TCP's route, which keeps leading
# to the device, takes the packets of a transfer elsewhere.
rerouted() {
    local what=$1 there=$2 back=$3 device
    say "$SECONDS s: $what"
    begin_transfer
    wait_growth LinetlsDevicePackets 5
    "$there"
    wait_growth LinetlsRerouted 10
    device=$(ulp_stat LinetlsDevicePackets)
    wait_growth LinetlsRerouted 10
    is_eq "$(ulp_stat LinetlsDevicePackets)" "$device" \
        "packets for the device, $what"
    "$back"
    wait_growth LinetlsDevicePackets 10
    end_transfer
    is_eq "$(status_of out path)" 1 "path at the end, $what"
    is_eq "$(status_of out fallbacks)" 0/0 "fallbacks, $what"
    is_eq "$(status_of out dropped)" 0 "packets dropped, $what"
}

# in_software WHAT COUNTER CMD...: CMD fetches a file, all of it by software,
# and COUNTER of the reasons tells.
in_software() {
    local what=$1 counter=$2 reasons device bytes
    shift 2
    reasons=$(ulp_stat "$counter")
    device=$(ulp_stat LinetlsDevicePackets)
    bytes=$(ulp_stat LinetlsSoftwareBytes)
    "$@"
    is_eq "$(ulp_stat "$counter")" $((reasons + 1)) "$counter, $what"
    is_eq "$(ulp_stat LinetlsDevicePackets)" "$device" \
        "packets for the device, $what"
    is_gt "$(ulp_stat LinetlsSoftwareBytes)" $((bytes + FETCH)) \
        "bytes in software, $what"
}

# second_wire: eth1 beside eth0, by which the client sends. The server goes by
# tls0 as long as it is there, else by eth1.
second_wire() {
    ip link add eth1 netns srv address 02:00:00:00:07:11 type veth \
        peer name eth1 netns cli address 02:00:00:00:07:12
    ip -n srv link set eth1 up
    ip -n cli link set eth1 up
    ip -n srv addr add $SRV4/32 dev lo
    ip -n cli addr add $CLI4/32 dev lo
    neighbours srv eth1 02:00:00:00:07:12 $CLI4
    neighbours cli eth1 02:00:00:00:07:11 $SRV4
    ip -n srv route add $CLI4/32 dev eth1 src $SRV4 metric 900
    ip -n cli route add $SRV4/32 dev eth1 src $CLI4
    device_back
}

# What makes tls0 the way again, for ip -batch: it is there, and down or up.
to_device="link set tls0 up
    $(lib_neighbours tls0 $CLI_MAC $CLI4)
    route replace $CLI4/32 dev tls0 src $SRV4 metric 100"

# device_back: tls0 is there, up, with its feature and the better route.
device_back() {
    modprobe linetls_nic
    ip -n srv link show tls0 >/dev/null 2>&1 ||
        ip -n srv link add link eth0 name tls0 type linetls_nic
    srv ethtool -K tls0 tls-hw-tx-offload on
    echo "$to_device" | ip -n srv -batch -
}

# churn THERE BACK: until $work/enough or $work/steady is there, each of them
# (lines for ip -batch) for a twentieth of a second.
churn() {
    until [ -e "$work/enough" ] || [ -e "$work/steady" ]; do
        echo "$1"
        read -r -t 0.05 -u "$lib_never" || :
        echo "$2"
        read -r -t 0.05 -u "$lib_never" || :
    done | ip -n srv -force -batch - >"$work/churn.log" 2>&1 || :
}

# for_seconds N: that much has passed, while others work.
for_seconds() {
    local end=$((SECONDS + $1))
    while [ "$SECONDS" -lt "$end" ]; do
        nap
    done
}

# flips SECONDS VERSION BITS: transfers while the route flips between tls0 and
# eth0; both encrypt, and what they send is one stream.
flips() {
    local seconds=$1 version=$2 bits=$3 flipper
    local fallbacks device software reoffloads
    reoffloads=$(ulp_stat LinetlsReoffloads)
    rm -f "$work/enough"
    way tls0
    receive in "$version" "$bits"
    transmit out "$version" "$bits" 100000 -w "$work/enough" -c 50000 \
        -b 300000
    wait_growth LinetlsDevicePackets
    churn "route replace $CLI4/32 dev eth0 src $SRV4" \
        "route replace $CLI4/32 dev tls0 src $SRV4" &
    flipper=$!
    for_seconds "$seconds"
    wait_for -t 60 grew LinetlsReoffloads $((reoffloads + ${least:-10}))
    touch "$work/enough"
    wait "$flipper"
    is_eq "$(cat "$work/churn.log")" "" "what ip says"
    pair_done in out
    say "$SECONDS s: TLS $version, AES-$bits, ${wire:-clean wire}:" \
        "$(grep '^status' "$work/out.log" | tail -n 1)"
    fallbacks=$(status_of out fallbacks)
    device=$(status_of out device)
    software=$(status_of out software)
    is_gt "${device%/*}" 5 "packets of the device"
    is_gt "${software%/*}" 5 "packets of the software"
    is_gt $(($(status_of out reoffloads) + 2)) "${fallbacks%/*}" "reoffloads"
}

# routes_end [CAPTURE...]: nothing leaked and nothing is left.
routes_end() {
    local capture
    for capture in wire "$@"; do
        capture_stop "$capture"
        is_eq "$(capture_search "$capture" "$PATTERN" "$MARKER" \
            "HTTP/1.1 200 OK")" 0 "plaintext in capture $capture"
    done
    stop nginx
    wait_idle
    unload
}
