// SPDX-License-Identifier: Apache-2.0
/*
 * What LINETLS_TX_FILE says.
 *
 *   guard_announce STEP...
 *       One after another, on one connection over loopback:
 *       r:FILE w:FILE p:FILE  announce FILE, opened for reading, for writing
 *                             only, or O_PATH
 *       fd:N                  announce a descriptor by its number
 *       sock: pipe:           announce one of these
 *       W:FILE                open for writing, and keep it open
 *       m:FILE                map shared and writable, and close
 *       o:FILE                open for writing, and close
 *       u:                    undo W and m
 *       len:N                 an option of N bytes
 *       nokeys:               announce on a socket without TLS_TX
 *       again:FILE            announce it as often as possible, for ever
 *   For each announcement prints "STEP ERRNO REASON", ERRNO is "ok" or a name.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ulp_refusals.h"

#define MAP_LEN 4096

static int held = -1;
static void *map = MAP_FAILED;

static int must_open(const char *file, int flags)
{
    int fd = open(file, flags);

    if (fd < 0)
        err(1, "%s", file);
    return fd;
}

static int reason_of(int fd)
{
    struct linetls_tx_status st = {0};
    socklen_t len = sizeof(st);

    return getsockopt(fd, SOL_TLS, LINETLS_TX_STATUS, &st, &len)
               ? -1 : st.file_reason;
}

static void announce(int sock, const char *step, int fd, socklen_t len)
{
    long value[2] = {fd, 0};
    int rc = setsockopt(sock, SOL_TLS, LINETLS_TX_FILE, value, len);

    printf("%s %s %d\n", step, rc ? strerrorname_np(errno) : "ok",
           reason_of(sock));
}

static void announce_file(int sock, const char *step, const char *file,
                          int flags)
{
    int fd = must_open(file, flags);

    announce(sock, step, fd, sizeof(fd));
    close(fd);
}

static void announce_special(int sock, const char *step)
{
    int fds[2];

    if (!strcmp(step, "sock:")) {
        announce(sock, step, sock, sizeof(int));
        return;
    }
    if (pipe(fds))
        err(1, "pipe");
    announce(sock, step, fds[0], sizeof(int));
    close(fds[0]);
    close(fds[1]);
}

static void announce_again(int sock, const char *file)
{
    int fd = must_open(file, O_RDONLY);

    for (;;)
        setsockopt(sock, SOL_TLS, LINETLS_TX_FILE, &fd, sizeof(fd));
}

static void hold(const char *step, const char *file)
{
    held = must_open(file, O_RDWR);
    if (*step == 'W')
        return;
    map = mmap(NULL, MAP_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, held, 0);
    if (map == MAP_FAILED)
        err(1, "mmap %s", file);
    close(held);
    held = -1;
}

static void undo(void)
{
    if (held >= 0)
        close(held);
    if (map != MAP_FAILED)
        munmap(map, MAP_LEN);
    held = -1;
    map = MAP_FAILED;
}

static void without_keys(void)
{
    struct pair p = make_pair();

    set_ulp(p.fd, "linetls");
    announce(p.fd, "nokeys:", 0, sizeof(int));
}

static void run(int sock, const char *step)
{
    const char *arg = strchr(step, ':');

    if (!arg)
        errx(2, "no step: %s", step);
    arg++;
    if (!strncmp(step, "fd:", 3))
        announce(sock, step, atoi(arg), sizeof(int));
    else if (!strncmp(step, "len:", 4))
        announce(sock, step, 0, atoi(arg));
    else if (!strcmp(step, "sock:") || !strcmp(step, "pipe:"))
        announce_special(sock, step);
    else if (!strcmp(step, "nokeys:"))
        without_keys();
    else if (!strncmp(step, "again:", 6))
        announce_again(sock, arg);
    else if (*step == 'r')
        announce_file(sock, step, arg, O_RDONLY | O_NONBLOCK);
    else if (*step == 'w')
        announce_file(sock, step, arg, O_WRONLY);
    else if (*step == 'p')
        announce_file(sock, step, arg, O_PATH);
    else if (*step == 'W' || *step == 'm')
        hold(step, arg);
    else if (*step == 'o')
        close(must_open(arg, O_WRONLY));
    else if (*step == 'u')
        undo();
    else
        errx(2, "no step: %s", step);
}

int main(int argc, char **argv)
{
    struct pair p = make_pair();
    struct keys keys;

    make_keys(&keys, "1.3", "gcm128", 0);
    set_ulp(p.fd, "linetls");
    set_keys(p.fd, TLS_TX, &keys);
    for (int i = 1; i < argc; i++)
        run(p.fd, argv[i]);
    return 0;
}
