/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation failures of a kernel with CONFIG_FAULT_INJECTION: the nth
 * allocation, or copy from or to user memory, of this thread fails.
 */
#ifndef TEST_VM_TOOLS_ULP_FAULTS_H
#define TEST_VM_TOOLS_ULP_FAULTS_H

#include <stdbool.h>

/* More than any one call here makes. */
#define MAX_NTH 5000

/* Prepare, or end the program: memory of our own must not be missing. */
void fault_init(void);

/*
 * The @nth from here on fails. fault_disarm() says how many were left to count:
 * 0 if the fault has come.
 */
void fault_arm(unsigned int nth);
unsigned int fault_disarm(void);

/* Every allocation of this thread fails, or as before. */
void fault_all(bool on);

/* What main() of each part does; returns the program's status. */
int fault_calls(char **argv);
int fault_writers(char **argv);
int fault_link(char **argv);
int fault_module(char **argv);

#endif
