#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 900
# needs: long
# root: forky
#
# The same linetls.so with the newest OpenSSL 3 that Debian has, in testing, and
# that release's nginx.
# shellcheck source-path=SCRIPTDIR
#
# kernels: 6.12
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-root.sh"
. "$LINETLS_SRC/test/vm/lib-openssl.sh"

enter_root forky
is_gt "$(in_root openssl version | sed 's/OpenSSL 3\.\([0-9]*\).*/\1/')" 5 \
    "its OpenSSL 3"
all_of_openssl
