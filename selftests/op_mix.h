/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything at once on one channel, in threads of one process: senders of all
 * styles with deadlines short and long, receivers that settle as they should or
 * not, leave their endpoints with duties open and take new ones, and one who
 * cancels whatever it meets.  All of it is noted in an oracle; when the senders
 * have ended, the hang-up ends the receivers.
 *
 * It judges nothing but what each call returns.
 */
#ifndef OP_MIX_H
#define OP_MIX_H

#include "op_oracle.h"

#define MIX_SENDERS   4
#define MIX_RECEIVERS 3

struct mix;

/* One thread with its endpoint, whose number others may use to cancel. */
struct mixer {
	struct mix *mix;
	__u32 index;
	unsigned int seed;
	atomic_int fd;
	struct chan_op op; /* under way */
	pthread_t thread;
	int error; /* that no rule allows */
};

struct mix {
	struct oracle *oracle;
	struct ends ends;
	__u32 cap;
	bool hurries; /* nobody receives without a deadline */
	/* Told of each letter that has an id; may be NULL. */
	void (*sent)(struct mix *mix, enum style style, __u64 id);
	void *arg; /* @sent's own */
	atomic_bool senders_are_over;
	atomic_uint cancelled;
	struct mixer senders[MIX_SENDERS], receivers[MIX_RECEIVERS], canceller;
};

static inline bool one_of(struct mixer *m, unsigned int nr)
{
	return rand_r(&m->seed) % nr == 0;
}

/* Soon enough to end every kind of wait at every step. */
static inline __u64 short_deadline(unsigned int *seed)
{
	return clock_ns() + rand_r(seed) % (1U << (rand_r(seed) % 22));
}

/* A new endpoint first, so that the channel is never without. */
static inline void mixer_moves(struct mixer *m, __u32 right)
{
	int old = m->fd, fd = derive(m->mix->ends.admin, right);

	if (fd < 0) {
		m->error = fd;
		return;
	}
	m->fd = fd;
	close(old);
}

/* Senders ----------------------------------------------------------------- */

static inline enum style mixer_style(struct mixer *m)
{
	enum style style = ASYNCHRONOUS + rand_r(&m->seed) % (STYLES - 1);

	return style == WORK && !m->mix->cap ? SYNCHRONOUS : style;
}

static inline bool may_nowait(const struct mix *mix, const struct chan_op *op)
{
	return op->until == CHAN_UNTIL_QUEUED ||
	       (op->until == CHAN_UNTIL_RECEIVED && !mix->cap);
}

static inline void mixer_sends(struct mixer *m, struct letter *letter)
{
	struct mix *mix = m->mix;
	enum style style = mixer_style(m);
	struct answer answer;

	letter_next(mix->oracle, letter, m->index, style, &m->seed);
	m->op = letter_op(style, letter, &answer);
	m->op.tag = 1 + m->index;
	if (one_of(m, 2))
		m->op.deadline = short_deadline(&m->seed);
	if (may_nowait(mix, &m->op) && one_of(m, 4))
		m->op.flags = CHAN_NOWAIT;
	run(m->fd, &m->op);
	note_told(mix->oracle, letter, &m->op);
	if (mix->sent)
		mix->sent(mix, style, m->op.id);
}

static inline void *mixer_sender(void *arg)
{
	struct mixer *m = arg;
	struct letter *letter = malloc(LETTER_MAX);

	while (!m->error && letters_left(m->mix->oracle, m->index)) {
		mixer_sends(m, letter);
		if (one_of(m, 64))
			mixer_moves(m, CHAN_RIGHT_SEND);
	}
	close(m->fd);
	free(letter);
	return NULL;
}

/* Receivers --------------------------------------------------------------- */

/* Whoever holds the token settles it in the end, or leaves it behind. */
static inline void mixer_settles(struct mixer *m, const struct letter *letter,
				 struct fate *fate, __u64 token)
{
	struct oracle *o = m->mix->oracle;
	bool replies = duty_of(fate->style) == CHAN_DUTY_REPLY;
	struct chan_op op;
	__u32 verdict = CHAN_ACK;

	/* Time for its sender to leave. */
	if (one_of(m, 4))
		hold_until(short_deadline(&m->seed));
	if (one_of(m, 16)) {
		mixer_moves(m, CHAN_RIGHT_RECV);
		return;
	}
	if (one_of(m, 16)) {
		op = op_settle(token, replies ? CHAN_ACK : CHAN_REPLY);
		run(m->fd, &op);
		if (op.result != -EINVAL && op.result != -ECANCELED)
			object(o, letter->sender, letter->number,
			       "a verdict that does not fit is taken");
		/* Then the token is used up. */
		if (op.result == -ECANCELED) {
			fate->late++;
			return;
		}
	}
	if (one_of(m, 8))
		verdict = CHAN_RETURN;
	else if (one_of(m, 8))
		verdict = CHAN_REJECT;
	letter_settle(o, m->fd, token, letter, fate, verdict);
	if (one_of(m, 16) &&
	    run_once(m->fd, op_settle(token, CHAN_RETURN)) != -ESTALE)
		object(o, letter->sender, letter->number,
		       "a token is good for two");
}

static inline void mixer_has(struct mixer *m, const struct letter *letter,
			     ssize_t len, struct order *order)
{
	struct oracle *o = m->mix->oracle;
	struct fate *fate = letter_fate(o, letter, len);

	if (!fate)
		return;
	check_receipt(o, letter, fate, &m->op);
	if (m->op.flags & CHAN_PEEK)
		return;
	note_receipt(o, letter, fate, m->op.attempt, order);
	if (m->op.id)
		mixer_settles(m, letter, fate, m->op.id);
	else if (duty_of(fate->style) == CHAN_DUTY_ACK)
		fate->fulfilled++;
	else if (duty_of(fate->style) == CHAN_DUTY_REPLY)
		object(o, letter->sender, letter->number,
		       "a call is received, and nobody is to reply");
}

static inline ssize_t mixer_reads(struct mixer *m, struct letter *letter,
				  struct order *order)
{
	struct oracle *o = m->mix->oracle;
	ssize_t n = take_bytes(m->fd, letter, LETTER_MAX);
	struct fate *fate = n > 0 ? letter_fate(o, letter, n) : NULL;

	if (!fate)
		return n == 0 ? -ESHUTDOWN : n;
	note_receipt(o, letter, fate, 0, order);
	if (duty_of(fate->style) == CHAN_DUTY_ACK)
		fate->fulfilled++;
	else if (duty_of(fate->style) == CHAN_DUTY_REPLY)
		object(o, letter->sender, letter->number, "a call is read");
	return n;
}

static inline ssize_t mixer_receives(struct mixer *m, struct letter *letter,
				     struct order *order)
{
	ssize_t n;

	if (one_of(m, 16) && !m->mix->hurries)
		return mixer_reads(m, letter, order);
	m->op = op_recv(letter, LETTER_MAX);
	m->op.tag = 100 + m->index;
	if (one_of(m, 2) || m->mix->hurries)
		m->op.deadline = short_deadline(&m->seed);
	if (one_of(m, 8))
		m->op.flags |= CHAN_NOWAIT;
	if (one_of(m, 8))
		m->op.flags |= CHAN_PEEK;
	else if (one_of(m, 8) && !m->mix->oracle->receivers_die)
		m->op.flags |= CHAN_AUTOACK;
	else if (one_of(m, 16))
		m->op.len = sizeof(*letter) - 1;
	n = run(m->fd, &m->op);
	if (n >= 0)
		mixer_has(m, letter, n, order);
	return n;
}

static inline void *mixer_receiver(void *arg)
{
	struct mixer *m = arg;
	struct letter *letter = malloc(LETTER_MAX);
	struct order *order = calloc(1, sizeof(*order));
	ssize_t n = 0;

	while (!m->error && n != -ESHUTDOWN) {
		memset(letter, 0xcc, sizeof(*letter));
		n = mixer_receives(m, letter, order);
		if (n < 0 && n != -ESHUTDOWN && n != -EAGAIN &&
		    n != -ETIMEDOUT && n != -ECANCELED && n != -EMSGSIZE)
			m->error = n;
		if (one_of(m, 64))
			mixer_moves(m, CHAN_RIGHT_RECV);
	}
	close(m->fd);
	free(order);
	free(letter);
	return NULL;
}

/* Who cancels -------------------------------------------------------------- */

/* Its endpoint may be closed meanwhile, or its operation over. */
static inline int mixer_cancels(struct mixer *m, struct mixer *who, __u64 tag)
{
	__u64 id = __atomic_load_n(&who->op.id, __ATOMIC_RELAXED);
	int n;

	if (id && one_of(m, 2)) {
		n = run_once(who->fd, op_cancel(id));
		m->mix->cancelled += n == 0;
		return n == -ENOENT || n == -EALREADY ? 0 : n;
	}
	n = run_once(who->fd, op_cancel_tag(tag));
	m->mix->cancelled += n > 0 ? n : 0;
	return n;
}

static inline void *mixer_canceller(void *arg)
{
	struct mixer *m = arg;
	struct mix *mix = m->mix;
	unsigned int which;
	int n;

	while (!mix->senders_are_over) {
		which = rand_r(&m->seed) % (MIX_SENDERS + MIX_RECEIVERS);
		n = which < MIX_SENDERS ?
			    mixer_cancels(m, &mix->senders[which], 1 + which) :
			    mixer_cancels(m,
					  &mix->receivers[which - MIX_SENDERS],
					  100 + which - MIX_SENDERS);
		/* Its number may be that of somebody's ring by now. */
		if (n < 0 && n != -EBADF && n != -EOPNOTSUPP)
			m->error = n;
		usleep(rand_r(&m->seed) % 300);
	}
	return NULL;
}

/* All of them --------------------------------------------------------------- */

static inline int mixer_start(struct mix *mix, struct mixer *m, __u32 index,
			      __u32 right, void *(*fn)(void *))
{
	static unsigned int seeds;

	*m = (struct mixer){ .mix = mix, .index = index, .seed = ++seeds };
	m->fd = right ? derive(mix->ends.admin, right) : -1;
	if (right && m->fd < 0)
		return m->fd;
	return -pthread_create(&m->thread, NULL, fn, m);
}

static inline int mix_start(struct mix *mix)
{
	int err = 0;

	for (int i = 0; i < MIX_RECEIVERS && !err; i++)
		err = mixer_start(mix, &mix->receivers[i], i, CHAN_RIGHT_RECV,
				  mixer_receiver);
	for (int i = 0; i < MIX_SENDERS && !err; i++)
		err = mixer_start(mix, &mix->senders[i], i, CHAN_RIGHT_SEND,
				  mixer_sender);
	return err ?: mixer_start(mix, &mix->canceller, 0, 0, mixer_canceller);
}

/* Waits for the end; 0, or what somebody met that no rule allows. */
static inline int mix_finish(struct mix *mix)
{
	int error = 0;

	for (int i = 0; i < MIX_SENDERS; i++) {
		pthread_join(mix->senders[i].thread, NULL);
		error = error ?: mix->senders[i].error;
	}
	mix->senders_are_over = true;
	pthread_join(mix->canceller.thread, NULL);
	error = error ?: mix->canceller.error;
	close_end(&mix->ends.sender);
	for (int i = 0; i < MIX_RECEIVERS; i++) {
		pthread_join(mix->receivers[i].thread, NULL);
		error = error ?: mix->receivers[i].error;
	}
	return error;
}

/* 0, or why not. */
static inline int mix_run(struct mix *mix, int control, __u32 cap,
			  double seconds, unsigned int most)
{
	int err;

	mix->cap = cap;
	mix->oracle = oracle_make(NOT_YET);
	if (!mix->oracle)
		return -ENOMEM;
	if (most)
		mix->oracle->most = most;
	err = ends_sized(control, &mix->ends, cap, LETTER_MAX, 16 * LETTER_MAX);
	if (err)
		return err;
	err = mix_start(mix);
	mix->oracle->end = now() + seconds;
	if (!err)
		err = mix_finish(mix);
	if (!err)
		oracle_judge(mix->oracle);
	return err;
}

#endif /* OP_MIX_H */
