/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * show.h - what of a channel can be seen from outside
 */
#ifndef CHAN_SHOW_H
#define CHAN_SHOW_H

struct attribute_group;
struct file;
struct seq_file;

/*
 * The attributes of /sys/class/chan/NAME/, members of struct chan_stat by the
 * same names. The driver data of the device is its channel.
 */
extern const struct attribute_group *chan_show_groups[];

/**
 * chan_show_fdinfo() - /proc/PID/fdinfo/FD of an endpoint
 * @seq: where to
 * @file: of the endpoint
 */
void chan_show_fdinfo(struct seq_file *seq, struct file *file);

#endif /* CHAN_SHOW_H */
