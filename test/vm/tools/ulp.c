// SPDX-License-Identifier: Apache-2.0
#include <err.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "ulp.h"

#define LINE 32

void fill_pattern(unsigned char *buf, size_t len, unsigned long long pos)
{
    char line[LINE + 8];
    unsigned long long current = -1ULL;

    for (size_t i = 0; i < len; i++, pos++) {
        if (pos / LINE != current) {
            current = pos / LINE;
            snprintf(line, sizeof(line), "LINETLS-PLAINTEXT %012llx\n\n",
                     current & 0xffffffffffffULL);
        }
        buf[i] = line[pos % LINE];
    }
}

socklen_t make_info(union crypto_info *ci, const char *version,
                    const char *bits)
{
    memset(ci, 0, sizeof(*ci));
    ci->info.version =
        strcmp(version, "1.2") ? TLS_1_3_VERSION : TLS_1_2_VERSION;
    if (strcmp(bits, "128")) {
        ci->info.cipher_type = TLS_CIPHER_AES_GCM_256;
        memset(ci->gcm256.key, 0x5a, sizeof(ci->gcm256.key));
        memset(ci->gcm256.salt, 0x3c, sizeof(ci->gcm256.salt));
        memset(ci->gcm256.iv, 0x11, sizeof(ci->gcm256.iv));
        ci->gcm256.rec_seq[7] = 7;
        return sizeof(ci->gcm256);
    }
    ci->info.cipher_type = TLS_CIPHER_AES_GCM_128;
    memset(ci->gcm128.key, 0x5a, sizeof(ci->gcm128.key));
    memset(ci->gcm128.salt, 0x3c, sizeof(ci->gcm128.salt));
    memset(ci->gcm128.iv, 0x11, sizeof(ci->gcm128.iv));
    ci->gcm128.rec_seq[7] = 7;
    return sizeof(ci->gcm128);
}

void set_ulp(int fd, const char *ulp)
{
    if (setsockopt(fd, SOL_TCP, TCP_ULP, ulp, strlen(ulp)))
        err(1, "TCP_ULP %s", ulp);
}

void set_keys(int fd, int dir, const char *version, const char *bits)
{
    union crypto_info ci;
    socklen_t len = make_info(&ci, version, bits);

    if (setsockopt(fd, SOL_TLS, dir, &ci, len))
        err(1, "TLS_%s", dir == TLS_TX ? "TX" : "RX");
}

void set_record_type(struct msghdr *msg, struct record_type_cmsg *room,
                     unsigned char type)
{
    struct cmsghdr *cmsg;

    memset(room, 0, sizeof(*room));
    msg->msg_control = room->buf;
    msg->msg_controllen = sizeof(room->buf);
    cmsg = CMSG_FIRSTHDR(msg);
    cmsg->cmsg_level = SOL_TLS;
    cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
    cmsg->cmsg_len = CMSG_LEN(1);
    *CMSG_DATA(cmsg) = type;
}
