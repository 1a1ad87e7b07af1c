# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of the ULP share, on top of lib.sh: connections from srv to
# cli by test/vm/tools/ulp_peer. The sender is on linetls, the receiver on the
# kernel's own ULP "tls", and checks every tag and every byte.

# shellcheck source=test/vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# What ulp_peer sends, on any 51 bytes of it.
PATTERN=LINETLS-PLAINTEXT

tools=$LINETLS_SRC/test/vm/tools
[ -x "$tools/ulp_peer" ] || tools=$LINETLS_SRC/build/test/vm/tools
[ -x "$tools/ulp_peer" ] || fail "ulp_peer is not built"
peer=$tools/ulp_peer

# ulp_begin [plain]: the module, the topology, and a process in srv by which
# its counters can be read without another one.
ulp_begin() {
    modprobe linetls
    topology "$@"
    background anchor srv sleep infinity
    anchor=/proc/$(pid_of anchor)
    wait_for anchored
}

anchored() {
    [[ $(<"$anchor/comm") == sleep ]]
}

ulp_stats() {
    printf '%s\n' "$(<"$anchor/net/linetls_stat")"
}

anchor=/proc/self
ulp_port=4433
ulp_host=$CLI4

# Processes are slow to start in a guest: what is polled uses the shell alone.
log_has() {
    local log
    [ -e "$work/$1.log" ] && log=$(<"$work/$1.log") && [[ $log =~ $2 ]]
}

# receive NAME VERSION BITS [OPTIONS]: a receiver in cli, on a port of its own.
receive() {
    local name=$1 version=$2 bits=$3
    shift 3
    ulp_port=$((ulp_port + 1))
    : >"$work/$name.log"
    background "$name" cli "$peer" recv "$@" "$ulp_port" "$version" "$bits"
    wait_for log_has "$name" listening
}

# transmit NAME VERSION BITS SIZE [OPTIONS]: a sender in srv, in the
# background, to the receiver that was started last.
transmit() {
    local name=$1 version=$2 bits=$3 size=$4
    shift 4
    : >"$work/$name.log"
    background "$name" srv "$peer" send "$@" "$ulp_host" "$ulp_port" \
        "$version" "$bits" "$size"
}

# received NAME: the receiver ended well.
received() {
    finish "$1" || fail "the receiver failed: $(<"$work/$1.log")"
}

# log_field NAME REGEX: what its parentheses match last, or nothing.
log_field() {
    local line found=
    while read -r line; do
        [[ ! $line =~ $2 ]] || found=${BASH_REMATCH[1]}
    done <"$work/$1.log"
    echo "$found"
}

bytes_of() {
    log_field "$1" '^bytes ([0-9]+)'
}

alerts_of() {
    log_field "$1" '^bytes .* other ([0-9]+)$'
}

sent_of() {
    log_field "$1" '^sent ([0-9]+)$'
}

# status_of NAME FIELD: of the last status that the sender printed.
status_of() {
    log_field "$1" "^status .*\\b$2 ([0-9/]+)"
}

# pair_done IN OUT: both ends are content, and with the same bytes.
pair_done() {
    finish "$2" || fail "the sender failed: $(<"$work/$2.log")"
    received "$1"
    is_eq "$(bytes_of "$1")" "$(sent_of "$2")" "bytes received and sent"
}

# transfer VERSION BITS SIZE [OPTIONS OF THE SENDER]; logs are in and out.
transfer() {
    local version=$1 bits=$2 size=$3
    shift 3
    receive in "$version" "$bits"
    transmit out "$version" "$bits" "$size" "$@"
    pair_done in out
    is_eq "$(bytes_of in)" "$size" "bytes of $version $bits $size $*"
}

# far_netem ARGS: netem on what the server sends, at the client's end of each
# wire: behind everything that the server's own queues may do.
far_netem() {
    local dev
    if ! cli ip link show ifb0 >/dev/null 2>&1; then
        modprobe -a sch_netem sch_ingress cls_matchall act_mirred
        modprobe ifb numifbs=0
        cli ip link add ifb0 type ifb
        cli ip link set ifb0 up
        for dev in eth0 eth1; do
            cli ip link show $dev >/dev/null 2>&1 || continue
            cli tc qdisc add dev $dev ingress
            cli tc filter add dev $dev parent ffff: matchall \
                action mirred egress redirect dev ifb0
        done
    fi
    cli tc qdisc replace dev ifb0 root netem limit 10000 "$@"
}

far_clean() {
    cli tc qdisc del dev ifb0 root
}

# Every way of sending, in every version and cipher.
transfer_all_ways() {
    local keys version bits size
    "$peer" pattern 1000000 >"$work/file"
    # Ways of sending and the edges of a record know nothing of key lengths.
    for keys in "1.2 128" "1.3 256"; do
        read -r version bits <<<"$keys"
        for size in 1 16383 16384 16385; do
            transfer "$version" "$bits" $size
        done
        transfer "$version" "$bits" 1000000 -p -c 40000
        transfer "$version" "$bits" 500000 -n -b 20000
        transfer "$version" "$bits" 300000 -M -c 1000
        # One more for each fifth of a second in which the guest stood still.
        is_gt "$(status_of out records)" 18 "records of MSG_MORE"
        is_le "$(status_of out records)" 25 "records of MSG_MORE"
        transfer "$version" "$bits" 20000 -c 1000 -a 4
        is_eq "$(alerts_of in)" 5 "alerts between data"
    done
    for version in 1.2 1.3; do
        for bits in 128 256; do
            transfer $version $bits 3000000
            transfer $version $bits 1000000 -f "$work/file"
        done
    done
}

# Loss, reordering and duplicates, of large packets and of single segments.
transfer_lossy() {
    local keys
    far_netem delay 1ms loss 2% reorder 5% duplicate 1%
    wire_netem_back loss 1%
    transfer 1.2 128 2000000
    transfer 1.3 256 2000000
    wire_segments 1
    for keys in "1.2 256" "1.3 128"; do
        # shellcheck disable=SC2086
        transfer $keys 1500000
        # shellcheck disable=SC2086
        transfer $keys 1000000 -f "$work/file"
    done
    far_clean
    wire_clean
}

# mib NS PROTOCOL NAME: a counter of ip, TCP and so on, as in nstat.
mib() {
    local IFS=' ' names values i
    { read -r -a names; read -r -a values; } < <(
        "$1" grep -h "^$2:" /proc/net/snmp /proc/net/netstat)
    for i in "${!names[@]}"; do
        [ "${names[i]}" != "$3" ] || { echo "${values[i]}"; return; }
    done
    fail "no counter $2 $3"
}

grew() {
    [ "$(ulp_stat "$1")" -gt "$2" ]
}

# wait_growth COUNTER [N]: until it is N (default 1) above what it is now.
wait_growth() {
    local now
    now=$(ulp_stat "$1")
    wait_for grew "$1" $((now + ${2:-1} - 1))
}

# Nothing is left of any connection, in the ULP and in the device.
ulp_idle() {
    local stats
    stats=$(ulp_stats)
    ! grep -E '^(LinetlsCurrTx|LinetlsRecordsTracked)' <<<"$stats" |
        grep -qv '[[:space:]]0$' || return 1
    stats=$(nic_stats)
    [ -z "$stats" ] || grep -q '^tx_tls_ctx_active: 0$' <<<"$stats"
}

wait_idle() {
    wait_for -t "${1:-20}" ulp_idle
}

# No packet was dropped but those that the peer had acknowledged already, which
# a slow machine sends again.
no_drops() {
    local bad
    bad=$(ulp_stats | grep Drop | grep -v DropAcked |
        grep -v '[[:space:]]0$') || return 0
    fail "packets dropped: $bad"
}

# leak_free NAME: the capture holds no byte of the pattern.
leak_free() {
    capture_stop "$1"
    is_eq "$(capture_search "$1" "$PATTERN")" 0 "plaintext in capture $1"
}
