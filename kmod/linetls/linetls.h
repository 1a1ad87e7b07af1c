/* SPDX-License-Identifier: GPL-2.0 */
/*
 * linetls.ko, internal interfaces, grouped by file.
 *
 * Locks, outermost first:
 *   guards (guard.c)		taken and given back without any of the below
 *   tls.tx_lock (mutex)	one sender that may sleep at a time; held across
 *				waits for memory
 *   socket lock		ctx->open, ctx->push*, the send state
 *   linetls_dev_lock		(rwsem) ctx->tls.netdev against device events
 *   bound_lock			(spinlock, device.c) who encrypts, and its counters
 *   offload->lock		(spinlock) the tracker, counters of the context
 * The transmit path runs without the socket lock, in softirq or with softirqs
 * off; it takes only offload->lock, and ctx->tls.netdev under RCU. Above IP, in
 * linetls_queue_xmit(), the socket is TCP's: bound_lock may be taken there.
 */
#ifndef LINETLS_H
#define LINETLS_H

#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include <net/dst.h>
#include <net/inet_connection_sock.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tls.h>

#include <uapi/linetls.h>

#include "compat.h"

struct crypto_aead;
struct crypto_sync_skcipher;
struct linetls_guard;
struct linetls_net;

#define LINETLS_TYPE_DATA	23	/* application_data, RFC 8446 section 5.1 */
#define LINETLS_TAG_SIZE	16	/* of every cipher here */
#define LINETLS_NONCE_SIZE	12	/* likewise */
#define LINETLS_EXPLICIT_SIZE	8	/* nonce part in a TLS 1.2 record */

/**
 * struct linetls_cipher - what differs between ciphers
 * @type:	TLS_CIPHER_*
 * @aead:	name in the crypto API, for whole records
 * @stream:	the same cipher's key stream, for the inner part of a record
 * @simd:	@aead where vector registers may be used, if it is one that
 *		must be asked for; see crypto.c
 * @key_size:	bytes of key
 * @salt_size:	bytes of implicit nonce; the rest of the nonce is the IV
 * @block:	bytes of key stream per step of the counter
 * @first_block: counter of the first byte of plaintext
 * @info_size:	length of its struct tls12_crypto_info_*
 */
struct linetls_cipher {
	u16 type;
	const char *aead;
	const char *stream;
	const char *simd;
	u8 key_size;
	u8 salt_size;
	u8 block;
	u8 first_block;
	u8 info_size;
};

/**
 * struct linetls_key - write keys of a connection, read-only once made
 * @ref:	the context's, and one for each record under it
 * @cipher:	which
 * @aead:	its transforms
 * @stream:	...
 * @simd:	... or NULL
 * @version:	TLS_1_2_VERSION or TLS_1_3_VERSION
 * @explicit_nonce: each record carries a part of its nonce (RFC 5288)
 * @nonce:	salt and IV
 * @rec_seq:	number of the first record
 */
struct linetls_key {
	refcount_t ref;
	const struct linetls_cipher *cipher;
	struct crypto_aead *aead;
	struct crypto_sync_skcipher *stream;
	struct crypto_aead *simd;
	u16 version;
	bool explicit_nonce;
	u8 nonce[LINETLS_NONCE_SIZE];
	u64 rec_seq;
};

/**
 * struct linetls_record - a record from its first byte to its last ACK
 * @ref:	the tracker's, and one for each packet being encrypted from it
 * @key:	what it is encrypted with; a reference
 * @sn:		record sequence number under that key
 * @nonce:	explicit nonce, as a number
 * @guard:	of the file that @info has pages of, or NULL; a reference
 * @chunk:	where in the file these are (guard_pages.c)
 * @num_chunks:	...
 * @charged:	bytes charged to the socket for this structure
 * @type:	content type
 * @info:	what drivers see: header, payload and tail as page fragments,
 *		of which the record holds references; last, since @frags of a
 *		closed record is only as long as num_frags
 */
struct linetls_record {
	refcount_t ref;
	struct linetls_key *key;
	u64 sn;
	u64 nonce;
	struct linetls_guard *guard;
	u32 chunk;
	u8 num_chunks;
	u8 type;
	u16 charged;
	struct tls_record_info info;
};

/* Pages for the body and tag of any record. */
#define LINETLS_RECORD_PAGES	DIV_ROUND_UP(TLS_MAX_PAYLOAD_SIZE + 1 + \
					     LINETLS_TAG_SIZE, PAGE_SIZE)

/**
 * struct linetls_ahead - ciphertext of a record's rest, for packets to come
 * @rec:	whose; a reference
 * @from:	offset in the record of the first byte
 * @num_pages:	entries of @pages
 * @pages:	the bytes
 *
 * Whoever encrypts the first packet of a record has to pass over all of it for
 * the tag, and keeps what the packet has no room for: each byte is encrypted
 * once. One owner at a time.
 */
struct linetls_ahead {
	struct linetls_record *rec;
	u32 from;
	int num_pages;
	skb_frag_t pages[LINETLS_RECORD_PAGES];
};

/**
 * struct linetls_tracker - the records of a socket in sequence order
 * @ring:	records at index & @mask; the first is usually the start
 *		marker of tls.h: no bytes, ends where the offload begins
 * @head:	index of the oldest, free-running
 * @tail:	index after the newest
 * @acked:	TCP sequence number that the peer has acknowledged up to
 *
 * Append and release are O(1), seek is O(log n). Protected by offload->lock.
 */
struct linetls_tracker {
	struct linetls_record **ring;
	u32 mask;
	u32 head;
	u32 tail;
	u32 acked;
};

struct linetls_count {
	u64 records;
	u64 device_packets;
	u64 device_bytes;
	u64 software_packets;
	u64 software_bytes;
	u64 dropped_packets;
	u64 resyncs;
	u64 zerocopy_bytes;
	u64 copied_bytes;
};

/**
 * struct linetls_ctx - a socket with the ULP
 * @tls:	what drivers expect behind icsk_ulp_data; first
 * @offload:	NULL until TLS_TX; also tls.priv_ctx_tx
 * @key:	of the records to come
 * @net:	counters of the socket's namespace
 * @mode:	enum linetls_tx_mode
 * @reason:	enum linetls_tx_reason
 * @handover:	LINETLS_TX_HANDOVER
 * @handover_left: payload to go before a device is asked
 * @next_sn:	sequence number of the next record
 * @next_nonce:	its explicit nonce
 * @open:	record being filled, not yet in the tracker; info.len is 0 when
 *		there is none
 * @push:	record in the tracker of which TCP has not taken everything; a
 *		reference, since a FIN may be acknowledged in its place
 * @push_frag:	its first fragment that TCP has not taken wholly
 * @push_off:	bytes taken of that fragment
 * @pushing:	a sender is inside TCP
 * @held:	TCP has bytes and was told that more comes (LINETLS_NOTLAST)
 * @retry:	pushes where no ACK will; holds the socket
 * @cork:	closes an open record that nobody goes on with; holds the socket
 * @corked_at:	when the last call left one (jiffies)
 * @write_seq:	TCP's write_seq as we left it
 * @error:	errno of every call that would send, 0: none
 * @broken:	somebody else has written to the stream: nothing more is sent
 * @guard:	of the file that was announced last, or NULL; a reference
 * @file_reason: enum linetls_file_reason, where there is no guard
 * @tracker:	records sent and not acknowledged
 * @count:	for LINETLS_TX_STATUS
 * @ahead:	of the last record that software has begun, or NULL
 * @dev_start:	the device encrypts from this TCP sequence number on
 * @dev_start_open: packets before @dev_start may still be sent
 * @dev_next:	what follows the last packet for the device
 * @route_dev:	device that the last binding was tried for; only compared
 * @dev_gen:	linetls_dev_gen at that time
 * @stalled:	the device is passed by until @stalled_until (jiffies)
 * @on_device:	a device has the keys, and the route leads to it
 * @fallbacks:	how often that ended
 * @reoffloads:	how often it began, but for the first time
 * @fallback_reason: enum linetls_tx_reason of the last fallback
 * @counted:	the counters of connections know this one
 * @sk_gone:	the socket must not be looked at any more
 * @destruct:	the socket's own sk_destruct
 * @ip_ops:	the socket's own icsk_af_ops
 * @af_ops:	them, with our queue_xmit
 * @work:	the end of a context that had TLS_TX
 *
 * Lives until both the socket and a device event under way have dropped
 * tls.refcount. Who protects what: see the top; @tracker to @dev_start_open
 * by offload->lock, @on_device to @sk_gone by bound_lock (device.c), all else
 * by the socket lock.
 */
struct linetls_ctx {
	struct tls_context tls;
	struct tls_offload_context_tx *offload;
	struct linetls_key *key;
	struct linetls_net *net;
	u8 mode;
	u8 reason;
	u32 handover;
	u32 handover_left;

	u64 next_sn;
	u64 next_nonce;
	struct linetls_record *push;
	int push_frag;
	u32 push_off;
	bool pushing;
	bool held;
	struct timer_list retry;
	struct delayed_work cork;
	unsigned long corked_at;
	u32 write_seq;
	int error;
	bool broken;
	struct linetls_guard *guard;
	u8 file_reason;

	struct linetls_tracker tracker;
	struct linetls_count count;
	struct linetls_ahead *ahead;
	u32 dev_start;
	bool dev_start_open;
	u32 dev_next;

	const struct net_device *route_dev;
	u32 dev_gen;
	bool stalled;
	unsigned long stalled_until;

	bool on_device;
	bool counted;
	bool sk_gone;
	u8 fallback_reason;
	u32 fallbacks;
	u32 reoffloads;

	void (*destruct)(struct sock *sk);
	const struct inet_connection_sock_af_ops *ip_ops;
	struct inet_connection_sock_af_ops af_ops;
	struct work_struct work;
	struct linetls_record open;
};

static inline struct linetls_ctx *linetls_ctx(const struct sock *sk)
{
	return container_of(tls_get_ctx(sk), struct linetls_ctx, tls);
}

/* main.c */
/*
 * The ends of contexts: takes no socket lock, since device.c waits for it under
 * RTNL. A socket's owner may be in a page fault for as long as a file system of
 * user space likes, and what waits for him is on the other.
 */
extern struct workqueue_struct *linetls_wq;
extern struct workqueue_struct *linetls_cork_wq;
void linetls_ctx_put(struct linetls_ctx *ctx);

/* send.c */
int linetls_close_open(struct sock *sk);
void linetls_drop_push(struct linetls_ctx *ctx);
int linetls_sendmsg(struct sock *sk, struct msghdr *msg, size_t size);
int linetls_sendpage(struct sock *sk, struct page *page, int offset,
		     size_t size, int flags);
void linetls_splice_eof(struct socket *sock);
void linetls_flush(struct sock *sk);
void linetls_write_space(struct sock *sk);
void linetls_retry(struct timer_list *timer);
void linetls_uncork(struct work_struct *work);

/* record.c */
struct linetls_record *linetls_record_alloc(int num_frags, gfp_t gfp);
void linetls_record_fill(struct linetls_record *rec,
			 const struct linetls_record *open);
void linetls_record_clear(struct linetls_record *open);
void linetls_record_trim(struct linetls_record *open, u32 n);
void linetls_record_put(struct linetls_record *rec);
int linetls_tracker_init(struct linetls_ctx *ctx, u32 start_seq, u64 first_sn);
int linetls_tracker_reserve(struct linetls_ctx *ctx);
void linetls_tracker_append(struct linetls_ctx *ctx, struct linetls_record *rec);
void linetls_tracker_release(struct sock *sk, struct linetls_ctx *ctx,
			     u32 acked_seq);
void linetls_tracker_rekey(struct linetls_ctx *ctx);
void linetls_tracker_uncharge(struct sock *sk, struct linetls_ctx *ctx);
void linetls_tracker_destroy(struct linetls_ctx *ctx);
void linetls_tracker_free(struct linetls_ctx *ctx);
bool linetls_tracker_seek(struct linetls_ctx *ctx, u32 seq, u32 *index);

static inline struct linetls_record *
linetls_tracker_at(const struct linetls_tracker *t, u32 index)
{
	return t->ring[index & t->mask];
}

static inline u32 linetls_record_start(const struct linetls_record *rec)
{
	return rec->info.end_seq - rec->info.len;
}

/* crypto.c */
const struct linetls_cipher *linetls_cipher_find(u16 type);
struct linetls_key *linetls_key_create(const struct linetls_cipher *cipher,
				       const struct tls_crypto_info *info);
void linetls_key_put(struct linetls_key *key);
void linetls_key_export(const struct linetls_key *key, u64 sn, u64 nonce,
			struct tls_crypto_info *info);
u64 linetls_key_first_nonce(const struct linetls_key *key);
bool linetls_key_is_same(const struct linetls_cipher *cipher,
			 struct tls_crypto_info *a, struct tls_crypto_info *b);
int linetls_crypto_init(void);
void linetls_crypto_exit(void);
int linetls_seal(const struct linetls_record *rec, u32 from, u32 to,
		 struct sk_buff *skb, int skb_off);
struct linetls_ahead *linetls_ahead_alloc(struct linetls_record *rec, u32 from);
void linetls_ahead_free(struct linetls_ahead *ahead);
int linetls_seal_ahead(struct linetls_ahead *ahead, struct sk_buff *skb,
		       int skb_off);
int linetls_ahead_copy(const struct linetls_ahead *ahead, u32 from, u32 to,
		       struct sk_buff *skb, int skb_off);

/* guard.c, guard_pages.c; the rest is in guard.h */
struct linetls_guard_totals {
	atomic_long_t live;
	atomic_long_t breaks;
	atomic_long_t torn;
};

extern struct linetls_guard_totals linetls_guard_totals;
extern bool linetls_guard_torn;
int linetls_guard_init(void);
void linetls_guard_exit(void);
int linetls_guard_get(int fd, struct linetls_guard **result, u8 *reason);
void linetls_guard_put(struct linetls_guard *guard);
u8 linetls_guard_reason(const struct linetls_ctx *ctx);
bool linetls_guard_take(struct linetls_ctx *ctx, struct page *page);
void linetls_guard_release(struct linetls_record *rec);
bool linetls_guard_is_torn(const struct linetls_record *rec);

/* edge.c */
int linetls_queue_xmit(struct sock *sk, struct sk_buff *skb, struct flowi *fl);
struct sk_buff *linetls_validate_xmit(struct sock *sk, struct net_device *dev,
				      struct sk_buff *skb);

/* device.c */
int linetls_device_init(void);
void linetls_device_exit(void);
extern u32 linetls_dev_gen;
struct net_device *linetls_dst_dev(struct sock *sk, const struct dst_entry *dst,
				   u8 *reason);
struct dst_entry *linetls_route(struct sock *sk);
int linetls_bind(struct sock *sk, struct linetls_ctx *ctx);
void linetls_bind_key(struct sock *sk, struct linetls_ctx *ctx);
void linetls_rebind(struct sock *sk, struct linetls_ctx *ctx);
void linetls_note_path(struct linetls_ctx *ctx, u8 reason);
void linetls_unbind(struct linetls_ctx *ctx);
void linetls_count_start(struct linetls_ctx *ctx);
void linetls_sk_gone(struct linetls_ctx *ctx);

/*
 * linetls_dst - the socket's route, NULL if it has none or an obsolete one
 *
 * An obsolete one says nothing: its device may be blackhole_netdev by now.
 * Context: as TCP's, which owns the socket.
 */
static inline struct dst_entry *linetls_dst(struct sock *sk)
{
	u32 cookie = 0;

#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		cookie = inet6_sk(sk)->dst_cookie;
#endif
	return __sk_dst_check(sk, cookie);
}

/* Is it worth asking linetls_rebind()? Context: socket lock held. */
static inline bool linetls_route_changed(struct sock *sk,
					 const struct linetls_ctx *ctx)
{
	const struct dst_entry *dst;
	u8 reason;
	bool changed;

	if (ctx->mode == LINETLS_TX_MODE_SOFTWARE || ctx->handover_left)
		return false;
	dst = linetls_dst(sk);
	if (!dst)
		return false;
	rcu_read_lock();
	changed = linetls_dst_dev(sk, dst, &reason) != ctx->route_dev ||
		  READ_ONCE(linetls_dev_gen) != ctx->dev_gen;
	rcu_read_unlock();
	return changed;
}

/* diag.c */
#define LINETLS_STATS(x)						\
	x(CURR_TX_SW, "LinetlsCurrTxSw")				\
	x(CURR_TX_DEVICE, "LinetlsCurrTxDevice")			\
	x(TX_SW, "LinetlsTxSw")						\
	x(TX_DEVICE, "LinetlsTxDevice")					\
	x(FALLBACKS, "LinetlsFallbacks")				\
	x(REOFFLOADS, "LinetlsReoffloads")				\
	x(HANDOVERS, "LinetlsHandovers")				\
	x(REKEYS, "LinetlsRekeys")					\
	x(RECORDS, "LinetlsRecords")					\
	x(RECORDS_TRACKED, "LinetlsRecordsTracked")			\
	x(DEVICE_PACKETS, "LinetlsDevicePackets")			\
	x(DEVICE_BYTES, "LinetlsDeviceBytes")				\
	x(RESYNCS, "LinetlsResyncs")					\
	x(SW_PACKETS, "LinetlsSoftwarePackets")				\
	x(SW_BYTES, "LinetlsSoftwareBytes")				\
	x(REROUTED, "LinetlsRerouted")					\
	x(DROP_HEADER, "LinetlsDropHeader")				\
	x(DROP_FRAGMENT, "LinetlsDropFragment")				\
	x(DROP_ACKED, "LinetlsDropAcked")				\
	x(DROP_STREAM, "LinetlsDropStream")				\
	x(DROP_NO_RECORD, "LinetlsDropNoRecord")			\
	x(DROP_MEMORY, "LinetlsDropMemory")				\
	x(DROP_CRYPTO, "LinetlsDropCrypto")				\
	x(DROP_TORN, "LinetlsDropTorn")					\
	x(ZEROCOPY_BYTES, "LinetlsZerocopyBytes")			\
	x(COPIED_BYTES, "LinetlsCopiedBytes")				\
	x(COPY_DIRTY, "LinetlsCopyDirty")				\
	x(COPY_PINNED, "LinetlsCopyPinned")				\
	x(COPY_LIMIT, "LinetlsCopyLimit")				\
	x(FILE_GUARDED, "LinetlsFileGuarded")				\
	x(FILE_DESCRIPTOR, "LinetlsFileDescriptor")			\
	x(FILE_DIRECTORY, "LinetlsFileDirectory")			\
	x(FILE_NOT_REGULAR, "LinetlsFileNotRegular")			\
	x(FILE_FILESYSTEM, "LinetlsFileFilesystem")			\
	x(FILE_DAX, "LinetlsFileDax")					\
	x(FILE_SWAP, "LinetlsFileSwap")					\
	x(FILE_WRITER, "LinetlsFileWriter")				\
	x(FILE_RECENT, "LinetlsFileRecent")				\
	x(FILE_LEASE, "LinetlsFileLease")				\
	x(FILE_MOUNT, "LinetlsFileMount")				\
	x(FILE_LIMIT, "LinetlsFileLimit")				\
	x(FILE_MEMORY, "LinetlsFileMemory")				\
	x(REASON_MODE, "LinetlsReasonMode")				\
	x(REASON_NO_ROUTE, "LinetlsReasonNoRoute")			\
	x(REASON_NO_FEATURE, "LinetlsReasonNoFeature")			\
	x(REASON_DEVICE_DOWN, "LinetlsReasonDeviceDown")		\
	x(REASON_REFUSED, "LinetlsReasonRefused")			\
	x(REASON_DRIVER, "LinetlsReasonDriver")				\
	x(REASON_FEATURE_OFF, "LinetlsReasonFeatureOff")		\
	x(REASON_WRAPPED, "LinetlsReasonWrapped")			\
	x(REASON_ROUTE, "LinetlsReasonRoute")				\
	x(REASON_STALLED, "LinetlsReasonStalled")			\
	x(REASON_FRAGMENT, "LinetlsReasonFragment")			\
	x(REASON_HANDOVER, "LinetlsReasonHandover")

enum linetls_stat {
#define LINETLS_STAT_ENUM(id, name)	LINETLS_STAT_##id,
	LINETLS_STATS(LINETLS_STAT_ENUM)
#undef LINETLS_STAT_ENUM
	LINETLS_STAT_MAX
};

/* Counters of a network namespace; current values are sums of +1 and -1. */
struct linetls_net {
	u64 __percpu *stat;
};

int linetls_diag_init(void);
void linetls_diag_exit(void);
struct linetls_net *linetls_net(const struct net *net);
void linetls_stat_reason(struct linetls_net *net, u8 reason);
void linetls_stat_file(struct linetls_net *net, u8 reason);
int linetls_get_info(struct sock *sk, struct sk_buff *skb);
size_t linetls_get_info_size(const struct sock *sk);
int linetls_get_status(struct sock *sk, struct linetls_tx_status *status);

static inline void linetls_stat_add(struct linetls_net *net,
				    enum linetls_stat stat, u64 n)
{
	this_cpu_add(net->stat[stat], n);
}

static inline void linetls_stat_inc(struct linetls_net *net,
				    enum linetls_stat stat)
{
	linetls_stat_add(net, stat, 1);
}

static inline void linetls_stat_dec(struct linetls_net *net,
				    enum linetls_stat stat)
{
	linetls_stat_add(net, stat, -1);
}

#endif
