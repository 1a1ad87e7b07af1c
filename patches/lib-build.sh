# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-2.0
#
# For patches/PROJECT/build: a version's source from Debian, with our patches,
# is built into a directory of the cache outside the tree, once, which
# build/patches/PROJECT-VERSION then leads to.
#
# The caller sets $project, $version, $source ("": Debian's source package, else
# a directory or tarball), and defines
#   release        prints the Debian release that has this version
#   compile DIRECTORY NAME
#                  builds there, and leaves the program as $tmp/result/NAME
# and, if need be,
#   prepare DIRECTORY    of the source, before anything is done with it
#   also DIRECTORY       of the source without the patches, at the end
# before it calls build_patched, which prints the directory.

here=$(dirname "$(readlink -f "$0")")
top=$(readlink -f "$here/../..")
cache=${LINETLS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/linetls}
patches=$here/$version

fail() {
    echo "patches/$project/build: $*" >&2
    exit 1
}

prepare() { :; }
also() { :; }

# All that the result depends on; a directory's name alone does not tell.
build_key() {
    cat "$0" "${BASH_SOURCE[0]}" "$patches/series" "${series[@]/#/$patches/}"
    if [ -d "$source" ]; then
        tar -C "$source" --sort=name --mtime=@0 --exclude=.git -cf - .
    elif [ -n "$source" ]; then
        cat "$source"
    fi
}

build_show() {
    mkdir -p "$top/build/patches"
    ln -sfn "$final" "$top/build/patches/$project-$version"
    echo "$final"
}

# step WHAT CMD...
step() {
    local what=$1
    shift
    "$@" >>"$log" 2>&1 9<&- || {
        tail -n 15 "$log" | sed 's/^/    /' >&2
        fail "$what failed"
    }
}

# unpack TARBALL DIRECTORY
unpack() {
    mkdir "$2"
    step "unpacking ${1##*/}" tar -xf "$1" -C "$2" --strip-components=1
}

# apply DIRECTORY SERIES-DIRECTORY [OPTIONS]
apply() {
    local tree=$1 from=$2 name _
    shift 2
    while read -r name _; do
        case $name in '' | \#*) continue ;; esac
        step "$name of $project $version" patch -d "$tree" -p1 -s "$@" \
            -i "$from/$name"
    done <"$from/series"
}

# download VERSION OPTIONS: parts of Debian's source package into $tmp
download() {
    (cd "$tmp" && apt_run "$sources" apt-get source --download-only \
        "${@:2}" "$project=$1" >/dev/null 9<&-)
}

# fetch: Debian's source package into $tmp. Mirrors lose the packaging of
# versions that have been replaced; upstream's tarball, which they share, stays.
fetch() {
    local sources newest
    sources=source-$(release)
    apt_update "$sources"
    newest=$(apt_run "$sources" apt-cache showsrc "$project" |
        sed -n "s/^Version: \(${version%.*}\.[^ ]*\)$/\1/p" | sort -V |
        tail -n 1)
    [ -n "$newest" ] ||
        fail "${sources#source-} has no source of $project ${version%.*}"
    echo "patches/$project/build: fetching $project $newest" >&2
    download "$newest" || download "$newest" --tar-only ||
        fail "cannot download the source of $project $newest: $(apt_why)"
}

# Ours follow Debian's in its package, where nothing may have to be guessed.
check_debian() {
    [ -e "$2" ] || {
        echo "patches/$project/build: Debian's patches are not to be had," \
            "ours are tried on upstream's source alone" >&2
        return
    }
    unpack "$1" "$tmp/debian"
    step "unpacking ${2##*/}" tar -xf "$2" -C "$tmp/debian"
    apply "$tmp/debian" "$tmp/debian/debian/patches"
    apply "$tmp/debian" "$patches" -F0
    rm -rf "$tmp/debian"
}

get_source() {
    if [ -z "$source" ]; then
        fetch
        check_debian "$tmp/$project"_*.orig.tar.gz \
            "$tmp/$project"_*.debian.tar.xz
        unpack "$tmp/$project"_*.orig.tar.gz "$tmp/original"
    elif [ -d "$source" ]; then
        cp -r "$source" "$tmp/original"
    else
        unpack "$source" "$tmp/original"
    fi
}

build_patched() {
    local sum tool
    case $version in
    *[!0-9.]*) fail "'$version' is not a version" ;;
    esac
    [ -f "$patches/series" ] || fail "no patches for $project $version"
    mapfile -t series <"$patches/series"
    [ -z "$source" ] || [ -r "$source" ] || fail "no source in $source"
    sum=$(build_key | sha256sum)
    final=$cache/$project-$version-${sum:0:12}

    # The directory is renamed into place as a whole: if it is there, all is.
    [ ! -d "$final" ] || { build_show; return; }
    for tool in apt-get flock make patch tar; do
        command -v "$tool" >/dev/null || fail "$tool is missing"
    done
    mkdir -p "$cache" 2>/dev/null || fail "cannot create $cache"
    # test/vm/kernel uses the same lists of packages, and has the same lock.
    exec 9<"$cache"
    flock 9
    [ ! -d "$final" ] || { build_show; return; }

    tmp=$(mktemp -d "$cache/tmp.XXXXXX")
    log=$tmp/log
    trap 'rm -rf "$tmp"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    : >"$log"
    # shellcheck source=test/vm/lib-apt.sh
    . "$top/test/vm/lib-apt.sh"
    get_source
    prepare "$tmp/original"
    cp -r "$tmp/original" "$tmp/patched"
    apply "$tmp/patched" "$patches" -F0
    echo "patches/$project/build: building $project $version" >&2
    mkdir "$tmp/result"
    compile "$tmp/patched" "$project"
    also "$tmp/original"
    mv "$tmp/result" "$final"
    build_show
}
