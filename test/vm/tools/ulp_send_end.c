// SPDX-License-Identifier: Apache-2.0
/* Connections that end, from either side, while something is being sent; and
 * those that begin with TCP Fast Open. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ulp_send.h"

#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif

/* What the sleeper is told that it has sent is sent, before the FIN. */
static void shut(struct link *l, int how)
{
    struct long_send s;

    begin_long_send(&s, l, 2000000);
    wait_full(l);
    check(!shutdown(l->fd, how), "shutdown: %d", errno);
    end_long_send(&s);
    check(s.sent > 0 && s.sent < (ssize_t)s.n, "%zd, %d", s.sent, s.error);
    l->pos = s.sent;
    check(send_pattern(l, 1, 0) < 0 && errno == EPIPE, "%d", errno);
    release(l);
}

static void shut_wr(struct link *l)
{
    shut(l, SHUT_WR);
}

static void shut_rdwr(struct link *l)
{
    shut(l, SHUT_RDWR);
}

/* The far end has nothing more to say: that does not stop us. */
static void half_closed(struct link *l)
{
    char byte;

    send_all(l, 100, 0);
    l->far->fin = 1;
    check(far_has(l, 100, 20000), "%llu bytes", l->far->bytes);
    /* It wakes up to say it. */
    send_all(l, 100, 0);
    check(!read(l->fd, &byte, 1), "%d", errno);
    send_all(l, 300000, 0);
}

static _Atomic int pipes;

static void count_pipe(int sig)
{
    pipes++;
}

/* A reset in mid-send: one error, then EPIPE and SIGPIPE. */
static void reset(struct link *l)
{
    struct pollfd pfd = {.fd = l->fd, .events = POLLOUT};
    struct long_send s;

    signal(SIGPIPE, count_pipe);
    begin_long_send(&s, l, 2000000);
    wait_full(l);
    l->far->reset = 1;
    end_long_send(&s);
    check(s.sent > 0 && s.sent < (ssize_t)s.n, "%zd, %d", s.sent, s.error);
    check(poll(&pfd, 1, 10000) == 1 && (pfd.revents & POLLERR) &&
          (pfd.revents & POLLHUP), "%#x", pfd.revents);
    check(send(l->fd, "x", 1, 0) < 0 && errno == ECONNRESET, "%d", errno);
    check(!pipes, "SIGPIPE with the first error");
    check(send(l->fd, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "%d",
          errno);
    check(!pipes, "SIGPIPE with MSG_NOSIGNAL");
    check(send(l->fd, "x", 1, 0) < 0 && errno == EPIPE, "%d", errno);
    check(pipes == 1, "%d SIGPIPE", pipes);
    signal(SIGPIPE, SIG_DFL);
    close(l->fd);
    l->fd = -1;
    finish(l);
    l->far->end = FIN;
    l->checked = true;
}

/* close() with a record open, one that TCP has in part, and a full queue. */
static void close_full(struct link *l)
{
    while (send_pattern(l, 3001, MSG_DONTWAIT) > 0)
        ;
    check(errno == EAGAIN, "%d", errno);
    close(l->fd);
    l->fd = -1;
}

/* The same where TCP would rather not have so much ahead of time. */
static void close_lowat(struct link *l)
{
    int lowat = 2000;

    if (setsockopt(l->fd, SOL_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat)))
        err(1, "TCP_NOTSENT_LOWAT");
    close_full(l);
}

/*
 * The kernel is told that a packet of the connection did not arrive, which is
 * an error of the socket's (IP_RECVERR), and not its end.
 */
static void send_unreachable(int fd, const struct sockaddr_in *near,
                             const struct sockaddr_in *far)
{
    struct {
        struct icmphdr icmp;
        struct iphdr ip;
        __be16 source, dest;
        __be32 seq;
    } p = {
        .icmp.type = ICMP_DEST_UNREACH,
        .icmp.code = ICMP_PKT_FILTERED,
        .ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP,
               .saddr = near->sin_addr.s_addr, .daddr = far->sin_addr.s_addr},
        .source = near->sin_port,
        .dest = far->sin_port,
    };
    int raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), unsent;
    const __be16 *word = (const void *)&p;
    unsigned sum = 0, seq = 0;
    socklen_t len = sizeof(seq);
    int on = 1, off = -1, queue = 2;

    /* The last byte in flight. */
    if (setsockopt(fd, SOL_TCP, TCP_REPAIR, &on, sizeof(on)) ||
        setsockopt(fd, SOL_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) ||
        getsockopt(fd, SOL_TCP, TCP_QUEUE_SEQ, &seq, &len) ||
        setsockopt(fd, SOL_TCP, TCP_REPAIR, &off, sizeof(off)) ||
        ioctl(fd, SIOCOUTQNSD, &unsent))
        err(1, "the connection's sequence number");
    p.seq = htonl(seq - unsent - 1);
    for (size_t i = 0; i < sizeof(p) / 2; i++)
        sum += word[i];
    sum = (sum & 0xffff) + (sum >> 16);
    p.icmp.checksum = ~(sum + (sum >> 16));
    if (sendto(raw, &p, sizeof(p), 0, (const void *)near, sizeof(*near)) < 0)
        err(1, "ICMP");
    close(raw);
}

/* An error that nobody has asked for yet does not cost what was accepted. */
static void close_error(struct link *l)
{
    struct pollfd pfd = {.fd = l->fd};
    struct sockaddr_storage near, far;
    socklen_t len = sizeof(near);
    int on = 1;

    getsockname(l->fd, (void *)&near, &len);
    getpeername(l->fd, (void *)&far, &len);
    if (near.ss_family != AF_INET)
        return;
    setsockopt(l->fd, SOL_IP, IP_RECVERR, &on, sizeof(on));
    while (send_pattern(l, 16000, MSG_DONTWAIT) > 0)
        ;
    send_unreachable(l->fd, (void *)&near, (void *)&far);
    check(poll(&pfd, 1, 10000) == 1 && (pfd.revents & POLLERR), "%#x",
          pfd.revents);
    close(l->fd);
    l->fd = -1;
}

static void close_more(struct link *l)
{
    send_all(l, 20000, MSG_MORE);
    close(l->fd);
    l->fd = -1;
}

/* SO_LINGER: until all is acknowledged, or not at all. */
static void linger(struct link *l)
{
    struct linger on = {.l_onoff = 1, .l_linger = 60};

    setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &on, sizeof(on));
    send_all(l, 200000, 0);
    send_all(l, 1000, MSG_MORE);
    close(l->fd);
    l->fd = -1;
}

static void linger_none(struct link *l)
{
    struct linger on = {.l_onoff = 1, .l_linger = 0};

    while (send_pattern(l, 3001, MSG_DONTWAIT) > 0)
        ;
    setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &on, sizeof(on));
    close(l->fd);
    l->fd = -1;
    finish(l);
    check(l->far->end == RESET, "end %d", l->far->end);
    l->far->end = FIN;
    l->checked = true;
}

/* ---- TCP Fast Open ---- */

static struct addrinfo *resolve(int port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *ai;
    char text[8];

    snprintf(text, sizeof(text), "%d", port);
    if (getaddrinfo(setup.host, text, &hints, &ai))
        errx(1, "%s", setup.host);
    return ai;
}

static int try_ulp(int fd)
{
    return setsockopt(fd, SOL_TCP, TCP_ULP, LINETLS_ULP_NAME,
                      strlen(LINETLS_ULP_NAME)) ? errno : 0;
}

static int tcp_state(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    if (getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len))
        err(1, "TCP_INFO");
    return info.tcpi_state;
}

/*
 * A client whose first bytes go with the SYN: no ULP before it is connected,
 * and all as usual then.
 */
static void fast_open(struct link *l, bool deferred)
{
    const struct send_case c = {0};
    struct addrinfo *ai;
    int one = 1;

    finish(l);
    memset(l->far, 0, offsetof(struct far, record));
    ai = resolve(start_far(l, &c, true, 5));
    l->fd = socket(ai->ai_family, SOCK_STREAM, 0);
    check(try_ulp(l->fd) == ENOTCONN, "%d", errno);
    if (deferred) {
        setsockopt(l->fd, SOL_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one));
        check(!connect(l->fd, ai->ai_addr, ai->ai_addrlen), "%d", errno);
        check(try_ulp(l->fd) == ENOTCONN, "%d", errno);
        check(send(l->fd, "hello", 5, 0) == 5, "%d", errno);
    } else {
        check(sendto(l->fd, "hello", 5, MSG_FASTOPEN, ai->ai_addr,
                     ai->ai_addrlen) == 5, "%d", errno);
    }
    freeaddrinfo(ai);
    if (tcp_state(l->fd) == TCP_SYN_SENT)
        check(try_ulp(l->fd) == ENOTCONN || tcp_state(l->fd) != TCP_SYN_SENT,
              "attached in SYN_SENT");
    wait_writable(l->fd);
    attach(l->fd);
    check(send(l->fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL) < 0 &&
          errno == EOPNOTSUPP, "%d", errno);
    send_all(l, 100000, 0);
}

static void tfo_client(struct link *l)
{
    fast_open(l, false);
}

static void tfo_connect(struct link *l)
{
    fast_open(l, true);
}

/*
 * A server's socket before the handshake's last ACK takes no ULP, which is one
 * more case of TLS without it, and takes it afterwards.
 */
static void tfo_server(struct link *l)
{
    struct sockaddr_storage near;
    struct sockaddr_in6 any;
    socklen_t len = sizeof(near), any_len = sizeof(any);
    int lfd, queue = 5, rc = ENOTCONN;
    char hello[5];

    if (getsockname(l->fd, (void *)&near, &len))
        err(1, "getsockname");
    finish(l);
    memset(l->far, 0, offsetof(struct far, record));
    lfd = listen_on(0, 1, 0);
    if (setsockopt(lfd, SOL_TCP, TCP_FASTOPEN, &queue, sizeof(queue)))
        err(1, "TCP_FASTOPEN");
    getsockname(lfd, (void *)&any, &any_len);
    /* The port lies in the same place for both families. */
    ((struct sockaddr_in *)&near)->sin_port = any.sin6_port;
    start_far_client(l, (void *)&near, len);
    l->fd = accept(lfd, NULL, NULL);
    close(lfd);
    if (tcp_state(l->fd) == TCP_SYN_RECV) {
        rc = try_ulp(l->fd);
        puts("accepted in SYN_RECV");
        check(rc == ENOTCONN || tcp_state(l->fd) != TCP_SYN_RECV, "%d", rc);
    }
    check(recv(l->fd, hello, 5, MSG_WAITALL) == 5, "%d", errno);
    while (tcp_state(l->fd) == TCP_SYN_RECV)
        nap(1);
    /* The ACK may have come between the two. */
    if (rc)
        attach(l->fd);
    send_all(l, 100000, 0);
}

const struct send_case end_cases[] = {
    {.name = "shut_wr", .run = shut_wr, .sndbuf = 20000, .rcvbuf = 8192,
     .paused = true},
    {.name = "shut_rdwr", .run = shut_rdwr, .sndbuf = 20000, .rcvbuf = 8192,
     .paused = true},
    {.name = "half_closed", .run = half_closed},
    {.name = "reset", .run = reset, .sndbuf = 20000, .rcvbuf = 8192,
     .paused = true},
    {.name = "close_full", .run = close_full, .sndbuf = 20000,
     .rcvbuf = 8192, .paused = true},
    {.name = "close_lowat", .run = close_lowat, .sndbuf = 60000,
     .rcvbuf = 8192, .paused = true},
    {.name = "close_error", .run = close_error, .sndbuf = 20000,
     .rcvbuf = 8192, .paused = true},
    {.name = "close_more", .run = close_more},
    {.name = "linger", .run = linger, .rcvbuf = 8192},
    {.name = "linger_none", .run = linger_none, .sndbuf = 20000,
     .rcvbuf = 8192, .paused = true},
    {.name = "tfo_client", .run = tfo_client},
    {.name = "tfo_connect", .run = tfo_connect},
    {.name = "tfo_server", .run = tfo_server},
    {0},
};
