// SPDX-License-Identifier: GPL-2.0
#include "engine.h"

/* Of what the header's length field counts, all but the plaintext. */
static unsigned int overhead(const struct engine_key *key)
{
	return key->version == ENGINE_TLS12 ?
		ENGINE_NONCE_LEN + ENGINE_TAG_LEN : ENGINE_TAG_LEN;
}

/* Bytes that go to the wire as they are. */
static unsigned int prefix_len(const struct engine_key *key)
{
	return key->version == ENGINE_TLS12 ?
		ENGINE_HEADER_LEN + ENGINE_NONCE_LEN : ENGINE_HEADER_LEN;
}

int engine_key_init(struct engine_key *key, u16 version, u16 cipher,
		    const u8 *secret, const u8 *salt, const u8 *iv)
{
	unsigned int len;

	if (version != ENGINE_TLS12 && version != ENGINE_TLS13)
		return ENGINE_EINVAL;

	switch (cipher) {
	case ENGINE_AES_GCM_128:
		len = 16;
		break;
	case ENGINE_AES_GCM_256:
		len = 32;
		break;
	default:
		return ENGINE_EINVAL;
	}

	memset(key, 0, sizeof(*key));
	key->version = version;
	key->cipher = cipher;
	memcpy(key->salt, salt, sizeof(key->salt));
	if (version == ENGINE_TLS13)
		memcpy(key->iv, iv, sizeof(key->iv));

	return gcm_key_init(&key->gcm, secret, len) ? ENGINE_EPRIM : ENGINE_OK;
}

void engine_key_wipe(struct engine_key *key)
{
	gcm_key_wipe(&key->gcm);
	prim_wipe(key, sizeof(*key));
}

void engine_seek(struct engine_stream *s, u64 rec_seq)
{
	memset(s, 0, sizeof(*s));
	s->rec_seq = rec_seq;
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

static void start_record12(const struct engine_key *key,
			   struct engine_stream *s)
{
	unsigned int len = s->rec_len - ENGINE_HEADER_LEN - overhead(key);
	u8 nonce[GCM_NONCE_LEN];
	u8 aad[13];

	memcpy(nonce, key->salt, 4);
	memcpy(nonce + 4, s->hdr + ENGINE_HEADER_LEN, ENGINE_NONCE_LEN);

	put_seq(aad, s->rec_seq);
	memcpy(aad + 8, s->hdr, 3);
	aad[11] = len >> 8;
	aad[12] = len;

	gcm_start(&s->gcm, &key->gcm, nonce, aad, sizeof(aad));
}

static void start_record13(const struct engine_key *key,
			   struct engine_stream *s)
{
	u8 nonce[GCM_NONCE_LEN];
	int i;

	memcpy(nonce, key->salt, 4);
	put_seq(nonce + 4, s->rec_seq);
	for (i = 0; i < 8; i++)
		nonce[4 + i] ^= key->iv[i];

	gcm_start(&s->gcm, &key->gcm, nonce, s->hdr, ENGINE_HEADER_LEN);
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
	    parse_header(key, s)) {
		s->dead = true;
		return ENGINE_EHEADER;
	}
	if (s->rec_off == prefix_len(key)) {
		if (key->version == ENGINE_TLS12)
			start_record12(key, s);
		else
			start_record13(key, s);
	}
	return n;
}

static unsigned int do_body(const struct engine_key *key,
			    struct engine_stream *s, const u8 *in, u8 *out,
			    size_t len)
{
	unsigned int n = s->rec_len - ENGINE_TAG_LEN - s->rec_off;

	if (n > len)
		n = len;
	gcm_encrypt(&s->gcm, &key->gcm, in, out, n);
	s->rec_off += n;
	return n;
}

static unsigned int do_tag(const struct engine_key *key,
			   struct engine_stream *s, u8 *out, size_t len)
{
	unsigned int pos = s->rec_off + ENGINE_TAG_LEN - s->rec_len;
	unsigned int n = ENGINE_TAG_LEN - pos;

	if (!pos)
		gcm_finish(&s->gcm, &key->gcm);
	if (n > len)
		n = len;
	if (out)
		memcpy(out, s->gcm.tag.b + pos, n);

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
		if (n < 0)
			return n;

		in += n;
		if (out)
			out += n;
		len -= n;
	}
	return ENGINE_OK;
}
