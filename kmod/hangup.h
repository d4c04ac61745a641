/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hangup.h - who is left at each end of a channel, and what follows
 */
#ifndef CHAN_HANGUP_H
#define CHAN_HANGUP_H

#include "channel.h"
#include "endpoint.h"

/**
 * chan_hangup_join() - a new endpoint counts from now on, and ends a hang-up
 * @endpoint: has its file
 */
void chan_hangup_join(const struct chan_endpoint *endpoint);

/**
 * chan_hangup_leave() - an endpoint dies
 * @endpoint: nobody uses it any more; its stamp goes; may sleep
 */
void chan_hangup_leave(struct chan_endpoint *endpoint);

/**
 * chan_hangup_unlink() - the name is gone, nobody can come by it
 * @channel: the channel that had it; may sleep
 */
void chan_hangup_unlink(struct chan_channel *channel);

/**
 * chan_hangup_shutdown() - no more sends, ever
 * @channel: which; may sleep
 */
void chan_hangup_shutdown(struct chan_channel *channel);

#endif /* CHAN_HANGUP_H */
