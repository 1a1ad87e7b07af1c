/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linetls: OpenSSL provider without algorithms. It places one filter BIO
 * under each TLS connection whose socket it understands, and this filter hands
 * the write keys to the kernel.
 *
 * The way of one connection:
 *
 *   hook.c    a new SSL_CTX gets our security callback; the handshake calls
 *             it, and the SSL gets the filter
 *   fdhint.c  the socket, where the BIO is the application's own
 *   bio.c     libssl offers its write keys to the filter
 *   ktls.c    setsockopt(): ULP, mode, keys
 *   rekey.c   new keys, where libssl does not offer them
 *   status.c  counted, by ULP or as userspace TLS
 */
#ifndef LINETLS_PROVIDER_H
#define LINETLS_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/bio.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <linux/tls.h>
#include <sys/types.h>

/* config.c */

/* The order is that of the words in config.c. */
enum lt_offload {
    LT_OFFLOAD_PREFER,
    LT_OFFLOAD_REQUIRE,
    LT_OFFLOAD_SOFTWARE,
    LT_OFFLOAD_OFF
};

enum lt_ulp_choice { LT_ULP_AUTO, LT_ULP_LINETLS, LT_ULP_TLS };

#define LT_LIST_SIZE 256

struct lt_config {
    int offload; /* enum lt_offload */
    int ulp;     /* enum lt_ulp_choice */
    int debug;   /* 0: off */
    int handover; /* bytes before a device is asked, 0: none */
    /* Words with spaces or commas in between. */
    char include[LT_LIST_SIZE];
    char exclude[LT_LIST_SIZE];
    char userspace_ciphers[LT_LIST_SIZE];
};

/* The section of the first provider instance of the process. */
extern struct lt_config lt_config;

/*
 * Read the provider's section, and for each key the environment variable
 * LINETLS_KEY, which wins. Returns 0 after raising and printing an error that
 * names key and value; *cfg is then undefined. For a program that is not to be
 * helped, cfg->offload is LT_OFFLOAD_OFF.
 */
int lt_config_read(struct lt_config *cfg, const OSSL_CORE_HANDLE *core,
    OSSL_FUNC_core_get_params_fn *get_params);

int lt_config_lists(const char *list, const char *word);

/* One row of the table of keys, for those who print or check it. */
struct lt_key_doc {
    const char *name, *dflt, *example, *doc;
};

/* Returns 0 behind the last row. */
int lt_config_key(size_t row, struct lt_key_doc *doc);

/* debug.c */

extern int lt_debug;

/* One line on stderr, or nothing where stderr is a network connection. */
void lt_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Level 1: one line per connection and per refusal; 2: each step. */
#define LT_DEBUG(level, ...)                                                   \
    do {                                                                       \
        if (lt_debug >= (level))                                               \
            lt_print(__VA_ARGS__);                                             \
    } while (0)

/* error.c */

enum lt_reason {
    LT_R_CONFIG = 100,
    LT_R_NOT_OFFLOADED,
    LT_R_REKEY_REFUSED,
    LT_R_REKEY_MISSED,
    LT_R_REUSED
};

void lt_error_init(void);
int lt_error_lib(void);

#define LT_RAISE(reason, ...)                                                  \
    ERR_raise_data(lt_error_lib(), (reason), __VA_ARGS__)

/* libssl.c */

/*
 * libssl is the application's: a process without it must not get one because
 * of this module, so its functions are looked up when libssl first calls us.
 */
#define LT_LIBSSL_FUNCTIONS(X)                                                 \
    X(SSL_CTX_get_ex_data)                                                     \
    X(SSL_CTX_get_keylog_callback)                                             \
    X(SSL_CTX_get_options)                                                     \
    X(SSL_CTX_get_security_callback)                                           \
    X(SSL_CTX_set_keylog_callback)                                             \
    X(SSL_CTX_set_options)                                                     \
    X(SSL_CTX_set_security_callback)                                           \
    X(SSL_clear_options)                                                       \
    X(SSL_get_SSL_CTX)                                                         \
    X(SSL_get_options)                                                         \
    X(SSL_get_rbio)                                                            \
    X(SSL_get_wbio)                                                            \
    X(SSL_in_before)                                                           \
    X(SSL_is_init_finished)                                                    \
    X(SSL_is_server)                                                           \
    X(SSL_set0_rbio)                                                           \
    X(SSL_set0_wbio)                                                           \
    X(SSL_set_ex_data)                                                         \
    X(SSL_set_options)                                                         \
    X(SSL_version)

#define LT_LIBSSL_MEMBER(name) __typeof__(&name) name;
struct lt_libssl {
    LT_LIBSSL_FUNCTIONS(LT_LIBSSL_MEMBER)
};
extern struct lt_libssl lt_ssl;

/* Call it from a callback of libssl only. Returns 0 if libssl is hidden. */
int lt_libssl_resolve(void);

/* hook.c */

/*
 * Between enable and the last disable new SSL_CTXs are hooked. The first
 * enable of the process makes *cfg the configuration of all connections.
 */
int lt_hook_enable(const struct lt_config *cfg);
void lt_hook_disable(void);

/*
 * From now on lt_bio_new_secret() gets the secrets that libssl logs for ssl.
 * Returns 0 if that can't be had.
 */
int lt_hook_secrets(SSL *ssl);

/*
 * filter is told by lt_bio_forget() when ssl is freed; NULL: nobody is any
 * more. Returns 0 without memory.
 */
int lt_hook_tell_end(SSL *ssl, BIO *filter);

/* fdhint.c */

/* What is known of the socket below a filter. */
struct lt_socket {
    int fd;           /* -1: not known (yet) */
    int foreign;      /* the BIO below is the application's own */
    int learning;     /* the descriptor is noted from what the BIO does */
    int spoilt;       /* not one TCP socket */
    uint64_t written; /* into the BIO */
    uint64_t start;   /* bytes of the stream before these */
};

int lt_fdhint_is_tcp(int fd);

/* Returns 0 if the socket below a BIO of the application's can't be known. */
int lt_fdhint_start(struct lt_socket *s, BIO *bio);

/* Around each read and write of the BIO; written: what a write returned. */
void lt_fdhint_before(const struct lt_socket *s);
void lt_fdhint_after(struct lt_socket *s, int written);

/* The socket is known, and has got all that was written and nothing else. */
int lt_fdhint_proven(const struct lt_socket *s);

/* bio.c */

int lt_bio_init(void);
int lt_bio_is_filter(const BIO *bio);

/*
 * A filter for both directions of ssl, not yet in a chain. The filter keeps
 * ssl without a reference until lt_bio_forget(). socket is NULL above a BIO of
 * libcrypto's, which says by itself which socket it has.
 */
BIO *lt_bio_new(SSL *ssl, const struct lt_socket *socket);

/* ssl, the filter's or one that it has come to, starts over on its socket. */
void lt_bio_restart(BIO *filter, SSL *ssl);

/* The filter's SSL is being freed; the filter may live on. */
void lt_bio_forget(BIO *filter, const SSL *ssl);

/* Keys have not been offered in this handshake. */
int lt_bio_wants_keys(const BIO *filter);

/*
 * A line of libssl's key log, NSS's format, about the filter's SSL. Lines
 * other than that of the write secret after a KeyUpdate are ignored.
 */
void lt_bio_new_secret(BIO *filter, const char *line);

/* cipher.c */

/* A struct tls12_crypto_info_* of any cipher. */
union lt_keys {
    struct tls_crypto_info info;
    unsigned char bytes[64];
};

struct lt_cipher {
    const char *name;
    unsigned int type; /* TLS_CIPHER_* of <linux/tls.h> */
    size_t info_len;
    size_t key, key_len; /* offsets in the kernel's structure */
    size_t salt, salt_len;
    size_t iv;
};

/* NULL: not one that the kernel gets from us. */
const struct lt_cipher *lt_cipher_find(unsigned int type);
const struct lt_cipher *lt_cipher_named(const char *name);

/* rekey.c */

/*
 * Fill the keys of the cipher and version in keys->info, all else zero, from a
 * line of libssl's key log. Returns 0 if the line is not that of the write
 * secret after a KeyUpdate. The caller wipes the keys.
 */
int lt_rekey_derive(union lt_keys *keys, int server, const char *line);

/* ktls.c */

enum lt_ulp { LT_TX_USERSPACE, LT_TX_LINETLS, LT_TX_TLS };

struct lt_ktls_result {
    enum lt_ulp ulp;  /* who encrypts from now on */
    const char *step; /* what was refused, if ulp is LT_TX_USERSPACE */
    int error;        /* its errno, or 0 */
};

/*
 * Hand the write keys of fd to the kernel, under the policy of lt_config.
 * crypto_info is a struct tls12_crypto_info_* of <linux/tls.h>. After a
 * refusal the socket carries bytes as before.
 */
struct lt_ktls_result lt_ktls_start(int fd, const void *crypto_info);

/*
 * Whether the kernel takes new keys for a connection. tls does from Linux 6.14
 * on, and has to be loaded to answer.
 */
int lt_ktls_can_rekey(enum lt_ulp ulp);

/* New keys for a connection that lt_ktls_start() handed over. 0: refused. */
int lt_ktls_rekey(int fd, const void *crypto_info);

/* As sendmsg(2), one TLS record of the given type. */
ssize_t lt_ktls_send_record(int fd, unsigned char type, const void *data,
    size_t len);

/* The status that linetls reports for fd. 0: none. */
struct linetls_tx_status;
int lt_ktls_status(int fd, struct linetls_tx_status *status);

const char *lt_ulp_name(enum lt_ulp ulp);

/* status.c */

void lt_status_count(enum lt_ulp ulp);
const OSSL_PARAM *lt_status_gettable(void);
int lt_status_get(OSSL_PARAM params[]);

#endif
