// SPDX-License-Identifier: GPL-2.0
#include <time.h>

#include <openssl/evp.h>

#include "engine.h"

static u64 state;

/* splitmix64 */
u64 rnd(void)
{
    u64 z = (state += 0x9e3779b97f4a7c15ULL);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

u32 rnd_below(u32 n)
{
    return rnd() % n;
}

void rnd_bytes(void *p, size_t len)
{
    u8 *b = p;

    for (; len >= 8; len -= 8, b += 8) {
        u64 v = rnd();

        memcpy(b, &v, 8);
    }
    while (len--)
        *b++ = rnd();
}

u32 rnd_payload(void)
{
    static const u32 edges[] = {0,    1,    15,    16,    17,   31,
                                32,   127,  128,   129,   1447, 1448,
                                4096, 8191, 16383, 16384};

    switch (rnd_below(4)) {
    case 0:
        return edges[rnd_below(sizeof(edges) / sizeof(edges[0]))];
    case 1:
        return rnd_below(16385);
    default:
        return rnd_below(300);
    }
}

void secrets_random(struct secrets *c, u16 version, u16 cipher)
{
    rnd_bytes(c, sizeof(*c));
    c->version = version;
    c->cipher = cipher;
}

struct engine_key *key_new(const struct secrets *c)
{
    struct engine_key *key = malloc(sizeof(*key));

    assert_non_null(key);
    assert_int_equal(engine_key_init(key, c->version, c->cipher, c->key,
                                     c->iv),
                     ENGINE_OK);
    return key;
}

void key_free(struct engine_key *key)
{
    engine_key_wipe(key);
    free(key);
}

static const EVP_CIPHER *evp_cipher(u16 cipher)
{
    switch (cipher) {
    case ENGINE_AES_GCM_128:
        return EVP_aes_128_gcm();
    case ENGINE_AES_GCM_256:
        return EVP_aes_256_gcm();
    default:
        return EVP_chacha20_poly1305();
    }
}

static void oracle_aead(const struct secrets *c, const u8 nonce[12],
                        const u8 *aad, int aad_len, const u8 *in, int len,
                        u8 *out)
{
    EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();
    int n, done = 0;

    assert_non_null(evp);
    assert_true(
        EVP_EncryptInit_ex(evp, evp_cipher(c->cipher), NULL, c->key, nonce));
    assert_true(EVP_EncryptUpdate(evp, NULL, &n, aad, aad_len));
    if (len) {
        assert_true(EVP_EncryptUpdate(evp, out, &n, in, len));
        done = n;
    }
    assert_true(EVP_EncryptFinal_ex(evp, out + done, &n));
    assert_int_equal(done + n, len);
    assert_true(EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, 16,
                                    out + len));
    EVP_CIPHER_CTX_free(evp);
}

static void put16(u8 *p, u32 v)
{
    p[0] = v >> 8;
    p[1] = v;
}

static void put64(u8 *p, u64 v)
{
    for (int i = 0; i < 8; i++)
        p[i] = v >> (56 - 8 * i);
}

/* RFC 8446 section 5.3; RFC 7905 section 2 has the same. */
static void implicit_nonce(const struct secrets *c, u64 seq, u8 nonce[12])
{
    u8 seq_bytes[8];

    memcpy(nonce, c->iv, 12);
    put64(seq_bytes, seq);
    for (int i = 0; i < 8; i++)
        nonce[4 + i] ^= seq_bytes[i];
}

/* RFC 5246 section 6.2.3.3, RFC 5288 section 3, RFC 7905. */
static u32 oracle12(const struct secrets *c, u64 seq, u8 type, u32 payload,
                    u8 *in, u8 *wire)
{
    u32 explicit_len = explicit_nonce(c) ? 8 : 0;
    u32 prefix = 5 + explicit_len;
    u8 nonce[12], aad[13];

    in[0] = type;
    put16(in + 1, 0x0303);
    put16(in + 3, explicit_len + payload + 16);
    rnd_bytes(in + 5, explicit_len + payload + 16);

    implicit_nonce(c, seq, nonce);
    if (explicit_len) {
        memcpy(nonce, c->iv, 4);
        memcpy(nonce + 4, in + 5, 8);
    }
    put64(aad, seq);
    aad[8] = type;
    put16(aad + 9, 0x0303);
    put16(aad + 11, payload);

    memcpy(wire, in, prefix);
    oracle_aead(c, nonce, aad, sizeof(aad), in + prefix, payload,
                wire + prefix);
    return prefix + payload + 16;
}

/* RFC 8446 section 5.2. */
static u32 oracle13(const struct secrets *c, u64 seq, u8 type, u32 payload,
                    u8 *in, u8 *wire)
{
    u8 nonce[12];

    in[0] = 23;
    put16(in + 1, 0x0303);
    put16(in + 3, payload + 1 + 16);
    rnd_bytes(in + 5, payload + 1 + 16);
    in[5 + payload] = type;

    implicit_nonce(c, seq, nonce);
    memcpy(wire, in, 5);
    oracle_aead(c, nonce, in, 5, in + 5, payload + 1, wire + 5);
    return 5 + payload + 1 + 16;
}

u32 oracle_record(const struct secrets *c, u64 seq, u8 type, u32 payload,
                  u8 *in, u8 *wire)
{
    if (c->version == ENGINE_TLS12)
        return oracle12(c, seq, type, payload, in, wire);
    return oracle13(c, seq, type, payload, in, wire);
}

struct records *records_new(const struct secrets *c, u32 count, u64 first_seq,
                            u32 max)
{
    struct records *r = malloc(sizeof(*r));

    assert_non_null(r);
    r->in = malloc((size_t)count * MAX_RECORD);
    r->wire = malloc((size_t)count * MAX_RECORD);
    r->start = calloc(count + 1, sizeof(*r->start));
    assert_true(r->in && r->wire && r->start);
    r->count = count;
    r->first_seq = first_seq;

    for (u32 i = 0; i < count; i++) {
        u32 at = r->start[i];
        u32 payload = rnd_payload();

        if (max && payload > max)
            payload %= max + 1;
        r->start[i + 1] = at + oracle_record(c, first_seq + i,
                                             20 + rnd_below(5), payload,
                                             r->in + at, r->wire + at);
    }
    return r;
}

void records_free(struct records *r)
{
    free(r->in);
    free(r->wire);
    free(r->start);
    free(r);
}

void each_suite(void (*fn)(const struct secrets *c))
{
    static const u16 ciphers[] = {ENGINE_AES_GCM_128, ENGINE_AES_GCM_256,
                                  ENGINE_CHACHAPOLY};

    for (u16 version = ENGINE_TLS12; version <= ENGINE_TLS13; version++) {
        for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
            struct secrets c;

            secrets_random(&c, version, ciphers[i]);
            fn(&c);
        }
    }
}

u32 scaled(u32 n)
{
#ifdef __SANITIZE_ADDRESS__
    n = n / 8 + 1;
#endif
    return getenv("LINETLS_LONG") ? 10 * n : n;
}

int test_main_(const struct CMUnitTest *tests, size_t n)
{
    const char *seed = getenv("LINETLS_SEED");

    state = seed ? strtoull(seed, NULL, 0) : (u64)time(NULL);
    printf("LINETLS_SEED=%llu\n", (unsigned long long)state);
    fflush(stdout);
    return _cmocka_run_group_tests("engine", tests, n, NULL, NULL);
}
