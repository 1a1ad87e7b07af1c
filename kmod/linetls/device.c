// SPDX-License-Identifier: GPL-2.0
/*
 * Binding: which network device has a connection's keys.
 *
 * The contract is the kernel's own (Documentation/networking/tls-offload.rst):
 * struct tlsdev_ops of the device, struct tls_context behind icsk_ulp_data,
 * struct tls_offload_context_tx behind priv_ctx_tx.
 *
 * A driver must know plaintext records from anything else. linetls_nic looks
 * at skb->decrypted. Drivers written for mainline compare
 * sk->sk_validate_xmit_skb with tls_validate_xmit_skb and send what has
 * another function there as it is, in plaintext: their connections get exactly
 * that function, and with it mainline's software path for other devices, which
 * exists for TLS 1.2 with AES-GCM only. Everything else stays in software.
 */
#include <linux/netdevice.h>
#include <linux/rwsem.h>
#include <net/dst.h>
#include <net/rtnetlink.h>
#include <net/tcp.h>

#include "linetls.h"

/* Writers: device events. Readers: whoever calls tlsdev_ops. */
static DECLARE_RWSEM(linetls_dev_lock);

/* bound_lock: the contexts with a device by tls.list; on_device, sk_gone. */
static LIST_HEAD(bound_list);
static DEFINE_SPINLOCK(bound_lock);

static bool knows_linetls(const struct net_device *dev)
{
	return dev->rtnl_link_ops &&
	       !strcmp(dev->rtnl_link_ops->kind, "linetls_nic");
}

/* The device that the socket's packets leave by, held; NULL: no route. */
static struct net_device *route_device(struct sock *sk)
{
	struct net_device *dev = NULL;
	struct dst_entry *dst;

	rcu_read_lock();
	dst = __sk_dst_get(sk);
	if (dst && READ_ONCE(dst->dev)) {
		dev = netdev_sk_get_lowest_dev(READ_ONCE(dst->dev), sk);
		dev_hold(dev);
	}
	rcu_read_unlock();
	return dev;
}

/* linetls_dev_lock held for reading. Returns an enum linetls_tx_reason. */
static u8 try_device(struct sock *sk, struct linetls_ctx *ctx,
		     struct net_device *dev)
{
	struct tls_crypto_info *info = &ctx->tls.crypto_send.info;
	const struct tlsdev_ops *ops = dev->tlsdev_ops;

	if (!(dev->features & NETIF_F_HW_TLS_TX) || !ops || !ops->tls_dev_add)
		return LINETLS_REASON_NO_FEATURE;
	if (!(dev->flags & IFF_UP))
		return LINETLS_REASON_DEVICE_DOWN;
	if (!knows_linetls(dev) && info->version != TLS_1_2_VERSION)
		return LINETLS_REASON_CIPHER;
	if (ops->tls_dev_add(dev, sk, TLS_OFFLOAD_CTX_DIR_TX, info,
			     tcp_sk(sk)->write_seq))
		return LINETLS_REASON_REFUSED;

	dev_hold(dev);
	rcu_assign_pointer(ctx->tls.netdev, dev);
	spin_lock_bh(&bound_lock);
	list_add_tail(&ctx->tls.list, &bound_list);
	ctx->on_device = true;
	spin_unlock_bh(&bound_lock);
	return LINETLS_REASON_NONE;
}

/**
 * linetls_bind - offload a connection to the device of its route
 *
 * Sets tls.netdev and sk_validate_xmit_skb, or ctx->reason. Context: socket
 * lock held, from TLS_TX, before any record is sent. Returns 0, or -ENODEV
 * where the mode requires a device and none took the connection.
 */
int linetls_bind(struct sock *sk, struct linetls_ctx *ctx)
{
	struct net_device *dev;

	if (ctx->mode == LINETLS_TX_MODE_SOFTWARE) {
		ctx->reason = LINETLS_REASON_MODE;
		goto out;
	}
	dev = route_device(sk);
	if (!dev) {
		ctx->reason = LINETLS_REASON_NO_ROUTE;
		goto out;
	}
	down_read(&linetls_dev_lock);
	ctx->reason = try_device(sk, ctx, dev);
	/* The driver reads it without a lock, and then the context. */
	if (!ctx->reason && !knows_linetls(dev))
		smp_store_release(&sk->sk_validate_xmit_skb,
				  tls_validate_xmit_skb);
	up_read(&linetls_dev_lock);
	dev_put(dev);
out:
	if (!ctx->reason)
		return 0;
	linetls_stat_reason(ctx->net, ctx->reason);
	return ctx->mode == LINETLS_TX_MODE_REQUIRE ? -ENODEV : 0;
}

/*
 * Remove the context from the device. Either side comes first: the end of the
 * connection, or the end of the device; @dev was read under linetls_dev_lock.
 */
static void del_device(struct linetls_ctx *ctx, struct net_device *dev)
{
	dev->tlsdev_ops->tls_dev_del(dev, &ctx->tls, TLS_OFFLOAD_CTX_DIR_TX);
	dev_put(dev);
}

/* Set in motion or end the counting of a connection in the "current" values. */
static void count_current(const struct linetls_ctx *ctx, u64 n)
{
	linetls_stat_add(ctx->net, ctx->on_device ? LINETLS_STAT_CURR_TX_DEVICE :
						    LINETLS_STAT_CURR_TX_SW, n);
}

/* linetls_count_start - TLS_TX was done. Context: socket lock held. */
void linetls_count_start(struct linetls_ctx *ctx)
{
	spin_lock_bh(&bound_lock);
	linetls_stat_inc(ctx->net, ctx->on_device ? LINETLS_STAT_TX_DEVICE :
						    LINETLS_STAT_TX_SW);
	count_current(ctx, 1);
	ctx->counted = true;
	spin_unlock_bh(&bound_lock);
}

/*
 * linetls_sk_gone - the socket is about to be freed, and may take its network
 * namespace with it: device events leave both alone from now on.
 */
void linetls_sk_gone(struct linetls_ctx *ctx)
{
	spin_lock_bh(&bound_lock);
	ctx->sk_gone = true;
	count_current(ctx, -1);
	spin_unlock_bh(&bound_lock);
}

/**
 * linetls_unbind - the connection has ended, and with it its packets
 *
 * Context: may sleep; last user of @ctx.
 */
void linetls_unbind(struct linetls_ctx *ctx)
{
	struct net_device *dev;

	down_read(&linetls_dev_lock);
	dev = rcu_dereference_protected(ctx->tls.netdev,
					lockdep_is_held(&linetls_dev_lock));
	if (dev) {
		spin_lock_bh(&bound_lock);
		list_del(&ctx->tls.list);
		spin_unlock_bh(&bound_lock);
		del_device(ctx, dev);
		RCU_INIT_POINTER(ctx->tls.netdev, NULL);
	}
	up_read(&linetls_dev_lock);
}

/* bound_lock held, the socket alive. */
static void to_software(struct linetls_ctx *ctx, u8 reason)
{
	/* A driver that compares it takes no more packets as its own. */
	smp_store_release(&ctx->tls.sk->sk_validate_xmit_skb,
			  linetls_validate_xmit);
	if (ctx->counted)
		count_current(ctx, -1);
	ctx->on_device = false;
	if (ctx->counted)
		count_current(ctx, 1);
	WRITE_ONCE(ctx->reason, reason);
	linetls_stat_reason(ctx->net, reason);
	if (ctx->mode == LINETLS_TX_MODE_REQUIRE) {
		WRITE_ONCE(ctx->tls.sk->sk_err, ENETDOWN);
		sk_error_report(ctx->tls.sk);
	}
}

/*
 * The device can't encrypt any more: its connections go on in software. From
 * the moment that tls.netdev is NULL no plaintext packet is let into it, and
 * those let in before are gone after synchronize_net().
 */
static void device_gone(struct net_device *dev, u8 reason)
{
	struct linetls_ctx *ctx, *next;
	LIST_HEAD(list);

	down_write(&linetls_dev_lock);
	spin_lock_bh(&bound_lock);
	list_for_each_entry_safe(ctx, next, &bound_list, tls.list) {
		if (rcu_access_pointer(ctx->tls.netdev) != dev)
			continue;
		/* Ending already: linetls_unbind() waits for us, then does it. */
		if (!refcount_inc_not_zero(&ctx->tls.refcount))
			continue;
		list_move(&ctx->tls.list, &list);
	}
	spin_unlock_bh(&bound_lock);

	list_for_each_entry(ctx, &list, tls.list) {
		RCU_INIT_POINTER(ctx->tls.netdev, NULL);
		spin_lock_bh(&bound_lock);
		if (!ctx->sk_gone)
			to_software(ctx, reason);
		spin_unlock_bh(&bound_lock);
	}
	if (!list_empty(&list))
		synchronize_net();
	list_for_each_entry_safe(ctx, next, &list, tls.list) {
		list_del(&ctx->tls.list);
		del_device(ctx, dev);
		linetls_ctx_put(ctx);
	}
	up_write(&linetls_dev_lock);
	/* Contexts that were ending hold the device until their work has run. */
	flush_workqueue(linetls_wq);
}

static int device_event(struct notifier_block *nb, unsigned long event,
			void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	if (!dev->tlsdev_ops)
		return NOTIFY_DONE;
	if (event == NETDEV_DOWN)
		device_gone(dev, LINETLS_REASON_DEVICE_DOWN);
	else if (event == NETDEV_FEAT_CHANGE &&
		 !(dev->features & NETIF_F_HW_TLS_TX))
		device_gone(dev, LINETLS_REASON_FEATURE_OFF);
	return NOTIFY_DONE;
}

static struct notifier_block device_notifier = {
	.notifier_call = device_event,
};

int linetls_device_init(void)
{
	return register_netdevice_notifier(&device_notifier);
}

void linetls_device_exit(void)
{
	unregister_netdevice_notifier(&device_notifier);
}
