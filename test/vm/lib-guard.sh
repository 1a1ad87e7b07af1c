# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of the page-cache guard share, on top of lib-ulp.sh: files of
# versions (tools/guard.h), their downloads and their writers.

# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib-ulp.sh"

guard_peer=$tools/guard_peer
guard_write=$tools/guard_write
versions=$work/versions

# write_file FILE OP... [OPTIONS first]: in the foreground.
write_file() {
    "$guard_write" -v "$versions" "$@" >"$work/write.log" 2>&1 ||
        fail "guard_write $*: $(<"$work/write.log")"
}

# make_guarded FILE PAGES: a new file, on the disk, that nobody writes to.
make_guarded() {
    write_file -S "$2" "$1" create
    sync "$1"
}

# downloads_start NAME RESPONSES [OPTIONS]: a receiver in cli, as NAME.
downloads_start() {
    local name=$1 n=$2
    shift 2
    ulp_port=$((ulp_port + 1))
    : >"$work/$name.log"
    background "$name" cli "$guard_peer" recv -v "$versions" -n "$n" "$@" \
        "$ulp_port"
    wait_for log_has "$name" listening
}

# downloads_send NAME OPTIONS... FILE...: a sender in srv, in the background.
downloads_send() {
    local name=$1 args=() files=()
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        /*) files+=("$1") ;;
        -[naujmbsefv])
            args+=("$1")
            [ "$1" = -a ] || { args+=("$2"); shift; }
            ;;
        *) args+=("$1") ;;
        esac
        shift
    done
    : >"$work/$name.log"
    background "$name" srv "$guard_peer" send "${args[@]}" "$ulp_host" \
        "$ulp_port" "${files[@]}"
}

# downloads_end IN OUT: both ends are content.
downloads_end() {
    # It fails when the receiver has: that knows why.
    finish "$2" ||
        fail "the sender failed: $(<"$work/$2.log"), receiver: $(<"$work/$1.log")"
    finish "$1" || fail "the receiver failed: $(<"$work/$1.log")"
}

# sender_count NAME zerocopy|copied|guarded|refused
sender_count() {
    log_field "$1" "^responses .*\\b$2 ([0-9]+)"
}

# held_downloads FILE: 4 of them by the device, all sockets full, none read. The
# device begins each packet with the record's first byte: it reads again what it
# has sent already, and sees if that has changed.
held_downloads() {
    echo 1 >"/sys/kernel/debug/linetls_nic/$TLS_DEV/force_resync"
    rm -f "$work/full" "$work/go"
    downloads_start in 4 -b 20000 -w "$work/go"
    downloads_send out -m 0 -n 4 -j 4 -f "$work/full" -o "$1"
    wait_for -t 60 test -e "$work/full"
    is_eq "$(ulp_stat LinetlsGuards)" 1 "guards"
}

# held_released: they go on; what was sent before a writer came is old.
held_released() {
    touch "$work/go"
    downloads_end in out
    is_eq "$(sender_count out guarded)" 4 "announcements"
    is_gt "$(sender_count out zerocopy)" 50000 "zero-copy"
    # A unit that zero-copy ends in may be of both.
    is_le "$(sender_count out zerocopy)" \
        $(($(log_field in '^responses .* old ([0-9]+)') + 64)) \
        "bytes by zero-copy, against those from before the writer"
}

# make_fs TYPE [MKFS OPTIONS]: a file system on a loop device, at $work/TYPE.
make_fs() {
    local type=$1
    shift
    modprobe loop
    modprobe "$type" || skip "no $type in the kernel"
    truncate -s 400M "$work/$type.img"
    "mkfs.$type" "$@" "$work/$type.img" >"$work/mkfs.log" 2>&1 ||
        fail "mkfs.$type: $(<"$work/mkfs.log")"
    mkdir "$work/$type"
    mount -o loop "$work/$type.img" "$work/$type"
}

# No guard is left, within what it takes one to be found unused.
no_guards() {
    [ "$(ulp_stat LinetlsGuards)" -eq 0 ]
}
