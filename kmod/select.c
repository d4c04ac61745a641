// SPDX-License-Identifier: GPL-2.0-only
/*
 * select.c - exactly one of several operations
 *
 * Owns the choice: in which order arms are tried, the locks of their channels,
 * and the sleep. What an arm does is arm.c's.
 *
 * First each is tried by itself, as an operation that does not wait; most often
 * one is ready. With CHAN_ORDERED only the first is. Otherwise all channels are
 * locked, each arm is tried again, and only then all of them wait: nothing can
 * come between the look and the wait, and as none waits yet, a select does not
 * meet itself.
 *
 * This is the one place that holds the locks of several channels. They are
 * taken in the order of the channels' serials.
 */
#include <linux/mm.h>
#include <linux/sort.h>

#include "arm.h"
#include "compat.h"
#include "flow.h"
#include "select.h"
#include "selection.h"

/**
 * struct turn - a selection that waits for its turn
 * @choice: which arm it is
 * @locking: held while the channels are locked: to lockdep they are all alike
 * @order: the numbers of the arms as they are tried
 * @by_channel: the numbers of the arms in the order of their channels
 * @arms: in the order of the records
 */
struct turn {
	struct chan_choice choice;
	/* Keeps nobody out. */
	spinlock_t locking;
	u8 order[CHAN_BATCH_MAX];
	u8 by_channel[CHAN_BATCH_MAX];
	struct chan_arm arms[];
};

/* Not the arm's: another may be ready, or the select is not over, or too old. */
static bool is_of_select(int result)
{
	return result == -EAGAIN || result == -ERESTARTSYS ||
	       result == -ETIMEDOUT;
}

static int finish(struct chan_selection *sel, unsigned int i,
		  struct chan_call *call, int result)
{
	if (is_of_select(result))
		return result;
	sel->index = i;
	return chan_op_finish(call, result);
}

static int try_now(struct chan_selection *sel, unsigned int i)
{
	struct chan_endpoint *endpoint = sel->places[i].endpoint;
	struct chan_call call __uninitialized;
	int result;

	result = chan_selection_call(sel, i, &call);
	if (result)
		return result;
	result = endpoint ? chan_op_try(endpoint, &call) : -EBADF;
	if (is_of_select(result) && call.written)
		chan_selection_restore(sel, i);
	return finish(sel, i, &call, result);
}

/* Takes one out of the numbers in @order that are left; they keep theirs. */
static unsigned int draw(struct chan_selection *sel, u8 *order,
			 unsigned int left)
{
	unsigned int drawn, i;

	if (left == 1)
		return order[0];
	drawn = chan_selection_draw(sel, left);
	i = order[drawn];
	memmove(&order[drawn], &order[drawn + 1], left - drawn - 1);
	return i;
}

/*
 * An offer to a receiver that then cannot copy it would be withdrawn, though the
 * select is going to wait. It is made only when all arms can wait.
 */
static bool has_to_wait(const struct chan_selection *sel)
{
	return sel->meets && !sel->fails && !(sel->flags & CHAN_NOWAIT);
}

/*
 * An arm that was not ready may have become so before a later one did. Only who
 * holds all the locks can tell; which no select can that has an arm that fails.
 */
static bool is_strict(const struct chan_selection *sel)
{
	return sel->flags & CHAN_ORDERED && !sel->fails;
}

static int try_each(struct chan_selection *sel)
{
	unsigned int left = sel->nr_ready;
	int result = -EAGAIN;

	if (has_to_wait(sel))
		return -EAGAIN;
	if (is_strict(sel) && left)
		left = sel->ready[0] == 0;
	while (left && result == -EAGAIN)
		result = try_now(sel, draw(sel, sel->ready, left--));
	return result;
}

static int compare_channels(const void *a, const void *b, const void *arg)
{
	const struct turn *turn = arg;
	u64 serial = turn->arms[*(u8 *)a].endpoint->channel->serial;
	u64 other = turn->arms[*(u8 *)b].endpoint->channel->serial;

	return serial < other ? -1 : serial > other;
}

static struct turn *turn_create(const struct chan_selection *sel)
{
	unsigned int nr = sel->nr;
	struct turn *turn;

	turn = kvzalloc(struct_size(turn, arms, nr), CHAN_GFP);
	if (!turn)
		return NULL;
	spin_lock_init(&turn->locking);
	for (unsigned int i = 0; i < nr; i++) {
		/* None lacks its endpoint: each was tried before. */
		turn->arms[i].endpoint = sel->places[i].endpoint;
		turn->by_channel[i] = i;
	}
	sort_r(turn->by_channel, nr, sizeof(turn->by_channel[0]),
	       compare_channels, NULL, turn);
	return turn;
}

static struct chan_channel *channel_of(const struct turn *turn, unsigned int k)
{
	return turn->arms[turn->by_channel[k]].endpoint->channel;
}

static bool is_first_on_channel(const struct turn *turn, unsigned int k)
{
	return !k || channel_of(turn, k) != channel_of(turn, k - 1);
}

static void lock_all(struct turn *turn, unsigned int nr)
{
	spin_lock(&turn->locking);
	for (unsigned int k = 0; k < nr; k++)
		if (is_first_on_channel(turn, k))
			spin_lock_nest_lock(&channel_of(turn, k)->lock,
					    &turn->locking);
}

static void unlock_all(struct turn *turn, unsigned int nr)
{
	struct chan_arm *arm = turn->arms;

	for (unsigned int k = 0; k < nr; k++)
		if (is_first_on_channel(turn, k))
			chan_wait_drop(channel_of(turn, k), &arm[k].wake);
	spin_unlock(&turn->locking);
	for (unsigned int k = 0; k < nr; k++)
		if (is_first_on_channel(turn, k) && arm[k].wake.any)
			chan_wait_wake(channel_of(turn, k), &arm[k].wake);
}

/* An arm that fails already here is ready; but others may be so, too. */
static int prepare_all(struct chan_selection *sel, struct turn *turn)
{
	struct chan_arm *arm;
	int err;

	turn->choice.chosen = NULL;
	for (unsigned int i = 0; i < sel->nr; i++) {
		arm = &turn->arms[i];
		err = chan_selection_call(sel, i, &arm->call);
		if (err)
			return err;
		arm->call.nowait = sel->flags & CHAN_NOWAIT;
		err = chan_arm_prepare(arm, &turn->choice);
		if (err && (has_to_wait(sel) || is_strict(sel))) {
			sel->fails = true;
			return -EAGAIN;
		}
		if (err)
			return finish(sel, i, &arm->call, err);
	}
	return 0;
}

static bool try_all(struct chan_selection *sel, struct turn *turn)
{
	for (unsigned int i = 0; i < sel->nr; i++)
		turn->order[i] = i;
	for (unsigned int left = sel->nr; left; left--)
		if (chan_arm_try(&turn->arms[draw(sel, turn->order, left)]))
			return true;
	return false;
}

static void park_those(struct turn *turn, unsigned int nr, bool that_send)
{
	for (unsigned int i = 0; i < nr; i++)
		if (chan_arm_sends(&turn->arms[i]) == that_send)
			chan_arm_park(&turn->arms[i]);
}

/*
 * False if nothing is ready, and it would not wait. @back may wait already; then
 * it is as the others are, but that nobody sees it leave its place.
 */
static bool choose_or_park(struct chan_selection *sel, struct turn *turn,
			   struct chan_arm *back)
{
	unsigned int nr = sel->nr;
	bool waits = !(sel->flags & CHAN_NOWAIT);
	bool chosen;

	lock_all(turn, nr);
	chosen = back && !chan_arm_take_back(back);
	if (!chosen) {
		turn->choice.chosen = NULL;
		chosen = try_all(sel, turn);
	}
	if (!chosen && waits) {
		park_those(turn, nr, true);
		park_those(turn, nr, false);
	}
	unlock_all(turn, nr);
	return chosen || waits;
}

static struct chan_arm *chosen_arm(const struct turn *turn)
{
	struct chan_waiter *chosen = READ_ONCE(turn->choice.chosen);

	if (IS_ERR_OR_NULL(chosen))
		return NULL;
	return container_of(chosen, struct chan_arm, waiter);
}

static void part_others(const struct chan_selection *sel, struct turn *turn)
{
	struct chan_arm *chosen = chosen_arm(turn);

	for (unsigned int i = 0; i < sel->nr; i++)
		if (&turn->arms[i] != chosen)
			chan_arm_part(&turn->arms[i]);
}

static int conclude(struct chan_selection *sel, struct turn *turn)
{
	struct chan_arm *arm = chosen_arm(turn);
	int result = chan_arm_conclude(arm);

	return finish(sel, arm - turn->arms, &arm->call, result);
}

static int choose_or_wait(struct chan_selection *sel, struct turn *turn)
{
	struct chan_arm *arm = NULL;
	int err;

	do {
		if (!choose_or_park(sel, turn, arm))
			return -EAGAIN;
		err = chan_wait_for_choice(&turn->choice, sel->deadline,
					   &channel_of(turn, 0)->receive_spin);
		/* At once, for others may stand behind them. */
		part_others(sel, turn);
		arm = chosen_arm(turn);
		if (!err)
			err = chan_arm_await(arm);
	} while (err == -EAGAIN);
	return err ?: conclude(sel, turn);
}

/* Nothing of the others is left, nor, if nothing came of it, of any. */
static void discard_all(const struct chan_selection *sel, struct turn *turn)
{
	for (unsigned int i = 0; i < sel->nr; i++) {
		struct chan_arm *arm = &turn->arms[i];

		chan_arm_discard(arm);
		if ((int)i != sel->index && arm->call.written)
			chan_selection_restore(sel, i);
	}
}

static int take_turn(struct chan_selection *sel, struct turn *turn)
{
	int result;

	result = prepare_all(sel, turn);
	if (!result)
		result = choose_or_wait(sel, turn);
	discard_all(sel, turn);
	return result;
}

/* As of a send: it ends, also if it is interrupted again and again. */
static int why_it_ends(const struct chan_selection *sel, int result)
{
	if (result != -ERESTARTSYS && result != -ETIMEDOUT)
		return result;
	if (sel->flags & CHAN_NOWAIT)
		return -EAGAIN;
	return chan_wait_has_passed(sel->deadline) ? -ETIMEDOUT : result;
}

/* What was to be received may be taken back by its sender: all begins anew. */
static noinline int select_in_turn(struct chan_selection *sel)
{
	struct turn *turn = turn_create(sel);
	int result;

	if (!turn)
		return -ENOMEM;
	do {
		result = take_turn(sel, turn);
	} while (result == -EAGAIN && chosen_arm(turn));
	kvfree(turn);
	return why_it_ends(sel, result);
}

static int choose(struct chan_selection *sel, const struct file *file)
{
	u8 ready[CHAN_BATCH_MAX] __uninitialized;
	bool fails;
	int result;

	sel->ready = ready;
	result = chan_selection_read(sel, file);
	if (!result) {
		do {
			fails = sel->fails;
			result = try_each(sel);
			if (result == -EAGAIN)
				result = select_in_turn(sel);
		} while (result == -EAGAIN && sel->fails != fails);
	}
	chan_selection_close(sel);
	return result;
}

static noinline int choose_among_many(struct chan_selection *sel,
				      const struct file *file)
{
	unsigned int nr = sel->nr;
	int result = -ENOMEM;

	sel->ops = kvmalloc_array(nr, sizeof(*sel->ops), CHAN_GFP);
	sel->places = kvmalloc_array(nr, sizeof(*sel->places), CHAN_GFP);
	if (sel->ops && sel->places)
		result = choose(sel, file);
	kvfree(sel->places);
	kvfree(sel->ops);
	return result;
}

static noinline int choose_among_few(struct chan_selection *sel,
				     const struct file *file)
{
	struct chan_op ops[CHAN_SELECTION_FEW] __uninitialized;
	struct chan_place places[CHAN_SELECTION_FEW] __uninitialized;

	sel->ops = ops;
	sel->places = places;
	return choose(sel, file);
}

int chan_select_run(struct file *file, struct chan_batch *batch)
{
	struct chan_selection sel = {
		.uptr = u64_to_user_ptr(batch->ops),
		.size = batch->op_size,
		.nr = batch->nr,
		.flags = batch->flags,
		.deadline = batch->deadline,
		.index = -1,
	};
	int result;

	result = sel.nr <= CHAN_SELECTION_FEW ? choose_among_few(&sel, file) :
						choose_among_many(&sel, file);
	if (sel.index >= 0)
		batch->index = sel.index;
	batch->done = result >= 0;
	return min(result, 0);
}
