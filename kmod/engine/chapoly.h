/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ChaCha20-Poly1305 (RFC 8439 section 2.8), encryption only, over a message
 * that arrives in pieces of any size.
 */
#ifndef LINETLS_CHAPOLY_H
#define LINETLS_CHAPOLY_H

#include "prim.h"	/* u8, u16, u32, u64, size_t, bool, memcpy(), memset() */

#define CHAPOLY_BLOCK_LEN	64
#define CHAPOLY_TAG_LEN		16
#define CHAPOLY_NONCE_LEN	12

struct chapoly_key {
	struct prim_chacha chacha;
};

struct chapoly {
	u32 aad_len;
	u32 len;			/* bytes of the message done */
	u8 nonce[CHAPOLY_NONCE_LEN];
	u8 ks[CHAPOLY_BLOCK_LEN];	/* key stream of the block that len is in */
	struct prim_poly1305 mac;
};

/* Returns 0, or not. A key is read-only until chapoly_key_wipe(). */
int chapoly_key_init(struct chapoly_key *key, const u8 secret[32]);
void chapoly_key_wipe(struct chapoly_key *key);

void chapoly_start(struct chapoly *c, const struct chapoly_key *key,
		   const u8 nonce[CHAPOLY_NONCE_LEN], const u8 *aad,
		   unsigned int aad_len);

/* The next @len bytes; @out may be @in, or NULL if only the tag is wanted. */
void chapoly_encrypt(struct chapoly *c, const struct chapoly_key *key,
		     const u8 *in, u8 *out, size_t len);

void chapoly_finish(struct chapoly *c, u8 tag[CHAPOLY_TAG_LEN]);

#endif
