// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tls_pair.h"

#define ROUNDS 2000
#define CHUNK 12000

static EVP_PKEY *key;
static X509 *cert;

static void make_certificate(void)
{
    X509_NAME *name;

    key = EVP_EC_gen("P-256");
    cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
        (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
}

void tls_pair_certify(SSL_CTX *ctx)
{
    if (key == NULL)
        make_certificate();
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
}

void tls_pair_trust(SSL_CTX *ctx)
{
    assert_int_equal(
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert), 1);
}

void tls_pair_contexts(struct tls_pair *p, int version)
{
    memset(p, 0, sizeof(*p));
    p->server.fd = p->client.fd = -1;
    p->server.ctx = SSL_CTX_new(TLS_server_method());
    p->client.ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(p->server.ctx);
    assert_non_null(p->client.ctx);
    tls_pair_certify(p->server.ctx);
    SSL_CTX_set_min_proto_version(p->server.ctx, version);
    SSL_CTX_set_max_proto_version(p->server.ctx, version);
    SSL_CTX_set_cipher_list(p->server.ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
    SSL_CTX_set_ciphersuites(p->server.ctx, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_mode(p->server.ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
        | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_mode(p->client.ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
        | SSL_MODE_ENABLE_PARTIAL_WRITE);
}

static void prepare_socket(int fd)
{
    int one = 1;

    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void tcp_pair(int *first, int *second)
{
    struct sockaddr_in addr = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    getsockname(listener, (struct sockaddr *)&addr, &len);
    *second = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(*second, (struct sockaddr *)&addr, len), 0);
    *first = accept(listener, NULL, NULL);
    assert_true(*first >= 0);
    close(listener);
    prepare_socket(*first);
    prepare_socket(*second);
}

void tls_pair_connect(struct tls_pair *p)
{
    tcp_pair(&p->server.fd, &p->client.fd);
    p->server.ssl = SSL_new(p->server.ctx);
    p->client.ssl = SSL_new(p->client.ctx);
    assert_int_equal(SSL_set_fd(p->server.ssl, p->server.fd), 1);
    assert_int_equal(SSL_set_fd(p->client.ssl, p->client.fd), 1);
    SSL_set_accept_state(p->server.ssl);
    SSL_set_connect_state(p->client.ssl);
}

static void disconnect(struct tls_end *end)
{
    SSL_free(end->ssl);
    end->ssl = NULL;
    if (end->fd >= 0)
        close(end->fd);
    end->fd = -1;
}

void tls_pair_disconnect(struct tls_pair *p)
{
    disconnect(&p->server);
    disconnect(&p->client);
}

void tls_pair_free(struct tls_pair *p)
{
    tls_pair_disconnect(p);
    SSL_CTX_free(p->server.ctx);
    SSL_CTX_free(p->client.ctx);
}

/* Returns 1: done, 0: try again, -1: failed. */
static int outcome(const struct tls_end *end, int ret)
{
    if (ret > 0)
        return 1;
    switch (SSL_get_error(end->ssl, ret)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return 0;
    default:
        return -1;
    }
}

typedef int step(struct tls_end *end);

/* Both steps in turn, until both are done. Returns 0 if one fails. */
static int try_all(step *one, struct tls_end *a, step *two, struct tls_end *b)
{
    int i;

    a->state = b->state = 0;
    for (i = 0; i < ROUNDS; i++) {
        if (a->state == 0)
            a->state = one(a);
        if (b->state == 0)
            b->state = two(b);
        if (a->state < 0 || b->state < 0)
            return 0;
        if (a->state > 0 && b->state > 0)
            return 1;
        if (i % 8 == 7)
            poll(NULL, 0, 1);
    }
    return 0;
}

static int do_handshake(struct tls_end *end)
{
    ERR_clear_error();
    return outcome(end, SSL_do_handshake(end->ssl));
}

int tls_pair_handshake(struct tls_pair *p)
{
    return try_all(do_handshake, &p->server, do_handshake, &p->client);
}

unsigned char tls_byte(size_t at)
{
    return (unsigned char)(at * 7 % 251);
}

static _Thread_local size_t transfer_len;

static int do_write(struct tls_end *end)
{
    static _Thread_local unsigned char places[2][CHUNK];
    static _Thread_local int place;
    size_t len = transfer_len - end->at, i;
    unsigned char *data = places[place];
    int ret, done;

    if (len > CHUNK)
        len = CHUNK;
    for (i = 0; i < len; i++)
        data[i] = tls_byte(end->at + i);
    ERR_clear_error();
    ret = SSL_write(end->ssl, data, (int)len);
    done = outcome(end, ret);
    memset(data, 0xee, CHUNK);
    place = !place;
    if (done > 0)
        end->at += (size_t)ret;
    return done > 0 ? end->at == transfer_len : done;
}

static int do_read(struct tls_end *end)
{
    unsigned char data[20000];
    int ret, done, i;

    ERR_clear_error();
    ret = SSL_read(end->ssl, data, sizeof(data));
    done = outcome(end, ret);
    for (i = 0; i < ret; i++) {
        if (data[i] != tls_byte(end->at++))
            return -1;
    }
    return done > 0 ? end->at == transfer_len : done;
}

int tls_transfer(struct tls_end *from, struct tls_end *to, size_t len)
{
    transfer_len = len;
    from->at = to->at = 0;
    return try_all(do_write, from, do_read, to);
}

/* Sends its own, then waits for the other's. */
static int do_shutdown(struct tls_end *end)
{
    int ret;

    ERR_clear_error();
    ret = SSL_shutdown(end->ssl);
    return ret == 0 ? 0 : outcome(end, ret);
}

int tls_pair_close(struct tls_pair *p)
{
    return try_all(do_shutdown, &p->server, do_shutdown, &p->client);
}
