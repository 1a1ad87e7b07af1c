// SPDX-License-Identifier: GPL-2.0
/*
 * The device: a ring of descriptors and the thread that executes them. It
 * completes in order and not before the debugfs delay is over; until then it
 * holds on to the packets and pages it was given, as hardware does.
 */
#include <linux/kthread.h>

#include "nic.h"

void nic_ring_post(struct nic *nic, u32 n)
{
	struct nic_ring *ring = &nic->ring;

	/* pairs with the acquire in nic_has_work(): slots are filled */
	smp_store_release(&ring->head, ring->head + n);
	if (wq_has_sleeper(&ring->work))
		wake_up(&ring->work);
}

void nic_hw_free(struct nic_hw *hw)
{
	if (!hw)
		return;
	engine_key_wipe(&hw->key);
	kfree_sensitive(hw);
}

static bool nic_has_work(const struct nic_ring *ring)
{
	/* pairs with the release in nic_ring_post() */
	return smp_load_acquire(&ring->head) != ring->todo;
}

static bool nic_has_uncompleted(const struct nic_ring *ring)
{
	return ring->tail != ring->todo;
}

static struct nic_desc *nic_slot(const struct nic_ring *ring, u32 position)
{
	return &ring->desc[position & (NIC_RING_SIZE - 1)];
}

static void nic_xmit_lower(struct nic *nic, struct sk_buff *skb)
{
	u32 len = skb->len;
	int ret;

	skb->dev = nic->lower;
	local_bh_disable();
	if (likely(nic->lower->flags & IFF_UP)) {
		ret = dev_queue_xmit(skb);
	} else {
		kfree_skb(skb);
		ret = NET_XMIT_DROP;
	}
	if (likely(ret == NET_XMIT_SUCCESS || ret == NET_XMIT_CN))
		dev_sw_netstats_tx_add(nic->dev, 1, len);
	else
		nic_count(nic, NIC_TX_LOWER_DROP, 1);
	local_bh_enable();
}

/* A packet to encrypt stays with its descriptor; another one leaves it. */
static void nic_send(struct nic *nic, struct nic_desc *desc)
{
	struct sk_buff *skb = desc->skb;
	struct nic_hw *hw;

	if (desc->context == NIC_NO_CONTEXT) {
		desc->skb = NULL;
		skb_orphan(skb);
	} else {
		hw = nic->hw[desc->context];
		if (hw->dead) {
			nic_count(nic, NIC_TLS_DROP_DEAD, 1);
			return;
		}
		skb = nic_encrypt(nic, hw, skb, desc->header_len);
		if (!skb)
			return;
	}
	nic_xmit_lower(nic, skb);
}

static void nic_execute(struct nic *nic, struct nic_desc *desc)
{
	struct nic_hw *hw;

	switch (desc->kind) {
	case NIC_DESC_STATIC:
		nic->hw[desc->context] = desc->hw;
		break;
	case NIC_DESC_PROGRESS:
		hw = nic->hw[desc->context];
		engine_seek(&hw->stream, desc->rec_seq);
		hw->dead = false;
		break;
	case NIC_DESC_DUMP:
		nic_feed_frag(nic->hw[desc->context], &desc->frag);
		break;
	case NIC_DESC_SEND:
		nic_send(nic, desc);
		break;
	case NIC_DESC_DESTROY:
		nic_hw_free(nic->hw[desc->context]);
		nic->hw[desc->context] = NULL;
		ida_free(&nic->ids, desc->context);
		break;
	}
}

static void nic_release(struct nic_desc *desc)
{
	if (desc->kind == NIC_DESC_DUMP)
		put_page(skb_frag_page(&desc->frag));
	else if (desc->kind == NIC_DESC_SEND && desc->skb)
		consume_skb(desc->skb);
}

static void nic_wake(struct nic *nic)
{
	struct nic_ring *ring = &nic->ring;

	/* pairs with the barrier in nic_stop_if_full(), see there */
	smp_mb();
	if (netif_queue_stopped(nic->dev) && netif_running(nic->dev) &&
	    nic_ring_room(ring) >= 2 * NIC_PACKET_ROOM)
		netif_wake_queue(nic->dev);
	/* the barrier above pairs with that of wait_event() */
	if (waitqueue_active(&ring->room))
		wake_up_all(&ring->room);
}

static void nic_complete(struct nic *nic)
{
	struct nic_ring *ring = &nic->ring;
	u64 now = ktime_get_ns();
	bool any = false;

	/* TCP sends more from the destructor of a packet. */
	local_bh_disable();
	while (nic_has_uncompleted(ring)) {
		struct nic_desc *desc = nic_slot(ring, ring->tail);

		if (desc->due > now && !READ_ONCE(nic->draining))
			break;
		nic_release(desc);
		/* pairs with the acquire in nic_ring_room() */
		smp_store_release(&ring->tail, ring->tail + 1);
		any = true;
	}
	if (any)
		nic_wake(nic);
	local_bh_enable();
}

static void nic_wait(struct nic *nic)
{
	struct nic_ring *ring = &nic->ring;
	u64 now = ktime_get_ns(), due;

	if (!nic_has_uncompleted(ring)) {
		wait_event_idle(ring->work,
				nic_has_work(ring) || kthread_should_stop());
		return;
	}
	due = nic_slot(ring, ring->tail)->due;
	if (due > now)
		wait_event_hrtimeout(ring->work, nic_has_work(ring) ||
				     READ_ONCE(nic->draining),
				     ns_to_ktime(due - now));
}

/* Nobody wakes the device when debugfs says that it may go on. */
static void nic_pause(const struct nic *nic, const struct nic_desc *desc)
{
	while (READ_ONCE(nic->pause) && desc->context != NIC_NO_CONTEXT &&
	       !READ_ONCE(nic->draining))
		schedule_timeout_idle(1);
}

static int nic_device_thread(void *data)
{
	struct nic *nic = data;
	struct nic_ring *ring = &nic->ring;

	while (!kthread_should_stop()) {
		while (nic_has_work(ring)) {
			struct nic_desc *desc = nic_slot(ring, ring->todo);

			nic_pause(nic, desc);
			nic_execute(nic, desc);
			desc->due = ktime_get_ns() + NSEC_PER_USEC *
				    (u64)READ_ONCE(nic->delay_us);
			ring->todo++;
			nic_complete(nic);
			cond_resched();
		}
		nic_complete(nic);
		nic_wait(nic);
	}
	return 0;
}

void nic_device_drain(struct nic *nic)
{
	struct nic_ring *ring = &nic->ring;

	WRITE_ONCE(nic->draining, true);
	wake_up(&ring->work);
	wait_event(ring->room, nic_ring_room(ring) == NIC_RING_SIZE);
	WRITE_ONCE(nic->draining, false);
}

int nic_device_init(struct nic *nic)
{
	struct nic_ring *ring = &nic->ring;
	struct task_struct *thread;

	BUILD_BUG_ON(NIC_RING_SIZE < 4 * NIC_PACKET_ROOM);
	init_waitqueue_head(&ring->work);
	init_waitqueue_head(&ring->room);
	ida_init(&nic->ids);
	ring->desc = kvcalloc(NIC_RING_SIZE, sizeof(*ring->desc), GFP_KERNEL);
	nic->hw = kvcalloc(nic->contexts, sizeof(*nic->hw), GFP_KERNEL);
	if (!ring->desc || !nic->hw)
		goto err_free;
	thread = kthread_run(nic_device_thread, nic, "linetls/%s",
			     nic->dev->name);
	if (IS_ERR(thread))
		goto err_free;
	nic->thread = thread;
	return 0;

err_free:
	kvfree(nic->hw);
	kvfree(ring->desc);
	return -ENOMEM;
}

/* Nothing is posted any more, and no context is left. */
void nic_device_destroy(struct nic *nic)
{
	nic_device_drain(nic);
	kthread_stop(nic->thread);
	ida_destroy(&nic->ids);
	kvfree(nic->hw);
	kvfree(nic->ring.desc);
}
