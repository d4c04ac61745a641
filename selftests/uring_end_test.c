// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of commands that are pending: of their ring, their thread, their
 * process by exit, exec or kill -9, and of the channel. A thousand of them are
 * gone within a second, and nothing is left of them. What was given to a receiver
 * that cannot copy it any more is first in line again, with no attempt counted,
 * and where a ring outlives its task, it still gets one completion for each.
 */
#include "multishot.h"
#include "stall.h"
#include "uring_kinds.h"

#define TAG 77

/* Processes ------------------------------------------------------------------ */

/* In memory that all share. */
struct board {
	_Atomic int ready;
	int nr; /* completions that a survivor has seen */
	int results[16];
};

/* A child that does something, tells so, and goes on when it is told to. */
struct victim {
	pid_t pid;
	int go[2];
	struct board *board;
};

static void victim_waits(struct victim *victim)
{
	char byte;

	victim->board->ready++;
	(void)!read(victim->go[0], &byte, 1);
}

static int victim_init(struct victim *victim)
{
	victim->board = mmap(NULL, sizeof(*victim->board),
			     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			     -1, 0);
	return victim->board == MAP_FAILED || pipe(victim->go) ? -errno : 0;
}

static void victim_goes(struct victim *victim)
{
	(void)!write(victim->go[1], "", 1);
}

/* A thousand ------------------------------------------------------------------ */

#define HERD 1000

enum ending { RING_EXIT, PROCESS_EXIT, EXEC, KILL };

FIXTURE(herd)
{
	int control;
	long long references;
	struct ends receiving, sending;
	struct victim victim;
	bool is_over;
};

FIXTURE_VARIANT(herd)
{
	enum ring_kind kind;
	enum ending ending;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(herd, plain_ring) { RING_PLAIN, RING_EXIT };
FIXTURE_VARIANT_ADD(herd, plain_exit) { RING_PLAIN, PROCESS_EXIT };
FIXTURE_VARIANT_ADD(herd, plain_exec) { RING_PLAIN, EXEC };
FIXTURE_VARIANT_ADD(herd, plain_kill) { RING_PLAIN, KILL };
FIXTURE_VARIANT_ADD(herd, defer_ring) { RING_DEFER, RING_EXIT };
FIXTURE_VARIANT_ADD(herd, defer_exit) { RING_DEFER, PROCESS_EXIT };
FIXTURE_VARIANT_ADD(herd, defer_exec) { RING_DEFER, EXEC };
FIXTURE_VARIANT_ADD(herd, defer_kill) { RING_DEFER, KILL };
FIXTURE_VARIANT_ADD(herd, sqpoll_ring) { RING_SQPOLL, RING_EXIT };
FIXTURE_VARIANT_ADD(herd, sqpoll_exit) { RING_SQPOLL, PROCESS_EXIT };
FIXTURE_VARIANT_ADD(herd, sqpoll_exec) { RING_SQPOLL, EXEC };
FIXTURE_VARIANT_ADD(herd, sqpoll_kill) { RING_SQPOLL, KILL };
FIXTURE_VARIANT_ADD(herd, coop_ring) { RING_COOP, RING_EXIT };
FIXTURE_VARIANT_ADD(herd, coop_exit) { RING_COOP, PROCESS_EXIT };
FIXTURE_VARIANT_ADD(herd, coop_exec) { RING_COOP, EXEC };
FIXTURE_VARIANT_ADD(herd, coop_kill) { RING_COOP, KILL };
/* clang-format on */

FIXTURE_SETUP(herd)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->references = module_references();
	ASSERT_EQ(0,
		  ends_sized(self->control, &self->receiving, CAP, MSG_MAX, 0));
	ASSERT_EQ(0,
		  ends_sized(self->control, &self->sending, CAP, MSG_MAX, 0));
	ASSERT_EQ(0, victim_init(&self->victim));
}

FIXTURE_TEARDOWN(herd)
{
	if (self->victim.pid > 0 && !self->is_over)
		child_kill(self->victim.pid);
	close(self->control);
}

/* One that calls, one that receives, or where there is that, one message after another. */
static void herd_add(FIXTURE_DATA(herd) * self, struct io_uring *ring,
		     struct chan_op *op, int nr, bool many)
{
	static char in[MSG_MAX];

	if (nr % 2) {
		*op = op_call("question", 8, in, MSG_MAX);
		add_command(ring, self->sending.sender, op);
	} else if (many) {
		*op = op_multishot(TAG);
		add_multishot(ring, self->receiving.receiver, op);
	} else {
		*op = op_recv(in, MSG_MAX);
		add_command(ring, self->receiving.receiver, op);
	}
	op->deadline = nr & 2 ? in_ms(3600 * 1000) : 0;
	op->tag = TAG;
}

/* Half of them receive, half of them call; every other one has a deadline. */
static void herd_park(FIXTURE_DATA(herd) * self, struct io_uring *ring)
{
	bool has_many = has_multishot(self->control);
	static struct chan_op ops[HERD];
	struct pool pool;

	if (has_many &&
	    pool_open(&pool, ring, 2, sizeof(struct chan_op) + MSG_MAX))
		_exit(1);
	for (int i = 0; i < HERD; i++)
		herd_add(self, ring, &ops[i], i, has_many && i % 8 < 4);
	if (io_uring_submit(ring) < 0)
		_exit(1);
	/* On a slow kernel this takes its time. */
	while (io_uring_sq_ready(ring))
		usleep(1000);
}

static void herd_end(struct io_uring *ring, enum ending ending)
{
	switch (ending) {
	case RING_EXIT:
		io_uring_queue_exit(ring);
		break;
	case EXEC:
		execl("/bin/sh", "sh", "-c", "read line; exit 0", NULL);
		_exit(1);
	default:
		_exit(0);
	}
}

static void herd_child(FIXTURE_DATA(herd) * self,
		       const FIXTURE_VARIANT(herd) * variant)
{
	struct victim *victim = &self->victim;
	struct io_uring ring;

	/* What reads after exec. */
	dup2(victim->go[0], 0);
	close(victim->go[1]);
	if (ring_make(&ring, variant->kind, 1024))
		_exit(1);
	herd_park(self, &ring);
	victim_waits(victim);
	herd_end(&ring, variant->ending);
	victim_waits(victim);
	_exit(0);
}

static bool nobody_waits(FIXTURE_DATA(herd) * self)
{
	struct chan_stat s = stat_now(self->sending.admin);

	return !stat_now(self->receiving.admin).parked_receivers &&
	       !s.parked_senders && !s.queued && !s.bytes;
}

TEST_F_TIMEOUT(herd, a_thousand_are_gone_within_a_second, 120)
{
	struct victim *victim = &self->victim;
	double begin, took;

	victim->pid = fork();
	if (!victim->pid)
		herd_child(self, variant);
	for (int i = 0; i < 6 && !victim->board->ready; i++)
		(void)BECOMES(victim->board->ready);
	ASSERT_TRUE(victim->board->ready);
	ASSERT_TRUE(STAT_BECOMES(self->receiving.admin, parked_receivers,
				 HERD / 2));
	ASSERT_TRUE(STAT_BECOMES(self->sending.admin, queued, CAP));
	ASSERT_TRUE(STAT_BECOMES(self->sending.admin, parked_senders,
				 HERD / 2 - CAP));
	begin = now();
	if (variant->ending == KILL)
		kill(victim->pid, SIGKILL);
	else
		victim_goes(victim);
	EXPECT_TRUE(BECOMES(nobody_waits(self)));
	took = now() - begin;
	TH_LOG("%d commands are gone after %.0f ms", HERD, took * 1000);
	EXPECT_LT(took, slowness());
	EXPECT_EQ(0, nothing_is_left(self->receiving.admin));
	EXPECT_EQ(0, nothing_is_left(self->sending.admin));
	/* They have let go of their endpoints, though the process is there. */
	ends_close(&self->receiving);
	ends_close(&self->sending);
	if (variant->ending == RING_EXIT || variant->ending == EXEC)
		EXPECT_EQ(0, waitpid(victim->pid, NULL, WNOHANG));
	close(victim->go[1]);
	EXPECT_EQ(0, child_ended(victim->pid, variant->ending == KILL));
	self->is_over = true;
	EXPECT_TRUE(BECOMES(module_references() == self->references));
}

/* A ring that outlives its task --------------------------------------------------- */

#define DEAD 3

/* Tells how many completions there are, and what they say. */
static void heir_child(struct victim *victim, struct io_uring *ring, int nr)
{
	struct board *board = victim->board;
	struct io_uring_cqe *cqe;

	victim_waits(victim);
	if (!BECOMES((int)io_uring_cq_ready(ring) >= nr))
		fprintf(stderr, "# completions do not come\n");
	board->nr = io_uring_cq_ready(ring);
	for (int i = 0; i < nr && i < board->nr; i++) {
		io_uring_peek_cqe(ring, &cqe);
		board->results[i] = cqe->res;
		io_uring_cqe_seen(ring, cqe);
	}
	victim_waits(victim);
	_exit(0);
}

/* The ring's process parks what it is given, and leaves the ring to a child. */
static void testator_child(struct victim *victim, enum ring_kind kind, int fd,
			   struct chan_op *ops, int nr)
{
	struct io_uring ring;

	close(victim->go[1]);
	if (ring_make(&ring, kind, RING_ENTRIES))
		_exit(1);
	for (int i = 0; i < nr; i++)
		command(&ring, fd, &ops[i]);
	if (!BECOMES(!io_uring_sq_ready(&ring)))
		_exit(1);
	if (!fork())
		heir_child(victim, &ring, kind == RING_DEFER ? 0 : nr);
	victim_waits(victim);
	_exit(0);
}

/* 0 once the process is dead, and the ring is the child's. */
static int outlive(struct victim *victim, enum ring_kind kind, int fd,
		   struct chan_op *ops, int nr)
{
	CHECK_EQ(0, victim_init(victim));
	victim->pid = fork();
	if (!victim->pid)
		testator_child(victim, kind, fd, ops, nr);
	CHECK_EQ(true, BECOMES(victim->board->ready == 2));
	return child_kill(victim->pid);
}

/* 0 if there was one completion for each, none of success; the ring ends. */
static int heir_ends(struct victim *victim, int nr)
{
	victim_goes(victim);
	CHECK_EQ(true, BECOMES(victim->board->ready == 3));
	CHECK_EQ(nr, victim->board->nr);
	for (int i = 0; i < nr; i++)
		CHECK_EQ(true, victim->board->results[i] == -ECANCELED ||
				       victim->board->results[i] == -ETIMEDOUT);
	close(victim->go[1]);
	return 0;
}

/*
 * What is sent meanwhile is given to the dead one by one, or to none, and is
 * then there for the living. Only a ring whose work is done by nobody but its
 * task keeps what it was given, as long as there is such a ring.
 */
TEST_F(uring, ring_that_outlives_its_process_receives_nothing)
{
	struct chan_op recvs[DEAD + 2], got;
	bool keeps = variant->kind == RING_DEFER;
	struct victim victim;
	struct running send;

	for (int i = 0; i < DEAD + 2; i++) {
		recvs[i] = op_recv(self->in, MSG_MAX);
		recvs[i].flags = i == DEAD ? CHAN_PEEK : 0;
		recvs[i].deadline = i > DEAD ? in_ms(100) : 0;
	}
	ASSERT_EQ(0, outlive(&victim, variant->kind, self->ends.receiver, recvs,
			     DEAD + 2));
	ASSERT_EQ(0, op_start(&send, self->ends.sender,
			      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	if (keeps) {
		EXPECT_TRUE(STAT_BECOMES(self->ends.admin, queued, 1));
		got = op_now(self->in, MSG_MAX);
		EXPECT_EQ(-EAGAIN, run(self->ends.receiver, &got));
		EXPECT_EQ(0, heir_ends(&victim, 0));
	}
	EXPECT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 0));
	got = op_soon(self->in, MSG_MAX);
	ASSERT_EQ(4, run(self->ends.receiver, &got));
	EXPECT_EQ(1, got.attempt);
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_redelivered);
	EXPECT_FALSE(send.over);
	EXPECT_EQ(0,
		  run_once(self->ends.receiver, op_settle(got.id, CHAN_ACK)));
	EXPECT_EQ(0, op_finish(&send));
	if (!keeps)
		EXPECT_EQ(0, heir_ends(&victim, DEAD + 2));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* The answer is for nobody; whoever gives it need not care. */
TEST_F(uring, ring_that_outlives_its_process_is_answered_in_vain)
{
	struct chan_op calls[2], got = op_now(self->in, MSG_MAX);
	struct victim victim;
	int n;

	for (int i = 0; i < 2; i++)
		calls[i] = op_call("question", 8, self->reply, MSG_MAX);
	calls[1].deadline = 1;
	ASSERT_EQ(0,
		  outlive(&victim, variant->kind, self->ends.sender, calls, 2));
	n = run(self->ends.receiver, &got);
	if (n == 8)
		n = run_once(self->ends.receiver,
			     op_reply(got.id, "answer", 6));
	EXPECT_TRUE(n == 0 || n == -ECANCELED || n == -EAGAIN)
	{
		TH_LOG("%d", n);
	}
	EXPECT_EQ(0, heir_ends(&victim, variant->kind == RING_DEFER ? 0 : 2));
	EXPECT_TRUE(BECOMES(!on_the_way(self->ends.admin)));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* The same in one process: the ring is shared, and its thread has exited. */
struct passenger {
	struct io_uring *ring;
	int fd;
	struct chan_op recv;
	char in[MSG_MAX];
};

static void *park_and_exit(void *arg)
{
	struct passenger *passenger = arg;

	passenger->recv = op_recv(passenger->in, MSG_MAX);
	command_parks(passenger->ring, passenger->fd, &passenger->recv);
	return NULL;
}

TEST_F(kind, thread_that_has_exited_receives_nothing)
{
	struct passenger passenger = { .ring = &self->ring,
				       .fd = self->ends.receiver };
	struct chan_op got = op_soon(self->in, MSG_MAX);
	struct io_uring_cqe *cqe;
	struct running send;
	pthread_t thread;

	if (variant->kind == RING_SQPOLL || variant->kind == RING_DEFER)
		SKIP(return, "no thread but one does the work of this ring");
	memset(passenger.in, 0xcc, MSG_MAX);
	ASSERT_EQ(0, pthread_create(&thread, NULL, park_and_exit, &passenger));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(0, op_start(&send, self->ends.sender,
			      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	ASSERT_EQ(4, run(self->ends.receiver, &got));
	EXPECT_EQ(1, got.attempt);
	EXPECT_EQ(0,
		  run_once(self->ends.receiver, op_settle(got.id, CHAN_ACK)));
	EXPECT_EQ(0, op_finish(&send));
	ASSERT_TRUE(BECOMES(io_uring_cq_ready(&self->ring)));
	ASSERT_EQ(0, io_uring_peek_cqe(&self->ring, &cqe));
	EXPECT_EQ(-ECANCELED, cqe->res);
	io_uring_cqe_seen(&self->ring, cqe);
	EXPECT_EQ(0, io_uring_cq_ready(&self->ring));
	EXPECT_EQ((char)0xcc, passenger.in[0]);
	EXPECT_EQ(0, passenger.recv.result);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* Claimed, and not copied ------------------------------------------------------------ */

/* It will do what its ring has to when it enters, and it never does. */
static void absent_child(FIXTURE_DATA(kind) * self, struct victim *victim)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct io_uring ring;

	if (ring_make(&ring, RING_DEFER, RING_ENTRIES))
		_exit(1);
	command(&ring, self->ends.receiver, &recv);
	victim_waits(victim);
	_exit(0);
}

/* 0: it is claimed; it waits in line all the same, and others get the next. */
static int is_claimed(int fd)
{
	char in[MSG_MAX];

	CHECK_EQ(true, STAT_BECOMES(fd, parked_receivers, 0));
	CHECK_EQ(1, stat_now(fd).queued);
	CHECK_EQ(0, stat_now(fd).totals_received);
	CHECK_EQ(-EAGAIN, run_once(fd, op_now(in, MSG_MAX)));
	return 0;
}

/* 0: it has come back, is received for the first time, and settled. */
static int has_come_back(int fd, struct running *send)
{
	char in[MSG_MAX];
	struct chan_op got = op_soon(in, MSG_MAX);

	CHECK_EQ(false, send->over);
	CHECK_EQ(4, run(fd, &got));
	CHECK_EQ(1, got.attempt);
	CHECK_EQ(0, stat_now(fd).totals_redelivered);
	CHECK_EQ(0, run_once(fd, op_settle(got.id, CHAN_ACK)));
	CHECK_EQ(0, op_finish(send));
	return nothing_is_left(fd);
}

TEST_F(kind, task_that_never_copied_has_not_received)
{
	struct victim victim;
	struct running send;

	if (variant->kind != RING_DEFER)
		SKIP(return, "this kind of ring does its work at once");
	ASSERT_EQ(0, victim_init(&victim));
	victim.pid = fork();
	if (!victim.pid)
		absent_child(self, &victim);
	ASSERT_TRUE(BECOMES(victim.board->ready));
	ASSERT_EQ(0, op_start(&send, self->ends.sender,
			      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	EXPECT_EQ(0, is_claimed(self->ends.receiver));
	EXPECT_EQ(0, child_kill(victim.pid));
	EXPECT_EQ(0, has_come_back(self->ends.receiver, &send));
}

/* Another program has no use for what was given to the one before it. */
static void replaced_child(FIXTURE_DATA(kind) * self, struct victim *victim,
			   unsigned int flags)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct io_uring ring;

	dup2(victim->go[0], 0);
	close(victim->go[1]);
	if (ring_make(&ring, RING_DEFER, RING_ENTRIES))
		_exit(1);
	add_command(&ring, self->ends.receiver, &recv)->flags |= flags;
	io_uring_submit(&ring);
	victim_waits(victim);
	execl("/bin/sh", "sh", "-c", "read line; exit 0", NULL);
	_exit(1);
}

TEST_F(kind, program_that_never_copied_has_not_received)
{
	struct victim victim;
	struct running send;

	if (variant->kind != RING_DEFER)
		SKIP(return, "this kind of ring does its work at once");
	ASSERT_EQ(0, victim_init(&victim));
	victim.pid = fork();
	if (!victim.pid)
		replaced_child(self, &victim, 0);
	ASSERT_TRUE(BECOMES(victim.board->ready));
	ASSERT_EQ(0, op_start(&send, self->ends.sender,
			      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	EXPECT_EQ(0, is_claimed(self->ends.receiver));
	victim_goes(&victim);
	EXPECT_EQ(0, has_come_back(self->ends.receiver, &send));
	close(victim.go[1]);
	EXPECT_EQ(0, child_ended(victim.pid, false));
}

/* A worker has sent it back to its task, which then had something else to do. */
TEST_F(kind, program_that_never_began_has_not_received)
{
	struct victim victim;
	struct running send;

	if (variant->kind != RING_DEFER)
		SKIP(return, "this kind of ring does its work at once");
	ASSERT_EQ(0, victim_init(&victim));
	victim.pid = fork();
	if (!victim.pid)
		replaced_child(self, &victim, IOSQE_ASYNC);
	ASSERT_TRUE(BECOMES(victim.board->ready));
	/* Nothing tells when the worker has done so. */
	usleep(200 * 1000);
	ASSERT_EQ(0, op_start(&send, self->ends.sender,
			      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	EXPECT_TRUE(STAT_BECOMES(self->ends.receiver, queued, 1));
	victim_goes(&victim);
	close(victim.go[1]);
	EXPECT_EQ(0, child_ended(victim.pid, false));
	EXPECT_EQ(0, has_come_back(self->ends.receiver, &send));
}

/* The same sender may have had enough by then. */
TEST_F(kind, what_is_claimed_can_be_taken_back)
{
	struct chan_op task = op_task("task", 4, CHAN_ON_DEATH_FAIL);
	struct victim victim;
	struct running send;

	if (variant->kind != RING_DEFER)
		SKIP(return, "this kind of ring does its work at once");
	ASSERT_EQ(0, victim_init(&victim));
	victim.pid = fork();
	if (!victim.pid)
		absent_child(self, &victim);
	ASSERT_TRUE(BECOMES(victim.board->ready));
	task.tag = TAG;
	ASSERT_EQ(0, op_start(&send, self->ends.sender, task));
	EXPECT_EQ(0, is_claimed(self->ends.receiver));
	EXPECT_EQ(1, run_once(self->ends.sender, op_cancel_tag(TAG)));
	EXPECT_EQ(-ECANCELED, op_finish(&send));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, send.op.state);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	/* Before it does its ring's work it does not wait for another, either. */
	EXPECT_EQ(4, put_bytes(self->ends.sender, "four", 4));
	EXPECT_EQ(4, run_once(self->ends.receiver, op_now(self->in, MSG_MAX)));
	EXPECT_EQ(0, child_kill(victim.pid));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

#define CLAIMED	 4000 /* by a ring */
#define RETURNED 20000 /* by another endpoint that is closed */
#define ROW	 500 /* of settlements */
#define ROWS	 5

FIXTURE(crowd)
{
	int control;
	struct ends ends;
	struct io_uring ring;
	struct chan_op recvs[CLAIMED];
	int in;
};

FIXTURE_SETUP(crowd)
{
	const int nr = CLAIMED + RETURNED;

	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, nr, sizeof(int),
				nr * (sizeof(int) + CHAN_MSG_OVERHEAD)));
	ASSERT_EQ(0, ring_make(&self->ring, RING_DEFER, CLAIMED));
}

FIXTURE_TEARDOWN(crowd)
{
	ends_close(&self->ends);
	close(self->control);
}

static int crowd_send(FIXTURE_DATA(crowd) * self, int from, int to)
{
	for (int nr = from; nr < to; nr++) {
		struct chan_op op = op_work(&nr, sizeof(nr));

		op.flags = CHAN_NOWAIT;
		CHECK_EQ(0, run(self->ends.sender, &op));
	}
	return 0;
}

static int crowd_waits(FIXTURE_DATA(crowd) * self)
{
	int fd = derive(self->ends.admin, CHAN_RIGHT_RECV);

	for (int i = 0; i < CLAIMED; i++) {
		self->recvs[i] = op_recv(&self->in, sizeof(self->in));
		add_command(&self->ring, fd, &self->recvs[i]);
	}
	CHECK_EQ(CLAIMED, io_uring_submit(&self->ring));
	close(fd);
	CHECK_EQ(CLAIMED, stat_now(self->ends.admin).parked_receivers);
	return 0;
}

/* The ring does its work when it enters, which it does not. */
static int crowd_claim(FIXTURE_DATA(crowd) * self)
{
	CHECK_EQ(0, crowd_waits(self));
	CHECK_EQ(0, crowd_send(self, 0, CLAIMED));
	CHECK_EQ(0, stat_now(self->ends.admin).parked_receivers);
	return 0;
}

/* They are received, and come back as a crowd that stands before all others. */
static int crowd_return(FIXTURE_DATA(crowd) * self)
{
	int fd = derive(self->ends.admin, CHAN_RIGHT_RECV);

	CHECK_EQ(0, crowd_send(self, CLAIMED, CLAIMED + RETURNED));
	for (int i = 0; i < RETURNED; i++)
		CHECK_EQ((int)sizeof(int),
			 run_once(fd, op_now(&self->in, sizeof(self->in))));
	CHECK_EQ(RETURNED, stat_now(self->ends.admin).unsettled);
	close(fd);
	CHECK_EQ(true, STAT_BECOMES(self->ends.admin, unsettled, 0));
	return 0;
}

static int crowd_is_in_order(FIXTURE_DATA(crowd) * self)
{
	const int nr = CLAIMED + RETURNED;

	for (int i = 0; i < nr; i++) {
		struct chan_op op = op_now(&self->in, sizeof(self->in));

		op.flags |= CHAN_AUTOACK;
		CHECK_EQ((int)sizeof(int), run(self->ends.receiver, &op));
		CHECK_EQ((CLAIMED + i) % nr, self->in);
	}
	return nothing_is_left(self->ends.admin);
}

/* Each of them has its place far behind the first. */
TEST_F_TIMEOUT(crowd, finds_its_old_places_within_a_second, 120)
{
	double begin, took;

	ASSERT_EQ(0, crowd_claim(self));
	ASSERT_EQ(0, crowd_return(self));
	begin = now();
	io_uring_queue_exit(&self->ring);
	/* The last of its commands lets go of the endpoint. */
	for (int i = 0; i < 6 && stat_now(self->ends.admin).receivers > 1; i++)
		(void)STAT_BECOMES(self->ends.admin, receivers, 1);
	took = now() - begin;
	TH_LOG("%d are back among %d after %.0f ms", CLAIMED, RETURNED,
	       took * 1000);
	EXPECT_LT(took, slowness());
	EXPECT_EQ(0, crowd_is_in_order(self));
}

/* Receives @nr, and tells the last token; the tokens of those before are in a row. */
static int crowd_owe(int fd, int nr, __u64 *last)
{
	int in;

	for (int i = 0; i < nr; i++) {
		struct chan_op op = op_now(&in, sizeof(in));

		CHECK_EQ((int)sizeof(in), run(fd, &op));
		*last = op.id;
	}
	return 0;
}

/* The quickest of the rows: others may want the processor. */
static int settle_rows(int fd, __u64 from, double *quickest)
{
	double begin, took;

	for (int row = 0; row < ROWS; row++) {
		begin = now();
		for (int i = 0; i < ROW; i++)
			CHECK_EQ(0, run_once(fd, op_settle(from++, CHAN_ACK)));
		took = now() - begin;
		if (!row || took < *quickest)
			*quickest = took;
	}
	return 0;
}

/* Nobody of the crowd is told the end as long as one message may come back. */
TEST_F_TIMEOUT(crowd, does_not_hold_up_who_settles_at_the_end, 120)
{
	int last = derive(self->ends.admin, CHAN_RIGHT_RECV);
	double alone, beside;
	__u64 token, kept;

	ASSERT_EQ(0, crowd_send(self, 0, 2 * ROWS * ROW + 1));
	ASSERT_EQ(0, crowd_owe(self->ends.receiver, 2 * ROWS * ROW, &token));
	ASSERT_EQ(0, crowd_owe(last, 1, &kept));
	ASSERT_EQ(0, shut_down(self->ends.admin));
	token -= 2 * ROWS * ROW - 1;
	ASSERT_EQ(0, settle_rows(self->ends.receiver, token, &alone));
	ASSERT_EQ(0, crowd_waits(self));
	ASSERT_EQ(0, settle_rows(self->ends.receiver, token + ROWS * ROW,
				 &beside));
	TH_LOG("%d settlements: %.1f ms, beside %d who wait %.1f ms", ROW,
	       alone * 1000, CLAIMED, beside * 1000);
	EXPECT_LT(beside, 5 * alone);
	EXPECT_EQ(CLAIMED, stat_now(self->ends.admin).parked_receivers);
	EXPECT_EQ(0, run_once(last, op_settle(kept, CHAN_ACK)));
	EXPECT_EQ(0, stat_now(self->ends.admin).parked_receivers);
	io_uring_queue_exit(&self->ring);
	close(last);
}

/* Receives into a page that does not come. */
static void touch_by_ring(int fd, void *page)
{
	struct chan_op recv = op_recv(page, MSG_MAX);
	struct io_uring ring;

	if (ring_make(&ring, ring_kind, RING_ENTRIES))
		return;
	command(&ring, fd, &recv);
	for (;;)
		completion(&ring, NULL);
}

TEST_F(uring, killed_while_it_copies_has_not_received)
{
	struct stall_child child;
	struct running send;

	ring_kind = variant->kind;
	ASSERT_EQ(0, stall_child_start(&child, stall_open, touch_by_ring,
				       self->ends.receiver));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	ASSERT_EQ(0, op_start(&send, self->ends.sender,
			      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	ASSERT_TRUE(stall_child_reached(&child));
	EXPECT_EQ(0, is_claimed(self->ends.receiver));
	EXPECT_EQ(0, child_kill(child.pid));
	EXPECT_EQ(0, has_come_back(self->ends.receiver, &send));
}

/* The same where the message was there before the command. */
TEST_F(uring, killed_while_it_copies_at_once_has_not_received)
{
	struct stall_child child;
	struct running send;

	ring_kind = variant->kind;
	ASSERT_EQ(0, send_beside(&send, self->ends.sender,
				 op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	ASSERT_EQ(0, stall_child_start(&child, stall_open, touch_by_ring,
				       self->ends.receiver));
	ASSERT_TRUE(stall_child_reached(&child));
	EXPECT_EQ(0, is_claimed(self->ends.receiver));
	EXPECT_EQ(0, child_kill(child.pid));
	EXPECT_EQ(0, has_come_back(self->ends.receiver, &send));
}

/* Its sender has left meanwhile: it goes on waiting, and is killed so. */
TEST_F(kind, what_is_being_copied_can_be_taken_back)
{
	struct chan_op task = op_task("task", 4, CHAN_ON_DEATH_FAIL);
	struct stall_child child;
	struct running send;

	ring_kind = variant->kind;
	ASSERT_EQ(0, stall_child_start(&child, stall_open, touch_by_ring,
				       self->ends.receiver));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	task.tag = TAG;
	ASSERT_EQ(0, op_start(&send, self->ends.sender, task));
	ASSERT_TRUE(stall_child_reached(&child));
	EXPECT_EQ(1, run_once(self->ends.sender, op_cancel_tag(TAG)));
	EXPECT_EQ(-ECANCELED, op_finish(&send));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, send.op.state);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	EXPECT_EQ(0, child_kill(child.pid));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
}

/* What is held dies with the last command ----------------------------------------------- */

/* Receives on an endpoint of its own and waits for more. */
static void holder_by_ring(int admin, enum ring_kind kind,
			   struct victim *victim)
{
	int fd = derive(admin, CHAN_RIGHT_RECV);
	struct chan_op first, second;
	struct io_uring ring;
	char in[MSG_MAX];

	if (ring_make(&ring, kind, RING_ENTRIES))
		_exit(1);
	first = op_recv(in, MSG_MAX);
	command(&ring, fd, &first);
	if (completes(&ring, &first) != 4)
		_exit(1);
	second = op_recv(in, MSG_MAX);
	command_parks(&ring, fd, &second);
	victim_waits(victim);
	_exit(0);
}

TEST_F(kind, holder_with_a_command_pending_dies_like_any)
{
	struct victim victim;
	struct running send;

	ASSERT_EQ(0, send_beside(&send, self->ends.sender,
				 op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	ASSERT_EQ(0, victim_init(&victim));
	victim.pid = fork();
	if (!victim.pid)
		holder_by_ring(self->ends.admin, variant->kind, &victim);
	ASSERT_TRUE(BECOMES(victim.board->ready));
	EXPECT_FALSE(send.over);
	EXPECT_EQ(2, stat_now(self->ends.admin).receivers);
	EXPECT_EQ(0, child_kill(victim.pid));
	EXPECT_EQ(-EOWNERDEAD, op_finish(&send));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	EXPECT_EQ(1, stat_now(self->ends.admin).receivers);
}

TEST_F(kind, command_keeps_its_endpoint_open_until_it_is_posted)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct running send;

	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, &recv));
	close_end(&self->ends.receiver);
	EXPECT_EQ(1, stat_now(self->ends.admin).receivers);
	EXPECT_EQ(1, stat_now(self->ends.admin).parked_receivers);
	ASSERT_EQ(0, op_start(&send, self->ends.sender, op_send("four", 4)));
	EXPECT_EQ(4, completes(&self->ring, &recv));
	EXPECT_EQ(0, op_finish(&send));
	EXPECT_TRUE(STAT_BECOMES(self->ends.admin, receivers, 0));
	EXPECT_EQ(-EPIPE, run_once(self->ends.sender, op_send("four", 4)));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* A duty of a closed endpoint is alive as long as one of its commands is. */
TEST_F(kind, command_keeps_the_duties_of_its_endpoint)
{
	struct chan_op first = op_recv(self->in, MSG_MAX);
	struct chan_op second = op_recv(self->in, MSG_MAX);
	struct running send;
	__u64 token;

	ASSERT_EQ(0, send_beside(&send, self->ends.sender,
				 op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	ASSERT_TRUE(command(&self->ring, self->ends.receiver, &first));
	ASSERT_EQ(4, completes(&self->ring, &first));
	token = first.id;
	second.deadline = in_ms(100);
	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, &second));
	close_end(&self->ends.receiver);
	EXPECT_NE(0, token);
	EXPECT_FALSE(send.over);
	EXPECT_EQ(-ETIMEDOUT, completes(&self->ring, &second));
	EXPECT_EQ(-EOWNERDEAD, op_finish(&send));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* The end of the channel ------------------------------------------------------------------ */

TEST_F(uring, shutdown_ends_what_waits)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX), sends[CAP + 1];
	struct chan_op look = op_recv(self->in, MSG_MAX);
	__u32 cap = variant->cap;

	for (__u32 i = 0; i <= cap; i++) {
		sends[i] = op_send("four", 4);
		ASSERT_TRUE(command(&self->ring, self->ends.sender, &sends[i]));
		if (i < cap)
			EXPECT_EQ(0, completes(&self->ring, &sends[i]));
	}
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_senders, 1));
	EXPECT_EQ(0, shut_down(self->ends.admin));
	EXPECT_EQ(-EPIPE, completes(&self->ring, &sends[cap]));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, sends[cap].state);
	for (__u32 i = 0; i < cap; i++) {
		ASSERT_TRUE(command(&self->ring, self->ends.receiver, &recv));
		EXPECT_EQ(4, completes(&self->ring, &recv));
	}
	ASSERT_TRUE(command(&self->ring, self->ends.receiver, &recv));
	EXPECT_EQ(-ESHUTDOWN, completes(&self->ring, &recv));
	look.flags = CHAN_PEEK;
	ASSERT_TRUE(command(&self->ring, self->ends.receiver, &look));
	EXPECT_EQ(-ESHUTDOWN, completes(&self->ring, &look));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(uring, last_of_the_other_end_ends_what_waits)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct chan_op look = op_recv(self->in, MSG_MAX);
	struct chan_op call = op_call("question", 8, self->reply, MSG_MAX);

	look.flags = CHAN_PEEK;
	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, &recv));
	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, &look));
	close_end(&self->ends.sender);
	/* Told at once, they are posted in any order. */
	EXPECT_EQ(-ESHUTDOWN, completion(&self->ring, NULL));
	EXPECT_EQ(-ESHUTDOWN, completion(&self->ring, NULL));
	EXPECT_EQ(-ESHUTDOWN, recv.result);
	EXPECT_EQ(-ESHUTDOWN, look.result);
	self->ends.sender = derive(self->ends.admin, CHAN_RIGHT_SEND);
	ASSERT_LE(0, self->ends.sender);
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &call));
	ASSERT_TRUE(BECOMES(on_the_way(self->ends.admin) == 1));
	close_end(&self->ends.receiver);
	EXPECT_EQ(-EPIPE, completes(&self->ring, &call));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, call.state);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* Completions -------------------------------------------------------------------------------- */

#define FEW  4
#define MANY 64

/* The queue of completions is smaller than what ends at once. */
TEST_F(kind, no_completion_is_lost_when_there_is_no_room)
{
	static struct chan_op recvs[MANY];
	struct chan_op *op = NULL;
	struct io_uring ring;

	ASSERT_EQ(0, ring_make(&ring, variant->kind, FEW));
	for (int i = 0; i < MANY; i++) {
		recvs[i] = op_recv(self->in, MSG_MAX);
		recvs[i].tag = TAG;
		ASSERT_TRUE(command(&ring, self->ends.receiver, &recvs[i]));
		ASSERT_TRUE(BECOMES(!io_uring_sq_ready(&ring)));
	}
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, MANY));
	EXPECT_EQ(MANY, run_once(self->ends.receiver, op_cancel_tag(TAG)));
	for (int i = 0; i < MANY; i++) {
		EXPECT_EQ(-ECANCELED, completion(&ring, &op));
		/* Each once. */
		ASSERT_EQ(TAG, op->tag);
		op->tag = 0;
	}
	EXPECT_TRUE(is_quiet(&ring));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	io_uring_queue_exit(&ring);
}

/* Received is what was copied, whether its completion was seen or not. */
TEST_F(kind, completion_that_nobody_sees_has_taken_place)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct running send;

	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, &recv));
	ASSERT_EQ(0, op_start(&send, self->ends.sender, op_send("four", 4)));
	EXPECT_TRUE(RING_BECOMES(&self->ring,
				 stat_now(self->ends.admin).totals_received));
	io_uring_queue_exit(&self->ring);
	EXPECT_EQ(0, op_finish(&send));
	EXPECT_EQ(0, memcmp("four", self->in, 4));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ASSERT_EQ(0, ring_make(&self->ring, variant->kind, RING_ENTRIES));
}

TEST_HARNESS_MAIN
