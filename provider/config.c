// SPDX-License-Identifier: Apache-2.0
/*
 * The provider's section of openssl.cnf.
 *
 * The core hands out the values of keys that it is asked for, but not the list
 * of keys, so a misspelt key would go unnoticed. The section is therefore
 * looked up in the default configuration file as well, only to check that all
 * its keys are known. A section that was loaded from another file, by
 * OSSL_LIB_CTX_load_config(), gets its values checked but not its keys.
 *
 * libcrypto drops the error of a provider that does not load from the
 * configuration file, and goes on without it. The error is printed for that
 * reason, in addition to being raised.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#include "provider.h"

#define MAX_WORDS 4

struct key {
    const char *name;
    const char *words[MAX_WORDS + 1]; /* the value is the word's index */
    size_t field;                     /* an int of struct lt_config */
    int dflt;
    const char *example;
    const char *doc;
};

static const struct key keys[] = {
    { "offload", { "prefer", "require", "software", "off" },
        offsetof(struct lt_config, offload), LT_OFFLOAD_PREFER,
        "offload = software",
        "who encrypts: a device where one takes it, only a device (else the "
        "connection fails), only the kernel's software, or only libssl" },
    { "ulp", { "auto", "linetls", "tls" },
        offsetof(struct lt_config, ulp), LT_ULP_AUTO,
        "ulp = tls",
        "kernel module that gets the keys; auto: linetls, or tls where "
        "linetls is not there" },
    { "debug", { "0", "1", "2" },
        offsetof(struct lt_config, debug), 0,
        "debug = 1",
        "messages on stderr: none, one per connection, each step" },
};

#define NUM_KEYS (sizeof(keys) / sizeof(keys[0]))

/* Read by libcrypto before it loads the module. */
static const char *const core_keys[] = {
    "activate", "identity", "module", "soft_load"
};

struct lt_config lt_config;

#define FAIL(...)                                                              \
    do {                                                                       \
        lt_print(__VA_ARGS__);                                                 \
        LT_RAISE(LT_R_CONFIG, __VA_ARGS__);                                    \
    } while (0)

static void join(char *out, size_t size, const char *word)
{
    if (out[0] != '\0')
        OPENSSL_strlcat(out, ", ", size);
    OPENSSL_strlcat(out, word, size);
}

static void fail_unknown_key(const char *name, const char *value)
{
    char known[64] = "";
    size_t i;

    for (i = 0; i < NUM_KEYS; i++)
        join(known, sizeof(known), keys[i].name);
    FAIL("not loaded: unknown key \"%s = %s\" (known are %s)", name, value,
        known);
}

static int fail_bad_value(const struct key *key, const char *value)
{
    char words[64] = "";
    size_t i;

    for (i = 0; key->words[i] != NULL; i++)
        join(words, sizeof(words), key->words[i]);
    FAIL("not loaded: bad value \"%s = %s\" (%s: %s; example: %s)", key->name,
        value, words, key->doc, key->example);
    return 0;
}

static int parse(struct lt_config *cfg, const struct key *key,
    const char *value)
{
    int *field = (int *)((char *)cfg + key->field);
    int i;

    *field = key->dflt;
    if (value == NULL)
        return 1;
    for (i = 0; key->words[i] != NULL; i++) {
        if (strcmp(value, key->words[i]) == 0) {
            *field = i;
            return 1;
        }
    }
    return fail_bad_value(key, value);
}

/* "2.activate" is "activate" to libcrypto. */
static const char *skip_prefix(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot != NULL ? dot + 1 : name;
}

static int is_core_key(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(core_keys) / sizeof(core_keys[0]); i++) {
        if (strcmp(skip_prefix(name), core_keys[i]) == 0)
            return 1;
    }
    return 0;
}

static const struct key *find_key(const char *name)
{
    size_t i;

    for (i = 0; i < NUM_KEYS; i++) {
        if (strcmp(name, keys[i].name) == 0)
            return &keys[i];
    }
    return NULL;
}

/* libcrypto reads the section instead, where a value is a section's name. */
static int check_entry(const CONF *conf, const CONF_VALUE *entry)
{
    if (is_core_key(entry->name))
        return 1;
    if (find_key(entry->name) == NULL) {
        fail_unknown_key(entry->name, entry->value);
        return 0;
    }
    if (NCONF_get_section(conf, entry->value) != NULL) {
        FAIL("not loaded: value of \"%s = %s\" is also the name of a section",
            entry->name, entry->value);
        return 0;
    }
    return 1;
}

static int check_section(const CONF *conf, const char *section)
{
    STACK_OF(CONF_VALUE) *entries = NCONF_get_section(conf, section);
    int i;

    for (i = 0; i < sk_CONF_VALUE_num(entries); i++) {
        if (!check_entry(conf, sk_CONF_VALUE_value(entries, i)))
            return 0;
    }
    return 1;
}

/* A provider's name is its key in the list, or its key "identity". */
static int is_provider(const CONF *conf, const CONF_VALUE *listed,
    const char *provider)
{
    STACK_OF(CONF_VALUE) *entries = NCONF_get_section(conf, listed->value);
    const char *name = skip_prefix(listed->name);
    int i;

    for (i = 0; i < sk_CONF_VALUE_num(entries); i++) {
        CONF_VALUE *entry = sk_CONF_VALUE_value(entries, i);

        if (strcmp(skip_prefix(entry->name), "identity") == 0)
            name = entry->value;
    }
    return strcmp(name, provider) == 0;
}

static int check_providers(const CONF *conf, const char *section,
    const char *provider)
{
    STACK_OF(CONF_VALUE) *list = NCONF_get_section(conf, section);
    int i;

    for (i = 0; i < sk_CONF_VALUE_num(list); i++) {
        CONF_VALUE *listed = sk_CONF_VALUE_value(list, i);

        if (is_provider(conf, listed, provider)
            && !check_section(conf, listed->value))
            return 0;
    }
    return 1;
}

/*
 * An application may start at a key of its own name instead of openssl_conf:
 * all keys of the default section that lead to providers are followed.
 */
static int check_conf(const CONF *conf, const char *provider)
{
    STACK_OF(CONF_VALUE) *top = NCONF_get_section(conf, "default");
    int i;

    for (i = 0; i < sk_CONF_VALUE_num(top); i++) {
        STACK_OF(CONF_VALUE) *modules
            = NCONF_get_section(conf, sk_CONF_VALUE_value(top, i)->value);
        int j;

        for (j = 0; j < sk_CONF_VALUE_num(modules); j++) {
            CONF_VALUE *module = sk_CONF_VALUE_value(modules, j);

            if (strcmp(skip_prefix(module->name), "providers") == 0
                && !check_providers(conf, module->value, provider))
                return 0;
        }
    }
    return 1;
}

static int check_default_file(const char *provider)
{
    CONF *conf = NULL;
    char *file;
    int loaded, ok = 1;

    ERR_set_mark();
    file = CONF_get1_default_config_file();
    conf = NCONF_new(NULL);
    loaded = file != NULL && *file != '\0' && conf != NULL
        && NCONF_load(conf, file, NULL) > 0;
    ERR_pop_to_mark();
    if (loaded)
        ok = check_conf(conf, provider);
    NCONF_free(conf);
    OPENSSL_free(file);
    return ok;
}

/* Mainline's ULP chooses between device and software by itself. */
static int check_policy(const struct lt_config *cfg)
{
    if (cfg->ulp == LT_ULP_TLS
        && (cfg->offload == LT_OFFLOAD_REQUIRE
            || cfg->offload == LT_OFFLOAD_SOFTWARE)) {
        FAIL("not loaded: \"ulp = tls\" cannot keep \"offload = %s\"",
            keys[0].words[cfg->offload]);
        return 0;
    }
    return 1;
}

int lt_config_read(struct lt_config *cfg, const OSSL_CORE_HANDLE *core,
    OSSL_FUNC_core_get_params_fn *get_params)
{
    char *values[NUM_KEYS] = { NULL };
    char *provider = NULL;
    OSSL_PARAM params[NUM_KEYS + 2];
    size_t i;

    for (i = 0; i < NUM_KEYS; i++)
        params[i] = OSSL_PARAM_construct_utf8_ptr(keys[i].name, &values[i], 0);
    params[i++] = OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_CORE_PROV_NAME,
        &provider, 0);
    params[i] = OSSL_PARAM_construct_end();
    if (get_params == NULL || !get_params(core, params)) {
        FAIL("not loaded: libcrypto does not hand out the configuration");
        return 0;
    }
    for (i = 0; i < NUM_KEYS; i++) {
        if (!parse(cfg, &keys[i], values[i]))
            return 0;
    }
    return check_policy(cfg)
        && (provider == NULL || check_default_file(provider));
}
