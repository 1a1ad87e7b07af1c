// SPDX-License-Identifier: Apache-2.0
/* Bytes that come from files and pipes. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ulp_send.h"

/* More than any file has. */
#define UNBOUNDED (1 << 30)
#define FILE_SIZE 150000

/* ---- pipes ---- */

static void put(struct link *l, int fd, size_t n, unsigned long long ahead)
{
    unsigned char *buf = malloc(n);

    fill_pattern(buf, n, l->pos + ahead);
    if (write(fd, buf, n) != (ssize_t)n)
        err(1, "write to the pipe");
    free(buf);
}

/* Empty a pipe that holds @n bytes. */
static void drain(struct link *l, int fd, size_t n, int flags)
{
    while (n) {
        ssize_t rc = splice(fd, NULL, l->fd, NULL, n, flags);

        if (rc < 0 && errno == EAGAIN) {
            wait_writable(l->fd);
            continue;
        }
        if (rc <= 0)
            err(1, "splice at %llu", l->pos);
        l->pos += rc;
        n -= rc;
    }
}

static void pipes(struct link *l)
{
    static const size_t n[] = {1, 100, 4096, 5000, 16384, 40000, 65536};
    int p[2];

    if (pipe(p))
        err(1, "pipe");
    for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
        put(l, p[1], n[i], 0);
        drain(l, p[0], n[i], i % 2 ? SPLICE_F_MORE : 0);
    }
    /* Pieces that are not whole pages. */
    for (int i = 0; i < 10; i++)
        put(l, p[1], 100, i * 100);
    drain(l, p[0], 1000, 0);
    check(far_has(l, l->pos, 20000), "%llu of %llu", l->far->bytes, l->pos);
    close(p[0]);
    close(p[1]);
}

/* The receiver is slow, and neither end of the splice waits. */
static void pipes_nonblock(struct link *l)
{
    int p[2];

    if (pipe(p))
        err(1, "pipe");
    set_nonblock(l->fd, true);
    for (int i = 0; i < 8; i++) {
        put(l, p[1], 40000, 0);
        drain(l, p[0], 40000, SPLICE_F_NONBLOCK);
    }
    close(p[0]);
    close(p[1]);
}

/*
 * A record that is complete leaves with the call, also if the call says that
 * more comes after what is in the next one, which stays open until somebody
 * has waited for a fifth of a second: then it would prove nothing.
 */
static void complete_leaves(struct link *l, int pipe[2])
{
    bool seen = false;

    for (int i = 0; i < 20 && !seen; i++) {
        unsigned long long before = records_of(l->fd);

        if (pipe) {
            put(l, pipe[1], MAX_PAYLOAD + 1, 0);
            drain(l, pipe[0], MAX_PAYLOAD + 1, SPLICE_F_MORE);
        } else {
            check(send_pattern(l, MAX_PAYLOAD + 1, MSG_MORE) ==
                  MAX_PAYLOAD + 1, "%d", errno);
        }
        check(far_has(l, l->pos - 1, 20000), "%llu", l->far->bytes);
        seen = records_of(l->fd) == before + 1;
        check(send_pattern(l, 0, 0) == 0, "no bytes: %d", errno);
        want(l, TYPE_DATA, MAX_PAYLOAD);
        want(l, TYPE_DATA, 1);
    }
    check(seen, "the first record came with the second");
}

static void complete(struct link *l)
{
    int p[2];

    if (pipe(p))
        err(1, "pipe");
    complete_leaves(l, NULL);
    complete_leaves(l, p);
    close(p[0]);
    close(p[1]);
}

/* Pages of ours in the pipe, which are taken back when splice() returns. */
static void gifts(struct link *l)
{
    long page = sysconf(_SC_PAGESIZE);
    unsigned char *buf = aligned_alloc(page, 8 * page);
    int p[2];

    if (pipe(p))
        err(1, "pipe");
    for (int i = 0; i < 6; i++) {
        struct iovec iov = {buf + i * 7, 8 * page - i * 7};

        fill_pattern(iov.iov_base, iov.iov_len, l->pos);
        if (vmsplice(p[1], &iov, 1, i % 2 ? SPLICE_F_GIFT : 0) !=
            (ssize_t)iov.iov_len)
            err(1, "vmsplice");
        drain(l, p[0], iov.iov_len, 0);
        memset(buf, 0xee, 8 * page);
    }
    free(buf);
    close(p[0]);
    close(p[1]);
}

/* The same pages in two pipes. */
static void tees(struct link *l)
{
    unsigned char buf[3000];
    int p[2], q[2];

    if (pipe(p) || pipe(q))
        err(1, "pipe");
    for (int i = 0; i < 5; i++) {
        put(l, p[1], sizeof(buf), 0);
        check(tee(p[0], q[1], sizeof(buf), 0) == sizeof(buf), "%d", errno);
        drain(l, q[0], sizeof(buf), 0);
        if (read(p[0], buf, sizeof(buf)) != sizeof(buf))
            err(1, "read");
    }
    close(p[0]);
    close(p[1]);
    close(q[0]);
    close(q[1]);
}

/* ---- files ---- */

/* A file of the pattern from the connection's position on. */
static int make_file(struct link *l, const char *dir, size_t n)
{
    char name[256];
    int fd;

    snprintf(name, sizeof(name), "%s/ulp_send.%d", dir, getpid());
    fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        err(1, "%s", name);
    unlink(name);
    put(l, fd, n, 0);
    return fd;
}

static void send_file(struct link *l, int in, off_t *off, size_t n)
{
    while (n) {
        ssize_t rc = sendfile(l->fd, in, off, n);

        if (rc < 0 && errno == EAGAIN) {
            wait_writable(l->fd);
            continue;
        }
        if (rc <= 0)
            err(1, "sendfile at %llu", l->pos);
        l->pos += rc;
        n -= rc;
    }
}

/* In pieces, with and without an offset, waiting and not. */
static void send_pieces(struct link *l, const char *dir, bool wait)
{
    int in = make_file(l, dir, FILE_SIZE);
    off_t off = 0;

    set_nonblock(l->fd, !wait);
    send_file(l, in, &off, 1);
    send_file(l, in, &off, 4095);
    send_file(l, in, &off, 16384);
    send_file(l, in, &off, 50001);
    if (lseek(in, off, SEEK_SET) != off)
        err(1, "lseek");
    send_file(l, in, NULL, FILE_SIZE - off);
    check(sendfile(l->fd, in, NULL, 10) == 0, "at the end: %d", errno);
    check(sendfile(l->fd, in, NULL, 0) == 0, "nothing: %d", errno);
    close(in);
    set_nonblock(l->fd, false);
}

static void files(struct link *l)
{
    for (int i = 0; i < setup.ndirs; i++) {
        send_pieces(l, setup.dirs[i], true);
        send_pieces(l, setup.dirs[i], false);
    }
    check(setup.ndirs > 0, "no directory was given");
}

/*
 * The caller asks for more than the file has: the far end gets the last byte
 * at once, not with the next call.
 */
static void unbounded(struct link *l)
{
    static const size_t n[] = {1, 4096, 16384, 16385, 32768, 65536, 98304,
                               100000};

    for (int d = 0; d < setup.ndirs; d++)
        for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
            int in = make_file(l, setup.dirs[d], n[i]);
            off_t off = 0;
            ssize_t rc = sendfile(l->fd, in, &off, UNBOUNDED);

            check(rc == (ssize_t)n[i] && off == (off_t)n[i], "%zd, %d", rc,
                  errno);
            l->pos += n[i];
            check(far_has(l, l->pos, 10000), "%s, %zu: %llu of %llu",
                  setup.dirs[d], n[i], l->far->bytes, l->pos);
            close(in);
        }
}

/* The same to a receiver so slow that the last record finds no room. */
static void unbounded_full(struct link *l)
{
    int in = make_file(l, setup.dirs[0], FILE_SIZE);
    off_t off = 0;

    l->far->nap_ms = 10;
    check(sendfile(l->fd, in, &off, UNBOUNDED) == FILE_SIZE, "%d", errno);
    l->pos += FILE_SIZE;
    l->far->nap_ms = 0;
    check(far_has(l, l->pos, 20000), "%llu of %llu", l->far->bytes, l->pos);
    close(in);
}

const struct send_case file_cases[] = {
    {.name = "pipes", .run = pipes},
    {.name = "pipes_nonblock", .run = pipes_nonblock, .sndbuf = 20000,
     .rcvbuf = 8192},
    {.name = "complete", .run = complete},
    {.name = "gifts", .run = gifts},
    {.name = "tees", .run = tees},
    {.name = "files", .run = files, .sndbuf = 40000},
    {.name = "unbounded", .run = unbounded},
    {.name = "unbounded_full", .run = unbounded_full, .sndbuf = 20000,
     .rcvbuf = 8192},
    {0},
};
