// SPDX-License-Identifier: GPL-2.0
/*
 * What can be seen: /proc/net/linetls_stat, ss -ti (INET_ULP_INFO_TLS of
 * sock_diag, as for the kernel's own ULP), LINETLS_TX_STATUS.
 */
#include <linux/inet_diag.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/tls.h>
#include <net/netns/generic.h>
#include <net/tcp.h>

#include "linetls.h"

static unsigned int net_id;

static const char *const stat_names[LINETLS_STAT_MAX] = {
#define LINETLS_STAT_NAME(id, name)	[LINETLS_STAT_##id] = name,
	LINETLS_STATS(LINETLS_STAT_NAME)
#undef LINETLS_STAT_NAME
};

static const u8 reason_stat[] = {
	[LINETLS_REASON_MODE] = LINETLS_STAT_REASON_MODE,
	[LINETLS_REASON_NO_ROUTE] = LINETLS_STAT_REASON_NO_ROUTE,
	[LINETLS_REASON_NO_FEATURE] = LINETLS_STAT_REASON_NO_FEATURE,
	[LINETLS_REASON_DEVICE_DOWN] = LINETLS_STAT_REASON_DEVICE_DOWN,
	[LINETLS_REASON_REFUSED] = LINETLS_STAT_REASON_REFUSED,
	[LINETLS_REASON_DRIVER] = LINETLS_STAT_REASON_DRIVER,
	[LINETLS_REASON_FEATURE_OFF] = LINETLS_STAT_REASON_FEATURE_OFF,
	[LINETLS_REASON_WRAPPED] = LINETLS_STAT_REASON_WRAPPED,
	[LINETLS_REASON_ROUTE] = LINETLS_STAT_REASON_ROUTE,
	[LINETLS_REASON_STALLED] = LINETLS_STAT_REASON_STALLED,
	[LINETLS_REASON_FRAGMENT] = LINETLS_STAT_REASON_FRAGMENT,
	[LINETLS_REASON_HANDOVER] = LINETLS_STAT_REASON_HANDOVER,
};

static const u8 file_stat[] = {
	[LINETLS_FILE_GUARDED] = LINETLS_STAT_FILE_GUARDED,
	[LINETLS_FILE_DESCRIPTOR] = LINETLS_STAT_FILE_DESCRIPTOR,
	[LINETLS_FILE_DIRECTORY] = LINETLS_STAT_FILE_DIRECTORY,
	[LINETLS_FILE_NOT_REGULAR] = LINETLS_STAT_FILE_NOT_REGULAR,
	[LINETLS_FILE_FILESYSTEM] = LINETLS_STAT_FILE_FILESYSTEM,
	[LINETLS_FILE_DAX] = LINETLS_STAT_FILE_DAX,
	[LINETLS_FILE_SWAP] = LINETLS_STAT_FILE_SWAP,
	[LINETLS_FILE_WRITER] = LINETLS_STAT_FILE_WRITER,
	[LINETLS_FILE_RECENT] = LINETLS_STAT_FILE_RECENT,
	[LINETLS_FILE_LEASE] = LINETLS_STAT_FILE_LEASE,
	[LINETLS_FILE_MOUNT] = LINETLS_STAT_FILE_MOUNT,
	[LINETLS_FILE_LIMIT] = LINETLS_STAT_FILE_LIMIT,
	[LINETLS_FILE_MEMORY] = LINETLS_STAT_FILE_MEMORY,
};

/* linetls_stat_file - count what became of an announced file */
void linetls_stat_file(struct linetls_net *net, u8 reason)
{
	if (reason < ARRAY_SIZE(file_stat) && file_stat[reason])
		linetls_stat_inc(net, file_stat[reason]);
}

/* linetls_stat_reason - count why a connection is not on a device */
void linetls_stat_reason(struct linetls_net *net, u8 reason)
{
	if (reason != LINETLS_REASON_NONE && reason < ARRAY_SIZE(reason_stat))
		linetls_stat_inc(net, reason_stat[reason]);
}

struct linetls_net *linetls_net(const struct net *net)
{
	return net_generic(net, net_id);
}

static void show(struct seq_file *seq, const char *name, u64 value)
{
	seq_printf(seq, "%-32s\t%llu\n", name, value);
}

/* Guards belong to files, and these to no network namespace. */
static void show_guards(struct seq_file *seq)
{
	struct linetls_guard_totals *totals = &linetls_guard_totals;

	show(seq, "LinetlsGuards", atomic_long_read(&totals->live));
	show(seq, "LinetlsGuardBreaks", atomic_long_read(&totals->breaks));
	show(seq, "LinetlsGuardTorn", atomic_long_read(&totals->torn));
}

static int stat_show(struct seq_file *seq, void *v)
{
	struct linetls_net *net = linetls_net(seq->private);
	int i, cpu;

	for (i = 0; i < LINETLS_STAT_MAX; i++) {
		u64 sum = 0;

		for_each_possible_cpu(cpu)
			sum += per_cpu_ptr(net->stat, cpu)[i];
		show(seq, stat_names[i], sum);
	}
	show_guards(seq);
	return 0;
}

static int __net_init linetls_net_init(struct net *net)
{
	struct linetls_net *ln = linetls_net(net);

	ln->stat = __alloc_percpu(sizeof(u64) * LINETLS_STAT_MAX, sizeof(u64));
	if (!ln->stat)
		return -ENOMEM;
	if (!proc_create_net_single("linetls_stat", 0444, net->proc_net,
				    stat_show, NULL)) {
		free_percpu(ln->stat);
		return -ENOMEM;
	}
	return 0;
}

static void __net_exit linetls_net_exit(struct net *net)
{
	remove_proc_entry("linetls_stat", net->proc_net);
	free_percpu(linetls_net(net)->stat);
}

static struct pernet_operations linetls_net_ops = {
	.init = linetls_net_init,
	.exit = linetls_net_exit,
	.id = &net_id,
	.size = sizeof(struct linetls_net),
};

int linetls_diag_init(void)
{
	return register_pernet_subsys(&linetls_net_ops);
}

void linetls_diag_exit(void)
{
	unregister_pernet_subsys(&linetls_net_ops);
}

static u16 user_conf(const struct linetls_ctx *ctx)
{
	if (ctx->tls.tx_conf != TLS_HW)
		return TLS_CONF_BASE;
	return READ_ONCE(ctx->on_device) ? TLS_CONF_HW : TLS_CONF_SW;
}

/* Context: RCU reader and socket lock, or not even that (sock_diag). */
int linetls_get_info(struct sock *sk, struct sk_buff *skb)
{
	struct nlattr *start = nla_nest_start_noflag(skb, INET_ULP_INFO_TLS);
	const struct tls_context *tls;
	const struct linetls_ctx *ctx;
	int err = 0;

	if (!start)
		return -EMSGSIZE;
	rcu_read_lock();
	tls = rcu_dereference(inet_csk(sk)->icsk_ulp_data);
	if (!tls)
		goto cancel;
	ctx = container_of(tls, struct linetls_ctx, tls);
	err = -EMSGSIZE;
	if (tls->prot_info.version &&
	    (nla_put_u16(skb, TLS_INFO_VERSION, tls->prot_info.version) ||
	     nla_put_u16(skb, TLS_INFO_CIPHER, tls->prot_info.cipher_type)))
		goto cancel;
	if (nla_put_u16(skb, TLS_INFO_TXCONF, user_conf(ctx)) ||
	    nla_put_u16(skb, TLS_INFO_RXCONF, TLS_CONF_BASE))
		goto cancel;
	if (linetls_guard_reason(ctx) == LINETLS_FILE_GUARDED &&
	    nla_put_flag(skb, TLS_INFO_ZC_RO_TX))
		goto cancel;
	rcu_read_unlock();
	nla_nest_end(skb, start);
	return 0;

cancel:
	rcu_read_unlock();
	nla_nest_cancel(skb, start);
	return err;
}

size_t linetls_get_info_size(const struct sock *sk)
{
	return 2 * nla_total_size(0) + 4 * nla_total_size(sizeof(u16));
}

/**
 * linetls_get_status - fill LINETLS_TX_STATUS
 *
 * Context: socket lock held. Returns 0, or -ENOTCONN before TLS_TX.
 */
int linetls_get_status(struct sock *sk, struct linetls_tx_status *status)
{
	struct linetls_ctx *ctx = linetls_ctx(sk);
	const struct linetls_tracker *t = &ctx->tracker;
	const struct net_device *dev;

	if (!ctx->offload)
		return -ENOTCONN;
	memset(status, 0, sizeof(*status));
	status->version = ctx->key->version;
	status->cipher = ctx->key->cipher->type;
	status->mode = ctx->mode;
	status->reason = READ_ONCE(ctx->reason);
	status->file_reason = linetls_guard_reason(ctx);

	status->fallback_reason = READ_ONCE(ctx->fallback_reason);
	status->fallbacks = READ_ONCE(ctx->fallbacks);
	status->reoffloads = READ_ONCE(ctx->reoffloads);

	rcu_read_lock();
	dev = rcu_dereference(ctx->tls.netdev);
	if (dev && READ_ONCE(ctx->on_device)) {
		status->path = LINETLS_TX_PATH_DEVICE;
		status->ifindex = dev->ifindex;
	}
	rcu_read_unlock();

	spin_lock_bh(&ctx->offload->lock);
	status->records_tracked = t->tail - t->head;
	if (t->head != t->tail &&
	    tls_record_is_start_marker(&linetls_tracker_at(t, t->head)->info))
		status->records_tracked--;
	status->records = ctx->count.records;
	status->device_packets = ctx->count.device_packets;
	status->device_bytes = ctx->count.device_bytes;
	status->software_packets = ctx->count.software_packets;
	status->software_bytes = ctx->count.software_bytes;
	status->dropped_packets = ctx->count.dropped_packets;
	status->resyncs = ctx->count.resyncs;
	status->zerocopy_bytes = ctx->count.zerocopy_bytes;
	status->copied_bytes = ctx->count.copied_bytes;
	spin_unlock_bh(&ctx->offload->lock);
	return 0;
}
