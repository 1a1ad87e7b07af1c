// SPDX-License-Identifier: Apache-2.0
/*
 * Which connections get the filter, and that the others are left alone. Real
 * handshakes over loopback; the kernel refuses every ULP (setsockopt() is
 * wrapped), so that all of them end in userspace TLS.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "provider.h"
#include "tls_pair.h"

static int ulps_asked;

int __real_setsockopt(int fd, int level, int name, const void *value,
    socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *value,
    socklen_t len);

int __wrap_setsockopt(int fd, int level, int name, const void *value,
    socklen_t len)
{
    if (level != IPPROTO_TCP || name != TCP_ULP)
        return __real_setsockopt(fd, level, name, value, len);
    __atomic_fetch_add(&ulps_asked, 1, __ATOMIC_SEQ_CST);
    errno = EBUSY; /* not ENOENT, which would be remembered */
    return -1;
}

/* One TLS connection in two threads; the peer echoes until it reads an end. */
struct connection {
    int sockets[2];
    SSL_CTX *server_ctx, *client_ctx;
    SSL *server, *client;
    pthread_t thread;
    int accepted;
};

static struct connection c;

static void blocking_pair(int pair[2])
{
    tcp_pair(&pair[0], &pair[1]);
    fcntl(pair[0], F_SETFL, 0);
    fcntl(pair[1], F_SETFL, 0);
}

static SSL_CTX *server_ctx(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    assert_non_null(ctx);
    tls_pair_certify(ctx);
    return ctx;
}

static int set_up(void **state)
{
    struct lt_config cfg = { 0 };

    (void)state;
    memset(&c, 0, sizeof(c));
    ulps_asked = 0;
    lt_error_init();
    ERR_clear_error();
    if (!lt_bio_init() || !lt_hook_enable(&cfg))
        return -1;
    lt_config = cfg;
    blocking_pair(c.sockets);
    c.server_ctx = server_ctx();
    c.client_ctx = SSL_CTX_new(TLS_client_method());
    c.server = SSL_new(c.server_ctx);
    c.client = SSL_new(c.client_ctx);
    return !SSL_set_fd(c.server, c.sockets[0])
        || !SSL_set_fd(c.client, c.sockets[1]);
}

static int tear_down(void **state)
{
    (void)state;
    SSL_free(c.server);
    SSL_free(c.client);
    SSL_CTX_free(c.server_ctx);
    SSL_CTX_free(c.client_ctx);
    close(c.sockets[0]);
    close(c.sockets[1]);
    lt_hook_disable();
    return 0;
}

static void *serve(void *arg)
{
    struct connection *conn = arg;
    char buf[64];
    int n;

    conn->accepted = SSL_accept(conn->server);
    if (conn->accepted != 1) {
        shutdown(conn->sockets[0], SHUT_RDWR);
        return NULL;
    }
    while ((n = SSL_read(conn->server, buf, sizeof(buf))) > 0) {
        if (SSL_write(conn->server, buf, n) != n)
            break;
    }
    SSL_shutdown(conn->server);
    return NULL;
}

/* Handshake, a round trip of data, shutdown. */
static void talk(void)
{
    char buf[8] = "";

    assert_int_equal(pthread_create(&c.thread, NULL, serve, &c), 0);
    assert_int_equal(SSL_connect(c.client), 1);
    assert_int_equal(SSL_write(c.client, "ping", 4), 4);
    assert_int_equal(SSL_read(c.client, buf, sizeof(buf)), 4);
    assert_string_equal(buf, "ping");
    assert_int_equal(SSL_shutdown(c.client), 0);
    assert_int_equal(SSL_shutdown(c.client), 1);
    pthread_join(c.thread, NULL);
    assert_int_equal(c.accepted, 1);
}

/* Handshake that the server must not survive. */
static void talk_in_vain(void)
{
    char buf[8];

    assert_int_equal(pthread_create(&c.thread, NULL, serve, &c), 0);
    if (SSL_connect(c.client) == 1)
        assert_true(SSL_read(c.client, buf, sizeof(buf)) <= 0);
    pthread_join(c.thread, NULL);
    assert_int_not_equal(c.accepted, 1);
}

static int has_filter(const SSL *ssl)
{
    BIO *bio = SSL_get_wbio(ssl);

    if (!lt_bio_is_filter(bio))
        return 0;
    assert_ptr_equal(SSL_get_rbio(ssl), bio);
    assert_false(lt_bio_is_filter(BIO_next(bio)));
    assert_int_equal(BIO_method_type(BIO_next(bio)), BIO_TYPE_SOCKET);
    return 1;
}

static void versions(int version)
{
    SSL_CTX_set_min_proto_version(c.server_ctx, version);
    SSL_set_max_proto_version(c.client, version);
}

static void both_ends_over_tls13(void **state)
{
    (void)state;
    talk();
    assert_int_equal(SSL_version(c.client), TLS1_3_VERSION);
    assert_true(has_filter(c.server));
    assert_true(has_filter(c.client));
    assert_int_equal(ulps_asked, 2);
    assert_int_equal(SSL_get_fd(c.server), c.sockets[0]);
}

static void both_ends_over_tls12(void **state)
{
    (void)state;
    versions(TLS1_2_VERSION);
    talk();
    assert_int_equal(SSL_version(c.client), TLS1_2_VERSION);
    assert_true(has_filter(c.server));
    assert_true(has_filter(c.client));
    assert_int_equal(ulps_asked, 2);
}

static void again_on_a_cleared_ssl(void **state)
{
    int next[2];

    (void)state;
    talk();
    assert_int_equal(SSL_clear(c.server), 1);
    assert_int_equal(SSL_clear(c.client), 1);
    talk();
    assert_true(has_filter(c.server));
    blocking_pair(next);
    assert_int_equal(SSL_clear(c.server), 1);
    assert_int_equal(SSL_clear(c.client), 1);
    SSL_set_fd(c.server, next[0]);
    SSL_set_fd(c.client, next[1]);
    talk();
    assert_true(has_filter(c.server));
    assert_true(has_filter(c.client));
    close(next[0]);
    close(next[1]);
}

static void wrap_server_bio(BIO *filter)
{
    BIO *bio = SSL_get_wbio(c.server);

    BIO_up_ref(bio);
    BIO_push(filter, bio);
    SSL_set_bio(c.server, filter, filter);
}

static void foreign_chain_is_left_alone(void **state)
{
    (void)state;
    wrap_server_bio(BIO_new(BIO_f_null()));
    talk();
    assert_false(has_filter(c.server));
    assert_int_equal(BIO_method_type(SSL_get_wbio(c.server)),
        BIO_TYPE_NULL_FILTER);
    assert_false(SSL_get_options(c.server) & SSL_OP_ENABLE_KTLS);
    assert_int_equal(ulps_asked, 1);
}

/* As PostgreSQL does: the socket BIO's functions in a method of one's own. */
static void borrowed_methods_are_left_alone(void **state)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOCKET, "socket");
    BIO *bio = BIO_new_socket(c.sockets[0], BIO_NOCLOSE), *own;

    (void)state;
    BIO_meth_set_write_ex(method, BIO_meth_get_write_ex(BIO_s_socket()));
    BIO_meth_set_read_ex(method, BIO_meth_get_read_ex(BIO_s_socket()));
    BIO_meth_set_write(method, BIO_meth_get_write(BIO_s_socket()));
    BIO_meth_set_read(method, BIO_meth_get_read(BIO_s_socket()));
    BIO_meth_set_ctrl(method, BIO_meth_get_ctrl(BIO_s_socket()));
    BIO_meth_set_create(method, BIO_meth_get_create(BIO_s_socket()));
    BIO_meth_set_destroy(method, BIO_meth_get_destroy(BIO_s_socket()));
    own = BIO_new(method);
    assert_non_null(own);
    BIO_set_fd(own, c.sockets[0], BIO_NOCLOSE);
    SSL_set_bio(c.server, own, own);
    talk();
    assert_false(has_filter(c.server));
    assert_int_equal(ulps_asked, 1);
    SSL_free(c.server);
    c.server = NULL;
    BIO_meth_free(method);
    BIO_free(bio);
}

static void separate_bios_are_left_alone(void **state)
{
    (void)state;
    SSL_set_bio(c.server, BIO_new_socket(c.sockets[0], BIO_NOCLOSE),
        BIO_new_socket(c.sockets[0], BIO_NOCLOSE));
    talk();
    assert_false(has_filter(c.server));
}

/* What one end wrote goes to the other, by hand. */
static int carry_over(BIO *from, BIO *to)
{
    char buf[4096];
    int n, total = 0;

    while ((n = BIO_read(from, buf, sizeof(buf))) > 0) {
        assert_int_equal(BIO_write(to, buf, n), n);
        total += n;
    }
    return total;
}

/* out and in are the application's sides of what SSLs write to and read from. */
static void talk_by_hand(BIO *server_out, BIO *server_in, BIO *client_out,
    BIO *client_in)
{
    char buf[8] = "";
    int i;

    SSL_set_accept_state(c.server);
    SSL_set_connect_state(c.client);
    for (i = 0; i < 20; i++) {
        SSL_do_handshake(c.client);
        carry_over(client_out, server_in);
        SSL_do_handshake(c.server);
        carry_over(server_out, client_in);
    }
    assert_true(SSL_is_init_finished(c.server));
    assert_true(SSL_is_init_finished(c.client));
    assert_int_equal(SSL_write(c.server, "ping", 4), 4);
    assert_true(carry_over(server_out, client_in) > 4);
    assert_int_equal(SSL_read(c.client, buf, sizeof(buf)), 4);
    assert_string_equal(buf, "ping");
    assert_false(lt_bio_is_filter(SSL_get_wbio(c.server)));
    assert_false(lt_bio_is_filter(SSL_get_rbio(c.server)));
    assert_false(SSL_get_options(c.server) & SSL_OP_ENABLE_KTLS);
    assert_false(SSL_get_options(c.client) & SSL_OP_ENABLE_KTLS);
    assert_int_equal(ulps_asked, 0);
}

static void memory_bios_are_left_alone(void **state)
{
    BIO *bios[4];
    int i;

    (void)state;
    for (i = 0; i < 4; i++)
        bios[i] = BIO_new(BIO_s_mem());
    SSL_set_bio(c.server, bios[0], bios[1]);
    SSL_set_bio(c.client, bios[2], bios[3]);
    talk_by_hand(bios[1], bios[0], bios[3], bios[2]);
}

static void bio_pairs_are_left_alone(void **state)
{
    BIO *server, *client, *server_far, *client_far;

    (void)state;
    assert_int_equal(BIO_new_bio_pair(&server, 0, &server_far, 0), 1);
    assert_int_equal(BIO_new_bio_pair(&client, 0, &client_far, 0), 1);
    SSL_set_bio(c.server, server, server);
    SSL_set_bio(c.client, client, client);
    talk_by_hand(server_far, server_far, client_far, client_far);
    BIO_free(server_far);
    BIO_free(client_far);
}

/* OpenSSL 3.2 and later has it; these are tests of 3.0 first. */
static void quic_is_left_alone(void **state)
{
    static const unsigned char alpn[] = { 2, 'h', '3' };
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(9),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const SSL_METHOD *(*method)(void);
    int (*set_blocking)(SSL *, int);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    SSL_CTX *ctx;
    SSL *ssl;

    (void)state;
    *(void **)&method = dlsym(RTLD_DEFAULT, "OSSL_QUIC_client_method");
    *(void **)&set_blocking = dlsym(RTLD_DEFAULT, "SSL_set_blocking_mode");
    if (method == NULL || set_blocking == NULL) {
        close(fd);
        skip();
    }
    ctx = SSL_CTX_new(method());
    ssl = SSL_new(ctx);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    assert_int_equal(SSL_set_alpn_protos(ssl, alpn, sizeof(alpn)), 0);
    set_blocking(ssl, 0);
    assert_true(SSL_connect(ssl) <= 0);
    assert_false(lt_bio_is_filter(SSL_get_wbio(ssl)));
    assert_false(lt_bio_is_filter(SSL_get_rbio(ssl)));
    assert_int_equal(ulps_asked, 0);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
}

static void unix_socket_is_left_alone(void **state)
{
    (void)state;
    close(c.sockets[0]);
    close(c.sockets[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, c.sockets), 0);
    SSL_set_fd(c.server, c.sockets[0]);
    SSL_set_fd(c.client, c.sockets[1]);
    talk();
    assert_false(has_filter(c.server));
    assert_int_equal(ulps_asked, 0);
}

static void own_wish_for_ktls_is_kept(void **state)
{
    (void)state;
    SSL_free(c.server);
    SSL_CTX_free(c.server_ctx);
    c.server_ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_options(c.server_ctx, SSL_OP_ENABLE_KTLS);
    tls_pair_certify(c.server_ctx);
    c.server = SSL_new(c.server_ctx);
    SSL_set_fd(c.server, c.sockets[0]);
    wrap_server_bio(BIO_new(BIO_f_null()));
    talk();
    assert_false(has_filter(c.server));
    assert_true(SSL_get_options(c.server) & SSL_OP_ENABLE_KTLS);
}

/* What nginx does in its callback. */
static int change_ctx(SSL *ssl, int *alert, void *arg)
{
    SSL_CTX *ctx = arg;

    (void)alert;
    SSL_set_SSL_CTX(ssl, ctx);
    SSL_clear_options(ssl, SSL_get_options(ssl) & ~SSL_CTX_get_options(ctx));
    SSL_set_options(ssl, SSL_CTX_get_options(ctx));
    return SSL_TLSEXT_ERR_OK;
}

static void sni_keeps_the_offload(void **state)
{
    static const int all[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    SSL_CTX *other = server_ctx();
    SSL_SESSION *session;

    (void)state;
    SSL_CTX_set_tlsext_servername_callback(c.server_ctx, change_ctx);
    SSL_CTX_set_tlsext_servername_arg(c.server_ctx, other);
    SSL_set_tlsext_host_name(c.client, "other");
    versions(all[0]);
    talk();
    assert_int_equal(ulps_asked, 2);

    /* Resumed, where nothing asks the security callback after SNI. */
    session = SSL_get1_session(c.client);
    SSL_clear(c.server);
    SSL_clear(c.client);
    SSL_set_SSL_CTX(c.server, c.server_ctx);
    SSL_set_session(c.client, session);
    SSL_SESSION_free(session);
    talk();
    assert_true(SSL_session_reused(c.client));
    assert_int_equal(ulps_asked, 4);
    SSL_CTX_free(other);
}

static int no_sha1(const SSL *ssl, const SSL_CTX *ctx, int op, int bits,
    int nid, void *other, void *ex)
{
    (void)ssl;
    (void)ctx;
    (void)bits;
    (void)nid;
    (void)other;
    if (op == SSL_SECOP_VERSION)
        ++*(int *)ex;
    return 1;
}

/* An application's own callback replaces ours: no offload, nothing else. */
static void own_security_callback_wins(void **state)
{
    int calls = 0;

    (void)state;
    SSL_set_security_callback(c.server, no_sha1);
    SSL_set0_security_ex_data(c.server, &calls);
    talk();
    assert_true(calls > 0);
    assert_false(has_filter(c.server));
}

static void level_is_still_libssls(void **state)
{
    (void)state;
    SSL_set_security_level(c.server, 5);
    SSL_set_security_level(c.client, 5);
    assert_int_equal(pthread_create(&c.thread, NULL, serve, &c), 0);
    assert_int_not_equal(SSL_connect(c.client), 1);
    shutdown(c.sockets[1], SHUT_RDWR);
    pthread_join(c.thread, NULL);
    assert_int_not_equal(c.accepted, 1);
}

static void require_fails_without_kernel(void **state)
{
    (void)state;
    lt_config.offload = LT_OFFLOAD_REQUIRE;
    talk_in_vain();
    assert_true(ulps_asked > 0);
}

static void require_fails_on_a_foreign_chain(void **state)
{
    (void)state;
    lt_config.offload = LT_OFFLOAD_REQUIRE;
    wrap_server_bio(BIO_new(BIO_f_null()));
    talk_in_vain();
}

/* libssl does not offer the keys of this cipher at all. */
static void require_fails_on_other_ciphers(void **state)
{
    char buf[8];

    (void)state;
    versions(TLS1_2_VERSION);
    SSL_set_cipher_list(c.client, "ECDHE-ECDSA-AES128-SHA256");
    lt_config.offload = LT_OFFLOAD_REQUIRE;
    assert_int_equal(pthread_create(&c.thread, NULL, serve, &c), 0);
    SSL_connect(c.client);
    assert_true(SSL_write(c.client, "ping", 4) <= 0);
    shutdown(c.sockets[1], SHUT_RDWR);
    pthread_join(c.thread, NULL);
    assert_true(SSL_read(c.client, buf, sizeof(buf)) <= 0);
    assert_int_equal(ulps_asked, 0);
}

static void nothing_after_the_provider_is_gone(void **state)
{
    (void)state;
    lt_hook_disable();
    talk();
    assert_false(has_filter(c.server));
    assert_false(has_filter(c.client));
    assert_int_equal(ulps_asked, 0);
    assert_true(lt_hook_enable(&lt_config));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_ends_over_tls13),
        TEST(both_ends_over_tls12),
        TEST(again_on_a_cleared_ssl),
        TEST(foreign_chain_is_left_alone),
        TEST(borrowed_methods_are_left_alone),
        TEST(separate_bios_are_left_alone),
        TEST(memory_bios_are_left_alone),
        TEST(bio_pairs_are_left_alone),
        TEST(quic_is_left_alone),
        TEST(unix_socket_is_left_alone),
        TEST(own_wish_for_ktls_is_kept),
        TEST(sni_keeps_the_offload),
        TEST(own_security_callback_wins),
        TEST(level_is_still_libssls),
        TEST(require_fails_without_kernel),
        TEST(require_fails_on_a_foreign_chain),
        TEST(require_fails_on_other_ciphers),
        TEST(nothing_after_the_provider_is_gone),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("provider-hook", tests, NULL, NULL);
}
