/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A SEND that is brought to one place of its way and held there by parking the
 * other side, so that a test can disturb it exactly there: a scene. The
 * sender is a thread or a child. What must hold on the way is checked here;
 * what comes of the disturbance stands in the tests.
 *
 * A scene's message is number 1; the fillers before it are from 90, and what
 * comes after it has numbers of the test's own.
 */
#ifndef SCENE_H
#define SCENE_H

#include "op_steps.h"
#include "stall.h"
#include "traffic.h"

/* Rows of the table of styles ------------------------------------------- */

struct style {
	const char *name;
	__u8 until, duty, on_death;
};

#define STYLE(name, until, duty, on_death)                  \
	{                                                   \
		name, CHAN_UNTIL_##until, CHAN_DUTY_##duty, \
			CHAN_ON_DEATH_##on_death            \
	}

static const struct style styles[] = {
	STYLE("asynchronous", QUEUED, NONE, FAIL),
	STYLE("work", QUEUED, ACK, REDELIVER),
	STYLE("rendezvous", RECEIVED, NONE, FAIL),
	STYLE("acknowledged", SETTLED, ACK, FAIL),
	STYLE("acknowledged by any", SETTLED, ACK, REDELIVER),
	STYLE("call", SETTLED, REPLY, FAIL),
	STYLE("call to any", SETTLED, REPLY, REDELIVER),
};

#define STYLE_CALL (&styles[5])
#define STYLE_TASK (&styles[3])
#define STYLE_MEET (&styles[2])
#define STYLE_WORK (&styles[1])

/* Places ----------------------------------------------------------------- */

enum place {
	AT_LINE, /* the channel is full: it waits for a slot */
	AT_QUEUE, /* with a slot; without slots: it waits for a receiver */
	AT_COPY, /* claimed, and the receiver's buffer does not come */
	AT_RECEIVER, /* received, not settled */
	AT_RETURNED, /* given back, and queued again */
	AT_INHERITED, /* its receiver has died; queued again */
	AT_SECOND, /* given back, and received again */
};

static const char *const places[] = {
	"without a slot", "queued",    "claimed",	 "received",
	"returned",	  "inherited", "received again",
};

/* Is it a place that such a send waits at? */
static inline bool has_place(const struct style *style, __u32 cap,
			     enum place place)
{
	bool waits = style->until != CHAN_UNTIL_QUEUED || !cap;
	bool settles = style->until == CHAN_UNTIL_SETTLED;

	/* The work queue needs slots. */
	if (!cap && style->duty && !settles)
		return false;
	if (place == AT_LINE)
		return cap;
	if (place == AT_QUEUE || place == AT_COPY)
		return waits;
	if (place == AT_INHERITED)
		return settles && style->on_death;
	return settles;
}

static inline bool was_received(enum place place)
{
	return place >= AT_RECEIVER;
}

/* Somebody holds its token. */
static inline bool is_held(enum place place)
{
	return place == AT_RECEIVER || place == AT_SECOND;
}

/* Scenes ----------------------------------------------------------------- */

#define SCENE_CAP 2
#define SCENE_TAG 0x7a6ULL
#define FILLER	  90
#define ANSWER	  "answered"
#define GARBAGE64 0xccccccccccccccccULL

struct scene {
	const struct style *style;
	enum place place;
	__u32 cap;
	struct ends ends;
	__u64 deadline; /* of the send */
	struct running send, receive; /* the second for AT_COPY */
	struct stall stall; /* likewise */
	int (*stall_open)(struct stall *stall);
	int nr;
	char reply[sizeof(ANSWER)];
	__u64 token;
	__u32 attempt; /* of the last delivery */
	__u64 deliveries;
	bool forks; /* the sender is a child */
	bool own; /* and does not share its endpoint */
	pid_t child;
};

/* Waits for the end that must come; -ETIME if it does not. */
static inline int op_ends(struct running *running)
{
	return BECOMES(running->over) ? op_finish(running) : -ETIME;
}

static inline __u32 fillers_of(const struct scene *s)
{
	return s->place == AT_LINE ? SCENE_CAP : 0;
}

/* What the sender is told at the end, if nothing disturbs it. */
static inline int good_result(const struct scene *s)
{
	return s->style->duty == CHAN_DUTY_REPLY ? (int)sizeof(ANSWER) : 0;
}

static inline struct chan_op scene_record(struct scene *s)
{
	struct chan_op op = op_send(&s->nr, sizeof(s->nr));

	op.until = s->style->until;
	op.duty = s->style->duty;
	op.on_death = s->style->on_death;
	op.deadline = s->deadline;
	op.tag = SCENE_TAG;
	op.id = GARBAGE64;
	op.state = 0xcccccccc;
	if (op.duty == CHAN_DUTY_REPLY) {
		op.reply_buf = address(s->reply);
		op.reply_len = sizeof(s->reply);
	}
	return op;
}

/* As far as it has been written: before it is enqueued. */
static inline __u64 scene_id(struct scene *s)
{
	__u64 id = __atomic_load_n(&s->send.op.id, __ATOMIC_RELAXED);

	return id == GARBAGE64 ? 0 : id;
}

/* The send's own process; the scene is shared memory. */
static inline void scene_child(struct scene *s)
{
	int fd = s->ends.sender;

	if (s->own)
		fd = derive(s->ends.admin, CHAN_RIGHT_SEND);
	if (fd < 0)
		_exit(2);
	s->send.fd = fd;
	s->send.result = run_running(&s->send);
	s->send.over = true;
	_exit(0);
}

static inline int scene_start(struct scene *s)
{
	struct chan_op op = scene_record(s);
	pid_t pid;

	if (!s->forks)
		return op_start(&s->send, s->ends.sender, op);
	s->send.op = op;
	pid = fork();
	if (!pid)
		scene_child(s);
	s->child = pid;
	return pid < 0 ? -errno : 0;
}

/* Receives number @nr, if @token there, as a duty. */
static inline int receive_number(int fd, int nr, __u64 *token, __u32 *attempt)
{
	int got = GARBAGE;
	struct chan_op op = op_recv(&got, sizeof(got));

	op.deadline = in_ms(BUDGET * 1000);
	op.id = GARBAGE64;
	CHECK_EQ((int)sizeof(got), run(fd, &op));
	CHECK_EQ(nr, got);
	if (attempt)
		*attempt = op.attempt;
	if (token)
		*token = op.id;
	return 0;
}

/* What comes next is number @nr, which owes nothing. */
static inline int expect_plain(int fd, int nr)
{
	__u64 token = GARBAGE64;

	CHECK_EQ(0, receive_number(fd, nr, &token, NULL));
	CHECK_EQ(0, token);
	return 0;
}

static inline int expect_nothing(int fd)
{
	int got;
	struct chan_op op = op_recv(&got, sizeof(got));

	op.flags = CHAN_NOWAIT;
	CHECK_EQ(-EAGAIN, run(fd, &op));
	return 0;
}

static inline int send_plain(int fd, int nr)
{
	struct chan_op op = op_send(&nr, sizeof(nr));

	op.deadline = in_ms(BUDGET * 1000);
	return run(fd, &op);
}

/* The scene's own message, by whoever has @fd. */
static inline int scene_receive_by(struct scene *s, int fd)
{
	CHECK_EQ(0, receive_number(fd, 1, &s->token, &s->attempt));
	CHECK_EQ(!!s->style->duty, !!s->token);
	s->deliveries++;
	return 0;
}

static inline int scene_receive(struct scene *s)
{
	return scene_receive_by(s, s->ends.receiver);
}

/* Waits where it is not received; one that is over never will. */
static inline bool scene_waits(struct scene *s)
{
	bool has_slot = s->cap && s->place != AT_LINE;
	struct chan_stat stat;

	return BECOMES(s->send.over ||
		       (stat = stat_now(s->ends.admin),
			has_slot ? stat.queued : stat.parked_senders) == 1) &&
	       !s->send.over;
}

static inline int scene_claim(struct scene *s)
{
	struct chan_op op;

	CHECK_EQ(0, s->stall_open(&s->stall));
	op = op_recv(s->stall.page, 64);
	CHECK_EQ(0, op_start(&s->receive, s->ends.receiver, op));
	CHECK_EQ(1, stall_reached(&s->stall));
	CHECK_EQ(1, stat_now(s->ends.admin).queued);
	return 0;
}

/* Its receiver dies, and nobody else has the endpoint. */
static inline int scene_inherit(struct scene *s)
{
	int other = derive(s->ends.admin, CHAN_RIGHT_RECV);

	CHECK_EQ(0, scene_receive_by(s, other));
	close(other);
	s->token = 0;
	CHECK_EQ(1, STAT_BECOMES(s->ends.admin, unsettled, 0));
	return 0;
}

static inline int scene_return(struct scene *s)
{
	CHECK_EQ(0, scene_receive(s));
	CHECK_EQ(0,
		 run_once(s->ends.receiver, op_settle(s->token, CHAN_RETURN)));
	CHECK_EQ(0, stat_now(s->ends.admin).unsettled);
	return 0;
}

/* The other side goes to the place too. */
static inline int scene_reach(struct scene *s)
{
	CHECK_EQ(1, scene_waits(s));
	CHECK_EQ(1, scene_id(s) != 0);
	switch (s->place) {
	case AT_COPY:
		return scene_claim(s);
	case AT_RECEIVER:
		return scene_receive(s);
	case AT_RETURNED:
		return scene_return(s);
	case AT_INHERITED:
		return scene_inherit(s);
	case AT_SECOND:
		CHECK_EQ(0, scene_return(s));
		CHECK_EQ(0, scene_receive(s));
		CHECK_EQ(2, s->attempt);
		return 0;
	default:
		return 0;
	}
}

static inline int scene_ends(struct scene *s)
{
	int control = open_control();
	int err = ends_sized(control, &s->ends, s->cap, 64, 0);

	close(control);
	return err;
}

/* 0, or 1 and it has said what differs. */
static inline int scene_open(struct scene *s)
{
	CHECK_EQ(0, scene_ends(s));
	for (__u32 i = 0; i < fillers_of(s); i++)
		CHECK_EQ(0, send_plain(s->ends.sender, FILLER + i));
	CHECK_EQ(0, scene_start(s));
	return scene_reach(s);
}

static inline struct scene *scene_new(const struct style *style, __u32 cap,
				      enum place place)
{
	struct scene *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED)
		abort();
	s->style = style;
	s->cap = cap;
	s->place = place;
	s->ends = (struct ends){ -1, -1, -1 };
	s->nr = 1;
	s->stall_open = stall_open;
	return s;
}

/* When all its threads have ended. */
static inline void scene_close(struct scene *s)
{
	ends_close(&s->ends);
	if (s->stall.page)
		stall_close(&s->stall);
	munmap(s, sizeof(*s));
}

/* Going on --------------------------------------------------------------- */

static inline int scene_take_fillers(struct scene *s)
{
	for (__u32 i = 0; i < fillers_of(s); i++)
		CHECK_EQ(0, expect_plain(s->ends.receiver, FILLER + i));
	return 0;
}

/* As its duty says; what the one who settles is told. */
static inline int scene_settle(struct scene *s)
{
	if (s->style->duty == CHAN_DUTY_REPLY)
		return run_once(s->ends.receiver,
				op_reply(s->token, ANSWER, sizeof(ANSWER)));
	return run_once(s->ends.receiver, op_settle(s->token, CHAN_ACK));
}

/* The receiver that was stalled has this number now, and nothing else. */
static inline int scene_copied(struct scene *s, int nr)
{
	CHECK_EQ((int)sizeof(nr), op_ends(&s->receive));
	CHECK_EQ(nr, *(int *)s->stall.page);
	return 0;
}

/* It is received, if nobody holds it, and settled if that is owed. */
static inline int scene_go_on(struct scene *s)
{
	CHECK_EQ(0, scene_take_fillers(s));
	if (s->place == AT_COPY) {
		stall_let(&s->stall);
		CHECK_EQ(0, scene_copied(s, 1));
		s->token = s->receive.op.id;
		s->attempt = s->receive.op.attempt;
		s->deliveries++;
	} else if (!is_held(s->place)) {
		CHECK_EQ(0, scene_receive(s));
	}
	CHECK_EQ(was_received(s->place) ? 2 - (s->place == AT_RECEIVER) : 1,
		 s->attempt);
	if (s->style->duty)
		CHECK_EQ(0, scene_settle(s));
	return 0;
}

/* What it was told is good, and so is the answer. */
static inline int expect_good(struct scene *s, int result,
			      const struct chan_op *op)
{
	CHECK_EQ(good_result(s), result);
	if (s->style->duty == CHAN_DUTY_REPLY) {
		CHECK_EQ((long long)sizeof(ANSWER), op->reply_len);
		CHECK_EQ(0, memcmp(s->reply, ANSWER, sizeof(ANSWER)));
	}
	if (s->style->until == CHAN_UNTIL_SETTLED) {
		CHECK_EQ(CHAN_STATE_SETTLED, op->state);
		CHECK_EQ(s->style->duty == CHAN_DUTY_REPLY ? CHAN_REPLY :
							     CHAN_ACK,
			 op->verdict);
	}
	return 0;
}

static inline int scene_ends_well(struct scene *s)
{
	return expect_good(s, op_ends(&s->send), &s->send.op);
}

/* Nothing is left, and nothing was delivered but what the scene knows of. */
static inline int scene_is_over(struct scene *s)
{
	struct chan_stat stat;

	CHECK_EQ(1, BECOMES((stat = stat_now(s->ends.admin),
			     !stat.queued && !stat.unsettled && !stat.bytes &&
				     !stat.parked_senders &&
				     !stat.parked_receivers)));
	CHECK_EQ(fillers_of(s) + s->deliveries, stat.totals_received);
	CHECK_EQ(0, expect_nothing(s->ends.receiver));
	return 0;
}

/* Its duty is no more: whose caller has left is told so once. */
static inline int expect_late_settle(struct scene *s)
{
	CHECK_EQ(1, stat_now(s->ends.admin).unsettled);
	CHECK_EQ(-ECANCELED, scene_settle(s));
	CHECK_EQ(-ESTALE, scene_settle(s));
	CHECK_EQ(0, stat_now(s->ends.admin).unsettled);
	return 0;
}

/*
 * The message has been withdrawn: nobody receives it, nobody has received it,
 * and its slot can be had. A receiver whose copy was stalled gets the next.
 * A send that comes again would find the channel empty.
 */
static inline int expect_withdrawn(struct scene *s)
{
	struct chan_stat stat = stat_now(s->ends.admin);

	CHECK_EQ(fillers_of(s), stat.queued);
	CHECK_EQ(0, stat.parked_senders);
	CHECK_EQ(0, stat.unsettled);
	CHECK_EQ(fillers_of(s) * (4 + CHAN_MSG_OVERHEAD), stat.bytes);
	CHECK_EQ(0, stat.totals_received);
	CHECK_EQ(0, scene_take_fillers(s));
	s->deliveries += fillers_of(s);
	if (s->place != AT_COPY) {
		s->place = AT_QUEUE;
		return expect_nothing(s->ends.receiver);
	}
	s->place = AT_QUEUE;
	CHECK_EQ(0, s->receive.over);
	stall_let(&s->stall);
	CHECK_EQ(1, waiting_are(s->ends.admin, 0, 1));
	CHECK_EQ(0, s->receive.over);
	CHECK_EQ(0, send_plain(s->ends.sender, 2));
	CHECK_EQ(0, scene_copied(s, 2));
	CHECK_EQ(0, s->receive.op.id);
	s->deliveries++;
	return 0;
}

/*
 * Its sender listens no more, after receipt: a call is abandoned, also in the
 * queue; a task is done for nobody.
 */
static inline int expect_unheard(struct scene *s)
{
	if (s->style->duty == CHAN_DUTY_ACK) {
		CHECK_EQ(0, scene_go_on(s));
		CHECK_EQ(-ESTALE, scene_settle(s));
		return 0;
	}
	if (is_held(s->place))
		return expect_late_settle(s);
	CHECK_EQ(0, stat_now(s->ends.admin).queued);
	return expect_nothing(s->ends.receiver);
}

/*
 * Scenes with one deadline, which @open brings to their places and counts. If
 * that comes too late for one of them, all are begun anew with more time.
 */
#define OPEN_IN_TIME(nr, deadline, open)                                   \
	do {                                                               \
		for (int ms_ = 1500; clock_ns() >= (deadline); ms_ *= 4) { \
			(deadline) = in_ms(ms_);                           \
			(nr) = (open);                                     \
			ASSERT_TRUE((nr) > 0 || clock_ns() >= (deadline)); \
		}                                                          \
	} while (0)

/* A walk through each style at each of these places. */
struct walk {
	__u32 cap;
	int place, first, last;
	size_t style;
};

static inline struct scene *walk_next(struct walk *walk)
{
	for (; walk->style < ARRAY_SIZE(styles); walk->style++) {
		const struct style *style = &styles[walk->style];

		while (walk->place <= walk->last) {
			int place = walk->place++;

			if (has_place(style, walk->cap, place))
				return scene_new(style, walk->cap, place);
		}
		walk->place = walk->first;
	}
	return NULL;
}

#define FOR_EACH_SCENE_AT(s, cap, first, last)                   \
	for (struct walk walk_ = { cap, first, first, last, 0 }; \
	     ((s) = walk_next(&walk_));)

#define FOR_EACH_SCENE(s, cap)	    FOR_EACH_SCENE_AT(s, cap, AT_LINE, AT_SECOND)
#define FOR_EACH_UNRECEIVED(s, cap) FOR_EACH_SCENE_AT(s, cap, AT_LINE, AT_COPY)
#define FOR_EACH_RECEIVED(s, cap) \
	FOR_EACH_SCENE_AT(s, cap, AT_RECEIVER, AT_SECOND)

/*
 * 0 is expected of @check. A scene that failed stays open: its threads may
 * still be there.
 */
#define EXPECT_SCENE(s, check)                                     \
	do {                                                       \
		int failed_ = (check);                             \
		EXPECT_EQ(0, failed_)                              \
		{                                                  \
			TH_LOG("%s, %s, cap %u", (s)->style->name, \
			       places[(s)->place], (s)->cap);      \
		}                                                  \
		if (!failed_)                                      \
			scene_close(s);                            \
	} while (0)

#endif /* SCENE_H */
