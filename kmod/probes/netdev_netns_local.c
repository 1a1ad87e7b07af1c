// SPDX-License-Identifier: GPL-2.0
/* struct net_device::netns_local, 6.12 to 6.14; before: NETIF_F_NETNS_LOCAL */
#include <linux/netdevice.h>

void probe(struct net_device *dev);
void probe(struct net_device *dev)
{
	dev->netns_local = 1;
}
