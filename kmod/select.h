/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * select.h - exactly one of several operations
 */
#ifndef CHAN_SELECT_H
#define CHAN_SELECT_H

#include <linux/chan.h>

struct file;

/**
 * chan_select_run() - do one of several operations, whichever is possible first
 * @file: an endpoint, for those that name no other
 * @batch: well-formed; gets @done and, if it was one of them that succeeded or
 *	failed, @index
 *
 * Return: 0; a negative errno: of the arm, or why none was chosen.
 */
int chan_select_run(struct file *file, struct chan_batch *batch);

#endif /* CHAN_SELECT_H */
