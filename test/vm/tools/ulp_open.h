/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_VM_TOOLS_ULP_OPEN_H
#define TEST_VM_TOOLS_ULP_OPEN_H

#include "ulp.h"

/* A body with all that may be around the payload. */
#define MAX_BODY (MAX_PAYLOAD + 256)

/*
 * A receiver that has nothing in common with the kernel: it reads the TCP
 * stream of @fd and opens the records with libcrypto.
 */
struct reader {
    int fd;
    struct keys keys;
    unsigned char body[MAX_BODY];
    bool cut;	/* the stream has ended inside a record */
};

/*
 * Read a record. Returns the length of its plaintext in @out, of MAX_BODY
 * bytes, and its content type in @type; or -1 at the end of the stream, with
 * an errno if it was not a FIN. A record that is malformed or fails its tag
 * ends the program.
 */
int read_record(struct reader *r, unsigned char *type, unsigned char *out);

#endif
