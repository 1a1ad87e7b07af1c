// SPDX-License-Identifier: Apache-2.0
/* The kernel's side: ULP, mode, keys, records that are not data. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "uapi/linetls.h"
#include "provider.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

/*
 * In a privileged process each request for an absent ULP makes the kernel run
 * modprobe. An absent one is not asked for again for that many seconds.
 */
#define ABSENT_SECONDS 10

struct ulp {
    const char *name;
    _Atomic int64_t absent_until; /* seconds, CLOCK_MONOTONIC */
};

static struct ulp ulps[] = {
    [LT_TX_LINETLS] = { LINETLS_ULP_NAME, 0 },
    [LT_TX_TLS] = { "tls", 0 },
};

/* Indexed by enum lt_offload. */
static const int modes[] = {
    [LT_OFFLOAD_PREFER] = LINETLS_TX_MODE_PREFER,
    [LT_OFFLOAD_REQUIRE] = LINETLS_TX_MODE_REQUIRE,
    [LT_OFFLOAD_SOFTWARE] = LINETLS_TX_MODE_SOFTWARE,
};

const char *lt_ulp_name(enum lt_ulp ulp)
{
    return ulp == LT_TX_USERSPACE ? "userspace" : ulps[ulp].name;
}

static socklen_t info_length(const struct tls_crypto_info *info)
{
    switch (info->cipher_type) {
    case TLS_CIPHER_AES_GCM_128:
        return sizeof(struct tls12_crypto_info_aes_gcm_128);
    case TLS_CIPHER_AES_GCM_256:
        return sizeof(struct tls12_crypto_info_aes_gcm_256);
    case TLS_CIPHER_CHACHA20_POLY1305:
        return sizeof(struct tls12_crypto_info_chacha20_poly1305);
    default:
        return 0;
    }
}

static int64_t now(void)
{
    struct timespec ts = { 0, 0 };

    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return ts.tv_sec;
}

/* Returns 0 or an errno; ENOENT: the kernel has no such ULP. */
static int attach(int fd, struct ulp *ulp)
{
    if (now() < atomic_load(&ulp->absent_until))
        return ENOENT;
    if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, ulp->name, strlen(ulp->name)) == 0)
        return 0;
    if (errno != ENOENT && errno != ENOPROTOOPT)
        return errno;
    atomic_store(&ulp->absent_until, now() + ABSENT_SECONDS);
    return ENOENT;
}

/* Only linetls can be told who is to encrypt. */
static int may_use_tls(void)
{
    return lt_config.ulp == LT_ULP_TLS
        || (lt_config.ulp == LT_ULP_AUTO
            && lt_config.offload == LT_OFFLOAD_PREFER);
}

static enum lt_ulp attach_any(int fd, int *error)
{
    *error = ENOENT;
    if (lt_config.ulp != LT_ULP_TLS) {
        *error = attach(fd, &ulps[LT_TX_LINETLS]);
        if (*error == 0)
            return LT_TX_LINETLS;
    }
    if (*error == ENOENT && may_use_tls()) {
        *error = attach(fd, &ulps[LT_TX_TLS]);
        if (*error == 0)
            return LT_TX_TLS;
    }
    return LT_TX_USERSPACE;
}

static struct lt_ktls_result refused(const char *step, int error)
{
    return (struct lt_ktls_result) { LT_TX_USERSPACE, step, error };
}

struct lt_ktls_result lt_ktls_start(int fd, const void *crypto_info)
{
    socklen_t len = info_length(crypto_info);
    enum lt_ulp ulp;
    int error;

    if (len == 0)
        return refused("cipher not supported", 0);
    ulp = attach_any(fd, &error);
    if (ulp == LT_TX_USERSPACE)
        return refused(error == ENOENT ? "no ULP in the kernel" : "TCP_ULP",
            error);
    if (ulp == LT_TX_LINETLS
        && setsockopt(fd, SOL_TLS, LINETLS_TX_MODE, &modes[lt_config.offload],
               sizeof(int))
            != 0)
        return refused("LINETLS_TX_MODE", errno);
    if (setsockopt(fd, SOL_TLS, TLS_TX, crypto_info, len) != 0)
        return refused("TLS_TX", errno);
    return (struct lt_ktls_result) { ulp, NULL, 0 };
}

int lt_ktls_rekey(int fd, const void *crypto_info)
{
    socklen_t len = info_length(crypto_info);

    return len != 0 && setsockopt(fd, SOL_TLS, TLS_TX, crypto_info, len) == 0;
}

int lt_ktls_status(int fd, struct linetls_tx_status *status)
{
    socklen_t len = sizeof(*status);

    memset(status, 0, sizeof(*status));
    return getsockopt(fd, SOL_TLS, LINETLS_TX_STATUS, status, &len) == 0;
}

ssize_t lt_ktls_send_record(int fd, unsigned char type, const void *data,
    size_t len)
{
    union {
        char buf[CMSG_SPACE(sizeof(type))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct iovec iov = { (void *)data, len };
    struct msghdr msg = { 0 };
    struct cmsghdr *cmsg;

    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.buf;
    msg.msg_controllen = sizeof(control.buf);
    cmsg = CMSG_FIRSTHDR(&msg);
    cmsg->cmsg_level = SOL_TLS;
    cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
    cmsg->cmsg_len = CMSG_LEN(sizeof(type));
    memcpy(CMSG_DATA(cmsg), &type, sizeof(type));
    msg.msg_controllen = cmsg->cmsg_len;
    return sendmsg(fd, &msg, 0);
}
