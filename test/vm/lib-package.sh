# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# For tests of the Debian packages, on the host and in a guest.

# readme_block HEADING N: the N-th block of commands below a heading of README,
# which is what those who read it will type.
readme_block() {
    awk -v heading="## $1" -v wanted="$2" '
        /^## / { here = $0 == heading; block = 0; inside = 0 }
        !here { next }
        /^    / {
            if (!inside)
                block++
            inside = 1
            if (block == wanted)
                print substr($0, 5)
            next
        }
        { inside = 0 }' "${LINETLS_SRC:?}/README.md"
}

SWITCH_ON="Switch it on for nginx on a real host"
# shellcheck disable=SC2034
SWITCH_OFF="Switch it off"

# as_root COMMANDS: as the README says, by somebody who is root already.
as_root() {
    bash -euc 'sudo() { "$@"; }; '"$1"
}

# build_packages DIR: in DIR/linetls-VERSION, from what a release would have,
# by README's words; the packages are in DIR. Unit tests have their own place.
# DIR is below the tree's build directory. Prints what was said if it fails.
build_packages() {
    local dir=$1 version tree
    version=$(sed -n 's/^AC_INIT(\[linetls\], \[\(.*\)\])/\1/p' \
        "$LINETLS_SRC/configure.ac")
    tree=$dir/linetls-$version
    if ! { make -s -C "$LINETLS_SRC" distdir \
        distdir="${tree#"$LINETLS_SRC/"}" && cd "$tree" &&
        DEB_BUILD_OPTIONS=nocheck as_root "$(readme_block "$SWITCH_ON" 1)" &&
        cd "$LINETLS_SRC"; } >"$dir/log" 2>&1 </dev/null; then
        tail -n 30 "$dir/log"
        return 1
    fi
}
