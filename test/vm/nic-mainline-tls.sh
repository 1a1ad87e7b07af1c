#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Unmodified nginx with the kernel's own ULP "tls" sends files through
# linetls_nic: an implementation that knows nothing of ours is content with
# the device, on a clean wire, with loss and reordering, and with resyncs by
# force.
# shellcheck source-path=SCRIPTDIR disable=SC2119
. "${LINETLS_SRC:?}/test/vm/lib.sh"
. "$LINETLS_SRC/test/vm/lib-nic.sh"

need nginx curl tcpdump openssl ethtool
topology
make_file file 4000000
make_file byte 1
start_nginx
capture_start wire
capture_start device tls0

for port in 4128 4256; do
    check "port $port, clean" download $port file
    check "port $port, one byte" download $port byte
done
is_eq "$(tls_stat TlsTxDevice)" 4 "connections on the device"
is_gt "$(nic_stat tx_tls_encrypted_bytes)" 8000000 "encrypted bytes"
# A retransmission is out of order, and so is what follows it.
retransmitted=$(srv nstat -asz TcpRetransSegs | awk '/^Tcp/ { print $2 }')
is_le "$(nic_stat tx_tls_ooo)" $((2 * retransmitted)) \
    "resyncs without a retransmission"

wire_netem delay 2ms loss 2% reorder 5% 50%
for tso in on off; do
    srv ethtool -K tls0 tso $tso
    check "port 4128, loss and reordering, tso $tso" download 4128 file
    check "port 4256, loss and reordering, tso $tso" download 4256 file
done
wire_clean
is_gt "$(nic_stat tx_tls_resync)" 0 "resyncs"
is_gt "$(nic_stat tx_tls_resync_bytes)" 0 "bytes of record prefixes"
is_gt "$(nic_stat tx_tls_ooo)" 0 "packets out of order"

resyncs=$(nic_stat tx_tls_resync)
echo 2 >$debugfs/tls0/force_resync
check "port 4256, forced resyncs" download 4256 file
is_gt "$(nic_stat tx_tls_resync)" $((resyncs + 100)) "forced resyncs"
echo 0 >$debugfs/tls0/force_resync

echo 3000 >$debugfs/tls0/delay_us
srv ethtool -K tls0 tso on
check "port 4128, late completions" download 4128 file
echo 0 >$debugfs/tls0/delay_us

capture_stop wire
capture_stop device
is_gt "$(capture_search device "$MARKER")" 100000 "lines on the device"
is_eq "$(capture_search wire "$MARKER")" 0 "plaintext on the wire"
is_eq "$(nic_stat tx_tls_drop_no_ctx)" 0 "packets without a context"
is_eq "$(nic_stat tx_tls_drop_dead)" 0 "packets of bad records"
no_contexts
off_device() { [ "$(tls_stat TlsCurrTxDevice)" -eq 0 ]; }
wait_for -t 20 off_device

stop nginx
unload
wait_for -t 20 lib_remove tls
