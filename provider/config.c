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
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <limits.h>
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
    size_t field; /* in struct lt_config: an int, or the text of a list */
    int dflt;
    const char *example;
    const char *doc;
    int (*check)(const char *word); /* of a list, which has no words */
    int (*number)(const char *value); /* of what is no word; -1: bad */
};

static int any_word(const char *word)
{
    (void)word;
    return 1;
}

static int is_cipher(const char *word)
{
    return lt_cipher_named(word) != NULL;
}

/* From 1 on: 0 would be the word. */
static int bytes(const char *value)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(value, &end, 10);
    return isdigit((unsigned char)value[0]) && *end == '\0' && errno == 0
            && n > 0 && n <= INT_MAX
        ? (int)n
        : -1;
}

static const struct key keys[] = {
    { "offload", { "prefer", "require", "software", "off" },
        offsetof(struct lt_config, offload), LT_OFFLOAD_PREFER,
        "offload = software",
        "who encrypts: a device where one takes it, only a device (else the "
        "connection fails), only the kernel's software, or only libssl",
        NULL, NULL },
    { "ulp", { "auto", "linetls", "tls" },
        offsetof(struct lt_config, ulp), LT_ULP_AUTO,
        "ulp = tls",
        "kernel module that gets the keys; auto: linetls, or tls where "
        "linetls is not there and tls can do as well",
        NULL, NULL },
    { "handover", { "handshake" },
        offsetof(struct lt_config, handover), 0,
        "handover = 65536",
        "when a device is asked to take a connection: after the handshake, or "
        "after so many bytes, which the kernel's software encrypts",
        NULL, bytes },
    { "debug", { "0", "1", "2" },
        offsetof(struct lt_config, debug), 0,
        "debug = 1",
        "messages on stderr: none, one per connection, each step",
        NULL, NULL },
    { "include", { NULL },
        offsetof(struct lt_config, include), 0,
        "include = nginx haproxy",
        "the only programs that are helped, by name; empty: all",
        any_word, NULL },
    { "exclude", { NULL },
        offsetof(struct lt_config, exclude), 0,
        "exclude = postgres",
        "programs that are left alone, even if included",
        any_word, NULL },
    { "userspace-ciphers", { NULL },
        offsetof(struct lt_config, userspace_ciphers), 0,
        "userspace-ciphers = CHACHA20-POLY1305 AES-128-CCM",
        "ciphers that libssl goes on encrypting with, of AES-128-GCM, "
        "AES-256-GCM, AES-128-CCM, CHACHA20-POLY1305",
        is_cipher, NULL },
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
    char known[128] = "";
    size_t i;

    for (i = 0; i < NUM_KEYS; i++)
        join(known, sizeof(known), keys[i].name);
    FAIL("not loaded: unknown key \"%s = %s\" (known are %s)", name, value,
        known);
}

static int fail_bad_value(const struct key *key, const char *value,
    const char *variable)
{
    char words[64] = "";
    size_t i;

    for (i = 0; key->words[i] != NULL; i++)
        join(words, sizeof(words), key->words[i]);
    if (key->number != NULL)
        join(words, sizeof(words), "a number");
    FAIL("not loaded: bad value \"%s = %s\"%s%s (%s%s%s; example: %s)",
        key->name, value, variable != NULL ? " from " : "",
        variable != NULL ? variable : "", words, words[0] != '\0' ? ": " : "",
        key->doc, key->example);
    return 0;
}

/* The next word of a list, which *list is moved behind. Its length, or 0. */
static size_t next_word(const char **list, const char **word)
{
    static const char separators[] = " ,\t";
    size_t len;

    *word = *list + strspn(*list, separators);
    len = strcspn(*word, separators);
    *list = *word + len;
    return len;
}

int lt_config_lists(const char *list, const char *word)
{
    const char *entry;
    size_t len;

    while ((len = next_word(&list, &entry)) != 0) {
        if (strlen(word) == len && memcmp(entry, word, len) == 0)
            return 1;
    }
    return 0;
}

static int parse_list(struct lt_config *cfg, const struct key *key,
    const char *value)
{
    char *field = (char *)cfg + key->field, word[LT_LIST_SIZE];
    const char *list = field, *entry;
    size_t len;

    field[0] = '\0';
    if (value == NULL)
        return 1;
    if (OPENSSL_strlcpy(field, value, LT_LIST_SIZE) >= LT_LIST_SIZE)
        return 0;
    while ((len = next_word(&list, &entry)) != 0) {
        memcpy(word, entry, len);
        word[len] = '\0';
        if (!key->check(word))
            return 0;
    }
    return 1;
}

static int parse_one(struct lt_config *cfg, const struct key *key,
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
    return key->number != NULL && (*field = key->number(value)) >= 0;
}

/* variable: of the environment, that the value is from; or NULL */
static int parse(struct lt_config *cfg, const struct key *key,
    const char *value, const char *variable)
{
    int ok = key->check != NULL ? parse_list(cfg, key, value)
                                : parse_one(cfg, key, value);

    return ok || fail_bad_value(key, value, variable);
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

/*
 * Mainline's ULP chooses between device and software by itself. A handover
 * later than at once begins in software.
 */
static int check_policy(const struct lt_config *cfg)
{
    if (cfg->handover != 0 && cfg->offload == LT_OFFLOAD_REQUIRE) {
        FAIL("not loaded: \"handover = %d\" cannot keep "
             "\"offload = require\"", cfg->handover);
        return 0;
    }
    if (cfg->ulp == LT_ULP_TLS
        && (cfg->offload == LT_OFFLOAD_REQUIRE
            || cfg->offload == LT_OFFLOAD_SOFTWARE)) {
        FAIL("not loaded: \"ulp = tls\" cannot keep \"offload = %s\"",
            keys[0].words[cfg->offload]);
        return 0;
    }
    return 1;
}

/* LINETLS_USERSPACE_CIPHERS for userspace-ciphers. */
static void name_variable(char *name, size_t size, const char *key)
{
    size_t n;

    OPENSSL_strlcpy(name, "LINETLS_", size);
    for (n = strlen(name); *key != '\0' && n < size - 1; key++, n++)
        name[n] = *key == '-' ? '_' : (char)toupper((unsigned char)*key);
    name[n] = '\0';
}

static int is_helped(const struct lt_config *cfg, const char *program)
{
    return !lt_config_lists(cfg->exclude, program)
        && (cfg->include[0] == '\0' || lt_config_lists(cfg->include, program));
}

int lt_config_read(struct lt_config *cfg, const OSSL_CORE_HANDLE *core,
    OSSL_FUNC_core_get_params_fn *get_params)
{
    char *values[NUM_KEYS] = { NULL };
    char *provider = NULL, variable[64];
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
        const char *value;

        name_variable(variable, sizeof(variable), keys[i].name);
        value = secure_getenv(variable);
        if (value != NULL ? !parse(cfg, &keys[i], value, variable)
                          : !parse(cfg, &keys[i], values[i], NULL))
            return 0;
    }
    if (!check_policy(cfg)
        || (provider != NULL && !check_default_file(provider)))
        return 0;
    if (!is_helped(cfg, program_invocation_short_name))
        cfg->offload = LT_OFFLOAD_OFF;
    return 1;
}

int lt_config_key(size_t row, struct lt_key_doc *doc)
{
    if (row >= NUM_KEYS)
        return 0;
    *doc = (struct lt_key_doc) { keys[row].name,
        keys[row].check != NULL ? "" : keys[row].words[keys[row].dflt],
        keys[row].example, keys[row].doc };
    return 1;
}
