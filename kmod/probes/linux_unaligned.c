// SPDX-License-Identifier: GPL-2.0
/* <linux/unaligned.h>, since 6.12; before: <asm/unaligned.h> */
#include <linux/unaligned.h>

u64 probe(const u8 *p);
u64 probe(const u8 *p)
{
	return get_unaligned_be64(p);
}
