// SPDX-License-Identifier: GPL-2.0-only
/*
 * unload_test.c - "make unload" loses nothing
 *
 * Checks that chan-unload refuses while a channel holds a message or is open,
 * says of each what keeps it, disturbs none of them, and removes those that are
 * idle. That it unloads when none is left is shown by the end of every run.
 */
#include "chan_test.h"

#define IDLE	T "idle"
#define FULL	T "full"
#define OPENED	T "opened"
#define PROGRAM "chan-unload"

FIXTURE(unload)
{
	int control;
	int fd;
};

FIXTURE_SETUP(unload)
{
	int fd;

	if (system("command -v " PROGRAM " >/dev/null"))
		SKIP(return, PROGRAM " is not in PATH");
	self->control = open_control();
	ASSERT_LE(0, self->control);
	fd = create_channel(self->control, IDLE);
	ASSERT_LE(0, fd);
	close(fd);
	fd = create_channel(self->control, FULL);
	ASSERT_LE(0, fd);
	ASSERT_EQ(4, write(fd, "kept", 4));
	close(fd);
	fd = create_channel(self->control, OPENED);
	ASSERT_LE(0, fd);
	self->fd = derive(fd, CHAN_RIGHT_RECV);
	ASSERT_LE(0, self->fd);
	close(fd);
}

FIXTURE_TEARDOWN_PARENT(unload)
{
	names_sweep();
}

static int run_unload(char *output, size_t size)
{
	FILE *program = popen(PROGRAM " 2>&1", "r");
	size_t len;

	if (!program)
		return -errno;
	len = fread(output, 1, size - 1, program);
	output[len] = '\0';
	return WEXITSTATUS(pclose(program));
}

TEST_F(unload, refuses_and_says_what_keeps_each_channel)
{
	char output[4096], text[64];
	struct chan_stat stat;
	int fd;

	EXPECT_EQ(1, run_unload(output, sizeof(output)));
	EXPECT_NE(NULL, strstr(output, FULL ": 1 messages queued"));
	EXPECT_NE(NULL, strstr(output, OPENED ": 0 messages queued"));
	EXPECT_NE(NULL, strstr(output, "for receiving 1 times"))
	TH_LOG("%s", output);
	EXPECT_EQ(NULL, strstr(output, IDLE));
	EXPECT_FALSE(node_exists(IDLE));
	EXPECT_TRUE(node_exists(OPENED));

	fd = open_node(FULL, O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_stat(fd, &stat));
	EXPECT_EQ(1, stat.queued);
	EXPECT_EQ(4, read(fd, text, sizeof(text)));
	close(fd);
	EXPECT_TRUE(endpoints_are(self->fd, 0, 1));
}

TEST_HARNESS_MAIN
