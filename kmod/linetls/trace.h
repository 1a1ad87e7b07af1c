/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM linetls

#if !defined(LINETLS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define LINETLS_TRACE_H

#include <linux/tracepoint.h>
#include <net/sock.h>

#include "linetls.h"

/* A record was closed, numbered and given to TCP. */
TRACE_EVENT(linetls_record,
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

/* Records were acknowledged and released. */
TRACE_EVENT(linetls_release,
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

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace

#include <trace/define_trace.h>
