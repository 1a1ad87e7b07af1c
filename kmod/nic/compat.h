/* SPDX-License-Identifier: GPL-2.0 */
/* What differs between the kernels that linetls_nic.ko is built for. */
#ifndef LINETLS_NIC_COMPAT_H
#define LINETLS_NIC_COMPAT_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>

#include "linetls_config.h"

#ifndef HAVE_SKB_IS_DECRYPTED
static inline bool skb_is_decrypted(const struct sk_buff *skb)
{
	return skb->decrypted;
}
#endif

static inline void nic_set_netns_local(struct net_device *dev)
{
#ifdef HAVE_NETDEV_NETNS_LOCAL
	dev->netns_local = true;
#else
	dev->features |= NETIF_F_NETNS_LOCAL;
#endif
}

#endif
