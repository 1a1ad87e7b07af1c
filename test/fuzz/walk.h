/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a fuzz target is run. Built with clang's -fsanitize=fuzzer (see
 * "make fuzz") libFuzzer makes the inputs and is the program. In `make check`
 * walk.c is: a bounded number of inputs that the target makes itself, mostly
 * good ones with faults here and there.
 *
 *   TARGET [INPUTS]       LINETLS_SEED=N in the environment repeats a run
 */
#ifndef LINETLS_WALK_H
#define LINETLS_WALK_H

#include <stddef.h>
#include <stdint.h>

#define WALK_MAX 131072

/* The target. Returns 0; what is wrong ends the process by abort(). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The target's: an input of at most max bytes, by rnd() only. */
size_t walk_input(uint8_t *buf, size_t max);

/* The target's: frees what it keeps between inputs. */
void walk_end(void);

uint32_t rnd(void);

#endif
