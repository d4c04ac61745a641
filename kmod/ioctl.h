/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioctl.h - the ioctl door
 */
#ifndef CHAN_IOCTL_H
#define CHAN_IOCTL_H

struct file;

/**
 * chan_ioctl_control() - an ioctl on /dev/chan/control
 * @file: the control node
 * @cmd: CHAN_IOC_*
 * @arg: address of the record
 *
 * Return: 0 or a negative errno.
 */
long chan_ioctl_control(struct file *file, unsigned int cmd, unsigned long arg);

/**
 * chan_ioctl_endpoint() - an ioctl on an endpoint
 * @file: of the endpoint
 * @cmd: CHAN_IOC_*
 * @arg: address of the record
 *
 * Return: 0 or a negative errno.
 */
long chan_ioctl_endpoint(struct file *file, unsigned int cmd,
			 unsigned long arg);

#endif /* CHAN_IOCTL_H */
