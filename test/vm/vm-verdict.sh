#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# where: host
#
# What the guest's script says is what the runner says, and what the script
# does not say is found out: a dirty kernel log, a panic, a hang.
#
# kernels: 6.1
# needs: long
set -eu

run=${LINETLS_SRC:?}/test/vm/run
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$dir"' EXIT
trap 'exit 143' INT TERM

# expect STATUS PATTERN SCRIPT [OPTIONS]
expect() {
    local want=$1 pattern=$2 status=0
    printf '#!/bin/bash\n%s\n' "$3" >"$dir/script"
    chmod 755 "$dir/script"
    shift 3
    "$run" -k "${LINETLS_KERNEL:?}" --log "$dir/kernel" "$@" \
        "$dir/script" 'an argument' >"$dir/out" 2>&1 &
    pid=$!
    wait "$pid" || status=$?
    pid=
    [ "$status" -eq "$want" ] && grep -q -- "$pattern" "$dir/out" || {
        echo "FAIL: status $status, should be $want with '$pattern':"
        cat "$dir/out"
        exit 1
    }
    echo "$want: $pattern"
}

expect 0 '^an argument, to the guest$' '
    [ "$(uname -r | cut -d . -f 1-2)" = "${LINETLS_KERNEL/debug/6.1}" ] ||
        exit 1
    [ "$(stat -f -c %T /mnt/scratch)" = ext2/ext3 ] || exit 1
    modprobe tls && [ -d /sys/module/tls ] || exit 1
    echo "from the guest" >"$LINETLS_OUT/file"
    echo "$1, to the guest"' --out "$dir/host"
grep -qx 'from the guest' "$dir/host/file" || { echo "FAIL: no file"; exit 1; }
expect 3 'exit status 3' 'echo last words >&2; sleep 1000 & exit 3'
expect 99 'WARNING: on purpose' 'echo WARNING: on purpose >/dev/kmsg'
expect 99 'Kernel panic' 'echo c >/proc/sysrq-trigger'
expect 98 'without a verdict' 'echo b >/proc/sysrq-trigger; sleep 60'
expect 124 'no end after 40 s' 'sleep 1000' --timeout 40

# A guest that tests share: one that fails is the last in it. add N TEST SCRIPT
add() {
    printf '#!/bin/sh\n%s\n' "$3" >"$dir/$2"
    chmod 755 "$dir/$2"
    echo "20 $dir/$2" >"$dir/host/queue/$1.$2"
}

# series TEST STATUS: the next guest ends with it
series() {
    "$run" -k "$LINETLS_KERNEL" --log "$dir/kernel" --out "$dir/host" --force \
        "$LINETLS_SRC/test/vm/series" mine >"$dir/out" 2>&1 || :
    grep '^end' "$dir/out" | tail -n 1 | grep -q "^end $1 $2 " || {
        echo "FAIL: not 'end $1 $2':"
        cat "$dir/out"
        exit 1
    }
    echo "series: $1 $2"
}

mkdir -p "$dir/host/queue"
add 1 good 'echo said; exit 0'
add 2 skips 'exit 77'
add 3 complains 'echo WARNING: on purpose >/dev/kmsg'
add 4 hangs 'sleep 1000'
add 5 in-use 'modprobe linetls && exec python3 -c "
import os, socket, time
server = socket.create_server((\"127.0.0.1\", 1000))
client = socket.create_connection(server.getsockname())
client.setsockopt(socket.SOL_TCP, 31, b\"linetls\")
os.fork() or time.sleep(1000)"'
series complains 99
[ "$(cat "$dir/host/good.log")" = said ] || { echo "FAIL: no output"; exit 1; }
grep -q '^end skips 77 ' "$dir/out" || { echo "FAIL: skips"; exit 1; }
series hangs 124
series in-use 1
