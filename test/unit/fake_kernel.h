/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's side of a connection, in the test's own process: the ULP
 * "linetls" takes keys, and what is written then leaves as TLS records, so that
 * a libssl at the other end can judge them. AES-GCM, TLS 1.2 and 1.3. The
 * program's setsockopt(), sendmsg() and write() are those of this file, for
 * libcrypto as well, and for modules if it is linked with --export-dynamic.
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

/* Since fake_kernel_reset(). With several threads, none may be watched. */
struct fake_kernel {
    int watched;     /* only this descriptor's writes count and fail */
    int refused;     /* this one's ULP is refused; -1: of none */
    int tx_error;    /* errno of the next TLS_TX, for as long as it is set */
    int send_error;  /* errno of the next writes, for as long as it is set */
    int writes;      /* of watched, so far, as far as they are counted */
    int again_at;    /* the write that meets EAGAIN, from 1 on; 0: none */
    int short_at;    /* the write of which only a part is taken; 0: none */
    int keys;           /* TLS_TX that succeeded */
    int records[256];   /* sent, by type */
};

extern struct fake_kernel fake_kernel;

void fake_kernel_reset(void);

/* The descriptor is a new socket. */
void fake_kernel_forget(int fd);

#endif
