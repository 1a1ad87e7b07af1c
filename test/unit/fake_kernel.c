// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uapi/linetls.h"
#include "fake_kernel.h"

#define SOL_TLS 282
#define MAX_FD 256
#define MAX_PLAIN 16384
#define TAG 16

struct fake_kernel fake_kernel;

struct tx {
    int attached, has_keys;
    int version;
    const EVP_CIPHER *cipher;
    unsigned char key[32], nonce[12];
    uint64_t seq;
    unsigned char queue[MAX_PLAIN + 64];
    size_t begin, end;
};

static struct tx sockets[MAX_FD];

static int result(int error)
{
    errno = error;
    return error == 0 ? 0 : -1;
}

static void count(int *n)
{
    __atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

void fake_kernel_reset(void)
{
    memset(&fake_kernel, 0, sizeof(fake_kernel));
    memset(sockets, 0, sizeof(sockets));
    fake_kernel.watched = fake_kernel.refused = -1;
}

void fake_kernel_forget(int fd)
{
    memset(&sockets[fd], 0, sizeof(sockets[fd]));
}

/* The members of all struct tls12_crypto_info_aes_gcm_* come in this order. */
static int take_keys(struct tx *tx, const unsigned char *value)
{
    const struct tls_crypto_info *info = (const void *)value;
    size_t key_len = info->cipher_type == TLS_CIPHER_AES_GCM_128 ? 16 : 32;
    int i;

    if (fake_kernel.tx_error != 0)
        return result(fake_kernel.tx_error);
    if (info->cipher_type != TLS_CIPHER_AES_GCM_128
        && info->cipher_type != TLS_CIPHER_AES_GCM_256)
        return result(EINVAL);
    value += sizeof(*info);
    memcpy(tx->nonce + 4, value, 8);
    memcpy(tx->key, value + 8, key_len);
    memcpy(tx->nonce, value + 8 + key_len, 4);
    tx->seq = 0;
    for (i = 0; i < 8; i++)
        tx->seq = tx->seq << 8 | value[12 + key_len + i];
    tx->version = info->version;
    tx->cipher = key_len == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
    tx->has_keys = 1;
    count(&fake_kernel.keys);
    return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    struct tx *tx = &sockets[fd];

    if (level == IPPROTO_TCP && name == TCP_ULP) {
        /* Not ENOENT, which would be remembered. */
        if (fd == fake_kernel.refused || tx->attached
            || len != strlen(LINETLS_ULP_NAME)
            || memcmp(value, LINETLS_ULP_NAME, len) != 0)
            return result(EBUSY);
        tx->attached = 1;
        return 0;
    }
    if (level != SOL_TLS)
        return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
    if (!tx->attached)
        return result(ENOPROTOOPT);
    return name == TLS_TX ? take_keys(tx, value) : 0;
}

static void put64(unsigned char *p, uint64_t n)
{
    int i;

    for (i = 7; i >= 0; i--, n >>= 8)
        p[i] = (unsigned char)n;
}

/* RFC 5246 section 6.2.3.3 with RFC 5288, RFC 8446 section 5.2 */
static void seal(struct tx *tx, int type, const unsigned char *data, size_t len)
{
    unsigned char *out = tx->queue, *body = out + 5, aad[13], nonce[12];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char inner = (unsigned char)type;
    size_t aad_len = 5, total;
    int i, n, at = 0;

    memcpy(nonce, tx->nonce, sizeof(nonce));
    if (tx->version == TLS_1_3_VERSION) {
        for (i = 0; i < 8; i++)
            nonce[4 + i] ^= (unsigned char)(tx->seq >> (56 - 8 * i));
        total = len + 1 + TAG;
    } else {
        memcpy(body, nonce + 4, 8);
        body += 8;
        total = 8 + len + TAG;
    }
    out[0] = tx->version == TLS_1_3_VERSION ? 23 : inner;
    out[1] = out[2] = 3;
    out[3] = (unsigned char)(total >> 8);
    out[4] = (unsigned char)total;
    memcpy(aad, out, 5);
    if (tx->version != TLS_1_3_VERSION) {
        put64(aad, tx->seq);
        memcpy(aad + 8, out, 3);
        aad[11] = (unsigned char)(len >> 8);
        aad[12] = (unsigned char)len;
        aad_len = 13;
    }
    if (!EVP_EncryptInit_ex(ctx, tx->cipher, NULL, tx->key, nonce)
        || !EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len)
        || !EVP_EncryptUpdate(ctx, body, &at, data, (int)len))
        abort();
    if (tx->version == TLS_1_3_VERSION) {
        if (!EVP_EncryptUpdate(ctx, body + at, &n, &inner, 1))
            abort();
        at += n;
    }
    if (!EVP_EncryptFinal_ex(ctx, body + at, &n)
        || !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, body + at))
        abort();
    EVP_CIPHER_CTX_free(ctx);
    tx->begin = 0;
    tx->end = (size_t)(body - out) + (size_t)at + TAG;
    tx->seq++;
    if (tx->version != TLS_1_3_VERSION) {
        /* The explicit part counts as well. */
        for (i = 11; i >= 4 && ++tx->nonce[i] == 0; i--)
            ;
    }
}

static ssize_t to_wire(int fd, const void *data, size_t len)
{
    return syscall(SYS_sendto, fd, data, len, MSG_NOSIGNAL, NULL, 0);
}

/* Returns 0 once all that was accepted is in the real socket. */
static int drain(int fd, struct tx *tx)
{
    while (tx->begin < tx->end) {
        ssize_t n = to_wire(fd, tx->queue + tx->begin, tx->end - tx->begin);

        if (n < 0)
            return -1;
        tx->begin += (size_t)n;
    }
    return 0;
}

/* What is to happen to this write. Returns an errno, and may shorten it. */
static int fate(int fd, size_t *len)
{
    if (fd != fake_kernel.watched)
        return 0;
    fake_kernel.writes++;
    if (fake_kernel.send_error != 0)
        return fake_kernel.send_error;
    if (fake_kernel.writes == fake_kernel.again_at)
        return EAGAIN;
    if (fake_kernel.writes == fake_kernel.short_at && *len > 1)
        *len /= 2;
    return 0;
}

static ssize_t send_record(int fd, int type, const void *data, size_t len)
{
    struct tx *tx = &sockets[fd];

    if (drain(fd, tx) != 0)
        return -1;
    if (len > MAX_PLAIN)
        len = MAX_PLAIN;
    seal(tx, type, data, len);
    count(&fake_kernel.records[type]);
    (void)drain(fd, tx);
    return (ssize_t)len;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    size_t len = msg->msg_iov[0].iov_len;
    int error = fate(fd, &len);

    (void)flags;
    if (error != 0)
        return result(error);
    return send_record(fd, *CMSG_DATA(CMSG_FIRSTHDR(msg)),
        msg->msg_iov[0].iov_base, len);
}

/* Of libcrypto's socket BIO, and of everybody else. */
ssize_t write(int fd, const void *data, size_t len)
{
    int is_ours = fd >= 0 && fd < MAX_FD;
    int error = is_ours ? fate(fd, &len) : 0;

    if (error != 0)
        return result(error);
    if (is_ours && sockets[fd].has_keys)
        return send_record(fd, 23, data, len);
    return syscall(SYS_write, fd, data, len);
}
