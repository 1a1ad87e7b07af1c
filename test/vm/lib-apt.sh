# shellcheck shell=bash disable=SC2154,SC2016
# SPDX-License-Identifier: GPL-2.0
#
# Packages from the machine's own mirror, for scripts that fetch one without
# installing it: through a private apt configuration (lists and archives in
# $cache/apt), so that apt checks the signatures and the machine's sources stay
# as they are.
#
# The caller sets $cache and $log, and defines fail().

apt=$cache/apt
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# What apt said last that has a reason in it, for the one line that is printed.
apt_why() {
    sed -n '/Failed to fetch some/d; s/^[EW]: //p' "$log" | tail -n 1
}

# apt_mirror RELEASE: by what the machine's apt is configured with.
apt_mirror() {
    apt-get indextargets --no-release-info \
        --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
        sed -n "s/^$1 //p" | sort -u | head -n 1
}

# apt_run SOURCES TOOL ARGS...: with a list that apt_update wrote
apt_run() {
    local sources=$1 tool=$2
    shift 2
    "$tool" -qq \
        -o Dir::Etc::sourcelist="$apt/sources-$sources.list" \
        -o Dir::Etc::sourceparts="$apt/none" \
        -o Dir::Etc::preferences="$apt/none/preferences" \
        -o Dir::Etc::preferencesparts="$apt/none" \
        -o Dir::State="$apt/state" \
        -o Dir::State::lists="$apt/lists" \
        -o Dir::State::status=/var/lib/dpkg/status \
        -o Dir::Cache="$apt/cache" \
        -o APT::Sandbox::User=root \
        -o APT::Architecture=amd64 \
        -o Acquire::Languages=none \
        -o Acquire::PDiffs=false \
        -o Acquire::Retries=3 \
        -o APT::Get::List-Cleanup=false \
        -o APT::Update::Error-Mode=any \
        "$@" 2>>"$log"
}

# apt_update SOURCES: 6.1 is bookworm with its security updates, 6.12 its
# backports, source-RELEASE the source packages of a release, trixie and forky
# themselves.
apt_update() {
    local main security signed="deb [signed-by=$keyring]"
    [ -f "$keyring" ] || fail "$keyring is missing (debian-archive-keyring)"
    main=$(apt_mirror bookworm)
    security=$(apt_mirror bookworm-security)
    [ -n "$main" ] || fail "apt has no source for bookworm on this machine"
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" \
        "$apt/state" "$apt/none"
    case $1 in
    6.1)
        echo "$signed $main bookworm main"
        [ -z "$security" ] || echo "$signed $security bookworm-security main"
        ;;
    6.12)
        echo "$signed $main bookworm-backports main"
        ;;
    source-*)
        echo "deb-src ${signed#deb } $main ${1#source-} main"
        ;;
    trixie | forky)
        echo "$signed $main $1 main"
        ;;
    esac >"$apt/sources-$1.list"
    apt_run "$1" apt-get update ||
        fail "cannot fetch package lists (no network?): $(apt_why)"
}
