// SPDX-License-Identifier: GPL-2.0
/* d_real() takes an enum d_real_type, since 6.9; before: an inode */
#include <linux/dcache.h>

struct dentry *probe(struct dentry *dentry);
struct dentry *probe(struct dentry *dentry)
{
	return d_real(dentry, D_REAL_DATA);
}
