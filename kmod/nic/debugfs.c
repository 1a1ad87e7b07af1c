// SPDX-License-Identifier: GPL-2.0
/*
 * Faults on demand, in /sys/kernel/debug/linetls_nic/NAME/:
 *
 * fail_add	refuse the next N contexts with ENOSPC; counts down
 * delay_us	complete a descriptor so long after its execution
 * pause	while it is Y, what is to be encrypted, and all behind it, stays in
 *		the ring
 * force_resync	resync at every N-th packet to encrypt, 0: only when needed
 *
 * NAME is the interface's; where another network namespace has one of the same
 * name, the later one's is NAME@INUM with its namespace's inode number.
 */
#include <linux/debugfs.h>

#include "nic.h"

static struct dentry *nic_debugfs_root;

void nic_debugfs_init(void)
{
	nic_debugfs_root = debugfs_create_dir("linetls_nic", NULL);
}

void nic_debugfs_exit(void)
{
	debugfs_remove(nic_debugfs_root);
}

static struct dentry *nic_debugfs_dir(const struct nic *nic)
{
	char name[IFNAMSIZ + 16];
	struct dentry *taken;

	snprintf(name, sizeof(name), "%s", netdev_name(nic->dev));
	taken = debugfs_lookup(name, nic_debugfs_root);
	if (taken) {
		dput(taken);
		snprintf(name, sizeof(name), "%s@%u", netdev_name(nic->dev),
			 dev_net(nic->dev)->ns.inum);
	}
	return debugfs_create_dir(name, nic_debugfs_root);
}

void nic_debugfs_add(struct nic *nic)
{
	nic->dbg = nic_debugfs_dir(nic);
	debugfs_create_atomic_t("fail_add", 0600, nic->dbg, &nic->fail_add);
	debugfs_create_u32("delay_us", 0600, nic->dbg, &nic->delay_us);
	debugfs_create_bool("pause", 0600, nic->dbg, &nic->pause);
	debugfs_create_u32("force_resync", 0600, nic->dbg, &nic->force_resync);
}

void nic_debugfs_remove(struct nic *nic)
{
	debugfs_remove(nic->dbg);
	nic->dbg = NULL;
}
