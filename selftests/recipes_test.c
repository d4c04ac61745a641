// SPDX-License-Identifier: GPL-2.0-only
/*
 * The recipes of Documentation/chan.rst do what is written there: each, compiled
 * as it stands in the document (see recipes.sh), prints what stands below it,
 * exits with 0, and leaves no name and no reference to the module behind.
 */
#include "chan_test.h"

typedef int main_fn(int argc, char **argv, char **envp);

FIXTURE(recipe)
{
	int nodes;
	long long references;
	int output; /* a file in memory */
};

FIXTURE_VARIANT(recipe)
{
	main_fn *main;
	const char *output;
};

/* The variants, made from the document. */
#include "recipes.h"

FIXTURE_SETUP(recipe)
{
	self->nodes = count_nodes();
	self->references = module_references();
	self->output = memfd_create("output", MFD_CLOEXEC);
	ASSERT_LE(0, self->output);
}

FIXTURE_TEARDOWN(recipe)
{
	close(self->output);
}

/* By lines, as on a terminal, so that processes do not print twice. */
static void recipe_run(main_fn *run, int output)
{
	char *argv[2] = { "recipe" };

	dup2(output, 1);
	dup2(output, 2);
	close(output);
	setvbuf(stdout, NULL, _IOLBF, 0);
	exit(run(1, argv, environ));
}

TEST_F(recipe, prints_what_stands_below_it)
{
	char text[4096] = "";
	int status;
	pid_t pid = fork();

	if (!pid)
		recipe_run(variant->main, self->output);
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_LE(0, pread(self->output, text, sizeof(text) - 1, 0));
	EXPECT_STREQ(variant->output, text);
	EXPECT_TRUE(BECOMES(module_references() == self->references));
	EXPECT_EQ(self->nodes, count_nodes());
}

TEST_HARNESS_MAIN
