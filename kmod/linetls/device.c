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
 * sk->sk_validate_xmit_skb with tls_validate_xmit_skb, and send what has
 * another function there as it is: in plaintext. Given that function, their
 * packets would pass mainline's edge instead of ours, which leaves the mark on
 * what it has encrypted; a device below another one then encrypts it again, and
 * twice the same key stream is plaintext. So connections are given only to
 * drivers that are known to go by the mark.
 */
#include <linux/netdevice.h>
#include <linux/rwsem.h>
#include <net/bonding.h>
#include <net/dst.h>
#include <net/ip.h>
#include <net/rtnetlink.h>
#include <net/tcp.h>

#include "linetls.h"
#include "trace.h"

/* Writers: device events. Readers: whoever calls tlsdev_ops. */
static DECLARE_RWSEM(linetls_dev_lock);

/* bound_lock: the contexts with a device by tls.list; on_device to reoffloads. */
static LIST_HEAD(bound_list);
static DEFINE_SPINLOCK(bound_lock);

/*
 * Counts events after which a device may take connections that it did not
 * take before; written under RTNL.
 */
u32 linetls_dev_gen;

static bool goes_by_mark(const struct net_device *dev)
{
	return dev->rtnl_link_ops &&
	       !strcmp(dev->rtnl_link_ops->kind, "linetls_nic");
}

/*
 * A bond tells the device of a flow where that depends on the flow alone.
 * With one active device at a time it depends on nothing.
 */
static struct net_device *lowest_dev(struct net_device *dev, struct sock *sk)
{
	struct net_device *lowest = netdev_sk_get_lowest_dev(dev, sk);
	struct bonding *bond = netdev_priv(lowest);

	if (!netif_is_bond_master(lowest) ||
	    BOND_MODE(bond) != BOND_MODE_ACTIVEBACKUP)
		return lowest;
	return bond_option_active_slave_get_rcu(bond) ?: lowest;
}

/**
 * linetls_route - the route that the socket's next packet takes
 *
 * Looks for one, as IP would, if there is none or an obsolete one. Context: as
 * TCP's, which owns the socket. Returns NULL if there is none.
 */
struct dst_entry *linetls_route(struct sock *sk)
{
	struct dst_entry *dst = linetls_dst(sk);

	if (unlikely(!dst) && !inet_csk(sk)->icsk_af_ops->rebuild_header(sk))
		dst = __sk_dst_get(sk);
	return dst;
}

/**
 * linetls_dst_dev - the device in which packets of a route end as TCP made them
 * @reason:	if there is none, the enum linetls_tx_reason why, else 0
 *
 * Context: RCU reader. Returns it, or NULL if @dst is, or if IP puts something
 * around what it sends by this route, or may cut it: who copies a packet's
 * payload into fragments leaves the mark behind.
 */
struct net_device *linetls_dst_dev(struct sock *sk, const struct dst_entry *dst,
				   u8 *reason)
{
	struct net_device *dev = dst ? READ_ONCE(dst->dev) : NULL;

	*reason = LINETLS_REASON_NO_ROUTE;
	if (!dev)
		return NULL;
	*reason = LINETLS_REASON_WRAPPED;
	if (dst_xfrm(dst) || dst->lwtstate)
		return NULL;
	*reason = LINETLS_REASON_FRAGMENT;
	if (dst->ops->family == AF_INET && !ip_dont_fragment(sk, dst))
		return NULL;
	*reason = LINETLS_REASON_NONE;
	return lowest_dev(dev, sk);
}

/*
 * The device that the socket's packets leave by, held; or NULL and the
 * enum linetls_tx_reason why there is none.
 */
static struct net_device *route_device(struct sock *sk, u8 *reason)
{
	struct net_device *dev;

	rcu_read_lock();
	dev = linetls_dst_dev(sk, linetls_route(sk), reason);
	dev_hold(dev);
	rcu_read_unlock();
	return dev;
}

static bool is_capable(const struct net_device *dev)
{
	return (dev->features & NETIF_F_HW_TLS_TX) && dev->tlsdev_ops &&
	       dev->tlsdev_ops->tls_dev_add;
}

static struct net_device *bound_device(const struct linetls_ctx *ctx)
{
	return rcu_dereference_protected(ctx->tls.netdev,
					 lockdep_is_held(&linetls_dev_lock));
}

static void count_reoffload(struct linetls_ctx *ctx)
{
	ctx->reoffloads++;
	linetls_stat_inc(ctx->net, LINETLS_STAT_REOFFLOADS);
	linetls_stat_inc(ctx->net, LINETLS_STAT_CURR_TX_DEVICE);
	linetls_stat_dec(ctx->net, LINETLS_STAT_CURR_TX_SW);
	trace_linetls_reoffload(ctx->tls.sk);
}

/* The device has it for the first time: LINETLS_TX_HANDOVER is reached. */
static void count_handover(struct linetls_ctx *ctx)
{
	linetls_stat_inc(ctx->net, LINETLS_STAT_HANDOVERS);
	linetls_stat_inc(ctx->net, LINETLS_STAT_CURR_TX_DEVICE);
	linetls_stat_dec(ctx->net, LINETLS_STAT_CURR_TX_SW);
}

static void count_fallback(struct linetls_ctx *ctx, u8 reason)
{
	ctx->fallbacks++;
	ctx->fallback_reason = reason;
	linetls_stat_inc(ctx->net, LINETLS_STAT_FALLBACKS);
	linetls_stat_inc(ctx->net, LINETLS_STAT_CURR_TX_SW);
	linetls_stat_dec(ctx->net, LINETLS_STAT_CURR_TX_DEVICE);
	trace_linetls_fallback(ctx->tls.sk, reason);
}

/*
 * Who encrypts what TCP sends from now on: the device (@reason 0), or software
 * (an enum linetls_tx_reason). bound_lock held.
 */
static void set_path(struct linetls_ctx *ctx, u8 reason)
{
	bool on_device = !reason;

	if (ctx->counted && on_device &&
	    ctx->reason == LINETLS_REASON_HANDOVER)
		count_handover(ctx);
	else if (ctx->counted && on_device && !ctx->on_device)
		count_reoffload(ctx);
	else if (ctx->counted && !on_device && ctx->on_device)
		count_fallback(ctx, reason);
	WRITE_ONCE(ctx->on_device, on_device);
	WRITE_ONCE(ctx->reason, reason);
	linetls_stat_reason(ctx->net, reason);
}

static void set_path_locked(struct linetls_ctx *ctx, u8 reason)
{
	spin_lock_bh(&bound_lock);
	set_path(ctx, reason);
	spin_unlock_bh(&bound_lock);
}

/*
 * Where the records begin that the device will encrypt: behind the one that
 * TCP has not taken wholly, which may be under older keys.
 */
static u32 next_record_seq(struct sock *sk, const struct linetls_ctx *ctx)
{
	return ctx->push ? ctx->push->info.end_seq : tcp_sk(sk)->write_seq;
}

/*
 * Give the keys to a device, from the next record on. Socket lock and
 * linetls_dev_lock (reading) held, no device bound. Returns an enum
 * linetls_tx_reason.
 */
static u8 add_device(struct sock *sk, struct linetls_ctx *ctx,
		     struct net_device *dev)
{
	struct tls_crypto_info *info = &ctx->tls.crypto_send.info;
	u32 start = next_record_seq(sk, ctx);

	if (!is_capable(dev))
		return LINETLS_REASON_NO_FEATURE;
	if (!(dev->flags & IFF_UP))
		return LINETLS_REASON_DEVICE_DOWN;
	if (!goes_by_mark(dev))
		return LINETLS_REASON_DRIVER;
	linetls_key_export(ctx->key, ctx->next_sn, ctx->next_nonce, info);
	if (dev->tlsdev_ops->tls_dev_add(dev, sk, TLS_OFFLOAD_CTX_DIR_TX, info,
					 start))
		return LINETLS_REASON_REFUSED;

	spin_lock_bh(&ctx->offload->lock);
	ctx->dev_start = start;
	ctx->dev_start_open = before(tcp_sk(sk)->snd_una, start);
	ctx->dev_next = start;
	spin_unlock_bh(&ctx->offload->lock);

	ctx->stalled = false;
	dev_hold(dev);
	rcu_assign_pointer(ctx->tls.netdev, dev);
	spin_lock_bh(&bound_lock);
	list_add_tail(&ctx->tls.list, &bound_list);
	spin_unlock_bh(&bound_lock);
	return LINETLS_REASON_NONE;
}

/* tlsdev_ops of the device forget the connection, and we the device. */
static void del_device(struct linetls_ctx *ctx, struct net_device *dev)
{
	dev->tlsdev_ops->tls_dev_del(dev, &ctx->tls, TLS_OFFLOAD_CTX_DIR_TX);
	dev_put(dev);
}

/*
 * Take the keys away from the bound device. What was on its way to the driver
 * is through after synchronize_net(); what a queue still holds, the driver
 * drops. The caller says who encrypts instead, before it lets go of the socket
 * lock. Socket lock and linetls_dev_lock (reading) held.
 */
static void leave_device(struct linetls_ctx *ctx)
{
	struct net_device *dev = bound_device(ctx);

	if (!dev)
		return;
	RCU_INIT_POINTER(ctx->tls.netdev, NULL);
	spin_lock_bh(&bound_lock);
	list_del(&ctx->tls.list);
	spin_unlock_bh(&bound_lock);
	synchronize_net();
	del_device(ctx, dev);
}

/*
 * No device where one is required: the application sends nothing more. What it
 * has sent goes on in software.
 */
static void fail_required(struct sock *sk, struct linetls_ctx *ctx)
{
	WRITE_ONCE(ctx->error, ENETDOWN);
	WRITE_ONCE(sk->sk_err, ENETDOWN);
	sk_error_report(sk);
}

/* What linetls_route_changed() will compare with. */
static void note_route(struct linetls_ctx *ctx, struct sock *sk)
{
	u8 reason;

	rcu_read_lock();
	ctx->route_dev = linetls_dst_dev(sk, linetls_route(sk), &reason);
	rcu_read_unlock();
	ctx->dev_gen = READ_ONCE(linetls_dev_gen);
}

/*
 * Bind to the device of the route, whatever was bound before. Returns an
 * enum linetls_tx_reason; ctx->reason may be another one already, by a device
 * event.
 */
static u8 bind(struct sock *sk, struct linetls_ctx *ctx)
{
	struct net_device *dev;
	u8 reason;

	note_route(ctx, sk);
	dev = route_device(sk, &reason);
	down_read(&linetls_dev_lock);
	leave_device(ctx);
	if (dev)
		reason = add_device(sk, ctx, dev);
	set_path_locked(ctx, reason);
	up_read(&linetls_dev_lock);
	trace_linetls_bind(sk, dev ? dev->ifindex : 0, next_record_seq(sk, ctx),
			   reason);
	dev_put(dev);
	return reason;
}

/*
 * Software encrypts until so much was sent, then linetls_route_changed() says
 * yes, whatever the route.
 */
static void wait_handover(struct linetls_ctx *ctx)
{
	ctx->handover_left = ctx->handover;
	ctx->dev_gen = READ_ONCE(linetls_dev_gen) - 1;
	set_path_locked(ctx, LINETLS_REASON_HANDOVER);
}

/**
 * linetls_bind - offload a connection to the device of its route
 *
 * Sets tls.netdev, or ctx->reason. Context: socket lock held, from the first
 * TLS_TX, before any record is sent. Returns 0, or -ENODEV where the mode
 * requires a device and none took the connection.
 */
int linetls_bind(struct sock *sk, struct linetls_ctx *ctx)
{
	if (ctx->mode == LINETLS_TX_MODE_SOFTWARE)
		set_path_locked(ctx, LINETLS_REASON_MODE);
	else if (ctx->handover)
		wait_handover(ctx);
	else if (bind(sk, ctx) && ctx->mode == LINETLS_TX_MODE_REQUIRE)
		return -ENODEV;
	return 0;
}

/**
 * linetls_bind_key - the connection has new keys: the device gets them
 *
 * Records under the old ones are encrypted in software from now on. Context:
 * socket lock held, ctx->key and ctx->next_sn are the new ones.
 */
void linetls_bind_key(struct sock *sk, struct linetls_ctx *ctx)
{
	/* No driver may count by the new numbers while it has the old keys. */
	down_read(&linetls_dev_lock);
	leave_device(ctx);
	up_read(&linetls_dev_lock);
	linetls_tracker_rekey(ctx);
	if (ctx->mode != LINETLS_TX_MODE_SOFTWARE && !ctx->handover_left &&
	    bind(sk, ctx) && ctx->mode == LINETLS_TX_MODE_REQUIRE)
		fail_required(sk, ctx);
}

/**
 * linetls_rebind - the route or a device has changed, or enough was sent:
 * offload again, or at last, perhaps
 *
 * A bound device keeps the connection while the route leads to one that can't
 * take it: the route may come back. Context: socket lock held, at a record's
 * start; may sleep.
 */
void linetls_rebind(struct sock *sk, struct linetls_ctx *ctx)
{
	struct net_device *dev;
	u8 reason;

	if (ctx->push || !linetls_dst(sk))
		return;
	note_route(ctx, sk);
	dev = route_device(sk, &reason);
	if (dev && rcu_access_pointer(ctx->tls.netdev) == dev) {
		dev_put(dev);
		return;
	}
	if (ctx->reason == LINETLS_REASON_HANDOVER ||
	    (dev && is_capable(dev) && (dev->flags & IFF_UP))) {
		reason = bind(sk, ctx);
	} else if (ctx->mode == LINETLS_TX_MODE_REQUIRE) {
		if (dev)
			reason = LINETLS_REASON_NO_FEATURE;
		set_path_locked(ctx, reason);
	}
	dev_put(dev);
	if (reason && ctx->mode == LINETLS_TX_MODE_REQUIRE)
		fail_required(sk, ctx);
}

/**
 * linetls_note_path - the edge has found that the route now leads to the bound
 * device, or no longer
 * @reason:	0, or an enum linetls_tx_reason
 *
 * The device keeps the keys: the route may come back. Context: in TCP, which
 * has the socket lock, or bh_lock_sock() and no owner; never during a bind.
 */
void linetls_note_path(struct linetls_ctx *ctx, u8 reason)
{
	spin_lock_bh(&bound_lock);
	/* Unless a device event has more to say: see device_gone(). */
	if (rcu_access_pointer(ctx->tls.netdev))
		set_path(ctx, reason);
	spin_unlock_bh(&bound_lock);
}

/* linetls_count_start - TLS_TX was done. Context: socket lock held. */
void linetls_count_start(struct linetls_ctx *ctx)
{
	spin_lock_bh(&bound_lock);
	if (ctx->on_device) {
		linetls_stat_inc(ctx->net, LINETLS_STAT_TX_DEVICE);
		linetls_stat_inc(ctx->net, LINETLS_STAT_CURR_TX_DEVICE);
	} else {
		linetls_stat_inc(ctx->net, LINETLS_STAT_TX_SW);
		linetls_stat_inc(ctx->net, LINETLS_STAT_CURR_TX_SW);
	}
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
	linetls_stat_dec(ctx->net, ctx->on_device ? LINETLS_STAT_CURR_TX_DEVICE :
						    LINETLS_STAT_CURR_TX_SW);
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
	dev = bound_device(ctx);
	if (dev) {
		spin_lock_bh(&bound_lock);
		list_del(&ctx->tls.list);
		spin_unlock_bh(&bound_lock);
		del_device(ctx, dev);
		RCU_INIT_POINTER(ctx->tls.netdev, NULL);
	}
	up_read(&linetls_dev_lock);
}

/* The device is gone under the connection. bound_lock held, socket alive. */
static void to_software(struct linetls_ctx *ctx, u8 reason)
{
	struct sock *sk = ctx->tls.sk;

	set_path(ctx, reason);
	/* Its route may have gone first, and been noticed. */
	ctx->fallback_reason = reason;
	if (ctx->mode == LINETLS_TX_MODE_REQUIRE)
		fail_required(sk, ctx);
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
	switch (event) {
	case NETDEV_DOWN:
		device_gone(dev, LINETLS_REASON_DEVICE_DOWN);
		break;
	case NETDEV_FEAT_CHANGE:
		if (!(dev->features & NETIF_F_HW_TLS_TX))
			device_gone(dev, LINETLS_REASON_FEATURE_OFF);
		else
			WRITE_ONCE(linetls_dev_gen, linetls_dev_gen + 1);
		break;
	case NETDEV_UP:
		WRITE_ONCE(linetls_dev_gen, linetls_dev_gen + 1);
		break;
	}
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
