// SPDX-License-Identifier: GPL-2.0-only
/*
 * message.c - bytes on their way, and the state they are in
 *
 * Owns the memory of messages, the copying of payloads and the table of legal
 * steps. It knows no channel and takes no lock.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "message.h"

static struct kmem_cache *messages;

const u16 chan_message_steps[CHAN_MESSAGE_STATES] = {
	[CHAN_MESSAGE_NEW] =
		BIT(CHAN_MESSAGE_WAITING) | BIT(CHAN_MESSAGE_QUEUED) |
		BIT(CHAN_MESSAGE_CLAIMED) | BIT(CHAN_MESSAGE_SETTLED) |
		BIT(CHAN_MESSAGE_WITHDRAWN),
	[CHAN_MESSAGE_WAITING] = BIT(CHAN_MESSAGE_QUEUED) |
				 BIT(CHAN_MESSAGE_CLAIMED) |
				 BIT(CHAN_MESSAGE_WITHDRAWN),
	[CHAN_MESSAGE_QUEUED] =
		BIT(CHAN_MESSAGE_CLAIMED) | BIT(CHAN_MESSAGE_SETTLED) |
		BIT(CHAN_MESSAGE_WITHDRAWN) | BIT(CHAN_MESSAGE_ABANDONED) |
		BIT(CHAN_MESSAGE_DROPPED),
	[CHAN_MESSAGE_CLAIMED] =
		BIT(CHAN_MESSAGE_RECEIVED) | BIT(CHAN_MESSAGE_QUEUED) |
		BIT(CHAN_MESSAGE_WAITING) | BIT(CHAN_MESSAGE_WITHDRAWN) |
		BIT(CHAN_MESSAGE_ABANDONED),
	/* An arm of a select that is tried again. */
	[CHAN_MESSAGE_WITHDRAWN] = BIT(CHAN_MESSAGE_NEW),
	[CHAN_MESSAGE_RECEIVED] =
		BIT(CHAN_MESSAGE_SETTLED) | BIT(CHAN_MESSAGE_QUEUED) |
		BIT(CHAN_MESSAGE_ABANDONED) | BIT(CHAN_MESSAGE_DROPPED),
};

/* Run once for each piece of memory; keeps the allocator from zeroing it. */
static void construct(void *object)
{
	struct chan_message *message = object;

	INIT_LIST_HEAD(&message->link);
}

int chan_message_init(void)
{
	struct kmem_cache_args args = {
		.useroffset = offsetof(struct chan_message, bytes),
		.usersize = CHAN_MESSAGE_INLINE,
		.ctor = construct,
	};

	messages = kmem_cache_create("chan_message",
				     sizeof(struct chan_message), &args,
				     SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT);
	return messages ? 0 : -ENOMEM;
}

void chan_message_exit(void)
{
	kmem_cache_destroy(messages);
}

/*
 * In one piece if there is one: to make room for it would take longer than it
 * saves. kvmalloc() makes room, if it is to try hard for the last page.
 */
static void *get_pages(u32 *space)
{
	const gfp_t in_passing = (CHAN_GFP & ~__GFP_RETRY_MAYFAIL) |
				 __GFP_NORETRY;
	const u32 pages = PAGE_ALIGN(*space);
	void *data;

	*space = kmalloc_size_roundup(pages);
	data = kmalloc(*space, in_passing);
	if (data)
		return data;
	*space = pages;
	return __vmalloc(pages, CHAN_GFP);
}

/* As much as the allocator takes in any case, for the next may be longer. */
static bool give_space(struct chan_message *message, u32 len)
{
	message->space = len;
	if (len > PAGE_SIZE) {
		message->data = get_pages(&message->space);
	} else {
		message->space = kmalloc_size_roundup(len);
		message->data = kmalloc(message->space, CHAN_GFP);
	}
	message->owner = message;
	refcount_set(&message->owners, 1);
	return message->data;
}

struct chan_message *chan_message_create(u32 len)
{
	struct chan_message *message;

	message = kmem_cache_alloc(messages, CHAN_GFP);
	if (!message)
		return NULL;
	chan_message_renew(message, len);
	message->data = message->bytes;
	if (len > CHAN_MESSAGE_INLINE && !give_space(message, len)) {
		kmem_cache_free(messages, message);
		return NULL;
	}
	return message;
}

/* A long payload goes with its last owner, and so does the message it is of. */
static void disown(struct chan_message *owner)
{
	if (!refcount_dec_and_test(&owner->owners))
		return;
	kvfree(owner->data);
	kmem_cache_free(messages, owner);
}

void chan_message_destroy(struct chan_message *message)
{
	struct chan_message *owner;

	if (chan_message_is_short(message)) {
		kmem_cache_free(messages, message);
		return;
	}
	owner = message->owner;
	if (message != owner)
		kmem_cache_free(messages, message);
	disown(owner);
}

void chan_message_destroy_used(struct chan_message *message)
{
	struct chan_message *next;

	for (; message; message = next) {
		next = message->next_used;
		chan_message_destroy(message);
		cond_resched();
	}
}

void chan_message_destroy_list(struct list_head *list)
{
	struct chan_message *message, *next;

	list_for_each_entry_safe(message, next, list, link) {
		list_del(&message->link);
		chan_message_destroy(message);
		cond_resched();
	}
}

int chan_message_copy_in_long(struct chan_message *message,
			      const void __user *address, struct iov_iter *iter)
{
	size_t len = message->len;
	bool all;

	if (iter)
		all = copy_from_iter_full(message->data, len, iter);
	else
		all = !copy_from_user(message->data, address, len);
	return all ? 0 : -EFAULT;
}

static bool put_pieces(const struct chan_message *message,
		       struct iov_iter *iter)
{
	size_t copied = copy_to_iter(message->data, message->len, iter);

	iov_iter_revert(iter, copied);
	return copied == message->len;
}

int chan_message_copy_out_long(const struct chan_message *message,
			       void __user *address, struct iov_iter *iter)
{
	bool all;

	if (iter)
		all = put_pieces(message, iter);
	else
		all = !copy_to_user(address, message->data, message->len);
	return all ? 0 : -EFAULT;
}

void chan_message_mirror(struct chan_message *copy,
			 const struct chan_message *message)
{
	if (chan_message_is_short(message)) {
		memcpy(copy->bytes, message->bytes, message->len);
	} else {
		refcount_inc(&message->owner->owners);
		copy->owner = message->owner;
		copy->data = message->data;
	}
	copy->len = message->len;
	copy->attempt = message->attempt;
	copy->stamp = message->stamp;
	copy->sent_at = message->sent_at;
	copy->terms = message->terms;
	if (message->terms.duty == CHAN_DUTY_REPLY)
		copy->answer = message->answer;
}

void chan_message_unmirror(struct chan_message *copy)
{
	if (chan_message_is_short(copy))
		return;
	disown(copy->owner);
	copy->data = copy->bytes;
}
