/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine's primitives (kmod/engine/prim.h) outside the kernel: AES by
 * libcrypto, GF(2^128) by a table. A failing libcrypto ends the program.
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

void prim_wipe(void *p, size_t len);
int prim_aes_init(struct prim_aes *aes, const u8 *secret, unsigned int len);
void prim_aes_wipe(struct prim_aes *aes);
void prim_aes_encrypt(const struct prim_aes *aes, u8 *blocks, unsigned int n);
void prim_ghash_init(struct prim_ghash *ghash, const u64 h[2]);
void prim_ghash_mul(const struct prim_ghash *ghash, u64 x[2]);

#endif
