// SPDX-License-Identifier: Apache-2.0
/*
 * liblinetls-fd.so, to be preloaded into an application whose BIO hides its
 * socket (HAProxy). Each call goes on unchanged; the descriptor is noted, and
 * the provider learns from it what the BIO has just used. Nothing else of the
 * provider is in here, and it needs no OpenSSL.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

static __thread int last_fd __attribute__((tls_model("initial-exec"))) = -1;

/* Looked up by the provider, see fdhint.c. */
int *linetls_last_fd(void);

int *linetls_last_fd(void)
{
    return &last_fd;
}

/* The constructors of other libraries may call before ours would run. */
#define WRAP(name, parameters, arguments)                                      \
    ssize_t name parameters                                                    \
    {                                                                          \
        static __typeof__(&name) next;                                         \
        __typeof__(&name) call = __atomic_load_n(&next, __ATOMIC_RELAXED);     \
                                                                               \
        if (call == NULL) {                                                    \
            call = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                 \
            __atomic_store_n(&next, call, __ATOMIC_RELAXED);                   \
        }                                                                      \
        last_fd = fd;                                                          \
        return call arguments;                                                 \
    }

WRAP(send, (int fd, const void *buf, size_t len, int flags),
    (fd, buf, len, flags))
WRAP(sendto,
    (int fd, const void *buf, size_t len, int flags,
        const struct sockaddr *addr, socklen_t addr_len),
    (fd, buf, len, flags, addr, addr_len))
WRAP(sendmsg, (int fd, const struct msghdr *msg, int flags), (fd, msg, flags))
WRAP(recv, (int fd, void *buf, size_t len, int flags), (fd, buf, len, flags))
WRAP(recvfrom,
    (int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
        socklen_t *addr_len),
    (fd, buf, len, flags, addr, addr_len))
WRAP(recvmsg, (int fd, struct msghdr *msg, int flags), (fd, msg, flags))
