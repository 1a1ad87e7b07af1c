// SPDX-License-Identifier: Apache-2.0
/* Entry of the module: load, parameters, teardown. No algorithms. */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "provider.h"

/*
 * Callbacks into this module stay in SSL_CTXs, in BIOs and in libcrypto's
 * table of ex_data classes, and all of these may outlive the provider. The
 * module is therefore never unmapped.
 */
static int pin_module(void)
{
    Dl_info self;

    return dladdr(&lt_config, &self) != 0
        && dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE)
        != NULL;
}

static const OSSL_PARAM *gettable_params(void *provctx)
{
    (void)provctx;
    return lt_status_gettable();
}

static int get_params(void *provctx, OSSL_PARAM params[])
{
    (void)provctx;
    return lt_status_get(params);
}

static const OSSL_ALGORITHM *query_operation(void *provctx, int operation,
    int *no_cache)
{
    (void)provctx;
    (void)operation;
    *no_cache = 0;
    return NULL;
}

static void teardown(void *provctx)
{
    (void)provctx;
    lt_hook_disable();
}

static const OSSL_DISPATCH dispatch[] = {
    { OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown },
    { OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable_params },
    { OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params },
    { OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_operation },
    { 0, NULL }
};

static OSSL_FUNC_core_get_params_fn *find_get_params(const OSSL_DISPATCH *in)
{
    for (; in->function_id != 0; in++) {
        if (in->function_id == OSSL_FUNC_CORE_GET_PARAMS)
            return OSSL_FUNC_core_get_params(in);
    }
    return NULL;
}

__attribute__((visibility("default"))) int OSSL_provider_init(
    const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **provctx)
{
    static int instance;
    struct lt_config cfg;

    lt_error_init();
    if (!lt_config_read(&cfg, handle, find_get_params(in)))
        return 0;
    lt_debug = cfg.debug;
    if (!pin_module() || !lt_bio_init() || !lt_hook_enable(&cfg))
        return 0;
    *out = dispatch;
    *provctx = &instance;
    return 1;
}
