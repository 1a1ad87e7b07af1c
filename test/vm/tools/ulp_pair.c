// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <unistd.h>

#include "ulp_refusals.h"

struct pair make_pair(void)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof(addr);
    struct pair p = {-1, -1, false, false};
    int lfd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(lfd, (void *)&addr, len) || listen(lfd, 1) ||
        getsockname(lfd, (void *)&addr, &len))
        err(1, "listen");
    p.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(p.fd, (void *)&addr, len))
        err(1, "connect");
    p.peer = accept(lfd, NULL, NULL);
    if (p.peer < 0)
        err(1, "accept");
    close(lfd);
    return p;
}

void end_peer(struct pair *p, bool reset)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    struct pollfd pfd = {.fd = p->fd, .events = POLLIN};

    if (reset && setsockopt(p->peer, SOL_SOCKET, SO_LINGER, &linger,
                            sizeof(linger)))
        err(1, "SO_LINGER");
    close(p->peer);
    p->peer = -1;
    p->ended = true;
    if (poll(&pfd, 1, 10000) != 1)
        errx(1, "no end of the peer within 10 s");
}
