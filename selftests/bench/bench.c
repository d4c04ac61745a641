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
 * and one back; streaming is one process that only sends and one that only
 * receives.
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

#include <linux/chan.h>

#define REPETITIONS 5
#define SIZE	    8

/* One direction: what is written to the one descriptor is read from the other. */
struct lane {
	int in;
	int out;
};

struct transport {
	const char *name;
	struct lane (*open)(void);
};

static struct lane open_pipe(void)
{
	int fds[2];

	if (pipe(fds))
		err(1, "pipe");
	return (struct lane){ .in = fds[0], .out = fds[1] };
}

static struct lane open_chan(void)
{
	/* A pipe holds 8192 messages of this size. */
	struct chan_create create = { .cap = 4096 };
	int control = open(CHAN_CONTROL_PATH, O_RDWR);

	if (control < 0 || ioctl(control, CHAN_IOC_CREATE, &create))
		err(1, "%s", CHAN_CONTROL_PATH);
	close(control);
	return (struct lane){ .in = create.fd, .out = create.fd };
}

static const struct transport transports[] = {
	{ "pipe", open_pipe },
	{ "chan", open_chan },
};

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

static const struct workload {
	const char *name;
	unsigned int rounds;
	void (*partner)(const struct lane *there, const struct lane *back);
	uint64_t (*run)(const struct lane *there, const struct lane *back,
			unsigned int rounds);
} workloads[] = {
	{ "round trip, 8 bytes", 20000, echo, round_trips },
	{ "streaming, 8 bytes", 50000, drain, stream },
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

static void measure(const struct workload *workload,
		    const struct transport *transport)
{
	struct lane there = transport->open();
	struct lane back = transport->open();
	pid_t partner = start_partner(workload, &there, &back);

	workload->run(&there, &back, workload->rounds / 10);
	for (int i = 0; i < REPETITIONS; i++) {
		uint64_t ticks = workload->run(&there, &back, workload->rounds);

		printf("sample\t%s\t%s\t%.1f\n", workload->name,
		       transport->name, (double)ticks / workload->rounds);
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
		for (size_t t = 0; t < sizeof(transports) / sizeof(*transports);
		     t++)
			measure(&workloads[w], &transports[t]);
	return 0;
}
