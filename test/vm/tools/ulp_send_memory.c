// SPDX-License-Identifier: Apache-2.0
/* What a sender holds is charged to its send buffer. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ulp_send.h"

#define RECORDS 100000

static void force_sndbuf(int fd, int n)
{
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &n, sizeof(n)))
        err(1, "SO_SNDBUFFORCE");
}

static unsigned meminfo(int fd, int what)
{
    unsigned mem[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof(mem);

    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &len))
        err(1, "SO_MEMINFO");
    return mem[what];
}

/* The number behind @name in a line of @file that begins with @start. */
static long long number_in(const char *file, const char *start,
                           const char *name)
{
    char line[256], *at;
    long long n = -1;
    FILE *f = fopen(file, "r");

    if (!f)
        err(1, "%s", file);
    while (n < 0 && fgets(line, sizeof(line), f))
        if (!strncmp(line, start, strlen(start)) && (at = strstr(line, name)))
            n = strtoll(at + strlen(name), NULL, 10);
    fclose(f);
    return n;
}

static long long slab_kb(void)
{
    return number_in("/proc/meminfo", "SUnreclaim:", "SUnreclaim:");
}

/* One-byte records until there are @max, or the socket takes no more. */
static unsigned one_byte_records(struct link *l, unsigned max)
{
    unsigned n = 0;

    while (n < max && send_pattern(l, 1, MSG_DONTWAIT) == 1)
        n++;
    check(n == max || errno == EAGAIN, "%d", errno);
    return n;
}

static void small_records(struct link *l)
{
    static const int sndbuf[] = {4096, 65536, 1 << 20, 64 << 20};
    const char *kernel = getenv("LINETLS_KERNEL");
    long long slab = slab_kb();
    unsigned total = 0;

    for (size_t i = 0; i < sizeof(sndbuf) / sizeof(sndbuf[0]); i++) {
        unsigned room, queued;

        force_sndbuf(l->fd, sndbuf[i]);
        total += one_byte_records(l, RECORDS - total);
        room = meminfo(l->fd, SK_MEMINFO_SNDBUF);
        queued = meminfo(l->fd, SK_MEMINFO_WMEM_QUEUED);
        printf("memory sndbuf %u records %u wmem_queued %u slab %lld kB "
               "TCP %lld pages\n", room, total, queued, slab_kb() - slab,
               number_in("/proc/net/sockstat", "TCP:", " mem "));
        check(queued < room + 4096, "%u queued, %u allowed", queued, room);
    }
    check(total == RECORDS, "%u records", total);
    /*
     * 9 of 10 bytes of what the records take are on the socket's account; but
     * the debug kernel puts more around each than is in it.
     */
    slab = slab_kb() - slab;
    check((kernel && !strcmp(kernel, "debug")) ||
          slab * 1024 < meminfo(l->fd, SK_MEMINFO_WMEM_QUEUED) * 11LL / 10,
          "%lld kB of slab", slab);
    release(l);
    finish(l);
    check(l->far->records == total, "%u records", l->far->records);
}

const struct send_case memory_cases[] = {
    {.name = "small_records", .run = small_records, .rcvbuf = 8192,
     .paused = true, .extra = true},
    {0},
};
