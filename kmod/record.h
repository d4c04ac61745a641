/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * record.h - records of the ABI, in and out of user space
 */
#ifndef CHAN_RECORD_H
#define CHAN_RECORD_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/ioctl.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#include "copy.h"

/**
 * struct chan_record - where a record is in user space
 * @uptr: its address
 * @usize: its size there
 */
struct chan_record {
	void __user *uptr;
	size_t usize;
};

/**
 * CHAN_IOC_BARE() - an ioctl number without the size of its record, which may vary
 * @cmd: with it
 */
#define CHAN_IOC_BARE(cmd) ((cmd) & ~IOCSIZE_MASK)

/**
 * CHAN_RECORD_V1() - the size that a record has at least
 * @type: of the record
 * @last: the last member that it had in version 1 of the ABI
 */
#define CHAN_RECORD_V1(type, last) offsetofend(type, last)

/**
 * chan_record_in_other() - chan_record_in() for another size
 * @record: where it is
 * @to: the record as this kernel knows it
 * @ksize: its size
 * @v1_size: see CHAN_RECORD_V1()
 *
 * Return: 0; -EFAULT; -EINVAL, too short; -E2BIG, longer, and not zero there.
 */
int chan_record_in_other(const struct chan_record *record, void *to,
			 size_t ksize, size_t v1_size);

/**
 * chan_record_out_other() - chan_record_out() for another size
 * @record: where it is
 * @from: the record as this kernel knows it
 * @ksize: its size
 *
 * Return: 0 or -EFAULT.
 */
int chan_record_out_other(const struct chan_record *record, const void *from,
			  size_t ksize);

/**
 * chan_record_refuse() - let a record say that it was not taken
 * @record: where it is
 * @at: where in it is the number that says so
 * @number: what it says
 * @err: from chan_record_in()
 *
 * Only one with more in it than this kernel knows can: what is too short, or
 * cannot be read, may have no such place.
 *
 * Return: @err; -EFAULT: it cannot be written.
 */
int chan_record_refuse(const struct chan_record *record, size_t at, s32 number,
		       int err);

/**
 * chan_record_in() - read a record, once
 * @record: where it is
 * @to: the record as this kernel knows it
 * @ksize: its size; a constant, so that its place need not be checked
 * @v1_size: see CHAN_RECORD_V1()
 *
 * Return: 0; -EFAULT; -EINVAL, too short; -E2BIG, longer, and not zero there.
 */
static __always_inline int chan_record_in(const struct chan_record *record,
					  void *to, size_t ksize,
					  size_t v1_size)
{
	if (unlikely(record->usize != ksize))
		return chan_record_in_other(record, to, ksize, v1_size);
	might_fault();
	return chan_copy_words_in(to, record->uptr, ksize) ? 0 : -EFAULT;
}

/**
 * chan_record_out() - write a record back
 * @record: where it is
 * @from: the record as this kernel knows it
 * @ksize: its size; a constant, so that its place need not be checked
 *
 * Return: 0 or -EFAULT.
 */
static __always_inline int chan_record_out(const struct chan_record *record,
					   const void *from, size_t ksize)
{
	if (unlikely(record->usize != ksize))
		return chan_record_out_other(record, from, ksize);
	might_fault();
	return chan_copy_words_out(record->uptr, from, ksize) ? 0 : -EFAULT;
}

#endif /* CHAN_RECORD_H */
