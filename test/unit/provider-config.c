// SPDX-License-Identifier: Apache-2.0
/* The provider's section: values from the core, keys from the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/params.h>

#include "provider.h"

static char file[] = "/tmp/provider-config.XXXXXX";

/* What the core knows of the section, in pairs. */
static const char *const *core_values;

static int core_get_params(const OSSL_CORE_HANDLE *core, OSSL_PARAM params[])
{
    const char *const *pair;
    OSSL_PARAM *p = OSSL_PARAM_locate(params, "provider-name");

    (void)core;
    if (p != NULL)
        OSSL_PARAM_set_utf8_ptr(p, "linetls");
    for (pair = core_values; *pair != NULL; pair += 2) {
        p = OSSL_PARAM_locate(params, pair[0]);
        if (p != NULL)
            OSSL_PARAM_set_utf8_ptr(p, pair[1]);
    }
    return 1;
}

static void write_file(const char *section)
{
    FILE *f = fopen(file, "w");

    assert_non_null(f);
    fprintf(f,
        "start_here = init\n[init]\nproviders = list\n[list]\n"
        "1.linetls = sect\nother = other_sect\n"
        "[other_sect]\nwhatever = 1\n[tls]\nx = y\n[sect]\n%s",
        section);
    assert_int_equal(fclose(f), 0);
}

static int read_values(struct lt_config *cfg, const char *const *values)
{
    core_values = values;
    ERR_clear_error();
    return lt_config_read(cfg, NULL, core_get_params);
}

static int read_section(const char *section)
{
    static const char *const none[] = { NULL };
    struct lt_config cfg;

    write_file(section);
    return read_values(&cfg, none);
}

static void assert_error_names(const char *text)
{
    const char *data = NULL;
    int flags;
    unsigned long code = ERR_peek_last_error_data(&data, &flags);

    assert_int_equal(ERR_GET_REASON(code), LT_R_CONFIG);
    assert_non_null(data);
    if (strstr(data, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, data);
}

static void defaults(void **state)
{
    static const char *const none[] = { NULL };
    struct lt_config cfg;

    (void)state;
    write_file("activate = 1\n");
    assert_true(read_values(&cfg, none));
    assert_int_equal(cfg.offload, LT_OFFLOAD_PREFER);
    assert_int_equal(cfg.ulp, LT_ULP_AUTO);
    assert_int_equal(cfg.debug, 0);
    assert_int_equal(cfg.handover, 0);
}

static void every_word(void **state)
{
    static const char *const offload[]
        = { "prefer", "require", "software", "off" };
    static const char *const ulp[] = { "auto", "linetls", "tls" };
    static const char *const debug[] = { "0", "1", "2" };
    struct lt_config cfg;
    int i;

    (void)state;
    write_file("activate = 1\n");
    for (i = 0; i < 4; i++) {
        const char *const values[] = { "offload", offload[i], NULL };

        assert_true(read_values(&cfg, values));
        assert_int_equal(cfg.offload, i);
    }
    for (i = 0; i < 3; i++) {
        const char *const values[]
            = { "ulp", ulp[i], "debug", debug[i], NULL };

        assert_true(read_values(&cfg, values));
        assert_int_equal(cfg.ulp, i);
        assert_int_equal(cfg.debug, i);
    }
}

static void bytes_before_the_handover(void **state)
{
    static const struct {
        const char *value;
        int bytes;
    } good[] = { { "handshake", 0 }, { "1", 1 }, { "65536", 65536 },
        { "2147483647", 2147483647 } };
    static const char *const required[]
        = { "offload", "require", "handover", "1000", NULL };
    static const char *const at_once[]
        = { "offload", "require", "handover", "handshake", NULL };
    struct lt_config cfg;
    size_t i;

    (void)state;
    write_file("activate = 1\n");
    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const char *const values[] = { "handover", good[i].value, NULL };

        assert_true(read_values(&cfg, values));
        assert_int_equal(cfg.handover, good[i].bytes);
    }
    assert_true(read_values(&cfg, at_once));
    assert_false(read_values(&cfg, required));
    assert_error_names("\"handover = 1000\"");
    assert_error_names("\"offload = require\"");
}

static void bad_value_is_named(void **state)
{
    static const char *const bad[][3] = {
        { "offload", "fast", NULL },
        { "offload", "", NULL },
        { "offload", "Prefer", NULL },
        { "ulp", "ktls", NULL },
        { "debug", "3", NULL },
        { "debug", "1x", NULL },
        { "handover", "", NULL },
        { "handover", "0", NULL },
        { "handover", "-1", NULL },
        { "handover", "+1", NULL },
        { "handover", " 1", NULL },
        { "handover", "64k", NULL },
        { "handover", "2147483648", NULL },
        { "handover", "99999999999999999999", NULL },
        { "handover", "now", NULL },
    };
    struct lt_config cfg;
    char text[64];
    size_t i;

    (void)state;
    write_file("activate = 1\n");
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(read_values(&cfg, bad[i]));
        snprintf(text, sizeof(text), "\"%s = %s\"", bad[i][0], bad[i][1]);
        assert_error_names(text);
    }
}

static void policy_that_tls_cannot_keep(void **state)
{
    static const char *const require[]
        = { "ulp", "tls", "offload", "require", NULL };
    static const char *const software[]
        = { "ulp", "tls", "offload", "software", NULL };
    struct lt_config cfg;

    (void)state;
    write_file("activate = 1\n");
    assert_false(read_values(&cfg, require));
    assert_error_names("\"offload = require\"");
    assert_false(read_values(&cfg, software));
    assert_error_names("\"offload = software\"");
}

static void unknown_key_is_named(void **state)
{
    (void)state;
    assert_false(read_section("activate = 1\noffliad = prefer\n"));
    assert_error_names("\"offliad = prefer\"");
    assert_error_names("offload, ulp, handover, debug");
    assert_false(read_section("Debug = 1\n"));
    assert_error_names("\"Debug = 1\"");
}

static void keys_of_libcrypto_are_known(void **state)
{
    (void)state;
    assert_true(read_section("identity = linetls\nmodule = /x/linetls.so\n"
                             "1.activate = 1\nsoft_load = 1\nulp = auto\n"));
}

static void section_of_another_identity(void **state)
{
    (void)state;
    assert_true(read_section("identity = another\nwhatever = 1\n"));
}

static void value_that_is_a_section(void **state)
{
    (void)state;
    assert_false(read_section("ulp = tls\n"));
    assert_error_names("\"ulp = tls\"");
}

static void lists(void **state)
{
    static const char *const good[] = { "include", "nginx, haproxy",
        "userspace-ciphers", "AES-128-CCM CHACHA20-POLY1305", NULL };
    static const char *const bad[] = { "userspace-ciphers",
        "AES-128-GCM AES-128-CBC", NULL };
    static char text[400];
    const char *const long_one[] = { "exclude", text, NULL };
    struct lt_config cfg;

    (void)state;
    write_file("activate = 1\n");
    assert_true(read_values(&cfg, good));
    assert_true(lt_config_lists(cfg.include, "nginx"));
    assert_true(lt_config_lists(cfg.include, "haproxy"));
    assert_false(lt_config_lists(cfg.include, "nginx,"));
    assert_false(lt_config_lists(cfg.include, "ngin"));
    assert_false(lt_config_lists(cfg.include, ""));
    assert_true(lt_config_lists(cfg.userspace_ciphers, "CHACHA20-POLY1305"));
    assert_false(read_values(&cfg, bad));
    assert_error_names("AES-128-GCM AES-128-CBC");
    memset(text, 'x', sizeof(text) - 1);
    assert_false(read_values(&cfg, long_one));
}

/* Test programs have the name of this file. */
static void programs(void **state)
{
    static const struct {
        const char *const values[5];
        int offload;
    } cases[] = {
        { { "include", "provider-config", NULL }, LT_OFFLOAD_PREFER },
        { { "include", "nginx provider-config", NULL }, LT_OFFLOAD_PREFER },
        { { "include", "nginx", NULL }, LT_OFFLOAD_OFF },
        { { "exclude", "provider-config", NULL }, LT_OFFLOAD_OFF },
        { { "exclude", "nginx", NULL }, LT_OFFLOAD_PREFER },
        { { "include", "provider-config", "exclude", "provider-config",
              NULL }, LT_OFFLOAD_OFF },
    };
    struct lt_config cfg;
    size_t i;

    (void)state;
    write_file("activate = 1\n");
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(read_values(&cfg, cases[i].values));
        assert_int_equal(cfg.offload, cases[i].offload);
    }
}

static void environment_wins(void **state)
{
    static const char *const values[] = { "offload", "prefer", NULL };
    struct lt_config cfg;

    (void)state;
    write_file("activate = 1\n");
    setenv("LINETLS_OFFLOAD", "software", 1);
    setenv("LINETLS_USERSPACE_CIPHERS", "AES-128-CCM", 1);
    assert_true(read_values(&cfg, values));
    assert_int_equal(cfg.offload, LT_OFFLOAD_SOFTWARE);
    assert_string_equal(cfg.userspace_ciphers, "AES-128-CCM");
    setenv("LINETLS_OFFLOAD", "fast", 1);
    assert_false(read_values(&cfg, values));
    assert_error_names("\"offload = fast\" from LINETLS_OFFLOAD");
    unsetenv("LINETLS_OFFLOAD");
    unsetenv("LINETLS_USERSPACE_CIPHERS");
}

static void no_file(void **state)
{
    static const char *const none[] = { NULL };
    struct lt_config cfg;

    (void)state;
    unlink(file);
    assert_true(read_values(&cfg, none));
    assert_int_equal(ERR_peek_error(), 0);
}

static int set_up(void **state)
{
    int fd = mkstemp(file);

    (void)state;
    lt_error_init();
    return fd < 0 || close(fd) != 0 || setenv("OPENSSL_CONF", file, 1) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(file);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(every_word),
        cmocka_unit_test(bytes_before_the_handover),
        cmocka_unit_test(bad_value_is_named),
        cmocka_unit_test(policy_that_tls_cannot_keep),
        cmocka_unit_test(unknown_key_is_named),
        cmocka_unit_test(keys_of_libcrypto_are_known),
        cmocka_unit_test(section_of_another_identity),
        cmocka_unit_test(value_that_is_a_section),
        cmocka_unit_test(lists),
        cmocka_unit_test(programs),
        cmocka_unit_test(environment_wins),
        cmocka_unit_test(no_file),
    };

    return cmocka_run_group_tests_name("provider-config", tests, set_up,
        tear_down);
}
