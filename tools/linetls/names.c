// SPDX-License-Identifier: Apache-2.0
#include "linetls.h"

const char *version_name(unsigned version)
{
    switch (version) {
    case TLS_1_2_VERSION: return "1.2";
    case TLS_1_3_VERSION: return "1.3";
    default: return "?";
    }
}

/* As in the names of cipher suites. */
const char *cipher_name(unsigned cipher)
{
    switch (cipher) {
    case TLS_CIPHER_AES_GCM_128: return "AES-128-GCM";
    case TLS_CIPHER_AES_GCM_256: return "AES-256-GCM";
    case TLS_CIPHER_AES_CCM_128: return "AES-128-CCM";
    case TLS_CIPHER_CHACHA20_POLY1305: return "CHACHA20-POLY1305";
    default: return "?";
    }
}

const char *reason_name(unsigned reason)
{
    static const char *const names[] = {
        [LINETLS_REASON_NONE] = "none",
        [LINETLS_REASON_MODE] = "mode",
        [LINETLS_REASON_NO_ROUTE] = "no-route",
        [LINETLS_REASON_NO_FEATURE] = "no-feature",
        [LINETLS_REASON_DEVICE_DOWN] = "device-down",
        [LINETLS_REASON_REFUSED] = "refused",
        [LINETLS_REASON_DRIVER] = "driver",
        [LINETLS_REASON_FEATURE_OFF] = "feature-off",
        [LINETLS_REASON_WRAPPED] = "wrapped",
        [LINETLS_REASON_ROUTE] = "route",
        [LINETLS_REASON_STALLED] = "stalled",
        [LINETLS_REASON_FRAGMENT] = "fragment",
        [LINETLS_REASON_HANDOVER] = "handover",
    };

    return reason < sizeof(names) / sizeof(*names) && names[reason]
               ? names[reason]
               : "?";
}
