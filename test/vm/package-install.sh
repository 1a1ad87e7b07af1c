#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# where: host
# kernels: 6.1
# needs: long
# timeout: 2400
#
# The packages on a clean Debian 12, by README's words. DKMS builds the modules
# in a chroot here, where it is fast, after everything that can be different
# about it: no headers, an older version, the same one again, a file that an
# admin has changed. The rest, from loading them to the last trace of a purge,
# happens in a VM: see package-guest.
set -euo pipefail

. "${LINETLS_SRC:?}/test/vm/lib-host.sh"
. "$LINETLS_SRC/test/vm/lib-package.sh"

need_root dpkg-buildpackage dh_dkms debootstrap
system=$("$LINETLS_SRC/test/vm/system") || skip "no Debian 12 to install in"
env=$("$LINETLS_SRC/test/vm/kernel" "${LINETLS_KERNEL:?}")
eval "$env"

mkdir -p "$LINETLS_SRC/build"
dir=$(mktemp -d "$LINETLS_SRC/build/package.XXXXXX")
root=$dir/root
vm=
# shellcheck disable=SC2317
cleanup() {
    [ -z "$vm" ] || { kill "$vm" && wait "$vm"; } 2>/dev/null || :
    [ ! -d "$root/proc" ] || umount -R "$root" || umount -R -l "$root" || :
    rm -rf --one-file-system "$dir"
}
trap cleanup EXIT
trap 'exit 143' INT TERM

# --- the root, and what happens in it -------------------------------------

# The kernel itself is not installed in it: only its modules are there.
modules=$root/lib/modules/$KREL
mkdir "$root" "$dir/upper" "$dir/work"
mount -t overlay overlay "$root" \
    -o "lowerdir=$system,upperdir=$dir/upper,workdir=$dir/work"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mkdir "$modules/kernel" "$root/root/linetls" "$root/root/old"
mount --bind "$KMODULES/lib/modules/$KREL/kernel" "$modules/kernel"
cp "$KMODULES/lib/modules/$KREL"/modules.{order,builtin*} "$modules"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
# Nobody answers apt.
echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/yes"

# run COMMANDS: in the root, in the directory of a checkout; what it says is in
# $dir/said.
run() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
        DEBIAN_FRONTEND=noninteractive chroot "$root" \
        bash -euc 'sudo() { "$@"; }; cd /root/linetls; '"$1" \
        >"$dir/said" 2>&1 </dev/null
}

must() {
    echo "$ $1"
    run "$1" || fail "status $?: $(tail -n 30 "$dir/said")"
}

says() {
    grep -Eq -- "$1" "$dir/said" || fail "no '$1' in: $(<"$dir/said")"
}

# modules_are VERSION: installed by DKMS, both and no others; none: nothing is
modules_are() {
    local built
    run "dkms status linetls"
    if [ "$1" = none ]; then
        ! grep -q ': installed' "$dir/said" || fail "is built: $(<"$dir/said")"
        [ ! -e "$modules/updates/dkms/linetls.ko" ] || fail "a module is there"
        return
    fi
    built=$(<"$dir/said")
    [ "$built" = "linetls/$1, $KREL, x86_64: installed" ] ||
        fail "DKMS has '$built'"
    [ "$(ls "$modules/updates/dkms")" = $'linetls.ko\nlinetls_nic.ko' ] ||
        fail "modules: $(ls "$modules/updates/dkms")"
}

# --- the packages, and an older version of one ----------------------------

build_packages "$dir" || fail "dpkg-buildpackage"
rm -f "$dir"/*-dbgsym_*.deb
cp "$dir"/*.deb "$root/root"
version=$(dpkg-deb -f "$dir"/linetls-dkms_*.deb Version)
dpkg-deb -R "$dir"/linetls-dkms_*.deb "$dir/old"
mv "$dir/old/usr/src/linetls-$version" "$dir/old/usr/src/linetls-0.0.9"
sed -i "s/$version/0.0.9/g" "$dir"/old/DEBIAN/{control,md5sums,postinst,prerm} \
    "$dir/old/usr/src/linetls-0.0.9/dkms.conf"
sed -i '/^Depends/!s/dkms (>= [^)]*)/dkms/' "$dir/old/DEBIAN/control"
dpkg-deb -b "$dir/old" "$root/root/old" >/dev/null

# Without headers the package is installed all the same, and says what it
# lacks. When they come, their package asks DKMS.
mv "$modules/build" "$modules/hidden"
must "dpkg -i /root/old/*.deb"
says 'headers for this kernel do not seem to be installed'
modules_are none
mv "$modules/hidden" "$modules/build"
must "/etc/kernel/header_postinst.d/dkms $KREL"
modules_are 0.0.9

# --- by README, over the old one ------------------------------------------

must "$(readme_block "$SWITCH_ON" 2)"
modules_are "$version"
[ ! -e "$root/usr/src/linetls-0.0.9" ] || fail "the old source is still there"
[ ! -e "$root/var/lib/dkms/linetls/0.0.9" ] || fail "so are the old modules"

# Once more, over what an admin has changed.
echo '# changed' >>"$root/etc/linetls/openssl.cnf"
must "dpkg -i ../linetls-*_*.deb ../openssl-provider-linetls_*.deb"
modules_are "$version"
grep -qx '# changed' "$root/etc/linetls/openssl.cnf" ||
    fail "an admin's changes are lost"
rm "$root/usr/sbin/policy-rc.d"

# --- and on with it in a VM -----------------------------------------------

"$LINETLS_SRC/test/vm/run" -k "$LINETLS_KERNEL" --timeout 1500 --mem 2048 \
    "$LINETLS_SRC/test/vm/package-guest" "$root" &
vm=$!
status=0
wait "$vm" || status=$?
vm=
exit "$status"
