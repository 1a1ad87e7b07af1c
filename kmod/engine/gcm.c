// SPDX-License-Identifier: GPL-2.0
#include "gcm.h"

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
	if (prim_aes_init(&key->aes, secret, len))
		return -1;
	memset(&key->h, 0, sizeof(key->h));
	if (prim_aes_encrypt(&key->aes, key->h.b, 1)) {
		prim_aes_wipe(&key->aes);
		return -1;
	}
	prim_ghash_init(&key->ghash, key->h.w);
	return 0;
}

void gcm_key_wipe(struct gcm_key *key)
{
	prim_aes_wipe(&key->aes);
	prim_wipe(key, sizeof(*key));
}

static int next_key_stream(struct gcm *g, const struct gcm_key *key)
{
	unsigned int i;

	for (i = 0; i < GCM_BATCH; i++) {
		memcpy(g->ks[i].b, g->nonce, GCM_NONCE_LEN);
		put_be32(g->ks[i].b + GCM_NONCE_LEN, g->counter++);
	}
	g->ks_pos = 0;
	return prim_aes_encrypt(&key->aes, g->ks[0].b, GCM_BATCH);
}

/* In 32 bits the counter starts at 1 (J0), the message at 2. */
int gcm_start(struct gcm *g, const struct gcm_key *key,
	      const u8 nonce[GCM_NONCE_LEN], const u8 *aad,
	      unsigned int aad_len)
{
	unsigned int i;

	memcpy(g->nonce, nonce, GCM_NONCE_LEN);
	g->aad_len = aad_len;
	g->len = 0;
	g->counter = 1;
	if (next_key_stream(g, key))
		return -1;
	g->ek0 = g->ks[0];
	g->ks_pos = GCM_BLOCK_LEN;

	memset(&g->hash, 0, sizeof(g->hash));
	for (i = 0; i < aad_len; i++) {
		g->hash.b[i % GCM_BLOCK_LEN] ^= aad[i];
		if (i % GCM_BLOCK_LEN == GCM_BLOCK_LEN - 1)
			prim_ghash_mul(&key->ghash, g->hash.w);
	}
	if (aad_len % GCM_BLOCK_LEN)
		prim_ghash_mul(&key->ghash, g->hash.w);
	return 0;
}

/* @len bytes that lie within one block. */
static void encrypt_part(struct gcm *g, const u8 *in, u8 *out,
			 unsigned int len)
{
	const u8 *ks = g->ks[0].b + g->ks_pos;
	unsigned int pos = g->len % GCM_BLOCK_LEN;
	unsigned int i;

	for (i = 0; i < len; i++) {
		u8 c = in[i] ^ ks[i];

		g->hash.b[pos + i] ^= c;
		if (out)
			out[i] = c;
	}
}

static void encrypt_block(struct gcm *g, const u8 *in, u8 *out)
{
	const union gcm_block *ks = &g->ks[g->ks_pos / GCM_BLOCK_LEN];
	union gcm_block c;

	memcpy(c.b, in, GCM_BLOCK_LEN);
	c.w[0] ^= ks->w[0];
	c.w[1] ^= ks->w[1];
	if (out)
		memcpy(out, c.b, GCM_BLOCK_LEN);
	g->hash.w[0] ^= c.w[0];
	g->hash.w[1] ^= c.w[1];
}

int gcm_encrypt(struct gcm *g, const struct gcm_key *key, const u8 *in,
		u8 *out, size_t len)
{
	while (len) {
		unsigned int n = GCM_BLOCK_LEN - g->len % GCM_BLOCK_LEN;

		if (n > len)
			n = len;
		if (g->ks_pos == sizeof(g->ks) && next_key_stream(g, key))
			return -1;
		if (n == GCM_BLOCK_LEN)
			encrypt_block(g, in, out);
		else
			encrypt_part(g, in, out, n);
		g->ks_pos += n;
		g->len += n;
		if (!(g->len % GCM_BLOCK_LEN))
			prim_ghash_mul(&key->ghash, g->hash.w);
		in += n;
		if (out)
			out += n;
		len -= n;
	}
	return 0;
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
