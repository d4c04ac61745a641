// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trace events: one for each step of a message, and none for what has no
 * effect.  Scenes tell the exact sequence for each way that a message can go; a
 * storm of all operations at once is replayed through the table of states of
 * DESIGN §5: a step that is not in the table fails, no event is lost, every
 * message ends in a final state, and STAT has counted the same.
 *
 * The events go to an instance of their own, by a clock that counts, so that
 * their order across processors is the one in which they happened.  They are
 * parsed by key; what else an event tells does not matter.
 */
#include "select_mix.h"

#define TRACING	 "/sys/kernel/tracing/"
#define INSTANCE TRACING "instances/" T "trace/"
#define IDS	 (1 << 19)

enum kind {
	SEND,
	RECEIVE,
	SETTLE,
	WITHDRAW,
	ABANDON,
	REDELIVER,
	DROP,
	KINDS,
};

static const char *const kind_names[KINDS] = {
	"send", "receive", "settle", "withdraw", "abandon", "redeliver", "drop",
};

/* By number; 0 is how a duty fails. */
static const char *const verdict_names[] = { "FAILED", "ACK", "REPLY",
					     "REJECT" };

struct event {
	enum kind kind;
	unsigned long long channel, id;
	unsigned int len, verdict;
	int error;
};

/* The tracer --------------------------------------------------------------- */

static int tracer_write(const char *file, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), INSTANCE "%s", file);
	return write_text(path, text);
}

/*
 * What all tests share, for to make it takes longer than most of them. Without
 * the names of tasks, which are not looked at: to learn them, the kernel would
 * patch its scheduler while both processors run it, and the emulator does not
 * always survive that.
 */
static int tracer_make(void)
{
	int err = write_text(TRACING "options/record-cmd", "0");

	if (err)
		return err;
	if (mkdir(INSTANCE, 0700))
		return errno == EEXIST ? 0 : -errno;
	err = tracer_write("trace_clock", "counter");
	return err ?: tracer_write("events/chan/enable", "1");
}

/* With nothing of an earlier test. */
static int tracer_start(const char *kilobytes)
{
	int err = tracer_make();

	if (!err)
		err = tracer_write("buffer_size_kb", kilobytes);
	if (!err)
		err = tracer_write("trace", "");
	return err ?: tracer_write("tracing_on", "1");
}

/* When all tests have ended, which are processes of their own. */
__attribute__((destructor)) static void tracer_end(void)
{
	if (access(INSTANCE, F_OK))
		return;
	tracer_write("events/chan/enable", "0");
	rmdir(INSTANCE);
}

/* The number after " KEY=", or -1. */
static long long value_of(const char *line, const char *key)
{
	char pattern[32];
	const char *at;

	snprintf(pattern, sizeof(pattern), " %s=", key);
	at = strstr(line, pattern);
	return at ? strtoll(at + strlen(pattern), NULL, 10) : -1;
}

static unsigned int verdict_of(const char *line)
{
	const char *at = strstr(line, " verdict=");

	for (unsigned int v = 0; at && v < ARRAY_SIZE(verdict_names); v++)
		if (!strncmp(at + strlen(" verdict="), verdict_names[v],
			     strlen(verdict_names[v])))
			return v;
	return UINT_MAX;
}

static bool parse(const char *line, struct event *e)
{
	const char *at = strstr(line, ": chan_");
	size_t len;

	if (!at || *line == '#')
		return false;
	at += strlen(": chan_");
	len = strcspn(at, ":");
	for (e->kind = 0; e->kind < KINDS; e->kind++)
		if (strlen(kind_names[e->kind]) == len &&
		    !strncmp(at, kind_names[e->kind], len))
			break;
	e->channel = value_of(at, "channel");
	e->id = value_of(at, "id");
	e->len = value_of(at, "len");
	e->verdict = 0;
	e->error = 0;
	if (e->kind == SETTLE) {
		e->verdict = verdict_of(at);
		e->error = abs((int)value_of(at, "error"));
	}
	return true;
}

/* Calls @fn with each event of @channel; how many they were, or an errno. */
static int tracer_read(unsigned long long channel,
		       void (*fn)(void *arg, const struct event *e), void *arg)
{
	FILE *f = fopen(INSTANCE "trace", "re");
	struct event e;
	char *line = NULL;
	size_t size;
	int nr = 0;

	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0) {
		if (!parse(line, &e) || e.channel != channel)
			continue;
		fn(arg, &e);
		nr++;
	}
	free(line);
	fclose(f);
	return nr;
}

/* Events that did not fit, of all processors; -1 if that is not known. */
static long tracer_lost(void)
{
	char path[PATH_MAX], line[128];
	int cpus = sysconf(_SC_NPROCESSORS_CONF), found = 0;
	unsigned long nr, sum = 0;
	FILE *f;

	for (int cpu = 0; cpu < cpus; cpu++) {
		snprintf(path, sizeof(path), INSTANCE "per_cpu/cpu%d/stats",
			 cpu);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f)) {
			if (sscanf(line, "overrun: %lu", &nr) == 1 ||
			    sscanf(line, "commit overrun: %lu", &nr) == 1 ||
			    sscanf(line, "dropped events: %lu", &nr) == 1) {
				sum += nr;
				found++;
			}
		}
		if (f)
			fclose(f);
	}
	return found ? (long)sum : -1;
}

/* The number by which trace events tell channels apart. */
static long long channel_number(int fd)
{
	char path[PATH_MAX], text[4096] = "", *line;
	int info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open_path(path, O_RDONLY);
	if (info < 0)
		return info;
	take_bytes(info, text, sizeof(text) - 1);
	close(info);
	line = strstr(text, "chan-channel:");
	return line ? strtoll(line + strlen("chan-channel:"), NULL, 10) : -1;
}

/* Scenes ---------------------------------------------------------------------- */

struct scene {
	struct ends ends;
	int holder; /* an endpoint beside ends.receiver */
	struct running running;
	struct selecting select;
	char in[64], answer[64];
};

FIXTURE(scene)
{
	int control;
	struct scene scene;
};

/* Returns 0 when all went as it says. */
typedef int play_fn(struct scene *s);

FIXTURE_VARIANT(scene)
{
	play_fn *play;
	/* Messages by their first appearance; settle=VERDICT or VERDICT/ERRNO. */
	const char *told;
	__u32 cap, flags, max_attempts;
};

FIXTURE_SETUP(scene)
{
	struct chan_create c = roomy_record(NULL);

	if (access(TRACING "events/chan", F_OK))
		SKIP(return, "no tracefs at " TRACING);
	self->control = open_control();
	ASSERT_LE(0, self->control);
	c.cap = variant->cap;
	c.flags = variant->flags;
	c.max_attempts = variant->max_attempts;
	ASSERT_EQ(0, ends_make(self->control, &c, &self->scene.ends));
	self->scene.holder = derive(self->scene.ends.admin, CHAN_RIGHT_RECV);
	ASSERT_LE(0, self->scene.holder);
	ASSERT_EQ(0, tracer_start("64"));
}

FIXTURE_TEARDOWN(scene)
{
	close(self->control);
}

/* Receives as the holder; the token, 0, or an errno. */
static long long hold(struct scene *s)
{
	struct chan_op op = op_recv(s->in, sizeof(s->in));
	int n = run(s->holder, &op);

	return n < 0 ? n : (long long)op.id;
}

static int settle_as(struct scene *s, __u32 verdict)
{
	long long token = hold(s);

	CHECK_EQ(true, token > 0);
	return run_once(s->holder, op_settle(token, verdict));
}

static int send_asynchronous(struct scene *s)
{
	return run_once(s->ends.sender, op_send("1", 1));
}

static int send_work(struct scene *s)
{
	return run_once(s->ends.sender, op_work("1", 1));
}

/* Starts a send that has to wait; it is in the queue then. */
static int start_queued(struct scene *s, struct chan_op op)
{
	CHECK_EQ(0, op_start(&s->running, s->ends.sender, op));
	CHECK_EQ(true, STAT_BECOMES(s->ends.admin, queued, 1));
	return 0;
}

static struct chan_op scene_call(struct scene *s)
{
	return op_call("call", 4, s->answer, sizeof(s->answer));
}

static int play_asynchronous(struct scene *s)
{
	CHECK_EQ(0, send_asynchronous(s));
	CHECK_EQ(0, hold(s));
	return 0;
}

static int play_priorities(struct scene *s)
{
	struct chan_op op = op_send("2", 1);

	CHECK_EQ(0, send_asynchronous(s));
	op.prio = 1;
	CHECK_EQ(0, run(s->ends.sender, &op));
	CHECK_EQ(0, hold(s));
	CHECK_EQ(0, hold(s));
	return 0;
}

static int play_work(struct scene *s)
{
	CHECK_EQ(0, send_work(s));
	CHECK_EQ(0, settle_as(s, CHAN_ACK));
	return 0;
}

static int play_work_by_write(struct scene *s)
{
	CHECK_EQ(0, put(s->ends.sender, 7));
	CHECK_EQ(7, take(s->holder));
	return 0;
}

static int play_work_autoack(struct scene *s)
{
	struct chan_op op = op_recv(s->in, sizeof(s->in));

	CHECK_EQ(0, send_work(s));
	op.flags = CHAN_AUTOACK;
	CHECK_EQ(1, run(s->holder, &op));
	return 0;
}

static int play_work_rejected(struct scene *s)
{
	long long token;

	CHECK_EQ(0, send_work(s));
	token = hold(s);
	CHECK_EQ(0, run_once(s->holder, op_reject(token, EDOM)));
	return 0;
}

static int play_work_returned(struct scene *s)
{
	CHECK_EQ(0, send_work(s));
	CHECK_EQ(0, settle_as(s, CHAN_RETURN));
	CHECK_EQ(0, settle_as(s, CHAN_ACK));
	return 0;
}

/* The settlements that are refused tell nothing. */
static int play_wrong_settlements(struct scene *s)
{
	long long token;

	CHECK_EQ(0, send_work(s));
	token = hold(s);
	CHECK_EQ(-EINVAL, run_once(s->holder, op_settle(token, CHAN_REPLY)));
	CHECK_EQ(-ESTALE,
		 run_once(s->ends.receiver, op_settle(token, CHAN_ACK)));
	CHECK_EQ(0, run_once(s->holder, op_settle(token, CHAN_ACK)));
	CHECK_EQ(-ESTALE, run_once(s->holder, op_settle(token, CHAN_ACK)));
	return 0;
}

static int play_holder_of_work_dies(struct scene *s)
{
	CHECK_EQ(0, send_work(s));
	CHECK_EQ(true, hold(s) > 0);
	close_end(&s->holder);
	CHECK_EQ(true, STAT_BECOMES(s->ends.admin, queued, 1));
	s->holder = s->ends.receiver;
	CHECK_EQ(0, settle_as(s, CHAN_ACK));
	return 0;
}

static int play_last_attempt_dies(struct scene *s)
{
	CHECK_EQ(0, send_work(s));
	CHECK_EQ(true, hold(s) > 0);
	close_end(&s->holder);
	CHECK_EQ(true, STAT_BECOMES(s->ends.admin, totals_dropped, 1));
	return 0;
}

static int play_call(struct scene *s)
{
	long long token;

	CHECK_EQ(0, op_start(&s->running, s->ends.sender, scene_call(s)));
	token = hold(s);
	CHECK_EQ(0, run_once(s->holder, op_reply(token, "yes", 3)));
	CHECK_EQ(3, op_finish(&s->running));
	return 0;
}

static int play_call_rejected(struct scene *s)
{
	long long token;

	CHECK_EQ(0, op_start(&s->running, s->ends.sender, scene_call(s)));
	token = hold(s);
	CHECK_EQ(0, run_once(s->holder, op_reject(token, EDOM)));
	CHECK_EQ(-EREMOTEIO, op_finish(&s->running));
	return 0;
}

/* A reader cannot reply, rejects the call and takes what is next. */
static int play_call_is_read(struct scene *s)
{
	CHECK_EQ(0, start_queued(s, scene_call(s)));
	CHECK_EQ(0, put(s->ends.sender, 7));
	CHECK_EQ(7, take(s->holder));
	CHECK_EQ(-EREMOTEIO, op_finish(&s->running));
	return 0;
}

static int play_holder_of_call_dies(struct scene *s)
{
	CHECK_EQ(0, op_start(&s->running, s->ends.sender, scene_call(s)));
	CHECK_EQ(true, hold(s) > 0);
	close_end(&s->holder);
	CHECK_EQ(-EOWNERDEAD, op_finish(&s->running));
	return 0;
}

static int play_call_is_abandoned(struct scene *s)
{
	struct chan_op op = scene_call(s);
	long long token;

	op.tag = 5;
	CHECK_EQ(0, op_start(&s->running, s->ends.sender, op));
	token = hold(s);
	CHECK_EQ(1, run_once(s->ends.sender, op_cancel_tag(5)));
	CHECK_EQ(-ECANCELED, op_finish(&s->running));
	CHECK_EQ(-ECANCELED, run_once(s->holder, op_reply(token, "late", 4)));
	return 0;
}

static int play_returned_call_is_abandoned(struct scene *s)
{
	struct chan_op op = scene_call(s);

	op.tag = 5;
	CHECK_EQ(0, op_start(&s->running, s->ends.sender, op));
	CHECK_EQ(0, settle_as(s, CHAN_RETURN));
	CHECK_EQ(1, run_once(s->ends.sender, op_cancel_tag(5)));
	CHECK_EQ(-ECANCELED, op_finish(&s->running));
	return 0;
}

static int play_call_is_cancelled(struct scene *s)
{
	struct chan_op op = scene_call(s);

	op.tag = 5;
	CHECK_EQ(0, start_queued(s, op));
	CHECK_EQ(1, run_once(s->ends.sender, op_cancel_tag(5)));
	CHECK_EQ(-ECANCELED, op_finish(&s->running));
	return 0;
}

/* Its sender leaves, and it goes on without a listener. */
static int play_task_is_left(struct scene *s)
{
	struct chan_op op = op_task("task", 4, CHAN_ON_DEATH_FAIL);
	long long token;

	op.deadline = in_ms(300);
	CHECK_EQ(0, op_start(&s->running, s->ends.sender, op));
	token = hold(s);
	CHECK_EQ(-ETIMEDOUT, op_finish(&s->running));
	CHECK_EQ(CHAN_STATE_RECEIVED, s->running.op.state);
	CHECK_EQ(0, run_once(s->holder, op_settle(token, CHAN_ACK)));
	return 0;
}

static struct chan_op synchronous(unsigned int ms)
{
	struct chan_op op = op_send("met", 3);

	op.until = CHAN_UNTIL_RECEIVED;
	if (ms)
		op.deadline = in_ms(ms);
	return op;
}

static int play_synchronous(struct scene *s)
{
	CHECK_EQ(0, op_start(&s->running, s->ends.sender, synchronous(0)));
	CHECK_EQ(0, hold(s));
	CHECK_EQ(0, op_finish(&s->running));
	return 0;
}

static int play_synchronous_withdraws(struct scene *s)
{
	CHECK_EQ(-ETIMEDOUT, run_once(s->ends.sender, synchronous(5)));
	return 0;
}

static int play_waiting_for_a_slot_withdraws(struct scene *s)
{
	CHECK_EQ(0, send_asynchronous(s));
	CHECK_EQ(-ETIMEDOUT, run_once(s->ends.sender, synchronous(5)));
	return 0;
}

static int play_receivers_go(struct scene *s)
{
	CHECK_EQ(0, send_asynchronous(s));
	close_end(&s->holder);
	close_end(&s->ends.receiver);
	CHECK_EQ(1, stat_now(s->ends.admin).totals_dropped);
	return 0;
}

static int play_receivers_of_a_call_go(struct scene *s)
{
	CHECK_EQ(0, start_queued(s, scene_call(s)));
	close_end(&s->holder);
	close_end(&s->ends.receiver);
	CHECK_EQ(-EPIPE, op_finish(&s->running));
	return 0;
}

/* Nothing of this is an effect. */
static int play_peek_and_failures(struct scene *s)
{
	struct chan_op op = op_recv(s->in, sizeof(s->in));

	CHECK_EQ(0, send_asynchronous(s));
	op.flags = CHAN_PEEK;
	CHECK_EQ(1, run(s->holder, &op));
	CHECK_EQ(-EMSGSIZE, run_once(s->holder, op_recv(s->in, 0)));
	CHECK_EQ(-EFAULT, run_once(s->holder, op_recv((void *)8, 64)));
	CHECK_EQ(-EINVAL,
		 run_once(s->ends.sender, op_task("1", 1, 2 /* unknown */)));
	CHECK_EQ(-EFAULT, run_once(s->ends.sender, op_send((void *)8, 64)));
	CHECK_EQ(-EMSGSIZE, run_once(s->ends.sender, op_send(s->in, 65)));
	return 0;
}

/* Selects: what an arm does is told as of an operation, and no more. */

static struct selecting *scene_select(struct scene *s)
{
	select_init(&s->select, s->ends.admin);
	s->select.batch.flags = CHAN_ORDERED;
	return &s->select;
}

/* It waits, with so many that send. */
static int start_select(struct scene *s, unsigned int senders)
{
	CHECK_EQ(0, select_start(&s->select));
	CHECK_EQ(true, STAT_BECOMES(s->ends.admin, parked_senders, senders));
	return 0;
}

static int play_select_sends(struct scene *s)
{
	struct selecting *select = scene_select(s);

	add_send(select, s->ends.sender, 1);
	add_send(select, s->ends.sender, 2);
	add_recv(select, s->ends.receiver);
	CHECK_EQ(0, select_run(select));
	CHECK_EQ(0, hold(s));
	return 0;
}

static int play_select_receives(struct scene *s)
{
	struct selecting *select = scene_select(s);

	CHECK_EQ(0, send_asynchronous(s));
	add_recv(select, s->ends.receiver);
	select->arms[0].len = 1;
	add_send(select, s->ends.sender, 2);
	CHECK_EQ(0, select_run(select));
	return 0;
}

static int play_select_looks(struct scene *s)
{
	struct selecting *select = scene_select(s);

	CHECK_EQ(0, send_asynchronous(s));
	add_recv(select, s->ends.receiver);
	select->arms[0].flags = CHAN_PEEK;
	CHECK_EQ(0, select_run(select));
	return 0;
}

/* What is not ready was never there. */
static int play_select_tries_in_vain(struct scene *s)
{
	struct selecting *select = scene_select(s);

	CHECK_EQ(0, send_asynchronous(s));
	add_send(select, s->ends.sender, 1);
	add_send(select, s->ends.sender, 2);
	CHECK_EQ(-EAGAIN, select_now(select));
	return 0;
}

/* Two arms in line: the one gets a slot, and the other one leaves. */
static int play_select_waits_for_a_slot(struct scene *s)
{
	struct selecting *select = scene_select(s);

	CHECK_EQ(0, send_asynchronous(s));
	CHECK_EQ(0, op_start(&s->running, s->ends.sender, op_send("2", 1)));
	CHECK_EQ(true, STAT_BECOMES(s->ends.admin, parked_senders, 1));
	add_send(select, s->ends.sender, 1);
	add_send(select, s->ends.sender, 2);
	CHECK_EQ(0, start_select(s, 3));
	CHECK_EQ(0, hold(s));
	CHECK_EQ(0, op_finish(&s->running));
	CHECK_EQ(0, hold(s));
	CHECK_EQ(0, select_ends(select));
	CHECK_EQ(0, hold(s));
	return 0;
}

/* It may receive as well, and does not meet itself. */
static int play_select_meets_a_receiver(struct scene *s)
{
	struct selecting *select = scene_select(s);

	add_recv(select, s->ends.receiver);
	add_send(select, s->ends.sender, 1);
	CHECK_EQ(0, start_select(s, 1));
	CHECK_EQ(0, hold(s));
	CHECK_EQ(1, select_ends(select));
	return 0;
}

static int play_selects_meet(struct scene *s)
{
	struct selecting *select = scene_select(s);
	struct selecting other;

	add_send(select, s->ends.sender, 1);
	CHECK_EQ(0, start_select(s, 1));
	select_init(&other, s->ends.admin);
	add_send(&other, s->ends.sender, 2);
	add_recv(&other, s->holder);
	other.batch.flags = CHAN_ORDERED;
	CHECK_EQ(1, select_run(&other));
	CHECK_EQ(0, select_ends(select));
	return 0;
}

static int play_select_withdraws(struct scene *s)
{
	struct selecting *select = scene_select(s);

	add_send(select, s->ends.sender, 1);
	select->batch.deadline = in_ms(5);
	CHECK_EQ(-ETIMEDOUT, select_run(select));
	return 0;
}

/* clang-format off */
FIXTURE_VARIANT_ADD(scene, asynchronous) {
	.play = play_asynchronous, .cap = 4,
	.told = "a:send a:receive",
};
FIXTURE_VARIANT_ADD(scene, priorities) {
	.play = play_priorities, .cap = 4,
	.told = "a:send b:send b:receive a:receive",
};
FIXTURE_VARIANT_ADD(scene, work) {
	.play = play_work, .cap = 4,
	.told = "a:send a:receive a:settle=ACK",
};
FIXTURE_VARIANT_ADD(scene, work_by_write) {
	.play = play_work_by_write, .cap = 4, .flags = CHAN_WORKQUEUE,
	.told = "a:send a:receive a:settle=ACK",
};
FIXTURE_VARIANT_ADD(scene, work_autoack) {
	.play = play_work_autoack, .cap = 4,
	.told = "a:send a:receive a:settle=ACK",
};
FIXTURE_VARIANT_ADD(scene, work_rejected) {
	.play = play_work_rejected, .cap = 4,
	.told = "a:send a:receive a:settle=REJECT/33",
};
FIXTURE_VARIANT_ADD(scene, work_returned) {
	.play = play_work_returned, .cap = 4,
	.told = "a:send a:receive a:redeliver a:receive a:settle=ACK",
};
FIXTURE_VARIANT_ADD(scene, wrong_settlements) {
	.play = play_wrong_settlements, .cap = 4,
	.told = "a:send a:receive a:settle=ACK",
};
FIXTURE_VARIANT_ADD(scene, holder_of_work_dies) {
	.play = play_holder_of_work_dies, .cap = 4,
	.told = "a:send a:receive a:redeliver a:receive a:settle=ACK",
};
FIXTURE_VARIANT_ADD(scene, last_attempt_dies) {
	.play = play_last_attempt_dies, .cap = 4, .max_attempts = 1,
	.told = "a:send a:receive a:drop",
};
FIXTURE_VARIANT_ADD(scene, call) {
	.play = play_call, .cap = 4,
	.told = "a:send a:receive a:settle=REPLY",
};
FIXTURE_VARIANT_ADD(scene, call_in_a_rendezvous) {
	.play = play_call, .cap = 0,
	.told = "a:receive a:settle=REPLY",
};
FIXTURE_VARIANT_ADD(scene, call_rejected) {
	.play = play_call_rejected, .cap = 4,
	.told = "a:send a:receive a:settle=REJECT/33",
};
FIXTURE_VARIANT_ADD(scene, call_is_read) {
	.play = play_call_is_read, .cap = 4,
	.told = "a:send b:send a:receive a:settle=REJECT/95 b:receive",
};
FIXTURE_VARIANT_ADD(scene, holder_of_call_dies) {
	.play = play_holder_of_call_dies, .cap = 4,
	.told = "a:send a:receive a:settle=FAILED/130",
};
FIXTURE_VARIANT_ADD(scene, call_is_abandoned) {
	.play = play_call_is_abandoned, .cap = 4,
	.told = "a:send a:receive a:abandon",
};
FIXTURE_VARIANT_ADD(scene, returned_call_is_abandoned) {
	.play = play_returned_call_is_abandoned, .cap = 4,
	.told = "a:send a:receive a:redeliver a:abandon",
};
FIXTURE_VARIANT_ADD(scene, call_is_cancelled) {
	.play = play_call_is_cancelled, .cap = 4,
	.told = "a:send a:withdraw",
};
FIXTURE_VARIANT_ADD(scene, task_is_left) {
	.play = play_task_is_left, .cap = 4,
	.told = "a:send a:receive a:settle=ACK",
};
FIXTURE_VARIANT_ADD(scene, synchronous) {
	.play = play_synchronous, .cap = 4,
	.told = "a:send a:receive",
};
FIXTURE_VARIANT_ADD(scene, synchronous_in_a_rendezvous) {
	.play = play_synchronous, .cap = 0,
	.told = "a:receive",
};
FIXTURE_VARIANT_ADD(scene, synchronous_withdraws) {
	.play = play_synchronous_withdraws, .cap = 4,
	.told = "a:send a:withdraw",
};
FIXTURE_VARIANT_ADD(scene, synchronous_in_a_rendezvous_withdraws) {
	.play = play_synchronous_withdraws, .cap = 0,
	.told = "a:withdraw",
};
FIXTURE_VARIANT_ADD(scene, waiting_for_a_slot_withdraws) {
	.play = play_waiting_for_a_slot_withdraws, .cap = 1,
	.told = "a:send b:withdraw",
};
FIXTURE_VARIANT_ADD(scene, receivers_go) {
	.play = play_receivers_go, .cap = 4,
	.told = "a:send a:drop",
};
FIXTURE_VARIANT_ADD(scene, receivers_of_a_call_go) {
	.play = play_receivers_of_a_call_go, .cap = 4,
	.told = "a:send a:withdraw",
};
FIXTURE_VARIANT_ADD(scene, peek_and_failures) {
	.play = play_peek_and_failures, .cap = 4,
	.told = "a:send",
};
FIXTURE_VARIANT_ADD(scene, select_sends) {
	.play = play_select_sends, .cap = 4,
	.told = "a:send a:receive",
};
FIXTURE_VARIANT_ADD(scene, select_receives) {
	.play = play_select_receives, .cap = 4,
	.told = "a:send a:receive",
};
FIXTURE_VARIANT_ADD(scene, select_looks) {
	.play = play_select_looks, .cap = 4,
	.told = "a:send",
};
FIXTURE_VARIANT_ADD(scene, select_tries_in_vain) {
	.play = play_select_tries_in_vain, .cap = 1,
	.told = "a:send",
};
FIXTURE_VARIANT_ADD(scene, select_waits_for_a_slot) {
	.play = play_select_waits_for_a_slot, .cap = 1,
	.told = "a:send a:receive b:send b:receive c:send d:withdraw c:receive",
};
FIXTURE_VARIANT_ADD(scene, select_meets_a_receiver) {
	.play = play_select_meets_a_receiver, .cap = 0,
	.told = "a:receive",
};
FIXTURE_VARIANT_ADD(scene, selects_meet) {
	.play = play_selects_meet, .cap = 0,
	.told = "a:receive",
};
FIXTURE_VARIANT_ADD(scene, select_withdraws) {
	.play = play_select_withdraws, .cap = 0,
	.told = "a:withdraw",
};
/* clang-format on */

/* What was told, in the words of a variant. */
struct tale {
	char text[1024];
	unsigned long long ids[26];
	int nr;
};

static void tale_add(void *arg, const struct event *e)
{
	struct tale *tale = arg;
	size_t at = strlen(tale->text);
	int who = 0;

	while (who < tale->nr && tale->ids[who] != e->id)
		who++;
	if (who == 26 || at > sizeof(tale->text) - 32)
		return;
	tale->ids[who] = e->id;
	tale->nr = who == tale->nr ? who + 1 : tale->nr;
	at += sprintf(tale->text + at, "%s%c:%s", at ? " " : "", 'a' + who,
		      e->kind < KINDS ? kind_names[e->kind] : "unknown");
	if (e->kind == SETTLE)
		at += sprintf(tale->text + at, "=%s",
			      e->verdict < ARRAY_SIZE(verdict_names) ?
				      verdict_names[e->verdict] :
				      "unknown");
	if (e->kind == SETTLE && e->error)
		sprintf(tale->text + at, "/%d", e->error);
}

TEST_F(scene, each_step_is_told_once)
{
	struct tale tale = {};

	ASSERT_EQ(0, variant->play(&self->scene));
	ASSERT_LT(0, tracer_read(channel_number(self->scene.ends.admin),
				 tale_add, &tale));
	EXPECT_STREQ(variant->told, tale.text);
	EXPECT_EQ(0, tracer_lost());
}

/* The table of states --------------------------------------------------------- */

enum state {
	NEW,
	QUEUED,
	RECEIVED,
	AGAIN, /* queued, and was received before */
	SETTLED,
	STATE_WITHDRAWN,
	STATE_ABANDONED,
	DROPPED,
	STATES,
};

static const char *const state_names[STATES] = {
	"new",	   "queued",	"received",  "queued again",
	"settled", "withdrawn", "abandoned", "dropped",
};

#define OWES_NONE  (1 << CHAN_DUTY_NONE)
#define OWES_ACK   (1 << CHAN_DUTY_ACK)
#define OWES_REPLY (1 << CHAN_DUTY_REPLY)
#define OWES	   (OWES_ACK | OWES_REPLY)
#define ANY	   (OWES_NONE | OWES)
#define WITH_SLOTS 1
#define RENDEZVOUS 2
#define EVERYWHERE (WITH_SLOTS | RENDEZVOUS)

static const struct step {
	enum kind kind;
	enum state from, to;
	unsigned int duties, where;
} steps[] = {
	{ SEND, NEW, QUEUED, ANY, WITH_SLOTS },
	{ RECEIVE, NEW, RECEIVED, ANY, RENDEZVOUS },
	{ RECEIVE, QUEUED, RECEIVED, ANY, WITH_SLOTS },
	{ RECEIVE, AGAIN, RECEIVED, OWES, EVERYWHERE },
	{ SETTLE, RECEIVED, SETTLED, OWES, EVERYWHERE },
	/* No receiver is left: it has failed. */
	{ SETTLE, AGAIN, SETTLED, OWES, EVERYWHERE },
	{ WITHDRAW, NEW, STATE_WITHDRAWN, ANY, EVERYWHERE },
	{ WITHDRAW, QUEUED, STATE_WITHDRAWN, ANY, WITH_SLOTS },
	{ ABANDON, RECEIVED, STATE_ABANDONED, OWES_REPLY, EVERYWHERE },
	{ ABANDON, AGAIN, STATE_ABANDONED, OWES_REPLY, EVERYWHERE },
	{ REDELIVER, RECEIVED, AGAIN, OWES, EVERYWHERE },
	{ DROP, QUEUED, DROPPED, ANY, WITH_SLOTS },
	{ DROP, AGAIN, DROPPED, OWES, EVERYWHERE },
	{ DROP, RECEIVED, DROPPED, OWES_ACK, EVERYWHERE },
};

struct replay {
	__u32 cap;
	unsigned int wrong, unfinished;
	unsigned int counts[KINDS];
	unsigned int first_receipts; /* that were not refused */
	unsigned int refused; /* calls, by who cannot reply */
	unsigned char states[IDS], duties[IDS], receipts[IDS]; /* by id */
};

static bool step_is_legal(const struct replay *r, const struct step *step,
			  const struct event *e)
{
	unsigned int where = r->cap ? WITH_SLOTS : RENDEZVOUS;

	if (step->kind != e->kind || step->from != r->states[e->id] ||
	    !(step->duties & (1 << r->duties[e->id])) || !(step->where & where))
		return false;
	return !(step->kind == SETTLE && step->from == AGAIN && e->verdict);
}

/* A refused call counts as settled, not as received. */
static void replay_count(struct replay *r, const struct event *e)
{
	bool is_refused = e->kind == SETTLE && e->verdict == CHAN_REJECT &&
			  e->error == EOPNOTSUPP;
	bool is_first = r->receipts[e->id] == (e->kind == RECEIVE ? 0 : 1);

	r->refused += is_refused;
	r->first_receipts += e->kind == RECEIVE && is_first;
	r->first_receipts -= is_refused && is_first;
	r->receipts[e->id] += e->kind == RECEIVE;
}

static void replay_event(void *arg, const struct event *e)
{
	struct replay *r = arg;

	if (e->kind == KINDS || e->id == 0 || e->id >= IDS) {
		r->wrong++;
		return;
	}
	r->counts[e->kind]++;
	replay_count(r, e);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (step_is_legal(r, &steps[i], e)) {
			r->states[e->id] = steps[i].to;
			return;
		}
	}
	if (r->wrong++ < 10)
		fprintf(stderr, "# message %llu, duty %u, %s: %s, verdict %u\n",
			e->id, r->duties[e->id], state_names[r->states[e->id]],
			kind_names[e->kind], e->verdict);
}

/* True where nothing more can come of it. */
static bool is_final(enum state state, __u8 duty)
{
	return state >= SETTLED || state == NEW ||
	       (state == RECEIVED && duty == CHAN_DUTY_NONE);
}

static void replay_end(struct replay *r)
{
	for (int id = 0; id < IDS; id++) {
		if (is_final(r->states[id], r->duties[id]))
			continue;
		if (r->unfinished++ < 10)
			fprintf(stderr, "# message %d, duty %u, stays %s\n", id,
				r->duties[id], state_names[r->states[id]]);
	}
}

/* Who checks the checker: sequences of one message that it must object to. */

FIXTURE(checker)
{
	struct replay *replay;
};

FIXTURE_VARIANT(checker)
{
	__u8 duty;
	__u32 cap;
	enum kind kinds[6];
	int nr;
	bool is_right;
};

FIXTURE_SETUP(checker)
{
	self->replay = calloc(1, sizeof(*self->replay));
	ASSERT_NE(NULL, self->replay);
}

FIXTURE_TEARDOWN(checker)
{
	free(self->replay);
}

/* clang-format off */
FIXTURE_VARIANT_ADD(checker, takes_what_is_right) {
	.duty = CHAN_DUTY_REPLY, .cap = 1, .is_right = true,
	.kinds = { SEND, RECEIVE, REDELIVER, RECEIVE, SETTLE }, .nr = 5,
};
FIXTURE_VARIANT_ADD(checker, finds_settled_twice) {
	.duty = CHAN_DUTY_ACK, .cap = 1,
	.kinds = { SEND, RECEIVE, SETTLE, SETTLE }, .nr = 4,
};
FIXTURE_VARIANT_ADD(checker, finds_received_after_withdrawn) {
	.duty = CHAN_DUTY_NONE, .cap = 1,
	.kinds = { SEND, WITHDRAW, RECEIVE }, .nr = 3,
};
FIXTURE_VARIANT_ADD(checker, finds_withdrawn_after_receipt) {
	.duty = CHAN_DUTY_REPLY, .cap = 1,
	.kinds = { SEND, RECEIVE, REDELIVER, WITHDRAW }, .nr = 4,
};
FIXTURE_VARIANT_ADD(checker, finds_settled_after_abandoned) {
	.duty = CHAN_DUTY_REPLY, .cap = 1,
	.kinds = { SEND, RECEIVE, ABANDON, SETTLE }, .nr = 4,
};
FIXTURE_VARIANT_ADD(checker, finds_task_abandoned) {
	.duty = CHAN_DUTY_ACK, .cap = 1,
	.kinds = { SEND, RECEIVE, ABANDON }, .nr = 3,
};
FIXTURE_VARIANT_ADD(checker, finds_nothing_owed_settled) {
	.duty = CHAN_DUTY_NONE, .cap = 1,
	.kinds = { SEND, RECEIVE, SETTLE }, .nr = 3,
};
FIXTURE_VARIANT_ADD(checker, finds_slot_in_a_rendezvous) {
	.duty = CHAN_DUTY_NONE, .cap = 0,
	.kinds = { SEND, RECEIVE }, .nr = 2,
};
FIXTURE_VARIANT_ADD(checker, finds_received_without_slot) {
	.duty = CHAN_DUTY_NONE, .cap = 1,
	.kinds = { RECEIVE }, .nr = 1,
};
FIXTURE_VARIANT_ADD(checker, finds_duty_left_open) {
	.duty = CHAN_DUTY_ACK, .cap = 1,
	.kinds = { SEND, RECEIVE, REDELIVER, RECEIVE }, .nr = 4,
};
/* clang-format on */

TEST_F(checker, knows_right_from_wrong)
{
	struct replay *r = self->replay;
	struct event e = { .id = 7 };

	r->cap = variant->cap;
	r->duties[7] = variant->duty;
	for (int i = 0; i < variant->nr; i++) {
		e.kind = variant->kinds[i];
		e.verdict = e.kind == SETTLE ? CHAN_ACK : 0;
		replay_event(r, &e);
	}
	replay_end(r);
	EXPECT_EQ(variant->is_right, !r->wrong && !r->unfinished);
}

/* The storm --------------------------------------------------------------------- */

FIXTURE(replayed)
{
	int control;
	struct replay *replay;
};

FIXTURE_VARIANT(replayed)
{
	__u32 cap;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(replayed, cap_0) {
	.cap = 0,
};
FIXTURE_VARIANT_ADD(replayed, cap_1) {
	.cap = 1,
};
FIXTURE_VARIANT_ADD(replayed, cap_64) {
	.cap = 64,
};
/* clang-format on */

/* As many letters as fit into the buffer with all that becomes of them. */
#define LETTERS	  3000
#define KILOBYTES "8192"

FIXTURE_SETUP(replayed)
{
	if (access(TRACING "events/chan", F_OK))
		SKIP(return, "no tracefs at " TRACING);
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->replay = calloc(1, sizeof(*self->replay));
	ASSERT_NE(NULL, self->replay);
	ASSERT_EQ(0, tracer_start(KILOBYTES));
}

FIXTURE_TEARDOWN(replayed)
{
	free(self->replay);
	close(self->control);
}

static void note_duty(struct mix *mix, enum style style, __u64 id)
{
	struct replay *r = mix->arg;

	if (id < IDS)
		r->duties[id] = duty_of(style);
}

/* Each step was legal, each message has ended, and what is counted was told. */
static int check_replay(const struct replay *r, int admin)
{
	struct chan_stat s = stat_now(admin);

	CHECK_EQ(0, r->wrong);
	CHECK_EQ(0, r->unfinished);
	CHECK_EQ(s.totals_received + r->refused, r->counts[RECEIVE]);
	CHECK_EQ(s.totals_redelivered, r->counts[REDELIVER]);
	CHECK_EQ(s.totals_dropped, r->counts[DROP]);
	CHECK_EQ(s.totals_sent, r->cap ? r->counts[SEND] : r->first_receipts);
	return 0;
}

TEST_F_TIMEOUT(replayed, storm_keeps_to_the_table, STORM_TIMEOUT(1))
{
	static struct mix mix;
	struct replay *r = self->replay;
	char text[256];
	int events;

	r->cap = variant->cap;
	mix.sent = note_duty;
	mix.arg = r;
	ASSERT_EQ(0, mix_run(&mix, self->control, variant->cap,
			     seconds_each() / 4.0, LETTERS));
	EXPECT_EQ(0, mix.oracle->objections);
	ASSERT_EQ(0, tracer_write("tracing_on", "0"));
	events = tracer_read(channel_number(mix.ends.admin), replay_event, r);
	replay_end(r);
	EXPECT_EQ(0, tracer_lost());
	EXPECT_EQ(0, check_replay(r, mix.ends.admin));
	TH_LOG("%d events, %s", events, oracle_summary(mix.oracle, text));
	EXPECT_LE(at_least(2), letters_sent(mix.oracle));
	EXPECT_EQ(mix.oracle->counts[ABANDONED], r->counts[ABANDON]);
	ends_close(&mix.ends);
	oracle_free(mix.oracle);
}

/* Selects on several channels, each replayed by itself ------------------------- */

FIXTURE(selected)
{
	int control;
	struct replay *replays; /* one of each channel */
};

FIXTURE_SETUP(selected)
{
	if (access(TRACING "events/chan", F_OK))
		SKIP(return, "no tracefs at " TRACING);
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->replays = calloc(CHANNELS, sizeof(*self->replays));
	ASSERT_NE(NULL, self->replays);
	ASSERT_EQ(0, tracer_start(KILOBYTES));
}

FIXTURE_TEARDOWN(selected)
{
	free(self->replays);
	close(self->control);
}

/* What an arm has sent owes nothing, as what nobody tells of. */
static void note_duties(struct select_mix *all, struct replay *replays)
{
	all->oracle->most = LETTERS;
	for (int i = 0; i < all->nr; i++) {
		replays[i].cap = all->mixes[i].cap;
		all->mixes[i].sent = note_duty;
		all->mixes[i].arg = &replays[i];
	}
}

TEST_F_TIMEOUT(selected, storm_keeps_to_the_table, STORM_TIMEOUT(1))
{
	static const struct select_plan plan = {
		.nr = CHANNELS,
		.caps = { 0, 1, 0, 16 },
		.senders = 2,
		.both = 2,
		.receivers = 2,
	};
	unsigned int abandoned = 0;
	struct select_mix *all;
	char text[256];
	int events = 0;

	all = select_mix_make(self->control, &plan, seconds_each() / 4.0);
	ASSERT_NE(NULL, all);
	note_duties(all, self->replays);
	ASSERT_EQ(0, select_mix_run(all));
	EXPECT_EQ(0, all->oracle->objections);
	ASSERT_EQ(0, tracer_write("tracing_on", "0"));
	for (int i = 0; i < CHANNELS; i++) {
		struct replay *r = &self->replays[i];
		int admin = all->mixes[i].ends.admin;

		events += tracer_read(channel_number(admin), replay_event, r);
		replay_end(r);
		EXPECT_EQ(0, check_replay(r, admin))
		{
			TH_LOG("cap %u", r->cap);
		}
		abandoned += r->counts[ABANDON];
	}
	EXPECT_EQ(0, tracer_lost());
	EXPECT_EQ(all->oracle->counts[ABANDONED], abandoned);
	TH_LOG("%d events, %s", events, selects_summary(all, text));
	EXPECT_LE(at_least(2), selects_done(all));
	select_mix_free(all);
}

TEST_HARNESS_MAIN
