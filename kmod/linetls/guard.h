/* SPDX-License-Identifier: GPL-2.0 */
/* What guard*.c share. The protocol and the locks: see guard.c. */
#ifndef LINETLS_GUARD_H
#define LINETLS_GUARD_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>

enum guard_state {
	GUARD_NEW,	/* leases are being taken */
	GUARD_LIVE,	/* pages may be sent without a copy */
	GUARD_ENDING,	/* somebody waits for the leases, or we let go */
	GUARD_ENDED,	/* no lease, no file; only a date */
};

/* A mount of our own, so that the user's can be taken away under a guard. */
struct guard_mount {
	struct list_head list;
	struct rcu_head rcu;
	struct vfsmount *mnt;
	u32 users;
	bool gone;	/* the only one, when that was looked at */
};

/*
 * struct guard_subject - the file that a descriptor stands for
 * @dentry:	that of the inode whose page cache is sent; a reference
 * @top:	an overlay's dentry above it, or NULL; a reference
 * @mnt:	the descriptor's mount, as long as its file is held
 */
struct guard_subject {
	struct dentry *dentry;
	struct dentry *top;
	struct vfsmount *mnt;
};

/**
 * struct linetls_guard - a file whose content can't change unheard
 * @ref:	the table's, one while it holds leases, one for each connection
 *		that has announced the file and each record with pages of it
 * @rcu:	ss looks at @state without a lock
 * @state:	enum guard_state; forward only, by cmpxchg()
 * @by_writer:	somebody wanted the lease
 * @torn:	pages in flight could not be detached: records must not leave
 * @node:	in the table; by @inode
 * @inode:	only compared, and pinned by @files while there are leases
 * @top:	the overlay's inode, likewise, or NULL
 * @mapping:	of @inode
 * @files:	what the leases are on: @inode, @top; private references
 * @mount:	where @files were opened
 * @shift:	log2 of the pages in a chunk
 * @chunks:	how many of them the file has
 * @inflight:	records with pages of a chunk
 * @seen:	chunks whose pages were looked at for pins
 * @barred:	chunks that had one
 * @busy:	chunks in flight
 * @held:	the sum of @inflight
 * @left:	jiffies when a record last let go of a chunk
 * @last_left:	the last of @left
 * @since:	jiffies when it went live
 * @unused:	jiffies when the table was seen to be the last user, or 0
 * @retry:	jiffies from which on the file can be guarded again
 * @backoff:	jiffies that @retry is behind the end
 * @work:	the end
 */
struct linetls_guard {
	refcount_t ref;
	struct rcu_head rcu;
	int state;
	bool by_writer;
	bool torn;
	struct hlist_node node;
	const struct inode *inode;
	const struct inode *top;
	struct address_space *mapping;
	struct file *files[2];
	struct guard_mount *mount;
	u32 shift;
	u32 chunks;
	atomic_t *inflight;
	unsigned long *seen;
	unsigned long *barred;
	atomic_t busy;
	atomic_t held;
	u32 *left;
	unsigned long last_left;
	unsigned long since;
	unsigned long unused;
	unsigned long retry;
	unsigned long backoff;
	struct work_struct work;
};

/* guard.c */
bool guard_end(struct linetls_guard *guard, bool by_writer);

/* guard_file.c */
int guard_subject_get(struct file *file, struct guard_subject *subject,
		      u8 *reason);
void guard_subject_put(struct guard_subject *subject);
int guard_open(struct linetls_guard *guard, const struct guard_subject *subject,
	       u8 *reason);
void guard_close(struct linetls_guard *guard);
void guard_mounts_scan(void);
bool guard_is_unmounted(const struct linetls_guard *guard);
int guard_file_init(void);
void guard_file_exit(void);

/* No device, and no queue of packets, sits on one for so long. */
#define GUARD_LINGER	(2 * HZ)

/* guard_pages.c */
extern unsigned int guard_pages;
int guard_chunks_alloc(struct linetls_guard *guard, loff_t size);
bool guard_in_flight(const struct linetls_guard *guard);
bool guard_detach(struct linetls_guard *guard);
#ifdef CONFIG_FAULT_INJECTION_DEBUG_FS
void guard_pages_init(void);
void guard_pages_exit(void);
#else
static inline void guard_pages_init(void) { }
static inline void guard_pages_exit(void) { }
#endif

#endif
