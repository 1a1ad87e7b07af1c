# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's own test of its ULP, unmodified, with linetls where it sends and
# the kernel's ULP where it receives (tools/kselftest_preload.c). What each of
# its cases has to do is in ulp-kselftest.skip.
#
# Sourced on the host first: the test is fetched and built, and the script that
# sources this goes on in a guest.

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
if [ -z "${LINETLS_OUT:-}" ]; then
    set -eu
    kernel=${LINETLS_KERNEL:-6.1}
    built=$(cd "$here/../.." && pwd)/build/kselftest-$kernel
    files=$("$here/kselftest")
    mkdir -p "$built"
    gcc -O2 -w -o "$built/tls" "$files/net/tls.c"
    LINETLS_KSELFTEST=$built/tls exec "$here/run" -k "$kernel" \
        --timeout "$(sed -n 's/^# timeout: *//p' "$0")" \
        --log "$here/../../build/test-logs/$(basename "$0" .sh)-$kernel.kernel" \
        "$0" "$@"
fi

# shellcheck source=test/vm/lib.sh
. "$here/lib.sh"

suite=$LINETLS_KSELFTEST
preload=$here/tools/.libs/kselftest_preload.so
[ -f "$preload" ] || fail "kselftest_preload.so is not built"

# In a file system that has O_TMPFILE, which 6.1's overlay does not.
mount -t tmpfs tmp /tmp
modprobe tls
modprobe linetls

# Options of the test: all but the cases of many processes and bytes, most of
# its time, or these alone. ("mutliproc" is what it calls them.)
multi=(mutliproc_even mutliproc_readers mutliproc_writers
    mutliproc_sendpage_even mutliproc_sendpage_readers
    mutliproc_sendpage_writers)
# shellcheck disable=SC2034
without_multi=("${multi[@]/#/-T}") only_multi=("${multi[@]/#/-t}")

# kselftest PATH WHOLE CMD...: CMD runs the test, linetls encrypts by PATH. With
# WHOLE (1, or 0) all of its cases are run.
kselftest() {
    local path=$1 whole=$2 start=$SECONDS
    shift 2
    # It exits with 1 if any case fails.
    "$@" >"$work/$path.tap" 2>&1 || [ $? -eq 1 ] || fail "no end: $*"
    awk -v kernel="$LINETLS_KERNEL" -v path="$path" -v whole="$whole" \
        -f "$here/tools/kselftest.awk" "$here/ulp-kselftest.skip" \
        "$work/$path.tap" >"$work/$path.verdict"
    say "$path, $((SECONDS - start)) s: $(tail -n 1 "$work/$path.verdict")"
    if ! grep -q ' problems 0$' "$work/$path.verdict"; then
        grep '^problem' "$work/$path.verdict"
        grep -v '^ok\|^#  *\(RUN\|OK\) \|^# linetls' "$work/$path.tap" |
            sed -n 1,60p
        fail "$path: cases with problems"
    fi
}

# Slow guests keep the test's own time limits, each that much longer.
export LINETLS_KSELFTEST_PATIENCE=20

# kselftest_software WHOLE [OPTIONS OF THE TEST]: over loopback, as it is meant.
kselftest_software() {
    local whole=$1 stats=/proc/net/linetls_stat
    shift
    kselftest software "$whole" env LD_PRELOAD="$preload" "$suite" "$@"
    grep -q '^LinetlsSoftwareBytes[[:space:]]*[1-9][0-9]\{5\}' $stats ||
        fail "hardly anything was encrypted: $(<$stats)"
    ! grep -E '^LinetlsDrop|^LinetlsTxDevice' $stats |
        grep -v '[[:space:]]0$' || fail "dropped, or on a device"
}

# kselftest_device WHOLE [OPTIONS OF THE TEST]: from srv to cli, over tls0.
kselftest_device() {
    local whole=$1 tx
    shift
    topology tls0
    # A test that does not receive before it has sent all relies on a send buffer
    # as large as loopback's packets make it.
    srv sysctl -qw net.ipv4.tcp_wmem="4096 4194304 8388608"
    # What has arrived is acknowledged at once: the wrapper waits for it.
    cli ip route replace 10.7.0.0/24 dev eth0 src $CLI4 quickack 1
    kselftest device "$whole" srv env LD_PRELOAD="$preload" \
        LINETLS_KSELFTEST_NETNS=/run/netns/cli \
        LINETLS_KSELFTEST_V4=$CLI4 LINETLS_KSELFTEST_V6=$CLI6 "$suite" "$@"
    tx=$(nic_stat tx_tls_encrypted_packets)
    say "packets encrypted by the device: $tx"
    is_gt "$tx" 100 "packets encrypted by the device"
    is_gt "$(nic_stat tx_tls_encrypted_bytes)" 1000000 "bytes"
    is_gt "$(ulp_stat LinetlsTxDevice)" 40 "connections on the device"
    ! ulp_stats | grep '^LinetlsDrop' | grep -v '[[:space:]]0$' ||
        fail "dropped"
}

kselftest_idle() {
    ! grep -E '^Linetls(CurrTx|RecordsTracked)' /proc/net/linetls_stat |
        grep -v '[[:space:]]0$'
}

# Nothing is left of any connection.
kselftest_end() {
    wait_for kselftest_idle
    umount /tmp
    unload
}
