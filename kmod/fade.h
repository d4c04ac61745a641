/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fade.h - memory that channels keep goes when they do not use it
 */
#ifndef CHAN_FADE_H
#define CHAN_FADE_H

#include <linux/types.h>

struct chan_channel;

/**
 * chan_fade_enter() - look after a channel that keeps long messages now
 * @channel: that says so for the first time; no lock held
 */
void chan_fade_enter(struct chan_channel *channel);

/**
 * chan_fade_leave() - a channel goes
 * @channel: that nobody else knows any more
 */
void chan_fade_leave(struct chan_channel *channel);

/**
 * chan_fade_all() - let go at once of what all channels keep
 *
 * For whoever has no memory otherwise; no lock held, may sleep.
 *
 * Return: true if there was any.
 */
bool chan_fade_all(void);

/**
 * chan_fade_exit() - no channel is left
 */
void chan_fade_exit(void);

#endif /* CHAN_FADE_H */
