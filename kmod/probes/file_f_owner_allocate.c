// SPDX-License-Identifier: GPL-2.0
/* file_f_owner_allocate(), since 6.12; before: part of struct file */
#include <linux/fs.h>

int probe(struct file *file);
int probe(struct file *file)
{
	return file_f_owner_allocate(file);
}
