// SPDX-License-Identifier: Apache-2.0
/*
 * Whole connections with keys in the kernel: what the other end sees, in every
 * case that libssl treats in a way of its own. The kernel is fake_kernel.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/tls.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_kernel.h"
#include "provider.h"
#include "tls_pair.h"

static struct tls_pair p;
static int sessions; /* that the client was given */

static int set_up(void **state)
{
    struct lt_config cfg = { 0 };

    (void)state;
    memset(&p, 0, sizeof(p));
    p.server.fd = p.client.fd = -1;
    sessions = 0;
    fake_kernel_reset();
    lt_error_init();
    ERR_clear_error();
    if (!lt_bio_init() || !lt_hook_enable(&cfg))
        return -1;
    lt_config = cfg;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_pair_free(&p);
    lt_hook_disable();
    return 0;
}

static int new_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    (void)session;
    sessions++;
    return 0;
}

static void contexts(int version)
{
    tls_pair_contexts(&p, version);
    SSL_CTX_set_session_cache_mode(p.client.ctx, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(p.client.ctx, new_session);
}

/* Of @with the writes are the kernel's, and are counted; the other's are not. */
static void connect_with(struct tls_end *with)
{
    struct tls_end *other = with == &p.server ? &p.client : &p.server;

    tls_pair_connect(&p);
    fake_kernel_forget(p.server.fd);
    fake_kernel_forget(p.client.fd);
    fake_kernel.watched = with->fd;
    fake_kernel.refused = other->fd;
}

static void handshake_with(struct tls_end *with)
{
    connect_with(with);
    assert_true(tls_pair_handshake(&p));
}

/* SSL_do_handshake() of @with, after it was given something to say. */
static int say(struct tls_end *with)
{
    int i;

    for (i = 0; i < 10; i++) {
        int ret = SSL_do_handshake(with->ssl);

        if (ret == 1)
            return 1;
        if (SSL_get_error(with->ssl, ret) != SSL_ERROR_WANT_WRITE)
            return 0;
    }
    return 0;
}

/*
 * Everything that a connection has to say: handshake, tickets, data both ways,
 * new keys on both sides, alerts. Returns 0 if anything is not as it should be.
 */
static int whole_connection(struct tls_end *with)
{
    struct tls_end *other = with == &p.server ? &p.client : &p.server;
    int tls13 = SSL_CTX_get_min_proto_version(p.server.ctx) == TLS1_3_VERSION;

    if (!tls_pair_handshake(&p) || !tls_transfer(with, other, 30000)
        || !tls_transfer(other, with, 5000))
        return 0;
    if (tls13) {
        if (!SSL_key_update(with->ssl, SSL_KEY_UPDATE_REQUESTED) || !say(with)
            || !tls_transfer(with, other, 1000)
            || !tls_transfer(other, with, 1000))
            return 0;
        if (with == &p.server
            && (!SSL_new_session_ticket(with->ssl) || !say(with)
                || !tls_transfer(with, other, 1000)))
            return 0;
        /* The other asks, in the midst of a transfer. */
        if (!SSL_key_update(other->ssl, SSL_KEY_UPDATE_REQUESTED)
            || !say(other) || !tls_transfer(other, with, 1000)
            || !tls_transfer(with, other, 30000))
            return 0;
    }
    return tls_pair_close(&p);
}

/*
 * libssl keeps its keys where what is before them can't be flushed; that is one
 * of the writes at most.
 */
static void every_write_again(int version, struct tls_end *with, int *fault)
{
    int at, calls, kept = 0, rekeys = version == TLS1_3_VERSION ? 2 : 0;

    contexts(version);
    *fault = 0;
    connect_with(with);
    fake_kernel.writes = fake_kernel.keys = sessions = 0;
    assert_true(whole_connection(with));
    calls = fake_kernel.writes;
    assert_in_range(calls, 6, 60);
    assert_int_equal(fake_kernel.keys, 1 + rekeys);
    assert_int_equal(sessions, with == &p.server && rekeys != 0 ? 3
            : rekeys != 0 ? 2 : 1);
    for (at = 1; at <= calls; at++) {
        tls_pair_disconnect(&p);
        connect_with(with);
        fake_kernel.writes = fake_kernel.keys = sessions = 0;
        *fault = at;
        if (!whole_connection(with))
            fail_msg("write %d of %d was refused once: it does not go on", at,
                calls);
        assert_true(fake_kernel.writes >= at);
        if (fake_kernel.keys == 0)
            kept++;
        else
            assert_int_equal(fake_kernel.keys, 1 + rekeys);
    }
    assert_in_range(kept, 0, 1);
    *fault = 0;
}

static void every_write_of_a_server_meets_a_full_socket(void **state)
{
    (void)state;
    every_write_again(TLS1_3_VERSION, &p.server, &fake_kernel.again_at);
    tls_pair_free(&p);
    every_write_again(TLS1_2_VERSION, &p.server, &fake_kernel.again_at);
}

static void every_write_of_a_client_meets_a_full_socket(void **state)
{
    (void)state;
    every_write_again(TLS1_3_VERSION, &p.client, &fake_kernel.again_at);
    tls_pair_free(&p);
    every_write_again(TLS1_2_VERSION, &p.client, &fake_kernel.again_at);
}

/* Only data may be taken in part: the kernel takes other records whole. */
static void every_write_is_taken_in_part(void **state)
{
    (void)state;
    contexts(TLS1_3_VERSION);
    connect_with(&p.server);
    assert_true(tls_pair_handshake(&p));
    fake_kernel.short_at = fake_kernel.writes + 1;
    assert_true(tls_transfer(&p.server, &p.client, 30000));
    fake_kernel.short_at = fake_kernel.writes + 2;
    assert_true(tls_transfer(&p.server, &p.client, 30000));
    assert_true(tls_pair_close(&p));
}

static void tickets_after_the_handover_resume(void **state)
{
    SSL_SESSION *session;

    (void)state;
    contexts(TLS1_3_VERSION);
    handshake_with(&p.server);
    assert_int_equal(fake_kernel.keys, 1);
    assert_true(tls_transfer(&p.server, &p.client, 10));
    assert_int_equal(sessions, 2);
    assert_int_equal(fake_kernel.records[22], 2);
    session = SSL_get1_session(p.client.ssl);
    assert_true(tls_pair_close(&p));
    tls_pair_disconnect(&p);
    connect_with(&p.server);
    SSL_set_session(p.client.ssl, session);
    SSL_SESSION_free(session);
    assert_true(whole_connection(&p.server));
    assert_true(SSL_session_reused(p.client.ssl));
}

/* A fatal alert is worth as much as without us: its reader sees which it is. */
static void fatal_alert_arrives(void **state)
{
    static const int faults[] = { 0, EAGAIN };
    size_t i;

    (void)state;
    contexts(TLS1_3_VERSION);
    for (i = 0; i < 2; i++) {
        unsigned char junk[64] = { 23, 3, 3, 0, 59 };
        char buf[8];
        int tries;

        handshake_with(&p.server);
        assert_true(tls_transfer(&p.server, &p.client, 10));
        assert_int_equal(send(p.client.fd, junk, sizeof(junk), 0), 64);
        fake_kernel.again_at = faults[i] != 0 ? fake_kernel.writes + 1 : 0;
        for (tries = 0; tries < 3; tries++) {
            assert_int_equal(SSL_read(p.server.ssl, buf, sizeof(buf)), -1);
            ERR_clear_error();
        }
        SSL_shutdown(p.server.ssl);
        ERR_clear_error();
        shutdown(p.server.fd, SHUT_WR);
        while (SSL_read(p.client.ssl, buf, sizeof(buf)) <= 0
            && SSL_get_error(p.client.ssl, -1) == SSL_ERROR_WANT_READ)
            ;
        /* libssl itself gives an alert up that the socket did not take. */
        if (faults[i] == 0)
            assert_int_equal(ERR_GET_REASON(ERR_peek_error()),
                SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
        tls_pair_disconnect(&p);
    }
}

static int accept_any(int ok, X509_STORE_CTX *ctx)
{
    (void)ok;
    (void)ctx;
    return 1;
}

static void client_certificates(int version, struct tls_end *with)
{
    contexts(version);
    tls_pair_certify(p.client.ctx);
    SSL_CTX_set_verify(p.server.ctx,
        SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
    SSL_CTX_set_session_id_context(p.server.ctx, (void *)"x", 1);
    connect_with(with);
    fake_kernel.keys = 0;
    assert_true(whole_connection(with));
    assert_non_null(SSL_get0_peer_certificate(p.server.ssl));
    assert_true(fake_kernel.keys > 0);
    tls_pair_free(&p);
    memset(&p, 0, sizeof(p));
}

static void certificates_of_clients(void **state)
{
    (void)state;
    client_certificates(TLS1_3_VERSION, &p.server);
    client_certificates(TLS1_3_VERSION, &p.client);
    client_certificates(TLS1_2_VERSION, &p.server);
    client_certificates(TLS1_2_VERSION, &p.client);
}

/* The server asks, and the client answers, when keys are in the kernel. */
static void post_handshake(struct tls_end *with)
{
    contexts(TLS1_3_VERSION);
    tls_pair_certify(p.client.ctx);
    SSL_CTX_set_post_handshake_auth(p.client.ctx, 1);
    SSL_CTX_set_session_id_context(p.server.ctx, (void *)"x", 1);
    connect_with(with);
    assert_true(tls_pair_handshake(&p));
    assert_true(tls_transfer(&p.server, &p.client, 100));
    SSL_set_verify(p.server.ssl,
        SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
    fake_kernel.records[22] = 0;
    fake_kernel.again_at = fake_kernel.writes + 1;
    assert_int_equal(SSL_verify_client_post_handshake(p.server.ssl), 1);
    assert_true(say(&p.server));
    assert_true(tls_transfer(&p.server, &p.client, 100));
    assert_true(tls_transfer(&p.client, &p.server, 100));
    assert_non_null(SSL_get0_peer_certificate(p.server.ssl));
    assert_true(fake_kernel.records[22] > 0);
    assert_true(tls_pair_close(&p));
    tls_pair_free(&p);
    memset(&p, 0, sizeof(p));
}

static void authentication_after_the_handshake(void **state)
{
    (void)state;
    post_handshake(&p.server);
    post_handshake(&p.client);
}

static int step_early(SSL *ssl, int ret)
{
    int error = SSL_get_error(ssl, ret);

    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

/*
 * The client's first flight has data, under keys that the kernel does not get;
 * the server answers before the handshake is over, under keys that it has.
 */
static void early_data(struct tls_end *with)
{
    char buf[32] = "";
    SSL_SESSION *session;
    size_t n = 0;
    int ret, i;

    contexts(TLS1_3_VERSION);
    SSL_CTX_set_max_early_data(p.server.ctx, 1000);
    handshake_with(with);
    assert_true(tls_transfer(&p.server, &p.client, 10));
    session = SSL_get1_session(p.client.ssl);
    assert_true(tls_pair_close(&p));
    tls_pair_disconnect(&p);

    connect_with(with);
    SSL_set_session(p.client.ssl, session);
    SSL_SESSION_free(session);
    assert_int_equal(
        SSL_write_early_data(p.client.ssl, "early", 5, &n), 1);
    for (i = 0; i < 100; i++) {
        ret = SSL_read_early_data(p.server.ssl, buf, sizeof(buf), &n);
        if (ret != SSL_READ_EARLY_DATA_ERROR)
            break;
        assert_true(step_early(p.server.ssl, 0));
    }
    assert_int_equal(ret, SSL_READ_EARLY_DATA_SUCCESS);
    assert_int_equal(n, 5);
    assert_string_equal(buf, "early");
    assert_int_equal(SSL_write_early_data(p.server.ssl, "half", 4, &n), 1);
    for (i = 0; i < 100 && ret != SSL_READ_EARLY_DATA_FINISH; i++) {
        SSL_do_handshake(p.client.ssl);
        ret = SSL_read_early_data(p.server.ssl, buf, sizeof(buf), &n);
        assert_true(ret == SSL_READ_EARLY_DATA_FINISH
            || step_early(p.server.ssl, 0));
    }
    assert_true(tls_pair_handshake(&p));
    memset(buf, 0, sizeof(buf));
    assert_int_equal(SSL_read(p.client.ssl, buf, sizeof(buf)), 4);
    assert_string_equal(buf, "half");
    assert_true(tls_transfer(&p.server, &p.client, 20000));
    assert_true(tls_transfer(&p.client, &p.server, 20000));
    assert_true(tls_pair_close(&p));
    assert_int_equal(SSL_get_early_data_status(p.client.ssl),
        SSL_EARLY_DATA_ACCEPTED);
    tls_pair_free(&p);
    memset(&p, 0, sizeof(p));
}

static void data_before_the_handshake_is_over(void **state)
{
    (void)state;
    early_data(&p.server);
    early_data(&p.client);
}

/* As with SSL_OP_NO_RENEGOTIATION: the client is told, and nothing else. */
static void renegotiation_is_refused(void **state)
{
    char buf[8];
    int i;

    (void)state;
    contexts(TLS1_2_VERSION);
    handshake_with(&p.server);
    assert_true(tls_transfer(&p.server, &p.client, 1000));
    memset(fake_kernel.records, 0, sizeof(fake_kernel.records));
    SSL_renegotiate(p.client.ssl);
    for (i = 0; i < 10; i++) {
        SSL_do_handshake(p.client.ssl);
        SSL_read(p.server.ssl, buf, sizeof(buf));
    }
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    assert_int_equal(fake_kernel.keys, 1);
    assert_int_equal(fake_kernel.records[22], 0);
    assert_true(fake_kernel.records[21] > 0);
    /* Neither does the server begin one. */
    tls_pair_disconnect(&p);
    ERR_clear_error();
    handshake_with(&p.server);
    assert_int_equal(SSL_renegotiate(p.server.ssl), 0);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    assert_true(tls_transfer(&p.server, &p.client, 1000));
    assert_true(tls_pair_close(&p));
}

static void cleared_ssl_is_used_on_a_new_socket(void **state)
{
    static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct tls_pair old;

        contexts(versions[i]);
        connect_with(&p.server);
        assert_true(whole_connection(&p.server));
        old = p;
        tcp_pair(&p.server.fd, &p.client.fd);
        fake_kernel_forget(p.server.fd);
        fake_kernel.watched = p.server.fd;
        fake_kernel.refused = p.client.fd;
        assert_int_equal(SSL_clear(p.server.ssl), 1);
        assert_int_equal(SSL_clear(p.client.ssl), 1);
        assert_int_equal(SSL_set_fd(p.server.ssl, p.server.fd), 1);
        assert_int_equal(SSL_set_fd(p.client.ssl, p.client.fd), 1);
        fake_kernel.keys = 0;
        assert_true(whole_connection(&p.server));
        assert_true(fake_kernel.keys > 0);
        close(old.server.fd);
        close(old.client.fd);
        tls_pair_free(&p);
        memset(&p, 0, sizeof(p));
    }
}

/* The kernel cannot go back: nothing may be written to the socket any more. */
static void cleared_ssl_is_refused_on_the_same_socket(void **state)
{
    int writes;

    (void)state;
    contexts(TLS1_3_VERSION);
    connect_with(&p.server);
    assert_true(whole_connection(&p.server));
    writes = fake_kernel.writes;
    assert_int_equal(SSL_clear(p.server.ssl), 1);
    assert_int_equal(SSL_clear(p.client.ssl), 1);
    assert_false(tls_pair_handshake(&p));
    assert_int_equal(fake_kernel.writes, writes);
}

/* SSL_dup() leaves the BIOs behind, whatever they are. */
static void duplicates_are_connections_of_their_own(void **state)
{
    struct tls_pair other;

    (void)state;
    contexts(TLS1_3_VERSION);
    connect_with(&p.server);
    assert_true(whole_connection(&p.server));
    other = p;
    assert_int_equal(SSL_clear(p.server.ssl), 1);
    assert_int_equal(SSL_clear(p.client.ssl), 1);
    other.server.ssl = SSL_dup(p.server.ssl);
    other.client.ssl = SSL_dup(p.client.ssl);
    assert_non_null(other.server.ssl);
    tcp_pair(&other.server.fd, &other.client.fd);
    fake_kernel_forget(other.server.fd);
    fake_kernel.refused = other.client.fd;
    fake_kernel.keys = 0;
    SSL_set_fd(other.server.ssl, other.server.fd);
    SSL_set_fd(other.client.ssl, other.client.fd);
    SSL_free(p.server.ssl);
    p.server.ssl = NULL;
    assert_true(tls_pair_handshake(&other));
    assert_true(tls_transfer(&other.server, &other.client, 20000));
    assert_int_equal(fake_kernel.keys, 1);
    assert_true(SSL_key_update(other.server.ssl, SSL_KEY_UPDATE_REQUESTED)
        && say(&other.server));
    assert_true(tls_transfer(&other.server, &other.client, 20000));
    assert_int_equal(fake_kernel.keys, 2);
    assert_true(tls_pair_close(&other));
    tls_pair_disconnect(&other);
}

/* The application keeps what it takes to be its BIO. */
static void filter_outlives_its_connection(void **state)
{
    char buf[16] = "";
    BIO *bio;

    (void)state;
    contexts(TLS1_3_VERSION);
    connect_with(&p.server);
    fake_kernel.refused = p.server.fd;
    assert_true(whole_connection(&p.server));
    bio = SSL_get_rbio(p.server.ssl);
    assert_true(lt_bio_is_filter(bio));
    BIO_up_ref(bio);
    SSL_free(p.server.ssl);
    p.server.ssl = NULL;
    lt_config.offload = LT_OFFLOAD_REQUIRE;
    assert_int_equal(BIO_write(bio, "bye", 3), 3);
    assert_int_equal(recv(p.client.fd, buf, sizeof(buf), 0), 3);
    assert_int_equal(send(p.client.fd, "yes", 3, 0), 3);
    assert_int_equal(BIO_read(bio, buf, sizeof(buf)), 3);
    BIO_free_all(bio);
}

/* Freed with a write that the socket did not take: nothing leaks. */
static void freed_with_data_pending(void **state)
{
    static char data[20000];

    (void)state;
    contexts(TLS1_3_VERSION);
    handshake_with(&p.server);
    fake_kernel.send_error = EAGAIN;
    assert_int_equal(SSL_write(p.server.ssl, data, sizeof(data)), -1);
    assert_int_equal(SSL_get_error(p.server.ssl, -1), SSL_ERROR_WANT_WRITE);
    assert_int_equal(BIO_wpending(SSL_get_wbio(p.server.ssl)), 0);
    SSL_free(p.server.ssl);
    p.server.ssl = NULL;
}

/* No second layer and no plaintext: the connection is over. */
static void kernel_that_fails_ends_the_connection(void **state)
{
    static const int errors[] = { EPIPE, ENETDOWN, EIO, EBADMSG };
    unsigned char wire[64];
    size_t i;

    (void)state;
    contexts(TLS1_3_VERSION);
    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        int n;

        handshake_with(&p.server);
        assert_true(tls_transfer(&p.server, &p.client, 1000));
        fake_kernel.send_error = errors[i];
        assert_int_equal(SSL_write(p.server.ssl, "secret", 6), -1);
        assert_int_equal(SSL_get_error(p.server.ssl, -1), SSL_ERROR_SYSCALL);
        n = fake_kernel.keys;
        SSL_write(p.server.ssl, "secret", 6);
        SSL_shutdown(p.server.ssl);
        fake_kernel.send_error = 0;
        assert_int_equal(fake_kernel.keys, n);
        assert_int_equal(recv(p.client.fd, wire, sizeof(wire), 0), -1);
        tls_pair_disconnect(&p);
    }
}

static void in_child(void (*work)(void))
{
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        work();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* As a worker of a server that has read its configuration before. */
static void serve_one(void)
{
    fake_kernel_reset();
    connect_with(&p.server);
    if (!whole_connection(&p.server) || fake_kernel.keys != 3)
        _exit(1);
    tls_pair_disconnect(&p);
}

static void workers_after_a_fork(void **state)
{
    (void)state;
    contexts(TLS1_3_VERSION);
    in_child(serve_one);
    in_child(serve_one);
    serve_one();
}

/* What a child does with a connection that both have. */
static void go_on(void)
{
    if (!tls_transfer(&p.server, &p.client, 5000))
        _exit(1);
    if (!tls_transfer(&p.client, &p.server, 5000))
        _exit(2);
    if (!tls_pair_close(&p))
        _exit(3);
}

static void only_free(void)
{
    SSL_free(p.server.ssl);
    SSL_CTX_free(p.server.ctx);
}

static void connections_across_a_fork(void **state)
{
    (void)state;
    contexts(TLS1_3_VERSION);
    handshake_with(&p.server);
    assert_true(tls_transfer(&p.server, &p.client, 1000));
    /* One child lets go of it, another one takes it over. */
    in_child(only_free);
    assert_true(tls_transfer(&p.server, &p.client, 1000));
    in_child(go_on);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_write_of_a_server_meets_a_full_socket),
        TEST(every_write_of_a_client_meets_a_full_socket),
        TEST(every_write_is_taken_in_part),
        TEST(tickets_after_the_handover_resume),
        TEST(fatal_alert_arrives),
        TEST(certificates_of_clients),
        TEST(authentication_after_the_handshake),
        TEST(data_before_the_handshake_is_over),
        TEST(renegotiation_is_refused),
        TEST(cleared_ssl_is_used_on_a_new_socket),
        TEST(cleared_ssl_is_refused_on_the_same_socket),
        TEST(duplicates_are_connections_of_their_own),
        TEST(filter_outlives_its_connection),
        TEST(freed_with_data_pending),
        TEST(kernel_that_fails_ends_the_connection),
        TEST(workers_after_a_fork),
        TEST(connections_across_a_fork),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("provider-kernel", tests, NULL, NULL);
}
