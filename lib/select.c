// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Exactly one of several operations, as clauses of a switch.
 */
#include "internal.h"

#define NO_ARM (~0U)

/*
 * The ioctl has to be on one of the endpoints. If there is none behind the first
 * descriptor, the first arm is one that would fail, as any other would be.
 */
static int first_fails(struct chan_op *arms)
{
	arms[0].result = -EBADF;
	return 0;
}

int chan_select(struct chan_op *arms, unsigned int nr, unsigned int flags,
		uint64_t deadline)
{
	struct chan_batch batch = {
		.ops = address_of(arms),
		.nr = nr,
		.op_size = sizeof(*arms),
		.flags = flags,
		.deadline = deadline,
		.index = NO_ARM,
	};
	int ret = run_several(CHAN_IOC_SELECT, CHAN_FEATURE_SELECT, &batch);

	if (batch.index != NO_ARM)
		return (int)batch.index;
	return ret == -EBADF ? first_fails(arms) : ret;
}
