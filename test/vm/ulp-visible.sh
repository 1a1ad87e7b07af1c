#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What can be seen of a connection that loses packets and changes its way: ss,
# LINETLS_TX_STATUS, the counters of its network namespace, tracepoints. They
# agree with each other and with the device.
# shellcheck source-path=SCRIPTDIR
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-routes.sh"

trace=/sys/kernel/tracing

# ss_has REGEX: of the only connection on the ULP
ss_has() {
    local line
    line=$(srv ss -Htie dst "$CLI4" dport = ":$ulp_port")
    [[ $line =~ tcp-ulp-linetls\ $1 ]]
}

# events NAME [PATTERN]: how many have been traced
events() {
    grep -c " linetls_$1: .*${2:-}" "$work/trace" || :
}

# sum_of FIELD NAME: over all events
sum_of() {
    sed -n "s/.* linetls_$2: .* $1=\([0-9]*\).*/\1/p" "$work/trace" |
        awk '{ n += $1 } END { print n + 0 }'
}

ulp_begin
way tls0
wire_segments 1
modprobe -a sch_netem sch_ingress cls_matchall act_mirred ifb tls
echo 8192 >$trace/buffer_size_kb
echo 1 >$trace/events/linetls/enable

begin_transfer
wait_growth LinetlsDevicePackets 5
wait_for ss_has 'version: 1.3 cipher: aes-gcm-256 rxconf: none txconf: hw'
is_eq "$(ulp_stat LinetlsCurrTxDevice)" 1 "connections on the device"

way eth0
only_software "detour"
wait_for ss_has 'version: 1.3 cipher: aes-gcm-256 rxconf: none txconf: sw'
is_eq "$(ulp_stat LinetlsCurrTxDevice)" 0 "on the device during the detour"
is_eq "$(ulp_stat LinetlsCurrTxSw)" 1 "in software during the detour"

way tls0
wait_growth LinetlsDevicePackets 5
wait_for ss_has '.* txconf: hw'
far_netem loss 10%
wait_growth LinetlsResyncs 5
far_clean
end_transfer
wait_idle

is_eq "$(status_of out path)" 1 "path"
is_eq "$(status_of out tracked)" 0 "records tracked at the end"
is_eq "$(status_of out fallbacks)" 1/9 "fallbacks"
is_eq "$(status_of out reoffloads)" 1 "reoffloads"
records=$(status_of out records)
resyncs=$(status_of out resyncs)
device=$(status_of out device)
software=$(status_of out software)
is_gt "$resyncs" 4 "resyncs"

say "the status and the namespace's counters"
for counter in "Records $records" "Resyncs $resyncs" "Fallbacks 1" \
    "Reoffloads 1" "ReasonRoute 1" "DevicePackets ${device%/*}" \
    "DeviceBytes ${device#*/}" "SoftwarePackets ${software%/*}" \
    "SoftwareBytes ${software#*/}" "RecordsTracked 0" "CurrTxSw 0" \
    "CurrTxDevice 0" "TxDevice 1" "TxSw 0"; do
    is_eq "$(ulp_stat "Linetls${counter% *}")" "${counter#* }" \
        "Linetls${counter% *}"
done
is_eq "$(sed -n '/[[:space:]]0$/!p' /proc/net/linetls_stat)" "" \
    "counters of another namespace"
is_eq "$(nic_stat tx_tls_encrypted_bytes)" "${device#*/}" \
    "bytes that the device encrypted"
# The device's count has what was not marked, too.
is_le "$resyncs" "$(nic_stat tx_tls_ooo)" "resyncs"

say "the tracepoints"
echo 0 >$trace/events/linetls/enable
cat $trace/trace >"$work/trace"
is_eq "$(events bind)" 1 "bind"
is_eq "$(events record_close)" "$records" "record_close"
is_eq "$(events record_push)" "$records" "record_push"
is_eq "$(events record_open)" "$records" "record_open"
# The start of the offload is released with the first of them.
is_eq "$(sum_of records record_release)" $((records + 1)) "record_release"
is_eq "$(events resync)" "$resyncs" "resync"
is_eq "$(events fallback reason=9)" 1 "fallback"
is_eq "$(events reoffload)" 1 "reoffload"
is_eq "$(events software err=0)" "${software%/*}" "software"
is_eq "$(sum_of len software)" "${software#*/}" "bytes of software"

say "a connection that was never on a device"
way eth0
begin_transfer
wait_growth LinetlsSoftwarePackets
wait_for ss_has '.* txconf: sw'
end_transfer
is_eq "$(status_of out path)" 0 "path"
is_eq "$(status_of out reason)" 3 "reason"
is_eq "$(status_of out fallbacks)" 0/0 "fallbacks"
is_eq "$(ulp_stat LinetlsTxSw)" 1 "connections in software"
is_eq "$(ulp_stat LinetlsReasonNoFeature)" 1 "reasons"
no_drops
wait_idle
unload
