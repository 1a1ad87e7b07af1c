// SPDX-License-Identifier: Apache-2.0
#include <err.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard.h"

static uint32_t unit_number(uint64_t pos)
{
    uint32_t unit = pos % GUARD_PAGE / sizeof(struct guard_unit);

    return unit | ~(uint32_t)(pos / GUARD_PAGE) << 8;
}

void guard_fill(void *buf, size_t len, uint64_t pos, uint64_t version)
{
    struct guard_unit *unit = buf;

    for (size_t i = 0; i < len / sizeof(*unit); i++) {
        unit[i].page = pos / GUARD_PAGE;
        unit[i].unit = unit_number(pos);
        unit[i].version = version;
        pos += sizeof(*unit);
    }
}

struct guard_versions *guard_versions(const char *file)
{
    int fd = open(file, O_RDWR | O_CREAT, 0644);
    struct guard_versions *p;

    if (fd < 0 || ftruncate(fd, sizeof(*p)))
        err(1, "%s", file);
    p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        err(1, "mmap %s", file);
    close(fd);
    return p;
}

int guard_check(const struct guard_unit *unit, uint64_t pos, uint64_t oldest,
                uint64_t newest)
{
    if (!unit->page && !unit->unit && !unit->version)
        return 1;
    return unit->page == pos / GUARD_PAGE && unit->unit == unit_number(pos) &&
           unit->version && unit->version >= oldest &&
           unit->version <= newest;
}
