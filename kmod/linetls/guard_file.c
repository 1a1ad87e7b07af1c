// SPDX-License-Identifier: GPL-2.0
/*
 * Which files can be guarded, and the leases on them.
 *
 * A file is opened once more, privately: the lease lives as long as that
 * reference, whatever becomes of the descriptor that the file was announced
 * by. It is opened in a mount that no namespace has, a clone: the user's own
 * mount is never busy because of us, and the superblock stays only until the
 * guards on it have ended (guard_is_unmounted()).
 *
 * The lease is a delegation (FL_DELEG). Like any read lease it is broken by
 * open() for writing and by truncate(), and beyond that by whatever changes an
 * inode without opening it: SETATTR of nfsd, chmod(), rename(), unlink(). But
 * overlayfs does not wait for delegations on its layers' inodes and fails its
 * caller. For a file seen through it there are two plain leases, one on the
 * layer's inode, which open() breaks, one on the overlay's own, for truncate().
 */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/delay.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "linetls.h"
#include "guard.h"

#ifdef HAVE_FILE_LEASE
#include <linux/filelock.h>
#endif

/*
 * Local file systems whose pages change only by those who have the file open
 * for writing, and can be detached while somebody reads them.
 */
static const char *const guardable[] = { "ext4", "xfs", "btrfs" };

static const struct cred *guard_cred;

static LIST_HEAD(mounts);
static DEFINE_MUTEX(mounts_lock);	/* mounts, and their users and gone */

static int refuse(u8 *reason, u8 why, int err)
{
	*reason = why;
	return err;
}

/* ---- subjects ---- */

static struct dentry *real_dentry(struct dentry *dentry)
{
#ifdef HAVE_D_REAL_DATA
	return d_real(dentry, D_REAL_DATA);
#else
	return d_real(dentry, NULL);
#endif
}

static bool is_guardable(const struct super_block *sb)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(guardable); i++)
		if (!strcmp(sb->s_type->name, guardable[i]))
			return true;
	return false;
}

static int check_inode(const struct inode *inode, u8 *reason)
{
	if (!is_guardable(inode->i_sb))
		return refuse(reason, LINETLS_FILE_FILESYSTEM, -EOPNOTSUPP);
	if (IS_DAX(inode))
		return refuse(reason, LINETLS_FILE_DAX, -EOPNOTSUPP);
	if (IS_SWAPFILE(inode))
		return refuse(reason, LINETLS_FILE_SWAP, -EOPNOTSUPP);
	if (inode_is_open_for_write(inode))
		return refuse(reason, LINETLS_FILE_WRITER, -ETXTBSY);
	return 0;
}

/**
 * guard_subject_get - what would have to be guarded for @file
 *
 * Returns 0, or a negative errno and the reason.
 */
int guard_subject_get(struct file *file, struct guard_subject *subject,
		      u8 *reason)
{
	struct dentry *dentry = file->f_path.dentry, *real;
	const struct inode *inode = file_inode(file);

	if (S_ISDIR(inode->i_mode))
		return refuse(reason, LINETLS_FILE_DIRECTORY, -EISDIR);
	if (!S_ISREG(inode->i_mode))
		return refuse(reason, LINETLS_FILE_NOT_REGULAR, -EINVAL);
	if (!(file->f_mode & FMODE_READ))
		return refuse(reason, LINETLS_FILE_DESCRIPTOR, -EBADF);
	real = real_dentry(dentry);
	if (IS_ERR(real) || d_really_is_negative(real))
		return refuse(reason, LINETLS_FILE_FILESYSTEM, -EOPNOTSUPP);
	subject->top = NULL;
	if (real != dentry) {
		/* An overlay's layer in an overlay would take a lease more. */
		if (dentry->d_sb->s_magic != OVERLAYFS_SUPER_MAGIC ||
		    dentry->d_sb->s_stack_depth > 1)
			return refuse(reason, LINETLS_FILE_FILESYSTEM,
				      -EOPNOTSUPP);
		if (inode_is_open_for_write(inode))
			return refuse(reason, LINETLS_FILE_WRITER, -ETXTBSY);
		subject->top = dget(dentry);
	}
	subject->dentry = dget(real);
	subject->mnt = file->f_path.mnt;
	return 0;
}

void guard_subject_put(struct guard_subject *subject)
{
	dput(subject->dentry);
	dput(subject->top);
}

/* ---- mounts ---- */

static struct guard_mount *mount_find(const struct super_block *sb)
{
	struct guard_mount *mount;

	list_for_each_entry(mount, &mounts, list)
		if (mount->mnt->mnt_sb == sb)
			return mount;
	return NULL;
}

static struct guard_mount *mount_create(struct vfsmount *mnt)
{
	struct path path = { .mnt = mnt, .dentry = mnt->mnt_root };
	struct guard_mount *mount = kzalloc(sizeof(*mount), GFP_KERNEL);

	if (!mount)
		return ERR_PTR(-ENOMEM);
	mount->mnt = clone_private_mount(&path);
	if (IS_ERR(mount->mnt)) {
		int err = PTR_ERR(mount->mnt);

		kfree(mount);
		return ERR_PTR(err);
	}
	list_add(&mount->list, &mounts);
	return mount;
}

static struct guard_mount *mount_get(struct vfsmount *mnt)
{
	struct guard_mount *mount;

	mutex_lock(&mounts_lock);
	mount = mount_find(mnt->mnt_sb) ?: mount_create(mnt);
	if (!IS_ERR(mount))
		mount->users++;
	mutex_unlock(&mounts_lock);
	return mount;
}

static void mount_put(struct guard_mount *mount)
{
	mutex_lock(&mounts_lock);
	if (--mount->users)
		mount = NULL;
	else
		list_del(&mount->list);
	mutex_unlock(&mounts_lock);
	if (!mount)
		return;
	kern_unmount(mount->mnt);
	kfree_rcu(mount, rcu);
}

/**
 * guard_mounts_scan - find file systems that nobody but us has mounted
 *
 * Each mount counts in s_active, and so does ours.
 */
void guard_mounts_scan(void)
{
	struct guard_mount *mount;

	mutex_lock(&mounts_lock);
	list_for_each_entry(mount, &mounts, list) {
		const struct super_block *sb = mount->mnt->mnt_sb;

		WRITE_ONCE(mount->gone, atomic_read(&sb->s_active) == 1);
	}
	mutex_unlock(&mounts_lock);
}

/* guard_is_unmounted - was that so for the guard's at the last scan? */
bool guard_is_unmounted(const struct linetls_guard *guard)
{
	const struct guard_mount *mount;
	bool gone;

	rcu_read_lock();
	mount = READ_ONCE(guard->mount);
	gone = mount && READ_ONCE(mount->gone);
	rcu_read_unlock();
	return gone;
}

/* ---- leases ---- */

#ifdef HAVE_FILE_LEASE
#define guard_lease		file_lease
#define lease_operations	lease_manager_operations
#define lease_part(fl, name)	((fl)->c.flc_##name)
#define lease_alloc()		locks_alloc_lease()
#define lease_free(fl)		locks_free_lease(fl)
#define lease_set		kernel_setlease
#else
#define guard_lease		file_lock
#define lease_operations	lock_manager_operations
#define lease_part(fl, name)	((fl)->fl_##name)
#define lease_alloc()		locks_alloc_lock()
#define lease_free(fl)		locks_free_lock(fl)
#define lease_set		vfs_setlease
#endif

/*
 * Somebody is about to change the file. flc_lock held: no more can be done
 * here. Returns true if the VFS can take the lease away at once; else it stays
 * until we give it back, since it has no time.
 */
static bool lease_broken(struct guard_lease *fl)
{
	fl->fl_break_time = 0;
	return guard_end(lease_part(fl, owner), true);
}

static int lease_change(struct guard_lease *fl, int arg, struct list_head *dispose)
{
	return arg == F_UNLCK ? lease_modify(fl, arg, dispose) : -EAGAIN;
}

static const struct lease_operations lease_ops = {
	.lm_break	= lease_broken,
	.lm_change	= lease_change,
};

static struct guard_lease *lease_create(struct linetls_guard *guard, struct file *file,
			     unsigned int flags)
{
	struct guard_lease *fl = lease_alloc();

	if (!fl)
		return NULL;
	fl->fl_lmops = &lease_ops;
	lease_part(fl, flags) = flags;
	lease_part(fl, type) = F_RDLCK;
	lease_part(fl, owner) = guard;
	lease_part(fl, pid) = current->tgid;
	lease_part(fl, file) = file;
#ifndef HAVE_FILE_LEASE
	fl->fl_end = OFFSET_MAX;
#endif
	return fl;
}

static void lease_give(struct linetls_guard *guard, struct file *file)
{
	void *owner = guard;
	int err = lease_set(file, F_UNLCK, NULL, &owner);

	/* EAGAIN: lease_broken() has allowed that it is gone. */
	WARN_ONCE(err && err != -EAGAIN,
		  "linetls: a lease was not given back: %d\n", err);
}

/*
 * For a delegation the VFS leaves that to us. An open() counts itself, then
 * looks for leases, each with a barrier behind it (break_lease()): it has seen
 * ours, or is seen here.
 */
static int recheck_writers(struct linetls_guard *guard, struct file *file)
{
	/* Pairs with break_lease(). */
	smp_mb();
	if (!inode_is_open_for_write(file_inode(file)))
		return 0;
	lease_give(guard, file);
	return -EAGAIN;
}

/* A delegation is refused while anybody has the inode's lock. */
#define LEASE_TRIES	20

static int lease_take(struct linetls_guard *guard, struct file *file,
		      unsigned int flags)
{
	struct guard_lease *fl = lease_create(guard, file, flags);
	int err, i;

	if (!fl)
		return -ENOMEM;
	for (i = 0; i < LEASE_TRIES; i++) {
		err = lease_set(file, F_RDLCK, &fl, NULL);
		if (err != -EAGAIN || inode_is_open_for_write(file_inode(file)))
			break;
		usleep_range(50, 200);
	}
	if (err)
		lease_free(fl);
	else
		err = recheck_writers(guard, file);
	return err;
}

/* A private file of @dentry with a lease on it. Returns it or an ERR_PTR. */
static struct file *leased_open(struct linetls_guard *guard,
				struct dentry *dentry, unsigned int flags)
{
	struct path path = { .mnt = guard->mount->mnt, .dentry = dentry };
	struct file *file;
	int err;

	/*
	 * Nobody is told: fanotify could answer late, or never. Nor does this
	 * wait for an exclusive lease, whose holder need not give it back.
	 */
	file = dentry_open(&path, O_RDONLY | O_LARGEFILE | O_NOATIME |
			   O_NONBLOCK | __FMODE_NONOTIFY, guard_cred);
	if (IS_ERR(file))
		return file == ERR_PTR(-EWOULDBLOCK) ? ERR_PTR(-ENOLCK) : file;
#ifdef HAVE_FILE_F_OWNER_ALLOCATE
	/* lease_modify() expects it. */
	err = file_f_owner_allocate(file);
	if (err)
		goto err_file;
#endif
	err = lease_take(guard, file, flags);
	if (!err)
		return file;
#ifdef HAVE_FILE_F_OWNER_ALLOCATE
err_file:
#endif
	fput(file);
	return ERR_PTR(err);
}

static int lease_reason(int err, const struct linetls_guard *guard,
			const struct dentry *dentry, u8 *reason)
{
	if (err == -ENOMEM)
		return refuse(reason, LINETLS_FILE_MEMORY, -ENOMEM);
	if (err != -EAGAIN)
		return refuse(reason, LINETLS_FILE_LEASE, -ENOLCK);
	if (inode_is_open_for_write(d_inode(dentry)))
		return refuse(reason, LINETLS_FILE_WRITER, -ETXTBSY);
	return refuse(reason, LINETLS_FILE_RECENT, -EAGAIN);
}

static int open_files(struct linetls_guard *guard,
		      const struct guard_subject *subject, u8 *reason)
{
	struct dentry *const dentries[] = { subject->dentry, subject->top };
	int i;

	for (i = 0; i < ARRAY_SIZE(dentries) && dentries[i]; i++) {
		struct file *file;

		file = leased_open(guard, dentries[i],
				   subject->top ? FL_LEASE : FL_DELEG);
		if (IS_ERR(file))
			return lease_reason(PTR_ERR(file), guard, dentries[i],
					    reason);
		guard->files[i] = file;
	}
	return 0;
}

/**
 * guard_open - take the leases of a new guard
 *
 * They may be broken at any time from now on, even before the return. Returns
 * 0, or a negative errno and the reason; guard_close() either way.
 */
int guard_open(struct linetls_guard *guard, const struct guard_subject *subject,
	       u8 *reason)
{
	const struct cred *old = override_creds(guard_cred);
	struct guard_mount *mount;
	int err;

	err = check_inode(d_inode(subject->dentry), reason);
	if (err)
		goto out;
	mount = mount_get(subject->mnt);
	if (IS_ERR(mount)) {
		err = mount == ERR_PTR(-ENOMEM) ?
		      refuse(reason, LINETLS_FILE_MEMORY, -ENOMEM) :
		      refuse(reason, LINETLS_FILE_MOUNT, -EXDEV);
		goto out;
	}
	guard->mount = mount;
	err = open_files(guard, subject, reason);
out:
	revert_creds(old);
	return err;
}

/* guard_close - give back leases, files and mount, as far as there are any */
void guard_close(struct linetls_guard *guard)
{
	const struct cred *old = override_creds(guard_cred);
	struct guard_mount *mount = guard->mount;
	int i;

	for (i = 0; i < ARRAY_SIZE(guard->files); i++)
		if (guard->files[i])
			lease_give(guard, guard->files[i]);
	revert_creds(old);
	for (i = 0; i < ARRAY_SIZE(guard->files); i++) {
		if (guard->files[i])
			fput(guard->files[i]);
		guard->files[i] = NULL;
	}
	WRITE_ONCE(guard->mount, NULL);
	if (mount)
		mount_put(mount);
}

int guard_file_init(void)
{
	guard_cred = prepare_kernel_cred(&init_task);
	return guard_cred ? 0 : -ENOMEM;
}

void guard_file_exit(void)
{
	put_cred(guard_cred);
}
