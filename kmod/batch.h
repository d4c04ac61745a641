/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * batch.h - several operations in one entry
 */
#ifndef CHAN_BATCH_H
#define CHAN_BATCH_H

#include <linux/chan.h>

struct file;

/**
 * chan_batch_run() - run operations in their order, until one fails
 * @file: an endpoint, for those that name no other
 * @batch: well-formed; gets @done
 *
 * Return: 0 if at least one was done, else why the first was not.
 */
int chan_batch_run(struct file *file, struct chan_batch *batch);

#endif /* CHAN_BATCH_H */
