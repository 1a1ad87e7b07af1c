/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Record engine: TLS record protection over a byte stream that arrives in
 * segments of any size, as a network device does it.
 *
 * The engine is given the bytes of a TCP stream in order, records with header,
 * plaintext and room for the tag, and writes the same number of bytes with
 * plaintext and tag replaced by what goes on the wire. Between two calls a
 * struct engine_stream is all the state there is. After a gap the caller sets
 * the stream to the start of a record with engine_seek() and feeds the bytes
 * up to the gap's end with @out == NULL: a resync.
 *
 * TLS 1.2 (RFC 5288): header 5, explicit nonce 8, plaintext, tag 16; the nonce
 * is read from the record. Additional data: sequence number, type, version,
 * plaintext length.
 * TLS 1.3 (RFC 8446 section 5.2): header 5, plaintext with the content type as
 * its last byte, tag 16; nonce = static IV xor sequence number. Additional
 * data: the header.
 * ChaCha20-Poly1305 in TLS 1.2 (RFC 7905): as the former, but no explicit nonce;
 * the nonce is that of TLS 1.3.
 *
 * Plain C: no allocation, no locks, no kernel types. A key and its streams
 * belong to one thread, which may sleep; streams don't lie on the kernel's stack.
 * The primitives (AES blocks, multiplication in GF(2^128), ChaCha20, Poly1305)
 * come from prim.h: the kernel's there, libcrypto's in the unit tests.
 *
 * The header's version and type are what the host wrote; they are checked only
 * to notice a stream that is out of step before wrong bytes leave.
 */
#ifndef LINETLS_ENGINE_H
#define LINETLS_ENGINE_H

#include "chapoly.h"
#include "gcm.h"

enum engine_version {
	ENGINE_TLS12 = 0x0303,	/* same values as TLS_1_2_VERSION and ... */
	ENGINE_TLS13 = 0x0304,	/* ... TLS_1_3_VERSION of linux/tls.h */
};

enum engine_cipher {
	ENGINE_AES_GCM_128 = 51,	/* same values as TLS_CIPHER_* ... */
	ENGINE_AES_GCM_256 = 52,	/* ... of linux/tls.h */
	ENGINE_CHACHAPOLY = 54,
};

enum engine_error {
	ENGINE_OK = 0,
	ENGINE_EINVAL = -1,	/* version, cipher or key length not supported */
	ENGINE_EHEADER = -2,	/* not a record: version or length out of
				 * bounds, or a TLS 1.3 record that is not of
				 * type application_data; the stream is dead
				 * until the next engine_seek()
				 */
	ENGINE_EPRIM = -3,	/* a primitive failed; a stream is dead likewise */
};

#define ENGINE_HEADER_LEN	5
#define ENGINE_IV_LEN		12
#define ENGINE_NONCE_LEN	8	/* explicit, AES-GCM of TLS 1.2 */
#define ENGINE_AAD_LEN		13	/* at most */
#define ENGINE_TAG_LEN		16
#define ENGINE_MAX_PLAINTEXT	16384	/* RFC 8446 section 5.1 */

struct engine_key {
	u16 version;
	u16 cipher;
	u8 iv[ENGINE_IV_LEN];
	union {		/* some KiB: not for the stack */
		struct gcm_key gcm;
		struct chapoly_key chapoly;
	};
};

struct engine_stream {
	u64 rec_seq;	/* sequence number of the current record */
	u32 rec_off;	/* bytes of it done; 0: at a record's start */
	u32 rec_len;	/* its length with header, 0: not known yet */
	bool dead;	/* an error was returned */
	u8 hdr[ENGINE_HEADER_LEN + ENGINE_NONCE_LEN];
	u8 tag[ENGINE_TAG_LEN];
	union {
		struct gcm gcm;
		struct chapoly chapoly;
	};
};

/*
 * engine_key_init - expand a key.
 * @key:	written; wipe with engine_key_wipe()
 * @version:	enum engine_version
 * @cipher:	enum engine_cipher
 * @secret:	16 or 32 bytes, by the cipher
 * @iv:		the salt, then what linux/tls.h calls the IV, which AES-GCM of
 *		TLS 1.2 does not need: each record brings its own
 * Returns ENGINE_OK, ENGINE_EINVAL or ENGINE_EPRIM.
 */
int engine_key_init(struct engine_key *key, u16 version, u16 cipher,
		    const u8 *secret, const u8 iv[ENGINE_IV_LEN]);
void engine_key_wipe(struct engine_key *key);

/* engine_seek - put @s at the start of the record with number @rec_seq. */
void engine_seek(struct engine_stream *s, u64 rec_seq);

/*
 * engine_encrypt - the next @len bytes of the stream.
 * @in:		record bytes as the host prepared them; tag bytes are ignored
 * @out:	wire bytes, may be @in; NULL: account for the bytes only (resync)
 * Returns ENGINE_OK; or ENGINE_EHEADER or ENGINE_EPRIM, and from then on
 * ENGINE_EHEADER, until engine_seek(): @out is undefined and must not be sent.
 * Any @len, any alignment, any number of records.
 */
int engine_encrypt(const struct engine_key *key, struct engine_stream *s,
		   const u8 *in, u8 *out, size_t len);

#endif
