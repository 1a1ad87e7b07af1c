/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the test programs of the ULP share: a pattern that shows a wrong,
 * missing or doubled byte, fixed keys for both ends of a connection, in place
 * of a handshake, and a sender's calls. All functions end the program on an
 * error.
 */
#ifndef TEST_VM_TOOLS_ULP_H
#define TEST_VM_TOOLS_ULP_H

#include <linux/tls.h>
#include <stdbool.h>
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
#define TYPE_HANDSHAKE 22
#define TYPE_DATA 23
#define KEY_UPDATE 24
#define NONCE_LEN 12
#define TAG_LEN 16
#define MAX_PAYLOAD 16384

struct cipher {
    const char *name;
    int type, key_len, salt_len;
};

/* The keys of a generation: nothing in common with those of another. */
struct keys {
    const struct cipher *cipher;
    int version;
    unsigned char key[32], nonce[NONCE_LEN];
    unsigned long long seq;
};

union crypto_info {
    struct tls_crypto_info info;
    struct tls12_crypto_info_aes_gcm_128 gcm128;
    struct tls12_crypto_info_aes_gcm_256 gcm256;
    struct tls12_crypto_info_aes_ccm_128 ccm128;
    struct tls12_crypto_info_chacha20_poly1305 chacha;
};

/* The pattern's bytes from @pos on: lines that a search can find. */
void fill_pattern(unsigned char *buf, size_t len, unsigned long long pos);

/*
 * Keys for @version 1.2 or 1.3, and @cipher gcm128, gcm256, ccm128 or chacha;
 * 128 and 256 are those of GCM.
 */
void make_keys(struct keys *k, const char *version, const char *cipher,
               int generation);

/* Keys in the kernel's form; returns its length. */
socklen_t pack_keys(union crypto_info *ci, const struct keys *k);

/* The same of the first generation. */
socklen_t make_info(union crypto_info *ci, const char *version,
                    const char *cipher);

void set_ulp(int fd, const char *ulp);

/* @dir is TLS_TX or TLS_RX. */
void set_keys(int fd, int dir, const struct keys *k);

/* A LINETLS_TX_MODE. */
void set_mode(int fd, int mode);

/* LINETLS_TX_HANDOVER; 0: the default is left. */
void set_handover(int fd, int bytes);

/* Connect to @host; @sndbuf is SO_SNDBUF, 0: as it is. */
int dial(const char *host, const char *port, int sndbuf);

/* Listen on @port of any address, 0: one that is free. @rcvbuf as above. */
int listen_on(int port, int backlog, int rcvbuf);

bool is_writable(int fd, int timeout_ms);

/* For a minute at most. */
void wait_writable(int fd);

/* Room for one TLS_SET_RECORD_TYPE. */
struct record_type_cmsg {
    _Alignas(struct cmsghdr) char buf[CMSG_SPACE(1)];
};

/* Make @msg send a record of @type. */
void set_record_type(struct msghdr *msg, struct record_type_cmsg *cmsg,
                     unsigned char type);

/* sendmsg() with a record type; what it returns. */
ssize_t try_record(int fd, unsigned char type, const void *buf, size_t len,
                   int flags);

/* A whole record; waits where the socket would not. */
void send_record(int fd, unsigned char type, const void *buf, size_t len);

/* LINETLS_TX_STATUS as a line, nothing for a socket that has none. */
void print_status(int fd);

/* How many records it has sent. */
unsigned long long records_of(int fd);

#endif
