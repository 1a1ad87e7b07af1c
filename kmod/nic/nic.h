/* SPDX-License-Identifier: GPL-2.0 */
/*
 * linetls_nic: a network device with TLS transmit offload, in software.
 *
 * Two halves that share nothing but a ring of descriptors, as a driver and its
 * hardware do:
 *
 *   the driver (driver_tx.c, resync.c) knows sockets and TLS contexts, and
 *   posts descriptors under the transmit queue's lock;
 *
 *   the device (device.c, encrypt.c) is a kernel thread that knows nothing but
 *   the descriptors. It encrypts, transmits on the lower device, and completes
 *   descriptors in order, later.
 *
 * Locks
 * -----
 * transmit queue lock (there is one queue): nic_ring.head, struct nic_tx.
 * device thread alone: nic_ring.todo and .tail, nic.hw, struct nic_hw.
 * tls_offload_context_tx.lock (the ULP's): the records of a connection; taken
 *	inside the transmit queue lock.
 * RTNL: nic.dbg, all that main.c does.
 */
#ifndef LINETLS_NIC_H
#define LINETLS_NIC_H

#include <linux/atomic.h>
#include <linux/idr.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/wait.h>
#include <net/tls.h>

#include "engine.h"
#include "compat.h"

#define NIC_RING_SIZE	1024		/* a power of two */
#define NIC_NO_CONTEXT	U32_MAX

/*
 * Descriptors of one packet at most: static parameters, progress parameters,
 * the fragments of a record, the packet.
 */
#define NIC_PACKET_ROOM	(3 + MAX_SKB_FRAGS)

enum nic_desc_kind {
	NIC_DESC_STATIC,	/* a new context: its keys */
	NIC_DESC_PROGRESS,	/* a context is at the start of a record */
	NIC_DESC_DUMP,		/* bytes to account for, not to send */
	NIC_DESC_SEND,		/* a packet */
	NIC_DESC_DESTROY,	/* forget a context */
};

/* What a descriptor refers to is the device's until it is completed. */
struct nic_desc {
	u8 kind;
	u32 context;		/* NIC_NO_CONTEXT: send as it is */
	u32 header_len;		/* SEND: bytes before the payload */
	u64 due;		/* device: complete at this time, ns */
	union {
		struct nic_hw *hw;	/* STATIC */
		u64 rec_seq;		/* PROGRESS */
		skb_frag_t frag;	/* DUMP: with a page reference */
		struct sk_buff *skb;	/* SEND */
	};
};

/* Positions count up and wrap; a slot is position modulo NIC_RING_SIZE. */
struct nic_ring {
	struct nic_desc *desc;
	u32 head;		/* next to post */
	u32 todo;		/* next to execute */
	u32 tail;		/* next to complete */
	wait_queue_head_t work;	/* the device waits for descriptors */
	wait_queue_head_t room;	/* others wait for completions */
};

/* A context as the device sees it. */
struct nic_hw {
	struct engine_key key;
	struct engine_stream stream;
	bool dead;		/* until the next PROGRESS */
};

/* A context as the driver sees it; struct tls_context refers to it. */
struct nic_tx {
	u32 id;
	u32 expected_seq;	/* end of the last packet posted */
	u32 start_seq;		/* the keys are for bytes from here on */
	u64 rec_seq;		/* of the first record */
	struct nic_hw *hw;	/* NULL: the device has it */
	struct tls_offload_context_tx *offload;
	struct rcu_head rcu;
};

enum nic_stat {
	NIC_TLS_ENCRYPTED_PACKETS,
	NIC_TLS_ENCRYPTED_BYTES,
	NIC_TLS_CTX,
	NIC_TLS_OOO,
	NIC_TLS_SKIP_NO_SYNC_DATA,
	NIC_TLS_DROP_NO_SYNC_DATA,
	NIC_TLS_DROP_BYPASS_REQ,
	NIC_TLS_DROP_NO_CTX,
	NIC_TLS_DROP_DEAD,
	NIC_TLS_DROP_NO_MEM,
	NIC_TLS_DROP_COPIED,
	NIC_TLS_RESYNC,
	NIC_TLS_RESYNC_BYTES,
	NIC_TLS_CTX_ACTIVE,
	NIC_TLS_CTX_REFUSED,
	NIC_TX_RING_FULL,
	NIC_TX_LOWER_DROP,
	NIC_STATS
};

struct nic {
	struct net_device *dev;
	struct net_device *lower;	/* held until the device is freed */
	netdevice_tracker lower_tracker;

	struct nic_ring ring;
	struct task_struct *thread;
	bool draining;			/* complete without delay */

	struct ida ids;
	struct nic_hw **hw;		/* by context id */
	u32 contexts;

	atomic64_t stat[NIC_STATS];

	struct dentry *dbg;
	u32 delay_us;			/* debugfs */
	bool pause;			/* debugfs */
	u32 force_resync;		/* debugfs */
	u32 since_resync;		/* transmit queue lock */
	atomic_t fail_add;		/* debugfs */
};

static inline void nic_count(struct nic *nic, enum nic_stat which, s64 n)
{
	atomic64_add(n, &nic->stat[which]);
}

static inline u32 nic_ring_room(const struct nic_ring *ring)
{
	/* pairs with the release in nic_complete(): slots are reusable */
	u32 tail = smp_load_acquire(&ring->tail);

	return NIC_RING_SIZE - (READ_ONCE(ring->head) - tail);
}

/* The @n-th slot after those that are posted; transmit queue lock held. */
static inline struct nic_desc *nic_ring_slot(const struct nic_ring *ring, u32 n)
{
	return &ring->desc[(ring->head + n) & (NIC_RING_SIZE - 1)];
}

/* driver_tx.c */
extern const struct tlsdev_ops nic_tlsdev_ops;
netdev_tx_t nic_start_xmit(struct sk_buff *skb, struct net_device *dev);

/* resync.c */
enum nic_sync {
	NIC_SYNC_DONE,		/* descriptors are in place */
	NIC_SYNC_BEFORE,	/* the packet lies before the offload's start */
	NIC_SYNC_ACROSS,	/* ... begins there, and ends in the offload */
	NIC_SYNC_NONE,		/* no record for it */
};

/*
 * nic_resync - bring a context of the device to TCP sequence number @seq.
 * @len:	payload of the packet to come
 * @slots:	slots in use after the head, grows by those filled here
 * Transmit queue lock held. Unless NIC_SYNC_DONE is returned, nothing changed.
 */
enum nic_sync nic_resync(struct nic *nic, struct nic_tx *tx, u32 seq, u32 len,
			 u32 *slots);

/* Does the packet lie before the offload's start? */
bool nic_before_start(struct nic_tx *tx, u32 seq, u32 len);

/* device.c */
int nic_device_init(struct nic *nic);
void nic_device_destroy(struct nic *nic);
/* Wait until the device has completed all that was posted. May sleep. */
void nic_device_drain(struct nic *nic);
/* Post the @n slots after the head; transmit queue lock held. */
void nic_ring_post(struct nic *nic, u32 n);
void nic_hw_free(struct nic_hw *hw);

/* encrypt.c */
/*
 * nic_encrypt - a copy of @skb with its payload encrypted, without a socket.
 * Returns NULL if it was dropped, and counts why. The context's stream has
 * moved past the packet in any case, unless it is dead.
 */
struct sk_buff *nic_encrypt(struct nic *nic, struct nic_hw *hw,
			    const struct sk_buff *skb, u32 header_len);
void nic_feed_frag(struct nic_hw *hw, const skb_frag_t *frag);

/* stats.c */
extern const struct ethtool_ops nic_ethtool_ops;
void nic_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats);

/* debugfs.c */
void nic_debugfs_init(void);
void nic_debugfs_exit(void);
void nic_debugfs_add(struct nic *nic);
void nic_debugfs_remove(struct nic *nic);

#endif
