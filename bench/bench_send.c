// SPDX-License-Identifier: Apache-2.0
/*
 * bench_send: send bytes in one of the ways that are compared, and say what
 * the whole machine has spent on it. For a guest with one processor under
 * -icount, where a nanosecond is an instruction.
 *
 *   bench_send [-f FILE [-z]] [-n N] WAY HOST PORT BYTES
 *   bench_send -h -f FILE [-z] [-n N] [-b SNDBUF] WAY HOST PORT BYTES
 *   bench_send sink PORT        receive and discard; TLS only for libssl
 *   bench_send stall PORT       accept with a small window, and never read
 *
 *   WAY  plain    TCP
 *        libssl   TLS 1.3 in the process, by SSL_write()
 *        tls      the kernel's own ULP
 *        linetls  ours
 *   -f   by sendfile() from FILE, over and over; libssl reads it; otherwise
 *        from one buffer
 *   -z   linetls: the file's pages are sent without a copy (LINETLS_TX_FILE);
 *        tls: likewise, with TLS_TX_ZEROCOPY_RO
 *   -n   so many connections, one after the other, BYTES on each
 *   -h   hold: all at once, on each what TCP takes without waiting; say how
 *        much that was, and wait for a signal
 *   -b   SO_SNDBUF
 *
 * A process that runs only when nothing else does takes up the idle time, so
 * that its processor time is what is to be left out.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ulp.h"

#define CHUNK (64 * 1024)

enum way { PLAIN, LIBSSL, TLS, LINETLS };
static const char *const ways[] = {"plain", "libssl", "tls", "linetls"};

struct job {
    enum way way;
    int file;
    off_t file_size;
    struct sockaddr_in to;
    long long bytes;
    SSL_CTX *ctx;
    bool zerocopy, hold;
    int sndbuf;
};

static long long now(clockid_t clock)
{
    struct timespec t;

    if (clock_gettime(clock, &t))
        err(1, "clock_gettime");
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static pid_t start_idler(clockid_t *clock)
{
    struct sched_param param = {0};
    pid_t pid = fork();

    if (pid < 0)
        err(1, "fork");
    if (pid == 0) {
        if (sched_setscheduler(0, SCHED_IDLE, &param))
            err(1, "SCHED_IDLE");
        for (;;)
            ;
    }
    if (clock_getcpuclockid(pid, clock))
        errx(1, "no clock of the idle process");
    return pid;
}

static SSL_CTX *make_ctx(int server)
{
    SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method()
                                      : TLS_client_method());

    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256"))
        errx(1, "no TLS context");
    if (server &&
        (SSL_CTX_use_certificate_file(ctx, getenv("BENCH_CERT"),
                                      SSL_FILETYPE_PEM) != 1 ||
         SSL_CTX_use_PrivateKey_file(ctx, getenv("BENCH_KEY"),
                                     SSL_FILETYPE_PEM) != 1))
        errx(1, "BENCH_CERT and BENCH_KEY name no certificate and key");
    return ctx;
}

/* The side that sends is the TLS server, whoever has connected. */
static SSL *handshake(SSL_CTX *ctx, int fd, int server)
{
    SSL *ssl = SSL_new(ctx);

    if (!ssl || !SSL_set_fd(ssl, fd) ||
        (server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1) {
        ERR_print_errors_fp(stderr);
        errx(1, "TLS handshake");
    }
    return ssl;
}

/* Returns how much of it TCP has taken: all, unless the socket doesn't wait. */
static long long send_file(const struct job *job, int fd)
{
    long long left = job->bytes;
    off_t pos = 0;

    while (left > 0) {
        ssize_t n = sendfile(fd, job->file, &pos, left);

        if (n < 0 && errno == EAGAIN && job->hold)
            break;
        if (n <= 0)
            err(1, "sendfile");
        left -= n;
        if (pos == job->file_size)
            pos = 0;
    }
    return job->bytes - left;
}

static void send_buffer(const struct job *job, int fd, SSL *ssl)
{
    static char buf[CHUNK];
    long long left = job->bytes;

    while (left > 0) {
        size_t want = left < CHUNK ? left : CHUNK;
        ssize_t n = want;

        if (ssl && job->file >= 0) {
            n = read(job->file, buf, want);
            if (n == 0 && !lseek(job->file, 0, SEEK_SET))
                continue;
            if (n < 0)
                err(1, "read");
        }
        n = ssl ? SSL_write(ssl, buf, n) : send(fd, buf, want, 0);
        if (n <= 0)
            err(1, "send");
        left -= n;
    }
}

static void allow_zerocopy(const struct job *job, int fd)
{
    int one = 1, rc;

    rc = job->way == LINETLS ? setsockopt(fd, SOL_TLS, LINETLS_TX_FILE,
                                          &job->file, sizeof(job->file))
                             : setsockopt(fd, SOL_TLS, TLS_TX_ZEROCOPY_RO,
                                          &one, sizeof(one));
    if (rc)
        err(1, "zero-copy");
}

static int start_one(const struct job *job)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct keys keys;

    if (fd < 0 || (job->sndbuf && setsockopt(fd, SOL_SOCKET, SO_SNDBUF,
                                             &job->sndbuf, sizeof(int))))
        err(1, "socket");
    if (connect(fd, (const void *)&job->to, sizeof(job->to)))
        err(1, "connect");
    if (job->way == TLS || job->way == LINETLS) {
        /* All that a device does for the kernel's own ULP is 1.2. */
        make_keys(&keys, job->way == TLS && job->zerocopy ? "1.2" : "1.3",
                  "gcm128", 0);
        set_ulp(fd, ways[job->way]);
        set_keys(fd, TLS_TX, &keys);
        if (job->zerocopy)
            allow_zerocopy(job, fd);
    }
    return fd;
}

static void send_one(const struct job *job)
{
    int fd = start_one(job);
    SSL *ssl = NULL;
    char c;

    if (job->way == LIBSSL)
        ssl = handshake(job->ctx, fd, 1);
    if (job->file >= 0 && !ssl)
        send_file(job, fd);
    else
        send_buffer(job, fd, ssl);
    shutdown(fd, SHUT_WR);
    /* The peer's end: it has everything. */
    while (recv(fd, &c, 1, 0) > 0)
        ;
    SSL_free(ssl);
    close(fd);
}

static void hold(const struct job *job, long long n)
{
    long long sum = 0;

    if (job->file < 0 || job->way == LIBSSL)
        errx(2, "-h is for sendfile()");
    while (n--) {
        int fd = start_one(job);

        if (fcntl(fd, F_SETFL, O_NONBLOCK))
            err(1, "O_NONBLOCK");
        sum += send_file(job, fd);
    }
    printf("holding %lld\n", sum);
    fflush(stdout);
    pause();
}

/* Accept, and keep the connections as they are. */
static void stall(int port)
{
    int listener = listen_on(port, 1024, 4096);

    puts("listening");
    fflush(stdout);
    while (accept(listener, NULL, NULL) >= 0)
        ;
    err(1, "accept");
}

static void sink(int port)
{
    SSL_CTX *ctx = getenv("BENCH_TLS") ? make_ctx(0) : NULL;
    int listener = listen_on(port, 64, 0);

    for (;;) {
        int fd = accept(listener, NULL, NULL);
        SSL *ssl = NULL;

        if (fd < 0)
            err(1, "accept");
        if (ctx)
            ssl = handshake(ctx, fd, 0);
        /* Bytes are dropped without a copy, and without decryption. */
        while (recv(fd, NULL, 1 << 20, MSG_TRUNC) > 0)
            ;
        SSL_free(ssl);
        close(fd);
    }
}

static enum way find_way(const char *name)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        if (!strcmp(name, ways[i]))
            return i;
    errx(2, "no way '%s'", name);
}

static void open_file(struct job *job, const char *name)
{
    struct stat st;

    job->file = open(name, O_RDONLY);
    if (job->file < 0 || fstat(job->file, &st))
        err(1, "%s", name);
    if (!st.st_size)
        errx(1, "%s is empty", name);
    job->file_size = st.st_size;
}

int main(int argc, char **argv)
{
    struct job job = {.file = -1, .to.sin_family = AF_INET};
    long long n = 1, start, idle;
    clockid_t clock;
    pid_t idler;
    int opt;

    signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && !strcmp(argv[1], "sink"))
        sink(atoi(argv[2]));
    if (argc == 3 && !strcmp(argv[1], "stall"))
        stall(atoi(argv[2]));
    while ((opt = getopt(argc, argv, "b:f:hn:z")) != -1) {
        switch (opt) {
        case 'b': job.sndbuf = atoi(optarg); break;
        case 'h': job.hold = true; break;
        case 'z': job.zerocopy = true; break;
        case 'f': open_file(&job, optarg); break;
        case 'n': n = atoll(optarg); break;
        default: return 2;
        }
    }
    if (argc - optind != 4 || n < 1)
        errx(2, "see the head of bench/bench_send.c");
    job.way = find_way(argv[optind]);
    if (inet_pton(AF_INET, argv[optind + 1], &job.to.sin_addr) != 1)
        errx(2, "no address '%s'", argv[optind + 1]);
    job.to.sin_port = htons(atoi(argv[optind + 2]));
    job.bytes = atoll(argv[optind + 3]);
    if (job.way == LIBSSL)
        job.ctx = make_ctx(1);

    if (job.hold) {
        hold(&job, n);
        return 0;
    }
    send_one(&job); /* what is loaded and cached at first use */
    idler = start_idler(&clock);
    start = now(CLOCK_MONOTONIC);
    idle = now(clock);
    for (long long i = 0; i < n; i++)
        send_one(&job);
    start = now(CLOCK_MONOTONIC) - start;
    idle = now(clock) - idle;
    kill(idler, SIGKILL);
    waitpid(idler, NULL, 0);
    printf("busy %lld idle %lld\n", start - idle, idle);
    return 0;
}
