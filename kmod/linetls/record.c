// SPDX-License-Identifier: GPL-2.0
/*
 * Record tracker: the records of a connection by TCP sequence number, from
 * the moment that TCP may send their first byte until their last is
 * acknowledged. A retransmission can only be encrypted from the whole record,
 * so its pages stay until then; a packet that is being encrypted holds them
 * longer, whatever the peer acknowledges meanwhile.
 *
 * A driver written for the kernel's own ULP calls tls_get_record(), which
 * walks offload->records_list from offload->retransmit_hint: the list is kept
 * beside the ring, and the edge sets the hint so that the walk ends at once.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "linetls.h"
#include "trace.h"

#define TRACKER_MIN	16

static size_t record_size(int num_frags)
{
	return offsetof(struct linetls_record, info.frags[num_frags]);
}

/* linetls_record_alloc - memory for a closed record; NULL if there is none */
struct linetls_record *linetls_record_alloc(int num_frags, gfp_t gfp)
{
	return kmalloc(record_size(num_frags), gfp);
}

/**
 * linetls_record_fill - make @rec the closed record of an open one
 * @rec:	allocated for as many fragments as @open has, or more
 *
 * Takes over the page references and the guard of @open, and takes a reference
 * to its key.
 */
void linetls_record_fill(struct linetls_record *rec,
			 const struct linetls_record *open)
{
	memcpy(rec, open, record_size(open->info.num_frags));
	refcount_set(&rec->ref, 1);
	if (rec->key)
		refcount_inc(&rec->key->ref);
}

static void put_pages(const struct tls_record_info *info)
{
	int i;

	for (i = 0; i < info->num_frags; i++)
		put_page(skb_frag_page(&info->frags[i]));
}

/* linetls_record_clear - drop what an open record holds */
void linetls_record_clear(struct linetls_record *open)
{
	put_pages(&open->info);
	linetls_guard_release(open);
	open->info.num_frags = 0;
	open->info.len = 0;
}

/* linetls_record_trim - drop the last @n bytes of an open record's payload */
void linetls_record_trim(struct linetls_record *open, u32 n)
{
	struct tls_record_info *info = &open->info;

	info->len -= n;
	while (n) {
		skb_frag_t *last = &info->frags[info->num_frags - 1];
		u32 part = min_t(u32, n, skb_frag_size(last));

		skb_frag_size_sub(last, part);
		n -= part;
		if (!skb_frag_size(last)) {
			put_page(skb_frag_page(last));
			info->num_frags--;
		}
	}
}

void linetls_record_put(struct linetls_record *rec)
{
	if (!rec || !refcount_dec_and_test(&rec->ref))
		return;
	put_pages(&rec->info);
	linetls_guard_release(rec);
	linetls_key_put(rec->key);
	kfree(rec);
}

static void tracker_push(struct linetls_ctx *ctx, struct linetls_record *rec)
{
	struct linetls_tracker *t = &ctx->tracker;

	t->ring[t->tail++ & t->mask] = rec;
	list_add_tail_rcu(&rec->info.list, &ctx->offload->records_list);
}

/**
 * linetls_tracker_init - an empty tracker with its start marker
 * @ctx:	context with @offload allocated; not yet visible to others
 * @start_seq:	TCP sequence number of the first record's first byte
 * @first_sn:	number of that record
 *
 * May sleep. Returns 0, or -ENOMEM; linetls_tracker_free() either way.
 */
int linetls_tracker_init(struct linetls_ctx *ctx, u32 start_seq, u64 first_sn)
{
	struct linetls_record start = {
		.sn = first_sn - 1,
		.info.end_seq = start_seq,
	};
	struct linetls_tracker *t = &ctx->tracker;
	struct linetls_record *marker;

	t->ring = kvcalloc(TRACKER_MIN, sizeof(*t->ring), GFP_KERNEL_ACCOUNT);
	if (!t->ring)
		return -ENOMEM;
	marker = linetls_record_alloc(0, GFP_KERNEL);
	if (!marker)
		return -ENOMEM;
	linetls_record_fill(marker, &start);
	t->mask = TRACKER_MIN - 1;
	t->head = 0;
	t->tail = 0;
	t->acked = start_seq;
	ctx->offload->unacked_record_sn = marker->sn;
	tracker_push(ctx, marker);
	return 0;
}

/**
 * linetls_tracker_reserve - make room for one more record
 *
 * Context: socket lock held, may sleep. Returns 0 or -ENOMEM.
 */
int linetls_tracker_reserve(struct linetls_ctx *ctx)
{
	struct linetls_tracker *t = &ctx->tracker;
	struct linetls_record **ring, **old = t->ring;
	u32 size = t->mask + 1, i;

	/* Only ACKs change the tracker meanwhile, and they make room. */
	if (READ_ONCE(t->tail) - READ_ONCE(t->head) < size)
		return 0;

	/* A cgroup that is full of packets is no reason to kill somebody. */
	ring = kvcalloc(size * 2, sizeof(*ring),
			GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL);
	if (!ring)
		return -ENOMEM;
	spin_lock_bh(&ctx->offload->lock);
	for (i = t->head; i != t->tail; i++)
		ring[i & (size * 2 - 1)] = old[i & t->mask];
	t->ring = ring;
	t->mask = size * 2 - 1;
	spin_unlock_bh(&ctx->offload->lock);
	kvfree(old);
	return 0;
}

/**
 * linetls_tracker_append - add a finished record, whose end_seq is set
 *
 * The tracker takes over the caller's reference. Context: socket lock held,
 * after linetls_tracker_reserve().
 */
void linetls_tracker_append(struct linetls_ctx *ctx, struct linetls_record *rec)
{
	spin_lock_bh(&ctx->offload->lock);
	tracker_push(ctx, rec);
	ctx->count.records++;
	spin_unlock_bh(&ctx->offload->lock);
	linetls_stat_inc(ctx->net, LINETLS_STAT_RECORDS);
	linetls_stat_inc(ctx->net, LINETLS_STAT_RECORDS_TRACKED);
}

static struct linetls_record *tracker_pop(struct linetls_ctx *ctx)
{
	struct linetls_tracker *t = &ctx->tracker;
	struct linetls_record *rec = linetls_tracker_at(t, t->head);

	WRITE_ONCE(t->head, t->head + 1);
	list_del_rcu(&rec->info.list);
	if (ctx->offload->retransmit_hint == &rec->info)
		ctx->offload->retransmit_hint = NULL;
	ctx->offload->unacked_record_sn++;
	if (!tls_record_is_start_marker(&rec->info))
		linetls_stat_dec(ctx->net, LINETLS_STAT_RECORDS_TRACKED);
	return rec;
}

/**
 * linetls_tracker_release - the peer acknowledged everything before @acked_seq
 *
 * Context: from tcp_ack(), socket lock held or bh_lock_sock().
 */
void linetls_tracker_release(struct sock *sk, struct linetls_ctx *ctx,
			     u32 acked_seq)
{
	struct linetls_tracker *t = &ctx->tracker;
	struct linetls_ahead *ahead = NULL;
	struct linetls_record *rec;
	int charged = 0;
	u32 n = 0;

	spin_lock_bh(&ctx->offload->lock);
	t->acked = acked_seq;
	if (ctx->dev_start_open && !before(acked_seq, ctx->dev_start))
		ctx->dev_start_open = false;
	while (t->head != t->tail) {
		rec = linetls_tracker_at(t, t->head);
		if (before(acked_seq, rec->info.end_seq))
			break;
		charged += rec->charged;
		n++;
		/* Drivers read records under the lock: put is safe at once. */
		linetls_record_put(tracker_pop(ctx));
	}
	if (unlikely(ctx->ahead) &&
	    !after(ctx->ahead->rec->info.end_seq, acked_seq))
		swap(ahead, ctx->ahead);
	spin_unlock_bh(&ctx->offload->lock);
	linetls_ahead_free(ahead);
	if (n)
		trace_linetls_record_release(sk, acked_seq, n);
	if (charged) {
		sk_wmem_queued_add(sk, -charged);
		sk_mem_uncharge(sk, charged);
	}
}

/**
 * linetls_tracker_rekey - records from here on are numbered by ctx->next_sn
 *
 * tls_get_record() numbers records by counting from the oldest. Packets of
 * records under older keys never reach a device, so the count is made right
 * for the newest. Context: socket lock held.
 */
void linetls_tracker_rekey(struct linetls_ctx *ctx)
{
	const struct linetls_tracker *t = &ctx->tracker;

	spin_lock_bh(&ctx->offload->lock);
	ctx->offload->retransmit_hint = NULL;
	ctx->offload->unacked_record_sn = ctx->next_sn - (t->tail - t->head);
	spin_unlock_bh(&ctx->offload->lock);
}

/*
 * TCP is about to destroy the socket and wants its accounts even. What is
 * tracked stays until the last packet is gone. Socket lock held.
 */
void linetls_tracker_uncharge(struct sock *sk, struct linetls_ctx *ctx)
{
	struct linetls_tracker *t = &ctx->tracker;
	int charged = 0;
	u32 i;

	spin_lock_bh(&ctx->offload->lock);
	for (i = t->head; i != t->tail; i++) {
		charged += linetls_tracker_at(t, i)->charged;
		linetls_tracker_at(t, i)->charged = 0;
	}
	spin_unlock_bh(&ctx->offload->lock);
	sk_wmem_queued_add(sk, -charged);
	sk_mem_uncharge(sk, charged);
}

/* The socket is gone and with it every packet: nobody else looks. */
void linetls_tracker_destroy(struct linetls_ctx *ctx)
{
	struct linetls_tracker *t = &ctx->tracker;

	while (t->head != t->tail)
		linetls_record_put(tracker_pop(ctx));
}

/* What linetls_tracker_destroy() leaves. Process context: may be vfree(). */
void linetls_tracker_free(struct linetls_ctx *ctx)
{
	kvfree(ctx->tracker.ring);
	ctx->tracker.ring = NULL;
}

/**
 * linetls_tracker_seek - the first record that ends after @seq
 * @index:	where to store its index
 *
 * That record holds @seq, or begins after it: the bytes between belong to
 * records that are acknowledged. Context: offload->lock held. Returns false
 * if all records end at or before @seq.
 */
bool linetls_tracker_seek(struct linetls_ctx *ctx, u32 seq, u32 *index)
{
	const struct linetls_tracker *t = &ctx->tracker;
	u32 low = t->head, n = t->tail - t->head;

	lockdep_assert_held(&ctx->offload->lock);
	while (n) {
		u32 half = n / 2;

		if (before(seq, linetls_tracker_at(t, low + half)->info.end_seq)) {
			n = half;
		} else {
			low += half + 1;
			n -= half + 1;
		}
	}
	*index = low;
	return low != t->tail;
}
