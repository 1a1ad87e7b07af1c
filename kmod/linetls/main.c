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

struct workqueue_struct *linetls_wq;

enum { FAMILY_V4, FAMILY_V6, NUM_FAMILIES };

/* TCP's operations with ours in place: before TLS_TX, and from then on. */
struct linetls_proto {
	struct proto base;
	struct proto tx;
	struct proto_ops tx_ops;
	const struct proto *origin;
};

static struct linetls_proto protos[NUM_FAMILIES];
static DEFINE_MUTEX(protos_lock);	/* writers of protos */

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

static void ctx_free_tx(struct linetls_ctx *ctx)
{
	linetls_record_put(ctx->open);
	ctx->open = NULL;
	linetls_tracker_destroy(ctx);
	linetls_key_free(ctx->key);
	ctx->key = NULL;
	kfree_sensitive(ctx->offload);
	ctx->offload = NULL;
	ctx->tls.priv_ctx_tx = NULL;
}

static void ctx_work(struct work_struct *work)
{
	struct linetls_ctx *ctx = container_of(work, struct linetls_ctx, work);

	linetls_unbind(ctx);
	linetls_key_free(ctx->key);
	kfree_sensitive(ctx->offload);
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
	clean_acked_data_disable(inet_csk(sk));
	linetls_record_put(ctx->open);
	linetls_tracker_destroy(ctx);
	linetls_sk_gone(ctx);
	linetls_ctx_put(ctx);
}

static void linetls_clean_acked(struct sock *sk, u32 acked_seq)
{
	linetls_tracker_release(linetls_ctx(sk), acked_seq);
}

static void linetls_close(struct sock *sk, long timeout)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	struct proto *base = ctx->tls.sk_proto;
	bool has_tx;

	lock_sock(sk);
	has_tx = ctx->offload;
	if (has_tx) {
		linetls_flush(sk, 0);
		ctx->push = NULL;
	}
	write_lock_bh(&sk->sk_callback_lock);
	if (!has_tx)
		rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, NULL);
	WRITE_ONCE(sk->sk_prot, base);
	if (sk->sk_write_space == linetls_write_space)
		sk->sk_write_space = ctx->tls.sk_write_space;
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);

	base->close(sk, timeout);
	if (!has_tx)
		ctx_free(ctx);
}

/* Called with SEND_SHUTDOWN set already, under which TCP takes no more data. */
static void linetls_shutdown(struct sock *sk, int how)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);

	if ((how & SEND_SHUTDOWN) && (ctx->open || ctx->push)) {
		u8 shutdown = sk->sk_shutdown;

		WRITE_ONCE(sk->sk_shutdown, shutdown & ~SEND_SHUTDOWN);
		linetls_flush(sk, 0);
		WRITE_ONCE(sk->sk_shutdown, shutdown);
	}
	ctx->tls.sk_proto->shutdown(sk, how);
}

/* Connecting again would send what belongs to the old connection's keys. */
static int linetls_disconnect(struct sock *sk, int flags)
{
	return -EOPNOTSUPP;
}

/* ---- TLS_TX ---- */

/* Returns 0 or the errno of do_tls_setsockopt_conf() in net/tls. */
static int read_crypto_info(union tls_crypto_context *info, sockptr_t optval,
			    unsigned int optlen)
{
	size_t size;

	if (sockptr_is_null(optval) || optlen < sizeof(info->info))
		return -EINVAL;
	if (copy_from_sockptr(&info->info, optval, sizeof(info->info)))
		return -EFAULT;
	if (info->info.version != TLS_1_2_VERSION &&
	    info->info.version != TLS_1_3_VERSION)
		return -EINVAL;
	size = linetls_crypto_info_size(info->info.cipher_type);
	if (!size || optlen != size)
		return -EINVAL;
	if (copy_from_sockptr(info, optval, size))
		return -EFAULT;
	return 0;
}

static void set_prot_info(struct linetls_ctx *ctx)
{
	struct tls_prot_info *prot = &ctx->tls.prot_info;
	bool tls13 = ctx->key->version == TLS_1_3_VERSION;

	prot->version = ctx->key->version;
	prot->cipher_type = ctx->key->cipher;
	prot->iv_size = LINETLS_IV_SIZE;
	prot->salt_size = LINETLS_SALT_SIZE;
	prot->rec_seq_size = sizeof(u64);
	prot->tag_size = LINETLS_TAG_SIZE;
	prot->tail_size = tls13 ? 1 : 0;
	prot->aad_size = tls13 ? TLS_HEADER_SIZE : TLS_AAD_SPACE_SIZE;
	prot->prepend_size = TLS_HEADER_SIZE + (tls13 ? 0 : LINETLS_IV_SIZE);
	prot->overhead_size = prot->prepend_size + prot->tag_size +
			      prot->tail_size;
}

static int alloc_offload(struct sock *sk, struct linetls_ctx *ctx)
{
	const union tls_crypto_context *info = &ctx->tls.crypto_send;
	const u8 *rec_seq, *iv;
	int err;

	if (info->info.cipher_type == TLS_CIPHER_AES_GCM_128) {
		rec_seq = info->aes_gcm_128.rec_seq;
		iv = info->aes_gcm_128.iv;
	} else {
		rec_seq = info->aes_gcm_256.rec_seq;
		iv = info->aes_gcm_256.iv;
	}
	ctx->next_sn = get_unaligned_be64(rec_seq);
	ctx->next_nonce = get_unaligned_be64(iv);

	ctx->key = linetls_key_create(info);
	if (IS_ERR(ctx->key)) {
		err = PTR_ERR(ctx->key);
		ctx->key = NULL;
		return err;
	}
	set_prot_info(ctx);

	/* Drivers keep their state behind the structure, or in it. */
	ctx->offload = kzalloc(sizeof(*ctx->offload) + TLS_DRIVER_STATE_SIZE_TX,
			       GFP_KERNEL);
	if (!ctx->offload)
		return -ENOMEM;
	spin_lock_init(&ctx->offload->lock);
	INIT_LIST_HEAD(&ctx->offload->records_list);
	ctx->offload->ctx = &ctx->tls;
	/* For mainline's software path, see device.c. */
	ctx->offload->aead_send = ctx->key->aead;
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

	refcount_set(&ctx->tls.refcount, 1);
	ctx->tls.tx_conf = TLS_HW;
	clean_acked_data_enable(inet_csk(sk), linetls_clean_acked);
	fence(sk);

	write_lock_bh(&sk->sk_callback_lock);
	ctx->tls.sk_write_space = sk->sk_write_space;
	sk->sk_write_space = linetls_write_space;
	ctx->destruct = sk->sk_destruct;
	/* Whoever sees it sees ctx->destruct. */
	smp_store_release(&sk->sk_destruct, linetls_sk_destruct);
	WRITE_ONCE(sk->sk_socket->ops, &p->tx_ops);
	/* Pairs with lockless reads of sk_prot in inet_sendmsg() and others. */
	smp_store_release(&sk->sk_prot, &p->tx);
	write_unlock_bh(&sk->sk_callback_lock);
	linetls_count_start(ctx);
}

/* Where something stands between TCP and the device, TLS can't be last. */
static bool route_is_wrapped(struct sock *sk)
{
	const struct dst_entry *dst;
	bool wrapped;

	rcu_read_lock();
	dst = __sk_dst_get(sk);
	wrapped = dst && (dst_xfrm(dst) || dst->lwtstate);
	rcu_read_unlock();
	return wrapped;
}

static int set_tx(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	union tls_crypto_context *info = &ctx->tls.crypto_send;
	bool has_psock;
	int err;

	if (ctx->offload)
		return -EBUSY;
	rcu_read_lock();
	has_psock = sk_psock(sk);
	rcu_read_unlock();
	if (has_psock)
		return -EINVAL;
	err = read_crypto_info(info, optval, optlen);
	if (err)
		goto err_info;
	if (route_is_wrapped(sk)) {
		err = -EOPNOTSUPP;
		goto err_info;
	}
	err = alloc_offload(sk, ctx);
	if (err)
		goto err_free;

	/* Bound or not, the edge is there before the first record, and finds
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
err_info:
	memzero_explicit(info, sizeof(*info));
	return err;
}

/* ---- socket options ---- */

static int set_mode(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	int mode;

	if (sockptr_is_null(optval) || optlen != sizeof(mode))
		return -EINVAL;
	if (copy_from_sockptr(&mode, optval, sizeof(mode)))
		return -EFAULT;
	if (mode < LINETLS_TX_MODE_PREFER || mode > LINETLS_TX_MODE_REQUIRE)
		return -EINVAL;
	if (ctx->offload)
		return -EBUSY;
	ctx->mode = mode;
	return 0;
}

static int linetls_setsockopt(struct sock *sk, int level, int optname,
			      sockptr_t optval, unsigned int optlen)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	int err;

	if (level != SOL_TLS)
		return ctx->tls.sk_proto->setsockopt(sk, level, optname, optval,
						     optlen);
	lock_sock(sk);
	switch (optname) {
	case TLS_TX:
		err = set_tx(sk, optval, optlen);
		break;
	case LINETLS_TX_MODE:
		err = set_mode(sk, optval, optlen);
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

/* Keys stay inside: mainline's short form, version and cipher, is all there is. */
static int get_tx(const struct linetls_ctx *ctx, char __user *optval, int len)
{
	const struct tls_crypto_info *info = &ctx->tls.crypto_send.info;

	if (len != sizeof(*info))
		return -EINVAL;
	if (!ctx->offload)
		return -EBUSY;
	return copy_to_user(optval, info, sizeof(*info)) ? -EFAULT : 0;
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

static int get_mode(const struct linetls_ctx *ctx, char __user *optval, int len)
{
	int mode = ctx->mode;

	if (len != sizeof(mode))
		return -EINVAL;
	return copy_to_user(optval, &mode, sizeof(mode)) ? -EFAULT : 0;
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
		err = get_mode(ctx, optval, len);
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
#ifdef HAVE_PROTO_SENDPAGE
	p->tx.sendpage = linetls_sendpage;
#endif
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
	    !sk->sk_socket)
		return -EOPNOTSUPP;
	if (unlikely(!smp_load_acquire(&p->origin))) {
		if (prot->sendmsg != tcp_sendmsg)
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
	err = linetls_crypto_init();
	if (err)
		goto err_wq;
	err = linetls_diag_init();
	if (err)
		goto err_crypto;
	err = linetls_device_init();
	if (err)
		goto err_diag;
	err = tcp_register_ulp(&linetls_ulp_ops);
	if (err)
		goto err_device;
	return 0;

err_device:
	linetls_device_exit();
err_diag:
	linetls_diag_exit();
err_crypto:
	linetls_crypto_exit();
err_wq:
	destroy_workqueue(linetls_wq);
	return err;
}

/* Every socket held the module: none is left, but contexts' work may be. */
static void __exit linetls_module_exit(void)
{
	tcp_unregister_ulp(&linetls_ulp_ops);
	linetls_device_exit();
	destroy_workqueue(linetls_wq);
	clean_acked_data_flush();
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
MODULE_SOFTDEP("pre: gcm ctr");
