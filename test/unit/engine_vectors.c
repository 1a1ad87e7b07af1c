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
    u8 got[16];

    unhex(nonce, v->nonce);
    unhex(want, v->cipher);
    unhex(tag, v->tag);

    assert_non_null(key);
    assert_int_equal(gcm_key_init(key, secret, key_len), 0);
    assert_int_equal(gcm_start(&g, key, nonce, aad, aad_len), 0);
    for (size_t at = 0; at < len; at += step)
        assert_int_equal(gcm_encrypt(&g, key, plain + at, out + at,
                                     len - at < step ? len - at : step),
                         0);
    gcm_finish(&g, key, got);
    assert_memory_equal(out, want, len);
    assert_memory_equal(got, tag, 16);
    gcm_key_wipe(key);
    free(key);
}

/* RFC 8439 section 2.8.2 and appendix A.5. */
static const struct vector chapoly_vectors[] = {
    {"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647",
     "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
     "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
     "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
     "637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
    {"1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
     "000000000102030405060708",
     "f33388860000000000004e91",
     "496e7465726e65742d4472616674732061726520647261667420646f63756d65"
     "6e74732076616c696420666f722061206d6178696d756d206f6620736978206d"
     "6f6e74687320616e64206d617920626520757064617465642c207265706c6163"
     "65642c206f72206f62736f6c65746564206279206f7468657220646f63756d65"
     "6e747320617420616e792074696d652e20497420697320696e617070726f7072"
     "6961746520746f2075736520496e7465726e65742d4472616674732061732072"
     "65666572656e6365206d6174657269616c206f7220746f206369746520746865"
     "6d206f74686572207468616e206173202fe2809c776f726b20696e2070726f67"
     "726573732e2fe2809d",
     "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
     "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
     "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
     "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
     "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
     "af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
     "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
     "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
     "a6ad5cb4022b02709b",
     "eead9d67890cbb22392336fea1851f38"},
};

static void chapoly_check(const struct vector *v, size_t step)
{
    u8 secret[32], nonce[12], aad[32], plain[300], want[300], tag[16];
    u8 out[300], got[16];
    size_t aad_len = unhex(aad, v->aad);
    size_t len = unhex(plain, v->plain);
    struct chapoly_key key;
    struct chapoly c;

    unhex(secret, v->key);
    unhex(nonce, v->nonce);
    unhex(want, v->cipher);
    unhex(tag, v->tag);

    assert_int_equal(chapoly_key_init(&key, secret), 0);
    chapoly_start(&c, &key, nonce, aad, aad_len);
    for (size_t at = 0; at < len; at += step)
        chapoly_encrypt(&c, &key, plain + at, out + at,
                        len - at < step ? len - at : step);
    chapoly_finish(&c, got);
    assert_memory_equal(out, want, len);
    assert_memory_equal(got, tag, 16);
    chapoly_key_wipe(&key);
}

static void published(void **unused)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        for (size_t step = 1; step <= 64; step++)
            vector_check(&vectors[i], step);
    for (size_t i = 0;
         i < sizeof(chapoly_vectors) / sizeof(chapoly_vectors[0]); i++)
        for (size_t step = 1; step <= 300; step++)
            chapoly_check(&chapoly_vectors[i], step);
}

static void refused(void **unused)
{
    struct engine_key *key = malloc(sizeof(*key));
    u8 zero[32] = {0};

    assert_non_null(key);
    for (u32 version = 0; version < 0x0400; version++)
        for (u32 cipher = 0; cipher < 64; cipher++)
            if ((version != 0x0303 && version != 0x0304) ||
                (cipher != 51 && cipher != 52 && cipher != 54))
                assert_int_equal(engine_key_init(key, version, cipher, zero,
                                                 zero),
                                 ENGINE_EINVAL);
    free(key);
}

static void suite_wiped(const struct secrets *c)
{
    struct engine_key *key = key_new(c);
    u8 zero[sizeof(*key)] = {0};

    engine_key_wipe(key);
    assert_memory_equal(key, zero, sizeof(*key));
    free(key);
}

static void wiped(void **unused)
{
    each_suite(suite_wiped);
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
