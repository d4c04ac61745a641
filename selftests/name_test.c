// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is a name: 1 to 63 of [A-Za-z0-9._-], not beginning with '.', not
 * "control".  Everything else is EINVAL for CREATE and REMOVE alike, and a
 * string that cannot be read is EFAULT, however the memory around it looks.
 */
#include "chan_test.h"

#define X15 "abcdefghijklmno"
#define X63 T X15 X15 X15 X15 "z"

FIXTURE(name)
{
	int control;
	int fds, nodes;
};

FIXTURE_SETUP(name)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->fds = count_fds();
	self->nodes = count_nodes();
}

FIXTURE_TEARDOWN_PARENT(name)
{
	names_sweep();
}

/* Creates, looks, removes: nothing is left, whatever happens. */
static int try_name(int control, const char *name)
{
	struct chan_stat s;
	int fd = create_channel(control, name);
	bool exists = node_exists(name);
	int ret = fd < 0 ? fd : get_stat(fd, &s);

	if (fd < 0)
		return ret;
	close(fd);
	if (!ret)
		ret = remove_name(control, name);
	return ret ? ret : strcmp(s.name, name) ? 1 : exists ? 0 : 2;
}

TEST_F(name, good_names_are_taken)
{
	static const char *const names[] = {
		T "",
		T ".",
		T "..",
		T "-",
		T "_",
		T "0",
		T "9Az",
		T "a.b.c",
		T "control",
		T "control.",
		X63,
		/* These do not begin as a test's names do. */
		"-t",
		"--",
		"_",
		"controls",
		"Control",
		"CONTROL",
		"xcontrol",
		"control-",
		"power",
		"uevent",
		"subsystem",
		"dev",
		"t...",
		"0",
		"A",
		"z",
	};

	ASSERT_EQ(63U, strlen(X63));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (node_exists(names[i]))
			continue; /* The machine's, not the test's. */
		EXPECT_EQ(0, try_name(self->control, names[i]))
		{
			TH_LOG("\"%s\"", names[i]);
		}
	}
	EXPECT_EQ(self->nodes, count_nodes());
}

TEST_F(name, bad_names_are_EINVAL)
{
	static const char *const names[] = {
		"",
		".",
		"..",
		"...",
		".t",
		"..t",
		"control",
		"/",
		"//",
		"t/",
		"/t",
		"t/t",
		"../t",
		"t/../t",
		"/dev/chan/t",
		"t ",
		" t",
		"t\n",
		"t\t",
		"t:t",
		"t*",
		"t?",
		"t\\",
		"t+",
		"t~",
		"t,t",
		"t=t",
		"t@",
		"%s%n",
		"t!",
		"\xc3\xa9t\xc3\xa9",
		"t\xff",
		"\x80",
		"\x01",
		X63 "z",
		X63 X63,
		X63 "/",
		X63 X63 X63 X63 X63 X63,
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_EQ(-EINVAL, create_channel(self->control, names[i]))
		{
			TH_LOG("CREATE \"%s\"", names[i]);
		}
		EXPECT_EQ(-EINVAL, remove_name(self->control, names[i]))
		{
			TH_LOG("REMOVE \"%s\"", names[i]);
		}
	}
	EXPECT_EQ(self->fds, count_fds());
	EXPECT_EQ(self->nodes, count_nodes());
	EXPECT_TRUE(node_exists("control"));
}

static bool is_name_byte(int byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' ||
	       byte == '-';
}

/* At the beginning, in the middle and at the end of the longest name. */
TEST_F(name, every_byte_is_judged_wherever_it_stands)
{
	static const size_t places[] = { 0, 2, 31, 62 };

	for (int byte = 1; byte < 256; byte++)
		for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
			char name[CHAN_NAME_MAX + 1] = X63;
			bool good = is_name_byte(byte) &&
				    (places[i] || byte != '.');

			name[places[i]] = byte;
			EXPECT_EQ(good ? 0 : -EINVAL,
				  good ? try_name(self->control, name) :
					 create_channel(self->control, name))
			{
				TH_LOG("byte 0x%02x at %zu", byte, places[i]);
			}
		}
	EXPECT_EQ(self->fds, count_fds());
	EXPECT_EQ(self->nodes, count_nodes());
}

TEST_F(name, what_follows_the_nul_does_not_matter)
{
	static const char name[] = T "nul\0/../\xff";
	struct chan_stat s;
	int fd = create_channel(self->control, name);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_stat(fd, &s));
	EXPECT_STREQ(T "nul", s.name);
	/* Padding is the kernel's zeros, not what followed the string. */
	for (size_t i = strlen(name); i < sizeof(s.name); i++)
		EXPECT_EQ(0, s.name[i]);
	close(fd);
}

TEST_F(name, string_at_the_end_of_memory_is_enough)
{
	static const char *const names[] = { T "e", T "edge", X63 };
	char *edge = page_edge(PROT_NONE);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *at = edge - strlen(names[i]) - 1;

		strcpy(at, names[i]);
		EXPECT_EQ(0, try_name(self->control, at))
		{
			TH_LOG("\"%s\"", names[i]);
		}
	}
}

TEST_F(name, unterminated_string_at_the_end_of_memory_is_EFAULT)
{
	char *edge = page_edge(PROT_NONE);

	for (size_t len = 0; len <= CHAN_NAME_MAX; len++) {
		memset(edge - CHAN_NAME_MAX, 't', CHAN_NAME_MAX);
		EXPECT_EQ(-EFAULT, create_channel(self->control, edge - len))
		{
			TH_LOG("CREATE with %zu characters", len);
		}
		EXPECT_EQ(-EFAULT, remove_name(self->control, edge - len))
		{
			TH_LOG("REMOVE with %zu characters", len);
		}
	}
	/* The 64th character tells that it is too long, whatever follows. */
	memset(edge - 64, 't', 64);
	EXPECT_EQ(-EINVAL, create_channel(self->control, edge - 64));
	EXPECT_EQ(-EINVAL, remove_name(self->control, edge - 64));
	EXPECT_EQ(self->fds, count_fds());
	EXPECT_EQ(self->nodes, count_nodes());
}

TEST_F(name, pointer_to_nothing_is_EFAULT)
{
	static const __u64 nothing[] = {
		1,
		0x7ffffffff000, /* the end of user space */
		0x800000000000, /* not canonical */
		0xffff888000000000, /* the kernel's own */
		~0ULL - 1,
		~0ULL,
	};

	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
		struct chan_create c = create_record(NULL);
		struct chan_name n = { .name = nothing[i] };

		c.name = nothing[i];
		EXPECT_EQ(-EFAULT, create_with(self->control, &c))
		{
			TH_LOG("CREATE %llx", nothing[i]);
		}
		EXPECT_EQ(-1, c.fd);
		EXPECT_EQ(-EFAULT,
			  record_ioctl(self->control, CHAN_IOC_REMOVE, &n))
		{
			TH_LOG("REMOVE %llx", nothing[i]);
		}
	}
	EXPECT_EQ(self->fds, count_fds());
	EXPECT_EQ(self->nodes, count_nodes());
}

/* 0 means anonymous only where there are anonymous channels. */
TEST_F(name, remove_without_a_name_is_EFAULT)
{
	EXPECT_EQ(-EFAULT, remove_name(self->control, NULL));
}

TEST_HARNESS_MAIN
