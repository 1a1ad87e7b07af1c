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
 *       l:FILE                take an exclusive lease, which is not given back
 *                             when somebody wants it, and announce FILE
 *       x:FILE d:DISK,FILE    map shared and writable, pin the pages for somebody
 *                             to write to them (guard_pin.h), unmap and close
 *       i:FILE                the same by a buffer of io_uring
 *       v:FILE                enable fs-verity
 *       memfd: memfd:sealed   announce one, or one that nobody can write to
 *       stay:                 be there until the end, after "staying"
 *       u:                    undo W and m
 *       len:N                 an option of N bytes
 *       nokeys:               announce on a socket without TLS_TX
 *       pace:US               so many us between two of what follows
 *       again:FILE            announce it as often as possible, for ever
 *       send:FILE             the same, and send what the socket holds of it each
 *                             time that it can be guarded
 *   For each announcement prints "STEP ERRNO REASON", ERRNO is "ok" or a name.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fsverity.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "guard_pin.h"
#include "ulp_refusals.h"

#define MAP_LEN 4096

static int held = -1;
static unsigned int pace;
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

static void keep_pace(void)
{
    if (pace)
        usleep(pace);
}

static void announce_again(int sock, const char *file)
{
    int fd = must_open(file, O_RDONLY);

    for (;;) {
        setsockopt(sock, SOL_TLS, LINETLS_TX_FILE, &fd, sizeof(fd));
        keep_pace();
    }
}

/* The socket is full of the file, in new pages, from then on. */
static void refill(const struct pair *p, int fd)
{
    static char buf[65536];
    off_t off = 0;

    while (recv(p->peer, buf, sizeof(buf), MSG_DONTWAIT) > 0)
        ;
    while (sendfile(p->fd, fd, &off, sizeof(buf)) > 0)
        ;
}

static void announce_and_send(const struct pair *p, const char *file)
{
    int fd = must_open(file, O_RDONLY);

    fcntl(p->fd, F_SETFL, O_NONBLOCK);
    for (;;) {
        if (!setsockopt(p->fd, SOL_TLS, LINETLS_TX_FILE, &fd, sizeof(fd)))
            refill(p, fd);
        keep_pace();
    }
}

static void announce_leased(int sock, const char *step, const char *file)
{
    int fd = must_open(file, O_RDONLY);

    signal(SIGIO, SIG_IGN);
    if (fcntl(fd, F_SETLEASE, F_WRLCK))
        err(1, "exclusive lease on %s", file);
    announce(sock, step, fd, sizeof(fd));
    close(fd);
}

static void announce_memfd(int sock, const char *step, bool sealed)
{
    int fd = memfd_create("guard_announce", MFD_ALLOW_SEALING);
    const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;

    if (fd < 0 || (sealed && fcntl(fd, F_ADD_SEALS, seals)))
        err(1, "memfd");
    announce(sock, step, fd, sizeof(fd));
    close(fd);
}

static void enable_verity(const char *file)
{
    struct fsverity_enable_arg arg = {
        .version = 1,
        .hash_algorithm = FS_VERITY_HASH_ALG_SHA256,
        .block_size = 4096,
    };
    int fd = must_open(file, O_RDONLY);

    if (ioctl(fd, FS_IOC_ENABLE_VERITY, &arg))
        err(1, "fs-verity on %s", file);
    close(fd);
}

/* DISK,FILE */
static void pin_from(const char *arg)
{
    const char *file = strchr(arg, ',');
    char *disk;

    if (!file)
        errx(2, "no disk and file: %s", arg);
    disk = strndup(arg, file - arg);
    pin_for_disk(file + 1, disk);
    free(disk);
}

static void stay(void)
{
    puts("staying");
    fflush(stdout);
    for (;;)
        pause();
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

static void run(const struct pair *p, const char *step)
{
    const char *arg = strchr(step, ':');
    int sock = p->fd;

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
    else if (!strncmp(step, "pace:", 5))
        pace = atoi(arg);
    else if (!strncmp(step, "again:", 6))
        announce_again(sock, arg);
    else if (!strncmp(step, "send:", 5))
        announce_and_send(p, arg);
    else if (*step == 'r')
        announce_file(sock, step, arg, O_RDONLY | O_NONBLOCK);
    else if (*step == 'w')
        announce_file(sock, step, arg, O_WRONLY);
    else if (*step == 'p')
        announce_file(sock, step, arg, O_PATH);
    else if (!strncmp(step, "memfd:", 6))
        announce_memfd(sock, step, !strcmp(arg, "sealed"));
    else if (!strcmp(step, "stay:"))
        stay();
    else if (*step == 'l')
        announce_leased(sock, step, arg);
    else if (*step == 'x')
        pin_for_packets(arg);
    else if (*step == 'd')
        pin_from(arg);
    else if (*step == 'i')
        pin_for_ring(arg);
    else if (*step == 'v')
        enable_verity(arg);
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
        run(&p, argv[i]);
    return 0;
}
