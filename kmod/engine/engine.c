// SPDX-License-Identifier: GPL-2.0
#include "engine.h"

/* Does a record carry a part of its nonce? RFC 5288; not RFC 7905. */
static bool explicit_nonce(const struct engine_key *key)
{
	return key->version == ENGINE_TLS12 && key->cipher != ENGINE_CHACHAPOLY;
}

/* Bytes that go to the wire as they are. */
static unsigned int prefix_len(const struct engine_key *key)
{
	return explicit_nonce(key) ? ENGINE_HEADER_LEN + ENGINE_NONCE_LEN :
				     ENGINE_HEADER_LEN;
}

/* Of what the header's length field counts, all but the plaintext. */
static unsigned int overhead(const struct engine_key *key)
{
	return prefix_len(key) - ENGINE_HEADER_LEN + ENGINE_TAG_LEN;
}

int engine_key_init(struct engine_key *key, u16 version, u16 cipher,
		    const u8 *secret, const u8 iv[ENGINE_IV_LEN])
{
	int err;

	memset(key, 0, sizeof(*key));
	if (version != ENGINE_TLS12 && version != ENGINE_TLS13)
		return ENGINE_EINVAL;

	switch (cipher) {
	case ENGINE_AES_GCM_128:
		err = gcm_key_init(&key->gcm, secret, 16);
		break;
	case ENGINE_AES_GCM_256:
		err = gcm_key_init(&key->gcm, secret, 32);
		break;
	case ENGINE_CHACHAPOLY:
		err = chapoly_key_init(&key->chapoly, secret);
		break;
	default:
		return ENGINE_EINVAL;
	}
	if (err)
		return ENGINE_EPRIM;
	key->version = version;
	key->cipher = cipher;
	memcpy(key->iv, iv, sizeof(key->iv));
	return ENGINE_OK;
}

void engine_key_wipe(struct engine_key *key)
{
	switch (key->cipher) {
	case ENGINE_AES_GCM_128:
	case ENGINE_AES_GCM_256:
		gcm_key_wipe(&key->gcm);
		break;
	case ENGINE_CHACHAPOLY:
		chapoly_key_wipe(&key->chapoly);
		break;
	}
	prim_wipe(key, sizeof(*key));
}

void engine_seek(struct engine_stream *s, u64 rec_seq)
{
	s->rec_seq = rec_seq;
	s->rec_off = 0;
	s->rec_len = 0;
	s->dead = false;
}

/* With 5 bytes of header: sets @rec_len, or says that this is no record. */
static int parse_header(const struct engine_key *key, struct engine_stream *s)
{
	unsigned int len = s->hdr[3] << 8 | s->hdr[4];
	unsigned int min = overhead(key);
	unsigned int max = min + ENGINE_MAX_PLAINTEXT;

	if (s->hdr[1] != 3 || s->hdr[2] != 3)
		return ENGINE_EHEADER;

	/* The inner plaintext ends with its content type: one byte more. */
	if (key->version == ENGINE_TLS13) {
		if (s->hdr[0] != 23)
			return ENGINE_EHEADER;
		min++;
		max++;
	}
	if (len < min || len > max)
		return ENGINE_EHEADER;

	s->rec_len = ENGINE_HEADER_LEN + len;
	return ENGINE_OK;
}

static void put_seq(u8 *p, u64 seq)
{
	int i;

	for (i = 7; i >= 0; i--, seq >>= 8)
		p[i] = seq;
}

static void make_nonce(u8 nonce[ENGINE_IV_LEN], const struct engine_key *key,
		       const struct engine_stream *s)
{
	u8 *last = nonce + ENGINE_IV_LEN - ENGINE_NONCE_LEN;
	u8 seq[8];
	int i;

	memcpy(nonce, key->iv, ENGINE_IV_LEN);
	if (explicit_nonce(key)) {
		memcpy(last, s->hdr + ENGINE_HEADER_LEN, ENGINE_NONCE_LEN);
		return;
	}
	put_seq(seq, s->rec_seq);
	for (i = 0; i < 8; i++)
		last[i] ^= seq[i];
}

/* Returns the length. */
static unsigned int make_aad(u8 aad[ENGINE_AAD_LEN],
			     const struct engine_key *key,
			     const struct engine_stream *s)
{
	unsigned int len = s->rec_len - ENGINE_HEADER_LEN - overhead(key);

	if (key->version == ENGINE_TLS13) {
		memcpy(aad, s->hdr, ENGINE_HEADER_LEN);
		return ENGINE_HEADER_LEN;
	}
	put_seq(aad, s->rec_seq);
	memcpy(aad + 8, s->hdr, 3);
	aad[11] = len >> 8;
	aad[12] = len;
	return ENGINE_AAD_LEN;
}

static int start_body(const struct engine_key *key, struct engine_stream *s)
{
	u8 nonce[ENGINE_IV_LEN], aad[ENGINE_AAD_LEN];
	unsigned int aad_len = make_aad(aad, key, s);

	make_nonce(nonce, key, s);
	if (key->cipher != ENGINE_CHACHAPOLY)
		return gcm_start(&s->gcm, &key->gcm, nonce, aad, aad_len);
	chapoly_start(&s->chapoly, &key->chapoly, nonce, aad, aad_len);
	return 0;
}

static int encrypt(const struct engine_key *key, struct engine_stream *s,
		   const u8 *in, u8 *out, unsigned int len)
{
	if (key->cipher != ENGINE_CHACHAPOLY)
		return gcm_encrypt(&s->gcm, &key->gcm, in, out, len);
	chapoly_encrypt(&s->chapoly, &key->chapoly, in, out, len);
	return 0;
}

static void make_tag(const struct engine_key *key, struct engine_stream *s)
{
	if (key->cipher == ENGINE_CHACHAPOLY)
		chapoly_finish(&s->chapoly, s->tag);
	else
		gcm_finish(&s->gcm, &key->gcm, s->tag);
}

/* Returns how many of @len bytes belonged to the prefix, or an error. */
static int do_prefix(const struct engine_key *key, struct engine_stream *s,
		     const u8 *in, u8 *out, size_t len)
{
	unsigned int end = s->rec_len ? prefix_len(key) : ENGINE_HEADER_LEN;
	unsigned int n = end - s->rec_off;

	if (n > len)
		n = len;
	memcpy(s->hdr + s->rec_off, in, n);
	if (out && out != in)
		memcpy(out, in, n);
	s->rec_off += n;

	if (s->rec_off == ENGINE_HEADER_LEN && !s->rec_len &&
	    parse_header(key, s))
		return ENGINE_EHEADER;
	if (s->rec_off == prefix_len(key) && start_body(key, s))
		return ENGINE_EPRIM;
	return n;
}

static int do_body(const struct engine_key *key, struct engine_stream *s,
		   const u8 *in, u8 *out, size_t len)
{
	unsigned int n = s->rec_len - ENGINE_TAG_LEN - s->rec_off;

	if (n > len)
		n = len;
	if (encrypt(key, s, in, out, n))
		return ENGINE_EPRIM;
	s->rec_off += n;
	return n;
}

static unsigned int do_tag(const struct engine_key *key,
			   struct engine_stream *s, u8 *out, size_t len)
{
	unsigned int pos = s->rec_off + ENGINE_TAG_LEN - s->rec_len;
	unsigned int n = ENGINE_TAG_LEN - pos;

	if (!pos)
		make_tag(key, s);
	if (n > len)
		n = len;
	if (out)
		memcpy(out, s->tag + pos, n);

	s->rec_off += n;
	if (s->rec_off == s->rec_len)
		engine_seek(s, s->rec_seq + 1);
	return n;
}

int engine_encrypt(const struct engine_key *key, struct engine_stream *s,
		   const u8 *in, u8 *out, size_t len)
{
	unsigned int prefix = prefix_len(key);

	if (s->dead)
		return ENGINE_EHEADER;

	while (len) {
		int n;

		if (s->rec_off < prefix)
			n = do_prefix(key, s, in, out, len);
		else if (s->rec_off < s->rec_len - ENGINE_TAG_LEN)
			n = do_body(key, s, in, out, len);
		else
			n = do_tag(key, s, out, len);
		if (n < 0) {
			s->dead = true;
			return n;
		}

		in += n;
		if (out)
			out += n;
		len -= n;
	}
	return ENGINE_OK;
}
