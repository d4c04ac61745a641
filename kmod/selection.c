// SPDX-License-Identifier: GPL-2.0-only
/*
 * selection.c - what a select has to choose from
 *
 * Owns the records of a select and the endpoints they are on. Most arms are not
 * chosen: of each record no more is read at first than what tells whether it is
 * well-formed.
 */
#include <linux/fault-inject-usercopy.h>
#include <linux/random.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "file.h"
#include "selection.h"

/* The parts of a record: head, deadline and last word are read at first. */
#define HEAD	 offsetof(struct chan_op, buf)
#define DEADLINE offsetof(struct chan_op, deadline)
#define TAIL	 offsetof(struct chan_op, id)
#define LAST	 offsetof(struct chan_op, sent_at)

static_assert(HEAD == 2 * sizeof(u64) && TAIL == DEADLINE + sizeof(u64) &&
	      LAST + sizeof(u64) == sizeof(struct chan_op));

static void __user *address_of(const struct chan_selection *sel, unsigned int i)
{
	return sel->uptr + i * sel->size;
}

/* If its first and its last word can be read, then so can all of a record. */
static int read_heads(struct chan_selection *sel)
{
	u64 __user *from = sel->uptr;
	u64 *to;

	if (should_fail_usercopy() ||
	    !user_read_access_begin(from, sel->nr * sel->size))
		return -EFAULT;
	for (unsigned int i = 0; i < sel->nr; i++) {
		to = (u64 *)&sel->ops[i];
		unsafe_get_user(to[0], &from[0], fault);
		unsafe_get_user(to[1], &from[1], fault);
		unsafe_get_user(to[DEADLINE / 8], &from[DEADLINE / 8], fault);
		unsafe_get_user(to[LAST / 8], &from[LAST / 8], fault);
		from += sizeof(struct chan_op) / 8;
	}
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

static struct chan_record record_of(const struct chan_selection *sel,
				    unsigned int i)
{
	return (struct chan_record){
		.uptr = address_of(sel, i),
		.usize = sel->size,
	};
}

/* Records of another size have to be looked through in any case. */
static int read_others(struct chan_selection *sel)
{
	struct chan_record record;
	int err;

	sel->whole = U64_MAX;
	for (unsigned int i = 0; i < sel->nr; i++) {
		record = record_of(sel, i);
		err = chan_record_in(&record, &sel->ops[i], sizeof(sel->ops[i]),
				     CHAN_RECORD_V1(struct chan_op, sent_at));
		if (err)
			return err;
	}
	return 0;
}

static int read_rest(struct chan_selection *sel, unsigned int i)
{
	const u64 __user *from = address_of(sel, i);
	u64 *to = (u64 *)&sel->ops[i];

	if (sel->whole & BIT_ULL(i))
		return 0;
	if (should_fail_usercopy() ||
	    !user_read_access_begin(from, sizeof(struct chan_op)))
		return -EFAULT;
#pragma GCC unroll 16
	for (size_t word = HEAD / 8; word < DEADLINE / 8; word++)
		unsafe_get_user(to[word], &from[word], fault);
#pragma GCC unroll 16
	for (size_t word = TAIL / 8; word < LAST / 8; word++)
		unsafe_get_user(to[word], &from[word], fault);
	user_read_access_end();
	sel->whole |= BIT_ULL(i);
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

static __always_inline int check_arm(struct chan_selection *sel,
				     const struct chan_op *op,
				     const struct chan_endpoint *endpoint)
{
	bool sends = op->code == CHAN_OP_SEND;
	bool rendezvous = !endpoint || !endpoint->channel->attr.cap;

	if (!endpoint || !chan_endpoint_has(endpoint, sends ? CHAN_RIGHT_SEND :
							      CHAN_RIGHT_RECV))
		sel->fails = true;
	else if (sends && rendezvous)
		sel->meets = true;
	return chan_op_check_arm(op, rendezvous);
}

static __always_inline int open_arm(struct chan_selection *sel, unsigned int i,
				    struct chan_endpoint *own)
{
	const struct chan_op *op = &sel->ops[i];
	struct fd fd = op->fd == -1 ? EMPTY_FD : fdget(op->fd);

	sel->fds[i] = fd;
	sel->referenced |= fd.word & FDPUT_FPUT;
	sel->endpoints[i] = fd_empty(fd) ? NULL :
					   chan_file_endpoint(fd_file(fd));
	if (op->fd == -1)
		sel->endpoints[i] = own;
	else if (!sel->endpoints[i] && !fd_empty(fd))
		return -EINVAL;
	return check_arm(sel, op, sel->endpoints[i]);
}

int chan_selection_read(struct chan_selection *sel, const struct file *file)
{
	struct chan_endpoint *own = chan_file_endpoint(file);
	int err;

	sel->opened = 0;
	sel->referenced = false;
	sel->meets = false;
	sel->fails = false;
	sel->whole = 0;
	err = sel->size == sizeof(*sel->ops) ? read_heads(sel) :
					       read_others(sel);
	while (!err && sel->opened < sel->nr)
		err = open_arm(sel, sel->opened++, own);
	return err;
}

void chan_selection_close(struct chan_selection *sel)
{
	if (!sel->referenced)
		return;
	for (unsigned int i = 0; i < sel->opened; i++)
		fdput(sel->fds[i]);
}

int chan_selection_call(struct chan_selection *sel, unsigned int i,
			struct chan_call *call)
{
	int err;

	err = read_rest(sel, i);
	if (err)
		return err;
	call->op = sel->ops[i];
	call->record = record_of(sel, i);
	call->deadline = sel->deadline;
	call->nowait = true;
	chan_op_begin(call);
	return 0;
}

void chan_selection_restore(const struct chan_selection *sel, unsigned int i)
{
	const struct chan_record record = record_of(sel, i);

	/* If it cannot be written any more, it tells nothing either. */
	(void)chan_record_out(&record, &sel->ops[i], sizeof(sel->ops[i]));
}

/* Steps of a congruential generator are fair enough, if its seed is. */
unsigned int chan_selection_draw(struct chan_selection *sel, unsigned int from)
{
	if (from == 1 || sel->flags & CHAN_ORDERED)
		return 0;
	if (!sel->random)
		sel->random = get_random_u64();
	sel->random =
		sel->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (sel->random >> 32) * from >> 32;
}
