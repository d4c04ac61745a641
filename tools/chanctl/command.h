/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands that are run for a message.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "message.h"

/*
 * Runs @command by the shell with @message, of which @op tells, on its standard
 * input. With @output that takes its standard output, up to @most bytes and one;
 * otherwise the command shares that of this program. The status as a shell tells
 * it: 128 and more for a signal; 126 if it could not be run.
 */
int command_run(const char *command, const struct bytes *message,
		const struct chan_op *op, struct bytes *output, size_t most);

#endif /* COMMAND_H */
