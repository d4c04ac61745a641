// SPDX-License-Identifier: GPL-2.0-only
/*
 * Death: the endpoint is the unit.  A receiver dies when the last reference of
 * the endpoint that holds the duty goes - by close, exit, kill -9 or exec, from
 * an io_uring ring or from inside a socket - and not before, whatever becomes
 * of the thread, the process or the descriptor that received.  Then the sender
 * is told EOWNERDEAD, or the message comes back: to the head of its priority,
 * in the order in which it was received, with the next attempt, until
 * max_attempts.  What was not copied to the end was never received.  And when
 * the caller dies, what nobody has received is withdrawn, a call that somebody
 * has is abandoned, and a task or work goes on.
 */
#include <liburing.h>

#include "duties.h"
#include "passing.h"
#include "stall.h"

/* What the sender is told, and who gets the message next ---------------------- */

FIXTURE(death)
{
	int control;
	struct ends ends;
	struct sent sent[8];
	struct receiving next;
	struct holder holder;
};

FIXTURE_VARIANT(death)
{
	struct style style;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(death, task) {
	.style = TASK(SLOTS),
};
FIXTURE_VARIANT_ADD(death, task_again) {
	.style = TASK_AGAIN(SLOTS),
};
FIXTURE_VARIANT_ADD(death, call) {
	.style = CALL(SLOTS),
};
FIXTURE_VARIANT_ADD(death, call_again) {
	.style = CALL_AGAIN(SLOTS),
};
FIXTURE_VARIANT_ADD(death, work) {
	.style = WORK(SLOTS),
};
FIXTURE_VARIANT_ADD(death, task_meeting) {
	.style = TASK(0),
};
FIXTURE_VARIANT_ADD(death, task_again_meeting) {
	.style = TASK_AGAIN(0),
};
FIXTURE_VARIANT_ADD(death, call_meeting) {
	.style = CALL(0),
};
FIXTURE_VARIANT_ADD(death, call_again_meeting) {
	.style = CALL_AGAIN(0),
};
/* clang-format on */

FIXTURE_SETUP(death)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, style_ends(self->control, &variant->style, &self->ends));
}

FIXTURE_TEARDOWN(death)
{
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ends_close(&self->ends);
	close(self->control);
}

static bool comes_back(const FIXTURE_VARIANT(death) * variant)
{
	return variant->style.on_death == CHAN_ON_DEATH_REDELIVER;
}

/* @nr messages, numbered from 1. */
static int send_many(FIXTURE_DATA(death) * self,
		     const FIXTURE_VARIANT(death) * variant, int nr)
{
	for (int i = 0; i < nr; i++)
		CHECK_EQ(0, send_styled(&self->sent[i], self->ends.sender,
					&variant->style, i + 1));
	return 0;
}

/* One that waits gets it at once, or does not, while the sender is told. */
static void kill_where_one_waits(struct __test_metadata *_metadata,
				 FIXTURE_DATA(death) * self,
				 const FIXTURE_VARIANT(death) * variant,
				 int (*end)(struct holder *holder))
{
	struct received *first, *again = &self->next.received;
	struct sent *sent = &self->sent[0];

	ASSERT_EQ(0, send_many(self, variant, 1));
	ASSERT_EQ(0, holder_start(&self->holder, self->ends.admin, false, 1,
				  NULL));
	first = &self->holder.held->received[0];
	EXPECT_EQ(1, first->nr);
	EXPECT_EQ(1, first->op.attempt);
	EXPECT_EQ(100, first->op.tag);
	EXPECT_NE(0, first->op.id);
	EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
	ASSERT_TRUE(receive_start(&self->next, self->ends.receiver));
	EXPECT_FALSE(is_over(sent));
	EXPECT_EQ(0, end(&self->holder));
	if (!comes_back(variant)) {
		EXPECT_EQ(0, told_owner_dead(sent));
		EXPECT_EQ(0, stat_now(self->ends.admin).unsettled);
		EXPECT_EQ(1, stat_now(self->ends.admin).parked_receivers);
		/* The one that waits gets what is sent next. */
		ASSERT_EQ(4, put_bytes(self->ends.sender, "\7\0\0", 4));
		EXPECT_EQ(7, receive_end(&self->next));
		EXPECT_EQ(0, stat_now(self->ends.admin).totals_redelivered);
		return;
	}
	EXPECT_EQ(1, receive_end(&self->next));
	EXPECT_EQ(2, again->op.attempt);
	EXPECT_EQ(100, again->op.tag);
	EXPECT_EQ(variant->style.duty, again->op.duty);
	EXPECT_NE(first->op.id, again->op.id);
	EXPECT_FALSE(is_over(sent));
	EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_redelivered);
	EXPECT_EQ(2, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_sent);
	/* The token of the dead is nobody's. */
	EXPECT_EQ(-ESTALE, settle_well(self->ends.receiver, first));
	EXPECT_EQ(0, settle_well(self->ends.receiver, again));
	EXPECT_EQ(0, told_done(sent));
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_settled);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_dropped);
}

TEST_F(death, killed_holder_is_dead)
{
	kill_where_one_waits(_metadata, self, variant, holder_kill);
}

TEST_F(death, holder_that_exits_is_dead)
{
	kill_where_one_waits(_metadata, self, variant, holder_exit);
}

/* Nobody waits: it lies there for who comes. */
TEST_F(death, holder_that_closes_is_dead)
{
	int fd = derive(self->ends.admin, CHAN_RIGHT_RECV);
	struct received first, again;

	ASSERT_EQ(0, send_many(self, variant, 1));
	ASSERT_EQ(1, receive(fd, &first));
	EXPECT_EQ(0, in_line(self->ends.admin));
	EXPECT_EQ(0, events_of(self->ends.receiver));
	EXPECT_FALSE(is_over(&self->sent[0]));
	close(fd);
	EXPECT_EQ(0, stat_now(self->ends.admin).unsettled);
	EXPECT_EQ(comes_back(variant), in_line(self->ends.admin));
	EXPECT_EQ(comes_back(variant) ? POLLIN : 0,
		  events_of(self->ends.receiver));
	if (!comes_back(variant)) {
		EXPECT_EQ(0, told_owner_dead(&self->sent[0]));
		EXPECT_EQ(-EAGAIN, receive_nothing(self->ends.receiver));
		return;
	}
	EXPECT_FALSE(is_over(&self->sent[0]));
	EXPECT_EQ(1, receive_now(self->ends.receiver, &again));
	EXPECT_EQ(2, again.op.attempt);
	EXPECT_EQ(0, settle_well(self->ends.receiver, &again));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

/* Receives @nr that must be there, with these numbers and attempts; settles. */
static int drain(struct ends *ends, int nr, const int numbers[],
		 const int attempts[])
{
	struct received received;

	for (int i = 0; i < nr; i++) {
		CHECK_EQ(numbers[i], receive_now(ends->receiver, &received));
		CHECK_EQ(attempts[i], received.op.attempt);
		CHECK_EQ(0, settle_well(ends->receiver, &received));
	}
	CHECK_EQ(-EAGAIN, receive_nothing(ends->receiver));
	return 0;
}

TEST_F(death, several_come_back_in_the_order_in_which_they_were_received)
{
	static const int numbers[] = { 1, 3, 4, 5, 6 };
	static const int attempts[] = { 2, 2, 2, 1, 1 };
	int fd = derive(self->ends.admin, CHAN_RIGHT_RECV);
	struct received received[4];
	int skip;

	ASSERT_EQ(0, send_many(self, variant, 6));
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(i + 1, receive(fd, &received[i]));
	EXPECT_EQ(4, stat_now(self->ends.admin).unsettled);
	/* What is settled stays so. */
	EXPECT_EQ(0, settle_well(fd, &received[1]));
	EXPECT_EQ(0, told_done(&self->sent[1]));
	close(fd);
	for (int i = 0; !comes_back(variant) && i < 4; i++)
		if (i != 1)
			EXPECT_EQ(0, told_owner_dead(&self->sent[i]));
	EXPECT_EQ(comes_back(variant) ? 5 : 2, in_line(self->ends.admin));
	skip = comes_back(variant) ? 0 : 3;
	EXPECT_EQ(0, drain(&self->ends, 5 - skip, numbers + skip,
			   attempts + skip));
	for (int i = skip ? 4 : 0; i < 6; i++)
		if (i != 1)
			EXPECT_EQ(0, told_done(&self->sent[i]));
	EXPECT_EQ(comes_back(variant) ? 3 : 0,
		  stat_now(self->ends.admin).totals_redelivered);
}

/* Each to the head of its own priority. */
TEST_F(death, what_comes_back_keeps_its_priority)
{
	/* They go out as 2 4 1 3; three are held when 5 comes. */
	static const int prios[] = { 0, 7, 0, 7, 7 }, held[] = { 2, 4, 1 };
	static const int numbers[] = { 2, 4, 5, 1, 3 };
	static const int attempts[] = { 2, 2, 1, 2, 1 };
	int fd = derive(self->ends.admin, CHAN_RIGHT_RECV);
	struct received received;
	struct chan_op op;

	if (!comes_back(variant))
		SKIP(return, "nothing comes back");
	for (int i = 0; i < 5; i++) {
		op = styled(&self->sent[i], &variant->style, i + 1);
		op.prio = prios[i];
		for (int j = 0; i == 4 && j < 3; j++) {
			ASSERT_EQ(held[j], receive(fd, &received));
			EXPECT_EQ(prios[held[j] - 1], received.op.prio);
		}
		ASSERT_EQ(0, send_op(&self->sent[i], self->ends.sender, op));
	}
	close(fd);
	EXPECT_EQ(0, drain(&self->ends, 5, numbers, attempts));
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(0, told_done(&self->sent[i]));
}

/* The head is the head: the one who dies last comes first. */
TEST_F(death, of_two_holders_the_last_to_die_is_heard_first)
{
	static const int numbers[] = { 2, 1, 3 }, attempts[] = { 2, 2, 1 };
	int fds[2] = { derive(self->ends.admin, CHAN_RIGHT_RECV),
		       derive(self->ends.admin, CHAN_RIGHT_RECV) };
	struct received received;

	if (!comes_back(variant))
		SKIP(return, "nothing comes back");
	ASSERT_EQ(0, send_many(self, variant, 3));
	ASSERT_EQ(1, receive(fds[0], &received));
	ASSERT_EQ(2, receive(fds[1], &received));
	close(fds[0]);
	close(fds[1]);
	EXPECT_EQ(0, drain(&self->ends, 3, numbers, attempts));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, told_done(&self->sent[i]));
}

TEST_F(death, deaths_in_a_row_count_attempts)
{
	struct received received, before = {};

	if (!comes_back(variant))
		SKIP(return, "nothing comes back");
	ASSERT_EQ(0, send_many(self, variant, 1));
	for (__u32 attempt = 1; attempt <= 9; attempt++) {
		int fd = derive(self->ends.admin, CHAN_RIGHT_RECV);

		ASSERT_EQ(1, receive(fd, &received));
		EXPECT_EQ(attempt, received.op.attempt);
		EXPECT_LT(before.op.id, received.op.id);
		before = received;
		close(fd);
		EXPECT_EQ(attempt,
			  stat_now(self->ends.admin).totals_redelivered);
	}
	ASSERT_EQ(1, receive(self->ends.receiver, &received));
	EXPECT_EQ(10, received.op.attempt);
	EXPECT_EQ(0, settle_well(self->ends.receiver, &received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	EXPECT_EQ(10, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_sent);
}

/* After so many it is given up: told, or dropped and counted. */
static void give_up(struct __test_metadata *_metadata,
		    FIXTURE_DATA(death) * self,
		    const FIXTURE_VARIANT(death) * variant, __u32 max)
{
	struct chan_create c = roomy_record(NULL);
	struct received received;

	ends_close(&self->ends);
	c.cap = variant->style.cap;
	c.max_attempts = max;
	ASSERT_EQ(0, ends_make(self->control, &c, &self->ends));
	ASSERT_EQ(0, send_many(self, variant, 2));
	for (__u32 attempt = 1; attempt <= max; attempt++) {
		int fd = derive(self->ends.admin, CHAN_RIGHT_RECV);

		EXPECT_FALSE(is_over(&self->sent[0]));
		ASSERT_EQ(1, receive(fd, &received));
		EXPECT_EQ(attempt, received.op.attempt);
		close(fd);
	}
	EXPECT_EQ(0, told_owner_dead(&self->sent[0]));
	EXPECT_EQ(max - 1, stat_now(self->ends.admin).totals_redelivered);
	EXPECT_EQ(!self->sent[0].waits,
		  stat_now(self->ends.admin).totals_dropped);
	EXPECT_EQ(0, stat_now(self->ends.admin).unsettled);
	/* The next one has all its attempts. */
	ASSERT_EQ(2, receive_now(self->ends.receiver, &received));
	EXPECT_EQ(1, received.op.attempt);
	EXPECT_EQ(0, settle_well(self->ends.receiver, &received));
	EXPECT_EQ(0, told_done(&self->sent[1]));
}

TEST_F(death, after_max_attempts_it_is_given_up)
{
	if (!comes_back(variant))
		SKIP(return, "nothing comes back");
	give_up(_metadata, self, variant, 3);
}

TEST_F(death, one_attempt_is_one)
{
	if (!comes_back(variant))
		SKIP(return, "nothing comes back");
	give_up(_metadata, self, variant, 1);
}

TEST_F(death, returns_count_as_attempts)
{
	struct chan_create c = roomy_record(NULL);
	struct received received;
	int fd;

	if (!comes_back(variant))
		SKIP(return, "nothing comes back");
	ends_close(&self->ends);
	c.cap = variant->style.cap;
	c.max_attempts = 3;
	ASSERT_EQ(0, ends_make(self->control, &c, &self->ends));
	ASSERT_EQ(0, send_many(self, variant, 1));
	for (__u32 attempt = 1; attempt <= 2; attempt++) {
		ASSERT_EQ(1, receive(self->ends.receiver, &received));
		EXPECT_EQ(attempt, received.op.attempt);
		EXPECT_EQ(0,
			  settle(self->ends.receiver, &received, CHAN_RETURN));
	}
	fd = derive(self->ends.admin, CHAN_RIGHT_RECV);
	ASSERT_EQ(1, receive(fd, &received));
	EXPECT_EQ(3, received.op.attempt);
	EXPECT_FALSE(is_over(&self->sent[0]));
	close(fd);
	EXPECT_EQ(0, told_owner_dead(&self->sent[0]));
}

/* Stalled while it copies: never received ------------------------------------ */

struct stalled {
	struct stall stall;
	struct held *held;
};

static void *tell_when_stalled(void *arg)
{
	struct stalled *stalled = arg;

	if (stall_reached(&stalled->stall))
		stalled->held->ready = 1;
	return NULL;
}

static void stall_in_receive(int fd, struct held *held)
{
	struct stalled stalled = { .held = held };
	struct chan_op op;
	pthread_t thread;

	if (stall_open(&stalled.stall) ||
	    pthread_create(&thread, NULL, tell_when_stalled, &stalled))
		_exit(1);
	op = op_recv(stalled.stall.page, 4);
	run(fd, &op);
	_exit(1);
}

/* A child that copies for ever, on an endpoint of its own; or -1. */
static pid_t stalled_receiver(int admin)
{
	struct held *held = mmap(NULL, sizeof(*held), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (!pid)
		stall_in_receive(derive(admin, CHAN_RIGHT_RECV), held);
	return BECOMES(held->ready) ? pid : -1;
}

TEST_F(death, killed_while_it_copies_it_has_not_received)
{
	struct received received;
	pid_t pid;

	ASSERT_EQ(0, send_many(self, variant, 2));
	pid = stalled_receiver(self->ends.admin);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, stat_now(self->ends.admin).unsettled);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(0, child_kill(pid));
	EXPECT_FALSE(is_over(&self->sent[0]));
	for (int nr = 1; nr <= 2; nr++) {
		ASSERT_EQ(nr, receive(self->ends.receiver, &received));
		EXPECT_EQ(1, received.op.attempt);
		EXPECT_EQ(0, settle_well(self->ends.receiver, &received));
		EXPECT_EQ(0, told_done(&self->sent[nr - 1]));
	}
	EXPECT_EQ(2, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_redelivered);
}

/* What it had received before is another matter. */
TEST_F(death, killed_while_it_copies_it_dies_with_what_it_holds)
{
	static const int numbers[] = { 1, 2 }, attempts[] = { 2, 1 };
	int fd = derive(self->ends.admin, CHAN_RIGHT_RECV);
	struct received received;
	struct held *held = mmap(NULL, sizeof(*held), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	ASSERT_EQ(0, send_many(self, variant, 2));
	ASSERT_EQ(1, receive(fd, &received));
	pid = fork();
	if (!pid)
		stall_in_receive(fd, held);
	close(fd);
	ASSERT_TRUE(BECOMES(held->ready));
	EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
	EXPECT_FALSE(is_over(&self->sent[0]));
	EXPECT_EQ(0, child_kill(pid));
	if (comes_back(variant)) {
		EXPECT_EQ(0, drain(&self->ends, 2, numbers, attempts));
		EXPECT_EQ(0, told_done(&self->sent[0]));
	} else {
		EXPECT_EQ(0, told_owner_dead(&self->sent[0]));
		EXPECT_EQ(0, drain(&self->ends, 1, numbers + 1, attempts + 1));
	}
	EXPECT_EQ(0, told_done(&self->sent[1]));
}

/* What keeps an endpoint alive ------------------------------------------------ */

FIXTURE(reference)
{
	int control;
	struct ends ends;
	struct sent sent[4];
	struct received received;
	int fd; /* of the endpoint that holds the duty */
};

FIXTURE_VARIANT(reference)
{
	struct style style;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(reference, call) {
	.style = CALL(SLOTS),
};
FIXTURE_VARIANT_ADD(reference, work) {
	.style = WORK(SLOTS),
};
/* clang-format on */

FIXTURE_SETUP(reference)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, style_ends(self->control, &variant->style, &self->ends));
	self->fd = derive(self->ends.admin, CHAN_RIGHT_RECV);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, send_styled(&self->sent[0], self->ends.sender,
				 &variant->style, 1));
}

FIXTURE_TEARDOWN(reference)
{
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ends_close(&self->ends);
	close(self->control);
}

/* The first message is held by somebody, and its sender has not been told. */
static int is_alive(FIXTURE_DATA(reference) * self)
{
	CHECK_EQ(1, stat_now(self->ends.admin).unsettled);
	CHECK_EQ(2, stat_now(self->ends.admin).receivers);
	CHECK_EQ(0, in_line(self->ends.admin));
	CHECK_EQ(0, is_over(&self->sent[0]));
	return 0;
}

/* The endpoint is gone, and what that means has happened. */
static int is_dead(FIXTURE_DATA(reference) * self)
{
	struct received again;

	CHECK_EQ(1, STAT_BECOMES(self->ends.admin, receivers, 1));
	if (self->sent[0].waits) {
		CHECK_EQ(0, told_owner_dead(&self->sent[0]));
		CHECK_EQ(-EAGAIN, receive_nothing(self->ends.receiver));
		return 0;
	}
	CHECK_EQ(1, receive(self->ends.receiver, &again));
	CHECK_EQ(2, again.op.attempt);
	CHECK_EQ(0, settle_well(self->ends.receiver, &again));
	return 0;
}

static int is_settled_by(FIXTURE_DATA(reference) * self, int fd)
{
	CHECK_EQ(0, settle_well(fd, &self->received));
	return told_done(&self->sent[0]);
}

TEST_F(reference, duplicate_keeps_it_alive)
{
	int same = dup(self->fd);

	ASSERT_EQ(1, receive(self->fd, &self->received));
	close(self->fd);
	EXPECT_EQ(0, is_alive(self));
	EXPECT_EQ(0, is_settled_by(self, same));
	close(same);
}

TEST_F(reference, last_duplicate_takes_it_along)
{
	int same = dup(self->fd), third = dup(same);

	ASSERT_EQ(1, receive(same, &self->received));
	close(same);
	close(self->fd);
	EXPECT_EQ(0, is_alive(self));
	close(third);
	EXPECT_EQ(0, is_dead(self));
}

static void *receive_and_exit(void *arg)
{
	FIXTURE_DATA(reference) *self = arg;

	receive(self->fd, &self->received);
	return NULL;
}

TEST_F(reference, thread_that_exits_is_not_its_endpoint)
{
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, receive_and_exit, self));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(1, self->received.nr);
	EXPECT_EQ(0, is_alive(self));
	EXPECT_EQ(0, is_settled_by(self, self->fd));
	close(self->fd);
}

/* The process lives on as another program. */
static void become_shell(struct holder *holder, int fd)
{
	(void)fd;
	dup2(holder->go[0], 0);
	execl("/bin/sh", "sh", "-c", "read line", NULL);
}

static void become_shell_that_keeps_it(struct holder *holder, int fd)
{
	fcntl(fd, F_SETFD, 0);
	dup2(holder->go[0], 0);
	dup2(holder->go[0], 1);
	execl("/bin/sh", "sh", "-c", "read line", NULL);
}

static bool is_shell(pid_t pid)
{
	char path[64], name[16] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	(void)!fgets(name, sizeof(name), f);
	fclose(f);
	return !strcmp(name, "sh\n");
}

TEST_F(reference, exec_closes_it)
{
	struct holder holder;

	close(self->fd);
	ASSERT_EQ(0, holder_start(&holder, self->ends.admin, false, 1,
				  become_shell));
	EXPECT_EQ(0, is_alive(self));
	holder_go(&holder);
	ASSERT_TRUE(BECOMES(is_shell(holder.pid)));
	EXPECT_EQ(0, is_dead(self));
	EXPECT_EQ(0, waitpid(holder.pid, NULL, WNOHANG));
	EXPECT_EQ(0, holder_exit(&holder));
}

TEST_F(reference, exec_that_keeps_the_descriptor_keeps_it_alive)
{
	struct holder holder;

	close(self->fd);
	ASSERT_EQ(0, holder_start(&holder, self->ends.admin, false, 1,
				  become_shell_that_keeps_it));
	holder_go(&holder);
	ASSERT_TRUE(BECOMES(is_shell(holder.pid)));
	EXPECT_EQ(0, is_alive(self));
	EXPECT_EQ(0, holder_exit(&holder));
	EXPECT_EQ(0, is_dead(self));
}

/* A fixed file of a ring is a reference like any other. */
TEST_F(reference, ring_keeps_it_alive)
{
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int nr = GARBAGE;

	ASSERT_EQ(1, receive(self->fd, &self->received));
	ASSERT_EQ(0, io_uring_queue_init(4, &ring, 0));
	ASSERT_EQ(0, io_uring_register_files(&ring, &self->fd, 1));
	close(self->fd);
	EXPECT_EQ(0, is_alive(self));
	/* And one can still receive by it. */
	ASSERT_EQ(0, put(self->ends.sender, 2));
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read(sqe, 0, &nr, sizeof(nr), 0);
	sqe->flags |= IOSQE_FIXED_FILE;
	ASSERT_EQ(1, io_uring_submit(&ring));
	ASSERT_EQ(0, io_uring_wait_cqe(&ring, &cqe));
	EXPECT_EQ((int)sizeof(nr), cqe->res);
	EXPECT_EQ(2, nr);
	io_uring_cqe_seen(&ring, cqe);
	EXPECT_EQ(0, is_alive(self));
	EXPECT_EQ(0, io_uring_unregister_files(&ring));
	EXPECT_EQ(0, is_dead(self));
	io_uring_queue_exit(&ring);
}

TEST_F(reference, end_of_the_ring_takes_it_along)
{
	struct io_uring ring;

	ASSERT_EQ(1, receive(self->fd, &self->received));
	ASSERT_EQ(0, io_uring_queue_init(4, &ring, 0));
	ASSERT_EQ(0, io_uring_register_files(&ring, &self->fd, 1));
	close(self->fd);
	EXPECT_EQ(0, is_alive(self));
	io_uring_queue_exit(&ring);
	EXPECT_EQ(0, is_dead(self));
}

static void keep_in_ring(struct holder *holder, int fd)
{
	struct io_uring ring;

	if (io_uring_queue_init(4, &ring, 0) ||
	    io_uring_register_files(&ring, &fd, 1))
		_exit(1);
	close(fd);
	holder->held->ready = 2;
	for (;;)
		pause();
}

TEST_F(reference, killed_process_takes_its_ring_along)
{
	struct holder holder;

	close(self->fd);
	ASSERT_EQ(0, holder_start(&holder, self->ends.admin, false, 1,
				  keep_in_ring));
	holder_go(&holder);
	ASSERT_TRUE(BECOMES(holder.held->ready == 2));
	EXPECT_EQ(0, is_alive(self));
	EXPECT_EQ(0, holder_kill(&holder));
	EXPECT_EQ(0, is_dead(self));
}

/* In flight inside a socket. */

TEST_F(reference, descriptor_in_flight_keeps_it_alive)
{
	int sockets[2], fd;

	ASSERT_EQ(1, receive(self->fd, &self->received));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, send_fd(sockets[0], self->fd));
	close(self->fd);
	EXPECT_EQ(0, is_alive(self));
	fd = receive_fd(sockets[1]);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, is_alive(self));
	EXPECT_EQ(0, is_settled_by(self, fd));
	close(fd);
	close(sockets[0]);
	close(sockets[1]);
}

TEST_F(reference, end_of_the_socket_takes_along_what_is_in_flight)
{
	int sockets[2];

	ASSERT_EQ(1, receive(self->fd, &self->received));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, send_fd(sockets[0], self->fd));
	close(self->fd);
	close(sockets[0]);
	EXPECT_EQ(0, is_alive(self));
	close(sockets[1]);
	EXPECT_EQ(0, is_dead(self));
}

/* Workers that forked: one shares, the other has its own. */
TEST_F(reference, killed_worker_that_shares_an_endpoint_is_not_dead)
{
	struct holder sharing, own;
	struct received again;

	ASSERT_EQ(0, send_styled(&self->sent[1], self->ends.sender,
				 &variant->style, 2));
	ASSERT_EQ(0, holder_start(&sharing, self->fd, true, 1, NULL));
	ASSERT_EQ(0, holder_start(&own, self->ends.admin, false, 1, NULL));
	EXPECT_EQ(1, sharing.held->received[0].nr);
	EXPECT_EQ(2, own.held->received[0].nr);
	EXPECT_EQ(2, stat_now(self->ends.admin).unsettled);
	EXPECT_EQ(3, stat_now(self->ends.admin).receivers);
	EXPECT_EQ(0, holder_kill(&sharing));
	EXPECT_EQ(0, holder_kill(&own));
	EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
	if (self->sent[1].waits) {
		EXPECT_EQ(0, told_owner_dead(&self->sent[1]));
	} else {
		EXPECT_EQ(2, receive_now(self->ends.receiver, &again));
		EXPECT_EQ(2, again.op.attempt);
		EXPECT_EQ(0, settle_well(self->ends.receiver, &again));
	}
	/* The parent settles what its child had received. */
	self->received = sharing.held->received[0];
	EXPECT_EQ(0, is_alive(self));
	EXPECT_EQ(0, is_settled_by(self, self->fd));
	close(self->fd);
}

TEST_F(reference, worker_outlives_the_parent_it_shares_with)
{
	struct holder holder;

	ASSERT_EQ(0, holder_start(&holder, self->fd, true, 1, NULL));
	close(self->fd);
	EXPECT_EQ(0, is_alive(self));
	EXPECT_EQ(0, holder_kill(&holder));
	EXPECT_EQ(0, is_dead(self));
}

/* Death of the caller -------------------------------------------------------- */

FIXTURE(caller)
{
	int control;
	struct ends ends;
	struct received received;
	struct receiving receiving;
	pid_t pid;
};

FIXTURE_VARIANT(caller)
{
	struct style style;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(caller, meeting) {
	.style = MEETING(2),
};
FIXTURE_VARIANT_ADD(caller, task) {
	.style = TASK(2),
};
FIXTURE_VARIANT_ADD(caller, task_again) {
	.style = TASK_AGAIN(2),
};
FIXTURE_VARIANT_ADD(caller, call) {
	.style = CALL(2),
};
FIXTURE_VARIANT_ADD(caller, call_again) {
	.style = CALL_AGAIN(2),
};
FIXTURE_VARIANT_ADD(caller, meeting_without_slots) {
	.style = MEETING(0),
};
FIXTURE_VARIANT_ADD(caller, task_again_without_slots) {
	.style = TASK_AGAIN(0),
};
FIXTURE_VARIANT_ADD(caller, call_without_slots) {
	.style = CALL(0),
};
/* clang-format on */

FIXTURE_SETUP(caller)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, style_ends(self->control, &variant->style, &self->ends));
}

FIXTURE_TEARDOWN(caller)
{
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ends_close(&self->ends);
	close(self->control);
}

/* A child that sends message @nr and waits for its fate. */
static pid_t caller_start(int fd, const struct style *style, int nr,
			  bool shares)
{
	struct sent sent;
	struct chan_op op;
	pid_t pid = fork();

	if (pid)
		return pid;
	if (!shares)
		fd = derive(fd, CHAN_RIGHT_SEND);
	op = styled(&sent, style, nr);
	run(fd, &op);
	_exit(0);
}

static bool is_owed(const FIXTURE_VARIANT(caller) * variant)
{
	return variant->style.duty != CHAN_DUTY_NONE;
}

static bool is_call(const FIXTURE_VARIANT(caller) * variant)
{
	return variant->style.duty == CHAN_DUTY_REPLY;
}

TEST_F(caller, before_receipt_its_message_is_withdrawn)
{
	self->pid = caller_start(self->ends.admin, &variant->style, 1, false);
	ASSERT_TRUE(BECOMES(in_line(self->ends.admin) == 1));
	EXPECT_EQ(POLLIN, events_of(self->ends.receiver));
	EXPECT_EQ(0, child_kill(self->pid));
	EXPECT_EQ(0, in_line(self->ends.admin));
	EXPECT_EQ(0, events_of(self->ends.receiver));
	EXPECT_EQ(-EAGAIN, receive_nothing(self->ends.receiver));
	EXPECT_EQ(1, stat_now(self->ends.admin).senders);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_dropped);
}

/* Its place is the next one's, who waits for it. */
TEST_F(caller, before_a_slot_its_message_is_withdrawn)
{
	struct sent behind;

	if (!variant->style.cap)
		SKIP(return, "there are no slots");
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0, put(self->ends.sender, 2));
	self->pid = caller_start(self->ends.admin, &variant->style, 3, false);
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_senders, 1));
	ASSERT_EQ(0, send_styled(&behind, self->ends.sender, &MEETING(2), 4));
	EXPECT_EQ(0, child_kill(self->pid));
	EXPECT_EQ(1, stat_now(self->ends.admin).parked_senders);
	EXPECT_EQ(1, receive(self->ends.receiver, &self->received));
	EXPECT_EQ(2, receive(self->ends.receiver, &self->received));
	EXPECT_EQ(4, receive(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told(&behind, 0, CHAN_STATE_RECEIVED, 0, 0));
	EXPECT_EQ(3, stat_now(self->ends.admin).totals_sent);
}

TEST_F(caller, while_it_is_copied_its_message_is_withdrawn)
{
	struct stall stall;
	struct running running;

	ASSERT_EQ(0, stall_open(&stall));
	self->pid = caller_start(self->ends.admin, &variant->style, 1, false);
	ASSERT_TRUE(BECOMES(in_line(self->ends.admin) == 1));
	ASSERT_EQ(0, op_start(&running, self->ends.receiver,
			      op_recv(stall.page, 4)));
	ASSERT_TRUE(stall_reached(&stall));
	EXPECT_EQ(0, child_kill(self->pid));
	EXPECT_EQ(0, stat_now(self->ends.admin).queued);
	EXPECT_FALSE(running.over);
	stall_end(&stall, "", 1);
	/* The receiver goes on waiting, and gets the next one's bytes. */
	EXPECT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(0, put(self->ends.sender, 2));
	EXPECT_EQ(4, running_end(&running));
	EXPECT_EQ(2, *(int *)stall.page);
	EXPECT_EQ(0, running.op.id);
	EXPECT_EQ(0, running.op.tag);
	stall_close(&stall);
}

/* Whoever holds the message of the dead: a call is abandoned, a task goes on. */
static int settle_for_the_dead(FIXTURE_DATA(caller) * self,
			       const FIXTURE_VARIANT(caller) * variant)
{
	struct chan_stat s = stat_now(self->ends.admin);

	CHECK_EQ(1, s.unsettled);
	CHECK_EQ(4 + CHAN_MSG_OVERHEAD, s.bytes);
	CHECK_EQ(is_call(variant) ? -ECANCELED : 0,
		 settle_well(self->ends.receiver, &self->received));
	CHECK_EQ(-ESTALE, settle_well(self->ends.receiver, &self->received));
	CHECK_EQ(0, stat_now(self->ends.admin).unsettled);
	CHECK_EQ(0, stat_now(self->ends.admin).bytes);
	return 0;
}

TEST_F(caller, after_receipt_a_call_is_abandoned_and_a_task_goes_on)
{
	if (!is_owed(variant))
		SKIP(return, "it has its outcome then");
	self->pid = caller_start(self->ends.admin, &variant->style, 1, false);
	ASSERT_EQ(1, receive(self->ends.receiver, &self->received));
	EXPECT_EQ(0, child_kill(self->pid));
	EXPECT_EQ(1, stat_now(self->ends.admin).senders);
	EXPECT_EQ(0, settle_for_the_dead(self, variant));
}

/* The caller is the task, not only its endpoint. */
TEST_F(caller, death_of_the_task_is_enough)
{
	if (!is_owed(variant))
		SKIP(return, "it has its outcome then");
	self->pid = caller_start(self->ends.sender, &variant->style, 1, true);
	ASSERT_EQ(1, receive(self->ends.receiver, &self->received));
	EXPECT_EQ(0, child_kill(self->pid));
	EXPECT_EQ(1, stat_now(self->ends.admin).senders);
	EXPECT_EQ(0, settle_for_the_dead(self, variant));
}

/* It came back, and its caller dies: a call leaves the queue, a task stays. */
TEST_F(caller, after_a_return_a_call_leaves_the_queue_and_a_task_stays)
{
	if (!is_owed(variant))
		SKIP(return, "it cannot be returned");
	self->pid = caller_start(self->ends.admin, &variant->style, 1, false);
	ASSERT_EQ(1, receive(self->ends.receiver, &self->received));
	EXPECT_EQ(0, settle(self->ends.receiver, &self->received, CHAN_RETURN));
	EXPECT_EQ(1, in_line(self->ends.admin));
	EXPECT_EQ(0, child_kill(self->pid));
	if (is_call(variant)) {
		EXPECT_EQ(0, in_line(self->ends.admin));
		EXPECT_EQ(-EAGAIN, receive_nothing(self->ends.receiver));
		return;
	}
	EXPECT_EQ(1, receive_now(self->ends.receiver, &self->received));
	EXPECT_EQ(2, self->received.op.attempt);
	EXPECT_EQ(0, settle_for_the_dead(self, variant));
}

/* Caller and holder: what is abandoned is over, a task is redelivered. */
TEST_F(caller, then_the_holder_dies_too)
{
	bool again = variant->style.on_death == CHAN_ON_DEATH_REDELIVER;
	int fd = derive(self->ends.admin, CHAN_RIGHT_RECV);

	if (!is_owed(variant))
		SKIP(return, "it has its outcome then");
	self->pid = caller_start(self->ends.admin, &variant->style, 1, false);
	ASSERT_EQ(1, receive(fd, &self->received));
	EXPECT_EQ(0, child_kill(self->pid));
	EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
	close(fd);
	EXPECT_EQ(0, stat_now(self->ends.admin).unsettled);
	if (is_call(variant) || !again) {
		EXPECT_EQ(-EAGAIN, receive_nothing(self->ends.receiver));
		EXPECT_EQ(0, stat_now(self->ends.admin).totals_redelivered);
		/* A task that nobody will do is one that nobody is told of. */
		if (!is_call(variant))
			EXPECT_EQ(1, stat_now(self->ends.admin).totals_dropped);
		return;
	}
	EXPECT_EQ(1, receive_now(self->ends.receiver, &self->received));
	EXPECT_EQ(2, self->received.op.attempt);
	EXPECT_EQ(0, settle_for_the_dead(self, variant));
}

/* What has a slot and nobody waits for outlives its sender. */
TEST_F(caller, plain_messages_and_work_outlive_their_sender)
{
	struct style work = WORK(2);
	struct sent sent;
	int fd = derive(self->ends.admin, CHAN_RIGHT_SEND);

	if (!variant->style.cap)
		SKIP(return, "there are no slots");
	ASSERT_EQ(0, send_styled(&sent, fd, &work, 1));
	ASSERT_EQ(0, put(fd, 2));
	close(fd);
	EXPECT_EQ(1, receive_now(self->ends.receiver, &self->received));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(2, receive_now(self->ends.receiver, &self->received));
	EXPECT_EQ(0, self->received.op.id);
}

/*
 * Workers die by kill -9 wherever they are: each task is done by the time its
 * sender is told so, and attempts tell how often it was tried.
 */

#define WORKERS 3

static void work_on(int admin)
{
	int fd = derive(admin, CHAN_RIGHT_RECV);
	struct received received;

	while (receive(fd, &received) > 0) {
		usleep(300); /* time to be killed with it */
		settle_well(fd, &received);
	}
	_exit(0);
}

static pid_t worker_start(int admin)
{
	pid_t pid = fork();

	if (!pid)
		work_on(admin);
	return pid;
}

struct tasks {
	int fd;
	struct style style;
	double end;
	long done;
	int wrong;
	pthread_t thread;
};

static void *tasks_run(void *arg)
{
	struct tasks *tasks = arg;
	struct sent sent;
	struct chan_op op;

	while (now() < tasks->end && !tasks->wrong) {
		op = styled(&sent, &tasks->style, tasks->done % 1000 + 1);
		op.deadline = in_ms(BUDGET * 1000);
		tasks->wrong = run(tasks->fd, &op) < 0;
		tasks->wrong |= op.duty == CHAN_DUTY_REPLY &&
				sent.reply != -sent.nr;
		tasks->done += !tasks->wrong;
	}
	return NULL;
}

TEST_F_TIMEOUT(death, storm_of_kills_loses_no_task, STORM_TIMEOUT(1))
{
	struct tasks tasks[2] = {};
	pid_t pids[WORKERS];
	long kills = 0;
	double end;

	if (!comes_back(variant) || !style_waits(&variant->style))
		SKIP(return, "nothing comes back to be told");
	for (int i = 0; i < WORKERS; i++)
		pids[i] = worker_start(self->ends.admin);
	end = now() + seconds_each() / 4.0;
	for (int i = 0; i < 2; i++) {
		tasks[i].fd = self->ends.sender;
		tasks[i].style = variant->style;
		tasks[i].end = end;
		ASSERT_EQ(0, pthread_create(&tasks[i].thread, NULL, tasks_run,
					    &tasks[i]));
	}
	for (; storm_goes_on(end, kills); kills++) {
		pid_t *pid = &pids[kills % WORKERS];

		ASSERT_EQ(0, child_kill(*pid));
		*pid = worker_start(self->ends.admin);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(tasks[i].thread, NULL);
		EXPECT_EQ(0, tasks[i].wrong);
	}
	for (int i = 0; i < WORKERS; i++)
		EXPECT_EQ(0, child_kill(pids[i]));
	TH_LOG("%ld tasks, %ld kills, %llu came back",
	       tasks[0].done + tasks[1].done, kills,
	       stat_now(self->ends.admin).totals_redelivered);
	EXPECT_LE(at_least(1), tasks[0].done + tasks[1].done);
	EXPECT_LE(1, kills);
	EXPECT_EQ((__u64)(tasks[0].done + tasks[1].done),
		  stat_now(self->ends.admin).totals_settled);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_dropped);
}

TEST_HARNESS_MAIN
