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

static inline __u64 in_ms(unsigned int ms)
{
	return clock_ns() + ms * 1000000ULL;
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

/* The result: bytes or 0, or a negative errno. */
static inline int run(int fd, struct chan_op *op)
{
	int ret = record_ioctl(fd, CHAN_IOC_OP, op);

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
	struct chan_op op;
	int result;
	_Atomic bool over;
	pthread_t thread;
	_Atomic pid_t tid;
};

static inline void *running_main(void *arg)
{
	struct running *running = arg;

	running->tid = syscall(SYS_gettid);
	running->result = run(running->fd, &running->op);
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
