// SPDX-License-Identifier: Apache-2.0
/* Calls that send, and the records that they become. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ulp_send.h"

#define TYPE_UNKNOWN 99
#define IOVS 1024

/* A call takes all, and its end closes a record. */
static void sizes(struct link *l)
{
    static const int n[] = {1, 2, 16, 17, 1000, 4095, 4096, 4097, 16383,
                            16384, 16385, 32767, 32768, 32769, 100000};

    for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
        check(send_pattern(l, n[i], 0) == n[i], "%d bytes: %d", n[i], errno);
        want_data(l, n[i]);
    }
}

/* A record of @type with the next bytes of the pattern. */
static ssize_t typed(struct link *l, unsigned char type, size_t n, int flags)
{
    unsigned char *buf = malloc(n + 1);
    ssize_t rc;

    fill_pattern(buf, n, l->pos);
    rc = try_record(l->fd, type, buf, n, flags);
    if (rc > 0)
        l->pos += rc;
    free(buf);
    return rc;
}

static void types(struct link *l)
{
    static const unsigned char type[] = {TYPE_ALERT, TYPE_HANDSHAKE,
                                         TYPE_DATA, TYPE_UNKNOWN};
    static const int n[] = {1, 2, 5, 300, 16384, 20000};

    for (size_t t = 0; t < sizeof(type); t++)
        for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
            check(typed(l, type[t], n[i], 0) == n[i], "type %d, %d bytes: %d",
                  type[t], n[i], errno);
            for (int left = n[i]; left > 0; left -= MAX_PAYLOAD)
                want(l, type[t], left < MAX_PAYLOAD ? left : MAX_PAYLOAD);
            /* What was held back goes first. */
            check(send_pattern(l, 7, MSG_MORE) == 7, "MSG_MORE: %d", errno);
            want(l, TYPE_DATA, 7);
        }
    check(typed(l, TYPE_ALERT, 2, 0) == 2, "alert: %d", errno);
    want(l, TYPE_ALERT, 2);
    check(typed(l, TYPE_ALERT, 0, 0) < 0 && errno == EINVAL, "%d", errno);
    check(typed(l, TYPE_ALERT, 2, MSG_MORE) < 0 && errno == EINVAL, "%d",
          errno);
    check(typed(l, TYPE_DATA, 0, 0) == 0, "empty data: %d", errno);
}

static void more(struct link *l)
{
    for (int i = 0; i < 10; i++)
        check(send_pattern(l, 100, MSG_MORE) == 100, "%d", errno);
    check(send_pattern(l, 100, 0) == 100, "%d", errno);
    want(l, TYPE_DATA, 1100);

    for (int i = 0; i < 40; i++)
        check(send_pattern(l, 1000, MSG_MORE) == 1000, "%d", errno);
    check(send_pattern(l, 1, MSG_EOR) == 1, "%d", errno);
    want_data(l, 40001);

    check(send_pattern(l, 50000, MSG_MORE) == 50000, "%d", errno);
    check(send_pattern(l, 0, 0) == 0, "no bytes: %d", errno);
    want_data(l, 50000);

    check(send_pattern(l, 0, MSG_MORE) == 0, "no bytes: %d", errno);
    check(send_pattern(l, 0, 0) == 0, "no bytes: %d", errno);
    check(send_pattern(l, 0, MSG_EOR) == 0, "no bytes: %d", errno);
    check(send_pattern(l, 5, MSG_MORE) == 5, "%d", errno);
    check(send_pattern(l, 0, MSG_MORE) == 0, "no bytes: %d", errno);
    check(send_pattern(l, 5, MSG_MORE | MSG_EOR) < 0 && errno == EINVAL,
          "%d", errno);
    check(send_pattern(l, 6, MSG_MORE) == 6, "%d", errno);
    /* The end closes it. */
    want(l, TYPE_DATA, 11);
}

/* One byte a record, and one byte a call. */
static void bytes(struct link *l)
{
    for (int i = 0; i < 300; i++) {
        check(send_pattern(l, 1, 0) == 1, "%d", errno);
        want(l, TYPE_DATA, 1);
    }
    for (int i = 0; i < 2000; i++)
        check(send_pattern(l, 1, MSG_MORE) == 1, "%d", errno);
    want(l, TYPE_DATA, 2000);
}

static void vectors(struct link *l)
{
    static unsigned char buf[200000];
    struct iovec iov[IOVS];
    size_t total = 0;

    fill_pattern(buf, sizeof(buf), 0);
    for (int i = 0; i < IOVS; i++) {
        size_t n = i % 5 ? (i * 37) % 300 : 0;

        iov[i].iov_base = n ? buf + total : NULL;
        iov[i].iov_len = n;
        total += n;
    }
    check(writev(l->fd, iov, IOVS) == (ssize_t)total, "writev: %d", errno);
    want_data(l, total);
    l->pos = total;
    check(send_pattern(l, 1, 0) == 1, "%d", errno);
    want(l, TYPE_DATA, 1);
}

/* Many messages in one call, one of them of another type. */
static void mmsg(struct link *l)
{
    static unsigned char buf[65536];
    struct mmsghdr msgs[8];
    struct iovec iov[8];
    struct record_type_cmsg room;
    size_t total = 0;

    fill_pattern(buf, sizeof(buf), 0);
    memset(msgs, 0, sizeof(msgs));
    for (int i = 0; i < 8; i++) {
        iov[i].iov_base = buf + total;
        iov[i].iov_len = 1 + i * 2000;
        msgs[i].msg_hdr.msg_iov = &iov[i];
        msgs[i].msg_hdr.msg_iovlen = 1;
        total += iov[i].iov_len;
        want(l, i == 3 ? TYPE_HANDSHAKE : TYPE_DATA, iov[i].iov_len);
    }
    set_record_type(&msgs[3].msg_hdr, &room, TYPE_HANDSHAKE);
    check(sendmmsg(l->fd, msgs, 8, MSG_NOSIGNAL) == 8, "sendmmsg: %d", errno);
    for (int i = 0; i < 8; i++)
        check(msgs[i].msg_len == iov[i].iov_len, "message %d: %u", i,
              msgs[i].msg_len);
    l->pos = total;
}

/* A buffer that ends in unmapped memory: what was taken is a prefix. */
static void faults(struct link *l)
{
    static const size_t good[] = {0, 1, 13, 4095, 4096, 5000, 16384, 20000,
                                  60000};
    const size_t room = 65536, hole = 16384;
    unsigned char *map = mmap(NULL, room + hole, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED || mprotect(map + room, hole, PROT_NONE))
        err(1, "mmap");
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        unsigned char *buf = map + room - good[i];
        ssize_t rc;

        fill_pattern(buf, good[i], l->pos);
        rc = send(l->fd, buf, good[i] + 100, i % 2 ? MSG_MORE : 0);
        check(rc < 0 ? errno == EFAULT : (size_t)rc <= good[i],
              "%zu good bytes: %zd, %d", good[i], rc, errno);
        if (rc > 0)
            l->pos += rc;
        /* A record of another type goes out whole or not at all. */
        rc = try_record(l->fd, TYPE_ALERT, map + room - 1, 2, 0);
        check(rc < 0 && errno == EFAULT, "alert: %zd, %d", rc, errno);
        send_all(l, 10, 0);
    }
    munmap(map, room + hole);
}

/* Refused, and without an effect. */
static void refused(struct link *l)
{
    static const int flags[] = {MSG_OOB, MSG_ZEROCOPY, MSG_FASTOPEN,
                                MSG_MORE | MSG_OOB};
    struct pollfd pfd = {.fd = l->fd, .events = POLLOUT};
    int one = 1;

    setsockopt(l->fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one));
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        check(send(l->fd, "bad", 3, flags[i] | MSG_NOSIGNAL) < 0 &&
              errno == EOPNOTSUPP, "flags %#x: %d", flags[i], errno);
        send_all(l, 1000, i % 2 ? MSG_MORE : 0);
    }
    check(poll(&pfd, 1, 0) == 1 && pfd.revents == POLLOUT, "revents %#x",
          pfd.revents);
    /* Means something to io_uring, and nothing to TCP. */
    check(send_pattern(l, 100, MSG_WAITALL) == 100, "MSG_WAITALL: %d", errno);
}

static void set_tcp(struct link *l, int name, int value)
{
    if (setsockopt(l->fd, SOL_TCP, name, &value, sizeof(value)))
        err(1, "option %d", name);
}

static void cork(struct link *l)
{
    for (int round = 0; round < 3; round++) {
        set_tcp(l, TCP_CORK, 1);
        for (int i = 0; i < 10; i++)
            send_all(l, 100 + round, 0);
        set_tcp(l, TCP_CORK, 0);
        check(far_has(l, l->pos, 10000), "corked: %llu of %llu",
              l->far->bytes, l->pos);
    }
    set_tcp(l, TCP_CORK, 1);
    send_all(l, 40000, 0);
    send_all(l, 1, MSG_MORE);
}

/* Nobody goes on with the record: it leaves as what TCP has corked does. */
static void left(struct link *l)
{
    for (int i = 0; i < 3; i++) {
        send_all(l, 100 + i * 17000, MSG_MORE);
        check(far_has(l, l->pos, 10000), "left: %llu of %llu", l->far->bytes,
              l->pos);
    }
    send_all(l, 100, MSG_MORE);
}

static void nodelay(struct link *l)
{
    set_tcp(l, TCP_NODELAY, 1);
    for (int i = 0; i < 50; i++) {
        send_all(l, 1, 0);
        send_all(l, 2, 0);
        check(far_has(l, l->pos, 10000), "%llu of %llu", l->far->bytes,
              l->pos);
    }
}

/* A limit of one record: what TCP could send at once does not count. */
static void lowat(struct link *l)
{
    ssize_t rc;

    set_tcp(l, TCP_NOTSENT_LOWAT, MAX_PAYLOAD);
    rc = send_pattern(l, 200000, MSG_DONTWAIT);
    check(rc > MAX_PAYLOAD, "%zd: %d", rc, errno);
    send_all(l, 200000, 0);
    check(far_has(l, l->pos, 20000), "%llu of %llu", l->far->bytes, l->pos);
}

const struct send_case call_cases[] = {
    {.name = "sizes", .run = sizes},
    {.name = "types", .run = types},
    {.name = "more", .run = more},
    {.name = "bytes", .run = bytes},
    {.name = "vectors", .run = vectors},
    {.name = "mmsg", .run = mmsg},
    {.name = "faults", .run = faults},
    {.name = "refused", .run = refused},
    {.name = "cork", .run = cork},
    {.name = "left", .run = left},
    {.name = "nodelay", .run = nodelay},
    {.name = "lowat", .run = lowat},
    {0},
};
