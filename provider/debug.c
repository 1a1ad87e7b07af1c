// SPDX-License-Identifier: Apache-2.0
/* Messages on stderr, switched on by the key "debug". */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "provider.h"

int lt_debug;

/* Under inetd and its like, descriptor 2 is the peer. */
static int stderr_is_network(void)
{
    int domain = AF_UNSPEC;
    socklen_t len = sizeof(domain);

    return getsockopt(STDERR_FILENO, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0
        && domain != AF_UNIX;
}

void lt_print(const char *fmt, ...)
{
    char line[512];
    va_list args;
    int head, body;

    if (stderr_is_network())
        return;
    head = snprintf(line, sizeof(line), "linetls[%ld]: ", (long)getpid());
    va_start(args, fmt);
    body = vsnprintf(line + head, sizeof(line) - head - 1, fmt, args);
    va_end(args);
    if (body < 0)
        return;
    if ((size_t)(head + body) > sizeof(line) - 2)
        body = sizeof(line) - 2 - head;
    line[head + body] = '\n';
    if (write(STDERR_FILENO, line, head + body + 1) < 0)
        return;
}
