/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of TLS connections over loopback, without blocking, for tests of
 * the provider. Functions end the test on an error.
 */
#ifndef TLS_PAIR_H
#define TLS_PAIR_H

#include <stddef.h>
#include <openssl/ssl.h>

struct tls_end {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    int state; /* of an operation that is repeated, see try_all() */
    size_t at;
};

struct tls_pair {
    struct tls_end server, client;
};

/* Contexts for @version alone, with a certificate for the server. */
void tls_pair_contexts(struct tls_pair *p, int version);

/* The certificate of all ends, for the other end's store. */
void tls_pair_certify(SSL_CTX *ctx);
void tls_pair_trust(SSL_CTX *ctx);

/* Non-blocking TCP sockets, the second connected to the first. */
void tcp_pair(int *first, int *second);

/* Connected sockets, and an SSL for each end. */
void tls_pair_connect(struct tls_pair *p);

/* What tls_pair_connect() made, then the contexts. */
void tls_pair_disconnect(struct tls_pair *p);
void tls_pair_free(struct tls_pair *p);

/*
 * SSL_do_handshake() of both ends until they have finished. Returns 0 if one of
 * them fails.
 */
int tls_pair_handshake(struct tls_pair *p);

/* The byte at @at of what ends send to each other. */
unsigned char tls_byte(size_t at);

/*
 * @from sends @len bytes and @to reads and checks them. What has to be written
 * again comes from another place in memory each time. Returns 0 if one of them
 * fails, also by a wrong byte.
 */
int tls_transfer(struct tls_end *from, struct tls_end *to, size_t len);

/* Both ends send and get a close_notify. Returns 0 if not. */
int tls_pair_close(struct tls_pair *p);

#endif
