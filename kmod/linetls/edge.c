// SPDX-License-Identifier: GPL-2.0
/*
 * The edge: where plaintext ends.
 *
 * skb->decrypted says that a packet's payload is plaintext of records; TCP
 * sets it from MSG_SENDPAGE_DECRYPTED. Such a packet goes on as it is only
 * into the device that has the connection's keys. For any other its payload
 * is encrypted here, into pages of the packet's own, and the mark is cleared:
 * what follows sees ciphertext. What can't be encrypted is dropped, counted,
 * and sent again by TCP.
 *
 * There are two places. linetls_queue_xmit() stands between TCP and IP, and
 * encrypts at once what its route leads elsewhere: queues, IPsec, tunnels and
 * fragmentation have nothing to do with the mark then, and some of them lose
 * the packet's socket. linetls_validate_xmit() is called by the core for each
 * packet and each device on its way (sk_validate_xmit_skb()), and catches what
 * has been rerouted. A marked packet without its socket is dropped by the
 * core.
 */
#include <linux/netdevice.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "checksum.h"
#include "linetls.h"
#include "trace.h"

#define STALL_TIMEOUTS	3
#define STALL_PAUSE	(30 * HZ)

struct edge_packet {
	int payload_off;
	u32 payload_len;
	u32 seq;
	u32 snd_nxt;	/* TCP's, before the packet if it is sent in order */
};

static struct sk_buff *drop(struct linetls_ctx *ctx, struct sk_buff *skb,
			    enum linetls_stat reason)
{
	linetls_stat_inc(ctx->net, reason);
	spin_lock(&ctx->offload->lock);
	ctx->count.dropped_packets++;
	spin_unlock(&ctx->offload->lock);
	kfree_skb(skb);
	return NULL;
}

/*
 * ip_do_fragment() copies a packet's payload into new ones, but not its mark.
 * A marked packet has DF, unless somebody takes it away or wraps the packet. Of
 * a connection that is not on the device a fragment is ciphertext.
 */
static bool is_fragment(const struct sk_buff *skb)
{
	if (skb->protocol == htons(ETH_P_IP))
		return ip_is_fragment(ip_hdr(skb));
	return skb->protocol == htons(ETH_P_IPV6) &&
	       ipv6_hdr(skb)->nexthdr == NEXTHDR_FRAGMENT;
}

/*
 * Find the TCP payload. False if there is no TCP header in the clear: some
 * layer wrapped the packet, after which nobody may touch its payload.
 */
static bool parse(const struct sk_buff *skb, struct edge_packet *pkt)
{
	__be16 frag_off;
	int off;
	u8 proto;

	if (!skb_transport_header_was_set(skb))
		return false;
	switch (skb->protocol) {
	case htons(ETH_P_IP):
		if (ip_hdr(skb)->protocol != IPPROTO_TCP)
			return false;
		off = skb_network_offset(skb) + ip_hdrlen(skb);
		break;
	case htons(ETH_P_IPV6):
		proto = ipv6_hdr(skb)->nexthdr;
		off = ipv6_skip_exthdr(skb, skb_network_offset(skb) +
				       sizeof(struct ipv6hdr), &proto,
				       &frag_off);
		if (off < 0 || proto != IPPROTO_TCP)
			return false;
		break;
	default:
		return false;
	}
	if (off != skb_transport_offset(skb))
		return false;
	pkt->payload_off = off + tcp_hdrlen(skb);
	if (pkt->payload_off > skb_headlen(skb))
		return false;
	pkt->payload_len = skb->len - pkt->payload_off;
	pkt->seq = ntohl(tcp_hdr(skb)->seq);
	return true;
}

/*
 * Do the packet's first bytes of payload lie where the record has them? If
 * not, somebody has copied, changed or renumbered them on the way, and no
 * device may put the record's key stream over them.
 */
static bool is_in_place(const struct sk_buff *skb, int off,
			const struct linetls_record *rec, u32 rec_off)
{
	const skb_frag_t *have = skb_shinfo(skb)->frags;
	const skb_frag_t *want = rec->info.frags;

	if (off != skb_headlen(skb) || !skb_shinfo(skb)->nr_frags)
		return false;
	while (rec_off >= skb_frag_size(want))
		rec_off -= skb_frag_size(want++);
	return page_to_phys(skb_frag_page(have)) + skb_frag_off(have) ==
	       page_to_phys(skb_frag_page(want)) + skb_frag_off(want) + rec_off;
}

/*
 * May the bound device encrypt the packet? Not if its first bytes are
 * acknowledged and their record gone, nor if they are from before the device
 * had the keys. If it may, point the driver's search at the record.
 */
static bool aim_hint(struct linetls_ctx *ctx, const struct sk_buff *skb,
		     const struct edge_packet *pkt)
{
	struct tls_offload_context_tx *offload = ctx->offload;
	struct linetls_record *rec;
	bool found = false;
	u32 index, start;

	spin_lock(&offload->lock);
	if ((ctx->dev_start_open && before(pkt->seq, ctx->dev_start)) ||
	    !linetls_tracker_seek(ctx, pkt->seq, &index))
		goto out;
	rec = linetls_tracker_at(&ctx->tracker, index);
	start = linetls_record_start(rec);
	if (before(pkt->seq, start) || tls_record_is_start_marker(&rec->info) ||
	    !is_in_place(skb, pkt->payload_off, rec, pkt->seq - start))
		goto out;
	offload->retransmit_hint = &rec->info;
	offload->hint_record_sn = rec->sn;
	if (pkt->seq != ctx->dev_next) {
		ctx->count.resyncs++;
		linetls_stat_inc(ctx->net, LINETLS_STAT_RESYNCS);
		trace_linetls_resync(ctx->tls.sk, pkt->seq, ctx->dev_next,
				     rec);
	}
	ctx->dev_next = pkt->seq + pkt->payload_len;
	ctx->count.device_packets++;
	ctx->count.device_bytes += pkt->payload_len;
	found = true;
out:
	spin_unlock(&offload->lock);
	return found;
}

/*
 * The record with bytes at or after @seq, and a reference to it. NULL: there
 * is none, or the packet begins before the offload does.
 */
static struct linetls_record *get_record(struct linetls_ctx *ctx, u32 seq)
{
	struct linetls_record *rec = NULL;
	u32 index;

	spin_lock(&ctx->offload->lock);
	if (linetls_tracker_seek(ctx, seq, &index)) {
		rec = linetls_tracker_at(&ctx->tracker, index);
		if (tls_record_is_start_marker(&rec->info))
			rec = NULL;
		else
			refcount_inc(&rec->ref);
	}
	spin_unlock(&ctx->offload->lock);
	return rec;
}

/* Was a packet without a record late, or is it none of ours? */
static int no_record(struct linetls_ctx *ctx, u32 end)
{
	bool acked;

	spin_lock(&ctx->offload->lock);
	acked = !after(end, ctx->tracker.acked);
	spin_unlock(&ctx->offload->lock);
	return acked ? -EALREADY : -ENOENT;
}

/*
 * Bytes of acknowledged records at a packet's start: the peer has them and
 * trims them off (RFC 9293 section 3.10.7.4), so anything but plaintext may
 * stand there.
 */
static int fill_acked(struct sk_buff *skb, int off, u32 len)
{
	while (len) {
		u32 part = min_t(u32, len, PAGE_SIZE);
		int err = skb_store_bits(skb, off, page_address(ZERO_PAGE(0)),
					 part);

		if (err)
			return err;
		off += part;
		len -= part;
	}
	return 0;
}

/* What has been encrypted ahead for a packet at @from of @rec, or NULL. */
static struct linetls_ahead *take_ahead(struct linetls_ctx *ctx,
					const struct linetls_record *rec,
					u32 from)
{
	struct linetls_ahead *ahead;

	spin_lock(&ctx->offload->lock);
	ahead = ctx->ahead;
	if (ahead && ahead->rec == rec && from >= ahead->from)
		ctx->ahead = NULL;
	else
		ahead = NULL;
	spin_unlock(&ctx->offload->lock);
	return ahead;
}

static void leave_ahead(struct linetls_ctx *ctx, struct linetls_ahead *ahead)
{
	spin_lock(&ctx->offload->lock);
	swap(ctx->ahead, ahead);
	spin_unlock(&ctx->offload->lock);
	linetls_ahead_free(ahead);
}

/*
 * Encrypt bytes [@from, @to) of a record: from what was encrypted ahead; else,
 * if TCP has yet to send the rest, together with it; else alone.
 */
static int encrypt_part(struct linetls_ctx *ctx, const struct edge_packet *pkt,
			struct linetls_record *rec, u32 from, u32 to,
			struct sk_buff *nskb, int off)
{
	struct linetls_ahead *ahead = NULL;
	int err;

	if (from)
		ahead = take_ahead(ctx, rec, from);
	else if (to != rec->info.len && after(rec->info.end_seq, pkt->snd_nxt))
		ahead = linetls_ahead_alloc(rec, to);
	if (!ahead)
		return linetls_seal(rec, from, to, nskb, off);

	err = from ? linetls_ahead_copy(ahead, from, to, nskb, off) :
		     linetls_seal_ahead(ahead, nskb, off);
	if (!err && to != rec->info.len)
		leave_ahead(ctx, ahead);
	else
		linetls_ahead_free(ahead);
	return err;
}

/* Encrypt the packet's payload from its records into @nskb. */
static int encrypt_payload(struct linetls_ctx *ctx,
			   const struct edge_packet *pkt, struct sk_buff *nskb)
{
	const u32 end = pkt->seq + pkt->payload_len;
	int off = pkt->payload_off, err = 0;
	u32 seq = pkt->seq;

	while (seq != end && !err) {
		struct linetls_record *rec = get_record(ctx, seq);
		u32 start, n;

		if (!rec)
			return no_record(ctx, end);
		start = linetls_record_start(rec);
		if (before(seq, start)) {
			n = min(start - seq, end - seq);
			/* Nobody needs a packet of nothing else. */
			err = n == pkt->payload_len ? -EALREADY :
						      fill_acked(nskb, off, n);
		} else {
			n = min(rec->info.end_seq - seq, end - seq);
			err = encrypt_part(ctx, pkt, rec, seq - start,
					   seq - start + n, nskb, off);
		}
		linetls_record_put(rec);
		seq += n;
		off += n;
	}
	return err;
}

/*
 * Has the packet bytes of a record that may have changed? The peer must not
 * get them under the record's tag, nor any others in their place: the
 * connection has ended. Almost never: see guard_detach().
 */
static bool is_torn(struct sock *sk, struct linetls_ctx *ctx,
		    const struct edge_packet *pkt)
{
	const u32 end = pkt->seq + pkt->payload_len;
	bool torn = false;
	u32 index;

	spin_lock(&ctx->offload->lock);
	if (linetls_tracker_seek(ctx, pkt->seq, &index)) {
		for (; index != ctx->tracker.tail && !torn; index++) {
			const struct linetls_record *rec =
				linetls_tracker_at(&ctx->tracker, index);

			if (!before(linetls_record_start(rec), end))
				break;
			torn = linetls_guard_is_torn(rec);
		}
	}
	spin_unlock(&ctx->offload->lock);
	if (torn) {
		WRITE_ONCE(ctx->broken, true);
		WRITE_ONCE(sk->sk_err, EPIPE);
		sk_error_report(sk);
	}
	return torn;
}

static bool may_be_torn(void)
{
	return unlikely(READ_ONCE(linetls_guard_torn));
}

static enum linetls_stat drop_reason(int err)
{
	switch (err) {
	case -ENOENT:
		return LINETLS_STAT_DROP_NO_RECORD;
	case -EALREADY:
		return LINETLS_STAT_DROP_ACKED;
	case -ENOMEM:
		return LINETLS_STAT_DROP_MEMORY;
	default:
		return LINETLS_STAT_DROP_CRYPTO;
	}
}

/* Private pages for @len bytes of payload: single ones, except for big TCP. */
static bool alloc_pages_for(struct sk_buff *skb, u32 len)
{
	int order = get_order(DIV_ROUND_UP(len, MAX_SKB_FRAGS)), i;

	for (i = 0; len; i++) {
		u32 n = min_t(u32, len, PAGE_SIZE << order);
		struct page *page;

		page = alloc_pages(GFP_ATOMIC | __GFP_NOWARN |
				   (order ? __GFP_COMP : 0), order);
		if (!page)
			return false;
		skb_add_rx_frag(skb, i, page, 0, n, PAGE_SIZE << order);
		len -= n;
	}
	return true;
}

/* A packet with @skb's headers, and room for its payload in own pages. */
static struct sk_buff *alloc_packet(const struct sk_buff *skb,
				    const struct edge_packet *pkt)
{
	int headroom = skb_headroom(skb);
	struct sk_buff *nskb;

	nskb = alloc_skb(headroom + pkt->payload_off, GFP_ATOMIC | __GFP_NOWARN);
	if (!nskb)
		return NULL;
	skb_reserve(nskb, headroom);
	skb_copy_header(nskb, skb);
	nskb->decrypted = 0;
	memcpy(skb_put(nskb, pkt->payload_off), skb->data, pkt->payload_off);
	skb_shinfo(nskb)->tx_flags = skb_shinfo(skb)->tx_flags;
	skb_shinfo(nskb)->tskey = skb_shinfo(skb)->tskey;
	if (!alloc_pages_for(nskb, pkt->payload_len)) {
		kfree_skb(nskb);
		return NULL;
	}
	return nskb;
}

/* Give @nskb what makes TCP account for @skb (tcp_wfree() and small queues). */
static void take_ownership(struct sk_buff *nskb, struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	int delta = nskb->truesize - skb->truesize;

	nskb->sk = sk;
	nskb->destructor = skb->destructor;
	skb->sk = NULL;
	skb->destructor = NULL;
	/* Behind skb_orphan_partial() the packet holds a socket reference. */
	if (nskb->destructor == sock_efree)
		return;
	if (delta < 0)
		WARN_ON_ONCE(refcount_sub_and_test(-delta, &sk->sk_wmem_alloc));
	else if (delta)
		refcount_add(delta, &sk->sk_wmem_alloc);
}

/* Returns the packet to send instead, or NULL: dropped and counted. */
static struct sk_buff *encrypt_packet(struct linetls_ctx *ctx,
				      struct sk_buff *skb,
				      struct edge_packet *pkt)
{
	struct sk_buff *nskb = alloc_packet(skb, pkt);
	int err;

	pkt->snd_nxt = READ_ONCE(tcp_sk(skb->sk)->snd_nxt);
	err = nskb ? encrypt_payload(ctx, pkt, nskb) : -ENOMEM;
	trace_linetls_software(skb->sk, pkt->seq, pkt->payload_len, err);
	if (err) {
		kfree_skb(nskb);
		return drop(ctx, skb, drop_reason(err));
	}
	linetls_move_checksum(nskb, skb, pkt->payload_off);
	take_ownership(nskb, skb);
	consume_skb(skb);
	/* validate_xmit_skb_list() finds the last segment by ->prev. */
	nskb->prev = nskb;

	linetls_stat_inc(ctx->net, LINETLS_STAT_SW_PACKETS);
	linetls_stat_add(ctx->net, LINETLS_STAT_SW_BYTES, pkt->payload_len);
	spin_lock(&ctx->offload->lock);
	ctx->count.software_packets++;
	ctx->count.software_bytes += pkt->payload_len;
	spin_unlock(&ctx->offload->lock);
	return nskb;
}

/*
 * What is lost before TCP's call returns TCP takes for not sent, and probes, as
 * it does where the peer's window is closed.
 */
static bool is_probing(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return inet_csk(sk)->icsk_probes_out >= STALL_TIMEOUTS &&
	       before(tp->snd_nxt, tcp_wnd_end(tp));
}

/*
 * Something on the way to the device may lose every packet that is marked:
 * netem, for one, takes their socket from them, and the core drops them. After
 * timeouts in a row the device is passed by for a while. That the network lost
 * the packets is more likely, and makes no difference to the peer.
 */
static bool is_stalled(const struct sock *sk, struct linetls_ctx *ctx)
{
	if (ctx->mode == LINETLS_TX_MODE_REQUIRE)
		return false;
	if (unlikely(inet_csk(sk)->icsk_retransmits >= STALL_TIMEOUTS ||
		     is_probing(sk))) {
		ctx->stalled = true;
		ctx->stalled_until = jiffies + STALL_PAUSE;
	} else if (unlikely(ctx->stalled) &&
		   time_after(jiffies, ctx->stalled_until)) {
		ctx->stalled = false;
	}
	return ctx->stalled;
}

/*
 * Does the packet fit the route's MTU? If not, IP drops it, and quotes its
 * first bytes in an ICMP message. TCP will send smaller ones.
 */
static bool fits_mtu(const struct sock *sk, const struct sk_buff *skb,
		     const struct dst_entry *dst)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);
	u32 len = skb->len;

	if (skb_is_gso(skb))
		len = tcp_hdrlen(skb) + skb_shinfo(skb)->gso_size;
	return len + icsk->icsk_af_ops->net_header_len +
	       icsk->icsk_ext_hdr_len <= dst_mtu(dst);
}

/*
 * Does the route lead straight to the bound device, or through a bond? If so,
 * the packet is put on it: none that IP finds by itself was looked at.
 */
static bool leads_to_device(struct sock *sk, struct linetls_ctx *ctx,
			    struct sk_buff *skb)
{
	const struct net_device *bound = rcu_dereference(ctx->tls.netdev);
	const struct net_device *dev;
	struct dst_entry *dst;
	bool stalled;
	u8 reason;

	if (!bound)
		return false;
	stalled = is_stalled(sk, ctx);
	dst = linetls_route(sk);
	if (!dst)
		return false;
	dev = linetls_dst_dev(sk, dst, &reason);
	if (dev && dev != bound)
		reason = LINETLS_REASON_ROUTE;
	else if (dev && stalled)
		reason = LINETLS_REASON_STALLED;
	if (unlikely(!reason != READ_ONCE(ctx->on_device)))
		linetls_note_path(ctx, reason);
	if (reason || unlikely(!fits_mtu(sk, skb, dst)))
		return false;
	skb_dst_set_noref(skb, dst);
	return true;
}

/* Encrypt what TCP sends by another way. Returns as encrypt_packet(). */
static struct sk_buff *encrypt_early(struct sock *sk, struct linetls_ctx *ctx,
				     struct sk_buff *skb)
{
	struct edge_packet pkt = {
		.payload_off = tcp_hdrlen(skb),
		.payload_len = skb->len - tcp_hdrlen(skb),
		.seq = ntohl(tcp_hdr(skb)->seq),
	};

	if (unlikely(!pkt.payload_len))
		return skb;
	if (unlikely(READ_ONCE(ctx->broken)))
		return drop(ctx, skb, LINETLS_STAT_DROP_STREAM);
	if (may_be_torn() && is_torn(sk, ctx, &pkt))
		return drop(ctx, skb, LINETLS_STAT_DROP_TORN);
	return encrypt_packet(ctx, skb, &pkt);
}

/**
 * linetls_queue_xmit - icsk_af_ops->queue_xmit of a socket with TLS_TX
 *
 * Context: from TCP, socket lock held or bh_lock_sock(); @skb has a TCP header
 * and the socket, no IP header. Returns what IP's own would.
 */
int linetls_queue_xmit(struct sock *sk, struct sk_buff *skb, struct flowi *fl)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	int rc = NET_XMIT_DROP;

	rcu_read_lock();
	if (skb_is_decrypted(skb) && !leads_to_device(sk, ctx, skb)) {
		local_bh_disable();
		skb = encrypt_early(sk, ctx, skb);
		local_bh_enable();
	}
	if (skb)
		rc = ctx->ip_ops->queue_xmit(sk, skb, fl);
	rcu_read_unlock();
	return rc;
}

/**
 * linetls_validate_xmit - sk_validate_xmit_skb of a socket with TLS_TX
 * @dev:	the device that the packet is about to enter
 *
 * Context: softirqs off, any CPU; the socket is alive by the packet's
 * reference, its lock is not held in general. Returns the packet to send, or
 * NULL if it was dropped and counted.
 */
struct sk_buff *linetls_validate_xmit(struct sock *sk, struct net_device *dev,
				      struct sk_buff *skb)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	struct net_device *bound;
	struct edge_packet pkt;

	if (!skb_is_decrypted(skb)) {
		if (READ_ONCE(ctx->on_device) && unlikely(is_fragment(skb)))
			return drop(ctx, skb, LINETLS_STAT_DROP_FRAGMENT);
		return skb;
	}
	if (unlikely(READ_ONCE(ctx->broken)))
		return drop(ctx, skb, LINETLS_STAT_DROP_STREAM);

	bound = rcu_dereference_bh(ctx->tls.netdev);
	/* A bond hands the packet to the core again, for the real device. */
	if (bound && netif_is_bond_master(dev))
		return skb;
	if (!parse(skb, &pkt))
		return drop(ctx, skb, LINETLS_STAT_DROP_HEADER);
	if (!pkt.payload_len) {
		/* A FIN whose data was acknowledged before it. */
		skb->decrypted = 0;
		return skb;
	}
	if (may_be_torn() && is_torn(sk, ctx, &pkt))
		return drop(ctx, skb, LINETLS_STAT_DROP_TORN);
	if (dev == bound && aim_hint(ctx, skb, &pkt)) {
		linetls_stat_inc(ctx->net, LINETLS_STAT_DEVICE_PACKETS);
		linetls_stat_add(ctx->net, LINETLS_STAT_DEVICE_BYTES,
				 pkt.payload_len);
		return skb;
	}
	/* Behind TCP's route to the device something has chosen another one. */
	if (bound && dev != bound)
		linetls_stat_inc(ctx->net, LINETLS_STAT_REROUTED);
	return encrypt_packet(ctx, skb, &pkt);
}
