// SPDX-License-Identifier: Apache-2.0
/*
 * A TLS connection without a handshake whose keys change on the way. The
 * sender is the ULP; the receiver reads the TCP stream and opens the records
 * with libcrypto.
 *
 *   ulp_rekey recv PORT VERSION CIPHER
 *       Accept one connection, read it to its end and print
 *       "bytes N records N rekeys N". Fails on a bad tag or a wrong byte.
 *   ulp_rekey send [-m MODE] [-H BYTES] [-c CHUNK] [-k N] [-o N] [-n] HOST
 *           PORT VERSION CIPHER SIZE
 *       Send SIZE bytes of the pattern, and print the status before the end.
 *       -m  LINETLS_TX_MODE, a number    -c  bytes per send() (default 65536)
 *       -H  LINETLS_TX_HANDOVER
 *       -k  a KeyUpdate and new keys after every N sends
 *       -o  one-byte sends among them: every Nth send is of one byte
 *       -n  non-blocking, with a send buffer that is always full: keys change
 *           while TCP has only a part of the record before
 *
 * VERSION is 1.2 or 1.3, CIPHER gcm128, gcm256, ccm128 or chacha.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ulp_open.h"

/* ---- receiver ---- */

static int do_recv(char **argv)
{
    static struct reader r;
    static unsigned char out[MAX_BODY], want[MAX_BODY];
    unsigned long long bytes = 0, records = 0;
    int n, rekeys = 0;
    unsigned char type;

    r.fd = accept(listen_on(atoi(argv[0]), 1, 0), NULL, NULL);
    if (r.fd < 0)
        err(1, "accept");
    make_keys(&r.keys, argv[1], argv[2], 0);
    while ((n = read_record(&r, &type, out)) >= 0) {
        records++;
        if (type == TYPE_HANDSHAKE && n > 0 && out[0] == KEY_UPDATE) {
            make_keys(&r.keys, argv[1], argv[2], ++rekeys);
            continue;
        }
        if (type != TYPE_DATA)
            errx(1, "record of type %d", type);
        fill_pattern(want, n, bytes);
        if (memcmp(out, want, n))
            errx(1, "wrong byte between %llu and %llu", bytes, bytes + n);
        bytes += n;
    }
    if (errno)
        err(1, "read");
    if (r.cut)
        errx(1, "the stream ends inside a record");
    printf("bytes %llu records %llu rekeys %d\n", bytes, records, rekeys);
    return 0;
}

/* ---- sender ---- */

static const unsigned char key_update[5] = {KEY_UPDATE, 0, 0, 1, 0};

static int do_send(int argc, char **argv)
{
    static unsigned char buf[1 << 20];
    unsigned long long size, pos = 0, sends = 0, every = 0, one_byte = 0;
    size_t chunk = 65536;
    int fd, opt, gen = 0, nonblock = 0;
    int mode = LINETLS_TX_MODE_PREFER, handover = 0;
    struct keys k;
    char byte;

    while ((opt = getopt(argc, argv, "m:H:c:k:o:n")) != -1) {
        switch (opt) {
        case 'm': mode = atoi(optarg); break;
        case 'H': handover = atoi(optarg); break;
        case 'c': chunk = strtoul(optarg, NULL, 0); break;
        case 'k': every = strtoull(optarg, NULL, 0); break;
        case 'o': one_byte = strtoull(optarg, NULL, 0); break;
        case 'n': nonblock = 1; break;
        default: return 2;
        }
    }
    if (argc - optind != 5 || !chunk || chunk > sizeof(buf))
        errx(2, "usage: send [OPTIONS] HOST PORT VERSION CIPHER SIZE");
    argv += optind;
    size = strtoull(argv[4], NULL, 0);
    fd = dial(argv[0], argv[1], nonblock ? 8192 : 0);
    set_ulp(fd, LINETLS_ULP_NAME);
    set_mode(fd, mode);
    set_handover(fd, handover);
    make_keys(&k, argv[2], argv[3], 0);
    set_keys(fd, TLS_TX, &k);
    if (nonblock && fcntl(fd, F_SETFL, O_NONBLOCK))
        err(1, "non-blocking");

    while (pos < size) {
        size_t n = size - pos < chunk ? size - pos : chunk;
        ssize_t rc;

        if (one_byte && sends % one_byte == 0)
            n = 1;
        fill_pattern(buf, n, pos);
        rc = send(fd, buf, n, MSG_NOSIGNAL);
        if (rc < 0 && errno == EAGAIN) {
            wait_writable(fd);
            continue;
        }
        if (rc < 0)
            err(1, "send at %llu", pos);
        pos += rc;
        if (every && ++sends % every == 0) {
            send_record(fd, TYPE_HANDSHAKE, key_update, sizeof(key_update));
            make_keys(&k, argv[2], argv[3], ++gen);
            set_keys(fd, TLS_TX, &k);
        }
    }
    print_status(fd);
    if (shutdown(fd, SHUT_WR))
        err(1, "shutdown");
    fcntl(fd, F_SETFL, 0);
    if (read(fd, &byte, 1) != 0)
        err(1, "the peer ended badly");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "recv"))
        return do_recv(argv + 2);
    if (argc >= 7 && !strcmp(argv[1], "send"))
        return do_send(argc - 1, argv + 1);
    errx(2, "usage: ulp_rekey recv|send ..., see the source");
}
