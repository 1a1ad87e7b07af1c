// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's transmit side: contexts for the ULP, and which packet needs
 * which descriptors. Plaintext goes to the device with a context or nowhere.
 */
#include <linux/tcp.h>
#include <net/inet_connection_sock.h>
#include <net/tcp.h>

#include "nic.h"

enum nic_verdict {
	NIC_FORWARD,	/* as it is */
	NIC_ENCRYPT,
	NIC_DROP,	/* counted */
};

static struct nic_tx **nic_driver_state(struct tls_context *ctx)
{
	BUILD_BUG_ON(sizeof(struct nic_tx *) > TLS_DRIVER_STATE_SIZE_TX);
	return __tls_driver_ctx(ctx, TLS_OFFLOAD_CTX_DIR_TX);
}

static int nic_crypto_check(const struct tls_crypto_info *info)
{
	if (info->version != TLS_1_2_VERSION &&
	    info->version != TLS_1_3_VERSION)
		return -EOPNOTSUPP;
	switch (info->cipher_type) {
	case TLS_CIPHER_AES_GCM_128:
	case TLS_CIPHER_AES_GCM_256:
	case TLS_CIPHER_CHACHA20_POLY1305:
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

#define NIC_GCM_SALT	TLS_CIPHER_AES_GCM_128_SALT_SIZE

static int nic_key_init(struct engine_key *key, struct tls_crypto_info *info,
			u64 *rec_seq)
{
	struct tls12_crypto_info_chacha20_poly1305 *chacha = (void *)info;
	struct tls12_crypto_info_aes_gcm_128 *gcm128 = (void *)info;
	struct tls12_crypto_info_aes_gcm_256 *gcm256 = (void *)info;
	const u8 *secret, *seq;
	u8 iv[ENGINE_IV_LEN];
	__be64 be_seq;

	switch (info->cipher_type) {
	case TLS_CIPHER_AES_GCM_128:
		secret = gcm128->key;
		memcpy(iv, gcm128->salt, NIC_GCM_SALT);
		memcpy(iv + NIC_GCM_SALT, gcm128->iv, sizeof(gcm128->iv));
		seq = gcm128->rec_seq;
		break;
	case TLS_CIPHER_AES_GCM_256:
		secret = gcm256->key;
		memcpy(iv, gcm256->salt, NIC_GCM_SALT);
		memcpy(iv + NIC_GCM_SALT, gcm256->iv, sizeof(gcm256->iv));
		seq = gcm256->rec_seq;
		break;
	default:
		secret = chacha->key;
		memcpy(iv, chacha->iv, sizeof(iv));
		seq = chacha->rec_seq;
		break;
	}
	memcpy(&be_seq, seq, sizeof(be_seq));
	*rec_seq = be64_to_cpu(be_seq);
	return engine_key_init(key, info->version, info->cipher_type, secret,
			       iv) ? -EIO : 0;
}

static bool nic_fail_add(struct nic *nic)
{
	return atomic_dec_if_positive(&nic->fail_add) >= 0;
}

static struct nic_tx *nic_tx_create(struct nic *nic,
				    struct tls_crypto_info *info)
{
	struct nic_tx *tx;
	int err;

	err = nic_crypto_check(info);
	if (err)
		return ERR_PTR(err);
	if (nic_fail_add(nic))
		return ERR_PTR(-ENOSPC);

	tx = kzalloc(sizeof(*tx), GFP_KERNEL);
	if (!tx)
		return ERR_PTR(-ENOMEM);
	tx->hw = kzalloc(sizeof(*tx->hw), GFP_KERNEL);
	if (!tx->hw) {
		err = -ENOMEM;
		goto err_tx;
	}
	err = nic_key_init(&tx->hw->key, info, &tx->rec_seq);
	if (err)
		goto err_hw;
	err = ida_alloc_max(&nic->ids, nic->contexts - 1, GFP_KERNEL);
	if (err < 0)
		goto err_hw;
	tx->id = err;
	return tx;

err_hw:
	nic_hw_free(tx->hw);
err_tx:
	kfree(tx);
	return ERR_PTR(err);
}

static int nic_tls_dev_add(struct net_device *dev, struct sock *sk,
			   enum tls_offload_ctx_dir direction,
			   struct tls_crypto_info *info, u32 start_seq)
{
	struct tls_context *ctx = tls_get_ctx(sk);
	struct nic *nic = netdev_priv(dev);
	struct nic_tx *tx;

	if (direction != TLS_OFFLOAD_CTX_DIR_TX)
		return -EOPNOTSUPP;

	tx = nic_tx_create(nic, info);
	if (IS_ERR(tx)) {
		nic_count(nic, NIC_TLS_CTX_REFUSED, 1);
		return PTR_ERR(tx);
	}
	tx->expected_seq = start_seq;
	tx->start_seq = start_seq;
	tx->offload = tls_offload_ctx_tx(ctx);
	WRITE_ONCE(*nic_driver_state(ctx), tx);
	nic_count(nic, NIC_TLS_CTX, 1);
	nic_count(nic, NIC_TLS_CTX_ACTIVE, 1);
	return 0;
}

/*
 * The device still has packets of this context in the ring, perhaps: DESTROY
 * comes after them, and gives the id back.
 */
static void nic_post_destroy(struct nic *nic, u32 id)
{
	struct netdev_queue *queue = netdev_get_tx_queue(nic->dev, 0);
	struct nic_ring *ring = &nic->ring;
	struct nic_desc *desc;

	__netif_tx_lock_bh(queue);
	while (!nic_ring_room(ring)) {
		__netif_tx_unlock_bh(queue);
		wait_event(ring->room, nic_ring_room(ring));
		__netif_tx_lock_bh(queue);
	}
	desc = nic_ring_slot(ring, 0);
	desc->kind = NIC_DESC_DESTROY;
	desc->context = id;
	nic_ring_post(nic, 1);
	__netif_tx_unlock_bh(queue);
}

/*
 * The ULP sends nothing more for this context: either the socket is gone, or
 * it goes another way since a grace period.
 */
static void nic_tls_dev_del(struct net_device *dev, struct tls_context *ctx,
			    enum tls_offload_ctx_dir direction)
{
	struct netdev_queue *queue = netdev_get_tx_queue(dev, 0);
	struct nic *nic = netdev_priv(dev);
	struct nic_tx *tx;
	struct nic_hw *hw;

	if (direction != TLS_OFFLOAD_CTX_DIR_TX)
		return;
	tx = READ_ONCE(*nic_driver_state(ctx));
	if (WARN_ON_ONCE(!tx))
		return;

	__netif_tx_lock_bh(queue);
	WRITE_ONCE(*nic_driver_state(ctx), NULL);
	hw = tx->hw;
	__netif_tx_unlock_bh(queue);

	if (hw) {
		nic_hw_free(hw);
		ida_free(&nic->ids, tx->id);
	} else {
		nic_post_destroy(nic, tx->id);
	}
	nic_count(nic, NIC_TLS_CTX_ACTIVE, -1);
	kfree_rcu(tx, rcu);
}

/* Transmission resyncs by itself, and nothing asks the ULP for a resync. */
static int nic_tls_dev_resync(struct net_device *dev, struct sock *sk, u32 seq,
			      u8 *rcd_sn, enum tls_offload_ctx_dir direction)
{
	return -EOPNOTSUPP;
}

const struct tlsdev_ops nic_tlsdev_ops = {
	.tls_dev_add = nic_tls_dev_add,
	.tls_dev_del = nic_tls_dev_del,
	.tls_dev_resync = nic_tls_dev_resync,
};

/* The context that this device has for a packet's socket, if any. */
static struct nic_tx *nic_tx_of(const struct nic *nic, const struct sock *sk)
{
	struct tls_context *ctx = tls_get_ctx(sk);

	if (!ctx || rcu_dereference_bh(ctx->netdev) != nic->dev ||
	    !ctx->priv_ctx_tx)
		return NULL;
	return READ_ONCE(*nic_driver_state(ctx));
}

/* TCP keeps plaintext of records in fragments, whoever copies it does not. */
static bool nic_is_copied(const struct sk_buff *skb, u32 header)
{
	return skb_headlen(skb) != header;
}

/*
 * The kernel's ULP "tls" leaves the mark on what it encrypts in software, for
 * another device than that of the context, into linear memory. Plaintext that
 * waited in a queue while the context went away is in fragments still.
 */
static bool nic_is_tls_fallback(const struct nic *nic, const struct sock *sk)
{
	const struct tcp_ulp_ops *ulp = READ_ONCE(inet_csk(sk)->icsk_ulp_ops);
	struct tls_context *ctx = tls_get_ctx(sk);

	return ulp && !strcmp(ulp->name, "tls") && ctx &&
	       rcu_dereference_bh(ctx->netdev) != nic->dev;
}

/*
 * Packets of a TLS connection that are not marked are the handshake, or were
 * encrypted before they came here. The former are counted if they come late.
 */
static void nic_count_unmarked(struct nic *nic, const struct sk_buff *skb)
{
	const struct sock *sk = skb->sk;
	struct nic_tx *tx;
	u32 seq, len;

	if (!sk || !sk_fullsock(sk) || !sk->sk_validate_xmit_skb)
		return;
	tx = nic_tx_of(nic, sk);
	len = skb->len - skb_tcp_all_headers(skb);
	if (!tx || !len)
		return;
	seq = ntohl(tcp_hdr(skb)->seq);
	if (seq != tx->expected_seq && nic_before_start(tx, seq, len)) {
		nic_count(nic, NIC_TLS_OOO, 1);
		nic_count(nic, NIC_TLS_SKIP_NO_SYNC_DATA, 1);
	}
}

static enum nic_verdict nic_drop(struct nic *nic, enum nic_stat why)
{
	nic_count(nic, why, 1);
	return NIC_DROP;
}

static bool nic_resync_forced(struct nic *nic)
{
	u32 every = READ_ONCE(nic->force_resync);

	if (likely(!every) || ++nic->since_resync < every)
		return false;
	nic->since_resync = 0;
	return true;
}

/* The device takes the context over with the first packet. */
static void nic_fill_new(struct nic *nic, struct nic_tx *tx, u32 *slots)
{
	struct nic_desc *desc = nic_ring_slot(&nic->ring, (*slots)++);

	desc->kind = NIC_DESC_STATIC;
	desc->context = tx->id;
	desc->hw = tx->hw;

	desc = nic_ring_slot(&nic->ring, (*slots)++);
	desc->kind = NIC_DESC_PROGRESS;
	desc->context = tx->id;
	desc->rec_seq = tx->rec_seq;
}

/*
 * Sequence numbers wrap: the start follows at a distance that no packet in
 * flight can have (RFC 7323 section 2.3: windows are below 2^30).
 */
static void nic_move_start(struct nic_tx *tx, u32 seq)
{
	if (unlikely(seq - tx->start_seq > 3U << 29))
		tx->start_seq = seq - (1U << 30);
}

static enum nic_verdict nic_sync_context(struct nic *nic, struct nic_tx *tx,
					 u32 seq, u32 len, u32 *slots)
{
	u32 n = 0;

	if (tx->hw)
		nic_fill_new(nic, tx, &n);
	if (unlikely(seq != tx->expected_seq || nic_resync_forced(nic))) {
		if (seq != tx->expected_seq)
			nic_count(nic, NIC_TLS_OOO, 1);
		if (tx->hw)
			n = 1;	/* no PROGRESS but that of the resync */
		switch (nic_resync(nic, tx, seq, len, &n)) {
		case NIC_SYNC_DONE:
			break;
		case NIC_SYNC_ACROSS:
			return nic_drop(nic, NIC_TLS_DROP_BYPASS_REQ);
		default:
			return nic_drop(nic, NIC_TLS_DROP_NO_SYNC_DATA);
		}
	}
	tx->hw = NULL;
	tx->expected_seq = seq + len;
	nic_move_start(tx, seq);
	*slots = n;
	return NIC_ENCRYPT;
}

/*
 * nic_judge - what is to be done with a packet.
 * @context:	set for NIC_ENCRYPT
 * @slots:	slots filled ahead of the packet's own
 */
static enum nic_verdict nic_judge(struct nic *nic, struct sk_buff *skb,
				  u32 *context, u32 *slots)
{
	enum nic_verdict verdict;
	struct nic_tx *tx;
	u32 header, len;

	if (!skb_is_decrypted(skb)) {
		nic_count_unmarked(nic, skb);
		return NIC_FORWARD;
	}
	if (!skb->sk || !sk_fullsock(skb->sk))
		return nic_drop(nic, NIC_TLS_DROP_NO_CTX);

	header = skb_tcp_all_headers(skb);
	len = skb->len - header;
	tx = nic_tx_of(nic, skb->sk);
	if (!len || (!tx && nic_is_copied(skb, header) &&
		     nic_is_tls_fallback(nic, skb->sk))) {
		skb->decrypted = 0;
		return NIC_FORWARD;
	}
	if (!tx)
		return nic_drop(nic, NIC_TLS_DROP_NO_CTX);
	/*
	 * Encrypted already, perhaps: by "tls", for a device above this one.
	 * The same key stream twice would be plaintext.
	 */
	if (nic_is_copied(skb, header))
		return nic_drop(nic, NIC_TLS_DROP_COPIED);

	verdict = nic_sync_context(nic, tx, ntohl(tcp_hdr(skb)->seq), len,
				   slots);
	if (verdict == NIC_ENCRYPT) {
		*context = tx->id;
		nic_count(nic, NIC_TLS_ENCRYPTED_PACKETS,
			  skb_is_gso(skb) ? skb_shinfo(skb)->gso_segs : 1);
		nic_count(nic, NIC_TLS_ENCRYPTED_BYTES, len);
	}
	return verdict;
}

/* Stop the queue unless a packet's worst case fits; true if it was stopped. */
static bool nic_stop_if_full(struct nic *nic)
{
	if (likely(nic_ring_room(&nic->ring) >= NIC_PACKET_ROOM))
		return false;
	netif_stop_queue(nic->dev);
	/* pairs with the barrier in nic_wake(): one of us sees the other */
	smp_mb();
	if (nic_ring_room(&nic->ring) >= NIC_PACKET_ROOM) {
		netif_start_queue(nic->dev);
		return false;
	}
	nic_count(nic, NIC_TX_RING_FULL, 1);
	return true;
}

netdev_tx_t nic_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct nic *nic = netdev_priv(dev);
	u32 context = NIC_NO_CONTEXT;
	enum nic_verdict verdict;
	struct nic_desc *desc;
	u32 slots = 0;

	/* Contexts that are destroyed take room too. */
	if (unlikely(nic_stop_if_full(nic)))
		return NETDEV_TX_BUSY;

	verdict = nic_judge(nic, skb, &context, &slots);
	if (verdict == NIC_DROP) {
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	desc = nic_ring_slot(&nic->ring, slots);
	desc->kind = NIC_DESC_SEND;
	desc->context = context;
	desc->skb = skb;
	desc->header_len = 0;
	if (verdict == NIC_ENCRYPT)
		desc->header_len = skb_tcp_all_headers(skb);
	nic_ring_post(nic, slots + 1);
	nic_stop_if_full(nic);
	return NETDEV_TX_OK;
}
