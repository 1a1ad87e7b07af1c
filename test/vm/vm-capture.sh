#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The search of captures finds plaintext where there is some: one short
# segment of a file, and with netem in the way.
# shellcheck source-path=SCRIPTDIR
#
# kernels: 6.1
. "${LINETLS_SRC:?}/test/vm/lib.sh"

need busybox tcpdump curl
topology plain
wire_segments 1
make_payload 2097152 "$work/file"
dd if="$work/file" of="$work/piece" bs=1 skip=1000001 count=64 status=none
background httpd srv busybox httpd -f -p 80 -h "$work"
wait_for listening 80

wire_netem loss 2% delay 1ms reorder 5% duplicate 1%
capture_start piece
cli curl -sS --max-time $PATIENCE -o "$work/copy" "http://$SRV4/piece"
capture_stop piece
cmp "$work/piece" "$work/copy"
is_gt "$(capture_search piece $MARKER)" 0 "plaintext of one segment"
is_eq "$(capture_search piece "not in it")" 0 "strings that were not sent"

capture_start file
cli curl -sS --max-time $PATIENCE -o "$work/copy" "http://[$SRV6]/file"
capture_stop file
cmp "$work/file" "$work/copy"
is_gt "$(capture_search file "not in it" $MARKER)" 60000 "lines in the capture"
is_gt "$(capture_bytes file)" 2097152 "size of the capture"

! (wait_for -t 1 false) >/dev/null || fail "wait_for does not fail"
! (is_eq 1 2 "unequal") >/dev/null || fail "is_eq does not fail"
