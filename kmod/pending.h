/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pending.h - an operation that goes on while its task does something else
 */
#ifndef CHAN_PENDING_H
#define CHAN_PENDING_H

#include <linux/atomic.h>
#include <linux/hrtimer.h>

#include "compat.h"
#include "endpoint.h"
#include "message.h"
#include "op.h"
#include "receive.h"
#include "send.h"
#include "series.h"
#include "wait.h"

/**
 * struct chan_pending - a SEND, a RECV, a look or a WAIT
 * @call: its record
 * @endpoint: on which; whoever made this keeps it open
 * @waiter: others know it between chan_pending_start() and the decision
 * @series: of a RECV that starts over after each message; otherwise NULL
 * @message: of a SEND: what is to be sent, then as for @waiter; of a WAIT: what
 *	was sent
 * @receiving: of a RECV or a look: what it takes
 * @to: of a RECV or a look: where to
 * @sending: of a SEND or a WAIT: how the outcome is told
 * @timer: until its deadline, if it has one
 * @progress: PENDING_*
 * @canceled: its door has given it up
 * @resume: called once something has happened, from anywhere, at most once
 *	before each chan_pending_continue(); does not sleep
 * @owner: for the use of @resume
 *
 * Made by a door, by chan_pending_create(), and the door's alone until
 * chan_pending_start(). From then on whoever decides it, its timer and its door
 * may all want to go on with it: @progress says who calls @resume, and that
 * happens once for all of them. Only chan_pending_continue() ends it; then it is
 * the door's alone again. The door does not call chan_pending_start(),
 * chan_pending_continue() and chan_pending_cancel() at the same time.
 */
struct chan_pending {
	struct chan_call call;
	struct chan_endpoint *endpoint;
	struct chan_waiter waiter;
	struct chan_series *series;
	struct chan_message *message;
	union {
		struct {
			struct chan_receiving receiving;
			struct chan_payload to;
		};
		struct chan_sending sending;
	};
	struct hrtimer timer;
	atomic_t progress;
	bool canceled;
	void (*resume)(struct chan_pending *pending);
	void *owner;
};

/**
 * chan_pending_series() - does it start over?
 * @pending: which
 *
 * Return: what it has for that, or NULL.
 */
static inline struct chan_series *
chan_pending_series(const struct chan_pending *pending)
{
	return CHAN_COMPAT_URING_MULTISHOT ? pending->series : NULL;
}

/**
 * chan_pending_init() - make the cache of pending operations
 *
 * Return: 0 or -ENOMEM.
 */
int chan_pending_init(void);

/**
 * chan_pending_exit() - give the cache back; none is pending
 */
void chan_pending_exit(void);

/**
 * chan_pending_release_spare() - there will be no next one
 * @endpoint: whose last file reference is gone
 */
void chan_pending_release_spare(struct chan_endpoint *endpoint);

/**
 * chan_pending_create() - do all that may fail while nobody knows of it
 * @endpoint: on which
 * @call: for which chan_op_run_at_once() had to wait; copied, and told if this
 *	fails
 *
 * Return: with neither @resume nor @owner; ERR_PTR: -EBUSY, too many are pending;
 * -ENOMEM, or why the operation fails.
 */
struct chan_pending *chan_pending_create(struct chan_endpoint *endpoint,
					 struct chan_call *call);

/**
 * chan_pending_make_series() - let it start over after each message
 * @pending: a RECV of which chan_op_permit_series() approves; not started
 * @series: with @provide; the door's again after chan_pending_destroy()
 */
void chan_pending_make_series(struct chan_pending *pending,
			      struct chan_series *series);

/**
 * chan_pending_destroy() - the end
 * @pending: the door's alone
 */
void chan_pending_destroy(struct chan_pending *pending);

/**
 * chan_pending_start() - do it, or wait for it
 * @pending: with @resume
 *
 * Return: what came of it, told; -EINPROGRESS: @resume is or will be called.
 */
int chan_pending_start(struct chan_pending *pending);

/**
 * chan_pending_continue() - go on with it
 * @pending: whose @resume has been called
 * @dead: its task is gone: nothing can be copied, nobody can be told
 *
 * Return: as chan_pending_start(). What nobody was there to receive has not been
 * received; the operation is -ECANCELED then.
 */
int chan_pending_continue(struct chan_pending *pending, bool dead);

/**
 * chan_pending_start_over() - the next message of a series
 * @pending: its last result was not negative, and nobody knows of it since
 *
 * Return: as chan_pending_start(). The record is told when it is negative: that
 * is the end.
 */
int chan_pending_start_over(struct chan_pending *pending);

/**
 * chan_pending_cancel() - give up
 * @pending: started; @resume is or will be called, or it is to start over
 *
 * If it is decided, chan_pending_continue() goes on as if its task were dead, for
 * that task is leaving the memory it would copy to.
 */
void chan_pending_cancel(struct chan_pending *pending);

#endif /* CHAN_PENDING_H */
