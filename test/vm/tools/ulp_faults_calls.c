// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ulp_faults.h"
#include "ulp_open.h"

#define FILE_SIZE 200000
/* With nothing to come, longer than what is under way takes. */
#define FIN_MS 10000

static const char *version, *cipher, *host, *port;
static int mode;
static unsigned int refused, lost_fins;

/* What the receiver says of a connection. */
struct report {
    unsigned long long bytes;
    int alerts;
};

/* ---- receiver ---- */

static void receive(int fd, struct report *report)
{
    static struct reader r;
    static unsigned char out[MAX_BODY], want[MAX_BODY];
    unsigned char type;
    int n, generation = 0;

    memset(report, 0, sizeof(*report));
    r.fd = fd;
    r.cut = false;
    make_keys(&r.keys, version, cipher, 0);
    while ((n = read_record(&r, &type, out)) >= 0) {
        if (type == TYPE_HANDSHAKE) {
            make_keys(&r.keys, version, cipher, ++generation);
        } else if (type == TYPE_ALERT) {
            report->alerts++;
        } else {
            fill_pattern(want, n, report->bytes);
            if (memcmp(out, want, n))
                errx(1, "wrong byte in %llu to %llu", report->bytes,
                     report->bytes + n);
            report->bytes += n;
        }
    }
    if (errno && errno != EINTR)
        err(1, "the stream ends badly");
    if (r.cut)
        errx(1, "the stream ends inside a record");
}

static pid_t receiver;

/* Interrupts read(). */
static void no_fin(int sig)
{
    (void)sig;
}

/* In a process of its own, and another namespace; returns the pipe from it. */
static int start_receiver(const char *netns)
{
    int fds[2], listener, ns = open(netns, O_RDONLY);
    struct report report;
    char byte = 0;

    if (ns < 0 || pipe(fds))
        err(1, "%s", netns);
    receiver = fork();
    if (receiver) {
        /* Or its end would not be the pipe's. */
        close(fds[1]);
        if (read(fds[0], &byte, 1) != 1)
            errx(1, "no receiver");
        return fds[0];
    }
    close(fds[0]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (sigaction(SIGUSR1, &(struct sigaction){.sa_handler = no_fin}, NULL))
        err(1, "sigaction");
    if (setns(ns, CLONE_NEWNET))
        err(1, "setns");
    listener = listen_on(atoi(port), 1, 0);
    if (write(fds[1], &byte, 1) != 1)
        err(1, "pipe");
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            err(1, "accept");
        receive(fd, &report);
        close(fd);
        if (write(fds[1], &report, sizeof(report)) != sizeof(report))
            exit(0);
    }
}

/* Its port is free again. */
static void end_receiver(void)
{
    kill(receiver, SIGKILL);
    waitpid(receiver, NULL, 0);
}

/* ---- a connection's life ---- */

struct connection {
    int fd, file, writer, pipe[2];
    char name[32];
    unsigned long long pos;	/* taken by the ULP so far */
    unsigned long long piped;	/* of it, or in the pipe */
    int alerts;
    bool key_update, starved;
};

static int result(long rc)
{
    return rc < 0 ? -errno : 0;
}

static int attach(struct connection *c)
{
    return result(setsockopt(c->fd, SOL_TCP, TCP_ULP, "linetls", 7));
}

static int choose_mode(struct connection *c)
{
    return result(setsockopt(c->fd, SOL_TLS, LINETLS_TX_MODE, &mode,
                             sizeof(mode)));
}

static int give_keys(struct connection *c, int generation)
{
    union crypto_info ci;
    struct keys k;
    socklen_t len;

    make_keys(&k, version, cipher, generation);
    len = pack_keys(&ci, &k);
    return result(setsockopt(c->fd, SOL_TLS, TLS_TX, &ci, len));
}

static int first_keys(struct connection *c)
{
    return give_keys(c, 0);
}

static int announce(struct connection *c)
{
    return result(setsockopt(c->fd, SOL_TLS, LINETLS_TX_FILE, &c->file,
                             sizeof(c->file)));
}

/* Sends @n bytes at a time until @end. */
static int send_until(struct connection *c, unsigned long long end, size_t n,
                      int flags)
{
    static unsigned char buf[65536];

    while (c->pos < end) {
        size_t len = end - c->pos < n ? end - c->pos : n;
        ssize_t rc;

        fill_pattern(buf, len, c->pos);
        rc = send(c->fd, buf, len, flags | MSG_NOSIGNAL);
        if (rc < 0)
            return -errno;
        c->pos += rc;
    }
    return 0;
}

static int send_small(struct connection *c)
{
    return send_until(c, 100, 100, 0);
}

/*
 * There is no memory at all, and no second call to bring what the first has
 * taken on its way. Once, whatever fails.
 */
static int send_starved(struct connection *c)
{
    static unsigned char buf[1000];
    unsigned long long before;
    ssize_t rc;

    if (c->starved)
        return 0;
    c->starved = true;
    before = records_of(c->fd);
    fill_pattern(buf, sizeof(buf), c->pos);
    fault_all(true);
    rc = send(c->fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
    fault_all(false);
    if (rc < 0 && errno != EAGAIN && errno != ENOMEM)
        err(1, "send without memory");
    refused += rc < 0;
    if (rc > 0 && records_of(c->fd) == before)
        errx(1, "%zd bytes were taken without memory, and stay", rc);
    c->pos += rc > 0 ? rc : 0;
    return 0;
}

static int send_large(struct connection *c)
{
    return send_until(c, 40100, 65536, 0);
}

/* More records than the tracker begins with. */
static int send_many(struct connection *c)
{
    return send_until(c, 40140, 1, 0);
}

static int send_alert(struct connection *c)
{
    if (try_record(c->fd, TYPE_ALERT, "al", 2, 0) != 2)
        return -errno;
    c->alerts++;
    return 0;
}

static int send_file(struct connection *c)
{
    while (c->pos < 100000) {
        off_t offset = c->pos;
        ssize_t rc = sendfile(c->fd, c->file, &offset, 100000 - c->pos);

        if (rc < 0)
            return -errno;
        c->pos += rc;
    }
    return 0;
}

static int splice_pipe(struct connection *c)
{
    const unsigned long long end = 120000;

    if (c->piped < c->pos)
        c->piped = c->pos;
    while (c->pos < end) {
        off_t offset = c->piped;
        ssize_t rc = 0;

        if (c->piped < end)
            rc = splice(c->file, &offset, c->pipe[1], NULL, end - c->piped, 0);
        if (rc < 0)
            return -errno;
        c->piped += rc;
        rc = splice(c->pipe[0], NULL, c->fd, NULL, c->piped - c->pos, 0);
        if (rc < 0)
            return -errno;
        c->pos += rc;
    }
    return 0;
}

/* The key update goes out once, whatever becomes of the keys. */
static int next_keys(struct connection *c)
{
    static const unsigned char message[5] = {KEY_UPDATE, 0, 0, 1, 0};

    if (!strcmp(version, "1.2"))
        return 0;
    if (!c->key_update && try_record(c->fd, TYPE_HANDSHAKE, message,
                                     sizeof(message), 0) < 0)
        return -errno;
    c->key_update = true;
    return give_keys(c, 1);
}

static int get_status(struct connection *c)
{
    struct linetls_tx_status st;
    socklen_t len = sizeof(st);

    return result(getsockopt(c->fd, SOL_TLS, LINETLS_TX_STATUS, &st, &len));
}

/* What has been sent of the file may be under way. */
static int open_writer(struct connection *c)
{
    c->writer = open(c->name, O_WRONLY);
    return result(c->writer);
}

static int overwrite(struct connection *c)
{
    static const unsigned char zeros[FILE_SIZE];
    int rc = result(pwrite(c->writer, zeros, sizeof(zeros), 0));

    close(c->writer);
    return rc;
}

/* Leaves an open record to what follows. */
static int send_more(struct connection *c)
{
    return send_until(c, 120500, 65536, MSG_MORE);
}

static int end_sending(struct connection *c)
{
    return result(shutdown(c->fd, SHUT_WR));
}

static int end(struct connection *c)
{
    int fd = c->fd;

    c->fd = -1;
    return fd < 0 ? 0 : result(close(fd));
}

static const struct step {
    const char *name;
    int (*run)(struct connection *c);
    bool spared;	/* from faults */
} steps[] = {
    {"ulp", attach},
    {"mode", choose_mode},
    {"keys", first_keys},
    {"file", announce},
    {"small", send_small},
    {"starved", send_starved, true},
    {"large", send_large},
    {"many", send_many},
    {"alert", send_alert},
    {"sendfile", send_file},
    {"splice", splice_pipe},
    {"new keys", next_keys},
    {"status", get_status},
    {"writer", open_writer},
    {"overwrite", overwrite, true},
    {"more", send_more},
    {"shutdown", end_sending},
    {"close", end},
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))
#define CLOSE (STEPS - 1)
#define SHUTDOWN (STEPS - 2)

/* A new one each time: nobody has written to it a moment ago. */
static void make_file(struct connection *c)
{
    static unsigned char buf[FILE_SIZE];
    static int number;
    int fd;

    snprintf(c->name, sizeof(c->name), "file-%d", number++);
    fd = open(c->name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    fill_pattern(buf, sizeof(buf), 0);
    if (fd < 0 || write(fd, buf, sizeof(buf)) != sizeof(buf) || fsync(fd))
        err(1, "%s", c->name);
    close(fd);
    c->file = open(c->name, O_RDONLY);
    if (c->file < 0)
        err(1, "%s", c->name);
}

static void begin(struct connection *c)
{
    memset(c, 0, sizeof(*c));
    make_file(c);
    if (pipe(c->pipe))
        err(1, "pipe");
    c->fd = dial(host, port, 0);
}

static void finish(struct connection *c)
{
    end(c);
    close(c->file);
    close(c->pipe[0]);
    close(c->pipe[1]);
}

/*
 * Both ends have the same. @where: after what, for the message. @fin_at_risk:
 * TCP may have had no memory for a FIN, which it then never sends
 * (tcp_send_fin()); the receiver is told that there is none.
 */
static void compare(const struct connection *c, int reports, bool fin_at_risk,
                    const char *where)
{
    struct pollfd pfd = {.fd = reports, .events = POLLIN};
    struct report report;

    if (fin_at_risk && !poll(&pfd, 1, FIN_MS)) {
        lost_fins++;
        kill(receiver, SIGUSR1);
    }
    if (read(reports, &report, sizeof(report)) != sizeof(report))
        errx(1, "the receiver failed after %s", where);
    if (report.bytes != c->pos || report.alerts != c->alerts)
        errx(1, "%llu bytes and %d alerts of %llu and %d after %s",
             report.bytes, report.alerts, c->pos, c->alerts, where);
}

/*
 * A connection, step @faulty of which meets its @nth fault. Returns if there
 * was one; @failed: the step's caller was told.
 */
static bool live(int reports, size_t faulty, unsigned int nth, bool *failed)
{
    struct connection c;
    bool fired = false;
    char where[64];

    snprintf(where, sizeof(where), "fault %u in %s", nth, steps[faulty].name);
    *failed = false;
    begin(&c);
    for (size_t i = 0; i < STEPS; i++) {
        int rc;

        if (i == SHUTDOWN && faulty == CLOSE)
            continue;
        if (i == faulty) {
            fault_arm(nth);
            rc = steps[i].run(&c);
            fired = !fault_disarm();
            *failed = rc < 0;
            if (rc >= 0)
                continue;
            if (!fired)
                errx(1, "%s: %s without a fault", steps[i].name, strerror(-rc));
        }
        rc = steps[i].run(&c);
        if (rc < 0)
            errx(1, "%s after %s: %s", steps[i].name, where, strerror(-rc));
    }
    finish(&c);
    compare(&c, reports, fired && faulty >= SHUTDOWN, where);
    return fired;
}

/* Returns the pipe from the receiver. */
static int prepare(char **argv)
{
    int reports;

    host = argv[0];
    port = "4500";
    version = argv[3];
    cipher = argv[4];
    mode = atoi(argv[5]);
    reports = start_receiver(argv[1]);
    if (chdir(argv[2]))
        err(1, "%s", argv[2]);
    return reports;
}

/* All that may be are, if @names has none. */
static bool is_chosen(const struct step *step, char **names)
{
    if (step->spared || !*names)
        return !step->spared;
    while (*names && strcmp(*names, step->name))
        names++;
    return *names;
}

int fault_calls(char **argv)
{
    int reports = prepare(argv), all = 0;

    fault_init();
    for (size_t i = 0; i < STEPS; i++) {
        unsigned int nth = 1, failures = 0;
        bool failed;

        if (!is_chosen(&steps[i], argv + 6))
            continue;
        while (live(reports, i, nth, &failed)) {
            failures += failed;
            if (++nth > MAX_NTH)
                errx(1, "%s: no end of faults", steps[i].name);
        }
        printf("%s: %u faults, %u failures\n", steps[i].name, nth - 1,
               failures);
        all += nth - 1;
    }
    end_receiver();
    printf("%u sends refused without memory, %u FINs lost by TCP\n", refused,
           lost_fins);
    return all && refused ? 0 : 1;
}

/* ---- a writer in a connection's life ---- */

/* What was sent of the file stays; the rest is sent of another one. */
static void rewrite_file(struct connection *c)
{
    if (open_writer(c) || overwrite(c))
        err(1, "%s", c->name);
    close(c->file);
    make_file(c);
}

/* The writer comes before step @when, or after all of them. */
static void live_with_writer(int reports, size_t when)
{
    struct connection c;
    const char *where = when < STEPS ? steps[when].name : "all";

    begin(&c);
    for (size_t i = 0; i < STEPS; i++) {
        int rc;

        if (i == when)
            rewrite_file(&c);
        if (steps[i].run == open_writer || steps[i].run == overwrite ||
            steps[i].run == send_starved)
            continue;
        rc = steps[i].run(&c);
        if (rc < 0)
            errx(1, "%s, a writer before %s: %s", steps[i].name, where,
                 strerror(-rc));
    }
    if (when == STEPS)
        rewrite_file(&c);
    finish(&c);
    compare(&c, reports, false, where);
}

int fault_writers(char **argv)
{
    int reports = prepare(argv);

    for (size_t i = 0; i <= STEPS; i++)
        live_with_writer(reports, i);
    end_receiver();
    printf("%zu connections\n", STEPS + 1);
    return 0;
}
