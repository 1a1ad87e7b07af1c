// SPDX-License-Identifier: GPL-2.0
#include "gcm.h"

#define BATCH	8	/* blocks of key stream made in one go */

static void put_be32(u8 *p, u32 v)
{
	p[0] = v >> 24;
	p[1] = v >> 16;
	p[2] = v >> 8;
	p[3] = v;
}

static void put_be64(u8 *p, u64 v)
{
	put_be32(p, v >> 32);
	put_be32(p + 4, v);
}

int gcm_key_init(struct gcm_key *key, const u8 *secret, unsigned int len)
{
	union gcm_block h = { .w = { 0, 0 } };

	if (prim_aes_init(&key->aes, secret, len))
		return -1;
	prim_aes_encrypt(&key->aes, h.b, 1);
	prim_ghash_init(&key->ghash, h.w);
	prim_wipe(&h, sizeof(h));
	return 0;
}

void gcm_key_wipe(struct gcm_key *key)
{
	prim_aes_wipe(&key->aes);
	prim_wipe(&key->ghash, sizeof(key->ghash));
}

static void key_stream(struct gcm *g, const struct gcm_key *key,
		       union gcm_block *ks, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		memcpy(ks[i].b, g->nonce, GCM_NONCE_LEN);
		put_be32(ks[i].b + GCM_NONCE_LEN, g->counter++);
	}
	prim_aes_encrypt(&key->aes, ks[0].b, n);
}

/* In 32 bits the counter starts at 1 (J0), the message at 2. */
void gcm_start(struct gcm *g, const struct gcm_key *key,
	       const u8 nonce[GCM_NONCE_LEN], const u8 *aad,
	       unsigned int aad_len)
{
	unsigned int i;

	memset(g, 0, sizeof(*g));
	memcpy(g->nonce, nonce, GCM_NONCE_LEN);
	g->aad_len = aad_len;
	g->counter = 1;
	key_stream(g, key, &g->ek0, 1);

	for (i = 0; i < aad_len; i++) {
		g->hash.b[i % GCM_BLOCK_LEN] ^= aad[i];
		if (i % GCM_BLOCK_LEN == GCM_BLOCK_LEN - 1)
			prim_ghash_mul(&key->ghash, g->hash.w);
	}
	if (aad_len % GCM_BLOCK_LEN)
		prim_ghash_mul(&key->ghash, g->hash.w);
}

/* @len bytes that lie within one block, whose key stream is in @g->ks. */
static void encrypt_part(struct gcm *g, const struct gcm_key *key,
			 const u8 *in, u8 *out, unsigned int len)
{
	unsigned int pos = g->len % GCM_BLOCK_LEN;
	unsigned int i;

	for (i = 0; i < len; i++) {
		u8 c = in[i] ^ g->ks.b[pos + i];

		g->hash.b[pos + i] ^= c;
		if (out)
			out[i] = c;
	}
	g->len += len;
	if (pos + len == GCM_BLOCK_LEN)
		prim_ghash_mul(&key->ghash, g->hash.w);
}

static void encrypt_block(struct gcm *g, const struct gcm_key *key,
			  const union gcm_block *ks, const u8 *in, u8 *out)
{
	union gcm_block c;

	memcpy(c.b, in, GCM_BLOCK_LEN);
	c.w[0] ^= ks->w[0];
	c.w[1] ^= ks->w[1];
	if (out)
		memcpy(out, c.b, GCM_BLOCK_LEN);
	g->hash.w[0] ^= c.w[0];
	g->hash.w[1] ^= c.w[1];
	prim_ghash_mul(&key->ghash, g->hash.w);
	g->len += GCM_BLOCK_LEN;
}

static void encrypt_blocks(struct gcm *g, const struct gcm_key *key,
			   const u8 *in, u8 *out, size_t blocks)
{
	union gcm_block ks[BATCH];

	while (blocks) {
		unsigned int n = blocks < BATCH ? blocks : BATCH;
		unsigned int i;

		key_stream(g, key, ks, n);
		for (i = 0; i < n; i++) {
			encrypt_block(g, key, &ks[i], in, out);
			in += GCM_BLOCK_LEN;
			if (out)
				out += GCM_BLOCK_LEN;
		}
		blocks -= n;
	}
	prim_wipe(ks, sizeof(ks));
}

void gcm_encrypt(struct gcm *g, const struct gcm_key *key, const u8 *in,
		 u8 *out, size_t len)
{
	unsigned int pos = g->len % GCM_BLOCK_LEN;
	size_t n;

	if (pos) {
		n = GCM_BLOCK_LEN - pos;
		if (n > len)
			n = len;
		encrypt_part(g, key, in, out, n);
		in += n;
		if (out)
			out += n;
		len -= n;
	}

	n = len / GCM_BLOCK_LEN;
	if (n) {
		encrypt_blocks(g, key, in, out, n);
		in += n * GCM_BLOCK_LEN;
		if (out)
			out += n * GCM_BLOCK_LEN;
		len %= GCM_BLOCK_LEN;
	}

	if (len) {
		key_stream(g, key, &g->ks, 1);
		encrypt_part(g, key, in, out, len);
	}
}

void gcm_finish(struct gcm *g, const struct gcm_key *key, u8 tag[GCM_TAG_LEN])
{
	union gcm_block lengths;

	if (g->len % GCM_BLOCK_LEN)
		prim_ghash_mul(&key->ghash, g->hash.w);

	put_be64(lengths.b, (u64)g->aad_len * 8);
	put_be64(lengths.b + 8, (u64)g->len * 8);
	g->hash.w[0] ^= lengths.w[0];
	g->hash.w[1] ^= lengths.w[1];
	prim_ghash_mul(&key->ghash, g->hash.w);

	g->hash.w[0] ^= g->ek0.w[0];
	g->hash.w[1] ^= g->ek0.w[1];
	memcpy(tag, g->hash.b, GCM_TAG_LEN);
}
