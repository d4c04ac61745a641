// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving, for all verbs that do.
 */
#include <unistd.h>

#include "chanctl.h"
#include "intake.h"

int intake_open(struct intake *intake, const char *name)
{
	struct chan_stat stat;
	int code = 0, ret;

	intake->name = name;
	intake->fd = open_channel(name, CHAN_RIGHT_RECV, &code);
	if (intake->fd < 0)
		return code;
	ret = chan_stat(intake->fd, &stat);
	if (ret)
		return explain(name, ret);
	intake->room = bytes_room(stat.msg_max);
	intake->max_attempts = stat.max_attempts;
	return 0;
}

int intake_receive(struct intake *intake, struct chan_op *op,
		   struct bytes *message)
{
	int ret;

	chan_op_recv(op, intake->fd, intake->room.data, intake->room.len);
	op->flags = intake->flags;
	op->deadline = intake->deadline;
	op->tag = intake->tag;
	ret = chan_run(op);
	*message = (struct bytes){ intake->room.data, ret < 0 ? 0 : ret };
	return ret < 0 ? ret : 0;
}

const char *intake_fate(const struct intake *intake, const struct chan_op *op)
{
	if (op->duty == CHAN_DUTY_NONE)
		return "is lost, for it was not sent as work";
	if (intake->max_attempts && op->attempt >= intake->max_attempts)
		return "is dropped, for this was the last of max_attempts";
	return "is given back";
}
