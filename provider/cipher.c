// SPDX-License-Identifier: Apache-2.0
/* The ciphers of the kernel, and where their keys are in its structures. */
#include <stddef.h>
#include <string.h>
#include <linux/tls.h>

#include "provider.h"

#define CIPHER(name, type, part, salt_len)                                     \
    { name, type, sizeof(struct tls12_crypto_info_##part),                     \
        offsetof(struct tls12_crypto_info_##part, key),                        \
        sizeof(((struct tls12_crypto_info_##part *)0)->key),                   \
        offsetof(struct tls12_crypto_info_##part, salt), salt_len,             \
        offsetof(struct tls12_crypto_info_##part, iv) }

static const struct lt_cipher ciphers[] = {
    CIPHER("AES-128-GCM", TLS_CIPHER_AES_GCM_128, aes_gcm_128, 4),
    CIPHER("AES-256-GCM", TLS_CIPHER_AES_GCM_256, aes_gcm_256, 4),
    CIPHER("AES-128-CCM", TLS_CIPHER_AES_CCM_128, aes_ccm_128, 4),
    CIPHER("CHACHA20-POLY1305", TLS_CIPHER_CHACHA20_POLY1305,
        chacha20_poly1305, 0),
};

const struct lt_cipher *lt_cipher_find(unsigned int type)
{
    size_t i;

    for (i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
        if (ciphers[i].type == type)
            return &ciphers[i];
    }
    return NULL;
}

const struct lt_cipher *lt_cipher_named(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
        if (strcmp(ciphers[i].name, name) == 0)
            return &ciphers[i];
    }
    return NULL;
}
