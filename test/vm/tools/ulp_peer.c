// SPDX-License-Identifier: Apache-2.0
/*
 * Two ends of a TLS connection without a handshake: both take the same fixed
 * keys. The sender is the ULP under test, the receiver the kernel's own ULP
 * "tls", which knows nothing of it and checks every tag.
 *
 *   ulp_peer recv [-j N] [-w FILE] [-r BYTES] [-b N] PORT VERSION KEYBITS
 *       Print "listening", accept connections, read each to its end and print
 *       "bytes N other N" for each: application data and records of other types.
 *       Fails if a byte is not the pattern's.
 *       -j  so many connections, in parallel (default 1)
 *       -w  read nothing before FILE exists
 *       -b  SO_RCVBUF
 *       -r  reset the connection after so many bytes
 *   ulp_peer send [OPTIONS] HOST PORT VERSION KEYBITS SIZE
 *       Send SIZE bytes of the pattern and print "sent N", then the
 *       connection's LINETLS_TX_STATUS, again when the peer has read all.
 *       -u  ULP (default linetls)         -m  LINETLS_TX_MODE, a number
 *       -H  LINETLS_TX_HANDOVER
 *       -c  bytes per call                -b  SO_SNDBUF
 *       -f  sendfile() this file          -p  splice() from a pipe
 *       -n  non-blocking                  -a  an alert after each N calls
 *       -M  MSG_MORE on all but the last  -L  and on the last
 *       -w  go on after SIZE bytes until FILE exists
 *       -U  the second call's memory has no pages until FILE exists; prints
 *           "missing" when the kernel waits for one
 *       -F  SIZE is what fits until the socket takes nothing for a second
 *       -e  how it ends: "wait" (default) shuts down and waits for the peer,
 *           "close", "exit" (without close), "linger" (close with SO_LINGER
 *           of 30 s), "reset" (SO_LINGER of 0)
 *       -j  so many connections, in parallel
 *       -R  SO_MAX_PACING_RATE, bytes a second
 *   ulp_peer pattern SIZE
 *       The pattern, on standard output.
 *
 * VERSION is 1.2 or 1.3, or "none" for plain TCP; KEYBITS 128 or 256.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ulp.h"

#define WAIT_MS 60000
#define FULL_MS 1000

struct sender {
    const char *ulp, *file, *until, *end, *pages;
    int mode, handover, sndbuf, jobs, rate;
    size_t chunk;
    unsigned long alerts;
    bool nonblock, more, more_last, splice, fill;
    int in, pipe[2];
    unsigned char *buf;
    int uffd;
    unsigned char *hole, *filling;
    size_t hole_size;
};

static void nap(void)
{
    poll(NULL, 0, 10);
}

static void wait_file(const char *file)
{
    for (int i = 0; access(file, F_OK); i++) {
        if (i == WAIT_MS / 10)
            errx(1, "%s did not appear", file);
        nap();
    }
}

/* The worst exit status of @n children. */
static int reap(int n)
{
    int worst = 0, status;

    while (n-- && wait(&status) > 0) {
        if (!WIFEXITED(status))
            worst = 1;
        else if (WEXITSTATUS(status) > worst)
            worst = WEXITSTATUS(status);
    }
    return worst;
}

static void set_linger(int fd, int seconds)
{
    struct linger linger = {.l_onoff = 1, .l_linger = seconds};

    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
        err(1, "SO_LINGER");
}

/* ---- receiver ---- */

static void receive(int fd, unsigned long long reset_after)
{
    static unsigned char buf[65536], want[65536];
    unsigned long long bytes = 0, other = 0;

    for (;;) {
        _Alignas(struct cmsghdr) char cbuf[CMSG_SPACE(1)];
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
        if (reset_after && bytes >= reset_after) {
            set_linger(fd, 0);
            break;
        }
    }
    printf("bytes %llu other %llu\n", bytes, other);
    fflush(stdout);
}

static void serve(int fd, const char *version, const char *bits,
                  const char *file, unsigned long long reset_after)
{
    struct keys keys;

    if (strcmp(version, "none")) {
        set_ulp(fd, "tls");
        make_keys(&keys, version, bits, 0);
        set_keys(fd, TLS_RX, &keys);
    }
    /* The peer waits for this: records in the queue before TLS_RX are lost. */
    if (write(fd, "", 1) != 1)
        err(1, "write");
    if (file)
        wait_file(file);
    receive(fd, reset_after);
}

static int do_recv(int argc, char **argv)
{
    unsigned long long reset_after = 0;
    const char *file = NULL;
    int fd, lfd, opt, jobs = 1, rcvbuf = 0;

    while ((opt = getopt(argc, argv, "j:w:r:b:")) != -1) {
        switch (opt) {
        case 'j': jobs = atoi(optarg); break;
        case 'w': file = optarg; break;
        case 'b': rcvbuf = atoi(optarg); break;
        case 'r': reset_after = strtoull(optarg, NULL, 0); break;
        default: return 2;
        }
    }
    if (argc - optind != 3 || jobs < 1)
        errx(2, "usage: recv [OPTIONS] PORT VERSION KEYBITS");
    argv += optind;
    lfd = listen_on(atoi(argv[0]), jobs, rcvbuf);
    puts("listening");
    fflush(stdout);
    for (int i = 0; i < jobs; i++) {
        fd = accept(lfd, NULL, NULL);
        if (fd < 0)
            err(1, "accept");
        switch (fork()) {
        case -1:
            err(1, "fork");
        case 0:
            close(lfd);
            serve(fd, argv[1], argv[2], file, reset_after);
            exit(0);
        }
        close(fd);
    }
    return reap(jobs);
}

/* ---- memory whose pages are missing ---- */

static void *fill_hole(void *arg)
{
    const struct sender *s = arg;
    struct uffdio_copy copy = {
        .dst = (uintptr_t)s->hole,
        .src = (uintptr_t)s->filling,
        .len = s->hole_size,
    };
    struct uffd_msg msg;

    if (read(s->uffd, &msg, sizeof(msg)) != sizeof(msg) ||
        msg.event != UFFD_EVENT_PAGEFAULT)
        err(1, "no page fault");
    puts("missing");
    fflush(stdout);
    /* However long: the test says when. */
    while (access(s->pages, F_OK))
        nap();
    if (ioctl(s->uffd, UFFDIO_COPY, &copy))
        err(1, "UFFDIO_COPY");
    return NULL;
}

/* Before the first call, so that the second one comes at once. */
static void make_hole(struct sender *s)
{
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register reg = {.mode = UFFDIO_REGISTER_MODE_MISSING};
    size_t page = sysconf(_SC_PAGESIZE);
    pthread_t thread;

    s->hole_size = (s->chunk + page - 1) / page * page;
    s->filling = malloc(s->hole_size);
    s->hole = mmap(NULL, s->hole_size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!s->filling || s->hole == MAP_FAILED)
        err(1, "no memory");
    fill_pattern(s->filling, s->hole_size, s->chunk);
    reg.range.start = (uintptr_t)s->hole;
    reg.range.len = s->hole_size;
    s->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
    if (s->uffd < 0 || ioctl(s->uffd, UFFDIO_API, &api) ||
        ioctl(s->uffd, UFFDIO_REGISTER, &reg))
        err(1, "userfaultfd");
    if (pthread_create(&thread, NULL, fill_hole, s))
        err(1, "pthread_create");
}

/* ---- sender ---- */

/* Feed the pipe and empty it into the socket: at most @len bytes. */
static ssize_t splice_some(struct sender *s, int fd, size_t len, int more)
{
    int flags = s->nonblock ? SPLICE_F_NONBLOCK : 0;
    int queued = 0;
    ssize_t n;

    if (ioctl(s->pipe[0], FIONREAD, &queued))
        err(1, "FIONREAD");
    if (!queued) {
        n = write(s->pipe[1], s->buf, len < 65536 ? len : 65536);
        if (n < 0)
            err(1, "write to the pipe");
        queued = n;
    }
    if ((size_t)queued < len)
        len = queued;
    return splice(s->pipe[0], NULL, fd, NULL, len,
                  flags | (more ? SPLICE_F_MORE : 0));
}

static ssize_t send_some(struct sender *s, int fd, size_t len, bool more,
                         unsigned long long pos)
{
    int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);

    if (s->hole && pos == s->chunk)
        return send(fd, s->hole, len, flags);
    if (s->file) {
        ssize_t n = sendfile(fd, s->in, NULL, len);

        if (n == 0)
            errx(1, "%s is too short", s->file);
        return n;
    }
    fill_pattern(s->buf, len, pos);
    if (s->splice)
        return splice_some(s, fd, len, more);
    return send(fd, s->buf, len, flags);
}

static unsigned long long send_all(struct sender *s, int fd,
                                   unsigned long long size)
{
    static const unsigned char alert[2] = {1, 0};
    unsigned long long pos = 0, calls = 0;

    while (pos < size || (s->until && access(s->until, F_OK))) {
        size_t n = pos < size && size - pos < s->chunk ? size - pos : s->chunk;
        bool more = s->more && (s->more_last || pos + n < size);
        ssize_t rc = send_some(s, fd, n, more, pos);

        if (rc < 0 && errno == EAGAIN && s->nonblock) {
            if (s->fill && !is_writable(fd, FULL_MS))
                break;
            wait_writable(fd);
            continue;
        }
        if (rc < 0)
            err(1, "send at %llu", pos);
        pos += rc;
        if (s->alerts && ++calls % s->alerts == 0)
            send_record(fd, TYPE_ALERT, alert, sizeof(alert));
    }
    return pos;
}

static void end_wait(int fd)
{
    char byte;

    if (shutdown(fd, SHUT_WR))
        err(1, "shutdown");
    fcntl(fd, F_SETFL, 0);
    /* The peer closes when it has read everything. */
    if (read(fd, &byte, 1) != 0)
        err(1, "the peer ended badly");
    print_status(fd);
}

static void end_sender(const struct sender *s, int fd)
{
    if (!strcmp(s->end, "wait")) {
        end_wait(fd);
        return;
    }
    if (!strcmp(s->end, "exit"))
        return;
    if (!strcmp(s->end, "linger")) {
        fcntl(fd, F_SETFL, 0);
        set_linger(fd, 30);
    } else if (!strcmp(s->end, "reset")) {
        set_linger(fd, 0);
    }
    if (close(fd))
        err(1, "close");
    puts("closed");
}

static void send_connection(struct sender *s, char **argv)
{
    int fd = dial(argv[0], argv[1], s->sndbuf);
    struct keys keys;
    char byte;

    if (s->rate && setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &s->rate,
                              sizeof(s->rate)))
        err(1, "SO_MAX_PACING_RATE");
    s->buf = malloc(s->chunk);
    if (!s->buf || (s->splice && pipe(s->pipe)))
        err(1, "no memory or pipe");
    if (s->file && (s->in = open(s->file, O_RDONLY)) < 0)
        err(1, "%s", s->file);
    if (s->pages)
        make_hole(s);
    if (read(fd, &byte, 1) != 1)
        err(1, "read");
    if (strcmp(argv[2], "none")) {
        set_ulp(fd, s->ulp);
        if (s->mode >= 0)
            set_mode(fd, s->mode);
        set_handover(fd, s->handover);
        make_keys(&keys, argv[2], argv[3], 0);
        set_keys(fd, TLS_TX, &keys);
    }
    if (s->nonblock)
        fcntl(fd, F_SETFL, O_NONBLOCK);
    printf("sent %llu\n", send_all(s, fd, strtoull(argv[4], NULL, 0)));
    print_status(fd);
    end_sender(s, fd);
}

static int do_send(int argc, char **argv)
{
    struct sender s = {
        .ulp = "linetls", .end = "wait", .chunk = 1 << 20, .mode = -1,
    };
    int opt;

    while ((opt = getopt(argc, argv, "u:m:H:c:b:f:w:U:e:a:j:R:pnMLF")) != -1) {
        switch (opt) {
        case 'u': s.ulp = optarg; break;
        case 'm': s.mode = atoi(optarg); break;
        case 'H': s.handover = atoi(optarg); break;
        case 'c': s.chunk = strtoul(optarg, NULL, 0); break;
        case 'b': s.sndbuf = atoi(optarg); break;
        case 'f': s.file = optarg; break;
        case 'w': s.until = optarg; break;
        case 'U': s.pages = optarg; break;
        case 'e': s.end = optarg; break;
        case 'a': s.alerts = strtoul(optarg, NULL, 0); break;
        case 'j': s.jobs = atoi(optarg); break;
        case 'R': s.rate = atoi(optarg); break;
        case 'p': s.splice = true; break;
        case 'n': s.nonblock = true; break;
        case 'L': s.more_last = true; /* fall through */
        case 'M': s.more = true; break;
        case 'F': s.fill = s.nonblock = true; break;
        default: return 2;
        }
    }
    if (argc - optind != 5 || !s.chunk)
        errx(2, "usage: send [OPTIONS] HOST PORT VERSION KEYBITS SIZE");
    if (!s.jobs) {
        send_connection(&s, argv + optind);
        return 0;
    }
    for (int i = 0; i < s.jobs; i++) {
        switch (fork()) {
        case -1:
            err(1, "fork");
        case 0:
            send_connection(&s, argv + optind);
            exit(0);
        }
    }
    return reap(s.jobs);
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
    if (argc > 2 && !strcmp(argv[1], "recv"))
        return do_recv(argc - 1, argv + 1);
    if (argc > 2 && !strcmp(argv[1], "send"))
        return do_send(argc - 1, argv + 1);
    if (argc == 3 && !strcmp(argv[1], "pattern"))
        return do_pattern(strtoull(argv[2], NULL, 0));
    errx(2, "usage: ulp_peer recv|send|pattern ..., see the source");
}
