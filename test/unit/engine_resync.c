// SPDX-License-Identifier: GPL-2.0
/*
 * A retransmission begins anywhere: seek to its record, feed what came before
 * it without output, go on. As a driver does, with bytes that are not those of
 * the first transmission where they do not matter.
 */
#include "engine.h"

static u32 record_of(const struct records *r, u32 off)
{
    u32 i = 0;

    while (r->start[i + 1] <= off)
        i++;
    return i;
}

/* The prefix in pieces too: the host hands it over fragment by fragment. */
static void feed_prefix(const struct engine_key *key, struct engine_stream *s,
                        const u8 *in, u32 len)
{
    while (len) {
        u32 n = 1 + rnd_below(len);

        assert_int_equal(engine_encrypt(key, s, in, NULL, n), ENGINE_OK);
        in += n;
        len -= n;
    }
}

static void retransmit(const struct engine_key *key, struct engine_stream *s,
                       const struct records *r, u8 *out)
{
    u32 from = rnd_below(records_len(r));
    u32 len = 1 + rnd_below(3000);
    u32 i = record_of(r, from);

    if (len > records_len(r) - from)
        len = records_len(r) - from;

    engine_seek(s, r->first_seq + i);
    feed_prefix(key, s, r->in + r->start[i], from - r->start[i]);
    assert_int_equal(engine_encrypt(key, s, r->in + from, out, len),
                     ENGINE_OK);
    assert_memory_equal(out, r->wire + from, len);
}

static void suite_anywhere(const struct secrets *c)
{
    struct records *r = records_new(c, 100, rnd(), 0);
    struct engine_key *key = key_new(c);
    struct engine_stream s;
    u8 out[3000];

    for (u32 n = scaled(20000); n; n--)
        retransmit(key, &s, r, out);
    key_free(key);
    records_free(r);
}

static void anywhere(void **unused)
{
    each_suite(suite_anywhere);
}

/* Every byte of records of many sizes as a starting point. */
static void suite_every_offset(const struct secrets *c)
{
    struct records *r = records_new(c, scaled(30), rnd(), 200);
    struct engine_key *key = key_new(c);
    u32 len = records_len(r);
    u8 *out = malloc(len);

    assert_non_null(out);
    for (u32 from = 0; from < len; from++) {
        u32 i = record_of(r, from);
        u32 n = r->start[i + 1] - from;
        struct engine_stream s;

        engine_seek(&s, r->first_seq + i);
        assert_int_equal(engine_encrypt(key, &s, r->in + r->start[i], NULL,
                                        from - r->start[i]),
                         ENGINE_OK);
        assert_int_equal(engine_encrypt(key, &s, r->in + from, out, n),
                         ENGINE_OK);
        assert_memory_equal(out, r->wire + from, n);
    }
    free(out);
    key_free(key);
    records_free(r);
}

static void every_offset(void **unused)
{
    each_suite(suite_every_offset);
}

/* What lies in the tag's room must have no effect on it. */
static void suite_tag_room(const struct secrets *c)
{
    u8 in[256], wire[256], out[256];
    u32 len = oracle_record(c, 3, 23, 100, in, wire);
    struct engine_key *key = key_new(c);
    struct engine_stream s;

    for (u32 have = 0; have <= 16; have++) {
        engine_seek(&s, 3);
        rnd_bytes(in + len - 16, 16);
        assert_int_equal(engine_encrypt(key, &s, in, NULL, len - 16 + have),
                         ENGINE_OK);
        assert_int_equal(engine_encrypt(key, &s, in + len - 16 + have, out,
                                        16 - have),
                         ENGINE_OK);
        assert_memory_equal(out, wire + len - 16 + have, 16 - have);
    }
    key_free(key);
}

static void tag_room(void **unused)
{
    each_suite(suite_tag_room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anywhere),
        cmocka_unit_test(every_offset),
        cmocka_unit_test(tag_room),
    };

    return test_main(tests);
}
