/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM linetls

#if !defined(LINETLS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define LINETLS_TRACE_H

#include <linux/tracepoint.h>
#include <net/sock.h>

#include "guard.h"
#include "linetls.h"

DECLARE_EVENT_CLASS(linetls_record,
	TP_PROTO(const struct sock *sk, const struct linetls_record *rec),
	TP_ARGS(sk, rec),
	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(u64, sn)
		__field(u32, seq)
		__field(u32, len)
		__field(u8, type)
	),
	TP_fast_assign(
		__entry->sk = sk;
		__entry->sn = rec->sn;
		__entry->seq = linetls_record_start(rec);
		__entry->len = rec->info.len;
		__entry->type = rec->type;
	),
	TP_printk("sk=%p sn=%llu seq=%u len=%u type=%u",
		  __entry->sk, __entry->sn, __entry->seq, __entry->len,
		  __entry->type)
);

/* A record was closed and numbered: it is in the tracker, TCP is next. */
DEFINE_EVENT(linetls_record, linetls_record_close,
	TP_PROTO(const struct sock *sk, const struct linetls_record *rec),
	TP_ARGS(sk, rec)
);

/* TCP has taken a record, to its last byte. */
DEFINE_EVENT(linetls_record, linetls_record_push,
	TP_PROTO(const struct sock *sk, const struct linetls_record *rec),
	TP_ARGS(sk, rec)
);

/* A record was begun. It gets its number when it is closed. */
TRACE_EVENT(linetls_record_open,
	TP_PROTO(const struct sock *sk, u32 seq, u8 type),
	TP_ARGS(sk, seq, type),
	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(u32, seq)
		__field(u8, type)
	),
	TP_fast_assign(
		__entry->sk = sk;
		__entry->seq = seq;
		__entry->type = type;
	),
	TP_printk("sk=%p seq=%u type=%u",
		  __entry->sk, __entry->seq, __entry->type)
);

/* Records were acknowledged and released. */
TRACE_EVENT(linetls_record_release,
	TP_PROTO(const struct sock *sk, u32 acked_seq, u32 records),
	TP_ARGS(sk, acked_seq, records),
	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(u32, acked_seq)
		__field(u32, records)
	),
	TP_fast_assign(
		__entry->sk = sk;
		__entry->acked_seq = acked_seq;
		__entry->records = records;
	),
	TP_printk("sk=%p acked=%u records=%u",
		  __entry->sk, __entry->acked_seq, __entry->records)
);

/* A packet was encrypted in software, or could not be (err). */
TRACE_EVENT(linetls_software,
	TP_PROTO(const struct sock *sk, u32 seq, u32 len, int err),
	TP_ARGS(sk, seq, len, err),
	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(u32, seq)
		__field(u32, len)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->sk = sk;
		__entry->seq = seq;
		__entry->len = len;
		__entry->err = err;
	),
	TP_printk("sk=%p seq=%u len=%u err=%d",
		  __entry->sk, __entry->seq, __entry->len, __entry->err)
);

/* A connection went to a device (reason 0), or to software. */
TRACE_EVENT(linetls_bind,
	TP_PROTO(const struct sock *sk, int ifindex, u32 start_seq, u8 reason),
	TP_ARGS(sk, ifindex, start_seq, reason),
	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(int, ifindex)
		__field(u32, start_seq)
		__field(u8, reason)
	),
	TP_fast_assign(
		__entry->sk = sk;
		__entry->ifindex = ifindex;
		__entry->start_seq = start_seq;
		__entry->reason = reason;
	),
	TP_printk("sk=%p ifindex=%d start=%u reason=%u",
		  __entry->sk, __entry->ifindex, __entry->start_seq,
		  __entry->reason)
);

/* A connection has left its device, for an enum linetls_tx_reason. */
TRACE_EVENT(linetls_fallback,
	TP_PROTO(const struct sock *sk, u8 reason),
	TP_ARGS(sk, reason),
	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(u8, reason)
	),
	TP_fast_assign(
		__entry->sk = sk;
		__entry->reason = reason;
	),
	TP_printk("sk=%p reason=%u", __entry->sk, __entry->reason)
);

/* A connection in software has gone to a device, or back to it. */
TRACE_EVENT(linetls_reoffload,
	TP_PROTO(const struct sock *sk),
	TP_ARGS(sk),
	TP_STRUCT__entry(
		__field(const void *, sk)
	),
	TP_fast_assign(
		__entry->sk = sk;
	),
	TP_printk("sk=%p", __entry->sk)
);

/* A packet for the device is not the next one: it needs the record's start. */
TRACE_EVENT(linetls_resync,
	TP_PROTO(const struct sock *sk, u32 seq, u32 expected,
		 const struct linetls_record *rec),
	TP_ARGS(sk, seq, expected, rec),
	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(u64, sn)
		__field(u32, seq)
		__field(u32, expected)
		__field(u32, start)
	),
	TP_fast_assign(
		__entry->sk = sk;
		__entry->sn = rec->sn;
		__entry->seq = seq;
		__entry->expected = expected;
		__entry->start = linetls_record_start(rec);
	),
	TP_printk("sk=%p seq=%u expected=%u sn=%llu start=%u",
		  __entry->sk, __entry->seq, __entry->expected, __entry->sn,
		  __entry->start)
);

/* A guard has ended; a writer has waited for that, or not. */
TRACE_EVENT(linetls_guard_end,
	TP_PROTO(const struct linetls_guard *guard, u32 busy, u64 ns),
	TP_ARGS(guard, busy, ns),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(unsigned long, ino)
		__field(u32, pages)
		__field(u64, ns)
		__field(bool, by_writer)
		__field(bool, torn)
	),
	TP_fast_assign(
		__entry->dev = guard->inode->i_sb->s_dev;
		__entry->ino = guard->inode->i_ino;
		__entry->pages = busy << guard->shift;
		__entry->ns = ns;
		__entry->by_writer = guard->by_writer;
		__entry->torn = guard->torn;
	),
	TP_printk("dev=%d:%d ino=%lu pages=%u ns=%llu by_writer=%d torn=%d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->pages, __entry->ns, __entry->by_writer,
		  __entry->torn)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace

#include <trace/define_trace.h>
