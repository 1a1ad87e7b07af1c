// SPDX-License-Identifier: Apache-2.0
/* The network changes while others call: by ioctl(), which is quick. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ulp_random.h"

static void set_up(struct flipper *f, bool up)
{
    struct ifreq ifr = {0};

    strncpy(ifr.ifr_name, f->dev, IFNAMSIZ - 1);
    if (ioctl(f->fd, SIOCGIFFLAGS, &ifr))
        return;
    ifr.ifr_flags = up ? ifr.ifr_flags | IFF_UP : ifr.ifr_flags & ~IFF_UP;
    ioctl(f->fd, SIOCSIFFLAGS, &ifr);
}

/* A route to the peer alone, before that of its network. */
static void set_route(struct flipper *f, const char *dev, int request)
{
    struct rtentry rt = {.rt_flags = RTF_UP | RTF_HOST, .rt_metric = 1};
    struct sockaddr_in dst = {.sin_family = AF_INET};

    inet_pton(AF_INET, peer_host, &dst.sin_addr);
    memcpy(&rt.rt_dst, &dst, sizeof(dst));
    rt.rt_dev = (char *)dev;
    ioctl(f->fd, request, &rt);
}

/* The device loses the TLS offload with either of these. */
static void set_feature(struct flipper *f, int command, bool on)
{
    struct ethtool_value value = {.cmd = command, .data = on};
    struct ifreq ifr = {.ifr_data = (void *)&value};

    strncpy(ifr.ifr_name, f->dev, IFNAMSIZ - 1);
    ioctl(f->fd, SIOCETHTOOL, &ifr);
}

/* linetls_nic's knobs for faults. */
static void set_knob(struct flipper *f, const char *name, unsigned int value)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "/sys/kernel/debug/linetls_nic/%s/%s", f->dev,
             name);
    file = fopen(path, "w");
    if (!file)
        return;
    fprintf(file, "%u\n", value);
    fclose(file);
}

/* Mostly as it should be, else nothing gets far. */
void flip_once(struct flipper *f)
{
    switch (rnd(&f->caller, 12)) {
    case 0:
        set_up(f, false);
        usleep(rnd(&f->caller, 20000));
        flip_back(f);
        break;
    case 1:
        set_feature(f, ETHTOOL_SSG, rnd(&f->caller, 2));
        break;
    case 2:
        set_feature(f, ETHTOOL_STXCSUM, rnd(&f->caller, 2));
        break;
    case 3:
    case 4:
        set_route(f, f->lower, SIOCADDRT);
        break;
    case 5:
        set_route(f, f->lower, SIOCDELRT);
        break;
    case 6:
        set_knob(f, "fail_add", rnd(&f->caller, 3));
        break;
    case 7:
        set_knob(f, "force_resync", rnd(&f->caller, 5));
        break;
    default:
        flip_back(f);
    }
}

void flip_back(struct flipper *f)
{
    set_up(f, true);
    set_feature(f, ETHTOOL_SSG, true);
    set_feature(f, ETHTOOL_STXCSUM, true);
    set_route(f, f->lower, SIOCDELRT);
    set_knob(f, "fail_add", 0);
    set_knob(f, "force_resync", 0);
}
