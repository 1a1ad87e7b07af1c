// SPDX-License-Identifier: Apache-2.0
/*
 * A whole TLS connection of another implementation: GnuTLS makes the handshake
 * at both ends and receives; the server's records are the ULP's.
 *
 *   ulp_gnutls [-m MODE] NETNS HOST VERSION CIPHER FILE CERT KEY
 *
 * The client runs in the network namespace NETNS (a file), to which HOST
 * belongs. FILE holds the pattern; CERT and KEY are the server's, and nobody
 * verifies them. Prints the status and "bytes N".
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

#include "ulp.h"

#define SENT_BY_CALLS 100000

static const char *version, *cipher, *cert, *key;

static void must(int rc, const char *what)
{
    if (rc < 0)
        errx(1, "%s: %s", what, gnutls_strerror(rc));
}

static gnutls_session_t handshake(int fd, bool server)
{
    static const char *const names[][2] = {
        {"gcm128", "AES-128-GCM"}, {"gcm256", "AES-256-GCM"},
        {"ccm128", "AES-128-CCM"}, {"chacha", "CHACHA20-POLY1305"},
    };
    gnutls_certificate_credentials_t cred;
    gnutls_session_t s;
    char priority[200];
    const char *name = "";
    int rc;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(cipher, names[i][0]))
            name = names[i][1];
    snprintf(priority, sizeof(priority),
             "NORMAL:-VERS-ALL:+VERS-TLS%s:-CIPHER-ALL:+%s", version, name);
    must(gnutls_init(&s, server ? GNUTLS_SERVER : GNUTLS_CLIENT), "init");
    must(gnutls_priority_set_direct(s, priority, NULL), priority);
    must(gnutls_certificate_allocate_credentials(&cred), "credentials");
    if (server)
        must(gnutls_certificate_set_x509_key_file(cred, cert, key,
                                                  GNUTLS_X509_FMT_PEM), cert);
    must(gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, cred), "credentials");
    gnutls_transport_set_int(s, fd);
    do
        rc = gnutls_handshake(s);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    must(rc, "handshake");
    return s;
}

/* The client asks with one byte, and reads until the close alert. */
static void client(int lfd)
{
    static unsigned char buf[MAX_PAYLOAD], expected[MAX_PAYLOAD];
    unsigned long long pos = 0;
    gnutls_session_t s = handshake(accept(lfd, NULL, NULL), false);
    ssize_t n;

    must(gnutls_record_send(s, "?", 1), "send");
    while ((n = gnutls_record_recv(s, buf, sizeof(buf))) > 0) {
        fill_pattern(expected, n, pos);
        if (memcmp(buf, expected, n))
            errx(1, "wrong byte between %llu and %llu", pos, pos + n);
        pos += n;
    }
    must(n, "receive");
    printf("bytes %llu\n", pos);
    exit(0);
}

static void take_keys(gnutls_session_t s, int fd, int mode)
{
    gnutls_datum_t mac, iv, secret;
    unsigned char seq[8];
    struct keys k;

    make_keys(&k, version, cipher, 0);
    must(gnutls_record_get_state(s, 0, &mac, &iv, &secret, seq), "keys");
    if ((int)secret.size != k.cipher->key_len || iv.size > NONCE_LEN)
        errx(1, "key of %u, nonce of %u bytes", secret.size, iv.size);
    memcpy(k.key, secret.data, secret.size);
    memset(k.nonce, 0, sizeof(k.nonce));
    memcpy(k.nonce, iv.data, iv.size);
    k.seq = 0;
    for (int i = 0; i < 8; i++)
        k.seq = k.seq << 8 | seq[i];
    set_ulp(fd, LINETLS_ULP_NAME);
    set_mode(fd, mode);
    set_keys(fd, TLS_TX, &k);
}

static void serve(int fd, int mode, const char *file)
{
    static const unsigned char close_notify[2] = {1, 0};
    static unsigned char buf[SENT_BY_CALLS];
    gnutls_session_t s = handshake(fd, true);
    int in = open(file, O_RDONLY);
    size_t pos = 0, n;
    struct stat st;
    char byte;

    if (in < 0 || fstat(in, &st) || st.st_size < SENT_BY_CALLS)
        err(1, "%s", file);
    take_keys(s, fd, mode);
    must(gnutls_record_recv(s, &byte, 1), "receive beside the ULP");
    fill_pattern(buf, sizeof(buf), 0);
    for (n = 1; pos < sizeof(buf); pos += n, n = n * 3 + 1) {
        if (n > sizeof(buf) - pos)
            n = sizeof(buf) - pos;
        if (send(fd, buf + pos, n, MSG_NOSIGNAL) != (ssize_t)n)
            err(1, "send");
    }
    for (off_t off = pos; off < st.st_size;)
        if (sendfile(fd, in, &off, st.st_size - off) <= 0)
            err(1, "sendfile");
    send_record(fd, TYPE_ALERT, close_notify, sizeof(close_notify));
    shutdown(fd, SHUT_WR);
    if (read(fd, &byte, 1) < 0)
        err(1, "the client");
    print_status(fd);
}

int main(int argc, char **argv)
{
    struct sockaddr_in6 addr;
    socklen_t len = sizeof(addr);
    int opt, lfd, home, far, status, mode = LINETLS_TX_MODE_PREFER;
    char port[8];
    pid_t pid;

    while ((opt = getopt(argc, argv, "m:")) != -1) {
        if (opt != 'm')
            return 2;
        mode = atoi(optarg);
    }
    argv += optind;
    if (argc - optind != 7)
        errx(2, "usage: ulp_gnutls [-m MODE] NETNS HOST VERSION CIPHER FILE CERT KEY");
    version = argv[2];
    cipher = argv[3];
    cert = argv[5];
    key = argv[6];
    home = open("/proc/self/ns/net", O_RDONLY);
    far = open(argv[0], O_RDONLY);
    if (setns(far, CLONE_NEWNET))
        err(1, "%s", argv[0]);
    lfd = listen_on(0, 1, 0);
    getsockname(lfd, (void *)&addr, &len);
    snprintf(port, sizeof(port), "%d", ntohs(addr.sin6_port));
    pid = fork();
    if (!pid)
        client(lfd);
    if (pid < 0 || setns(home, CLONE_NEWNET))
        err(1, "fork, setns");
    close(lfd);
    serve(dial(argv[1], port, 0), mode, argv[4]);
    return waitpid(pid, &status, 0) != pid || status;
}
