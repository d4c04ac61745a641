// SPDX-License-Identifier: GPL-2.0-only
/*
 * batch.c - several operations in one entry
 *
 * Owns the order of a batch, which endpoint each operation is on, and where it
 * stops. Each operation is run as if it had come alone.
 */
#include <linux/file.h>
#include <linux/kernel.h>

#include "batch.h"
#include "compat.h"
#include "file.h"
#include "op.h"

/*
 * A descriptor that is closed meanwhile leaves its endpoint to this operation:
 * then the endpoint has to end here and now, for the next operation may wait
 * for what that does, and what fput() leaves to do is done after the batch.
 */
static int run_on_descriptor(struct chan_call *call)
{
	struct file *file = fget(call->op.fd);
	struct chan_endpoint *endpoint;
	int result;

	if (!file)
		return chan_op_finish(call, -EBADF);
	endpoint = chan_file_endpoint(file);
	if (!endpoint) {
		fput(file);
		return chan_op_finish(call, -EINVAL);
	}
	result = chan_op_run(endpoint, call);
	__fput_sync(file);
	return result;
}

static int run_record(struct file *file, const struct chan_record *record)
{
	struct chan_call call __uninitialized;
	int err;

	err = chan_op_read(&call, record);
	if (err)
		return err;
	if (call.op.fd == -1)
		return chan_op_run(chan_file_endpoint(file), &call);
	return run_on_descriptor(&call);
}

int chan_batch_run(struct file *file, struct chan_batch *batch)
{
	struct chan_record record = {
		.uptr = u64_to_user_ptr(batch->ops),
		.usize = batch->op_size,
	};
	int result = 0;

	for (batch->done = 0; batch->done < batch->nr; batch->done++) {
		result = run_record(file, &record);
		if (result < 0)
			break;
		record.uptr += batch->op_size;
	}
	/* What was done is done: a signal after it restarts nothing. */
	return batch->done ? 0 : result;
}
