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

. "${LINETLS_SRC:?}/test/vm/lib-host.sh"
dir=$(mktemp -d)
vm=
trap '[ -z "$vm" ] || kill "$vm"; rm -rf "$dir"' EXIT
trap 'exit 143' INT TERM

guest 0 '^an argument, to the guest$' '
    [ "$(uname -r | cut -d . -f 1-2)" = "${LINETLS_KERNEL/debug/6.1}" ] ||
        exit 1
    [ "$(stat -f -c %T /mnt/scratch)" = ext2/ext3 ] || exit 1
    modprobe tls && [ -d /sys/module/tls ] || exit 1
    echo "from the guest" >"$LINETLS_OUT/file"
    echo "$1, to the guest"' --out "$dir/host"
grep -qx 'from the guest' "$dir/host/file" || fail "no file"
guest 3 'exit status 3' 'echo last words >&2; sleep 1000 & exit 3'
guest 99 'WARNING: on purpose' 'echo WARNING: on purpose >/dev/kmsg'
guest 99 'Kernel panic' 'echo c >/proc/sysrq-trigger'
guest 98 'without a verdict' 'echo b >/proc/sysrq-trigger; sleep 60'
guest 124 'no end after 40 s' 'sleep 1000' --timeout 40

# A guest that tests share: one that fails is the last in it. add N TEST SCRIPT
add() {
    printf '#!/bin/sh\n%s\n' "$3" >"$dir/$2"
    chmod 755 "$dir/$2"
    echo "20 $dir/$2" >"$dir/host/queue/$1.$2"
}

# series TEST STATUS: the next guest ends with it
series() {
    "$LINETLS_SRC/test/vm/run" -k "$LINETLS_KERNEL" --log "$dir/kernel" --out "$dir/host" --force \
        "$LINETLS_SRC/test/vm/series" mine >"$dir/out" 2>&1 || :
    grep '^end' "$dir/out" | tail -n 1 | grep -q "^end $1 $2 " ||
        fail "not 'end $1 $2': $(<"$dir/out")"
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
[ "$(cat "$dir/host/good.log")" = said ] || fail "no output"
grep -q '^end skips 77 ' "$dir/out" || fail "skips"
series hangs 124
series in-use 1
