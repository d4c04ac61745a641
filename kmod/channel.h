/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * channel.h - one queue and everything that is true of it
 */
#ifndef CHAN_CHANNEL_H
#define CHAN_CHANNEL_H

#include <linux/cred.h>
#include <linux/overflow.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <linux/chan.h>

#include "pool.h"
#include "queue.h"
#include "spin.h"

struct chan_node;
struct chan_stamp;
struct chan_user;
struct chan_waiter;
struct task_struct;

/**
 * struct chan_attributes - what is said of a channel when it is made
 * @name: NUL-padded, empty for an anonymous channel
 * @flags: CHAN_HANGUP and the others of struct chan_create
 * @cap: messages it holds; 0 is a rendezvous
 * @msg_max: longest message
 * @bytes_max: what all messages together may count
 * @max_attempts: deliveries of one message; 0 is no limit
 * @mode: permission bits of the node
 * @type: a number of the user's
 */
struct chan_attributes {
	char name[CHAN_NAME_MAX + 1];
	u32 flags;
	u32 cap;
	u32 msg_max;
	u64 bytes_max;
	u32 max_attempts;
	umode_t mode;
	u64 type;
};

/**
 * struct chan_wakeups - whom to wake once the lock is dropped
 * @decided: operations, the last decided first
 * @readable: messages that a poller can now receive
 * @writable: slots that a poller can now send to
 * @ended: one side of the channel is gone for all who poll
 * @retired: stamps to be freed
 * @chosen: a task, referenced, one of whose waiters was chosen, or NULL
 * @fades: long messages are kept from now on: fade.c is to know
 * @any: is there anything to do at all?
 *
 * Part of a channel, guarded by its lock; empty whenever that is free.
 */
struct chan_wakeups {
	struct chan_waiter *decided;
	unsigned int readable;
	unsigned int writable;
	bool ended;
	bool any;
	struct chan_stamp *retired;
	struct task_struct *chosen;
	bool fades;
};

/**
 * enum chan_end_told - who waits in vain, and was told so
 * @CHAN_END_OF_NOBODY: there is something to wait for
 * @CHAN_END_OF_THE_HOLDER: those on the one endpoint that owes all that is left
 * @CHAN_END_OF_ALL: everybody
 */
enum chan_end_told {
	CHAN_END_OF_NOBODY,
	CHAN_END_OF_THE_HOLDER,
	CHAN_END_OF_ALL,
};

/**
 * struct chan_channel - one queue of messages
 *
 * Made by chan_channel_create(). Referenced by each endpoint on it and, while
 * it has a name, by the table of names. It ends in this order: the name goes
 * (REMOVE, or the creator's last close with CHAN_EPHEMERAL); the last endpoint
 * is released; the last reference frees it and gives its charge back.
 */
struct chan_channel {
	/** @refs: endpoints, and one for the name */
	refcount_t refs;

	/* Fixed at creation. */

	/** @serial: tells channels apart, named or not; never reused */
	u64 serial;
	/** @attr: as said at creation, defaults filled in */
	struct chan_attributes attr;
	/** @owner: the creator's euid, whatever chown did later */
	kuid_t owner;
	/** @plain: what is meant by a send that asks for nothing */
	struct chan_terms plain;
	/** @payer: whose room this is; given back at the end */
	struct chan_user *payer;

	/** @node: the node, while there is one; guarded by the table of names */
	struct chan_node *node;

	/** @readable: those who poll for receiving */
	struct wait_queue_head readable;
	/** @writable: those who poll for sending */
	struct wait_queue_head writable;

	/** @fading: among those that keep long messages; guarded by fade.c */
	struct list_head fading;

	/** @send_spin: of those who wait for a slot, a receipt or an outcome */
	struct chan_spin send_spin;
	/** @receive_spin: of those who wait for a message */
	struct chan_spin receive_spin;

	/** @lock: guards what follows; a leaf, nothing sleeps under it */
	spinlock_t lock;

	/** @wake: what chan_wait_unlock() has to do */
	struct chan_wakeups wake;
	/** @queue: what can be received; with cap 0: from waiting senders */
	struct chan_queue queue;
	/** @line: messages of senders that wait for a slot, first come first */
	struct list_head line;
	/** @idle: receivers that wait for a message, first come first */
	struct list_head idle;
	/** @peekers: those that wait for a look at one */
	struct list_head peekers;
	/** @pool: used messages, kept for the next senders */
	struct chan_pool pool;
	/** @next_number: the next id or token */
	u64 next_number;
	/** @front: the place of what came back last; counts down from 0 */
	s64 front;
	/** @bytes: what @queued and @unsettled messages count */
	u64 bytes;
	/** @queued: messages QUEUED or CLAIMED; each holds a slot */
	unsigned int queued;
	/** @claimed: messages that receivers are copying, also in vain */
	unsigned int claimed;
	/** @unsettled: received, duty open or ABANDONED; each holds a slot */
	unsigned int unsettled;
	/** @holders: endpoints from which one of @unsettled may come back */
	unsigned int holders;
	/** @orphans: what messages count whose senders left them, with cap 0 */
	u64 orphans;
	/** @nr_line: messages WAITING, in @line or, with cap 0, in @queue */
	unsigned int nr_line;
	/** @nr_idle: receivers in @idle */
	unsigned int nr_idle;
	/** @nr_peekers: operations in @peekers */
	unsigned int nr_peekers;

	/** @senders: endpoints with CHAN_RIGHT_SEND */
	unsigned int senders;
	/** @receivers: endpoints with CHAN_RIGHT_RECV */
	unsigned int receivers;
	/** @had_senders: there has been one */
	bool had_senders;
	/** @had_receivers: there has been one */
	bool had_receivers;
	/** @unlinked: had a name and lost it */
	bool unlinked;
	/** @shut: shut down, no more sends */
	bool shut;
	/** @deserted: hung up by its receivers: nobody will receive a send */
	bool deserted;
	/** @closing: shut, or hung up by its senders: what is there is all */
	bool closing;
	/** @end_told: to whom of those who wait the end was told */
	enum chan_end_told end_told;

	/** @sent: messages that got a slot or, with cap 0, were received */
	u64 sent;
	/** @received: deliveries */
	u64 received;
	/** @settled: duties that were fulfilled or refused */
	u64 settled;
	/** @redelivered: messages that came back from a receiver */
	u64 redelivered;
	/** @dropped: messages that nobody could receive any more */
	u64 dropped;
};

/**
 * chan_channel_create() - make a channel
 * @attr: its attributes, valid and complete
 * @cred: the creator, who pays
 *
 * Return: the channel with one reference, or ERR_PTR: -ENOSPC, -EDQUOT,
 * -ENOMEM.
 */
struct chan_channel *chan_channel_create(const struct chan_attributes *attr,
					 const struct cred *cred);

/**
 * chan_channel_get() - take a reference
 * @channel: a channel that the caller knows to be alive
 *
 * Return: @channel.
 */
struct chan_channel *chan_channel_get(struct chan_channel *channel);

/**
 * chan_channel_put() - drop a reference; the last one frees the channel
 * @channel: not held by any lock; may sleep
 */
void chan_channel_put(struct chan_channel *channel);

/**
 * chan_channel_stat() - attributes and counts, all of one moment
 * @channel: which
 * @stat: result
 */
void chan_channel_stat(struct chan_channel *channel, struct chan_stat *stat);

/**
 * chan_channel_is_named() - was it made with a name?
 * @channel: which
 *
 * Return: true, also after the name was removed.
 */
static inline bool chan_channel_is_named(const struct chan_channel *channel)
{
	return channel->attr.name[0];
}

/**
 * chan_channel_used() - how many slots are not free
 * @channel: which, its lock held
 *
 * Return: messages that hold one; with cap 0 none is ever free.
 */
static inline unsigned int chan_channel_used(const struct chan_channel *channel)
{
	return channel->queued + channel->unsettled;
}

/**
 * chan_channel_leeway() - how much may be left behind outside of the slots
 * @channel: which
 *
 * What senders leave to receivers without slots, or what receivers leave to
 * senders who do not fetch it. More than the room, so that one who comes late
 * does not hold up others in a small channel; but bounded.
 *
 * Return: bytes.
 */
static inline u64 chan_channel_leeway(const struct chan_channel *channel)
{
	u64 leeway;

	if (check_add_overflow(channel->attr.bytes_max, CHAN_MSG_DEFAULT,
			       &leeway))
		return U64_MAX;
	return leeway;
}

/**
 * chan_channel_refuses() - is there no sense in sending?
 * @channel: which, its lock held
 *
 * Return: true if a send gets EPIPE.
 */
static inline bool chan_channel_refuses(const struct chan_channel *channel)
{
	return channel->shut || channel->deserted;
}

#endif /* CHAN_CHANNEL_H */
