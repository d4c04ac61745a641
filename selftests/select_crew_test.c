// SPDX-License-Identifier: GPL-2.0-only
/*
 * A crew that selects in rounds, at about the same time, and all have to come to
 * an end: whoever has a partner meets it, and no wake-up is lost; a channel that
 * ends, ends all who wait for it, and they are told that it was this one.  Each
 * message is received once, by one arm, as its sender was told.
 *
 * The variants of a storm share SECONDS_EACH / 2, and print their rounds; too
 * few fail, so that a slow machine cannot pass by doing nothing.
 */
#include <semaphore.h>

#include "select.h"

/* The crew ---------------------------------------------------------------- */

/* A message says whose it is, and where it was sent. */
#define CREW	  6
#define CREW_CAPS 3
#define CREW_ARMS 6 /* in one direction */

struct note {
	unsigned int round;
	int who, channel;
};

enum task {
	SELECT_SEND,
	SELECT_RECEIVE,
	SELECT_BOTH,
	PLAIN_SEND,
	PLAIN_RECEIVE,
	IDLE,
};

struct hand {
	struct crew *crew;
	int who;
	unsigned int seed;
	enum task task;
	struct note notes[2 * CREW_ARMS]; /* of arms */
	/* What came of it. */
	int result, channel;
	bool sent;
	struct note note; /* received */
	sem_t begin;
	pthread_t thread;
};

struct crew {
	__u32 caps[CREW_CAPS];
	struct ends ends[CREW_CAPS];
	unsigned int round, seed;
	bool is_over;
	sem_t ended;
	struct hand hands[CREW];
	unsigned int sent, received; /* in this round */
};

static int endpoint_of(struct hand *h, int channel, bool sends)
{
	struct ends *ends = &h->crew->ends[channel];

	return sends ? ends->sender : ends->receiver;
}

static struct chan_op hand_op(struct hand *h, struct note *note, int channel,
			      bool sends)
{
	if (!sends)
		return op_recv(note, sizeof(*note));
	*note = (struct note){ h->crew->round, h->who, channel };
	return op_send(note, sizeof(*note));
}

/* On every channel, from any on, some of them again, up or down. */
static void hand_adds(struct hand *h, struct selecting *s, int *channels,
		      bool sends)
{
	unsigned int at = rand_r(&h->seed), step = 1 + at % 2;
	__u32 end = s->batch.nr + CREW_CAPS +
		    rand_r(&h->seed) % (CREW_ARMS - CREW_CAPS + 1);
	struct note *note;
	int channel;

	for (; s->batch.nr < end; at += step) {
		channel = at % CREW_CAPS;
		note = &h->notes[s->batch.nr];
		channels[s->batch.nr] = channel;
		add_arm(s, endpoint_of(h, channel, sends),
			hand_op(h, note, channel, sends));
	}
}

static void hand_selects(struct hand *h)
{
	bool first = rand_r(&h->seed) % 2;
	int channels[2 * CREW_ARMS], ret;
	struct selecting s;
	__u32 arm;

	/* Any endpoint will do that is not closed meanwhile. */
	select_init(&s, h->crew->ends[0].admin);
	if (h->task == SELECT_BOTH) {
		hand_adds(h, &s, channels, first);
		hand_adds(h, &s, channels, !first);
	} else {
		hand_adds(h, &s, channels, h->task == SELECT_SEND);
	}
	if (rand_r(&h->seed) % 4 == 0)
		s.batch.flags = CHAN_ORDERED;
	ret = select_raw(&s);
	arm = s.batch.index;
	h->result = ret < 0 ? ret : s.arms[arm].result;
	h->channel = arm < s.batch.nr ? channels[arm] : -1;
	h->sent = arm < s.batch.nr && s.arms[arm].code == CHAN_OP_SEND;
	if (ret >= 0 && !h->sent)
		h->note = h->notes[arm];
	if (!others_are_untouched(&s, arm))
		h->result = TWO_STORIES;
}

static void hand_does_one(struct hand *h)
{
	int channel = rand_r(&h->seed) % CREW_CAPS;

	h->channel = channel;
	h->sent = h->task == PLAIN_SEND;
	h->result = run_once(endpoint_of(h, channel, h->sent),
			     hand_op(h, &h->note, channel, h->sent));
}

static void *hand_main(void *arg)
{
	struct hand *h = arg;

	for (;;) {
		sem_wait(&h->begin);
		if (h->crew->is_over)
			return NULL;
		for (unsigned int i = rand_r(&h->seed) % 2000; i; i--)
			__asm__ volatile("");
		if (h->task == PLAIN_SEND || h->task == PLAIN_RECEIVE)
			hand_does_one(h);
		else if (h->task != IDLE)
			hand_selects(h);
		sem_post(&h->crew->ended);
	}
}

static int crew_opens(struct crew *crew, int control)
{
	for (int i = 0; i < CREW_CAPS; i++)
		CHECK_EQ(0, ends_sized(control, &crew->ends[i], crew->caps[i],
				       sizeof(struct note), 0));
	return 0;
}

static void crew_closes(struct crew *crew)
{
	for (int i = 0; i < CREW_CAPS; i++)
		ends_close(&crew->ends[i]);
}

static int crew_start(struct crew *crew)
{
	crew->seed = seed_of(CREW);
	sem_init(&crew->ended, 0, 0);
	for (int i = 0; i < CREW; i++) {
		struct hand *h = &crew->hands[i];

		*h = (struct hand){ .crew = crew,
				    .who = i,
				    .seed = seed_of(i) };
		sem_init(&h->begin, 0, 0);
		CHECK_EQ(0, pthread_create(&h->thread, NULL, hand_main, h));
	}
	return 0;
}

static void crew_end(struct crew *crew)
{
	crew->is_over = true;
	for (int i = 0; i < CREW; i++)
		sem_post(&crew->hands[i].begin);
	for (int i = 0; i < CREW; i++)
		pthread_join(crew->hands[i].thread, NULL);
}

static void crew_goes(struct crew *crew)
{
	crew->round++;
	for (int i = 0; i < CREW; i++) {
		crew->hands[i].result = -EINPROGRESS;
		sem_post(&crew->hands[i].begin);
	}
}

static const char *const task_names[] = {
	"select to send", "select to receive", "select both",
	"send",		  "receive",	       "nothing",
};

static void say_where_they_are(const struct crew *crew)
{
	for (int i = 0; i < CREW; i++)
		fprintf(stderr, "# round %u: %s gave %d, channel %d\n",
			crew->round, task_names[crew->hands[i].task],
			crew->hands[i].result, crew->hands[i].channel);
	for (int i = 0; i < CREW_CAPS; i++) {
		struct chan_stat s = stat_now(crew->ends[i].admin);

		fprintf(stderr, "# channel %d: %u queued, %u and %u parked\n",
			i, s.queued, s.parked_senders, s.parked_receivers);
	}
}

/* 0 when each has come to an end; otherwise they stay where they are. */
static int crew_comes(struct crew *crew)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += BUDGET;
	for (int i = 0; i < CREW; i++) {
		if (!sem_timedwait(&crew->ended, &end))
			continue;
		say_where_they_are(crew);
		return 1;
	}
	return 0;
}

/* What was received is what somebody has sent there, and nobody else has. */
static int crew_check(struct crew *crew)
{
	bool received[CREW] = {};

	crew->sent = 0;
	crew->received = 0;
	for (int i = 0; i < CREW; i++) {
		const struct hand *h = &crew->hands[i];
		const struct note *note = &h->note;

		if (h->task == IDLE || h->result < 0)
			continue;
		crew->sent += h->sent;
		if (h->sent)
			continue;
		crew->received++;
		CHECK_EQ(crew->round, note->round);
		CHECK_EQ(h->channel, note->channel);
		CHECK_EQ(true, note->who >= 0 && note->who < CREW);
		CHECK_EQ(false, received[note->who]);
		received[note->who] = true;
		CHECK_EQ(true, crew->hands[note->who].sent);
		CHECK_EQ(note->channel, crew->hands[note->who].channel);
		CHECK_EQ(0, crew->hands[note->who].result);
	}
	return 0;
}

/* Whoever has a partner ---------------------------------------------------- */

FIXTURE(crew)
{
	int control;
	long long references;
	struct crew crew;
};

FIXTURE_VARIANT(crew)
{
	__u32 caps[CREW_CAPS];
};

/* clang-format off */
FIXTURE_VARIANT_ADD(crew, rendezvous) {
	.caps = { 0, 0, 0 },
};
FIXTURE_VARIANT_ADD(crew, slots) {
	.caps = { 1, 1, 1 },
};
FIXTURE_VARIANT_ADD(crew, both) {
	.caps = { 0, 1, 0 },
};
/* clang-format on */

#define CREW_VARIANTS 3

FIXTURE_SETUP(crew)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->references = module_references();
	memcpy(self->crew.caps, variant->caps, sizeof(variant->caps));
	ASSERT_EQ(0, crew_start(&self->crew));
}

FIXTURE_TEARDOWN(crew)
{
	close(self->control);
}

static bool has_slots(const struct crew *crew)
{
	for (int i = 0; i < CREW_CAPS; i++)
		if (crew->caps[i])
			return true;
	return false;
}

/*
 * Whom to meet: as many of the one kind as of the other, or all alike. A select
 * may use a slot where nobody receives: then those who receive are to select.
 */
static void crew_is_told(struct crew *crew)
{
	static const enum task kinds[][2] = {
		{ SELECT_SEND, SELECT_RECEIVE },
		{ PLAIN_SEND, SELECT_RECEIVE },
		{ SELECT_BOTH, SELECT_BOTH },
		{ SELECT_SEND, PLAIN_RECEIVE },
	};
	unsigned int kind = rand_r(&crew->seed) % (has_slots(crew) ? 3 : 4);
	int couples = 1 + rand_r(&crew->seed) % (CREW / 2);
	int first = rand_r(&crew->seed) % CREW;

	for (int i = 0; i < CREW; i++) {
		struct hand *h = &crew->hands[(first + i) % CREW];

		h->task = i < 2 * couples ? kinds[kind][i % 2] : IDLE;
	}
}

/* With slots, those that do both may all have sent. */
static int drain(struct crew *crew)
{
	struct note note;
	struct chan_op op;

	for (int i = 0; i < CREW_CAPS; i++) {
		do {
			op = op_recv(&note, sizeof(note));
			op.flags = CHAN_NOWAIT;
		} while (run(crew->ends[i].receiver, &op) >= 0 &&
			 ++crew->received);
		CHECK_EQ(-EAGAIN, op.result);
		CHECK_EQ(0, nothing_is_left(crew->ends[i].admin));
	}
	return 0;
}

static int meet_once(struct crew *crew)
{
	crew_is_told(crew);
	crew_goes(crew);
	CHECK_EQ(0, crew_comes(crew));
	for (int i = 0; i < CREW; i++)
		if (crew->hands[i].task != IDLE)
			CHECK_EQ(true, crew->hands[i].result >= 0);
	CHECK_EQ(0, crew_check(crew));
	CHECK_EQ(0, drain(crew));
	CHECK_EQ(crew->sent, crew->received);
	return 0;
}

TEST_F_TIMEOUT(crew, whoever_has_a_partner_meets_it, STORM_TIMEOUT(1))
{
	double end = now() + seconds_each() / 2.0 / CREW_VARIANTS;
	struct crew *crew = &self->crew;

	ASSERT_EQ(0, crew_opens(crew, self->control));
	while (now() < end)
		ASSERT_EQ(0, meet_once(crew));
	crew_end(crew);
	TH_LOG("%u rounds", crew->round);
	EXPECT_LE(at_least(2), crew->round);
	crew_closes(crew);
	EXPECT_TRUE(BECOMES(module_references() == self->references));
}

/* Channels that end ------------------------------------------------------- */

enum ending { IS_SHUT, SENDERS_GO, RECEIVERS_GO, ALL_GO, ENDINGS };

/* Whoever waits for a channel that ends so is told. */
static void crew_is_told_to_end(struct crew *crew, enum ending ending)
{
	static const enum task tasks[ENDINGS][4] = {
		{ SELECT_SEND, SELECT_RECEIVE, SELECT_BOTH, SELECT_RECEIVE },
		{ SELECT_RECEIVE, IDLE, SELECT_RECEIVE, SELECT_RECEIVE },
		{ SELECT_SEND, SELECT_SEND, IDLE, SELECT_SEND },
		{ SELECT_SEND, SELECT_RECEIVE, SELECT_SEND, SELECT_BOTH },
	};

	for (int i = 0; i < CREW; i++)
		crew->hands[i].task = tasks[ending][rand_r(&crew->seed) % 4];
}

static int end_channel(struct crew *crew, enum ending ending, int channel)
{
	struct ends *ends = &crew->ends[channel];

	switch (ending) {
	case IS_SHUT:
		return shut_down(ends->admin);
	case SENDERS_GO:
		/* A message that came before it. */
		if (rand_r(&crew->seed) % 2)
			put_now(ends->sender, 1);
		close_end(&ends->sender);
		return 0;
	case RECEIVERS_GO:
		close_end(&ends->receiver);
		return 0;
	default:
		/* Under those who wait: they hold on to what they had. */
		close_end(&ends->receiver);
		close_end(&ends->sender);
		for (int i = 0; i < CREW_CAPS; i++)
			CHECK_EQ(0, shut_down(crew->ends[i].admin));
		return 0;
	}
}

/* Each has met somebody, or was told by the channel that has ended. */
static int expect_told(const struct crew *crew, enum ending ending, int channel)
{
	for (int i = 0; i < CREW; i++) {
		const struct hand *h = &crew->hands[i];

		if (h->task == IDLE || h->result >= 0)
			continue;
		if (h->result == -EBADF)
			CHECK_EQ(ALL_GO, ending);
		else
			CHECK_EQ(h->sent ? -EPIPE : -ESHUTDOWN, h->result);
		if (ending != ALL_GO || h->result == -EBADF)
			CHECK_EQ(channel, h->channel);
	}
	return 0;
}

/* What was sent and not received is in the channels, or was dropped. */
static int expect_accounted(struct crew *crew)
{
	struct chan_stat s;
	__u64 sent = 0, received = 0, dropped = 0, queued = 0;

	for (int i = 0; i < CREW_CAPS; i++) {
		s = stat_now(crew->ends[i].admin);
		CHECK_EQ(0, s.parked_senders);
		CHECK_EQ(0, s.parked_receivers);
		CHECK_EQ(0, s.unsettled);
		sent += s.totals_sent;
		received += s.totals_received;
		dropped += s.totals_dropped;
		queued += s.queued;
	}
	CHECK_EQ(sent, received + dropped + queued);
	return 0;
}

static int end_once(struct crew *crew, int control)
{
	enum ending ending = rand_r(&crew->seed) % ENDINGS;
	int channel = rand_r(&crew->seed) % CREW_CAPS;

	CHECK_EQ(0, crew_opens(crew, control));
	crew_is_told_to_end(crew, ending);
	crew_goes(crew);
	if (rand_r(&crew->seed) % 2)
		usleep(rand_r(&crew->seed) % 1000);
	CHECK_EQ(0, end_channel(crew, ending, channel));
	CHECK_EQ(0, crew_comes(crew));
	CHECK_EQ(0, expect_told(crew, ending, channel));
	if (ending != SENDERS_GO)
		CHECK_EQ(0, crew_check(crew));
	CHECK_EQ(0, expect_accounted(crew));
	crew_closes(crew);
	return 0;
}

TEST_F_TIMEOUT(crew, channel_that_ends_ends_who_waits_for_it, STORM_TIMEOUT(1))
{
	double end = now() + seconds_each() / 2.0 / CREW_VARIANTS;
	struct crew *crew = &self->crew;

	while (now() < end)
		ASSERT_EQ(0, end_once(crew, self->control));
	crew_end(crew);
	TH_LOG("%u rounds", crew->round);
	EXPECT_LE(at_least(1), crew->round);
	EXPECT_TRUE(BECOMES(module_references() == self->references));
}

TEST_HARNESS_MAIN
