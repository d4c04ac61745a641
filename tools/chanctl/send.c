// SPDX-License-Identifier: GPL-2.0-only
/*
 * chanctl send NAME [MESSAGE], chanctl call NAME [MESSAGE]: one message, or one for
 * each line, and what became of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chanctl.h"
#include "options.h"
#include "message.h"

static struct {
	const char *until;
	uint64_t prio, tag, deadline, room;
	bool work, redeliver, nowait, lines;
	struct print_as as;
} wish = { .until = "queued", .room = CHAN_MSG_DEFAULT };

/* clang-format off */

static const struct option_of send_options[] = {
	{ 'u', "until", .text = &wish.until },
	{ 'w', "work", .flag = &wish.work },
	{ 'R', "redeliver", .flag = &wish.redeliver },
	{ 'l', "lines", .flag = &wish.lines },
	{ 'p', "prio", .number = &wish.prio, .most = CHAN_PRIO_MAX },
	{ 'g', "tag", .number = &wish.tag },
	{ 't', "deadline", .deadline = &wish.deadline },
	{ 'n', "nowait", .flag = &wish.nowait },
	{}
};

static const struct option_of call_options[] = {
	{ 'm', "room", .number = &wish.room, .most = CHAN_MSG_MAX },
	{ 'R', "redeliver", .flag = &wish.redeliver },
	{ 'p', "prio", .number = &wish.prio, .most = CHAN_PRIO_MAX },
	{ 'g', "tag", .number = &wish.tag },
	{ 't', "deadline", .deadline = &wish.deadline },
	{ 'r', "raw", .flag = &wish.as.raw },
	{ 'J', "json", .flag = &wish.as.json },
	{}
};

/* clang-format on */

static unsigned int how_far(const char *verb)
{
	static const char *const names[] = {
		[CHAN_UNTIL_QUEUED] = "queued",
		[CHAN_UNTIL_RECEIVED] = "received",
		[CHAN_UNTIL_SETTLED] = "settled",
	};

	for (size_t i = 0; i < NR(names); i++)
		if (!strcmp(wish.until, names[i]))
			return i;
	usage_error(verb,
		    "--until takes queued, received or settled, not \"%s\"",
		    wish.until);
}

/* What the styles do not allow is said here, where the options have names. */
static void check_style(const char *verb)
{
	unsigned int far = how_far(verb);

	if (wish.work && far != CHAN_UNTIL_QUEUED)
		usage_error(
			verb,
			"--work goes on when the message is queued; without it, --until settled waits for the acknowledgment");
	if (wish.redeliver && far != CHAN_UNTIL_SETTLED)
		usage_error(
			verb,
			"--redeliver is for --until settled; --work has it already");
	if (wish.nowait && far == CHAN_UNTIL_SETTLED)
		usage_error(
			verb,
			"--nowait cannot wait for an acknowledgment; --deadline bounds how long to wait");
}

static void note_wishes(struct chan_op *op)
{
	op->prio = wish.prio;
	op->tag = wish.tag;
	op->deadline = wish.deadline;
	op->on_death = wish.redeliver || wish.work ? CHAN_ON_DEATH_REDELIVER :
						     CHAN_ON_DEATH_FAIL;
}

/* As explain(), but for what is particular to a sender's message. */
static int explain_outcome(const char *name, const struct chan_op *op,
			   int error)
{
	if (error != -EREMOTEIO)
		return explain(name, error == -EAGAIN ? NO_ROOM : error);
	complain(
		"whoever received the message from \"%s\" has refused it: %s; look at what it has to say of that",
		name, strerror(op->error));
	return EXIT_FAILURE;
}

/* Styles that depend on the channel, which only the module knows. */
static void check_style_for(const char *name)
{
	if (wish.nowait && how_far("send") == CHAN_UNTIL_RECEIVED)
		usage_error(
			"send",
			"--nowait with --until received is for a channel whose cap is 0, and that of \"%s\" is not",
			name);
	if (wish.work)
		usage_error(
			"send",
			"--work is kept in the channel, and \"%s\" has a cap of 0",
			name);
}

static int send_one(int fd, const char *name, const struct bytes *message)
{
	struct chan_op op;
	int ret;

	chan_op_send(&op, fd, message->data, message->len);
	op.until = how_far("send");
	if (wish.work || op.until == CHAN_UNTIL_SETTLED)
		op.duty = CHAN_DUTY_ACK;
	op.flags = wish.nowait ? CHAN_NOWAIT : 0;
	note_wishes(&op);
	ret = chan_run(&op);
	if (ret == -EINVAL)
		check_style_for(name);
	return ret < 0 ? explain_outcome(name, &op, ret) : EXIT_SUCCESS;
}

static int send_lines(int fd, const char *name)
{
	int code = EXIT_SUCCESS;
	struct bytes message = {};
	size_t room = 0;
	ssize_t len;

	while (!code && (len = getline(&message.data, &room, stdin)) >= 0) {
		message.len = len - (len && message.data[len - 1] == '\n');
		code = send_one(fd, name, &message);
	}
	free(message.data);
	if (!ferror(stdin))
		return code;
	complain(
		"the standard input cannot be read: %s; give it from a file or a pipe",
		strerror(errno));
	return EXIT_FAILURE;
}

/* The name and the message; the endpoint, or -1 after an error that was said. */
static int open_for(const char *verb, int nr, char **operands, int *code)
{
	if (nr < 1 || nr > 2)
		usage_error(verb, "%s takes a name and perhaps a message",
			    verb);
	need_name(verb, operands[0]);
	if (wish.lines && nr == 2)
		usage_error(
			verb,
			"--lines takes the lines of the standard input, so there can be no message on the command line");
	return open_channel(operands[0], CHAN_RIGHT_SEND, code);
}

int verb_send(int argc, char **argv)
{
	int fd, nr, code = EXIT_FAILURE;
	struct bytes message;
	char **operands;

	nr = take_options(send_options, argc, argv, &operands);
	check_style(argv[0]);
	fd = open_for(argv[0], nr, operands, &code);
	if (fd < 0)
		return code;
	if (wish.lines)
		return send_lines(fd, operands[0]);
	if (!message_take(nr == 2 ? operands[1] : NULL, &message))
		return EXIT_FAILURE;
	return send_one(fd, operands[0], &message);
}

/* A receiver refuses a call so that has no room for its reply, as serve does. */
static int explain_call(const char *name, const struct chan_op *op, int error)
{
	if (error != -EREMOTEIO || op->error != EMSGSIZE)
		return explain_outcome(name, op, error);
	complain(
		"the reply from \"%s\" is longer than the %llu bytes of --room; call again with more of it",
		name, (unsigned long long)wish.room);
	return EXIT_FAILURE;
}

static int call(int fd, const char *name, const struct bytes *message)
{
	struct bytes reply = bytes_room(wish.room);
	struct chan_op op;
	int ret;

	chan_op_call(&op, fd, message->data, message->len, reply.data,
		     reply.len);
	note_wishes(&op);
	ret = chan_run(&op);
	if (ret < 0)
		return explain_call(name, &op, ret);
	reply.len = ret;
	message_print(&reply, NULL, wish.as);
	return EXIT_SUCCESS;
}

int verb_call(int argc, char **argv)
{
	int fd, nr, code = EXIT_FAILURE;
	struct bytes message;
	char **operands;

	nr = take_options(call_options, argc, argv, &operands);
	if (wish.as.raw && wish.as.json)
		usage_error(argv[0], "--raw and --json exclude each other");
	fd = open_for(argv[0], nr, operands, &code);
	if (fd < 0)
		return code;
	if (!message_take(nr == 2 ? operands[1] : NULL, &message))
		return EXIT_FAILURE;
	return call(fd, operands[0], &message);
}
