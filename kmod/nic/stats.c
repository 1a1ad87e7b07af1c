// SPDX-License-Identifier: GPL-2.0
/*
 * Counters and the other ethtool operations. The names and meanings of the
 * first seven counters are those of Documentation/networking/tls-offload.rst.
 */
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>

#include "nic.h"

static const char nic_stat_names[][ETH_GSTRING_LEN] = {
	[NIC_TLS_ENCRYPTED_PACKETS] = "tx_tls_encrypted_packets",
	[NIC_TLS_ENCRYPTED_BYTES] = "tx_tls_encrypted_bytes",
	[NIC_TLS_CTX] = "tx_tls_ctx",
	[NIC_TLS_OOO] = "tx_tls_ooo",
	[NIC_TLS_SKIP_NO_SYNC_DATA] = "tx_tls_skip_no_sync_data",
	[NIC_TLS_DROP_NO_SYNC_DATA] = "tx_tls_drop_no_sync_data",
	[NIC_TLS_DROP_BYPASS_REQ] = "tx_tls_drop_bypass_req",
	/* Marked as plaintext, but no context here for the socket */
	[NIC_TLS_DROP_NO_CTX] = "tx_tls_drop_no_ctx",
	/* The stream is not one of records, or was not since the last resync */
	[NIC_TLS_DROP_DEAD] = "tx_tls_drop_dead",
	[NIC_TLS_DROP_NO_MEM] = "tx_tls_drop_no_mem",
	/* Payload not where TCP put it: copied, and changed, perhaps */
	[NIC_TLS_DROP_COPIED] = "tx_tls_drop_copied",
	/* Resync flows done, and the bytes fed to the device by them */
	[NIC_TLS_RESYNC] = "tx_tls_resync",
	[NIC_TLS_RESYNC_BYTES] = "tx_tls_resync_bytes",
	[NIC_TLS_CTX_ACTIVE] = "tx_tls_ctx_active",
	[NIC_TLS_CTX_REFUSED] = "tx_tls_ctx_refused",
	/* Times that the transmit queue had to wait for the device */
	[NIC_TX_RING_FULL] = "tx_ring_full",
	/* Packets that the lower device did not take */
	[NIC_TX_LOWER_DROP] = "tx_lower_drop",
};

static const enum nic_stat nic_drop_stats[] = {
	NIC_TLS_DROP_NO_SYNC_DATA, NIC_TLS_DROP_BYPASS_REQ,
	NIC_TLS_DROP_NO_CTX, NIC_TLS_DROP_DEAD, NIC_TLS_DROP_NO_MEM,
	NIC_TLS_DROP_COPIED, NIC_TX_LOWER_DROP,
};

void nic_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct nic *nic = netdev_priv(dev);
	enum nic_stat drop;
	int i;

	dev_get_tstats64(dev, stats);
	for (i = 0; i < ARRAY_SIZE(nic_drop_stats); i++) {
		drop = nic_drop_stats[i];
		stats->tx_dropped += atomic64_read(&nic->stat[drop]);
	}
}

static int nic_get_sset_count(struct net_device *dev, int set)
{
	BUILD_BUG_ON(ARRAY_SIZE(nic_stat_names) != NIC_STATS);
	return set == ETH_SS_STATS ? NIC_STATS : -EOPNOTSUPP;
}

static void nic_get_strings(struct net_device *dev, u32 set, u8 *data)
{
	if (set == ETH_SS_STATS)
		memcpy(data, nic_stat_names, sizeof(nic_stat_names));
}

static void nic_get_ethtool_stats(struct net_device *dev,
				  struct ethtool_stats *stats, u64 *data)
{
	struct nic *nic = netdev_priv(dev);
	int i;

	for (i = 0; i < NIC_STATS; i++)
		data[i] = atomic64_read(&nic->stat[i]);
}

static void nic_get_drvinfo(struct net_device *dev,
			    struct ethtool_drvinfo *info)
{
	struct nic *nic = netdev_priv(dev);

	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->bus_info, netdev_name(nic->lower),
		sizeof(info->bus_info));
}

static int nic_get_link_ksettings(struct net_device *dev,
				  struct ethtool_link_ksettings *settings)
{
	struct nic *nic = netdev_priv(dev);

	return __ethtool_get_link_ksettings(nic->lower, settings);
}

const struct ethtool_ops nic_ethtool_ops = {
	.get_drvinfo = nic_get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = nic_get_link_ksettings,
	.get_sset_count = nic_get_sset_count,
	.get_strings = nic_get_strings,
	.get_ethtool_stats = nic_get_ethtool_stats,
};
