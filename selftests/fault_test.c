// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers that fail or stall: what cannot be read is not sent, and a message
 * that cannot be written to its receiver stays the first in line, as if nobody
 * had tried.  A page that does not come (userfaultfd) stalls who waits for it
 * and nobody else; a receiver that dies there leaves its message to the next,
 * and a sender that has given up meanwhile was never heard.
 */
#include "doors.h"
#include "stall.h"

/* Buffers that fail ------------------------------------------------------ */

FIXTURE(fault)
{
	int control;
	struct ends ends;
	char *hole, *read_only;
};

FIXTURE_VARIANT(fault)
{
	const struct door *door;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(fault, write) {
	.door = &door_plain,
};
FIXTURE_VARIANT_ADD(fault, writev) {
	.door = &door_vector,
};
FIXTURE_VARIANT_ADD(fault, io_uring) {
	.door = &door_ring,
};
/* clang-format on */

FIXTURE_SETUP(fault)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 64, 8192, 1 << 20));
	self->hole = page_edge(PROT_NONE);
	self->read_only = page_edge(PROT_READ);
}

FIXTURE_TEARDOWN(fault)
{
	page_edge_free(self->hole);
	page_edge_free(self->read_only);
	ends_close(&self->ends);
	close(self->control);
}

/* Nothing of what STAT tells has changed. */
static bool is_unchanged(int fd, const struct chan_stat *before)
{
	struct chan_stat after = stat_of(fd);

	return !memcmp(&after, before, sizeof(after));
}

static const size_t lengths[] = { 2, 3, 127, 128, 129, 4096, 8192 };

TEST_F(fault, unreadable_payload_is_EFAULT_without_effect)
{
	struct chan_stat before;

	ASSERT_EQ(0, put(self->ends.sender, 1));
	before = stat_of(self->ends.admin);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		size_t len = lengths[i];
		char *const bad[] = { self->hole, self->hole - 1,
				      self->hole - len / 2, NULL };

		for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
			EXPECT_EQ(-EFAULT,
				  variant->door->send(self->ends.sender, bad[j],
						      len));
			EXPECT_EQ(-EFAULT,
				  variant->door->send_now(self->ends.sender,
							  bad[j], len));
		}
	}
	EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
	EXPECT_EQ(0, put(self->ends.sender, 2));
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(2, take(self->ends.receiver));
}

TEST_F(fault, payload_up_to_the_edge_is_good)
{
	char in[128];

	memset(self->hole - 128, 'x', 128);
	EXPECT_EQ(128, variant->door->send(self->ends.sender, self->hole - 128,
					   128));
	EXPECT_EQ(128, variant->door->receive(self->ends.receiver,
					      self->hole - 128, 128));
	/* The buffer is too long for the memory, the message is not. */
	EXPECT_EQ(4, variant->door->send(self->ends.sender, "four", 4));
	memset(in, 0, sizeof(in));
	EXPECT_EQ(4, variant->door->receive(self->ends.receiver,
					    self->hole - 128, 4096));
	EXPECT_EQ(0, memcmp("four", self->hole - 128, 4));
}

TEST_F(fault, unwritable_buffer_is_EFAULT_and_the_message_stays_first)
{
	struct chan_stat before;
	char *buf = malloc(8192);

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		stamp(buf, lengths[i], i);
		ASSERT_EQ((ssize_t)lengths[i],
			  put_bytes(self->ends.sender, buf, lengths[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		size_t len = lengths[i];
		char *const bad[] = {
			self->hole,
			self->hole - 1,
			self->hole - len / 2,
			self->read_only,
			self->read_only - len / 2,
			NULL,
		};

		before = stat_of(self->ends.admin);
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
			EXPECT_EQ(-EFAULT,
				  variant->door->receive(self->ends.receiver,
							 bad[j], len));
			EXPECT_EQ(-EFAULT,
				  variant->door->receive_now(
					  self->ends.receiver, bad[j], 8192));
			EXPECT_EQ(POLLIN, events_of(self->ends.receiver));
		}
		EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
		EXPECT_EQ((ssize_t)len, variant->door->receive(
						self->ends.receiver, buf, len));
		EXPECT_TRUE(is_stamped(buf, len, i));
	}
	EXPECT_EQ(0, stat_of(self->ends.admin).totals_redelivered);
	free(buf);
}

/* The table of errors: the payload stands between length and room. */

TEST_F(fault, length_and_right_come_before_the_payload)
{
	char small[4];

	EXPECT_EQ(-EMSGSIZE,
		  variant->door->send(self->ends.sender, self->hole, 8193));
	EXPECT_EQ(-EBADF,
		  variant->door->send(self->ends.receiver, self->hole, 4));
	ASSERT_EQ(5, put_bytes(self->ends.sender, "later", 5));
	EXPECT_EQ(-EMSGSIZE,
		  variant->door->receive(self->ends.receiver, self->hole, 4));
	EXPECT_EQ(-EBADF,
		  variant->door->receive(self->ends.sender, self->hole, 5));
	EXPECT_EQ(-EMSGSIZE, variant->door->receive(self->ends.receiver, small,
						    sizeof(small)));
	EXPECT_EQ(1, stat_of(self->ends.admin).queued);
}

TEST_F(fault, payload_comes_before_the_room)
{
	for (int nr = 1; nr <= 64; nr++)
		ASSERT_EQ(0, put(self->ends.sender, nr));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 65));
	EXPECT_EQ(-EFAULT,
		  variant->door->send_now(self->ends.sender, self->hole, 4));
	/* Nor does it wait for a slot that it cannot use. */
	EXPECT_EQ(-EFAULT,
		  variant->door->send(self->ends.sender, self->hole, 4));
	EXPECT_EQ(0, shut_down(self->ends.admin));
	EXPECT_EQ(-EFAULT,
		  variant->door->send(self->ends.sender, self->hole, 4));
	EXPECT_EQ(-EPIPE, put(self->ends.sender, 65));
}

/* Those who wait, and fail when their message comes ----------------------- */

FIXTURE(wait)
{
	int control;
	struct ends ends;
	char *hole;
	struct call first, second;
};

FIXTURE_SETUP(wait)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, 4096, 1 << 20));
	self->hole = page_edge(PROT_NONE);
}

FIXTURE_TEARDOWN(wait)
{
	page_edge_free(self->hole);
	ends_close(&self->ends);
	close(self->control);
}

TEST_F(wait, faulting_receiver_leaves_the_message_to_the_next)
{
	ASSERT_EQ(0,
		  start_read(&self->first, self->ends.receiver, self->hole, 4));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	ASSERT_EQ(0, start_take(&self->second, self->ends.receiver));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 2));
	EXPECT_EQ(0, put(self->ends.sender, 1));
	EXPECT_EQ(-EFAULT, finish(&self->first));
	EXPECT_EQ(1, finish_take(&self->second));
	EXPECT_EQ(1, stat_of(self->ends.admin).totals_received);
	EXPECT_EQ(1, stat_of(self->ends.admin).totals_sent);
}

TEST_F(wait, faulting_receiver_leaves_the_message_in_the_queue)
{
	ASSERT_EQ(0,
		  start_read(&self->first, self->ends.receiver, self->hole, 4));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_EQ(0, put(self->ends.sender, 1));
	EXPECT_EQ(0, put(self->ends.sender, 2));
	EXPECT_EQ(-EFAULT, finish(&self->first));
	EXPECT_EQ(2, stat_of(self->ends.admin).queued);
	EXPECT_EQ(1, take_now(self->ends.receiver));
	EXPECT_EQ(2, take_now(self->ends.receiver));
}

static ssize_t poll_in(struct call *call)
{
	struct pollfd p = { .fd = call->fd, .events = POLLIN };

	return poll(&p, 1, -1) == 1 ? p.revents : -errno;
}

/* A message that comes back is news to those who poll. */
TEST_F(wait, message_that_comes_back_wakes_who_polls)
{
	struct stall stall;

	ASSERT_EQ(0, stall_open(&stall));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0,
		  start_read(&self->first, self->ends.receiver, stall.page, 4));
	ASSERT_TRUE(stall_reached(&stall));
	EXPECT_EQ(0, events_of(self->ends.receiver));
	self->second =
		(struct call){ .fn = poll_in, .fd = self->ends.receiver };
	ASSERT_EQ(0, call_start(&self->second));
	ASSERT_TRUE(call_sleeps_in(&self->second, SYS_poll));
	stall_fail(&stall);
	EXPECT_EQ(-EFAULT, finish(&self->first));
	EXPECT_EQ(POLLIN, finish(&self->second));
	EXPECT_EQ(1, take_now(self->ends.receiver));
	stall_close(&stall);
}

/* Stalled ----------------------------------------------------------------- */

/* Messages that pass between two others in @seconds. */
static long passing(struct ends *ends, double seconds)
{
	double end = now() + seconds;
	long nr = 0;

	do {
		nr++;
		if (put_now(ends->sender, nr) || take_now(ends->receiver) != nr)
			return -1;
	} while (now() < end);
	return nr;
}

TEST_F_TIMEOUT(wait, stalled_receiver_holds_up_nobody, STORM_TIMEOUT(1))
{
	long before, during;
	struct stall stall;

	ASSERT_EQ(0, stall_open(&stall));
	before = passing(&self->ends, 0.3);
	ASSERT_EQ(0, put(self->ends.sender, 7));
	ASSERT_EQ(0,
		  start_read(&self->first, self->ends.receiver, stall.page, 4));
	ASSERT_TRUE(stall_reached(&stall));
	during = passing(&self->ends, 0.3);
	TH_LOG("%ld messages without it, %ld meanwhile", before, during);
	EXPECT_LE(100, before);
	EXPECT_LE(before / 4, during);
	EXPECT_FALSE(self->first.done);
	EXPECT_EQ(1, stat_of(self->ends.admin).queued);
	EXPECT_EQ(4 + CHAN_MSG_OVERHEAD, stat_of(self->ends.admin).bytes);
	EXPECT_EQ(0, stat_of(self->ends.admin).parked_receivers);
	stall_end(&stall, "", 1);
	EXPECT_EQ(4, finish(&self->first));
	EXPECT_EQ(7, *(int *)stall.page);
	EXPECT_EQ(0, stat_of(self->ends.admin).queued);
	EXPECT_EQ((__u64)(before + during + 1),
		  stat_of(self->ends.admin).totals_received);
	stall_close(&stall);
}

TEST_F_TIMEOUT(wait, stalled_sender_holds_up_nobody, STORM_TIMEOUT(1))
{
	long before, during;
	struct stall stall;
	int nr = 7;

	ASSERT_EQ(0, stall_open(&stall));
	before = passing(&self->ends, 0.3);
	ASSERT_EQ(0,
		  start_write(&self->first, self->ends.sender, stall.page, 4));
	ASSERT_TRUE(stall_reached(&stall));
	during = passing(&self->ends, 0.3);
	TH_LOG("%ld messages without it, %ld meanwhile", before, during);
	EXPECT_LE(100, before);
	EXPECT_LE(before / 4, during);
	EXPECT_FALSE(self->first.done);
	EXPECT_EQ(0, stat_of(self->ends.admin).queued);
	EXPECT_EQ((__u64)(before + during),
		  stat_of(self->ends.admin).totals_sent);
	stall_end(&stall, &nr, sizeof(nr));
	EXPECT_EQ(4, finish(&self->first));
	EXPECT_EQ(7, take(self->ends.receiver));
	stall_close(&stall);
}

/* What it holds takes its slot until it has been received. */
TEST_F(wait, stalled_receiver_keeps_the_slot)
{
	struct call writer;
	struct stall stall;

	ASSERT_EQ(0, stall_open(&stall));
	for (int nr = 1; nr <= 16; nr++)
		ASSERT_EQ(0, put(self->ends.sender, nr));
	ASSERT_EQ(0,
		  start_read(&self->first, self->ends.receiver, stall.page, 4));
	ASSERT_TRUE(stall_reached(&stall));
	EXPECT_EQ(16, stat_of(self->ends.admin).queued);
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 17));
	EXPECT_EQ(0, events_of(self->ends.sender));
	ASSERT_EQ(0, start_put(&writer, self->ends.sender, 17));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	stall_end(&stall, "", 1);
	EXPECT_EQ(4, finish(&self->first));
	EXPECT_EQ(1, *(int *)stall.page);
	EXPECT_EQ(0, finish_put(&writer));
	for (int nr = 2; nr <= 17; nr++)
		EXPECT_EQ(nr, take_now(self->ends.receiver));
	stall_close(&stall);
}

TEST_F(wait, others_get_the_next_message_meanwhile)
{
	struct stall stall;

	ASSERT_EQ(0, stall_open(&stall));
	for (int nr = 1; nr <= 3; nr++)
		ASSERT_EQ(0, put(self->ends.sender, nr));
	ASSERT_EQ(0,
		  start_read(&self->first, self->ends.receiver, stall.page, 4));
	ASSERT_TRUE(stall_reached(&stall));
	EXPECT_EQ(2, take_now(self->ends.receiver));
	EXPECT_EQ(2, stat_of(self->ends.admin).queued);
	stall_fail(&stall);
	EXPECT_EQ(-EFAULT, finish(&self->first));
	EXPECT_EQ(1, take_now(self->ends.receiver));
	EXPECT_EQ(3, take_now(self->ends.receiver));
	stall_close(&stall);
}

TEST_F(wait, receivers_that_fail_in_any_order_keep_that_of_the_messages)
{
	for (int last = 0; last < 3; last++) {
		struct stall stalls[3];
		struct call calls[3];

		for (int nr = 1; nr <= 5; nr++)
			ASSERT_EQ(0, put(self->ends.sender, nr));
		for (int i = 0; i < 3; i++) {
			ASSERT_EQ(0, stall_open(&stalls[i]));
			ASSERT_EQ(0, start_read(&calls[i], self->ends.receiver,
						stalls[i].page, 4));
			ASSERT_TRUE(stall_reached(&stalls[i]));
		}
		/* 2 1 0, 0 2 1, 1 0 2 */
		for (int i = 2; i >= 0; i--) {
			int which = (i + last) % 3;

			stall_fail(&stalls[which]);
			EXPECT_EQ(-EFAULT, finish(&calls[which]));
			close(stalls[which].uffd);
		}
		for (int nr = 1; nr <= 5; nr++)
			EXPECT_EQ(nr, take_now(self->ends.receiver));
	}
	EXPECT_EQ(15, stat_of(self->ends.admin).totals_received);
	EXPECT_EQ(0, stat_of(self->ends.admin).totals_redelivered);
}

/* Until it is clear that nothing comes back, there may be more to receive. */

static void expect_end_waits(struct __test_metadata *_metadata,
			     FIXTURE_DATA(wait) * self, bool fails,
			     void (*end)(struct ends *ends))
{
	struct stall stall;

	ASSERT_EQ(0, stall_open(&stall));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0,
		  start_read(&self->first, self->ends.receiver, stall.page, 4));
	ASSERT_TRUE(stall_reached(&stall));
	end(&self->ends);
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
	EXPECT_EQ(POLLHUP, events_of(self->ends.receiver));
	ASSERT_EQ(0, start_take(&self->second, self->ends.receiver));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	if (fails) {
		stall_fail(&stall);
		EXPECT_EQ(-EFAULT, finish(&self->first));
		EXPECT_EQ(1, finish_take(&self->second));
	} else {
		stall_end(&stall, "", 1);
		EXPECT_EQ(4, finish(&self->first));
		EXPECT_EQ(1, *(int *)stall.page);
		EXPECT_EQ(0, finish_take(&self->second));
	}
	EXPECT_EQ(POLLIN | POLLHUP, events_of(self->ends.receiver));
	EXPECT_EQ(0, take(self->ends.receiver));
	stall_close(&stall);
}

static void end_by_hangup(struct ends *ends)
{
	close_end(&ends->sender);
}

static void end_by_shutdown(struct ends *ends)
{
	shut_down(ends->admin);
}

TEST_F(wait, hangup_waits_for_what_may_come_back)
{
	expect_end_waits(_metadata, self, true, end_by_hangup);
}

TEST_F(wait, hangup_comes_when_the_last_is_received)
{
	expect_end_waits(_metadata, self, false, end_by_hangup);
}

TEST_F(wait, shutdown_waits_for_what_may_come_back)
{
	expect_end_waits(_metadata, self, true, end_by_shutdown);
}

TEST_F(wait, shutdown_comes_when_the_last_is_received)
{
	expect_end_waits(_metadata, self, false, end_by_shutdown);
}

/* Killed where they are stalled ------------------------------------------- */

static void read_into(int fd, void *page)
{
	take_bytes(fd, page, 4);
}

static void write_from(int fd, void *page)
{
	put_bytes(fd, page, 4);
}

TEST_F(wait, killed_receiver_leaves_the_message_to_the_next)
{
	struct chan_stat before;
	pid_t pid;

	for (int nr = 1; nr <= 3; nr++)
		ASSERT_EQ(0, put(self->ends.sender, nr));
	before = stat_of(self->ends.admin);
	pid = stalled_child(stall_open, read_into, self->ends.receiver);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
	EXPECT_EQ(0, child_kill(pid));
	EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
	for (int nr = 1; nr <= 3; nr++)
		EXPECT_EQ(nr, take_now(self->ends.receiver));
}

TEST_F(wait, killed_receiver_leaves_the_message_to_one_that_waits)
{
	pid_t pid;

	ASSERT_EQ(0, put(self->ends.sender, 1));
	pid = stalled_child(stall_open, read_into, self->ends.receiver);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, start_take(&self->first, self->ends.receiver));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_EQ(0, child_kill(pid));
	EXPECT_EQ(1, finish_take(&self->first));
	EXPECT_EQ(1, stat_of(self->ends.admin).totals_received);
}

TEST_F(wait, killed_sender_has_sent_nothing)
{
	struct chan_stat before = stat_of(self->ends.admin);
	pid_t pid = stalled_child(stall_open, write_from, self->ends.sender);

	ASSERT_LT(0, pid);
	EXPECT_EQ(0, child_kill(pid));
	EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
}

/* Without a slot: the message is its sender's until it is received --------- */

FIXTURE(meeting)
{
	int control;
	struct ends ends;
	struct stall stall;
	struct call writer, reader, next;
};

FIXTURE_SETUP(meeting)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 0, 64, 0));
	ASSERT_EQ(0, stall_open(&self->stall));
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(meeting)
{
	stall_close(&self->stall);
	ends_close(&self->ends);
	close(self->control);
}

/* Sender and receiver are together, and the copy does not go on. */
static bool meet(FIXTURE_DATA(meeting) * self, bool reader_first)
{
	int err = 0;

	if (reader_first)
		err |= start_read(&self->reader, self->ends.receiver,
				  self->stall.page, 4) ||
		       !waiting_are(self->ends.admin, 0, 1);
	err |= start_put(&self->writer, self->ends.sender, 1);
	if (!reader_first)
		err |= !waiting_are(self->ends.admin, 1, 0) ||
		       start_read(&self->reader, self->ends.receiver,
				  self->stall.page, 4);
	return !err && stall_reached(&self->stall);
}

TEST_F(meeting, sender_waits_until_the_copy_is_done)
{
	for (int first = 0; first < 2; first++) {
		ASSERT_TRUE(meet(self, first));
		EXPECT_FALSE(self->writer.done);
		EXPECT_EQ(0,
			  stat_of(self->ends.admin).totals_sent - (__u64)first);
		EXPECT_EQ(1, stat_of(self->ends.admin).queued);
		stall_end(&self->stall, "", 1);
		EXPECT_EQ(4, finish(&self->reader));
		EXPECT_EQ(1, *(int *)self->stall.page);
		EXPECT_EQ(0, finish_put(&self->writer));
		EXPECT_EQ(0, stat_of(self->ends.admin).queued);
		stall_close(&self->stall);
		ASSERT_EQ(0, stall_open(&self->stall));
	}
}

TEST_F(meeting, sender_that_gives_up_meanwhile_is_never_heard)
{
	for (int first = 0; first < 2; first++) {
		ASSERT_TRUE(meet(self, first));
		ASSERT_TRUE(interrupt(&self->writer));
		EXPECT_EQ(-EINTR, finish(&self->writer));
		EXPECT_FALSE(self->reader.done);
		stall_end(&self->stall, "", 1);
		/* It goes on to the next, and has that one's bytes. */
		ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
		EXPECT_EQ((__u64)first,
			  stat_of(self->ends.admin).totals_received);
		EXPECT_EQ(0, put(self->ends.sender, 2));
		EXPECT_EQ(4, finish(&self->reader));
		EXPECT_EQ(2, *(int *)self->stall.page);
		EXPECT_EQ((__u64)first + 1,
			  stat_of(self->ends.admin).totals_sent);
		stall_close(&self->stall);
		ASSERT_EQ(0, stall_open(&self->stall));
	}
}

/* It need not wait either, if there is another sender already. */
TEST_F(meeting, receiver_takes_the_next_sender_when_one_has_given_up)
{
	ASSERT_TRUE(meet(self, false));
	ASSERT_EQ(0, start_put(&self->next, self->ends.sender, 2));
	ASSERT_TRUE(call_sleeps_in(&self->next, SYS_write));
	ASSERT_TRUE(interrupt(&self->writer));
	EXPECT_EQ(-EINTR, finish(&self->writer));
	stall_end(&self->stall, "", 1);
	EXPECT_EQ(4, finish(&self->reader));
	EXPECT_EQ(2, *(int *)self->stall.page);
	EXPECT_EQ(0, finish_put(&self->next));
	EXPECT_EQ(1, stat_of(self->ends.admin).totals_received);
}

TEST_F(meeting, failed_receiver_leaves_the_sender_waiting)
{
	ASSERT_TRUE(meet(self, true));
	stall_fail(&self->stall);
	EXPECT_EQ(-EFAULT, finish(&self->reader));
	EXPECT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_EQ(0, stat_of(self->ends.admin).queued);
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(0, finish_put(&self->writer));
}

TEST_F(meeting, failed_receiver_leaves_the_sender_to_one_that_waits)
{
	ASSERT_TRUE(meet(self, true));
	ASSERT_EQ(0, start_take(&self->next, self->ends.receiver));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	stall_fail(&self->stall);
	EXPECT_EQ(-EFAULT, finish(&self->reader));
	EXPECT_EQ(1, finish_take(&self->next));
	EXPECT_EQ(0, finish_put(&self->writer));
	EXPECT_EQ(1, stat_of(self->ends.admin).totals_sent);
}

TEST_F(meeting, killed_receiver_leaves_the_sender_waiting)
{
	pid_t pid;

	ASSERT_EQ(0, start_put(&self->writer, self->ends.sender, 1));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	pid = stalled_child(stall_open, read_into, self->ends.receiver);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, child_kill(pid));
	EXPECT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_FALSE(self->writer.done);
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(0, finish_put(&self->writer));
}

/* Receivers that fail all the time, among others --------------------------- */

#define STORM_MAX 2000000

struct storm {
	atomic_uchar seen[STORM_MAX];
};

static struct storm *storm;

static ssize_t storm_take(struct call *call)
{
	ssize_t nr;

	while ((nr = take(call->fd)) > 0)
		storm->seen[nr]++;
	return nr;
}

static ssize_t storm_fault(struct call *call)
{
	ssize_t n;

	while ((n = take_bytes(call->fd, call->buf, 4)) == -EFAULT)
		call->nr++;
	return n;
}

TEST_F_TIMEOUT(wait, storm_of_faults_neither_loses_nor_doubles,
	       STORM_TIMEOUT(1))
{
	double end = now() + seconds_each() / 2.0;
	struct call calls[4];
	int nr = 0, faults;

	storm = calloc(1, sizeof(*storm));
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		calls[i] = (struct call){
			.fn = i % 2 ? storm_fault : storm_take,
			.fd = self->ends.receiver,
			.buf = self->hole,
		};
		ASSERT_EQ(0, call_start(&calls[i]));
	}
	do {
		ASSERT_EQ(0, put(self->ends.sender, ++nr));
	} while (now() < end && nr < STORM_MAX - 1);
	close_end(&self->ends.sender);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		EXPECT_EQ(0, finish(&calls[i]));
	for (int i = 1; i <= nr; i++)
		ASSERT_EQ(1, storm->seen[i]);
	faults = calls[1].nr + calls[3].nr;
	TH_LOG("%d rounds, %d faults", nr, faults);
	EXPECT_LE(at_least(50), nr);
	EXPECT_LE(at_least(20), faults);
	EXPECT_EQ((__u64)nr, stat_of(self->ends.admin).totals_received);
	EXPECT_EQ(0, stat_of(self->ends.admin).bytes);
	free(storm);
}

TEST_HARNESS_MAIN
