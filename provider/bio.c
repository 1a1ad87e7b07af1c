// SPDX-License-Identifier: Apache-2.0
/*
 * The filter BIO between libssl and the socket BIO, in both directions; the
 * keys of the sending direction only are handed to the kernel.
 *
 * libssl talks to it by control numbers, some of which are in no public
 * header. Each of them is answered here and never passed on: the socket BIO
 * would start kTLS of its own, and from OpenSSL 3.2 on any answer but 0 to
 * SET_KTLS makes libssl send plaintext.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <linux/tls.h>

#include "uapi/linetls.h"
#include "provider.h"

#define RECORD_ALERT 21
#define RECORD_HANDSHAKE 22

#define CTRL_SET_KTLS 72             /* num: sending if not 0 */
#define CTRL_SET_KTLS_RECORD_TYPE 74 /* num: type of the next write */
#define CTRL_CLEAR_KTLS_RECORD_TYPE 75
#define CTRL_SET_KTLS_ZEROCOPY 90

enum state {
    USERSPACE, /* bytes go through as they are */
    KERNEL,    /* bytes are the payload of records */
    FAILED     /* nothing may be sent any more */
};

/*
 * The unsent rest of a write that met a full socket. OpenSSL 3.0 to 3.4
 * repeats such a write from the same address even where the application, by
 * SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, has moved the data away (OpenSSL issue
 * 21202), so the rest is sent from this copy. The address is never read.
 */
struct tail {
    const char *address;
    int len;
    char *copy; /* NULL: none */
    int sent;
};

/*
 * OpenSSL 3.2 and later, while SSL_OP_ENABLE_KTLS is set, tries the kernel for
 * each new read key as well, and when it is refused forgets what it has read
 * beyond the record that brought the new key. So it must not read further than
 * one record (RFC 8446 section 5.1) until the option is cleared again, which
 * it is as soon as the write keys were offered or the handshake is over.
 */
struct reader {
    unsigned char header[5];
    size_t have; /* of header */
    size_t left; /* of the record's body */
};

/*
 * Of a KeyUpdate that is sent: once it is out, nothing may follow before the
 * kernel has the new keys. libssl 3.2 and later offers them (SET_KTLS), older
 * ones log them.
 */
enum update { UPDATE_NONE, UPDATE_BEGUN, UPDATE_DUE };

struct filter {
    SSL *ssl;        /* not counted; NULL once it is gone */
    enum state state;
    enum lt_ulp ulp; /* who has keys of this connection; and of what kind */
    struct tls_crypto_info info;
    struct lt_socket socket;
    int settled;     /* SSL_OP_ENABLE_KTLS has done its work */
    struct reader reader;
    enum update update;
    int reason;      /* why FAILED, enum lt_reason */
    int record_type; /* of the next write; -1: application data */
    struct tail tail;
};

static BIO_METHOD *method; /* kept until the process ends */
static int method_type;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int record_layers; /* libssl is 3.2 or later */

static void drop_tail(struct tail *tail)
{
    OPENSSL_clear_free(tail->copy, tail->copy != NULL ? tail->len : 0);
    memset(tail, 0, sizeof(*tail));
}

static void keep_tail(struct tail *tail, const char *data, int len)
{
    tail->copy = OPENSSL_memdup(data, len);
    tail->address = data;
    tail->len = tail->copy != NULL ? len : 0;
    tail->sent = 0;
}

static int tail_matches(const struct tail *tail, const char *data, int len)
{
    return tail->copy != NULL && tail->address + tail->sent == data
        && tail->len - tail->sent == len;
}

static int get_fd(BIO *bio)
{
    const struct filter *f = BIO_get_data(bio);

    return f->socket.foreign ? f->socket.fd : (int)BIO_get_fd(bio, NULL);
}

static int write_next(BIO *bio, const char *data, int len)
{
    int n = BIO_write(BIO_next(bio), data, len);

    BIO_copy_next_retry(bio);
    return n;
}

/* During the handshake, after which the socket is known or nobody asks. */
static int write_watched(BIO *bio, struct filter *f, const char *data, int len)
{
    int n;

    lt_fdhint_before(&f->socket);
    n = write_next(bio, data, len);
    lt_fdhint_after(&f->socket, n);
    return n;
}

static int write_tail(BIO *bio, struct tail *tail)
{
    int n = write_next(bio, tail->copy + tail->sent, tail->len - tail->sent);

    if (n > 0)
        tail->sent += n;
    if (tail->sent == tail->len || (n <= 0 && !BIO_should_retry(bio)))
        drop_tail(tail);
    return n;
}

static int write_data(BIO *bio, struct filter *f, const char *data, int len)
{
    int n;

    if (tail_matches(&f->tail, data, len))
        return write_tail(bio, &f->tail);
    drop_tail(&f->tail);
    n = write_next(bio, data, len);
    if (n <= 0 && len > 0 && BIO_should_retry(bio))
        keep_tail(&f->tail, data, len);
    return n;
}

static void fail(struct filter *f, int reason)
{
    f->state = FAILED;
    f->reason = reason;
}

static int raise_failure(BIO *bio, struct filter *f)
{
    LT_RAISE(f->reason, "fd %d", get_fd(bio));
    return -1;
}

/* RFC 8446 section 4.6.3; libssl gives it a record of its own. */
static int is_key_update(const struct filter *f, const char *data, int len)
{
    static const char head[] = { 24, 0, 0, 1 };

    return f->record_type == RECORD_HANDSHAKE
        && f->info.version == TLS_1_3_VERSION && len == sizeof(head) + 1
        && memcmp(data, head, sizeof(head)) == 0;
}

static int can_update(const struct filter *f)
{
    return f->ssl != NULL && lt_ktls_can_rekey(f->ulp)
        && (record_layers || lt_hook_secrets(f->ssl));
}

/* Where there is no way to new keys, the peer is told under the old ones. */
static int begin_key_update(BIO *bio, struct filter *f)
{
    static const unsigned char internal_error[] = { 2, 80 };

    if (can_update(f)) {
        f->update = UPDATE_BEGUN;
        return 1;
    }
    LT_DEBUG(1, "fd %d: %s cannot change keys, connection ended",
        get_fd(bio), lt_ulp_name(f->ulp));
    lt_ktls_send_record(get_fd(bio), RECORD_ALERT,
        internal_error, sizeof(internal_error));
    fail(f, LT_R_REKEY_REFUSED);
    return 0;
}

/* The type stays until the record is out: libssl repeats what was refused. */
static int write_record(BIO *bio, struct filter *f, const char *data, int len)
{
    ssize_t n;

    if (is_key_update(f, data, len) && !begin_key_update(bio, f))
        return raise_failure(bio, f);
    n = lt_ktls_send_record(get_fd(bio),
        (unsigned char)f->record_type, data, len);
    if (n < 0 && BIO_sock_should_retry(-1)) {
        BIO_set_retry_write(bio);
    } else if (n == len) {
        f->record_type = -1;
        if (f->update == UPDATE_BEGUN)
            f->update = UPDATE_DUE;
    }
    return (int)n;
}

/* libssl may keep its keys without asking, for a cipher or an option. */
static void check_required(BIO *bio, struct filter *f)
{
    if (lt_config.offload != LT_OFFLOAD_REQUIRE || f->state != USERSPACE
        || f->ssl == NULL || !lt_ssl.SSL_is_init_finished(f->ssl))
        return;
    LT_DEBUG(1, "fd %d: refused: libssl did not offer its keys",
        get_fd(bio));
    fail(f, LT_R_NOT_OFFLOADED);
}

static void settle(struct filter *f)
{
    f->settled = 1;
    if (f->ssl != NULL)
        lt_ssl.SSL_clear_options(f->ssl, SSL_OP_ENABLE_KTLS);
}

static int is_settled(struct filter *f)
{
    if (!f->settled && f->ssl != NULL && lt_ssl.SSL_is_init_finished(f->ssl))
        settle(f);
    return f->settled;
}

static int filter_write(BIO *bio, const char *data, int len)
{
    struct filter *f = BIO_get_data(bio);

    if (f == NULL || BIO_next(bio) == NULL)
        return 0;
    BIO_clear_retry_flags(bio);
    check_required(bio, f);
    if (f->update == UPDATE_DUE)
        fail(f, LT_R_REKEY_MISSED);
    switch (f->state) {
    case USERSPACE:
        return write_watched(bio, f, data, len);
    case KERNEL:
        return f->record_type < 0 ? write_data(bio, f, data, len)
                                  : write_record(bio, f, data, len);
    default:
        return raise_failure(bio, f);
    }
}

/* How much may be read of the record that is at hand. */
static int within_record(const struct reader *r, int len)
{
    size_t most
        = r->have < sizeof(r->header) ? sizeof(r->header) - r->have : r->left;

    return (size_t)len > most ? (int)most : len;
}

static void follow_record(struct reader *r, const char *data, int n)
{
    if (n <= 0)
        return;
    if (r->have < sizeof(r->header)) {
        memcpy(r->header + r->have, data, (size_t)n);
        r->have += (size_t)n;
        r->left = (size_t)r->header[3] << 8 | r->header[4];
    } else {
        r->left -= (size_t)n;
    }
    if (r->have == sizeof(r->header) && r->left == 0)
        r->have = 0;
}

static int filter_read(BIO *bio, char *data, int len)
{
    struct filter *f = BIO_get_data(bio);
    int n, bounded;

    if (f == NULL || BIO_next(bio) == NULL)
        return 0;
    bounded = record_layers && !is_settled(f);
    if (bounded)
        len = within_record(&f->reader, len);
    lt_fdhint_before(&f->socket);
    n = BIO_read(BIO_next(bio), data, len);
    lt_fdhint_after(&f->socket, 0);
    if (bounded)
        follow_record(&f->reader, data, n);
    BIO_clear_retry_flags(bio);
    BIO_copy_next_retry(bio);
    return n;
}

static int filter_puts(BIO *bio, const char *text)
{
    return filter_write(bio, text, (int)strlen(text));
}

static int filter_gets(BIO *bio, char *buf, int size)
{
    return BIO_next(bio) == NULL ? 0 : BIO_gets(BIO_next(bio), buf, size);
}

static void report(int fd, const struct tls_crypto_info *info, enum lt_ulp ulp)
{
    struct linetls_tx_status status;

    if (lt_debug == 0)
        return;
    if (ulp == LT_TX_LINETLS && lt_ktls_status(fd, &status))
        lt_print("fd %d: offloaded by linetls, version %#x, cipher %u, "
                 "path %u, reason %u, ifindex %u",
            fd, info->version, info->cipher_type, status.path, status.reason,
            status.ifindex);
    else
        lt_print("fd %d: offloaded by %s, version %#x, cipher %u", fd,
            lt_ulp_name(ulp), info->version, info->cipher_type);
}

static struct lt_ktls_result hand_over(const struct filter *f, int fd,
    const struct tls_crypto_info *info)
{
    static const struct lt_ktls_result unproven
        = { LT_TX_USERSPACE, "the application's BIO hides its socket", 0 };

    return lt_fdhint_proven(&f->socket) ? lt_ktls_start(fd, info) : unproven;
}

static void report_refusal(int fd, const struct lt_ktls_result *r)
{
    LT_DEBUG(1, "fd %d: userspace TLS: %s%s%s", fd, r->step,
        r->error != 0 ? ": " : "", r->error != 0 ? strerror(r->error) : "");
}

/*
 * What will be so for every connection is said once without being asked: it is
 * the installation that is wrong.
 */
static void report_installation(const struct lt_ktls_result *r)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;

    if ((r->error != ENOENT && r->error != EPERM && r->error != EACCES)
        || atomic_flag_test_and_set(&said))
        return;
    if (r->error == ENOENT)
        lt_print("no connection is offloaded: %s, try \"modprobe %s\"",
            r->step, lt_config.ulp == LT_ULP_TLS ? "tls" : "linetls");
    else
        lt_print("no connection is offloaded: %s: %s", r->step,
            strerror(r->error));
}

static long start_sending(BIO *bio, struct filter *f,
    const struct tls_crypto_info *info)
{
    int fd = get_fd(bio);
    struct lt_ktls_result result = hand_over(f, fd, info);

    settle(f);
    lt_status_count(result.ulp);
    if (result.ulp == LT_TX_USERSPACE) {
        report_installation(&result);
        report_refusal(fd, &result);
        if (lt_config.offload == LT_OFFLOAD_REQUIRE)
            fail(f, LT_R_NOT_OFFLOADED);
        return 0;
    }
    f->socket.learning = 0;
    f->state = KERNEL;
    f->ulp = result.ulp;
    f->info = *info;
    f->record_type = -1;
    report(fd, info, result.ulp);
    return 1;
}

/*
 * A refusal must not be followed by anything that libssl encrypted itself:
 * the kernel would encrypt it once more.
 */
static long change_keys(BIO *bio, struct filter *f,
    const struct tls_crypto_info *info)
{
    int fd = get_fd(bio);

    f->update = UPDATE_NONE;
    if (lt_ktls_rekey(fd, info)) {
        LT_DEBUG(2, "fd %d: new keys", fd);
        return 1;
    }
    LT_DEBUG(1, "fd %d: new keys refused: %s", fd, strerror(errno));
    fail(f, LT_R_REKEY_REFUSED);
    return 0;
}

/*
 * The kernel cannot go through a second handshake of TLS 1.2. OpenSSL 3.0
 * forbids it itself, 3.2 and later only if the kernel receives as well.
 */
static long set_ktls(BIO *bio, struct filter *f, long sending,
    const struct tls_crypto_info *info)
{
    if (!sending || info == NULL || f->state == FAILED)
        return 0;
    if (f->state == KERNEL)
        return change_keys(bio, f, info);
    if (!start_sending(bio, f, info))
        return 0;
    if (info->version == TLS_1_2_VERSION && f->ssl != NULL)
        lt_ssl.SSL_set_options(f->ssl, SSL_OP_NO_RENEGOTIATION);
    return 1;
}

static void reset(struct filter *f)
{
    f->state = USERSPACE;
    f->ulp = LT_TX_USERSPACE;
    f->update = UPDATE_NONE;
    f->record_type = -1;
    f->socket.spoilt = f->socket.foreign;
    f->settled = 0;
    memset(&f->reader, 0, sizeof(f->reader));
    drop_tail(&f->tail);
}

static long filter_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    struct filter *f = BIO_get_data(bio);
    BIO *next = BIO_next(bio);
    long ret;

    if (f == NULL || next == NULL)
        return 0;
    switch (cmd) {
    case CTRL_SET_KTLS:
        return set_ktls(bio, f, num, ptr);
    case BIO_CTRL_GET_KTLS_SEND:
        /*
         * Also after a failure: OpenSSL 3.0 asks again before each write, and
         * its write buffer is the application's memory once it heard yes.
         */
        return f->ulp != LT_TX_USERSPACE;
    case CTRL_SET_KTLS_RECORD_TYPE:
        f->record_type = (int)num;
        return 0;
    case CTRL_CLEAR_KTLS_RECORD_TYPE:
        f->record_type = -1;
        return 0;
    case BIO_CTRL_GET_KTLS_RECV:
    case CTRL_SET_KTLS_ZEROCOPY:
        return 0;
    case BIO_CTRL_DUP:
        return 1;
    case BIO_C_SET_FD:
        reset(f);
        return BIO_ctrl(next, cmd, num, ptr);
    case BIO_C_DO_STATE_MACHINE:
        BIO_clear_retry_flags(bio);
        ret = BIO_ctrl(next, cmd, num, ptr);
        BIO_copy_next_retry(bio);
        return ret;
    default:
        return BIO_ctrl(next, cmd, num, ptr);
    }
}

static long filter_callback_ctrl(BIO *bio, int cmd, BIO_info_cb *cb)
{
    BIO *next = BIO_next(bio);

    return next == NULL ? 0 : BIO_callback_ctrl(next, cmd, cb);
}

static int filter_create(BIO *bio)
{
    struct filter *f = OPENSSL_zalloc(sizeof(*f));

    if (f == NULL)
        return 0;
    f->record_type = -1;
    BIO_set_data(bio, f);
    BIO_set_init(bio, 1);
    return 1;
}

/* The application may keep the BIO below: it must not point back to us. */
static int filter_destroy(BIO *bio)
{
    struct filter *f = BIO_get_data(bio);

    if (f != NULL) {
        if (f->ssl != NULL)
            (void)lt_hook_tell_end(f->ssl, NULL);
        drop_tail(&f->tail);
    }
    OPENSSL_free(f);
    BIO_set_data(bio, NULL);
    BIO_pop(bio);
    return 1;
}

static void make_method(void)
{
    int index = BIO_get_new_index();
    BIO_METHOD *m;

    if (index < 0)
        return;
    record_layers = OpenSSL_version_num() >= 0x30200000L;
    method_type = index | BIO_TYPE_FILTER;
    m = BIO_meth_new(method_type, "linetls");
    if (m == NULL)
        return;
    if (BIO_meth_set_write(m, filter_write) && BIO_meth_set_read(m, filter_read)
        && BIO_meth_set_puts(m, filter_puts)
        && BIO_meth_set_gets(m, filter_gets)
        && BIO_meth_set_ctrl(m, filter_ctrl)
        && BIO_meth_set_callback_ctrl(m, filter_callback_ctrl)
        && BIO_meth_set_create(m, filter_create)
        && BIO_meth_set_destroy(m, filter_destroy))
        method = m;
    else
        BIO_meth_free(m);
}

int lt_bio_init(void)
{
    return CRYPTO_THREAD_run_once(&once, make_method) && method != NULL;
}

int lt_bio_is_filter(const BIO *bio)
{
    return bio != NULL && BIO_method_type(bio) == method_type;
}

BIO *lt_bio_new(SSL *ssl, const struct lt_socket *socket)
{
    BIO *bio = BIO_new(method);
    struct filter *f;

    if (bio == NULL)
        return NULL;
    f = BIO_get_data(bio);
    f->ssl = ssl;
    if (socket != NULL)
        f->socket = *socket;
    return bio;
}

int lt_bio_wants_keys(const BIO *bio)
{
    const struct filter *f = BIO_get_data((BIO *)bio);

    return !f->settled;
}

void lt_bio_new_secret(BIO *bio, const char *line)
{
    struct filter *f = BIO_get_data(bio);
    union lt_keys keys = { .info = f->info };

    if (f->state != KERNEL || f->update != UPDATE_DUE)
        return;
    if (lt_rekey_derive(&keys, lt_ssl.SSL_is_server(f->ssl), line))
        (void)change_keys(bio, f, &keys.info);
    OPENSSL_cleanse(&keys, sizeof(keys));
}

void lt_bio_forget(BIO *bio, const SSL *ssl)
{
    struct filter *f = BIO_get_data(bio);

    if (f->ssl == ssl)
        f->ssl = NULL;
}

/* A BIO can be handed from one SSL to another. */
static void belong_to(BIO *bio, struct filter *f, SSL *ssl)
{
    if (f->ssl == ssl)
        return;
    if (f->ssl != NULL)
        (void)lt_hook_tell_end(f->ssl, NULL);
    f->ssl = lt_hook_tell_end(ssl, bio) ? ssl : NULL;
}

void lt_bio_restart(BIO *bio, SSL *ssl)
{
    struct filter *f = BIO_get_data(bio);

    belong_to(bio, f, ssl);
    if (f->state == KERNEL)
        fail(f, LT_R_REUSED);
    f->ulp = LT_TX_USERSPACE;
    f->settled = 0;
    memset(&f->reader, 0, sizeof(f->reader));
}
