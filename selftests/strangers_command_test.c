// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the small commands and socat make of a node, as they are used in
 * scripts.  What is the same over a FIFO is shown over both; what is not,
 * stands apart.
 *
 * needs: socat
 */
#include "script.h"

/* clang-format off */
FIXTURE(command) {
	struct script s;
};

FIXTURE_VARIANT(command) {
	enum kind kind;
};

FIXTURE_VARIANT_ADD(command, fifo) { .kind = A_FIFO, };
FIXTURE_VARIANT_ADD(command, channel) { .kind = A_NAMED_CHANNEL, };

/* What a FIFO has no word for. */
FIXTURE(messages) {
	struct script s;
};
/* clang-format on */

FIXTURE_SETUP(command)
{
	ASSERT_EQ(0, script_setup(&self->s, variant->kind));
}

FIXTURE_TEARDOWN_PARENT(command)
{
	script_sweep();
}

FIXTURE_SETUP(messages)
{
	ASSERT_EQ(0, script_setup(&self->s, A_NAMED_CHANNEL));
}

FIXTURE_TEARDOWN_PARENT(messages)
{
	script_sweep();
}

#define SCRIPT(want, text) SCRIPT_BY("sh", want, text)

TEST_F(command, cat_reads_until_the_senders_are_gone)
{
	SCRIPT("one\ntwo\n", "cat $N & { echo one; echo two; } >$N; wait $!");
}

TEST_F(command, cat_writes_what_it_reads)
{
	SCRIPT("one\ntwo\n",
	       "cat $N & printf 'one\\ntwo\\n' | cat >$N; wait $!");
}

/* The longest message of a channel that asked for nothing else. */
TEST_F(command, cat_takes_a_message_of_64_KiB)
{
	SCRIPT("65536\n", "cat $N | wc -c &\n"
			  "dd if=/dev/zero of=$N bs=64k count=1 2>/dev/null; "
			  "wait $!");
}

TEST_F(command, tee_copies)
{
	SCRIPT("one\none\n",
	       "cat $N >$OUT & echo one | tee $N; wait $!; cat $OUT");
}

TEST_F(command, commands_that_read_to_the_end)
{
#define FEED(text) "exec 3<>$N 4<$N; printf '" text "' >&3; exec 3>&- <&4; "
	SCRIPT("a\nb\n", FEED("b\\na\\n") "sort");
	SCRIPT("2\n", FEED("b\\na\\n") "wc -l");
	SCRIPT("b\n", FEED("b\\na\\n") "grep b");
	SCRIPT("a\n", FEED("b\\na\\n") "tail -n 1");
	SCRIPT("B\n", FEED("b\\n") "tr b B");
	SCRIPT("b.", FEED("b a\\n") "awk '{ printf \"%s.\", $1 }'");
}

/* Like a FIFO, a channel comes to life again with the next sender. */
TEST_F(command, tail_follows_from_sender_to_sender)
{
	SCRIPT("one\ntwo\n",
	       "until_has() { until grep -qs $1 $OUT; do sleep 0.01; done; }\n"
	       "tail -f -n +1 $N >$OUT & echo one >$N; until_has one; "
	       "echo two >$N; until_has two; kill $!; cat $OUT");
}

TEST_F(command, test_and_ls_and_stat_know_what_it_is)
{
	bool fifo = variant->kind == A_FIFO;

	SCRIPT(fifo ? "p\n" : "c\n",
	       "test -c $N && echo c; test -p $N && echo p; "
	       "test -f $N && echo f; test -s $N && echo s; true");
	SCRIPT("rw\n", "test -r $N && test -w $N && ! test -x $N && echo rw");
	SCRIPT(fifo ? "prw-------\n" : "crw-------\n",
	       "ls -l $N | cut -c 1-10");
	SCRIPT(fifo ? "fifo\n" : "character special file\n", "stat -c %F $N");
	SCRIPT(fifo ? "p\n" : "c\n",
	       "for t in c p f; do test -z \"$(find $N -type $t)\" || echo $t; done");
}

TEST_F(command, socat_reads_to_the_end)
{
	NEEDS("socat");
	SCRIPT("one\ntwo\n", "socat -u OPEN:$N,rdonly - &\n"
			     "{ echo one; echo two; } >$N; wait $!");
}

TEST_F(command, socat_writes)
{
	NEEDS("socat");
	SCRIPT("one\n",
	       "cat $N & echo one | socat -u - OPEN:$N,wronly; wait $!");
}

/* By itself it gives the program half a second to end. */
TEST_F(command, socat_joins_two_to_a_program)
{
	NEEDS("socat");
	SCRIPT("ONE\n",
	       "cat $M &\n"
	       "socat -t 60 OPEN:$N,rdonly!!OPEN:$M,wronly EXEC:'tr a-z A-Z' &\n"
	       "echo one >$N; wait");
}

/* Where messages show ---------------------------------------------------- */

TEST_F(messages, cat_opens_its_input_once_more)
{
	SCRIPT("one\n", "cat /proc/self/fd/0 <$N & echo one >$N; wait $!");
}

/* Each block is a message, and its length is the message's. */
TEST_F(messages, dd_makes_and_takes_single_messages)
{
	SCRIPT("abc/def/g/",
	       "exec 3<>$N; printf abcdefg | dd of=$N bs=3 2>/dev/null; "
	       "for i in 1 2 3; do " TAKE "echo -n /; done");
}

TEST_F(messages, dd_with_too_little_room_leaves_the_message)
{
	SCRIPT("1 Message too long\nabcdefg",
	       "exec 3<>$N; printf abcdefg >&3; LC_ALL=C; export LC_ALL\n"
	       "e=$(dd bs=6 count=1 <&3 2>&1); "
	       "echo $? $(echo $e | grep -o 'Message too long'); " TAKE);
}

TEST_F(messages, dd_counts_messages)
{
	SCRIPT("onetwo/three",
	       "exec 3<>$N; for m in one two three; "
	       "do printf $m >&3; done; "
	       "dd bs=64k count=2 <&3 2>/dev/null; echo -n /; " TAKE);
}

TEST_F(messages, dd_cannot_send_what_is_too_long)
{
	SCRIPT("1\nleft\n",
	       "exec 3<>$N; dd if=/dev/zero of=$N bs=65537 count=1 2>/dev/null; "
	       "echo $?; echo left >&3; " TAKE);
}

TEST_F(messages, head_takes_one_message)
{
	SCRIPT("one\ntwo\n",
	       "exec 3<>$N; echo one >&3; echo two >&3; head -n 1 <&3; " TAKE);
}

TEST_HARNESS_MAIN
