// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * A ring for those who have none: operations that go on while their thread does
 * something else. What is the same whichever engine does them; no thread in either.
 */
#include "ring_poll.h"
#include "ring_uring.h"

#define BOTH (CHAN_RING_URING | CHAN_RING_POLL)

/* So many that they are few to a bucket; a power of two. */
static unsigned int buckets_for(unsigned int capacity)
{
	unsigned int nr = 1;

	while (nr < capacity)
		nr *= 2;
	return nr;
}

static struct chan_ring *ring_make(unsigned int capacity)
{
	size_t size = sizeof(struct chan_ring) +
		      capacity * (sizeof(struct slot) + sizeof(struct lane)) +
		      buckets_for(capacity) * sizeof(struct lane *);
	struct chan_ring *ring = map_quietly(size);

	if (!ring)
		return NULL;
	ring->size = size;
	ring->capacity = capacity;
	for (unsigned int i = capacity; i-- > 0;) {
		ring->slots[i].next = ring->free;
		ring->free = &ring->slots[i];
	}
	return ring;
}

static void ring_free(struct chan_ring *ring)
{
	munmap(ring, ring->size);
}

/* A module that does not tell is asked by the first operation. */
static int open_uring(struct chan_ring *ring)
{
	struct chan_query query;

	if (!chan_query(-1, &query) && !(query.features & CHAN_FEATURE_URING))
		return -EOPNOTSUPP;
	return uring_open(ring);
}

/* That the process has too little is no reason to use something else. */
static bool is_shortage(int err)
{
	return err == -ENOMEM || err == -EMFILE || err == -ENFILE;
}

static int open_one_of(struct chan_ring *ring, unsigned int engines)
{
	int err;

	if (engines & CHAN_RING_URING) {
		err = open_uring(ring);
		if (!err || is_shortage(err) || engines == CHAN_RING_URING)
			return err;
	}
	return poll_open(ring, buckets_for(ring->capacity));
}

int chan_ring_open(struct chan_ring **ring, unsigned int capacity,
		   unsigned int engines)
{
	struct chan_ring *made;
	int err;

	if (!capacity || capacity > CHAN_RING_MAX || engines & ~BOTH)
		return -EINVAL;
	made = ring_make(capacity);
	if (!made)
		return -ENOMEM;
	err = open_one_of(made, engines ? engines : BOTH);
	if (err)
		ring_free(made);
	else
		*ring = made;
	return err;
}

void chan_ring_close(struct chan_ring *ring)
{
	ring->engine->close(ring);
	ring_free(ring);
}

int chan_ring_engine(const struct chan_ring *ring)
{
	return ring->engine->name;
}

int chan_ring_fd(const struct chan_ring *ring)
{
	return ring->fd;
}

static void start(struct chan_ring *ring, struct chan_op *op, uint64_t token,
		  bool asks)
{
	struct slot *slot = ring->free;

	ring->free = slot->next;
	ring->under_way++;
	*slot = (struct slot){
		.op = op,
		.token = token,
		.tag = op->tag,
		.fd = op->fd,
		.flags = op->flags,
		.asks = asks,
		.reply_len = op->reply_len,
	};
	ring->engine->start(ring, slot);
}

int chan_ring_start(struct chan_ring *ring, struct chan_op *op, uint64_t token)
{
	int err = ring->engine->accepts(op);

	if (err)
		return err;
	if (!ring->free)
		return -EBUSY;
	start(ring, op, token, false);
	return 0;
}

static bool is_call(const struct chan_op *op)
{
	return op->code == CHAN_OP_SEND && !op->flags &&
	       op->until == CHAN_UNTIL_SETTLED && op->duty == CHAN_DUTY_REPLY;
}

int chan_ring_ask(struct chan_ring *ring, struct chan_op *op, uint64_t token)
{
	int err;

	if (!is_call(op))
		return -EINVAL;
	if (!ring->free)
		return -EBUSY;
	err = ring->engine->asks(ring, op);
	if (err)
		return err;
	op->on_death = CHAN_ON_DEATH_REDELIVER;
	start(ring, op, token, true);
	return 0;
}

int chan_ring_submit(struct chan_ring *ring)
{
	return ring->engine->submit(ring);
}

static void tell(struct chan_ring *ring, struct slot *slot,
		 struct chan_done *done)
{
	done->op = slot->op;
	done->token = slot->token;
	done->result = slot->result;
	slot->op->result = slot->result;
	slot->op = NULL;
	slot->next = ring->free;
	ring->free = slot;
	ring->under_way--;
}

/* What came while the waiting ended counts. */
int chan_ring_next(struct chan_ring *ring, struct chan_done *done,
		   uint64_t deadline)
{
	struct slot *slot;
	int err = 0;

	while (!(slot = ring->engine->reap(ring))) {
		if (!ring->under_way) {
			ring->engine->rest(ring);
			return -ENOENT;
		}
		if (err)
			return err;
		err = ring->engine->wait(ring, deadline);
	}
	tell(ring, slot, done);
	return 0;
}

int chan_ring_cancel(struct chan_ring *ring, uint64_t token)
{
	return ring->engine->cancel(ring, token);
}
