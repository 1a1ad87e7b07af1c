/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_VM_TOOLS_ULP_REFUSALS_H
#define TEST_VM_TOOLS_ULP_REFUSALS_H

#include <stdbool.h>

#include "ulp.h"

/*
 * A TCP connection over loopback. @fd is the end under test; the rest says
 * what a case has done to it: @has_keys, TLS_TX succeeded; @ended, nothing
 * can be sent any more.
 */
struct pair {
    int fd, peer;
    bool has_keys, ended;
};

/*
 * A case: @run with @arg on a new connection has to return the errno @want,
 * or 0. @exception: why mainline's "tls" does not, NULL if it has to.
 */
struct refusal {
    const char *name;
    int (*run)(struct pair *p, const char *ulp, long arg);
    long arg;
    int want;
    const char *exception;
};

struct pair make_pair(void);

/* The peer closes or resets, and our end has noticed. */
void end_peer(struct pair *p, bool reset);

#endif
