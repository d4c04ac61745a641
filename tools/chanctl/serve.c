// SPDX-License-Identifier: GPL-2.0-only
/*
 * chanctl serve NAME CMD: a server whose replies are the output of a command.
 */
#include <errno.h>
#include <stdlib.h>

#include "chanctl.h"
#include "command.h"
#include "intake.h"
#include "options.h"

static struct {
	uint64_t count, deadline;
} wish;

/* clang-format off */

static const struct option_of options[] = {
	{ 'c', "count", .number = &wish.count },
	{ 't', "deadline", .deadline = &wish.deadline },
	{}
};

/* clang-format on */

/* How the duty ends. A command that says too much may have died of it. */
static int settle(const struct intake *intake, const struct chan_op *op,
		  int status, const struct bytes *output)
{
	if (op->duty == CHAN_DUTY_NONE)
		return 0;
	if (op->duty == CHAN_DUTY_REPLY && output->len > op->reply_len)
		return chan_reject(intake->fd, op->id, EMSGSIZE);
	if (status)
		return chan_reject(intake->fd, op->id, EIO);
	if (op->duty == CHAN_DUTY_ACK)
		return chan_ack(intake->fd, op->id);
	return chan_reply(intake->fd, op->id, output->data, output->len);
}

/* A command that cannot be run is no answer: somebody else may have one. */
static int give_up(const struct intake *intake, const struct chan_op *op,
		   const char *command, int status)
{
	if (op->duty != CHAN_DUTY_NONE)
		chan_return(intake->fd, op->id);
	complain(
		"\"%s\" cannot be run, so the message from \"%s\" %s; correct the command",
		command, intake->name, intake_fate(intake, op));
	return status;
}

static int serve_one(const struct intake *intake, const struct chan_op *op,
		     const struct bytes *message, const char *command)
{
	size_t most = op->duty == CHAN_DUTY_REPLY ? op->reply_len :
						    CHAN_MSG_MAX;
	struct bytes output = {};
	int status, ret;

	status = command_run(command, message, op, &output, most);
	if (status == EXIT_CANNOT_RUN || status == EXIT_NO_COMMAND)
		ret = give_up(intake, op, command, status);
	else
		ret = settle(intake, op, status, &output);
	free(output.data);
	if (ret == -ECANCELED) /* The caller has left. */
		return 0;
	return ret < 0 ? explain(intake->name, ret) : ret;
}

static int serve(struct intake *intake, const char *command)
{
	int code = EXIT_SUCCESS, ret;
	struct bytes message;
	struct chan_op op;

	for (uint64_t done = 0; !code && (!wish.count || done < wish.count);
	     done++) {
		ret = intake_receive(intake, &op, &message);
		if (ret == -ESHUTDOWN && !wish.count)
			return EXIT_SUCCESS;
		if (ret)
			return explain(intake->name, ret);
		code = serve_one(intake, &op, &message, command);
	}
	return code;
}

int verb_serve(int argc, char **argv)
{
	struct intake intake = {};
	char **operands;
	int code;

	if (take_options(options, argc, argv, &operands) != 2)
		usage_error(
			argv[0],
			"serve takes a name and a command, which is one word for the shell");
	need_name(argv[0], operands[0]);
	intake.deadline = wish.deadline;
	code = intake_open(&intake, operands[0]);
	return code ? code : serve(&intake, operands[1]);
}
