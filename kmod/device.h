/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * device.h - names and nodes: /dev/chan/NAME
 */
#ifndef CHAN_DEVICE_H
#define CHAN_DEVICE_H

#include <linux/fs.h>

#include "channel.h"

/**
 * chan_device_init() - take a char major and make the class
 * @fops: what opening a node leads to
 *
 * Return: 0 or a negative errno.
 */
int chan_device_init(const struct file_operations *fops);

/**
 * chan_device_exit() - give them back; no name is left
 */
void chan_device_exit(void);

/**
 * chan_device_valid_name() - may a channel be called that?
 * @name: NUL-ended
 *
 * Return: true for 1 to CHAN_NAME_MAX of [A-Za-z0-9._-], not beginning with
 * '.', not "control".
 */
bool chan_device_valid_name(const char *name);

/**
 * chan_device_publish() - give a channel its name and its node
 * @channel: named, owned by the current task
 *
 * The name holds a reference of @channel and pins the module.
 *
 * Return: 0; -EEXIST, the name is taken; -ENOSPC; -ENOMEM.
 */
int chan_device_publish(struct chan_channel *channel);

/**
 * chan_device_unpublish() - take the name of a channel away
 * @channel: which; without effect if it has no name any more
 *
 * When this returns the node is gone. May sleep.
 */
void chan_device_unpublish(struct chan_channel *channel);

/**
 * chan_device_remove() - take a name away, as its owner
 * @name: which
 *
 * Return: 0; -ENOENT, no such name; -EPERM, the current task is neither its
 * owner nor has CAP_SYS_ADMIN.
 */
int chan_device_remove(const char *name);

/**
 * chan_device_find() - the channel behind a node
 * @inode: of the node
 *
 * Return: a referenced channel, or NULL if its name was removed.
 */
struct chan_channel *chan_device_find(const struct inode *inode);

/**
 * chan_device_owns() - is this the node of that channel?
 * @inode: of any file
 * @channel: named
 *
 * Return: true if opening @inode would open @channel.
 */
bool chan_device_owns(const struct inode *inode,
		      const struct chan_channel *channel);

#endif /* CHAN_DEVICE_H */
