// SPDX-License-Identifier: Apache-2.0
/*
 * ulp_refusals: what the ULP must refuse, with which errno, over loopback.
 *
 * Each case is run with ULP "linetls" and, unless its table entry gives a
 * reason why the two differ, with the kernel's own ULP "tls", which must say
 * the same. A refusal has no effect: where the case ends with a connection
 * that could still be used, it is handed its keys and sends a record, which
 * the peer must decrypt.
 *
 * Prints the failed cases, then "cases N failed N".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ulp_refusals.h"

#define BAD ((void *)16)

static const char *version = "1.3", *bits = "128";

static int error_of(long rc)
{
    return rc < 0 ? errno : 0;
}

static void wait_readable(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};

    if (poll(&pfd, 1, 10000) != 1)
        errx(1, "nothing from the peer in 10 s");
}

static int attach(int fd, const char *ulp)
{
    return error_of(setsockopt(fd, SOL_TCP, TCP_ULP, ulp, strlen(ulp)));
}

static int give_keys(int fd)
{
    union crypto_info ci;
    socklen_t len = make_info(&ci, version, bits);

    return error_of(setsockopt(fd, SOL_TLS, TLS_TX, &ci, len));
}

/* ---- attaching the ULP ---- */

static int udp(struct pair *p, const char *ulp, long arg)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0), rc = attach(fd, ulp);

    close(fd);
    return rc;
}

static int unconnected(struct pair *p, const char *ulp, long arg)
{
    int fd = socket(arg, SOCK_STREAM, 0), rc = attach(fd, ulp);

    close(fd);
    return rc;
}

static int listening(struct pair *p, const char *ulp, long arg)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), rc;

    if (listen(fd, 1))
        err(1, "listen");
    rc = attach(fd, ulp);
    close(fd);
    return rc;
}

static int after_shutdown(struct pair *p, const char *ulp, long arg)
{
    shutdown(p->fd, SHUT_WR);
    return attach(p->fd, ulp);
}

static int after_peer_closed(struct pair *p, const char *ulp, long arg)
{
    end_peer(p, arg);
    return attach(p->fd, ulp);
}

static int twice(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    return attach(p->fd, ulp);
}

static int other_ulp_after(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    return attach(p->fd, strcmp(ulp, "tls") ? "tls" : "linetls");
}

static int keys_without_ulp(struct pair *p, const char *ulp, long arg)
{
    return give_keys(p->fd);
}

/* ---- TLS_TX ---- */

/* Set the first @arg bytes of keys for @bits, or @arg more than all. */
static int keys_len(struct pair *p, const char *ulp, const char *key_bits,
                    long len)
{
    struct {
        union crypto_info ci;
        char more[64];
    } buf = {0};

    make_info(&buf.ci, version, key_bits);
    set_ulp(p->fd, ulp);
    return error_of(setsockopt(p->fd, SOL_TLS, TLS_TX, &buf, len));
}

static int keys_of_length(struct pair *p, const char *ulp, long arg)
{
    return keys_len(p, ulp, "128", arg);
}

static int keys256_of_length(struct pair *p, const char *ulp, long arg)
{
    return keys_len(p, ulp, "256", arg);
}

static int keys_null(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    return error_of(setsockopt(p->fd, SOL_TLS, TLS_TX, NULL, arg));
}

static int keys_bad_pointer(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    return error_of(setsockopt(p->fd, SOL_TLS, TLS_TX, BAD, arg));
}

/* The first @arg bytes can be read, the page after them can't. */
static int keys_straddling(struct pair *p, const char *ulp, long arg)
{
    long page = sysconf(_SC_PAGESIZE);
    union crypto_info ci;
    socklen_t len = make_info(&ci, version, bits);
    char *map = mmap(NULL, page * 2, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int rc;

    if (map == MAP_FAILED || mprotect(map + page, page, PROT_NONE))
        err(1, "mmap");
    memcpy(map + page - arg, &ci, arg);
    set_ulp(p->fd, ulp);
    rc = error_of(setsockopt(p->fd, SOL_TLS, TLS_TX, map + page - arg, len));
    munmap(map, page * 2);
    return rc;
}

static int keys_version(struct pair *p, const char *ulp, long arg)
{
    union crypto_info ci;
    socklen_t len = make_info(&ci, version, bits);

    ci.info.version = arg;
    set_ulp(p->fd, ulp);
    return error_of(setsockopt(p->fd, SOL_TLS, TLS_TX, &ci, len));
}

/* Another cipher's number, at the length that it would have. */
static int keys_cipher(struct pair *p, const char *ulp, long arg)
{
    struct {
        struct tls_crypto_info info;
        char key[128];
    } buf = {{TLS_1_3_VERSION, arg}, {0}};
    socklen_t len = sizeof(struct tls12_crypto_info_aes_gcm_128);

    if (arg == TLS_CIPHER_CHACHA20_POLY1305)
        len = sizeof(struct tls12_crypto_info_chacha20_poly1305);
    else if (arg == TLS_CIPHER_AES_CCM_128)
        len = sizeof(struct tls12_crypto_info_aes_ccm_128);
    set_ulp(p->fd, ulp);
    return error_of(setsockopt(p->fd, SOL_TLS, TLS_TX, &buf, len));
}

static int keys_twice(struct pair *p, const char *ulp, long arg)
{
    version = arg == 12 ? "1.2" : "1.3";
    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    return give_keys(p->fd);
}

static int keys_anew(struct pair *p, const char *ulp, long arg)
{
    struct keys k;

    version = "1.3";
    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    make_keys(&k, version, bits, 1);
    set_keys(p->fd, TLS_TX, &k);
    return 0;
}

static int keys_twice_null(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    return error_of(setsockopt(p->fd, SOL_TLS, TLS_TX, NULL, 40));
}

/* The connection ends between the ULP and its keys. */
static int keys_after_peer_closed(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    end_peer(p, arg);
    return give_keys(p->fd);
}

static int keys_after_shutdown(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    shutdown(p->fd, SHUT_WR);
    p->ended = true;
    return give_keys(p->fd);
}

/* ---- other options ---- */

static int set_option(struct pair *p, const char *ulp, long arg)
{
    int value = 0;

    set_ulp(p->fd, ulp);
    return error_of(setsockopt(p->fd, SOL_TLS, arg, &value, sizeof(value)));
}

static int set_option_with_keys(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    return error_of(setsockopt(p->fd, SOL_TLS, arg, &arg, sizeof(int)));
}

static int get_option(struct pair *p, const char *ulp, long arg)
{
    int value;
    socklen_t len = sizeof(value);

    set_ulp(p->fd, ulp);
    return error_of(getsockopt(p->fd, SOL_TLS, arg, &value, &len));
}

static int set_keys_rx(struct pair *p, const char *ulp, long arg)
{
    union crypto_info ci;
    socklen_t len = make_info(&ci, version, bits);

    set_ulp(p->fd, ulp);
    return error_of(setsockopt(p->fd, SOL_TLS, TLS_RX, &ci, len));
}

static int get_keys(struct pair *p, const char *ulp, long arg)
{
    union crypto_info ci;
    socklen_t len = arg;

    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    return error_of(getsockopt(p->fd, SOL_TLS, TLS_TX, &ci, &len));
}

/* They are those of the next record. */
static int get_keys_later(struct pair *p, const char *ulp, long arg)
{
    union crypto_info ci, given;
    socklen_t len;

    version = arg == 12 ? "1.2" : "1.3";
    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    len = make_info(&given, version, bits);
    p->ended = true;
    if (send(p->fd, "1", 1, 0) != 1 || send(p->fd, "2", 1, 0) != 1 ||
        getsockopt(p->fd, SOL_TLS, TLS_TX, &ci, &len))
        return errno;
    given.gcm128.rec_seq[7] += 2;
    if (arg == 12)
        given.gcm128.iv[7] += 2;
    return memcmp(&ci, &given, len) ? ERANGE : 0;
}

static int get_keys_bad_pointer(struct pair *p, const char *ulp, long arg)
{
    socklen_t len = sizeof(struct tls_crypto_info);

    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    return error_of(getsockopt(p->fd, SOL_TLS, TLS_TX, arg ? &len : BAD,
                               arg ? BAD : &len));
}

static int other_levels_work(struct pair *p, const char *ulp, long arg)
{
    int value = 1;
    socklen_t len = sizeof(value);

    set_ulp(p->fd, ulp);
    p->has_keys = arg && !give_keys(p->fd);
    if (setsockopt(p->fd, SOL_TCP, TCP_NODELAY, &value, len))
        return errno;
    value = 0;
    if (getsockopt(p->fd, SOL_TCP, TCP_NODELAY, &value, &len))
        return errno;
    return value ? 0 : ERANGE;
}

/* ---- states ---- */

static int reconnect(struct pair *p, const char *ulp, long arg)
{
    struct sockaddr addr = {.sa_family = AF_UNSPEC};

    set_ulp(p->fd, ulp);
    p->has_keys = arg && !give_keys(p->fd);
    return error_of(connect(p->fd, &addr, sizeof(addr)));
}

static int turn_listening(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    if (arg)
        end_peer(p, true);
    return error_of(listen(p->fd, 1));
}

static int send_after_reset(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    end_peer(p, true);
    return error_of(send(p->fd, "x", 1, MSG_NOSIGNAL));
}

static int send_after_shutdown(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    shutdown(p->fd, SHUT_WR);
    p->ended = true;
    return error_of(send(p->fd, "x", 1, MSG_NOSIGNAL));
}

/* ---- sending ---- */

static int send_flags(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    return error_of(send(p->fd, "x", 1, arg | MSG_NOSIGNAL));
}

static int send_bad_buffer(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    return error_of(send(p->fd, BAD, arg, MSG_NOSIGNAL));
}

static int send_nothing(struct pair *p, const char *ulp, long arg)
{
    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    return error_of(send(p->fd, "", 0, arg | MSG_NOSIGNAL));
}

enum bad_cmsg { SHORT, EMPTY, LONG, WRONG_TYPE, WRONG_LEVEL, WITH_MORE };

static int send_cmsg(struct pair *p, const char *ulp, long arg)
{
    struct iovec iov = {"\1\0", 2};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    struct record_type_cmsg room;
    struct cmsghdr *cmsg = (void *)room.buf;

    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    set_record_type(&msg, &room, TYPE_ALERT);
    switch ((enum bad_cmsg)arg) {
    case SHORT: cmsg->cmsg_len = sizeof(*cmsg) - 1; break;
    case EMPTY: cmsg->cmsg_len = CMSG_LEN(0); break;
    case LONG: cmsg->cmsg_len = 4096; break;
    case WRONG_TYPE: cmsg->cmsg_type = 77; break;
    case WRONG_LEVEL: cmsg->cmsg_level = SOL_SOCKET; break;
    case WITH_MORE: break;
    }
    return error_of(sendmsg(p->fd, &msg, MSG_NOSIGNAL |
                            (arg == WITH_MORE ? MSG_MORE : 0)));
}

static int send_empty_alert(struct pair *p, const char *ulp, long arg)
{
    struct msghdr msg = {0};
    struct record_type_cmsg room;

    set_ulp(p->fd, ulp);
    p->has_keys = !give_keys(p->fd);
    set_record_type(&msg, &room, TYPE_ALERT);
    return error_of(sendmsg(p->fd, &msg, MSG_NOSIGNAL));
}

#define LEN128 ((long)sizeof(struct tls12_crypto_info_aes_gcm_128))
#define LEN256 ((long)sizeof(struct tls12_crypto_info_aes_gcm_256))
#define LENHDR ((long)sizeof(struct tls_crypto_info))

#define RX "reception stays with the application"
#define CIPHERS "not a cipher of the engine"
#define REKEY "a key update, which tls of these kernels lacks"
#define OLD "6.1's tls refuses MSG_EOR in any combination"

static const struct refusal refusals[] = {
    {"udp", udp, 0, ENOPROTOOPT, NULL},
    {"unconnected", unconnected, AF_INET, ENOTCONN, NULL},
    {"unconnected, IPv6", unconnected, AF_INET6, ENOTCONN, NULL},
    {"listening", listening, 0, ENOTCONN, NULL},
    {"after shutdown", after_shutdown, 0, ENOTCONN, NULL},
    {"after the peer's end", after_peer_closed, false, ENOTCONN, NULL},
    {"after the peer's reset", after_peer_closed, true, ENOTCONN, NULL},
    {"the same ULP again", twice, 0, EEXIST, NULL},
    {"another ULP", other_ulp_after, 0, EEXIST, NULL},
    {"keys without ULP", keys_without_ulp, 0, ENOPROTOOPT, NULL},

    {"no keys", keys_of_length, 0, EINVAL, NULL},
    {"3 bytes of keys", keys_of_length, LENHDR - 1, EINVAL, NULL},
    {"only a header", keys_of_length, LENHDR, EINVAL, NULL},
    {"128: a byte short", keys_of_length, LEN128 - 1, EINVAL, NULL},
    {"128: a byte long", keys_of_length, LEN128 + 1, EINVAL, NULL},
    {"128: as long as 256", keys_of_length, LEN256, EINVAL, NULL},
    {"256: a byte short", keys256_of_length, LEN256 - 1, EINVAL, NULL},
    {"256: a byte long", keys256_of_length, LEN256 + 1, EINVAL, NULL},
    {"256: as long as 128", keys256_of_length, LEN128, EINVAL, NULL},
    {"negative length", keys_of_length, -1, EINVAL, NULL},
    {"keys at NULL", keys_null, LEN128, EINVAL, NULL},
    {"0 bytes at NULL", keys_null, 0, EINVAL, NULL},
    {"keys at a bad pointer", keys_bad_pointer, LEN128, EFAULT, NULL},
    {"3 bytes at a bad pointer", keys_bad_pointer, 3, EINVAL, NULL},
    {"only the header readable", keys_straddling, LENHDR, EFAULT, NULL},
    {"all but a byte readable", keys_straddling, LEN128 - 1, EFAULT, NULL},
    {"version 0", keys_version, 0, EINVAL, NULL},
    {"TLS 1.1", keys_version, 0x0302, EINVAL, NULL},
    {"TLS 1.4", keys_version, 0x0305, EINVAL, NULL},
    {"version 0xffff", keys_version, 0xffff, EINVAL, NULL},
    {"cipher 0", keys_cipher, 0, EINVAL, NULL},
    {"cipher 50", keys_cipher, 50, EINVAL, NULL},
    {"cipher 0xffff", keys_cipher, 0xffff, EINVAL, NULL},
    {"AES-CCM", keys_cipher, TLS_CIPHER_AES_CCM_128, 0, NULL},
    {"ChaCha20", keys_cipher, TLS_CIPHER_CHACHA20_POLY1305, 0, NULL},
    {"SM4-GCM", keys_cipher, TLS_CIPHER_SM4_GCM, EINVAL, CIPHERS},
    {"keys again, TLS 1.2", keys_twice, 12, EBUSY, NULL},
    {"keys again, TLS 1.3", keys_twice, 13, EINVAL, REKEY},
    {"new keys, TLS 1.3", keys_anew, 0, 0, REKEY},
    {"NULL after keys", keys_twice_null, 0, EINVAL, NULL},
    {"keys after the peer's end", keys_after_peer_closed, false, 0, NULL},
    {"keys after the peer's reset", keys_after_peer_closed, true, 0, NULL},
    {"keys after shutdown", keys_after_shutdown, 0, 0, NULL},

    {"set option 0", set_option, 0, ENOPROTOOPT, NULL},
    {"set option 63", set_option, 63, ENOPROTOOPT, NULL},
    {"set option 68", set_option, 68, ENOPROTOOPT, NULL},
    {"set option -1", set_option, -1, ENOPROTOOPT, NULL},
    {"set option 63, with keys", set_option_with_keys, 63, ENOPROTOOPT, NULL},
    {"set status", set_option, LINETLS_TX_STATUS, ENOPROTOOPT, NULL},
    {"get option 63", get_option, 63, ENOPROTOOPT, NULL},
    {"get option -1", get_option, -1, ENOPROTOOPT, NULL},
    {"get keys before keys", get_option, TLS_TX, EBUSY, NULL},
    {"TLS_RX", set_keys_rx, 0, EOPNOTSUPP, RX},
    {"get TLS_RX", get_option, TLS_RX, ENOPROTOOPT, RX},
    {"TLS_TX_ZEROCOPY_RO", set_option, TLS_TX_ZEROCOPY_RO, EOPNOTSUPP,
     "pages may change until they are acknowledged"},
    {"TLS_RX_EXPECT_NO_PAD", set_option, TLS_RX_EXPECT_NO_PAD, ENOPROTOOPT,
     RX},
    {"get keys, short form", get_keys, LENHDR, 0, NULL},
    {"get keys, 3 bytes", get_keys, LENHDR - 1, EINVAL, NULL},
    {"get keys, 0 bytes", get_keys, 0, EINVAL, NULL},
    {"get keys, whole", get_keys, LEN128, 0, NULL},
    {"get keys, a byte less", get_keys, LEN128 - 1, EINVAL, NULL},
    {"get keys, a byte more", get_keys, LEN128 + 1, EINVAL, NULL},
    {"get keys after records, TLS 1.2", get_keys_later, 12, 0, NULL},
    {"get keys after records, TLS 1.3", get_keys_later, 13, 0, NULL},
    {"get keys to a bad pointer", get_keys_bad_pointer, 0, EFAULT, NULL},
    {"get keys, bad length", get_keys_bad_pointer, 1, EFAULT, NULL},
    {"TCP_NODELAY", other_levels_work, 0, 0, NULL},
    {"TCP_NODELAY, with keys", other_levels_work, 1, 0, NULL},

    {"connect AF_UNSPEC", reconnect, 0, EOPNOTSUPP, NULL},
    {"connect AF_UNSPEC, with keys", reconnect, 1, EOPNOTSUPP, NULL},
    {"listen", turn_listening, 0, EINVAL, NULL},
    {"listen after reset", turn_listening, 1, EINVAL, NULL},
    {"send after reset", send_after_reset, 0, ECONNRESET, NULL},
    {"send after shutdown", send_after_shutdown, 0, EPIPE,
     "tls takes the bytes, and loses them"},

    {"MSG_OOB", send_flags, MSG_OOB, EOPNOTSUPP, NULL},
    {"MSG_ZEROCOPY", send_flags, MSG_ZEROCOPY, EOPNOTSUPP, NULL},
    {"MSG_FASTOPEN", send_flags, MSG_FASTOPEN, EOPNOTSUPP, NULL},
    {"MSG_CONFIRM", send_flags, MSG_CONFIRM, EOPNOTSUPP, NULL},
    {"MSG_TRUNC", send_flags, MSG_TRUNC, EOPNOTSUPP, NULL},
    {"an unknown flag", send_flags, 0x800000, EOPNOTSUPP, NULL},
    {"MSG_MORE and MSG_EOR", send_flags, MSG_MORE | MSG_EOR, EINVAL, OLD},
    {"a byte at a bad pointer", send_bad_buffer, 1, EFAULT, NULL},
    {"1 MiB at a bad pointer", send_bad_buffer, 1 << 20, EFAULT, NULL},
    {"no bytes", send_nothing, 0, 0, NULL},
    {"no bytes, MSG_MORE", send_nothing, MSG_MORE, 0, NULL},
    {"cmsg below its header", send_cmsg, SHORT, EINVAL, NULL},
    {"cmsg without a type", send_cmsg, EMPTY, EINVAL, NULL},
    {"cmsg beyond the end", send_cmsg, LONG, EINVAL, NULL},
    {"cmsg of another type", send_cmsg, WRONG_TYPE, EINVAL, NULL},
    {"cmsg of another level", send_cmsg, WRONG_LEVEL, EINVAL, NULL},
    {"cmsg and MSG_MORE", send_cmsg, WITH_MORE, EINVAL, NULL},
    {"alert of no bytes", send_empty_alert, 0, EINVAL,
     "RFC 8446 section 5.1 forbids it; tls sends nothing and says so to none"},
};

static int failed;

static void complain(const char *name, const char *ulp, const char *what)
{
    printf("FAIL: %s, %s: %s\n", name, ulp, what);
    failed++;
}

/* What the application tries next works: keys, and data that arrives. */
static void check_usable(const struct refusal *r, const char *ulp,
                         struct pair *p)
{
    unsigned char buf[64];
    union crypto_info ci;
    socklen_t len = make_info(&ci, version, bits);
    ssize_t n;

    if (p->ended || p->fd < 0)
        return;
    if (attach(p->fd, ulp) == ENOTCONN)
        return;
    if (!p->has_keys && give_keys(p->fd)) {
        complain(r->name, ulp, "no keys afterwards");
        return;
    }
    set_ulp(p->peer, "tls");
    if (setsockopt(p->peer, SOL_TLS, TLS_RX, &ci, len))
        err(1, "TLS_RX");
    if (send(p->fd, "still here", 10, MSG_NOSIGNAL) != 10) {
        complain(r->name, ulp, "no sending afterwards");
        return;
    }
    wait_readable(p->peer);
    n = recv(p->peer, buf, sizeof(buf), 0);
    if (n != 10 || memcmp(buf, "still here", 10))
        complain(r->name, ulp, "not received what was sent afterwards");
}

static void run(const struct refusal *r, const char *ulp)
{
    struct pair p = make_pair();
    char what[128];
    int rc;

    version = "1.3";
    rc = r->run(&p, ulp, r->arg);
    if (rc != r->want) {
        snprintf(what, sizeof(what), "%s, not %s", strerrorname_np(rc) ?: "0",
                 r->want ? strerrorname_np(r->want) : "0");
        complain(r->name, ulp, what);
    } else if (r->want) {
        check_usable(r, ulp, &p);
    }
    close(p.fd);
    close(p.peer);
}

int main(void)
{
    int cases = 0;

    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        const struct refusal *r = &refusals[i];

        run(r, "linetls");
        cases++;
        if (r->exception) {
            printf("tls differs: %s: %s\n", r->name, r->exception);
            continue;
        }
        run(r, "tls");
        cases++;
    }
    printf("cases %d failed %d\n", cases, failed);
    return failed != 0;
}
