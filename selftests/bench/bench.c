// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench.c - what a message costs, in instructions
 *
 * Owns the workloads and the transports; the guest it runs in counts one
 * instruction as one tick of the time stamp counter (see selftests/qemu/boot).
 * It prints a line for each measured block and judges nothing.
 *
 *	sample WORKLOAD TRANSPORT INSTRUCTIONS-PER-MESSAGE
 *
 * Both peers are processes on the same CPU. A round trip is a message there
 * and one back, by two messages of write and read ("pipe", "chan") or by one
 * operation of the one peer and two of the other: a SEND that waits for its
 * reply ("call") or for its acknowledgment ("ack"), against RECV and SETTLE.
 * In "batch" the two of the other are one entry: it settles, and waits for the
 * next. Streaming is one process that only sends and one that only receives, by
 * read and write, by operations ("op"), or by many of them at a time ("batch");
 * longer messages go by read and write.
 * Receiving is of messages that are there, by RECV ("op"), or by a select among
 * the receives of eight channels of which the last has them ("select"). Sending
 * is of messages for which there is room, also 32 an entry of io_uring ("uring").
 *
 * By io_uring a round trip is a call, one entry of each side, beside that of two
 * rings that only post to each other ("msg_ring").
 *
 * What is "by libchan" does the same as the row before it, through a function of
 * the library for each operation.
 */
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include <chan.h>

#include "bench.h"

#define REPETITIONS 5
#define ARMS	    8 /* channels that a select chooses from */

static struct lane open_pipe(void)
{
	int fds[2];

	if (pipe(fds))
		err(1, "pipe");
	return (struct lane){ .in = fds[0], .out = fds[1] };
}

static struct lane open_chan_as(struct chan_create create)
{
	int control = open(CHAN_CONTROL_PATH, O_RDWR);

	if (control < 0 || ioctl(control, CHAN_IOC_CREATE, &create))
		err(1, "%s", CHAN_CONTROL_PATH);
	close(control);
	return (struct lane){ .in = create.fd, .out = create.fd };
}

static struct lane open_chan(void)
{
	/* A pipe holds 8192 messages of this size. */
	return open_chan_as((struct chan_create){ .cap = 4096 });
}

static struct lane open_chan_long(void)
{
	return open_chan_as((struct chan_create){ .cap = 64 });
}

static void send_one(const struct lane *lane, const void *message)
{
	if (write(lane->out, message, SIZE) != SIZE)
		err(1, "write");
}

static void receive_one(const struct lane *lane, void *message)
{
	if (read(lane->in, message, SIZE) != SIZE)
		err(1, "read");
}

static void echo(const struct lane *there, const struct lane *back)
{
	char message[SIZE];

	for (;;) {
		receive_one(there, message);
		send_one(back, message);
	}
}

static uint64_t round_trips(const struct lane *there, const struct lane *back,
			    unsigned int rounds)
{
	char message[SIZE] = "message";
	uint64_t begun = __rdtsc();

	for (unsigned int i = 0; i < rounds; i++) {
		send_one(there, message);
		receive_one(back, message);
	}
	return __rdtsc() - begun;
}

/* Takes as many messages as it is told, then says that it has them all. */
static void drain(const struct lane *there, const struct lane *back)
{
	char message[SIZE];
	uint64_t expected;

	for (;;) {
		receive_one(there, &expected);
		for (uint64_t i = 0; i < expected; i++)
			receive_one(there, message);
		send_one(back, message);
	}
}

static uint64_t stream(const struct lane *there, const struct lane *back,
		       unsigned int rounds)
{
	char message[SIZE] = "message";
	uint64_t expected = rounds;
	uint64_t begun = __rdtsc();

	send_one(there, &expected);
	for (unsigned int i = 0; i < rounds; i++)
		send_one(there, message);
	receive_one(back, message);
	return __rdtsc() - begun;
}

/* Longer messages ---------------------------------------------------------- */

/* How many are to come, or anything. */
static union {
	uint64_t expected;
	char bytes[64 << 10];
} payload;

static void send_long(const struct lane *lane, size_t len)
{
	if (write(lane->out, &payload, len) != (ssize_t)len)
		err(1, "write");
}

/* A pipe may give it in pieces. */
static void receive_long(const struct lane *lane, size_t len)
{
	ssize_t n;

	for (size_t got = 0; got < len; got += n) {
		n = read(lane->in, payload.bytes + got, len - got);
		if (n <= 0)
			err(1, "read");
	}
}

static void drain_long(const struct lane *there, const struct lane *back,
		       size_t len)
{
	for (;;) {
		receive_long(there, len);
		for (uint64_t left = payload.expected; left; left--)
			receive_long(there, len);
		send_one(back, &payload);
	}
}

static uint64_t stream_long(const struct lane *there, const struct lane *back,
			    unsigned int rounds, size_t len)
{
	uint64_t begun = __rdtsc();

	payload.expected = rounds;
	for (unsigned int i = 0; i <= rounds; i++)
		send_long(there, len);
	receive_one(back, &payload);
	return __rdtsc() - begun;
}

static void drain_kilobytes(const struct lane *there, const struct lane *back)
{
	drain_long(there, back, 1 << 10);
}

static uint64_t stream_kilobytes(const struct lane *there,
				 const struct lane *back, unsigned int rounds)
{
	return stream_long(there, back, rounds, 1 << 10);
}

static void drain_longest(const struct lane *there, const struct lane *back)
{
	drain_long(there, back, sizeof(payload));
}

static uint64_t stream_longest(const struct lane *there,
			       const struct lane *back, unsigned int rounds)
{
	return stream_long(there, back, rounds, sizeof(payload));
}

/* Operations -------------------------------------------------------------- */

static int operate(int fd, struct chan_op *op)
{
	if (ioctl(fd, CHAN_IOC_OP, op))
		err(1, "CHAN_IOC_OP");
	return op->result;
}

/* Serves either: acknowledges, or sends back what it has received. */
static void serve(const struct lane *there, const struct lane *back)
{
	char message[SIZE];

	(void)back;
	for (;;) {
		struct chan_op op = receive_op(message);

		operate(there->in, &op);
		op = (struct chan_op){
			.code = CHAN_OP_SETTLE,
			.id = op.id,
			.verdict = op.duty == CHAN_DUTY_REPLY ? CHAN_REPLY :
								CHAN_ACK,
			.buf = (uintptr_t)message,
			.len = op.duty == CHAN_DUTY_REPLY ? SIZE : 0,
		};
		operate(there->in, &op);
	}
}

static struct chan_op call_op(const void *message, void *reply)
{
	struct chan_op op =
		send_op(CHAN_UNTIL_SETTLED, CHAN_DUTY_REPLY, message);

	op.reply_buf = (uintptr_t)reply;
	op.reply_len = SIZE;
	return op;
}

static uint64_t calls(const struct lane *there, const struct lane *back,
		      unsigned int rounds)
{
	char message[SIZE] = "message", reply[SIZE];
	uint64_t begun = __rdtsc();

	(void)back;
	for (unsigned int i = 0; i < rounds; i++) {
		struct chan_op op = call_op(message, reply);

		if (operate(there->out, &op) != SIZE)
			errx(1, "a reply of another length");
	}
	return __rdtsc() - begun;
}

static uint64_t acknowledged(const struct lane *there, const struct lane *back,
			     unsigned int rounds)
{
	char message[SIZE] = "message";
	uint64_t begun = __rdtsc();

	(void)back;
	for (unsigned int i = 0; i < rounds; i++) {
		struct chan_op op =
			send_op(CHAN_UNTIL_SETTLED, CHAN_DUTY_ACK, message);

		operate(there->out, &op);
	}
	return __rdtsc() - begun;
}

/* drain() and stream(), by operations. */
static void drain_op(const struct lane *there, const struct lane *back)
{
	char message[SIZE];
	uint64_t expected;

	for (;;) {
		struct chan_op op = receive_op(&expected);

		operate(there->in, &op);
		for (uint64_t i = 0; i < expected; i++) {
			op = receive_op(message);
			operate(there->in, &op);
		}
		send_one(back, message);
	}
}

static uint64_t stream_op(const struct lane *there, const struct lane *back,
			  unsigned int rounds)
{
	char message[SIZE] = "message";
	uint64_t expected = rounds;
	struct chan_op op;
	uint64_t begun = __rdtsc();

	op = send_op(CHAN_UNTIL_QUEUED, CHAN_DUTY_NONE, &expected);
	operate(there->out, &op);
	for (unsigned int i = 0; i < rounds; i++) {
		op = send_op(CHAN_UNTIL_QUEUED, CHAN_DUTY_NONE, message);
		operate(there->out, &op);
	}
	receive_one(back, message);
	return __rdtsc() - begun;
}

/* Batches ------------------------------------------------------------------- */

/* How many were done. */
static unsigned int operate_all(int fd, struct chan_op *ops, unsigned int nr)
{
	struct chan_batch batch = {
		.ops = (uintptr_t)ops,
		.nr = nr,
		.op_size = sizeof(*ops),
	};

	if (ioctl(fd, CHAN_IOC_BATCH, &batch))
		err(1, "CHAN_IOC_BATCH");
	return batch.done;
}

static struct chan_op in_batch(struct chan_op op)
{
	op.fd = -1;
	return op;
}

/* serve(), for calls: settles the one and waits for the next in one entry. */
static void serve_batch(const struct lane *there, const struct lane *back)
{
	char message[SIZE];
	struct chan_op ops[2], *settle = &ops[0], *receive = &ops[1];

	(void)back;
	*settle = (struct chan_op){
		.code = CHAN_OP_SETTLE,
		.fd = -1,
		.verdict = CHAN_REPLY,
		.buf = (uintptr_t)message,
		.len = SIZE,
	};
	*receive = in_batch(receive_op(message));
	operate_all(there->in, receive, 1);
	for (;;) {
		settle->id = receive->id;
		if (operate_all(there->in, ops, 2) != 2)
			errx(1, "a batch that stopped");
	}
}

/* drain() and stream(), by batches; it takes what is there, up to a batch. */
static void drain_batch(const struct lane *there, const struct lane *back)
{
	char messages[BATCH][SIZE];
	struct chan_op ops[BATCH], op;
	uint64_t expected;

	for (int i = 0; i < BATCH; i++) {
		ops[i] = in_batch(receive_op(messages[i]));
		ops[i].flags = i ? CHAN_NOWAIT : 0;
	}
	for (;;) {
		op = receive_op(&expected);
		operate(there->in, &op);
		while (expected)
			expected -= operate_all(there->in, ops,
						expected < BATCH ? expected :
								   BATCH);
		send_one(back, messages[0]);
	}
}

static uint64_t stream_batch(const struct lane *there, const struct lane *back,
			     unsigned int rounds)
{
	char message[SIZE] = "message";
	uint64_t expected = rounds;
	struct chan_op ops[BATCH], op;
	uint64_t begun = __rdtsc();

	op = send_op(CHAN_UNTIL_QUEUED, CHAN_DUTY_NONE, &expected);
	operate(there->out, &op);
	for (int i = 0; i < BATCH; i++)
		ops[i] = in_batch(
			send_op(CHAN_UNTIL_QUEUED, CHAN_DUTY_NONE, message));
	for (unsigned int i = 0; i < rounds; i += BATCH)
		if (operate_all(there->out, ops, BATCH) != BATCH)
			errx(1, "a batch that stopped");
	receive_one(back, message);
	return __rdtsc() - begun;
}

/* Receiving what is there --------------------------------------------------- */

#define STOCK 1000 /* messages, sent beforehand */

static void look_on(const struct lane *there, const struct lane *back)
{
	(void)there;
	(void)back;
	for (;;)
		pause();
}

static void stock_up(const struct lane *lane)
{
	for (int i = 0; i < STOCK; i++)
		send_one(lane, "message");
}

static void take_stock(const struct lane *lane)
{
	char message[SIZE];

	for (int i = 0; i < STOCK; i++)
		receive_one(lane, message);
}

static uint64_t receive_op_by_op(const struct lane *there,
				 const struct lane *back, unsigned int rounds)
{
	uint64_t begun, spent = 0;
	char message[SIZE];
	struct chan_op op;

	(void)back;
	for (unsigned int done = 0; done < rounds; done += STOCK) {
		stock_up(there);
		begun = __rdtsc();
		for (int i = 0; i < STOCK; i++) {
			op = receive_op(message);
			operate(there->in, &op);
		}
		spent += __rdtsc() - begun;
	}
	return spent;
}

static uint64_t receive_libchan(const struct lane *there,
				const struct lane *back, unsigned int rounds)
{
	uint64_t begun, spent = 0;
	struct chan_op op;
	char message[SIZE];

	(void)back;
	for (unsigned int done = 0; done < rounds; done += STOCK) {
		stock_up(there);
		begun = __rdtsc();
		for (int i = 0; i < STOCK; i++)
			if (chan_recv(there->in, message, SIZE, &op, 0) != SIZE)
				errx(1, "a message of another length");
		spent += __rdtsc() - begun;
	}
	return spent;
}

static uint64_t send_op_by_op(const struct lane *there, const struct lane *back,
			      unsigned int rounds)
{
	char message[SIZE] = "message";
	uint64_t begun, spent = 0;

	(void)back;
	for (unsigned int done = 0; done < rounds; done += STOCK) {
		begun = __rdtsc();
		for (int i = 0; i < STOCK; i++) {
			struct chan_op op = send_op(CHAN_UNTIL_QUEUED,
						    CHAN_DUTY_NONE, message);

			operate(there->out, &op);
		}
		spent += __rdtsc() - begun;
		take_stock(there);
	}
	return spent;
}

static uint64_t send_libchan(const struct lane *there, const struct lane *back,
			     unsigned int rounds)
{
	char message[SIZE] = "message";
	uint64_t begun, spent = 0;

	(void)back;
	for (unsigned int done = 0; done < rounds; done += STOCK) {
		begun = __rdtsc();
		for (int i = 0; i < STOCK; i++)
			if (chan_send(there->out, message, SIZE, 0))
				errx(1, "chan_send");
		spent += __rdtsc() - begun;
		take_stock(there);
	}
	return spent;
}

static uint64_t receive_selecting(const struct lane *there,
				  const struct lane *back, unsigned int rounds)
{
	uint64_t begun, spent = 0;
	struct chan_op ops[ARMS];
	struct chan_batch batch = {
		.ops = (uintptr_t)ops,
		.nr = ARMS,
		.op_size = sizeof(ops[0]),
	};
	char message[SIZE];
	int fds[ARMS];

	(void)back;
	for (int arm = 0; arm < ARMS; arm++) {
		fds[arm] = arm < ARMS - 1 ? open_chan().in : there->in;
		ops[arm] = receive_op(message);
		ops[arm].fd = fds[arm];
	}
	for (unsigned int done = 0; done < rounds; done += STOCK) {
		stock_up(there);
		begun = __rdtsc();
		for (int i = 0; i < STOCK; i++)
			if (ioctl(there->in, CHAN_IOC_SELECT, &batch))
				err(1, "CHAN_IOC_SELECT");
		spent += __rdtsc() - begun;
	}
	for (int arm = 0; arm < ARMS - 1; arm++)
		close(fds[arm]);
	return spent;
}

/* Many in an entry of io_uring ---------------------------------------------- */

static uint64_t send_uring(const struct lane *there, const struct lane *back,
			   unsigned int rounds)
{
	uint64_t spent = 0;

	(void)back;
	for (unsigned int done = 0; done < rounds; done += STOCK) {
		spent += send_many_uring(there->out, STOCK);
		take_stock(there);
	}
	return spent;
}

/* Calls that come to nothing ------------------------------------------------ */

static uint64_t refused(const struct lane *there, const struct lane *back,
			unsigned int rounds)
{
	char message[SIZE] = "message", reply[SIZE];
	uint64_t begun = __rdtsc();

	(void)there;
	(void)back;
	for (unsigned int i = 0; i < rounds; i++) {
		struct chan_op op = call_op(message, reply);

		if (!ioctl(-1, CHAN_IOC_OP, &op))
			errx(1, "a call to nobody");
	}
	return __rdtsc() - begun;
}

static uint64_t refused_libchan(const struct lane *there,
				const struct lane *back, unsigned int rounds)
{
	char message[SIZE] = "message", reply[SIZE];
	uint64_t begun = __rdtsc();

	(void)there;
	(void)back;
	for (unsigned int i = 0; i < rounds; i++)
		if (!chan_call(-1, message, SIZE, reply, SIZE, NULL, 0))
			errx(1, "a call to nobody");
	return __rdtsc() - begun;
}

/* What is measured ---------------------------------------------------------- */

#define ROUND_TRIP "round trip, 8 bytes"
#define STREAMING  "streaming, 8 bytes"
#define KILOBYTES  "streaming, 1 KiB"
#define LONGEST	   "streaming, 64 KiB"
#define RECEIVING  "receiving, 8 bytes"
#define SENDING	   "sending, 8 bytes"
#define REFUSED	   "refused call, 8 bytes"
#define LIBCHAN	   "by libchan"

static const struct workload {
	const char *name, *transport;
	unsigned int rounds;
	struct lane (*open)(void);
	void (*partner)(const struct lane *there, const struct lane *back);
	uint64_t (*run)(const struct lane *there, const struct lane *back,
			unsigned int rounds);
} workloads[] = {
	{ ROUND_TRIP, "pipe", 20000, open_pipe, echo, round_trips },
	{ ROUND_TRIP, "chan", 20000, open_chan, echo, round_trips },
	{ ROUND_TRIP, "call", 10000, open_chan, serve, calls },
	{ ROUND_TRIP, "ack", 10000, open_chan, serve, acknowledged },
	{ ROUND_TRIP, "batch", 10000, open_chan, serve_batch, calls },
	{ STREAMING, "pipe", 50000, open_pipe, drain, stream },
	{ STREAMING, "chan", 50000, open_chan, drain, stream },
	{ STREAMING, "op", 25000, open_chan, drain_op, stream_op },
	/* Whole batches, of the first rounds too. */
	{ STREAMING, "batch", 10 * BATCH * 150, open_chan, drain_batch,
	  stream_batch },
	{ KILOBYTES, "pipe", 10000, open_pipe, drain_kilobytes,
	  stream_kilobytes },
	{ KILOBYTES, "chan", 10000, open_chan_long, drain_kilobytes,
	  stream_kilobytes },
	{ LONGEST, "pipe", 1000, open_pipe, drain_longest, stream_longest },
	{ LONGEST, "chan", 1000, open_chan_long, drain_longest,
	  stream_longest },
	{ RECEIVING, "op", 10 * STOCK, open_chan, look_on, receive_op_by_op },
	{ RECEIVING, LIBCHAN, 10 * STOCK, open_chan, look_on, receive_libchan },
	{ RECEIVING, "select", 10 * STOCK, open_chan, look_on,
	  receive_selecting },
	{ SENDING, "op", 10 * STOCK, open_chan, look_on, send_op_by_op },
	{ SENDING, LIBCHAN, 10 * STOCK, open_chan, look_on, send_libchan },
	{ SENDING, "uring", 10 * STOCK, open_chan, look_on, send_uring },
	{ REFUSED, "op", 10000, open_chan, look_on, refused },
	{ REFUSED, LIBCHAN, 10000, open_chan, look_on, refused_libchan },
	{ ROUND_TRIP, "msg_ring", 10000, open_rings, echo_ring,
	  round_trips_ring },
	{ ROUND_TRIP, "uring", 10000, open_chan, serve_uring, calls_uring },
};

static pid_t start_partner(const struct workload *workload,
			   const struct lane *there, const struct lane *back)
{
	pid_t partner = fork();

	if (partner < 0)
		err(1, "fork");
	if (!partner) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		workload->partner(there, back);
	}
	return partner;
}

static void measure(const struct workload *workload)
{
	struct lane there = workload->open();
	struct lane back = workload->open();
	pid_t partner = start_partner(workload, &there, &back);

	workload->run(&there, &back, workload->rounds / 10);
	for (int i = 0; i < REPETITIONS; i++) {
		uint64_t ticks = workload->run(&there, &back, workload->rounds);

		printf("sample\t%s\t%s\t%.1f\n", workload->name,
		       workload->transport, (double)ticks / workload->rounds);
	}
	kill(partner, SIGKILL);
	waitpid(partner, NULL, 0);
}

int main(void)
{
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (sched_setaffinity(0, sizeof(first), &first))
		err(1, "sched_setaffinity");
	/* What boot has left to do would count as ours. */
	sleep(2);
	for (size_t w = 0; w < sizeof(workloads) / sizeof(*workloads); w++)
		measure(&workloads[w]);
	return 0;
}
