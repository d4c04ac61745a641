/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * file.h - endpoints as open files
 */
#ifndef CHAN_FILE_H
#define CHAN_FILE_H

#include <linux/fs.h>

#include "channel.h"
#include "endpoint.h"

extern const struct file_operations chan_file_operations;

/**
 * chan_file_create() - open the creator's endpoint on a new channel
 * @channel: new; already has its node, if it is named
 * @rights: CHAN_RIGHT_*
 *
 * The file of a named channel stands on its node, if the current task can see
 * that under /dev/chan, so that /proc shows it and opens it afresh. Otherwise
 * it is an anonymous file, which cannot be opened again.
 *
 * Return: the file or ERR_PTR: -ENFILE, -ENOMEM.
 */
struct file *chan_file_create(struct chan_channel *channel, u32 rights);

/**
 * chan_file_derive() - open a narrower endpoint on the channel of another
 * @base: a file of chan
 * @rights: CHAN_RIGHT_*, already judged
 * @badge: of the new endpoint
 *
 * Return: the file or ERR_PTR: -ENFILE, -ENOMEM.
 */
struct file *chan_file_derive(struct file *base, u32 rights, u64 badge);

/**
 * chan_file_endpoint() - what a file stands for
 * @file: any, referenced by the caller
 *
 * Return: its endpoint, or NULL if it is none.
 */
static inline struct chan_endpoint *chan_file_endpoint(const struct file *file)
{
	if (file->f_op != &chan_file_operations)
		return NULL;
	return file->private_data;
}

#endif /* CHAN_FILE_H */
