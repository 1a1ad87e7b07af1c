// SPDX-License-Identifier: GPL-2.0
/*
 * The device's data path. The payload of a packet may be page cache or may be
 * retransmitted: it is read where it lies, and never written.
 */
#include <linux/highmem.h>

#include "checksum.h"
#include "nic.h"

/* Where the next encrypted byte goes: pages of a packet, one per fragment. */
struct nic_out {
	const struct sk_buff *skb;
	u32 frag;
	u32 off;
};

static u8 *nic_out_room(struct nic_out *out, u32 *len)
{
	const skb_frag_t *frag = &skb_shinfo(out->skb)->frags[out->frag];
	u8 *to = skb_frag_address(frag) + out->off;

	*len = min_t(u32, *len, skb_frag_size(frag) - out->off);
	out->off += *len;
	if (out->off == skb_frag_size(frag)) {
		out->frag++;
		out->off = 0;
	}
	return to;
}

/* The next bytes of a context's stream; @out NULL: only account for them. */
static void nic_feed(struct nic_hw *hw, const u8 *in, u32 len,
		     struct nic_out *out)
{
	while (len && !hw->dead) {
		u32 n = len;
		u8 *to = out ? nic_out_room(out, &n) : NULL;

		if (engine_encrypt(&hw->key, &hw->stream, in, to, n))
			hw->dead = true;
		in += n;
		len -= n;
	}
}

static void nic_feed_pages(struct nic_hw *hw, const skb_frag_t *frag,
			   struct nic_out *out)
{
	u32 off, len, copied;
	struct page *page;

	skb_frag_foreach_page(frag, skb_frag_off(frag), skb_frag_size(frag),
			      page, off, len, copied) {
		u8 *from = kmap_local_page(page);

		nic_feed(hw, from + off, len, out);
		kunmap_local(from);
	}
}

void nic_feed_frag(struct nic_hw *hw, const skb_frag_t *frag)
{
	nic_feed_pages(hw, frag, NULL);
}

static void nic_feed_payload(struct nic_hw *hw, const struct sk_buff *skb,
			     u32 header_len, struct nic_out *out)
{
	int i;

	nic_feed(hw, skb->data + header_len, skb_headlen(skb) - header_len,
		 out);
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++)
		nic_feed_pages(hw, &skb_shinfo(skb)->frags[i], out);
}

/*
 * A packet like @skb, with pages of its own for the payload. Header offsets
 * count from the buffer's start, hence the same headroom.
 */
static struct sk_buff *nic_alloc_like(const struct sk_buff *skb, u32 header_len)
{
	u32 left = skb->len - header_len, headroom = skb_headroom(skb);
	struct sk_buff *copy;
	int i;

	copy = alloc_skb(headroom + header_len, GFP_KERNEL);
	if (!copy)
		return NULL;
	skb_reserve(copy, headroom);
	skb_put_data(copy, skb->data, header_len);
	skb_copy_header(copy, skb);
	copy->decrypted = 0;

	for (i = 0; left; i++) {
		u32 size = min_t(u32, left, PAGE_SIZE);
		struct page *page = NULL;

		if (i < MAX_SKB_FRAGS)
			page = alloc_page(GFP_KERNEL);
		if (!page) {
			kfree_skb(copy);
			return NULL;
		}
		skb_add_rx_frag(copy, i, page, 0, size, PAGE_SIZE);
		left -= size;
	}
	return copy;
}

struct sk_buff *nic_encrypt(struct nic *nic, struct nic_hw *hw,
			    const struct sk_buff *skb, u32 header_len)
{
	struct nic_out out = {};
	struct sk_buff *copy;

	copy = nic_alloc_like(skb, header_len);
	if (!copy) {
		nic_feed_payload(hw, skb, header_len, NULL);
		nic_count(nic, NIC_TLS_DROP_NO_MEM, 1);
		return NULL;
	}
	out.skb = copy;
	nic_feed_payload(hw, skb, header_len, &out);
	if (hw->dead) {
		nic_count(nic, NIC_TLS_DROP_DEAD, 1);
		kfree_skb(copy);
		return NULL;
	}
	/* Of plaintext, where the device's checksum offload is off. */
	linetls_move_checksum(copy, skb, header_len);
	return copy;
}
