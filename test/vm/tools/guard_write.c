// SPDX-License-Identifier: Apache-2.0
/*
 * A writer of files that are being sent.
 *
 *   guard_write [OPTIONS] FILE OP...
 *       Change FILE by one OP after another, by all kinds of them at random if
 *       there are several. Prints "writes N" and how long open() and truncate()
 *       have waited: "wait us p50 N p90 N p99 N max N".
 *       -v  file with the versions (default FILE.version)
 *       -N  the file's number there, 1 to 15
 *       -n  so many times (default 1)     -s  seed
 *       -S  size of the file in pages     -d  at most so many ms between two
 *       -u  go on until this file exists  -w  begin when this one does
 *
 * OPs: create (the whole file, new), rewrite (all in place), page (some pages
 * in place), append, truncate, cut (truncate() by name, to no page's end), shrink
 * (the same, then rewrite), replace (a new file renamed over it), mmap, direct, punch, zero, reflink,
 * chmod, unlink (and a new file), open (and close).
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"

#define MAX_WAITS 1000000
#define RUN 64 /* pages at once */

static const char *path;
static struct guard_versions *versions;
static unsigned int number;
static uint64_t version_written;
static unsigned long pages = 256;
static unsigned int *waits, num_waits;
static char *buf;

static unsigned long pick(unsigned long n)
{
    return random() % n;
}

static unsigned long long now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

static void note_wait(unsigned long long since)
{
    if (num_waits < MAX_WAITS)
        waits[num_waits++] = now_us() - since;
}

static int open_timed(const char *file, int flags)
{
    unsigned long long start = now_us();
    int fd = open(file, flags, 0644);

    if (fd < 0)
        err(1, "open %s", file);
    note_wait(start);
    return fd;
}

static uint64_t next_version(void)
{
    return __atomic_add_fetch(&versions->newest, 1, __ATOMIC_SEQ_CST);
}

static void write_pages(int fd, unsigned long first, unsigned long n)
{
    uint64_t version = next_version();

    version_written = version;
    while (n) {
        unsigned long run = n < RUN ? n : RUN;
        size_t len = run * GUARD_PAGE;

        guard_fill(buf, len, (uint64_t)first * GUARD_PAGE, version);
        if (pwrite(fd, buf, len, (off_t)first * GUARD_PAGE) != (ssize_t)len)
            err(1, "write %s", path);
        first += run;
        n -= run;
    }
}

static void done(int fd)
{
    if (close(fd))
        err(1, "close %s", path);
}

static void new_file(const char *name)
{
    int fd = open_timed(name, O_WRONLY | O_CREAT | O_TRUNC);

    write_pages(fd, 0, pages);
    done(fd);
}

static void op_create(void)
{
    new_file(path);
}

static void op_rewrite(void)
{
    int fd = open_timed(path, O_WRONLY);

    write_pages(fd, 0, pages);
    done(fd);
}

static void op_page(void)
{
    int fd = open_timed(path, O_WRONLY);

    for (int i = 0; i < 8; i++)
        write_pages(fd, pick(pages), 1);
    done(fd);
}

static void op_append(void)
{
    int fd = open_timed(path, O_WRONLY);
    struct stat st;

    if (fstat(fd, &st))
        err(1, "fstat %s", path);
    if ((unsigned long)st.st_size >= 2 * pages * GUARD_PAGE)
        st.st_size = pages * GUARD_PAGE;
    write_pages(fd, st.st_size / GUARD_PAGE, 4);
    done(fd);
}

static void op_truncate(void)
{
    int fd = open_timed(path, O_WRONLY);

    if (ftruncate(fd, pick(pages * GUARD_PAGE)))
        err(1, "ftruncate %s", path);
    write_pages(fd, 0, pages);
    done(fd);
}

static void op_cut(void)
{
    unsigned long long start = now_us();

    /* Odd, so that the rest of a page is cleared in place. */
    if (truncate(path, pick(pages * GUARD_PAGE) | 1))
        err(1, "truncate %s", path);
    note_wait(start);
}

static void op_shrink(void)
{
    op_cut();
    op_rewrite();
}

static void op_replace(void)
{
    char name[4096];

    snprintf(name, sizeof(name), "%s.new", path);
    new_file(name);
    if (rename(name, path))
        err(1, "rename %s", name);
}

static void op_mmap(void)
{
    int fd = open_timed(path, O_RDWR);
    uint64_t version = next_version();
    size_t len = pages * GUARD_PAGE;
    char *p;

    if (ftruncate(fd, len))
        err(1, "ftruncate %s", path);
    p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        err(1, "mmap %s", path);
    done(fd);
    for (int i = 0; i < 16; i++) {
        size_t pos = pick(pages) * GUARD_PAGE;

        guard_fill(p + pos, GUARD_PAGE, pos, version);
    }
    munmap(p, len);
}

static void op_direct(void)
{
    int fd = open(path, O_WRONLY | O_DIRECT);

    if (fd < 0 && errno == EINVAL) {
        op_page();
        return;
    }
    if (fd < 0)
        err(1, "open %s", path);
    write_pages(fd, pick(pages / 2), pages / 4);
    done(fd);
}

static void op_fallocate(int mode)
{
    int fd = open_timed(path, O_WRONLY);

    /* Whole units: what is left of one would be of no version. */
    if (fallocate(fd, mode | FALLOC_FL_KEEP_SIZE,
                  pick(pages * GUARD_PAGE) & ~15ul,
                  (pick(pages * GUARD_PAGE / 4) & ~15ul) + 16) &&
        errno != EOPNOTSUPP)
        err(1, "fallocate %s", path);
    write_pages(fd, pick(pages), 1);
    done(fd);
}

static void op_punch(void)
{
    op_fallocate(FALLOC_FL_PUNCH_HOLE);
}

static void op_zero(void)
{
    op_fallocate(FALLOC_FL_ZERO_RANGE);
}

static void op_reflink(void)
{
    char name[4096];
    int from, to;

    snprintf(name, sizeof(name), "%s.clone", path);
    new_file(name);
    from = open(name, O_RDONLY);
    to = open_timed(path, O_WRONLY);
    if (from < 0)
        err(1, "open %s", name);
    if (ioctl(to, FICLONE, from)) {
        if (errno != EOPNOTSUPP && errno != ENOTTY && errno != EINVAL)
            err(1, "FICLONE %s", path);
        write_pages(to, 0, pages);
    }
    done(from);
    done(to);
}

static void op_chmod(void)
{
    if (chmod(path, 0600 | pick(0100)))
        err(1, "chmod %s", path);
}

static void op_unlink(void)
{
    if (unlink(path))
        err(1, "unlink %s", path);
    new_file(path);
}

static void op_open(void)
{
    done(open_timed(path, O_WRONLY));
}

/* @whole: all pages are of the version that was written last, or newer. */
static const struct {
    const char *name;
    void (*run)(void);
    bool whole;
} ops[] = {
    {"create", op_create, true},
    {"rewrite", op_rewrite, true},
    {"page", op_page, false},
    {"append", op_append, false},
    {"truncate", op_truncate, true},
    {"cut", op_cut, false},
    {"shrink", op_shrink, true},
    {"replace", op_replace, true},
    {"mmap", op_mmap, false},
    {"direct", op_direct, false},
    {"punch", op_punch, false},
    {"zero", op_zero, false},
    {"reflink", op_reflink, true},
    {"chmod", op_chmod, false},
    {"unlink", op_unlink, true},
    {"open", op_open, false},
};

static void note_whole(void)
{
    versions->whole[number].pages = pages;
    __atomic_store_n(&versions->whole[number].version, version_written,
                     __ATOMIC_SEQ_CST);
}

static void run(const char *name)
{
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (strcmp(ops[i].name, name))
            continue;
        ops[i].run();
        if (number && ops[i].whole)
            note_whole();
        return;
    }
    errx(2, "no operation %s", name);
}

static int compare(const void *a, const void *b)
{
    unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

    return x < y ? -1 : x > y;
}

static unsigned int quantile(int percent)
{
    return num_waits ? waits[(num_waits - 1) * (size_t)percent / 100] : 0;
}

int main(int argc, char **argv)
{
    unsigned long count = 1, delay = 0, i;
    const char *shared = NULL, *until = NULL, *when = NULL;
    char name[4096];
    int opt;

    while ((opt = getopt(argc, argv, "+v:N:n:s:S:d:u:w:")) != -1) {
        switch (opt) {
        case 'v': shared = optarg; break;
        case 'N': number = strtoul(optarg, NULL, 0) % GUARD_FILES; break;
        case 'n': count = strtoul(optarg, NULL, 0); break;
        case 's': srandom(strtoul(optarg, NULL, 0)); break;
        case 'S': pages = strtoul(optarg, NULL, 0); break;
        case 'd': delay = strtoul(optarg, NULL, 0); break;
        case 'u': until = optarg; break;
        case 'w': when = optarg; break;
        default: return 2;
        }
    }
    if (argc - optind < 2 || !pages)
        errx(2, "usage: guard_write [OPTIONS] FILE OP...");
    path = argv[optind++];
    snprintf(name, sizeof(name), "%s.version", path);
    versions = guard_versions(shared ? shared : name);
    waits = calloc(MAX_WAITS, sizeof(*waits));
    buf = aligned_alloc(GUARD_PAGE, RUN * GUARD_PAGE);
    if (!waits || !buf)
        errx(1, "no memory");
    while (when && access(when, F_OK))
        poll(NULL, 0, 1);
    for (i = 0; i < count && (!until || access(until, F_OK)); i++) {
        run(argv[optind + pick(argc - optind)]);
        if (delay)
            poll(NULL, 0, pick(delay + 1));
    }
    qsort(waits, num_waits, sizeof(*waits), compare);
    printf("writes %lu\nwait us p50 %u p90 %u p99 %u max %u\n", i,
           quantile(50), quantile(90), quantile(99), quantile(100));
    return 0;
}
