// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names under fire: many processes create, open, derive and remove at once,
 * the same names and different ones.  Whoever meets a name gets the whole
 * channel or a plain ENOENT or ENXIO, and when the storm is over nothing is
 * left: no node, no reference to the module.
 *
 * Each storm lasts SECONDS_EACH and counts its rounds; too few fail, so that
 * a slow machine cannot pass by doing nothing.
 */
#include "chan_test.h"

#define NAMES	    200
#define MAKERS	    4
#define WORKERS_MAX 8

struct worker {
	int index;
	int control;
	double end;
	atomic_long rounds, met, missed;
};

FIXTURE(storm)
{
	int control;
	long long references;
	int nodes;
	struct worker *workers;
};

FIXTURE_SETUP(storm)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->references = module_references();
	self->nodes = count_nodes();
	self->workers = mmap(NULL, WORKERS_MAX * sizeof(struct worker),
			     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			     -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->workers);
}

FIXTURE_TEARDOWN_PARENT(storm)
{
	names_sweep();
}

/* Runs each function in a process of its own; true if all returned 0. */
static bool storm_run(FIXTURE_DATA(storm) * self, child_fn *const fns[], int nr)
{
	pid_t pids[WORKERS_MAX];
	bool good = true;
	int status;

	for (int i = 0; i < nr; i++) {
		self->workers[i].index = i;
		self->workers[i].control = self->control;
		self->workers[i].end = now() + seconds_each() / 2.0;
		pids[i] = fork();
		if (!pids[i])
			_exit(fns[i](&self->workers[i]));
	}
	for (int i = 0; i < nr; i++)
		good &= pids[i] > 0 && waitpid(pids[i], &status, 0) > 0 &&
			!status;
	return good;
}

static long storm_rounds(FIXTURE_DATA(storm) * self, int first, int nr)
{
	long rounds = 0;

	for (int i = first; i < first + nr; i++)
		rounds += self->workers[i].rounds;
	return rounds;
}

/* Nothing is left of it. */
static bool storm_is_over(FIXTURE_DATA(storm) * self)
{
	return BECOMES(count_nodes() == self->nodes &&
		       module_references() == self->references);
}

/* Makes its share of the names, looks at some, takes all away again. */
static int make_and_remove(void *arg)
{
	struct worker *w = arg;
	char name[NAMES / MAKERS][24];
	struct chan_stat s;
	int fd;

	while (now() < w->end) {
		for (int i = 0; i < NAMES / MAKERS; i++) {
			snprintf(name[i], sizeof(name[i]), T "storm%d.%d",
				 w->index, i);
			fd = create_channel(w->control, name[i]);
			CHECK_EQ(0, fd < 0 ? fd : 0);
			close(fd);
		}
		for (int i = 0; i < NAMES / MAKERS; i++) {
			fd = open_node(name[i], O_RDWR);
			CHECK_EQ(0, fd < 0 ? fd : 0);
			CHECK_EQ(0, get_stat(fd, &s));
			CHECK_EQ(0, strcmp(name[i], s.name));
			CHECK_EQ(1, s.senders);
			CHECK_EQ(0, remove_name(w->control, name[i]));
			CHECK_EQ(-ENOENT, remove_name(w->control, name[i]));
			close(fd);
			w->rounds++;
		}
	}
	return 0;
}

TEST_F_TIMEOUT(storm, names_of_many_processes_come_and_go, STORM_TIMEOUT(1))
{
	child_fn *const fns[MAKERS] = { make_and_remove, make_and_remove,
					make_and_remove, make_and_remove };
	long rounds;

	EXPECT_TRUE(storm_run(self, fns, MAKERS));
	rounds = storm_rounds(self, 0, MAKERS);
	TH_LOG("%ld names made and removed", rounds);
	EXPECT_LE(at_least(20), rounds);
	EXPECT_TRUE(storm_is_over(self));
}

/* Many threads of one process, on one table of files. */
static void *thread_make_and_remove(void *arg)
{
	return (void *)(intptr_t)make_and_remove(arg);
}

TEST_F_TIMEOUT(storm, names_of_many_threads_come_and_go, STORM_TIMEOUT(1))
{
	pthread_t threads[MAKERS];
	void *wrong;
	long rounds;

	for (int i = 0; i < MAKERS; i++) {
		self->workers[i].index = i;
		self->workers[i].control = self->control;
		self->workers[i].end = now() + seconds_each() / 2.0;
		ASSERT_EQ(0, pthread_create(&threads[i], NULL,
					    thread_make_and_remove,
					    &self->workers[i]));
	}
	for (int i = 0; i < MAKERS; i++) {
		pthread_join(threads[i], &wrong);
		EXPECT_EQ(NULL, wrong);
	}
	rounds = storm_rounds(self, 0, MAKERS);
	TH_LOG("%ld names made and removed", rounds);
	EXPECT_LE(at_least(20), rounds);
	EXPECT_TRUE(storm_is_over(self));
}

/* One name that all fight for: exactly one has it at a time. */
static int fight(void *arg)
{
	struct worker *w = arg;
	int fd, ret;

	while (now() < w->end) {
		fd = create_channel(w->control, T "fight");
		if (fd == -EEXIST) {
			w->missed++;
			continue;
		}
		CHECK_EQ(0, fd < 0 ? fd : 0);
		ret = remove_name(w->control, T "fight");
		CHECK_EQ(0, ret);
		close(fd);
		w->rounds++;
	}
	return 0;
}

TEST_F_TIMEOUT(storm, one_name_is_one_channels_at_a_time, STORM_TIMEOUT(1))
{
	child_fn *const fns[3] = { fight, fight, fight };
	long rounds, missed = 0;

	EXPECT_TRUE(storm_run(self, fns, 3));
	rounds = storm_rounds(self, 0, 3);
	for (int i = 0; i < 3; i++)
		missed += self->workers[i].missed;
	TH_LOG("%ld times had, %ld times taken", rounds, missed);
	EXPECT_LE(at_least(1), rounds);
	EXPECT_TRUE(storm_is_over(self));
}

/* Makes and removes one name, by REMOVE and by EPHEMERAL in turn. */
static int come_and_go(void *arg)
{
	struct worker *w = arg;
	struct chan_create c;
	int fd;

	while (now() < w->end) {
		c = create_record(T "door");
		c.flags = w->rounds % 2 ? CHAN_EPHEMERAL : 0;
		c.type = 0x600d;
		fd = create_with(w->control, &c);
		CHECK_EQ(0, fd < 0 ? fd : 0);
		if (!c.flags)
			CHECK_EQ(0, remove_name(w->control, T "door"));
		close(fd);
		CHECK_EQ(0, node_exists(T "door"));
		w->rounds++;
	}
	return 0;
}

/* Opens whatever is there, also through a node that may be gone by then. */
static int open_and_look(void *arg)
{
	struct worker *w = arg;
	int path_fd, fd, derived;
	struct chan_stat s;

	while (now() < w->end) {
		w->rounds++;
		if (w->rounds % 2) {
			fd = open_node(T "door", O_RDWR);
		} else {
			path_fd = open_node(T "door", O_PATH);
			if (path_fd < 0)
				continue;
			fd = reopen(path_fd, O_RDWR);
			close(path_fd);
		}
		if (fd < 0) {
			CHECK_EQ(1, fd == -ENOENT || fd == -ENXIO);
			w->missed++;
			continue;
		}
		w->met++;
		CHECK_EQ(0, get_stat(fd, &s));
		CHECK_EQ(0, strcmp(T "door", s.name));
		CHECK_EQ(0x600d, s.type);
		CHECK_EQ(1, s.senders >= 1 && s.receivers >= 1);
		derived = derive(fd, CHAN_RIGHT_SEND);
		CHECK_EQ(0, derived < 0 ? derived : 0);
		close(fd);
		CHECK_EQ(0, get_stat(derived, &s));
		close(derived);
	}
	return 0;
}

TEST_F_TIMEOUT(storm, opening_meets_a_channel_or_none, STORM_TIMEOUT(1))
{
	child_fn *const fns[3] = { come_and_go, open_and_look, open_and_look };
	long met = 0, missed = 0;

	EXPECT_TRUE(storm_run(self, fns, 3));
	for (int i = 1; i < 3; i++) {
		met += self->workers[i].met;
		missed += self->workers[i].missed;
	}
	TH_LOG("%ld channels, %ld opens met one, %ld met none",
	       storm_rounds(self, 0, 1), met, missed);
	EXPECT_LE(at_least(1), storm_rounds(self, 0, 1));
	EXPECT_LE(at_least(1), met);
	EXPECT_TRUE(storm_is_over(self));
}

/* Two processes remove what one has made: one of them, and only once. */
static int remove_only(void *arg)
{
	struct worker *w = arg;
	int ret;

	while (now() < w->end) {
		ret = remove_name(w->control, T "once");
		CHECK_EQ(1, ret == 0 || ret == -ENOENT);
		w->rounds += !ret;
	}
	return 0;
}

static int create_only(void *arg)
{
	struct worker *w = arg;
	int ret;

	while (now() < w->end) {
		ret = close_made(create_channel(w->control, T "once"));
		CHECK_EQ(1, ret == 0 || ret == -EEXIST);
		w->rounds += !ret;
	}
	return 0;
}

TEST_F_TIMEOUT(storm, what_is_made_once_is_removed_once, STORM_TIMEOUT(1))
{
	child_fn *const fns[3] = { create_only, remove_only, remove_only };
	long made, removed;

	EXPECT_TRUE(storm_run(self, fns, 3));
	made = storm_rounds(self, 0, 1);
	removed = storm_rounds(self, 1, 2);
	if (!remove_name(self->control, T "once"))
		removed++;
	TH_LOG("%ld made, %ld removed", made, removed);
	EXPECT_EQ(made, removed);
	EXPECT_LE(at_least(1), made);
	EXPECT_TRUE(storm_is_over(self));
}

TEST_HARNESS_MAIN
