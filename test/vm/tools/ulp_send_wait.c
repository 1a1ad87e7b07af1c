// SPDX-License-Identifier: Apache-2.0
/* Senders that wait, and those that won't: full buffers, polls, signals,
 * threads and processes on one socket. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ulp_send.h"

#define LONG_MS 60000

/* ---- buffers that are full ---- */

/*
 * Send @total bytes in pieces of all sizes, without waiting in send(). Where
 * poll() says that there is room, there is: anything else is a busy loop.
 */
static void fill(struct link *l, size_t total, int flags, size_t step)
{
    unsigned long waits = 0, liars = 0, n = 0;
    bool waited = false;

    l->far->nap_ms = 1;
    while (l->pos < total) {
        size_t len = 1 + n++ * step % 3001;
        ssize_t rc = send_pattern(l, len, flags);

        if (rc < 0 && errno != EAGAIN) {
            check(false, "at %llu: %d", l->pos, errno);
            return;
        }
        if (rc > 0) {
            waited = false;
            continue;
        }
        liars += waited;
        waits++;
        waited = is_writable(l->fd, LONG_MS);
        if (!waited) {
            check(false, "no room at %llu", l->pos);
            return;
        }
    }
    printf("waits %lu, without room afterwards %lu\n", waits, liars);
    check(waits > 5, "%lu waits", waits);
    check(liars * 10 <= waits, "%lu of %lu waits had no room", liars, waits);
}

static void nonblock(struct link *l)
{
    set_nonblock(l->fd, true);
    fill(l, 400000, 0, 7919);
}

static void dontwait(struct link *l)
{
    fill(l, 300000, MSG_DONTWAIT, 1);
}

/* Every byte of a record may be the last that fits. */
static void each_byte(struct link *l)
{
    set_nonblock(l->fd, true);
    for (int i = 1; i < 60; i++) {
        unsigned long long limit = l->far->bytes + 1;

        l->far->limit = limit;
        while (send_pattern(l, i, 0) > 0)
            ;
        check(errno == EAGAIN, "%d", errno);
        check(far_has(l, limit, LONG_MS), "%llu bytes", l->far->bytes);
    }
}

/* A waiter on an edge misses none. */
static void edge(struct link *l)
{
    struct epoll_event ev = {.events = EPOLLOUT | EPOLLET};
    int ep = epoll_create1(0);
    size_t total = 600000, n = 0;

    set_nonblock(l->fd, true);
    if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, l->fd, &ev))
        err(1, "epoll");
    while (l->pos < total) {
        if (epoll_wait(ep, &ev, 1, LONG_MS) != 1) {
            check(false, "no edge at %llu", l->pos);
            break;
        }
        while (l->pos < total && send_pattern(l, 1 + n++ * 977 % 9001, 0) > 0)
            ;
        check(l->pos >= total || errno == EAGAIN, "%d", errno);
    }
    close(ep);
}

/* Blocking sends through the smallest of buffers, and into the largest. */
static void tiny(struct link *l)
{
    send_all(l, 100000, 0);
    for (int i = 0; i < 200; i++)
        send_all(l, 1 + i * 7, i % 3 ? 0 : MSG_MORE);
}

static void huge(struct link *l)
{
    int sndbuf = 64 << 20;

    if (setsockopt(l->fd, SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf, sizeof(sndbuf)))
        err(1, "SO_SNDBUFFORCE");
    check(send_pattern(l, 8 << 20, MSG_DONTWAIT) == 8 << 20, "%d", errno);
    release(l);
}

static void set_lowat(unsigned lowat)
{
    FILE *f = fopen("/proc/sys/net/ipv4/tcp_notsent_lowat", "w");

    if (!f || fprintf(f, "%u", lowat) < 0 || fclose(f))
        err(1, "tcp_notsent_lowat");
}

/*
 * TCP has no room for a record although nothing is in flight, as when there is
 * no memory: no ACK will say that it has room again.
 */
static void starved(struct link *l)
{
    send_all(l, 100, MSG_MORE);
    set_lowat(0);
    check(send_pattern(l, 1000, MSG_DONTWAIT) == 1000, "%d", errno);
    check(!far_has(l, 1, 200), "%llu bytes", l->far->bytes);
    set_lowat(-1U);
    check(far_has(l, l->pos, 20000), "%llu bytes", l->far->bytes);
}

/* SO_SNDTIMEO is for the whole call, however slowly it goes on. */
static void timeout(struct link *l)
{
    struct timeval tv = {.tv_sec = 1};
    long long start = now_ms();
    ssize_t rc;

    if (setsockopt(l->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)))
        err(1, "SO_SNDTIMEO");
    l->far->nap_ms = 60;
    rc = send_pattern(l, 4 << 20, 0);
    check(rc > 0 && rc < 4 << 20, "%zd, %d", rc, errno);
    check(now_ms() - start < 8000, "%lld ms", now_ms() - start);

    hold(l);
    do {
        start = now_ms();
        rc = send_pattern(l, 1000, 0);
    } while (rc > 0);
    check(errno == EAGAIN, "%d", errno);
    check(now_ms() - start >= 900 && now_ms() - start < 10000, "%lld ms",
          now_ms() - start);
    l->far->nap_ms = 0;
}

/* ---- signals ---- */

static _Atomic int signals;

static void count_signal(int sig)
{
    signals++;
}

static void on_signal(int flags)
{
    struct sigaction sa = {.sa_handler = count_signal, .sa_flags = flags};

    if (sigaction(SIGUSR1, &sa, NULL))
        err(1, "sigaction");
    signals = 0;
}

static timer_t start_timer(int ms)
{
    struct sigevent sev = {
        .sigev_notify = SIGEV_SIGNAL,
        .sigev_signo = SIGUSR1,
    };
    struct itimerspec its = {
        .it_interval.tv_nsec = ms * 1000000,
        .it_value.tv_nsec = ms * 1000000,
    };
    timer_t timer;

    if (timer_create(CLOCK_MONOTONIC, &sev, &timer) ||
        timer_settime(timer, 0, &its, NULL))
        err(1, "timer");
    return timer;
}

/* Sends that signals end early, at any byte, and those that begin again. */
static void interrupts(struct link *l)
{
    unsigned partial = 0, restarted = 0, eintr = 0;
    timer_t timer;

    for (int restart = 0; restart < 2; restart++) {
        size_t total = l->pos + 700000;

        on_signal(restart ? SA_RESTART : 0);
        l->far->nap_ms = 2;
        timer = start_timer(15);
        while (l->pos < total) {
            ssize_t rc = send_pattern(l, 50000, l->pos % 2 ? MSG_MORE : 0);

            if (rc < 0 && errno == EINTR && !restart)
                eintr++;
            else if (rc < 0)
                err(1, "send: restart %d", restart);
            partial += !restart && rc > 0 && rc < 50000;
        }
        timer_delete(timer);
        restarted += restart ? signals : 0;
        check(signals > 0, "no signal came");
    }
    l->far->nap_ms = 0;
    check(partial + eintr > 0, "no call was interrupted");
    check(restarted > 0, "no call was restarted");
}

/* Alerts that signals interrupt come whole and once, or not. */
static void interrupted_types(struct link *l)
{
    static const unsigned char alert[2] = {1, 0};
    unsigned sent = 0, got = 0;
    timer_t timer;

    on_signal(0);
    l->far->nap_ms = 2;
    timer = start_timer(10);
    for (int i = 0; i < 60; i++) {
        ssize_t rc = send_pattern(l, 9000, MSG_MORE);

        check(rc > 0 || errno == EINTR, "%d", errno);
        rc = try_record(l->fd, TYPE_ALERT, alert, 2, 0);
        check(rc == 2 || (rc < 0 && errno == EINTR), "%zd, %d", rc, errno);
        sent += rc == 2;
    }
    timer_delete(timer);
    finish(l);
    for (unsigned i = 0; i < l->far->records; i++)
        if (l->far->record[i].type == TYPE_ALERT) {
            check(l->far->record[i].len == 2, "%d", l->far->record[i].len);
            got++;
        }
    check(got == sent, "%u alerts, %u sent", got, sent);
    check(l->far->bytes == l->pos + 2 * sent, "%llu", l->far->bytes);
    l->checked = true;
}

/*
 * With the buffer full an alert goes out all the same, as a few bytes would over
 * TCP: who fails says so once, and closes. But not without end.
 */
static void alert_when_full(struct link *l)
{
    static const unsigned char alert[2] = {2, 80};
    unsigned sent = 0;

    while (send_pattern(l, 3000, MSG_DONTWAIT) > 0)
        ;
    check(errno == EAGAIN, "%d", errno);
    while (sent < MAX_RECORDS
           && try_record(l->fd, TYPE_ALERT, alert, 2, MSG_DONTWAIT) == 2)
        sent++;
    check(errno == EAGAIN, "%d", errno);
    check(sent > 0 && sent < 1000, "%u alerts", sent);
    check(send_pattern(l, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "%d",
          errno);
    check(!is_writable(l->fd, 0), "writable");
    release(l);
    finish(l);
    for (unsigned i = 1; i <= sent; i++)
        check(l->far->record[l->far->records - i].type == TYPE_ALERT,
              "alert %u of %u", i, sent);
    check(l->far->bytes == l->pos + 2 * sent, "%llu", l->far->bytes);
    l->checked = true;
}

/* ---- many senders ---- */

struct message {
    unsigned short sender, number;
    unsigned len;	/* with this header */
};

struct sender {
    struct link *l;
    int id, count, max, flags;
    pthread_t thread;
};

static size_t make_message(unsigned char *buf, const struct sender *s, int i)
{
    struct message m = {
        .sender = s->id,
        .number = i,
        .len = sizeof(m) + (s->id * 7919 + i * 4099) % s->max,
    };

    fill_pattern(buf, m.len, s->id * 1000 + i);
    memcpy(buf, &m, sizeof(m));
    return m.len;
}

static void *send_messages(void *arg)
{
    struct sender *s = arg;
    unsigned char *buf = malloc(s->max + sizeof(struct message));

    for (int i = 0; i < s->count;) {
        size_t n = make_message(buf, s, i);
        ssize_t rc = send(s->l->fd, buf, n, s->flags | MSG_NOSIGNAL);

        if (rc == (ssize_t)n)
            i++;
        else if (rc >= 0 || errno != EAGAIN)
            err(1, "message of %zu bytes: %zd", n, rc);
        else
            wait_writable(s->l->fd);
    }
    free(buf);
    return NULL;
}

/* The messages of @n senders: each whole, in each sender's order. */
static void check_messages(struct link *l, struct sender *s, int n, int max)
{
    const struct far *far = l->far;
    unsigned char *buf = malloc(max + sizeof(struct message));
    int next[8] = {0};
    struct message m;

    for (unsigned long long pos = 0; pos < far->bytes; pos += m.len) {
        memcpy(&m, far->data + pos, sizeof(m));
        if (pos + sizeof(m) > far->bytes || m.sender >= n ||
            m.number != next[m.sender]++ ||
            make_message(buf, &s[m.sender], m.number) != m.len ||
            pos + m.len > far->bytes ||
            memcmp(buf, far->data + pos, m.len)) {
            check(false, "message of %d, %d at %llu", m.sender, m.number, pos);
            break;
        }
    }
    for (int i = 0; i < n; i++)
        check(next[i] == s[i].count, "%d messages of %d", next[i], i);
    free(buf);
    l->checked = true;
}

static void many(struct link *l, int max, int count, int flags)
{
    struct sender s[4];

    for (int i = 0; i < 4; i++) {
        s[i] = (struct sender){.l = l, .id = i, .count = count, .max = max,
                               .flags = i % 2 ? flags : 0};
        if (pthread_create(&s[i].thread, NULL, send_messages, &s[i]))
            err(1, "pthread_create");
    }
    for (int i = 0; i < 4; i++)
        pthread_join(s[i].thread, NULL);
    finish(l);
    check_messages(l, s, 4, max);
}

static void threads(struct link *l)
{
    many(l, 60000, 10, 0);
}

/* Half of them don't wait in send(), whose messages are of one record. */
static void threads_dontwait(struct link *l)
{
    many(l, 12000, 25, MSG_DONTWAIT);
}

/* Parent and child. */
static void forked(struct link *l)
{
    struct sender s[2];
    int status = -1;
    pid_t pid;

    for (int i = 0; i < 2; i++)
        s[i] = (struct sender){.l = l, .id = i, .count = 20, .max = 20000};
    pid = fork();
    if (pid < 0)
        err(1, "fork");
    if (!pid) {
        send_messages(&s[1]);
        /* What it leaves open is the parent's to go on with. */
        close(l->fd);
        _exit(0);
    }
    send_messages(&s[0]);
    check(waitpid(pid, &status, 0) == pid && !status, "%#x", status);
    finish(l);
    check_messages(l, s, 2, 20000);
}

/* Beside a sender that sleeps, another one need not. */
static void beside(struct link *l)
{
    struct long_send s;
    long long start;

    begin_long_send(&s, l, 1000000);
    wait_full(l);
    start = now_ms();
    check(send(l->fd, "x", 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "%d",
          errno);
    check(now_ms() - start < 10000, "%lld ms", now_ms() - start);
    release(l);
    end_long_send(&s);
    check(s.sent == (ssize_t)s.n, "%zd of %zu", s.sent, s.n);
    l->pos = s.n;
}

/* A sender that waits for its turn goes on waiting after a signal. */
static void turn(struct link *l)
{
    struct long_send s[2];

    on_signal(SA_RESTART);
    begin_long_send(&s[0], l, 300000);
    wait_full(l);
    begin_long_send(&s[1], l, 300000);
    nap(500);
    pthread_kill(s[1].thread, SIGUSR1);
    nap(200);
    check(signals == 1, "%d signals", signals);
    release(l);
    for (int i = 0; i < 2; i++) {
        end_long_send(&s[i]);
        check(s[i].sent == (ssize_t)s[i].n, "%zd of %zu", s[i].sent, s[i].n);
    }
    finish(l);
    check(l->far->bytes == s[0].n + s[1].n, "%llu", l->far->bytes);
    l->checked = true;
}

const struct send_case wait_cases[] = {
    {.name = "nonblock", .run = nonblock, .sndbuf = 1, .rcvbuf = 8192},
    {.name = "dontwait", .run = dontwait, .sndbuf = 20000, .rcvbuf = 8192},
    {.name = "each_byte", .run = each_byte, .sndbuf = 1, .rcvbuf = 4096,
     .paused = true},
    {.name = "edge", .run = edge, .sndbuf = 16000, .rcvbuf = 8192},
    {.name = "tiny", .run = tiny, .sndbuf = 1, .rcvbuf = 4096},
    {.name = "huge", .run = huge, .paused = true},
    {.name = "starved", .run = starved},
    {.name = "timeout", .run = timeout, .sndbuf = 20000, .rcvbuf = 8192},
    {.name = "interrupts", .run = interrupts, .sndbuf = 1, .rcvbuf = 8192},
    {.name = "interrupted_types", .run = interrupted_types, .sndbuf = 1,
     .rcvbuf = 8192},
    {.name = "alert_when_full", .run = alert_when_full, .sndbuf = 20000,
     .rcvbuf = 8192, .paused = true},
    {.name = "threads", .run = threads, .sndbuf = 30000},
    {.name = "threads_dontwait", .run = threads_dontwait, .sndbuf = 30000},
    {.name = "forked", .run = forked, .sndbuf = 30000},
    {.name = "beside", .run = beside, .sndbuf = 20000, .rcvbuf = 8192,
     .paused = true},
    {.name = "turn", .run = turn, .sndbuf = 20000, .rcvbuf = 8192,
     .paused = true},
    {0},
};
