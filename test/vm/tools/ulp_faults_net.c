// SPDX-License-Identifier: Apache-2.0
/* Faults in the life of a linetls_nic, and in loading a module. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

#include "ulp_faults.h"

static const char *lower, *name;
static struct mnl_socket *netlink;

/* ---- devices ---- */

/*
 * The kernel's answer is there when the request has returned, or there was no
 * memory for it. Returns 0 or -errno.
 */
static int ask(struct nlmsghdr *nlh)
{
    static unsigned int seq;
    char room[8192];
    struct nlmsghdr *answer = (void *)room;

    nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    nlh->nlmsg_seq = ++seq;
    if (mnl_socket_sendto(netlink, nlh, nlh->nlmsg_len) < 0)
        return -errno;
    do {
        if (recv(mnl_socket_get_fd(netlink), room, sizeof(room),
                 MSG_DONTWAIT) < 0)
            return -errno;
    } while (answer->nlmsg_seq != seq);
    return answer->nlmsg_type == NLMSG_ERROR ?
           ((struct nlmsgerr *)mnl_nlmsg_get_payload(answer))->error : -EPROTO;
}

static int create(void)
{
    char room[1024];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(room);
    struct nlattr *info;

    nlh->nlmsg_type = RTM_NEWLINK;
    nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
    mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
    mnl_attr_put_u32(nlh, IFLA_LINK, if_nametoindex(lower));
    mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
    info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
    mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "linetls_nic");
    mnl_attr_nest_end(nlh, info);
    return ask(nlh);
}

static int destroy(void)
{
    char room[1024];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(room);

    nlh->nlmsg_type = RTM_DELLINK;
    mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
    return ask(nlh);
}

static int set_up(void)
{
    struct ifreq ifr = {0};
    int rc, fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (fd < 0)
        return -errno;
    strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
    ifr.ifr_flags = IFF_UP;
    rc = ioctl(fd, SIOCSIFFLAGS, &ifr) ? -errno : 0;
    close(fd);
    return rc;
}

/* @run under each fault; @undo, if it worked, for the next. */
static unsigned int fail_each(const char *what, int (*run)(void),
                              int (*undo)(void), bool wanted)
{
    unsigned int nth, failures = 0;
    bool fired = true;

    for (nth = 1; fired; nth++) {
        bool there;

        if (nth > MAX_NTH)
            errx(1, "%s: no end of faults", what);
        fault_arm(nth);
        failures += run() < 0;
        fired = !fault_disarm();
        there = if_nametoindex(name);
        if (!fired && there != wanted)
            errx(1, "%s failed without a fault", what);
        if (there == wanted && undo())
            errx(1, "%s can't be undone after fault %u", what, nth);
    }
    nth -= 2;
    printf("%s: %u faults, %u failures\n", what, nth, failures);
    return nth;
}

/* Up is what a device is, or is not, with or without @create. */
static int again(void)
{
    int rc = destroy();

    return rc ? rc : create();
}

int fault_link(char **argv)
{
    unsigned int all;

    lower = argv[0];
    name = argv[1];
    netlink = mnl_socket_open(NETLINK_ROUTE);
    if (!netlink || mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID))
        err(1, "netlink");
    fault_init();
    all = fail_each("create", create, destroy, true);
    if (create())
        errx(1, "no device");
    all += fail_each("up", set_up, again, true);
    all += fail_each("destroy", destroy, create, false);
    destroy();
    return all ? 0 : 1;
}

/* ---- modules ---- */

/* The last ones: its own init function runs at the end. */
#define MODULE_FAULTS 300

static long load(const char *file, unsigned int nth, unsigned int *left)
{
    int fd = open(file, O_RDONLY);
    long rc;

    if (fd < 0)
        err(1, "%s", file);
    fault_arm(nth);
    rc = syscall(SYS_finit_module, fd, "", 0);
    *left = fault_disarm();
    rc = rc < 0 ? -errno : rc;
    close(fd);
    return rc;
}

int fault_module(char **argv)
{
    const unsigned int many = 1000000;
    unsigned int nth, left, faults = 0, failures = 0;
    bool fired = true;

    fault_init();
    if (load(argv[0], many, &left))
        errx(1, "%s does not load", argv[0]);
    nth = many - left > MODULE_FAULTS ? many - left - MODULE_FAULTS : 1;
    for (; fired; nth++) {
        long rc;

        if (syscall(SYS_delete_module, argv[1], O_NONBLOCK) && errno != ENOENT)
            err(1, "%s does not unload", argv[1]);
        rc = load(argv[0], nth, &left);
        if (rc && left)
            errx(1, "%s does not load without a fault: %s", argv[0],
                 strerror(-rc));
        fired = !left;
        faults += fired;
        failures += rc < 0;
    }
    syscall(SYS_delete_module, argv[1], O_NONBLOCK);
    printf("module %s: %u faults, %u failures\n", argv[1], faults, failures);
    return faults ? 0 : 1;
}
