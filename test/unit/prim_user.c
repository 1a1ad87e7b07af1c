// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "prim_user.h"

void prim_wipe(void *p, size_t len)
{
    OPENSSL_cleanse(p, len);
}

int prim_aes_init(struct prim_aes *aes, const u8 *secret, unsigned int len)
{
    EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();

    if (!evp ||
        !EVP_EncryptInit_ex(evp, len == 16 ? EVP_aes_128_ecb()
                                           : EVP_aes_256_ecb(),
                            NULL, secret, NULL)) {
        EVP_CIPHER_CTX_free(evp);
        return -1;
    }
    EVP_CIPHER_CTX_set_padding(evp, 0);
    aes->evp = evp;
    return 0;
}

void prim_aes_wipe(struct prim_aes *aes)
{
    EVP_CIPHER_CTX_free(aes->evp);
    aes->evp = NULL;
}

unsigned int prim_aes_fail;

int prim_aes_encrypt(const struct prim_aes *aes, u8 *blocks, unsigned int n)
{
    int len;

    if (prim_aes_fail && !--prim_aes_fail)
        return -1;
    if (!EVP_EncryptUpdate(aes->evp, blocks, &len, blocks, 16 * n) ||
        len != (int)(16 * n))
        abort();
    return 0;
}

/*
 * Elements are kept as two host integers, the first bit of a block in memory
 * being the most significant bit of the first. A product with x is a shift to
 * the right; what falls out comes back as x^128 = x^7 + x^2 + x + 1.
 */
static u64 reduction[256];

static void mul_x(u64 r[2], const u64 a[2])
{
    u64 out = a[1] & 1;

    r[1] = a[1] >> 1 | a[0] << 63;
    r[0] = a[0] >> 1 ^ (out ? 0xe1ULL << 56 : 0);
}

static void fill_reduction(void)
{
    for (int i = 0; i < 256; i++) {
        u64 r[2] = {0, i};

        for (int bit = 0; bit < 8; bit++)
            mul_x(r, r);
        reduction[i] = r[0];
    }
}

void prim_ghash_init(struct prim_ghash *ghash, const u64 h[2])
{
    u64(*t)[2] = ghash->products;

    if (!reduction[1])
        fill_reduction();

    t[0][0] = t[0][1] = 0;
    t[0x80][0] = be64toh(h[0]);
    t[0x80][1] = be64toh(h[1]);
    for (int i = 0x80; i > 1; i >>= 1)
        mul_x(t[i >> 1], t[i]);
    for (int i = 2; i < 256; i <<= 1) {
        for (int j = 1; j < i; j++) {
            t[i + j][0] = t[i][0] ^ t[j][0];
            t[i + j][1] = t[i][1] ^ t[j][1];
        }
    }
}

/* Horner's rule, a byte of x at a time, from the last. */
void prim_ghash_mul(const struct prim_ghash *ghash, u64 x[2])
{
    const u8 *b = (const u8 *)x;
    u64 hi = ghash->products[b[15]][0];
    u64 lo = ghash->products[b[15]][1];

    for (int i = 14; i >= 0; i--) {
        u64 out = reduction[lo & 0xff];

        lo = lo >> 8 | hi << 56;
        hi = hi >> 8 ^ out;
        hi ^= ghash->products[b[i]][0];
        lo ^= ghash->products[b[i]][1];
    }
    x[0] = htobe64(hi);
    x[1] = htobe64(lo);
}

int prim_chacha_init(struct prim_chacha *chacha, const u8 secret[32])
{
    EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();

    if (!evp || !EVP_EncryptInit_ex(evp, EVP_chacha20(), NULL, secret, NULL)) {
        EVP_CIPHER_CTX_free(evp);
        return -1;
    }
    chacha->evp = evp;
    return 0;
}

void prim_chacha_wipe(struct prim_chacha *chacha)
{
    EVP_CIPHER_CTX_free(chacha->evp);
    chacha->evp = NULL;
}

void prim_chacha_xor(const struct prim_chacha *chacha, const u8 nonce[12],
                     u32 counter, const u8 *in, u8 *out, unsigned int len)
{
    u32 first = htole32(counter);
    u8 iv[16];
    int n;

    memcpy(iv, &first, 4);
    memcpy(iv + 4, nonce, 12);
    if (!EVP_EncryptInit_ex(chacha->evp, NULL, NULL, NULL, iv) ||
        !EVP_EncryptUpdate(chacha->evp, out, &n, in, len) || n != (int)len)
        abort();
}

void prim_poly1305_init(struct prim_poly1305 *poly, const u8 key[32])
{
    memcpy(poly->key, key, sizeof(poly->key));
    poly->len = 0;
}

void prim_poly1305_update(struct prim_poly1305 *poly, const u8 *p,
                          unsigned int len)
{
    if (len > sizeof(poly->message) - poly->len)
        abort();
    memcpy(poly->message + poly->len, p, len);
    poly->len += len;
}

void prim_poly1305_final(struct prim_poly1305 *poly, u8 tag[16])
{
    size_t n;

    if (!EVP_Q_mac(NULL, "POLY1305", NULL, NULL, NULL, poly->key,
                   sizeof(poly->key), poly->message, poly->len, tag, 16, &n) ||
        n != 16)
        abort();
}
