#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's own test of its ULP passes with linetls as the sender, over
# loopback and over linetls_nic: TLS 1.2 and 1.3 with AES-128-GCM, without the
# cases of many processes and bytes.
#
# needs: long
# where: host
# timeout: 600
# shellcheck source=test/vm/lib-kselftest.sh
. "$(dirname "$0")/lib-kselftest.sh"

some=("${without_multi[@]}" -v 12_aes_gcm -v 13_aes_gcm)
kselftest_software 0 "${some[@]}" -f global -f tls_basic
kselftest_device 0 "${some[@]}"
kselftest_end
