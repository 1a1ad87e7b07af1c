# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-2.0
#
# For tests that run programs of another Debian release, after
# lib-provider.sh: in a root that test/vm/root has fetched on the host, before
# the guest was started.

# use_root RELEASE: the functions below are about this one, which was entered.
use_root() {
    root=${LINETLS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/linetls}/root-$1
}

# enter_root RELEASE: what the tests need is in it at its usual place.
enter_root() {
    local dir
    use_root "$1"
    [ -d "$root" ] || skip "not fetched: test/vm/root $1"
    for dir in "$LINETLS_SRC" "$LINETLS_PROVIDER_DIR" /mnt/scratch; do
        mkdir -p "$root$dir"
        mount --rbind "$dir" "$root$dir"
    done
    for dir in dev proc sys; do
        mount --rbind /$dir "$root/$dir"
    done
}

in_root() {
    chroot "$root" "$@"
}

# server_in_root NAME CMD...: in srv, with the provider, in the working
# directory.
server_in_root() {
    local name=$1
    shift
    : >"$work/error.log"
    background "$name" srv "${with_provider[@]}" \
        chroot "$root" "$@"
}
