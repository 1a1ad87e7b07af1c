/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LINETLS_CHECKSUM_H
#define LINETLS_CHECKSUM_H

#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/checksum.h>

/*
 * @skb is @old with another payload, from @off on: bring a finished checksum up
 * to date by the difference. A new one would make a damaged header look whole.
 */
static inline void linetls_move_checksum(struct sk_buff *skb,
					 const struct sk_buff *old, int off)
{
	int len = skb->len - off;
	__wsum diff;

	if (likely(skb->ip_summed == CHECKSUM_PARTIAL))
		return;
	diff = csum_sub(skb_checksum(skb, off, len, 0),
			skb_checksum(old, off, len, 0));
	csum_replace_by_diff(&tcp_hdr(skb)->check, diff);
}

#endif
