// SPDX-License-Identifier: Apache-2.0
/*
 * ulp_faults: every allocation of a call fails once, one after the other.
 *
 *   ulp_faults calls HOST NETNS DIR VERSION CIPHER MODE [STEP...]
 *       The calls of a connection's life, or those named, with files in DIR:
 *       attaching the ULP, keys, sending in every way, new keys, shutdown,
 *       close. The receiver, in the network namespace with the path NETNS, has
 *       to get every byte that a call has taken; a call that failed succeeds
 *       when it is made again. Failslab and fail_page_alloc are set to 100 % of
 *       tasks that ask for it.
 *   ulp_faults writers HOST NETNS DIR VERSION CIPHER MODE
 *       No fault, but between two calls, each in turn, the file that was
 *       announced is overwritten. The receiver has to get what it held.
 *   ulp_faults link LOWER NAME
 *       The life of a linetls_nic.
 *   ulp_faults module FILE NAME
 *       Loading a module.
 *
 * Prints "WHAT: N faults, M failures" for each, M of which were seen by the
 * caller; no fault at all is a failure, too.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ulp_faults.h"

static int fail_nth = -1, fail_all = -1;

void fault_init(void)
{
    fail_nth = open("/proc/thread-self/fail-nth", O_RDWR);
    fail_all = open("/proc/thread-self/make-it-fail", O_RDWR);
    if (fail_nth < 0 || fail_all < 0)
        err(1, "no fault injection");
    if (mlockall(MCL_CURRENT | MCL_FUTURE))
        err(1, "mlockall");
}

static bool set_nth(unsigned int nth)
{
    char text[16];
    int len = snprintf(text, sizeof(text), "%u", nth);

    return pwrite(fail_nth, text, len, 0) == len;
}

void fault_arm(unsigned int nth)
{
    if (!set_nth(nth))
        err(1, "fail-nth");
}

/* Both calls count, too, and may meet the fault themselves. */
unsigned int fault_disarm(void)
{
    char text[16] = "";
    ssize_t n = pread(fail_nth, text, sizeof(text) - 1, 0);

    if (!set_nth(0) && !set_nth(0))
        err(1, "fail-nth");
    return n > 0 ? strtoul(text, NULL, 10) : 1;
}

void fault_all(bool on)
{
    if (pwrite(fail_all, on ? "1" : "0", 1, 0) != 1)
        err(1, "make-it-fail");
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc >= 8 && !strcmp(argv[1], "calls"))
        return fault_calls(argv + 2);
    if (argc == 8 && !strcmp(argv[1], "writers"))
        return fault_writers(argv + 2);
    if (argc == 4 && !strcmp(argv[1], "link"))
        return fault_link(argv + 2);
    if (argc == 4 && !strcmp(argv[1], "module"))
        return fault_module(argv + 2);
    errx(2, "see the head of ulp_faults.c");
}
