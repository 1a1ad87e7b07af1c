// SPDX-License-Identifier: Apache-2.0
/*
 * ulp_options: LINETLS_TX_MODE, LINETLS_TX_HANDOVER and LINETLS_TX_STATUS,
 * which mainline does not have, as include/uapi/linetls.h defines them. Over
 * loopback, where there is no device. Prints the failed checks, then
 * "checks N failed N".
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ulp_refusals.h"

#define BAD ((void *)16)

static int checks, failed;

static void check(const char *what, long got, long want)
{
    checks++;
    if (got == want)
        return;
    failed++;
    printf("FAIL: %s: %ld, not %ld\n", what, got, want);
}

static int try_mode(int fd, int mode)
{
    return setsockopt(fd, SOL_TLS, LINETLS_TX_MODE, &mode, sizeof(mode)) < 0
               ? errno : 0;
}

static int set_mode_len(int fd, const void *mode, socklen_t len)
{
    return setsockopt(fd, SOL_TLS, LINETLS_TX_MODE, mode, len) < 0 ? errno : 0;
}

static int get_mode(int fd)
{
    int mode = -1;
    socklen_t len = sizeof(mode);

    if (getsockopt(fd, SOL_TLS, LINETLS_TX_MODE, &mode, &len))
        return -errno;
    return mode;
}

static int get(int fd, int option, void *buf, socklen_t len)
{
    return getsockopt(fd, SOL_TLS, option, buf, &len) < 0 ? -errno : (int)len;
}

static int give_keys(int fd)
{
    union crypto_info ci;
    socklen_t len = make_info(&ci, "1.3", "256");

    return setsockopt(fd, SOL_TLS, TLS_TX, &ci, len) < 0 ? errno : 0;
}

static void check_mode(int fd)
{
    long two[2] = {LINETLS_TX_MODE_SOFTWARE, 0};

    check("mode at first", get_mode(fd), LINETLS_TX_MODE_PREFER);
    check("mode -1", try_mode(fd, -1), EINVAL);
    check("mode 3", try_mode(fd, 3), EINVAL);
    check("mode INT_MIN", try_mode(fd, -2147483647 - 1), EINVAL);
    check("mode of 0 bytes", set_mode_len(fd, two, 0), EINVAL);
    check("mode of 3 bytes", set_mode_len(fd, two, 3), EINVAL);
    check("mode of 5 bytes", set_mode_len(fd, two, 5), EINVAL);
    check("mode of 8 bytes", set_mode_len(fd, two, 8), EINVAL);
    check("mode of -1 bytes", set_mode_len(fd, two, -1), EINVAL);
    check("mode at NULL", set_mode_len(fd, NULL, 4), EINVAL);
    check("mode at a bad pointer", set_mode_len(fd, BAD, 4), EFAULT);
    check("mode after refusals", get_mode(fd), LINETLS_TX_MODE_PREFER);
    check("mode software", try_mode(fd, LINETLS_TX_MODE_SOFTWARE), 0);
    check("mode software, read", get_mode(fd), LINETLS_TX_MODE_SOFTWARE);

    check("mode to 3 bytes", get(fd, LINETLS_TX_MODE, two, 3), -EINVAL);
    check("mode to 8 bytes", get(fd, LINETLS_TX_MODE, two, 8), -EINVAL);
    check("mode to -1 bytes", get(fd, LINETLS_TX_MODE, two, -1), -EINVAL);
    check("mode to a bad pointer", get(fd, LINETLS_TX_MODE, BAD, 4), -EFAULT);
}

static int try_handover(int fd, int bytes)
{
    return setsockopt(fd, SOL_TLS, LINETLS_TX_HANDOVER, &bytes, sizeof(bytes))
               ? errno : 0;
}

static int get_handover(int fd)
{
    int bytes = -1;

    return get(fd, LINETLS_TX_HANDOVER, &bytes, sizeof(bytes)) < 0 ? -errno
                                                                   : bytes;
}

/* Bytes in software first, and no software at all, exclude each other. */
static void check_handover(int fd)
{
    int most = 2147483647;
    long two[2] = {1, 0};

    check("handover at first", get_handover(fd), 0);
    check("handover -1", try_handover(fd, -1), EINVAL);
    check("handover INT_MIN", try_handover(fd, -most - 1), EINVAL);
    check("handover of 3 bytes",
          setsockopt(fd, SOL_TLS, LINETLS_TX_HANDOVER, two, 3) ? errno : 0,
          EINVAL);
    check("handover of 8 bytes",
          setsockopt(fd, SOL_TLS, LINETLS_TX_HANDOVER, two, 8) ? errno : 0,
          EINVAL);
    check("handover at a bad pointer",
          setsockopt(fd, SOL_TLS, LINETLS_TX_HANDOVER, BAD, 4) ? errno : 0,
          EFAULT);
    check("handover after refusals", get_handover(fd), 0);
    check("handover INT_MAX", try_handover(fd, most), 0);
    check("handover INT_MAX, read", get_handover(fd), most);
    check("mode require", try_mode(fd, LINETLS_TX_MODE_REQUIRE), EINVAL);
    check("mode after that", get_mode(fd), LINETLS_TX_MODE_SOFTWARE);
    check("handover 0", try_handover(fd, 0), 0);
    check("mode require without", try_mode(fd, LINETLS_TX_MODE_REQUIRE), 0);
    check("handover with require", try_handover(fd, 1), EINVAL);
    check("handover 0 with require", try_handover(fd, 0), 0);
    check("handover to 8 bytes", get(fd, LINETLS_TX_HANDOVER, two, 8),
          -EINVAL);
}

/* It is asked for once, and then the reason is another one. */
static void check_waiting(void)
{
    static char byte[10];
    struct linetls_tx_status st;
    struct pair p = make_pair();

    set_ulp(p.fd, "linetls");
    check("handover 10", try_handover(p.fd, 10), 0);
    check("keys with it", give_keys(p.fd), 0);
    check("handover after keys", try_handover(p.fd, 20), EBUSY);
    check("handover after keys, read", get_handover(p.fd), 10);
    for (int i = 0; i < 4; i++) {
        /* 5, 10: reached; the third send is the first that may be asked. */
        get(p.fd, LINETLS_TX_STATUS, &st, sizeof(st));
        check("reason while bytes are missing", st.reason,
              i < 3 ? LINETLS_REASON_HANDOVER : LINETLS_REASON_NO_FEATURE);
        check("5 bytes", send(p.fd, byte, 5, MSG_NOSIGNAL), 5);
    }
    close(p.fd);
    close(p.peer);
}

/* Nobody takes the keys in mode "require", and they may be offered again. */
static void check_require(struct pair *p)
{
    char byte = 0;

    check("mode require", try_mode(p->fd, LINETLS_TX_MODE_REQUIRE), 0);
    check("keys without a device", give_keys(p->fd), ENODEV);
    check("keys without a device, again", give_keys(p->fd), ENODEV);
    check("status without keys", get(p->fd, LINETLS_TX_STATUS, &byte, 8),
          -ENOTCONN);
    check("plain byte sent", send(p->fd, "p", 1, MSG_NOSIGNAL), 1);
    check("plain byte received", recv(p->peer, &byte, 1, 0), 1);
    check("plain byte", byte, 'p');
    check("mode prefer", try_mode(p->fd, LINETLS_TX_MODE_PREFER), 0);
    check("keys with mode prefer", give_keys(p->fd), 0);
}

static void check_status(int fd)
{
    struct linetls_tx_status st, other;
    unsigned char room[256];
    int size = sizeof(st);

    check("status of 0 bytes", get(fd, LINETLS_TX_STATUS, &st, 0), -EINVAL);
    check("status of 7 bytes", get(fd, LINETLS_TX_STATUS, &st, 7), -EINVAL);
    check("status of -1 bytes", get(fd, LINETLS_TX_STATUS, &st, -1), -EINVAL);
    check("status to a bad pointer", get(fd, LINETLS_TX_STATUS, BAD, size),
          -EFAULT);
    memset(&st, 0xee, sizeof(st));
    check("status", get(fd, LINETLS_TX_STATUS, &st, size), size);
    check("version", st.version, TLS_1_3_VERSION);
    check("cipher", st.cipher, TLS_CIPHER_AES_GCM_256);
    check("mode", st.mode, LINETLS_TX_MODE_PREFER);
    check("path", st.path, LINETLS_TX_PATH_SOFTWARE);
    check("reason", st.reason, LINETLS_REASON_NO_FEATURE);
    check("pad", st.file_reason, 0);
    check("ifindex", st.ifindex, 0);
    check("records", st.records, 0);
    check("records tracked", st.records_tracked, 0);
    check("packets in software", st.software_packets, 0);
    check("packets dropped", st.dropped_packets, 0);

    memset(room, 0xee, sizeof(room));
    check("status of 8 bytes", get(fd, LINETLS_TX_STATUS, room, 8), 8);
    check("its beginning", memcmp(room, &st, 8), 0);
    check("no byte behind it", room[8], 0xee);
    memset(room, 0xee, sizeof(room));
    check("status of 33 bytes", get(fd, LINETLS_TX_STATUS, room, 33), 33);
    check("its part", memcmp(room, &st, 33), 0);
    check("no byte behind the part", room[33], 0xee);
    check("status of 256 bytes", get(fd, LINETLS_TX_STATUS, room, 256), size);
    check("the whole", memcmp(room, &st, size), 0);
    check("no byte behind the whole", room[size], 0xee);

    check("a record sent", send(fd, "x", 1, MSG_NOSIGNAL), 1);
    get(fd, LINETLS_TX_STATUS, &other, size);
    check("records after it", other.records, 1);
}

int main(void)
{
    struct pair p = make_pair();
    char byte;

    check("mode without ULP", get_mode(p.fd), -EOPNOTSUPP);
    set_ulp(p.fd, "linetls");
    check("status before keys", get(p.fd, LINETLS_TX_STATUS, &byte, 8),
          -ENOTCONN);
    check_mode(p.fd);
    check_handover(p.fd);
    check_require(&p);
    check("mode after keys", try_mode(p.fd, LINETLS_TX_MODE_PREFER), EBUSY);
    check("a bad mode after keys", try_mode(p.fd, 3), EINVAL);
    check("mode after keys, read", get_mode(p.fd), LINETLS_TX_MODE_PREFER);
    check_status(p.fd);
    check_waiting();
    printf("checks %d failed %d\n", checks, failed);
    return failed != 0;
}
