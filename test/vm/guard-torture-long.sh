#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# needs: long
# timeout: 7200
# memory: 2048
#
# guard-torture with 100 downloads at a time and 1,250 changes; the seed is
# printed, and may be given as LINETLS_TORTURE_SEED.
set -eu
export LINETLS_TORTURE=${LINETLS_TORTURE:-250} LINETLS_TORTURE_JOBS=100
export LINETLS_TORTURE_SEED=${LINETLS_TORTURE_SEED:-$RANDOM}
exec "$(dirname "$0")/guard-torture.sh"
