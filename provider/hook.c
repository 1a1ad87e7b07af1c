// SPDX-License-Identifier: Apache-2.0
/*
 * How the filter gets under a connection.
 *
 * libcrypto calls new_ctx() for each SSL_CTX that libssl makes, and there the
 * security callback is wrapped. The handshake asks it about SSL_SECOP_VERSION
 * at its very start: the SSL is complete then, and libssl has not yet pushed
 * the handshake buffer on the chain.
 *
 * SSL_OP_ENABLE_KTLS, without which libssl never offers its keys, is set
 *  - on the SSL, when it gets the filter;
 *  - on the SSL_CTX, when it loads a certificate: an application that changes
 *    the SSL_CTX in its SNI callback may clear the options that the new one
 *    lacks (nginx).
 * A connection without the filter must not use kTLS of BIO_s_socket because of
 * the latter, and gets the option cleared again, unless the application had
 * set it before us.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "provider.h"

typedef int security_cb(const SSL *, const SSL_CTX *, int, int, int, void *,
    void *);

struct ctx_hook {
    security_cb *next;  /* the callback that was there before ours */
    atomic_int armed;   /* SSL_OP_ENABLE_KTLS is ours */
    _Atomic(SSL_CTX_keylog_cb_func) keylog; /* as next, see on_keylog() */
};

static pthread_mutex_t enable_lock = PTHREAD_MUTEX_INITIALIZER;
static int ex_index = -1;        /* kept until the process ends */
static int ssl_index = -1;       /* likewise; of the filter, in an SSL */
static int configured;
static atomic_int users;         /* loaded instances of the provider */
static struct ctx_hook orphan_hook; /* for SSL_CTXs that we did not see */
static const char *socket_name;  /* the method name of BIO_s_socket() */

/*
 * The name's address, not its text: a BIO that borrows the methods of
 * BIO_s_socket() under the same name is another BIO.
 */
static int is_plain_socket(const BIO *bio)
{
    return BIO_method_type(bio) == BIO_TYPE_SOCKET
        && BIO_method_name(bio) == socket_name;
}

static const char *refuse_chain(const SSL *ssl, struct lt_socket *socket)
{
    BIO *bio = lt_ssl.SSL_get_wbio(ssl);

    memset(socket, 0, sizeof(*socket));
    if (bio != lt_ssl.SSL_get_rbio(ssl))
        return "separate BIOs for reading and writing";
    if (BIO_next(bio) != NULL)
        return "another BIO is in between";
    if (!is_plain_socket(bio))
        return lt_fdhint_start(socket, bio) ? NULL : "the BIO has no socket";
    if (!lt_fdhint_is_tcp((int)BIO_get_fd(bio, NULL)))
        return "the socket is not TCP";
    return NULL;
}

/* SSL_set0_*bio() take one reference each and drop those of the old BIO. */
static int insert_filter(SSL *ssl, const struct lt_socket *socket)
{
    BIO *bio = lt_ssl.SSL_get_wbio(ssl);
    BIO *filter = lt_bio_new(ssl, socket->foreign ? socket : NULL);

    if (filter == NULL)
        return 0;
    if (!lt_hook_tell_end(ssl, filter) || !BIO_up_ref(bio)) {
        BIO_free(filter);
        return 0;
    }
    BIO_push(filter, bio);
    if (!BIO_up_ref(filter)) {
        BIO_free_all(filter);
        return 0;
    }
    lt_ssl.SSL_set0_rbio(ssl, filter);
    lt_ssl.SSL_set0_wbio(ssl, filter);
    return 1;
}

/*
 * Neither DTLS nor QUIC. Of QUIC nothing else may be asked: its object is
 * locked while it calls us, and most functions would wait for that lock.
 */
static int is_tls(const SSL *ssl)
{
    return (lt_ssl.SSL_version(ssl) >> 8) == SSL3_VERSION_MAJOR;
}

/* Returns 0 if the connection must not go on. */
static int start_handshake(SSL *ssl)
{
    BIO *bio = lt_ssl.SSL_get_wbio(ssl);
    struct lt_socket socket;
    const char *refusal;

    if (!lt_ssl.SSL_in_before(ssl))
        return 1;
    if (lt_bio_is_filter(bio)) {
        lt_bio_restart(bio, ssl);
        return 1;
    }
    refusal = refuse_chain(ssl, &socket);
    if (refusal == NULL && !insert_filter(ssl, &socket))
        refusal = "out of memory";
    if (refusal == NULL)
        return 1;
    LT_DEBUG(1, "userspace TLS: %s", refusal);
    lt_status_count(LT_TX_USERSPACE);
    if (lt_config.offload != LT_OFFLOAD_REQUIRE)
        return 1;
    LT_RAISE(LT_R_NOT_OFFLOADED, "%s", refusal);
    return 0;
}

/* Options may have changed since the last call, see the top of the file. */
static void keep_option(SSL *ssl, const struct ctx_hook *hook)
{
    int set = (lt_ssl.SSL_get_options(ssl) & SSL_OP_ENABLE_KTLS) != 0;
    BIO *bio = lt_ssl.SSL_get_wbio(ssl);

    if (lt_bio_is_filter(bio)) {
        if (!set && lt_bio_wants_keys(bio))
            lt_ssl.SSL_set_options(ssl, SSL_OP_ENABLE_KTLS);
    } else if (set && atomic_load(&hook->armed)) {
        lt_ssl.SSL_clear_options(ssl, SSL_OP_ENABLE_KTLS);
    }
}

static void arm_ctx(SSL_CTX *ctx, struct ctx_hook *hook)
{
    if (atomic_load(&hook->armed)
        || (lt_ssl.SSL_CTX_get_options(ctx) & SSL_OP_ENABLE_KTLS) != 0)
        return;
    lt_ssl.SSL_CTX_set_options(ctx, SSL_OP_ENABLE_KTLS);
    atomic_store(&hook->armed, 1);
}

/*
 * An application may carry our callback to an SSL_CTX that is older than the
 * provider. The callback before ours has always been libssl's default so far.
 */
static struct ctx_hook *find_hook(const SSL_CTX *ctx)
{
    struct ctx_hook *hook = lt_ssl.SSL_CTX_get_ex_data(ctx, ex_index);

    return hook != NULL ? hook : &orphan_hook;
}

/*
 * The key log costs libssl some work for each secret of each handshake, so it
 * is asked for where a KeyUpdate was seen only.
 */
static void on_keylog(const SSL *ssl, const char *line)
{
    BIO *bio = is_tls(ssl) ? lt_ssl.SSL_get_wbio(ssl) : NULL;
    SSL_CTX_keylog_cb_func next
        = atomic_load(&find_hook(lt_ssl.SSL_get_SSL_CTX(ssl))->keylog);

    if (next != NULL)
        next(ssl, line);
    if (lt_bio_is_filter(bio))
        lt_bio_new_secret(bio, line);
}

/* An SSL_CTX without a hook has no place for the application's callback. */
int lt_hook_secrets(SSL *ssl)
{
    SSL_CTX *ctx = lt_ssl.SSL_get_SSL_CTX(ssl);
    struct ctx_hook *hook = find_hook(ctx);
    SSL_CTX_keylog_cb_func old;
    int ok = 1;

    pthread_mutex_lock(&enable_lock);
    old = lt_ssl.SSL_CTX_get_keylog_callback(ctx);
    if (old != on_keylog) {
        ok = hook != &orphan_hook || old == NULL;
        if (ok) {
            atomic_store(&hook->keylog, old);
            lt_ssl.SSL_CTX_set_keylog_callback(ctx, on_keylog);
        }
    }
    pthread_mutex_unlock(&enable_lock);
    return ok;
}

static int on_security(const SSL *ssl, const SSL_CTX *ctx, int op, int bits,
    int nid, void *other, void *ex)
{
    const SSL_CTX *owner = ssl != NULL ? lt_ssl.SSL_get_SSL_CTX(ssl) : ctx;
    struct ctx_hook *hook = find_hook(owner);
    int ok = 1;

    if (atomic_load(&users) > 0) {
        if (ssl == NULL) {
            if (hook != &orphan_hook)
                arm_ctx((SSL_CTX *)ctx, hook);
        } else if (is_tls(ssl) && lt_ssl.SSL_get_wbio(ssl) != NULL) {
            if (op == SSL_SECOP_VERSION)
                ok = start_handshake((SSL *)ssl);
            keep_option((SSL *)ssl, hook);
        }
    }
    return ok && hook->next(ssl, ctx, op, bits, nid, other, ex);
}

static void new_ctx(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index,
    long argl, void *argp)
{
    SSL_CTX *ctx = parent;
    struct ctx_hook *hook;

    (void)ptr;
    (void)argl;
    (void)argp;
    if (atomic_load(&users) == 0 || !lt_libssl_resolve())
        return;
    hook = OPENSSL_zalloc(sizeof(*hook));
    if (hook == NULL)
        return;
    hook->next = lt_ssl.SSL_CTX_get_security_callback(ctx);
    if (hook->next == NULL || !CRYPTO_set_ex_data(ad, index, hook)) {
        OPENSSL_free(hook);
        return;
    }
    orphan_hook.next = hook->next;
    lt_ssl.SSL_CTX_set_security_callback(ctx, on_security);
}

static void free_ctx(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index,
    long argl, void *argp)
{
    (void)parent;
    (void)ad;
    (void)index;
    (void)argl;
    (void)argp;
    OPENSSL_free(ptr);
}

int lt_hook_tell_end(SSL *ssl, BIO *filter)
{
    return lt_ssl.SSL_set_ex_data(ssl, ssl_index, filter);
}

/* A duplicate has BIOs of its own, or none. */
static int dup_ssl(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **ptr,
    int index, long argl, void *argp)
{
    (void)to;
    (void)from;
    (void)index;
    (void)argl;
    (void)argp;
    *ptr = NULL;
    return 1;
}

/* From OpenSSL 3.2 on its BIOs are gone already: ptr is one that lives on. */
static void free_ssl(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index,
    long argl, void *argp)
{
    (void)ad;
    (void)index;
    (void)argl;
    (void)argp;
    if (ptr != NULL)
        lt_bio_forget(ptr, parent);
}

/* Called with enable_lock held. */
static int prepare(void)
{
    BIO *probe;

    if (ex_index >= 0)
        return 1;
    probe = BIO_new(BIO_s_socket());
    if (probe == NULL)
        return 0;
    socket_name = BIO_method_name(probe);
    BIO_free(probe);
    if (ssl_index < 0)
        ssl_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, NULL, NULL,
            dup_ssl, free_ssl);
    if (ssl_index >= 0)
        ex_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, NULL,
            new_ctx, NULL, free_ctx);
    return ex_index >= 0;
}

int lt_hook_enable(const struct lt_config *cfg)
{
    int ok;

    pthread_mutex_lock(&enable_lock);
    if (!configured) {
        lt_config = *cfg;
        configured = 1;
    }
    ok = lt_config.offload == LT_OFFLOAD_OFF || prepare();
    if (ok && lt_config.offload != LT_OFFLOAD_OFF)
        atomic_fetch_add(&users, 1);
    pthread_mutex_unlock(&enable_lock);
    return ok;
}

void lt_hook_disable(void)
{
    pthread_mutex_lock(&enable_lock);
    if (lt_config.offload != LT_OFFLOAD_OFF)
        atomic_fetch_sub(&users, 1);
    pthread_mutex_unlock(&enable_lock);
}
