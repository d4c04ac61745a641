// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Who is asked: finds out whether a message is a question, and sends the answer to where
 * its asker waits. Of the channels of askers, which have names, the last ones are kept
 * open. Whose they are is not asked: an asker may have its endpoint of another user,
 * and a channel takes what does not belong to it for nothing.
 */
#include <poll.h>
#include <sys/mman.h>

#include "envelope.h"

/**
 * struct asker - the channel of an asker
 * @channel: the number in its name
 * @used_at: when it was used last, counted in answers
 */
struct asker {
	uint64_t channel;
	uint64_t used_at;
};

/**
 * struct chan_answers - channels of askers that are open, and room for an answer
 * @size: of all this memory
 * @capacity: how many there may be
 * @nr: how many there are, without gaps
 * @now: how many answers there were
 * @fds: their descriptors, as poll(2) takes them
 * @askers: the rest of each
 * @buf: the answer with its envelope, for it goes in one piece
 */
struct chan_answers {
	size_t size;
	unsigned int capacity;
	unsigned int nr;
	uint64_t now;
	struct pollfd *fds;
	struct asker *askers;
	char buf[ANSWER_MAX];
};

int chan_answers_open(struct chan_answers **answers, unsigned int capacity)
{
	size_t each = sizeof(struct asker) + sizeof(struct pollfd);
	size_t size = sizeof(struct chan_answers) + capacity * each;
	struct chan_answers *made;

	if (!capacity || capacity > CHAN_ANSWERS_MAX)
		return -EINVAL;
	made = map_quietly(size);
	if (!made)
		return -ENOMEM;
	made->size = size;
	made->capacity = capacity;
	made->askers = (struct asker *)(made + 1);
	made->fds = (struct pollfd *)(made->askers + capacity);
	*answers = made;
	return 0;
}

/* The last one takes its place. */
static void forget(struct chan_answers *answers, unsigned int i)
{
	unsigned int last = --answers->nr;

	close_quietly(answers->fds[i].fd);
	answers->fds[i] = answers->fds[last];
	answers->askers[i] = answers->askers[last];
}

void chan_answers_close(struct chan_answers *answers)
{
	while (answers->nr)
		forget(answers, answers->nr - 1);
	munmap(answers, answers->size);
}

/* Receiving ------------------------------------------------------------------ */

static bool can_be_answered(const struct chan_envelope *envelope)
{
	return envelope->version == CHAN_ENVELOPE_VERSION &&
	       !envelope->reserved && envelope->id && envelope->channel &&
	       !envelope->verdict && !envelope->error &&
	       envelope->reply_len <= CHAN_ANSWER_MAX;
}

int chan_unwrap(struct chan_question *question)
{
	struct chan_op *msg = &question->msg;
	struct chan_envelope envelope;

	question->id = 0;
	question->channel = 0;
	if (msg->result < 0 || msg->duty != CHAN_DUTY_ACK ||
	    !envelope_read((const void *)(uintptr_t)msg->buf, msg->len,
			   &envelope))
		return msg->result;
	if (!can_be_answered(&envelope))
		return -EBADMSG;
	question->id = envelope.id;
	question->channel = envelope.channel;
	msg->duty = CHAN_DUTY_REPLY;
	msg->reply_len = envelope.reply_len;
	msg->len -= sizeof(envelope);
	msg->result = (int)msg->len;
	return msg->result;
}

int chan_recv_question(int fd, void *buf, size_t len,
		       struct chan_question *question, uint64_t deadline)
{
	struct chan_op *msg = &question->msg;
	int ret;

	for (;;) {
		ret = chan_recv(fd, buf, len, msg, deadline);
		if (ret < 0)
			return ret;
		ret = chan_unwrap(question);
		if (ret != -EBADMSG)
			return ret;
		chan_reject(fd, msg->id, EBADMSG);
	}
}

/* The channels of askers ------------------------------------------------------ */

/* They would stay paid for by their users. */
static void forget_those_who_left(struct chan_answers *answers)
{
	if (QUIETLY(poll(answers->fds, answers->nr, 0)) <= 0)
		return;
	for (unsigned int i = answers->nr; i-- > 0;)
		if (answers->fds[i].revents & POLLERR)
			forget(answers, i);
}

static void forget_oldest(struct chan_answers *answers)
{
	unsigned int oldest = 0;

	for (unsigned int i = 1; i < answers->nr; i++)
		if (answers->askers[i].used_at <
		    answers->askers[oldest].used_at)
			oldest = i;
	forget(answers, oldest);
}

/* The place of a new one, or a negative errno. */
static int meet(struct chan_answers *answers, uint64_t channel)
{
	char name[RESULT_NAME];
	int fd;

	forget_those_who_left(answers);
	result_name(name, channel);
	fd = chan_open(name, CHAN_RIGHT_SEND);
	if (fd < 0)
		return fd;
	if (answers->nr == answers->capacity)
		forget_oldest(answers);
	answers->fds[answers->nr] = (struct pollfd){ .fd = fd };
	answers->askers[answers->nr].channel = channel;
	return (int)answers->nr++;
}

static int find(struct chan_answers *answers, uint64_t channel)
{
	unsigned int i = 0;
	int found;

	while (i < answers->nr && answers->askers[i].channel != channel)
		i++;
	found = i < answers->nr ? (int)i : meet(answers, channel);
	if (found >= 0)
		answers->askers[found].used_at = ++answers->now;
	return found;
}

/* Answering ------------------------------------------------------------------ */

/*
 * In this order: an answer that came twice does no harm, one that never came does. It
 * does not wait: who asks has promised to have room.
 */
static int send_and_ack(struct chan_answers *answers, int fd, size_t len,
			const struct chan_question *question)
{
	struct chan_op ops[2];
	int ret;

	chan_op_send(&ops[0], fd, answers->buf, len);
	ops[0].flags = CHAN_NOWAIT;
	ops[0].prio = CHAN_PRIO_MAX;
	chan_op_ack(&ops[1], question->msg.fd, question->msg.id);
	ret = chan_batch(ops, 2);
	if (ret < 0)
		return ret;
	return ret == 2 ? 0 : ops[1].result;
}

/* That this process or its asker has too little is no reason to forget a question. */
static bool may_try_again(int err)
{
	return err == -EAGAIN || err == -ENOMEM || err == -EMFILE ||
	       err == -ENFILE || err == -EOPNOTSUPP;
}

static int answer(struct chan_answers *answers,
		  const struct chan_question *question, unsigned int verdict,
		  int error, size_t len)
{
	const struct chan_envelope envelope = {
		.id = question->id,
		.verdict = verdict,
		.error = (uint32_t)error,
		.version = CHAN_ENVELOPE_VERSION,
		.magic = CHAN_ENVELOPE_MAGIC,
	};
	int i = find(answers, question->channel);
	int ret = i;

	if (i >= 0) {
		envelope_write(answers->buf, len, &envelope);
		ret = send_and_ack(answers, answers->fds[i].fd,
				   len + sizeof(envelope), question);
	}
	if (!ret || ret == -ESTALE || may_try_again(ret))
		return ret;
	if (i >= 0)
		forget(answers, (unsigned int)i);
	ret = chan_ack(question->msg.fd, question->msg.id);
	return ret ? ret : -ECANCELED;
}

int chan_answers_reply(struct chan_answers *answers,
		       const struct chan_question *question, const void *buf,
		       size_t len)
{
	const struct chan_op *msg = &question->msg;

	if (!question->id)
		return chan_reply(msg->fd, msg->id, buf, len);
	if (len > msg->reply_len || len > CHAN_ANSWER_MAX)
		return -EMSGSIZE;
	if (len)
		memcpy(answers->buf, buf, len);
	return answer(answers, question, CHAN_REPLY, 0, len);
}

int chan_answers_reject(struct chan_answers *answers,
			const struct chan_question *question, int error)
{
	const struct chan_op *msg = &question->msg;

	if (!question->id)
		return chan_reject(msg->fd, msg->id, error);
	if (error < 0 || !is_errno((uint64_t)error))
		return -EINVAL;
	return answer(answers, question, CHAN_REJECT, error, 0);
}
