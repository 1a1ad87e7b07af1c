// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded into the kernel's own test of its ULP (test/vm/kselftest): the
 * sockets that connect ask for "linetls" where the test says "tls"; those that
 * are accepted stay with the kernel's, which is what receives.
 *
 * With LINETLS_KSELFTEST_NETNS, _V4 and _V6 the listeners move to that network
 * namespace, and connections go to those addresses of it: over devices, where
 * the test has loopback in mind. What was sent has then arrived before anything
 * is received or polled, as it has over loopback. LINETLS_KSELFTEST_PATIENCE
 * multiplies the test's time limits.
 *
 * Each socket with keys leaves a line of what it did, when it is closed, in the
 * test's output; ulp-kselftest.sh reads them.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uapi/linetls.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

#define MAX_FDS 1024
#define ARRIVAL_MS 2000 /* patience with packets, before it is the test's */

/* Per descriptor; the test's descriptors are few and its processes single. */
static struct {
    bool accepted;
    bool connected;
    bool sent; /* and perhaps not arrived */
} socks[MAX_FDS];

static int here = -1, there = -1; /* network namespaces */
static int patience = 1;

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static void die(const char *what)
{
    fprintf(stderr, "kselftest_preload: %s: %s\n", what, strerror(errno));
    abort();
}

static bool is_known(int fd)
{
    return fd >= 0 && fd < MAX_FDS;
}

__attribute__((constructor)) static void init(void)
{
    const char *netns = getenv("LINETLS_KSELFTEST_NETNS");
    const char *factor = getenv("LINETLS_KSELFTEST_PATIENCE");

    if (factor)
        patience = atoi(factor);
    if (!netns)
        return;
    here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    there = open(netns, O_RDONLY | O_CLOEXEC);
    if (here < 0 || there < 0)
        die(netns);
}

/* ---- which ULP ---- */

int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    if (level == IPPROTO_TCP && option == TCP_ULP && is_known(fd) &&
        !socks[fd].accepted) {
        value = LINETLS_ULP_NAME;
        len = sizeof(LINETLS_ULP_NAME);
    }
    return REAL(setsockopt)(fd, level, option, value, len);
}

int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    int conn = REAL(accept)(fd, addr, len);

    if (is_known(conn))
        socks[conn].accepted = true;
    return conn;
}

/* ---- where ---- */

/* A new socket of the other namespace takes the place of @fd. */
static void move_there(int fd)
{
    socklen_t len = sizeof(int);
    int family, moved;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) ||
        setns(there, CLONE_NEWNET))
        die("leaving the namespace");
    moved = socket(family, SOCK_STREAM, 0);
    if (moved < 0 || dup2(moved, fd) < 0 || setns(here, CLONE_NEWNET))
        die("listening in the other namespace");
    REAL(close)(moved);
}

/* Both ends have said that it is over: it is, once the packets have arrived. */
static void wait_closed(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    int ms;

    for (ms = 0; ms < ARRIVAL_MS; ms++) {
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ||
            info.tcpi_state == TCP_CLOSE)
            return;
        usleep(1000);
    }
}

int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    if (there >= 0 && is_known(fd)) {
        if (socks[fd].connected)
            wait_closed(fd);
        else
            move_there(fd);
    }
    return REAL(bind)(fd, addr, len);
}

int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    if (is_known(fd))
        socks[fd].connected = true;
    if (there >= 0 && addr->sa_family == AF_INET) {
        memcpy(&v4, addr, sizeof(v4));
        inet_pton(AF_INET, getenv("LINETLS_KSELFTEST_V4"), &v4.sin_addr);
        return REAL(connect)(fd, (struct sockaddr *)&v4, sizeof(v4));
    }
    if (there >= 0 && addr->sa_family == AF_INET6) {
        memcpy(&v6, addr, sizeof(v6));
        inet_pton(AF_INET6, getenv("LINETLS_KSELFTEST_V6"), &v6.sin6_addr);
        return REAL(connect)(fd, (struct sockaddr *)&v6, sizeof(v6));
    }
    return REAL(connect)(fd, addr, len);
}

/* ---- what became of it ---- */

/* Records of all sockets so far, of /proc/net/linetls_stat. */
static unsigned long long all_records(void)
{
    unsigned long long n = 0;
    char line[128];
    FILE *f = fopen("/proc/net/linetls_stat", "r");

    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "LinetlsRecords %llu", &n) == 1)
            break;
    if (f)
        fclose(f);
    return n;
}

/* In one write, between the lines of the other processes of a case. */
static void report(const struct linetls_tx_status *st, unsigned long long late)
{
    dprintf(STDOUT_FILENO,
            "# linetls cipher %u records %llu late %llu device %llu "
            "software %llu dropped %llu\n",
            st->cipher, (unsigned long long)st->records, late,
            (unsigned long long)st->device_packets,
            (unsigned long long)st->software_packets,
            (unsigned long long)st->dropped_packets);
}

int close(int fd)
{
    struct linetls_tx_status st;
    socklen_t len = sizeof(st);
    unsigned long long before;
    int rc;

    if (!is_known(fd) || !socks[fd].connected)
        goto out;
    if (getsockopt(fd, SOL_TLS, LINETLS_TX_STATUS, &st, &len))
        goto out;
    /* A record that is still open is closed and sent by close(). */
    before = st.records ? 0 : all_records();
    rc = REAL(close)(fd);
    report(&st, st.records ? 0 : all_records() - before);
    memset(&socks[fd], 0, sizeof(socks[fd]));
    return rc;
out:
    if (is_known(fd))
        memset(&socks[fd], 0, sizeof(socks[fd]));
    return REAL(close)(fd);
}

/* ---- when ---- */

static void note_sent(int fd)
{
    if (there >= 0 && is_known(fd))
        socks[fd].sent = true;
}

/* All that this process has sent is in the receivers' hands. */
static void settle(void)
{
    int fd, left, ms, error = errno;

    for (fd = 0; fd < MAX_FDS; fd++) {
        for (ms = 0; socks[fd].sent && ms < ARRIVAL_MS; ms++) {
            if (ioctl(fd, SIOCOUTQ, &left) || !left)
                break;
            usleep(1000);
        }
        socks[fd].sent = false;
    }
    errno = error;
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
    note_sent(fd);
    return REAL(send)(fd, buf, len, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    note_sent(fd);
    return REAL(sendmsg)(fd, msg, flags);
}

ssize_t sendfile(int out, int in, off_t *off, size_t len)
{
    note_sent(out);
    return REAL(sendfile)(out, in, off, len);
}

ssize_t splice(int in, off64_t *in_off, int out, off64_t *out_off, size_t len,
               unsigned int flags)
{
    if (is_known(in) && socks[in].accepted)
        settle();
    else
        note_sent(out);
    return REAL(splice)(in, in_off, out, out_off, len, flags);
}

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
    settle();
    return REAL(recv)(fd, buf, len, flags);
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    settle();
    return REAL(recvmsg)(fd, msg, flags);
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    settle();
    return REAL(poll)(fds, n, timeout > 0 ? timeout * patience : timeout);
}

int epoll_wait(int epfd, struct epoll_event *events, int n, int timeout)
{
    settle();
    return REAL(epoll_wait)(epfd, events, n, timeout);
}

unsigned int alarm(unsigned int seconds)
{
    return REAL(alarm)(seconds * patience);
}
