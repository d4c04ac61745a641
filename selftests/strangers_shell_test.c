// SPDX-License-Identifier: GPL-2.0-only
/*
 * What shells make of a node: redirections, read, loops.  Each test is a
 * script, run by two shells, and over a FIFO where that is the same.  They
 * meet the one great difference: a read takes a whole message or, if it has
 * no room for it, nothing (EMSGSIZE), and the message stays.
 *
 * needs: dash
 */
#include "script.h"

/* clang-format off */
FIXTURE(shell) {
	struct script s;
};

FIXTURE_VARIANT(shell) {
	enum kind kind;
	const char *program;
};

FIXTURE_VARIANT_ADD(shell, fifo) { .kind = A_FIFO, .program = "sh", };
FIXTURE_VARIANT_ADD(shell, channel) { .kind = A_NAMED_CHANNEL, .program = "sh", };
FIXTURE_VARIANT_ADD(shell, channel_by_dash) { .kind = A_NAMED_CHANNEL, .program = "dash", };

/* What a FIFO has no word for. */
FIXTURE(messages) {
	struct script s;
};

FIXTURE_VARIANT(messages) {
	const char *program;
};

FIXTURE_VARIANT_ADD(messages, sh) { .program = "sh", };
FIXTURE_VARIANT_ADD(messages, dash) { .program = "dash", };
/* clang-format on */

FIXTURE_SETUP(shell)
{
	NEEDS(variant->program);
	ASSERT_EQ(0, script_setup(&self->s, variant->kind));
}

FIXTURE_TEARDOWN_PARENT(shell)
{
	script_sweep();
}

FIXTURE_SETUP(messages)
{
	NEEDS(variant->program);
	ASSERT_EQ(0, script_setup(&self->s, A_NAMED_CHANNEL));
}

FIXTURE_TEARDOWN_PARENT(messages)
{
	script_sweep();
}

#define SCRIPT(want, text) SCRIPT_BY(variant->program, want, text)

TEST_F(shell, cat_reads_its_input)
{
	SCRIPT("one\n", "cat <$N & echo one >$N; wait $!");
}

TEST_F(shell, two_shells_append)
{
	SCRIPT("one\ntwo\n", "exec 3<>$N 4<$N; sh -c 'echo one >>$N'; "
			     "sh -c 'echo two >>$N'; exec 3>&-; cat <&4");
}

TEST_F(shell, noclobber_is_for_files)
{
	SCRIPT("one\n", "set -C; cat $N & echo one >$N; wait $!");
}

TEST_F(shell, one_descriptor_for_both_directions)
{
	SCRIPT("one\n", "exec 3<>$N; echo one >&3; " TAKE);
}

TEST_F(shell, a_substitution_is_what_was_sent)
{
	SCRIPT("<one two>\n",
	       "echo 'one two' >$N & echo \"<$(cat $N)>\"; wait $!");
}

/* A FIFO kills the writer; a channel never does, so the shell tells. */
TEST_F(shell, writing_without_a_reader_fails)
{
	SCRIPT(variant->kind == A_FIFO ? "141\n" : "1\n",
	       "exec 3<>$N 4>$N 3>&-; sh -c 'echo one >&4' 2>/dev/null; echo $?");
}

/* So put something between that takes whole messages. */
TEST_F(shell, while_read_works_behind_cat)
{
	SCRIPT("<one>\n<two three>\n",
	       "cat $N | while read -r l; do echo \"<$l>\"; done &\n"
	       "{ echo one; echo two three; } >$N; wait $!");
}

/* Where messages show ---------------------------------------------------- */

/*
 * A shell reads a byte at a time, to take no more than the line.  No message
 * but one of a single byte fits, so the loop ends at once; nothing is lost.
 */
TEST_F(messages, read_takes_nothing_and_loses_nothing)
{
	SCRIPT("status 1 <>\none\n",
	       "exec 3<>$N; echo one >&3; l=; read -r l <&3 2>/dev/null; "
	       "echo \"status $? <$l>\"; " TAKE);
	SCRIPT("one\n",
	       "exec 3<>$N; echo one >&3; "
	       "while read -r l; do echo \"<$l>\"; done <&3 2>/dev/null; " TAKE);
}

TEST_F(messages, a_loop_takes_message_by_message)
{
	SCRIPT("<one>\n<two\nthree>\n",
	       "exec 3<>$N; echo one >&3; printf 'two\\nthree' >&3; echo >&3; "
	       "while m=$(" TAKE "); [ -n \"$m\" ]; do echo \"<$m>\"; done");
}

/* Without a receiver there is nobody to keep messages for. */
TEST_F(messages, a_loop_keeps_its_end_open)
{
	SCRIPT("one\nstatus 0\n",
	       "exec 3<$N; { echo one; echo two; } >$N; "
	       "dd bs=64k count=1 if=$N 2>/dev/null; exec 3<&-; "
	       "cat $N; echo status $?");
}

TEST_HARNESS_MAIN
