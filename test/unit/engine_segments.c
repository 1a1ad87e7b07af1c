// SPDX-License-Identifier: GPL-2.0
/* Records cut anywhere come out as if they had been whole. */
#include "engine.h"

enum place { APART, IN_PLACE };

/* Feeds all of @r in pieces of 1 to @max bytes; returns how many there were. */
static u32 feed(const struct secrets *c, const struct records *r, u32 max,
                enum place place)
{
    struct engine_key *key = key_new(c);
    u32 len = records_len(r), at = 0, pieces = 0;
    u8 *out = malloc(len);
    struct engine_stream s;

    assert_non_null(out);
    if (place == IN_PLACE)
        memcpy(out, r->in, len);

    engine_seek(&s, r->first_seq);
    while (at < len) {
        u32 n = 1 + rnd_below(max);

        if (n > len - at)
            n = len - at;
        assert_int_equal(
            engine_encrypt(key, &s,
                           (place == IN_PLACE ? out : r->in) + at, out + at, n),
            ENGINE_OK);
        at += n;
        pieces++;
    }
    assert_memory_equal(out, r->wire, len);
    assert_true(s.rec_seq == r->first_seq + r->count);
    assert_int_equal(s.rec_off, 0);

    free(out);
    key_free(key);
    return pieces;
}

static u64 total;

static void suite(const struct secrets *c)
{
    static const u32 max[] = {1, 2, 7, 13, 16, 33, 100, 1448, 9000, 1000000};

    for (u32 round = 0; round < scaled(4); round++) {
        for (size_t i = 0; i < sizeof(max) / sizeof(max[0]); i++) {
            struct records *r = records_new(c, 40, rnd(), 0);

            total += feed(c, r, max[i], round % 2 ? IN_PLACE : APART);
            records_free(r);
        }
    }
}

static void random_segments(void **unused)
{
    total = 0;
    each_suite(suite);
    printf("%llu segments\n", (unsigned long long)total);
    assert_true(total > 500000);
}

/* Every way to cut a record in two, at and around every boundary. */
static void cut_in_two(const struct secrets *c)
{
    for (u32 payload = 0; payload <= 50; payload++) {
        u8 in[128], wire[128], out[128];
        u32 len = oracle_record(c, 7, 23, payload, in, wire);
        struct engine_key *key = key_new(c);

        for (u32 cut = 0; cut <= len; cut++) {
            struct engine_stream s;

            memset(out, 0, sizeof(out));
            engine_seek(&s, 7);
            assert_int_equal(engine_encrypt(key, &s, in, out, cut), ENGINE_OK);
            assert_int_equal(engine_encrypt(key, &s, in + cut, out + cut,
                                            len - cut),
                             ENGINE_OK);
            assert_memory_equal(out, wire, len);
        }
        key_free(key);
    }
}

static void every_cut(void **unused)
{
    each_suite(cut_in_two);
}

/* Neither side of the buffers need be aligned, nor aligned alike. */
static void unaligned(const struct secrets *c)
{
    u8 in[600], wire[600], from[620], to[620];
    u32 len = oracle_record(c, 1, 23, 500, in, wire);
    struct engine_key *key = key_new(c);

    for (u32 i = 0; i < 16; i++) {
        for (u32 j = 0; j < 16; j++) {
            struct engine_stream s;

            memcpy(from + i, in, len);
            engine_seek(&s, 1);
            assert_int_equal(engine_encrypt(key, &s, from + i, to + j, len),
                             ENGINE_OK);
            assert_memory_equal(to + j, wire, len);
        }
    }
    key_free(key);
}

static void any_alignment(void **unused)
{
    each_suite(unaligned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_segments),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(any_alignment),
    };

    return test_main(tests);
}
