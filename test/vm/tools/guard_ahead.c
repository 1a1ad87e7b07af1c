// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <err.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "guard_ahead.h"

struct segment {
    struct {
        uint32_t from, to;
        uint8_t zero, protocol;
        uint16_t len;
    } pseudo;
    struct tcphdr tcp;
};

static uint32_t queue_seq(int fd, int queue)
{
    uint32_t seq;
    socklen_t len = sizeof(seq);

    if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) ||
        getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &seq, &len))
        err(1, "TCP_QUEUE_SEQ");
    return seq;
}

static struct sockaddr_in mapped(const struct sockaddr_in6 *addr)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = addr->sin6_port,
    };

    if (!IN6_IS_ADDR_V4MAPPED(&addr->sin6_addr))
        errx(1, "not an IPv4 connection");
    memcpy(&in.sin_addr, &addr->sin6_addr.s6_addr[12], sizeof(in.sin_addr));
    return in;
}

void ahead_note(struct ahead *a, int fd)
{
    int on = TCP_REPAIR_ON, off = TCP_REPAIR_OFF_NO_WP;
    struct sockaddr_in6 from, to;
    socklen_t len = sizeof(from);

    if (getsockname(fd, (struct sockaddr *)&from, &len) ||
        getpeername(fd, (struct sockaddr *)&to, &len) ||
        setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)))
        err(1, "TCP_REPAIR");
    a->from = mapped(&from);
    a->to = mapped(&to);
    a->ack = queue_seq(fd, TCP_RECV_QUEUE);
    a->seq = queue_seq(fd, TCP_SEND_QUEUE);
    if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)))
        err(1, "TCP_REPAIR");
}

/* RFC 1071, over an even number of bytes. */
static uint16_t checksum(const void *data, size_t len)
{
    const uint16_t *p = data;
    uint32_t sum = 0;

    for (size_t i = 0; i < len / 2; i++)
        sum += p[i];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

void ahead_ack(const struct ahead *a, uint32_t sent, uint32_t bytes)
{
    struct segment s = {
        .pseudo = {
            .from = a->from.sin_addr.s_addr,
            .to = a->to.sin_addr.s_addr,
            .protocol = IPPROTO_TCP,
            .len = htons(sizeof(s.tcp)),
        },
        .tcp = {
            .source = a->from.sin_port,
            .dest = a->to.sin_port,
            .seq = htonl(a->seq + sent),
            .ack_seq = htonl(a->ack + bytes),
            .doff = sizeof(s.tcp) / 4,
            .ack = 1,
            .window = htons(65535),
        },
    };
    struct sockaddr_in to = a->to;
    static int fd = -1;

    if (fd < 0)
        fd = socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
    s.tcp.check = checksum(&s, sizeof(s));
    to.sin_port = 0;
    if (fd < 0 || sendto(fd, &s.tcp, sizeof(s.tcp), 0, (struct sockaddr *)&to,
                         sizeof(to)) != sizeof(s.tcp))
        err(1, "a forged segment");
}
