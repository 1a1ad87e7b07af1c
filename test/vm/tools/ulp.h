/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the test programs of the ULP share: a pattern that shows a wrong,
 * missing or doubled byte, and fixed keys for both ends of a connection, in
 * place of a handshake. All functions end the program on an error.
 */
#ifndef TEST_VM_TOOLS_ULP_H
#define TEST_VM_TOOLS_ULP_H

#include <linux/tls.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <uapi/linetls.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

#define TYPE_ALERT 21
#define TYPE_DATA 23

union crypto_info {
    struct tls_crypto_info info;
    struct tls12_crypto_info_aes_gcm_128 gcm128;
    struct tls12_crypto_info_aes_gcm_256 gcm256;
};

/* The pattern's bytes from @pos on: lines that a search can find. */
void fill_pattern(unsigned char *buf, size_t len, unsigned long long pos);

/* Keys for @version 1.2 or 1.3 and 128 or 256 @bits; returns their length. */
socklen_t make_info(union crypto_info *ci, const char *version,
                    const char *bits);

void set_ulp(int fd, const char *ulp);

/* @dir is TLS_TX or TLS_RX. */
void set_keys(int fd, int dir, const char *version, const char *bits);

/* Room for one TLS_SET_RECORD_TYPE. */
struct record_type_cmsg {
    _Alignas(struct cmsghdr) char buf[CMSG_SPACE(1)];
};

/* Make @msg send a record of @type. */
void set_record_type(struct msghdr *msg, struct record_type_cmsg *cmsg,
                     unsigned char type);

#endif
