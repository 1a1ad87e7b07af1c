// SPDX-License-Identifier: GPL-2.0
/* The mode itself: published vectors, and OpenSSL for what they leave out. */
#include "engine.h"

static size_t unhex(u8 *out, const char *hex)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        unsigned int v;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
        out[i] = v;
    }
    return n;
}

struct vector {
    const char *key, *nonce, *aad, *plain, *cipher, *tag;
};

/* McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B. */
static const struct vector vectors[] = {
    {"00000000000000000000000000000000", "000000000000000000000000", "", "",
     "", "58e2fccefa7e3061367f1d57a4e7455a"},
    {"00000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
     "ab6e47d42cec13bdf53a67b21257bddf"},
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985",
     "4d5c2af327cd64a62cf35abd2ba6fab4"},
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {"0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static void vector_check(const struct vector *v, size_t step)
{
    u8 secret[32], nonce[12], aad[32], plain[64], want[64], tag[16], out[64];
    size_t key_len = unhex(secret, v->key);
    size_t aad_len = unhex(aad, v->aad);
    size_t len = unhex(plain, v->plain);
    struct gcm_key *key = malloc(sizeof(*key));
    struct gcm g;

    unhex(nonce, v->nonce);
    unhex(want, v->cipher);
    unhex(tag, v->tag);

    assert_non_null(key);
    assert_int_equal(gcm_key_init(key, secret, key_len), 0);
    gcm_start(&g, key, nonce, aad, aad_len);
    for (size_t at = 0; at < len; at += step)
        gcm_encrypt(&g, key, plain + at, out + at,
                    len - at < step ? len - at : step);
    gcm_finish(&g, key);
    assert_memory_equal(out, want, len);
    assert_memory_equal(g.tag.b, tag, 16);
    gcm_key_wipe(key);
    free(key);
}

static void published(void **unused)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        for (size_t step = 1; step <= 64; step++)
            vector_check(&vectors[i], step);
}

static void refused(void **unused)
{
    struct engine_key *key = malloc(sizeof(*key));
    u8 zero[32] = {0};

    assert_non_null(key);
    for (u32 version = 0; version < 0x0400; version++)
        for (u32 cipher = 0; cipher < 64; cipher++)
            if ((version != 0x0303 && version != 0x0304) ||
                (cipher != 51 && cipher != 52))
                assert_int_equal(engine_key_init(key, version, cipher, zero,
                                                 zero, zero),
                                 ENGINE_EINVAL);
    free(key);
}

static void wiped(void **unused)
{
    struct engine_key *key = malloc(sizeof(*key));
    struct secrets c;
    u8 zero[sizeof(*key)] = {0};

    secrets_random(&c, ENGINE_TLS13, ENGINE_AES_GCM_256);
    assert_non_null(key);
    assert_int_equal(engine_key_init(key, c.version, c.cipher, c.key, c.salt,
                                     c.iv),
                     ENGINE_OK);
    engine_key_wipe(key);
    assert_memory_equal(key, zero, sizeof(*key));
    free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published),
        cmocka_unit_test(refused),
        cmocka_unit_test(wiped),
    };

    return test_main(tests);
}
