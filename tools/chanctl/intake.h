/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where messages come in: an endpoint that receives, with room for the longest
 * message of its channel.
 */
#ifndef INTAKE_H
#define INTAKE_H

#include "message.h"

/**
 * struct intake - an endpoint that receives
 * @name: of the channel
 * @fd: the endpoint
 * @room: for a message
 * @max_attempts: of the channel, how often it delivers a message; 0: no limit
 * @flags: of the receives: CHAN_NOWAIT, CHAN_PEEK
 * @deadline: until when messages are waited for; 0: as long as it takes
 * @tag: of the receives, for chan_cancel_tag(); 0: none
 */
struct intake {
	const char *name;
	int fd;
	struct bytes room;
	unsigned int max_attempts;
	unsigned int flags;
	uint64_t deadline, tag;
};

/* 0, or the exit code after an error that was said. */
int intake_open(struct intake *intake, const char *name);

/* Receives a message; 0, or a negative errno. */
int intake_receive(struct intake *intake, struct chan_op *op,
		   struct bytes *message);

/* What becomes of a message whose work was not done, as the end of a sentence. */
const char *intake_fate(const struct intake *intake, const struct chan_op *op);

#endif /* INTAKE_H */
