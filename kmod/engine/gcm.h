/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Galois/Counter Mode (NIST SP 800-38D), encryption only, over a message that
 * arrives in pieces of any size.
 */
#ifndef LINETLS_GCM_H
#define LINETLS_GCM_H

#include "prim.h"	/* u8, u16, u32, u64, size_t, bool, memcpy(), memset() */

#define GCM_BLOCK_LEN	16
#define GCM_TAG_LEN	16
#define GCM_NONCE_LEN	12
#define GCM_BATCH	32	/* blocks of key stream made in one go */

union gcm_block {
	u8 b[GCM_BLOCK_LEN];
	u64 w[2];
};

struct gcm_key {
	struct prim_aes aes;
	struct prim_ghash ghash;
	union gcm_block h;	/* E(K, 0) */
};

struct gcm {
	u32 aad_len;
	u32 len;		/* bytes of the message done */
	u32 counter;		/* of the next block of key stream */
	u32 ks_pos;		/* next byte of @ks */
	u8 nonce[GCM_NONCE_LEN];
	union gcm_block hash;	/* a block begun is xored in, not multiplied */
	union gcm_block ek0;	/* E(K, J0), which masks the tag */
	union gcm_block ks[GCM_BATCH];
};

/*
 * All but gcm_finish() return 0, or not: AES has failed, and the message can't
 * go on. A struct gcm does not lie on the stack.
 */
int gcm_key_init(struct gcm_key *key, const u8 *secret, unsigned int len);
void gcm_key_wipe(struct gcm_key *key);

int gcm_start(struct gcm *g, const struct gcm_key *key,
	      const u8 nonce[GCM_NONCE_LEN], const u8 *aad,
	      unsigned int aad_len);

/* The next @len bytes; @out may be @in, or NULL if only the tag is wanted. */
int gcm_encrypt(struct gcm *g, const struct gcm_key *key, const u8 *in,
		u8 *out, size_t len);

void gcm_finish(struct gcm *g, const struct gcm_key *key, u8 tag[GCM_TAG_LEN]);

#endif
