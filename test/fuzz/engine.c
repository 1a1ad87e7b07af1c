// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz target: any bytes as a stream, in any segments, with resyncs between.
 * What the engine says and writes must not depend on the segmentation, and a
 * resync must continue as the first transmission would have.
 *
 * Input: 1 byte of flags, then steps of 2 bytes (segment length) followed by
 * that many bytes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"
#include "walk.h"

#define MAX_STREAM 65536

static const u16 ciphers[] = {ENGINE_AES_GCM_128, ENGINE_AES_GCM_256,
                              ENGINE_CHACHAPOLY};

/* Two of each: TLS 1.2 and 1.3. */
#define KEYS 6
static struct engine_key *keys[KEYS];

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "engine-fuzz: %s\n", what);
    abort();
}

static void make_keys(void)
{
    u8 secret[32], iv[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

    memset(secret, 0x5a, sizeof(secret));
    for (int i = 0; i < KEYS; i++) {
        keys[i] = malloc(sizeof(*keys[i]));
        check(keys[i] &&
                  !engine_key_init(keys[i],
                                   i & 1 ? ENGINE_TLS13 : ENGINE_TLS12,
                                   ciphers[i / 2], secret, iv),
              "key");
    }
}

/* The stream again from its start, without output up to @from. */
static void check_resync(const struct engine_key *key, const u8 *in,
                         const u8 *wire, size_t from, size_t len)
{
    struct engine_stream s;
    u8 *out = malloc(len - from + 1);

    check(out, "memory");
    engine_seek(&s, 0);
    check(!engine_encrypt(key, &s, in, NULL, from), "resync: prefix refused");
    check(!engine_encrypt(key, &s, in + from, out, len - from),
          "resync: rest refused");
    check(!memcmp(out, wire + from, len - from), "resync: other bytes");
    free(out);
}

static void check_whole(const struct engine_key *key, const u8 *in,
                        const u8 *wire, size_t len, int result)
{
    struct engine_stream s;
    u8 *out = malloc(len + 1);

    check(out, "memory");
    memcpy(out, in, len);
    engine_seek(&s, 0);
    check(engine_encrypt(key, &s, out, out, len) == result,
          "another result in one piece");
    check(result || !memcmp(out, wire, len), "other bytes in one piece");
    free(out);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static u8 in[MAX_STREAM], wire[MAX_STREAM];
    const struct engine_key *key;
    struct engine_stream s;
    size_t len = 0;
    int result = ENGINE_OK;

    if (!size)
        return 0;
    if (!keys[0])
        make_keys();
    key = keys[data[0] % KEYS];
    data++;
    size--;

    engine_seek(&s, 0);
    while (size >= 2 && !result) {
        size_t n = data[0] << 8 | data[1];

        data += 2;
        size -= 2;
        n = n < size ? n : size;
        if (n > MAX_STREAM - len)
            break;
        memcpy(in + len, data, n);
        result = engine_encrypt(key, &s, in + len, wire + len, n);
        check(s.dead == (result != ENGINE_OK), "dead or not");
        check(result || s.rec_off < (s.rec_len ? s.rec_len : 5), "offset");
        len += n;
        data += n;
        size -= n;
    }

    check_whole(key, in, wire, len, result);
    if (!result && len)
        check_resync(key, in, wire, (in[0] * 257 + in[len - 1]) % len, len);
    return 0;
}

/*
 * Random bytes are no records: write good headers, now and then a bad one, and
 * cut the result up.
 */
size_t walk_input(u8 *buf, size_t max)
{
    static u8 stream[MAX_STREAM];
    u8 flags = rnd() % KEYS;
    u32 overhead = flags & 1 ? 17 : flags / 2 == 2 ? 16 : 24;
    size_t len = 0, at = 0, used = 0;
    u32 records = 1 + rnd() % 12;

    while (records--) {
        u32 body = rnd() % 8 ? rnd() % 400 : rnd() % 17000;

        if (rnd() % 16)
            body += overhead;
        if (len + 5 + body > sizeof(stream))
            break;
        for (u32 i = 0; i < 5 + body; i++)
            stream[len + i] = rnd();
        stream[len] = rnd() % 64 ? 23 : rnd();
        stream[len + 1] = 3;
        stream[len + 2] = rnd() % 64 ? 3 : rnd();
        stream[len + 3] = body >> 8;
        stream[len + 4] = body;
        len += 5 + body;
    }
    if (len && !(rnd() % 4))
        len -= rnd() % len;

    buf[used++] = flags;
    while (at < len && used + 2 < max) {
        size_t n = 1 + rnd() % (rnd() % 2 ? 20 : 3000);

        n = n < len - at ? n : len - at;
        n = n < max - used - 2 ? n : max - used - 2;
        buf[used++] = n >> 8;
        buf[used++] = n;
        memcpy(buf + used, stream + at, n);
        used += n;
        at += n;
    }
    return used;
}

void walk_end(void)
{
    for (int i = 0; i < KEYS; i++) {
        if (keys[i])
            engine_key_wipe(keys[i]);
        free(keys[i]);
    }
}
