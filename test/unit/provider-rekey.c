// SPDX-License-Identifier: Apache-2.0
/*
 * New keys after a KeyUpdate: derived as RFC 8446 has it, handed to the kernel,
 * and nothing sent without them. The kernel is this file: setsockopt() and
 * sendmsg() are wrapped, and records that are not data are swallowed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "uapi/linetls.h"
#include "provider.h"
#include "tls_pair.h"

#define SOL_TLS 282

static struct {
    const char *ulp; /* the one there is */
    int tx_error;    /* errno of the next TLS_TX */
    int tx_calls;
    struct tls12_crypto_info_aes_gcm_128 keys;
    int records[256]; /* by type */
    unsigned char last[8];
} kernel;

static struct {
    int sockets[2];
    SSL_CTX *server_ctx, *client_ctx;
    SSL *server, *client;
    char line[512]; /* the last of the server's key log */
    int lines;
} c;

int __real_setsockopt(int fd, int level, int name, const void *value,
    socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *value,
    socklen_t len);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

static int result(int error)
{
    errno = error;
    return error == 0 ? 0 : -1;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value,
    socklen_t len)
{
    if (level == IPPROTO_TCP && name == TCP_ULP)
        return result(len == strlen(kernel.ulp)
                    && memcmp(value, kernel.ulp, len) == 0 ? 0 : EBUSY);
    if (level != SOL_TLS)
        return __real_setsockopt(fd, level, name, value, len);
    if (name == TLS_TX && kernel.tx_error == 0) {
        kernel.tx_calls++;
        assert_int_equal(len, sizeof(kernel.keys));
        memcpy(&kernel.keys, value, len);
    }
    return result(name == TLS_TX ? kernel.tx_error : 0);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    size_t len = msg->msg_iov[0].iov_len;

    (void)fd;
    (void)flags;
    kernel.records[*CMSG_DATA(CMSG_FIRSTHDR(msg))]++;
    memcpy(kernel.last, msg->msg_iov[0].iov_base,
        len < sizeof(kernel.last) ? len : sizeof(kernel.last));
    return (ssize_t)len;
}

static int set_up(void **state)
{
    struct lt_config cfg = { 0 };

    (void)state;
    memset(&c, 0, sizeof(c));
    memset(&kernel, 0, sizeof(kernel));
    kernel.ulp = "linetls";
    lt_error_init();
    ERR_clear_error();
    if (!lt_bio_init() || !lt_hook_enable(&cfg))
        return -1;
    lt_config = cfg;
    tcp_pair(&c.sockets[0], &c.sockets[1]);
    c.server_ctx = SSL_CTX_new(TLS_server_method());
    c.client_ctx = SSL_CTX_new(TLS_client_method());
    tls_pair_certify(c.server_ctx);
    SSL_CTX_set_ciphersuites(c.server_ctx, "TLS_AES_128_GCM_SHA256");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    SSL_free(c.server);
    SSL_free(c.client);
    SSL_CTX_free(c.server_ctx);
    SSL_CTX_free(c.client_ctx);
    close(c.sockets[0]);
    close(c.sockets[1]);
    lt_hook_disable();
    return 0;
}

/* The client's writes stay in libssl: the kernel is asked for the server. */
static void handshake(void)
{
    int server = 0, client = 0;

    c.server = SSL_new(c.server_ctx);
    c.client = SSL_new(c.client_ctx);
    SSL_set_fd(c.server, c.sockets[0]);
    SSL_set_fd(c.client, c.sockets[1]);
    while (server != 1 || client != 1) {
        const char *ulp = kernel.ulp;

        kernel.ulp = "none";
        client = SSL_connect(c.client);
        kernel.ulp = ulp;
        server = SSL_accept(c.server);
        ERR_clear_error();
    }
    assert_int_equal(kernel.tx_calls, 1);
}

static void on_keylog(const SSL *ssl, const char *line)
{
    (void)ssl;
    c.lines++;
    snprintf(c.line, sizeof(c.line), "%s", line);
}

/* HKDF-Expand-Label for what fits in one block. */
static void expand(const unsigned char *secret, const char *label,
    unsigned char *out, size_t len)
{
    unsigned char info[32], block[32];
    size_t n = strlen(label);

    memset(info, 0, sizeof(info));
    info[1] = (unsigned char)len;
    info[2] = (unsigned char)(6 + n);
    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, n);
    info[9 + n] = 0;
    info[10 + n] = 1;
    assert_non_null(HMAC(EVP_sha256(), secret, 32, info, 11 + n, block, NULL));
    memcpy(out, block, len);
}

static void assert_keys_of_line(void)
{
    static const unsigned char zeros[8];
    unsigned char secret[32], key[16], iv[12];
    size_t len;

    assert_int_equal(strncmp(c.line, "SERVER_TRAFFIC_SECRET_N ", 24), 0);
    assert_int_equal(OPENSSL_hexstr2buf_ex(secret, sizeof(secret), &len,
                         strrchr(c.line, ' ') + 1, '\0'), 1);
    expand(secret, "key", key, sizeof(key));
    expand(secret, "iv", iv, sizeof(iv));
    assert_int_equal(kernel.keys.info.version, TLS_1_3_VERSION);
    assert_int_equal(kernel.keys.info.cipher_type, TLS_CIPHER_AES_GCM_128);
    assert_memory_equal(kernel.keys.key, key, 16);
    assert_memory_equal(kernel.keys.salt, iv, 4);
    assert_memory_equal(kernel.keys.iv, iv + 4, 8);
    assert_memory_equal(kernel.keys.rec_seq, zeros, 8);
}

static int update(void)
{
    SSL_key_update(c.server, SSL_KEY_UPDATE_NOT_REQUESTED);
    return SSL_do_handshake(c.server);
}

static void keys_change(void **state)
{
    int i;

    (void)state;
    SSL_CTX_set_keylog_callback(c.server_ctx, on_keylog);
    handshake();
    memset(kernel.records, 0, sizeof(kernel.records));
    for (i = 2; i < 5; i++) {
        int before = c.lines;

        assert_int_equal(update(), 1);
        assert_int_equal(kernel.tx_calls, i);
        assert_int_equal(kernel.last[0], 24);
        assert_int_equal(c.lines, before + 1);
        assert_keys_of_line();
    }
    assert_int_equal(kernel.records[22], 3);
}

static void no_key_log_of_ones_own(void **state)
{
    (void)state;
    handshake();
    assert_null(SSL_CTX_get_keylog_callback(c.server_ctx));
    assert_int_equal(update(), 1);
    assert_int_equal(kernel.tx_calls, 2);
    /* The application's, set later, wins and is heard. */
    SSL_CTX_set_keylog_callback(c.server_ctx, on_keylog);
    assert_int_equal(update(), 1);
    assert_int_equal(kernel.tx_calls, 3);
    assert_int_equal(c.lines, 1);
    assert_keys_of_line();
}

static void refused_keys_end_the_connection(void **state)
{
    (void)state;
    handshake();
    kernel.tx_error = ENOMEM;
    update();
    assert_int_equal(SSL_write(c.server, "x", 1), -1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
        LT_R_REKEY_REFUSED);
}

static void lost_keys_end_the_connection(void **state)
{
    BIO *bio;

    (void)state;
    handshake();
    bio = SSL_get_wbio(c.server);
    BIO_ctrl(bio, 74, 22, NULL);
    assert_int_equal(BIO_write(bio, "\x18\0\0\1\0", 5), 5);
    assert_int_equal(BIO_write(bio, "x", 1), -1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), LT_R_REKEY_MISSED);
}

/* The kernel's own ULP, before Linux 6.14. */
static void alert_where_keys_cannot_change(void **state)
{
    (void)state;
    if (lt_ktls_can_rekey(LT_TX_TLS))
        skip();
    kernel.ulp = "tls";
    lt_config.ulp = LT_ULP_TLS;
    handshake();
    memset(kernel.records, 0, sizeof(kernel.records));
    assert_int_not_equal(update(), 1);
    assert_int_equal(kernel.records[22], 0);
    assert_int_equal(kernel.records[21], 1);
    assert_int_equal(kernel.last[1], 80);
    assert_int_equal(SSL_write(c.server, "x", 1), -1);
}

#define STACK 65536

/* Where the callees of the last call have been. */
__attribute__((noinline, no_sanitize("address"))) static size_t count_on_stack(
    const unsigned char *what, size_t len)
{
    const unsigned char *end = __builtin_frame_address(0), *p;
    size_t found = 0;

    for (p = end - STACK; p + len < end; p++) {
        size_t i;

        for (i = 0; i < len && p[i] == what[i]; i++)
            ;
        found += i == len;
    }
    return found;
}

/* Everything that was allocated meanwhile, whether freed or not. */
static struct {
    unsigned char *at[4096];
    size_t len[4096], n;
    int on;
} heap;

static void *note(size_t len, const char *file, int line)
{
    unsigned char *p = malloc(len);

    (void)file;
    (void)line;
    if (heap.on && heap.n < 4096) {
        heap.at[heap.n] = p;
        heap.len[heap.n++] = len;
    }
    return p;
}

static void *renew(void *old, size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    return realloc(old, len);
}

/* What is looked at later stays. */
static void keep(void *p, const char *file, int line)
{
    size_t i;

    (void)file;
    (void)line;
    for (i = 0; i < heap.n; i++) {
        if (heap.at[i] == p)
            return;
    }
    free(p);
}

static size_t count_in_heap(const unsigned char *what, size_t len)
{
    size_t i, j, found = 0;

    for (i = 0; i < heap.n; i++) {
        for (j = 0; j + len <= heap.len[i]; j++)
            found += memcmp(heap.at[i] + j, what, len) == 0;
    }
    return found;
}

static void forget_heap(void)
{
    size_t i, n = heap.n;

    heap.n = 0;
    for (i = 0; i < n; i++)
        free(heap.at[i]);
}

static unsigned char secret_key[16];

__attribute__((noinline)) static void derive_and_wipe(BIO *bio)
{
    lt_bio_new_secret(bio,
        "SERVER_TRAFFIC_SECRET_N 00 "
        "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
}

__attribute__((noinline)) static void derive_and_leave(void)
{
    union lt_keys keys = { .info = { TLS_1_3_VERSION,
        TLS_CIPHER_AES_GCM_128 } };

    assert_true(lt_rekey_derive(&keys, 1,
        "SERVER_TRAFFIC_SECRET_N 00 "
        "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"));
    memcpy(secret_key, keys.bytes + lt_cipher_find(TLS_CIPHER_AES_GCM_128)->key,
        sizeof(secret_key));
}

/*
 * The key and the secret that it comes from: the kernel has got the key, and we
 * have neither any more, on the stack or in memory that libcrypto gave us.
 */
static void nothing_is_kept_of_keys(void **state)
{
    unsigned char key[16], secret[32];
    size_t len;
    BIO *bio;

    (void)state;
    assert_int_equal(OPENSSL_hexstr2buf_ex(secret, sizeof(secret), &len,
        "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
        '\0'), 1);
    /* The search finds what is not wiped. */
    derive_and_leave();
    memcpy(key, secret_key, sizeof(key));
    assert_true(count_on_stack(key, sizeof(key)) > 0);
    assert_int_equal(count_on_stack(secret, sizeof(secret)), 0);

    handshake();
    bio = SSL_get_wbio(c.server);
    BIO_ctrl(bio, 74, 22, NULL);
    assert_int_equal(BIO_write(bio, "\x18\0\0\1\0", 5), 5);
    heap.on = 1;
    derive_and_wipe(bio);
    len = count_on_stack(key, sizeof(key)) + count_on_stack(secret, 32);
    heap.on = 0;
    assert_int_equal(kernel.tx_calls, 2);
    assert_memory_equal(kernel.keys.key, key, sizeof(key));
    assert_int_equal(len, 0);
    assert_true(heap.n > 0);
    assert_int_equal(count_in_heap(key, sizeof(key)), 0);
    assert_int_equal(count_in_heap(secret, sizeof(secret)), 0);
    forget_heap();
}

/* RFC 8448 section 3 */
static void known_answer(void **state)
{
    static const char line[] = "SERVER_TRAFFIC_SECRET_N 00 "
        "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";
    static const unsigned char key[] = { 0x9f, 0x02, 0x28, 0x3b, 0x6c, 0x9c,
        0x07, 0xef, 0xc2, 0x6b, 0xb9, 0xf2, 0xac, 0x92, 0xe3, 0x56 };
    static const unsigned char iv[] = { 0xcf, 0x78, 0x2b, 0x88, 0xdd, 0x83,
        0x54, 0x9a, 0xad, 0xf1, 0xe9, 0x84 };
    union lt_keys keys = { .info = { TLS_1_3_VERSION,
        TLS_CIPHER_AES_GCM_128 } };
    struct tls12_crypto_info_aes_gcm_128 *got = (void *)&keys;

    (void)state;
    assert_true(lt_rekey_derive(&keys, 1, line));
    assert_memory_equal(got->key, key, sizeof(key));
    assert_memory_equal(got->salt, iv, 4);
    assert_memory_equal(got->iv, iv + 4, 8);
}

static void other_lines_are_ignored(void **state)
{
    static const char *const lines[] = { "", "SERVER_TRAFFIC_SECRET_",
        "SERVER_TRAFFIC_SECRET_N 00 abc", "SERVER_TRAFFIC_SECRET_N 00 xy",
        "CLIENT_TRAFFIC_SECRET_N 00 a11af9f05531f856ad47116b45a95032",
        "CLIENT_RANDOM 00 a11af9f05531f856ad47116b45a95032",
        "EXPORTER_SECRET 00 a11af9f05531f856ad47116b45a95032" };
    union lt_keys keys = { .info = { TLS_1_3_VERSION,
        TLS_CIPHER_AES_GCM_128 } };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_false(lt_rekey_derive(&keys, 1, lines[i]));
    assert_true(lt_rekey_derive(&keys, 0, lines[4]));
    keys.info.cipher_type = 0;
    assert_false(lt_rekey_derive(&keys, 0, lines[4]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_change),
        TEST(no_key_log_of_ones_own),
        TEST(refused_keys_end_the_connection),
        TEST(lost_keys_end_the_connection),
        TEST(alert_where_keys_cannot_change),
        TEST(nothing_is_kept_of_keys),
        cmocka_unit_test(known_answer),
        cmocka_unit_test(other_lines_are_ignored),
    };

    if (!CRYPTO_set_mem_functions(note, renew, keep))
        return 1;
    return cmocka_run_group_tests_name("provider-rekey", tests, NULL, NULL);
}
