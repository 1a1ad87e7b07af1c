/* SPDX-License-Identifier: GPL-2.0 */
/* What the engine's tests share: random numbers, records, and the oracle. */
#ifndef LINETLS_TEST_ENGINE_H
#define LINETLS_TEST_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../kmod/engine/engine.h"

#define MAX_RECORD (5 + 8 + 16384 + 1 + 16)

/*
 * Seeded by $LINETLS_SEED or the time; printed by test_main() so that a
 * failure can be repeated.
 */
u64 rnd(void);
u32 rnd_below(u32 n);
void rnd_bytes(void *p, size_t len);

/* Plaintext lengths: the edges of blocks and records more often than chance. */
u32 rnd_payload(void);

/* What the connection was set up with, as the handshake would. */
struct secrets {
    u16 version;
    u16 cipher;
    u8 key[32];
    u8 iv[12];
};

/* Records with a part of their nonce in them: RFC 5288. */
static inline bool explicit_nonce(const struct secrets *c)
{
    return c->version == ENGINE_TLS12 && c->cipher != ENGINE_CHACHAPOLY;
}

void secrets_random(struct secrets *c, u16 version, u16 cipher);
struct engine_key *key_new(const struct secrets *c);
void key_free(struct engine_key *key);

/* A stream of records, before and after: in[] for the engine, wire[] wanted. */
struct records {
    u8 *in;
    u8 *wire;
    u32 *start; /* count + 1 offsets */
    u32 count;
    u64 first_seq;
};

/* Largest payload is @max, if not 0. */
struct records *records_new(const struct secrets *c, u32 count, u64 first_seq,
                            u32 max);
void records_free(struct records *r);

static inline u32 records_len(const struct records *r)
{
    return r->start[r->count];
}

/* Appends one record at @in and @wire; returns its length. By OpenSSL alone. */
u32 oracle_record(const struct secrets *c, u64 seq, u8 type, u32 payload,
                  u8 *in, u8 *wire);

/* Calls fn for TLS 1.2 and 1.3 with each cipher. */
void each_suite(void (*fn)(const struct secrets *c));

/* How much to do: less with sanitizers, more with $LINETLS_LONG. */
u32 scaled(u32 n);

#define test_main(tests) test_main_(tests, sizeof(tests) / sizeof((tests)[0]))
int test_main_(const struct CMUnitTest *tests, size_t n);

#endif
