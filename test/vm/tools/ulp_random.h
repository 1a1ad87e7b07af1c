/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_VM_TOOLS_ULP_RANDOM_H
#define TEST_VM_TOOLS_ULP_RANDOM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ulp.h"

/* Few, so that threads meet on them. */
#define SLOTS 6
#define BUFFER (256 * 1024)

/* Bytes that are there, before a page that is not. */
extern unsigned char *buffer;

/* What all threads use; an entry is a descriptor or -1. */
extern _Atomic int slots[SLOTS];
/* Files to be sent and written to, a directory last. */
#define FILES 4
extern int files[FILES];
extern const char *file_names[FILES];
extern const char *peer_host, *peer_port;

/* A caller: what it does next follows from the seed alone. */
struct caller {
    uint64_t state;
    int pipe[2];
    void *ring;
};

/* Below @n, which is not 0. */
uint32_t rnd(struct caller *c, uint32_t n);

static inline bool one_in(struct caller *c, uint32_t n)
{
    return !rnd(c, n);
}

struct call {
    const char *name;
    int weight;
    /* On a slot's descriptor, which may be -1; negative: it failed. */
    long (*run)(struct caller *c, int fd);
};

extern const struct call calls[];
extern const int num_calls;

/* A call by its weight, as an index into calls. */
int pick_call(struct caller *c);

/* What one device is, and what changes it: routes, features, up and down. */
struct flipper {
    const char *dev, *lower;
    struct caller caller;
    int fd;
};

/* One change, or a series that ends with the device as it was. */
void flip_once(struct flipper *f);
void flip_back(struct flipper *f);

#endif
