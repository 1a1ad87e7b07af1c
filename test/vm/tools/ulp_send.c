// SPDX-License-Identifier: Apache-2.0
/*
 *   ulp_send [OPTIONS] NETNS HOST VERSION CIPHER [CASE...]
 *
 * Run the named cases, or all, over connections to HOST, an address of the
 * network namespace NETNS (a file). Prints what fails, the last connection's
 * status and "cases N failed N".
 *   -m  LINETLS_TX_MODE, a number
 *   -d  a directory for files to be sent; may be repeated
 *   -x  not this case; may be repeated
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ulp_open.h"
#include "ulp_send.h"

#define CASE_SECONDS 150

struct setup setup;

static const struct send_case *const groups[] = {
    call_cases, wait_cases, end_cases, file_cases, memory_cases,
#ifdef HAVE_LIBURING
    uring_cases,
#endif
};

static const char *current = "none";
static _Atomic int failures;

void failed(const char *file, int line, const char *cond, const char *format,
            ...)
{
    va_list args;

    failures++;
    printf("FAIL: %s: %s:%d: not %s: ", current, file, line, cond);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    puts("");
    fflush(stdout);
}

long long now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Whatever signals come. */
void nap(int ms)
{
    long long end = now_ms() + ms;

    while (now_ms() < end)
        poll(NULL, 0, 1);
}

void set_nonblock(int fd, bool on)
{
    if (fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0))
        err(1, "O_NONBLOCK");
}

/* ---- the far end ---- */

static void far_end(struct far *far, int fd, enum end end)
{
    struct linger linger = {.l_onoff = 1};

    if (far->reset)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
    far->end = end;
    exit(0);
}

/* What the near end has asked for; returns when there is something to read. */
static void far_obey(struct far *far, int fd)
{
    bool fin_sent = false;

    do {
        if (far->reset)
            far_end(far, fd, RESET);
        if (far->fin && !fin_sent)
            fin_sent = !shutdown(fd, SHUT_WR);
        if (far->bytes >= far->limit)
            poll(NULL, 0, 2);
    } while (far->bytes >= far->limit);
    if (far->nap_ms)
        poll(NULL, 0, far->nap_ms);
}

/* Bytes before the keys. */
static void far_skip(int fd, unsigned skip)
{
    char byte;

    while (skip--)
        if (read(fd, &byte, 1) != 1)
            errx(1, "no bytes before the records");
}

static void far_read(struct far *far, int fd)
{
    static struct reader r;
    unsigned char type, *out = malloc(MAX_BODY);
    int n;

    r.fd = fd;
    make_keys(&r.keys, setup.version, setup.cipher, 0);
    for (;;) {
        far_obey(far, fd);
        n = read_record(&r, &type, out);
        if (n < 0)
            far_end(far, fd, errno ? RESET : r.cut ? CUT : FIN);
        if (far->records == MAX_RECORDS || far->bytes + n > MAX_DATA)
            errx(1, "more than the far end has room for");
        memcpy(far->data + far->bytes, out, n);
        far->record[far->records].type = type;
        far->record[far->records].len = n;
        far->bytes += n;
        far->records++;
    }
}

static void enter(const char *netns)
{
    int fd = open(netns, O_RDONLY);

    if (fd < 0 || setns(fd, CLONE_NEWNET))
        err(1, "%s", netns);
    close(fd);
}

int start_far(struct link *l, const struct send_case *c, bool fast_open,
              unsigned skip)
{
    int ready[2], port = 0, lfd, fd, queue = 5;
    struct sockaddr_in6 addr;
    socklen_t len = sizeof(addr);

    l->far->limit = c->paused ? 0 : NO_LIMIT;
    if (pipe(ready))
        err(1, "pipe");
    fflush(stdout);
    l->pid = fork();
    if (l->pid < 0)
        err(1, "fork");
    if (!l->pid) {
        alarm(CASE_SECONDS);
        /* Other connections of the near end must not stay open in here. */
        for (fd = 3; fd < 256; fd++)
            if (fd != ready[1])
                close(fd);
        enter(setup.netns);
        lfd = listen_on(0, 1, c->rcvbuf);
        if (fast_open && setsockopt(lfd, SOL_TCP, TCP_FASTOPEN, &queue,
                                    sizeof(queue)))
            err(1, "TCP_FASTOPEN");
        getsockname(lfd, (void *)&addr, &len);
        port = ntohs(addr.sin6_port);
        if (write(ready[1], &port, sizeof(port)) != sizeof(port))
            err(1, "write");
        fd = accept(lfd, NULL, NULL);
        if (fd < 0)
            err(1, "accept");
        far_skip(fd, skip);
        far_read(l->far, fd);
    }
    close(ready[1]);
    if (read(ready[0], &port, sizeof(port)) != sizeof(port))
        errx(1, "no far end");
    close(ready[0]);
    return port;
}

void start_far_client(struct link *l, const struct sockaddr *to, socklen_t len)
{
    int fd;

    l->far->limit = NO_LIMIT;
    fflush(stdout);
    l->pid = fork();
    if (l->pid < 0)
        err(1, "fork");
    if (l->pid)
        return;
    alarm(CASE_SECONDS);
    enter(setup.netns);
    fd = socket(to->sa_family, SOCK_STREAM, 0);
    if (sendto(fd, "hello", 5, MSG_FASTOPEN, to, len) != 5)
        err(1, "MSG_FASTOPEN");
    far_read(l->far, fd);
}

void hold(struct link *l)
{
    l->far->limit = 0;
}

void release(struct link *l)
{
    l->far->limit = NO_LIMIT;
}

bool far_has(struct link *l, unsigned long long bytes, int ms)
{
    long long end = now_ms() + ms;

    while (l->far->bytes < bytes && now_ms() < end)
        poll(NULL, 0, 1);
    return l->far->bytes >= bytes;
}

/* ---- the near end ---- */

void attach(int fd)
{
    struct keys k;

    set_ulp(fd, LINETLS_ULP_NAME);
    set_mode(fd, setup.mode);
    make_keys(&k, setup.version, setup.cipher, 0);
    set_keys(fd, TLS_TX, &k);
}

ssize_t send_pattern(struct link *l, size_t n, int flags)
{
    static __thread unsigned char *buf;
    static __thread size_t size;
    ssize_t rc;

    if (size < n) {
        buf = realloc(buf, n);
        size = n;
    }
    fill_pattern(buf, n, l->pos);
    rc = send(l->fd, buf, n, flags | MSG_NOSIGNAL);
    if (rc > 0)
        l->pos += rc;
    return rc;
}

void send_all(struct link *l, size_t n, int flags)
{
    while (n) {
        ssize_t rc = send_pattern(l, n, flags);

        if (rc < 0 && errno == EAGAIN) {
            wait_writable(l->fd);
            continue;
        }
        if (rc <= 0)
            err(1, "%s: send at %llu", current, l->pos);
        n -= rc;
    }
}

static void *run_long_send(void *arg)
{
    struct long_send *s = arg;

    s->sent = send(s->l->fd, s->buf, s->n, MSG_NOSIGNAL);
    s->error = errno;
    return NULL;
}

void begin_long_send(struct long_send *s, struct link *l, size_t n)
{
    *s = (struct long_send){.l = l, .n = n, .buf = malloc(n)};
    fill_pattern(s->buf, n, l->pos);
    if (pthread_create(&s->thread, NULL, run_long_send, s))
        err(1, "pthread_create");
}

void wait_full(struct link *l)
{
    long long end = now_ms() + 30000;

    while (is_writable(l->fd, 0) && now_ms() < end)
        nap(10);
    check(!is_writable(l->fd, 0), "%s", "still writable");
}

void end_long_send(struct long_send *s)
{
    pthread_join(s->thread, NULL);
    free(s->buf);
}

void want(struct link *l, unsigned char type, unsigned len)
{
    if (l->want_records == sizeof(l->want) / sizeof(l->want[0]))
        errx(1, "too many records wanted");
    l->want[l->want_records].type = type;
    l->want[l->want_records++].len = len;
}

void want_data(struct link *l, unsigned n)
{
    for (; n > MAX_PAYLOAD; n -= MAX_PAYLOAD)
        want(l, TYPE_DATA, MAX_PAYLOAD);
    if (n)
        want(l, TYPE_DATA, n);
}

static void check_records(const struct link *l)
{
    const struct far *far = l->far;
    unsigned n = far->records < l->want_records ? far->records
                                                : l->want_records;

    for (unsigned i = 0; i < n; i++)
        if (memcmp(&far->record[i], &l->want[i], sizeof(l->want[i]))) {
            check(false, "record %u is type %d, %d bytes, not type %d, %d", i,
                  far->record[i].type, far->record[i].len, l->want[i].type,
                  l->want[i].len);
            return;
        }
    check(far->records == l->want_records, "%u and %u records",
          far->records, l->want_records);
}

static void check_data(const struct link *l)
{
    unsigned long long n = l->far->bytes;
    unsigned char *buf = malloc(n + 1);

    check(n == l->pos, "%llu received, %llu sent", n, l->pos);
    fill_pattern(buf, n, 0);
    if (memcmp(buf, l->far->data, n)) {
        unsigned long long i = 0;

        while (buf[i] == l->far->data[i])
            i++;
        check(false, "wrong byte at %llu of %llu", i, n);
    }
    free(buf);
}

void finish(struct link *l)
{
    int status = -1;
    char byte;

    if (l->fd >= 0) {
        set_nonblock(l->fd, false);
        check(!shutdown(l->fd, SHUT_WR), "shutdown: %d", errno);
        release(l);
        l->far->nap_ms = 0;
        check(!read(l->fd, &byte, 1), "far end ended badly: %d", errno);
        print_status(l->fd);
        close(l->fd);
        l->fd = -1;
    }
    release(l);
    while (l->pid && waitpid(l->pid, &status, 0) < 0 && errno == EINTR)
        ;
    l->pid = 0;
    check(!status, "the far end's status is %#x", status);
}

static void run_case(const struct send_case *c)
{
    struct link l = {.fd = -1};
    char port[8];
    size_t size = sizeof(*l.far);
    int before = failures;
    long long start = now_ms();

    current = c->name;
    alarm(CASE_SECONDS);
    l.far = mmap(NULL, size, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (l.far == MAP_FAILED)
        err(1, "mmap");
    snprintf(port, sizeof(port), "%d", start_far(&l, c, false, 0));
    l.fd = dial(setup.host, port, c->sndbuf);
    attach(l.fd);
    c->run(&l);
    if (l.pid) {
        finish(&l);
        check(l.far->end == FIN, "the stream's end is %d", l.far->end);
        if (!l.checked)
            check_data(&l);
        if (l.want_records)
            check_records(&l);
    }
    munmap(l.far, size);
    printf("%s %s %lld ms\n", failures == before ? "ok" : "failed", c->name,
           now_ms() - start);
    fflush(stdout);
}

static bool is_named(const char *name, char **names, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static void stalled(int sig)
{
    static const char text[] = "FAIL: stalled: ";

    if (write(1, text, sizeof(text) - 1) < 0 ||
        write(1, current, strlen(current)) < 0 || write(1, "\n", 1) < 0)
        _exit(2);
    _exit(1);
}

int main(int argc, char **argv)
{
    int opt, cases = 0, bad = 0, nskip = 0;
    char *skip[16];

    while ((opt = getopt(argc, argv, "m:d:x:")) != -1) {
        switch (opt) {
        case 'm': setup.mode = atoi(optarg); break;
        case 'd': setup.dirs[setup.ndirs++ % 8] = optarg; break;
        case 'x': skip[nskip++ % 16] = optarg; break;
        default: return 2;
        }
    }
    argv += optind;
    argc -= optind;
    if (argc < 4)
        errx(2, "usage: ulp_send [OPTIONS] NETNS HOST VERSION CIPHER [CASE...]");
    setup.netns = argv[0];
    setup.host = argv[1];
    setup.version = argv[2];
    setup.cipher = argv[3];
    signal(SIGALRM, stalled);
    for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
        for (const struct send_case *c = groups[g]; c->name; c++) {
            int before = failures;

            if (is_named(c->name, skip, nskip) ||
                (argc > 4 ? !is_named(c->name, argv + 4, argc - 4) : c->extra))
                continue;
            run_case(c);
            cases++;
            bad += failures != before;
        }
    printf("cases %d failed %d\n", cases, bad);
    return bad != 0;
}
