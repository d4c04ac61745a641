/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of duties share: messages of four bytes in every style, sent
 * in a thread where their sender waits; receiving with all that RECV tells;
 * what the sender is told in the end; receivers in a process of their own, that
 * hold what they have received until they are told to go.  It expects nothing
 * of the module by itself.
 */
#ifndef DUTIES_H
#define DUTIES_H

#include "op_steps.h"
#include "traffic.h"

/* Styles -------------------------------------------------------------------- */

/* A row of the table of styles, on a channel with so many slots. */
struct style {
	__u8 until, duty, on_death;
	__u32 cap;
};

/* clang-format off */
#define SLOTS 16

#define STYLE(until, duty, on_death, slots)                               \
	((struct style){ CHAN_UNTIL_##until, CHAN_DUTY_##duty,            \
			 CHAN_ON_DEATH_##on_death, slots })

#define ASYNC(slots)	STYLE(QUEUED, NONE, FAIL, slots)
#define MEETING(slots)	STYLE(RECEIVED, NONE, FAIL, slots)
#define TASK(slots)	STYLE(SETTLED, ACK, FAIL, slots)
#define TASK_AGAIN(slots)	STYLE(SETTLED, ACK, REDELIVER, slots)
#define CALL(slots)	STYLE(SETTLED, REPLY, FAIL, slots)
#define CALL_AGAIN(slots)	STYLE(SETTLED, REPLY, REDELIVER, slots)
#define WORK(slots)	STYLE(QUEUED, ACK, REDELIVER, slots)
/* clang-format on */

/* Does its sender wait for more than a slot? */
static inline bool style_waits(const struct style *style)
{
	return style->until != CHAN_UNTIL_QUEUED || !style->cap;
}

/* Both ends of an anonymous channel for this style. */
static inline int style_ends(int control, const struct style *style,
			     struct ends *ends)
{
	struct chan_create c = roomy_record(NULL);

	c.cap = style->cap;
	return ends_make(control, &c, ends);
}

/* Sending ------------------------------------------------------------------- */

/* A message and its send, which may still go on. */
struct sent {
	struct running running;
	bool waits;
	int nr, reply;
};

/* What a result is before it is written. */
#define RUBBISH 0xcccccccc

/* The number is the payload; its tag is a hundred times as much. */
static inline struct chan_op styled(struct sent *sent,
				    const struct style *style, int nr)
{
	struct chan_op op = op_send(&sent->nr, sizeof(sent->nr));

	sent->nr = nr;
	sent->reply = GARBAGE;
	sent->waits = style_waits(style);
	op.until = style->until;
	op.duty = style->duty;
	op.on_death = style->on_death;
	op.tag = 100 * nr;
	if (op.duty == CHAN_DUTY_REPLY) {
		op.reply_buf = address(&sent->reply);
		op.reply_len = sizeof(sent->reply);
	}
	op.id = RUBBISH;
	op.verdict = RUBBISH;
	op.error = RUBBISH;
	op.attempt = RUBBISH;
	op.state = RUBBISH;
	op.result = RUBBISH;
	return op;
}

/* Messages that have been sent and are not with a receiver. */
static inline unsigned int in_line(int fd)
{
	struct chan_stat s = stat_now(fd);

	return s.queued + s.parked_senders;
}

/* Sends where no receiver waits; 0 once the message is in line. */
static inline int send_op(struct sent *sent, int fd, struct chan_op op)
{
	unsigned int before = in_line(fd);
	int ret;

	sent->running.op = op;
	if (!sent->waits) {
		sent->running.result = run(fd, &sent->running.op);
		return sent->running.result;
	}
	ret = op_start(&sent->running, fd, op);
	if (!ret && !BECOMES(in_line(fd) == before + 1))
		ret = -ETIME;
	return ret;
}

static inline int send_styled(struct sent *sent, int fd,
			      const struct style *style, int nr)
{
	return send_op(sent, fd, styled(sent, style, nr));
}

/* Waits for the end of a thread; -ETIME if it does not come. */
static inline int running_end(struct running *running)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += BUDGET + seconds_each();
	if (pthread_timedjoin_np(running->thread, NULL, &end))
		return -ETIME;
	return running->result;
}

static inline bool is_over(const struct sent *sent)
{
	return sent->waits && sent->running.over;
}

/* 0 if the sender was told this; those who do not wait were told 0 before. */
static inline int told(struct sent *sent, int result, __u32 state,
		       __u32 verdict, __u32 error)
{
	struct chan_op *op = &sent->running.op;

	if (!sent->waits) {
		CHECK_EQ(0, sent->running.result);
		return 0;
	}
	CHECK_EQ(result, running_end(&sent->running));
	CHECK_EQ(result, op->result);
	CHECK_EQ(state, op->state);
	CHECK_EQ(verdict, op->verdict);
	CHECK_EQ(error, op->error);
	CHECK_EQ(CHAN_OP_SEND, op->code);
	return 0;
}

/* It was settled as settle_well() does it. */
static inline int told_done(struct sent *sent)
{
	struct chan_op *op = &sent->running.op;

	if (op->duty == CHAN_DUTY_REPLY) {
		CHECK_EQ(0, told(sent, sizeof(sent->reply), CHAN_STATE_SETTLED,
				 CHAN_REPLY, 0));
		CHECK_EQ((int)sizeof(sent->reply), op->reply_len);
		CHECK_EQ(-sent->nr, sent->reply);
		return 0;
	}
	return told(sent, 0, CHAN_STATE_SETTLED, CHAN_ACK, 0);
}

/* Whoever had received it has died. */
static inline int told_owner_dead(struct sent *sent)
{
	CHECK_EQ(0, told(sent, -EOWNERDEAD, CHAN_STATE_SETTLED, 0, 0));
	CHECK_EQ(GARBAGE, sent->reply);
	return 0;
}

/* Nobody has received it, and nobody will. */
static inline int told_broken_pipe(struct sent *sent)
{
	CHECK_EQ(0, told(sent, -EPIPE, CHAN_STATE_WITHDRAWN, 0, 0));
	CHECK_EQ(GARBAGE, sent->reply);
	return 0;
}

/* Receiving ----------------------------------------------------------------- */

/* A message, and what RECV tells of it. */
struct received {
	struct chan_op op;
	int nr;
};

static inline struct chan_op receive_op(struct received *received)
{
	struct chan_op op = op_recv(&received->nr, sizeof(received->nr));

	received->nr = GARBAGE;
	op.duty = 0xcc;
	op.prio = 0xcc;
	op.id = RUBBISH;
	op.tag = RUBBISH;
	op.attempt = RUBBISH;
	op.result = RUBBISH;
	return op;
}

/* The number, or why there is none. */
static inline int receive_by(int fd, struct received *received,
			     struct chan_op op)
{
	int ret;

	received->op = op;
	ret = run(fd, &received->op);
	return ret == sizeof(received->nr) ? received->nr :
	       ret < 0			   ? ret :
					     -EIO;
}

/* Waits, but not for ever. */
static inline int receive(int fd, struct received *received)
{
	struct chan_op op = receive_op(received);

	op.deadline = in_ms(BUDGET * 1000);
	return receive_by(fd, received, op);
}

static inline int receive_now(int fd, struct received *received)
{
	struct chan_op op = receive_op(received);

	op.flags = CHAN_NOWAIT;
	return receive_by(fd, received, op);
}

/* For a message that is not there. */
static inline int receive_nothing(int fd)
{
	struct received received;

	return receive_now(fd, &received);
}

/* A receiver that waits in a thread; true when it does. */
struct receiving {
	struct running running;
	struct received received;
};

static inline bool receive_start(struct receiving *r, int fd)
{
	__u32 before = stat_now(fd).parked_receivers;

	return !op_start(&r->running, fd, receive_op(&r->received)) &&
	       STAT_BECOMES(fd, parked_receivers, before + 1);
}

static inline int receive_end(struct receiving *r)
{
	int ret = running_end(&r->running);

	r->received.op = r->running.op;
	return ret == sizeof(r->received.nr) ? r->received.nr :
	       ret < 0			     ? ret :
					       -EIO;
}

/* Settling ------------------------------------------------------------------ */

static inline int settle(int fd, const struct received *received, __u32 verdict)
{
	return run_once(fd, op_settle(received->op.id, verdict));
}

/* As its duty wants it; the reply is the number with the other sign. */
static inline int settle_well(int fd, const struct received *received)
{
	int reply = -received->nr;

	if (received->op.duty == CHAN_DUTY_REPLY)
		return run_once(fd, op_reply(received->op.id, &reply,
					     sizeof(reply)));
	return settle(fd, received, CHAN_ACK);
}

/* Receivers in a process of their own ---------------------------------------- */

#define HOLDS_MAX 16

/* In memory that parent and child share. */
struct held {
	_Atomic int ready;
	int error;
	struct received received[HOLDS_MAX];
};

struct holder {
	pid_t pid;
	int go[2];
	struct held *held;
};

/* What the child does when it is told to go; then it exits. */
typedef void holder_fn(struct holder *holder, int fd);

static inline void holder_child(struct holder *holder, int fd, int nr,
				holder_fn *fn)
{
	struct held *held = holder->held;
	char c;
	int ret;

	close(holder->go[1]);
	for (int i = 0; i < nr; i++) {
		ret = receive(fd, &held->received[i]);
		if (ret < 0)
			held->error = ret;
	}
	held->ready = 1;
	(void)!read(holder->go[0], &c, 1);
	if (fn)
		fn(holder, fd);
	_exit(0);
}

/*
 * A child that receives @nr messages and keeps them: on an endpoint of its own
 * that it derives from @from, or on @from itself.  0 once it has.
 */
static inline int holder_start(struct holder *holder, int from, bool shared,
			       int nr, holder_fn *fn)
{
	holder->held = mmap(NULL, sizeof(*holder->held), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (holder->held == MAP_FAILED || pipe(holder->go))
		return -errno;
	holder->pid = fork();
	if (!holder->pid)
		holder_child(holder,
			     shared ? from : derive(from, CHAN_RIGHT_RECV), nr,
			     fn);
	close(holder->go[0]);
	if (!BECOMES(holder->held->ready))
		return -ETIME;
	return holder->held->error;
}

static inline void holder_go(struct holder *holder)
{
	(void)!write(holder->go[1], "\n", 1);
}

static inline int holder_kill(struct holder *holder)
{
	int ret = child_kill(holder->pid);

	close(holder->go[1]);
	return ret;
}

static inline int holder_exit(struct holder *holder)
{
	holder_go(holder);
	close(holder->go[1]);
	return child_ended(holder->pid, false);
}

#endif /* DUTIES_H */
