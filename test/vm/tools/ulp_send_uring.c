// SPDX-License-Identifier: Apache-2.0
/* io_uring: the same calls, which poll by themselves where they'd wait. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ulp_send.h"

#define DEPTH 32

static void begin(struct io_uring *ring)
{
    int rc = io_uring_queue_init(DEPTH, ring, 0);

    if (rc)
        errx(1, "io_uring: %s", strerror(-rc));
}

/* The result of the next completion. */
static int complete(struct io_uring *ring)
{
    struct io_uring_cqe *cqe;
    int rc = io_uring_wait_cqe(ring, &cqe);

    if (rc)
        errx(1, "io_uring: %s", strerror(-rc));
    rc = cqe->res;
    io_uring_cqe_seen(ring, cqe);
    return rc;
}

/* The rest of a short send ends the chain: it is begun again from there. */
static void chain(struct link *l, struct io_uring *ring, unsigned char *buf,
                  size_t total, size_t n, int flags)
{
    size_t done = 0;
    int sent;

    while (done < total) {
        size_t pos = done;

        for (sent = 0; sent < DEPTH && pos < total; sent++, pos += n) {
            struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
            size_t len = total - pos < n ? total - pos : n;

            io_uring_prep_send(sqe, l->fd, buf + pos, len,
                               MSG_NOSIGNAL | flags);
            if (sent + 1 < DEPTH && pos + len < total)
                sqe->flags |= IOSQE_IO_LINK;
        }
        io_uring_submit(ring);
        while (sent--) {
            int rc = complete(ring);

            if (rc >= 0)
                done += rc;
            else if (rc != -ECANCELED)
                errx(1, "send: %s", strerror(-rc));
        }
    }
}

static void uring_send(struct link *l)
{
    struct io_uring ring;
    size_t total = 400000;
    unsigned char *buf = malloc(total);

    begin(&ring);
    fill_pattern(buf, total, 0);
    chain(l, &ring, buf, total / 2, 5000, 0);
    chain(l, &ring, buf + total / 2, total / 2, 30000, MSG_WAITALL);
    l->pos = total;
    io_uring_queue_exit(&ring);
    free(buf);
}

/* MSG_WAITALL: io_uring itself goes on after a short send. */
static void uring_waitall(struct link *l)
{
    struct io_uring ring;
    size_t total = 300000;
    unsigned char *buf = malloc(total);
    int rc;

    begin(&ring);
    fill_pattern(buf, total, 0);
    set_nonblock(l->fd, true);
    for (int i = 0; i < 3; i++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

        io_uring_prep_send(sqe, l->fd, buf + i * total / 3, total / 3,
                           MSG_NOSIGNAL | MSG_WAITALL);
        sqe->flags |= IOSQE_IO_LINK | IOSQE_ASYNC;
        io_uring_submit(&ring);
        rc = complete(&ring);
        check(rc == -EAGAIN || rc > 0, "%d", rc);
        while (rc < (int)total / 3) {
            ssize_t n;

            rc = rc < 0 ? 0 : rc;
            wait_writable(l->fd);
            n = send(l->fd, buf + i * total / 3 + rc, total / 3 - rc, 0);
            rc += n > 0 ? n : 0;
        }
    }
    l->pos = total;
    io_uring_queue_exit(&ring);
    free(buf);
}

static void uring_types(struct link *l)
{
    static unsigned char alert[2] = {'L', 'I'};
    struct iovec iov = {alert, sizeof(alert)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    struct record_type_cmsg room;
    struct io_uring ring;
    struct io_uring_sqe *sqe;

    begin(&ring);
    set_record_type(&msg, &room, TYPE_ALERT);
    sqe = io_uring_get_sqe(&ring);
    io_uring_prep_sendmsg(sqe, l->fd, &msg, MSG_NOSIGNAL);
    io_uring_submit(&ring);
    check(complete(&ring) == 2, "sendmsg");
    want(l, TYPE_ALERT, 2);
    l->pos = 2;
    send_all(l, 10000, 0);
    want_data(l, 10000);
    io_uring_queue_exit(&ring);
}

/* Zero-copy sends are refused before anything is taken. */
static void uring_zc(struct link *l)
{
    struct io_uring ring;
    struct io_uring_sqe *sqe;

    begin(&ring);
    sqe = io_uring_get_sqe(&ring);
    io_uring_prep_send_zc(sqe, l->fd, "bad", 3, MSG_NOSIGNAL, 0);
    io_uring_submit(&ring);
    check(complete(&ring) == -EOPNOTSUPP, "send_zc");
    send_all(l, 1000, 0);
    io_uring_queue_exit(&ring);
}

static void uring_splice(struct link *l)
{
    size_t n = 40000;
    unsigned char *buf = malloc(n);
    struct io_uring ring;
    int p[2];

    begin(&ring);
    if (pipe(p))
        err(1, "pipe");
    for (int i = 0; i < 5; i++) {
        size_t left = n;

        fill_pattern(buf, n, l->pos);
        if (write(p[1], buf, n) != (ssize_t)n)
            err(1, "write");
        while (left) {
            struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
            int rc;

            io_uring_prep_splice(sqe, p[0], -1, l->fd, -1, left, 0);
            io_uring_submit(&ring);
            rc = complete(&ring);
            if (rc <= 0)
                errx(1, "splice: %d", rc);
            left -= rc;
            l->pos += rc;
        }
    }
    io_uring_queue_exit(&ring);
    close(p[0]);
    close(p[1]);
    free(buf);
}

const struct send_case uring_cases[] = {
    {.name = "uring_send", .run = uring_send, .sndbuf = 20000, .rcvbuf = 8192},
    {.name = "uring_waitall", .run = uring_waitall, .sndbuf = 20000,
     .rcvbuf = 8192},
    {.name = "uring_types", .run = uring_types},
    {.name = "uring_zc", .run = uring_zc},
    {.name = "uring_splice", .run = uring_splice, .sndbuf = 20000,
     .rcvbuf = 8192},
    {0},
};
