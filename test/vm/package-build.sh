#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# where: host
# kernels: 6.1
#
# The Debian packages are built by README's words from what a release has, and
# have everything at its place; DKMS builds both modules from it, for the
# kernels that it is for and no others; lintian, where it is installed, finds
# nothing.
set -euo pipefail

. "${LINETLS_SRC:?}/test/vm/lib-host.sh"
. "$LINETLS_SRC/test/vm/lib-package.sh"

need_root dpkg-buildpackage dh dh_dkms dkms unshare
mkdir -p "$LINETLS_SRC/build"
dir=$(mktemp -d "$LINETLS_SRC/build/package.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 143' INT TERM

# has PACKAGE FILE...: with its mode
has() {
    local package=$1 file
    shift
    dpkg-deb -c "$dir/${package}"_*.deb | awk '{ print $1, $6 }' >"$dir/list"
    for file; do
        grep -qxF -- "$file" "$dir/list" ||
            fail "$package has no '$file', but: $(<"$dir/list")"
    done
}

build_packages "$dir" || fail "dpkg-buildpackage"
lib=./usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
version=$(dpkg-deb -f "$dir"/linetls-dkms_*.deb Version)
tree=$dir/linetls-$version
[ -d "$tree" ] || fail "debian/changelog is for $version, configure.ac is not"
has linetls-dkms "-rw-r--r-- ./usr/lib/modules-load.d/linetls.conf" \
    "-rw-r--r-- ./usr/src/linetls-$version/dkms.conf" \
    "-rwxr-xr-x ./usr/src/linetls-$version/kmod/probe.sh" \
    "-rw-r--r-- ./usr/src/linetls-$version/include/uapi/linetls.h" \
    "-rw-r--r-- ./usr/share/man/man4/linetls.4.gz" \
    "-rw-r--r-- ./usr/share/man/man4/linetls_nic.4.gz"
has openssl-provider-linetls "-rw-r--r-- ./etc/linetls/openssl.cnf" \
    "-rw-r--r-- $lib/ossl-modules/linetls.so" \
    "-rw-r--r-- $lib/liblinetls-fd.so" \
    "-rw-r--r-- ./usr/share/linetls/systemd/nginx.service.d/linetls.conf" \
    "-rw-r--r-- ./usr/share/linetls/systemd/haproxy.service.d/linetls.conf" \
    "-rw-r--r-- ./usr/share/man/man7/OSSL_PROVIDER-linetls.7.gz"
has linetls-tools "-rwxr-xr-x ./usr/sbin/linetls" \
    "-rw-r--r-- ./usr/share/bash-completion/completions/linetls" \
    "-rw-r--r-- ./usr/share/man/man7/linetls.7.gz" \
    "-rw-r--r-- ./usr/share/man/man8/linetls.8.gz"
dpkg-deb -x "$dir"/openssl-provider-linetls_*.deb "$dir/x"
grep -qx "Environment=LD_PRELOAD=${lib#.}/liblinetls-fd.so" \
    "$dir/x/usr/share/linetls/systemd/haproxy.service.d/linetls.conf" ||
    fail "HAProxy's drop-in preloads another file"
for conf in "$dir"/x/usr/share/linetls/systemd/*/linetls.conf; do
    grep -qx "Environment=OPENSSL_CONF=/etc/linetls/openssl.cnf" "$conf" ||
        fail "${conf##*/systemd/} names another openssl.cnf"
done
# A service must not change because a package was installed.
dpkg-deb -c "$dir"/openssl-provider-linetls_*.deb >"$dir/list"
! grep '/systemd/system/' "$dir/list" || fail "a drop-in is active by itself"

if command -v lintian >/dev/null; then
    lintian --allow-root --fail-on error,warning "$dir"/*.changes ||
        fail "lintian"
fi

# The trees of DKMS, its key for signatures among them, are the test's own.
env=$("$LINETLS_SRC/test/vm/kernel" "${LINETLS_KERNEL:?}")
eval "$env"
mkdir "$dir/dkms" "$dir/src"
in_dkms() {
    # shellcheck disable=SC2016
    unshare -m bash -euc 'mount --bind "$1" /var/lib/dkms; shift; dkms "$@"' \
        dkms "$dir/dkms" "$@" --sourcetree "$dir/src" >"$dir/log" 2>&1
}
in_dkms add "$tree" || fail "dkms add: $(<"$dir/log")"
in_dkms build "linetls/$version" -k "$KREL" --kernelsourcedir "$KDIR" ||
    fail "dkms build: $(<"$dir/log")"
for module in linetls linetls_nic; do
    [ -f "$dir/dkms/linetls/$version/$KREL/x86_64/module/$module.ko" ] ||
        fail "DKMS has not built $module"
done
for other in 5.10.0-1-amd64 6.0.1 6.13.0-amd64 6.20.1 7.1.0; do
    status=0
    in_dkms build "linetls/$version" -k $other --kernelsourcedir "$KDIR" ||
        status=$?
    [ "$status" -eq 77 ] || fail "DKMS builds for $other: $(<"$dir/log")"
done
