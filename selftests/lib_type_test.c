// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels whose messages have a type: what is sent arrives member by member, and
 * programs whose types differ do not meet. That the compiler refuses messages and
 * channels of another type is looked at by "make check".
 */
#include <chan_typed.h>

#include "lib_test.h"

#define NAME T "lib-type"

CHAN_TYPE(disk_result, (int, status), (int, bytes));
CHAN_CALL_TYPE(disk_access, disk_result, (int, cylinder), (int, block),
	       (char, label[8]));

/* As many members as there may be. */
CHAN_TYPE(sixteen, (int, a), (int, b), (int, c), (int, d), (int, e), (int, f),
	  (int, g), (int, h), (int, i), (int, j), (int, k), (int, l), (int, m),
	  (int, n), (int, o), (char, p));

FIXTURE(typed)
{
	struct disk_access_chan disk;
	struct chan_op msg;
	struct waiting waiting;
	int fds;
};

FIXTURE_SETUP(typed)
{
	ASSERT_EQ(0, LIB(disk_access_create(&self->disk, NAME, 4, 0)));
	self->fds = count_fds();
}

FIXTURE_TEARDOWN_PARENT(typed)
{
	names_sweep();
}

TEST_F(typed, the_channel_carries_the_type)
{
	struct chan_stat s = stat_of(self->disk.fd);

	EXPECT_EQ(disk_access_type(), s.type);
	EXPECT_EQ(sizeof(struct disk_access), s.msg_max);
	EXPECT_EQ(CHAN_FIXED, s.flags);
	EXPECT_EQ(16, sizeof(struct disk_access));
	EXPECT_EQ(64, sizeof(struct sixteen));
}

TEST_F(typed, members_arrive_as_they_were_sent)
{
	struct disk_access sent = { 7, 8, "label" }, got;
	struct disk_access_chan sender, receiver;

	memset(&got, 0xcc, sizeof(got));
	ASSERT_EQ(0, LIB(disk_access_open(&sender, NAME, CHAN_RIGHT_SEND)));
	ASSERT_EQ(0, LIB(disk_access_open(&receiver, NAME, CHAN_RIGHT_RECV)));
	EXPECT_RIGHTS("s--", sender.fd);
	ASSERT_EQ(0, LIB(disk_access_send(sender, sent, SOON)));
	ASSERT_EQ(sizeof(got),
		  LIB(disk_access_recv(receiver, &got, &self->msg, SOON)));
	EXPECT_EQ(7, got.cylinder);
	EXPECT_EQ(8, got.block);
	EXPECT_STREQ("label", got.label);
	EXPECT_EQ(CHAN_DUTY_NONE, self->msg.duty);
}

static int access_disk(struct waiting *w)
{
	struct disk_access_chan disk = { w->fd };
	struct disk_access where = { 1, 2, "" };
	struct disk_result result;
	int ret = disk_access_call(disk, where, &result, NULL, SOON);

	return ret < 0 ? ret : result.bytes;
}

TEST_F(typed, a_call_has_a_type_of_reply)
{
	struct disk_result result = { .status = 0, .bytes = 512 };
	struct disk_access where;

	ASSERT_EQ(0, waiting_start(&self->waiting, self->disk.fd, access_disk));
	ASSERT_EQ(sizeof(where),
		  LIB(disk_access_recv(self->disk, &where, &self->msg, SOON)));
	EXPECT_EQ(2, where.block);
	EXPECT_EQ(sizeof(result), self->msg.reply_len);
	EXPECT_EQ(0, LIB(disk_access_reply(self->disk, self->msg.id, result)));
	EXPECT_EQ(512, waiting_ends(&self->waiting));
}

TEST_F(typed, a_reply_of_another_length_is_told)
{
	struct disk_access where;

	ASSERT_EQ(0, waiting_start(&self->waiting, self->disk.fd, access_disk));
	ASSERT_EQ(sizeof(where),
		  LIB(disk_access_recv(self->disk, &where, &self->msg, SOON)));
	EXPECT_EQ(0, LIB(chan_reply(self->disk.fd, self->msg.id, "x", 1)));
	EXPECT_EQ(-EPROTOTYPE, waiting_ends(&self->waiting));
}

TEST_F(typed, another_type_is_refused_at_open)
{
	struct disk_result_chan result = { -7 };
	struct disk_access_chan again = { -7 };

	EXPECT_EQ(-EPROTOTYPE,
		  LIB(disk_result_open(&result, NAME, CHAN_RIGHT_SEND)));
	EXPECT_EQ(-7, result.fd);
	EXPECT_EQ(-EPROTOTYPE, LIB(disk_result_adopt(&result, self->disk.fd)));
	EXPECT_EQ(0, LIB(disk_access_adopt(&again, self->disk.fd)));
	EXPECT_EQ(self->disk.fd, again.fd);
	EXPECT_EQ(self->fds, count_fds());
}

TEST_F(typed, a_channel_without_a_type_is_refused)
{
	int plain = LIB(chan_create(T "lib-plain", 4, 0));

	ASSERT_LE(0, plain);
	EXPECT_EQ(-EPROTOTYPE,
		  LIB(chan_open_typed(T "lib-plain", CHAN_RIGHT_SEND, 1, 8)));
	EXPECT_EQ(-EPROTOTYPE,
		  LIB(chan_check_type(plain, 0, CHAN_MSG_DEFAULT)));
	EXPECT_EQ(-ENOENT,
		  LIB(chan_open_typed(T "lib-none", CHAN_RIGHT_SEND, 1, 8)));
	EXPECT_EQ(self->fds + 1, count_fds());
}

/* Two ints that have been swapped are another type; so are other words for it. */
TEST_F(typed, names_types_and_order_count)
{
	static const char *const texts[] = {
		"d{int cylinder;int block;}",
		"d{int block;int cylinder;}",
		"d{int cylinder;long block;}",
		"e{int cylinder;int block;}",
		"d{int cylinder;}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (size_t j = 0; j < i; j++)
			EXPECT_NE(LIB(chan_hash(0, texts[i])),
				  LIB(chan_hash(0, texts[j])));
	EXPECT_EQ(
		LIB(chan_hash(
			disk_result_type(),
			"disk_access{int cylinder;int block;char label[8];}")),
		disk_access_type());
	EXPECT_EQ(LIB(chan_hash(0, "disk_result{int status;int bytes;}")),
		  disk_result_type());
}

/* Texts of 255 to 257 characters: the compiler takes up to 256. */
#define LONG_TYPE(type, last)                                                \
	CHAN_TYPE(type, (int, a2345678901234567890123456789012345678901234), \
		  (int, b2345678901234567890123456789012345678901234),       \
		  (int, c2345678901234567890123456789012345678901234),       \
		  (int, d2345678901234567890123456789012345678901234),       \
		  (int, last))
#define LONG_TEXT(type, last)                                         \
	"" #type "{int a2345678901234567890123456789012345678901234;" \
	"int b2345678901234567890123456789012345678901234;"           \
	"int c2345678901234567890123456789012345678901234;"           \
	"int d2345678901234567890123456789012345678901234;int " #last ";}"

LONG_TYPE(l255, e23456789012345678901234567890123456789_and_more);
LONG_TYPE(l256, e234567890123456789012345678901234567890_and_more);
LONG_TYPE(l257, e2345678901234567890123456789012345678901_and_more);

TEST_F(typed, the_compiler_comes_to_the_same_number)
{
	const char *const texts[] = {
		LONG_TEXT(l255,
			  e23456789012345678901234567890123456789_and_more),
		LONG_TEXT(l256,
			  e234567890123456789012345678901234567890_and_more),
		LONG_TEXT(l257,
			  e2345678901234567890123456789012345678901_and_more),
	};

	EXPECT_EQ(255, strlen(texts[0]));
	EXPECT_EQ(256, strlen(texts[1]));
	EXPECT_EQ(257, strlen(texts[2]));
	EXPECT_EQ(LIB(chan_hash(0, texts[0])), l255_type());
	EXPECT_EQ(LIB(chan_hash(0, texts[1])), l256_type());
	EXPECT_EQ(LIB(chan_hash(0, texts[2])), l257_type());
}

/* The figures of FNV-1a as it is published. */
TEST_F(typed, the_hash_is_the_one_that_everybody_has)
{
	EXPECT_EQ(0xcbf29ce484222325, LIB(chan_hash(0, "")));
	EXPECT_EQ(0xaf63dc4c8601ec8c, LIB(chan_hash(0, "a")));
	EXPECT_EQ(0x85944171f73967e8, LIB(chan_hash(0, "foobar")));
	EXPECT_EQ(LIB(chan_hash(0, "foobar")),
		  LIB(chan_hash(LIB(chan_hash(0, "foo")), "bar")));
}

TEST_F(typed, a_size_has_to_fit)
{
	int fd = LIB(chan_create_typed(NULL, 4, CHAN_WORKQUEUE, 9, 8));

	ASSERT_LE(0, fd);
	EXPECT_EQ(CHAN_FIXED | CHAN_WORKQUEUE, stat_of(fd).flags);
	EXPECT_EQ(0, LIB(chan_check_type(fd, 9, 8)));
	EXPECT_EQ(-EPROTOTYPE, LIB(chan_check_type(fd, 9, 9)));
	EXPECT_EQ(-EPROTOTYPE, LIB(chan_check_type(fd, 8, 8)));
	EXPECT_EQ(-EMSGSIZE, LIB(chan_send(fd, "1234567", 7, 0)));
	EXPECT_EQ(-EINVAL, LIB(chan_create_typed(NULL, 4, 0, 9, 0)));
	EXPECT_EQ(-EINVAL,
		  LIB(chan_create_typed(NULL, 4, 0, 9, (size_t)1 << 32)));
	EXPECT_EQ(-EBADF, LIB(chan_check_type(-1, 9, 8)));
}

TEST_F(typed, channels_come_in_arrays)
{
	struct disk_result_chan results[3];
	struct disk_result sent = {}, got;

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, LIB(disk_result_create(&results[i], NULL, 1, 0)));
	for (int i = 0; i < 3; i++) {
		sent.status = i;
		ASSERT_EQ(0, LIB(disk_result_send(results[i], sent, SOON)));
	}
	for (int i = 2; i >= 0; i--) {
		ASSERT_EQ(sizeof(got),
			  LIB(disk_result_recv(results[i], &got, NULL, SOON)));
		EXPECT_EQ(i, got.status);
	}
}

TEST_HARNESS_MAIN
