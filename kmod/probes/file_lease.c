// SPDX-License-Identifier: GPL-2.0
/* struct file_lease and kernel_setlease(), since 6.9; before: struct file_lock */
#include <linux/filelock.h>
#include <linux/fs.h>

int probe(struct file *file);
int probe(struct file *file)
{
	struct file_lease *lease = locks_alloc_lease();

	lease->c.flc_flags = FL_DELEG;
	return kernel_setlease(file, F_RDLCK, &lease, NULL);
}
