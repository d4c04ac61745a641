// SPDX-License-Identifier: GPL-2.0-only
/*
 * file.c - endpoints as open files
 *
 * Owns how an endpoint comes to be a file, by opening a node, by creating or
 * by deriving, and how the file's end becomes the endpoint's. What is done
 * through the file belongs to the doors it names.
 */
#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "compat.h"
#include "device.h"
#include "file.h"
#include "hangup.h"
#include "ioctl.h"
#include "pending.h"
#include "rw.h"
#include "show.h"
#include "uring.h"

/* What opening a node with these flags gives, less ADMIN. */
static u32 rights_of_mode(fmode_t mode)
{
	u32 rights = 0;

	if (mode & FMODE_WRITE)
		rights |= CHAN_RIGHT_SEND;
	if (mode & FMODE_READ)
		rights |= CHAN_RIGHT_RECV;
	return rights;
}

/* The other way round; neither is the access mode that permits only ioctls. */
static int flags_of_rights(u32 rights)
{
	switch (rights & (CHAN_RIGHT_SEND | CHAN_RIGHT_RECV)) {
	case CHAN_RIGHT_SEND:
		return O_WRONLY;
	case CHAN_RIGHT_RECV:
		return O_RDONLY;
	case CHAN_RIGHT_SEND | CHAN_RIGHT_RECV:
		return O_RDWR;
	default:
		return O_ACCMODE;
	}
}

/* ADMIN comes with it if it can be had: without it nothing was denied. */
static bool opener_is_admin(const struct chan_channel *channel, fmode_t mode)
{
	if ((mode & (FMODE_READ | FMODE_WRITE)) != (FMODE_READ | FMODE_WRITE))
		return false;
	return uid_eq(channel->owner, current_euid()) ||
	       ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
}

/* Nothing fails after that. */
static void file_adopt(struct file *file, struct chan_endpoint *endpoint)
{
	file->private_data = endpoint;
	stream_open(file_inode(file), file);
	file->f_mode |= FMODE_NOWAIT;
	chan_hangup_join(endpoint);
}

static int chan_file_open(struct inode *inode, struct file *file)
{
	struct chan_channel *channel = chan_device_find(inode);
	struct chan_endpoint *endpoint;
	u32 rights;

	if (!channel)
		return -ENXIO;
	/* Said when it has been opened, it would hang up as it is closed. */
	if (file->f_flags & O_DIRECT) {
		chan_channel_put(channel);
		return -EINVAL;
	}
	rights = rights_of_mode(file->f_mode);
	if (opener_is_admin(channel, file->f_mode))
		rights |= CHAN_RIGHT_ADMIN;
	endpoint = chan_endpoint_create(channel, rights, 0);
	chan_channel_put(channel);
	if (IS_ERR(endpoint))
		return PTR_ERR(endpoint);
	file_adopt(file, endpoint);
	return 0;
}

static int chan_file_release(struct inode *inode, struct file *file)
{
	chan_pending_release_spare(file->private_data);
	chan_endpoint_destroy(file->private_data);
	return 0;
}

const struct file_operations chan_file_operations = {
	.owner = THIS_MODULE,
	.open = chan_file_open,
	.release = chan_file_release,
	.read = chan_rw_read,
	.write = chan_rw_write,
	.read_iter = chan_rw_read_iter,
	.write_iter = chan_rw_write_iter,
	.poll = chan_rw_poll,
	.show_fdinfo = chan_show_fdinfo,
	.unlocked_ioctl = chan_ioctl_endpoint,
	.uring_cmd = chan_uring_cmd,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct file *open_anonymous(struct chan_channel *channel, u32 rights,
				   u64 badge)
{
	struct chan_endpoint *endpoint;
	struct file *file;

	endpoint = chan_endpoint_create(channel, rights, badge);
	if (IS_ERR(endpoint))
		return ERR_CAST(endpoint);
	file = anon_inode_getfile("[chan]", &chan_file_operations, endpoint,
				  flags_of_rights(rights));
	if (IS_ERR(file)) {
		chan_endpoint_discard(endpoint);
		return file;
	}
	file_adopt(file, endpoint);
	return file;
}

/* The machine has nothing left: no reason to make another kind of file. */
static bool is_exhaustion(int err)
{
	return err == -ENOMEM || err == -ENFILE;
}

/*
 * Opens the node at @path as anyone would, then narrows or widens what came of
 * it; nobody else has seen the file yet. NULL if it is not the node of
 * @channel, or no longer, or not for this task.
 */
static struct file *open_node(const struct path *path,
			      struct chan_channel *channel, u32 rights,
			      u64 badge)
{
	struct chan_endpoint *endpoint;
	struct file *file;

	if (!chan_device_owns(d_inode(path->dentry), channel))
		return NULL;
	file = dentry_open(path, flags_of_rights(rights), current_cred());
	if (IS_ERR(file))
		return is_exhaustion(PTR_ERR(file)) ? file : NULL;
	endpoint = file->private_data;
	if (endpoint->channel != channel) {
		fput(file);
		return NULL;
	}
	endpoint->rights = rights;
	endpoint->stamp->badge = badge;
	return file;
}

static struct file *open_endpoint(const struct path *path,
				  struct chan_channel *channel, u32 rights,
				  u64 badge)
{
	struct file *file = open_node(path, channel, rights, badge);

	return file ?: open_anonymous(channel, rights, badge);
}

static int find_node(const struct chan_channel *channel, struct path *path)
{
	char *name;
	int err;

	if (!chan_channel_is_named(channel))
		return -ENOENT;
	name = kasprintf(GFP_KERNEL, "/dev/chan/%s", channel->attr.name);
	if (!name)
		return -ENOMEM;
	err = kern_path(name, 0, path);
	kfree(name);
	return err;
}

static struct file *open_creators(struct chan_channel *channel, u32 rights)
{
	struct file *file;
	struct path path;
	int err;

	err = find_node(channel, &path);
	if (is_exhaustion(err))
		return ERR_PTR(err);
	if (err)
		return open_anonymous(channel, rights, 0);
	file = open_endpoint(&path, channel, rights, 0);
	path_put(&path);
	return file;
}

struct file *chan_file_create(struct chan_channel *channel, u32 rights)
{
	struct file *file = open_creators(channel, rights);
	struct chan_endpoint *endpoint;

	if (IS_ERR(file))
		return file;
	endpoint = file->private_data;
	endpoint->owns_name = channel->attr.flags & CHAN_EPHEMERAL;
	return file;
}

struct file *chan_file_derive(struct file *base, u32 rights, u64 badge)
{
	struct chan_endpoint *endpoint = base->private_data;

	return open_endpoint(&base->f_path, endpoint->channel, rights, badge);
}
