/* SPDX-License-Identifier: GPL-2.0 */
/* What differs between the kernels that the modules are built for. */
#ifndef LINETLS_COMPAT_H
#define LINETLS_COMPAT_H

#include <linux/bvec.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <net/tcp.h>

#include "linetls_config.h"

#ifdef HAVE_LINUX_UNALIGNED
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#ifndef HAVE_SKB_FRAG_FILL_PAGE_DESC
static inline void skb_frag_fill_page_desc(skb_frag_t *frag, struct page *page,
					   int off, int size)
{
	__skb_frag_set_page(frag, page);
	skb_frag_off_set(frag, off);
	skb_frag_size_set(frag, size);
}
#endif

#ifndef HAVE_SKB_IS_DECRYPTED
static inline bool skb_is_decrypted(const struct sk_buff *skb)
{
	return skb->decrypted;
}
#endif

static inline void linetls_set_netns_local(struct net_device *dev)
{
#ifdef HAVE_NETDEV_NETNS_LOCAL
	dev->netns_local = true;
#else
	dev->features |= NETIF_F_NETNS_LOCAL;
#endif
}

/*
 * For linetls_tcp_send(): more comes at once, TCP need not look before that
 * whether it may send. The caller sees to it that it does if nothing comes.
 * tcp_sendmsg_locked(), since it is there for pages, knows no such flag.
 */
#ifdef HAVE_PROTO_SENDPAGE
#define LINETLS_NOTLAST	MSG_SENDPAGE_NOTLAST
#else
#define LINETLS_NOTLAST	0
#endif

/**
 * linetls_tcp_send - hand plaintext of records to TCP, without a copy
 * @frags:	fragments to send, all of the same record
 * @n:		how many
 * @off:	bytes of the first that TCP has already
 * @flags:	MSG_DONTWAIT, and MSG_NOSIGNAL, MSG_MORE, LINETLS_NOTLAST
 *
 * TCP takes page references of its own. Context: socket lock held. Returns
 * bytes taken, fewer than asked at times, or a negative errno: with -EAGAIN it
 * sends what it has.
 */
static inline int linetls_tcp_send(struct sock *sk, const skb_frag_t *frags,
				   int n, u32 off, int flags)
{
#ifdef HAVE_PROTO_SENDPAGE
	tcp_rate_check_app_limited(sk);
	return do_tcp_sendpages(sk, skb_frag_page(frags),
				skb_frag_off(frags) + off,
				skb_frag_size(frags) - off,
				flags | MSG_SENDPAGE_DECRYPTED);
#else
	struct msghdr msg = {
		.msg_flags = flags | MSG_SPLICE_PAGES | MSG_SENDPAGE_DECRYPTED,
	};
	struct bio_vec bvec[MAX_SKB_FRAGS];
	size_t len = 0;
	int i;

	for (i = 0; i < n; i++) {
		bvec_set_page(&bvec[i], skb_frag_page(&frags[i]),
			      skb_frag_size(&frags[i]), skb_frag_off(&frags[i]));
		len += skb_frag_size(&frags[i]);
	}
	bvec[0].bv_offset += off;
	bvec[0].bv_len -= off;
	len -= off;
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bvec, n, len);
	return tcp_sendmsg_locked(sk, &msg, len);
#endif
}

#endif
