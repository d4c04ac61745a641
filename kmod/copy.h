/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * copy.h - a few bytes from and to user space, by words
 *
 * The general way spends more on checks of where the bytes lie than on the
 * bytes. Here the caller vouches for the kernel's side: a member or a variable
 * of a size that is known.
 */
#ifndef CHAN_COPY_H
#define CHAN_COPY_H

#include <linux/fault-inject-usercopy.h>
#include <linux/types.h>
#include <linux/uaccess.h>

/**
 * chan_copy_in() - copy from user space
 * @to: aligned to 8
 * @from: may fault and sleep
 * @len: a few
 *
 * Return: true if all was copied.
 */
static inline bool chan_copy_in(u8 *to, const u8 __user *from, size_t len)
{
	if (should_fail_usercopy() || !user_read_access_begin(from, len))
		return false;
	for (; len >= 8; len -= 8, to += 8, from += 8)
		unsafe_get_user(*(u64 *)to, (const u64 __user *)from, fault);
	for (; len; len--, to++, from++)
		unsafe_get_user(*to, from, fault);
	user_read_access_end();
	return true;

fault:
	user_read_access_end();
	return false;
}

/**
 * chan_copy_out() - copy to user space
 * @to: may fault and sleep
 * @from: aligned to 8
 * @len: a few
 *
 * Return: true if all was copied.
 */
static inline bool chan_copy_out(u8 __user *to, const u8 *from, size_t len)
{
	if (should_fail_usercopy() || !user_write_access_begin(to, len))
		return false;
	for (; len >= 8; len -= 8, to += 8, from += 8)
		unsafe_put_user(*(const u64 *)from, (u64 __user *)to, fault);
	for (; len; len--, to++, from++)
		unsafe_put_user(*from, to, fault);
	user_write_access_end();
	return true;

fault:
	user_write_access_end();
	return false;
}

/**
 * chan_copy_words_in() - copy a record from user space
 * @to: aligned to 8
 * @from: may fault and sleep
 * @size: a small constant, a multiple of 8
 *
 * Return: true if all was copied.
 */
static __always_inline bool
chan_copy_words_in(void *to, const void __user *from, size_t size)
{
	const u64 __user *word = from;
	u64 *copy = to;

	if (should_fail_usercopy() || !user_read_access_begin(from, size))
		return false;
#pragma GCC unroll 16
	for (size_t i = 0; i < size / sizeof(*copy); i++)
		unsafe_get_user(copy[i], &word[i], fault);
	user_read_access_end();
	return true;

fault:
	user_read_access_end();
	return false;
}

/**
 * chan_copy_words_out() - copy a record to user space
 * @to: may fault and sleep
 * @from: aligned to 8
 * @size: a small constant, a multiple of 8
 *
 * Return: true if all was copied.
 */
static __always_inline bool chan_copy_words_out(void __user *to,
						const void *from, size_t size)
{
	const u64 *word = from;
	u64 __user *copy = to;

	if (should_fail_usercopy() || !user_write_access_begin(to, size))
		return false;
#pragma GCC unroll 16
	for (size_t i = 0; i < size / sizeof(*word); i++)
		unsafe_put_user(word[i], &copy[i], fault);
	user_write_access_end();
	return true;

fault:
	user_write_access_end();
	return false;
}

#endif /* CHAN_COPY_H */
