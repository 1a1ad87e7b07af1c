// SPDX-License-Identifier: Apache-2.0
/*
 * ulp_random: calls at random, from several threads on few sockets.
 *
 *   ulp_random sink PORT SEED
 *   ulp_random call HOST PORT SEED CALLS SECONDS THREADS DIR [DEV LOWER]
 *
 * The sink takes connections, reads, dawdles and resets. The callers do what
 * calls[] of ulp_random_calls.c says, each CALLS times or until SECONDS are
 * over, with files of theirs in DIR, while signals come, and while the routes
 * to HOST and the device DEV above LOWER change. What each thread tries is
 * given by SEED, how they meet is not. Prints the seed, and how often each call
 * was made and has succeeded; exit status 3: a thread did not come back.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ulp_random.h"

#define MAX_THREADS 16
#define MAX_CALLS 64
#define STUCK_SECONDS 60
#define FILE_SIZE 1000000
#define MAX_PEERS 200

unsigned char *buffer;
_Atomic int slots[SLOTS];
int files[FILES];
const char *file_names[FILES] = {"small", "large", "other", "."};
const char *peer_host, *peer_port;

static _Atomic long made[MAX_CALLS], succeeded[MAX_CALLS];
static atomic_bool over;
static atomic_int running;
static long max_calls;
static uint64_t seed;

/* xorshift64*. */
uint32_t rnd(struct caller *c, uint32_t n)
{
    c->state ^= c->state >> 12;
    c->state ^= c->state << 25;
    c->state ^= c->state >> 27;
    return (uint32_t)((c->state * 0x2545f4914f6cdd1dULL) >> 32) % n;
}

static void init_caller(struct caller *c, uint64_t number)
{
    memset(c, 0, sizeof(*c));
    c->state = (seed + 1) * 0x9e3779b97f4a7c15ULL + number * 0xbf58476d1ce4e5b9;
    for (int i = 0; i < 8; i++)
        rnd(c, 2);
}

static long number(const char *arg, long min, long max)
{
    char *end;
    long n = strtol(arg, &end, 0);

    if (!*arg || *end || n < min || n > max)
        errx(2, "'%s' is not a number from %ld to %ld", arg, min, max);
    return n;
}

/* ---- callers ---- */

static void *call_thread(void *arg)
{
    struct caller c;

    init_caller(&c, (uintptr_t)arg);
    if (pipe2(c.pipe, O_NONBLOCK))
        err(1, "pipe");
    for (long n = 0; n < max_calls && !over; n++) {
        int call = pick_call(&c);
        int fd = slots[rnd(&c, SLOTS)];

        made[call]++;
        if (calls[call].run(&c, fd) >= 0)
            succeeded[call]++;
    }
    running--;
    return NULL;
}

static void *flip_thread(void *arg)
{
    struct flipper *f = arg;

    while (!over) {
        flip_once(f);
        poll(NULL, 0, 5 + rnd(&f->caller, 50));
    }
    flip_back(f);
    return NULL;
}

static void on_signal(int sig)
{
    (void)sig;
}

/* Some interrupted calls are begun again, some end. */
static void catch_signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal};

    sigaction(SIGUSR1, &sa, NULL);
    sa.sa_flags = SA_RESTART;
    sigaction(SIGUSR2, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGURG, SIG_IGN);
    /* Children leave nothing behind. */
    signal(SIGCHLD, SIG_IGN);
}

static void make_buffer(void)
{
    buffer = mmap(NULL, BUFFER + 4096, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer == MAP_FAILED || mprotect(buffer + BUFFER, 4096, PROT_NONE))
        err(1, "memory");
    fill_pattern(buffer, BUFFER, 0);
}

static void make_files(const char *dir)
{
    if (chdir(dir))
        err(1, "%s", dir);
    for (int i = 0; i < FILES - 1; i++) {
        int fd = open(file_names[i], O_WRONLY | O_CREAT | O_TRUNC, 0600);
        size_t size = i ? FILE_SIZE : 3000;

        for (size_t n = 0; n < size; n += size < BUFFER ? size : BUFFER)
            if (write(fd, buffer, size < BUFFER ? size : BUFFER) < 0)
                err(1, "%s", file_names[i]);
        fsync(fd);
        close(fd);
    }
    for (int i = 0; i < FILES; i++) {
        files[i] = open(file_names[i], O_RDONLY);
        if (files[i] < 0)
            err(1, "%s", file_names[i]);
    }
}

static time_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

/* Signals for everybody until all have ended. */
static void watch(pthread_t *threads, int num, long seconds)
{
    time_t end = now() + seconds;
    struct caller c;

    init_caller(&c, 1000);
    while (running) {
        if (now() >= end)
            over = true;
        if (now() >= end + STUCK_SECONDS) {
            printf("%d threads have not come back\n", running);
            fflush(stdout);
            _exit(3);
        }
        pthread_kill(threads[rnd(&c, num)], one_in(&c, 2) ? SIGUSR1 : SIGUSR2);
        poll(NULL, 0, rnd(&c, 20));
    }
    over = true;
}

static void call(char **argv)
{
    long seconds = number(argv[4], 1, 86400);
    int num = number(argv[5], 1, MAX_THREADS);
    struct flipper flipper = {argv[7], argv[7] ? argv[8] : NULL, {0}, -1};
    pthread_t threads[MAX_THREADS], flips;

    peer_host = argv[0];
    peer_port = argv[1];
    max_calls = number(argv[3], 1, 1000000000);
    make_buffer();
    make_files(argv[6]);
    catch_signals();
    for (int i = 0; i < SLOTS; i++)
        slots[i] = -1;
    init_caller(&flipper.caller, 2000);
    flipper.fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (flipper.dev && pthread_create(&flips, NULL, flip_thread, &flipper))
        errx(1, "no thread");
    running = num;
    for (int i = 0; i < num; i++)
        if (pthread_create(&threads[i], NULL, call_thread,
                           (void *)(uintptr_t)i))
            errx(1, "no thread");
    watch(threads, num, seconds);
    if (flipper.dev)
        pthread_join(flips, NULL);
    for (int i = 0; i < num_calls; i++)
        printf("%s %ld %ld\n", calls[i].name, made[i], succeeded[i]);
}

/* ---- sink ---- */

static void reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* True when the connection has ended. */
static bool serve(struct caller *c, int fd)
{
    static char room[65536];
    ssize_t n = 1;

    switch (rnd(c, 200)) {
    case 0:
        reset(fd);
        return true;
    case 1:
        return true;
    case 2:
        shutdown(fd, SHUT_WR);
        break;
    case 3:
        shutdown(fd, SHUT_RD);
        break;
    case 4:
        send(fd, room, 1000, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
    case 5:
        send(fd, room, 1, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_OOB);
        break;
    case 6:
        poll(NULL, 0, 50);
        break;
    default:
        n = recv(fd, room, 1 + rnd(c, sizeof(room) - 1), MSG_DONTWAIT);
    }
    return !n || (n < 0 && errno != EAGAIN);
}

static void sink(const char *port)
{
    struct pollfd pfds[MAX_PEERS + 1];
    int num = 1, listener = listen_on(number(port, 1, 65535), 100, 0);
    struct caller c;

    signal(SIGPIPE, SIG_IGN);
    init_caller(&c, 3000);
    pfds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
    puts("listening");
    fflush(stdout);
    for (;;) {
        if (poll(pfds, num, -1) < 0)
            err(1, "poll");
        for (int i = num - 1; i > 0; i--) {
            if (!pfds[i].revents || !serve(&c, pfds[i].fd))
                continue;
            close(pfds[i].fd);
            pfds[i] = pfds[--num];
        }
        if (pfds[0].revents && num <= MAX_PEERS) {
            int fd = accept(listener, NULL, NULL);

            if (fd >= 0)
                pfds[num++] = (struct pollfd){.fd = fd, .events = POLLIN};
        }
        /* The oldest has to make room. */
        if (num > MAX_PEERS) {
            close(pfds[1].fd);
            pfds[1] = pfds[--num];
        }
    }
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "sink")) {
        seed = strtoull(argv[3], NULL, 0);
        sink(argv[2]);
    }
    if ((argc != 9 && argc != 11) || strcmp(argv[1], "call"))
        errx(2, "see the head of ulp_random.c");
    seed = strtoull(argv[4], NULL, 0);
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    call(argv + 2);
    return 0;
}
