// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * A barrier: whoever finds its mutex free leads this meeting. It receives the empty
 * messages of all others, and when it has them acknowledges each. A new meeting can
 * only begin then, so it never takes those of the next for its own.
 */
#include "internal.h"

int chan_barrier_create(struct chan_barrier *barrier, unsigned int parties)
{
	struct chan_barrier made = { .parties = parties };

	if (!parties || parties > CHAN_BARRIER_MAX)
		return -EINVAL;
	made.leader = chan_mutex_create(NULL);
	if (made.leader < 0)
		return made.leader;
	made.arrivals = create_for_empty(NULL, parties);
	if (made.arrivals < 0) {
		close_quietly(made.leader);
		return made.arrivals;
	}
	*barrier = made;
	return 0;
}

/* How many have come, which is all of them or those until an error. */
static unsigned int gather(const struct chan_barrier *barrier,
			   uint64_t tokens[], uint64_t deadline, int *error)
{
	unsigned int come;
	struct chan_op msg;

	*error = 0;
	for (come = 0; come < barrier->parties - 1; come++) {
		*error = chan_recv(barrier->arrivals, NULL, 0, &msg, deadline);
		if (*error)
			break;
		tokens[come] = msg.id;
	}
	return come;
}

/* Lets them go on, or wait for another leader. */
static void dismiss(const struct chan_barrier *barrier, const uint64_t tokens[],
		    unsigned int come, int error)
{
	while (come--)
		if (error)
			chan_return(barrier->arrivals, tokens[come]);
		else
			chan_ack(barrier->arrivals, tokens[come]);
}

static int lead(const struct chan_barrier *barrier, uint64_t deadline)
{
	uint64_t tokens[CHAN_BARRIER_MAX];
	unsigned int come;
	int error;

	come = gather(barrier, tokens, deadline, &error);
	dismiss(barrier, tokens, come, error);
	return error ? error : 1;
}

int chan_barrier_wait(const struct chan_barrier *barrier, uint64_t deadline)
{
	uint64_t token;
	int ret = chan_mutex_lock(barrier->leader, &token, CHAN_AT_ONCE);

	if (ret == -ETIMEDOUT)
		return chan_send_until(barrier->arrivals, NULL, 0,
				       CHAN_UNTIL_SETTLED, NULL, deadline);
	if (ret)
		return ret;
	ret = lead(barrier, deadline);
	chan_mutex_unlock(barrier->leader, token);
	return ret;
}

void chan_barrier_close(struct chan_barrier *barrier)
{
	close_quietly(barrier->leader);
	close_quietly(barrier->arrivals);
	barrier->leader = -1;
	barrier->arrivals = -1;
}
