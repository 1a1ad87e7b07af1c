#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 600
# root: trixie
#
# The same linetls.so in Debian 13, with its OpenSSL 3.5 and nginx 1.26: every
# version and cipher of the device, and keys that change.
# shellcheck source-path=SCRIPTDIR
#
# kernels: 6.12
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-root.sh"
. "$LINETLS_SRC/test/vm/lib-openssl.sh"

enter_root trixie
is_eq "$(in_root openssl version | cut -d. -f1-2)" "OpenSSL 3.5" "its OpenSSL"
all_of_openssl
