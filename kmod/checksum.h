/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LINETLS_CHECKSUM_H
#define LINETLS_CHECKSUM_H

#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>

/*
 * The payload has changed: a checksum over the old one is void. Leave it to the
 * next device, over the packet's own addresses, which NAT may have changed.
 */
static inline void linetls_redo_checksum(struct sk_buff *skb)
{
	struct tcphdr *th = tcp_hdr(skb);
	int len = skb->len - skb_transport_offset(skb);

	if (likely(skb->ip_summed == CHECKSUM_PARTIAL))
		return;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct tcphdr, check);
	if (skb->protocol == htons(ETH_P_IPV6))
		th->check = ~tcp_v6_check(len, &ipv6_hdr(skb)->saddr,
					  &ipv6_hdr(skb)->daddr, 0);
	else
		th->check = ~tcp_v4_check(len, ip_hdr(skb)->saddr,
					  ip_hdr(skb)->daddr, 0);
}

#endif
