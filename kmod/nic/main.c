// SPDX-License-Identifier: GPL-2.0
/*
 * ip link add link LOWER name NAME type linetls_nic
 *
 * NAME transmits and receives through LOWER, with LOWER's address, MTU and
 * link state: all that LOWER receives is NAME's.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <net/rtnetlink.h>

#include "nic.h"

static unsigned int contexts = 16384;
module_param(contexts, uint, 0444);
MODULE_PARM_DESC(contexts, "TLS contexts that a device holds at most");

#define NIC_MAX_CONTEXTS 1048576

#define NIC_VLAN_FEATURES	(NETIF_F_SG | NETIF_F_HW_CSUM | \
				 NETIF_F_RXCSUM | NETIF_F_HIGHDMA | \
				 NETIF_F_ALL_TSO)
#define NIC_FEATURES		(NIC_VLAN_FEATURES | NETIF_F_HW_TLS_TX)

static rx_handler_result_t nic_handle_frame(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;
	struct net_device *dev = rcu_dereference(skb->dev->rx_handler_data);

	if (unlikely(skb->pkt_type == PACKET_LOOPBACK))
		return RX_HANDLER_PASS;
	skb = skb_share_check(skb, GFP_ATOMIC);
	if (!skb)
		return RX_HANDLER_CONSUMED;
	*pskb = skb;
	if (unlikely(!(dev->flags & IFF_UP))) {
		dev_core_stats_rx_dropped_inc(dev);
		kfree_skb(skb);
		return RX_HANDLER_CONSUMED;
	}
	skb->dev = dev;
	dev_sw_netstats_rx_add(dev, skb->len + ETH_HLEN);
	return RX_HANDLER_ANOTHER;
}

/* The linetls_nic above a device, or NULL. RTNL held. */
static struct net_device *nic_of_lower(const struct net_device *lower)
{
	if (rtnl_dereference(lower->rx_handler) != nic_handle_frame)
		return NULL;
	return rtnl_dereference(lower->rx_handler_data);
}

static int nic_init(struct net_device *dev)
{
	struct nic *nic = netdev_priv(dev);
	int err;

	netdev_lockdep_set_classes(dev);
	dev->tstats = netdev_alloc_pcpu_stats(struct pcpu_sw_netstats);
	if (!dev->tstats)
		return -ENOMEM;
	err = nic_device_init(nic);
	if (err) {
		free_percpu(dev->tstats);
		return err;
	}
	netdev_hold(nic->lower, &nic->lower_tracker, GFP_KERNEL);
	return 0;
}

/*
 * No reference to the device is left, thus no TLS context either. A ULP may
 * have destroyed contexts even after unregistration: hence not in ndo_uninit.
 */
static void nic_free(struct net_device *dev)
{
	struct nic *nic = netdev_priv(dev);

	nic_device_destroy(nic);
	netdev_put(nic->lower, &nic->lower_tracker);
	free_percpu(dev->tstats);
}

static int nic_open(struct net_device *dev)
{
	struct nic *nic = netdev_priv(dev);

	if (!(nic->lower->flags & IFF_UP))
		return -ENETDOWN;
	if (dev->flags & IFF_ALLMULTI)
		dev_set_allmulti(nic->lower, 1);
	if (dev->flags & IFF_PROMISC)
		dev_set_promiscuity(nic->lower, 1);
	netif_start_queue(dev);
	return 0;
}

/* The core has stopped transmission: the ring drains to the lower device. */
static int nic_stop(struct net_device *dev)
{
	struct nic *nic = netdev_priv(dev);

	netif_stop_queue(dev);
	nic_device_drain(nic);
	dev_uc_unsync(nic->lower, dev);
	dev_mc_unsync(nic->lower, dev);
	if (dev->flags & IFF_ALLMULTI)
		dev_set_allmulti(nic->lower, -1);
	if (dev->flags & IFF_PROMISC)
		dev_set_promiscuity(nic->lower, -1);
	return 0;
}

static void nic_set_rx_mode(struct net_device *dev)
{
	struct nic *nic = netdev_priv(dev);

	dev_uc_sync(nic->lower, dev);
	dev_mc_sync(nic->lower, dev);
}

static void nic_change_rx_flags(struct net_device *dev, int change)
{
	struct nic *nic = netdev_priv(dev);

	if (!(dev->flags & IFF_UP))
		return;
	if (change & IFF_ALLMULTI)
		dev_set_allmulti(nic->lower,
				 dev->flags & IFF_ALLMULTI ? 1 : -1);
	if (change & IFF_PROMISC)
		dev_set_promiscuity(nic->lower,
				    dev->flags & IFF_PROMISC ? 1 : -1);
}

static int nic_change_mtu(struct net_device *dev, int mtu)
{
	struct nic *nic = netdev_priv(dev);

	if (mtu > nic->lower->mtu)
		return -EINVAL;
	dev->mtu = mtu;
	return 0;
}

/* The address is the lower device's; nic_follow() then makes it ours. */
static int nic_set_mac_address(struct net_device *dev, void *addr)
{
	struct nic *nic = netdev_priv(dev);

	return dev_set_mac_address(nic->lower, addr, NULL);
}

static int nic_get_iflink(const struct net_device *dev)
{
	struct nic *nic = netdev_priv(dev);

	return nic->lower->ifindex;
}

/* Without scatter-gather every packet comes as a copy, see nic_is_copied(). */
static netdev_features_t nic_fix_features(struct net_device *dev,
					  netdev_features_t features)
{
	return features & NETIF_F_SG ? features :
				       features & ~NETIF_F_HW_TLS_TX;
}

static const struct net_device_ops nic_netdev_ops = {
	.ndo_init = nic_init,
	.ndo_open = nic_open,
	.ndo_stop = nic_stop,
	.ndo_start_xmit = nic_start_xmit,
	.ndo_set_rx_mode = nic_set_rx_mode,
	.ndo_change_rx_flags = nic_change_rx_flags,
	.ndo_change_mtu = nic_change_mtu,
	.ndo_set_mac_address = nic_set_mac_address,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_get_stats64 = nic_get_stats64,
	.ndo_get_iflink = nic_get_iflink,
	.ndo_features_check = passthru_features_check,
	.ndo_fix_features = nic_fix_features,
};

static void nic_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->max_mtu = ETH_MAX_MTU;	/* until there is a lower device */
	dev->netdev_ops = &nic_netdev_ops;
	dev->ethtool_ops = &nic_ethtool_ops;
	dev->tlsdev_ops = &nic_tlsdev_ops;
	dev->priv_destructor = nic_free;
	dev->needs_free_netdev = true;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	dev->hw_features = NIC_FEATURES & ~NETIF_F_HIGHDMA;
	dev->features = NIC_FEATURES;
	dev->vlan_features = NIC_VLAN_FEATURES;
	linetls_set_netns_local(dev);
}

static int nic_validate(struct nlattr *tb[], struct nlattr *data[],
			struct netlink_ext_ack *extack)
{
	if (tb[IFLA_ADDRESS]) {
		NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_ADDRESS],
				    "the address is the lower device's");
		return -EINVAL;
	}
	return 0;
}

static int nic_check_lower(struct net_device *lower,
			   struct netlink_ext_ack *extack)
{
	if (lower->flags & IFF_LOOPBACK) {
		NL_SET_ERR_MSG(extack, "the lower device is a loopback device");
		return -EINVAL;
	}
	if (lower->type != ARPHRD_ETHER) {
		NL_SET_ERR_MSG(extack, "the lower device is not Ethernet");
		return -EINVAL;
	}
	if (lower->netdev_ops == &nic_netdev_ops) {
		NL_SET_ERR_MSG(extack, "the lower device is a linetls_nic");
		return -EINVAL;
	}
	if (nic_of_lower(lower)) {
		NL_SET_ERR_MSG(extack,
			       "the lower device has a linetls_nic already");
		return -EBUSY;
	}
	if (netdev_is_rx_handler_busy(lower)) {
		NL_SET_ERR_MSG(extack,
			       "the lower device is in use by another device");
		return -EBUSY;
	}
	if (lower->lower_level >= MAX_NEST_DEV) {
		NL_SET_ERR_MSG(extack, "devices are nested too deep");
		return -EMLINK;
	}
	return 0;
}

static struct net_device *nic_find_lower(struct net *net,
					 const struct net_device *dev,
					 struct nlattr *tb[],
					 struct netlink_ext_ack *extack)
{
	struct net_device *lower;

	if (!tb[IFLA_LINK]) {
		NL_SET_ERR_MSG(extack, "a lower device is required (link)");
		return ERR_PTR(-EINVAL);
	}
	lower = __dev_get_by_index(net, nla_get_u32(tb[IFLA_LINK]));
	if (!lower) {
		NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_LINK],
				    "no such lower device");
		return ERR_PTR(-ENODEV);
	}
	if (!net_eq(dev_net(dev), dev_net(lower))) {
		NL_SET_ERR_MSG(extack,
			       "the lower device is in another network namespace");
		return ERR_PTR(-EINVAL);
	}
	return lower;
}

static void nic_inherit_tso(struct net_device *dev,
			    const struct net_device *lower)
{
	/* A packet of the device has a page per fragment, see encrypt.c. */
	netif_set_tso_max_size(dev, min_t(unsigned int, lower->tso_max_size,
					  GSO_LEGACY_MAX_SIZE));
	netif_set_tso_max_segs(dev, lower->tso_max_segs);
}

static int nic_newlink(struct net *net, struct net_device *dev,
		       struct nlattr *tb[], struct nlattr *data[],
		       struct netlink_ext_ack *extack)
{
	struct nic *nic = netdev_priv(dev);
	struct net_device *lower;
	int err;

	lower = nic_find_lower(net, dev, tb, extack);
	if (IS_ERR(lower))
		return PTR_ERR(lower);
	err = nic_check_lower(lower, extack);
	if (err)
		return err;

	if (!tb[IFLA_MTU]) {
		dev->mtu = lower->mtu;
	} else if (dev->mtu > lower->mtu) {
		NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_MTU],
				    "the MTU exceeds the lower device's");
		return -EINVAL;
	}
	dev->min_mtu = lower->min_mtu;
	dev->max_mtu = lower->max_mtu;
	dev->needed_headroom = lower->needed_headroom;
	eth_hw_addr_inherit(dev, lower);
	nic_inherit_tso(dev, lower);
	nic->dev = dev;
	nic->lower = lower;
	nic->contexts = contexts;

	err = register_netdevice(dev);
	if (err)
		return err;
	err = netdev_upper_dev_link(lower, dev, extack);
	if (err)
		goto err_unregister;
	err = netdev_rx_handler_register(lower, nic_handle_frame, dev);
	if (err) {
		NL_SET_ERR_MSG(extack, "the lower device is in use");
		goto err_unlink;
	}
	netif_stacked_transfer_operstate(lower, dev);
	nic_debugfs_add(nic);
	return 0;

err_unlink:
	netdev_upper_dev_unlink(lower, dev);
err_unregister:
	unregister_netdevice(dev);
	return err;
}

static void nic_dellink(struct net_device *dev, struct list_head *head)
{
	struct nic *nic = netdev_priv(dev);

	nic_debugfs_remove(nic);
	netdev_rx_handler_unregister(nic->lower);
	netdev_upper_dev_unlink(nic->lower, dev);
	unregister_netdevice_queue(dev, head);
}

static struct net *nic_get_link_net(const struct net_device *dev)
{
	struct nic *nic = netdev_priv(dev);

	return dev_net(nic->lower);
}

static struct rtnl_link_ops nic_link_ops __read_mostly = {
	.kind = "linetls_nic",
	.priv_size = sizeof(struct nic),
	.setup = nic_setup,
	.validate = nic_validate,
	.newlink = nic_newlink,
	.dellink = nic_dellink,
	.get_link_net = nic_get_link_net,
};

static void nic_follow_addr(struct net_device *dev, struct net_device *lower)
{
	eth_hw_addr_inherit(dev, lower);
	call_netdevice_notifiers(NETDEV_CHANGEADDR, dev);
}

static void nic_follow(struct net_device *dev, struct net_device *lower,
		       unsigned long event)
{
	LIST_HEAD(kill);

	switch (event) {
	case NETDEV_UP:
	case NETDEV_CHANGE:
		netif_stacked_transfer_operstate(lower, dev);
		break;
	case NETDEV_DOWN:
		netif_stacked_transfer_operstate(lower, dev);
		netif_carrier_off(dev);
		break;
	case NETDEV_CHANGEMTU:
		dev->min_mtu = lower->min_mtu;
		dev->max_mtu = lower->max_mtu;
		dev_set_mtu(dev, lower->mtu);
		break;
	case NETDEV_CHANGEADDR:
		nic_follow_addr(dev, lower);
		break;
	case NETDEV_FEAT_CHANGE:
		nic_inherit_tso(dev, lower);
		netdev_update_features(dev);
		break;
	case NETDEV_UNREGISTER:
		nic_dellink(dev, &kill);
		unregister_netdevice_many(&kill);
		break;
	}
}

static int nic_netdev_event(struct notifier_block *nb, unsigned long event,
			    void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct net_device *upper = nic_of_lower(dev);

	if (upper) {
		/* A lower device that moves elsewhere comes here too. */
		nic_follow(upper, dev, event);
	} else if (event == NETDEV_CHANGENAME &&
		   dev->netdev_ops == &nic_netdev_ops) {
		struct nic *nic = netdev_priv(dev);

		nic_debugfs_remove(nic);
		nic_debugfs_add(nic);
	}
	return NOTIFY_DONE;
}

static struct notifier_block nic_notifier = {
	.notifier_call = nic_netdev_event,
};

static int __init nic_module_init(void)
{
	int err;

	if (!contexts || contexts > NIC_MAX_CONTEXTS)
		return -EINVAL;
	nic_debugfs_init();
	err = register_netdevice_notifier(&nic_notifier);
	if (err)
		goto err_debugfs;
	err = rtnl_link_register(&nic_link_ops);
	if (err)
		goto err_notifier;
	return 0;

err_notifier:
	unregister_netdevice_notifier(&nic_notifier);
err_debugfs:
	nic_debugfs_exit();
	return err;
}

static void __exit nic_module_exit(void)
{
	rtnl_link_unregister(&nic_link_ops);
	unregister_netdevice_notifier(&nic_notifier);
	nic_debugfs_exit();
}

module_init(nic_module_init);
module_exit(nic_module_exit);
MODULE_DESCRIPTION("Network device with TLS transmit offload, in software");
MODULE_SOFTDEP("pre: ecb");
MODULE_ALIAS_RTNL_LINK("linetls_nic");
MODULE_LICENSE("GPL");
