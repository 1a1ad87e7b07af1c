#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The whole of the kernel's own test of its ULP passes with linetls as the
# sender, over loopback and over linetls_nic, but for ulp-kselftest.skip and
# the cases of many processes, which ulp-kselftest-multi has.
#
# needs: long
# where: host
# timeout: 3600
# shellcheck source=test/vm/lib-kselftest.sh
. "$(dirname "$0")/lib-kselftest.sh"

kselftest_software 1 "${without_multi[@]}"
kselftest_device 1 "${without_multi[@]}"
kselftest_end
