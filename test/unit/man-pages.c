// SPDX-License-Identifier: Apache-2.0
/* The man pages name what the sources have: keys and counters. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "provider.h"

#define PROVIDER_PAGE "man/OSSL_PROVIDER-linetls.7"

/* A file of the tree; the caller frees it. */
static char *read_file(const char *name)
{
    static char text[1 << 18];
    char path[4096];
    FILE *file;
    size_t n;

    snprintf(path, sizeof(path), TOP_SRCDIR "/%s", name);
    file = fopen(path, "r");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    n = fread(text, 1, sizeof(text) - 1, file);
    assert_true(feof(file));
    fclose(file);
    text[n] = '\0';
    return strdup(text);
}

/* Take out what only roff reads: "\-" is a dash, "\fB" and "\fP" nothing. */
static char *read_page(const char *name)
{
    char *page = read_file(name), *from, *to;

    for (from = to = page; *from != '\0';) {
        if (from[0] == '\\' && from[1] == '-') {
            from++;
        } else if (from[0] == '\\' && from[1] == 'f' && from[2] != '\0') {
            from += 3;
            continue;
        }
        *to++ = *from++;
    }
    *to = '\0';
    return page;
}

static void assert_line(const char *text, const char *key, const char *name,
    const char *value)
{
    char line[256];

    snprintf(line, sizeof(line), "\n%s: %s\n", name, value);
    if (strstr(text, line) == NULL)
        fail_msg("%s: .SS %s has no line \"%s: %s\"", PROVIDER_PAGE, key, name,
            value);
}

/* The text below ".SS key", up to the next heading; the caller frees it. */
static char *section_of(const char *page, const char *key)
{
    char heading[128], *text, *end;
    const char *start;

    snprintf(heading, sizeof(heading), "\n.SS %s\n", key);
    start = strstr(page, heading);
    if (start == NULL)
        fail_msg("%s has no \".SS %s\"", PROVIDER_PAGE, key);
    text = strdup(start + strlen(heading) - 1);
    end = strstr(text, "\n.S");
    if (end != NULL)
        end[1] = '\0';
    return text;
}

static void environment_name(char *name, size_t size, const char *key)
{
    snprintf(name, size, "LINETLS_%s", key);
    for (; *name != '\0'; name++)
        *name = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
}

static void each_key(void **state)
{
    char *page = read_page(PROVIDER_PAGE), env[64];
    struct lt_key_doc doc;
    size_t row;

    (void)state;
    for (row = 0; lt_config_key(row, &doc); row++) {
        char *text = section_of(page, doc.name);

        environment_name(env, sizeof(env), doc.name);
        assert_line(text, doc.name, "Default",
            doc.dflt[0] != '\0' ? doc.dflt : "empty");
        assert_line(text, doc.name, "Example", doc.example);
        assert_line(text, doc.name, "Environment", env);
        free(text);
    }
    assert_true(row > 0);
    free(page);
}

static int is_key(const char *name, size_t len)
{
    struct lt_key_doc doc;
    size_t row;

    for (row = 0; lt_config_key(row, &doc); row++) {
        if (strlen(doc.name) == len && memcmp(doc.name, name, len) == 0)
            return 1;
    }
    return 0;
}

static void no_other_key(void **state)
{
    char *page = read_page(PROVIDER_PAGE), *heading;

    (void)state;
    for (heading = page; (heading = strstr(heading, "\n.SS ")) != NULL;) {
        size_t len = strcspn(heading += 5, "\n");

        if (!is_key(heading, len))
            fail_msg("%s: \".SS %.*s\" is no key", PROVIDER_PAGE, (int)len,
                heading);
    }
    free(page);
}

/* Each string of the source that begins with prefix is a word of the page. */
static void assert_names(const char *source, const char *prefix,
    const char *page_name)
{
    char *text = read_file(source), *page = read_page(page_name);
    char quoted[64], name[64], *at = text;
    int found = 0;

    snprintf(quoted, sizeof(quoted), "\"%s", prefix);
    for (; (at = strstr(at, quoted)) != NULL; at += strlen(quoted)) {
        char *hit = page;
        size_t len = strcspn(at + 1, "\"");

        assert_true(len < sizeof(name));
        snprintf(name, len + 1, "%s", at + 1);
        while ((hit = strstr(hit, name)) != NULL
            && (isalnum((unsigned char)hit[len]) || hit[len] == '_'))
            hit += len;
        if (hit == NULL)
            fail_msg("%s does not name %s, of %s", page_name, name, source);
        found++;
    }
    if (found == 0)
        fail_msg("no \"%s...\" in %s", prefix, source);
    free(page);
    free(text);
}

static void counters_of_linetls(void **state)
{
    (void)state;
    assert_names("kmod/linetls/linetls.h", "Linetls", "man/linetls.4");
    assert_names("kmod/linetls/diag.c", "Linetls", "man/linetls.4");
}

static void counters_of_linetls_nic(void **state)
{
    (void)state;
    assert_names("kmod/nic/stats.c", "tx_", "man/linetls_nic.4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key),
        cmocka_unit_test(no_other_key),
        cmocka_unit_test(counters_of_linetls),
        cmocka_unit_test(counters_of_linetls_nic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
