// SPDX-License-Identifier: Apache-2.0
/* The provider's parameters, and how many connections went which way. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <stdatomic.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "provider.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.1.0"
#endif

#define PARAM_LINETLS "connections-linetls"
#define PARAM_TLS "connections-tls"
#define PARAM_USERSPACE "connections-userspace"

/* Per process: a fork takes the numbers along and counts on alone. */
static _Atomic uint64_t connections[] = {
    [LT_TX_USERSPACE] = 0,
    [LT_TX_LINETLS] = 0,
    [LT_TX_TLS] = 0,
};

void lt_status_count(enum lt_ulp ulp)
{
    atomic_fetch_add_explicit(&connections[ulp], 1, memory_order_relaxed);
}

static const OSSL_PARAM gettable[] = {
    OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
    OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
    OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, NULL, 0),
    OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL),
    OSSL_PARAM_uint64(PARAM_LINETLS, NULL),
    OSSL_PARAM_uint64(PARAM_TLS, NULL),
    OSSL_PARAM_uint64(PARAM_USERSPACE, NULL),
    OSSL_PARAM_END
};

const OSSL_PARAM *lt_status_gettable(void)
{
    return gettable;
}

static int set_string(OSSL_PARAM params[], const char *key, const char *value)
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, key);

    return p == NULL || OSSL_PARAM_set_utf8_ptr(p, value);
}

static int set_count(OSSL_PARAM params[], const char *key, enum lt_ulp ulp)
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, key);

    return p == NULL
        || OSSL_PARAM_set_uint64(p,
            atomic_load_explicit(&connections[ulp], memory_order_relaxed));
}

int lt_status_get(OSSL_PARAM params[])
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);

    return (p == NULL || OSSL_PARAM_set_int(p, 1))
        && set_string(params, OSSL_PROV_PARAM_NAME, "linetls")
        && set_string(params, OSSL_PROV_PARAM_VERSION, PACKAGE_VERSION)
        && set_string(params, OSSL_PROV_PARAM_BUILDINFO, PACKAGE_VERSION)
        && set_count(params, PARAM_LINETLS, LT_TX_LINETLS)
        && set_count(params, PARAM_TLS, LT_TX_TLS)
        && set_count(params, PARAM_USERSPACE, LT_TX_USERSPACE);
}
