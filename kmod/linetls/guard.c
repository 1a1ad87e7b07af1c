// SPDX-License-Identifier: GPL-2.0
/*
 * Copy protection: files whose pages are sent without a copy, and still never
 * change on the way.
 *
 * A guard is a read lease on a file (guard_file.c), shared by all connections
 * that have announced it. While it is live nobody has the file open for
 * writing, so that its pages can go into records as they are (guard_pages.c).
 * Whoever opens it for writing breaks the lease and waits, for us alone:
 *
 *   1. the guard is no longer live: from now on pages are copied;
 *   2. the pages in flight are detached from the page cache;
 *   3. the lease is given back, and the writer gets in.
 *
 * If nothing is in flight, the lease is given back at once, and the writer does
 * not wait at all. None of it waits for a client. Guards end in the same way
 * when nobody uses them, when memory is short and when the file system is
 * unmounted.
 *
 * A file that was written to is not guarded again at once: the delay grows as
 * long as writers come soon after, so that announcing a file can't keep them
 * waiting again and again. The table remembers that by the inode's address
 * alone: should another inode get it, the worst is a copy.
 *
 * Locks, outermost first; none is taken with a socket lock held, except
 * table_lock, which sleeps for nobody:
 *   create_locks (mutexes)	one guard of a file is made at a time: two would
 *				break each other
 *   mounts_lock (mutex)	guard_file.c
 *   flc_lock of the VFS	held around guard_end() in a lease's break
 *   table_lock (spinlock)	the table and its size, guard->unused
 * guard->state goes by cmpxchg(); that it is live is read under RCU. What a
 * guard is made of belongs to its maker until it is live, and to its work from
 * GUARD_ENDING on. Counters of chunks are atomic.
 */
#include <linux/file.h>
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/writeback.h>

#include "linetls.h"
#include "guard.h"
#include "trace.h"

#define TABLE_BITS	12
#define BACKOFF_MIN	(HZ / 10)
#define BACKOFF_MAX	(10 * HZ)
#define SCAN_INTERVAL	(HZ / 2)
#define WRITE_PAGES	1024

static unsigned int guard_files = 65536;
static unsigned int guard_idle = 10;

module_param(guard_files, uint, 0644);
MODULE_PARM_DESC(guard_files, "files guarded at most");
module_param(guard_idle, uint, 0644);
MODULE_PARM_DESC(guard_idle, "seconds that a file stays guarded unused");
module_param(guard_pages, uint, 0644);
MODULE_PARM_DESC(guard_pages, "pages of a file in flight at most");

static DEFINE_HASHTABLE(table, TABLE_BITS);
static DEFINE_SPINLOCK(table_lock);
static unsigned int table_size;		/* table_lock */
/* Several: a maker may have to wait for his cgroup's memory. */
static struct mutex create_locks[64];
static struct workqueue_struct *guard_wq;

struct linetls_guard_totals linetls_guard_totals;
bool linetls_guard_torn;

static void reap(struct work_struct *work);
static DECLARE_DELAYED_WORK(reaper, reap);

static void guard_free(struct rcu_head *rcu)
{
	struct linetls_guard *guard = container_of(rcu, struct linetls_guard,
						   rcu);

	kvfree(guard->inflight);
	kvfree(guard->left);
	kvfree(guard->seen);
	kfree(guard);
}

/*
 * linetls_guard_put - drop a reference. Any context: a spinlock may be held,
 * under which kvfree() may not sleep.
 */
void linetls_guard_put(struct linetls_guard *guard)
{
	if (guard && refcount_dec_and_test(&guard->ref))
		call_rcu(&guard->rcu, guard_free);
}

/* table_lock held. */
static struct linetls_guard *find(const struct inode *inode)
{
	struct linetls_guard *guard;

	hash_for_each_possible(table, guard, node, (unsigned long)inode)
		if (guard->inode == inode)
			return guard;
	return NULL;
}

/* table_lock held. */
static void forget(struct linetls_guard *guard)
{
	hash_del(&guard->node);
	table_size--;
	linetls_guard_put(guard);
}

/* Used by nobody but the table and its leases? */
static bool is_unused(const struct linetls_guard *guard)
{
	return refcount_read(&guard->ref) == 2;
}

/* ---- the end of a guard ---- */

/*
 * When may the file be guarded again? Twice as late as last time, if the
 * writer came soon.
 */
static void set_retry(struct linetls_guard *guard)
{
	if (time_after(jiffies, guard->since + 16 * guard->backoff))
		guard->backoff = BACKOFF_MIN;
	else
		guard->backoff = min_t(unsigned long, 2 * guard->backoff,
				       BACKOFF_MAX);
	guard->retry = jiffies + guard->backoff;
}

static void end_work(struct work_struct *work)
{
	struct linetls_guard *guard = container_of(work, struct linetls_guard,
						   work);
	u64 start = ktime_get_ns();
	u32 busy;

	busy = atomic_read(&guard->busy);
	if (!guard_detach(guard)) {
		WRITE_ONCE(guard->torn, true);
		WRITE_ONCE(linetls_guard_torn, true);
		atomic_long_inc(&linetls_guard_totals.torn);
		/*
		 * Packets that were let through before that are out by then, of
		 * queues and of the device.
		 */
		synchronize_rcu_expedited();
		schedule_timeout_uninterruptible(GUARD_LINGER);
	}
	trace_linetls_guard_end(guard, busy, ktime_get_ns() - start);
	guard_close(guard);

	atomic_long_dec(&linetls_guard_totals.live);
	if (guard->by_writer) {
		set_retry(guard);
		/* Pairs with lookup(): retry is there. */
		smp_store_release(&guard->state, GUARD_ENDED);
	} else {
		spin_lock(&table_lock);
		if (!hlist_unhashed(&guard->node))
			forget(guard);
		spin_unlock(&table_lock);
	}
	linetls_guard_put(guard);
}

/**
 * guard_end - the guard has to go
 * @by_writer:	somebody wants to change the file
 *
 * Context: any but hard interrupts, while the guard is in the table or has a
 * lease. Returns true if nothing of the file is in flight, and never will be:
 * there is no need to wait.
 */
bool guard_end(struct linetls_guard *guard, bool by_writer)
{
	if (by_writer)
		WRITE_ONCE(guard->by_writer, true);
	/* If it is not live yet, its maker sees that. */
	if (cmpxchg(&guard->state, GUARD_NEW, GUARD_ENDING) != GUARD_NEW &&
	    cmpxchg(&guard->state, GUARD_LIVE, GUARD_ENDING) == GUARD_LIVE) {
		/* A writer that goes on has been counted. */
		if (by_writer)
			atomic_long_inc(&linetls_guard_totals.breaks);
		queue_work(guard_wq, &guard->work);
	}
	/* Pairs with take(). */
	smp_mb();
	return !guard_in_flight(guard);
}

/* ---- the making of one ---- */

static int refuse(u8 *reason, u8 why, int err)
{
	*reason = why;
	return err;
}

/*
 * A live guard of the inode, with a reference; or NULL and 0 if one can be
 * made, after the @backoff of the last. Else NULL and a negative errno.
 */
static struct linetls_guard *lookup(const struct guard_subject *subject,
				    unsigned long *backoff, int *err,
				    u8 *reason)
{
	const struct inode *top = subject->top ? d_inode(subject->top) : NULL;
	struct linetls_guard *guard;
	int state;

	*err = 0;
	spin_lock(&table_lock);
	guard = find(d_inode(subject->dentry));
	if (!guard)
		goto out;
	/* Pairs with end_work(). */
	state = smp_load_acquire(&guard->state);
	if (state == GUARD_LIVE && guard->top == top) {
		refcount_inc(&guard->ref);
		goto out;
	}
	if (state == GUARD_LIVE) {
		/* Seen through two overlays, or through one and directly. */
		*err = refuse(reason, LINETLS_FILE_FILESYSTEM, -EOPNOTSUPP);
	} else if (state == GUARD_ENDED && time_after(jiffies, guard->retry)) {
		*backoff = guard->backoff;
		forget(guard);
	} else {
		*err = refuse(reason, LINETLS_FILE_RECENT, -EAGAIN);
	}
	guard = NULL;
out:
	spin_unlock(&table_lock);
	return guard;
}

static struct linetls_guard *alloc_guard(const struct guard_subject *subject,
					 unsigned long backoff)
{
	struct linetls_guard *guard = kzalloc(sizeof(*guard), GFP_KERNEL);

	if (!guard)
		return NULL;
	refcount_set(&guard->ref, 1);
	guard->state = GUARD_NEW;
	guard->inode = d_inode(subject->dentry);
	guard->top = subject->top ? d_inode(subject->top) : NULL;
	guard->mapping = d_inode(subject->dentry)->i_mapping;
	guard->backoff = backoff ?: BACKOFF_MIN;
	guard->since = jiffies;
	INIT_WORK(&guard->work, end_work);
	return guard;
}

/* From here on guard_end() works: the maker lets go. */
static int go_live(struct linetls_guard *guard, u8 *reason)
{
	/* For the table and the leases. */
	refcount_add(2, &guard->ref);
	atomic_long_inc(&linetls_guard_totals.live);
	if (cmpxchg(&guard->state, GUARD_NEW, GUARD_LIVE) != GUARD_NEW) {
		atomic_long_dec(&linetls_guard_totals.live);
		WARN_ON_ONCE(refcount_sub_and_test(2, &guard->ref));
		return refuse(reason, LINETLS_FILE_RECENT, -EAGAIN);
	}
	spin_lock(&table_lock);
	hash_add(table, &guard->node, (unsigned long)guard->inode);
	table_size++;
	spin_unlock(&table_lock);
	queue_delayed_work(guard_wq, &reaper, SCAN_INTERVAL);
	return 0;
}

/* One of create_locks held. Returns the guard with a reference, or NULL. */
static struct linetls_guard *create(const struct guard_subject *subject,
				    unsigned long backoff, int *err, u8 *reason)
{
	struct linetls_guard *guard;

	/* Those that have ended count, too: they are memory. */
	if (READ_ONCE(table_size) >= READ_ONCE(guard_files)) {
		*err = refuse(reason, LINETLS_FILE_LIMIT, -ENFILE);
		return NULL;
	}
	guard = alloc_guard(subject, backoff);
	if (!guard) {
		*err = refuse(reason, LINETLS_FILE_MEMORY, -ENOMEM);
		return NULL;
	}
	*err = guard_open(guard, subject, reason);
	/* The size is final from now on, unless the lease is broken already. */
	if (!*err)
		*err = guard_chunks_alloc(guard, i_size_read(guard->inode));
	if (*err == -ENOMEM)
		*reason = LINETLS_FILE_MEMORY;
	else if (*err == -EFBIG)
		*reason = LINETLS_FILE_LIMIT;
	if (!*err)
		*err = go_live(guard, reason);
	if (!*err)
		return guard;
	guard_close(guard);
	linetls_guard_put(guard);
	return NULL;
}

static struct mutex *create_lock(const struct inode *inode)
{
	return &create_locks[hash_ptr(inode, ilog2(ARRAY_SIZE(create_locks)))];
}

/*
 * What is dirty is copied: not for long. No more is written at a time than the
 * disk takes without keeping the caller waiting.
 */
static void start_writing(struct address_space *mapping)
{
	struct writeback_control wbc = {
		.sync_mode = WB_SYNC_NONE,
		.nr_to_write = WRITE_PAGES,
		.range_end = LLONG_MAX,
	};

	if (mapping_tagged(mapping, PAGECACHE_TAG_DIRTY))
		filemap_fdatawrite_wbc(mapping, &wbc);
}

static struct linetls_guard *get_guard(const struct guard_subject *subject,
				       int *err, u8 *reason)
{
	struct mutex *lock = create_lock(d_inode(subject->dentry));
	struct linetls_guard *guard;
	unsigned long backoff = 0;

	guard = lookup(subject, &backoff, err, reason);
	if (!guard && !*err) {
		mutex_lock(lock);
		guard = lookup(subject, &backoff, err, reason);
		if (!guard && !*err)
			guard = create(subject, backoff, err, reason);
		mutex_unlock(lock);
	}
	if (*err == -EAGAIN &&
	    inode_is_open_for_write(d_inode(subject->dentry)))
		*err = refuse(reason, LINETLS_FILE_WRITER, -ETXTBSY);
	if (guard)
		start_writing(guard->mapping);
	return guard;
}

/**
 * linetls_guard_get - LINETLS_TX_FILE: guard the file behind a descriptor
 * @result:	the guard, referenced; NULL if @fd is -1
 * @reason:	enum linetls_file_reason
 *
 * May sleep; no socket lock is held. Returns 0 or a negative errno.
 */
int linetls_guard_get(int fd, struct linetls_guard **result, u8 *reason)
{
	struct guard_subject subject;
	struct file *file;
	int err;

	*result = NULL;
	*reason = LINETLS_FILE_NONE;
	if (fd == -1)
		return 0;
	file = fget(fd);
	if (!file)
		return refuse(reason, LINETLS_FILE_DESCRIPTOR, -EBADF);
	err = guard_subject_get(file, &subject, reason);
	if (!err) {
		*result = get_guard(&subject, &err, reason);
		guard_subject_put(&subject);
	}
	fput(file);
	if (!err)
		*reason = LINETLS_FILE_GUARDED;
	return err;
}

/**
 * linetls_guard_reason - what became of the file that was announced
 *
 * Context: RCU reader or socket lock.
 */
u8 linetls_guard_reason(const struct linetls_ctx *ctx)
{
	const struct linetls_guard *guard = READ_ONCE(ctx->guard);

	if (!guard)
		return ctx->file_reason;
	return READ_ONCE(guard->state) == GUARD_LIVE ? LINETLS_FILE_GUARDED :
						       LINETLS_FILE_BROKEN;
}

/* ---- guards that nobody needs ---- */

static void reap_live(struct linetls_guard *guard)
{
	if (guard_is_unmounted(guard)) {
		guard_end(guard, false);
	} else if (!is_unused(guard)) {
		guard->unused = 0;
	} else if (!guard->unused) {
		guard->unused = jiffies | 1;
	} else if (time_after(jiffies, guard->unused +
			      READ_ONCE(guard_idle) * HZ)) {
		guard_end(guard, false);
	}
}

/* What the table remembers of a writer, until that means nothing any more. */
static void reap_ended(struct linetls_guard *guard)
{
	if (time_after(jiffies, guard->retry + 16 * guard->backoff))
		forget(guard);
}

static void reap(struct work_struct *work)
{
	struct linetls_guard *guard;
	struct hlist_node *next;
	bool left = false;
	int i;

	guard_mounts_scan();
	for (i = 0; i < HASH_SIZE(table); i++) {
		spin_lock(&table_lock);
		hlist_for_each_entry_safe(guard, next, &table[i], node) {
			/* Pairs with end_work(). */
			int state = smp_load_acquire(&guard->state);

			if (state == GUARD_LIVE)
				reap_live(guard);
			else if (state == GUARD_ENDED)
				reap_ended(guard);
		}
		left |= !hlist_empty(&table[i]);
		spin_unlock(&table_lock);
		cond_resched();
	}
	if (left)
		queue_delayed_work(guard_wq, &reaper, SCAN_INTERVAL);
}

static unsigned long shrink_count(struct shrinker *shrinker,
				  struct shrink_control *sc)
{
	return atomic_long_read(&linetls_guard_totals.live) ?: SHRINK_EMPTY;
}

/* End what is unused: that lets go of inodes, which are memory. */
static unsigned long shrink_scan(struct shrinker *shrinker,
				 struct shrink_control *sc)
{
	static atomic_t cursor;
	unsigned long ended = 0, seen = 0;
	struct linetls_guard *guard;
	int i;

	for (i = 0; i < HASH_SIZE(table) && seen < sc->nr_to_scan; i++) {
		u32 slot = atomic_inc_return(&cursor) % HASH_SIZE(table);

		spin_lock(&table_lock);
		hlist_for_each_entry(guard, &table[slot], node) {
			seen++;
			if (READ_ONCE(guard->state) != GUARD_LIVE ||
			    !is_unused(guard))
				continue;
			guard_end(guard, false);
			ended++;
		}
		spin_unlock(&table_lock);
	}
	return ended ?: SHRINK_STOP;
}

/* ---- the module ---- */

#ifdef HAVE_SHRINKER_ALLOC
static struct shrinker *shrinker;

static int shrinker_start(void)
{
	shrinker = shrinker_alloc(0, "linetls-guard");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = shrink_count;
	shrinker->scan_objects = shrink_scan;
	shrinker_register(shrinker);
	return 0;
}

static void shrinker_stop(void)
{
	shrinker_free(shrinker);
}
#else
static struct shrinker shrinker = {
	.count_objects = shrink_count,
	.scan_objects = shrink_scan,
	.seeks = DEFAULT_SEEKS,
};

static int shrinker_start(void)
{
	return register_shrinker(&shrinker, "linetls-guard");
}

static void shrinker_stop(void)
{
	unregister_shrinker(&shrinker);
}
#endif

int linetls_guard_init(void)
{
	int err, i;

	for (i = 0; i < ARRAY_SIZE(create_locks); i++)
		mutex_init(&create_locks[i]);
	/* A writer waits: for no other work, and not for memory. */
	guard_wq = alloc_workqueue("linetls_guard", WQ_UNBOUND | WQ_HIGHPRI |
				   WQ_MEM_RECLAIM, 0);
	if (!guard_wq)
		return -ENOMEM;
	err = guard_file_init();
	if (err)
		goto err_wq;
	err = shrinker_start();
	if (err)
		goto err_file;
	guard_pages_init();
	return 0;

err_file:
	guard_file_exit();
err_wq:
	destroy_workqueue(guard_wq);
	return err;
}

/* No socket is left. */
void linetls_guard_exit(void)
{
	struct linetls_guard *guard;
	struct hlist_node *next;
	int i;

	guard_pages_exit();
	shrinker_stop();
	cancel_delayed_work_sync(&reaper);
	spin_lock(&table_lock);
	hash_for_each(table, i, guard, node)
		guard_end(guard, false);
	spin_unlock(&table_lock);
	destroy_workqueue(guard_wq);
	hash_for_each_safe(table, i, next, guard, node)
		forget(guard);
	guard_file_exit();
	/* guard_free() is the module's. */
	rcu_barrier();
}
