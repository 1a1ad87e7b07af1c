#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The cases of many processes in the kernel's own test of its ULP, in which up
# to 10 send 6 MB each on one socket, pass with linetls as the sender, over
# loopback and over linetls_nic.
#
# needs: long
# where: host
# timeout: 9000
# shellcheck source=test/vm/lib-kselftest.sh
. "$(dirname "$0")/lib-kselftest.sh"

kselftest_software 0 "${only_multi[@]}"
kselftest_device 0 "${only_multi[@]}"
kselftest_end
