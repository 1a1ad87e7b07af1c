/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiver that acknowledges what has not come: forged segments, from a raw
 * socket. All functions end the program on an error.
 */
#ifndef TEST_VM_TOOLS_GUARD_AHEAD_H
#define TEST_VM_TOOLS_GUARD_AHEAD_H

#include <netinet/in.h>
#include <stdint.h>

struct ahead {
    struct sockaddr_in from, to;
    uint32_t seq, ack;  /* of the next segment; what has come so far */
};

/* Note where @fd is, IPv4 mapped to IPv6. Nothing may be on its way. */
void ahead_note(struct ahead *a, int fd);

/* Acknowledge @bytes more, after @sent bytes of our own. */
void ahead_ack(const struct ahead *a, uint32_t sent, uint32_t bytes);

#endif
