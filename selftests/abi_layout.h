/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ABI as it was promised: every struct, member and value of the uapi
 * header with the size, the offset and the number it keeps. "make check"
 * compiles this file for 64 and for 32 bit, and demands that it names
 * everything the header defines. It must not include anything else, nor be
 * adjusted to a header that does not compile: then the header is wrong.
 *
 * The ABI only grows. What is new in the header gets a line of its own here. A
 * struct that gains members at its end gets a new size, and CHAN_ABI_VERSION
 * may rise; no other line ever changes.
 */
#ifndef ABI_LAYOUT_H
#define ABI_LAYOUT_H

#include <assert.h>
#include <linux/chan.h>

#define SIZE(record, size) \
	static_assert(sizeof(struct record) == (size), "size of " #record)

#define MEMBER(record, member, offset, size)                                   \
	static_assert(__builtin_offsetof(struct record, member) == (offset) && \
			      sizeof(((struct record *)0)->member) == (size),  \
		      "place of " #record "." #member)

#define VALUE(name, value) static_assert((name) == (value), "value of " #name)

#define STRING(name, value) \
	static_assert(!__builtin_strcmp(name, value), "value of " #name)

#define IOCTL(name, number, record)                                        \
	static_assert((name) == _IOC(_IOC_READ | _IOC_WRITE, 0xD5, number, \
				     sizeof(struct record)),               \
		      "number of " #name)

#define IOCTL_BARE(name, number)                                  \
	static_assert((name) == _IOC(_IOC_NONE, 0xD5, number, 0), \
		      "number of " #name)

VALUE(CHAN_ABI_VERSION, 1);
STRING(CHAN_CONTROL_PATH, "/dev/chan/control");

VALUE(CHAN_NAME_MAX, 63);
VALUE(CHAN_CAP_MAX, 65536);
VALUE(CHAN_MSG_MAX, 16777216);
VALUE(CHAN_MSG_DEFAULT, 65536);
VALUE(CHAN_BYTES_DEFAULT, 1048576);
VALUE(CHAN_MSG_OVERHEAD, 256);
VALUE(CHAN_MODE_DEFAULT, 0600);
VALUE(CHAN_BATCH_MAX, 64);

VALUE(CHAN_FEATURE_OP, 0x1);
VALUE(CHAN_FEATURE_BATCH, 0x2);
VALUE(CHAN_FEATURE_SELECT, 0x4);
VALUE(CHAN_FEATURE_URING, 0x8);
VALUE(CHAN_FEATURE_URING_MULTISHOT, 0x10);

VALUE(CHAN_RIGHT_SEND, 0x1);
VALUE(CHAN_RIGHT_RECV, 0x2);
VALUE(CHAN_RIGHT_ADMIN, 0x4);

VALUE(CHAN_HANGUP, 0x1);
VALUE(CHAN_EPHEMERAL, 0x2);
VALUE(CHAN_WORKQUEUE, 0x4);
VALUE(CHAN_FIXED, 0x8);

VALUE(CHAN_OP_SEND, 1);
VALUE(CHAN_OP_RECV, 2);
VALUE(CHAN_OP_SETTLE, 3);
VALUE(CHAN_OP_CANCEL, 4);
VALUE(CHAN_OP_WAIT, 5);

VALUE(CHAN_NOWAIT, 0x1);
VALUE(CHAN_PEEK, 0x2);
VALUE(CHAN_AUTOACK, 0x4);
VALUE(CHAN_BY_TAG, 0x8);
VALUE(CHAN_ORDERED, 0x10);

VALUE(CHAN_UNTIL_QUEUED, 0);
VALUE(CHAN_UNTIL_RECEIVED, 1);
VALUE(CHAN_UNTIL_SETTLED, 2);

VALUE(CHAN_DUTY_NONE, 0);
VALUE(CHAN_DUTY_ACK, 1);
VALUE(CHAN_DUTY_REPLY, 2);

VALUE(CHAN_ON_DEATH_FAIL, 0);
VALUE(CHAN_ON_DEATH_REDELIVER, 1);

VALUE(CHAN_PRIO_MAX, 31);

VALUE(CHAN_ACK, 1);
VALUE(CHAN_REPLY, 2);
VALUE(CHAN_REJECT, 3);
VALUE(CHAN_RETURN, 4);

VALUE(CHAN_STATE_WITHDRAWN, 0);
VALUE(CHAN_STATE_QUEUED, 1);
VALUE(CHAN_STATE_RECEIVED, 2);
VALUE(CHAN_STATE_SETTLED, 3);
VALUE(CHAN_STATE_ABANDONED, 4);

SIZE(chan_query, 56);
MEMBER(chan_query, abi, 0, 4);
MEMBER(chan_query, max_parked, 4, 4);
MEMBER(chan_query, features, 8, 8);
MEMBER(chan_query, max_channels, 16, 8);
MEMBER(chan_query, user_channels, 24, 8);
MEMBER(chan_query, user_bytes, 32, 8);
MEMBER(chan_query, cap_max, 40, 4);
MEMBER(chan_query, msg_max, 44, 4);
MEMBER(chan_query, name_max, 48, 4);
MEMBER(chan_query, msg_overhead, 52, 4);

SIZE(chan_create, 56);
MEMBER(chan_create, flags, 0, 4);
MEMBER(chan_create, rights, 4, 4);
MEMBER(chan_create, cap, 8, 4);
MEMBER(chan_create, msg_max, 12, 4);
MEMBER(chan_create, bytes_max, 16, 8);
MEMBER(chan_create, max_attempts, 24, 4);
MEMBER(chan_create, mode, 28, 4);
MEMBER(chan_create, type, 32, 8);
MEMBER(chan_create, name, 40, 8);
MEMBER(chan_create, fd, 48, 4);
MEMBER(chan_create, reserved, 52, 4);

SIZE(chan_name, 8);
MEMBER(chan_name, name, 0, 8);

SIZE(chan_derive, 16);
MEMBER(chan_derive, rights, 0, 4);
MEMBER(chan_derive, fd, 4, 4);
MEMBER(chan_derive, badge, 8, 8);

SIZE(chan_stat, 176);
MEMBER(chan_stat, name, 0, 64);
MEMBER(chan_stat, owner_uid, 64, 4);
MEMBER(chan_stat, flags, 68, 4);
MEMBER(chan_stat, cap, 72, 4);
MEMBER(chan_stat, msg_max, 76, 4);
MEMBER(chan_stat, bytes_max, 80, 8);
MEMBER(chan_stat, type, 88, 8);
MEMBER(chan_stat, max_attempts, 96, 4);
MEMBER(chan_stat, mode, 100, 4);
MEMBER(chan_stat, bytes, 104, 8);
MEMBER(chan_stat, queued, 112, 4);
MEMBER(chan_stat, unsettled, 116, 4);
MEMBER(chan_stat, parked_senders, 120, 4);
MEMBER(chan_stat, parked_receivers, 124, 4);
MEMBER(chan_stat, senders, 128, 4);
MEMBER(chan_stat, receivers, 132, 4);
MEMBER(chan_stat, totals_sent, 136, 8);
MEMBER(chan_stat, totals_received, 144, 8);
MEMBER(chan_stat, totals_settled, 152, 8);
MEMBER(chan_stat, totals_redelivered, 160, 8);
MEMBER(chan_stat, totals_dropped, 168, 8);

SIZE(chan_op, 120);
MEMBER(chan_op, code, 0, 4);
MEMBER(chan_op, flags, 4, 4);
MEMBER(chan_op, fd, 8, 4);
MEMBER(chan_op, until, 12, 1);
MEMBER(chan_op, duty, 13, 1);
MEMBER(chan_op, on_death, 14, 1);
MEMBER(chan_op, prio, 15, 1);
MEMBER(chan_op, buf, 16, 8);
MEMBER(chan_op, len, 24, 8);
MEMBER(chan_op, reply_buf, 32, 8);
MEMBER(chan_op, reply_len, 40, 8);
MEMBER(chan_op, deadline, 48, 8);
MEMBER(chan_op, id, 56, 8);
MEMBER(chan_op, tag, 64, 8);
MEMBER(chan_op, verdict, 72, 4);
MEMBER(chan_op, error, 76, 4);
MEMBER(chan_op, attempt, 80, 4);
MEMBER(chan_op, state, 84, 4);
MEMBER(chan_op, result, 88, 4);
MEMBER(chan_op, uid, 92, 4);
MEMBER(chan_op, gid, 96, 4);
MEMBER(chan_op, pid, 100, 4);
MEMBER(chan_op, badge, 104, 8);
MEMBER(chan_op, sent_at, 112, 8);

SIZE(chan_batch, 40);
MEMBER(chan_batch, ops, 0, 8);
MEMBER(chan_batch, nr, 8, 4);
MEMBER(chan_batch, op_size, 12, 4);
MEMBER(chan_batch, flags, 16, 4);
MEMBER(chan_batch, done, 20, 4);
MEMBER(chan_batch, deadline, 24, 8);
MEMBER(chan_batch, index, 32, 4);
MEMBER(chan_batch, reserved, 36, 4);

VALUE(CHAN_IOC_MAGIC, 0xD5);
IOCTL(CHAN_IOC_QUERY, 0x00, chan_query);
IOCTL(CHAN_IOC_CREATE, 0x01, chan_create);
IOCTL(CHAN_IOC_REMOVE, 0x02, chan_name);
IOCTL(CHAN_IOC_DERIVE, 0x03, chan_derive);
IOCTL(CHAN_IOC_STAT, 0x04, chan_stat);
IOCTL_BARE(CHAN_IOC_SHUTDOWN, 0x05);
IOCTL(CHAN_IOC_OP, 0x06, chan_op);
IOCTL(CHAN_IOC_BATCH, 0x07, chan_batch);
IOCTL(CHAN_IOC_SELECT, 0x08, chan_batch);

#endif /* ABI_LAYOUT_H */
