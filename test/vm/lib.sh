# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# For tests and the demo, sourced by scripts that test/vm/run runs in a guest:
# network, faults on the wire, captures, background processes, counters and
# verdicts. README.md has the list with examples.
#
#   namespace srv                           namespace cli
#   10.7.0.1 fd07::1   tls0 (linetls_nic)
#                      eth0 ------veth------ eth0   10.7.0.2 fd07::2
#
# Everything that is started here ends with the script.

set -euo pipefail

SRV4=10.7.0.1 SRV6=fd07::1
CLI4=10.7.0.2 CLI6=fd07::2
SRV_MAC=02:00:00:00:07:01 CLI_MAC=02:00:00:00:07:02
MARKER=linetls-plain
RTO=(rto_min 40ms)
# How many times as long all takes. Seconds for what takes a few.
lib_slow=1
[ "${LINETLS_KERNEL:-}" != debug ] || lib_slow=6
PATIENCE=$((60 * lib_slow))

test_name=$(basename "$0" .sh)
work=${work:-/mnt/scratch/$test_name}
mkdir -p "$work"
exec {lib_never}<> <(:)
declare -A lib_pids=() lib_capture_dev=()
lib_payload=0

# --- verdicts -------------------------------------------------------------

say() {
    printf '%s\n' "$*"
}

skip() {
    say "skip: $*"
    exit 77
}

fail() {
    trap - ERR
    set +eE
    say "FAIL: $*"
    local i
    for ((i = 1; i < ${#FUNCNAME[@]}; i++)); do
        say "  at ${BASH_SOURCE[i]##*/}:${BASH_LINENO[i - 1]}"
    done
    lib_state 2>&1 | sed 's/^/  | /'
    exit 1
}

lib_state() {
    local name
    if [ -e /run/netns/srv ]; then
        say "srv: devices"
        srv ip -s -br link
        srv ip route
        say "srv: sockets"
        srv ss -tnie | head -n 20
        say "srv: counters that are not zero"
        nic_stats | grep -v ': 0$'
        ulp_stats | grep -v '[[:space:]]0$'
        srv tc -s qdisc show dev eth0
    fi
    for name in "${!lib_pids[@]}"; do
        say "$name: last output"
        tail -n 10 "$work/$name.log"
    done
    for name in "$work"/*error*; do
        [ ! -s "$name" ] || { say "${name##*/}"; tail -n 10 "$name"; }
    done
    say "kernel log"
    dmesg | tail -n 10
}

is_eq() {
    [ "$1" = "$2" ] || fail "$3: '$1' is not '$2'"
}

is_ne() {
    [ "$1" != "$2" ] || fail "$3: both are '$1'"
}

is_gt() {
    [ "$1" -gt "$2" ] || fail "$3: $1 is not above $2"
}

is_le() {
    [ "$1" -le "$2" ] || fail "$3: $1 is above $2"
}

# must_fail CMD...: succeeds if CMD does not.
must_fail() {
    ! "$@" || fail "did not fail: $*"
}

need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
    done
}

# --- waiting and background processes -------------------------------------

# nap: a tenth of a second, without a process.
nap() {
    read -r -t 0.1 -u "$lib_never" || :
}

# wait_for [-t SECONDS] CMD...: poll until CMD succeeds.
wait_for() {
    local limit=30 end
    if [ "$1" = -t ]; then
        limit=$2
        shift 2
    fi
    limit=$((limit * lib_slow))
    end=$((SECONDS + limit))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "not within $limit s: $*"
        nap
    done
}

# background NAME CMD...: output in $work/NAME.log, ended with the script.
# CMD may begin with srv or cli; it must not be another function.
background() {
    local name=$1
    shift
    case $1 in
    srv | cli) set -- nsenter "--net=/run/netns/$1" "${@:2}" ;;
    esac
    "$@" </dev/null >"$work/$name.log" 2>&1 &
    lib_pids[$name]=$!
}

pid_of() {
    echo "${lib_pids[$1]}"
}

running() {
    kill -0 "${lib_pids[$1]}" 2>/dev/null
}

# ends_within SECONDS NAME: does it end by itself?
ends_within() {
    local end=$((SECONDS + $1))
    while running "$2"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        nap
    done
}

# finish NAME: wait for it to end by itself; its exit status.
finish() {
    local status=0
    wait "${lib_pids[$1]}" || status=$?
    unset "lib_pids[$1]"
    return "$status"
}

# stop NAME [SIGNAL]
stop() {
    local pid=${lib_pids[$1]:-}
    [ -n "$pid" ] || return 0
    unset "lib_pids[$1]"
    kill "-${2:-TERM}" "$pid" 2>/dev/null || :
    wait "$pid" 2>/dev/null || :
}

# listening PORT: something in srv listens on it.
listening() {
    srv ss -Htln "sport = :$1" | grep -q .
}

# lib_gone NAME: within 3 s
lib_gone() {
    local i
    for ((i = 0; i < 30; i++)); do
        running "$1" || return 0
        nap
    done
    return 1
}

lib_cleanup() {
    local status=$? name
    trap '' INT TERM
    set +e
    # Asked first: servers have children to take along.
    [ ${#lib_pids[@]} -eq 0 ] || kill "${lib_pids[@]}" 2>/dev/null
    for name in "${!lib_pids[@]}"; do
        lib_gone "$name" || stop "$name" KILL
    done
    topology_end
    rm -rf "$work"
    exit "$status"
}
trap lib_cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# A command that fails outside of a condition is a failed test with a place.
trap 'fail "status $? from: $BASH_COMMAND"' ERR
set -E

# --- network --------------------------------------------------------------

srv() {
    nsenter --net=/run/netns/srv "$@"
}

cli() {
    nsenter --net=/run/netns/cli "$@"
}

# topology [plain]: namespaces, wire, addresses; plain leaves tls0 out and
# puts the server's addresses on its eth0. TLS_DEV is the server's device.
topology() {
    local ns
    TLS_DEV=tls0
    [ "${1:-}" != plain ] || TLS_DEV=eth0
    [ "$TLS_DEV" = eth0 ] || modprobe linetls_nic ||
        fail "linetls_nic does not load"
    # Few processes, each of which is slow to start.
    ip -batch - <<END
netns add srv
netns add cli
link add eth0 netns srv address $SRV_MAC type veth peer name eth0 netns cli address $CLI_MAC
END
    for ns in srv cli; do
        "$ns" sysctl -qw \
            net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
            net.ipv6.conf.default.accept_dad=0 \
            net.ipv6.conf.default.accept_ra=0 \
            net.ipv6.conf.default.router_solicitations=0
    done
    # What is lost on this wire is sent again within its own round trip, not
    # that of the Internet: lossy tests do little else than wait otherwise.
    # A route that moves must not wait for neighbour discovery.
    cli ip -batch - <<END
link set lo up
link set eth0 up
addr add $CLI4/24 dev eth0
addr add $CLI6/64 dev eth0 nodad
route replace ${CLI4%.*}.0/24 dev eth0 src $CLI4 ${RTO[*]}
route replace ${CLI6%::*}::/64 dev eth0 ${RTO[*]}
$(lib_neighbours eth0 $SRV_MAC $SRV4 $SRV6)
END
    srv ip -batch - <<END
link set lo up
link set eth0 up
$([ "$TLS_DEV" = eth0 ] || echo "link add link eth0 name tls0 type linetls_nic
link set tls0 up")
addr add $SRV4/24 dev $TLS_DEV
addr add $SRV6/64 dev $TLS_DEV nodad
route replace ${SRV4%.*}.0/24 dev $TLS_DEV src $SRV4 ${RTO[*]}
route replace ${SRV6%::*}::/64 dev $TLS_DEV ${RTO[*]}
$(lib_neighbours eth0 $CLI_MAC $CLI4 $CLI6)
$(lib_neighbours "$TLS_DEV" $CLI_MAC $CLI4 $CLI6)
END
    wait_for lib_carrier srv "$TLS_DEV"
    wait_for lib_carrier cli eth0
}

lib_carrier() {
    [[ $("$1" ip -br link show dev "$2") = *,LOWER_UP* ]]
}

# lib_neighbours DEV MAC ADDRESS...: lines for ip -batch
lib_neighbours() {
    printf "neigh replace %s lladdr $2 dev $1 nud permanent\n" "${@:3}"
}

# neighbours NAMESPACE DEV MAC ADDRESS...: known, whatever becomes of the wire
neighbours() {
    lib_neighbours "${@:2}" | "$1" ip -batch -
}

topology_end() {
    local ns
    for ns in srv cli; do
        [ ! -e "/run/netns/$ns" ] || ip netns del "$ns"
    done
}

# route_to DEV: the server reaches the client by DEV, tls0 or eth0. All that
# arrives on eth0 is tls0's in either case.
route_to() {
    srv ip route replace $CLI4/32 dev "$1" src $SRV4 "${RTO[@]}"
    srv ip -6 route replace $CLI6/128 dev "$1" src $SRV6 "${RTO[@]}"
}

# wire_netem ARGS...: netem on the server's end of the wire, below tls0.
wire_netem() {
    modprobe sch_netem
    srv tc qdisc replace dev eth0 root netem limit 10000 "$@"
}

# wire_netem_back ARGS...: the same for what the client sends.
wire_netem_back() {
    modprobe sch_netem
    cli tc qdisc replace dev eth0 root netem limit 10000 "$@"
}

wire_clean() {
    srv tc qdisc del dev eth0 root 2>/dev/null || :
    cli tc qdisc del dev eth0 root 2>/dev/null || :
}

# wire_segments N: packets of at most N segments on the server's devices, for
# connections made afterwards. 1 lets netem see what a real wire would.
wire_segments() {
    local dev
    for dev in eth0 $TLS_DEV; do
        srv ip link set dev "$dev" gso_max_segs "$1"
    done
}

# --- payload and certificates ---------------------------------------------

# make_payload SIZE FILE: lines of 32 bytes, each with $MARKER and its number,
# so that any 45 bytes of it hold the marker. The same for every FILE.
make_payload() {
    local size=$1 file=$2 master=/mnt/scratch/.payload lines
    [ "$lib_payload" -ge "$size" ] || [ ! -f "$master" ] ||
        lib_payload=$(stat -c %s "$master")
    if [ "$lib_payload" -lt "$size" ]; then
        lines=$((size / 32 + 1))
        [ "$lines" -ge 65536 ] || lines=65536
        seq 10000000000000001 $((10000000000000000 + lines)) |
            sed "s/^/$MARKER /" >"$master"
        lib_payload=$((lines * 32))
    fi
    head -c "$size" "$master" >"$file"
}

# make_cert: $work/cert.pem and $work/key.pem for localhost, the server, and
# $cert_ip if that is set.
make_cert() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -keyout "$work/key.pem" -out "$work/cert.pem" -days 3650 \
        -subj /CN=localhost \
        -addext "subjectAltName=DNS:localhost,IP:$SRV4,IP:$SRV6,IP:${cert_ip:-$SRV4}" \
        2>/dev/null
}

# --- captures -------------------------------------------------------------

# capture_start NAME [DEV]: all of the server's DEV (default eth0, the wire)
# into $work/NAME.pcap.
capture_start() {
    lib_capture_dev[$1]=${2:-eth0}
    background "tcpdump-$1" srv tcpdump -i "${2:-eth0}" -n -s 0 -U -B 65536 \
        -Z root -w "$work/$1.pcap"
    wait_for grep -q 'listening on' "$work/tcpdump-$1.log"
}

# capture_stop NAME: fails if the kernel dropped a packet of it.
capture_stop() {
    local log=$work/tcpdump-$1.log
    # tcpdump forgets what is still in its ring: a last packet flushes it.
    wait_for lib_capture_flush "$1"
    stop "tcpdump-$1" INT
    grep -q '^0 packets dropped by kernel' "$log" ||
        fail "capture $1 is not complete: $(tail -n 3 "$log")"
    grep -Eq '^[1-9][0-9]* packets? captured' "$log" ||
        fail "capture $1 is empty"
}

lib_capture_flush() {
    local to=ff02::1%${lib_capture_dev[$1]}
    running "tcpdump-$1" || return 0
    [ "$to" != ff02::1%lo ] || to=::1
    srv bash -c "echo linetls-capture-end >/dev/udp/$to/9" || :
    tail -c 4096 "$work/$1.pcap" | LC_ALL=C grep -qaF linetls-capture-end
}

# capture_bytes NAME
capture_bytes() {
    stat -c %s "$work/$1.pcap"
}

# capture_search NAME STRING...: how often one of them is in it.
capture_search() {
    local name=$1 string args=()
    shift
    for string in "$@"; do
        args+=(-e "$string")
    done
    { LC_ALL=C grep -aoF "${args[@]}" "$work/$name.pcap" || :; } | wc -l
}

# --- counters -------------------------------------------------------------

nic_stats() {
    srv ethtool -S "${1:-tls0}" 2>/dev/null | sed -n 's/^ *\(.*: [0-9]\)/\1/p'
}

# nic_stat NAME
nic_stat() {
    local key value
    while read -r key value; do
        [ "$key" != "$1:" ] || { echo "$value"; return; }
    done < <(nic_stats)
    fail "tls0 has no counter $1"
}

ulp_stats() {
    srv cat /proc/net/linetls_stat 2>/dev/null
}

# ulp_stat NAME, of the server's namespace
ulp_stat() {
    local key value
    while read -r key value; do
        [ "$key" != "$1" ] || { echo "$value"; return; }
    done < <(ulp_stats)
    fail "/proc/net/linetls_stat has no counter $1"
}

# --- modules --------------------------------------------------------------

# unload: nothing holds our modules any more. Ends the topology.
unload() {
    local name module
    for name in "${!lib_pids[@]}"; do
        stop "$name"
    done
    topology_end
    for module in linetls_nic linetls; do
        [ ! -d "/sys/module/$module" ] || wait_for lib_remove "$module"
    done
}

lib_remove() {
    modprobe -r "$1" && [ ! -d "/sys/module/$1" ]
}
