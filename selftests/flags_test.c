// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this version does not know is refused without effect: every flag bit,
 * right and reserved bit that the header does not list.  And a record is read
 * once: another thread that changes it meanwhile gets one version or the other
 * judged and made, never a mixture of a judged and an unjudged one.
 */
#include "chan_test.h"

#define NAME T "flags"

FIXTURE(flags)
{
	int control, admin, plain;
	int fds;
};

FIXTURE_SETUP(flags)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->admin = create_channel(self->control, NULL);
	ASSERT_LE(0, self->admin);
	self->plain = derive(self->admin, CHAN_RIGHT_SEND | CHAN_RIGHT_RECV);
	ASSERT_LE(0, self->plain);
	self->fds = count_fds();
}

FIXTURE_TEARDOWN_PARENT(flags)
{
	names_sweep();
}

/* The bits of each word that the header lists. */
static const struct word {
	const char *what;
	size_t offset;
	__u32 known;
} words[] = {
	{ "flags", offsetof(struct chan_create, flags),
	  CHAN_HANGUP | CHAN_EPHEMERAL | CHAN_WORKQUEUE | CHAN_FIXED },
	{ "rights", offsetof(struct chan_create, rights), RIGHTS_ALL },
	{ "mode", offsetof(struct chan_create, mode), 0777 },
	{ "reserved", offsetof(struct chan_create, reserved), 0 },
};

TEST_F(flags, create_refuses_every_unlisted_bit)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		for (int bit = 0; bit < 32; bit++) {
			struct chan_create c = create_record(NAME);
			__u32 *word = (void *)&c + words[i].offset;
			bool known = words[i].known & (1U << bit);
			int fd;

			*word |= 1U << bit;
			fd = create_with(self->control, &c);
			EXPECT_EQ(known ? 0 : -EINVAL, fd < 0 ? fd : 0);
			EXPECT_EQ(known, c.fd >= 0)
			{
				TH_LOG("%s bit %d", words[i].what, bit);
			}
			EXPECT_EQ(known, node_exists(NAME));
			if (fd >= 0) {
				close(fd);
				remove_name(self->control, NAME);
			}
		}
	EXPECT_EQ(self->fds, count_fds());
}

TEST_F(flags, create_takes_all_listed_bits_together)
{
	struct chan_create c = create_record(NAME);
	struct chan_stat s;
	int fd;

	c.flags = words[0].known;
	c.rights = RIGHTS_ALL;
	c.mode = 0777;
	fd = create_with(self->control, &c);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_stat(fd, &s));
	EXPECT_EQ(words[0].known, s.flags);
	close(fd);
}

TEST_F(flags, listed_bits_beside_an_unlisted_one_do_not_help)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct chan_create c = create_record(NAME);
		__u32 *word = (void *)&c + words[i].offset;

		*word = words[i].known | 0x80000000;
		EXPECT_EQ(-EINVAL, create_with(self->control, &c));
		*word = ~0U;
		EXPECT_EQ(-EINVAL, create_with(self->control, &c));
		EXPECT_FALSE(node_exists(NAME));
	}
}

/* ADMIN may derive any right; that does not mean any bit. */
TEST_F(flags, derive_refuses_every_unlisted_right)
{
	const int fds[] = { self->admin, self->plain };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		for (int bit = 3; bit < 32; bit++) {
			EXPECT_EQ(-EINVAL, derive(fds[i], 1U << bit))
			{
				TH_LOG("bit %d", bit);
			}
			EXPECT_EQ(-EINVAL,
				  derive(fds[i], (1U << bit) | RIGHTS_ALL));
		}
	EXPECT_EQ(self->fds, count_fds());
	EXPECT_TRUE(endpoints_are(self->admin, 2, 2));
}

/*
 * Races: one thread creates, another one changes what it creates from.  The
 * four of them share SECONDS_EACH.
 */

static struct race {
	struct chan_create record;
	char name[8];
	atomic_bool stop;
	void (*change)(struct race *race, bool bad);
} race;

static void change_flags(struct race *r, bool bad)
{
	__atomic_store_n(&r->record.flags, bad ? CHAN_WORKQUEUE : 0,
			 __ATOMIC_RELAXED);
}

static void change_size(struct race *r, bool bad)
{
	__atomic_store_n(&r->record.msg_max, bad ? CHAN_MSG_MAX + 1 : 64,
			 __ATOMIC_RELAXED);
}

/* The record has bytes for a small message, not for a large one. */
static void change_bytes(struct race *r, bool bad)
{
	__atomic_store_n(&r->record.msg_max, bad ? 65536 : 64,
			 __ATOMIC_RELAXED);
}

static void change_name(struct race *r, bool bad)
{
	__atomic_store_n(&r->name[1], bad ? '/' : '-', __ATOMIC_RELAXED);
}

static void *changer(void *arg)
{
	struct race *r = arg;

	for (bool bad = false; !r->stop; bad = !bad)
		r->change(r, bad);
	return NULL;
}

/* 0 if a channel made in a race is one that CREATE would have made alone. */
static int check_made(int fd, const char *name)
{
	struct chan_stat s;

	CHECK_EQ(0, get_stat(fd, &s));
	CHECK_EQ(0, s.flags & CHAN_WORKQUEUE);
	CHECK_EQ(64, s.msg_max);
	CHECK_EQ(64 + CHAN_MSG_OVERHEAD, s.bytes_max);
	CHECK_EQ(0, strcmp(name, s.name));
	CHECK_EQ(!!name[0], node_exists(T "race"));
	return 0;
}

FIXTURE(once)
{
	int control;
};

FIXTURE_VARIANT(once)
{
	void (*change)(struct race * race, bool bad);
	bool named;
};

FIXTURE_VARIANT_ADD(once, flags){
	.change = change_flags,
};

FIXTURE_VARIANT_ADD(once, size){
	.change = change_size,
};

FIXTURE_VARIANT_ADD(once, bytes){
	.change = change_bytes,
};

FIXTURE_VARIANT_ADD(once, name){
	.change = change_name,
	.named = true,
};

FIXTURE_SETUP(once)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	strcpy(race.name, T "race");
	race.record = create_record(variant->named ? race.name : NULL);
	race.record.cap = 0;
	race.change = variant->change;
	race.stop = false;
}

FIXTURE_TEARDOWN_PARENT(once)
{
	names_sweep();
}

TEST_F_TIMEOUT(once, a_changing_record_is_read_once, STORM_TIMEOUT(1))
{
	unsigned long good = 0, bad = 0;
	double end = now() + seconds_each() / 4.0;
	pthread_t thread;
	int fd, wrong = 0;

	ASSERT_EQ(0, pthread_create(&thread, NULL, changer, &race));
	while (storm_goes_on(end, good && bad) && !wrong) {
		fd = create_with(self->control, &race.record);
		if (fd == -EINVAL) {
			bad++;
			continue;
		}
		wrong = fd < 0 ? fd :
				 check_made(fd, variant->named ? T "race" : "");
		close_made(fd);
		if (variant->named)
			remove_name(self->control, T "race");
		good++;
	}
	race.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, wrong);
	TH_LOG("%lu made, %lu refused", good, bad);
	/* A machine on which only one thread runs proves nothing. */
	EXPECT_LE(1U, good);
	EXPECT_LE(1U, bad);
}

TEST_HARNESS_MAIN
