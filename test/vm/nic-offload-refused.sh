#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A device that refuses a context costs nobody a connection: the kernel's ULP
# "tls" encrypts by itself. Nor does one that goes down in mid-download, nor
# one that is full.
# shellcheck source-path=SCRIPTDIR disable=SC2119
. "${LINETLS_SRC:?}/test/vm/lib.sh"
. "$LINETLS_SRC/test/vm/lib-nic.sh"

need nginx curl tcpdump openssl ethtool
modprobe linetls_nic contexts=1
topology
make_file file 2000000
make_file long 12000000
start_nginx
capture_start wire

# A download that goes on for long, and by the device so far.
download_begins() {
    local before
    before=$(nic_stat tx_tls_encrypted_bytes)
    background long cli curl -sS --cacert "$work/cert.pem" \
        --max-time $((2 * PATIENCE)) \
        --limit-rate 600k -o "$work/long" "https://$SRV4:4256/long"
    wait_for above tx_tls_encrypted_bytes $((before + 1000000))
}

download_ends() {
    finish long || fail "curl: $(<"$work/long.log")"
    cmp "$work/long" "$work/www/long"
}

echo 1 >$debugfs/tls0/fail_add
check "download, context refused" download 4128 file
is_eq "$(nic_stat tx_tls_ctx_refused)" 1 "contexts refused"
is_gt "$(tls_stat TlsTxSw)" 0 "connections that the kernel encrypted"
is_eq "$(nic_stat tx_tls_encrypted_bytes)" 0 "bytes that the device encrypted"
check "the next one is taken" download 4128 file
is_gt "$(nic_stat tx_tls_encrypted_bytes)" 2000000 \
    "bytes that the device encrypted"
no_contexts

download_begins
check "another one, table full" download 4128 file
is_eq "$(nic_stat tx_tls_ctx_refused)" 2 "contexts refused"
download_ends
no_contexts

download_begins
srv ip link set tls0 down
no_contexts
encrypted=$(nic_stat tx_tls_encrypted_bytes)
srv ip link set tls0 up
neighbours srv tls0 $CLI_MAC $CLI4
download_ends
is_eq "$(nic_stat tx_tls_encrypted_bytes)" "$encrypted" \
    "bytes of the device that had gone down"
is_eq "$(nic_stat tx_tls_drop_no_ctx)" 0 "packets dropped for it"

srv ethtool -K tls0 tls-hw-tx-offload off
check "download, offload switched off" download 4128 file
is_eq "$(nic_stat tx_tls_encrypted_bytes)" "$encrypted" \
    "bytes of the device that is switched off"
srv ethtool -K tls0 tls-hw-tx-offload on
check "download, offload switched on" download 4128 file
is_gt "$(nic_stat tx_tls_encrypted_bytes)" "$encrypted" \
    "bytes of the device that is switched on"

capture_stop wire
is_eq "$(capture_search wire "$MARKER")" 0 "plaintext on the wire"

download_begins
rmmod linetls_nic
stop long
stop nginx
srv ss -K dst $CLI4 >/dev/null
topology_end
wait_for -t 20 lib_remove tls
