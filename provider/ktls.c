// SPDX-License-Identifier: Apache-2.0
/* The kernel's side: ULP, mode, keys, records that are not data. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

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

static int set_keys(int fd, const struct tls_crypto_info *info)
{
    const struct lt_cipher *cipher = lt_cipher_find(info->cipher_type);

    if (cipher == NULL) {
        errno = EINVAL;
        return -1;
    }
    return setsockopt(fd, SOL_TLS, TLS_TX, info, (socklen_t)cipher->info_len);
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

static const char *set_policy(int fd)
{
    int bytes = lt_config.handover;

    if (setsockopt(fd, SOL_TLS, LINETLS_TX_MODE, &modes[lt_config.offload],
            sizeof(int))
        != 0)
        return "LINETLS_TX_MODE";
    if (bytes != 0
        && setsockopt(fd, SOL_TLS, LINETLS_TX_HANDOVER, &bytes, sizeof(bytes))
            != 0)
        return "LINETLS_TX_HANDOVER";
    return NULL;
}

/* The counters of rekeying came with it. */
static int tls_can_rekey(void)
{
    static const char path[] = "/proc/net/tls_stat";
    char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return strstr(text, "TlsTxRekeyOk") != NULL;
}

int lt_ktls_can_rekey(enum lt_ulp ulp)
{
    static atomic_int known; /* 1: tls cannot, 2: it can */
    int answer;

    if (ulp == LT_TX_LINETLS)
        return 1;
    answer = atomic_load(&known);
    if (answer == 0) {
        answer = 1 + tls_can_rekey();
        atomic_store(&known, answer);
    }
    return answer == 2;
}

/*
 * A client may ask for new keys at any time in TLS 1.3. A connection that
 * would have to end then is handed over on request only.
 */
static int survives_key_update(enum lt_ulp ulp,
    const struct tls_crypto_info *info)
{
    return lt_config.ulp == LT_ULP_TLS || info->version != TLS_1_3_VERSION
        || lt_ktls_can_rekey(ulp);
}

struct lt_ktls_result lt_ktls_start(int fd, const void *crypto_info)
{
    const struct tls_crypto_info *info = crypto_info;
    const struct lt_cipher *cipher = lt_cipher_find(info->cipher_type);
    const char *step;
    enum lt_ulp ulp;
    int error;

    if (cipher == NULL)
        return refused("cipher not supported", 0);
    if (lt_config_lists(lt_config.userspace_ciphers, cipher->name))
        return refused("userspace-ciphers has this one", 0);
    ulp = attach_any(fd, &error);
    if (ulp == LT_TX_USERSPACE)
        return refused(error == ENOENT ? "no ULP in the kernel" : "TCP_ULP",
            error);
    if (ulp == LT_TX_LINETLS && (step = set_policy(fd)) != NULL)
        return refused(step, errno);
    if (!survives_key_update(ulp, info))
        return refused("tls cannot change keys, and TLS 1.3 may need it", 0);
    if (set_keys(fd, info) != 0)
        return refused("TLS_TX", errno);
    return (struct lt_ktls_result) { ulp, NULL, 0 };
}

int lt_ktls_rekey(int fd, const void *crypto_info)
{
    return set_keys(fd, crypto_info) == 0;
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
