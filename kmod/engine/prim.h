/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the engine needs of its surroundings: the integer types, the string
 * functions, AES in blocks, GF(2^128) one block at a time, ChaCha20 and
 * Poly1305. Here for the kernel; a build elsewhere brings a prim_user.h with the
 * same declarations.
 *
 * AES comes from the crypto API, which knows the processor's instructions; the
 * library takes some 40 times as many for a block. It may sleep, and a key has
 * one request, hence is one thread's.
 */
#ifndef LINETLS_PRIM_H
#define LINETLS_PRIM_H

#ifndef __KERNEL__
#include "prim_user.h"
#else

#include <crypto/aes.h>
#include <crypto/chacha.h>
#include <crypto/gf128mul.h>
#include <crypto/poly1305.h>
#include <crypto/skcipher.h>
#include <linux/scatterlist.h>
#include <linux/string.h>
#include <linux/types.h>

struct prim_aes {
	struct crypto_skcipher *tfm;
	struct skcipher_request *req;
};

/* 4 KiB: too large for the stack. */
struct prim_ghash {
	struct gf128mul_4k products;
};

struct prim_chacha {
	u32 key[CHACHA_KEY_SIZE / sizeof(u32)];
};

struct prim_poly1305 {
	struct poly1305_desc_ctx ctx;
};

static inline void prim_wipe(void *p, size_t len)
{
	memzero_explicit(p, len);
}

static inline void prim_aes_wipe(struct prim_aes *aes)
{
	skcipher_request_free(aes->req);
	crypto_free_skcipher(aes->tfm);
}

/* Returns 0, or not. */
static inline int prim_aes_init(struct prim_aes *aes, const u8 *secret,
				unsigned int len)
{
	struct crypto_skcipher *tfm = crypto_alloc_skcipher("ecb(aes)", 0, 0);

	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	aes->tfm = tfm;
	aes->req = skcipher_request_alloc(tfm, GFP_KERNEL);
	if (aes->req && !crypto_skcipher_setkey(tfm, secret, len))
		return 0;
	prim_aes_wipe(aes);
	return -ENOMEM;
}

/*
 * Encrypts @n blocks of 16 bytes, each for itself, in place: not on the stack.
 * Returns 0, or not.
 */
static inline int prim_aes_encrypt(const struct prim_aes *aes, u8 *blocks,
				   unsigned int n)
{
	DECLARE_CRYPTO_WAIT(wait);
	struct scatterlist sg;

	sg_init_one(&sg, blocks, n * AES_BLOCK_SIZE);
	skcipher_request_set_callback(aes->req, CRYPTO_TFM_REQ_MAY_SLEEP |
				      CRYPTO_TFM_REQ_MAY_BACKLOG,
				      crypto_req_done, &wait);
	skcipher_request_set_crypt(aes->req, &sg, &sg, n * AES_BLOCK_SIZE,
				   NULL);
	return crypto_wait_req(crypto_skcipher_encrypt(aes->req), &wait);
}

/*
 * The products of @h with every polynomial of degree < 8; gf128mul numbers
 * them by the first byte of a block in GCM's bit order, so 0x80 stands for 1.
 */
static inline void prim_ghash_init(struct prim_ghash *ghash, const u64 h[2])
{
	be128 *t = ghash->products.t;
	int i, j;

	memset(&t[0], 0, sizeof(t[0]));
	memcpy(&t[0x80], h, sizeof(t[0x80]));
	for (i = 0x80; i > 1; i >>= 1)
		gf128mul_x_lle(&t[i >> 1], &t[i]);
	for (i = 2; i < 256; i <<= 1)
		for (j = 1; j < i; j++)
			be128_xor(&t[i + j], &t[i], &t[j]);
}

/* x = x * h, both in memory as GCM has them. */
static inline void prim_ghash_mul(const struct prim_ghash *ghash, u64 x[2])
{
	gf128mul_4k_lle((be128 *)x, &ghash->products);
}

/* Returns 0, or not. */
static inline int prim_chacha_init(struct prim_chacha *chacha,
				   const u8 secret[32])
{
	int i;

	for (i = 0; i < ARRAY_SIZE(chacha->key); i++)
		chacha->key[i] = get_unaligned_le32(secret + i * sizeof(u32));
	return 0;
}

static inline void prim_chacha_wipe(struct prim_chacha *chacha)
{
	prim_wipe(chacha, sizeof(*chacha));
}

/*
 * Xors @len bytes with the key stream from block @counter on (RFC 8439 section
 * 2.4). @out may be @in.
 */
static inline void prim_chacha_xor(const struct prim_chacha *chacha,
				   const u8 nonce[12], u32 counter,
				   const u8 *in, u8 *out, unsigned int len)
{
	u32 state[CHACHA_STATE_WORDS];
	u8 iv[CHACHA_IV_SIZE];

	put_unaligned_le32(counter, iv);
	memcpy(iv + sizeof(counter), nonce, CHACHAPOLY_IV_SIZE);
	chacha_init(state, chacha->key, iv);
	chacha20_crypt(state, out, in, len);
	prim_wipe(state, sizeof(state));
}

/* No resources: a message may be given up at any point. */
static inline void prim_poly1305_init(struct prim_poly1305 *poly,
				      const u8 key[32])
{
	poly1305_init(&poly->ctx, key);
}

static inline void prim_poly1305_update(struct prim_poly1305 *poly,
					const u8 *p, unsigned int len)
{
	poly1305_update(&poly->ctx, p, len);
}

static inline void prim_poly1305_final(struct prim_poly1305 *poly, u8 tag[16])
{
	poly1305_final(&poly->ctx, tag);
}

#endif /* __KERNEL__ */
#endif
