// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits: max_channels for the machine, which binds everybody; user_channels
 * and user_bytes for each user, from which CAP_SYS_RESOURCE exempts.  They are
 * written at run time, told by QUERY, refuse what is new and never what is
 * there; and what a channel has taken comes back when it ends, or when its
 * creation fails, whatever the reason.
 */
#include "chan_test.h"

#define NAME T "limits"
#define MANY 1000000000

static const char *const parameters[] = {
	"max_channels",
	"user_channels",
	"user_bytes",
	"max_parked",
};

FIXTURE(limits)
{
	int control;
	int fds;
	long long saved[ARRAY_SIZE(parameters)];
};

FIXTURE_SETUP(limits)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->fds = count_fds();
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		self->saved[i] = get_parameter(parameters[i]);
		ASSERT_LT(0, self->saved[i]);
	}
}

FIXTURE_TEARDOWN_PARENT(limits)
{
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		set_parameter(parameters[i], self->saved[i]);
	names_sweep();
}

/* Room for @nr more channels on the machine, as far as one can see. */
static int channels_there(int control)
{
	for (int nr = 0; nr < 10000; nr++) {
		set_parameter("max_channels", nr + 1);
		if (!close_made(create_channel(control, NULL)))
			return nr;
	}
	return -ENOSPC;
}

TEST_F(limits, query_tells_the_parameters)
{
	static const unsigned long long values[] = { 0, 1, 4097, 0x7fffffff };

	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
			struct chan_query q;
			__u64 told[ARRAY_SIZE(parameters)];

			ASSERT_EQ(0, set_parameter(parameters[i], values[j]));
			ASSERT_EQ(0, get_query(self->control, &q));
			told[0] = q.max_channels;
			told[1] = q.user_channels;
			told[2] = q.user_bytes;
			told[3] = q.max_parked;
			EXPECT_EQ(values[j], told[i])
			{
				TH_LOG("%s", parameters[i]);
			}
			set_parameter(parameters[i], self->saved[i]);
		}
}

TEST_F(limits, parameter_that_is_no_number_is_refused)
{
	static const char *const texts[] = {
		"", "x", "-1", "1x", " ", "99999999999999999999"
	};

	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		for (size_t j = 0; j < ARRAY_SIZE(texts); j++) {
			set_parameter_text(parameters[i], texts[j]);
			EXPECT_EQ(self->saved[i], get_parameter(parameters[i]))
			{
				TH_LOG("%s = \"%s\"", parameters[i], texts[j]);
				set_parameter(parameters[i], self->saved[i]);
			}
		}
}

TEST_F(limits, machine_is_full_for_everybody)
{
	struct name_call call = { .control = self->control };
	int there = channels_there(self->control);
	int fds[3];

	ASSERT_LE(0, there);
	ASSERT_EQ(0, set_parameter("max_channels", there + 3));
	fds[0] = create_channel(self->control, NULL);
	fds[1] = create_channel(self->control, NAME);
	fds[2] = create_channel(self->control, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		ASSERT_LE(0, fds[i]);
	EXPECT_EQ(-ENOSPC, create_channel(self->control, NULL));
	EXPECT_EQ(-ENOSPC, create_channel(self->control, NAME "2"));
	EXPECT_EQ(-ENOSPC, as_user(ALICE, call_create, &call));
	EXPECT_FALSE(node_exists(NAME "2"));

	/* One more endpoint is no channel. */
	EXPECT_EQ(0, close_made(derive(fds[0], CHAN_RIGHT_SEND)));
	EXPECT_EQ(0, close_made(open_node(NAME, O_RDWR)));

	/* A channel counts until it has lost both name and endpoints. */
	close(fds[1]);
	EXPECT_EQ(-ENOSPC, create_channel(self->control, NULL));
	ASSERT_EQ(0, remove_name(self->control, NAME));
	EXPECT_EQ(0, close_made(create_channel(self->control, NULL)));
	close(fds[2]);
	close(fds[0]);
	EXPECT_TRUE(BECOMES(channels_there(self->control) == there));
}

TEST_F(limits, lowered_limits_refuse_only_what_is_new)
{
	int fd = create_channel(self->control, NAME);
	struct chan_stat s;

	ASSERT_LE(0, fd);
	for (size_t i = 0; i < 3; i++)
		ASSERT_EQ(0, set_parameter(parameters[i], 0));
	EXPECT_EQ(-ENOSPC, create_channel(self->control, NULL));
	EXPECT_EQ(0, get_stat(fd, &s));
	EXPECT_EQ(0, close_made(open_node(NAME, O_RDWR)));
	EXPECT_EQ(0, close_made(derive(fd, CHAN_RIGHT_SEND)));
	EXPECT_EQ(0, remove_name(self->control, NAME));
	close(fd);
	for (size_t i = 0; i < 3; i++)
		ASSERT_EQ(0, set_parameter(parameters[i], self->saved[i]));
	EXPECT_EQ(0, close_made(create_channel(self->control, NULL)));
}

/* The rest runs as other users, in functions that return 0 or 1. */

struct user_row {
	int control;
	int nr;
	__u64 bytes_max;
};

/* Exactly @nr channels of @bytes_max can be made; more are EDQUOT. */
static int makes_exactly(void *arg)
{
	const struct user_row *row = arg;
	int fds[64];

	for (int i = 0; i < row->nr; i++) {
		fds[i] = create_sized(row->control, 1, 1, row->bytes_max);
		CHECK_EQ(0, fds[i] < 0 ? fds[i] : 0);
	}
	for (int i = 0; i < 3; i++)
		CHECK_EQ(-EDQUOT,
			 create_sized(row->control, 1, 1, row->bytes_max));
	for (int i = 0; i < row->nr; i++)
		close(fds[i]);
	return 0;
}

TEST_F(limits, user_has_so_many_channels)
{
	struct user_row row = { .control = self->control };
	static const int limits[] = { 0, 1, 2, 3, 33 };

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		row.nr = limits[i];
		ASSERT_EQ(0, set_parameter("user_channels", row.nr));
		EXPECT_EQ(0, as_user(ALICE, makes_exactly, &row))
		{
			TH_LOG("user_channels %d", row.nr);
		}
	}
}

TEST_F(limits, user_has_so_many_bytes)
{
	static const struct {
		__u64 limit, bytes_max;
		int nr;
	} rows[] = {
		{ 0, 257, 0 },
		{ 256, 257, 0 },
		{ 257, 257, 1 },
		{ 513, 257, 1 },
		{ 514, 257, 2 },
		{ 770, 257, 2 },
		{ 771, 257, 3 },
		{ 1000, 257, 3 },
		{ 1000, 500, 2 },
		{ 1000, 1000, 1 },
		{ 1000, 1001, 0 },
		{ 1000, ~0ULL, 0 },
		{ 1 << 20, 1 << 15, 32 },
		{ 1000, 1ULL << 32, 0 },
		{ 1000, 1ULL << 63, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct user_row row = { self->control, rows[i].nr,
					rows[i].bytes_max };

		ASSERT_EQ(0, set_parameter("user_bytes", rows[i].limit));
		EXPECT_EQ(0, as_user(ALICE, makes_exactly, &row))
		{
			TH_LOG("user_bytes %llu, bytes_max %llu", rows[i].limit,
			       rows[i].bytes_max);
		}
	}
}

/* A sum that does not fit its type is more than any limit. */
static int sum_cannot_wrap(void *arg)
{
	int control = *(int *)arg;
	int first = create_sized(control, 1, 1, ~0ULL - 1000);
	int second = create_sized(control, 1, 1, ~0ULL - 1000);
	int third = create_sized(control, 1, 1, 2000);

	CHECK_EQ(-EDQUOT, second);
	if (first >= 0) {
		CHECK_EQ(-EDQUOT, third);
		close(first);
		third = create_sized(control, 1, 1, 2000);
	}
	CHECK_EQ(0, close_made(third));
	return 0;
}

TEST_F(limits, sum_of_bytes_cannot_wrap)
{
	ASSERT_EQ(0, set_parameter("user_bytes", ~0UL));
	EXPECT_EQ(0, as_user(ALICE, sum_cannot_wrap, &self->control));
}

/* Whoever is exempt may exceed, but must not damage the account. */
TEST_F(limits, exempt_giant_does_not_damage_the_account)
{
	int fds[3];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = create_sized(self->control, 1, 1, ~0ULL);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close_made(fds[i]);
	EXPECT_EQ(0, close_made(create_channel(self->control, NULL)));
}

static int write_parameter(void *arg)
{
	return set_parameter(arg, 1);
}

TEST_F(limits, parameters_are_roots_to_write_and_everybodys_to_read)
{
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		char path[PATH_MAX];
		struct stat st;

		EXPECT_EQ(-EACCES, as_user(ALICE, write_parameter,
					   (void *)parameters[i]));
		snprintf(path, sizeof(path), "/sys/module/chan/parameters/%s",
			 parameters[i]);
		ASSERT_EQ(0, stat(path, &st));
		EXPECT_EQ(0644U, st.st_mode & 07777);
	}
}

static int call_create_sized(void *arg)
{
	return close_made(create_sized(*(int *)arg, 1, 1, 257));
}

static int resource_dropped(void *arg)
{
	if (drop_capability(CAP_SYS_RESOURCE))
		return CHILD_LOST;
	return call_create_sized(arg);
}

static int root_of_own_namespace(void *arg)
{
	if (unshare(CLONE_NEWUSER))
		return -EPROTO;
	return call_create_sized(arg);
}

TEST_F(limits, cap_sys_resource_exempts_from_the_users_limits)
{
	static const char *const names[] = { "user_channels", "user_bytes" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ASSERT_EQ(0, set_parameter(names[i], 0));
		EXPECT_EQ(0, in_child(call_create_sized, &self->control));
		EXPECT_EQ(-EDQUOT, in_child(resource_dropped, &self->control));
		EXPECT_EQ(-EDQUOT,
			  as_user(ALICE, call_create_sized, &self->control));
		EXPECT_EQ(-EDQUOT, as_user(ALICE, root_of_own_namespace,
					   &self->control));
		set_parameter(names[i], MANY);
		EXPECT_EQ(0, in_child(resource_dropped, &self->control));
		EXPECT_EQ(0, as_user(ALICE, call_create_sized, &self->control));
	}
}

static int hold_two(void *arg)
{
	int control = *(int *)arg;
	int first = create_sized(control, 1, 1, 300);
	int second = create_channel(control, NAME);

	CHECK_EQ(0, first < 0 ? first : 0);
	CHECK_EQ(0, second < 0 ? second : 0);
	CHECK_EQ(-EDQUOT, create_sized(control, 1, 1, 300));
	/* Another process of this user, and another user. */
	CHECK_EQ(-EDQUOT, in_child(call_create_sized, &control));
	return 0;
}

/* Alice keeps her named channel when her processes are gone. */
TEST_F(limits, quota_is_each_users_own)
{
	struct user_row row = { self->control, 2, 300 };
	struct name_call call = { .control = self->control, .name = NAME };

	ASSERT_EQ(0, set_parameter("user_channels", 2));
	EXPECT_EQ(0, as_user(ALICE, hold_two, &self->control));
	EXPECT_EQ(0, as_user(BOB, makes_exactly, &row));
	row.nr = 1;
	EXPECT_EQ(0, as_user(ALICE, makes_exactly, &row));
	/* Root removes it; it was Alice's all the same. */
	ASSERT_EQ(0, remove_name(self->control, NAME));
	row.nr = 2;
	EXPECT_EQ(0, as_user(ALICE, makes_exactly, &row));
	EXPECT_EQ(0, as_user(ALICE, call_create, &call));
	EXPECT_EQ(0, as_user(ALICE, call_remove, &call));
}

/* With a quota of one: each step tells whether the one is free. */
static int quota_of_one(void *arg)
{
	int control = *(int *)arg, fd, other;

	fd = create_sized(control, 1, 1, 300);
	CHECK_EQ(-EDQUOT, create_sized(control, 1, 1, 300));
	other = dup(fd);
	close(fd);
	CHECK_EQ(-EDQUOT, create_sized(control, 1, 1, 300));
	fd = derive(other, CHAN_RIGHT_RECV);
	close(other);
	CHECK_EQ(-EDQUOT, create_sized(control, 1, 1, 300));
	close(fd);

	fd = create_channel(control, NAME);
	CHECK_EQ(0, fd < 0 ? fd : 0);
	CHECK_EQ(0, remove_name(control, NAME));
	CHECK_EQ(-EDQUOT, create_sized(control, 1, 1, 300));
	close(fd);

	fd = create_channel(control, NAME);
	CHECK_EQ(0, fd < 0 ? fd : 0);
	close(fd);
	CHECK_EQ(-EDQUOT, create_sized(control, 1, 1, 300));
	fd = open_node(NAME, O_RDONLY);
	CHECK_EQ(0, remove_name(control, NAME));
	CHECK_EQ(-EDQUOT, create_sized(control, 1, 1, 300));
	close(fd);
	CHECK_EQ(0, close_made(create_sized(control, 1, 1, 300)));
	return 0;
}

TEST_F(limits, quota_comes_back_when_the_channel_ends)
{
	ASSERT_EQ(0, set_parameter("user_channels", 1));
	EXPECT_EQ(0, as_user(ALICE, quota_of_one, &self->control));
	ASSERT_EQ(0, set_parameter("user_channels", MANY));
	ASSERT_EQ(0, set_parameter("user_bytes", 400));
	EXPECT_EQ(0, as_user(ALICE, quota_of_one, &self->control));
}

/* Every way in which a creation can fail, fifty times. */
static int fail_all_ways(int control)
{
	char *edge = page_edge(PROT_READ);
	struct chan_create c = create_record(NULL);
	struct rlimit old;

	memcpy(edge - sizeof(c) + 8, &c, sizeof(c) - 8);
	for (int i = 0; i < 50; i++) {
		CHECK_EQ(-EFAULT, record_ioctl(control, CHAN_IOC_CREATE,
					       edge - sizeof(c) + 8));
		CHECK_EQ(-EEXIST, create_channel(control, NAME));
		CHECK_EQ(-EINVAL, create_channel(control, "/"));
		CHECK_EQ(-EFAULT, create_channel(control, (char *)1));
		CHECK_EQ(-EINVAL, create_sized(control, 1, 1, 1));
		exhaust_fds(&old);
		CHECK_EQ(-EMFILE, create_channel(control, NULL));
		CHECK_EQ(-EMFILE, create_channel(control, T "emfile"));
		setrlimit(RLIMIT_NOFILE, &old);
		CHECK_EQ(0, node_exists(T "emfile"));
	}
	page_edge_free(edge);
	return 0;
}

static int fail_then_make(void *arg)
{
	struct user_row *row = arg;

	if (fail_all_ways(row->control))
		return 1;
	return makes_exactly(row);
}

TEST_F(limits, failed_creations_leave_no_account)
{
	struct user_row row = { self->control, 2, 320 };
	long long references = module_references();
	int there = channels_there(self->control);

	set_parameter("max_channels", self->saved[0]);
	ASSERT_EQ(0, close_made(create_channel(self->control, NAME)));
	ASSERT_EQ(0, set_parameter("user_channels", 2));
	ASSERT_EQ(0, set_parameter("user_bytes", 640));
	EXPECT_EQ(0, as_user(ALICE, fail_then_make, &row));

	EXPECT_EQ(0, fail_all_ways(self->control));
	ASSERT_EQ(0, remove_name(self->control, NAME));
	EXPECT_EQ(self->fds, count_fds());
	EXPECT_TRUE(BECOMES(module_references() == references));
	EXPECT_TRUE(BECOMES(channels_there(self->control) == there));
}

/*
 * Four threads grab at once what is there for seven: seven get it.  Both limits
 * share SECONDS_EACH.
 */

#define GRABBERS 4
#define GRABS	 5
#define ROOM	 7

struct grab {
	int control;
	pthread_barrier_t barrier;
	atomic_int made, refused, other;
	atomic_bool stop;
};

static void *grabber(void *arg)
{
	struct grab *grab = arg;
	int fds[GRABS];

	for (;;) {
		pthread_barrier_wait(&grab->barrier);
		if (grab->stop)
			return NULL;
		for (int i = 0; i < GRABS; i++) {
			fds[i] = create_sized(grab->control, 1, 1, 300);
			if (fds[i] >= 0)
				grab->made++;
			else if (fds[i] == -EDQUOT)
				grab->refused++;
			else
				grab->other++;
		}
		pthread_barrier_wait(&grab->barrier);
		for (int i = 0; i < GRABS; i++)
			close_made(fds[i]);
		pthread_barrier_wait(&grab->barrier);
	}
}

static int grab_rounds(void *arg)
{
	struct grab grab = { .control = *(int *)arg };
	double end = now() + seconds_each() / 4.0;
	pthread_t threads[GRABBERS];
	int rounds = 0, wrong = 0;

	pthread_barrier_init(&grab.barrier, NULL, GRABBERS + 1);
	for (int i = 0; i < GRABBERS; i++)
		CHECK_EQ(0, pthread_create(&threads[i], NULL, grabber, &grab));
	while (now() < end && !wrong) {
		grab.made = 0;
		pthread_barrier_wait(&grab.barrier);
		pthread_barrier_wait(&grab.barrier);
		wrong = grab.made != ROOM || grab.other;
		pthread_barrier_wait(&grab.barrier);
		rounds++;
	}
	grab.stop = true;
	pthread_barrier_wait(&grab.barrier);
	for (int i = 0; i < GRABBERS; i++)
		pthread_join(threads[i], NULL);
	fprintf(stderr, "# %d rounds\n", rounds);
	CHECK_EQ(0, grab.other);
	CHECK_EQ(ROOM, grab.made);
	CHECK_EQ(1, rounds >= at_least(3));
	return 0;
}

TEST_F_TIMEOUT(limits, threads_cannot_exceed_a_limit_together, STORM_TIMEOUT(2))
{
	ASSERT_EQ(0, set_parameter("user_channels", ROOM));
	EXPECT_EQ(0, as_user(ALICE, grab_rounds, &self->control));
	ASSERT_EQ(0, set_parameter("user_channels", MANY));
	ASSERT_EQ(0, set_parameter("user_bytes", ROOM * 300 + 299));
	EXPECT_EQ(0, as_user(ALICE, grab_rounds, &self->control));
}

TEST_HARNESS_MAIN
