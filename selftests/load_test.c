// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading with names=: either all of them are there, or the module is not, and
 * nobody has had it open meanwhile.
 *
 * Takes the module away that the others use, and brings it back: only in a guest.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "chan_test.h"

#define MODULE	   "/chan.ko"
#define PARAMETERS "/sys/module/chan/parameters/"

static int load(const char *parameters)
{
	int fd = open_path(MODULE, O_RDONLY);
	int ret;

	if (fd < 0)
		return fd;
	ret = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return ret;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "chan", O_NONBLOCK) ? -errno : 0;
}

/* Those that it was loaded with. */
static int unload_with(const char *names)
{
	char list[256], *rest = list, *name;
	int control = open_control();

	snprintf(list, sizeof(list), "%s", names);
	while ((name = strsep(&rest, ",")))
		if (*name)
			remove_name(control, name);
	close(control);
	/* What the last file held goes a little later than close(). */
	return BECOMES(!unload()) ? 0 : -EBUSY;
}

FIXTURE(load)
{
	char names[256];
};

FIXTURE_SETUP(load)
{
	FILE *f = fopen(PARAMETERS "names", "re");

	if (access(MODULE, R_OK) || !f)
		SKIP(return, "there is no " MODULE);
	if (!fgets(self->names, sizeof(self->names), f) ||
	    !strcmp(self->names, "(null)\n"))
		self->names[0] = '\0';
	self->names[strcspn(self->names, "\n")] = '\0';
	fclose(f);
	ASSERT_EQ(0, unload_with(self->names));
}

FIXTURE_TEARDOWN(load)
{
	char parameters[300];

	snprintf(parameters, sizeof(parameters), "names=%s", self->names);
	EXPECT_EQ(0, load(parameters));
}

TEST_F(load, makes_what_is_named)
{
	ASSERT_EQ(0, load("names=" T "a," T "b"));
	EXPECT_TRUE(node_exists(T "a"));
	EXPECT_TRUE(node_exists(T "b"));
	EXPECT_EQ(0, unload_with(T "a," T "b"));
}

TEST_F(load, without_names_makes_none)
{
	ASSERT_EQ(0, load("names="));
	EXPECT_EQ(0, unload_with(""));
	ASSERT_EQ(0, load(""));
	EXPECT_EQ(0, unload_with(""));
}

TEST_F(load, is_refused_for_a_name_that_is_none)
{
	static const char *const bad[] = { "names=a,",	 "names=,a",
					   "names=a,!",	 "names=control",
					   "names=a,.b", "names=a,b,a" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, load(bad[i]))
		{
			TH_LOG("%s", bad[i]);
		}
		EXPECT_FALSE(node_exists("control"));
	}
	EXPECT_FALSE(node_exists("a"));
}

/* With the file it would have code that is not there any more. */
static atomic_bool over;

static void *open_as_soon_as_there(void *arg)
{
	int *fd = arg;

	do {
		*fd = open_node(T "a", O_RDWR);
	} while (*fd < 0 && !over);
	return NULL;
}

TEST_F(load, that_is_refused_lets_nobody_in)
{
	char parameters[1024] = "names=" T "a";
	pthread_t thread;
	int fd;

	for (int i = 0; i < 100; i++)
		sprintf(parameters + strlen(parameters), "," T "%d", i);
	strcat(parameters, ",!");
	ASSERT_EQ(0, pthread_create(&thread, NULL, open_as_soon_as_there, &fd));
	EXPECT_EQ(-EINVAL, load(parameters));
	over = true;
	pthread_join(thread, NULL);
	EXPECT_GT(0, fd);
}

TEST_HARNESS_MAIN
