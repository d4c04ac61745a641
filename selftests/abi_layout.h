/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layout of every struct and the number of every ioctl, as they have to
 * stay for ever.  It needs nothing but the header it judges, so that it can be
 * compiled alone, for 32 bits too; 32-bit and 64-bit programs share one layout.
 */
#ifndef ABI_LAYOUT_H
#define ABI_LAYOUT_H

#include <linux/chan.h>

#define LAYOUT(expression) _Static_assert(expression, #expression)
#define MEMBER(type, member, offset, size)                            \
	LAYOUT(__builtin_offsetof(struct type, member) == (offset) && \
	       sizeof(((struct type *)0)->member) == (size))

LAYOUT(sizeof(struct chan_query) == 56);
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

LAYOUT(sizeof(struct chan_create) == 56);
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

LAYOUT(sizeof(struct chan_name) == 8);
MEMBER(chan_name, name, 0, 8);

LAYOUT(sizeof(struct chan_derive) == 16);
MEMBER(chan_derive, rights, 0, 4);
MEMBER(chan_derive, fd, 4, 4);
MEMBER(chan_derive, badge, 8, 8);

LAYOUT(sizeof(struct chan_stat) == 176);
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

LAYOUT(sizeof(struct chan_op) == 120);
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

LAYOUT(sizeof(struct chan_batch) == 40);
MEMBER(chan_batch, ops, 0, 8);
MEMBER(chan_batch, nr, 8, 4);
MEMBER(chan_batch, op_size, 12, 4);
MEMBER(chan_batch, flags, 16, 4);
MEMBER(chan_batch, done, 20, 4);
MEMBER(chan_batch, deadline, 24, 8);
MEMBER(chan_batch, index, 32, 4);
MEMBER(chan_batch, reserved, 36, 4);

LAYOUT(CHAN_IOC_QUERY == 0xC038D500U);
LAYOUT(CHAN_IOC_CREATE == 0xC038D501U);
LAYOUT(CHAN_IOC_REMOVE == 0xC008D502U);
LAYOUT(CHAN_IOC_DERIVE == 0xC010D503U);
LAYOUT(CHAN_IOC_STAT == 0xC0B0D504U);
LAYOUT(CHAN_IOC_SHUTDOWN == 0x0000D505U);
LAYOUT(CHAN_IOC_OP == 0xC078D506U);
LAYOUT(CHAN_IOC_BATCH == 0xC028D507U);

LAYOUT(CHAN_ABI_VERSION == 1);
LAYOUT(CHAN_RIGHT_SEND == 1);
LAYOUT(CHAN_RIGHT_RECV == 2);
LAYOUT(CHAN_RIGHT_ADMIN == 4);
LAYOUT(CHAN_HANGUP == 1);
LAYOUT(CHAN_EPHEMERAL == 2);
LAYOUT(CHAN_WORKQUEUE == 4);
LAYOUT(CHAN_FIXED == 8);
LAYOUT(CHAN_NAME_MAX == 63);
LAYOUT(CHAN_CAP_MAX == 65536);
LAYOUT(CHAN_MSG_MAX == 16777216);
LAYOUT(CHAN_MSG_DEFAULT == 65536);
LAYOUT(CHAN_BYTES_DEFAULT == 1048576);
LAYOUT(CHAN_MSG_OVERHEAD == 256);
LAYOUT(CHAN_MODE_DEFAULT == 0600);
LAYOUT(CHAN_BATCH_MAX == 64);

LAYOUT(CHAN_FEATURE_OP == 1);
LAYOUT(CHAN_FEATURE_BATCH == 2);

LAYOUT(CHAN_OP_SEND == 1);
LAYOUT(CHAN_OP_RECV == 2);
LAYOUT(CHAN_OP_SETTLE == 3);
LAYOUT(CHAN_OP_CANCEL == 4);
LAYOUT(CHAN_OP_WAIT == 5);

LAYOUT(CHAN_NOWAIT == 1);
LAYOUT(CHAN_PEEK == 2);
LAYOUT(CHAN_AUTOACK == 4);
LAYOUT(CHAN_BY_TAG == 8);

LAYOUT(CHAN_UNTIL_QUEUED == 0);
LAYOUT(CHAN_UNTIL_RECEIVED == 1);
LAYOUT(CHAN_UNTIL_SETTLED == 2);

LAYOUT(CHAN_DUTY_NONE == 0);
LAYOUT(CHAN_DUTY_ACK == 1);
LAYOUT(CHAN_DUTY_REPLY == 2);

LAYOUT(CHAN_ON_DEATH_FAIL == 0);
LAYOUT(CHAN_ON_DEATH_REDELIVER == 1);

LAYOUT(CHAN_PRIO_MAX == 31);

LAYOUT(CHAN_ACK == 1);
LAYOUT(CHAN_REPLY == 2);
LAYOUT(CHAN_REJECT == 3);
LAYOUT(CHAN_RETURN == 4);

LAYOUT(CHAN_STATE_WITHDRAWN == 0);
LAYOUT(CHAN_STATE_QUEUED == 1);
LAYOUT(CHAN_STATE_RECEIVED == 2);
LAYOUT(CHAN_STATE_SETTLED == 3);
LAYOUT(CHAN_STATE_ABANDONED == 4);

#endif /* ABI_LAYOUT_H */
