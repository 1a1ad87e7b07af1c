// SPDX-License-Identifier: Apache-2.0
/*
 * The calls: everything that a process can do with a socket that has linetls,
 * or will, or had; right, nearly right and wrong. Each takes what it needs
 * from the caller's numbers. Nothing is looked at but success.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef HAVE_LIBURING
#include <liburing.h>
#endif

#include "ulp_random.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PICK(c, a) ((a)[rnd(c, COUNT(a))])

#define BAD_POINTER ((void *)16)
#define MAX_CMSGS 3

/* ---- arguments ---- */

static size_t any_size(struct caller *c)
{
    static const size_t sizes[] = {0, 1, 2, 15, 100, 1000, 1448, 4096, 16383,
                                   16384, 16385, 30000, 65536, 200000};

    return one_in(c, 4) ? rnd(c, 70000) : PICK(c, sizes);
}

/* A buffer of @len bytes; now and then its end is not there. */
static void *any_buffer(struct caller *c, size_t len)
{
    if (one_in(c, 40))
        return BAD_POINTER;
    if (one_in(c, 20))
        return buffer + BUFFER - rnd(c, len + 1);
    return buffer + rnd(c, BUFFER - len);
}

static int any_flags(struct caller *c)
{
    static const int flags[] = {MSG_MORE, MSG_MORE, MSG_EOR, MSG_DONTWAIT,
                                MSG_DONTWAIT, MSG_WAITALL, MSG_OOB,
                                MSG_ZEROCOPY, MSG_DONTROUTE, MSG_CONFIRM,
                                MSG_FASTOPEN, MSG_BATCH};
    int f = MSG_NOSIGNAL;

    while (one_in(c, 3))
        f |= PICK(c, flags);
    return one_in(c, 100) ? (int)rnd(c, UINT32_MAX) : f;
}

static int any_slot(struct caller *c)
{
    return rnd(c, SLOTS);
}

/* A descriptor moves in; what was there goes, unless another is using it. */
static long move_in(struct caller *c, int fd)
{
    int old;

    if (fd < 0)
        return fd;
    old = atomic_exchange(&slots[any_slot(c)], fd);
    if (old >= 0)
        close(old);
    return 0;
}

/* ---- keys and options of the ULP ---- */

static long give_ulp(struct caller *c, int fd)
{
    static const char *const names[] = {"linetls", "linetls", "linetls",
                                        "linetls", "linetls", "tls", "mptcp",
                                        "", "linetls-of-a-long-name"};
    const char *name = PICK(c, names);

    return setsockopt(fd, SOL_TCP, TCP_ULP, name, strlen(name));
}

static socklen_t any_info(struct caller *c, union crypto_info *ci)
{
    static const char *const ciphers[] = {"gcm128", "gcm256", "ccm128",
                                          "chacha"};

    memset(ci, 0, sizeof(*ci));
    return make_info(ci, one_in(c, 3) ? "1.2" : "1.3", PICK(c, ciphers));
}

static long give_keys(struct caller *c, int fd)
{
    union crypto_info ci;
    socklen_t len = any_info(c, &ci);

    return setsockopt(fd, SOL_TLS, TLS_TX, &ci, len);
}

static long give_bad_keys(struct caller *c, int fd)
{
    union crypto_info ci;
    socklen_t len = any_info(c, &ci);
    const void *p = &ci;

    if (one_in(c, 2))
        ((unsigned char *)&ci)[rnd(c, 8)] ^= 1 << rnd(c, 8);
    if (one_in(c, 2))
        len = rnd(c, 100);
    if (one_in(c, 10))
        p = BAD_POINTER;
    if (one_in(c, 10))
        p = buffer + BUFFER - rnd(c, 50);
    return setsockopt(fd, SOL_TLS, one_in(c, 4) ? TLS_RX : TLS_TX, p, len);
}

static long give_mode(struct caller *c, int fd)
{
    int mode[2] = {(int)rnd(c, 5) - 1, 0};

    return setsockopt(fd, SOL_TLS, LINETLS_TX_MODE, mode,
                      one_in(c, 8) ? rnd(c, 9) : sizeof(int));
}

static long give_file(struct caller *c, int fd)
{
    int file = PICK(c, files);

    if (one_in(c, 8))
        file = (int)rnd(c, 40) - 2;
    return setsockopt(fd, SOL_TLS, LINETLS_TX_FILE, &file,
                      one_in(c, 16) ? rnd(c, 9) : sizeof(int));
}

static long any_tls_option(struct caller *c, int fd)
{
    int option = one_in(c, 3) ? (int)rnd(c, 200) : 64 + (int)rnd(c, 4);
    socklen_t len = rnd(c, 300);
    unsigned char room[300];

    if (one_in(c, 10))
        len = -(int)rnd(c, 3);
    memset(room, rnd(c, 256), sizeof(room));
    if (one_in(c, 4))
        return setsockopt(fd, SOL_TLS, option,
                          one_in(c, 8) ? BAD_POINTER : room, len);
    return getsockopt(fd, SOL_TLS, option, one_in(c, 8) ? BAD_POINTER : room,
                      one_in(c, 16) ? BAD_POINTER : &len);
}

static long get_status(struct caller *c, int fd)
{
    struct linetls_tx_status st;
    socklen_t len = sizeof(st);

    return getsockopt(fd, SOL_TLS, LINETLS_TX_STATUS, &st, &len);
}

/* ---- options of others ---- */

struct option {
    int level, name;
    int values[4];
};

static const struct option options[] = {
    {SOL_SOCKET, SO_SNDBUF, {1, 5000, 50000, 1 << 22}},
    {SOL_SOCKET, SO_RCVBUF, {1, 5000, 50000, 1 << 22}},
    {SOL_SOCKET, SO_MAX_PACING_RATE, {1000, 100000, -1, -1}},
    {SOL_SOCKET, SO_MARK, {0, 1, 7, -1}},
    {SOL_SOCKET, SO_PRIORITY, {0, 1, 6, 7}},
    {SOL_SOCKET, SO_KEEPALIVE, {0, 1, 1, 1}},
    {SOL_SOCKET, SO_ZEROCOPY, {0, 1, 1, 1}},
    {SOL_SOCKET, SO_TIMESTAMPING, {0, 1, 1 << 9, 1 << 7 | 1 << 9 | 0x1a}},
    {SOL_SOCKET, SO_BUSY_POLL, {0, 1, 50, 100}},
    {SOL_SOCKET, SO_OOBINLINE, {0, 1, 1, 1}},
    {SOL_TCP, TCP_NODELAY, {0, 1, 1, 1}},
    {SOL_TCP, TCP_CORK, {0, 0, 1, 1}},
    {SOL_TCP, TCP_MAXSEG, {88, 500, 1400, 40000}},
    {SOL_TCP, TCP_NOTSENT_LOWAT, {1, 1000, 100000, -1}},
    {SOL_TCP, TCP_USER_TIMEOUT, {1, 50, 1000, 0}},
    {SOL_TCP, TCP_WINDOW_CLAMP, {0, 1000, 60000, 1 << 20}},
    {SOL_TCP, TCP_QUICKACK, {0, 1, 1, 1}},
    {SOL_TCP, TCP_LINGER2, {-1, 0, 1, 2}},
    {SOL_TCP, TCP_FASTOPEN_CONNECT, {0, 1, 1, 1}},
    {SOL_TCP, TCP_REPAIR, {1, 1, 0, -1}},
    {SOL_TCP, TCP_REPAIR_QUEUE, {0, 1, 2, 3}},
    {SOL_TCP, TCP_QUEUE_SEQ, {0, 1, 1 << 30, -1}},
    {SOL_TCP, TCP_TIMESTAMP, {0, 1, 1 << 30, -1}},
    {SOL_TCP, TCP_TX_DELAY, {0, 100, 1000, 10000}},
    {SOL_IP, IP_TOS, {0, 0x10, 0xb8, 255}},
    {SOL_IP, IP_MTU_DISCOVER, {0, 1, 2, 3}},
    {SOL_IP, IP_TRANSPARENT, {0, 1, 0, 1}},
    {SOL_IPV6, IPV6_TCLASS, {0, 0x10, 0xb8, 255}},
    {SOL_IPV6, IPV6_MTU, {1280, 1400, 1500, 9000}},
    /* An IPv6 socket becomes one of IPv4 where its addresses allow. */
    {SOL_IPV6, IPV6_ADDRFORM, {AF_INET, AF_INET, AF_INET6, 0}},
};

static long set_option(struct caller *c, int fd)
{
    const struct option *o = &PICK(c, options);
    int value = one_in(c, 20) ? (int)rnd(c, UINT32_MAX) : PICK(c, o->values);

    return setsockopt(fd, o->level, o->name, &value, sizeof(value));
}

static long set_struct_option(struct caller *c, int fd)
{
    static const char *const devices[] = {"", "lo", "eth0", "tls0"};
    static const char *const congestion[] = {"cubic", "reno", "bbr"};
    struct linger linger = {rnd(c, 2), rnd(c, 2)};
    struct tcp_md5sig md5 = {.tcpm_keylen = rnd(c, 10)};
    const char *name;

    switch (rnd(c, 4)) {
    case 0:
        return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    case 1:
        name = PICK(c, devices);
        return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, strlen(name));
    case 2:
        name = PICK(c, congestion);
        return setsockopt(fd, SOL_TCP, TCP_CONGESTION, name, strlen(name));
    default:
        md5.tcpm_addr.ss_family = one_in(c, 2) ? AF_INET : AF_INET6;
        return setsockopt(fd, SOL_TCP, TCP_MD5SIG, &md5, sizeof(md5));
    }
}

static long get_option(struct caller *c, int fd)
{
    static const int levels[] = {SOL_SOCKET, SOL_TCP, SOL_IP, SOL_TLS};
    unsigned char room[512];
    socklen_t len = rnd(c, sizeof(room) + 1);

    return getsockopt(fd, PICK(c, levels), rnd(c, 70), room, &len);
}

static long ask(struct caller *c, int fd)
{
    static const int requests[] = {SIOCOUTQ, SIOCINQ, SIOCOUTQNSD,
                                   SIOCATMARK};
    struct pollfd pfd = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    int n;

    return one_in(c, 2) ? poll(&pfd, 1, rnd(c, 10)) :
                          ioctl(fd, PICK(c, requests), &n);
}

/* ---- sending ---- */

static long do_send(struct caller *c, int fd)
{
    size_t len = any_size(c);

    return send(fd, any_buffer(c, len), len, any_flags(c));
}

static long do_write(struct caller *c, int fd)
{
    size_t len = any_size(c);

    return write(fd, any_buffer(c, len), len);
}

/* Records of a type, and whatever else a cmsg can be. Returns its length. */
static size_t any_cmsgs(struct caller *c, unsigned char *room, size_t size)
{
    size_t used = 0;

    while (used + CMSG_SPACE(sizeof(int)) <= size && !one_in(c, 3)) {
        struct cmsghdr *cmsg = (void *)(room + used);

        cmsg->cmsg_level = one_in(c, 5) ? SOL_SOCKET : SOL_TLS;
        cmsg->cmsg_type = one_in(c, 8) ? rnd(c, 40) : TLS_SET_RECORD_TYPE;
        cmsg->cmsg_len = CMSG_LEN(1);
        if (one_in(c, 16))
            cmsg->cmsg_len = rnd(c, 64);
        if (one_in(c, 64))
            cmsg->cmsg_len = -(size_t)rnd(c, 64);
        *CMSG_DATA(cmsg) = one_in(c, 4) ? rnd(c, 256) : 20 + rnd(c, 5);
        used += CMSG_SPACE(sizeof(int));
    }
    return one_in(c, 32) ? rnd(c, size) : used;
}

struct message {
    struct iovec iov[4];
    _Alignas(struct cmsghdr) unsigned char room[MAX_CMSGS *
                                                CMSG_SPACE(sizeof(int))];
    struct msghdr hdr;
};

static void any_message(struct caller *c, struct message *m)
{
    memset(m, 0, sizeof(*m));
    m->hdr.msg_iov = m->iov;
    m->hdr.msg_iovlen = rnd(c, COUNT(m->iov) + 1);
    for (size_t i = 0; i < m->hdr.msg_iovlen; i++) {
        m->iov[i].iov_len = any_size(c);
        m->iov[i].iov_base = any_buffer(c, m->iov[i].iov_len);
    }
    m->hdr.msg_controllen = any_cmsgs(c, m->room, sizeof(m->room));
    if (m->hdr.msg_controllen)
        m->hdr.msg_control = one_in(c, 64) ? BAD_POINTER : m->room;
}

static long do_sendmsg(struct caller *c, int fd)
{
    struct message m;

    any_message(c, &m);
    return sendmsg(fd, &m.hdr, any_flags(c));
}

static long do_sendmmsg(struct caller *c, int fd)
{
    struct message m[3];
    struct mmsghdr hdr[3];

    for (int i = 0; i < 3; i++) {
        any_message(c, &m[i]);
        hdr[i].msg_hdr = m[i].hdr;
    }
    return sendmmsg(fd, hdr, 3, any_flags(c));
}

/* Of a file that was announced, perhaps. */
static long do_sendfile(struct caller *c, int fd)
{
    off_t offset = one_in(c, 4) ? rnd(c, 2000000) : rnd(c, 20) * 4096;
    int file = PICK(c, files);

    if (one_in(c, 2))
        setsockopt(fd, SOL_TLS, LINETLS_TX_FILE, &file, sizeof(file));
    return sendfile(fd, file, &offset, any_size(c));
}

static long fill_pipe(struct caller *c)
{
    size_t len = any_size(c);
    struct iovec iov = {any_buffer(c, len), len};
    loff_t offset = rnd(c, 1000000);

    switch (rnd(c, 3)) {
    case 0:
        return write(c->pipe[1], iov.iov_base, len);
    case 1:
        return vmsplice(c->pipe[1], &iov, 1,
                        SPLICE_F_NONBLOCK | (one_in(c, 8) ? SPLICE_F_GIFT : 0));
    default:
        return splice(PICK(c, files), &offset, c->pipe[1], NULL, len,
                      SPLICE_F_NONBLOCK);
    }
}

static long do_splice(struct caller *c, int fd)
{
    unsigned int flags = rnd(c, 16);

    fill_pipe(c);
    return splice(c->pipe[0], NULL, fd, NULL, any_size(c),
                  flags | (one_in(c, 8) ? 0 : SPLICE_F_NONBLOCK));
}

/* From the socket: for one that has no keys for it, and for records. */
static long do_receive(struct caller *c, int fd)
{
    static const int flags[] = {0, 0, MSG_PEEK, MSG_TRUNC, MSG_ERRQUEUE,
                                MSG_OOB, MSG_WAITALL};
    struct message m;

    if (one_in(c, 4))
        return splice(fd, NULL, c->pipe[1], NULL, any_size(c),
                      SPLICE_F_NONBLOCK);
    any_message(c, &m);
    return recvmsg(fd, &m.hdr, MSG_DONTWAIT | PICK(c, flags));
}

#ifdef HAVE_LIBURING
static struct io_uring *ring_of(struct caller *c)
{
    static _Thread_local struct io_uring ring;

    if (!c->ring && !io_uring_queue_init(8, &ring, 0))
        c->ring = &ring;
    return c->ring;
}

static void any_sqe(struct caller *c, int fd, struct io_uring_sqe *sqe,
                    struct message *m)
{
    size_t len = any_size(c);

    any_message(c, m);
    switch (rnd(c, 5)) {
    case 0:
        io_uring_prep_sendmsg(sqe, fd, &m->hdr, any_flags(c));
        break;
    case 1:
        io_uring_prep_splice(sqe, PICK(c, files), rnd(c, 100000), c->pipe[1],
                             -1, len, SPLICE_F_NONBLOCK);
        break;
    case 2:
        io_uring_prep_send_zc(sqe, fd, any_buffer(c, len), len, any_flags(c),
                              0);
        break;
    default:
        io_uring_prep_send(sqe, fd, any_buffer(c, len), len, any_flags(c));
    }
    if (one_in(c, 4))
        sqe->flags |= PICK(c, ((int[]){IOSQE_ASYNC, IOSQE_IO_LINK,
                                       IOSQE_IO_DRAIN}));
}

/* What does not end at once is left to the ring's end. */
static long do_uring(struct caller *c, int fd)
{
    struct __kernel_timespec limit = {.tv_nsec = 20000000};
    struct io_uring *ring = ring_of(c);
    struct message m[3];
    int n = 0;

    if (!ring)
        return -1;
    for (; n < 1 + (int)rnd(c, 3); n++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

        if (!sqe)
            break;
        any_sqe(c, fd, sqe, &m[n]);
    }
    io_uring_submit(ring);
    while (n--) {
        struct io_uring_cqe *cqe;

        if (io_uring_wait_cqe_timeout(ring, &cqe, &limit))
            break;
        io_uring_cqe_seen(ring, cqe);
    }
    if (n < 0 && !one_in(c, 20))
        return 0;
    io_uring_queue_exit(ring);
    c->ring = NULL;
    return 0;
}
#endif

/* ---- connections ---- */

static void hurry(int fd, int ms)
{
    struct timeval tv = {.tv_usec = ms * 1000};

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

static struct addrinfo *peer_address(struct caller *c)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                          .ai_flags = AI_NUMERICHOST};
    static const char *const local[] = {"127.0.0.1", "::1"};
    struct addrinfo *ai = NULL;

    getaddrinfo(one_in(c, 16) ? PICK(c, local) : peer_host, peer_port, &hints,
                &ai);
    return ai;
}

static int any_connect(struct caller *c, int fd, const struct addrinfo *ai)
{
    if (one_in(c, 6))
        return sendto(fd, buffer, any_size(c), MSG_FASTOPEN | MSG_NOSIGNAL,
                      ai->ai_addr, ai->ai_addrlen);
    return connect(fd, ai->ai_addr, ai->ai_addrlen);
}

/* Mostly one that can send records at once. */
static long do_open(struct caller *c, int unused)
{
    struct addrinfo *ai = peer_address(c);
    long rc = -1;
    int fd;

    (void)unused;
    if (!ai)
        return -1;
    fd = socket(ai->ai_family, SOCK_STREAM | (one_in(c, 6) ? SOCK_NONBLOCK : 0),
                0);
    if (fd >= 0) {
        hurry(fd, 300);
        rc = any_connect(c, fd, ai);
        hurry(fd, 20);
        if (!one_in(c, 4) &&
            !setsockopt(fd, SOL_TCP, TCP_ULP, "linetls", 7) && !one_in(c, 4))
            rc = give_keys(c, fd);
        move_in(c, fd);
    }
    freeaddrinfo(ai);
    return rc;
}

static long do_connect(struct caller *c, int fd)
{
    static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    struct addrinfo *ai;
    long rc;

    if (one_in(c, 2))
        return connect(fd, &nowhere, sizeof(nowhere));
    ai = peer_address(c);
    if (!ai)
        return -1;
    rc = any_connect(c, fd, ai);
    freeaddrinfo(ai);
    return rc;
}

static long do_listen(struct caller *c, int fd)
{
    return listen(fd, rnd(c, 4));
}

static long do_accept(struct caller *c, int fd)
{
    int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK);

    if (peer >= 0)
        hurry(peer, 20);
    return move_in(c, peer);
}

static long do_shutdown(struct caller *c, int fd)
{
    return shutdown(fd, (int)rnd(c, 5) - 1);
}

static long do_close(struct caller *c, int unused)
{
    int fd = atomic_exchange(&slots[any_slot(c)], -1);

    (void)unused;
    return fd < 0 ? -1 : close(fd);
}

static long do_dup(struct caller *c, int fd)
{
    return move_in(c, dup(fd));
}

/* A child that holds all of this for a moment, sends, and goes. */
static long do_fork(struct caller *c, int fd)
{
    pid_t pid = fork();

    if (!pid) {
        send(fd, buffer, 20000, MSG_NOSIGNAL | MSG_DONTWAIT);
        poll(NULL, 0, rnd(c, 20));
        _exit(0);
    }
    return pid;
}

/* ---- what else gets its hands on a socket, or on a file ---- */

static int make_sockmap(void)
{
    union bpf_attr attr = {
        .map_type = BPF_MAP_TYPE_SOCKMAP,
        .key_size = 4,
        .value_size = 4,
        .max_entries = 4,
    };

    return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long do_sockmap(struct caller *c, int fd)
{
    static _Atomic int map = -1;
    uint32_t key = rnd(c, 4), value = fd;
    union bpf_attr attr = {.key = (uintptr_t)&key, .value = (uintptr_t)&value};

    if (map < 0) {
        int made = make_sockmap(), none = -1;

        if (made < 0)
            return -1;
        if (!atomic_compare_exchange_strong(&map, &none, made))
            close(made);
    }
    attr.map_fd = map;
    return syscall(SYS_bpf, one_in(c, 3) ? BPF_MAP_DELETE_ELEM :
                                           BPF_MAP_UPDATE_ELEM,
                   &attr, sizeof(attr));
}

/* Breaks the lease of a guard. */
static long do_write_file(struct caller *c, int unused)
{
    const char *name = file_names[rnd(c, FILES - 1)];
    int fd = open(name, O_WRONLY | (one_in(c, 3) ? O_NONBLOCK : 0));
    long rc;

    (void)unused;
    if (fd < 0)
        return -1;
    if (one_in(c, 8))
        rc = ftruncate(fd, 500000 + rnd(c, 500000));
    else
        rc = pwrite(fd, buffer, 1 + rnd(c, 20000), rnd(c, 1000000));
    close(fd);
    return rc;
}

const struct call calls[] = {
    {"open", 12, do_open},
    {"ulp", 6, give_ulp},
    {"keys", 8, give_keys},
    {"bad-keys", 3, give_bad_keys},
    {"mode", 3, give_mode},
    {"file", 4, give_file},
    {"tls-option", 5, any_tls_option},
    {"status", 3, get_status},
    {"option", 8, set_option},
    {"struct-option", 3, set_struct_option},
    {"get-option", 3, get_option},
    {"ask", 3, ask},
    {"send", 20, do_send},
    {"write", 4, do_write},
    {"sendmsg", 16, do_sendmsg},
    {"sendmmsg", 6, do_sendmmsg},
    {"sendfile", 10, do_sendfile},
    {"splice", 8, do_splice},
    {"receive", 6, do_receive},
#ifdef HAVE_LIBURING
    {"io_uring", 6, do_uring},
#endif
    {"connect", 2, do_connect},
    {"listen", 1, do_listen},
    {"accept", 2, do_accept},
    {"shutdown", 2, do_shutdown},
    {"close", 3, do_close},
    {"dup", 2, do_dup},
    {"fork", 1, do_fork},
    {"sockmap", 2, do_sockmap},
    {"write-file", 1, do_write_file},
};

const int num_calls = COUNT(calls);

int pick_call(struct caller *c)
{
    int i, n = 0;

    for (i = 0; i < num_calls; i++)
        n += calls[i].weight;
    n = rnd(c, n);
    for (i = 0; n >= calls[i].weight; i++)
        n -= calls[i].weight;
    return i;
}
