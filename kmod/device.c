// SPDX-License-Identifier: GPL-2.0-only
/*
 * device.c - names and nodes: /dev/chan/NAME
 *
 * Owns the char major, the class, the table of names and the device of each
 * named channel. What opening a node means is not decided here.
 *
 * Channels are entries of one cdev, never cdevs of their own, so nothing that
 * an inode points to dies with a channel.
 */
#include <linux/capability.h>
#include <linux/cdev.h>
#include <linux/cleanup.h>
#include <linux/ctype.h>
#include <linux/device.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/stringhash.h>
#include <linux/wait_bit.h>
#include <linux/xarray.h>

#include "compat.h"
#include "device.h"
#include "hangup.h"
#include "show.h"

#define NODE_MINORS (MINORMASK + 1)

/**
 * struct chan_node - the device of a named channel
 * @dev: the device; frees this struct when its last reference goes
 * @channel: referenced from publishing to unpublishing
 * @by_name: in names, under names_lock
 * @mode: permission bits
 * @uid: owner of the node
 * @gid: group of the node
 */
struct chan_node {
	struct device dev;
	struct chan_channel *channel;
	struct hlist_node by_name;
	umode_t mode;
	kuid_t uid;
	kgid_t gid;
};

/*
 * names_lock orders creation and removal of names; opening a node takes only
 * the lock of minors. A device is added and deleted under names_lock, so no
 * sysfs attribute may take it.
 */
static DEFINE_MUTEX(names_lock);
static DEFINE_HASHTABLE(names, 8); /* names_lock */
static DEFINE_XARRAY_FLAGS(minors, XA_FLAGS_ALLOC); /* its own lock */
static u32 next_minor; /* names_lock */

static dev_t first_devt;
static struct cdev *nodes_cdev;
static struct class *nodes_class;

/* Devices not yet freed: the code that frees them must outlive them. */
static atomic_t nr_devices = ATOMIC_INIT(0);

static struct chan_node *to_node(const struct device *dev)
{
	return container_of(dev, struct chan_node, dev);
}

static char *node_devnode(const struct device *dev, umode_t *mode, kuid_t *uid,
			  kgid_t *gid)
{
	const struct chan_node *node = to_node(dev);

	/* All three are wanted when the node is made, none when it goes. */
	if (mode) {
		/* Without the type bit a mode of 0 would mean "the default". */
		*mode = S_IFCHR | node->mode;
		*uid = node->uid;
		*gid = node->gid;
	}
	/* Without it the driver core would quietly take another path. */
	return kasprintf(GFP_KERNEL | __GFP_NOFAIL, "chan/%s", dev_name(dev));
}

static void node_release(struct device *dev)
{
	kfree(to_node(dev));
	if (atomic_dec_and_test(&nr_devices))
		wake_up_var(&nr_devices);
}

static const struct device_type node_type = {
	.name = "chan",
	.devnode = node_devnode,
	.release = node_release,
};

static u32 hash_of(const char *name)
{
	return full_name_hash(NULL, name, strlen(name));
}

static struct chan_node *find_name(const char *name)
{
	struct chan_node *node;

	lockdep_assert_held(&names_lock);
	hash_for_each_possible(names, node, by_name, hash_of(name)) {
		if (!strcmp(dev_name(&node->dev), name))
			return node;
	}
	return NULL;
}

static bool valid_character(char c)
{
	return isascii(c) && (isalnum(c) || strchr("._-", c));
}

bool chan_device_valid_name(const char *name)
{
	size_t len;

	for (len = 0; name[len]; len++) {
		if (!valid_character(name[len]))
			return false;
	}
	return len && len <= CHAN_NAME_MAX && name[0] != '.' &&
	       strcmp(name, "control");
}

static struct chan_node *node_create(struct chan_channel *channel)
{
	struct chan_node *node;

	node = kzalloc(sizeof(*node), GFP_KERNEL_ACCOUNT);
	if (!node)
		return ERR_PTR(-ENOMEM);
	node->channel = channel;
	node->mode = channel->attr.mode;
	node->uid = current_euid();
	node->gid = current_egid();
	atomic_inc(&nr_devices);
	device_initialize(&node->dev);
	node->dev.type = &node_type;
	node->dev.class = nodes_class;
	node->dev.groups = chan_show_groups;
	dev_set_drvdata(&node->dev, channel);
	if (dev_set_name(&node->dev, "%s", channel->attr.name)) {
		put_device(&node->dev);
		return ERR_PTR(-ENOMEM);
	}
	return node;
}

/* The channel is complete: from device_add() on, anyone may open it. */
static int node_add(struct chan_node *node)
{
	u32 minor;
	int err;

	lockdep_assert_held(&names_lock);
	err = xa_alloc_cyclic(&minors, &minor, node->channel,
			      XA_LIMIT(0, NODE_MINORS - 1), &next_minor,
			      GFP_KERNEL_ACCOUNT);
	if (err < 0)
		return err == -EBUSY ? -ENOSPC : err;
	node->dev.devt = MKDEV(MAJOR(first_devt), minor);
	err = device_add(&node->dev);
	if (err)
		xa_erase(&minors, minor);
	return err;
}

static int publish_locked(struct chan_channel *channel)
{
	struct chan_node *node;
	int err;

	lockdep_assert_held(&names_lock);
	if (find_name(channel->attr.name))
		return -EEXIST;
	node = node_create(channel);
	if (IS_ERR(node))
		return PTR_ERR(node);
	err = node_add(node);
	if (err) {
		put_device(&node->dev);
		return err;
	}
	hash_add(names, &node->by_name, hash_of(channel->attr.name));
	channel->node = node;
	chan_channel_get(channel);
	__module_get(THIS_MODULE);
	return 0;
}

int chan_device_publish(struct chan_channel *channel)
{
	int err;

	if (mutex_lock_killable(&names_lock))
		return -EINTR;
	err = publish_locked(channel);
	mutex_unlock(&names_lock);
	return err;
}

static struct chan_channel *unpublish_locked(struct chan_node *node)
{
	struct chan_channel *channel = node->channel;

	lockdep_assert_held(&names_lock);
	hash_del(&node->by_name);
	xa_erase(&minors, MINOR(node->dev.devt));
	channel->node = NULL;
	device_del(&node->dev);
	put_device(&node->dev);
	return channel;
}

/* What the name held is dropped outside names_lock: it may be the last. */
static void unpublish_finish(struct chan_channel *channel)
{
	chan_hangup_unlink(channel);
	chan_channel_put(channel);
	module_put(THIS_MODULE);
}

void chan_device_unpublish(struct chan_channel *channel)
{
	if (!chan_channel_is_named(channel))
		return;
	scoped_guard(mutex, &names_lock) {
		if (!channel->node)
			return;
		unpublish_locked(channel->node);
	}
	unpublish_finish(channel);
}

int chan_device_remove(const char *name)
{
	struct chan_channel *channel;
	struct chan_node *node;

	scoped_cond_guard(mutex_intr, return -ERESTARTSYS, &names_lock) {
		node = find_name(name);
		if (!node)
			return -ENOENT;
		if (!uid_eq(node->channel->owner, current_euid()) &&
		    !capable(CAP_SYS_ADMIN))
			return -EPERM;
		channel = unpublish_locked(node);
	}
	unpublish_finish(channel);
	return 0;
}

struct chan_channel *chan_device_find(const struct inode *inode)
{
	struct chan_channel *channel;

	xa_lock(&minors);
	channel = xa_load(&minors, iminor(inode));
	if (channel)
		chan_channel_get(channel);
	xa_unlock(&minors);
	return channel;
}

bool chan_device_owns(const struct inode *inode,
		      const struct chan_channel *channel)
{
	return S_ISCHR(inode->i_mode) && imajor(inode) == MAJOR(first_devt) &&
	       xa_load(&minors, iminor(inode)) == channel;
}

int chan_device_init(const struct file_operations *fops)
{
	int err;

	err = alloc_chrdev_region(&first_devt, 0, NODE_MINORS, "chan");
	if (err)
		return err;
	nodes_class = class_create("chan");
	if (IS_ERR(nodes_class)) {
		err = PTR_ERR(nodes_class);
		goto err_region;
	}
	err = -ENOMEM;
	nodes_cdev = cdev_alloc();
	if (!nodes_cdev)
		goto err_class;
	nodes_cdev->owner = THIS_MODULE;
	nodes_cdev->ops = fops;
	err = cdev_add(nodes_cdev, first_devt, NODE_MINORS);
	if (err)
		goto err_cdev;
	return 0;

err_cdev:
	kobject_put(&nodes_cdev->kobj);
err_class:
	class_destroy(nodes_class);
err_region:
	unregister_chrdev_region(first_devt, NODE_MINORS);
	return err;
}

void chan_device_exit(void)
{
	WARN_ON_ONCE(!xa_empty(&minors));
	wait_var_event(&nr_devices, !atomic_read(&nr_devices));
	cdev_del(nodes_cdev);
	class_destroy(nodes_class);
	unregister_chrdev_region(first_devt, NODE_MINORS);
	xa_destroy(&minors);
}
