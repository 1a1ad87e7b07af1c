// SPDX-License-Identifier: GPL-2.0
/*
 * The resync flow: a packet is not the one that the device expects. The driver
 * asks the ULP for the record in which it begins, and tells the device the
 * record's number and its bytes before the packet.
 */
#include "nic.h"

static enum nic_sync nic_sync_case(struct tls_record_info *rec, u32 seq,
				   u32 len)
{
	if (!rec)
		return NIC_SYNC_NONE;
	if (tls_record_is_start_marker(rec))
		return after(seq + len, rec->end_seq) ? NIC_SYNC_ACROSS :
							NIC_SYNC_BEFORE;
	/* An acknowledged part, whose record is gone. */
	if (before(seq, tls_record_start_seq(rec)))
		return NIC_SYNC_NONE;
	return NIC_SYNC_DONE;
}

/*
 * One DUMP for each fragment of @rec that begins before @prefix. Page
 * references are taken: once the ULP's lock is released, an ACK may free the
 * record.
 */
static bool nic_dump_prefix(struct nic *nic, const struct nic_tx *tx,
			    const struct tls_record_info *rec, u32 prefix,
			    u32 *slots)
{
	u32 left = prefix, n = *slots;
	int i;

	for (i = 0; left && i < rec->num_frags; i++) {
		u32 size = min_t(u32, left, skb_frag_size(&rec->frags[i]));
		struct nic_desc *desc = nic_ring_slot(&nic->ring, n++);

		desc->kind = NIC_DESC_DUMP;
		desc->context = tx->id;
		desc->frag = rec->frags[i];
		skb_frag_size_set(&desc->frag, size);
		left -= size;
	}
	if (left)
		return false;
	for (i = *slots; i < n; i++)
		get_page(skb_frag_page(&nic_ring_slot(&nic->ring, i)->frag));
	*slots = n;
	return true;
}

enum nic_sync nic_resync(struct nic *nic, struct nic_tx *tx, u32 seq, u32 len,
			 u32 *slots)
{
	struct tls_offload_context_tx *offload = tx->offload;
	u32 n = *slots + 1, prefix = 0;
	struct tls_record_info *rec;
	struct nic_desc *progress;
	unsigned long flags;
	enum nic_sync sync;
	u64 rec_seq = 0;

	/* Of older keys, from a queue: its record's number means nothing here. */
	if (before(seq, tx->start_seq))
		return NIC_SYNC_BEFORE;

	spin_lock_irqsave(&offload->lock, flags);
	rec = tls_get_record(offload, seq, &rec_seq);
	sync = nic_sync_case(rec, seq, len);
	if (sync == NIC_SYNC_DONE) {
		prefix = seq - tls_record_start_seq(rec);
		if (!nic_dump_prefix(nic, tx, rec, prefix, &n))
			sync = NIC_SYNC_NONE;
	}
	spin_unlock_irqrestore(&offload->lock, flags);
	if (sync != NIC_SYNC_DONE)
		return sync;

	progress = nic_ring_slot(&nic->ring, *slots);
	progress->kind = NIC_DESC_PROGRESS;
	progress->context = tx->id;
	progress->rec_seq = rec_seq;
	*slots = n;

	nic_count(nic, NIC_TLS_RESYNC, 1);
	nic_count(nic, NIC_TLS_RESYNC_BYTES, prefix);
	return NIC_SYNC_DONE;
}

bool nic_before_start(struct nic_tx *tx, u32 seq, u32 len)
{
	struct tls_offload_context_tx *offload = tx->offload;
	struct tls_record_info *rec;
	unsigned long flags;
	bool before_start;
	u64 rec_seq;

	spin_lock_irqsave(&offload->lock, flags);
	rec = tls_get_record(offload, seq, &rec_seq);
	before_start = nic_sync_case(rec, seq, len) == NIC_SYNC_BEFORE;
	spin_unlock_irqrestore(&offload->lock, flags);
	return before_start;
}
