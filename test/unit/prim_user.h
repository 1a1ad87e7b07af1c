/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine's primitives (kmod/engine/prim.h) outside the kernel: GF(2^128)
 * by a table, all else by libcrypto. A failing libcrypto ends the program.
 */
#ifndef LINETLS_PRIM_USER_H
#define LINETLS_PRIM_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* Owns memory until prim_aes_wipe(). */
struct prim_aes {
    void *evp;
};

struct prim_ghash {
    u64 products[256][2];
};

/* Owns memory until prim_chacha_wipe(). */
struct prim_chacha {
    void *evp;
};

/*
 * The whole message: libcrypto's state can't be given up without being freed.
 * Additional data and plaintext of a record, each padded, and their lengths.
 */
struct prim_poly1305 {
    u8 key[32];
    u32 len;
    u8 message[16 + 16384 + 16 + 16];
};

void prim_wipe(void *p, size_t len);
int prim_aes_init(struct prim_aes *aes, const u8 *secret, unsigned int len);
void prim_aes_wipe(struct prim_aes *aes);
/* Fails once, if so many calls later; 0: not. */
extern unsigned int prim_aes_fail;
int prim_aes_encrypt(const struct prim_aes *aes, u8 *blocks, unsigned int n);
void prim_ghash_init(struct prim_ghash *ghash, const u64 h[2]);
void prim_ghash_mul(const struct prim_ghash *ghash, u64 x[2]);
int prim_chacha_init(struct prim_chacha *chacha, const u8 secret[32]);
void prim_chacha_wipe(struct prim_chacha *chacha);
void prim_chacha_xor(const struct prim_chacha *chacha, const u8 nonce[12],
                     u32 counter, const u8 *in, u8 *out, unsigned int len);
void prim_poly1305_init(struct prim_poly1305 *poly, const u8 key[32]);
void prim_poly1305_update(struct prim_poly1305 *poly, const u8 *p,
                          unsigned int len);
void prim_poly1305_final(struct prim_poly1305 *poly, u8 tag[16]);

#endif
