// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which error wins.  For neighbouring rows of the header's table two things are
 * wrong at once, and the earlier row is told; then nothing has happened.
 */
#include "chan_test.h"

#define NAME T "errors"

FIXTURE(errors)
{
	int control, admin;
	int fds, nodes;
	long long max_channels, user_channels;
	char *no_string; /* starts as no name does, ends in nothing */
	char *hole, *read_only;
	struct name_call call;
};

FIXTURE_SETUP(errors)
{
	self->max_channels = get_parameter("max_channels");
	ASSERT_LT(0, self->max_channels);
	self->user_channels = get_parameter("user_channels");
	ASSERT_LT(0, self->user_channels);
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->admin = create_channel(self->control, NULL);
	ASSERT_LE(0, self->admin);
	self->hole = page_edge(PROT_NONE);
	self->read_only = page_edge(PROT_READ);
	self->no_string = self->hole - 3;
	memcpy(self->no_string, "/./", 3);
	self->fds = count_fds();
	self->nodes = count_nodes();
	self->call.control = self->control;
	self->call.name = NAME;
}

FIXTURE_TEARDOWN_PARENT(errors)
{
	set_parameter("max_channels", self->max_channels);
	set_parameter("user_channels", self->user_channels);
	names_sweep();
}

/* Only in memory that ends too early or cannot be written. */
static void *put(char *edge, const void *record, size_t size, size_t behind)
{
	char *at = edge - size + behind;

	memcpy(at, record, size - behind);
	return at;
}

TEST_F(errors, unreadable_record_before_a_malformed_one)
{
	struct chan_create c = create_record(NULL);
	struct chan_derive d = { .rights = ~0U };
	unsigned long tiny = _IOC(_IOC_READ | _IOC_WRITE, CHAN_IOC_MAGIC, 1, 8);

	c.flags = ~0U;
	EXPECT_EQ(-EFAULT, record_ioctl(self->control, CHAN_IOC_CREATE,
					put(self->hole, &c, sizeof(c), 8)));
	EXPECT_EQ(-EFAULT, record_ioctl(self->admin, CHAN_IOC_DERIVE,
					put(self->hole, &d, sizeof(d), 8)));
	/* Too short, and even that cannot be read. */
	EXPECT_EQ(-EFAULT, record_ioctl(self->control, tiny, self->hole));
}

/* Each row: what is malformed, beside a name that cannot be read. */
static void too_many(struct chan_create *c)
{
	c->cap = CHAN_CAP_MAX + 1;
}

static void too_long(struct chan_create *c)
{
	c->msg_max = CHAN_MSG_MAX + 1;
}

static void too_small(struct chan_create *c)
{
	c->bytes_max = 1;
}

static void unknown_flag(struct chan_create *c)
{
	c->flags = 1U << 31;
}

static void unknown_right(struct chan_create *c)
{
	c->rights = 1U << 31;
}

static void unknown_mode(struct chan_create *c)
{
	c->mode = 1U << 31;
}

static void reserved(struct chan_create *c)
{
	c->reserved = 1;
}

static void work_in_a_rendezvous(struct chan_create *c)
{
	c->flags = CHAN_WORKQUEUE;
	c->cap = 0;
}

static const struct malformed {
	const char *what;
	void (*spoil)(struct chan_create *c);
} malformed[] = {
	{ "cap", too_many },	     { "msg_max", too_long },
	{ "bytes_max", too_small },  { "flags", unknown_flag },
	{ "rights", unknown_right }, { "mode", unknown_mode },
	{ "reserved", reserved },    { "CHAN_WORKQUEUE", work_in_a_rendezvous },
};

TEST_F(errors, malformed_record_before_an_unreadable_string)
{
	struct {
		struct chan_create c;
		__u64 tail;
	} longer = { create_record(self->no_string), 1 };
	struct {
		struct chan_name n;
		__u64 tail;
	} name = { { address(self->no_string) }, 1 };

	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		struct chan_create c = create_record(self->no_string);

		malformed[i].spoil(&c);
		EXPECT_EQ(-EINVAL, create_with(self->control, &c))
		{
			TH_LOG("%s", malformed[i].what);
		}
	}
	EXPECT_EQ(-E2BIG, record_ioctl(self->control,
				       _IOC(_IOC_READ | _IOC_WRITE,
					    CHAN_IOC_MAGIC, 1, sizeof(longer)),
				       &longer));
	EXPECT_EQ(-E2BIG, record_ioctl(self->control,
				       _IOC(_IOC_READ | _IOC_WRITE,
					    CHAN_IOC_MAGIC, 2, sizeof(name)),
				       &name));
}

TEST_F(errors, unreadable_string_before_a_bad_name)
{
	EXPECT_EQ(-EFAULT, create_channel(self->control, self->no_string));
	EXPECT_EQ(-EFAULT, remove_name(self->control, self->no_string));
}

TEST_F(errors, unreadable_string_before_a_full_machine)
{
	ASSERT_EQ(0, set_parameter("max_channels", 0));
	EXPECT_EQ(-EFAULT, create_channel(self->control, self->no_string));
}

TEST_F(errors, bad_name_before_a_full_machine)
{
	ASSERT_EQ(0, set_parameter("max_channels", 0));
	EXPECT_EQ(-EINVAL, create_channel(self->control, "control"));
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		struct chan_create c = create_record(NAME);

		malformed[i].spoil(&c);
		EXPECT_EQ(-EINVAL, create_with(self->control, &c));
	}
}

TEST_F(errors, bad_name_before_one_that_is_not_there)
{
	self->call.name = "..";
	EXPECT_EQ(-EINVAL, as_user(ALICE, call_remove, &self->call));
	/* Nor has anybody a say over "control". */
	self->call.name = "control";
	EXPECT_EQ(-EINVAL, as_user(ALICE, call_remove, &self->call));
	EXPECT_EQ(-EINVAL, remove_name(self->control, "control"));
}

TEST_F(errors, malformed_derive_before_a_right_that_is_lacking)
{
	int sender = derive_badge(self->admin, CHAN_RIGHT_SEND, 5);

	EXPECT_EQ(-EINVAL, derive(sender, 8 | CHAN_RIGHT_RECV));
	EXPECT_EQ(-EINVAL, derive_badge(sender, 0, 6));
	EXPECT_EQ(-EINVAL, derive_badge(sender, 8, 6));
	close(sender);
}

TEST_F(errors, lacking_right_before_a_lacking_descriptor)
{
	int sender = derive_badge(self->admin, CHAN_RIGHT_SEND, 5);
	struct rlimit old;

	exhaust_fds(&old);
	EXPECT_EQ(-EPERM, derive(sender, CHAN_RIGHT_RECV));
	EXPECT_EQ(-EPERM, derive_badge(sender, CHAN_RIGHT_SEND, 6));
	EXPECT_EQ(-EINVAL, derive(sender, 0));
	EXPECT_EQ(-EMFILE, derive(sender, CHAN_RIGHT_SEND));
	setrlimit(RLIMIT_NOFILE, &old);
	close(sender);
}

/* It stays EPERM when there is nothing left to shut down. */
TEST_F(errors, lacking_right_before_shut_down)
{
	int sender = derive(self->admin, CHAN_RIGHT_SEND);

	EXPECT_EQ(0, shut_down(self->admin));
	EXPECT_EQ(-EPERM, shut_down(sender));
	close(sender);
}

/* Who may not remove a name learns no less than who may. */
TEST_F(errors, missing_name_before_one_of_somebody_else)
{
	EXPECT_EQ(-ENOENT, as_user(ALICE, call_remove, &self->call));
	ASSERT_EQ(0, close_made(create_channel(self->control, NAME)));
	EXPECT_EQ(-EPERM, as_user(ALICE, call_remove, &self->call));
}

/* What follows makes channels as Alice, on a machine as the flags say. */

#define FULL	   1 /* max_channels is reached */
#define OVER_QUOTA 2 /* user_channels is reached */
#define NO_FD	   4
#define TAKEN	   8 /* the name is root's, and taken */

static const struct wrongs {
	int wrong, ret;
} wrongs[] = {
	/* Each alone, */
	{ NO_FD, -EMFILE },
	{ FULL, -ENOSPC },
	{ OVER_QUOTA, -EDQUOT },
	{ TAKEN, -EEXIST },
	/* each with its neighbour, */
	{ NO_FD | FULL, -EMFILE },
	{ FULL | OVER_QUOTA, -ENOSPC },
	{ OVER_QUOTA | TAKEN, -EDQUOT },
	/* and the others. */
	{ NO_FD | OVER_QUOTA, -EMFILE },
	{ NO_FD | TAKEN, -EMFILE },
	{ FULL | TAKEN, -ENOSPC },
	{ NO_FD | FULL | OVER_QUOTA | TAKEN, -EMFILE },
	{ FULL | OVER_QUOTA | TAKEN, -ENOSPC },
};

static int create_without_fd(void *arg)
{
	struct rlimit old;

	exhaust_fds(&old);
	return call_create(arg);
}

TEST_F(errors, creation_tells_the_first_row_that_applies)
{
	ASSERT_EQ(0, as_user(ALICE, call_create, &self->call));
	ASSERT_EQ(0, remove_name(self->control, NAME));

	for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
		int wrong = wrongs[i].wrong;

		if (wrong & TAKEN) {
			ASSERT_EQ(0, close_made(create_channel(self->control,
							       NAME)));
		}
		set_parameter("max_channels",
			      wrong & FULL ? 0 : self->max_channels);
		set_parameter("user_channels",
			      wrong & OVER_QUOTA ? 0 : self->user_channels);
		EXPECT_EQ(wrongs[i].ret,
			  as_user(ALICE,
				  wrong & NO_FD ? create_without_fd :
						  call_create,
				  &self->call))
		{
			TH_LOG("wrong are %d", wrong);
		}
		set_parameter("max_channels", self->max_channels);
		set_parameter("user_channels", self->user_channels);
		EXPECT_EQ(!!(wrong & TAKEN), node_exists(NAME));
		if (wrong & TAKEN)
			ASSERT_EQ(0, remove_name(self->control, NAME));
	}
	EXPECT_EQ(self->fds, count_fds());
	EXPECT_EQ(self->nodes, count_nodes());
}

/* Whose name it is does not matter to who wants it for a new channel. */
TEST_F(errors, taken_name_is_EEXIST_for_its_owner_and_others)
{
	ASSERT_EQ(0, as_user(ALICE, call_create, &self->call));
	EXPECT_EQ(-EEXIST, as_user(ALICE, call_create, &self->call));
	EXPECT_EQ(-EEXIST, as_user(BOB, call_create, &self->call));
	EXPECT_EQ(-EEXIST, create_channel(self->control, NAME));
}

TEST_HARNESS_MAIN
