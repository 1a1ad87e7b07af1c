// SPDX-License-Identifier: Apache-2.0
/*
 * A TLS 1.3 application on libssl that changes keys amid its data, on a socket
 * that never blocks.
 *
 *   key_update connect|accept ADDRESS PORT CERT [OPTIONS]
 *
 *   CERT       the peer's (connect), or one's own (accept)
 *   -k KEY     of CERT
 *   -c SUITE   the only one
 *   -f FILE    to be sent
 *   -o FILE    what was received
 *   -u BYTES   a KeyUpdate before each so many bytes
 *   -r         which asks the peer for one, too
 *   -e         end the connection when all is sent, before the peer does
 *   -n BYTES   end it when so many have come, and all is sent
 *   -b BYTES   SO_SNDBUF
 *   -m         when a write has to wait, move the data, and spoil the place
 *   -K         libssl's own kTLS
 *
 * Exit status 0: all was sent, and the peer has ended the connection properly.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define CHUNK 16384

static struct {
    int accepts, asks_peer, ends, moves, ktls, sndbuf;
    const char *address, *cert, *key, *suite, *in, *out;
    int port;
    long every, enough;
} opt;

static struct {
    FILE *in, *out;
    char place[2][CHUNK], *chunk;
    int len, sent;       /* of chunk */
    long until_update;
    long bytes_sent, bytes_received;
    int updates_sent, updates_received;
    int all_sent, closing, peer_closed;
} io;

static void die(const char *what)
{
    fprintf(stderr, "key_update: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void on_message(int sending, int version, int type, const void *data,
    size_t len, SSL *ssl, void *arg)
{
    if (type != SSL3_RT_HANDSHAKE || len == 0
        || *(const char *)data != SSL3_MT_KEY_UPDATE)
        return;
    if (sending)
        io.updates_sent++;
    else
        io.updates_received++;
}

static void parse(int argc, char **argv)
{
    int c;

    if (argc < 5)
        die("usage");
    opt.accepts = strcmp(argv[1], "accept") == 0;
    opt.address = argv[2];
    opt.port = atoi(argv[3]);
    opt.cert = argv[4];
    optind = 5;
    while ((c = getopt(argc, argv, "k:c:f:o:u:rb:en:mK")) != -1) {
        switch (c) {
        case 'k': opt.key = optarg; break;
        case 'c': opt.suite = optarg; break;
        case 'f': opt.in = optarg; break;
        case 'o': opt.out = optarg; break;
        case 'u': opt.every = atol(optarg); break;
        case 'r': opt.asks_peer = 1; break;
        case 'e': opt.ends = 1; break;
        case 'n': opt.enough = atol(optarg); break;
        case 'm': opt.moves = 1; break;
        case 'K': opt.ktls = 1; break;
        case 'b': opt.sndbuf = atoi(optarg); break;
        default: die("usage");
        }
    }
}

static int open_socket(void)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0), listener, one = 1;

    addr.sin_port = htons((unsigned short)opt.port);
    inet_pton(AF_INET, opt.address, &addr.sin_addr);
    if (opt.sndbuf != 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &opt.sndbuf, sizeof(int));
    if (!opt.accepts) {
        if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
            die("connect");
        return fd;
    }
    listener = fd;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) != 0
        || listen(listener, 1) != 0 || (fd = accept(listener, NULL, NULL)) < 0)
        die("accept");
    close(listener);
    return fd;
}

static SSL *open_tls(int fd)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    SSL *ssl;

    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_msg_callback(ctx, on_message);
    SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (opt.ktls)
        SSL_CTX_set_options(ctx, SSL_OP_ENABLE_KTLS);
    if (opt.suite != NULL && !SSL_CTX_set_ciphersuites(ctx, opt.suite))
        die("suite");
    if (opt.accepts) {
        if (SSL_CTX_use_certificate_file(ctx, opt.cert, SSL_FILETYPE_PEM) != 1
            || SSL_CTX_use_PrivateKey_file(ctx, opt.key, SSL_FILETYPE_PEM) != 1)
            die("certificate");
    } else {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        if (SSL_CTX_load_verify_locations(ctx, opt.cert, NULL) != 1)
            die("certificate");
    }
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    if ((opt.accepts ? SSL_accept(ssl) : SSL_connect(ssl)) != 1)
        die("handshake");
    return ssl;
}

/* What to poll for, or 0: something was done. */
static short wait_for(SSL *ssl, int n)
{
    switch (SSL_get_error(ssl, n)) {
    case SSL_ERROR_WANT_READ: return POLLIN;
    case SSL_ERROR_WANT_WRITE: return POLLOUT;
    case SSL_ERROR_ZERO_RETURN: io.peer_closed = 1; return 0;
    default: die(io.closing ? "close" : "connection"); return 0;
    }
}

static short receive(SSL *ssl)
{
    char buf[CHUNK];
    int n = SSL_read(ssl, buf, sizeof(buf));

    if (n <= 0)
        return wait_for(ssl, n);
    if (io.out != NULL && fwrite(buf, 1, (size_t)n, io.out) != (size_t)n)
        die("output");
    io.bytes_received += n;
    return 0;
}

/* An answer to the peer's KeyUpdate that is under way. */
static short finish_update(SSL *ssl)
{
    int n = SSL_in_init(ssl) ? SSL_do_handshake(ssl) : 1;

    return n <= 0 ? wait_for(ssl, n) : 0;
}

static void next_chunk(SSL *ssl)
{
    size_t most = CHUNK;

    if (opt.every != 0 && io.until_update == 0) {
        if (!SSL_key_update(ssl, opt.asks_peer ? SSL_KEY_UPDATE_REQUESTED
                                               : SSL_KEY_UPDATE_NOT_REQUESTED))
            die("SSL_key_update");
        io.until_update = opt.every;
    }
    if (opt.every != 0 && (size_t)io.until_update < most)
        most = (size_t)io.until_update;
    io.len = io.in == NULL ? 0 : (int)fread(io.chunk, 1, most, io.in);
    io.until_update -= io.len;
    io.sent = 0;
    io.all_sent = io.len == 0;
}

/* As SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER allows. */
static void move_chunk(void)
{
    char *old = io.chunk;

    io.chunk = old == io.place[0] ? io.place[1] : io.place[0];
    memcpy(io.chunk, old, (size_t)io.len);
    memset(old, '!', (size_t)io.len);
}

static short transmit(SSL *ssl)
{
    short event = finish_update(ssl);
    int n;

    if (event != 0)
        return event;
    if (io.sent == io.len)
        next_chunk(ssl);
    if (io.all_sent)
        return 0;
    n = SSL_write(ssl, io.chunk + io.sent, io.len - io.sent);
    if (n <= 0) {
        event = wait_for(ssl, n);
        if (opt.moves)
            move_chunk();
        return event;
    }
    io.sent += n;
    io.bytes_sent += n;
    return 0;
}

static short end(SSL *ssl)
{
    short event = finish_update(ssl);
    int n;

    if (event != 0)
        return event;
    n = SSL_shutdown(ssl);
    if (n < 0)
        return wait_for(ssl, n);
    io.closing = 1;
    return 0;
}

static int may_end(void)
{
    return opt.ends || io.peer_closed
        || (opt.enough != 0 && io.bytes_received >= opt.enough);
}

/*
 * libssl answers a KeyUpdate as soon as it has read it, and fails if there is
 * an unfinished write then. So nothing is read before that is done, and two
 * sides that both send more than their sockets hold would wait for ever.
 */
static void pump(SSL *ssl)
{
    struct pollfd pfd = { SSL_get_fd(ssl), 0, 0 };

    while (!io.peer_closed || !io.closing) {
        pfd.events = 0;
        if (!io.all_sent) {
            pfd.events = transmit(ssl);
            if (io.all_sent)
                continue;
        } else if (!io.closing && may_end()) {
            pfd.events = end(ssl);
        }
        if (pfd.events == 0 && !io.peer_closed) {
            pfd.events = receive(ssl);
            if (!io.all_sent)
                continue;
        }
        if (pfd.events != 0 && poll(&pfd, 1, -1) < 0)
            die("poll");
    }
}

int main(int argc, char **argv)
{
    SSL *ssl;
    int fd;

    signal(SIGPIPE, SIG_IGN);
    parse(argc, argv);
    io.chunk = io.place[0];
    if (opt.in != NULL && (io.in = fopen(opt.in, "r")) == NULL)
        die(opt.in);
    if (opt.out != NULL && (io.out = fopen(opt.out, "w")) == NULL)
        die(opt.out);
    if (io.out != NULL)
        setvbuf(io.out, NULL, _IONBF, 0);
    fd = open_socket();
    ssl = open_tls(fd);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    pump(ssl);
    if (io.out != NULL && fclose(io.out) != 0)
        die(opt.out);
    printf("sent %ld received %ld updates-sent %d updates-received %d\n",
        io.bytes_sent, io.bytes_received, io.updates_sent,
        io.updates_received);
    return 0;
}
