/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations in one line each: records, running one now or in a thread of its
 * own, and looking at what is waiting. It expects nothing of the module by
 * itself, but that a record and its ioctl tell the same.
 */
#ifndef OPS_H
#define OPS_H

#include "chan_test.h"

/* Time of the clock that deadlines are of. */
static inline __u64 clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* A deadline; where all takes longer, so many times later. */
static inline __u64 in_ms(unsigned int ms)
{
	return clock_ns() + ms * 1000000ULL * slowness();
}

static inline void sleep_until(__u64 deadline)
{
	struct timespec ts = {
		.tv_sec = deadline / 1000000000,
		.tv_nsec = deadline % 1000000000,
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL))
		;
}

/* Soon, but not before what began then could be done some times once more. */
static inline __u64 deadline_after(double begun)
{
	return in_ms(100) + (now() - begun) * 1e10;
}

/* Without giving up the processor. */
static inline void hold_until(__u64 end)
{
	while (clock_ns() < end)
		;
}

/* Records ------------------------------------------------------------ */

static inline struct chan_op op_send(const void *buf, size_t len)
{
	return (struct chan_op){
		.code = CHAN_OP_SEND,
		.buf = address(buf),
		.len = len,
	};
}

static inline struct chan_op op_work(const void *buf, size_t len)
{
	struct chan_op op = op_send(buf, len);

	op.duty = CHAN_DUTY_ACK;
	op.on_death = CHAN_ON_DEATH_REDELIVER;
	return op;
}

/* Acknowledged: until SETTLED. */
static inline struct chan_op op_task(const void *buf, size_t len, __u8 on_death)
{
	struct chan_op op = op_send(buf, len);

	op.until = CHAN_UNTIL_SETTLED;
	op.duty = CHAN_DUTY_ACK;
	op.on_death = on_death;
	return op;
}

static inline struct chan_op op_call(const void *buf, size_t len, void *reply,
				     size_t reply_len)
{
	struct chan_op op = op_send(buf, len);

	op.until = CHAN_UNTIL_SETTLED;
	op.duty = CHAN_DUTY_REPLY;
	op.reply_buf = address(reply);
	op.reply_len = reply_len;
	return op;
}

static inline struct chan_op op_recv(void *buf, size_t len)
{
	return (struct chan_op){
		.code = CHAN_OP_RECV,
		.buf = address(buf),
		.len = len,
	};
}

static inline struct chan_op op_settle(__u64 token, __u32 verdict)
{
	return (struct chan_op){
		.code = CHAN_OP_SETTLE,
		.id = token,
		.verdict = verdict,
	};
}

static inline struct chan_op op_reply(__u64 token, const void *buf, size_t len)
{
	struct chan_op op = op_settle(token, CHAN_REPLY);

	op.buf = address(buf);
	op.len = len;
	return op;
}

static inline struct chan_op op_reject(__u64 token, __u32 error)
{
	struct chan_op op = op_settle(token, CHAN_REJECT);

	op.error = error;
	return op;
}

static inline struct chan_op op_cancel(__u64 id)
{
	return (struct chan_op){ .code = CHAN_OP_CANCEL, .id = id };
}

static inline struct chan_op op_cancel_tag(__u64 tag)
{
	return (struct chan_op){
		.code = CHAN_OP_CANCEL,
		.flags = CHAN_BY_TAG,
		.tag = tag,
	};
}

static inline struct chan_op op_wait(__u64 id)
{
	return (struct chan_op){ .code = CHAN_OP_WAIT, .id = id };
}

/* Running ------------------------------------------------------------ */

static inline struct chan_batch batch_of(const void *ops, __u32 nr)
{
	return (struct chan_batch){
		.ops = address(ops),
		.nr = nr,
		.op_size = sizeof(struct chan_op),
		.done = 0xcccccccc,
		.index = 0xcccccccc,
	};
}

/* How many were done, or why the first was not. */
static inline int run_batch(int fd, struct chan_batch *batch)
{
	int ret = record_ioctl(fd, CHAN_IOC_BATCH, batch);

	if (ret > 0 || (ret == 0 && batch->done - 1 >= batch->nr)) {
		fprintf(stderr,
			"# ioctl is %d, and says that %u of %u are done\n", ret,
			batch->done, batch->nr);
		abort();
	}
	return ret ? ret : (int)batch->done;
}

/* Those that name no endpoint are on this one. */
static inline int run_ops(int fd, struct chan_op *ops, __u32 nr)
{
	struct chan_batch batch = batch_of(ops, nr);

	for (__u32 i = 0; i < nr; i++)
		ops[i].fd = ops[i].fd ? ops[i].fd : -1;
	return run_batch(fd, &batch);
}

/*
 * How operations enter the kernel: each by itself, each as a batch of one, each
 * of a thread's in a batch behind one that does nothing, if it can be that, each
 * as the only arm of a select, or each as a command of io_uring.
 */
enum entry { ALONE, AS_A_BATCH, BEHIND_ANOTHER, AS_A_SELECT, BY_A_RING };

static enum entry entry;

/* What BY_A_RING is, if a test includes rings.h; others need no liburing. */
static int (*run_command)(int fd, struct chan_op *op);

/* Whether a select takes it, if it is not malformed. */
static inline bool can_be_an_arm(const struct chan_op *op)
{
	if (op->fd && op->fd != -1)
		return false;
	return op->code == CHAN_OP_RECV ||
	       (op->code == CHAN_OP_SEND && !op->until && !op->duty &&
		!op->on_death);
}

/* A select that comes to nothing tells that itself, and not the record. */
static inline void tell_for_select(struct chan_op *op, int ret)
{
	op->result = ret;
	if (op->code != CHAN_OP_SEND)
		return;
	op->state = CHAN_STATE_WITHDRAWN;
	op->id = 0;
}

/* The time is the select's; everything else is the arm's. */
static inline int run_select_of_one(int fd, struct chan_op *op)
{
	const struct chan_op was = *op;
	struct chan_batch batch = batch_of(op, 1);
	int ret;

	batch.flags = op->flags & CHAN_NOWAIT;
	batch.deadline = op->deadline;
	op->flags &= ~CHAN_NOWAIT;
	op->deadline = 0;
	op->fd = -1;
	ret = record_ioctl(fd, CHAN_IOC_SELECT, &batch);
	op->flags = was.flags;
	op->deadline = was.deadline;
	op->fd = was.fd;
	if (ret && batch.index)
		tell_for_select(op, ret);
	return ret;
}

/* What is posted, which says as much as the record. */
static inline int run_by_command(int fd, struct chan_op *op)
{
	int ret = run_command(fd, op);

	if (ret >= 0 && ret != op->result) {
		fprintf(stderr, "# posted is %d, its record says %d\n", ret,
			op->result);
		abort();
	}
	return ret;
}

/* The result: bytes or 0, or a negative errno. */
static inline int run(int fd, struct chan_op *op)
{
	int ret;

	if (entry == BY_A_RING)
		return run_by_command(fd, op);

	if (entry == AS_A_BATCH) {
		ret = run_ops(fd, op, 1);
		ret = ret < 0 ? ret : 0;
	} else if (entry == AS_A_SELECT && can_be_an_arm(op)) {
		ret = run_select_of_one(fd, op);
	} else {
		ret = record_ioctl(fd, CHAN_IOC_OP, op);
	}
	if (ret > 0 || (ret == 0 && op->result < 0)) {
		fprintf(stderr, "# ioctl is %d, its record says %d\n", ret,
			op->result);
		abort();
	}
	return ret ? ret : op->result;
}

/* For what is not looked at again. */
static inline int run_once(int fd, struct chan_op op)
{
	return run(fd, &op);
}

/* One operation in a thread. */
struct running {
	int fd;
	struct chan_op first; /* where @op enters the kernel behind it */
	struct chan_op op;
	int result;
	_Atomic bool over;
	pthread_t thread;
	_Atomic pid_t tid;
};

_Static_assert(offsetof(struct running, op) - offsetof(struct running, first) ==
		       sizeof(struct chan_op),
	       "records that lie beside each other");

/* What came of the second, whose failure the ioctl does not tell. */
static inline int run_second(struct running *running)
{
	bool is_done;
	int ret;

	running->first = op_cancel_tag(~0ULL);
	ret = run_ops(running->fd, &running->first, 2);
	is_done = running->op.result >= 0;
	if (ret != 1 + is_done || running->first.result) {
		fprintf(stderr, "# batch is %d, its records say %d and %d\n",
			ret, running->first.result, running->op.result);
		abort();
	}
	return running->op.result;
}

static inline int run_running(struct running *running)
{
	return entry == BEHIND_ANOTHER ? run_second(running) :
					 run(running->fd, &running->op);
}

static inline void *running_main(void *arg)
{
	struct running *running = arg;

	running->tid = syscall(SYS_gettid);
	running->result = run_running(running);
	running->over = true;
	return NULL;
}

static inline int op_start(struct running *running, int fd, struct chan_op op)
{
	running->fd = fd;
	running->op = op;
	running->over = false;
	running->tid = 0;
	return -pthread_create(&running->thread, NULL, running_main, running);
}

/* Waits for its end, which the test knows to come. */
static inline int op_finish(struct running *running)
{
	pthread_join(running->thread, NULL);
	return running->result;
}

/* Counts ------------------------------------------------------------- */

static inline struct chan_stat stat_now(int fd)
{
	struct chan_stat s;

	if (get_stat(fd, &s))
		memset(&s, 0xcc, sizeof(s));
	return s;
}

/* True when the member of struct chan_stat has this value, or gets it. */
#define STAT_BECOMES(fd, member, value) BECOMES((value) == stat_now(fd).member)

#endif /* OPS_H */
