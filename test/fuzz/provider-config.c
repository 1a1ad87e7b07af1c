// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target: any text as the provider's section of openssl.cnf, any value in
 * the environment. It is accepted or refused, never both: what is refused is
 * said, once; what is accepted has known keys only, and the configuration
 * holds what the section or the environment says.
 *
 * Input: the key of lt_config_key() that the environment has, its value up to
 * a NUL, the section's text. The text gets to the provider by the two ways
 * that it has: a file, and the core, which hands out what libcrypto has read.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/conf.h>
#include <openssl/params.h>

#include "provider.h"
#include "walk.h"

#define MAX_TEXT 4096

static int file = -1;
static CONF *conf;
static const char *section; /* of the provider */
static int messages;
static char env_name[64], *env_value;

char *__wrap_secure_getenv(const char *name);
void __wrap_lt_print(const char *fmt, ...);

static void check(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "provider-config-fuzz: %s\n", what);
    abort();
}

char *__wrap_secure_getenv(const char *name)
{
    return strcmp(name, env_name) == 0 ? env_value : NULL;
}

void __wrap_lt_print(const char *fmt, ...)
{
    char line[8192];
    va_list args;

    va_start(args, fmt);
    check(vsnprintf(line, sizeof(line), fmt, args) > 0, "empty message");
    va_end(args);
    messages++;
}

/* Without NCONF_get_string()'s search in the default section. */
static const char *value_in(const char *of, const char *key)
{
    STACK_OF(CONF_VALUE) *entries
        = of != NULL ? NCONF_get_section(conf, of) : NULL;
    const char *value = NULL;
    int i;

    for (i = 0; i < sk_CONF_VALUE_num(entries); i++) {
        if (strcmp(sk_CONF_VALUE_value(entries, i)->name, key) == 0)
            value = sk_CONF_VALUE_value(entries, i)->value;
    }
    return value;
}

static const char *value_of(const char *key)
{
    return value_in(section, key);
}

/* "2.identity" is "identity" to libcrypto, unlike the provider's own keys. */
static const char *provider_name(void)
{
    STACK_OF(CONF_VALUE) *entries = NCONF_get_section(conf, section);
    const char *name = "linetls";
    int i;

    for (i = 0; i < sk_CONF_VALUE_num(entries); i++) {
        const CONF_VALUE *entry = sk_CONF_VALUE_value(entries, i);
        const char *dot = strchr(entry->name, '.');

        if (strcmp(dot != NULL ? dot + 1 : entry->name, "identity") == 0)
            name = entry->value;
    }
    return name;
}

/* The text may begin other sections, which may lead to other places. */
static int find_section(void)
{
    section = value_in(value_in(value_in("default", "openssl_conf"),
                           "providers"),
        "linetls");
    return section != NULL && NCONF_get_section(conf, section) != NULL;
}

static int core_get_params(const OSSL_CORE_HANDLE *core, OSSL_PARAM params[])
{
    for (; params->key != NULL; params++) {
        const char *value = strcmp(params->key, "provider-name") == 0
            ? provider_name()
            : value_of(params->key);

        if (value != NULL)
            OSSL_PARAM_set_utf8_ptr(params, value);
    }
    return 1;
}

static int is_known(const char *key)
{
    static const char *const core[]
        = { "activate", "identity", "module", "soft_load" };
    const char *dot = strchr(key, '.');
    struct lt_key_doc doc;
    size_t i;

    for (i = 0; i < sizeof(core) / sizeof(core[0]); i++) {
        if (strcmp(dot != NULL ? dot + 1 : key, core[i]) == 0)
            return 1;
    }
    for (i = 0; lt_config_key(i, &doc); i++) {
        if (strcmp(key, doc.name) == 0)
            return 1;
    }
    return 0;
}

static void check_list(const char *field, const char *key, const char *env)
{
    const char *value = env != NULL ? env : value_of(key);

    check(strcmp(field, value != NULL ? value : "") == 0, key);
}

static void check_accepted(const struct lt_config *cfg)
{
    STACK_OF(CONF_VALUE) *entries = NCONF_get_section(conf, section);
    int i;

    for (i = 0; i < sk_CONF_VALUE_num(entries); i++)
        check(is_known(sk_CONF_VALUE_value(entries, i)->name), "unknown key");
    check(cfg->offload >= LT_OFFLOAD_PREFER && cfg->offload <= LT_OFFLOAD_OFF
            && cfg->ulp >= LT_ULP_AUTO && cfg->ulp <= LT_ULP_TLS
            && cfg->debug >= 0 && cfg->debug <= 2,
        "a word that is none");
    check_list(cfg->include, "include", secure_getenv("LINETLS_INCLUDE"));
    check_list(cfg->exclude, "exclude", secure_getenv("LINETLS_EXCLUDE"));
    check_list(cfg->userspace_ciphers, "userspace-ciphers",
        secure_getenv("LINETLS_USERSPACE_CIPHERS"));
}

static void read_config(void)
{
    struct lt_config cfg;
    int ok;

    messages = 0;
    ERR_clear_error();
    ok = lt_config_read(&cfg, NULL, core_get_params);
    check(messages == !ok, "refusals and their messages");
    check(ok ? ERR_peek_error() == 0
             : ERR_GET_REASON(ERR_peek_last_error()) == LT_R_CONFIG,
        "refusals and their errors");
    if (ok)
        check_accepted(&cfg);
}

static void set_environment(unsigned int row, const char *value)
{
    struct lt_key_doc doc;
    char *p;

    env_name[0] = '\0';
    if (!lt_config_key(row, &doc))
        return;
    snprintf(env_name, sizeof(env_name), "LINETLS_%s", doc.name);
    for (p = env_name; *p != '\0'; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    env_value = (char *)value;
}

static void write_file(const char *text, size_t len)
{
    static const char head[] = "openssl_conf = init\n[init]\n"
                               "providers = list\n[list]\nlinetls = sect\n"
                               "[sect]\n";
    size_t n = sizeof(head) - 1;

    check(pwrite(file, head, n, 0) == (ssize_t)n
            && pwrite(file, text, len, (off_t)n) == (ssize_t)len
            && ftruncate(file, (off_t)(n + len)) == 0,
        "cannot write the file");
}

static void open_file(void)
{
    char path[64];

    lt_error_init();
    file = memfd_create("openssl.cnf", 0);
    check(file >= 0, "memfd_create");
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    setenv("OPENSSL_CONF", path, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char input[MAX_TEXT + 1];
    size_t len;

    if (size < 2 || size > MAX_TEXT)
        return 0;
    memcpy(input, data, size);
    input[size] = '\0';
    /* It would read files of the machine. */
    if (memmem(input, size, ".include", 8) != NULL)
        return 0;
    if (file < 0)
        open_file();
    len = strlen(input + 1) + 2;
    set_environment((unsigned char)input[0], input + 1);
    write_file(len < size ? input + len : "", len < size ? size - len : 0);
    conf = NCONF_new(NULL);
    /* No other file leads libcrypto to the provider. */
    if (NCONF_load(conf, getenv("OPENSSL_CONF"), NULL) > 0 && find_section())
        read_config();
    NCONF_free(conf);
    ERR_clear_error();
    return 0;
}

static const char *pick(const char *const *words, size_t n)
{
    return words[rnd() % n];
}

static const char *random_value(void)
{
    static const char *const values[]
        = { "prefer", "require", "software", "off", "auto", "linetls", "tls",
              "0", "1", "2", "", "nginx haproxy", "AES-128-GCM, AES-256-GCM",
              "CHACHA20-POLY1305", "sect", "a,b\tc", "\"quoted # text\"",
              "$offload", "\\x", "offload = off" };

    return pick(values, sizeof(values) / sizeof(values[0]));
}

/* Lines of known keys and likely values, with bytes that are changed. */
size_t walk_input(uint8_t *buf, size_t max)
{
    static const char *const others[]
        = { "activate", "1.module", "offlaod", "2.offload", "[sect]", "#",
              "identity", ".pragma" };
    struct lt_key_doc doc;
    const char *value = random_value();
    size_t lines = rnd() % 6, used = 2 + strlen(value);

    buf[0] = (uint8_t)(rnd() % 8);
    memcpy(buf + 1, value, used - 1);
    while (lines-- > 0) {
        const char *key = lt_config_key(rnd() % 8, &doc)
            ? doc.name
            : pick(others, sizeof(others) / sizeof(others[0]));

        used += (size_t)snprintf((char *)buf + used, max - used, "%s = %s\n",
            key, random_value());
    }
    if (rnd() % 4 == 0)
        buf[1 + rnd() % (used - 1)] = (uint8_t)rnd();
    return used;
}

void walk_end(void)
{
    close(file);
}
