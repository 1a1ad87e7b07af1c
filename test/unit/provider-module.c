// SPDX-License-Identifier: Apache-2.0
/*
 * linetls.so as libcrypto loads it: once, twice, in another version, and
 * unloaded in any order with the connections that it has helped.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "fake_kernel.h"
#include "tls_pair.h"

static struct tls_pair p;

static int set_up(void **state)
{
    (void)state;
    memset(&p, 0, sizeof(p));
    p.server.fd = p.client.fd = -1;
    fake_kernel_reset();
    return OSSL_PROVIDER_set_default_search_path(NULL, MODULES) != 1;
}

static int tear_down(void **state)
{
    (void)state;
    tls_pair_free(&p);
    return 0;
}

static OSSL_PROVIDER *load(OSSL_LIB_CTX *ctx, const char *name)
{
    OSSL_PROVIDER *provider = OSSL_PROVIDER_load(ctx, name);

    if (provider == NULL)
        ERR_print_errors_fp(stderr);
    assert_non_null(provider);
    return provider;
}

static uint64_t param(OSSL_PROVIDER *provider, const char *name)
{
    uint64_t n = 0;
    OSSL_PARAM params[] = { OSSL_PARAM_uint64(name, &n), OSSL_PARAM_END };

    assert_int_equal(OSSL_PROVIDER_get_params(provider, params), 1);
    return n;
}

static void handshake(void)
{
    tls_pair_connect(&p);
    fake_kernel_forget(p.server.fd);
    fake_kernel_forget(p.client.fd);
    fake_kernel.watched = p.server.fd;
    fake_kernel.refused = p.client.fd;
    fake_kernel.keys = 0;
    assert_true(tls_pair_handshake(&p));
}

static int go_on(void)
{
    return tls_transfer(&p.server, &p.client, 20000)
        && SSL_key_update(p.server.ssl, SSL_KEY_UPDATE_REQUESTED)
        && SSL_do_handshake(p.server.ssl) == 1
        && tls_transfer(&p.server, &p.client, 20000)
        && tls_transfer(&p.client, &p.server, 1000);
}

/* One connection in the kernel from its beginning to its end. */
static void whole(void)
{
    handshake();
    assert_true(go_on());
    assert_int_equal(fake_kernel.keys, 2);
    assert_true(tls_pair_close(&p));
    tls_pair_disconnect(&p);
}

/* How the process ended that did it, 0: well */
static int in_child(void (*work)(void))
{
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        work();
        exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/*
 * libcrypto keeps a provider that is unloaded until its library context is
 * freed, and only then tells it.
 */
static void unload_with_connections(void)
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *provider;

    OSSL_PROVIDER_set_default_search_path(ctx, MODULES);
    provider = load(ctx, "linetls");
    tls_pair_contexts(&p, TLS1_3_VERSION);
    handshake();
    OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(ctx);
    if (!go_on() || fake_kernel.keys != 2 || !tls_pair_close(&p))
        _exit(2);
    tls_pair_disconnect(&p);
    /* The next one on the same SSL_CTX is libssl's alone. */
    handshake();
    if (!go_on() || fake_kernel.keys != 0)
        _exit(3);
    tls_pair_free(&p);
}

/* First, since what is loaded stays. */
static void unloaded_with_connections(void **state)
{
    (void)state;
    assert_int_equal(in_child(unload_with_connections), 0);
}

static void loaded_once(void **state)
{
    OSSL_PROVIDER *provider = load(NULL, "linetls");
    uint64_t before = param(provider, "connections-linetls");

    (void)state;
    tls_pair_contexts(&p, TLS1_3_VERSION);
    whole();
    assert_int_equal(param(provider, "connections-linetls"), before + 1);
    OSSL_PROVIDER_unload(provider);
}

/* By two sections of the configuration, or two library contexts. */
static void loaded_twice(void **state)
{
    OSSL_LIB_CTX *other = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *first = load(NULL, "linetls"), *again, *second;
    uint64_t before;

    (void)state;
    again = load(NULL, "linetls");
    OSSL_PROVIDER_set_default_search_path(other, MODULES);
    second = load(other, "linetls");
    before = param(second, "connections-linetls");
    tls_pair_contexts(&p, TLS1_3_VERSION);
    whole();
    assert_int_equal(param(first, "connections-linetls"), before + 1);
    OSSL_PROVIDER_unload(first);
    OSSL_PROVIDER_unload(again);
    whole();
    assert_int_equal(param(second, "connections-linetls"), before + 2);
    OSSL_PROVIDER_unload(second);
    OSSL_LIB_CTX_free(other);
}

static void copy(const char *from, const char *to)
{
    struct stat st;
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0700);

    assert_true(in >= 0 && out >= 0 && fstat(in, &st) == 0);
    assert_int_equal(sendfile(out, in, NULL, (size_t)st.st_size), st.st_size);
    close(in);
    close(out);
}

/* Another file is another module, with hooks of its own. */
static void another_version_is_loaded_too(void **state)
{
    char dir[] = "/tmp/provider-module.XXXXXX", file[64];
    OSSL_PROVIDER *one = load(NULL, "linetls"), *two;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof(file), "%s/linetls-other.so", dir);
    copy(MODULES "/linetls.so", file);
    OSSL_PROVIDER_set_default_search_path(NULL, dir);
    two = load(NULL, "linetls-other");
    tls_pair_contexts(&p, TLS1_3_VERSION);
    whole();
    whole();
    tls_pair_free(&p);
    memset(&p, 0, sizeof(p));
    OSSL_PROVIDER_unload(one);
    tls_pair_contexts(&p, TLS1_3_VERSION);
    whole();
    OSSL_PROVIDER_unload(two);
    unlink(file);
    rmdir(dir);
}

/* The application keeps the BIO that it gave to libssl. */
static void socket_bio_outlives_its_connection(void **state)
{
    OSSL_PROVIDER *provider = load(NULL, "linetls");
    BIO *bio;

    (void)state;
    tls_pair_contexts(&p, TLS1_3_VERSION);
    tls_pair_connect(&p);
    bio = SSL_get_rbio(p.server.ssl);
    BIO_up_ref(bio);
    assert_true(tls_pair_handshake(&p));
    assert_ptr_not_equal(SSL_get_rbio(p.server.ssl), bio);
    SSL_free(p.server.ssl);
    p.server.ssl = NULL;
    assert_null(BIO_pop(bio));
    assert_int_equal(BIO_get_fd(bio, NULL), p.server.fd);
    BIO_free(bio);
    OSSL_PROVIDER_unload(provider);
}

/* So that it is not lost, as valgrind sees it. */
static OSSL_PROVIDER *volatile left;

static void connected(void)
{
    left = load(NULL, "linetls");
    tls_pair_contexts(&p, TLS1_3_VERSION);
    handshake();
    if (!go_on())
        _exit(1);
}

static void leave_all(void)
{
    connected();
}

static void clean_up_first(void)
{
    connected();
    OPENSSL_cleanup();
}

/* Registered before libcrypto's own, called after it. */
static void free_late(void)
{
    SSL_free(p.server.ssl);
    SSL_free(p.client.ssl);
}

static void free_after_libcrypto(void)
{
    OPENSSL_INIT_SETTINGS *settings;

    atexit(free_late);
    settings = OPENSSL_INIT_new();
    OPENSSL_init_crypto(0, settings);
    OPENSSL_INIT_free(settings);
    connected();
    tls_pair_disconnect(&p);
}

static void exits_in_any_order(void **state)
{
    (void)state;
    assert_int_equal(in_child(leave_all), 0);
    assert_int_equal(in_child(clean_up_first), 0);
    assert_int_equal(in_child(free_after_libcrypto), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unloaded_with_connections),
        TEST(loaded_once),
        TEST(loaded_twice),
        TEST(another_version_is_loaded_too),
        TEST(socket_bio_outlives_its_connection),
        TEST(exits_in_any_order),
    };

    if (access(MODULES "/linetls.so", R_OK) != 0)
        return 77;
    setenv("OPENSSL_CONF", "/dev/null", 1);
    signal(SIGPIPE, SIG_IGN);
    /* It is no longer automatic once another one is loaded. */
    if (OSSL_PROVIDER_load(NULL, "default") == NULL)
        return 1;
    return cmocka_run_group_tests_name("provider-module", tests, NULL, NULL);
}
