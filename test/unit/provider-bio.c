// SPDX-License-Identifier: Apache-2.0
/*
 * What libssl may expect of the filter BIO. The kernel is this file: the
 * socket is a socketpair, setsockopt() and sendmsg() are wrapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "uapi/linetls.h"
#include "provider.h"

#define SET_KTLS 72
#define SET_RECORD_TYPE 74
#define CLEAR_RECORD_TYPE 75
#define SET_ZEROCOPY 90
#define SOL_TLS 282

/* The kernel: which ULPs it has, and what it was told. */
static struct {
    int has_linetls, has_tls;
    /* errno of the next call */
    int ulp_error, mode_error, handover_error, tx_error;
    int ulps_asked, tx_calls;
    char attached[16];
    int mode, handover;
    socklen_t tx_len;
    unsigned char tx_info[64];
    int sendmsg_error;
    size_t sendmsg_most;
    int record_type;
    unsigned char record[256];
    size_t record_len;
} kernel;

static int sockets[2];
static BIO *bio;

int __wrap_setsockopt(int fd, int level, int name, const void *value,
    socklen_t len);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

static int result(int error)
{
    errno = error;
    return error == 0 ? 0 : -1;
}

static int attach(const char *name, socklen_t len)
{
    int there = (len == 7 && memcmp(name, "linetls", 7) == 0)
        ? kernel.has_linetls
        : (len == 3 && memcmp(name, "tls", 3) == 0) && kernel.has_tls;

    kernel.ulps_asked++;
    if (!there)
        return result(ENOENT);
    if (kernel.ulp_error != 0)
        return result(kernel.ulp_error);
    memcpy(kernel.attached, name, len);
    kernel.attached[len] = '\0';
    return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value,
    socklen_t len)
{
    assert_int_equal(fd, sockets[0]);
    if (level == IPPROTO_TCP && name == TCP_ULP)
        return attach(value, len);
    assert_int_equal(level, SOL_TLS);
    if (name == LINETLS_TX_MODE) {
        assert_int_equal(len, sizeof(int));
        kernel.mode = *(const int *)value;
        return result(kernel.mode_error);
    }
    if (name == LINETLS_TX_HANDOVER) {
        assert_int_equal(len, sizeof(int));
        kernel.handover = *(const int *)value;
        return result(kernel.handover_error);
    }
    assert_int_equal(name, TLS_TX);
    assert_true(len <= sizeof(kernel.tx_info));
    kernel.tx_calls++;
    kernel.tx_len = len;
    memcpy(kernel.tx_info, value, len);
    return result(kernel.tx_error);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
    size_t len = msg->msg_iov[0].iov_len;

    assert_int_equal(fd, sockets[0]);
    assert_int_equal(flags, 0);
    assert_int_equal(msg->msg_iovlen, 1);
    assert_non_null(cmsg);
    assert_int_equal(cmsg->cmsg_level, SOL_TLS);
    assert_int_equal(cmsg->cmsg_type, TLS_SET_RECORD_TYPE);
    assert_int_equal(cmsg->cmsg_len, CMSG_LEN(1));
    kernel.record_type = *CMSG_DATA(cmsg);
    if (kernel.sendmsg_error != 0) {
        errno = kernel.sendmsg_error;
        return -1;
    }
    if (kernel.sendmsg_most != 0 && len > kernel.sendmsg_most)
        len = kernel.sendmsg_most;
    assert_true(len <= sizeof(kernel.record));
    memcpy(kernel.record, msg->msg_iov[0].iov_base, len);
    kernel.record_len = len;
    return (ssize_t)len;
}

static union {
    struct tls_crypto_info info;
    struct tls12_crypto_info_aes_gcm_128 gcm128;
    struct tls12_crypto_info_aes_gcm_256 gcm256;
    struct tls12_crypto_info_chacha20_poly1305 chacha;
    unsigned char bytes[64];
} keys;

static void *keys_for(int cipher)
{
    memset(&keys, 0x5a, sizeof(keys));
    keys.info.version = TLS_1_3_VERSION;
    keys.info.cipher_type = cipher;
    return &keys;
}

static long hand_over(void)
{
    return BIO_ctrl(bio, SET_KTLS, 1, keys_for(TLS_CIPHER_AES_GCM_128));
}

static long hand_over_tls12(void)
{
    keys_for(TLS_CIPHER_AES_GCM_128);
    keys.info.version = TLS_1_2_VERSION;
    return BIO_ctrl(bio, SET_KTLS, 1, &keys);
}

static void assert_received(const char *text)
{
    char buf[64] = "";
    ssize_t n = read(sockets[1], buf, sizeof(buf) - 1);

    assert_int_equal(n, strlen(text));
    assert_string_equal(buf, text);
}

static int set_up(void **state)
{
    int flags;

    (void)state;
    memset(&kernel, 0, sizeof(kernel));
    memset(&lt_config, 0, sizeof(lt_config));
    kernel.has_linetls = kernel.has_tls = 1;
    kernel.mode = kernel.handover = kernel.record_type = -1;
    lt_error_init();
    ERR_clear_error();
    if (!lt_bio_init()
        || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets) != 0)
        return -1;
    flags = fcntl(sockets[1], F_GETFL);
    fcntl(sockets[1], F_SETFL, flags & ~O_NONBLOCK);
    bio = BIO_push(lt_bio_new(NULL, NULL),
        BIO_new_socket(sockets[0], BIO_CLOSE));
    return bio == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    BIO_free_all(bio);
    close(sockets[1]);
    return 0;
}

static void passes_bytes_before_hand_over(void **state)
{
    char buf[8];

    (void)state;
    assert_int_equal(BIO_write(bio, "hello", 5), 5);
    assert_received("hello");
    assert_int_equal(BIO_read(bio, buf, sizeof(buf)), -1);
    assert_true(BIO_should_read(bio));
    assert_int_equal(write(sockets[1], "abc", 3), 3);
    assert_int_equal(BIO_read(bio, buf, sizeof(buf)), 3);
    assert_memory_equal(buf, "abc", 3);
    assert_false(BIO_should_retry(bio));
}

static void answers_controls(void **state)
{
    (void)state;
    assert_int_equal(BIO_ctrl(bio, BIO_CTRL_GET_KTLS_SEND, 0, NULL), 0);
    assert_int_equal(BIO_ctrl(bio, BIO_CTRL_GET_KTLS_RECV, 0, NULL), 0);
    assert_int_equal(BIO_ctrl(bio, SET_ZEROCOPY, 0, NULL), 0);
    assert_true(BIO_flush(bio) > 0);
    assert_int_equal(BIO_get_fd(bio, NULL), sockets[0]);
    assert_non_null(BIO_find_type(bio, BIO_TYPE_DESCRIPTOR));
    assert_int_equal(BIO_ctrl(bio, 12345, 0, NULL), 0);
    assert_int_equal(hand_over(), 1);
    assert_int_equal(BIO_ctrl(bio, BIO_CTRL_GET_KTLS_SEND, 0, NULL), 1);
    assert_int_equal(BIO_ctrl(bio, BIO_CTRL_GET_KTLS_RECV, 0, NULL), 0);
    assert_int_equal(BIO_ctrl(bio, SET_ZEROCOPY, 0, NULL), 0);
    assert_true(BIO_flush(bio) > 0);
}

/* No kTLS flag may stick to the socket BIO: it would act on it. */
static void socket_bio_learns_nothing(void **state)
{
    BIO *next = BIO_next(bio);

    (void)state;
    assert_int_equal(hand_over(), 1);
    BIO_ctrl(bio, SET_RECORD_TYPE, 21, NULL);
    assert_int_equal(BIO_get_ktls_send(next), 0);
    assert_int_equal(BIO_write(next, "x", 1), 1);
    assert_received("x");
    assert_int_equal(kernel.record_type, -1);
}

static void receiving_is_refused(void **state)
{
    (void)state;
    assert_int_equal(
        BIO_ctrl(bio, SET_KTLS, 0, keys_for(TLS_CIPHER_AES_GCM_128)), 0);
    assert_int_equal(kernel.ulps_asked, 0);
}

/* The direction is 2 in OpenSSL 3.0, and 1 in 3.2 and later. */
static void both_numbers_mean_sending(void **state)
{
    (void)state;
    assert_int_equal(
        BIO_ctrl(bio, SET_KTLS, 2, keys_for(TLS_CIPHER_AES_GCM_128)), 1);
    assert_string_equal(kernel.attached, "linetls");
    assert_int_equal(kernel.mode, LINETLS_TX_MODE_PREFER);
    assert_int_equal(kernel.handover, -1);
}

static void length_follows_the_cipher(void **state)
{
    static const struct {
        int cipher;
        socklen_t len;
    } ciphers[] = {
        { TLS_CIPHER_AES_GCM_128, sizeof(keys.gcm128) },
        { TLS_CIPHER_AES_GCM_256, sizeof(keys.gcm256) },
        { TLS_CIPHER_CHACHA20_POLY1305, sizeof(keys.chacha) },
    };
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        assert_int_equal(
            BIO_ctrl(bio, SET_KTLS, 1, keys_for(ciphers[i].cipher)), 1);
        assert_int_equal(kernel.tx_len, ciphers[i].len);
        assert_memory_equal(kernel.tx_info, &keys, ciphers[i].len);
    }
}

static void other_ciphers_are_refused(void **state)
{
    (void)state;
    assert_int_equal(
        BIO_ctrl(bio, SET_KTLS, 1, keys_for(TLS_CIPHER_SM4_GCM)), 0);
    assert_int_equal(kernel.ulps_asked, 0);
    assert_int_equal(BIO_write(bio, "x", 1), 1);
    assert_received("x");
}

static void refusals_leave_userspace_tls(void **state)
{
    int *const errors[] = { &kernel.ulp_error, &kernel.mode_error,
        &kernel.handover_error, &kernel.tx_error };
    size_t i;

    (void)state;
    lt_config.handover = 1000;
    for (i = 0; i < 4; i++) {
        *errors[i] = EBUSY;
        assert_int_equal(hand_over(), 0);
        *errors[i] = 0;
        assert_int_equal(BIO_get_ktls_send(bio), 0);
        assert_int_equal(BIO_write(bio, "bytes", 5), 5);
        assert_received("bytes");
    }
    assert_int_equal(ERR_peek_error(), 0);
}

static void software_is_told_to_linetls(void **state)
{
    (void)state;
    lt_config.offload = LT_OFFLOAD_SOFTWARE;
    assert_int_equal(hand_over(), 1);
    assert_int_equal(kernel.mode, LINETLS_TX_MODE_SOFTWARE);
}

static void bytes_before_a_device_are_told_to_linetls(void **state)
{
    (void)state;
    lt_config.handover = 65536;
    assert_int_equal(hand_over(), 1);
    assert_int_equal(kernel.handover, 65536);
}

static void ulp_tls_needs_no_mode(void **state)
{
    (void)state;
    lt_config.ulp = LT_ULP_TLS;
    lt_config.handover = 1000;
    kernel.mode_error = ENOPROTOOPT;
    assert_int_equal(hand_over(), 1);
    assert_string_equal(kernel.attached, "tls");
    assert_int_equal(kernel.ulps_asked, 1);
    assert_int_equal(kernel.mode, -1);
    assert_int_equal(kernel.handover, -1);
}

static void require_fails_the_connection(void **state)
{
    (void)state;
    lt_config.offload = LT_OFFLOAD_REQUIRE;
    kernel.tx_error = EOPNOTSUPP;
    assert_int_equal(hand_over(), 0);
    assert_int_equal(kernel.mode, LINETLS_TX_MODE_REQUIRE);
    assert_int_equal(BIO_write(bio, "x", 1), -1);
    assert_false(BIO_should_retry(bio));
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
        LT_R_NOT_OFFLOADED);
    assert_string_equal(ERR_lib_error_string(ERR_peek_last_error()),
        "linetls provider");
    assert_string_equal(ERR_reason_error_string(ERR_peek_last_error()),
        "offload = require, and the connection is not offloaded");
    assert_int_equal(hand_over(), 0);
}

static void record_goes_with_its_type(void **state)
{
    (void)state;
    assert_int_equal(hand_over(), 1);
    BIO_ctrl(bio, SET_RECORD_TYPE, 21, NULL);
    assert_int_equal(BIO_write(bio, "\1\0", 2), 2);
    assert_int_equal(kernel.record_type, 21);
    assert_int_equal(kernel.record_len, 2);
    assert_int_equal(BIO_write(bio, "data", 4), 4);
    assert_received("data");
}

static void type_can_be_cleared(void **state)
{
    (void)state;
    assert_int_equal(hand_over(), 1);
    BIO_ctrl(bio, SET_RECORD_TYPE, 22, NULL);
    BIO_ctrl(bio, CLEAR_RECORD_TYPE, 0, NULL);
    assert_int_equal(BIO_write(bio, "data", 4), 4);
    assert_received("data");
    assert_int_equal(kernel.record_type, -1);
}

static void type_survives_a_full_socket(void **state)
{
    (void)state;
    assert_int_equal(hand_over(), 1);
    BIO_ctrl(bio, SET_RECORD_TYPE, 22, NULL);
    kernel.sendmsg_error = EAGAIN;
    assert_int_equal(BIO_write(bio, "abcdef", 6), -1);
    assert_true(BIO_should_write(bio));
    kernel.sendmsg_error = 0;
    kernel.sendmsg_most = 4;
    kernel.record_type = -1;
    assert_int_equal(BIO_write(bio, "abcdef", 6), 4);
    assert_int_equal(kernel.record_type, 22);
    assert_false(BIO_should_retry(bio));
    kernel.record_type = -1;
    assert_int_equal(BIO_write(bio, "ef", 2), 2);
    assert_int_equal(kernel.record_type, 22);
    assert_memory_equal(kernel.record, "ef", 2);
    assert_int_equal(BIO_write(bio, "data", 4), 4);
    assert_received("data");
}

static void broken_connection_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(hand_over(), 1);
    BIO_ctrl(bio, SET_RECORD_TYPE, 21, NULL);
    kernel.sendmsg_error = EPIPE;
    assert_int_equal(BIO_write(bio, "\1\0", 2), -1);
    assert_false(BIO_should_retry(bio));
}

static void new_keys_go_to_the_kernel(void **state)
{
    (void)state;
    assert_int_equal(hand_over(), 1);
    assert_int_equal(hand_over(), 1);
    assert_int_equal(kernel.tx_calls, 2);
    assert_int_equal(kernel.ulps_asked, 1);
}

static void refused_new_keys_end_the_connection(void **state)
{
    (void)state;
    assert_int_equal(hand_over(), 1);
    kernel.tx_error = EBUSY;
    assert_int_equal(hand_over(), 0);
    assert_int_equal(BIO_write(bio, "x", 1), -1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
        LT_R_REKEY_REFUSED);
    assert_int_equal(BIO_get_ktls_send(bio), 1);
}

static void second_handshake_is_refused(void **state)
{
    (void)state;
    lt_bio_restart(bio, NULL);
    assert_int_equal(BIO_write(bio, "x", 1), 1);
    assert_received("x");
    assert_int_equal(hand_over(), 1);
    lt_bio_restart(bio, NULL);
    assert_int_equal(BIO_get_ktls_send(bio), 0);
    assert_int_equal(BIO_write(bio, "x", 1), -1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), LT_R_REUSED);
}

static void new_descriptor_starts_over(void **state)
{
    int fd = dup(sockets[0]);

    (void)state;
    assert_int_equal(hand_over(), 1);
    BIO_set_fd(bio, fd, BIO_CLOSE);
    assert_int_equal(BIO_get_ktls_send(bio), 0);
    assert_int_equal(BIO_write(bio, "x", 1), 1);
    assert_received("x");
}

/* Reads all that is there into buf. */
static size_t drain(char *buf, size_t size)
{
    size_t total = 0;
    ssize_t n;

    while ((n = recv(sockets[1], buf + total, size - total, MSG_DONTWAIT)) > 0)
        total += (size_t)n;
    return total;
}

/* OpenSSL issue 21202: the retry comes with the address of stale bytes. */
static void retry_sends_the_first_bytes(void **state)
{
    static char out[16384], in[4 << 20], other[sizeof(out)];
    size_t sent = 0, got, i;
    int n, left = sizeof(out);

    (void)state;
    assert_int_equal(hand_over(), 1);
    for (i = 0; i < sizeof(out); i++)
        out[i] = (char)(i * 7 % 251);
    while ((n = BIO_write(bio, out, sizeof(out))) == (int)sizeof(out))
        sent += (size_t)n;
    if (n > 0) {
        sent += (size_t)n;
        left -= n;
        assert_true(BIO_write(bio, out + n, left) < 0);
    }
    assert_true(BIO_should_write(bio));
    memcpy(other, out, sizeof(out));
    memset(out, 0xee, sizeof(out));
    got = drain(in, sizeof(in));
    assert_int_equal(got, sent);
    n = BIO_write(bio, out + sizeof(out) - left, left);
    assert_int_equal(n, left);
    assert_int_equal(drain(in, sizeof(in)), left);
    assert_memory_equal(in, other + sizeof(out) - left, left);

    /* It was for once: the same address is new data now. */
    assert_int_equal(BIO_write(bio, out, 16), 16);
    assert_int_equal(drain(in, sizeof(in)), 16);
    assert_memory_equal(in, out, 16);
}

static int said[2], real_stderr;

/* What goes to stderr, until assert_heard(). */
static void hear(void)
{
    assert_int_equal(pipe(said), 0);
    real_stderr = dup(STDERR_FILENO);
    dup2(said[1], STDERR_FILENO);
    close(said[1]);
}

/* It was this line, after the name and the process's number, and only it. */
static void assert_heard(const char *line)
{
    char text[512], *rest;
    ssize_t n;

    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    n = read(said[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_int_equal(read(said[0], text + n, 1), 0);
    close(said[0]);
    rest = strstr(text, "]: ");
    assert_non_null(rest);
    assert_string_equal(rest + 3, line);
}

/* The last: an absent ULP is not asked for again for a while. */
static void absent_ulps(void **state)
{
    (void)state;
    kernel.has_linetls = 0;
    assert_int_equal(hand_over_tls12(), 1);
    assert_string_equal(kernel.attached, "tls");
    assert_int_equal(kernel.ulps_asked, 2);
    assert_int_equal(kernel.mode, -1);
    BIO_free_all(bio);
    close(sockets[1]);

    /* Without being asked for, tls gets what it can go on with. */
    assert_int_equal(set_up(state), 0);
    assert_int_equal(hand_over(), lt_ktls_can_rekey(LT_TX_TLS));
    assert_string_equal(kernel.attached, "tls");
    assert_int_equal(kernel.tx_calls, lt_ktls_can_rekey(LT_TX_TLS));
    BIO_free_all(bio);
    close(sockets[1]);

    assert_int_equal(set_up(state), 0);
    hear();
    lt_config.offload = LT_OFFLOAD_SOFTWARE;
    assert_int_equal(hand_over(), 0);
    assert_int_equal(kernel.ulps_asked, 0);

    lt_config.offload = LT_OFFLOAD_PREFER;
    kernel.has_tls = 0;
    assert_int_equal(hand_over_tls12(), 0);
    assert_int_equal(kernel.ulps_asked, 1);
    assert_int_equal(BIO_write(bio, "x", 1), 1);
    assert_received("x");
    assert_int_equal(hand_over(), 0);
    assert_int_equal(kernel.ulps_asked, 1);
    assert_heard("no connection is offloaded: no ULP in the kernel, "
                 "try \"modprobe linetls\"\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(passes_bytes_before_hand_over),
        TEST(answers_controls),
        TEST(socket_bio_learns_nothing),
        TEST(receiving_is_refused),
        TEST(both_numbers_mean_sending),
        TEST(length_follows_the_cipher),
        TEST(other_ciphers_are_refused),
        TEST(refusals_leave_userspace_tls),
        TEST(software_is_told_to_linetls),
        TEST(bytes_before_a_device_are_told_to_linetls),
        TEST(ulp_tls_needs_no_mode),
        TEST(require_fails_the_connection),
        TEST(record_goes_with_its_type),
        TEST(type_can_be_cleared),
        TEST(type_survives_a_full_socket),
        TEST(broken_connection_is_an_error),
        TEST(new_keys_go_to_the_kernel),
        TEST(refused_new_keys_end_the_connection),
        TEST(second_handshake_is_refused),
        TEST(new_descriptor_starts_over),
        TEST(retry_sends_the_first_bytes),
        TEST(absent_ulps),
    };

    return cmocka_run_group_tests_name("provider-bio", tests, NULL, NULL);
}
