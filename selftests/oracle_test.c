// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many producers and consumers at once, threads of several processes through
 * different doors, and an oracle in shared memory: every message says who sent
 * it, its number among that one's, its length and a checksum.  Nothing is
 * lost, doubled or corrupted, and each consumer sees each producer's messages
 * in order; when producers and consumers are killed at random, nothing is lost
 * but what a killed one had in its hands.
 *
 * It checks what arrives, and at the end that STAT agrees with the oracle.
 */
#include "doors.h"

#define PRODUCERS   6
#define CONSUMERS   4
#define LIVES	    512 /* producers, those that are killed and follow */
#define NUMBERS	    8192 /* messages of one of them at most */
#define MSG_MAX	    5000
#define PER_PROCESS 2
#define MAGIC	    0x0c4a11edU

struct letter {
	__u32 magic, sender, number, len, sum;
	unsigned char bytes[];
};

/* Shared by all processes of a test. */
struct oracle {
	double end;
	atomic_uint sent[LIVES]; /* by each, when its write has returned */
	atomic_uint received, wrong, doubled, disordered;
	atomic_uchar seen[LIVES][NUMBERS];
};

FIXTURE(oracle)
{
	int control;
	struct ends ends;
	struct oracle *oracle;
};

FIXTURE_VARIANT(oracle)
{
	__u32 cap;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(oracle, cap_0) {
	.cap = 0,
};
FIXTURE_VARIANT_ADD(oracle, cap_1) {
	.cap = 1,
};
FIXTURE_VARIANT_ADD(oracle, cap_64) {
	.cap = 64,
};
/* clang-format on */

FIXTURE_SETUP(oracle)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, variant->cap,
				MSG_MAX, 16 * MSG_MAX));
	self->oracle = mmap(NULL, sizeof(*self->oracle), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->oracle);
}

FIXTURE_TEARDOWN(oracle)
{
	munmap(self->oracle, sizeof(*self->oracle));
	ends_close(&self->ends);
	close(self->control);
}

static __u32 sum_of(const unsigned char *bytes, size_t len)
{
	__u32 sum = 2166136261U;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 16777619U;
	return sum;
}

/* Mostly short, now and then as long as it gets. */
static size_t random_length(unsigned int *seed)
{
	size_t most = rand_r(seed) % 8 ? 200 : MSG_MAX;

	return sizeof(struct letter) +
	       rand_r(seed) % (most - sizeof(struct letter) + 1);
}

static void letter_write(struct letter *letter, __u32 sender, __u32 number,
			 size_t len)
{
	size_t rest = len - sizeof(*letter);

	stamp(letter->bytes, rest, sender * 7919 + number);
	*letter = (struct letter){
		.magic = MAGIC,
		.sender = sender,
		.number = number,
		.len = len,
		.sum = sum_of(letter->bytes, rest),
	};
}

static bool letter_is_good(const struct letter *letter, size_t len)
{
	return len >= sizeof(*letter) && letter->magic == MAGIC &&
	       letter->sender < LIVES && letter->number < NUMBERS &&
	       letter->len == len &&
	       letter->sum == sum_of(letter->bytes, len - sizeof(*letter));
}

/* Workers ------------------------------------------------------------------- */

struct worker {
	struct oracle *oracle;
	const struct door *door;
	int fd;
	__u32 index;
	bool ordered; /* what comes back from a killed one is late */
};

static const struct door *const doors[] = {
	&door_plain,
	&door_vector,
	&door_ring,
};

static bool goes_on(const struct oracle *oracle, double end)
{
	return storm_goes_on(end, oracle->received >= at_least(2));
}

/* 0 when it has sent until the end, otherwise what went wrong. */
static int produce(struct worker *w)
{
	struct letter *letter = malloc(MSG_MAX);
	unsigned int seed = w->index + 1;
	size_t len;
	ssize_t n;

	for (__u32 nr = 0; nr < NUMBERS && goes_on(w->oracle, w->oracle->end);
	     nr++) {
		len = random_length(&seed);
		letter_write(letter, w->index, nr, len);
		n = w->door->send(w->fd, letter, len);
		if (n != (ssize_t)len) {
			fprintf(stderr, "# sending: %zd\n", n);
			return 1;
		}
		w->oracle->sent[w->index]++;
	}
	free(letter);
	return 0;
}

static void look_at(struct worker *w, const struct letter *letter, size_t len,
		    int *last)
{
	struct oracle *oracle = w->oracle;
	int nr = letter->number;

	if (!letter_is_good(letter, len)) {
		oracle->wrong++;
		return;
	}
	if (oracle->seen[letter->sender][nr]++)
		oracle->doubled++;
	if (nr <= last[letter->sender])
		oracle->disordered++;
	last[letter->sender] = nr;
	oracle->received++;
}

static int consume(struct worker *w)
{
	struct letter *letter = malloc(MSG_MAX + 1);
	int last[LIVES];
	ssize_t n;

	memset(last, -1, sizeof(last));
	for (;;) {
		memset(letter, 0xcc, sizeof(*letter));
		n = w->door ? w->door->receive(w->fd, letter, MSG_MAX + 1) :
			      poll_and_receive(w->fd, letter, MSG_MAX + 1);
		if (n <= 0)
			break;
		look_at(w, letter, n, last);
	}
	if (n)
		fprintf(stderr, "# receiving: %zd\n", n);
	free(letter);
	return n != 0;
}

static void *producer_thread(void *arg)
{
	return (void *)(intptr_t)produce(arg);
}

static void *consumer_thread(void *arg)
{
	return (void *)(intptr_t)consume(arg);
}

/* A process with two threads; its status is 0 if both went well. */
static pid_t start_pair(struct worker pair[PER_PROCESS], void *(*fn)(void *),
			int other_end)
{
	pthread_t threads[PER_PROCESS];
	void *result, *all = NULL;
	pid_t pid = fork();

	if (pid)
		return pid;
	close(other_end);
	for (int i = 0; i < PER_PROCESS; i++)
		if (pthread_create(&threads[i], NULL, fn, &pair[i]))
			_exit(1);
	for (int i = 0; i < PER_PROCESS; i++) {
		pthread_join(threads[i], &result);
		all = result ?: all;
	}
	_exit(all ? 1 : 0);
}

/* Judgement ------------------------------------------------------------------ */

struct verdict {
	unsigned int sent, lost, unsent;
};

/* Compares what was sent with what was seen. */
static struct verdict judge(const struct oracle *oracle)
{
	struct verdict v = {};

	for (int i = 0; i < LIVES; i++) {
		v.sent += oracle->sent[i];
		for (unsigned int nr = 0; nr < NUMBERS; nr++) {
			if (nr < oracle->sent[i])
				v.lost += !oracle->seen[i][nr];
			else
				v.unsent += oracle->seen[i][nr];
		}
	}
	return v;
}

TEST_F_TIMEOUT(oracle, nothing_is_lost_doubled_corrupted_or_disordered,
	       STORM_TIMEOUT(1))
{
	struct worker producers[PRODUCERS], consumers[CONSUMERS];
	pid_t pids[(PRODUCERS + CONSUMERS) / PER_PROCESS];
	struct chan_stat s;
	struct verdict v;
	int nonblocking, status, nr = 0;

	nonblocking = derive(self->ends.admin, CHAN_RIGHT_RECV);
	ASSERT_LE(0, nonblocking);
	set_nonblock(nonblocking, true);
	self->oracle->end = now() + seconds_each() / 3.0;
	for (int i = 0; i < CONSUMERS; i++) {
		consumers[i] = (struct worker){
			.oracle = self->oracle,
			.door = i < 3 ? doors[i] : NULL,
			.fd = i < 3 ? self->ends.receiver : nonblocking,
			.index = i,
		};
	}
	for (int i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct worker){
			.oracle = self->oracle,
			.door = doors[i % 3],
			.fd = self->ends.sender,
			.index = i,
		};
	}
	for (int i = 0; i < CONSUMERS; i += PER_PROCESS)
		pids[nr++] = start_pair(&consumers[i], consumer_thread,
					self->ends.sender);
	for (int i = 0; i < PRODUCERS; i += PER_PROCESS)
		pids[nr++] = start_pair(&producers[i], producer_thread,
					self->ends.receiver);
	close_end(&self->ends.sender);
	for (int i = 0; i < nr; i++) {
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_EQ(0, status);
	}
	v = judge(self->oracle);
	EXPECT_EQ(0, v.lost);
	EXPECT_EQ(0, v.unsent);
	EXPECT_EQ(0, self->oracle->doubled);
	EXPECT_EQ(0, self->oracle->wrong);
	EXPECT_EQ(0, self->oracle->disordered);
	s = stat_of(self->ends.admin);
	EXPECT_EQ(v.sent, s.totals_sent);
	EXPECT_EQ(v.sent, s.totals_received);
	EXPECT_EQ(0, s.totals_dropped);
	EXPECT_EQ(0, s.queued);
	EXPECT_EQ(0, s.bytes);
	EXPECT_EQ(0, s.parked_senders);
	EXPECT_EQ(0, s.parked_receivers);
	EXPECT_EQ(0, s.senders);
	TH_LOG("%u rounds", v.sent);
	EXPECT_LE(at_least(2), v.sent);
	close(nonblocking);
}

/* One life each: of one thread, so that it has at most one message in hand. */

static pid_t start_one(struct worker *w, int (*fn)(struct worker *w),
		       int other_end)
{
	pid_t pid = fork();

	if (!pid) {
		close(other_end);
		_exit(fn(w));
	}
	return pid;
}

TEST_F_TIMEOUT(oracle, killed_ones_take_along_what_they_had_in_their_hands,
	       STORM_TIMEOUT(1))
{
	double end = now() + seconds_each() / 3.0;
	struct ends *ends = &self->ends;
	struct worker w = { .oracle = self->oracle };
	unsigned int producers = 0, consumers = 0, which, seed = 1;
	struct chan_stat s;
	struct verdict v;
	pid_t pids[5], last;
	int status;

	self->oracle->end = end + 3600;
	for (which = 0; which < 5; which++)
		pids[which] = 0;
	/* Three produce and two consume, and somebody always follows. */
	while (goes_on(self->oracle, end) && producers < LIVES - 5) {
		which = rand_r(&seed) % 5;
		if (pids[which]) {
			kill(pids[which], SIGKILL);
			ASSERT_EQ(pids[which],
				  waitpid(pids[which], &status, 0));
			ASSERT_TRUE(WIFSIGNALED(status) || !status);
		}
		w.door = doors[rand_r(&seed) % 3];
		if (which < 3) {
			w.fd = ends->sender;
			w.index = producers++;
			pids[which] = start_one(&w, produce, ends->receiver);
		} else {
			w.fd = ends->receiver;
			consumers++;
			pids[which] = start_one(&w, consume, ends->sender);
		}
		usleep(rand_r(&seed) % 10000);
	}
	for (which = 0; which < 5; which++) {
		if (pids[which]) {
			kill(pids[which], SIGKILL);
			waitpid(pids[which], NULL, 0);
		}
	}
	/* The last one finds what they have left. */
	EXPECT_TRUE(waiting_are(ends->admin, 0, 0));
	w.door = &door_plain;
	w.fd = ends->receiver;
	last = start_one(&w, consume, ends->sender);
	close_end(&ends->sender);
	ASSERT_EQ(last, waitpid(last, &status, 0));
	EXPECT_EQ(0, status);
	v = judge(self->oracle);
	s = stat_of(ends->admin);
	EXPECT_EQ(0, self->oracle->wrong);
	EXPECT_EQ(0, self->oracle->doubled);
	/* Each of the dead had one, or none. */
	EXPECT_GE(consumers, v.lost);
	EXPECT_GE(producers, v.unsent);
	EXPECT_LE(v.sent, s.totals_sent);
	EXPECT_GE(v.sent + producers, s.totals_sent);
	EXPECT_EQ(s.totals_sent, s.totals_received);
	EXPECT_LE(self->oracle->received, s.totals_received);
	EXPECT_GE(self->oracle->received + consumers, s.totals_received);
	EXPECT_EQ(0, s.totals_dropped);
	EXPECT_EQ(0, s.queued);
	EXPECT_EQ(0, s.bytes);
	EXPECT_EQ(0, s.senders);
	TH_LOG("%u rounds, %u producers, %u consumers, %u lost, %u untold",
	       v.sent, producers, consumers, v.lost, v.unsent);
	EXPECT_LE(at_least(2), v.sent);
	EXPECT_LE(at_least(1), producers + consumers);
}

TEST_HARNESS_MAIN
