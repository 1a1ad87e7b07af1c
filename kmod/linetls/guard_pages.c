// SPDX-License-Identifier: GPL-2.0
/*
 * Guarded pages in flight: taken into records instead of a copy, counted by
 * chunks of the file while a record holds them, and detached from the page
 * cache when the guard ends. Records, packets and devices then keep the pages,
 * and with them the old bytes; whoever opens the file gets fresh ones.
 *
 * Nothing is counted per page. A chunk has the number of records that have
 * pages of it, and a record has pages of at most two chunks in a row. What is
 * in flight is limited (guard_pages), since somebody waits while it is
 * detached.
 *
 * A sender counts before it looks for the last time whether the guard is live,
 * and who ends the guard looks at the counters after that: one of them sees
 * the other. A page of a chunk that is counted already can come late, and is
 * detached with its chunk.
 *
 * A record is released when the peer has acknowledged it. It may do so before
 * the device has sent it: the page is there as long as the packet is, but it
 * must not change under the device either. So the counters remember for a while
 * that they have been left.
 */
#include <linux/debugfs.h>
#include <linux/fault-inject.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pagevec.h>
#include <linux/slab.h>

#include "linetls.h"
#include "guard.h"
#include "trace.h"

#define CHUNK_SHIFT_MIN	4
#define CHUNKS_MAX	16384

unsigned int guard_pages = 16384;

/*
 * guard_chunks_alloc - the counters of a file of @size
 *
 * Returns 0, -ENOMEM, or -EFBIG if one chunk would be too much in flight.
 */
int guard_chunks_alloc(struct linetls_guard *guard, loff_t size)
{
	pgoff_t pages = DIV_ROUND_UP_ULL(size, PAGE_SIZE);

	guard->shift = CHUNK_SHIFT_MIN;
	while (pages >> guard->shift >= CHUNKS_MAX)
		guard->shift++;
	if (guard->shift > CHUNK_SHIFT_MIN &&
	    1UL << guard->shift > READ_ONCE(guard_pages))
		return -EFBIG;
	guard->chunks = (pages >> guard->shift) + 1;
	guard->inflight = kvcalloc(guard->chunks, sizeof(*guard->inflight),
				   GFP_KERNEL_ACCOUNT);
	guard->left = kvcalloc(guard->chunks, sizeof(*guard->left),
			       GFP_KERNEL_ACCOUNT);
	guard->seen = kvcalloc(2 * BITS_TO_LONGS(guard->chunks), sizeof(long),
			       GFP_KERNEL_ACCOUNT);
	guard->barred = guard->seen + BITS_TO_LONGS(guard->chunks);
	guard->last_left = jiffies - GUARD_LINGER;
	return guard->inflight && guard->left && guard->seen ? 0 : -ENOMEM;
}

/* Is there a folio of the chunk in the page cache that @test says yes to? */
static bool any_folio(const struct linetls_guard *guard, u32 chunk,
		      bool (*test)(struct folio *folio))
{
	pgoff_t index = (pgoff_t)chunk << guard->shift;
	pgoff_t last = index + (1UL << guard->shift) - 1;
	struct folio_batch batch;
	bool found = false;
	unsigned int i;

	folio_batch_init(&batch);
	while (!found && filemap_get_folios(guard->mapping, &index, last,
					    &batch)) {
		for (i = 0; i < folio_batch_count(&batch) && !found; i++)
			found = test(batch.folios[i]);
		folio_batch_release(&batch);
	}
	return found;
}

/*
 * Who pinned a page to write it could do that before the guard alone: once a
 * chunk was looked at, no page of it can be. Our own references look like pins
 * when they are many, so later is too late, too.
 */
static void look_for_pins(struct linetls_guard *guard, u32 chunk)
{
	if (any_folio(guard, chunk, folio_maybe_dma_pinned))
		set_bit(chunk, guard->barred);
	/* Whoever sees it seen sees it barred. */
	smp_mb__before_atomic();
	set_bit(chunk, guard->seen);
}

static bool is_barred(struct linetls_guard *guard, u32 chunk)
{
	if (!test_bit(chunk, guard->seen))
		look_for_pins(guard, chunk);
	/* Pairs with look_for_pins(). */
	smp_mb__after_atomic();
	return test_bit(chunk, guard->barred);
}

/* Count a record of @chunk, unless too much is in flight. */
static bool chunk_hold(struct linetls_guard *guard, u32 chunk)
{
	if (!atomic_read(&guard->inflight[chunk]) &&
	    (u64)(atomic_read(&guard->busy) + 1) << guard->shift >
	    READ_ONCE(guard_pages))
		return false;
	atomic_inc(&guard->held);
	if (atomic_inc_return(&guard->inflight[chunk]) == 1)
		atomic_inc(&guard->busy);
	return true;
}

static void chunk_release(struct linetls_guard *guard, u32 chunk)
{
	WRITE_ONCE(guard->left[chunk], (u32)jiffies);
	WRITE_ONCE(guard->last_left, jiffies);
	/* Whoever sees it released sees when. */
	smp_mb__before_atomic();
	if (atomic_dec_and_test(&guard->inflight[chunk]))
		atomic_dec(&guard->busy);
	atomic_dec(&guard->held);
}

/* Make the record one with pages of @chunk, if it is not and can be. */
static bool record_hold(struct linetls_record *rec, struct linetls_guard *guard,
			u32 chunk)
{
	if (!rec->guard) {
		if (!chunk_hold(guard, chunk))
			return false;
		refcount_inc(&guard->ref);
		rec->guard = guard;
		rec->chunk = chunk;
		rec->num_chunks = 1;
		return true;
	}
	if (rec->guard != guard)
		return false;
	if (chunk - rec->chunk < rec->num_chunks)
		return true;
	if (chunk - rec->chunk != 1 || !chunk_hold(guard, chunk))
		return false;
	rec->num_chunks = 2;
	return true;
}

static bool is_live(const struct linetls_guard *guard)
{
	return READ_ONCE(guard->state) == GUARD_LIVE;
}

/* RCU read lock held since the guard was live: its mapping is there. */
static bool take(struct linetls_ctx *ctx, struct linetls_guard *guard,
		 struct page *page)
{
	struct folio *folio = page_folio(page);
	pgoff_t index = folio->index + folio_page_idx(folio, page);
	u32 chunk = index >> guard->shift;

	if (READ_ONCE(folio->mapping) != guard->mapping ||
	    index >> guard->shift >= guard->chunks || !folio_test_uptodate(folio) ||
	    PageHWPoison(page))
		return false;
	/* It could be detached only after it has been written. */
	if (folio_test_dirty(folio) || folio_test_writeback(folio)) {
		linetls_stat_inc(ctx->net, LINETLS_STAT_COPY_DIRTY);
		return false;
	}
	if (is_barred(guard, chunk)) {
		linetls_stat_inc(ctx->net, LINETLS_STAT_COPY_PINNED);
		return false;
	}
	if (!record_hold(&ctx->open, guard, chunk)) {
		linetls_stat_inc(ctx->net, LINETLS_STAT_COPY_LIMIT);
		return false;
	}
	/* Pairs with guard_end(): it sees the count, or we see the end. */
	smp_mb();
	return is_live(guard);
}

/**
 * linetls_guard_take - may the open record have @page instead of its bytes?
 *
 * If so, it counts as in flight from now until linetls_guard_release() of the
 * record; the reference to the page is the caller's business. Context: socket
 * lock held, @page is referenced.
 */
bool linetls_guard_take(struct linetls_ctx *ctx, struct page *page)
{
	struct linetls_guard *guard = ctx->guard;
	bool taken;

	if (!guard)
		return false;
	rcu_read_lock();
	taken = is_live(guard) && take(ctx, guard, page);
	rcu_read_unlock();
	return taken;
}

/* linetls_guard_release - the record needs its pages no more. Any context. */
void linetls_guard_release(struct linetls_record *rec)
{
	struct linetls_guard *guard = rec->guard;
	u32 i;

	if (!guard)
		return;
	for (i = 0; i < rec->num_chunks; i++)
		chunk_release(guard, rec->chunk + i);
	rec->guard = NULL;
	linetls_guard_put(guard);
}

/* linetls_guard_is_torn - may the record's bytes have changed? */
bool linetls_guard_is_torn(const struct linetls_record *rec)
{
	return rec->guard && READ_ONCE(rec->guard->torn);
}

/* guard_in_flight - has any record pages of the file, or had a moment ago? */
bool guard_in_flight(const struct linetls_guard *guard)
{
	if (atomic_read(&guard->held))
		return true;
	/* Pairs with chunk_release(). */
	smp_rmb();
	return time_before(jiffies, READ_ONCE(guard->last_left) + GUARD_LINGER);
}

/* Has anybody but the page cache and the caller the folio? */
static bool is_referenced(struct folio *folio)
{
	return folio_ref_count(folio) > folio_nr_pages(folio) + 1 +
					folio_test_private(folio);
}

static bool is_in_flight(const struct linetls_guard *guard, u32 chunk)
{
	if (atomic_read(&guard->inflight[chunk]))
		return true;
	/* Pairs with chunk_release(). */
	smp_rmb();
	return (u32)jiffies - READ_ONCE(guard->left[chunk]) < GUARD_LINGER &&
	       any_folio(guard, chunk, is_referenced);
}

/*
 * What goes wrong is for those to hear of who have the file open: errors that
 * nobody has seen yet stay so.
 */
static void sync_range(struct file *file, loff_t start, loff_t end)
{
	file->f_wb_err = READ_ONCE(file->f_mapping->wb_err);
	vfs_fsync_range(file, start, end, 1);
}

#ifdef CONFIG_FAULT_INJECTION_DEBUG_FS
static DECLARE_FAULT_ATTR(fail_detach);
static struct dentry *fail_dir;

/* guard_pages_init - linetls_fail_detach in debugfs: pages that stay */
void guard_pages_init(void)
{
	fail_dir = fault_create_debugfs_attr("linetls_fail_detach", NULL,
					     &fail_detach);
}

void guard_pages_exit(void)
{
	debugfs_remove(fail_dir);
}

static bool detach_fails(void)
{
	return should_fail(&fail_detach, 1);
}
#else
static bool detach_fails(void)
{
	return false;
}
#endif

/*
 * A page is not detached while somebody has it dirty, or the file system holds
 * on to its buffers. Nobody can write to the file by now, so both pass; but one
 * that is in a journal (data=journal) looks clean, and stays there for seconds
 * if nobody asks for more. To ask may take long (btrfs writes all of the file):
 * most pages are free before.
 */
#define DETACH_TRIES	12

static bool detach_range(struct linetls_guard *guard, pgoff_t first,
			 pgoff_t last)
{
	struct address_space *mapping = guard->mapping;
	loff_t start = (loff_t)first << PAGE_SHIFT;
	loff_t end = ((loff_t)(last + 1) << PAGE_SHIFT) - 1;
	int i;

	for (i = 0; i < DETACH_TRIES; i++) {
		if (mapping_tagged(mapping, PAGECACHE_TAG_DIRTY) ||
		    mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK))
			filemap_write_and_wait_range(mapping, start, end);
		if (!detach_fails() &&
		    !invalidate_inode_pages2_range(mapping, first, last))
			return true;
		if (i == 3)
			sync_range(guard->files[0], start, end);
		/* Half a second in all. */
		msleep(i < 4 ? 1 : 1 << (i - 3));
	}
	return false;
}

/**
 * guard_detach - take all pages in flight out of the page cache
 *
 * Nobody takes pages any more. Returns false if some may be left in it.
 */
bool guard_detach(struct linetls_guard *guard)
{
	u32 first = 0, next;
	bool done = true;

	while (first < guard->chunks && guard_in_flight(guard)) {
		if (!is_in_flight(guard, first)) {
			first++;
			continue;
		}
		next = first + 1;
		while (next < guard->chunks && is_in_flight(guard, next))
			next++;
		if (!detach_range(guard, (pgoff_t)first << guard->shift,
				  ((pgoff_t)next << guard->shift) - 1))
			done = false;
		first = next;
	}
	return done;
}
