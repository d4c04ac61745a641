// SPDX-License-Identifier: GPL-2.0-only
/*
 * pending.c - an operation that goes on while its task does something else
 *
 * Owns the course of an operation for which nobody sleeps: what may fail, then
 * what needs the lock, then, once somebody else has decided it, its end. The end
 * copies, so it takes place where the door says, and until then a message that
 * was given to a receiver is not received. It does not know the door.
 */
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "charge.h"
#include "compat.h"
#include "flow.h"
#include "pending.h"
#include "supply.h"

/*
 * PENDING_RESUMED: @resume was called, and chan_pending_continue() has to come.
 * PENDING_DECIDED: it is decided, and whoever decided it is done with it.
 */
#define PENDING_RESUMED BIT(0)
#define PENDING_DECIDED BIT(1)

static struct kmem_cache *pendings;

/* Run once for each piece of memory; keeps the allocator from zeroing it. */
static void construct(void *object)
{
	struct chan_pending *pending = object;

	atomic_set(&pending->progress, 0);
}

int chan_pending_init(void)
{
	/* A record of another size than this kernel's is written from there. */
	struct kmem_cache_args args = {
		.ctor = construct,
		.useroffset = offsetof(struct chan_pending, call.op),
		.usersize = sizeof(struct chan_op),
	};

	pendings = kmem_cache_create("chan_pending",
				     sizeof(struct chan_pending), &args,
				     SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT);
	return pendings ? 0 : -ENOMEM;
}

void chan_pending_exit(void)
{
	kmem_cache_destroy(pendings);
}

static bool receives(const struct chan_pending *pending)
{
	return pending->call.op.code == CHAN_OP_RECV;
}

/*
 * The last touch of whoever calls it: chan_pending_continue() may run at once.
 * It takes PENDING_RESUMED away before it looks, so what it does not see calls
 * @resume again.
 */
static void resume(struct chan_pending *pending, int progress)
{
	int before =
		atomic_fetch_or(PENDING_RESUMED | progress, &pending->progress);

	if (!(before & PENDING_RESUMED))
		pending->resume(pending);
}

static void decided(struct chan_waiter *waiter)
{
	resume(container_of(waiter, struct chan_pending, waiter),
	       PENDING_DECIDED);
}

/* Interrupts come while the lock of the channel is held: not the place to end. */
static enum hrtimer_restart expired(struct hrtimer *timer)
{
	resume(container_of(timer, struct chan_pending, timer), 0);
	return HRTIMER_NORESTART;
}

static int prepare(struct chan_pending *pending)
{
	struct chan_endpoint *endpoint = pending->endpoint;
	struct chan_call *call = &pending->call;

	pending->message = NULL;
	if (receives(pending))
		return chan_receive_prepare(&pending->receiving, &pending->to,
					    endpoint, call);
	pending->sending = (struct chan_sending){
		.endpoint = endpoint,
		.call = call,
	};
	if (call->op.code == CHAN_OP_SEND)
		pending->message = chan_send_prepare(endpoint, call);
	return PTR_ERR_OR_ZERO(pending->message);
}

static bool too_many(struct chan_endpoint *endpoint)
{
	unsigned int nr = atomic_inc_return(&endpoint->nr_pending);

	return nr > chan_charge_max_parked();
}

static struct chan_pending *make(struct chan_endpoint *endpoint,
				 const struct chan_call *call)
{
	struct chan_pending *pending = NULL;
	int err = -EBUSY;

	if (!too_many(endpoint)) {
		err = -ENOMEM;
		pending = xchg(&endpoint->spare_pending, NULL) ?:
				  kmem_cache_alloc(pendings, CHAN_GFP);
	}
	if (!pending) {
		atomic_dec(&endpoint->nr_pending);
		return ERR_PTR(err);
	}
	pending->call = *call;
	pending->endpoint = endpoint;
	pending->series = NULL;
	pending->canceled = false;
	return pending;
}

static void release(struct chan_pending *pending)
{
	struct chan_endpoint *endpoint = pending->endpoint;

	atomic_dec(&endpoint->nr_pending);
	pending = xchg(&endpoint->spare_pending, pending);
	if (pending)
		kmem_cache_free(pendings, pending);
}

void chan_pending_release_spare(struct chan_endpoint *endpoint)
{
	if (endpoint->spare_pending)
		kmem_cache_free(pendings, endpoint->spare_pending);
	endpoint->spare_pending = NULL;
}

struct chan_pending *chan_pending_create(struct chan_endpoint *endpoint,
					 struct chan_call *call)
{
	struct chan_pending *pending = make(endpoint, call);
	int err;

	if (IS_ERR(pending)) {
		if (call->op.code == CHAN_OP_SEND)
			call->op.state = CHAN_STATE_WITHDRAWN;
		chan_op_finish(call, PTR_ERR(pending));
		return pending;
	}
	err = prepare(pending);
	if (!err)
		return pending;
	chan_op_finish(&pending->call, err);
	release(pending);
	return ERR_PTR(err);
}

void chan_pending_make_series(struct chan_pending *pending,
			      struct chan_series *series)
{
	struct chan_receiving *receiving = &pending->receiving;

	chan_series_begin(series, pending->endpoint, &pending->call,
			  &pending->waiter);
	pending->series = series;
	receiving->call = &series->call;
	/* Room is looked for when the message is there. */
	receiving->want.room = CHAN_MSG_MAX;
}

/* True if CHAN_OP_CANCEL has counted it. */
static bool end_series(struct chan_pending *pending)
{
	struct chan_series *series = chan_pending_series(pending);

	return series && chan_series_end(series, pending->endpoint);
}

void chan_pending_destroy(struct chan_pending *pending)
{
	end_series(pending);
	if (receives(pending))
		chan_receive_discard(&pending->receiving);
	release(pending);
}

static int try_to_receive(struct chan_pending *pending)
{
	if (unlikely(chan_pending_series(pending)) && pending->series->canceled)
		return -ECANCELED;
	return chan_receive_try(&pending->receiving, &pending->waiter);
}

static int claim_or_park(struct chan_pending *pending)
{
	struct chan_channel *channel = pending->endpoint->channel;
	int err;

	spin_lock(&channel->lock);
	err = try_to_receive(pending);
	if (err == -EAGAIN) {
		chan_receive_park(&pending->receiving, &pending->waiter);
		err = -EINPROGRESS;
	}
	chan_wait_unlock(channel);
	return err;
}

static void prepare_to_wait_for_decision(struct chan_pending *pending)
{
	pending->waiter = (struct chan_waiter){ .call = decided };
	atomic_set(&pending->progress, 0);
}

/* What there is no room for is the next one's. */
static noinline int provide(struct chan_pending *pending)
{
	struct chan_series *series = pending->series;
	struct chan_waiter *waiter = &pending->waiter;
	u32 len = waiter->message->len;
	int err;

	/* Nobody else knows it until it starts over. */
	waiter->decided = true;
	err = series->provide(series, len, &pending->to);
	if (err == -EMSGSIZE)
		pending->call.op.len = len;
	if (err)
		chan_receive_forgo(&pending->receiving, waiter);
	return err;
}

static int copy(struct chan_pending *pending)
{
	const struct chan_waiter *waiter = &pending->waiter;
	int err = 0;

	if (unlikely(chan_pending_series(pending)) && !waiter->result)
		err = provide(pending);
	return err ?: chan_receive_conclude(&pending->receiving, waiter);
}

/* There may be another. */
static bool was_taken_back(const struct chan_pending *pending, int result)
{
	return result == -ECANCELED && !pending->waiter.result;
}

static int start_receive(struct chan_pending *pending)
{
	int result;

	do {
		prepare_to_wait_for_decision(pending);
		result = claim_or_park(pending);
		if (result == -EINPROGRESS)
			return result;
		pending->waiter.result = result;
		result = copy(pending);
	} while (was_taken_back(pending, result));
	return result;
}

static int start_send(struct chan_pending *pending)
{
	struct chan_sending *sending = &pending->sending;

	prepare_to_wait_for_decision(pending);
	if (pending->message)
		return chan_send_start(sending, pending->message,
				       &pending->waiter);
	return chan_send_resume(sending, &pending->waiter, &pending->message);
}

static u64 deadline_of(const struct chan_pending *pending)
{
	return receives(pending) ? pending->call.deadline :
				   pending->sending.answer.deadline;
}

static void start_timer(struct chan_pending *pending)
{
	u64 deadline = deadline_of(pending);

	if (!deadline)
		return;
	hrtimer_setup(&pending->timer, expired, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS);
	hrtimer_start(&pending->timer, min_t(u64, deadline, KTIME_MAX),
		      HRTIMER_MODE_ABS);
}

static int start(struct chan_pending *pending)
{
	int result;

	result = receives(pending) ? start_receive(pending) :
				     start_send(pending);
	/* It may be decided by now, but it does not go on before this returns. */
	if (result == -EINPROGRESS)
		start_timer(pending);
	return result;
}

/* Of a series the record tells how it ends. */
static int tell(struct chan_pending *pending, int result)
{
	if (unlikely(chan_pending_series(pending))) {
		if (result >= 0)
			return result;
		if (end_series(pending))
			result = -ECANCELED;
	}
	return chan_op_finish(&pending->call, result);
}

int chan_pending_start(struct chan_pending *pending)
{
	int result;

	/* Whoever was woken before may do all that is waited for here. */
	cond_resched();
	result = start(pending);
	return result == -EINPROGRESS ? result : tell(pending, result);
}

int chan_pending_start_over(struct chan_pending *pending)
{
	if (chan_wait_has_passed(pending->call.deadline))
		return tell(pending, -ETIMEDOUT);
	return chan_pending_start(pending);
}

/* False: somebody has decided it before. */
static bool give_up(struct chan_pending *pending, int err)
{
	struct chan_channel *channel = pending->endpoint->channel;
	struct chan_waiter *waiter = &pending->waiter;

	spin_lock(&channel->lock);
	if (waiter->decided) {
		spin_unlock(&channel->lock);
		return false;
	}
	if (receives(pending)) {
		chan_flow_leave(channel, waiter);
		waiter->result = err;
		waiter->decided = true;
	} else {
		chan_send_leave(&pending->sending, pending->message, waiter,
				err);
	}
	chan_wait_unlock(channel);
	return true;
}

void chan_pending_cancel(struct chan_pending *pending)
{
	pending->canceled = true;
	end_series(pending);
	if (give_up(pending, -ECANCELED))
		resume(pending, PENDING_DECIDED);
}

static int conclude_receive(struct chan_pending *pending)
{
	int result = copy(pending);

	return was_taken_back(pending, result) ? start(pending) : result;
}

static int conclude(struct chan_pending *pending)
{
	int result;

	result = receives(pending) ? conclude_receive(pending) :
				     chan_send_conclude(&pending->sending,
							&pending->waiter);
	return result == -EINPROGRESS ? result : tell(pending, result);
}

static int forgo(struct chan_pending *pending)
{
	if (!receives(pending))
		return chan_send_forgo(&pending->sending, &pending->waiter);
	chan_receive_forgo(&pending->receiving, &pending->waiter);
	return pending->waiter.result ?: -ECANCELED;
}

int chan_pending_continue(struct chan_pending *pending, bool dead)
{
	int before;

	/* It must not call after PENDING_RESUMED is taken away. */
	if (deadline_of(pending))
		hrtimer_cancel(&pending->timer);
	before = atomic_fetch_andnot(PENDING_RESUMED, &pending->progress);
	/* Neither the timer nor a decision: whoever decided it has yet to call. */
	if (!(before & PENDING_DECIDED) && !give_up(pending, -ETIMEDOUT))
		return -EINPROGRESS;
	return dead || pending->canceled ? forgo(pending) : conclude(pending);
}
