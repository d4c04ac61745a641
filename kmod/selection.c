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
#include "flow.h"
#include "selection.h"

/* The parts of a record: head and deadline are read at first. */
#define HEAD	 offsetof(struct chan_op, buf)
#define DEADLINE offsetof(struct chan_op, deadline)
#define TAIL	 offsetof(struct chan_op, id)
#define WORDS	 (sizeof(struct chan_op) / sizeof(u64))

static_assert(HEAD == 2 * sizeof(u64) && TAIL == DEADLINE + sizeof(u64) &&
	      sizeof(struct chan_op) < PAGE_SIZE);

static void __user *address_of(const struct chan_selection *sel, unsigned int i)
{
	return sel->uptr + i * sel->size;
}

/*
 * As records are shorter than a page, each page of them can be read if the first
 * word of each and the last word of the last can be.
 */
static int read_heads(struct chan_selection *sel)
{
	const u64 __user *from = sel->uptr;
	const unsigned int nr = sel->nr;
	u64 *to = (u64 *)sel->ops;

	if (should_fail_usercopy() ||
	    !user_read_access_begin(from, nr * sizeof(struct chan_op)))
		return -EFAULT;
	for (unsigned int i = 0; i < nr; i++) {
		unsafe_get_user(to[0], &from[0], fault);
		unsafe_get_user(to[1], &from[1], fault);
		unsafe_get_user(to[DEADLINE / 8], &from[DEADLINE / 8], fault);
		from += WORDS;
		to += WORDS;
	}
	unsafe_get_user(to[-1], &from[-1], fault);
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
	for (size_t word = TAIL / 8; word < WORDS; word++)
		unsafe_get_user(to[word], &from[word], fault);
	user_read_access_end();
	sel->whole |= BIT_ULL(i);
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

static void list_unless_idle(struct chan_selection *sel,
			     const struct chan_place *place, bool receives)
{
	if (!receives || !chan_flow_looks_empty(place->endpoint->channel))
		sel->ready[sel->nr_ready++] = place - sel->places;
}

static noinline int check_arm(struct chan_selection *sel,
			      const struct chan_place *place,
			      const struct chan_op *op)
{
	const struct chan_endpoint *endpoint = place->endpoint;
	bool sends = op->code == CHAN_OP_SEND;
	bool rendezvous = !endpoint || !endpoint->channel->attr.cap;
	bool fails = !endpoint ||
		     !chan_endpoint_has(endpoint, sends ? CHAN_RIGHT_SEND :
							  CHAN_RIGHT_RECV);

	if (fails)
		sel->fails = true;
	else if (sends && rendezvous)
		sel->meets = true;
	list_unless_idle(sel, place, !fails && !sends);
	return chan_op_check_arm(op, rendezvous);
}

static __always_inline int open_arm(struct chan_selection *sel,
				    struct chan_place *place,
				    const struct chan_op *op,
				    struct chan_endpoint *own)
{
	struct fd fd = op->fd == -1 ? EMPTY_FD : fdget(op->fd);
	struct chan_endpoint *endpoint = op->fd == -1 ? own : NULL;

	if (!fd_empty(fd))
		endpoint = chan_file_endpoint(fd_file(fd));
	place->fd = fd;
	place->endpoint = endpoint;
	if (!endpoint && !fd_empty(fd))
		return -EINVAL;
	/* Of most arms, this is all there is to be known. */
	if (likely(endpoint && chan_op_is_plain_receive(op) &&
		   chan_endpoint_has(endpoint, CHAN_RIGHT_RECV))) {
		list_unless_idle(sel, place, true);
		return 0;
	}
	return check_arm(sel, place, op);
}

static int open_arms(struct chan_selection *sel, struct chan_endpoint *own)
{
	struct chan_place *place = sel->places;
	const struct chan_place *end = place + sel->nr;
	const struct chan_op *op = sel->ops;
	unsigned long words = 0;
	int err;

	do {
		err = open_arm(sel, place, op++, own);
		words |= place++->fd.word;
	} while (!err && place != end);
	sel->opened = place - sel->places;
	sel->referenced = words & FDPUT_FPUT;
	return err;
}

int chan_selection_read(struct chan_selection *sel, const struct file *file)
{
	int err;

	err = sel->size == sizeof(*sel->ops) ? read_heads(sel) :
					       read_others(sel);
	return err ?: open_arms(sel, chan_file_endpoint(file));
}

void chan_selection_close(struct chan_selection *sel)
{
	if (!sel->referenced)
		return;
	for (unsigned int i = 0; i < sel->opened; i++)
		fdput(sel->places[i].fd);
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
	if (sel->flags & CHAN_ORDERED)
		return 0;
	if (!sel->random)
		sel->random = get_random_u64();
	sel->random =
		sel->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (sel->random >> 32) * from >> 32;
}
