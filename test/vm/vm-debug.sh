#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# where: host
# kernels: debug
# timeout: 1500
#
# What only the debug kernel finds is found, and is the verdict: a use after
# free, sleep with a lock held, memory that nobody has any more.
set -eu

run=${LINETLS_SRC:?}/test/vm/run
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$dir"' EXIT
trap 'exit 143' INT TERM

# expect PATTERN SCRIPT: a complaint like that
expect() {
    local pattern=$1 status=0
    printf '#!/bin/bash\n%s\n' "$2" >"$dir/script"
    chmod 755 "$dir/script"
    "$run" -k "${LINETLS_KERNEL:?}" --log "$dir/kernel" "$dir/script" \
        >"$dir/out" 2>&1 &
    pid=$!
    wait "$pid" || status=$?
    pid=
    [ "$status" -eq 99 ] && grep -Eq -- "$pattern" "$dir/out" || {
        echo "FAIL: status $status, should be 99 with '$pattern':"
        cat "$dir/out"
        exit 1
    }
    echo "99: $pattern"
}

crash=/sys/kernel/debug/provoke-crash/DIRECT
expect 'KASAN: use-after-free' "modprobe lkdtm; echo READ_AFTER_FREE >$crash"
expect 'scheduling while atomic' "modprobe lkdtm; echo SPINLOCKUP >$crash"
expect 'kmemleak: [0-9]+ new suspected' 'modprobe kmemleak-test'
