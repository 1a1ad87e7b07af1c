// SPDX-License-Identifier: Apache-2.0
/*
 * Error strings. They are registered with a library number of our own and not
 * through the provider core: a connection may fail after the provider is gone.
 */
#include "provider.h"

static ERR_STRING_DATA strings[] = {
    { 0, "linetls provider" }, /* the number is not known yet */
    { ERR_PACK(0, 0, LT_R_CONFIG), "bad configuration" },
    { ERR_PACK(0, 0, LT_R_NOT_OFFLOADED),
        "offload = require, and the connection is not offloaded" },
    { ERR_PACK(0, 0, LT_R_REKEY_REFUSED), "the kernel refused new keys" },
    { ERR_PACK(0, 0, LT_R_REKEY_MISSED),
        "libssl changed keys without telling the new ones" },
    { ERR_PACK(0, 0, LT_R_REUSED),
        "the kernel encrypts this socket for an earlier TLS connection" },
    { 0, NULL }
};

static int library;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void load_strings(void)
{
    library = ERR_get_next_error_library();
    strings[0].error = ERR_PACK(library, 0, 0);
    ERR_load_strings(library, strings);
}

void lt_error_init(void)
{
    (void)CRYPTO_THREAD_run_once(&once, load_strings);
}

int lt_error_lib(void)
{
    return library;
}
