// SPDX-License-Identifier: GPL-2.0
#include "chapoly.h"

#define MAC_BLOCK	16
#define SCRATCH_LEN	(8 * CHAPOLY_BLOCK_LEN)	/* where nobody wants output */

static void put_le64(u8 *p, u64 v)
{
	int i;

	for (i = 0; i < 8; i++, v >>= 8)
		p[i] = v;
}

int chapoly_key_init(struct chapoly_key *key, const u8 secret[32])
{
	return prim_chacha_init(&key->chacha, secret);
}

void chapoly_key_wipe(struct chapoly_key *key)
{
	prim_chacha_wipe(&key->chacha);
}

static void key_stream(struct chapoly *c, const struct chapoly_key *key,
		       u32 counter)
{
	memset(c->ks, 0, sizeof(c->ks));
	prim_chacha_xor(&key->chacha, c->nonce, counter, c->ks, c->ks,
			sizeof(c->ks));
}

/* Zeros up to a multiple of 16, after @len bytes. */
static void pad(struct chapoly *c, u32 len)
{
	static const u8 zeros[MAC_BLOCK];

	if (len % MAC_BLOCK)
		prim_poly1305_update(&c->mac, zeros,
				     MAC_BLOCK - len % MAC_BLOCK);
}

/* Block 0 is for the MAC's key, the message begins with block 1. */
void chapoly_start(struct chapoly *c, const struct chapoly_key *key,
		   const u8 nonce[CHAPOLY_NONCE_LEN], const u8 *aad,
		   unsigned int aad_len)
{
	memcpy(c->nonce, nonce, CHAPOLY_NONCE_LEN);
	c->aad_len = aad_len;
	c->len = 0;
	key_stream(c, key, 0);
	prim_poly1305_init(&c->mac, c->ks);
	prim_poly1305_update(&c->mac, aad, aad_len);
	pad(c, aad_len);
}

static u32 block_of(const struct chapoly *c)
{
	return 1 + c->len / CHAPOLY_BLOCK_LEN;
}

/* @len bytes that lie within one block, whose key stream is in @c->ks. */
static void encrypt_part(struct chapoly *c, const u8 *in, u8 *out,
			 unsigned int len)
{
	unsigned int pos = c->len % CHAPOLY_BLOCK_LEN;
	u8 scratch[CHAPOLY_BLOCK_LEN];
	unsigned int i;

	if (!out)
		out = scratch;
	for (i = 0; i < len; i++)
		out[i] = in[i] ^ c->ks[pos + i];
	prim_poly1305_update(&c->mac, out, len);
	c->len += len;
}

/* @len is of whole blocks, and begins with one. */
static void encrypt_blocks(struct chapoly *c, const struct chapoly_key *key,
			   const u8 *in, u8 *out, size_t len)
{
	u8 scratch[SCRATCH_LEN];

	while (len) {
		unsigned int n = !out && len > SCRATCH_LEN ? SCRATCH_LEN : len;
		u8 *to = out ? out : scratch;

		prim_chacha_xor(&key->chacha, c->nonce, block_of(c), in, to, n);
		prim_poly1305_update(&c->mac, to, n);
		c->len += n;
		in += n;
		len -= n;
		if (out)
			out += n;
	}
}

void chapoly_encrypt(struct chapoly *c, const struct chapoly_key *key,
		     const u8 *in, u8 *out, size_t len)
{
	unsigned int pos = c->len % CHAPOLY_BLOCK_LEN;
	size_t n;

	if (pos) {
		n = CHAPOLY_BLOCK_LEN - pos;
		if (n > len)
			n = len;
		encrypt_part(c, in, out, n);
		in += n;
		if (out)
			out += n;
		len -= n;
	}

	n = len - len % CHAPOLY_BLOCK_LEN;
	encrypt_blocks(c, key, in, out, n);
	in += n;
	if (out)
		out += n;
	len -= n;

	if (len) {
		key_stream(c, key, block_of(c));
		encrypt_part(c, in, out, len);
	}
}

void chapoly_finish(struct chapoly *c, u8 tag[CHAPOLY_TAG_LEN])
{
	u8 lengths[MAC_BLOCK];

	pad(c, c->len);
	put_le64(lengths, c->aad_len);
	put_le64(lengths + 8, c->len);
	prim_poly1305_update(&c->mac, lengths, sizeof(lengths));
	prim_poly1305_final(&c->mac, tag);
}
