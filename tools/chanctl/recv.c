// SPDX-License-Identifier: GPL-2.0-only
/*
 * chanctl recv NAME, chanctl peek NAME: messages to standard output or a command.
 *
 * What is to be acknowledged is so when it has been printed, or when the command
 * says that it is done; otherwise it is given back.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "chanctl.h"
#include "command.h"
#include "intake.h"
#include "options.h"
#include "output.h"

static struct {
	const char *command;
	uint64_t count, deadline;
	bool nowait;
	struct print_as as;
} wish = { .count = 1 };

/* clang-format off */

static const struct option_of peek_options[] = {
	{ 't', "deadline", .deadline = &wish.deadline },
	{ 'n', "nowait", .flag = &wish.nowait },
	{ 'r', "raw", .flag = &wish.as.raw },
	{ 'J', "json", .flag = &wish.as.json },
	{}
};

static const struct option_of recv_options[] = {
	{ 'x', "exec", .text = &wish.command },
	{ 'c', "count", .number = &wish.count },
	{ 't', "deadline", .deadline = &wish.deadline },
	{ 'n', "nowait", .flag = &wish.nowait },
	{ 'r', "raw", .flag = &wish.as.raw },
	{ 'J', "json", .flag = &wish.as.json },
	{}
};

/* clang-format on */

static struct intake wanted(const char *verb, int nr, char **operands)
{
	if (nr != 1)
		usage_error(verb, "%s takes one name", verb);
	need_name(verb, operands[0]);
	if (wish.as.raw && wish.as.json)
		usage_error(verb, "--raw and --json exclude each other");
	if (wish.command && (wish.as.raw || wish.as.json))
		usage_error(
			verb,
			"--exec prints nothing, so it excludes --raw and --json");
	return (struct intake){
		.flags = wish.nowait ? CHAN_NOWAIT : 0,
		.deadline = wish.deadline,
	};
}

/* A receive that is about to wait, and does not yet, is not found: so again. */
static void end_receive(void *of)
{
	static const struct timespec soon = { .tv_nsec = 1000000 };
	const struct intake *intake = of;

	while (!chan_cancel_tag(intake->fd, intake->tag))
		nanosleep(&soon, NULL);
}

/*
 * Who waits to print ends like one who prints, when nobody reads any more: with
 * ECANCELED. The intake is looked at until the program ends.
 */
static void end_with_reader(struct intake *intake)
{
	if (wish.command || wish.nowait)
		return;
	intake->tag = 1;
	output_watch(end_receive, intake);
}

/* What ends receives is an error, but where there was no number to reach. */
static int end_of(const struct intake *intake, int error, uint64_t done)
{
	bool is_end = error == -ESHUTDOWN || (error == -EAGAIN && done);

	if (error == -ECANCELED) {
		output_abandon();
		return EXIT_SUCCESS;
	}
	return !wish.count && is_end ? EXIT_SUCCESS :
				       explain(intake->name, error);
}

int verb_peek(int argc, char **argv)
{
	char **operands;
	int nr = take_options(peek_options, argc, argv, &operands), code, ret;
	static struct intake intake;
	struct bytes message;
	struct chan_op op;

	intake = wanted(argv[0], nr, operands);
	code = intake_open(&intake, operands[0]);
	if (code)
		return code;
	intake.flags |= CHAN_PEEK;
	end_with_reader(&intake);
	ret = intake_receive(&intake, &op, &message);
	if (ret)
		return end_of(&intake, ret, 0);
	message_print(&message, &op, wish.as);
	return EXIT_SUCCESS;
}

/* A call cannot be answered from here: it is refused, as read(2) does. */
static int receive(struct intake *intake, struct chan_op *op,
		   struct bytes *message)
{
	int ret;

	for (;;) {
		ret = intake_receive(intake, op, message);
		if (ret || op->duty != CHAN_DUTY_REPLY)
			return ret;
		ret = chan_reject(intake->fd, op->id, EOPNOTSUPP);
		if (ret && ret != -ECANCELED)
			return ret;
	}
}

static int acknowledge(const struct intake *intake, const struct chan_op *op)
{
	int ret = 0;

	if (op->duty == CHAN_DUTY_ACK)
		ret = chan_ack(intake->fd, op->id);
	return ret ? explain(intake->name, ret) : EXIT_SUCCESS;
}

static int failure_of(int status)
{
	if (status == EXIT_CANNOT_RUN || status == EXIT_NO_COMMAND)
		return status;
	return EXIT_FAILURE;
}

static int give_to_command(const struct intake *intake,
			   const struct chan_op *op,
			   const struct bytes *message)
{
	int status = command_run(wish.command, message, op, NULL, 0);
	int ret = 0;

	if (!status)
		return acknowledge(intake, op);
	if (op->duty != CHAN_DUTY_NONE)
		ret = chan_return(intake->fd, op->id);
	if (ret && ret != -ECANCELED)
		return explain(intake->name, ret);
	complain(
		"the command has failed (%d), so the message of %zu bytes from \"%s\" %s; see to it that it exits with 0 when the work is done",
		status, message->len, intake->name, intake_fate(intake, op));
	return failure_of(status);
}

/* That the output has failed is said at the end, for all verbs. */
static int give_to_output(const struct intake *intake, const struct chan_op *op,
			  const struct bytes *message)
{
	message_print(message, op, wish.as);
	if (output_is_good())
		return acknowledge(intake, op);
	if (op->duty == CHAN_DUTY_NONE)
		complain(
			"a message of %zu bytes from \"%s\" is lost, for it cannot be written and was not sent as work; have it sent with --work",
			message->len, intake->name);
	else
		chan_return(intake->fd, op->id);
	return EXIT_FAILURE;
}

static int receive_all(struct intake *intake)
{
	uint64_t done = 0;
	int code = EXIT_SUCCESS, ret;
	struct bytes message;
	struct chan_op op;

	while (!code && (!wish.count || done < wish.count)) {
		if (!wish.command && output_is_unread())
			return end_of(intake, -ECANCELED, done);
		ret = receive(intake, &op, &message);
		if (ret)
			return end_of(intake, ret, done);
		code = (wish.command ? give_to_command :
				       give_to_output)(intake, &op, &message);
		done++;
	}
	return code;
}

int verb_recv(int argc, char **argv)
{
	char **operands;
	int nr = take_options(recv_options, argc, argv, &operands), code;
	static struct intake intake;

	intake = wanted(argv[0], nr, operands);
	code = intake_open(&intake, operands[0]);
	if (code)
		return code;
	end_with_reader(&intake);
	return receive_all(&intake);
}
