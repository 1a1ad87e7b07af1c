// SPDX-License-Identifier: Apache-2.0
/*
 * Connections by sock_diag (sock_diag(7)), their processes by /proc, and what
 * only the socket itself tells by a copy of its descriptor (pidfd_getfd(2)).
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "linetls.h"

static void format_address(char *to, int family, const void *addr,
                           uint16_t port)
{
    char text[INET6_ADDRSTRLEN];

    inet_ntop(family, addr, text, sizeof(text));
    snprintf(to, ADDRESS_LEN, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text,
             ntohs(port));
}

static int parse_tls(const struct nlattr *attr, void *data)
{
    struct connection *c = data;

    switch (mnl_attr_get_type(attr)) {
    case TLS_INFO_VERSION: c->version = mnl_attr_get_u16(attr); break;
    case TLS_INFO_CIPHER: c->cipher = mnl_attr_get_u16(attr); break;
    case TLS_INFO_TXCONF: c->tx = mnl_attr_get_u16(attr); break;
    case TLS_INFO_RXCONF: c->rx = mnl_attr_get_u16(attr); break;
    case TLS_INFO_ZC_RO_TX: c->zerocopy = true; break;
    }
    return MNL_CB_OK;
}

static int parse_ulp(const struct nlattr *attr, void *data)
{
    struct connection *c = data;

    switch (mnl_attr_get_type(attr)) {
    case INET_ULP_INFO_NAME:
        snprintf(c->ulp, sizeof(c->ulp), "%s", mnl_attr_get_str(attr));
        break;
    case INET_ULP_INFO_TLS:
        return mnl_attr_parse_nested(attr, parse_tls, c);
    }
    return MNL_CB_OK;
}

static int parse_socket(const struct nlattr *attr, void *data)
{
    if (mnl_attr_get_type(attr) == INET_DIAG_ULP_INFO)
        return mnl_attr_parse_nested(attr, parse_ulp, data);
    return MNL_CB_OK;
}

static int add(struct connections *found, const struct connection *c)
{
    if (found->count == found->room) {
        size_t room = found->room ? found->room * 2 : 64;
        void *list = reallocarray(found->list, room, sizeof(*found->list));

        if (!list)
            return -1;
        found->list = list;
        found->room = room;
    }
    found->list[found->count++] = *c;
    return 0;
}

static int on_socket(const struct nlmsghdr *nlh, void *data)
{
    const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
    struct connection c = {.inode = msg->idiag_inode};

    if (mnl_attr_parse(nlh, sizeof(*msg), parse_socket, &c) < 0)
        return MNL_CB_ERROR;
    if (strcmp(c.ulp, "linetls") && strcmp(c.ulp, "tls"))
        return MNL_CB_OK;
    format_address(c.local, msg->idiag_family, msg->id.idiag_src,
                   msg->id.idiag_sport);
    format_address(c.peer, msg->idiag_family, msg->id.idiag_dst,
                   msg->id.idiag_dport);
    return add(data, &c) ? MNL_CB_ERROR : MNL_CB_OK;
}

static int dump(struct mnl_socket *nl, int family, struct connections *found)
{
    static unsigned seq;
    char buf[32768];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    struct inet_diag_req_v2 *req;
    ssize_t n;
    int rc = MNL_CB_OK;

    nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    nlh->nlmsg_seq = ++seq;
    req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
    req->sdiag_family = family;
    req->sdiag_protocol = IPPROTO_TCP;
    req->idiag_ext = 1 << (INET_DIAG_INFO - 1);
    req->idiag_states = ~(1U << TCP_LISTEN);
    if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
        return -1;
    while (rc == MNL_CB_OK) {
        n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
        if (n < 0)
            return -1;
        rc = mnl_cb_run(buf, n, seq, mnl_socket_get_portid(nl), on_socket,
                        found);
    }
    return rc == MNL_CB_STOP ? 0 : -1;
}

/* ---- processes ---- */

static void read_program(pid_t pid, char *to, size_t size)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return;
    if (fgets(to, size, file))
        to[strcspn(to, "\n")] = 0;
    fclose(file);
}

static void read_status(pid_t pid, int fd, struct connection *c)
{
    socklen_t len = sizeof(c->status);
    int pidfd, copy;

    if (strcmp(c->ulp, "linetls"))
        return;
    pidfd = pidfd_open(pid, 0);
    if (pidfd < 0)
        return;
    copy = pidfd_getfd(pidfd, fd, 0);
    if (copy >= 0) {
        c->has_status = !getsockopt(copy, SOL_TLS, LINETLS_TX_STATUS,
                                    &c->status, &len);
        close(copy);
    }
    close(pidfd);
}

static struct connection *by_inode(struct connections *found,
                                   unsigned long inode)
{
    /* Without an inode nobody has it open any more. */
    for (size_t i = 0; inode && i < found->count; i++)
        if (found->list[i].inode == inode)
            return &found->list[i];
    return NULL;
}

static void look_at_process(struct connections *found, pid_t pid)
{
    char path[64], link[64];
    struct dirent *entry;
    unsigned long inode;
    ssize_t n;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        struct connection *c;

        n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
        if (n < 0)
            continue;
        link[n] = 0;
        if (sscanf(link, "socket:[%lu]", &inode) != 1)
            continue;
        c = by_inode(found, inode);
        if (!c || c->pid)
            continue;
        c->pid = pid;
        read_program(pid, c->program, sizeof(c->program));
        read_status(pid, atoi(entry->d_name), c);
    }
    if (dir)
        closedir(dir);
}

static void find_processes(struct connections *found)
{
    struct dirent *entry;
    DIR *proc = opendir("/proc");

    while (proc && (entry = readdir(proc)))
        if (isdigit((unsigned char)entry->d_name[0]))
            look_at_process(found, atoi(entry->d_name));
    if (proc)
        closedir(proc);
}

int find_connections(struct connections *found)
{
    struct mnl_socket *nl;
    int rc = -1, saved;

    memset(found, 0, sizeof(*found));
    if (geteuid()) {
        errno = EPERM;
        return -1;
    }
    nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (!nl)
        return -1;
    if (!mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
        rc = dump(nl, AF_INET, found) ?: dump(nl, AF_INET6, found);
    saved = errno;
    mnl_socket_close(nl);
    errno = saved;
    if (!rc && found->count)
        find_processes(found);
    return rc;
}
