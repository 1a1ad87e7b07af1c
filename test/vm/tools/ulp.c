// SPDX-License-Identifier: Apache-2.0
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "ulp.h"

#define LINE 32
#define WAIT_MS 60000

static const struct cipher ciphers[] = {
    {"gcm128", TLS_CIPHER_AES_GCM_128, 16, 4},
    {"gcm256", TLS_CIPHER_AES_GCM_256, 32, 4},
    {"ccm128", TLS_CIPHER_AES_CCM_128, 16, 4},
    {"chacha", TLS_CIPHER_CHACHA20_POLY1305, 32, 0},
    {"128", TLS_CIPHER_AES_GCM_128, 16, 4},
    {"256", TLS_CIPHER_AES_GCM_256, 32, 4},
};

void fill_pattern(unsigned char *buf, size_t len, unsigned long long pos)
{
    char line[LINE + 8];
    unsigned long long current = -1ULL;

    for (size_t i = 0; i < len; i++, pos++) {
        if (pos / LINE != current) {
            current = pos / LINE;
            snprintf(line, sizeof(line), "LINETLS-PLAINTEXT %012llx\n\n",
                     current & 0xffffffffffffULL);
        }
        buf[i] = line[pos % LINE];
    }
}

void make_keys(struct keys *k, const char *version, const char *cipher,
               int generation)
{
    k->cipher = NULL;
    for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
        if (!strcmp(cipher, ciphers[i].name))
            k->cipher = &ciphers[i];
    if (!k->cipher)
        errx(2, "no cipher %s", cipher);
    k->version = strcmp(version, "1.2") ? TLS_1_3_VERSION : TLS_1_2_VERSION;
    k->seq = generation ? 0 : 7;
    memset(k->key, 0x40 + generation, sizeof(k->key));
    memset(k->nonce, 0x80 + generation, sizeof(k->nonce));
}

/* The members of all struct tls12_crypto_info_* come in this order. */
socklen_t pack_keys(union crypto_info *ci, const struct keys *k)
{
    const struct cipher *c = k->cipher;
    unsigned char *p = (void *)(&ci->info + 1);

    memset(ci, 0, sizeof(*ci));
    ci->info.version = k->version;
    ci->info.cipher_type = c->type;
    memcpy(p, k->nonce + c->salt_len, NONCE_LEN - c->salt_len);
    p += NONCE_LEN - c->salt_len;
    memcpy(p, k->key, c->key_len);
    p += c->key_len;
    memcpy(p, k->nonce, c->salt_len);
    p += c->salt_len;
    for (int i = 0; i < 8; i++)
        *p++ = k->seq >> (56 - 8 * i);
    return p - (unsigned char *)ci;
}

socklen_t make_info(union crypto_info *ci, const char *version,
                    const char *cipher)
{
    struct keys k;

    make_keys(&k, version, cipher, 0);
    return pack_keys(ci, &k);
}

void set_ulp(int fd, const char *ulp)
{
    if (setsockopt(fd, SOL_TCP, TCP_ULP, ulp, strlen(ulp)))
        err(1, "TCP_ULP %s", ulp);
}

void set_keys(int fd, int dir, const struct keys *k)
{
    union crypto_info ci;
    socklen_t len = pack_keys(&ci, k);

    if (setsockopt(fd, SOL_TLS, dir, &ci, len))
        err(1, "TLS_%s", dir == TLS_TX ? "TX" : "RX");
}

void set_mode(int fd, int mode)
{
    if (setsockopt(fd, SOL_TLS, LINETLS_TX_MODE, &mode, sizeof(mode)))
        err(1, "LINETLS_TX_MODE %d", mode);
}

void set_handover(int fd, int bytes)
{
    if (bytes &&
        setsockopt(fd, SOL_TLS, LINETLS_TX_HANDOVER, &bytes, sizeof(bytes)))
        err(1, "LINETLS_TX_HANDOVER %d", bytes);
}

int dial(const char *host, const char *port, int sndbuf)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *ai;
    int fd, rc = getaddrinfo(host, port, &hints, &ai);

    if (rc)
        errx(1, "%s: %s", host, gai_strerror(rc));
    fd = socket(ai->ai_family, SOCK_STREAM, 0);
    if (sndbuf &&
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf)))
        err(1, "SO_SNDBUF");
    if (connect(fd, ai->ai_addr, ai->ai_addrlen))
        err(1, "connect to %s port %s", host, port);
    freeaddrinfo(ai);
    return fd;
}

int listen_on(int port, int backlog, int rcvbuf)
{
    struct sockaddr_in6 addr = {
        .sin6_family = AF_INET6,
        .sin6_port = htons(port),
    };
    int one = 1, fd = socket(AF_INET6, SOCK_STREAM, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (rcvbuf)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
    if (bind(fd, (void *)&addr, sizeof(addr)) || listen(fd, backlog))
        err(1, "listen on %d", port);
    return fd;
}

bool is_writable(int fd, int timeout_ms)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};

    return poll(&pfd, 1, timeout_ms) == 1;
}

void wait_writable(int fd)
{
    if (!is_writable(fd, WAIT_MS))
        errx(1, "not writable for %d s", WAIT_MS / 1000);
}

void set_record_type(struct msghdr *msg, struct record_type_cmsg *room,
                     unsigned char type)
{
    struct cmsghdr *cmsg;

    memset(room, 0, sizeof(*room));
    msg->msg_control = room->buf;
    msg->msg_controllen = sizeof(room->buf);
    cmsg = CMSG_FIRSTHDR(msg);
    cmsg->cmsg_level = SOL_TLS;
    cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
    cmsg->cmsg_len = CMSG_LEN(1);
    *CMSG_DATA(cmsg) = type;
}

ssize_t try_record(int fd, unsigned char type, const void *buf, size_t len,
                   int flags)
{
    struct iovec iov = {(void *)buf, len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    struct record_type_cmsg room;

    set_record_type(&msg, &room, type);
    return sendmsg(fd, &msg, flags | MSG_NOSIGNAL);
}

void send_record(int fd, unsigned char type, const void *buf, size_t len)
{
    while (try_record(fd, type, buf, len, 0) != (ssize_t)len) {
        if (errno != EAGAIN)
            err(1, "record of type %d", type);
        wait_writable(fd);
    }
}

unsigned long long records_of(int fd)
{
    struct linetls_tx_status st;
    socklen_t len = sizeof(st);

    if (getsockopt(fd, SOL_TLS, LINETLS_TX_STATUS, &st, &len))
        err(1, "LINETLS_TX_STATUS");
    return st.records;
}

void print_status(int fd)
{
    struct linetls_tx_status st;
    socklen_t len = sizeof(st);

    if (!getsockopt(fd, SOL_TLS, LINETLS_TX_STATUS, &st, &len))
        printf("status path %d reason %d ifindex %u tracked %u records %llu "
               "device %llu/%llu software %llu/%llu dropped %llu "
               "resyncs %llu fallbacks %u/%d reoffloads %u\n",
               st.path, st.reason, st.ifindex, st.records_tracked,
               (unsigned long long)st.records,
               (unsigned long long)st.device_packets,
               (unsigned long long)st.device_bytes,
               (unsigned long long)st.software_packets,
               (unsigned long long)st.software_bytes,
               (unsigned long long)st.dropped_packets,
               (unsigned long long)st.resyncs, st.fallbacks,
               st.fallback_reason, st.reoffloads);
    fflush(stdout);
}
