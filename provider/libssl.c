// SPDX-License-Identifier: Apache-2.0
/*
 * The application's libssl. It may be loaded RTLD_LOCAL (Python does), where a
 * search of the global scope does not see it, or under another file name. A
 * libssl that is linked statically, without exported and versioned symbols,
 * stays hidden, and its connections stay in userspace TLS.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>

#include "provider.h"

/* The one that belongs to the libcrypto that this is linked with. */
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define LIBSSL_SONAME "libssl.so." TEXT(OPENSSL_SHLIB_VERSION)
#define LIBSSL_SYMBOLS "OPENSSL_" TEXT(OPENSSL_SHLIB_VERSION) ".0.0"

struct lt_libssl lt_ssl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int resolved;

static int resolve_from(void *handle)
{
#define LOOKUP(name)                                                           \
    *(void **)&lt_ssl.name = dlvsym(handle, #name, LIBSSL_SYMBOLS);            \
    if (lt_ssl.name == NULL)                                                   \
        return 0;

    LT_LIBSSL_FUNCTIONS(LOOKUP)
#undef LOOKUP
    return 1;
}

/* The handle is kept: its functions are called until the process ends. */
static void resolve(void)
{
    void *handle = dlopen(LIBSSL_SONAME, RTLD_LAZY | RTLD_NOLOAD);

    resolved = (handle != NULL && resolve_from(handle))
        || resolve_from(RTLD_DEFAULT);
    if (!resolved)
        LT_DEBUG(1, "libssl not found in this process, no offload");
}

int lt_libssl_resolve(void)
{
    pthread_once(&once, resolve);
    return resolved;
}
