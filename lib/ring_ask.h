/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Questions of the engine poll: a question is work that is left behind, in an envelope
 * that says where its answer goes, and the answer is a message in a channel that the
 * ring has for them. It does not know how a ring waits.
 *
 * The channel has a name, for a message cannot carry a descriptor, and anybody may
 * send to it, for whoever is asked may be anybody. An answer counts by its id alone,
 * which nobody has seen but those who received the question. Its sender proves
 * nothing: who receives from the channel that was asked is not to be found out, and may
 * be another one each time.
 */
#ifndef RING_ASK_H
#define RING_ASK_H

#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "envelope.h"
#include "ring.h"

/* The low bits of an id are the number of a slot. */
#define SLOT_MASK (CHAN_RING_MAX - 1ULL)

static int fetch_chances(struct asking *asking)
{
	int ret;

	if (asking->nr_chances)
		return 0;
	ret = QUIETLY(getrandom(asking->chances, sizeof(asking->chances), 0));
	if (ret < 0)
		return ret;
	asking->nr_chances = CHANCES;
	return 0;
}

/* Never 0, which is none. */
static uint64_t take_chance(struct asking *asking)
{
	return asking->chances[--asking->nr_chances] | 1ULL << 63;
}

/* Answers to what was given up come beside those that are waited for. */
static unsigned int answers_of(const struct chan_ring *ring)
{
	return 2 * ring->capacity;
}

/*
 * Nobody else receives from it, not even by the same user; and the mask of a process is
 * no matter for a library.
 */
static int let_all_send(const char *name)
{
	char path[sizeof("/dev/chan/") + RESULT_NAME] = "/dev/chan/";

	strcat(path, name);
	return QUIETLY(chmod(path, 0222));
}

static void close_results(struct asking *asking)
{
	close_quietly(asking->fd);
	asking->fd = -1;
}

/*
 * It does not hang up while it has its name, so it is the same whether one who answers
 * is there or none. Its name goes with the ring.
 */
static int open_results(struct chan_ring *ring, struct asking *asking)
{
	const uint64_t all =
		answers_of(ring) * (uint64_t)(ANSWER_MAX + CHAN_MSG_OVERHEAD);
	char name[RESULT_NAME];
	struct chan_create create = {
		.flags = CHAN_EPHEMERAL,
		.rights = CHAN_RIGHT_RECV,
		.cap = answers_of(ring),
		.msg_max = ANSWER_MAX,
		.bytes_max = all < CHAN_BYTES_DEFAULT ? all :
							CHAN_BYTES_DEFAULT,
		.mode = 0222,
		.name = address_of(name),
	};
	int err;

	asking->channel = take_chance(asking);
	asking->bytes_max = create.bytes_max;
	result_name(name, asking->channel);
	asking->fd = chan_create_with(&create);
	if (asking->fd < 0)
		return asking->fd;
	err = let_all_send(name);
	if (err)
		close_results(asking);
	return err;
}

/* Messages are copied once more, so that each is in one piece with its envelope. */
static int make_room(struct asking *asking, size_t len)
{
	size_t size = len + sizeof(struct chan_envelope);
	void *buf;

	if (size < ANSWER_MAX)
		size = ANSWER_MAX;
	if (size <= asking->size)
		return 0;
	buf = map_quietly(size);
	if (!buf)
		return -ENOMEM;
	/* Between two questions nothing in it is of use. */
	if (asking->buf)
		munmap(asking->buf, asking->size);
	asking->buf = buf;
	asking->size = size;
	return 0;
}

static void asking_end(struct asking *asking)
{
	if (asking->fd >= 0)
		close_results(asking);
	if (asking->buf)
		munmap(asking->buf, asking->size);
}

static uint64_t cost_of_answer(uint64_t reply_len)
{
	return reply_len + sizeof(struct chan_envelope) + CHAN_MSG_OVERHEAD;
}

/* A promise: there will be room for the answer. So who answers never has to wait. */
static bool can_promise(const struct asking *asking, uint64_t reply_len)
{
	return asking->promised + cost_of_answer(reply_len) <=
	       asking->bytes_max;
}

static void question_begin(const struct chan_ring *ring, struct asking *asking,
			   struct slot *slot)
{
	asking->promised += cost_of_answer(slot->reply_len);
	slot->id = (take_chance(asking) & ~SLOT_MASK) |
		   (uint64_t)(slot - ring->slots);
}

static void question_end(struct asking *asking, struct slot *slot)
{
	asking->promised -= cost_of_answer(slot->reply_len);
	slot->is_asked = false;
}

/* Should a receiver die before it has answered, the next one gets it. */
static int question_send(struct asking *asking, const struct slot *slot)
{
	const struct chan_envelope envelope = {
		.id = slot->id,
		.channel = asking->channel,
		.reply_len = slot->reply_len,
		.version = CHAN_ENVELOPE_VERSION,
		.magic = CHAN_ENVELOPE_MAGIC,
	};
	struct chan_op *op = slot->op;
	struct chan_op sent;
	int ret;

	if (op->len)
		memcpy(asking->buf, (const void *)(uintptr_t)op->buf, op->len);
	envelope_write(asking->buf, op->len, &envelope);
	chan_op_send(&sent, slot->fd, asking->buf, op->len + sizeof(envelope));
	make_work(&sent);
	sent.flags = CHAN_NOWAIT;
	sent.prio = op->prio;
	sent.tag = op->tag;
	ret = chan_run(&sent);
	op->id = sent.id;
	op->state = sent.state;
	return ret;
}

/* Its length, without the envelope; -EBADMSG: it is none. */
static int answer_receive(struct asking *asking, struct chan_envelope *envelope)
{
	struct chan_op op;
	int ret;

	chan_op_recv(&op, asking->fd, asking->buf, ANSWER_MAX);
	op.flags = CHAN_NOWAIT | CHAN_AUTOACK;
	do {
		ret = chan_run(&op);
	} while (ret == -EINTR);
	if (ret < 0)
		return ret;
	if (!envelope_read(asking->buf, ret, envelope))
		return -EBADMSG;
	return ret - (int)sizeof(*envelope);
}

/* What was not asked, or is over, has no answer. */
static struct slot *slot_of_answer(struct chan_ring *ring, uint64_t id)
{
	uint64_t nr = id & SLOT_MASK;
	struct slot *slot = nr < ring->capacity ? &ring->slots[nr] : NULL;

	return slot && slot->is_asked && slot->id == id ? slot : NULL;
}

/* The result of the question; -EBADMSG: who was asked does not know how to answer. */
static int answer_take(const struct asking *asking, const struct slot *slot,
		       const struct chan_envelope *envelope, int len)
{
	bool rejects = envelope->verdict == CHAN_REJECT;
	struct chan_op *op = slot->op;

	op->state = CHAN_STATE_SETTLED;
	if (envelope->version != CHAN_ENVELOPE_VERSION ||
	    (!rejects && envelope->verdict != CHAN_REPLY) ||
	    rejects != is_errno(envelope->error) ||
	    (uint64_t)len > slot->reply_len)
		return -EBADMSG;
	op->verdict = envelope->verdict;
	op->error = envelope->error;
	if (rejects)
		return -EREMOTEIO;
	if (len)
		memcpy((void *)(uintptr_t)op->reply_buf, asking->buf,
		       (size_t)len);
	op->reply_len = (uint64_t)len;
	return len;
}

#endif /* RING_ASK_H */
