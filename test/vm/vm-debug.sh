#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# where: host
# kernels: debug
# timeout: 900
#
# What only the debug kernel finds is found, and is the verdict: a use after
# free, sleep with a lock held, memory that nobody has any more.
set -eu

. "${LINETLS_SRC:?}/test/vm/lib-host.sh"
dir=$(mktemp -d)
vm=
trap '[ -z "$vm" ] || kill "$vm"; rm -rf "$dir"' EXIT
trap 'exit 143' INT TERM

crash=/sys/kernel/debug/provoke-crash/DIRECT
guest 99 'KASAN: use-after-free' "modprobe lkdtm; echo READ_AFTER_FREE >$crash"
guest 99 'scheduling while atomic' "modprobe lkdtm; echo SPINLOCKUP >$crash"
# The module itself says more lines with that name than the runner prints.
guest 99 'the kernel complained' 'modprobe kmemleak-test'
grep -Eq 'kmemleak: [0-9]+ new suspected' "$dir/kernel" || fail "no leaks found"
