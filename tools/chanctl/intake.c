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
