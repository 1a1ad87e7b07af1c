// SPDX-License-Identifier: Apache-2.0
/*
 * A TLS client that misbehaves: at each point of the protocol each thing, on a
 * connection of its own, and a line about what the server made of it.
 *
 *   hostile_peer ADDRESS PORT VERSION CERT REQUEST BODY [POINT ACTION]
 *
 *   VERSION  1.2 or 1.3
 *   REQUEST  what an honest client would send; it is cut in two for the point
 *            "upload"
 *   BODY     what must follow the header of the answer, or begin to
 *   POINT ACTION  this one alone
 *
 * A line is POINT ACTION: the answer's status; none, part or all of its body; the
 * alerts that came; how the connection ended. After an action that breaks the protocol the peer
 * sends a FIN, so that nobody waits; after one that does not, the rest follows
 * as if nothing had happened. Exit status 1: something else than BODY came.
 *
 * libssl has memory BIOs here. Records that it would not make are encrypted
 * with the client's secret from its key log, in TLS 1.3; it does not send any
 * more after that, and its sequence numbers are ours.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#define SUITE_13 "TLS_AES_128_GCM_SHA256"
#define SUITE_12 "ECDHE-ECDSA-AES128-GCM-SHA256"
#define DOWNLOADED 65536 /* at the point "download" */
#define HURRY 30000      /* ms; a server that is silent for so long hangs */

static struct file {
    unsigned char *data;
    size_t len;
} request, body;

static struct sockaddr_in server;
static bool tls13;
static SSL_CTX *ctx;

/* One connection. */
static struct {
    int fd;
    SSL *ssl;
    BIO *in, *out;
    bool over; /* FIN or RST */
    const char *end;
    unsigned char secret[32];
    uint64_t seq;      /* of the next record that we send */
    bool established;  /* records count for seq */
    char head[8192];   /* of the answer */
    size_t head_len, got;
    bool in_body, wrong, closed, failed;
    char alerts[200];
} c;

enum point { CONNECTED, HANDSHAKE, IDLE, UPLOAD, DOWNLOAD, ANSWERED, CLOSED };
static const char *const points[] = { "connected", "handshake", "idle",
    "upload", "download", "answered", "closed" };

static void read_file(const char *name, struct file *f)
{
    FILE *file = fopen(name, "r");

    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        err(2, "%s", name);
    f->len = (size_t)ftell(file);
    f->data = malloc(f->len + 1);
    rewind(file);
    if (f->data == NULL || fread(f->data, 1, f->len, file) != f->len)
        err(2, "%s", name);
    fclose(file);
}

/* --- the wire --- */

static void send_raw(const void *data, size_t len)
{
    const char *p = data;

    while (len > 0 && !c.over) {
        ssize_t n = send(c.fd, p, len, MSG_NOSIGNAL);

        if (n < 0) {
            c.end = errno == EPIPE || errno == ECONNRESET ? "RST" : "error";
            c.over = true;
            return;
        }
        p += n;
        len -= (size_t)n;
    }
}

static void flush_out(void)
{
    char buf[16384];
    int n;

    while ((n = BIO_read(c.out, buf, sizeof(buf))) > 0)
        send_raw(buf, (size_t)n);
}

/* Waits for something, and gives it to libssl. Returns false at the end. */
static bool receive_raw(void)
{
    struct pollfd pfd = { c.fd, POLLIN, 0 };
    char buf[16384];
    ssize_t n;

    if (c.over)
        return false;
    if (poll(&pfd, 1, HURRY) == 0) {
        c.end = "HANGS";
        c.over = true;
        return false;
    }
    n = recv(c.fd, buf, sizeof(buf), 0);
    if (n > 0)
        return BIO_write(c.in, buf, (int)n) == n;
    c.end = n == 0 ? "FIN" : errno == ECONNRESET ? "RST" : "error";
    c.over = true;
    return false;
}

/* --- libssl --- */

static void on_keylog(const SSL *ssl, const char *line)
{
    static const char label[] = "CLIENT_TRAFFIC_SECRET_0 ";
    size_t len;

    if (strncmp(line, label, sizeof(label) - 1) == 0)
        OPENSSL_hexstr2buf_ex(c.secret, sizeof(c.secret), &len,
            strrchr(line, ' ') + 1, '\0');
}

static void on_message(int sending, int version, int type, const void *data,
    size_t len, SSL *ssl, void *arg)
{
    const unsigned char *p = data;
    size_t n = strlen(c.alerts);

    if (sending && type == SSL3_RT_HEADER && c.established)
        c.seq++;
    if (!sending && type == SSL3_RT_ALERT && len == 2)
        snprintf(c.alerts + n, sizeof(c.alerts) - n, " alert %d/%d", p[0],
            p[1]);
}

static void open_connection(void)
{
    int small = 32768;

    memset(&c, 0, sizeof(c));
    c.fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    if (connect(c.fd, (struct sockaddr *)&server, sizeof(server)) != 0)
        err(2, "connect");
    c.ssl = SSL_new(ctx);
    c.in = BIO_new(BIO_s_mem());
    c.out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(c.in, -1);
    SSL_set_bio(c.ssl, c.in, c.out);
    SSL_set_connect_state(c.ssl);
}

static void close_connection(void)
{
    SSL_free(c.ssl);
    close(c.fd);
}

/* Up to what the client says after the server's flight, which is held. */
static void begin_handshake(void)
{
    SSL_do_handshake(c.ssl);
    flush_out();
    while (BIO_ctrl_pending(c.out) == 0 && receive_raw())
        SSL_do_handshake(c.ssl);
}

static void finish_handshake(void)
{
    int n;

    while ((n = SSL_do_handshake(c.ssl)) != 1) {
        flush_out();
        if (SSL_get_error(c.ssl, n) != SSL_ERROR_WANT_READ || !receive_raw()) {
            c.failed = true;
            return;
        }
    }
    flush_out();
    c.established = true;
}

static void write_data(const unsigned char *data, size_t len)
{
    if (c.failed || c.over)
        return;
    if (len > 0 && SSL_write(c.ssl, data, (int)len) <= 0)
        c.failed = true;
    flush_out();
}

static void take_body(const unsigned char *data, size_t len)
{
    if (c.got + len > body.len || memcmp(body.data + c.got, data, len) != 0)
        c.wrong = true;
    c.got += len;
}

static void take(const unsigned char *data, size_t len)
{
    char *end;

    if (c.in_body) {
        take_body(data, len);
        return;
    }
    if (len > sizeof(c.head) - 1 - c.head_len)
        len = sizeof(c.head) - 1 - c.head_len;
    memcpy(c.head + c.head_len, data, len);
    c.head_len += len;
    end = strstr(c.head, "\r\n\r\n");
    if (end == NULL)
        return;
    c.in_body = true;
    take_body((unsigned char *)end + 4,
        c.head_len - (size_t)(end + 4 - c.head));
}

/* Reads until so much of the body has come, or all there is. */
static void read_data(size_t until)
{
    unsigned char buf[4096];
    int n;

    while (!c.closed && !c.failed && !(c.in_body && c.got >= until)) {
        n = SSL_read(c.ssl, buf, sizeof(buf));
        flush_out();
        if (n > 0) {
            take(buf, (size_t)n);
            continue;
        }
        switch (SSL_get_error(c.ssl, n)) {
        case SSL_ERROR_WANT_READ:
            if (!receive_raw())
                return;
            break;
        case SSL_ERROR_ZERO_RETURN: c.closed = true; break;
        default: c.failed = true;
        }
    }
}

/* --- records that libssl does not make --- */

static void expand(const char *label, unsigned char *out, size_t len)
{
    EVP_KDF *method = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *kdf = EVP_KDF_CTX_new(method);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, "SHA256", 6),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, c.secret,
            sizeof(c.secret)),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PREFIX, "tls13 ", 6),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_LABEL, (void *)label,
            strlen(label)),
        OSSL_PARAM_END
    };

    if (EVP_KDF_derive(kdf, out, len, params) <= 0)
        errx(2, "TLS13-KDF");
    EVP_KDF_CTX_free(kdf);
    EVP_KDF_free(method);
}

/* One encrypted record of TLS 1.3, with a wrong tag if it is to be spoilt. */
static void send_record(int type, const void *data, size_t len, bool spoilt)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    unsigned char key[16], iv[12], out[300] = { 23, 3, 3 }, in[256];
    int n, i;

    expand("key", key, sizeof(key));
    expand("iv", iv, sizeof(iv));
    for (i = 0; i < 8; i++)
        iv[11 - i] ^= (unsigned char)(c.seq >> 8 * i);
    c.seq++;
    memcpy(in, data, len);
    in[len] = (unsigned char)type;
    out[4] = (unsigned char)(len + 17);
    EVP_EncryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, key, iv);
    EVP_EncryptUpdate(cipher, NULL, &n, out, 5);
    EVP_EncryptUpdate(cipher, out + 5, &n, in, (int)len + 1);
    EVP_EncryptFinal_ex(cipher, out + 5 + n, &n);
    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, out + 6 + len);
    EVP_CIPHER_CTX_free(cipher);
    if (spoilt)
        out[6 + len] ^= 1;
    send_raw(out, len + 22);
}

/* --- what is done --- */

static void update_keys(int how)
{
    if (SSL_key_update(c.ssl, how) == 1)
        SSL_do_handshake(c.ssl);
    flush_out();
}

static void do_update(void)
{
    update_keys(SSL_KEY_UPDATE_NOT_REQUESTED);
}

static void do_update_both(void)
{
    update_keys(SSL_KEY_UPDATE_REQUESTED);
}

static void do_many_updates(void)
{
    for (int i = 0; i < 20; i++)
        update_keys(SSL_KEY_UPDATE_REQUESTED);
}

/* A server that refuses says no_renegotiation, and goes on. */
static void do_renegotiate(void)
{
    SSL_renegotiate(c.ssl);
    SSL_do_handshake(c.ssl);
    flush_out();
}

static void do_warning(void)
{
    send_record(21, "\1\132", 2, false);
}

static void do_fatal(void)
{
    send_record(21, "\2\120", 2, false);
}

static void do_close_notify(void)
{
    SSL_shutdown(c.ssl);
    flush_out();
}

static void do_plain_warning(void)
{
    send_raw("\25\3\3\0\2\1\132", 7);
}

static void do_plain_fatal(void)
{
    send_raw("\25\3\3\0\2\2\120", 7);
}

static void do_half_close(void)
{
}

static void do_reset(void)
{
    struct linger now = { 1, 0 };

    setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(c.fd);
    c.fd = -1;
    c.over = true;
    if (c.end == NULL)
        c.end = "reset by us";
}

static void do_garbage(void)
{
    unsigned char junk[100];

    for (size_t i = 0; i < sizeof(junk); i++)
        junk[i] = (unsigned char)(i * 37 + 128);
    send_raw(junk, sizeof(junk));
}

static void do_truncated(void)
{
    send_raw("\27\3\3\0\144abcdef", 11);
}

static void do_oversized(void)
{
    send_raw("\27\3\3\177\377abcdef", 11);
}

static void do_empty(void)
{
    send_raw("\27\3\3\0\0", 5);
}

static void do_plain_hello(void)
{
    send_raw("\26\3\3\0\4\1\0\0\0", 9);
}

static void do_bad_tag(void)
{
    send_record(23, "abc", 3, true);
}

static void do_unknown_type(void)
{
    send_record(99, "abc", 3, false);
}

static void do_unknown_message(void)
{
    send_record(22, "\143\0\0\1x", 5, false);
}

static void do_finished_again(void)
{
    send_record(22, "\24\0\0\4xxxx", 8, false);
}

static void do_bad_update(void)
{
    send_record(22, "\30\0\0\1\7", 5, false);
}

static void do_long_update(void)
{
    send_record(22, "\30\0\0\2\0\0", 6, false);
}

static void do_half_message(void)
{
    send_record(22, "\30\0", 2, false);
}

enum { TLS12 = 1, TLS13 = 2, BOTH = 3 };

static const struct action {
    const char *name;
    void (*act)(void);
    int versions;
    bool raw;    /* needs no keys: at every point */
    bool honest; /* the connection goes on */
} actions[] = {
    { "half-close", do_half_close, BOTH, true, false },
    { "reset", do_reset, BOTH, true, false },
    { "garbage", do_garbage, BOTH, true, false },
    { "truncated-record", do_truncated, BOTH, true, false },
    { "oversized-record", do_oversized, BOTH, true, false },
    { "empty-record", do_empty, BOTH, true, false },
    { "plain-warning", do_plain_warning, BOTH, true, false },
    { "plain-fatal", do_plain_fatal, BOTH, true, false },
    { "plain-hello", do_plain_hello, BOTH, true, false },
    { "close-notify", do_close_notify, BOTH, false, false },
    { "renegotiation", do_renegotiate, TLS12, false, true },
    { "key-update", do_update, TLS13, false, true },
    { "key-update-both", do_update_both, TLS13, false, true },
    { "many-key-updates", do_many_updates, TLS13, false, true },
    { "warning", do_warning, TLS13, false, false },
    { "fatal", do_fatal, TLS13, false, false },
    { "bad-tag", do_bad_tag, TLS13, false, false },
    { "unknown-type", do_unknown_type, TLS13, false, false },
    { "unknown-message", do_unknown_message, TLS13, false, false },
    { "finished-again", do_finished_again, TLS13, false, false },
    { "bad-key-update", do_bad_update, TLS13, false, false },
    { "long-key-update", do_long_update, TLS13, false, false },
    { "half-message", do_half_message, TLS13, false, false },
};

static bool applies(enum point at, const struct action *a)
{
    return (a->versions & (tls13 ? TLS13 : TLS12)) != 0
        && (a->raw || (at > HANDSHAKE && (at < CLOSED || !a->honest)));
}

/* The honest way to the point. */
static void go_to(enum point at)
{
    if (at == CONNECTED)
        return;
    begin_handshake();
    if (at == HANDSHAKE)
        return;
    finish_handshake();
    if (at == IDLE)
        return;
    write_data(request.data, request.len / 2);
    if (at == UPLOAD)
        return;
    write_data(request.data + request.len / 2,
        request.len - request.len / 2);
    if (at == DOWNLOAD)
        read_data(DOWNLOADED < body.len / 2 ? DOWNLOADED : body.len / 2);
    else
        read_data(body.len);
    if (at != CLOSED)
        return;
    do_close_notify();
    while (receive_raw())
        ;
    c.over = false;
}

/* The rest of the honest way, from the point to the end. */
static void go_on(enum point at)
{
    if (at == IDLE)
        write_data(request.data, request.len);
    else if (at == UPLOAD)
        write_data(request.data + request.len / 2,
            request.len - request.len / 2);
    read_data(body.len);
    do_close_notify();
}

static void try(enum point at, const struct action *a)
{
    open_connection();
    go_to(at);
    a->act();
    if (a->honest)
        go_on(at);
    /* Servers differ, from time to time, in when they see a FIN amid it. */
    if (at == DOWNLOAD)
        read_data(body.len);
    if (c.fd >= 0)
        shutdown(c.fd, SHUT_WR);
    if (at == CLOSED)
        c.over = true;
    else if (at > HANDSHAKE)
        read_data(SIZE_MAX);
    else
        while (receive_raw())
            SSL_do_handshake(c.ssl);
    while (receive_raw())
        ;
    printf("%s %s: %.3s %s%s%s, %s\n", points[at], a->name,
        c.in_body ? c.head + strlen("HTTP/1.1 ") : "---",
        c.got == 0             ? "none"
            : c.got < body.len ? "part"
                               : "all",
        c.alerts, c.wrong ? " WRONG BYTES" : "", c.end);
    if (c.wrong)
        exit(1);
    close_connection();
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    setlinebuf(stdout);
    if (argc != 7 && argc != 9)
        errx(2, "usage: hostile_peer ADDRESS PORT VERSION CERT REQUEST BODY "
                "[POINT ACTION]");
    server.sin_family = AF_INET;
    inet_pton(AF_INET, argv[1], &server.sin_addr);
    server.sin_port = htons((unsigned short)atoi(argv[2]));
    tls13 = strcmp(argv[3], "1.3") == 0;
    read_file(argv[5], &request);
    read_file(argv[6], &body);
    ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(ctx, tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_ciphersuites(ctx, SUITE_13);
    SSL_CTX_set_cipher_list(ctx, SUITE_12);
    SSL_CTX_set_keylog_callback(ctx, on_keylog);
    SSL_CTX_set_msg_callback(ctx, on_message);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_locations(ctx, argv[4], NULL) != 1)
        errx(2, "%s", argv[4]);
    for (enum point at = CONNECTED; at <= CLOSED; at++)
        for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
            if (applies(at, &actions[i])
                && (argc == 7
                    || (strcmp(argv[7], points[at]) == 0
                        && strcmp(argv[8], actions[i].name) == 0)))
                try(at, &actions[i]);
    return 0;
}
