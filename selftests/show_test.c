// SPDX-License-Identifier: GPL-2.0-only
/*
 * show_test.c - what of a channel can be seen from outside
 *
 * Checks that sysfs and fdinfo tell what CHAN_IOC_STAT tells, file by file and
 * line by line, that sysfs follows the name and not the channel, and that each
 * trace event is told once for what it stands for.
 */
#include "chan_test.h"

#define NAME	T "show"
#define SYSFS	"/sys/class/chan/" NAME "/"
#define TRACING "/sys/kernel/tracing/"

static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len, all = 0;

	if (fd < 0)
		return false;
	while ((len = read(fd, text + all, size - 1 - all)) > 0)
		all += len;
	close(fd);
	text[all] = '\0';
	return len == 0;
}

FIXTURE(show)
{
	int control;
	int fd;
};

FIXTURE_SETUP(show)
{
	struct chan_create c = create_record(NAME);

	self->control = open_control();
	ASSERT_LE(0, self->control);
	c.flags = CHAN_HANGUP;
	c.cap = 3;
	c.msg_max = 100;
	c.bytes_max = 1000;
	c.max_attempts = 7;
	c.mode = 0640;
	c.type = 0xfeed;
	self->fd = create_with(self->control, &c);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN_PARENT(show)
{
	names_sweep();
}

#define ATTRIBUTE(member)                                       \
	{                                                       \
#member, offsetof(struct chan_stat, member),    \
			sizeof(((struct chan_stat *)0)->member) \
	}

static const struct attribute {
	const char *name;
	size_t offset;
	size_t size;
} attributes[] = {
	ATTRIBUTE(owner_uid),
	ATTRIBUTE(flags),
	ATTRIBUTE(cap),
	ATTRIBUTE(msg_max),
	ATTRIBUTE(bytes_max),
	ATTRIBUTE(type),
	ATTRIBUTE(max_attempts),
	ATTRIBUTE(mode),
	ATTRIBUTE(bytes),
	ATTRIBUTE(queued),
	ATTRIBUTE(unsettled),
	ATTRIBUTE(parked_senders),
	ATTRIBUTE(parked_receivers),
	ATTRIBUTE(senders),
	ATTRIBUTE(receivers),
	ATTRIBUTE(totals_sent),
	ATTRIBUTE(totals_received),
	ATTRIBUTE(totals_settled),
	ATTRIBUTE(totals_redelivered),
	ATTRIBUTE(totals_dropped),
};

static unsigned long long member_of(const struct chan_stat *stat,
				    const struct attribute *attribute)
{
	__u64 wide = 0;

	memcpy(&wide, (const char *)stat + attribute->offset, attribute->size);
	return wide;
}

/* So that no count is zero by accident. */
static void make_traffic(struct __test_metadata *_metadata, int fd)
{
	char text[100];

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(10 + i, write(fd, "twelve bytes", 10 + i));
	ASSERT_EQ(10, read(fd, text, sizeof(text)));
}

TEST_F(show, attributes_tell_what_stat_tells)
{
	char path[PATH_MAX], text[64], *end;
	struct chan_stat stat;

	make_traffic(_metadata, self->fd);
	ASSERT_EQ(0, get_stat(self->fd, &stat));
	EXPECT_EQ(2, stat.queued);
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		const struct attribute *a = &attributes[i];

		snprintf(path, sizeof(path), SYSFS "%s", a->name);
		ASSERT_TRUE(read_text(path, text, sizeof(text)))
		TH_LOG("%s", path);
		EXPECT_EQ(member_of(&stat, a), strtoull(text, &end, 0))
		TH_LOG("%s", a->name);
		EXPECT_STREQ("\n", end);
	}
}

TEST_F(show, attributes_are_read_only)
{
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		snprintf(path, sizeof(path), SYSFS "%s", attributes[i].name);
		ASSERT_EQ(0, stat(path, &st));
		EXPECT_EQ(0444, st.st_mode & 07777);
	}
}

TEST_F(show, attributes_follow_the_name_not_the_channel)
{
	char text[64];
	int fd = open(SYSFS "queued", O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, remove_name(self->control, NAME));
	EXPECT_EQ(-1, access(SYSFS, F_OK));
	EXPECT_EQ(-1, read(fd, text, sizeof(text)));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(1, write(self->fd, "x", 1));
	close(fd);
}

static bool has_line(const char *text, const char *name, const char *value)
{
	char line[128];

	snprintf(line, sizeof(line), "\n%s:\t%s\n", name, value);
	return strstr(text, line);
}

TEST_F(show, fdinfo_tells_the_endpoint_and_its_channel)
{
	char path[PATH_MAX], text[4096];
	int receiver = derive_badge(self->fd, CHAN_RIGHT_RECV, 0xb);

	ASSERT_LE(0, receiver);
	make_traffic(_metadata, self->fd);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", receiver);
	ASSERT_TRUE(read_text(path, text, sizeof(text)));
	EXPECT_TRUE(has_line(text, "chan-name", NAME));
	EXPECT_TRUE(has_line(text, "chan-rights", "-r-"));
	EXPECT_TRUE(has_line(text, "chan-badge", "0xb"));
	EXPECT_TRUE(has_line(text, "chan-cap", "3"));
	EXPECT_TRUE(has_line(text, "chan-bytes", "535"));
	EXPECT_TRUE(has_line(text, "chan-queued", "2"));
	EXPECT_TRUE(has_line(text, "chan-unsettled", "0"));
	EXPECT_TRUE(has_line(text, "chan-parked", "0 0"));
	EXPECT_TRUE(has_line(text, "chan-endpoints", "1 2")) TH_LOG("%s", text);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	ASSERT_TRUE(read_text(path, text, sizeof(text)));
	EXPECT_TRUE(has_line(text, "chan-rights", "sra"));
	EXPECT_TRUE(has_line(text, "chan-badge", "0x0"));
}

FIXTURE(trace)
{
	int fd;
	unsigned long long channel;
};

FIXTURE_SETUP(trace)
{
	struct chan_create c = create_record(NULL);
	char path[PATH_MAX], text[4096], *line;
	int control = open_control();

	if (access(TRACING "events/chan", F_OK))
		SKIP(return, "no tracefs at " TRACING);
	ASSERT_LE(0, control);
	c.cap = 4;
	c.bytes_max = 0;
	self->fd = create_with(control, &c);
	ASSERT_LE(0, self->fd);
	close(control);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	ASSERT_TRUE(read_text(path, text, sizeof(text)));
	line = strstr(text, "chan-channel:");
	ASSERT_NE(NULL, line);
	self->channel = strtoull(line + strlen("chan-channel:"), NULL, 10);
	ASSERT_EQ(0, write_text(TRACING "trace", ""));
	/* Needs no names of tasks, for which the scheduler would be patched. */
	ASSERT_EQ(0, write_text(TRACING "options/record-cmd", "0"));
	ASSERT_EQ(0, write_text(TRACING "events/chan/enable", "1"));
}

FIXTURE_TEARDOWN_PARENT(trace)
{
	write_text(TRACING "events/chan/enable", "0");
	write_text(TRACING "trace", "");
}

/* How often an event was told of this channel and that message. */
static int told(unsigned long long channel, const char *event, int id, int len)
{
	static char text[65536];
	char line[128];
	int count = 0;

	snprintf(line, sizeof(line), "%s: channel=%llu name= id=%d len=%d ",
		 event, channel, id, len);
	if (!read_text(TRACING "trace", text, sizeof(text)))
		return -1;
	for (char *at = text; (at = strstr(at, line)); at++)
		count++;
	return count;
}

TEST_F(trace, events_tell_each_step_once)
{
	int receiver = derive(self->fd, CHAN_RIGHT_RECV);
	int sender = derive(self->fd, CHAN_RIGHT_SEND);
	char text[16];

	ASSERT_LE(0, receiver);
	ASSERT_LE(0, sender);
	close(self->fd);
	ASSERT_EQ(5, write(sender, "first", 5));
	ASSERT_EQ(6, write(sender, "second", 6));
	ASSERT_EQ(5, read(receiver, text, sizeof(text)));
	EXPECT_EQ(1, told(self->channel, "chan_send", 1, 5));
	EXPECT_EQ(1, told(self->channel, "chan_send", 2, 6));
	EXPECT_EQ(1, told(self->channel, "chan_receive", 1, 5));
	EXPECT_EQ(0, told(self->channel, "chan_receive", 2, 6));
	EXPECT_EQ(0, told(self->channel, "chan_drop", 2, 6));
	close(receiver);
	EXPECT_EQ(1, told(self->channel, "chan_drop", 2, 6));
	EXPECT_EQ(0, told(self->channel, "chan_drop", 1, 5));
	close(sender);
}

TEST_F(trace, failed_receipt_is_not_told)
{
	char text[16];

	ASSERT_EQ(5, write(self->fd, "first", 5));
	EXPECT_EQ(-1, read(self->fd, text, 4));
	EXPECT_EQ(EMSGSIZE, errno);
	EXPECT_EQ(0, told(self->channel, "chan_receive", 1, 5));
	EXPECT_EQ(-1, read(self->fd, (void *)8, sizeof(text)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, told(self->channel, "chan_receive", 1, 5));
	ASSERT_EQ(5, read(self->fd, text, sizeof(text)));
	EXPECT_EQ(1, told(self->channel, "chan_receive", 1, 5));
}

TEST_HARNESS_MAIN
