#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Unmodified nginx with the kernel's own ULP "tls" sends files through
# linetls_nic: an implementation that knows nothing of ours is content with
# the device, on a clean wire, with loss and reordering, and with resyncs by
# force.
set -eu
# shellcheck source=test/vm/lib-nic.sh
. "$(dirname "$0")/lib-nic.sh"

nic_topology
make_file file 4000000
make_file byte 1
start_nginx
capture eth0
capture tls0

for port in 4128 4256; do
    check "port $port, clean" download $port file
    check "port $port, one byte" download $port byte
done
check "the connections used the device" \
    test "$(tls_stat TlsTxDevice)" -eq 4
check "the device encrypted" above tx_tls_encrypted_bytes 8000000
# A retransmission is out of order, and so is what follows it.
retransmitted=$(srv nstat -asz TcpRetransSegs | awk '/^Tcp/ { print $2 }')
check "no resync without a retransmission" \
    test "$(counter tx_tls_ooo)" -le $((2 * retransmitted))

srv tc qdisc add dev eth0 root netem limit 10000 delay 2ms \
    loss 2% reorder 5% 50%
for tso in on off; do
    srv ethtool -K tls0 tso $tso
    check "port 4128, loss and reordering, tso $tso" download 4128 file
    check "port 4256, loss and reordering, tso $tso" download 4256 file
done
srv tc qdisc del dev eth0 root
check "resyncs happened" above tx_tls_resync 0
check "record prefixes were fed" above tx_tls_resync_bytes 0
check "packets came out of order" above tx_tls_ooo 0

resyncs=$(counter tx_tls_resync)
echo 2 >/sys/kernel/debug/linetls_nic/tls0/force_resync
check "port 4256, forced resyncs" download 4256 file
check "they were done" above tx_tls_resync $((resyncs + 100))
echo 0 >/sys/kernel/debug/linetls_nic/tls0/force_resync

echo 3000 >/sys/kernel/debug/linetls_nic/tls0/delay_us
srv ethtool -K tls0 tso on
check "port 4128, late completions" download 4128 file
echo 0 >/sys/kernel/debug/linetls_nic/tls0/delay_us

capture_stop eth0
capture_stop tls0
check "the file's text is on the device" in_capture tls0
check "and not on the wire" not_in_capture eth0
check "nothing was without a context" equals tx_tls_drop_no_ctx 0
check "no bad record" equals tx_tls_drop_dead 0
check "contexts are gone" no_contexts
check "no socket left on the device" \
    wait_for 20 eval 'test "$(tls_stat TlsCurrTxDevice)" -eq 0'
[ "$failed" -eq 0 ] || srv ethtool -S tls0

stop_nginx
check "the modules unload" unload
exit "$failed"
