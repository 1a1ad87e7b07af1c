// SPDX-License-Identifier: Apache-2.0
/*
 * A TLS connection without a handshake whose keys change on the way. The
 * sender is the ULP; the receiver reads the TCP stream and opens the records
 * with libcrypto.
 *
 *   ulp_rekey recv PORT VERSION CIPHER
 *       Accept one connection, read it to its end and print
 *       "bytes N records N rekeys N". Fails on a bad tag or a wrong byte.
 *   ulp_rekey send [-m MODE] [-c CHUNK] [-k N] [-o N] [-n] HOST PORT VERSION
 *           CIPHER SIZE
 *       Send SIZE bytes of a pattern, and print the status before the end.
 *       -m  LINETLS_TX_MODE, a number    -c  bytes per send() (default 65536)
 *       -k  a KeyUpdate and new keys after every N sends
 *       -o  one-byte sends among them: every Nth send is of one byte
 *       -n  non-blocking, with a send buffer that is always full: keys change
 *           while TCP has only a part of the record before
 *
 * VERSION is 1.2 or 1.3, CIPHER gcm128, gcm256, ccm128 or chacha.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/tls.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <uapi/linetls.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

#define TYPE_HANDSHAKE 22
#define TYPE_DATA 23
#define KEY_UPDATE 24
#define NONCE 12
#define TAG 16

struct cipher {
    const char *name;
    int type, key_len, salt_len;
    const EVP_CIPHER *(*evp)(void);
};

static const struct cipher ciphers[] = {
    {"gcm128", TLS_CIPHER_AES_GCM_128, 16, 4, EVP_aes_128_gcm},
    {"gcm256", TLS_CIPHER_AES_GCM_256, 32, 4, EVP_aes_256_gcm},
    {"ccm128", TLS_CIPHER_AES_CCM_128, 16, 4, EVP_aes_128_ccm},
    {"chacha", TLS_CIPHER_CHACHA20_POLY1305, 32, 0, EVP_chacha20_poly1305},
};

/* The keys of a generation: nothing in common with those of another. */
struct keys {
    const struct cipher *cipher;
    int version;
    unsigned char key[32], nonce[NONCE];
    unsigned long long seq;
};

static void make_keys(struct keys *k, int version, const char *name, int gen)
{
    k->cipher = NULL;
    for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
        if (!strcmp(name, ciphers[i].name))
            k->cipher = &ciphers[i];
    if (!k->cipher)
        errx(2, "no cipher %s", name);
    k->version = version;
    k->seq = gen ? 0 : 3;
    memset(k->key, 0x40 + gen, sizeof(k->key));
    memset(k->nonce, 0x80 + gen, sizeof(k->nonce));
}

/* Lines of 32 bytes that a capture can be searched for, each one different. */
static unsigned char pattern(unsigned long long pos)
{
    static const char text[] = "LINETLS-PLAINTEXT ";
    unsigned at = pos % 32;

    if (at < sizeof(text) - 1)
        return text[at];
    return "0123456789abcdef"[pos / 32 >> 4 * (31 - at) & 15];
}

static int parse_version(const char *s)
{
    return strcmp(s, "1.2") ? TLS_1_3_VERSION : TLS_1_2_VERSION;
}

/* ---- receiver ---- */

static int read_all(int fd, unsigned char *buf, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = read(fd, buf + done, len - done);

        if (n < 0)
            err(1, "read");
        if (n == 0 && done)
            errx(1, "the stream ends inside a record");
        if (n == 0)
            return 0;
        done += n;
    }
    return 1;
}

/* Open a record body; returns the length of the plaintext. */
static int open_record(struct keys *k, const unsigned char *hdr,
                       unsigned char *body, int len, unsigned char *out)
{
    int tls12 = k->version == TLS_1_2_VERSION;
    int explicit_len = tls12 && k->cipher->salt_len ? 8 : 0;
    int n, plain = len - explicit_len - TAG, aad_len = 5;
    int ccm = k->cipher->type == TLS_CIPHER_AES_CCM_128;
    unsigned char nonce[NONCE], aad[13];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    if (plain < 0)
        errx(1, "record of %d bytes", len);
    memcpy(nonce, k->nonce, NONCE);
    if (explicit_len)
        memcpy(nonce + 4, body, 8);
    else
        for (int i = 0; i < 8; i++)
            nonce[4 + i] ^= k->seq >> (56 - 8 * i);
    memcpy(aad, hdr, 5);
    if (tls12) {
        for (int i = 0; i < 8; i++)
            aad[i] = k->seq >> (56 - 8 * i);
        memcpy(aad + 8, hdr, 3);
        aad[11] = plain >> 8;
        aad[12] = plain;
        aad_len = 13;
    }
    body += explicit_len;
    EVP_DecryptInit_ex(ctx, k->cipher->evp(), NULL, NULL, NULL);
    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, NONCE, NULL);
    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, body + plain);
    EVP_DecryptInit_ex(ctx, NULL, NULL, k->key, nonce);
    if (ccm)
        EVP_DecryptUpdate(ctx, NULL, &n, NULL, plain);
    EVP_DecryptUpdate(ctx, NULL, &n, aad, aad_len);
    if (EVP_DecryptUpdate(ctx, out, &n, body, plain) != 1 ||
        (!ccm && EVP_DecryptFinal_ex(ctx, out + n, &n) != 1))
        errx(1, "bad tag in record %llu", k->seq);
    EVP_CIPHER_CTX_free(ctx);
    k->seq++;
    return plain;
}

static int do_recv(char **argv)
{
    static unsigned char body[65536], out[65536];
    struct sockaddr_in6 addr = {
        .sin6_family = AF_INET6,
        .sin6_port = htons(atoi(argv[0])),
    };
    unsigned long long bytes = 0, records = 0, rekeys = 0;
    int one = 1, fd, lfd = socket(AF_INET6, SOCK_STREAM, 0);
    unsigned char hdr[5];
    struct keys k;

    setsockopt(lfd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(lfd, (void *)&addr, sizeof(addr)) || listen(lfd, 1))
        err(1, "listen on %s", argv[0]);
    fd = accept(lfd, NULL, NULL);
    if (fd < 0)
        err(1, "accept");
    make_keys(&k, parse_version(argv[1]), argv[2], 0);
    while (read_all(fd, hdr, sizeof(hdr))) {
        int len = hdr[3] << 8 | hdr[4], type = hdr[0], n;

        if (!read_all(fd, body, len))
            errx(1, "the stream ends inside a record");
        n = open_record(&k, hdr, body, len, out);
        records++;
        if (k.version == TLS_1_3_VERSION)
            type = out[--n];
        if (type == TYPE_HANDSHAKE && n > 0 && out[0] == KEY_UPDATE) {
            make_keys(&k, k.version, argv[2], ++rekeys);
            continue;
        }
        if (type != TYPE_DATA)
            errx(1, "record of type %d", type);
        for (int i = 0; i < n; i++)
            if (out[i] != pattern(bytes + i))
                errx(1, "wrong byte at %llu", bytes + i);
        bytes += n;
    }
    printf("bytes %llu records %llu rekeys %llu\n", bytes, records, rekeys);
    return 0;
}

/* ---- sender ---- */

static void install(int fd, const struct keys *k)
{
    unsigned char info[128] = {0}, *p = info;
    struct tls_crypto_info head = {
        .version = k->version,
        .cipher_type = k->cipher->type,
    };
    int salt = k->cipher->salt_len;

    memcpy(p, &head, sizeof(head));
    p += sizeof(head);
    memcpy(p, k->nonce + salt, NONCE - salt);
    p += NONCE - salt;
    memcpy(p, k->key, k->cipher->key_len);
    p += k->cipher->key_len;
    memcpy(p, k->nonce, salt);
    p += salt;
    for (int i = 0; i < 8; i++)
        *p++ = k->seq >> (56 - 8 * i);
    if (setsockopt(fd, SOL_TLS, TLS_TX, info, p - info))
        err(1, "TLS_TX");
}

static void wait_writable(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};

    if (poll(&pfd, 1, 60000) != 1)
        errx(1, "not writable for 60 s");
}

static void send_key_update(int fd)
{
    unsigned char update[5] = {KEY_UPDATE, 0, 0, 1, 0};
    char cbuf[CMSG_SPACE(1)] = {0};
    struct iovec iov = {update, sizeof(update)};
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = cbuf,
        .msg_controllen = sizeof(cbuf),
    };
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

    cmsg->cmsg_level = SOL_TLS;
    cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
    cmsg->cmsg_len = CMSG_LEN(1);
    *CMSG_DATA(cmsg) = TYPE_HANDSHAKE;
    while (sendmsg(fd, &msg, 0) != sizeof(update)) {
        if (errno != EAGAIN)
            err(1, "KeyUpdate");
        wait_writable(fd);
    }
}

static int dial(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *ai;
    int fd, rc = getaddrinfo(host, port, &hints, &ai);

    if (rc)
        errx(1, "%s: %s", host, gai_strerror(rc));
    fd = socket(ai->ai_family, SOCK_STREAM, 0);
    if (connect(fd, ai->ai_addr, ai->ai_addrlen))
        err(1, "connect to %s port %s", host, port);
    freeaddrinfo(ai);
    return fd;
}

static void print_status(int fd)
{
    struct linetls_tx_status st;
    socklen_t len = sizeof(st);

    if (getsockopt(fd, SOL_TLS, LINETLS_TX_STATUS, &st, &len))
        err(1, "LINETLS_TX_STATUS");
    printf("path %d reason %d records %llu device %llu software %llu "
           "dropped %llu\n",
           st.path, st.reason, (unsigned long long)st.records,
           (unsigned long long)st.device_packets,
           (unsigned long long)st.software_packets,
           (unsigned long long)st.dropped_packets);
}

static int do_send(int argc, char **argv)
{
    static unsigned char buf[1 << 20];
    unsigned long long size, pos = 0, sends = 0, every = 0, one_byte = 0;
    size_t chunk = 65536;
    int fd, opt, mode = -1, gen = 0, nonblock = 0, sndbuf = 8192;
    struct keys k;
    char byte;

    while ((opt = getopt(argc, argv, "m:c:k:o:n")) != -1) {
        switch (opt) {
        case 'm': mode = atoi(optarg); break;
        case 'c': chunk = strtoul(optarg, NULL, 0); break;
        case 'k': every = strtoull(optarg, NULL, 0); break;
        case 'o': one_byte = strtoull(optarg, NULL, 0); break;
        case 'n': nonblock = 1; break;
        default: return 2;
        }
    }
    if (argc - optind != 5 || !chunk || chunk > sizeof(buf))
        errx(2, "usage: send [OPTIONS] HOST PORT VERSION CIPHER SIZE");
    argv += optind;
    size = strtoull(argv[4], NULL, 0);
    fd = dial(argv[0], argv[1]);
    if (setsockopt(fd, SOL_TCP, TCP_ULP, LINETLS_ULP_NAME,
                   strlen(LINETLS_ULP_NAME)))
        err(1, "TCP_ULP");
    if (mode >= 0 &&
        setsockopt(fd, SOL_TLS, LINETLS_TX_MODE, &mode, sizeof(mode)))
        err(1, "LINETLS_TX_MODE");
    make_keys(&k, parse_version(argv[2]), argv[3], 0);
    install(fd, &k);
    if (nonblock &&
        (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf)) ||
         fcntl(fd, F_SETFL, O_NONBLOCK)))
        err(1, "non-blocking");

    while (pos < size) {
        size_t n = size - pos < chunk ? size - pos : chunk;
        ssize_t rc;

        if (one_byte && sends % one_byte == 0)
            n = 1;
        for (size_t i = 0; i < n; i++)
            buf[i] = pattern(pos + i);
        rc = send(fd, buf, n, MSG_NOSIGNAL);
        if (rc < 0 && errno == EAGAIN) {
            wait_writable(fd);
            continue;
        }
        if (rc < 0)
            err(1, "send at %llu", pos);
        pos += rc;
        if (every && ++sends % every == 0) {
            send_key_update(fd);
            make_keys(&k, k.version, argv[3], ++gen);
            install(fd, &k);
        }
    }
    print_status(fd);
    if (shutdown(fd, SHUT_WR))
        err(1, "shutdown");
    fcntl(fd, F_SETFL, 0);
    if (read(fd, &byte, 1) != 0)
        err(1, "the peer ended badly");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "recv"))
        return do_recv(argv + 2);
    if (argc >= 7 && !strcmp(argv[1], "send"))
        return do_send(argc - 1, argv + 1);
    errx(2, "usage: ulp_rekey recv|send ..., see the source");
}
