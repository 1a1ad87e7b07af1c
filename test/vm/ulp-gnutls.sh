#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kernels: 6.1
#
# Another TLS implementation makes the handshake and receives: GnuTLS, in all
# versions and ciphers, through a device and in software.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"
[ -x "$tools/ulp_gnutls" ] || skip "ulp_gnutls is not built"

ulp_begin
make_cert
capture_start wire
"$peer" pattern 300000 >"$work/file"
for version in 1.2 1.3; do
    for keys in "gcm128 0" "gcm256 0" "chacha 0" "ccm128 0" "gcm128 1" \
        "chacha 1"; do
        read -r cipher mode <<<"$keys"
        srv "$tools/ulp_gnutls" -m "$mode" /run/netns/cli "$CLI4" \
            $version "$cipher" "$work/file" "$work/cert.pem" \
            "$work/key.pem" >"$work/out.log" 2>&1 ||
            fail "$version $keys: $(<"$work/out.log")"
        is_eq "$(bytes_of out)" 300000 "bytes of $version $keys"
        [ "$mode" = 0 ] ||
            is_eq "$(status_of out path)" 0 "path in mode software"
    done
done
is_gt "$(ulp_stat LinetlsDeviceBytes)" 1200000 "bytes of GCM by the device"
leak_free wire
no_drops
wait_idle
unload
