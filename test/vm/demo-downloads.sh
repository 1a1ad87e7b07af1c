#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# where: host
# timeout: 900
#
# The demo succeeds, and its table has what it promises.
#
# kernels: 6.1
set -eu

cd "${LINETLS_SRC:?}"
out=$(mktemp)
trap 'rm -f "$out"' EXIT
trap 'kill "$demo"; wait "$demo"; exit 143' INT TERM
scripts/demo -k "${LINETLS_KERNEL:?}" >"$out" 2>&1 &
demo=$!
status=0
wait "$demo" || status=$?
cat "$out"
[ "$status" -eq 0 ] || exit 1
rows=$(grep -cE '^(clean|lossy) +1\.[23] +(curl|wget) .* 0 +0 equal$' "$out")
[ "$rows" -eq 8 ] || { echo "FAIL: $rows rows of 8"; exit 1; }
