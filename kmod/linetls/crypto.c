// SPDX-License-Identifier: GPL-2.0
/*
 * Software encryption of parts of records, with the kernel crypto API.
 *
 * A packet rarely begins and ends with a record. Bytes before the tag depend
 * on nothing but the key stream at their place and are encrypted alone, with
 * the counter that belongs there: NIST SP 800-38D section 6.5 (GCM), SP 800-38C
 * appendix A.3 (CCM), RFC 8439 section 2.8. Only the tag needs the whole
 * record: then the AEAD runs over all of it, straight into the packet if the
 * packet holds all of it, through a scratch area otherwise.
 *
 * All transforms are synchronous: this runs in softirq, where a packet can't
 * wait. On x86 the fast gcm(aes) is known to the API by an asynchronous
 * wrapper, which puts the work off where vector registers can't be used. What
 * it wraps, __gcm(aes), is taken here in its place, and used under the same
 * condition (crypto/simd.c); where that doesn't hold, the API's slower one is.
 */
#include <asm/simd.h>
#include <crypto/aead.h>
#include <crypto/algapi.h>
#include <crypto/internal/simd.h>
#include <crypto/skcipher.h>
#include <linux/local_lock.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "linetls.h"

#define BLOCK_MAX	64	/* ChaCha20 */
#define SG_MAX		(MAX_SKB_FRAGS + LINETLS_RECORD_PAGES + 2)

struct seal_scratch {
	struct scatterlist src[SG_MAX];
	struct scatterlist dst[SG_MAX];
	u8 aad[TLS_AAD_SPACE_SIZE];
	u8 iv[16];
	u8 lead[BLOCK_MAX];
	skb_frag_t record[LINETLS_RECORD_PAGES];	/* body and tag */
};

struct seal_cpu {
	local_lock_t lock;	/* @scratch, against preemption on this CPU */
	struct seal_scratch *scratch;
};

static DEFINE_PER_CPU(struct seal_cpu, seal_cpu) = {
	.lock = INIT_LOCAL_LOCK(lock),
};

/* Some cipher's @simd exists. Asked once: each question may run modprobe. */
static DEFINE_STATIC_KEY_FALSE(have_simd);

static const struct linetls_cipher ciphers[] = {
	{
		.type = TLS_CIPHER_AES_GCM_128,
		.aead = "gcm(aes)",
		.stream = "ctr(aes)",
		.simd = "__gcm(aes)",
		.key_size = TLS_CIPHER_AES_GCM_128_KEY_SIZE,
		.salt_size = TLS_CIPHER_AES_GCM_128_SALT_SIZE,
		.block = 16,
		.first_block = 2,
		.info_size = sizeof(struct tls12_crypto_info_aes_gcm_128),
	}, {
		.type = TLS_CIPHER_AES_GCM_256,
		.aead = "gcm(aes)",
		.stream = "ctr(aes)",
		.simd = "__gcm(aes)",
		.key_size = TLS_CIPHER_AES_GCM_256_KEY_SIZE,
		.salt_size = TLS_CIPHER_AES_GCM_256_SALT_SIZE,
		.block = 16,
		.first_block = 2,
		.info_size = sizeof(struct tls12_crypto_info_aes_gcm_256),
	}, {
		.type = TLS_CIPHER_AES_CCM_128,
		.aead = "ccm(aes)",
		.stream = "ctr(aes)",
		.key_size = TLS_CIPHER_AES_CCM_128_KEY_SIZE,
		.salt_size = TLS_CIPHER_AES_CCM_128_SALT_SIZE,
		.block = 16,
		.first_block = 1,
		.info_size = sizeof(struct tls12_crypto_info_aes_ccm_128),
	}, {
		.type = TLS_CIPHER_CHACHA20_POLY1305,
		.aead = "rfc7539(chacha20,poly1305)",
		.stream = "chacha20",
		.key_size = TLS_CIPHER_CHACHA20_POLY1305_KEY_SIZE,
		.salt_size = TLS_CIPHER_CHACHA20_POLY1305_SALT_SIZE,
		.block = 64,
		.first_block = 1,
		.info_size = sizeof(struct tls12_crypto_info_chacha20_poly1305),
	},
};

/* linetls_cipher_find - by TLS_CIPHER_*; NULL if it is not supported */
const struct linetls_cipher *linetls_cipher_find(u16 type)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ciphers); i++)
		if (ciphers[i].type == type)
			return &ciphers[i];
	return NULL;
}

/*
 * Each struct tls12_crypto_info_* of <linux/tls.h> is the common head, then
 * IV, key, salt and the record's sequence number, of the cipher's sizes.
 */
struct info_layout {
	u8 *iv;
	u8 *key;
	u8 *salt;
	u8 *rec_seq;
	u8 iv_size;
};

static struct info_layout layout(const struct linetls_cipher *c,
				 struct tls_crypto_info *info)
{
	struct info_layout l;

	l.iv_size = LINETLS_NONCE_SIZE - c->salt_size;
	l.iv = (u8 *)(info + 1);
	l.key = l.iv + l.iv_size;
	l.salt = l.key + c->key_size;
	l.rec_seq = l.salt + c->salt_size;
	return l;
}

/* Best effort. */
static void simd_setup(struct linetls_key *key, const u8 *secret)
{
	const struct linetls_cipher *c = key->cipher;
	struct crypto_aead *simd;

	if (!c->simd || !static_branch_likely(&have_simd))
		return;
	simd = crypto_alloc_aead(c->simd, CRYPTO_ALG_INTERNAL,
				 CRYPTO_ALG_INTERNAL | CRYPTO_ALG_ASYNC);
	if (IS_ERR(simd))
		return;
	if (crypto_aead_setkey(simd, secret, c->key_size) ||
	    crypto_aead_setauthsize(simd, LINETLS_TAG_SIZE))
		crypto_free_aead(simd);
	else
		key->simd = simd;
}

static int key_setup(struct linetls_key *key, const u8 *secret)
{
	const struct linetls_cipher *c = key->cipher;
	int err;

	key->aead = crypto_alloc_aead(c->aead, 0, CRYPTO_ALG_ASYNC);
	if (IS_ERR(key->aead)) {
		err = PTR_ERR(key->aead);
		key->aead = NULL;
		return err;
	}
	key->stream = crypto_alloc_sync_skcipher(c->stream, 0, 0);
	if (IS_ERR(key->stream)) {
		err = PTR_ERR(key->stream);
		key->stream = NULL;
		return err;
	}
	err = crypto_aead_setkey(key->aead, secret, c->key_size);
	if (!err)
		err = crypto_aead_setauthsize(key->aead, LINETLS_TAG_SIZE);
	if (!err)
		err = crypto_sync_skcipher_setkey(key->stream, secret,
						  c->key_size);
	if (!err)
		simd_setup(key, secret);
	return err;
}

/**
 * linetls_key_create - transforms for the keys of a TLS_TX
 * @info:	of @cipher; version already checked
 *
 * May sleep. Returns the key with one reference, or an ERR_PTR.
 */
struct linetls_key *linetls_key_create(const struct linetls_cipher *cipher,
				       const struct tls_crypto_info *info)
{
	struct linetls_key *key = kzalloc(sizeof(*key), GFP_KERNEL);
	struct info_layout l;
	int err;

	if (!key)
		return ERR_PTR(-ENOMEM);
	l = layout(cipher, (struct tls_crypto_info *)info);
	refcount_set(&key->ref, 1);
	key->cipher = cipher;
	key->version = info->version;
	key->explicit_nonce = info->version == TLS_1_2_VERSION &&
			      cipher->salt_size;
	memcpy(key->nonce, l.salt, cipher->salt_size);
	memcpy(key->nonce + cipher->salt_size, l.iv, l.iv_size);
	key->rec_seq = get_unaligned_be64(l.rec_seq);
	err = key_setup(key, l.key);
	if (err) {
		linetls_key_put(key);
		return ERR_PTR(err);
	}
	return key;
}

void linetls_key_put(struct linetls_key *key)
{
	if (!key || !refcount_dec_and_test(&key->ref))
		return;
	crypto_free_aead(key->simd);
	crypto_free_aead(key->aead);
	crypto_free_sync_skcipher(key->stream);
	kfree_sensitive(key);
}

/* linetls_key_first_nonce - explicit nonce of the key's first record */
u64 linetls_key_first_nonce(const struct linetls_key *key)
{
	return get_unaligned_be64(key->nonce + LINETLS_NONCE_SIZE -
				  LINETLS_EXPLICIT_SIZE);
}

/**
 * linetls_key_export - bring the key's crypto info up to date for a driver
 * @sn:		number of the next record
 * @nonce:	its explicit nonce, where the key has such
 * @info:	what the key was created from
 */
void linetls_key_export(const struct linetls_key *key, u64 sn, u64 nonce,
			struct tls_crypto_info *info)
{
	struct info_layout l = layout(key->cipher, info);

	put_unaligned_be64(sn, l.rec_seq);
	if (key->explicit_nonce)
		put_unaligned_be64(nonce, l.iv);
}

/*
 * linetls_key_is_same - do two crypto infos, both of @cipher, have one key?
 *
 * Its records would get numbers that were used before, and two plaintexts under
 * one key stream are no secret.
 */
bool linetls_key_is_same(const struct linetls_cipher *cipher,
			 struct tls_crypto_info *a, struct tls_crypto_info *b)
{
	return !crypto_memneq(layout(cipher, a).key, layout(cipher, b).key,
			      cipher->key_size);
}

/* RFC 5288 section 3, RFC 6655 section 3; RFC 8446 section 5.3, RFC 7905. */
static void make_nonce(u8 *nonce, const struct linetls_record *rec)
{
	const struct linetls_key *key = rec->key;
	u8 *last = nonce + LINETLS_NONCE_SIZE - sizeof(u64);

	memcpy(nonce, key->nonce, LINETLS_NONCE_SIZE);
	if (key->explicit_nonce)
		put_unaligned_be64(rec->nonce, last);
	else
		put_unaligned_be64(get_unaligned_be64(last) ^ rec->sn, last);
}

/* The stream cipher's IV for a block: nonce and counter, as each has it. */
static void make_stream_iv(u8 *iv, const struct linetls_record *rec, u32 block)
{
	switch (rec->key->cipher->type) {
	case TLS_CIPHER_CHACHA20_POLY1305:
		put_unaligned_le32(block, iv);
		make_nonce(iv + sizeof(u32), rec);
		break;
	case TLS_CIPHER_AES_CCM_128:
		/* RFC 3610 section 2.3, with a length field of 3 bytes. */
		iv[0] = 2;
		make_nonce(iv + 1, rec);
		put_unaligned_be24(block, iv + 1 + LINETLS_NONCE_SIZE);
		break;
	default:
		make_nonce(iv, rec);
		put_unaligned_be32(block, iv + LINETLS_NONCE_SIZE);
	}
}

static void make_aead_iv(u8 *iv, const struct linetls_record *rec)
{
	if (rec->key->cipher->type == TLS_CIPHER_AES_CCM_128)
		make_stream_iv(iv, rec, 0);
	else
		make_nonce(iv, rec);
}

/* RFC 5246 section 6.2.3.3, RFC 8446 section 5.2. Returns the length. */
static size_t make_aad(u8 *aad, const struct linetls_record *rec, u32 body_len)
{
	if (rec->key->version == TLS_1_3_VERSION) {
		memcpy(aad, skb_frag_address(&rec->info.frags[0]),
		       TLS_HEADER_SIZE);
		return TLS_HEADER_SIZE;
	}
	put_unaligned_be64(rec->sn, aad);
	aad[8] = rec->type;
	aad[9] = TLS_1_2_VERSION_MAJOR;
	aad[10] = TLS_1_2_VERSION_MINOR;
	put_unaligned_be16(body_len, aad + 11);
	return TLS_AAD_SPACE_SIZE;
}

/* What stands before a record's body: header, and nonce if it carries one. */
static u32 prepend_size(const struct linetls_record *rec)
{
	return TLS_HEADER_SIZE +
	       (rec->key->explicit_nonce ? LINETLS_EXPLICIT_SIZE : 0);
}

static u32 body_size(const struct linetls_record *rec)
{
	return rec->info.len - prepend_size(rec) - LINETLS_TAG_SIZE;
}

/*
 * Append bytes [@off, @off + @len) of a list of fragments to a scatterlist of
 * @n entries. Returns the new number of entries, -EINVAL if it would not fit
 * or the fragments are shorter.
 */
static int sg_add(struct scatterlist *sg, int n, const skb_frag_t *frags,
		  int num_frags, u32 off, u32 len)
{
	int i;

	for (i = 0; i < num_frags && len; i++) {
		u32 size = skb_frag_size(&frags[i]), part;

		if (off >= size) {
			off -= size;
			continue;
		}
		if (n >= SG_MAX)
			return -EINVAL;
		part = min(size - off, len);
		sg_set_page(&sg[n++], skb_frag_page(&frags[i]), part,
			    skb_frag_off(&frags[i]) + off);
		len -= part;
		off = 0;
	}
	return len ? -EINVAL : n;
}

/* Encrypt body bytes [@from, @to) of a record, without tag, into @skb. */
static int seal_inner(struct seal_scratch *s, const struct linetls_record *rec,
		      u32 prepend, u32 from, u32 to,
		      const struct sk_buff *skb, int payload_off)
{
	const struct linetls_cipher *c = rec->key->cipher;
	SYNC_SKCIPHER_REQUEST_ON_STACK(req, rec->key->stream);
	u32 lead = from % c->block;
	int nsrc, ndst = 0, err;

	make_stream_iv(s->iv, rec, c->first_block + from / c->block);
	sg_init_table(s->src, SG_MAX);
	sg_init_table(s->dst, SG_MAX);
	nsrc = sg_add(s->src, 0, rec->info.frags, rec->info.num_frags,
		      prepend + from - lead, to - from + lead);
	if (lead)
		sg_set_buf(&s->dst[ndst++], s->lead, lead);
	ndst = sg_add(s->dst, ndst, skb_shinfo(skb)->frags,
		      skb_shinfo(skb)->nr_frags, payload_off, to - from);
	if (nsrc <= 0 || ndst <= 0)
		return -EINVAL;
	sg_mark_end(&s->src[nsrc - 1]);
	sg_mark_end(&s->dst[ndst - 1]);

	skcipher_request_set_sync_tfm(req, rec->key->stream);
	skcipher_request_set_callback(req, 0, NULL, NULL);
	skcipher_request_set_crypt(req, s->src, s->dst, to - from + lead, s->iv);
	err = crypto_skcipher_encrypt(req);
	skcipher_request_zero(req);
	return err;
}

/* @sg of a body and tag, behind the additional data. */
static int sg_body(struct seal_scratch *s, struct scatterlist *sg, size_t aad_len)
{
	sg_init_table(sg, SG_MAX);
	sg_set_buf(sg, s->aad, aad_len);
	return 1;
}

/*
 * Encrypt a record's body, with its tag behind it, from s->src to s->dst,
 * which begin with the additional data.
 */
static int run_aead(struct seal_scratch *s, const struct linetls_record *rec,
		    size_t aad_len, u32 body_len)
{
	struct crypto_aead *aead = rec->key->aead;
	struct aead_request *req;
	int err;

	if (rec->key->simd && crypto_simd_usable())
		aead = rec->key->simd;
	req = aead_request_alloc(aead, GFP_ATOMIC);
	if (!req)
		return -ENOMEM;
	make_aead_iv(s->iv, rec);
	aead_request_set_callback(req, 0, NULL, NULL);
	aead_request_set_ad(req, aad_len);
	aead_request_set_crypt(req, s->src, s->dst, body_len, s->iv);
	err = crypto_aead_encrypt(req);
	aead_request_free(req);
	return err;
}

/*
 * Encrypt a record's body and write its tag: the first @first bytes of both
 * into @skb's fragments at @frag_off, the rest into @rest.
 */
static int seal_whole(struct seal_scratch *s, const struct linetls_record *rec,
		      const struct sk_buff *skb, u32 frag_off, u32 first,
		      const skb_frag_t *rest)
{
	const u32 prepend = prepend_size(rec), len = body_size(rec);
	size_t aad_len = make_aad(s->aad, rec, len);
	int nsrc, ndst;

	nsrc = sg_body(s, s->src, aad_len);
	nsrc = sg_add(s->src, nsrc, rec->info.frags, rec->info.num_frags,
		      prepend, len);
	ndst = sg_body(s, s->dst, aad_len);
	if (first)
		ndst = sg_add(s->dst, ndst, skb_shinfo(skb)->frags,
			      skb_shinfo(skb)->nr_frags, frag_off, first);
	if (ndst > 0 && first < len + LINETLS_TAG_SIZE)
		ndst = sg_add(s->dst, ndst, rest, LINETLS_RECORD_PAGES, 0,
			      len + LINETLS_TAG_SIZE - first);
	if (nsrc <= 0 || ndst <= 0)
		return -EINVAL;
	sg_mark_end(&s->src[nsrc - 1]);
	sg_mark_end(&s->dst[ndst - 1]);
	return run_aead(s, rec, aad_len, len);
}

/* Copy @len bytes at @off of whole pages into @skb. */
static int copy_pages(const skb_frag_t *pages, u32 off, u32 len,
		      struct sk_buff *skb, int skb_off)
{
	while (len) {
		u32 part = min_t(u32, len, PAGE_SIZE - off % PAGE_SIZE);
		int err;

		err = skb_store_bits(skb, skb_off,
				     skb_frag_address(&pages[off / PAGE_SIZE]) +
				     off % PAGE_SIZE, part);
		if (err)
			return err;
		off += part;
		skb_off += part;
		len -= part;
	}
	return 0;
}

/* Bytes [@from, @to) of what stands before a record's body. */
static int copy_prepend(const struct linetls_record *rec, u32 from, u32 to,
			struct sk_buff *skb, int skb_off)
{
	return skb_store_bits(skb, skb_off,
			      skb_frag_address(&rec->info.frags[0]) + from,
			      to - from);
}

static int seal_locked(struct seal_scratch *s, const struct linetls_record *rec,
		       u32 from, u32 to, struct sk_buff *skb, int skb_off)
{
	const u32 prepend = prepend_size(rec), body_len = body_size(rec);
	u32 part;
	int err;

	if (from < prepend) {
		part = min(to, prepend) - from;
		err = copy_prepend(rec, from, from + part, skb, skb_off);
		if (err)
			return err;
		from += part;
		skb_off += part;
	}
	if (from == to)
		return 0;
	from -= prepend;
	to -= prepend;

	if (to <= body_len)
		return seal_inner(s, rec, prepend, from, to, skb,
				  skb_off - skb_headlen(skb));
	if (!from && to == body_len + LINETLS_TAG_SIZE)
		return seal_whole(s, rec, skb, skb_off - skb_headlen(skb), to,
				  NULL);
	err = seal_whole(s, rec, skb, 0, 0, s->record);
	if (err)
		return err;
	return copy_pages(s->record, from, to - from, skb, skb_off);
}

/**
 * linetls_seal - encrypt a part of a record into a packet
 * @rec:	closed record; the caller holds a reference
 * @from:	first byte of the record, its header counted, that is wanted
 * @to:		the byte after the last
 * @skb:	destination; its fragments are private to the caller
 * @skb_off:	where the bytes go, at or behind skb_headlen()
 *
 * Context: softirq, or softirqs off. Returns 0 or a negative errno, in which
 * case the packet must not be sent.
 */
int linetls_seal(const struct linetls_record *rec, u32 from, u32 to,
		 struct sk_buff *skb, int skb_off)
{
	int err;

	local_lock(&seal_cpu.lock);
	err = seal_locked(this_cpu_read(seal_cpu.scratch), rec, from, to, skb,
			  skb_off);
	local_unlock(&seal_cpu.lock);
	return err;
}

/**
 * linetls_ahead_alloc - room for a record's bytes from @from to its end
 * @rec:	the caller's reference, from which another one is taken
 *
 * Single pages, from any context. NULL: there is no memory, or there are no
 * bytes of the body before @from, of which to make a packet.
 */
struct linetls_ahead *linetls_ahead_alloc(struct linetls_record *rec, u32 from)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	struct linetls_ahead *ahead;
	u32 len = rec->info.len - from;

	if (from <= prepend_size(rec))
		return NULL;
	ahead = kmalloc(sizeof(*ahead), gfp);
	if (!ahead)
		return NULL;
	refcount_inc(&rec->ref);
	ahead->rec = rec;
	ahead->from = from;
	for (ahead->num_pages = 0; ahead->num_pages * PAGE_SIZE < len;
	     ahead->num_pages++) {
		struct page *page = alloc_page(gfp);

		if (!page) {
			linetls_ahead_free(ahead);
			return NULL;
		}
		skb_frag_fill_page_desc(&ahead->pages[ahead->num_pages], page,
					0, PAGE_SIZE);
	}
	return ahead;
}

/* linetls_ahead_free - @ahead may be NULL */
void linetls_ahead_free(struct linetls_ahead *ahead)
{
	int i;

	if (!ahead)
		return;
	for (i = 0; i < ahead->num_pages; i++)
		__free_page(skb_frag_page(&ahead->pages[i]));
	linetls_record_put(ahead->rec);
	kfree(ahead);
}

/**
 * linetls_seal_ahead - encrypt a record's beginning into a packet, and its
 *			rest ahead
 * @ahead:	fresh; what is before @ahead->from goes into the packet
 *
 * Otherwise as linetls_seal().
 */
int linetls_seal_ahead(struct linetls_ahead *ahead, struct sk_buff *skb,
		       int skb_off)
{
	const struct linetls_record *rec = ahead->rec;
	const u32 prepend = prepend_size(rec);
	int err;

	err = copy_prepend(rec, 0, prepend, skb, skb_off);
	if (err)
		return err;
	local_lock(&seal_cpu.lock);
	err = seal_whole(this_cpu_read(seal_cpu.scratch), rec, skb,
			 skb_off + prepend - skb_headlen(skb),
			 ahead->from - prepend, ahead->pages);
	local_unlock(&seal_cpu.lock);
	return err;
}

/**
 * linetls_ahead_copy - bytes [@from, @to) of a record, encrypted before
 *
 * @from is not before @ahead->from. Otherwise as linetls_seal().
 */
int linetls_ahead_copy(const struct linetls_ahead *ahead, u32 from, u32 to,
		       struct sk_buff *skb, int skb_off)
{
	return copy_pages(ahead->pages, from - ahead->from, to - from, skb,
			  skb_off);
}

static void scratch_free(struct seal_scratch *s)
{
	int i;

	if (!s)
		return;
	for (i = 0; i < LINETLS_RECORD_PAGES; i++)
		if (skb_frag_size(&s->record[i]))
			__free_page(skb_frag_page(&s->record[i]));
	kfree_sensitive(s);
}

static struct seal_scratch *scratch_alloc(int node)
{
	struct seal_scratch *s = kzalloc_node(sizeof(*s), GFP_KERNEL, node);
	int i;

	if (!s)
		return NULL;
	for (i = 0; i < LINETLS_RECORD_PAGES; i++) {
		struct page *page = alloc_pages_node(node, GFP_KERNEL, 0);

		if (!page) {
			scratch_free(s);
			return NULL;
		}
		skb_frag_fill_page_desc(&s->record[i], page, 0, PAGE_SIZE);
	}
	return s;
}

void linetls_crypto_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		scratch_free(per_cpu(seal_cpu.scratch, cpu));
		per_cpu(seal_cpu.scratch, cpu) = NULL;
	}
}

/*
 * The first user of an algorithm waits for modprobe, and of a thousand first
 * users at once the kernel refuses some. So it is we. What does not exist is
 * said to him who asks for it.
 */
static void find_algorithms(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ciphers); i++) {
		crypto_has_alg(ciphers[i].aead, CRYPTO_ALG_TYPE_AEAD,
			       CRYPTO_ALG_TYPE_MASK | CRYPTO_ALG_ASYNC);
		crypto_has_skcipher(ciphers[i].stream, 0, CRYPTO_ALG_ASYNC);
	}
	if (crypto_has_alg("__gcm(aes)",
			   CRYPTO_ALG_TYPE_AEAD | CRYPTO_ALG_INTERNAL,
			   CRYPTO_ALG_TYPE_MASK | CRYPTO_ALG_INTERNAL |
			   CRYPTO_ALG_ASYNC))
		static_branch_enable(&have_simd);
}

int linetls_crypto_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct seal_scratch *s = scratch_alloc(cpu_to_node(cpu));

		if (!s) {
			linetls_crypto_exit();
			return -ENOMEM;
		}
		per_cpu(seal_cpu.scratch, cpu) = s;
	}
	find_algorithms();
	return 0;
}
