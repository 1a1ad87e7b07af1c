/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files whose every 16 bytes say where they belong and which version of the
 * file they are from: a byte that was in no version is found wherever it ends.
 * Zeros are what truncation and holes leave.
 */
#ifndef TEST_VM_TOOLS_GUARD_H
#define TEST_VM_TOOLS_GUARD_H

#include <stddef.h>
#include <stdint.h>

#define GUARD_PAGE 4096

struct guard_unit {
    uint32_t page;
    uint32_t unit;      /* in the page, and the complement of @page above */
    uint64_t version;
};

/* @len bytes of @version at @pos, both multiples of sizeof(struct guard_unit). */
void guard_fill(void *buf, size_t len, uint64_t pos, uint64_t version);

#define GUARD_FILES 16

/*
 * What writers say to those who check.
 * @newest: the newest version so far, of all files; a writer takes the next one
 *          before it writes
 * @whole:  for each file, by a number that its writer is given, the version
 *          that all of its first so many pages have had, or a newer one, since
 *          that was written here
 */
struct guard_versions {
    uint64_t newest;
    struct {
        uint32_t version, pages;
    } whole[GUARD_FILES];
};

/* Shared through @file, which is made if need be. */
struct guard_versions *guard_versions(const char *file);

/* Is the unit at @pos of a version from @oldest to @newest, or a hole? */
int guard_check(const struct guard_unit *unit, uint64_t pos, uint64_t oldest,
                uint64_t newest);

#endif
