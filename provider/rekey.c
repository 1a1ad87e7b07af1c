// SPDX-License-Identifier: Apache-2.0
/*
 * Write keys after a KeyUpdate (RFC 8446 section 7.2), for OpenSSL before 3.2.
 * Its libssl changes its own keys and tells its BIO nothing. It does log the
 * new secret, after the KeyUpdate is out and before anything else is sent, and
 * the keys are derived from that.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "provider.h"

#define IV_LEN 12

/* "LABEL CLIENT_RANDOM SECRET", the last two in hexadecimal */
static int parse_line(const char *line, int server, unsigned char *secret,
    size_t size, size_t *len)
{
    const char *label
        = server ? "SERVER_TRAFFIC_SECRET_" : "CLIENT_TRAFFIC_SECRET_";
    const char *hex = strrchr(line, ' ');

    return strncmp(line, label, strlen(label)) == 0 && hex != NULL
        && OPENSSL_hexstr2buf_ex(secret, size, len, hex + 1, '\0');
}

static int expand(EVP_KDF_CTX *kdf, const unsigned char *secret, size_t len,
    const char *label, unsigned char *out, size_t out_len)
{
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST,
            len == 48 ? "SHA384" : "SHA256", 6),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, len),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PREFIX, "tls13 ", 6),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_LABEL, (void *)label,
            strlen(label)),
        OSSL_PARAM_END
    };

    EVP_KDF_CTX_reset(kdf);
    return EVP_KDF_derive(kdf, out, out_len, params) > 0;
}

static int derive(unsigned char *info, const struct lt_cipher *cipher,
    const unsigned char *secret, size_t len)
{
    EVP_KDF *method = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *kdf = EVP_KDF_CTX_new(method);
    unsigned char iv[IV_LEN];
    int ok;

    ok = kdf != NULL
        && expand(kdf, secret, len, "key", info + cipher->key, cipher->key_len)
        && expand(kdf, secret, len, "iv", iv, sizeof(iv));
    if (ok) {
        memcpy(info + cipher->salt, iv, cipher->salt_len);
        memcpy(info + cipher->iv, iv + cipher->salt_len,
            sizeof(iv) - cipher->salt_len);
    }
    OPENSSL_cleanse(iv, sizeof(iv));
    EVP_KDF_CTX_free(kdf);
    EVP_KDF_free(method);
    return ok;
}

int lt_rekey_derive(union lt_keys *keys, int server, const char *line)
{
    const struct lt_cipher *cipher = lt_cipher_find(keys->info.cipher_type);
    unsigned char secret[EVP_MAX_MD_SIZE];
    size_t len;
    int ok;

    ok = cipher != NULL
        && parse_line(line, server, secret, sizeof(secret), &len)
        && derive(keys->bytes, cipher, secret, len);
    OPENSSL_cleanse(secret, sizeof(secret));
    return ok;
}
