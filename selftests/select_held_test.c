// SPDX-License-Identifier: GPL-2.0-only
/*
 * A select that wants everything, and pages that do not come, of a userfaultfd
 * and of FUSE: what it sends, where it receives, its records, and where somebody
 * else receives what it sends. Whoever waits for such a page waits alone. What
 * the select cannot choose any more is nobody's partner and in nobody's way; and
 * what comes of the page, comes of the select.
 */
#include "select_wait.h"
#include "stall.h"

/* Pages of all sorts. */
static const struct {
	const char *name;
	int (*open)(struct stall *stall);
} sorts[] = {
	{ "userfaultfd", stall_open },
	{ "FUSE", stall_open_fuse },
};

/* What does not come, and what somebody else does with it. */
struct hold {
	struct stall stall;
	struct running running;
	int place; /* of the arm that is held up, or ARMS for none yet */
};

/* Runs @body with a page of each sort that this kernel has. */
static void hold_each(struct __test_metadata *_metadata,
		      FIXTURE_DATA(wait) * self,
		      int (*body)(FIXTURE_DATA(wait) * self, struct hold *hold,
				  int argument),
		      int argument)
{
	for (size_t i = 0; i < ARRAY_SIZE(sorts); i++) {
		struct hold hold = { .place = ARMS };
		int err = sorts[i].open(&hold.stall);

		if (err == -ENODEV)
			continue;
		ASSERT_EQ(0, err);
		EXPECT_EQ(0, body(self, &hold, argument))
		{
			TH_LOG("%s, %d", sorts[i].name, argument);
		}
		stall_close(&hold.stall);
	}
}

/* Others ---------------------------------------------------------------------- */

/* A message stays where it is, for anybody who receives. */
static int is_free_to_receive(struct ends *ends)
{
	CHECK_EQ(0, put_message(ends->sender, 7));
	CHECK_EQ(1, stat_now(ends->admin).queued);
	CHECK_EQ(7, take_message(ends->receiver));
	return 0;
}

/* Whoever came later has the slot. */
static int is_free_to_send(struct ends *full)
{
	struct running behind;
	int nr = 8;

	CHECK_EQ(0, op_start(&behind, full->sender, op_send(&nr, sizeof(nr))));
	CHECK_EQ(true, op_sleeps(&behind));
	CHECK_EQ(OBSTACLE, take_message(full->receiver));
	CHECK_EQ(0, running_end(&behind));
	CHECK_EQ(8, take_message(full->receiver));
	CHECK_EQ(0, put_message(full->sender, OBSTACLE));
	return 0;
}

/* Nobody is there, for who does not wait and for who polls. */
static int is_left_by_all(struct ends *meet)
{
	CHECK_EQ(0, events_of(meet->sender));
	CHECK_EQ(0, events_of(meet->receiver));
	CHECK_EQ(-EAGAIN, put_message(meet->sender, 7));
	CHECK_EQ(-EAGAIN, take_message(meet->receiver));
	return 0;
}

/* And others meet there. */
static int is_free_to_meet(struct ends *meet)
{
	struct receiving receiving;

	CHECK_EQ(true, receive_start(&receiving, meet->receiver));
	CHECK_EQ(0, put_message(meet->sender, 7));
	CHECK_EQ(7, receive_end(&receiving));
	return 0;
}

/* On all channels, while the select is held up by its arm at that place. */
static int others_go_on(FIXTURE_DATA(wait) * self, const struct hold *hold)
{
	if (hold->place != RECV_A)
		CHECK_EQ(0, is_free_to_receive(&self->a));
	CHECK_EQ(0, is_free_to_receive(&self->b));
	CHECK_EQ(0, is_free_to_send(&self->full));
	CHECK_EQ(0, is_left_by_all(&self->meet));
	CHECK_EQ(0, is_free_to_meet(&self->meet));
	CHECK_EQ(0, self->s.over);
	return 0;
}

/* While somebody copies ------------------------------------------------------- */

/* Somebody has claimed what the select sends, or the select what it receives. */
static int start_held(FIXTURE_DATA(wait) * self, struct hold *hold, int place)
{
	hold->place = place;
	list_all(self, &self->s);
	if (place == RECV_A) {
		self->s.arms[RECV_A].buf = address(hold->stall.page);
		self->s.arms[RECV_A].len = 64;
	}
	CHECK_EQ(0, select_start(&self->s));
	CHECK_EQ(0, all_wait(self, 1));
	if (place == RECV_A)
		CHECK_EQ(0, put_message(self->a.sender, place + 1));
	else
		CHECK_EQ(0, op_start(&hold->running, self->meet.receiver,
				     op_recv(hold->stall.page, 64)));
	CHECK_EQ(true, stall_reached(&hold->stall));
	return 0;
}

static int copy_comes(FIXTURE_DATA(wait) * self, struct hold *hold, int place)
{
	CHECK_EQ(0, start_held(self, hold, place));
	CHECK_EQ(true, none_waits_any_more(self));
	CHECK_EQ(0, others_go_on(self, hold));
	stall_let(&hold->stall);
	CHECK_EQ(place, select_ends(&self->s));
	if (place == SEND_MEET)
		CHECK_EQ(4, running_end(&hold->running));
	CHECK_EQ(place + 1, *(int *)hold->stall.page);
	return none_waits(self);
}

TEST_F(wait, copy_to_the_select_holds_up_nobody)
{
	hold_each(_metadata, self, copy_comes, RECV_A);
}

TEST_F(wait, copy_from_the_select_holds_up_nobody)
{
	hold_each(_metadata, self, copy_comes, SEND_MEET);
}

/* All of its arms wait again, and any of them may be served. */
static int copy_fails(FIXTURE_DATA(wait) * self, struct hold *hold, int at)
{
	CHECK_EQ(0, start_held(self, hold, SEND_MEET));
	CHECK_EQ(0, others_go_on(self, hold));
	stall_fail(&hold->stall);
	CHECK_EQ(-EFAULT, running_end(&hold->running));
	CHECK_EQ(0, all_wait(self, 1));
	CHECK_EQ(0, serve(self, at));
	return is_served(self, at);
}

TEST_F(wait, copy_from_the_select_that_fails_leaves_all_its_arms)
{
	for (int at = 0; at < ARMS; at++)
		hold_each(_metadata, self, copy_fails, at);
}

/* Lines -------------------------------------------------------------------------- */

/*
 * 2000 bytes are too many for the room that is left; somebody behind the select
 * has few.
 */
static char bytes[2000];

static int wait_in_line(FIXTURE_DATA(wait) * self, struct ends *line)
{
	CHECK_EQ(0, ends_sized(self->control, line, 4, sizeof(bytes),
			       sizeof(bytes) + CHAN_MSG_OVERHEAD + 500));
	CHECK_EQ(0, run_once(line->sender, op_send(bytes, 300)));
	select_init(&self->s, self->a.admin);
	add_send(&self->s, self->meet.sender, 1);
	add_arm(&self->s, line->sender, op_send(bytes, sizeof(bytes)));
	CHECK_EQ(0, select_start(&self->s));
	CHECK_EQ(true, waiting_are(line->admin, 1, 0));
	CHECK_EQ(true, waiting_are(self->meet.admin, 1, 0));
	return 0;
}

static int claim(FIXTURE_DATA(wait) * self, struct hold *hold)
{
	CHECK_EQ(0, op_start(&hold->running, self->meet.receiver,
			     op_recv(hold->stall.page, 64)));
	CHECK_EQ(true, stall_reached(&hold->stall));
	return 0;
}

static int leave_line(FIXTURE_DATA(wait) * self, struct hold *hold,
		      struct ends *line)
{
	CHECK_EQ(0, self->s.over);
	stall_let(&hold->stall);
	CHECK_EQ(4, running_end(&hold->running));
	CHECK_EQ(0, select_ends(&self->s));
	CHECK_EQ(true, waiting_are(line->admin, 0, 0));
	ends_close(line);
	return 0;
}

/* Those behind need not wait for one that cannot be chosen any more. */
static int is_passed_by_those_behind(FIXTURE_DATA(wait) * self,
				     struct hold *hold, int argument)
{
	struct running behind;
	struct ends line;

	(void)argument;
	CHECK_EQ(0, wait_in_line(self, &line));
	CHECK_EQ(0, op_start(&behind, line.sender, op_send(bytes, 4)));
	CHECK_EQ(true, waiting_are(line.admin, 2, 0));
	CHECK_EQ(0, claim(self, hold));
	CHECK_EQ(0, running_end(&behind));
	CHECK_EQ(2, stat_now(line.admin).queued);
	return leave_line(self, hold, &line);
}

TEST_F(wait, copy_from_the_select_leaves_a_line_to_those_behind)
{
	hold_each(_metadata, self, is_passed_by_those_behind, 0);
}

static int is_passed_by_who_comes(FIXTURE_DATA(wait) * self, struct hold *hold,
				  int argument)
{
	struct chan_op op = op_send(bytes, 4);
	struct ends line;

	(void)argument;
	op.flags = CHAN_NOWAIT;
	CHECK_EQ(0, wait_in_line(self, &line));
	CHECK_EQ(-EAGAIN, run_once(line.sender, op));
	CHECK_EQ(0, claim(self, hold));
	CHECK_EQ(0, run_once(line.sender, op));
	return leave_line(self, hold, &line);
}

TEST_F(wait, copy_from_the_select_leaves_a_line_to_who_does_not_wait)
{
	hold_each(_metadata, self, is_passed_by_who_comes, 0);
}

/* Before it waits ------------------------------------------------------------------ */

/* What it would send cannot be read yet: it takes nothing and offers nothing. */
static int payload_comes(FIXTURE_DATA(wait) * self, struct hold *hold,
			 int fails)
{
	int nr = 6;

	list_all(self, &self->s);
	self->s.arms[SEND_FULL].buf = address(hold->stall.page);
	CHECK_EQ(0, select_start(&self->s));
	CHECK_EQ(true, stall_reached(&hold->stall));
	CHECK_EQ(0, none_waits(self));
	CHECK_EQ(0, is_free_to_receive(&self->a));
	CHECK_EQ(0, others_go_on(self, hold));
	if (fails) {
		stall_fail(&hold->stall);
		CHECK_EQ(-EFAULT, select_ends(&self->s));
		CHECK_EQ(SEND_FULL, self->s.batch.index);
		return none_waits(self);
	}
	stall_end(&hold->stall, &nr, sizeof(nr));
	CHECK_EQ(0, all_wait(self, 1));
	CHECK_EQ(OBSTACLE, take_message(self->full.receiver));
	CHECK_EQ(SEND_FULL, select_ends(&self->s));
	CHECK_EQ(6, take_message(self->full.receiver));
	CHECK_EQ(0, put_message(self->full.sender, OBSTACLE));
	return none_waits(self);
}

TEST_F(wait, payload_that_does_not_come_holds_up_nobody)
{
	for (int fails = 0; fails < 2; fails++)
		hold_each(_metadata, self, payload_comes, fails);
}

/* After it -------------------------------------------------------------------------- */

/* Records, each on a page of its own; nobody can write the second yet. */
static int protect_second(FIXTURE_DATA(wait) * self, struct stall *stall)
{
	size_t size = sysconf(_SC_PAGESIZE);
	char *pages = (void *)(uintptr_t)self->s.batch.ops;

	*stall = (struct stall){
		.page = pages + size,
		.size = size,
		.written = true,
	};
	CHECK_EQ(0, stall_register(stall, UFFDIO_REGISTER_MODE_WP));
	return stall_protect(stall, UFFDIO_WRITEPROTECT_MODE_WP);
}

static char *list_on_pages(FIXTURE_DATA(wait) * self)
{
	size_t size = sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		abort();
	select_init(&self->s, self->a.admin);
	add_recv(&self->s, self->b.receiver);
	add_send(&self->s, self->meet.sender, 1);
	for (int i = 0; i < 2; i++)
		memcpy(pages + i * size, &self->s.arms[i],
		       sizeof(self->s.arms[i]));
	self->s.batch.ops = address(pages);
	self->s.batch.op_size = size;
	return pages;
}

/* It has received; only the select itself waits until it has tidied up. */
TEST_F(wait, record_of_a_loser_that_cannot_be_put_back_yet_holds_up_nobody)
{
	char *pages = list_on_pages(self);
	struct hold hold = { .place = ARMS };

	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_TRUE(waiting_are(self->b.admin, 0, 1));
	ASSERT_TRUE(waiting_are(self->meet.admin, 1, 0));
	ASSERT_EQ(0, protect_second(self, &hold.stall));
	ASSERT_EQ(0, put_message(self->b.sender, 5));
	ASSERT_TRUE(stall_reached(&hold.stall));
	EXPECT_EQ(1, stat_now(self->b.admin).totals_received);
	EXPECT_EQ(0, others_go_on(self, &hold));
	stall_let(&hold.stall);
	EXPECT_EQ(0, select_ends(&self->s));
	EXPECT_EQ(5, self->s.numbers[0]);
	EXPECT_EQ(0, memcmp(hold.stall.page, &self->s.arms[1],
			    sizeof(self->s.arms[1])));
	EXPECT_EQ(0, none_waits(self));
	close(hold.stall.uffd);
	munmap(pages, 2 * hold.stall.size);
}

TEST_HARNESS_MAIN
