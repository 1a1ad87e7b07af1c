// SPDX-License-Identifier: Apache-2.0
/*
 * bench_handshake: TLS connections between the two ends of one process, for a
 * program that counts its instructions.
 *
 *   bench_handshake WAY N CERT KEY
 *
 *   WAY  sockets   both ends on a TCP socket
 *        memory    both ends on memory BIOs
 *   N    so many connections, one after the other: TLS 1.3 handshake with a
 *        ticket, one byte from the server, and both alerts
 *
 * Nothing waits: what one end sends on loopback the other one can read.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

static void make_sockets(int listener, int *client, int *server)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof(addr);
    int one = 1;

    *client = socket(AF_INET, SOCK_STREAM, 0);
    if (getsockname(listener, (struct sockaddr *)&addr, &len) != 0
        || connect(*client, (struct sockaddr *)&addr, len) != 0
        || (*server = accept(listener, NULL, NULL)) < 0)
        err(1, "sockets");
    setsockopt(*server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    fcntl(*client, F_SETFL, O_NONBLOCK);
    fcntl(*server, F_SETFL, O_NONBLOCK);
}

static int listen_here(void)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0
        || listen(fd, 8) != 0)
        err(1, "listen");
    return fd;
}

static void join(SSL *client, SSL *server, int listener)
{
    int fds[2];

    if (listener >= 0) {
        make_sockets(listener, &fds[0], &fds[1]);
        SSL_set_fd(client, fds[0]);
        SSL_set_fd(server, fds[1]);
    } else {
        BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());

        BIO_up_ref(up);
        BIO_up_ref(down);
        SSL_set_bio(client, down, up);
        SSL_set_bio(server, up, down);
    }
}

/* What is counted is by end, so each has a function of its own. */
enum step { HANDSHAKE, WRITE, READ, SHUTDOWN, FREE };

static inline int do_step(SSL *ssl, enum step step)
{
    char byte = 'x';

    switch (step) {
    case HANDSHAKE: return SSL_do_handshake(ssl);
    case WRITE: return SSL_write(ssl, &byte, 1);
    case READ: return SSL_read(ssl, &byte, 1);
    case SHUTDOWN: return SSL_shutdown(ssl);
    case FREE: SSL_free(ssl);
    }
    return 0;
}

__attribute__((noinline)) int client_step(SSL *ssl, enum step step);
__attribute__((noinline)) int server_step(SSL *ssl, enum step step);

int client_step(SSL *ssl, enum step step)
{
    return do_step(ssl, step);
}

int server_step(SSL *ssl, enum step step)
{
    return do_step(ssl, step);
}

static void must(SSL *ssl, int ok, const char *what)
{
    int why = SSL_get_error(ssl, ok);

    if (ok <= 0 && why != SSL_ERROR_WANT_READ)
        errx(1, "%s: %d", what, why);
}

static void connection(SSL_CTX *cctx, SSL_CTX *sctx, int listener)
{
    SSL *client = SSL_new(cctx), *server = SSL_new(sctx);
    int steps, fds[2];

    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    join(client, server, listener);
    for (steps = 0; steps < 10 && !SSL_is_init_finished(server); steps++) {
        must(client, client_step(client, HANDSHAKE), "client");
        must(server, server_step(server, HANDSHAKE), "server");
    }
    if (server_step(server, WRITE) != 1 || client_step(client, READ) != 1)
        errx(1, "data");
    if (server_step(server, SHUTDOWN) != 0 || client_step(client, READ) != 0
        || client_step(client, SHUTDOWN) != 1
        || server_step(server, READ) != 0)
        errx(1, "close");
    fds[0] = SSL_get_fd(client);
    fds[1] = SSL_get_fd(server);
    client_step(client, FREE);
    server_step(server, FREE);
    if (listener >= 0) {
        close(fds[0]);
        close(fds[1]);
    }
}

int main(int argc, char **argv)
{
    SSL_CTX *cctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX *sctx = SSL_CTX_new(TLS_server_method());
    int i, listener;

    if (argc != 5)
        errx(2, "usage: bench_handshake sockets|memory N CERT KEY");
    listener = strcmp(argv[1], "sockets") == 0 ? listen_here() : -1;
    SSL_CTX_set_min_proto_version(cctx, TLS1_3_VERSION);
    SSL_CTX_set_verify(cctx, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_locations(cctx, argv[3], NULL) != 1
        || SSL_CTX_use_certificate_file(sctx, argv[3], SSL_FILETYPE_PEM) != 1
        || SSL_CTX_use_PrivateKey_file(sctx, argv[4], SSL_FILETYPE_PEM) != 1)
        errx(1, "certificate");
    for (i = 0; i < atoi(argv[2]); i++)
        connection(cctx, sctx, listener);
    SSL_CTX_free(cctx);
    SSL_CTX_free(sctx);
    return 0;
}
