// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages by read and write: one write is one message and one read takes one,
 * whole, of any length from one byte to msg_max; what does not fit is refused
 * and stays; order is first in, first out, for messages, for those who wait
 * with one, and for those who wait for one; cap and bytes_max hold exactly, and
 * STAT tells so at every step; who does not want to wait gets EAGAIN.
 *
 * What is the same through each door runs through all of them.
 */
#include "doors.h"

FIXTURE(message)
{
	int control;
	struct ends ends;
};

FIXTURE_VARIANT(message)
{
	const struct door *door;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(message, write) {
	.door = &door_plain,
};
FIXTURE_VARIANT_ADD(message, writev) {
	.door = &door_vector,
};
FIXTURE_VARIANT_ADD(message, io_uring) {
	.door = &door_ring,
};
/* clang-format on */

FIXTURE_SETUP(message)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->ends = (struct ends){ -1, -1, -1 };
}

FIXTURE_TEARDOWN(message)
{
	ends_close(&self->ends);
	close(self->control);
}

/* Lengths at which something may begin to be done differently. */
static const size_t lengths[] = { 1,	2,    127,   128,   129,   4095,
				  4096, 4097, 65535, 65536, 65537, 100000 };
#define LONGEST 100000

TEST_F(message, one_write_is_one_message_of_any_length)
{
	const struct door *door = variant->door;
	char *buf = malloc(LONGEST + 1);
	struct chan_stat s;
	__u64 bytes = 0;

	ASSERT_EQ(0,
		  ends_sized(self->control, &self->ends, 16, LONGEST, 1 << 20));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		stamp(buf, lengths[i], i);
		ASSERT_EQ((ssize_t)lengths[i],
			  door->send(self->ends.sender, buf, lengths[i]));
		bytes += lengths[i] + CHAN_MSG_OVERHEAD;
		s = stat_of(self->ends.admin);
		EXPECT_EQ(i + 1, s.queued);
		EXPECT_EQ(bytes, s.bytes);
		EXPECT_EQ(i + 1, s.totals_sent);
	}
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(buf, 0xcc, LONGEST + 1);
		ASSERT_EQ((ssize_t)lengths[i],
			  door->receive(self->ends.receiver, buf, LONGEST + 1));
		EXPECT_TRUE(is_stamped(buf, lengths[i], i));
		EXPECT_EQ(0xcc, (unsigned char)buf[lengths[i]]);
		bytes -= lengths[i] + CHAN_MSG_OVERHEAD;
		s = stat_of(self->ends.admin);
		EXPECT_EQ(ARRAY_SIZE(lengths) - i - 1, s.queued);
		EXPECT_EQ(bytes, s.bytes);
		EXPECT_EQ(i + 1, s.totals_received);
	}
	EXPECT_EQ(0, s.unsettled);
	EXPECT_EQ(0, s.totals_dropped);
	EXPECT_EQ(0, s.totals_redelivered);
	free(buf);
}

TEST_F(message, exactly_large_buffer_is_large_enough)
{
	const struct door *door = variant->door;
	char *buf = malloc(LONGEST);

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, LONGEST, 0));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		stamp(buf, lengths[i], i);
		ASSERT_EQ((ssize_t)lengths[i],
			  door->send(self->ends.sender, buf, lengths[i]));
		memset(buf, 0xcc, LONGEST);
		ASSERT_EQ((ssize_t)lengths[i],
			  door->receive(self->ends.receiver, buf, lengths[i]));
		EXPECT_TRUE(is_stamped(buf, lengths[i], i));
	}
	free(buf);
}

/* There is room for some of them, so that some of the memory has to go. */
TEST_F(message, memory_of_one_length_serves_another)
{
	const struct door *door = variant->door;
	char *buf = malloc(LONGEST + 1);
	unsigned int seed = 1, nr = 0;
	size_t lens[3];

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 4, LONGEST,
				4 * LONGEST));
	for (int round = 0; round < 60; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
			lens[i] = rand_r(&seed) % 2 ?
					  lengths[rand_r(&seed) %
						  ARRAY_SIZE(lengths)] :
					  1 + rand_r(&seed) % LONGEST;
			stamp(buf, lens[i], nr + i);
			ASSERT_EQ((ssize_t)lens[i],
				  door->send(self->ends.sender, buf, lens[i]));
		}
		for (size_t i = 0; i < ARRAY_SIZE(lens); i++, nr++) {
			memset(buf, 0xcc, LONGEST + 1);
			ASSERT_EQ((ssize_t)lens[i],
				  door->receive(self->ends.receiver, buf,
						LONGEST + 1));
			EXPECT_TRUE(is_stamped(buf, lens[i], nr));
			EXPECT_EQ(0xcc, (unsigned char)buf[lens[i]]);
		}
	}
	EXPECT_EQ(0, stat_of(self->ends.admin).bytes);
	free(buf);
}

TEST_F(message, longer_than_msg_max_is_EMSGSIZE_without_effect)
{
	static const size_t maxima[] = { 1, 64, 128, 4096, 65536 };
	const struct door *door = variant->door;
	char *buf = calloc(1, 65537);
	struct chan_stat s;

	for (size_t i = 0; i < ARRAY_SIZE(maxima); i++) {
		ASSERT_EQ(0, ends_sized(self->control, &self->ends, 2,
					maxima[i], 0));
		EXPECT_EQ(-EMSGSIZE,
			  door->send(self->ends.sender, buf, maxima[i] + 1));
		s = stat_of(self->ends.admin);
		EXPECT_EQ(0, s.queued);
		EXPECT_EQ(0, s.bytes);
		EXPECT_EQ(0, s.totals_sent);
		EXPECT_EQ((ssize_t)maxima[i],
			  door->send(self->ends.sender, buf, maxima[i]));
		ends_close(&self->ends);
	}
	free(buf);
}

TEST_F(message, longest_of_all_arrives_whole)
{
	const struct door *door = variant->door;
	char *out = malloc(CHAN_MSG_MAX + 1), *in = malloc(CHAN_MSG_MAX);

	ASSERT_EQ(0,
		  ends_sized(self->control, &self->ends, 1, CHAN_MSG_MAX, 0));
	for (size_t i = 0; i < CHAN_MSG_MAX; i += 8)
		*(__u64 *)(out + i) = i * 0x9e3779b97f4a7c15ULL;
	EXPECT_EQ(-EMSGSIZE,
		  door->send(self->ends.sender, out, CHAN_MSG_MAX + 1));
	ASSERT_EQ(CHAN_MSG_MAX,
		  door->send(self->ends.sender, out, CHAN_MSG_MAX));
	EXPECT_EQ(CHAN_MSG_MAX + CHAN_MSG_OVERHEAD,
		  stat_of(self->ends.admin).bytes);
	EXPECT_EQ(-EMSGSIZE,
		  door->receive(self->ends.receiver, in, CHAN_MSG_MAX - 1));
	ASSERT_EQ(CHAN_MSG_MAX,
		  door->receive(self->ends.receiver, in, CHAN_MSG_MAX));
	EXPECT_EQ(0, memcmp(out, in, CHAN_MSG_MAX));
	free(out);
	free(in);
}

TEST_F(message, too_small_a_buffer_is_EMSGSIZE_and_the_message_stays)
{
	const struct door *door = variant->door;
	unsigned char in[200];
	char out[129];
	struct chan_stat s;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 4, 200, 0));
	stamp(out, sizeof(out), 1);
	ASSERT_EQ(129, door->send(self->ends.sender, out, 129));
	ASSERT_EQ(5, door->send(self->ends.sender, "after", 5));
	for (size_t room = 1; room < 129; room += 31) {
		memset(in, 0xcc, sizeof(in));
		EXPECT_EQ(-EMSGSIZE,
			  door->receive(self->ends.receiver, in, room));
		for (size_t i = 0; i < sizeof(in); i++)
			ASSERT_EQ(0xcc, in[i]);
	}
	s = stat_of(self->ends.admin);
	EXPECT_EQ(2, s.queued);
	EXPECT_EQ(129 + 5 + 2 * CHAN_MSG_OVERHEAD, s.bytes);
	EXPECT_EQ(0, s.totals_received);
	EXPECT_EQ(0, s.totals_redelivered);
	EXPECT_EQ(129, door->receive(self->ends.receiver, in, 129));
	EXPECT_TRUE(is_stamped(in, 129, 1));
	EXPECT_EQ(5, door->receive(self->ends.receiver, in, 5));
}

TEST_F(message, fixed_length_takes_no_other)
{
	static const size_t wrong[] = { 1, 63, 65, 4096 };
	const struct door *door = variant->door;
	struct chan_create c = roomy_record(NULL);
	char buf[4096] = {};

	c.flags = CHAN_FIXED;
	ASSERT_EQ(0, ends_make(self->control, &c, &self->ends));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(-EMSGSIZE,
			  door->send(self->ends.sender, buf, wrong[i]));
	}
	EXPECT_EQ(0, stat_of(self->ends.admin).totals_sent);
	EXPECT_EQ(64, door->send(self->ends.sender, buf, 64));
	EXPECT_EQ(-EMSGSIZE, door->receive(self->ends.receiver, buf, 63));
	EXPECT_EQ(64, door->receive(self->ends.receiver, buf, 4096));
}

TEST_F(message, nothing_written_is_no_message)
{
	const struct door *door = variant->door;
	char buf[8] = {};

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, 8, 0));
	EXPECT_EQ(0, door->send(self->ends.sender, buf, 0));
	EXPECT_EQ(0, stat_of(self->ends.admin).queued);
	EXPECT_EQ(0, stat_of(self->ends.admin).totals_sent);
	/* Nor does it wait, where a message would. */
	ASSERT_EQ(8, door->send(self->ends.sender, buf, 8));
	EXPECT_EQ(0, door->send(self->ends.sender, buf, 0));
	EXPECT_EQ(1, stat_of(self->ends.admin).queued);
}

TEST_F(message, nothing_read_takes_no_message)
{
	const struct door *door = variant->door;
	char buf[8] = {};

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, 8, 0));
	EXPECT_EQ(0, door->receive(self->ends.receiver, buf, 0));
	ASSERT_EQ(8, door->send(self->ends.sender, buf, 8));
	EXPECT_EQ(0, door->receive(self->ends.receiver, buf, 0));
	EXPECT_EQ(1, stat_of(self->ends.admin).queued);
	EXPECT_EQ(0, stat_of(self->ends.admin).totals_received);
}

TEST_F(message, who_does_not_wait_gets_EAGAIN_without_effect)
{
	const struct door *door = variant->door;
	struct chan_stat s;
	int nr = 1;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 2, 8, 0));
	EXPECT_EQ(-EAGAIN, door->receive_now(self->ends.receiver, &nr, 4));
	EXPECT_EQ(4, door->send_now(self->ends.sender, &nr, 4));
	EXPECT_EQ(4, door->send_now(self->ends.sender, &nr, 4));
	EXPECT_EQ(-EAGAIN, door->send_now(self->ends.sender, &nr, 4));
	s = stat_of(self->ends.admin);
	EXPECT_EQ(2, s.queued);
	EXPECT_EQ(2, s.totals_sent);
	EXPECT_EQ(0, s.parked_senders);
	EXPECT_EQ(4, door->receive_now(self->ends.receiver, &nr, 4));
	EXPECT_EQ(4, door->send_now(self->ends.sender, &nr, 4));
	EXPECT_EQ(4, door->receive_now(self->ends.receiver, &nr, 4));
	EXPECT_EQ(4, door->receive_now(self->ends.receiver, &nr, 4));
	EXPECT_EQ(-EAGAIN, door->receive_now(self->ends.receiver, &nr, 4));
	s = stat_of(self->ends.admin);
	EXPECT_EQ(3, s.totals_received);
	EXPECT_EQ(0, s.parked_receivers);
}

/* A door for a call in a thread. */
static const struct door *call_door;

static ssize_t call_send(struct call *call)
{
	return call_door->send(call->fd, call->buf, call->len);
}

static ssize_t call_receive(struct call *call)
{
	return call_door->receive(call->fd, call->buf, call->len);
}

/* What is pending in io_uring polls, and is not parked. */
static bool call_waits(struct call *call, int admin, __u32 senders,
		       __u32 receivers)
{
	if (call_door == &door_ring)
		return call_sleeps_in(call, SYS_io_uring_enter);
	return waiting_are(admin, senders, receivers);
}

TEST_F(message, sender_without_a_slot_waits_for_one)
{
	struct call call = {
		.fn = call_send,
		.buf = &call.nr,
		.len = 4,
		.nr = 2,
	};

	call_door = variant->door;
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, 8, 0));
	call.fd = self->ends.sender;
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0, call_start(&call));
	EXPECT_TRUE(call_waits(&call, self->ends.admin, 1, 0));
	EXPECT_FALSE(call.done);
	EXPECT_EQ(1, stat_of(self->ends.admin).queued);
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(0, finish_put(&call));
	EXPECT_EQ(2, take(self->ends.receiver));
	EXPECT_EQ(2, stat_of(self->ends.admin).totals_sent);
	EXPECT_TRUE(waiting_are(self->ends.admin, 0, 0));
}

TEST_F(message, receiver_without_a_message_waits_for_one)
{
	struct call call = {
		.fn = call_receive,
		.buf = &call.nr,
		.len = 4,
	};

	call_door = variant->door;
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, 8, 0));
	call.fd = self->ends.receiver;
	ASSERT_EQ(0, call_start(&call));
	EXPECT_TRUE(call_waits(&call, self->ends.admin, 0, 1));
	EXPECT_FALSE(call.done);
	EXPECT_EQ(0, put(self->ends.sender, 7));
	EXPECT_EQ(7, finish_take(&call));
	EXPECT_EQ(1, stat_of(self->ends.admin).totals_received);
	EXPECT_EQ(0, stat_of(self->ends.admin).queued);
	EXPECT_TRUE(waiting_are(self->ends.admin, 0, 0));
}

TEST_F(message, missing_right_is_EBADF)
{
	const struct door *door = variant->door;
	int nr = 1;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, 8, 0));
	EXPECT_EQ(-EBADF, door->receive(self->ends.sender, &nr, 4));
	EXPECT_EQ(-EBADF, door->send(self->ends.receiver, &nr, 4));
	EXPECT_EQ(-EBADF, door->receive(self->ends.admin, &nr, 4));
	EXPECT_EQ(-EBADF, door->send(self->ends.admin, &nr, 4));
	/* Before anything else that is wrong. */
	EXPECT_EQ(-EBADF, door->send(self->ends.receiver, &nr, 9));
	EXPECT_EQ(0, stat_of(self->ends.admin).totals_sent);
}

/* Order and room, where doors make no difference -------------------------- */

#define QUEUE_LEN 200

FIXTURE(queue)
{
	int control;
	struct ends ends;
};

FIXTURE_SETUP(queue)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->ends = (struct ends){ -1, -1, -1 };
}

FIXTURE_TEARDOWN(queue)
{
	ends_close(&self->ends);
	close(self->control);
}

TEST_F(queue, first_in_is_first_out)
{
	int next = 1;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, QUEUE_LEN, 8, 0));
	for (int nr = 1; nr <= QUEUE_LEN; nr++)
		ASSERT_EQ(0, put(self->ends.sender, nr));
	/* It turns around while it is neither empty nor full. */
	for (int nr = QUEUE_LEN + 1; nr <= 3 * QUEUE_LEN; nr++) {
		ASSERT_EQ(next++, take(self->ends.receiver));
		if (nr % 3) {
			ASSERT_EQ(next++, take(self->ends.receiver));
			ASSERT_EQ(0, put_now(self->ends.sender, nr++));
		}
		ASSERT_EQ(0, put_now(self->ends.sender, nr));
	}
	while (stat_of(self->ends.admin).queued)
		ASSERT_EQ(next++, take(self->ends.receiver));
	EXPECT_EQ(stat_of(self->ends.admin).totals_sent, (__u64)next - 1);
	EXPECT_EQ(stat_of(self->ends.admin).totals_received, (__u64)next - 1);
}

TEST_F(queue, cap_is_exact)
{
	static const __u32 caps[] = { 1, 2, 7, 64 };
	struct chan_stat s;

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		ASSERT_EQ(0, ends_sized(self->control, &self->ends, caps[i], 8,
					0));
		for (__u32 nr = 1; nr <= caps[i]; nr++)
			EXPECT_EQ(0, put_now(self->ends.sender, nr));
		EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 1));
		s = stat_of(self->ends.admin);
		EXPECT_EQ(caps[i], s.queued);
		EXPECT_EQ(caps[i], s.totals_sent);
		EXPECT_EQ(caps[i] * (4 + CHAN_MSG_OVERHEAD), s.bytes);
		EXPECT_EQ(1, take_now(self->ends.receiver));
		EXPECT_EQ(0, put_now(self->ends.sender, 1));
		EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 1));
		ends_close(&self->ends);
	}
}

/* To the byte: 1000 holds one of 744, or two that count 500 each. */
TEST_F(queue, bytes_max_is_exact)
{
	char buf[744] = {};
	struct iovec vec = { buf, 0 };
	int fd;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, 744, 1000));
	fd = self->ends.sender;
	EXPECT_EQ(744, put_bytes(fd, buf, 744));
	EXPECT_EQ(1000, stat_of(fd).bytes);
	EXPECT_EQ(-EAGAIN, put_now(fd, 1));
	EXPECT_EQ(744, take_bytes(self->ends.receiver, buf, 744));
	EXPECT_EQ(0, stat_of(fd).bytes);

	EXPECT_EQ(244, put_bytes(fd, buf, 244));
	vec.iov_len = 245;
	EXPECT_EQ(-1, pwritev2(fd, &vec, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(500, stat_of(fd).bytes);
	vec.iov_len = 244;
	EXPECT_EQ(244, pwritev2(fd, &vec, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(1000, stat_of(fd).bytes);
	EXPECT_EQ(-EAGAIN, put_now(fd, 1));
	EXPECT_EQ(2, stat_of(fd).queued);
	EXPECT_EQ(3, stat_of(fd).totals_sent);
}

TEST_F(queue, nonblocking_file_is_EAGAIN_without_effect)
{
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, 8, 0));
	set_nonblock(self->ends.sender, true);
	set_nonblock(self->ends.receiver, true);
	EXPECT_EQ(-EAGAIN, take(self->ends.receiver));
	EXPECT_EQ(0, put(self->ends.sender, 1));
	EXPECT_EQ(-EAGAIN, put(self->ends.sender, 2));
	EXPECT_EQ(1, stat_of(self->ends.admin).totals_sent);
	EXPECT_TRUE(waiting_are(self->ends.admin, 0, 0));
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(-EAGAIN, take(self->ends.receiver));
	EXPECT_EQ(1, stat_of(self->ends.admin).totals_received);
}

TEST_F(queue, nonblock_is_a_matter_of_the_open_file)
{
	int other, same;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, 8, 0));
	other = derive(self->ends.admin, CHAN_RIGHT_RECV);
	ASSERT_LE(0, other);
	same = dup(other);
	set_nonblock(other, true);
	EXPECT_EQ(-EAGAIN, take(same));
	EXPECT_EQ(-EAGAIN, take(other));
	EXPECT_EQ(0, fcntl(self->ends.receiver, F_GETFL) & O_NONBLOCK);
	close(same);
	close(other);
}

/* Also a read that waits follows only its own file's flag. */
TEST_F(queue, blocking_file_waits_beside_a_nonblocking_one)
{
	struct call call;
	int other;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, 8, 0));
	other = derive(self->ends.admin, CHAN_RIGHT_RECV);
	set_nonblock(other, true);
	ASSERT_EQ(0, start_take(&call, self->ends.receiver));
	EXPECT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_EQ(-EAGAIN, take(other));
	EXPECT_EQ(0, put(self->ends.sender, 3));
	EXPECT_EQ(3, finish_take(&call));
	close(other);
}

TEST_F(queue, RWF_NOWAIT_is_honoured_on_a_blocking_file)
{
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, 8, 0));
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
	EXPECT_EQ(0, put_now(self->ends.sender, 1));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 2));
	EXPECT_EQ(1, take_now(self->ends.receiver));
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
}

TEST_F(queue, seeking_is_ESPIPE)
{
	struct iovec vec = { &(int){ 1 }, 4 };
	int fds[3], nr = 1;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 2, 8, 0));
	ASSERT_EQ(0, put(self->ends.sender, 5));
	memcpy(fds, &self->ends, sizeof(fds));
	for (size_t i = 0; i < 3; i++) {
		EXPECT_EQ(-1, lseek(fds[i], 0, SEEK_CUR));
		EXPECT_EQ(ESPIPE, errno);
		EXPECT_EQ(-1, lseek(fds[i], 0, SEEK_END));
		EXPECT_EQ(ESPIPE, errno);
	}
	EXPECT_EQ(-1, pread(self->ends.receiver, &nr, 4, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwrite(self->ends.sender, &nr, 4, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, preadv2(self->ends.receiver, &vec, 1, 0, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwritev2(self->ends.sender, &vec, 1, 0, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(1, stat_of(self->ends.admin).queued);
	EXPECT_EQ(5, take(self->ends.receiver));
}

TEST_F(queue, waiting_senders_get_slots_in_order)
{
	struct call calls[6];

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 2, 8, 0));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0, put(self->ends.sender, 2));
	for (int i = 0; i < 6; i++) {
		ASSERT_EQ(0, start_put(&calls[i], self->ends.sender, 3 + i));
		ASSERT_TRUE(waiting_are(self->ends.admin, i + 1, 0));
	}
	EXPECT_EQ(2, stat_of(self->ends.admin).totals_sent);
	for (int nr = 1; nr <= 8; nr++) {
		EXPECT_EQ(nr, take(self->ends.receiver));
		if (nr <= 6) {
			EXPECT_EQ(0, finish_put(&calls[nr - 1]));
			EXPECT_EQ(6 - nr,
				  stat_of(self->ends.admin).parked_senders);
			EXPECT_EQ(2, stat_of(self->ends.admin).queued);
		}
	}
	EXPECT_EQ(8, stat_of(self->ends.admin).totals_sent);
	EXPECT_EQ(0, stat_of(self->ends.admin).bytes);
}

/* A slot that is free is not for whoever comes by. */
TEST_F(queue, long_message_that_waits_is_not_overtaken)
{
	char big[1000] = {};
	struct call first, second;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, 1000, 1256));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0, put(self->ends.sender, 2));
	ASSERT_EQ(0, start_write(&first, self->ends.sender, big, 1000));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 9));
	ASSERT_EQ(0, start_put(&second, self->ends.sender, 3));
	ASSERT_TRUE(waiting_are(self->ends.admin, 2, 0));
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(2, stat_of(self->ends.admin).parked_senders);
	EXPECT_EQ(1, stat_of(self->ends.admin).queued);
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 9));
	EXPECT_EQ(2, take(self->ends.receiver));
	EXPECT_EQ(1000, finish(&first));
	EXPECT_EQ(1, stat_of(self->ends.admin).queued);
	EXPECT_EQ(1, stat_of(self->ends.admin).parked_senders);
	EXPECT_EQ(1000, take_bytes(self->ends.receiver, big, 1000));
	EXPECT_EQ(0, finish_put(&second));
	EXPECT_EQ(3, take(self->ends.receiver));
}

/* One long message makes room for several that wait. */
TEST_F(queue, all_that_fit_get_their_slots_at_once)
{
	char big[1000] = {};
	struct call calls[5];

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 4, 1000, 1256));
	ASSERT_EQ(1000, put_bytes(self->ends.sender, big, 1000));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, start_put(&calls[i], self->ends.sender, 1 + i));
		ASSERT_TRUE(waiting_are(self->ends.admin, i + 1, 0));
	}
	EXPECT_EQ(1000, take_bytes(self->ends.receiver, big, 1000));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, finish_put(&calls[i]));
	EXPECT_EQ(4, stat_of(self->ends.admin).queued);
	EXPECT_EQ(1, stat_of(self->ends.admin).parked_senders);
	for (int nr = 1; nr <= 5; nr++)
		EXPECT_EQ(nr, take(self->ends.receiver));
	EXPECT_EQ(0, finish_put(&calls[4]));
}

/* The first in line gives up: who stood behind it need not wait for it. */
TEST_F(queue, those_behind_a_sender_that_gives_up_move_on)
{
	char big[1000] = {};
	struct call first, second;

	catch_signal(SIGUSR1, 0);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, 1000, 1256));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0, start_write(&first, self->ends.sender, big, 1000));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	ASSERT_EQ(0, start_put(&second, self->ends.sender, 2));
	ASSERT_TRUE(waiting_are(self->ends.admin, 2, 0));
	ASSERT_TRUE(interrupt(&first));
	EXPECT_EQ(-EINTR, finish(&first));
	EXPECT_EQ(0, finish_put(&second));
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(2, take(self->ends.receiver));
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
	EXPECT_EQ(2, stat_of(self->ends.admin).totals_sent);
}

TEST_F(queue, receivers_are_served_in_the_order_they_came)
{
	struct call calls[5];

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, 8, 0));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, start_take(&calls[i], self->ends.receiver));
		ASSERT_TRUE(waiting_are(self->ends.admin, 0, i + 1));
	}
	/* All at once, so that who is slow to wake could lose its turn. */
	for (int nr = 1; nr <= 5; nr++)
		ASSERT_EQ(0, put(self->ends.sender, nr));
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(i + 1, finish_take(&calls[i]));
	EXPECT_EQ(0, stat_of(self->ends.admin).queued);
	EXPECT_EQ(5, stat_of(self->ends.admin).totals_received);
}

/* A message that was handed to a sleeper is not for whoever comes by. */
TEST_F(queue, newcomer_does_not_take_what_others_waited_for)
{
	struct call call;
	int rounds = 0;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, 8, 0));
	for (double end = now() + 0.3; rounds < 3 || now() < end; rounds++) {
		ASSERT_EQ(0, start_take(&call, self->ends.receiver));
		ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
		ASSERT_EQ(0, put(self->ends.sender, 1));
		ASSERT_EQ(-EAGAIN, take_now(self->ends.receiver));
		ASSERT_EQ(1, finish_take(&call));
	}
	TH_LOG("%d rounds", rounds);
}

TEST_F(queue, waiting_receiver_with_too_small_a_buffer_is_EMSGSIZE)
{
	char small[4], out[100], in[100];
	struct call first, second;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, 100, 0));
	ASSERT_EQ(0, start_read(&first, self->ends.receiver, small, 4));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	ASSERT_EQ(0, start_read(&second, self->ends.receiver, in, 100));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 2));
	stamp(out, 100, 1);
	ASSERT_EQ(100, put_bytes(self->ends.sender, out, 100));
	EXPECT_EQ(-EMSGSIZE, finish(&first));
	EXPECT_EQ(100, finish(&second));
	EXPECT_TRUE(is_stamped(in, 100, 1));
	EXPECT_EQ(1, stat_of(self->ends.admin).totals_received);

	ASSERT_EQ(0, start_read(&first, self->ends.receiver, small, 4));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	ASSERT_EQ(100, put_bytes(self->ends.sender, out, 100));
	EXPECT_EQ(-EMSGSIZE, finish(&first));
	EXPECT_EQ(1, stat_of(self->ends.admin).queued);
	EXPECT_EQ(100, take_bytes(self->ends.receiver, in, 100));
}

/* The two of them at full speed, from full to empty and back. */
TEST_F_TIMEOUT(queue, stream_keeps_its_order, STORM_TIMEOUT(1))
{
	double end = now() + seconds_each() / 2.0;
	int status, nr = 0;
	pid_t pid;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 8, 8, 0));
	pid = fork();
	if (!pid) {
		int got;

		close_end(&self->ends.sender);
		do {
			got = take(self->ends.receiver);
		} while (got == ++nr);
		_exit(got == 0 ? 0 : 1);
	}
	do {
		ASSERT_EQ(0, put(self->ends.sender, ++nr));
	} while (now() < end);
	close_end(&self->ends.sender);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	TH_LOG("%d rounds", nr);
	EXPECT_LE(at_least(200), nr);
	EXPECT_EQ((__u64)nr, stat_of(self->ends.admin).totals_received);
}

TEST_HARNESS_MAIN
