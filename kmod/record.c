// SPDX-License-Identifier: GPL-2.0-only
/*
 * record.c - records of the ABI, in and out of user space
 *
 * Owns how records of other sizes than this kernel's are read and written. It
 * does not know what is in them.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "record.h"

/*
 * A short one is read all the same before it is refused, for an unreadable one
 * is EFAULT whatever else is wrong with it.
 */
int chan_record_in_other(const struct chan_record *record, void *to,
			 size_t ksize, size_t v1_size)
{
	int err;

	err = copy_struct_from_user(to, ksize, record->uptr, record->usize);
	if (err)
		return err;
	return record->usize < v1_size ? -EINVAL : 0;
}

int chan_record_out_other(const struct chan_record *record, const void *from,
			  size_t ksize)
{
	if (copy_to_user(record->uptr, from, min(record->usize, ksize)))
		return -EFAULT;
	return 0;
}

int chan_record_refuse(const struct chan_record *record, size_t at, s32 number,
		       int err)
{
	s32 __user *member = record->uptr + at;

	return err == -E2BIG && put_user(number, member) ? -EFAULT : err;
}
