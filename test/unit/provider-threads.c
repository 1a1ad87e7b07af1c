// SPDX-License-Identifier: Apache-2.0
/*
 * Connections in many threads that share their SSL_CTXs, as those of a server
 * do, with new keys, while another thread reads the counters and providers come
 * and go. The build with the thread sanitizer is the one that tells.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/params.h>

#include "fake_kernel.h"
#include "provider.h"
#include "tls_pair.h"

#define THREADS 6
#define CONNECTIONS 8

static struct tls_pair shared[2]; /* by version: 1.2, 1.3 */
static int enough;

static int one_connection(struct tls_pair *p, int tls13)
{
    int ok;

    tls_pair_connect(p);
    fake_kernel_forget(p->server.fd);
    fake_kernel_forget(p->client.fd);
    ok = tls_pair_handshake(p) && tls_transfer(&p->server, &p->client, 20000);
    if (ok && tls13)
        ok = SSL_key_update(p->server.ssl, SSL_KEY_UPDATE_REQUESTED)
            && SSL_do_handshake(p->server.ssl) == 1
            && tls_transfer(&p->server, &p->client, 20000)
            && tls_transfer(&p->client, &p->server, 20000);
    ok = ok && tls_pair_close(p);
    tls_pair_disconnect(p);
    return ok;
}

static void *talk(void *arg)
{
    int *good = arg, i;

    for (i = 0; i < CONNECTIONS; i++) {
        struct tls_pair p = shared[i % 2];

        *good += one_connection(&p, i % 2);
    }
    return NULL;
}

static void *look(void *arg)
{
    struct lt_config cfg = { 0 };
    uint64_t *seen = arg;

    while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
        OSSL_PARAM params[]
            = { OSSL_PARAM_uint64("connections-linetls", seen),
                  OSSL_PARAM_END };

        lt_status_get(params);
        if (lt_hook_enable(&cfg))
            lt_hook_disable();
    }
    return NULL;
}

static uint64_t offloaded(void)
{
    uint64_t n = 0;
    OSSL_PARAM params[]
        = { OSSL_PARAM_uint64("connections-linetls", &n), OSSL_PARAM_END };

    lt_status_get(params);
    return n;
}

static void threads_share_contexts(void **state)
{
    struct lt_config cfg = { 0 };
    pthread_t threads[THREADS], looker;
    int good[THREADS] = { 0 }, i;
    uint64_t seen = 0, before = offloaded();

    (void)state;
    fake_kernel_reset();
    lt_error_init();
    assert_true(lt_bio_init() && lt_hook_enable(&cfg));
    tls_pair_contexts(&shared[0], TLS1_2_VERSION);
    tls_pair_contexts(&shared[1], TLS1_3_VERSION);
    assert_int_equal(pthread_create(&looker, NULL, look, &seen), 0);
    for (i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, talk, &good[i]), 0);
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(good[i], CONNECTIONS);
    }
    __atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
    pthread_join(looker, NULL);
    assert_int_equal(offloaded() - before, 2 * THREADS * CONNECTIONS);
    assert_true(seen <= offloaded());
    tls_pair_free(&shared[0]);
    tls_pair_free(&shared[1]);
    lt_hook_disable();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_contexts),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("provider-threads", tests, NULL, NULL);
}
