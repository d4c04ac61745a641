/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * The engine poll: an operation is tried with CHAN_NOWAIT, and again when epoll says
 * that its endpoint is ready. It goes on only while somebody is here. Operations that
 * wait on one endpoint for the same stand in a line, and only the first is tried.
 *
 * epoll tells edges. A level would last as long as a channel hangs up that still has
 * something to come, and that may be for ever.
 */
#ifndef RING_POLL_H
#define RING_POLL_H

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "ring_ask.h"

/* How many endpoints that are ready are told at once. */
#define EVENTS 16

static bool can_wait(const struct chan_op *op)
{
	return op->code == CHAN_OP_SEND || op->code == CHAN_OP_RECV;
}

static enum direction direction_of(const struct slot *slot)
{
	return slot->op->code == CHAN_OP_RECV ? RECEIVING : SENDING;
}

/* A send that does not wait gets a slot or, where there are none, a receiver. */
static int poll_accepts_send(const struct chan_op *op)
{
	struct chan_stat stat;

	switch (op->until) {
	case CHAN_UNTIL_RECEIVED:
		return chan_stat(op->fd, &stat) || !stat.cap ? 0 : -EOPNOTSUPP;
	case CHAN_UNTIL_SETTLED:
		return -EOPNOTSUPP;
	default:
		return 0;
	}
}

static int poll_accepts(const struct chan_op *op)
{
	switch (op->code) {
	case CHAN_OP_SEND:
		return poll_accepts_send(op);
	case CHAN_OP_WAIT:
		return -EOPNOTSUPP;
	default:
		return 0;
	}
}

static void poll_start(struct chan_ring *ring, struct slot *slot)
{
	if (slot->asks)
		question_begin(ring, &ring->polling.asking, slot);
	line_append(&ring->polling.started, slot);
}

/* Ends ----------------------------------------------------------------------- */

static void over(struct polling *polling, struct slot *slot, int result)
{
	if (slot->asks)
		question_end(&polling->asking, slot);
	slot->result = result;
	line_append(&polling->over, slot);
}

/* Of one that the kernel has not begun, or has taken back. */
static void over_unsent(struct polling *polling, struct slot *slot, int result)
{
	if (slot->op->code == CHAN_OP_SEND)
		slot->op->state = CHAN_STATE_WITHDRAWN;
	over(polling, slot, result);
}

/* Lanes ---------------------------------------------------------------------- */

static struct lane **bucket_of(const struct polling *polling, int fd)
{
	return &polling->buckets[(unsigned int)fd & polling->mask];
}

static struct lane *lane_find(const struct polling *polling, int fd)
{
	struct lane *lane = *bucket_of(polling, fd);

	while (lane && lane->fd != fd)
		lane = lane->next;
	return lane;
}

/* There are as many as there may be operations. */
static struct lane *lane_make(struct polling *polling, int fd)
{
	struct lane **bucket = bucket_of(polling, fd);
	struct lane *lane = polling->free;

	polling->free = lane->next;
	*lane = (struct lane){ .next = *bucket, .fd = fd };
	*bucket = lane;
	return lane;
}

static struct lane *lane_of(struct polling *polling, int fd)
{
	struct lane *lane = lane_find(polling, fd);

	return lane ? lane : lane_make(polling, fd);
}

/* The endpoint may be closed by now, which it should not be. */
static void lane_release(struct chan_ring *ring, struct lane *lane)
{
	struct polling *polling = &ring->polling;
	struct lane **link = bucket_of(polling, lane->fd);

	if (lane->events)
		QUIETLY(epoll_ctl(ring->fd, EPOLL_CTL_DEL, lane->fd, NULL));
	while (*link != lane)
		link = &(*link)->next;
	*link = lane->next;
	*lane = (struct lane){ .next = polling->free };
	polling->free = lane;
}

static void lane_release_if_idle(struct chan_ring *ring, struct lane *lane)
{
	if (!lane->waiting[RECEIVING].first && !lane->waiting[SENDING].first &&
	    !lane->nr_asked)
		lane_release(ring, lane);
}

/* What is ready at this moment is told as well. */
static int lane_watch(struct chan_ring *ring, struct lane *lane,
		      uint32_t wanted)
{
	struct epoll_event event = {
		.events = lane->events | wanted | EPOLLET,
		.data.ptr = lane,
	};
	int op = lane->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	int err;

	if (lane->events & wanted)
		return 0;
	err = QUIETLY(epoll_ctl(ring->fd, op, lane->fd, &event));
	if (!err)
		lane->events |= wanted;
	return err;
}

/* Trying --------------------------------------------------------------------- */

static void note_deadline(struct polling *polling, uint64_t deadline)
{
	if (deadline && (!polling->earliest || deadline < polling->earliest))
		polling->earliest = deadline;
}

/*
 * False: it has to wait. A signal may come while it is copied on a rendezvous, and the
 * edge that has told of it does not come again.
 */
static bool try_operation(struct polling *polling, struct slot *slot)
{
	struct chan_op *op = slot->op;
	bool waits = can_wait(op) && !(slot->flags & CHAN_NOWAIT);
	int result;

	if (waits)
		op->flags |= CHAN_NOWAIT;
	do {
		result = chan_run(op);
	} while (waits && result == -EINTR);
	op->flags = slot->flags;
	if (waits && result == -EAGAIN)
		return false;
	over(polling, slot, result);
	return true;
}

/* Watched before it is asked: nobody is left to answer is told once. */
static bool try_question(struct chan_ring *ring, struct slot *slot)
{
	struct polling *polling = &ring->polling;
	struct lane *lane = lane_of(polling, slot->fd);
	int result = lane_watch(ring, lane, EPOLLERR);

	if (!result)
		result = question_send(&polling->asking, slot);
	if (result == -EAGAIN)
		return false;
	if (result) {
		over_unsent(polling, slot, result);
		lane_release_if_idle(ring, lane);
		return true;
	}
	slot->is_asked = true;
	lane->nr_asked++;
	polling->nr_waiting++;
	note_deadline(polling, slot->op->deadline);
	return true;
}

/* A question that has no time left would be answered for nobody. */
static bool try(struct chan_ring *ring, struct slot *slot)
{
	if (!slot->asks)
		return try_operation(&ring->polling, slot);
	if (!has_passed(slot->op->deadline))
		return try_question(ring, slot);
	over_unsent(&ring->polling, slot, -ETIMEDOUT);
	return true;
}

static void run_line(struct chan_ring *ring, struct line *line)
{
	struct slot *slot, *next;

	for (slot = line->first; slot; slot = next) {
		next = slot->next;
		if (!try(ring, slot))
			return;
		line->first = next;
		ring->polling.nr_waiting--;
	}
}

/*
 * Whatever of it is ready. One that is free is still watched if its endpoint was
 * closed too early, and is open elsewhere.
 */
static void lane_run(struct chan_ring *ring, struct lane *lane)
{
	if (!lane->events)
		return;
	run_line(ring, &lane->waiting[RECEIVING]);
	run_line(ring, &lane->waiting[SENDING]);
	lane_release_if_idle(ring, lane);
}

/* Beginning ------------------------------------------------------------------ */

static void park(struct chan_ring *ring, struct slot *slot)
{
	struct polling *polling = &ring->polling;
	enum direction direction = direction_of(slot);
	struct lane *lane = lane_of(polling, slot->fd);
	int err = lane_watch(ring, lane,
			     direction == RECEIVING ? EPOLLIN : EPOLLOUT);

	if (err) {
		over_unsent(polling, slot, err);
		lane_release_if_idle(ring, lane);
		return;
	}
	line_append(&lane->waiting[direction], slot);
	polling->nr_waiting++;
	note_deadline(polling, slot->op->deadline);
}

/* Behind whoever waits already, for the same on the same endpoint. */
static void begin_slot(struct chan_ring *ring, struct slot *slot)
{
	struct polling *polling = &ring->polling;
	struct lane *lane = can_wait(slot->op) ? lane_find(polling, slot->fd) :
						 NULL;

	if (lane && lane->waiting[direction_of(slot)].first) {
		if (slot->flags & CHAN_NOWAIT)
			over_unsent(polling, slot, -EAGAIN);
		else
			park(ring, slot);
	} else if (!try(ring, slot)) {
		park(ring, slot);
	}
}

/* Answers ---------------------------------------------------------------------- */

static void end_asked(struct chan_ring *ring, struct slot *slot, int result)
{
	struct lane *lane = lane_find(&ring->polling, slot->fd);

	over(&ring->polling, slot, result);
	ring->polling.nr_waiting--;
	lane->nr_asked--;
	lane_release_if_idle(ring, lane);
}

/* Without an answer. Whether anybody will ever have received it nobody knows. */
static void abandon(struct chan_ring *ring, struct slot *slot, int result)
{
	slot->op->state = CHAN_STATE_ABANDONED;
	end_asked(ring, slot, result);
}

/* False: there are no more. What is no answer to an open question is dropped. */
static bool take_answer(struct chan_ring *ring)
{
	struct asking *asking = &ring->polling.asking;
	struct chan_envelope envelope;
	int len = answer_receive(asking, &envelope);
	struct slot *slot;

	if (len < 0)
		return len == -EBADMSG;
	slot = slot_of_answer(ring, envelope.id);
	if (slot)
		end_asked(ring, slot,
			  answer_take(asking, slot, &envelope, len));
	return true;
}

/* As many as the channel holds. If more are there, some came since, and their edge comes. */
static void take_answers(struct chan_ring *ring)
{
	unsigned int left = answers_of(ring);

	if (ring->polling.asking.fd < 0)
		return;
	while (left-- && take_answer(ring))
		;
}

/*
 * Nobody is left to answer, and nothing is left to be answered: a channel that is shut
 * down still has questions. What was answered has its answer by now.
 */
static void end_lost(struct chan_ring *ring, const struct lane *lane)
{
	const int fd = lane->fd;
	struct chan_stat stat;

	if (!lane->nr_asked || chan_stat(fd, &stat) || stat.receivers ||
	    stat.queued)
		return;
	take_answers(ring);
	for (unsigned int i = 0; i < ring->capacity; i++)
		if (ring->slots[i].is_asked && ring->slots[i].fd == fd)
			abandon(ring, &ring->slots[i], -EPIPE);
}

static int open_asking(struct chan_ring *ring)
{
	struct asking *asking = &ring->polling.asking;
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLET,
		.data.ptr = asking,
	};
	int err = fetch_chances(asking);

	if (!err)
		err = open_results(ring, asking);
	if (err)
		return err;
	err = QUIETLY(epoll_ctl(ring->fd, EPOLL_CTL_ADD, asking->fd, &event));
	if (err)
		close_results(asking);
	return err;
}

/* With the first question comes what all of them need. */
static int poll_asks(struct chan_ring *ring, const struct chan_op *op)
{
	struct asking *asking = &ring->polling.asking;
	int err;

	if (op->len > CHAN_MSG_MAX || op->reply_len > CHAN_ANSWER_MAX)
		return -EMSGSIZE;
	err = make_room(asking, op->len);
	if (!err && asking->fd < 0)
		err = open_asking(ring);
	if (!err)
		err = fetch_chances(asking);
	if (err)
		return err;
	return can_promise(asking, op->reply_len) ? 0 : -EBUSY;
}

/* Leaving before the end ------------------------------------------------------- */

/* With a token those that have it, without one those that have no time left. */
static bool leaves(const struct slot *slot, const uint64_t *token)
{
	return token ? slot->token == *token : has_passed(slot->op->deadline);
}

static int leave_line(struct polling *polling, struct line *line,
		      const uint64_t *token, int result)
{
	struct line stay = { 0 };
	struct slot *slot;
	int left = 0;

	while ((slot = line_shift(line))) {
		if (leaves(slot, token)) {
			over_unsent(polling, slot, result);
			left++;
		} else {
			note_deadline(polling, slot->op->deadline);
			line_append(&stay, slot);
		}
	}
	*line = stay;
	return left;
}

static int leave_lane(struct chan_ring *ring, struct lane *lane,
		      const uint64_t *token, int result)
{
	struct polling *polling = &ring->polling;
	int left = 0;

	for (int i = 0; i < DIRECTIONS; i++)
		left += leave_line(polling, &lane->waiting[i], token, result);
	polling->nr_waiting -= (unsigned int)left;
	lane_release_if_idle(ring, lane);
	return left;
}

static int leave_asked(struct chan_ring *ring, const uint64_t *token,
		       int result)
{
	int left = 0;

	for (unsigned int i = 0; i < ring->capacity; i++) {
		struct slot *slot = &ring->slots[i];

		if (!slot->is_asked)
			continue;
		if (leaves(slot, token)) {
			abandon(ring, slot, result);
			left++;
		} else {
			note_deadline(&ring->polling, slot->op->deadline);
		}
	}
	return left;
}

static int leave_lanes(struct chan_ring *ring, const uint64_t *token,
		       int result)
{
	struct polling *polling = &ring->polling;
	struct lane *lane, *next;
	int left = 0;

	for (unsigned int i = 0; i <= polling->mask; i++) {
		for (lane = polling->buckets[i]; lane; lane = next) {
			next = lane->next;
			left += leave_lane(ring, lane, token, result);
		}
	}
	return left + leave_asked(ring, token, result);
}

/* The first of each line is tried once more before; an answer that is there counts. */
static void expire(struct chan_ring *ring)
{
	struct polling *polling = &ring->polling;
	struct lane *lane, *next;

	if (!has_passed(polling->earliest))
		return;
	polling->earliest = 0;
	take_answers(ring);
	for (unsigned int i = 0; i <= polling->mask; i++) {
		for (lane = polling->buckets[i]; lane; lane = next) {
			next = lane->next;
			lane_run(ring, lane);
		}
	}
	leave_lanes(ring, NULL, -ETIMEDOUT);
}

/* Those who wait for the descriptor are told what it does not know of itself. */
static void set_alarm(struct chan_ring *ring)
{
	struct polling *polling = &ring->polling;
	struct itimerspec when = { 0 };
	uint64_t at;

	if (!polling->nr_waiting)
		polling->earliest = 0;
	at = polling->over.first ? CHAN_AT_ONCE : polling->earliest;
	if (at == polling->alarm_at)
		return;
	when.it_value.tv_sec = (time_t)(at / 1000000000);
	when.it_value.tv_nsec = (long)(at % 1000000000);
	QUIETLY(timerfd_settime(polling->alarm, TFD_TIMER_ABSTIME, &when,
				NULL));
	polling->alarm_at = at;
}

/* The engine --------------------------------------------------------------------- */

static void begin_started(struct chan_ring *ring)
{
	struct slot *slot;

	while ((slot = line_shift(&ring->polling.started)))
		begin_slot(ring, slot);
	expire(ring);
}

static int poll_submit(struct chan_ring *ring)
{
	begin_started(ring);
	set_alarm(ring);
	return 0;
}

static struct slot *poll_reap(struct chan_ring *ring)
{
	struct slot *slot;

	if (ring->polling.over.first && ring->polling.started.first)
		begin_started(ring);
	slot = line_shift(&ring->polling.over);
	if (slot)
		set_alarm(ring);
	return slot;
}

/* One of an endpoint, of the answers, or of the alarm, which only wakes. */
static void poll_event(struct chan_ring *ring, const struct epoll_event *event)
{
	struct lane *lane = event->data.ptr;

	if (event->data.ptr == &ring->polling.asking) {
		take_answers(ring);
	} else if (lane) {
		if (event->events & EPOLLERR)
			end_lost(ring, lane);
		lane_run(ring, lane);
	}
}

/* How many endpoints were ready. */
static int poll_events(struct chan_ring *ring, uint64_t deadline)
{
	struct epoll_event events[EVENTS];
	struct __kernel_timespec left = timespec_of(time_left(deadline));
	int nr = QUIETLY(syscall(SYS_epoll_pwait2, ring->fd, events, EVENTS,
				 deadline ? &left : NULL, NULL, 0));

	for (int i = 0; i < nr; i++)
		poll_event(ring, &events[i]);
	return nr;
}

/* Those of the alarm come by the earliest deadline as well. */
static int poll_wait(struct chan_ring *ring, uint64_t deadline)
{
	struct polling *polling = &ring->polling;
	uint64_t first;
	int nr;

	begin_started(ring);
	if (polling->over.first)
		return 0;
	first = polling->earliest;
	if (!first || (deadline && deadline < first))
		first = deadline;
	nr = poll_events(ring, first);
	expire(ring);
	set_alarm(ring);
	if (nr < 0 || nr == EVENTS)
		return nr < 0 ? nr : 0;
	return has_passed(deadline) ? -ETIMEDOUT : 0;
}

/* Late answers keep the descriptor of the ring readable until they are taken. */
static void poll_rest(struct chan_ring *ring)
{
	if (ring->polling.asking.fd >= 0)
		poll_events(ring, CHAN_AT_ONCE);
}

static int poll_cancel(struct chan_ring *ring, uint64_t token)
{
	int ended;

	begin_started(ring);
	ended = leave_lanes(ring, &token, -ECANCELED);
	set_alarm(ring);
	return ended;
}

static void poll_close(struct chan_ring *ring)
{
	asking_end(&ring->polling.asking);
	if (ring->polling.alarm >= 0)
		close_quietly(ring->polling.alarm);
	close_quietly(ring->fd);
}

static const struct engine poll_engine = {
	.name = CHAN_RING_POLL,
	.accepts = poll_accepts,
	.asks = poll_asks,
	.start = poll_start,
	.submit = poll_submit,
	.reap = poll_reap,
	.wait = poll_wait,
	.rest = poll_rest,
	.cancel = poll_cancel,
	.close = poll_close,
};

static void poll_lay_out(struct chan_ring *ring, unsigned int buckets)
{
	struct polling *polling = &ring->polling;
	struct lane *lanes = (void *)&ring->slots[ring->capacity];

	polling->buckets = (void *)&lanes[ring->capacity];
	polling->mask = buckets - 1;
	for (unsigned int i = 0; i < ring->capacity; i++) {
		lanes[i].next = polling->free;
		polling->free = &lanes[i];
	}
}

static int poll_open(struct chan_ring *ring, unsigned int buckets)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct polling *polling = &ring->polling;
	int err;

	memset(polling, 0, sizeof(*polling));
	polling->asking.fd = -1;
	ring->fd = QUIETLY(epoll_create1(EPOLL_CLOEXEC));
	if (ring->fd < 0)
		return ring->fd;
	polling->alarm = QUIETLY(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	err = polling->alarm;
	if (err >= 0)
		err = QUIETLY(epoll_ctl(ring->fd, EPOLL_CTL_ADD, polling->alarm,
					&event));
	if (err < 0) {
		poll_close(ring);
		return err;
	}
	poll_lay_out(ring, buckets);
	ring->engine = &poll_engine;
	return 0;
}

#endif /* RING_POLL_H */
