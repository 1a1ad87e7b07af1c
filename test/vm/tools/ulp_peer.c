// SPDX-License-Identifier: Apache-2.0
/*
 * Two ends of a TLS connection without a handshake: both take the same fixed
 * keys. The sender is the ULP under test, the receiver the kernel's own ULP
 * "tls", which knows nothing of it and checks every tag.
 *
 *   ulp_peer recv PORT VERSION KEYBITS
 *       Accept one connection, read it to its end and print
 *       "bytes N other N": application data and records of other types.
 *       Fails if a byte is not the pattern's.
 *   ulp_peer send [-u ULP] [-m MODE] [-c CHUNK] [-f FILE] [-n] [-M] [-a N]
 *           HOST PORT VERSION KEYBITS SIZE
 *       Send SIZE bytes of the pattern and print the connection's status.
 *       -u  ULP (default linetls)         -m  LINETLS_TX_MODE, a number
 *       -c  bytes per send()              -f  sendfile() this file instead
 *       -n  non-blocking                  -M  MSG_MORE on all but the last
 *   ulp_peer pattern SIZE
 *       The pattern, on standard output.
 *
 * VERSION is 1.2 or 1.3, KEYBITS 128 or 256.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tls.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uapi/linetls.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

#define TYPE_ALERT 21
#define TYPE_DATA 23
#define LINE 32

union crypto_info {
    struct tls_crypto_info info;
    struct tls12_crypto_info_aes_gcm_128 gcm128;
    struct tls12_crypto_info_aes_gcm_256 gcm256;
};

/* Byte @pos of the pattern: lines that a search in a capture can find. */
static void fill_pattern(unsigned char *buf, size_t len, unsigned long long pos)
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

static socklen_t make_info(union crypto_info *ci, const char *version,
                           const char *bits)
{
    memset(ci, 0, sizeof(*ci));
    ci->info.version =
        strcmp(version, "1.2") ? TLS_1_3_VERSION : TLS_1_2_VERSION;
    if (strcmp(bits, "128")) {
        ci->info.cipher_type = TLS_CIPHER_AES_GCM_256;
        memset(ci->gcm256.key, 0x5a, sizeof(ci->gcm256.key));
        memset(ci->gcm256.salt, 0x3c, sizeof(ci->gcm256.salt));
        memset(ci->gcm256.iv, 0x11, sizeof(ci->gcm256.iv));
        ci->gcm256.rec_seq[7] = 7;
        return sizeof(ci->gcm256);
    }
    ci->info.cipher_type = TLS_CIPHER_AES_GCM_128;
    memset(ci->gcm128.key, 0x5a, sizeof(ci->gcm128.key));
    memset(ci->gcm128.salt, 0x3c, sizeof(ci->gcm128.salt));
    memset(ci->gcm128.iv, 0x11, sizeof(ci->gcm128.iv));
    ci->gcm128.rec_seq[7] = 7;
    return sizeof(ci->gcm128);
}

static void set_keys(int fd, const char *ulp, int dir, const char *version,
                     const char *bits)
{
    union crypto_info ci;
    socklen_t len = make_info(&ci, version, bits);

    if (setsockopt(fd, SOL_TLS, dir, &ci, len))
        err(1, "%s: TLS_%s", ulp, dir == TLS_TX ? "TX" : "RX");
}

static void set_ulp(int fd, const char *ulp)
{
    if (setsockopt(fd, SOL_TCP, TCP_ULP, ulp, strlen(ulp)))
        err(1, "TCP_ULP %s", ulp);
}

static int do_recv(char **argv)
{
    static unsigned char buf[65536], want[65536];
    struct sockaddr_in6 addr = {
        .sin6_family = AF_INET6,
        .sin6_port = htons(atoi(argv[0])),
    };
    unsigned long long bytes = 0, other = 0;
    int one = 1, fd, lfd = socket(AF_INET6, SOCK_STREAM, 0);

    setsockopt(lfd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(lfd, (void *)&addr, sizeof(addr)) || listen(lfd, 1))
        err(1, "listen on %s", argv[0]);
    fd = accept(lfd, NULL, NULL);
    if (fd < 0)
        err(1, "accept");
    set_ulp(fd, "tls");
    set_keys(fd, "tls", TLS_RX, argv[1], argv[2]);
    /* The peer waits for this: records in the queue before TLS_RX are lost. */
    if (write(fd, "", 1) != 1)
        err(1, "write");
    for (;;) {
        char cbuf[CMSG_SPACE(1)];
        struct iovec iov = {buf, sizeof(buf)};
        struct msghdr msg = {
            .msg_iov = &iov,
            .msg_iovlen = 1,
            .msg_control = cbuf,
            .msg_controllen = sizeof(cbuf),
        };
        ssize_t n = recvmsg(fd, &msg, 0);
        struct cmsghdr *cmsg;

        if (n < 0)
            err(1, "recvmsg after %llu bytes", bytes);
        if (n == 0)
            break;
        cmsg = CMSG_FIRSTHDR(&msg);
        if (cmsg && *CMSG_DATA(cmsg) != TYPE_DATA) {
            other++;
            continue;
        }
        fill_pattern(want, n, bytes);
        if (memcmp(buf, want, n))
            errx(1, "wrong byte between %llu and %llu", bytes, bytes + n);
        bytes += n;
    }
    printf("bytes %llu other %llu\n", bytes, other);
    return 0;
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

static void wait_writable(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};

    if (poll(&pfd, 1, 60000) != 1)
        errx(1, "not writable for 60 s");
}

static void send_alert(int fd)
{
    unsigned char alert[2] = {1, 0};
    char cbuf[CMSG_SPACE(1)] = {0};
    struct iovec iov = {alert, sizeof(alert)};
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
    *CMSG_DATA(cmsg) = TYPE_ALERT;
    while (sendmsg(fd, &msg, 0) != sizeof(alert)) {
        if (errno != EAGAIN)
            err(1, "alert");
        wait_writable(fd);
    }
}

static void print_status(int fd, FILE *to)
{
    struct linetls_tx_status st;
    socklen_t len = sizeof(st);

    if (getsockopt(fd, SOL_TLS, LINETLS_TX_STATUS, &st, &len))
        return;
    fprintf(to,
            "path %d reason %d tracked %u records %llu device %llu/%llu "
            "software %llu/%llu dropped %llu\n",
            st.path, st.reason, st.records_tracked,
            (unsigned long long)st.records,
            (unsigned long long)st.device_packets,
            (unsigned long long)st.device_bytes,
            (unsigned long long)st.software_packets,
            (unsigned long long)st.software_bytes,
            (unsigned long long)st.dropped_packets);
}

static int do_send(int argc, char **argv)
{
    static unsigned char buf[1 << 20];
    const char *ulp = "linetls", *file = NULL;
    unsigned long long size, pos = 0, alerts = 0, sends = 0;
    size_t chunk = sizeof(buf);
    bool nonblock = false, more = false;
    int fd, opt, in = -1, mode = -1;
    char byte;

    optind = 1;
    while ((opt = getopt(argc, argv, "u:m:c:f:nMa:")) != -1) {
        switch (opt) {
        case 'u': ulp = optarg; break;
        case 'm': mode = atoi(optarg); break;
        case 'c': chunk = strtoul(optarg, NULL, 0); break;
        case 'f': file = optarg; break;
        case 'n': nonblock = true; break;
        case 'M': more = true; break;
        case 'a': alerts = strtoul(optarg, NULL, 0); break;
        default: return 2;
        }
    }
    if (argc - optind != 5 || !chunk || chunk > sizeof(buf))
        errx(2, "usage: send [OPTIONS] HOST PORT VERSION KEYBITS SIZE");
    argv += optind;
    size = strtoull(argv[4], NULL, 0);
    if (file && (in = open(file, O_RDONLY)) < 0)
        err(1, "%s", file);
    fd = dial(argv[0], argv[1]);
    if (read(fd, &byte, 1) != 1)
        err(1, "read");
    set_ulp(fd, ulp);
    if (mode >= 0 &&
        setsockopt(fd, SOL_TLS, LINETLS_TX_MODE, &mode, sizeof(mode)))
        err(1, "LINETLS_TX_MODE %d", mode);
    set_keys(fd, ulp, TLS_TX, argv[2], argv[3]);
    if (nonblock)
        fcntl(fd, F_SETFL, O_NONBLOCK);

    while (pos < size) {
        size_t n = size - pos < chunk ? size - pos : chunk;
        ssize_t rc;

        if (file) {
            rc = sendfile(fd, in, NULL, n);
            if (rc == 0)
                errx(1, "%s is too short", file);
        } else {
            fill_pattern(buf, n, pos);
            rc = send(fd, buf, n,
                      MSG_NOSIGNAL | (more && pos + n < size ? MSG_MORE : 0));
        }
        if (rc < 0 && errno == EAGAIN && nonblock) {
            wait_writable(fd);
            continue;
        }
        if (rc < 0)
            err(1, "send at %llu", pos);
        pos += rc;
        if (alerts && ++sends % alerts == 0)
            send_alert(fd);
    }
    print_status(fd, stdout);
    if (shutdown(fd, SHUT_WR))
        err(1, "shutdown");
    fcntl(fd, F_SETFL, 0);
    /* The peer closes when it has read everything. */
    if (read(fd, &byte, 1) != 0)
        err(1, "the peer ended badly");
    print_status(fd, stdout);
    return 0;
}

static int do_pattern(unsigned long long size)
{
    static unsigned char buf[65536];

    for (unsigned long long pos = 0; pos < size;) {
        size_t n = size - pos < sizeof(buf) ? size - pos : sizeof(buf);

        fill_pattern(buf, n, pos);
        if (fwrite(buf, 1, n, stdout) != n)
            err(1, "write");
        pos += n;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "recv"))
        return do_recv(argv + 2);
    if (argc >= 7 && !strcmp(argv[1], "send"))
        return do_send(argc - 1, argv + 1);
    if (argc == 3 && !strcmp(argv[1], "pattern"))
        return do_pattern(strtoull(argv[2], NULL, 0));
    errx(2, "usage: ulp_peer recv|send|pattern ..., see the source");
}
