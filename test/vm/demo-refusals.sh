#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# where: host
# kernels: 6.1
#
# Without root, network, memory or disk the demo says so in one line and
# leaves nothing behind.
set -eu

. "${LINETLS_SRC:?}/test/vm/lib-host.sh"
cd "$LINETLS_SRC"
need_root
dir=$(mktemp -d)
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT

# refuses PATTERN COMMAND...
refuses() {
    local pattern=$1 lines
    shift
    ! "$@" >"$dir/out" 2>&1 || fail "succeeded: $*"
    lines=$(wc -l <"$dir/out")
    [ "$lines" -eq 1 ] || fail "$lines lines: $(cat "$dir/out")"
    grep -q -- "$pattern" "$dir/out" || fail "not '$pattern' but $(cat "$dir/out")"
    [ ! -e "$dir/cache" ] || fail "left behind: $(find "$dir/cache")"
    cat "$dir/out"
}

export LINETLS_CACHE=$dir/cache

cp scripts/demo "$dir/demo"
refuses 'must be root' setpriv --reuid=65534 --regid=65534 --clear-groups \
    "$dir/demo"

refuses 'no network' unshare -n scripts/demo

printf 'MemTotal: 900000 kB\nMemAvailable: 500000 kB\n' >"$dir/meminfo"
refuses 'too little memory: 488 MiB' unshare -m sh -c \
    "mount --bind $dir/meminfo /proc/meminfo && exec scripts/demo"

refuses 'too little disk space' unshare -m sh -c \
    "mount -t tmpfs -o size=100m tmpfs $dir && exec scripts/demo"

refuses 'usage' scripts/demo --fast
refuses "no kernel '5.10'" scripts/demo -k 5.10
