// SPDX-License-Identifier: GPL-2.0
/*
 * Record builder: application data becomes records of header, plaintext and
 * room for the tag, in page fragments that TCP and the tracker share.
 *
 * A record is open while it is filled (ctx->open). Once closed it is in the
 * tracker, and TCP takes it bit by bit as its send buffer allows; what TCP
 * has not taken yet is ctx->push, of which there is at most one: nothing else
 * is sent before it is gone. Bytes in a closed record count as sent.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <net/tcp.h>

#include "linetls.h"
#include "trace.h"

/* The second line means something to the caller's caller, as with TCP. */
#define SEND_FLAGS	(MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR | \
			 MSG_CMSG_COMPAT | MSG_BATCH | MSG_WAITALL)

static u32 payload_len(const struct linetls_ctx *ctx)
{
	return ctx->open.info.len - ctx->tls.prot_info.prepend_size;
}

/* Append @size bytes at the fragment allocator's position. */
static void append(struct linetls_record *rec, struct page_frag *pfrag, u32 size)
{
	struct tls_record_info *info = &rec->info;
	skb_frag_t *last = &info->frags[info->num_frags - 1];

	if (info->num_frags && skb_frag_page(last) == pfrag->page &&
	    skb_frag_off(last) + skb_frag_size(last) == pfrag->offset) {
		skb_frag_size_add(last, size);
	} else {
		skb_frag_fill_page_desc(&info->frags[info->num_frags++],
					pfrag->page, pfrag->offset, size);
		get_page(pfrag->page);
	}
	pfrag->offset += size;
	info->len += size;
}

/* Append bytes of somebody else's page. */
static void append_page(struct linetls_record *rec, struct page *page, u32 off,
			u32 size)
{
	struct page_frag frag = { .page = page, .offset = off };

	append(rec, &frag, size);
}

/* One fragment stays free for the tail. */
static bool is_full(const struct linetls_ctx *ctx)
{
	return payload_len(ctx) >= TLS_MAX_PAYLOAD_SIZE ||
	       ctx->open.info.num_frags >= MAX_SKB_FRAGS - 1;
}

static bool is_open(const struct linetls_ctx *ctx)
{
	return ctx->open.info.len;
}

/*
 * Make sure that there is an open record and memory for at least one byte of
 * payload. Returns 0 or -ENOMEM, after telling TCP of the shortage.
 */
static int open_record(struct sock *sk, struct linetls_ctx *ctx,
		       struct page_frag *pfrag, u8 type)
{
	const u32 prepend = ctx->tls.prot_info.prepend_size;

	if (is_open(ctx)) {
		if (sk_page_frag_refill(sk, pfrag))
			return 0;
		goto nomem;
	}
	if (!skb_page_frag_refill(prepend, pfrag, sk->sk_allocation))
		goto nomem;
	ctx->open.type = type;
	append(&ctx->open, pfrag, prepend);
	trace_linetls_record_open(sk, ctx->write_seq, type);
	if (pfrag->offset < pfrag->size || sk_page_frag_refill(sk, pfrag))
		return 0;
nomem:
	READ_ONCE(sk->sk_prot)->enter_memory_pressure(sk);
	sk_stream_moderate_sndbuf(sk);
	return -ENOMEM;
}

/* RFC 5246 section 6.2.3, RFC 8446 section 5.2. */
static void fill_header(const struct linetls_ctx *ctx,
			const struct linetls_record *rec)
{
	const struct tls_prot_info *prot = &ctx->tls.prot_info;
	u8 *hdr = skb_frag_address(&rec->info.frags[0]);

	hdr[0] = rec->type;
	if (prot->version == TLS_1_3_VERSION)
		hdr[0] = LINETLS_TYPE_DATA;
	else if (rec->key->explicit_nonce)
		put_unaligned_be64(rec->nonce, hdr + TLS_HEADER_SIZE);
	hdr[1] = TLS_1_2_VERSION_MAJOR;
	hdr[2] = TLS_1_2_VERSION_MINOR;
	put_unaligned_be16(rec->info.len - TLS_HEADER_SIZE, hdr + 3);
}

/*
 * Memory for the record that the open one becomes, with the tail's fragment.
 * It counts against the send buffer like the record's bytes.
 */
static struct linetls_record *alloc_closed(struct sock *sk,
					   struct linetls_ctx *ctx)
{
	struct linetls_record *rec;
	int size;

	rec = linetls_record_alloc(ctx->open.info.num_frags + 1,
				   sk->sk_allocation);
	if (!rec)
		return NULL;
	/* The ring doubles when it is full. */
	size = ksize(rec) + 2 * sizeof(rec);
	if (!sk_wmem_schedule(sk, size)) {
		if (sk->sk_wmem_queued >=
		    READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_wmem[0])) {
			kfree(rec);
			return NULL;
		}
		/* As TCP does: with little queued no ACK might make room. */
		size = 0;
	}
	sk_wmem_queued_add(sk, size);
	sk_mem_charge(sk, size);
	ctx->open.charged = size;
	return rec;
}

/* TLS 1.3: the content type ends the plaintext. Then room for the tag. */
static void append_tail(struct linetls_ctx *ctx, struct page_frag *pfrag)
{
	const u32 tail = ctx->tls.prot_info.tail_size;
	u8 *p = page_address(pfrag->page) + pfrag->offset;

	if (tail)
		*p++ = ctx->open.type;
	/*
	 * The tag is written wherever the packet leaves, but a capture on the
	 * host sees its room: it must not show old memory.
	 */
	memset(p, 0, LINETLS_TAG_SIZE);
	append(&ctx->open, pfrag, tail + LINETLS_TAG_SIZE);
}

/*
 * Close the open record: tail, header, number, tracker; it becomes ctx->push.
 * Returns 0, or with the record open as it was: -ENOMEM, or -EBADMSG if the
 * key has no number left for it (RFC 8446 section 5.3).
 */
static int close_record(struct sock *sk, struct linetls_ctx *ctx,
			struct page_frag *pfrag)
{
	struct linetls_record *rec;

	if (unlikely(ctx->next_sn == U64_MAX))
		return -EBADMSG;
	if (linetls_tracker_reserve(ctx) ||
	    !skb_page_frag_refill(ctx->tls.prot_info.tail_size +
				  LINETLS_TAG_SIZE, pfrag, sk->sk_allocation))
		goto nomem;
	rec = alloc_closed(sk, ctx);
	if (!rec)
		goto nomem;

	if (unlikely(ctx->handover_left))
		ctx->handover_left -= min(ctx->handover_left, payload_len(ctx));
	append_tail(ctx, pfrag);
	ctx->open.key = ctx->key;
	ctx->open.sn = ctx->next_sn++;
	ctx->open.nonce = ctx->next_nonce++;
	ctx->open.info.end_seq = ctx->write_seq + ctx->open.info.len;
	linetls_record_fill(rec, &ctx->open);
	ctx->open.guard = NULL;
	ctx->open.info.len = 0;
	ctx->open.info.num_frags = 0;
	fill_header(ctx, rec);

	refcount_inc(&rec->ref);
	ctx->push = rec;
	ctx->push_frag = 0;
	ctx->push_off = 0;
	linetls_tracker_append(ctx, rec);
	trace_linetls_record_close(sk, rec);
	return 0;

nomem:
	READ_ONCE(sk->sk_prot)->enter_memory_pressure(sk);
	return -ENOMEM;
}

/*
 * TCP would refuse, and in doing so take the socket's error away, which is for
 * a call that has nothing else to say.
 */
static bool is_ended(const struct sock *sk)
{
	return sk->sk_err || (sk->sk_shutdown & SEND_SHUTDOWN);
}

/* Is the FIN still to come? */
static bool may_send(const struct sock *sk)
{
	return (1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);
}

/*
 * More does not come at once. TCP sends what it has when the socket lock is
 * released, as it does where it finds the lock taken; and probes a window that
 * is shut, if no answer to anything will tell when it opens.
 */
static void send_held(struct sock *sk, struct linetls_ctx *ctx)
{
	if (likely(!ctx->held))
		return;
	ctx->held = false;
	if (sk->sk_state == TCP_CLOSE)
		return;
	tcp_check_probe_timer(sk);
	if (!test_and_set_bit(TCP_TSQ_DEFERRED, &sk->sk_tsq_flags))
		sock_hold(sk);
}

static int wait_memory(struct sock *sk, long *timeo)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);

	/* As TCP before it waits: also less than a packet. */
	if (ctx->held)
		tcp_sk(sk)->nonagle |= TCP_NAGLE_PUSH;
	send_held(sk, ctx);
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	return sk_stream_wait_memory(sk, timeo);
}

/*
 * Has anybody else written to the stream? A thread that was on its way into
 * tcp_sendmsg() when the keys came may have. Its bytes are no record, and the
 * records around them are not where the tracker has them: nothing more may
 * leave. Returns 0 or -EPIPE.
 */
static int check_stream(struct sock *sk, struct linetls_ctx *ctx)
{
	if (likely(ctx->write_seq == tcp_sk(sk)->write_seq))
		return ctx->broken ? -EPIPE : 0;
	if (!ctx->broken) {
		WRITE_ONCE(ctx->broken, true);
		WRITE_ONCE(sk->sk_err, EPIPE);
		sk_error_report(sk);
	}
	return -EPIPE;
}

/* linetls_drop_push - what TCP has not taken of a record stays behind */
void linetls_drop_push(struct linetls_ctx *ctx)
{
	linetls_record_put(ctx->push);
	ctx->push = NULL;
}

/*
 * Plaintext of records must not join what is none. A sender from before the
 * keys may have put an empty skb at the end of the queue, without moving
 * write_seq.
 */
static void fence_tail(struct sock *sk)
{
	struct sk_buff *skb = tcp_write_queue_tail(sk);

	if (skb && unlikely(!skb_is_decrypted(skb)))
		TCP_SKB_CB(skb)->eor = 1;
}

/* Move on by @n bytes that TCP has taken. */
static void advance(struct linetls_ctx *ctx, u32 n)
{
	const struct tls_record_info *info = &ctx->push->info;

	ctx->write_seq += n;
	ctx->push_off += n;
	while (ctx->push_frag < info->num_frags) {
		u32 size = skb_frag_size(&info->frags[ctx->push_frag]);

		if (ctx->push_off < size)
			return;
		ctx->push_off -= size;
		ctx->push_frag++;
	}
}

/*
 * LINETLS_NOTLAST if TCP need not look whether it may send: the rest of the
 * record follows, or another; but for one it has to have room, and it has enough
 * when there is a packet of any length.
 */
static int not_last(const struct sock *sk, const struct linetls_ctx *ctx,
		    int flags)
{
	const struct tls_record_info *info = &ctx->push->info;
	const struct tcp_sock *tp = tcp_sk(sk);

	if (info->num_frags - ctx->push_frag > 1)
		return LINETLS_NOTLAST;
	if (info->end_seq - tp->snd_nxt >=
	    min_t(u32, tcp_notsent_lowat(tp), GSO_LEGACY_MAX_SIZE))
		return 0;
	return flags & LINETLS_NOTLAST;
}

/* What TCP takes at once. Returns 0 when it has the record. */
static int push_some(struct sock *sk, struct linetls_ctx *ctx, int flags)
{
	const struct tls_record_info *info = &ctx->push->info;
	int rc;

	while (ctx->push_frag < info->num_frags) {
		int more = not_last(sk, ctx, flags);

		rc = is_ended(sk) ? -EPIPE : check_stream(sk, ctx);
		if (rc)
			return rc;
		fence_tail(sk);
		rc = linetls_tcp_send(sk, &info->frags[ctx->push_frag],
				      info->num_frags - ctx->push_frag,
				      ctx->push_off,
				      (flags & (MSG_MORE | MSG_NOSIGNAL)) |
				      more | MSG_DONTWAIT);
		if (rc > 0 || rc == -EAGAIN)
			ctx->held = rc > 0 && more;
		if (rc < 0)
			return rc;
		advance(ctx, rc);
	}
	trace_linetls_record_push(sk, ctx->push);
	linetls_drop_push(ctx);
	return 0;
}

/*
 * Hand the rest of ctx->push to TCP. TCP itself never sleeps: the stream is
 * checked again after each sleep, in which linetls_flush() may have gone on.
 * Returns 0 when TCP has the record, else a negative errno with the position
 * kept.
 */
static int push(struct sock *sk, struct linetls_ctx *ctx, int flags,
		long *timeo)
{
	int rc = 0;

	while (ctx->push) {
		/* TCP works off its backlog, and finds room: not again. */
		ctx->pushing = true;
		rc = push_some(sk, ctx, flags);
		ctx->pushing = false;
		if (rc != -EAGAIN || !*timeo)
			break;
		rc = wait_memory(sk, timeo);
		if (rc)
			break;
	}
	return rc;
}

static int push_nowait(struct sock *sk, struct linetls_ctx *ctx, int flags)
{
	long timeo = 0;

	return push(sk, ctx, flags, &timeo);
}

/* Copy into the open record at most @n bytes. Returns how many, or -EFAULT. */
static int copy_some(struct linetls_ctx *ctx, struct page_frag *pfrag,
		     struct iov_iter *iter, size_t n)
{
	n = min_t(size_t, n, pfrag->size - pfrag->offset);
	if (copy_from_iter(page_address(pfrag->page) + pfrag->offset, n,
			   iter) != n)
		return -EFAULT;
	append(&ctx->open, pfrag, n);
	return n;
}

/*
 * The same for pages that a splice or sendfile has come with, one at a time:
 * a guarded one goes into the record itself.
 */
static int add_page(struct linetls_ctx *ctx, struct page_frag *pfrag,
		    struct iov_iter *iter, size_t n)
{
	size_t off = iter->bvec->bv_offset + iter->iov_offset;
	struct page *page = iter->bvec->bv_page + (off >> PAGE_SHIFT);
	size_t in_bvec = iter->bvec->bv_len - iter->iov_offset;
	int rc;

	if (unlikely(!in_bvec))
		return copy_some(ctx, pfrag, iter, n);
	off = offset_in_page(off);
	n = min3(n, in_bvec, (size_t)PAGE_SIZE - off);
	if (linetls_guard_take(ctx, page)) {
		append_page(&ctx->open, page, off, n);
		iov_iter_advance(iter, n);
		ctx->count.zerocopy_bytes += n;
		linetls_stat_add(ctx->net, LINETLS_STAT_ZEROCOPY_BYTES, n);
		return n;
	}
	rc = copy_some(ctx, pfrag, iter, n);
	if (rc > 0) {
		ctx->count.copied_bytes += rc;
		linetls_stat_add(ctx->net, LINETLS_STAT_COPIED_BYTES, rc);
	}
	return rc;
}

/* Put into the open record what fits. Returns bytes, or -EFAULT. */
static int add_some(struct linetls_ctx *ctx, struct page_frag *pfrag,
		    struct iov_iter *iter, size_t left, bool pages)
{
	size_t n;

	if (!left || is_full(ctx))
		return 0;
	n = min_t(size_t, left, TLS_MAX_PAYLOAD_SIZE - payload_len(ctx));
	return pages ? add_page(ctx, pfrag, iter, n) :
		       copy_some(ctx, pfrag, iter, n);
}

/* close_record(), waiting for memory. Returns 0 or a negative errno. */
static int close_wait(struct sock *sk, struct linetls_ctx *ctx,
		      struct page_frag *pfrag, long *timeo)
{
	int rc = 0;

	/* A flush may have closed it while we slept. */
	while (!rc && is_open(ctx)) {
		rc = close_record(sk, ctx, pfrag);
		if (!rc)
			break;
		if (rc == -ENOMEM)
			rc = wait_memory(sk, timeo);
	}
	return rc;
}

/*
 * Sending stops in mid-record. Application data goes out as far as it has
 * come; a record of another type is dropped whole, since half an alert or
 * handshake message must not be seen. If the record can't be closed, nobody
 * would come to close it later: it keeps what earlier calls have put into it.
 * While this call slept, a flush may have done the same. Returns how many bytes
 * of this call, at most @n, did not go.
 */
static size_t stop_record(struct sock *sk, struct linetls_ctx *ctx,
			  struct page_frag *pfrag, size_t n, int flags,
			  u8 type)
{
	if (!is_open(ctx))
		return type == LINETLS_TYPE_DATA ? 0 : n;
	if (ctx->open.type != LINETLS_TYPE_DATA || !payload_len(ctx)) {
		linetls_record_clear(&ctx->open);
		return n;
	}
	if (flags & MSG_MORE)
		return 0;
	if (!close_record(sk, ctx, pfrag)) {
		push_nowait(sk, ctx, flags);
		return 0;
	}
	linetls_record_trim(&ctx->open, n);
	if (!payload_len(ctx))
		linetls_record_clear(&ctx->open);
	return n;
}

/* As with TCP, data that comes while the send buffer is full has to wait. */
static bool has_room(struct sock *sk, const struct linetls_ctx *ctx)
{
	return is_open(ctx) || sk_stream_memory_free(sk);
}

/*
 * Build and push records of @type from @iter. Returns the number of bytes
 * taken, or a negative errno if none was: -EPIPE stands for whatever the
 * socket's error is. @pages: @iter is one of pages that may be kept. The socket
 * lock is released while the sender waits.
 */
static int send_data(struct sock *sk, struct linetls_ctx *ctx,
		     struct iov_iter *iter, size_t size, int flags, u8 type,
		     bool pages)
{
	struct page_frag *pfrag = sk_page_frag(sk);
	long timeo = sock_sndtimeo(sk, flags & MSG_DONTWAIT);
	size_t left = size, in_record = 0;
	int rc;

	if (is_ended(sk))
		return -EPIPE;
	rc = push(sk, ctx, flags, &timeo) ?: check_stream(sk, ctx);
	if (rc)
		return rc;
	if (unlikely(linetls_route_changed(sk, ctx))) {
		linetls_rebind(sk, ctx);
		if (is_ended(sk))
			return -EPIPE;
	}

	for (;;) {
		rc = has_room(sk, ctx) ?
		     open_record(sk, ctx, pfrag, type) : -ENOBUFS;
		if (rc) {
			rc = wait_memory(sk, &timeo);
			if (!rc)
				continue;
			break;
		}
		rc = add_some(ctx, pfrag, iter, left, pages);
		if (rc < 0)
			break;
		left -= rc;
		in_record += rc;
		rc = 0;
		if (!is_full(ctx) && (left || (flags & MSG_MORE))) {
			if (left)
				continue;
			return size;
		}
		rc = close_wait(sk, ctx, pfrag, &timeo);
		if (rc)
			break;
		in_record = 0;
		rc = push(sk, ctx, left ? flags | MSG_MORE | LINETLS_NOTLAST :
				   flags, &timeo);
		if (rc || !left)
			break;
		if (unlikely(ctx->reason == LINETLS_REASON_HANDOVER) &&
		    linetls_route_changed(sk, ctx))
			linetls_rebind(sk, ctx);
	}
	if (rc)
		left += stop_record(sk, ctx, pfrag, in_record, flags, type);
	return size != left ? size - left : rc;
}

/* Close and push the open record, if there is one. Socket lock held. */
static int flush_open(struct sock *sk, struct linetls_ctx *ctx, int flags)
{
	long timeo = sock_sndtimeo(sk, flags & MSG_DONTWAIT);
	struct iov_iter iter;

	if (!is_open(ctx))
		return push(sk, ctx, flags, &timeo);
	iov_iter_kvec(&iter, ITER_SOURCE, NULL, 0, 0);
	return send_data(sk, ctx, &iter, 0, flags & ~MSG_MORE, ctx->open.type,
			 false);
}

/**
 * linetls_close_open - the open record, if there is one, gets its number
 *
 * Before the keys change. Context: socket lock held. Returns 0 or a negative
 * errno; whether TCP has taken the record does not matter.
 */
int linetls_close_open(struct sock *sk)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	int rc;

	if (sk->sk_write_pending)
		return -EBUSY;
	if (!is_open(ctx))
		return 0;
	/* One closed record at a time can wait for TCP. */
	rc = push_nowait(sk, ctx, MSG_NOSIGNAL);
	if (rc)
		return rc;
	rc = close_record(sk, ctx, sk_page_frag(sk));
	if (!rc)
		push_nowait(sk, ctx, MSG_NOSIGNAL);
	return rc;
}

/*
 * Room for one packet: TCP lets what fills the buffer exceed a memory cgroup,
 * but nothing that leaves it half empty.
 */
static void make_room(struct sock *sk)
{
	WRITE_ONCE(sk->sk_sndbuf, sk->sk_wmem_queued + 1);
}

/* With memory short, as often without getting on. */
#define FLUSH_TRIES	10

static void flush_all(struct sock *sk, struct linetls_ctx *ctx)
{
	int rc, tries = 0;

	do {
		u32 before = ctx->write_seq;

		make_room(sk);
		rc = is_open(ctx) ? close_record(sk, ctx, sk_page_frag(sk)) : 0;
		if (!rc)
			rc = push_nowait(sk, ctx, MSG_NOSIGNAL);
		if (ctx->write_seq == before && tries++)
			schedule_timeout_uninterruptible(1);
	} while ((rc == -EAGAIN || rc == -ENOMEM) && tries < FLUSH_TRIES);
}

/**
 * linetls_flush - everything accepted so far goes to TCP, whatever its limits
 *
 * Before a FIN, after which nothing could follow. A record of another type
 * than application data that is still open is half of something: it is
 * dropped. A sender may be asleep: what it has been promised goes, too.
 * Neither SEND_SHUTDOWN, which shutdown() sets first, nor an error that the
 * application has yet to hear of stops it; both are there afterwards, with
 * what TCP has added while it worked off its backlog. Context: socket lock
 * held; sleeps for a few ticks where memory is short, and gives up then.
 */
void linetls_flush(struct sock *sk)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	u32 lowat = tcp_sk(sk)->notsent_lowat;
	u8 shutdown = sk->sk_shutdown;
	int sndbuf = sk->sk_sndbuf;
	int error;

	if (!may_send(sk))
		return;
	if (is_open(ctx) && ctx->open.type != LINETLS_TYPE_DATA)
		linetls_record_clear(&ctx->open);
	WRITE_ONCE(sk->sk_shutdown, shutdown & ~SEND_SHUTDOWN);
	/* Who reports one does not always have the lock. */
	error = xchg(&sk->sk_err, 0);
	WRITE_ONCE(tcp_sk(sk)->notsent_lowat, U32_MAX);
	flush_all(sk, ctx);
	WRITE_ONCE(tcp_sk(sk)->notsent_lowat, lowat);
	WRITE_ONCE(sk->sk_sndbuf, sndbuf);
	if (error)
		cmpxchg(&sk->sk_err, 0, error);
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | shutdown);
}

/*
 * The caller has more to say (MSG_MORE). TCP holds back what that was said of
 * for a fifth of a second, and callers rely on it: some say so of whatever they
 * expect. So nor does a record stay open for longer.
 */
#define CORK_LIMIT	(HZ / 5)

static bool is_corked(const struct linetls_ctx *ctx)
{
	return is_open(ctx) || ctx->held;
}

static void uncork_in(struct sock *sk, struct linetls_ctx *ctx,
		      unsigned long delay)
{
	if (delayed_work_pending(&ctx->cork))
		return;
	sock_hold(sk);
	if (!queue_delayed_work(linetls_cork_wq, &ctx->cork, delay))
		__sock_put(sk);
}

/**
 * linetls_uncork - has nobody gone on with the open record, or with a splice?
 *
 * Context: linetls_cork_wq, with a reference to the socket.
 */
void linetls_uncork(struct work_struct *work)
{
	struct linetls_ctx *ctx = container_of(to_delayed_work(work),
					       struct linetls_ctx, cork);
	struct sock *sk = ctx->tls.sk;
	long left;

	lock_sock(sk);
	/* A sender that sleeps comes back to it, and a close has seen to it. */
	if (!is_corked(ctx) || sk->sk_write_pending)
		goto out;
	if (ctx->error || ctx->broken || is_ended(sk)) {
		send_held(sk, ctx);
		goto out;
	}
	left = ctx->corked_at + CORK_LIMIT - jiffies;
	if (left <= 0) {
		if (is_open(ctx))
			flush_open(sk, ctx, MSG_NOSIGNAL | MSG_DONTWAIT);
		send_held(sk, ctx);
		left = CORK_LIMIT;
	}
	if (is_corked(ctx))
		uncork_in(sk, ctx, left);
out:
	release_sock(sk);
	sock_put(sk);
}

/*
 * A few bytes more always go into TCP's last packet, however full the send
 * buffer is, and libssl counts on it: it sends an alert once, and closes. So
 * records of other types, and what has to go before them, may exceed the
 * buffer by so much.
 */
#define CONTROL_ROOM	65536

static int send_control(struct sock *sk, struct linetls_ctx *ctx,
			struct iov_iter *iter, size_t size, int flags, u8 type)
{
	u32 lowat = tcp_sk(sk)->notsent_lowat;
	int sndbuf = sk->sk_sndbuf;
	int raised = min(sndbuf, INT_MAX - CONTROL_ROOM) + CONTROL_ROOM;
	int rc;

	/* Nothing sleeps here, so nobody else sets them. */
	WRITE_ONCE(sk->sk_sndbuf, raised);
	WRITE_ONCE(tcp_sk(sk)->notsent_lowat, U32_MAX);
	rc = flush_open(sk, ctx, flags) ?:
	     send_data(sk, ctx, iter, size, flags, type, false);
	WRITE_ONCE(tcp_sk(sk)->notsent_lowat, lowat);
	/* Unless TCP itself has: in its backlog, or short of memory. */
	if (sk->sk_sndbuf > sndbuf && sk->sk_sndbuf <= raised)
		WRITE_ONCE(sk->sk_sndbuf, sndbuf);
	return rc;
}

/* TLS_SET_RECORD_TYPE, as in Documentation/networking/tls.rst. */
static int process_cmsg(struct msghdr *msg, u8 *type)
{
	struct cmsghdr *cmsg;
	bool found = false;

	for_each_cmsghdr(cmsg, msg) {
		if (!CMSG_OK(msg, cmsg))
			return -EINVAL;
		if (cmsg->cmsg_level != SOL_TLS)
			continue;
		if (cmsg->cmsg_type != TLS_SET_RECORD_TYPE ||
		    cmsg->cmsg_len < CMSG_LEN(sizeof(*type)) ||
		    (msg->msg_flags & MSG_MORE))
			return -EINVAL;
		*type = *(u8 *)CMSG_DATA(cmsg);
		found = true;
	}
	return found ? 0 : -EINVAL;
}

static int send_msg(struct sock *sk, struct msghdr *msg, size_t size,
		    int flags, bool pages)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	u8 type = LINETLS_TYPE_DATA;
	bool wait = !(flags & MSG_DONTWAIT);
	int rc;

	if (flags & ~(SEND_FLAGS | (pages ? LINETLS_NOTLAST : 0)))
		return -EOPNOTSUPP;
	if ((flags & (MSG_MORE | MSG_EOR)) == (MSG_MORE | MSG_EOR))
		return -EINVAL;

	if (wait && mutex_lock_interruptible(&ctx->tls.tx_lock))
		return sock_intr_errno(sock_sndtimeo(sk, false));
	lock_sock(sk);
	/* Who never sleeps needs no turn, only that nobody sleeps amid his. */
	if (!wait && unlikely(sk->sk_write_pending)) {
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		rc = -EAGAIN;
		goto out;
	}
	if (unlikely(ctx->error)) {
		rc = -ctx->error;
		goto out;
	}
	if (unlikely(msg->msg_controllen)) {
		rc = process_cmsg(msg, &type);
		if (!rc && type != LINETLS_TYPE_DATA && size && !wait) {
			rc = send_control(sk, ctx, &msg->msg_iter, size, flags,
					  type);
			goto err;
		}
		rc = rc ?: flush_open(sk, ctx, flags);
		if (rc)
			goto err;
	}
	if (!size && type == LINETLS_TYPE_DATA && !(flags & MSG_MORE))
		rc = flush_open(sk, ctx, flags);
	else if (size)
		rc = send_data(sk, ctx, &msg->msg_iter, size, flags, type,
			       pages);
	else
		rc = type == LINETLS_TYPE_DATA ? 0 : -EINVAL;
err:
	if (rc == -EPIPE)
		rc = sk_stream_error(sk, flags, rc);
out:
	/* Of pages, more comes only if this one was taken as a whole. */
	if (!(flags & LINETLS_NOTLAST) || rc != size)
		send_held(sk, ctx);
	if (is_corked(ctx)) {
		ctx->corked_at = jiffies;
		uncork_in(sk, ctx, CORK_LIMIT);
	}
	/* One that polls for an edge may have been told to try again. */
	if (wait && test_bit(SOCK_NOSPACE, &sk->sk_socket->flags))
		sk->sk_write_space(sk);
	release_sock(sk);
	if (wait)
		mutex_unlock(&ctx->tls.tx_lock);
	return rc;
}

int linetls_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	int flags = msg->msg_flags;
	bool pages = false;

#ifdef MSG_SPLICE_PAGES
	pages = (flags & MSG_SPLICE_PAGES) && iov_iter_is_bvec(&msg->msg_iter);
	flags &= ~MSG_SPLICE_PAGES;
#endif
	return send_msg(sk, msg, size, flags, pages);
}

#ifdef HAVE_PROTO_SENDPAGE
int linetls_sendpage(struct sock *sk, struct page *page, int offset,
		     size_t size, int flags)
{
	struct bio_vec bvec = {
		.bv_page = page, .bv_offset = offset, .bv_len = size,
	};
	struct msghdr msg = {};

	if (flags & LINETLS_NOTLAST)
		flags |= MSG_MORE;
	flags &= ~MSG_SENDPAGE_NOPOLICY;
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, &bvec, 1, size);
	return send_msg(sk, &msg, size, flags, true);
}
#endif

/*
 * The source of a splice or sendfile has ended before the bytes asked for:
 * nobody will say when the last record is complete.
 */
void linetls_splice_eof(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct linetls_ctx *ctx = linetls_ctx(sk);

	lock_sock(sk);
	/* A sender that sleeps has gone on from there. */
	if (!ctx->error && !is_ended(sk) && !sk->sk_write_pending)
		flush_open(sk, ctx, MSG_NOSIGNAL | MSG_DONTWAIT);
	ctx->held = false;
	release_sock(sk);
	/* TCP holds back the end of a record that was full. */
	ctx->tls.sk_proto->splice_eof(sock);
}

static void push_atomic(struct sock *sk, struct linetls_ctx *ctx)
{
	gfp_t allocation = sk->sk_allocation;
#ifdef HAVE_SK_USE_TASK_FRAG
	bool task_frag = sk->sk_use_task_frag;

	/* The task that is interrupted is none of ours. */
	sk->sk_use_task_frag = false;
#endif
	sk->sk_allocation = GFP_ATOMIC;
	push_nowait(sk, ctx, MSG_NOSIGNAL);
#ifdef HAVE_SK_USE_TASK_FRAG
	sk->sk_use_task_frag = task_frag;
#endif
	sk->sk_allocation = allocation;
}

/*
 * Ask to be called again, by the next ACK; if none is to come, by a timer, as
 * TCP does where it has no memory for a packet.
 */
static void push_later(struct sock *sk, struct linetls_ctx *ctx)
{
	if (sk->sk_socket)
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	if (tcp_rtx_and_write_queues_empty(sk) && may_send(sk) && !ctx->broken)
		sk_reset_timer(sk, &ctx->retry,
			       jiffies + TCP_RESOURCE_PROBE_INTERVAL);
}

/**
 * linetls_retry - nothing else has made TCP take the rest of a record
 *
 * Context: timer, with a reference to the socket.
 */
void linetls_retry(struct timer_list *timer)
{
	struct linetls_ctx *ctx = container_of(timer, struct linetls_ctx,
					       retry);
	struct sock *sk = ctx->tls.sk;

	bh_lock_sock(sk);
	if (sock_owned_by_user(sk))
		sk_reset_timer(sk, timer, jiffies + TCP_RESOURCE_PROBE_INTERVAL);
	else if (ctx->push)
		linetls_write_space(sk);
	bh_unlock_sock(sk);
	sock_put(sk);
}

/*
 * TCP has room again: bytes that were accepted go on by themselves, the
 * application may never call again. Context: socket lock held by the caller,
 * or bh_lock_sock() with no owner; must not sleep.
 */
void linetls_write_space(struct sock *sk)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);

	/* A sender that sleeps goes on himself, and may sleep for memory. */
	if (ctx->push && !ctx->pushing && !sk->sk_write_pending &&
	    !is_ended(sk))
		push_atomic(sk, ctx);
	ctx->tls.sk_write_space(sk);
	/* After the above, which has undone it. */
	if (ctx->push)
		push_later(sk, ctx);
}
