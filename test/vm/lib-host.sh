# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# For tests that run on the host ("where: host") and boot guests themselves, if
# any. scripts/check sets LINETLS_SRC and LINETLS_KERNEL.
: "${LINETLS_SRC:?}"

fail() {
    echo "FAIL: $*"
    exit 1
}

skip() {
    echo "skip: $*"
    exit 77
}

# need_root TOOL...: and these programs
need_root() {
    local tool
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    for tool; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
    done
}

# guest STATUS PATTERN SCRIPT [OPTIONS]: what test/vm/run ends with and prints,
# if these lines are the guest's script. $dir is the test's directory; $vm is
# the runner's process while there is one.
guest() {
    local want=$1 pattern=$2 status=0
    printf '#!/bin/bash\n%s\n' "$3" >"$dir/script"
    chmod 755 "$dir/script"
    shift 3
    "$LINETLS_SRC/test/vm/run" -k "${LINETLS_KERNEL:?}" --log "$dir/kernel" \
        "$@" "$dir/script" 'an argument' >"$dir/out" 2>&1 &
    vm=$!
    wait "$vm" || status=$?
    vm=
    [ "$status" -eq "$want" ] && grep -Eq -- "$pattern" "$dir/out" ||
        fail "status $status, should be $want with '$pattern': $(<"$dir/out")"
    echo "$want: $pattern"
}
