// SPDX-License-Identifier: Apache-2.0
/*
 * Many downloads of files that change. Every response is a connection: first
 * it says where in the file it begins, and which version of the whole file was
 * there already when it did; then come the file's bytes to its end, by
 * sendfile().
 *
 *   guard_peer recv [OPTIONS] PORT
 *       Print "listening", take connections on the kernel's own ULP "tls",
 *       check each tag, and each 16 bytes by guard_check(). Ends when -n have
 *       ended, with "responses N bytes N old N", old being bytes of versions
 *       from before it began; or at the first bad one with "failed tag" or
 *       "wrong bytes".
 *       -n  so many responses (default 1) -v  file with the newest version
 *       -b  SO_RCVBUF                     -w  read nothing before this exists
 *       -A  until then, acknowledge up to so many bytes that have not come
 *       -r  each connection reads at most so many KiB a second, every second
 *           one only with -H
 *   guard_peer send [OPTIONS] HOST PORT FILE...
 *       Send FILEs in turn, from anywhere in them. FILE@N has the number N in
 *       what its writer says (guard.h, -v). Prints at the end
 *       "responses N zerocopy N copied N guarded N refused N", the counts of
 *       bytes as in LINETLS_TX_STATUS.
 *       -n  so many responses (default 1) -j  at once (default 1)
 *       -u  ULP (default linetls)         -m  LINETLS_TX_MODE, a number
 *       -z  TLS_TX_ZEROCOPY_RO            -a  no LINETLS_TX_FILE
 *       -b  SO_SNDBUF                     -s  seed
 *       -o  always from the beginning     -e  file whose existence ends it
 *       -f  touch this file when all sockets are full, or done
 *       -v  file with the versions
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"
#include "guard_ahead.h"
#include "ulp.h"

#ifndef TLS_TX_ZEROCOPY_RO
#define TLS_TX_ZEROCOPY_RO 3
#endif

#define TICK_MS 50
#define HEADER sizeof(struct guard_unit)

struct conn {
    int fd, file;
    uint64_t pos;           /* receiver: bytes so far; sender: in the file */
    uint64_t start;
    uint32_t oldest, oldest_pages;
    off_t end;
    long long budget;       /* receiver: bytes that may be read now */
    bool slow;
    size_t carry;
    char part[HEADER];
    struct ahead ahead;
};

static struct keys keys;
static struct epoll_event events[256];

static void raise_limits(void)
{
    struct rlimit limit = {65536, 65536};

    setrlimit(RLIMIT_NOFILE, &limit);
}

static long long now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

static void watch(int ep, struct conn *c, unsigned int what)
{
    struct epoll_event ev = {.events = what, .data.ptr = c};

    if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev))
        err(1, "epoll_ctl");
}

/* ---- receiver ---- */

struct receiver {
    unsigned long responses, ended, accepted;
    unsigned long long bytes, old;
    uint64_t first;
    long rate;
    bool half;
    const struct guard_versions *versions;
    uint32_t ahead;
    struct conn *last;
    struct conn **slow;
    unsigned long num_slow;
};

static void bad(const struct conn *c, const char *what)
{
    printf("%s at %llu of a response from %llu\n", what,
           (unsigned long long)c->pos, (unsigned long long)c->start);
    fflush(stdout);
    exit(1);
}

static bool is_good(const struct receiver *r, const struct conn *c,
                    const struct guard_unit *unit)
{
    uint64_t pos = c->start + c->pos - HEADER;
    bool whole = pos / GUARD_PAGE < c->oldest_pages;

    return guard_check(unit, pos, whole ? c->oldest : 0,
                       __atomic_load_n(&r->versions->newest,
                                       __ATOMIC_SEQ_CST));
}

static void check_unit(struct receiver *r, struct conn *c, const void *data)
{
    struct guard_unit unit;

    memcpy(&unit, data, sizeof(unit));
    if (c->pos == 0) {
        c->start = unit.version;
        c->oldest = unit.page;
        c->oldest_pages = unit.unit;
    } else if (!is_good(r, c, &unit)) {
        bad(c, "wrong bytes");
    } else if (unit.version && unit.version <= r->first) {
        r->old += sizeof(unit);
    }
    c->pos += sizeof(unit);
}

static void check_bytes(struct receiver *r, struct conn *c, const char *buf,
                        size_t n)
{
    r->bytes += n;
    while (n) {
        size_t part = sizeof(c->part) - c->carry;

        if (part > n)
            part = n;
        memcpy(c->part + c->carry, buf, part);
        c->carry += part;
        buf += part;
        n -= part;
        if (c->carry == sizeof(c->part)) {
            check_unit(r, c, c->part);
            c->carry = 0;
        }
    }
}

/* Returns false at the end of the connection. */
static bool receive(struct receiver *r, struct conn *c)
{
    static char buf[65536];

    for (;;) {
        size_t want = sizeof(buf);
        ssize_t n;

        if (c->slow && c->budget <= 0)
            return true;
        if (c->slow && (long long)want > c->budget)
            want = c->budget;
        n = recv(c->fd, buf, want, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n < 0 && errno == EBADMSG)
            bad(c, "failed tag");
        if (n < 0)
            err(1, "recv");
        if (n == 0)
            return false;
        c->budget -= n;
        check_bytes(r, c, buf, n);
    }
}

static void end_receive(struct receiver *r, struct conn *c)
{
    if (c->slow)
        for (unsigned long i = 0; i < r->num_slow; i++)
            if (r->slow[i] == c)
                r->slow[i--] = r->slow[--r->num_slow];
    close(c->fd);
    free(c);
    r->ended++;
}

static void take_connection(struct receiver *r, int ep, int lfd)
{
    struct conn *c = calloc(1, sizeof(*c));

    c->fd = accept(lfd, NULL, NULL);
    if (c->fd < 0)
        err(1, "accept");
    if (r->ahead)
        ahead_note(&c->ahead, c->fd);
    r->last = c;
    set_ulp(c->fd, "tls");
    set_keys(c->fd, TLS_RX, &keys);
    /* The peer waits for this: records in the queue before TLS_RX are lost. */
    if (write(c->fd, "", 1) != 1)
        err(1, "write");
    c->slow = r->rate && (!r->half || r->accepted % 2);
    r->accepted++;
    if (!c->slow) {
        watch(ep, c, EPOLLIN);
        return;
    }
    r->slow = realloc(r->slow, (r->num_slow + 1) * sizeof(*r->slow));
    r->slow[r->num_slow++] = c;
}

static void receive_slowly(struct receiver *r, long long ms)
{
    for (unsigned long i = r->num_slow; i-- > 0;) {
        struct conn *c = r->slow[i];

        c->budget += r->rate * 1024 * ms / 1000;
        if (!receive(r, c))
            end_receive(r, c);
    }
}

/* How much the peer has sent is not known here: all that it can be. */
static void acknowledge_ahead(const struct receiver *r)
{
    for (uint32_t n = 1000; r->last && n < r->ahead; n += 1000)
        ahead_ack(&r->last->ahead, 1, n);
}

static int do_recv(int argc, char **argv)
{
    struct receiver r = {.responses = 1};
    const char *versions = NULL, *hold = NULL;
    struct conn listener = {0};
    int ep = epoll_create1(0), opt, rcvbuf = 0;
    long long last = now_ms();

    while ((opt = getopt(argc, argv, "n:v:b:w:r:A:H")) != -1) {
        switch (opt) {
        case 'n': r.responses = strtoul(optarg, NULL, 0); break;
        case 'v': versions = optarg; break;
        case 'b': rcvbuf = atoi(optarg); break;
        case 'w': hold = optarg; break;
        case 'r': r.rate = atol(optarg); break;
        case 'A': r.ahead = strtoul(optarg, NULL, 0); break;
        case 'H': r.half = true; break;
        default: return 2;
        }
    }
    if (argc - optind != 1 || !versions)
        errx(2, "usage: guard_peer recv -v FILE [OPTIONS] PORT");
    r.versions = guard_versions(versions);
    r.first = r.versions->newest;
    listener.fd = listen_on(atoi(argv[optind]), 4096, rcvbuf);
    watch(ep, &listener, EPOLLIN);
    puts("listening");
    fflush(stdout);
    while (r.ended < r.responses) {
        int n = epoll_wait(ep, events, 256, TICK_MS);
        bool held = hold && access(hold, F_OK);

        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;

            if (c == &listener)
                take_connection(&r, ep, listener.fd);
            else if (!held && !receive(&r, c))
                end_receive(&r, c);
        }
        if (held && n)
            poll(NULL, 0, 1);
        if (now_ms() - last >= TICK_MS) {
            if (held)
                acknowledge_ahead(&r);
            else
                receive_slowly(&r, now_ms() - last);
            last = now_ms();
        }
    }
    printf("responses %lu bytes %llu old %llu\n", r.ended, r.bytes, r.old);
    return 0;
}

/* ---- sender ---- */

struct sender {
    const char *ulp, *host, *port, *until, *full;
    struct guard_versions *versions;
    int mode, sndbuf;
    unsigned long responses, jobs, begun, active;
    bool zerocopy_ro, no_announce, whole;
    struct source {
        char *name;
        unsigned int number;
    } *files;
    int num_files;
    unsigned long long zerocopy, copied, guarded, refused;
};

static void announce(struct sender *s, const struct conn *c)
{
    if (s->no_announce)
        return;
    if (setsockopt(c->fd, SOL_TLS, LINETLS_TX_FILE, &c->file, sizeof(int)))
        s->refused++;
    else
        s->guarded++;
}

static void secure(struct sender *s, int fd)
{
    int one = 1;

    set_ulp(fd, s->ulp);
    if (s->mode >= 0)
        set_mode(fd, s->mode);
    set_keys(fd, TLS_TX, &keys);
    if (s->zerocopy_ro && setsockopt(fd, SOL_TLS, TLS_TX_ZEROCOPY_RO, &one,
                                     sizeof(one)))
        err(1, "TLS_TX_ZEROCOPY_RO");
}

/* The file may be away for a moment. */
static int open_file(const char *file)
{
    int fd;

    while ((fd = open(file, O_RDONLY | O_NONBLOCK)) < 0) {
        if (errno != ENOENT && errno != EWOULDBLOCK)
            err(1, "%s", file);
        poll(NULL, 0, 1);
    }
    return fd;
}

static void begin(struct sender *s, int ep)
{
    const struct source *file = &s->files[s->begun % s->num_files];
    struct conn *c = calloc(1, sizeof(*c));
    struct guard_unit head = {0};
    struct stat st;
    char byte;

    c->fd = dial(s->host, s->port, s->sndbuf);
    if (read(c->fd, &byte, 1) != 1)
        err(1, "read");
    secure(s, c->fd);
    /* It may be another file by the time it is opened: a newer one. */
    if (s->versions) {
        head.page = s->versions->whole[file->number].version;
        head.unit = s->versions->whole[file->number].pages;
    }
    c->file = open_file(file->name);
    if (fstat(c->file, &st))
        err(1, "fstat");
    if (!s->whole && st.st_size > GUARD_PAGE && random() % 2)
        c->pos = random() % st.st_size & ~15ull;
    c->end = c->pos + st.st_size;
    head.version = c->pos;
    if (send(c->fd, &head, sizeof(head), MSG_MORE) != sizeof(head))
        err(1, "send");
    announce(s, c);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    watch(ep, c, EPOLLOUT);
    s->begun++;
    s->active++;
}

static void end_send(struct sender *s, struct conn *c)
{
    struct linetls_tx_status st = {0};
    socklen_t len = sizeof(st);

    if (!getsockopt(c->fd, SOL_TLS, LINETLS_TX_STATUS, &st, &len)) {
        s->zerocopy += st.zerocopy_bytes;
        s->copied += st.copied_bytes;
    }
    close(c->file);
    close(c->fd);
    free(c);
    s->active--;
}

/* Returns false at the end of the file. */
static bool send_some(struct conn *c)
{
    for (;;) {
        off_t off = c->pos;
        size_t want = c->end - off < 262144 ? c->end - off : 262144;
        ssize_t n = want ? sendfile(c->fd, c->file, &off, want) : 0;

        if (n < 0 && errno == EAGAIN)
            return true;
        if (n < 0)
            err(1, "sendfile at %llu", (unsigned long long)c->pos);
        if (n == 0)
            return false;
        c->pos += n;
    }
}

static void touch(const char *file)
{
    int fd = open(file, O_WRONLY | O_CREAT, 0644);

    if (fd < 0)
        err(1, "%s", file);
    close(fd);
}

static bool may_begin(const struct sender *s)
{
    return s->begun < s->responses && s->active < s->jobs &&
           (!s->until || access(s->until, F_OK));
}

static void send_all(struct sender *s)
{
    int ep = epoll_create1(0), quiet = 0;

    for (;;) {
        int n;

        while (may_begin(s))
            begin(s, ep);
        if (!s->active)
            return;
        n = epoll_wait(ep, events, 256, 100);
        for (int i = 0; i < n; i++)
            if (!send_some(events[i].data.ptr))
                end_send(s, events[i].data.ptr);
        quiet = n ? 0 : quiet + 1;
        if (s->full && quiet == 10)
            touch(s->full);
    }
}

/* FILE or FILE@N, of which 0 is nobody's number. */
static void take_files(struct sender *s, char **names, int n)
{
    s->files = calloc(n, sizeof(*s->files));
    s->num_files = n;
    for (int i = 0; i < n; i++) {
        char *at = strrchr(names[i], '@');

        s->files[i].name = names[i];
        if (!at)
            continue;
        *at = '\0';
        s->files[i].number = strtoul(at + 1, NULL, 0) % GUARD_FILES;
    }
}

static int do_send(int argc, char **argv)
{
    struct sender s = {
        .ulp = "linetls", .mode = -1, .responses = 1, .jobs = 1,
    };
    int opt;

    while ((opt = getopt(argc, argv, "n:j:u:m:b:s:e:f:v:zao")) != -1) {
        switch (opt) {
        case 'n': s.responses = strtoul(optarg, NULL, 0); break;
        case 'j': s.jobs = strtoul(optarg, NULL, 0); break;
        case 'u': s.ulp = optarg; break;
        case 'm': s.mode = atoi(optarg); break;
        case 'b': s.sndbuf = atoi(optarg); break;
        case 's': srandom(strtoul(optarg, NULL, 0)); break;
        case 'e': s.until = optarg; break;
        case 'f': s.full = optarg; break;
        case 'v': s.versions = guard_versions(optarg); break;
        case 'z': s.zerocopy_ro = true; break;
        case 'a': s.no_announce = true; break;
        case 'o': s.whole = true; break;
        default: return 2;
        }
    }
    if (argc - optind < 3)
        errx(2, "usage: guard_peer send [OPTIONS] HOST PORT FILE...");
    s.host = argv[optind];
    s.port = argv[optind + 1];
    take_files(&s, argv + optind + 2, argc - optind - 2);
    send_all(&s);
    if (s.full)
        touch(s.full);
    printf("responses %lu zerocopy %llu copied %llu guarded %llu "
           "refused %llu\n", s.begun, s.zerocopy, s.copied, s.guarded,
           s.refused);
    return 0;
}

int main(int argc, char **argv)
{
    raise_limits();
    make_keys(&keys, "1.2", "gcm128", 0);
    if (argc > 2 && !strcmp(argv[1], "recv"))
        return do_recv(argc - 1, argv + 1);
    if (argc > 2 && !strcmp(argv[1], "send"))
        return do_send(argc - 1, argv + 1);
    errx(2, "usage: guard_peer recv|send ..., see the source");
}
