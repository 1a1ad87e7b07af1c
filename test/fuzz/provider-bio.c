// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target: libssl's calls of the filter BIO in any order, above a socket
 * that is full, takes a part, or breaks, and a kernel that refuses. What
 * reaches the kernel must be what was written: each byte once, in order, with
 * its record type, plaintext if and only if the kernel has keys, nothing
 * between a KeyUpdate and its keys, and nothing after a failure.
 *
 * The kernel is this file: setsockopt(), getsockopt() and sendmsg() are
 * wrapped, and the BIO below the filter has no socket.
 *
 * Input: 3 bytes of configuration, then steps of 3 bytes: what to do, and two
 * arguments. LINETLS_FUZZ_LAYERS=1 in the environment makes libssl 3.2 or later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "uapi/linetls.h"
#include "provider.h"
#include "walk.h"

#define SOL_TLS 282
#define TCP_ULP 31
#define FD 7
#define HANDOVER 65536
#define FULL 0
#define BROKEN 255 /* as the socket's room */

#define CTRL_SET_KTLS 72
#define CTRL_SET_RECORD_TYPE 74
#define CTRL_CLEAR_RECORD_TYPE 75
#define CTRL_SET_ZEROCOPY 90

enum refusal {
    NO_ULP = 1,
    NO_MODE = 2,
    NO_KEYS = 4,
    NO_INFO = 8,
    NO_HANDOVER = 16
};

static struct {
    int refuses; /* enum refusal */
    int keyed, tx_taken, tx_refused;
    unsigned int version;
    int update_due; /* a KeyUpdate is out, and its keys are not here */
    int ended;      /* by the filter's own alert */
    int room;       /* of the socket: bytes, FULL or BROKEN */
    uint64_t got, others; /* bytes, and those that nobody wrote here */
    int last_fd;
} kernel;

/* What libssl is in the middle of writing. */
static struct {
    char data[1024], original[1024];
    int active, len, sent;
    int plaintext, is_update, was_full;
    int transferred; /* by the last attempt */
} pending;

static struct {
    int is_there;  /* the filter has an SSL */
    int type;      /* of the next write; -1: data */
    int finished;  /* the handshake */
    int hopeless;  /* whatever is written must fail */
    int restarted; /* keys are there, and libssl must not know */
    int options;
    int secrets;   /* the key log can be had */
} ssl;

static struct {
    int room;
    size_t at, record_end, header_end; /* positions in what the peer sends */
    int follows;                       /* the filter counts, too */
} reader;

static BIO *bio;
struct lt_libssl lt_ssl;
static int is_foreign; /* the BIO below is the application's */
static unsigned int counter;

int __wrap_setsockopt(int fd, int level, int name, const void *value,
    socklen_t len);
int __wrap_getsockopt(int fd, int level, int name, void *value,
    socklen_t *len);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
unsigned long __wrap_OpenSSL_version_num(void);
void __wrap_lt_print(const char *fmt, ...);
int *linetls_last_fd(void);

static void check(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "provider-bio-fuzz: %s\n", what);
    abort();
}

/* --- the kernel --- */

int *linetls_last_fd(void)
{
    return &kernel.last_fd;
}

unsigned long __wrap_OpenSSL_version_num(void)
{
    return getenv("LINETLS_FUZZ_LAYERS") != NULL ? 0x30500000L : 0x30000000L;
}

void __wrap_lt_print(const char *fmt, ...)
{
}

static int answer(int refused, int error)
{
    errno = error;
    return refused ? -1 : 0;
}

static int take_keys(const struct tls_crypto_info *info)
{
    if (kernel.refuses & NO_KEYS) {
        kernel.tx_refused++;
        return answer(1, EBUSY);
    }
    kernel.tx_taken++;
    kernel.keyed = 1;
    kernel.version = info->version;
    kernel.update_due = 0;
    return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value,
    socklen_t len)
{
    check(fd == FD, "setsockopt() of another descriptor");
    if (level == IPPROTO_TCP && name == TCP_ULP)
        return answer(kernel.refuses & NO_ULP, EPERM);
    check(level == SOL_TLS, "setsockopt() of another level");
    if (name == LINETLS_TX_MODE)
        return answer(kernel.refuses & NO_MODE, EINVAL);
    if (name == LINETLS_TX_HANDOVER) {
        check(len == sizeof(int) && *(const int *)value == HANDOVER,
            "another handover than is configured");
        return answer(kernel.refuses & NO_HANDOVER, EINVAL);
    }
    return take_keys(value);
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    struct tcp_info info;

    if (fd != FD || level == SOL_TLS || (kernel.refuses & NO_INFO))
        return answer(1, ENOTSOCK);
    memset(value, 0, *len);
    if (level == SOL_SOCKET) {
        *(int *)value = IPPROTO_TCP;
        return 0;
    }
    memset(&info, 0, sizeof(info));
    info.tcpi_bytes_sent = kernel.got + kernel.others;
    memcpy(value, &info, *len < sizeof(info) ? *len : sizeof(info));
    return 0;
}

static int transfer(int type, const char *data, int len)
{
    int n = len < kernel.room ? len : kernel.room;

    check(!kernel.ended, "something after the filter's alert");
    check(!kernel.update_due, "something between a KeyUpdate and its keys");
    check(type < 0 || kernel.keyed, "a record type without keys");
    if (type == 21 && len == 2 && pending.is_update
        && memcmp(data, "\2\120", 2) == 0) {
        kernel.ended = ssl.hopeless = 1;
        return 2;
    }
    check(type == (kernel.keyed ? ssl.type : -1), "another record type");
    check(pending.plaintext == kernel.keyed,
        "plaintext without keys, or TLS records inside of TLS records");
    check(len <= pending.len - pending.sent
            && memcmp(data, pending.original + pending.sent, (size_t)len) == 0,
        "other bytes than were written");
    if (kernel.room == FULL || kernel.room == BROKEN) {
        errno = kernel.room == FULL ? EAGAIN : EPIPE;
        return -1;
    }
    pending.transferred += n;
    kernel.got += (uint64_t)n;
    if (pending.is_update && type == 22 && kernel.version == TLS_1_3_VERSION
        && pending.sent + pending.transferred == pending.len)
        kernel.update_due = 1;
    return n;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    check(fd == FD && msg->msg_iovlen == 1, "sendmsg()");
    return transfer(*CMSG_DATA(CMSG_FIRSTHDR(msg)), msg->msg_iov[0].iov_base,
        (int)msg->msg_iov[0].iov_len);
}

/* --- the BIO below --- */

static int below_write(BIO *b, const char *data, int len)
{
    int n = transfer(-1, data, len);

    kernel.last_fd = FD;
    BIO_clear_retry_flags(b);
    if (n < 0 && errno == EAGAIN)
        BIO_set_retry_write(b);
    return n;
}

/* The peer's bytes say where they are; headers give a length of up to 767. */
static unsigned char peer_byte(size_t at)
{
    size_t in_header = at + 5 - reader.header_end;

    if (at < reader.header_end && in_header == 3)
        return (unsigned char)(at % 3);
    return (unsigned char)(at * 7);
}

static void next_record(void)
{
    size_t start = reader.record_end;

    reader.header_end = start + 5;
    reader.record_end = start + 5
        + ((size_t)peer_byte(start + 3) << 8 | peer_byte(start + 4));
}

/* What the filter has not been told to leave alone begins with a header. */
static void begin_reading(void)
{
    reader.follows = getenv("LINETLS_FUZZ_LAYERS") != NULL;
    reader.record_end = reader.at;
    next_record();
}

static int below_read(BIO *b, char *data, int len)
{
    int i;

    kernel.last_fd = FD;
    BIO_clear_retry_flags(b);
    if (reader.room == FULL) {
        BIO_set_retry_read(b);
        return -1;
    }
    if (reader.follows)
        check(reader.at + (size_t)len <= (reader.at < reader.header_end
                      ? reader.header_end
                      : reader.record_end),
            "read beyond the record");
    for (i = 0; i < len && i < reader.room; i++) {
        data[i] = (char)peer_byte(reader.at++);
        if (reader.at == reader.record_end)
            next_record();
    }
    return i;
}

static long below_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    switch (cmd) {
    case BIO_C_GET_FD: return FD;
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DUP: return 1;
    default: return 0;
    }
}

static int below_create(BIO *b)
{
    BIO_set_init(b, 1);
    return 1;
}

static BIO *new_below(int type)
{
    static BIO_METHOD *methods[2];
    BIO_METHOD **m = &methods[type != BIO_TYPE_SOCKET];

    if (*m == NULL) {
        *m = BIO_meth_new(type, "below");
        BIO_meth_set_write(*m, below_write);
        BIO_meth_set_read(*m, below_read);
        BIO_meth_set_ctrl(*m, below_ctrl);
        BIO_meth_set_create(*m, below_create);
    }
    return BIO_new(*m);
}

/* --- libssl --- */

/* Nobody looks into it here. */
static SSL *fake_ssl(void)
{
    static char fake[8];

    return ssl.is_there ? (SSL *)fake : NULL;
}

static int is_init_finished(const SSL *s)
{
    return ssl.finished;
}

static int is_server(const SSL *s)
{
    return 1;
}

static uint64_t change_options(SSL *s, uint64_t options)
{
    ssl.options++;
    return options;
}

/* The SSL outlives its filter here. */
int lt_hook_tell_end(SSL *s, BIO *filter)
{
    return 1;
}

int lt_hook_secrets(SSL *s)
{
    return ssl.secrets;
}

/* Returns 0 if nothing is left to be tried again. */
static void attempt(void)
{
    int left = pending.len - pending.sent, must_fail, n;

    must_fail = ssl.hopeless || kernel.update_due || kernel.ended
        || (lt_config.offload == LT_OFFLOAD_REQUIRE && ssl.finished
            && ssl.is_there && !kernel.keyed);
    ssl.hopeless = must_fail;
    pending.transferred = 0;
    ERR_clear_error();
    n = BIO_write(bio, pending.data + pending.sent, left);
    check(n <= left && (n > 0 ? n : 0) == pending.transferred,
        "another number of bytes than the kernel got");
    if (must_fail)
        check(n < 0 && !BIO_should_retry(bio) && ERR_peek_error() != 0,
            "a write that had to fail");
    if (n > 0) {
        check(!BIO_should_retry(bio), "retry after success");
        pending.sent += n;
        pending.active = pending.sent < pending.len;
        if (!pending.active && kernel.keyed)
            ssl.type = -1;
    } else if (kernel.room == FULL && !ssl.hopeless) {
        check(BIO_should_write(bio), "no retry at a full socket");
        pending.was_full = 1;
    } else {
        check(!BIO_should_retry(bio), "retry after an error");
        pending.active = 0;
    }
}

static void begin(int len, int is_update)
{
    static const char update[] = { 24, 0, 0, 1, 1 };
    int i;

    pending.len = is_update ? (int)sizeof(update) : len;
    for (i = 0; i < pending.len; i++)
        pending.data[i] = is_update ? update[i] : (char)(counter++ * 31 >> 3);
    memcpy(pending.original, pending.data, (size_t)pending.len);
    pending.active = 1;
    pending.sent = pending.was_full = 0;
    pending.plaintext = BIO_get_ktls_send(bio) != 0;
    pending.is_update = is_update && pending.plaintext;
}

/* SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, after libssl has seen a full socket. */
static void move_data(void)
{
    if (pending.active && pending.was_full && pending.plaintext
        && ssl.type < 0)
        memset(pending.data + pending.sent, '!',
            (size_t)(pending.len - pending.sent));
}

static void offer_keys(int sending, int kind, int seed)
{
    static const unsigned short ciphers[] = { TLS_CIPHER_AES_GCM_128,
        TLS_CIPHER_AES_GCM_256, TLS_CIPHER_CHACHA20_POLY1305,
        TLS_CIPHER_AES_CCM_128, TLS_CIPHER_SM4_GCM, 0 };
    int keyed = kernel.keyed, taken = kernel.tx_taken;
    union lt_keys keys;
    long ret;

    if (pending.active && pending.is_update)
        return;
    /* libssl has flushed before it has keys for the first time. */
    if (!keyed)
        pending.active = 0;
    memset(&keys, seed, sizeof(keys));
    keys.info.version = keyed ? (unsigned short)kernel.version
        : kind & 1            ? TLS_1_3_VERSION
                              : TLS_1_2_VERSION;
    keys.info.cipher_type = ciphers[(kind >> 1) % 6];
    ret = BIO_ctrl(bio, CTRL_SET_KTLS, sending, &keys);
    check(ret == kernel.tx_taken - taken, "its answer and the kernel's");
    if (!sending) {
        check(ret == 0, "receiving is handed over");
        return;
    }
    check(ret == 0 || !ssl.hopeless, "keys after a failure");
    check(ret == 0 || keyed || kernel.others == 0,
        "keys for a socket that is shared");
    if (ret == 0 && (keyed || lt_config.offload == LT_OFFLOAD_REQUIRE))
        ssl.hopeless = 1;
    if (ret != 0 && !keyed)
        ssl.type = -1;
    if (!keyed)
        reader.follows = 0;
}

static void log_secret(int kind, int seed)
{
    static const char *const labels[] = { "SERVER_TRAFFIC_SECRET_1",
        "CLIENT_TRAFFIC_SECRET_1", "EXPORTER_SECRET", "" };
    int refused = kernel.tx_refused, i, len = kind & 4 ? 48 : 32;
    char line[256];
    size_t n;

    n = (size_t)snprintf(line, sizeof(line), "%s %064d ", labels[kind & 3], 1);
    if (kind & 8)
        len = seed % 60;
    for (i = 0; i < len; i++)
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%02x", seed);
    if (kind & 16)
        line[n - 1] = 'x';
    lt_bio_new_secret(bio, line);
    if (kernel.tx_refused != refused)
        ssl.hopeless = 1;
}

static void ask(int cmd, int num)
{
    long ret;

    check(BIO_ctrl(bio, BIO_CTRL_GET_KTLS_SEND, 0, NULL)
            == (kernel.keyed && !ssl.restarted),
        "who sends");
    check(BIO_ctrl(bio, BIO_CTRL_GET_KTLS_RECV, 0, NULL) == 0, "who receives");
    check(BIO_ctrl(bio, CTRL_SET_ZEROCOPY, num, NULL) == 0, "zero-copy");
    check(BIO_flush(bio) > 0, "flush");
    switch (cmd) {
    case CTRL_SET_KTLS:
    case CTRL_SET_RECORD_TYPE:
    case CTRL_CLEAR_RECORD_TYPE:
    case BIO_C_SET_FD:
    case BIO_C_GET_FD:
    case BIO_CTRL_DUP:
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_GET_KTLS_SEND:
        return;
    default:
        ret = BIO_ctrl(bio, cmd, num, NULL);
        check(ret == 0, "an unknown control");
    }
}

static void receive(int len)
{
    char buf[2048];
    size_t at = reader.at;
    int n;

    if (ssl.finished)
        reader.follows = 0;
    n = BIO_read(bio, buf, len);
    check(n == (n < 0 ? -1 : (int)(reader.at - at)), "bytes read");
    check(BIO_should_read(bio) == 0 || reader.room == FULL, "retry of a read");
}

static void new_descriptor(void)
{
    int fd = FD;

    BIO_ctrl(bio, BIO_C_SET_FD, BIO_NOCLOSE, &fd);
    pending.active = 0;
    kernel.keyed = kernel.update_due = kernel.ended = 0;
    kernel.others = 0;
    kernel.room = 1000000;
    ssl.type = -1;
    ssl.hopeless = ssl.restarted = 0;
    begin_reading();
}

/* SSL_clear(), and another handshake. */
static void restart(void)
{
    pending.active = 0;
    ssl.finished = 0;
    if (kernel.keyed)
        ssl.hopeless = ssl.restarted = 1;
    lt_bio_restart(bio, fake_ssl());
    begin_reading();
}

/* A broken connection stays broken. */
static void set_room(int room)
{
    if (kernel.room != BROKEN)
        kernel.room = room;
}

static void step(int what, int a, int b)
{
    switch (what % 16) {
    case 0: case 1: case 2:
        if (!pending.active)
            begin(1 + (a << 8 | b) % (int)sizeof(pending.data), 0);
        attempt();
        break;
    case 3:
        move_data();
        if (pending.active)
            attempt();
        break;
    case 4: set_room(a); break;
    case 5: set_room(1000000); break;
    case 6: offer_keys(a % 3, b, a); break;
    case 7:
        if (pending.active)
            break;
        ssl.type = a;
        BIO_ctrl(bio, CTRL_SET_RECORD_TYPE, a, NULL);
        break;
    case 8:
        if (pending.active)
            break;
        ssl.type = -1;
        BIO_ctrl(bio, CTRL_CLEAR_RECORD_TYPE, 0, NULL);
        break;
    case 9:
        if (pending.active)
            break;
        ssl.type = 22;
        BIO_ctrl(bio, CTRL_SET_RECORD_TYPE, 22, NULL);
        begin(0, 1);
        attempt();
        break;
    case 10: log_secret(a, b); break;
    case 11: ask(a, b); break;
    case 12: reader.room = b; receive((a << 8 | b) % 2048); break;
    case 13: kernel.refuses = a & 31; break;
    case 14: ssl.finished = 1; break;
    case 15:
        if (a == 0)
            new_descriptor();
        else if (a == 1)
            restart();
        else if (a == 2)
            BIO_free_all(BIO_dup_chain(bio));
        else if (a == 3 && is_foreign && (kernel.got > 0 || reader.at > 0))
            kernel.others += (uint64_t)b;
        break;
    }
}

static void prepare(void)
{
    lt_error_init();
    check(lt_bio_init(), "lt_bio_init()");
    lt_ssl.SSL_is_init_finished = is_init_finished;
    lt_ssl.SSL_is_server = is_server;
    lt_ssl.SSL_set_options = change_options;
    lt_ssl.SSL_clear_options = change_options;
}

/* Returns 0 if there is no filter for it. */
static int make_chain(int kind)
{
    struct lt_socket socket;
    BIO *below = new_below(
        kind % 3 == 0 ? BIO_TYPE_SOCKET : 0x60 | BIO_TYPE_SOURCE_SINK
                | (kind % 3 == 1 ? BIO_TYPE_DESCRIPTOR : 0));

    if (kind % 3 != 0 && !lt_fdhint_start(&socket, below)) {
        BIO_free(below);
        return 0;
    }
    is_foreign = kind % 3 != 0;
    bio = lt_bio_new(fake_ssl(), is_foreign ? &socket : NULL);
    BIO_push(bio, below);
    return 1;
}

/* A connection as it should be, with a few steps that are anything. */
size_t walk_input(uint8_t *buf, size_t max)
{
    size_t steps = 4 + rnd() % 60, i;

    for (i = 0; i < 3; i++)
        buf[i] = (uint8_t)(rnd() & (i == 0 && rnd() % 8 ? 63 : 255));
    for (i = 1; i <= steps; i++) {
        buf[3 * i] = (uint8_t)(rnd() % 3 ? rnd() % 10 : rnd());
        buf[3 * i + 1] = (uint8_t)(rnd() % 2 ? rnd() % 4 : rnd());
        buf[3 * i + 2] = (uint8_t)rnd();
    }
    return 3 * (steps + 1);
}

void walk_end(void)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    if (lt_ssl.SSL_is_server == NULL)
        prepare();
    memset(&kernel, 0, sizeof(kernel));
    memset(&pending, 0, sizeof(pending));
    counter = 0;
    memset(&ssl, 0, sizeof(ssl));
    memset(&reader, 0, sizeof(reader));
    memset(&lt_config, 0, sizeof(lt_config));
    kernel.room = 1000000;
    ssl.type = -1;
    ssl.secrets = data[1] & 1;
    lt_config.ulp = data[1] & 2 ? LT_ULP_TLS : LT_ULP_AUTO;
    lt_config.offload = (data[1] >> 2) % 3;
    ssl.is_there = !(data[0] & 64);
    if ((data[1] & 16) && lt_config.offload != LT_OFFLOAD_REQUIRE)
        lt_config.handover = HANDOVER;
    begin_reading();
    if (!make_chain(data[0]))
        return 0;
    for (data += 3, size -= 3; size >= 3; data += 3, size -= 3)
        step(data[0], data[1], data[2]);
    BIO_free_all(bio);
    ERR_clear_error();
    return 0;
}
