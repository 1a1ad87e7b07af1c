#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A device that refuses a context costs nobody a connection: the kernel's ULP
# "tls" encrypts by itself. Nor does one that goes down in mid-download, nor
# one that is full.
set -eu
# shellcheck source=test/vm/lib-nic.sh
. "$(dirname "$0")/lib-nic.sh"

modprobe linetls_nic contexts=1
nic_topology
make_file file 2000000
make_file long 12000000
start_nginx
capture eth0

# While this runs: COMMAND...
during_download() {
    ip netns exec cli curl -sS -k --max-time 120 --limit-rate 600k -o "$work/long" \
        https://10.7.0.1:4256/long &
    client=$!
    pids+=("$client")
    wait_for 20 above tx_tls_encrypted_bytes $(($(counter \
        tx_tls_encrypted_bytes) + 1000000))
    "$@"
}

long_arrived() { wait "$client" && cmp "$work/long" "$work/www/long"; }

echo 1 >/sys/kernel/debug/linetls_nic/tls0/fail_add
check "download, context refused" download 4128 file
check "the refusal is counted" equals tx_tls_ctx_refused 1
check "the kernel encrypted" test "$(tls_stat TlsTxSw)" -gt 0
check "the device did not" equals tx_tls_encrypted_bytes 0
check "the next one is taken" download 4128 file
check "and encrypted by the device" above tx_tls_encrypted_bytes 2000000
check "its context goes" no_contexts

check "download in progress" during_download true
check "another, table full" download 4128 file
check "counted as refused" equals tx_tls_ctx_refused 2
check "the first one is right" long_arrived
check "its context goes" no_contexts

check "download in progress" during_download ip -n srv link set tls0 down
check "context gone with the device" no_contexts
encrypted=$(counter tx_tls_encrypted_bytes)
ip -n srv link set tls0 up
check "it goes on in software" long_arrived
check "without the device" equals tx_tls_encrypted_bytes "$encrypted"
check "and nothing was dropped for it" equals tx_tls_drop_no_ctx 0

check "offload switched off" srv ethtool -K tls0 tls-hw-tx-offload off
check "download without it" download 4128 file
check "without the device" equals tx_tls_encrypted_bytes "$encrypted"
check "offload switched on" srv ethtool -K tls0 tls-hw-tx-offload on
check "download with it" download 4128 file
check "with the device" above tx_tls_encrypted_bytes "$encrypted"

capture_stop eth0
check "no plaintext on the wire" not_in_capture eth0
[ "$failed" -eq 0 ] || srv ethtool -S tls0

check "download in progress" during_download rmmod linetls_nic
kill "$client" 2>/dev/null || :
stop_nginx
srv ss -K dst 10.7.0.2 >/dev/null
ip netns del srv
ip netns del cli
check "the kernel's ULP unloads" wait_for 20 rmmod tls
exit "$failed"
