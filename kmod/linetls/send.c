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

#define SEND_FLAGS	(MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR | \
			 MSG_CMSG_COMPAT)

static u32 payload_len(const struct linetls_ctx *ctx,
		       const struct linetls_record *rec)
{
	return rec->info.len - ctx->tls.prot_info.prepend_size;
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

/* One fragment stays free for the tail. */
static bool is_full(const struct linetls_ctx *ctx,
		    const struct linetls_record *rec)
{
	return payload_len(ctx, rec) >= TLS_MAX_PAYLOAD_SIZE ||
	       rec->info.num_frags >= MAX_SKB_FRAGS - 1;
}

/*
 * Make sure that there is an open record and memory for at least one byte of
 * payload. Returns 0 or -ENOMEM, after telling TCP of the shortage.
 */
static int open_record(struct sock *sk, struct linetls_ctx *ctx,
		       struct page_frag *pfrag, u8 type)
{
	const u32 prepend = ctx->tls.prot_info.prepend_size;
	struct linetls_record *rec;

	if (ctx->open) {
		if (sk_page_frag_refill(sk, pfrag))
			return 0;
		goto nomem;
	}
	if (!skb_page_frag_refill(prepend, pfrag, sk->sk_allocation))
		goto nomem;
	rec = linetls_record_alloc(type, sk->sk_allocation);
	if (!rec)
		goto nomem;
	append(rec, pfrag, prepend);
	ctx->open = rec;
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
	else
		put_unaligned_be64(rec->nonce, hdr + TLS_HEADER_SIZE);
	hdr[1] = TLS_1_2_VERSION_MAJOR;
	hdr[2] = TLS_1_2_VERSION_MINOR;
	put_unaligned_be16(rec->info.len - TLS_HEADER_SIZE, hdr + 3);
}

/*
 * Close the open record: tail, header, number, tracker; it becomes ctx->push.
 * Returns 0, or -ENOMEM with the record still open.
 */
static int close_record(struct sock *sk, struct linetls_ctx *ctx,
			struct page_frag *pfrag)
{
	const struct tls_prot_info *prot = &ctx->tls.prot_info;
	const u32 tail = prot->tail_size + LINETLS_TAG_SIZE;
	struct linetls_record *rec = ctx->open;
	u8 *p;

	if (linetls_tracker_reserve(ctx) ||
	    !skb_page_frag_refill(tail, pfrag, sk->sk_allocation)) {
		READ_ONCE(sk->sk_prot)->enter_memory_pressure(sk);
		return -ENOMEM;
	}
	/* TLS 1.3: the content type ends the plaintext. The tag's room holds
	 * nothing that may be seen: its bytes never leave unreplaced, but a
	 * capture on the host shows them.
	 */
	p = page_address(pfrag->page) + pfrag->offset;
	if (prot->tail_size)
		*p++ = rec->type;
	memset(p, 0, LINETLS_TAG_SIZE);
	append(rec, pfrag, tail);

	rec->sn = ctx->next_sn++;
	rec->nonce = ctx->next_nonce++;
	rec->info.end_seq = tcp_sk(sk)->write_seq + rec->info.len;
	fill_header(ctx, rec);

	ctx->open = NULL;
	ctx->push = rec;
	ctx->push_frag = 0;
	ctx->push_off = 0;
	linetls_tracker_append(ctx, rec);
	return 0;
}

static void drop_open(struct linetls_ctx *ctx)
{
	linetls_record_put(ctx->open);
	ctx->open = NULL;
}

/*
 * Hand the rest of ctx->push to TCP. The record can't go away under us: it
 * is not acknowledged before TCP has all of it. Returns 0 when TCP has it,
 * else a negative errno with the position kept.
 */
static int push(struct sock *sk, struct linetls_ctx *ctx, int flags)
{
	struct linetls_record *rec = ctx->push;
	int rc = 0;

	if (!rec)
		return 0;
	ctx->pushing = true;
	while (ctx->push_frag < rec->info.num_frags) {
		rc = linetls_tcp_send(sk, &rec->info.frags[ctx->push_frag],
				      rec->info.num_frags - ctx->push_frag,
				      ctx->push_off,
				      flags & (MSG_MORE | MSG_DONTWAIT |
					       MSG_NOSIGNAL));
		if (rc <= 0)
			break;
		ctx->push_off += rc;
		while (ctx->push_frag < rec->info.num_frags) {
			u32 size = skb_frag_size(&rec->info.frags[ctx->push_frag]);

			if (ctx->push_off < size)
				break;
			ctx->push_off -= size;
			ctx->push_frag++;
		}
	}
	ctx->pushing = false;
	if (ctx->push_frag < rec->info.num_frags)
		return rc < 0 ? rc : -EPIPE;
	ctx->push = NULL;
	return 0;
}

static int wait_memory(struct sock *sk, long *timeo)
{
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	return sk_stream_wait_memory(sk, timeo);
}

/*
 * Build and push records of @type from @iter. Returns the number of bytes
 * taken, or a negative errno if none was.
 *
 * An error inside a record of application data closes the record over what it
 * holds; one of another type is dropped whole, since half an alert or
 * handshake message must not be seen. The socket lock is released while the
 * sender waits.
 */
static int send_data(struct sock *sk, struct linetls_ctx *ctx,
		     struct iov_iter *iter, size_t size, int flags, u8 type)
{
	struct page_frag *pfrag = sk_page_frag(sk);
	long timeo = sock_sndtimeo(sk, flags & MSG_DONTWAIT);
	bool last = false;
	size_t left = size, in_record = 0;
	int rc;

	if (sk->sk_err || (sk->sk_shutdown & SEND_SHUTDOWN))
		return sk_stream_error(sk, flags, -EPIPE);
	rc = push(sk, ctx, flags);
	if (rc)
		return rc;

	while (!last) {
		size_t n;

		rc = open_record(sk, ctx, pfrag, type);
		if (rc) {
			rc = wait_memory(sk, &timeo);
			if (!rc)
				continue;
			goto stop;
		}
		n = min_t(size_t, left, TLS_MAX_PAYLOAD_SIZE -
			  payload_len(ctx, ctx->open));
		n = min_t(size_t, n, pfrag->size - pfrag->offset);
		if (n && copy_from_iter(page_address(pfrag->page) +
					pfrag->offset, n, iter) != n) {
			rc = -EFAULT;
			goto stop;
		}
		if (n)
			append(ctx->open, pfrag, n);
		left -= n;
		in_record += n;

		last = !left;
		if (last && (flags & MSG_MORE) && !is_full(ctx, ctx->open))
			break;
		if (!last && !is_full(ctx, ctx->open))
			continue;
close:
		rc = close_record(sk, ctx, pfrag);
		if (rc) {
			rc = wait_memory(sk, &timeo);
			if (!rc)
				goto close;
			break;
		}
		in_record = 0;
		rc = push(sk, ctx, last ? flags : flags | MSG_MORE);
		if (rc)
			break;
		continue;
stop:
		/* Nothing more fits; what is in the record goes out. */
		if (!ctx->open)
			break;
		if (type != LINETLS_TYPE_DATA ||
		    !payload_len(ctx, ctx->open)) {
			left += in_record;
			drop_open(ctx);
			break;
		}
		if (flags & MSG_MORE)
			break;
		if (!close_record(sk, ctx, pfrag))
			push(sk, ctx, flags | MSG_DONTWAIT);
		break;
	}
	if (size - left)
		return size - left;
	return rc;
}

/* Close and push the open record, if there is one. Socket lock held. */
static int flush_open(struct sock *sk, struct linetls_ctx *ctx, int flags)
{
	struct iov_iter iter;

	if (!ctx->open)
		return push(sk, ctx, flags);
	iov_iter_kvec(&iter, ITER_SOURCE, NULL, 0, 0);
	return send_data(sk, ctx, &iter, 0, flags & ~MSG_MORE, ctx->open->type);
}

/**
 * linetls_flush - everything accepted so far goes to TCP, whatever its limits
 *
 * Before a FIN, after which nothing could follow. Context: socket lock held;
 * does not sleep for memory. Returns 0, or a negative errno if something had
 * to stay behind.
 */
int linetls_flush(struct sock *sk, int flags)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	int sndbuf = sk->sk_sndbuf;
	int rc;

	/* A sender sleeps in TCP and goes on, or fails, when it wakes up. */
	if (ctx->pushing)
		return -EBUSY;
	if (!ctx->open && !ctx->push)
		return 0;
	WRITE_ONCE(sk->sk_sndbuf, INT_MAX);
	rc = flush_open(sk, ctx, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
	WRITE_ONCE(sk->sk_sndbuf, sndbuf);
	return ctx->open || ctx->push ? (rc ?: -ENOMEM) : 0;
}

/* TLS_SET_RECORD_TYPE, as in Documentation/networking/tls.rst. */
static int process_cmsg(struct sock *sk, struct linetls_ctx *ctx,
			struct msghdr *msg, u8 *type)
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
	if (!found)
		return -EINVAL;
	return flush_open(sk, ctx, msg->msg_flags);
}

int linetls_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	u8 type = LINETLS_TYPE_DATA;
	int flags = msg->msg_flags, rc;

#ifdef MSG_SPLICE_PAGES
	/* The pages may change before they are sent for the last time. */
	flags &= ~MSG_SPLICE_PAGES;
#endif
	if (flags & ~SEND_FLAGS)
		return -EOPNOTSUPP;
	if ((flags & (MSG_MORE | MSG_EOR)) == (MSG_MORE | MSG_EOR))
		return -EINVAL;

	rc = mutex_lock_interruptible(&ctx->tls.tx_lock);
	if (rc)
		return rc;
	lock_sock(sk);
	if (unlikely(msg->msg_controllen)) {
		rc = process_cmsg(sk, ctx, msg, &type);
		if (rc)
			goto out;
	}
	if (!size && type == LINETLS_TYPE_DATA && !(flags & MSG_MORE))
		rc = flush_open(sk, ctx, flags);
	else if (size)
		rc = send_data(sk, ctx, &msg->msg_iter, size, flags, type);
	else
		rc = type == LINETLS_TYPE_DATA ? 0 : -EINVAL;
out:
	release_sock(sk);
	mutex_unlock(&ctx->tls.tx_lock);
	return rc;
}

#ifdef HAVE_PROTO_SENDPAGE
int linetls_sendpage(struct sock *sk, struct page *page, int offset,
		     size_t size, int flags)
{
	struct bio_vec bvec = {
		.bv_page = page, .bv_offset = offset, .bv_len = size,
	};
	struct msghdr msg = {};

	msg.msg_flags = flags & ~(MSG_SENDPAGE_NOTLAST | MSG_SENDPAGE_NOPOLICY);
	if (flags & MSG_SENDPAGE_NOTLAST)
		msg.msg_flags |= MSG_MORE;
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, &bvec, 1, size);
	return linetls_sendmsg(sk, &msg, size);
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

	mutex_lock(&ctx->tls.tx_lock);
	lock_sock(sk);
	flush_open(sk, ctx, MSG_NOSIGNAL | MSG_DONTWAIT);
	release_sock(sk);
	mutex_unlock(&ctx->tls.tx_lock);
}

/*
 * TCP has room again: bytes that were accepted go on by themselves, the
 * application may never call again. Context: socket lock held by the caller,
 * or bh_lock_sock() with no owner; must not sleep.
 */
void linetls_write_space(struct sock *sk)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);

	if (ctx->push && !ctx->pushing) {
		gfp_t allocation = sk->sk_allocation;

		sk->sk_allocation = GFP_ATOMIC;
		push(sk, ctx, MSG_DONTWAIT | MSG_NOSIGNAL);
		sk->sk_allocation = allocation;
	}
	ctx->tls.sk_write_space(sk);
}
