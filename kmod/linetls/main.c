// SPDX-License-Identifier: GPL-2.0
/*
 * linetls.ko: the ULP's entry points - attaching it, its socket options, the
 * end of a connection, and the module itself.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/skmsg.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "linetls.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

struct workqueue_struct *linetls_wq;
struct workqueue_struct *linetls_cork_wq;

enum { FAMILY_V4, FAMILY_V6, NUM_FAMILIES };

/* TCP's operations with ours: before TLS_TX, from then on, and after close. */
struct linetls_proto {
	struct proto base;
	struct proto tx;
	struct proto closed;
	struct proto_ops tx_ops;
	const struct proto *origin;
};

static struct linetls_proto protos[NUM_FAMILIES];
static DEFINE_MUTEX(protos_lock);	/* writers of protos */

static bool has_psock(const struct sock *sk)
{
	bool found;

	rcu_read_lock();
	found = sk_psock(sk);
	rcu_read_unlock();
	return found;
}

static struct linetls_proto *proto_of(const struct sock *sk)
{
	return &protos[sk->sk_family == AF_INET6 ? FAMILY_V6 : FAMILY_V4];
}

/* ---- end of a connection ---- */

static void ctx_free(struct linetls_ctx *ctx)
{
	memzero_explicit(&ctx->tls.crypto_send, sizeof(ctx->tls.crypto_send));
	mutex_destroy(&ctx->tls.tx_lock);
	kfree_rcu(ctx, tls.rcu);
}

/* What TLS_TX made, except for the binding. */
static void ctx_free_tx(struct linetls_ctx *ctx)
{
	if (ctx->offload)
		linetls_tracker_destroy(ctx);
	linetls_tracker_free(ctx);
	linetls_key_put(ctx->key);
	ctx->key = NULL;
	kfree_sensitive(ctx->offload);
	ctx->offload = NULL;
	ctx->tls.priv_ctx_tx = NULL;
}

static void ctx_work(struct work_struct *work)
{
	struct linetls_ctx *ctx = container_of(work, struct linetls_ctx, work);

	linetls_unbind(ctx);
	ctx_free_tx(ctx);
	ctx_free(ctx);
	/* Module exit destroys the queue, which waits for our return. */
	module_put(THIS_MODULE);
}

/* linetls_ctx_put - drop a reference of a context that had TLS_TX */
void linetls_ctx_put(struct linetls_ctx *ctx)
{
	if (refcount_dec_and_test(&ctx->tls.refcount))
		queue_work(linetls_wq, &ctx->work);
}

/*
 * No packet and no reference to the socket is left. Runs wherever the last
 * one was dropped, softirq included.
 */
static void linetls_sk_destruct(struct sock *sk)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);

	ctx->destruct(sk);
	WRITE_ONCE(inet_csk(sk)->icsk_af_ops, ctx->ip_ops);
	clean_acked_data_disable(inet_csk(sk));
	linetls_record_clear(&ctx->open);
	linetls_drop_push(ctx);
	linetls_ahead_free(ctx->ahead);
	ctx->ahead = NULL;
	linetls_tracker_destroy(ctx);
	linetls_guard_put(ctx->guard);
	linetls_sk_gone(ctx);
	linetls_ctx_put(ctx);
}

static void linetls_clean_acked(struct sock *sk, u32 acked_seq)
{
	linetls_tracker_release(sk, linetls_ctx(sk), acked_seq);
}

/* TCP ends the socket; packets of it may be under way still. */
static void linetls_destroy(struct sock *sk)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);

	linetls_tracker_uncharge(sk, ctx);
	ctx->tls.sk_proto->destroy(sk);
}

static void linetls_close(struct sock *sk, long timeout)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	struct proto *base = ctx->tls.sk_proto;
	bool has_tx;

	lock_sock(sk);
	has_tx = ctx->offload;
	if (has_tx) {
		linetls_flush(sk);
		linetls_drop_push(ctx);
		ctx->held = false;	/* the FIN takes it along */
		sk_stop_timer(sk, &ctx->retry);
		if (cancel_delayed_work(&ctx->cork))
			__sock_put(sk);
		linetls_guard_put(xchg(&ctx->guard, NULL));
	}
	write_lock_bh(&sk->sk_callback_lock);
	if (!has_tx)
		rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, NULL);
	WRITE_ONCE(sk->sk_prot, has_tx ? &proto_of(sk)->closed : base);
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);

	base->close(sk, timeout);
	if (!has_tx)
		ctx_free(ctx);
}

static void linetls_shutdown(struct sock *sk, int how)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);

	if (how & SEND_SHUTDOWN)
		linetls_flush(sk);
	ctx->tls.sk_proto->shutdown(sk, how);
}

/* Connecting again would send what belongs to the old connection's keys. */
static int linetls_disconnect(struct sock *sk, int flags)
{
	return -EOPNOTSUPP;
}

/* ---- TLS_TX ---- */

/*
 * The errnos are those of do_tls_setsockopt_conf() in net/tls. Returns the
 * cipher or an ERR_PTR.
 */
static const struct linetls_cipher *
read_crypto_info(union tls_crypto_context *info, sockptr_t optval,
		 unsigned int optlen)
{
	const struct linetls_cipher *cipher;

	if (sockptr_is_null(optval) || optlen < sizeof(info->info))
		return ERR_PTR(-EINVAL);
	if (copy_from_sockptr(&info->info, optval, sizeof(info->info)))
		return ERR_PTR(-EFAULT);
	if (info->info.version != TLS_1_2_VERSION &&
	    info->info.version != TLS_1_3_VERSION)
		return ERR_PTR(-EINVAL);
	cipher = linetls_cipher_find(info->info.cipher_type);
	if (!cipher || optlen != cipher->info_size)
		return ERR_PTR(-EINVAL);
	/* Read twice, the head could change between: keep what was checked. */
	if (copy_from_sockptr_offset(&info->info + 1, optval,
				     sizeof(info->info),
				     optlen - sizeof(info->info)))
		return ERR_PTR(-EFAULT);
	return cipher;
}

static void set_prot_info(struct linetls_ctx *ctx)
{
	struct tls_prot_info *prot = &ctx->tls.prot_info;
	bool tls13 = ctx->key->version == TLS_1_3_VERSION;

	prot->version = ctx->key->version;
	prot->cipher_type = ctx->key->cipher->type;
	prot->salt_size = ctx->key->cipher->salt_size;
	prot->iv_size = LINETLS_NONCE_SIZE - prot->salt_size;
	prot->rec_seq_size = sizeof(u64);
	prot->tag_size = LINETLS_TAG_SIZE;
	prot->tail_size = tls13 ? 1 : 0;
	prot->aad_size = tls13 ? TLS_HEADER_SIZE : TLS_AAD_SPACE_SIZE;
	prot->prepend_size = TLS_HEADER_SIZE +
		(ctx->key->explicit_nonce ? LINETLS_EXPLICIT_SIZE : 0);
	prot->overhead_size = prot->prepend_size + prot->tag_size +
			      prot->tail_size;
}

static void use_key(struct linetls_ctx *ctx, struct linetls_key *key)
{
	ctx->key = key;
	ctx->next_sn = key->rec_seq;
	ctx->next_nonce = linetls_key_first_nonce(key);
}

static int alloc_offload(struct sock *sk, struct linetls_ctx *ctx)
{
	set_prot_info(ctx);
	/* Drivers keep their state behind the structure, or in it. */
	ctx->offload = kzalloc(sizeof(*ctx->offload) + TLS_DRIVER_STATE_SIZE_TX,
			       GFP_KERNEL);
	if (!ctx->offload)
		return -ENOMEM;
	spin_lock_init(&ctx->offload->lock);
	INIT_LIST_HEAD(&ctx->offload->records_list);
	ctx->offload->ctx = &ctx->tls;
	ctx->tls.priv_ctx_tx = ctx->offload;
	return linetls_tracker_init(ctx, tcp_sk(sk)->write_seq, ctx->next_sn);
}

/*
 * What is queued is not plaintext of records, what follows is, and an skb is
 * one or the other: nothing may be joined across this point, neither in the
 * write queue nor by a retransmission.
 */
static void fence(struct sock *sk)
{
	struct sk_buff *skb = tcp_write_queue_tail(sk) ?: tcp_rtx_queue_tail(sk);

	if (skb)
		TCP_SKB_CB(skb)->eor = 1;
}

/* From here on the socket sends records, until it is destroyed. */
static void start_tx(struct sock *sk, struct linetls_ctx *ctx)
{
	struct linetls_proto *p = proto_of(sk);

	ctx->tls.tx_conf = TLS_HW;
	clean_acked_data_enable(inet_csk(sk), linetls_clean_acked);
	fence(sk);

	write_lock_bh(&sk->sk_callback_lock);
	ctx->tls.sk_write_space = sk->sk_write_space;
	sk->sk_write_space = linetls_write_space;
	ctx->destruct = sk->sk_destruct;
	/* Whoever sees it sees ctx->destruct. */
	smp_store_release(&sk->sk_destruct, linetls_sk_destruct);
	ctx->ip_ops = inet_csk(sk)->icsk_af_ops;
	ctx->af_ops = *ctx->ip_ops;
	ctx->af_ops.queue_xmit = linetls_queue_xmit;
	/* Lockless readers find them complete. */
	smp_store_release(&inet_csk(sk)->icsk_af_ops, &ctx->af_ops);
	WRITE_ONCE(sk->sk_socket->ops, &p->tx_ops);
	/* Pairs with lockless reads of sk_prot in inet_sendmsg() and others. */
	smp_store_release(&sk->sk_prot, &p->tx);
	write_unlock_bh(&sk->sk_callback_lock);
	linetls_count_start(ctx);
}

/*
 * TCP signs its segments (RFC 2385, RFC 5925): over the plaintext that it has,
 * which is not what the peer gets.
 */
static bool is_signed(struct sock *sk)
{
#ifdef CONFIG_TCP_MD5SIG
	if (rcu_access_pointer(tcp_sk(sk)->md5sig_info))
		return true;
#endif
#ifdef CONFIG_TCP_AO
	if (rcu_access_pointer(tcp_sk(sk)->ao_info))
		return true;
#endif
	return false;
}

/* May this socket have keys at all? Returns 0 or a negative errno. */
static int check_socket(struct sock *sk)
{
	/* A sender sleeps in the middle of what it has to say. */
	if (sk->sk_write_pending)
		return -EBUSY;
	if (has_psock(sk))
		return -EINVAL;
	return is_signed(sk) ? -EOPNOTSUPP : 0;
}

/* The first TLS_TX. Consumes @key. */
static int first_key(struct sock *sk, struct linetls_ctx *ctx,
		     struct linetls_key *key)
{
	int err;

	use_key(ctx, key);
	ctx->write_seq = tcp_sk(sk)->write_seq;
	/* A device event may want its own as soon as a device is bound. */
	refcount_set(&ctx->tls.refcount, 1);
	err = alloc_offload(sk, ctx);
	if (err)
		goto err_free;
	/*
	 * Bound or not, the edge is there before the first record, and finds
	 * the context complete.
	 */
	smp_store_release(&sk->sk_validate_xmit_skb, linetls_validate_xmit);
	err = linetls_bind(sk, ctx);
	if (err)
		goto err_validate;
	__module_get(THIS_MODULE);
	start_tx(sk, ctx);
	return 0;

err_validate:
	/* Packets of the handshake may be passing through it right now. */
	WRITE_ONCE(sk->sk_validate_xmit_skb, NULL);
	synchronize_net();
err_free:
	ctx_free_tx(ctx);
	memset(&ctx->tls.prot_info, 0, sizeof(ctx->tls.prot_info));
	return err;
}

/*
 * Another TLS_TX (RFC 8446 section 4.6.3). The records so far keep their key,
 * and the device loses it. Consumes @key.
 */
static int next_key(struct sock *sk, struct linetls_ctx *ctx,
		    struct linetls_key *key, union tls_crypto_context *info)
{
	int err;

	if (key->version != ctx->key->version ||
	    key->cipher != ctx->key->cipher) {
		err = -EINVAL;
		goto err_key;
	}
	if (key->version != TLS_1_3_VERSION) {
		err = -EBUSY;
		goto err_key;
	}
	if (linetls_key_is_same(key->cipher, &info->info,
				&ctx->tls.crypto_send.info)) {
		err = -EINVAL;
		goto err_key;
	}
	err = linetls_close_open(sk);
	if (err)
		goto err_key;
	linetls_key_put(ctx->key);
	use_key(ctx, key);
	ctx->tls.crypto_send = *info;
	linetls_stat_inc(ctx->net, LINETLS_STAT_REKEYS);
	linetls_bind_key(sk, ctx);
	return 0;

err_key:
	linetls_key_put(key);
	return err;
}

static int set_tx(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	const struct linetls_cipher *cipher;
	union tls_crypto_context info;
	struct linetls_key *key;
	int err;

	cipher = read_crypto_info(&info, optval, optlen);
	if (IS_ERR(cipher)) {
		err = PTR_ERR(cipher);
		goto out;
	}
	err = check_socket(sk);
	if (err)
		goto out;
	key = linetls_key_create(cipher, &info.info);
	if (IS_ERR(key)) {
		err = PTR_ERR(key);
		goto out;
	}
	if (ctx->offload) {
		err = next_key(sk, ctx, key, &info);
	} else {
		ctx->tls.crypto_send = info;
		err = first_key(sk, ctx, key);
		if (err)
			memzero_explicit(&ctx->tls.crypto_send, sizeof(info));
	}
out:
	memzero_explicit(&info, sizeof(info));
	return err;
}

/* ---- socket options ---- */

static int read_int(int *value, sockptr_t optval, unsigned int optlen)
{
	if (sockptr_is_null(optval) || optlen != sizeof(*value))
		return -EINVAL;
	return copy_from_sockptr(value, optval, sizeof(*value)) ? -EFAULT : 0;
}

static int set_mode(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	int mode, err;

	err = read_int(&mode, optval, optlen);
	if (err)
		return err;
	if (mode < LINETLS_TX_MODE_PREFER || mode > LINETLS_TX_MODE_REQUIRE)
		return -EINVAL;
	if (ctx->offload)
		return -EBUSY;
	if (mode == LINETLS_TX_MODE_REQUIRE && ctx->handover)
		return -EINVAL;
	ctx->mode = mode;
	return 0;
}

static int set_handover(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	int bytes, err;

	err = read_int(&bytes, optval, optlen);
	if (err)
		return err;
	if (bytes < 0 || (bytes && ctx->mode == LINETLS_TX_MODE_REQUIRE))
		return -EINVAL;
	if (ctx->offload)
		return -EBUSY;
	ctx->handover = bytes;
	return 0;
}

/* Files and their leases have locks of their own: no socket lock around them. */
static int set_file(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	struct linetls_guard *guard, *old = NULL;
	int fd, err;
	u8 reason;

	err = read_int(&fd, optval, optlen);
	if (err)
		return err;
	if (!READ_ONCE(ctx->offload))
		return -ENOTCONN;
	err = linetls_guard_get(fd, &guard, &reason);
	lock_sock(sk);
	if (ctx->offload) {
		old = ctx->guard;
		WRITE_ONCE(ctx->guard, guard);
		WRITE_ONCE(ctx->file_reason, reason);
		linetls_stat_file(ctx->net, reason);
	} else {
		/* A TLS_TX under way has failed. */
		old = guard;
		err = -ENOTCONN;
	}
	release_sock(sk);
	linetls_guard_put(old);
	return err;
}

/* Options of TCP that a stream of records can't have, see is_signed(). */
static bool is_barred(int level, int optname)
{
	if (level != SOL_TCP)
		return false;
	switch (optname) {
	case TCP_MD5SIG:
	case TCP_MD5SIG_EXT:
#ifdef TCP_AO_ADD_KEY
	case TCP_AO_ADD_KEY:
#endif
		return true;
	}
	return false;
}

static int linetls_setsockopt(struct sock *sk, int level, int optname,
			      sockptr_t optval, unsigned int optlen)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	int err;

	if (is_barred(level, optname))
		return -EOPNOTSUPP;
	if (level != SOL_TLS)
		return ctx->tls.sk_proto->setsockopt(sk, level, optname, optval,
						     optlen);
	if (optname == LINETLS_TX_FILE)
		return set_file(sk, optval, optlen);
	lock_sock(sk);
	switch (optname) {
	case TLS_TX:
		err = set_tx(sk, optval, optlen);
		break;
	case LINETLS_TX_MODE:
		err = set_mode(sk, optval, optlen);
		break;
	case LINETLS_TX_HANDOVER:
		err = set_handover(sk, optval, optlen);
		break;
	case TLS_RX:
	case TLS_TX_ZEROCOPY_RO:
		err = -EOPNOTSUPP;
		break;
	default:
		err = -ENOPROTOOPT;
	}
	release_sock(sk);
	return err;
}

/* As mainline: version and cipher, or the keys with the next record's number. */
static int get_tx(const struct linetls_ctx *ctx, char __user *optval, int len)
{
	union tls_crypto_context info;
	int err = 0;

	if (len < (int)sizeof(info.info))
		return -EINVAL;
	if (!ctx->offload)
		return -EBUSY;
	info.info = ctx->tls.crypto_send.info;
	if (len > sizeof(info.info)) {
		if (len != ctx->key->cipher->info_size)
			return -EINVAL;
		info = ctx->tls.crypto_send;
		linetls_key_export(ctx->key, ctx->next_sn, ctx->next_nonce,
				   &info.info);
	}
	if (copy_to_user(optval, &info, len))
		err = -EFAULT;
	memzero_explicit(&info, sizeof(info));
	return err;
}

static int get_status(struct sock *sk, char __user *optval, int __user *optlen,
		      int len)
{
	struct linetls_tx_status status;
	int err;

	if (len < 8)
		return -EINVAL;
	err = linetls_get_status(sk, &status);
	if (err)
		return err;
	len = min_t(int, len, sizeof(status));
	if (put_user(len, optlen) || copy_to_user(optval, &status, len))
		return -EFAULT;
	return 0;
}

static int get_int(int value, char __user *optval, int len)
{
	if (len != sizeof(value))
		return -EINVAL;
	return copy_to_user(optval, &value, sizeof(value)) ? -EFAULT : 0;
}

static int linetls_getsockopt(struct sock *sk, int level, int optname,
			      char __user *optval, int __user *optlen)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	int err, len;

	if (level != SOL_TLS)
		return ctx->tls.sk_proto->getsockopt(sk, level, optname, optval,
						     optlen);
	if (get_user(len, optlen))
		return -EFAULT;
	lock_sock(sk);
	switch (optname) {
	case TLS_TX:
		err = get_tx(ctx, optval, len);
		break;
	case LINETLS_TX_MODE:
		err = get_int(ctx->mode, optval, len);
		break;
	case LINETLS_TX_HANDOVER:
		err = get_int(ctx->handover, optval, len);
		break;
	case LINETLS_TX_STATUS:
		err = get_status(sk, optval, optlen, len);
		break;
	default:
		err = -ENOPROTOOPT;
	}
	release_sock(sk);
	return err;
}

/* ---- attaching ---- */

/* In-kernel senders that write past sk_prot would queue plaintext. */
static int no_sendmsg_locked(struct sock *sk, struct msghdr *msg, size_t size)
{
	return -EOPNOTSUPP;
}

#ifdef HAVE_OPS_SENDPAGE_LOCKED
static int no_sendpage_locked(struct sock *sk, struct page *page, int offset,
			      size_t size, int flags)
{
	return -EOPNOTSUPP;
}
#endif

static void build_proto(struct linetls_proto *p, const struct proto *origin,
			const struct proto_ops *ops)
{
	p->base = *origin;
	p->base.setsockopt = linetls_setsockopt;
	p->base.getsockopt = linetls_getsockopt;
	p->base.disconnect = linetls_disconnect;
	p->base.close = linetls_close;

	p->tx = p->base;
	p->tx.sendmsg = linetls_sendmsg;
	p->tx.splice_eof = linetls_splice_eof;
	p->tx.shutdown = linetls_shutdown;
	p->tx.destroy = linetls_destroy;

#ifdef HAVE_PROTO_SENDPAGE
	p->tx.sendpage = linetls_sendpage;
#endif

	p->closed = *origin;
	p->closed.destroy = linetls_destroy;

	p->tx_ops = *ops;
	p->tx_ops.sendmsg_locked = no_sendmsg_locked;
#ifdef HAVE_OPS_SENDPAGE_LOCKED
	p->tx_ops.sendpage_locked = no_sendpage_locked;
#endif
	/* Pairs with check_proto(): whoever sees it may use the rest. */
	smp_store_release(&p->origin, origin);
}

/*
 * The operations of a family are built when its first socket comes. A socket
 * with other operations than that one is in the hands of something else, a
 * sockmap or MPTCP, which would be bypassed.
 */
static int check_proto(struct sock *sk)
{
	struct linetls_proto *p = proto_of(sk);
	const struct proto *prot = READ_ONCE(sk->sk_prot);

	if (sk->sk_type != SOCK_STREAM || sk->sk_protocol != IPPROTO_TCP ||
	    !sk->sk_socket || has_psock(sk))
		return -EOPNOTSUPP;
	/* Pairs with build_proto(). */
	if (unlikely(!smp_load_acquire(&p->origin))) {
		if (prot->sendmsg != tcp_sendmsg ||
		    prot->close != tcp_close)
			return -EOPNOTSUPP;
		mutex_lock(&protos_lock);
		if (!p->origin)
			build_proto(p, prot, sk->sk_socket->ops);
		mutex_unlock(&protos_lock);
	}
	return prot == p->origin ? 0 : -EOPNOTSUPP;
}

static int linetls_init_sock(struct sock *sk)
{
	struct linetls_ctx *ctx;
	int err;

	if (sk->sk_state != TCP_ESTABLISHED)
		return -ENOTCONN;
	err = check_proto(sk);
	if (err)
		return err;
	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return -ENOMEM;
	mutex_init(&ctx->tls.tx_lock);
	INIT_WORK(&ctx->work, ctx_work);
	timer_setup(&ctx->retry, linetls_retry, 0);
	INIT_DELAYED_WORK(&ctx->cork, linetls_uncork);
	ctx->tls.sk = sk;
	ctx->tls.tx_conf = TLS_BASE;
	ctx->tls.rx_conf = TLS_BASE;
	ctx->tls.sk_proto = READ_ONCE(sk->sk_prot);
	ctx->net = linetls_net(sock_net(sk));

	write_lock_bh(&sk->sk_callback_lock);
	rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, ctx);
	/* Lockless readers of sk_prot find the context. */
	smp_store_release(&sk->sk_prot, &proto_of(sk)->base);
	write_unlock_bh(&sk->sk_callback_lock);
	return 0;
}

/* A sockmap lets go of the socket: what is below us has changed. */
static void linetls_update(struct sock *sk, struct proto *p,
			   void (*write_space)(struct sock *sk))
{
	struct tls_context *tls = tls_get_ctx(sk);

	if (tls) {
		tls->sk_write_space = write_space;
		tls->sk_proto = p;
	} else {
		WRITE_ONCE(sk->sk_prot, p);
		sk->sk_write_space = write_space;
	}
}

static struct tcp_ulp_ops linetls_ulp_ops __read_mostly = {
	.name		= LINETLS_ULP_NAME,
	.owner		= THIS_MODULE,
	.init		= linetls_init_sock,
	.update		= linetls_update,
	.get_info	= linetls_get_info,
	.get_info_size	= linetls_get_info_size,
};

static int __init linetls_module_init(void)
{
	int err;

	linetls_wq = alloc_workqueue("linetls", 0, 0);
	if (!linetls_wq)
		return -ENOMEM;
	linetls_cork_wq = alloc_workqueue("linetls_cork", WQ_UNBOUND, 0);
	if (!linetls_cork_wq) {
		err = -ENOMEM;
		goto err_wq;
	}
	err = linetls_crypto_init();
	if (err)
		goto err_cork_wq;
	err = linetls_diag_init();
	if (err)
		goto err_crypto;
	err = linetls_guard_init();
	if (err)
		goto err_diag;
	err = linetls_device_init();
	if (err)
		goto err_guard;
	err = tcp_register_ulp(&linetls_ulp_ops);
	if (err)
		goto err_device;
	return 0;

err_device:
	linetls_device_exit();
err_guard:
	linetls_guard_exit();
err_diag:
	linetls_diag_exit();
err_crypto:
	linetls_crypto_exit();
err_cork_wq:
	destroy_workqueue(linetls_cork_wq);
err_wq:
	destroy_workqueue(linetls_wq);
	return err;
}

/* Every socket held the module: none is left, but contexts' work may be. */
static void __exit linetls_module_exit(void)
{
	tcp_unregister_ulp(&linetls_ulp_ops);
	linetls_device_exit();
	/* Has the last reference of sockets, whose contexts have work, too. */
	destroy_workqueue(linetls_cork_wq);
	destroy_workqueue(linetls_wq);
	clean_acked_data_flush();
	linetls_guard_exit();
	linetls_diag_exit();
	linetls_crypto_exit();
	/* kfree_rcu() needs no module text, but late readers of it may run. */
	synchronize_rcu();
}

module_init(linetls_module_init);
module_exit(linetls_module_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("TCP ULP: TLS records encrypted by the network device");
MODULE_ALIAS_TCP_ULP("linetls");
MODULE_SOFTDEP("pre: gcm ctr ccm chacha20poly1305");
