// SPDX-License-Identifier: Apache-2.0
#include <err.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "ulp_open.h"

#define HEADER_LEN 5

static const EVP_CIPHER *evp_cipher(const struct cipher *c)
{
    switch (c->type) {
    case TLS_CIPHER_AES_GCM_128: return EVP_aes_128_gcm();
    case TLS_CIPHER_AES_GCM_256: return EVP_aes_256_gcm();
    case TLS_CIPHER_AES_CCM_128: return EVP_aes_128_ccm();
    default: return EVP_chacha20_poly1305();
    }
}

/* Open a record body; returns the length of the plaintext. */
static int open_body(const struct keys *k, const unsigned char *hdr,
                     unsigned char *body, int len, unsigned char *out)
{
    int tls12 = k->version == TLS_1_2_VERSION;
    int explicit_len = tls12 && k->cipher->salt_len ? 8 : 0;
    int n, plain = len - explicit_len - TAG_LEN, aad_len = HEADER_LEN;
    int ccm = k->cipher->type == TLS_CIPHER_AES_CCM_128;
    unsigned char nonce[NONCE_LEN], aad[13];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    if (plain < 0)
        errx(1, "record of %d bytes", len);
    memcpy(nonce, k->nonce, NONCE_LEN);
    if (explicit_len)
        memcpy(nonce + 4, body, 8);
    else
        for (int i = 0; i < 8; i++)
            nonce[4 + i] ^= k->seq >> (56 - 8 * i);
    memcpy(aad, hdr, HEADER_LEN);
    if (tls12) {
        for (int i = 0; i < 8; i++)
            aad[i] = k->seq >> (56 - 8 * i);
        memcpy(aad + 8, hdr, 3);
        aad[11] = plain >> 8;
        aad[12] = plain;
        aad_len = 13;
    }
    body += explicit_len;
    if (!EVP_DecryptInit_ex(ctx, evp_cipher(k->cipher), NULL, NULL, NULL) ||
        !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, NONCE_LEN, NULL) ||
        !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN,
                             body + plain) ||
        !EVP_DecryptInit_ex(ctx, NULL, NULL, k->key, nonce))
        errx(1, "libcrypto does not take the keys");
    if ((ccm && !EVP_DecryptUpdate(ctx, NULL, &n, NULL, plain)) ||
        EVP_DecryptUpdate(ctx, NULL, &n, aad, aad_len) != 1 ||
        EVP_DecryptUpdate(ctx, out, &n, body, plain) != 1 ||
        (!ccm && EVP_DecryptFinal_ex(ctx, out + n, &n) != 1))
        errx(1, "bad tag in record %llu", k->seq);
    EVP_CIPHER_CTX_free(ctx);
    return plain;
}

static bool read_all(struct reader *r, unsigned char *buf, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = read(r->fd, buf + done, len - done);

        if (n <= 0) {
            errno = n ? errno : 0;
            r->cut |= done;
            return false;
        }
        done += n;
    }
    return true;
}

int read_record(struct reader *r, unsigned char *type, unsigned char *out)
{
    unsigned char hdr[HEADER_LEN];
    int len, n;

    if (!read_all(r, hdr, sizeof(hdr)))
        return -1;
    len = hdr[3] << 8 | hdr[4];
    if (hdr[1] != 3 || hdr[2] != 3 || len > MAX_BODY)
        errx(1, "version %d.%d, length %d in record %llu", hdr[1], hdr[2],
             len, r->keys.seq);
    if (!read_all(r, r->body, len)) {
        r->cut = true;
        return -1;
    }
    n = open_body(&r->keys, hdr, r->body, len, out);
    *type = hdr[0];
    if (r->keys.version == TLS_1_3_VERSION) {
        if (*type != TYPE_DATA || !n)
            errx(1, "outer type %d, length %d", *type, n);
        *type = out[--n];
    }
    if (n > MAX_PAYLOAD)
        errx(1, "plaintext of %d bytes in record %llu", n, r->keys.seq);
    r->keys.seq++;
    return n;
}
