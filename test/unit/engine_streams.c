// SPDX-License-Identifier: GPL-2.0
/* Streams: many with one key, numbers that wrap, and the records' limits. */
#include "engine.h"

#define STREAMS 16

static void suite_shared(const struct secrets *c)
{
    struct engine_key *key = key_new(c);
    struct engine_stream s[STREAMS];
    struct records *r[STREAMS];
    u32 at[STREAMS] = {0};
    u32 left = STREAMS;
    u8 out[2000];

    for (u32 i = 0; i < STREAMS; i++) {
        r[i] = records_new(c, scaled(60), rnd(), 0);
        engine_seek(&s[i], r[i]->first_seq);
    }
    while (left) {
        u32 i = rnd_below(STREAMS);
        u32 n = 1 + rnd_below(sizeof(out));
        u32 rest = records_len(r[i]) - at[i];

        if (!rest)
            continue;
        n = n < rest ? n : rest;
        assert_int_equal(engine_encrypt(key, &s[i], r[i]->in + at[i], out, n),
                         ENGINE_OK);
        assert_memory_equal(out, r[i]->wire + at[i], n);
        at[i] += n;
        left -= n == rest;
    }
    for (u32 i = 0; i < STREAMS; i++)
        records_free(r[i]);
    key_free(key);
}

static void one_key(void **unused)
{
    each_suite(suite_shared);
}

static void wrap_at(const struct secrets *c, u64 first_seq)
{
    struct records *r = records_new(c, 20, first_seq, 100);
    struct engine_key *key = key_new(c);
    u32 len = records_len(r);
    u8 *out = malloc(len);
    struct engine_stream s;

    assert_non_null(out);
    engine_seek(&s, first_seq);
    assert_int_equal(engine_encrypt(key, &s, r->in, out, len), ENGINE_OK);
    assert_memory_equal(out, r->wire, len);
    assert_true(s.rec_seq == first_seq + 20);
    free(out);
    key_free(key);
    records_free(r);
}

static void suite_wrap(const struct secrets *c)
{
    for (int bits = 8; bits <= 56; bits += 8)
        wrap_at(c, (1ULL << bits) - 10);
    wrap_at(c, -10ULL);
    wrap_at(c, 0);
}

static void wrap(void **unused)
{
    each_suite(suite_wrap);
}

/* The longest prefix that the engine took of a record with this header. */
static int try_header(const struct engine_key *key, const u8 hdr[5], u32 step)
{
    struct engine_stream s;
    int ret = ENGINE_OK;
    u8 out[5];

    engine_seek(&s, 0);
    for (u32 at = 0; at < 5 && !ret; at += step)
        ret = engine_encrypt(key, &s, hdr + at, out + at,
                             step < 5 - at ? step : 5 - at);
    assert_int_equal(s.dead, ret != ENGINE_OK);
    return ret;
}

static void suite_lengths(const struct secrets *c)
{
    bool tls13 = c->version == ENGINE_TLS13;
    u32 min = (explicit_nonce(c) ? 8 : 0) + (tls13 ? 1 : 0) + 16;
    u32 max = min + 16384;
    struct engine_key *key = key_new(c);

    for (u32 len = 0; len < 65536; len++) {
        u8 hdr[5] = {23, 3, 3, len >> 8, len};

        assert_int_equal(try_header(key, hdr, 1 + len % 5),
                         len < min || len > max ? ENGINE_EHEADER : ENGINE_OK);
    }
    key_free(key);
}

static void lengths(void **unused)
{
    each_suite(suite_lengths);
}

static void suite_types(const struct secrets *c)
{
    struct engine_key *key = key_new(c);

    for (u32 type = 0; type < 256; type++) {
        u8 hdr[5] = {type, 3, 3, 1, 0};
        bool good = c->version == ENGINE_TLS12 || type == 23;

        assert_int_equal(try_header(key, hdr, 5),
                         good ? ENGINE_OK : ENGINE_EHEADER);
    }
    for (u32 version = 0; version < 65536; version++) {
        u8 hdr[5] = {23, version >> 8, version, 1, 0};

        assert_int_equal(try_header(key, hdr, 5),
                         version == 0x0303 ? ENGINE_OK : ENGINE_EHEADER);
    }
    key_free(key);
}

static void types(void **unused)
{
    each_suite(suite_types);
}

static void suite_dead(const struct secrets *c)
{
    u8 in[128], wire[128], out[128];
    u8 bad[5] = {23, 3, 3, 0xff, 0xff};
    u32 len = oracle_record(c, 9, 23, 40, in, wire);
    struct engine_key *key = key_new(c);
    struct engine_stream s;

    /* After a good record, so that there is state to confuse it with. */
    engine_seek(&s, 9);
    assert_int_equal(engine_encrypt(key, &s, in, out, len), ENGINE_OK);
    assert_int_equal(engine_encrypt(key, &s, bad, out, 5), ENGINE_EHEADER);
    for (u32 n = 0; n < 100; n++)
        assert_int_equal(engine_encrypt(key, &s, in, n % 2 ? out : NULL, n),
                         ENGINE_EHEADER);

    engine_seek(&s, 9);
    assert_int_equal(engine_encrypt(key, &s, in, out, len), ENGINE_OK);
    assert_memory_equal(out, wire, len);
    key_free(key);
}

static void dead(void **unused)
{
    each_suite(suite_dead);
}

/* AES fails: nothing that was to be encrypted with it passes for encrypted. */
static void prim_fails(void **unused)
{
    u8 in[1200], wire[1200], out[1200];
    struct engine_key *key;
    struct engine_stream s;
    struct secrets c;
    u32 len;

    secrets_random(&c, ENGINE_TLS12, ENGINE_AES_GCM_128);
    key = key_new(&c);
    len = oracle_record(&c, 9, 23, 1100, in, wire);
    for (u32 calls = 1; calls <= 3; calls++) {
        engine_seek(&s, 9);
        prim_aes_fail = calls;
        assert_int_equal(engine_encrypt(key, &s, in, out, len), ENGINE_EPRIM);
        assert_int_equal(prim_aes_fail, 0);
        assert_int_equal(engine_encrypt(key, &s, in, out, len),
                         ENGINE_EHEADER);
    }
    engine_seek(&s, 9);
    assert_int_equal(engine_encrypt(key, &s, in, out, len), ENGINE_OK);
    assert_memory_equal(out, wire, len);
    key_free(key);

    key = malloc(sizeof(*key));
    assert_non_null(key);
    prim_aes_fail = 1;
    assert_int_equal(engine_key_init(key, c.version, c.cipher, c.key, c.iv),
                     ENGINE_EPRIM);
    key_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_key), cmocka_unit_test(wrap),
        cmocka_unit_test(lengths), cmocka_unit_test(types),
        cmocka_unit_test(dead),    cmocka_unit_test(prim_fails),
    };

    return test_main(tests);
}
