/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A select in a few lines: a list of arms, each with a number of its own to
 * send or to receive into, run now or in a thread; what it tells, and that it
 * tells of one arm only. Channels that have an arm each, whether it is ready or
 * not. It expects nothing of the module by itself, but that batch, record and
 * ioctl tell the same and that the records of the other arms are untouched.
 */
#ifndef SELECT_H
#define SELECT_H

#include "op_steps.h"

#define ARMS_MAX CHAN_BATCH_MAX

/* Told of more than one arm, or different things of one. */
#define TWO_STORIES (-EUCLEAN)

#define UNTOLD 0xccccccccU

struct selecting {
	int fd; /* that the ioctl is on */
	struct chan_op arms[ARMS_MAX], before[ARMS_MAX];
	int numbers[ARMS_MAX]; /* an arm's payload, or where it goes */
	struct chan_batch batch;
	int result; /* the number of the arm, or an errno */
	_Atomic bool over;
	_Atomic pid_t tid;
	pthread_t thread;
};

/* Arms --------------------------------------------------------------------- */

static inline void select_init(struct selecting *s, int fd)
{
	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->batch = batch_of(s->arms, 0);
	s->batch.index = UNTOLD;
}

/* The number of the new arm, with garbage where its results go. */
static inline int add_arm(struct selecting *s, int fd, struct chan_op op)
{
	int nr = s->batch.nr++;

	op = with_garbage(op);
	op.fd = fd;
	s->arms[nr] = op;
	s->before[nr] = op;
	return nr;
}

static inline int add_recv(struct selecting *s, int fd)
{
	int *number = &s->numbers[s->batch.nr];
	struct chan_op op = op_recv(number, sizeof(*number));

	*number = GARBAGE;
	op.duty = 0xcc;
	op.prio = 0xcc;
	op.tag = 0xcccccccccccccccc;
	return add_arm(s, fd, op);
}

static inline int add_send(struct selecting *s, int fd, int nr)
{
	int *number = &s->numbers[s->batch.nr];

	*number = nr;
	return add_arm(s, fd, op_send(number, sizeof(*number)));
}

/* Running ------------------------------------------------------------------- */

/* The records of all but @index, or of all if there is no such arm. */
static inline bool others_are_untouched(const struct selecting *s, __u32 index)
{
	for (__u32 i = 0; i < s->batch.nr && i < ARMS_MAX; i++)
		if (i != index &&
		    memcmp(&s->before[i], &s->arms[i], sizeof(s->arms[i])))
			return false;
	return true;
}

/* And their buffers, where no message was that has been taken back. */
static inline bool buffers_are_untouched(const struct selecting *s, __u32 index)
{
	for (__u32 i = 0; i < s->batch.nr && i < ARMS_MAX; i++)
		if (i != index && s->arms[i].code == CHAN_OP_RECV &&
		    s->arms[i].buf == address(&s->numbers[i]) &&
		    s->numbers[i] != GARBAGE)
			return false;
	return true;
}

/* Beside @index and @done, of one or none, it is as it was handed over. */
static inline bool is_result(const struct chan_batch *was,
			     const struct chan_batch *is, int ret)
{
	struct chan_batch should = *was;

	should.index = is->index;
	if (!ret || is->done != was->done)
		should.done = !ret;
	return !memcmp(&should, is, sizeof(should));
}

/* The record that the kernel has written, wherever the arms are. */
static inline const struct chan_op *told_of(const struct selecting *s,
					    __u32 index)
{
	__u64 at = s->batch.ops + (__u64)index * s->batch.op_size;

	return (const struct chan_op *)(uintptr_t)at;
}

/* The number of the arm, an errno, or TWO_STORIES. */
static inline int story(struct selecting *s, const struct chan_batch *was,
			int ret)
{
	__u32 index = s->batch.index;
	bool is_named = index < s->batch.nr && index < ARMS_MAX;
	int result = is_named ? told_of(s, index)->result : 0;

	if (ret <= 0 && is_result(was, &s->batch, ret) &&
	    (is_named ? (ret ? result == ret : result >= 0) :
			(ret && index == UNTOLD)))
		return ret ?: (int)index;
	fprintf(stderr, "# select of %u is %d, index %#x, its record says %d\n",
		s->batch.nr, ret, index, result);
	return TWO_STORIES;
}

/* For those that look at the other records themselves. */
static inline int select_raw(struct selecting *s)
{
	struct chan_batch was = s->batch;

	memcpy(s->before, s->arms, sizeof(s->arms));
	return story(s, &was, record_ioctl(s->fd, CHAN_IOC_SELECT, &s->batch));
}

static inline int select_run(struct selecting *s)
{
	int ret = select_raw(s);

	if (others_are_untouched(s, s->batch.index) &&
	    buffers_are_untouched(s, s->batch.index))
		return ret;
	fprintf(stderr, "# select of %u is %d, and another arm has changed\n",
		s->batch.nr, ret);
	return TWO_STORIES;
}

/* Once more, with the same arms: as before it was run. */
static inline void select_again(struct selecting *s)
{
	memcpy(s->arms, s->before, sizeof(s->arms));
	for (__u32 i = 0; i < s->batch.nr; i++)
		if (s->arms[i].code == CHAN_OP_RECV)
			s->numbers[i] = GARBAGE;
	s->batch.index = UNTOLD;
	s->batch.done = UNTOLD;
}

static inline int select_now(struct selecting *s)
{
	s->batch.flags |= CHAN_NOWAIT;
	return select_run(s);
}

/* What must be there or come; a test that hangs tells less. */
static inline int select_soon(struct selecting *s)
{
	s->batch.deadline = in_ms(BUDGET * 1000);
	return select_run(s);
}

static inline void *select_main(void *arg)
{
	struct selecting *s = arg;

	s->tid = syscall(SYS_gettid);
	s->result = select_run(s);
	s->over = true;
	return NULL;
}

static inline int select_start(struct selecting *s)
{
	s->over = false;
	s->tid = 0;
	return -pthread_create(&s->thread, NULL, select_main, s);
}

/* What came of it; -ETIME if it does not end. */
static inline int select_ends(struct selecting *s)
{
	if (!BECOMES(s->over))
		return -ETIME;
	pthread_join(s->thread, NULL);
	return s->result;
}

static inline bool select_sleeps(struct selecting *s)
{
	return BECOMES(s->tid && sleeps_in(s->tid) == SYS_ioctl) && !s->over;
}

static inline bool select_interrupt(struct selecting *s)
{
	int before = signals_taken;

	pthread_kill(s->thread, SIGUSR1);
	return BECOMES(signals_taken > before);
}

/* Channels ------------------------------------------------------------------ */

/* One endpoint with all rights, which is all that its channel has. */
static inline int whole_channel(int control, __u32 cap)
{
	return create_sized(control, cap, 64, 0);
}

static inline int whole_channels(int control, int *fds, int nr, __u32 cap)
{
	for (int i = 0; i < nr; i++) {
		fds[i] = whole_channel(control, cap);
		if (fds[i] < 0)
			return fds[i];
	}
	return 0;
}

static inline void close_all(int *fds, int nr)
{
	for (int i = 0; i < nr; i++)
		close_end(&fds[i]);
}

/* Nobody waits and nothing is on its way on any of them. */
static inline int nothing_is_left_on(const int *fds, int nr)
{
	for (int i = 0; i < nr; i++)
		CHECK_EQ(0, nothing_is_left(fds[i]));
	return 0;
}

/* A message that waits in the channel, of a number that no arm has. */
#define OBSTACLE 9000

static inline int put_message(int fd, int nr)
{
	struct chan_op op = op_send(&nr, sizeof(nr));

	op.flags = CHAN_NOWAIT;
	return run(fd, &op);
}

/* The number that comes next, or an errno. */
static inline int take_message(int fd)
{
	int nr = GARBAGE;
	struct chan_op op = op_now(&nr, sizeof(nr));
	int ret = run(fd, &op);

	return ret < 0 ? ret : ret == sizeof(nr) ? nr : -EIO;
}

#endif /* SELECT_H */
