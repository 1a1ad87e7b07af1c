// SPDX-License-Identifier: GPL-2.0
/* struct proto::sendpage and do_tcp_sendpages(), until 6.4; then MSG_SPLICE_PAGES */
#include <net/tcp.h>

typedef int (*sendpage_t)(struct sock *sk, struct page *page, int offset,
			  size_t size, int flags);

sendpage_t probe(struct sock *sk, struct page *page);
sendpage_t probe(struct sock *sk, struct page *page)
{
	do_tcp_sendpages(sk, page, 0, 1, MSG_SENDPAGE_NOTLAST);
	return sk->sk_prot->sendpage;
}
