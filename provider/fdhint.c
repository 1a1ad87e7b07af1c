// SPDX-License-Identifier: Apache-2.0
/*
 * The socket below a BIO that is the application's own. It answers
 * BIO_C_GET_FD, or the preloaded liblinetls-fd.so says which descriptor it has
 * used. Either way the kernel is asked whether everything that went into the
 * BIO is in that socket's stream: a BIO that keeps bytes back, changes them in
 * number, or lies, can't be written past.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "provider.h"

/* BIO types below are libcrypto's, and none of them is an application's. */
#define LAST_LIBCRYPTO_TYPE 0x40

static int *(*last_fd)(void);
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_preloaded(void)
{
    *(void **)&last_fd = dlsym(RTLD_DEFAULT, "linetls_last_fd");
}

int lt_fdhint_is_tcp(int fd)
{
    int protocol = 0;
    socklen_t len = sizeof(protocol);

    return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0
        && protocol == IPPROTO_TCP;
}

/* How many bytes the stream has got so far. 0: not a socket of TCP. */
static int stream_bytes(int fd, uint64_t *bytes)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    if (!lt_fdhint_is_tcp(fd)
        || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0
        || len < offsetof(struct tcp_info, tcpi_bytes_retrans)
                + sizeof(info.tcpi_bytes_retrans))
        return 0;
    *bytes = info.tcpi_bytes_sent - info.tcpi_bytes_retrans
        + info.tcpi_notsent_bytes;
    return 1;
}

static void set_fd(struct lt_socket *s, int fd)
{
    s->fd = stream_bytes(fd, &s->start) ? fd : -1;
    s->start -= s->written;
    s->spoilt = s->fd < 0;
}

int lt_fdhint_start(struct lt_socket *s, BIO *bio)
{
    int fd = -1;

    pthread_once(&once, find_preloaded);
    if ((BIO_method_type(bio) & 0xff) < LAST_LIBCRYPTO_TYPE)
        return 0;
    *s = (struct lt_socket) { .fd = -1, .foreign = 1 };
    if ((BIO_method_type(bio) & BIO_TYPE_DESCRIPTOR) != 0
        && BIO_get_fd(bio, &fd) >= 0 && fd >= 0) {
        set_fd(s, fd);
        return !s->spoilt;
    }
    s->learning = 1;
    return last_fd != NULL;
}

void lt_fdhint_before(const struct lt_socket *s)
{
    if (s->learning)
        *last_fd() = -1;
}

void lt_fdhint_after(struct lt_socket *s, int written)
{
    int fd;

    if (written > 0)
        s->written += (uint64_t)written;
    if (!s->learning)
        return;
    fd = *last_fd();
    if (fd < 0 || s->spoilt)
        return;
    if (s->fd < 0)
        set_fd(s, fd);
    else if (s->fd != fd)
        s->spoilt = 1;
}

int lt_fdhint_proven(const struct lt_socket *s)
{
    uint64_t bytes;

    return !s->foreign
        || (s->fd >= 0 && !s->spoilt && stream_bytes(s->fd, &bytes)
            && bytes - s->start == s->written);
}
