// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl.c - the ioctl door
 *
 * Owns what makes a record malformed, but for operations, which are op.c's. It
 * reads each record once, calls what does the work, and writes the record back
 * whether that failed or not. It decides nothing else.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs_struct.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "batch.h"
#include "channel.h"
#include "charge.h"
#include "compat.h"
#include "device.h"
#include "endpoint.h"
#include "feature.h"
#include "file.h"
#include "hangup.h"
#include "ioctl.h"
#include "op.h"
#include "record.h"
#include "select.h"

#define RIGHTS_ALL (CHAN_RIGHT_SEND | CHAN_RIGHT_RECV | CHAN_RIGHT_ADMIN)
#define CREATE_FLAGS \
	(CHAN_HANGUP | CHAN_EPHEMERAL | CHAN_WORKQUEUE | CHAN_FIXED)

static int name_in(u64 address, char *name)
{
	long len;

	len = strncpy_from_user(name, u64_to_user_ptr(address),
				CHAN_NAME_MAX + 1);
	if (len < 0)
		return len;
	if (len > CHAN_NAME_MAX || !chan_device_valid_name(name))
		return -EINVAL;
	return 0;
}

static long query(const struct chan_record *rec)
{
	const struct chan_limits limits = chan_charge_limits();
	struct chan_query q;
	int err;

	err = chan_record_in(rec, &q, sizeof(q),
			     CHAN_RECORD_V1(typeof(q), msg_overhead));
	if (err)
		return err;
	q = (struct chan_query){
		.abi = CHAN_ABI_VERSION,
		.max_parked = limits.max_parked,
		.features = chan_features(),
		.max_channels = limits.max_channels,
		.user_channels = limits.user_channels,
		.user_bytes = limits.user_bytes,
		.cap_max = CHAN_CAP_MAX,
		.msg_max = CHAN_MSG_MAX,
		.name_max = CHAN_NAME_MAX,
		.msg_overhead = CHAN_MSG_OVERHEAD,
	};
	return chan_record_out(rec, &q, sizeof(q));
}

static u64 default_bytes_max(u32 cap, u64 one)
{
	return max(one, min_t(u64, cap * one, CHAN_BYTES_DEFAULT));
}

/* All but the name, which has yet to be read. */
static int create_attributes(const struct chan_create *create,
			     struct chan_attributes *attr)
{
	u64 one;

	if (create->flags & ~CREATE_FLAGS || create->rights & ~RIGHTS_ALL ||
	    create->mode & ~0777 || create->reserved)
		return -EINVAL;
	if (create->cap > CHAN_CAP_MAX || create->msg_max > CHAN_MSG_MAX)
		return -EINVAL;
	if (create->flags & CHAN_WORKQUEUE && !create->cap)
		return -EINVAL;
	*attr = (struct chan_attributes){
		.flags = create->flags,
		.cap = create->cap,
		.msg_max = create->msg_max ?: CHAN_MSG_DEFAULT,
		.max_attempts = create->max_attempts,
		.type = create->type,
	};
	one = (u64)attr->msg_max + CHAN_MSG_OVERHEAD;
	attr->bytes_max = create->bytes_max ?:
					      default_bytes_max(attr->cap, one);
	return attr->bytes_max < one ? -EINVAL : 0;
}

static int create_name(const struct chan_create *create,
		       struct chan_attributes *attr)
{
	umode_t mode = create->mode ?: CHAN_MODE_DEFAULT;

	if (!create->name)
		return 0;
	attr->mode = mode & ~current_umask();
	return name_in(create->name, attr->name);
}

static struct file *create_file(const struct chan_attributes *attr, u32 rights)
{
	struct chan_channel *channel;
	struct file *file;
	int err;

	channel = chan_channel_create(attr, current_cred());
	if (IS_ERR(channel))
		return ERR_CAST(channel);
	if (chan_channel_is_named(channel)) {
		err = chan_device_publish(channel);
		if (err) {
			chan_channel_put(channel);
			return ERR_PTR(err);
		}
	}
	file = chan_file_create(channel, rights);
	if (IS_ERR(file))
		chan_device_unpublish(channel);
	chan_channel_put(channel);
	return file;
}

static int create_checked(const struct chan_record *rec,
			  struct chan_create *create)
{
	u32 rights = create->rights ?: RIGHTS_ALL;
	struct chan_attributes attr;
	struct file *file;
	int err, fd;

	err = create_attributes(create, &attr);
	if (!err)
		err = create_name(create, &attr);
	if (err)
		return err;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	/* Told before it is true, so that nothing is to be undone later. */
	create->fd = fd;
	err = chan_record_out(rec, create, sizeof(*create));
	if (err)
		goto err_fd;
	file = create_file(&attr, rights | CHAN_RIGHT_ADMIN);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto err_fd;
	}
	fd_install(fd, file);
	return 0;

err_fd:
	put_unused_fd(fd);
	return err;
}

static long create(const struct chan_record *rec)
{
	struct chan_create create;
	int err;

	err = chan_record_in(rec, &create, sizeof(create),
			     CHAN_RECORD_V1(typeof(create), reserved));
	if (err)
		return chan_record_refuse(rec, offsetof(typeof(create), fd), -1,
					  err);
	err = create_checked(rec, &create);
	if (err) {
		create.fd = -1;
		chan_record_out(rec, &create, sizeof(create));
	}
	return err;
}

static long remove(const struct chan_record *rec)
{
	char name[CHAN_NAME_MAX + 1];
	struct chan_name record;
	int err;

	err = chan_record_in(rec, &record, sizeof(record),
			     CHAN_RECORD_V1(typeof(record), name));
	if (err)
		return err;
	err = name_in(record.name, name);
	if (err)
		return err;
	return chan_device_remove(name);
}

static int derive_checked(struct file *base, const struct chan_record *rec,
			  struct chan_derive *derive)
{
	struct chan_endpoint *endpoint = base->private_data;
	struct file *file;
	int err, fd;

	if (!derive->rights || derive->rights & ~RIGHTS_ALL)
		return -EINVAL;
	err = chan_endpoint_may_derive(endpoint, derive->rights, derive->badge);
	if (err)
		return err;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	derive->fd = fd;
	err = chan_record_out(rec, derive, sizeof(*derive));
	if (err)
		goto err_fd;
	file = chan_file_derive(base, derive->rights,
				derive->badge ?: endpoint->stamp->badge);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto err_fd;
	}
	fd_install(fd, file);
	return 0;

err_fd:
	put_unused_fd(fd);
	return err;
}

static long derive(struct file *base, const struct chan_record *rec)
{
	struct chan_derive derive;
	int err;

	err = chan_record_in(rec, &derive, sizeof(derive),
			     CHAN_RECORD_V1(typeof(derive), badge));
	if (err)
		return chan_record_refuse(rec, offsetof(typeof(derive), fd), -1,
					  err);
	err = derive_checked(base, rec, &derive);
	if (err) {
		derive.fd = -1;
		chan_record_out(rec, &derive, sizeof(derive));
	}
	return err;
}

static long stat(struct chan_channel *channel, const struct chan_record *rec)
{
	struct chan_stat stat;
	int err;

	err = chan_record_in(rec, &stat, sizeof(stat),
			     CHAN_RECORD_V1(typeof(stat), totals_dropped));
	if (err)
		return err;
	chan_channel_stat(channel, &stat);
	return chan_record_out(rec, &stat, sizeof(stat));
}

static long shutdown(struct chan_endpoint *endpoint)
{
	if (!chan_endpoint_has(endpoint, CHAN_RIGHT_ADMIN))
		return -EPERM;
	chan_hangup_shutdown(endpoint->channel);
	return 0;
}

/* Its record is long: no other command is to have room for it. */
static noinline long op(struct chan_endpoint *endpoint,
			const struct chan_record *rec)
{
	struct chan_call call __uninitialized;
	int result;

	result = chan_op_read(&call, rec);
	if (result)
		return result;
	if (call.op.fd && call.op.fd != -1)
		return chan_op_finish(&call, -EINVAL);
	result = chan_op_run(endpoint, &call);
	return min(result, 0);
}

static int check_batch(const struct chan_batch *batch)
{
	if (batch->reserved)
		return -EINVAL;
	if (!batch->nr || batch->nr > CHAN_BATCH_MAX)
		return -EINVAL;
	/* A page is more than any record will ever be. */
	if (batch->op_size < CHAN_RECORD_V1(struct chan_op, sent_at) ||
	    batch->op_size > PAGE_SIZE)
		return -EINVAL;
	return 0;
}

/* In order: each operation says itself how it waits. */
static int check_sequence(const struct chan_batch *batch)
{
	if (batch->flags || batch->deadline)
		return -EINVAL;
	return check_batch(batch);
}

static int check_select(const struct chan_batch *batch)
{
	if (batch->flags & ~(CHAN_ORDERED | CHAN_NOWAIT))
		return -EINVAL;
	return check_batch(batch);
}

/* Done twice: first, to see that it can be written; then as it came out. */
static int tell_batch(const struct chan_record *rec,
		      const struct chan_batch *batch)
{
	struct chan_batch __user *to = rec->uptr;

	if (!user_write_access_begin(to, sizeof(*to)))
		return -EFAULT;
	unsafe_put_user(batch->done, &to->done, fault);
	unsafe_put_user(batch->index, &to->index, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

static int run_batch(struct file *file, struct chan_batch *batch, bool select)
{
	return select ? chan_select_run(file, batch) :
			chan_batch_run(file, batch);
}

static long batch(struct file *file, const struct chan_record *rec, bool select)
{
	struct chan_batch batch;
	int err, told;
	u32 index;

	err = chan_record_in(rec, &batch, sizeof(batch),
			     CHAN_RECORD_V1(typeof(batch), reserved));
	if (err)
		return chan_record_refuse(rec, offsetof(typeof(batch), done), 0,
					  err);
	batch.done = 0;
	index = batch.index;
	err = select ? check_select(&batch) : check_sequence(&batch);
	told = tell_batch(rec, &batch);
	if (err || told)
		return err ?: told;
	err = run_batch(file, &batch, select);
	if ((batch.done || batch.index != index) && tell_batch(rec, &batch))
		return -EFAULT;
	return err;
}

static struct chan_record record_of(unsigned int cmd, unsigned long arg)
{
	return (struct chan_record){
		.uptr = (void __user *)arg,
		.usize = _IOC_SIZE(cmd),
	};
}

long chan_ioctl_control(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct chan_record rec = record_of(cmd, arg);

	switch (CHAN_IOC_BARE(cmd)) {
	case CHAN_IOC_BARE(CHAN_IOC_QUERY):
		return query(&rec);
	case CHAN_IOC_BARE(CHAN_IOC_CREATE):
		return create(&rec);
	case CHAN_IOC_BARE(CHAN_IOC_REMOVE):
		return remove(&rec);
	default:
		return -ENOTTY;
	}
}

static bool is_newer(unsigned int cmd)
{
	switch (CHAN_IOC_BARE(cmd)) {
	case CHAN_IOC_BARE(CHAN_IOC_OP):
		return chan_feature_lacks(CHAN_FEATURE_OP);
	case CHAN_IOC_BARE(CHAN_IOC_BATCH):
		return chan_feature_lacks(CHAN_FEATURE_BATCH);
	case CHAN_IOC_BARE(CHAN_IOC_SELECT):
		return chan_feature_lacks(CHAN_FEATURE_SELECT);
	default:
		return false;
	}
}

long chan_ioctl_endpoint(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct chan_endpoint *endpoint = file->private_data;
	const struct chan_record rec = record_of(cmd, arg);

	if (is_newer(cmd))
		return -ENOTTY;
	switch (CHAN_IOC_BARE(cmd)) {
	case CHAN_IOC_BARE(CHAN_IOC_OP):
		return op(endpoint, &rec);
	case CHAN_IOC_BARE(CHAN_IOC_BATCH):
		return batch(file, &rec, false);
	case CHAN_IOC_BARE(CHAN_IOC_SELECT):
		return batch(file, &rec, true);
	case CHAN_IOC_BARE(CHAN_IOC_QUERY):
		return query(&rec);
	case CHAN_IOC_BARE(CHAN_IOC_DERIVE):
		return derive(file, &rec);
	case CHAN_IOC_BARE(CHAN_IOC_STAT):
		return stat(endpoint->channel, &rec);
	case CHAN_IOC_SHUTDOWN:
		return shutdown(endpoint);
	default:
		return -ENOTTY;
	}
}
