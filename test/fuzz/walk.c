// SPDX-License-Identifier: Apache-2.0
/* A random walk instead of libFuzzer, see walk.h. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "walk.h"

static uint64_t state;

uint32_t rnd(void)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(state >> 33);
}

#ifndef LINETLS_LIBFUZZER

int main(int argc, char **argv)
{
    const char *seed = getenv("LINETLS_SEED");
    static uint8_t buf[WALK_MAX];
    unsigned long inputs = argc > 1 ? strtoul(argv[1], NULL, 0) : 3000, i;

    state = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    printf("LINETLS_SEED=%llu\n", (unsigned long long)state);
    fflush(stdout);
    for (i = 0; i < inputs; i++)
        LLVMFuzzerTestOneInput(buf, walk_input(buf, sizeof(buf)));
    walk_end();
    printf("%lu inputs\n", inputs);
    return 0;
}

#endif
