/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * chan - channels between processes: messages whose senders learn their fate
 *
 * This header is the whole contract between chan.ko and user space. It only
 * ever grows: a struct gains members at its end, a set gains values, and what
 * is written here keeps its number and its meaning.
 *
 * A channel is one bounded queue of messages. An endpoint is a file
 * descriptor on it, with rights. An endpoint comes from opening a node
 * /dev/chan/NAME, from CHAN_IOC_CREATE on /dev/chan/control, or from
 * CHAN_IOC_DERIVE on another endpoint.
 *
 * Calling convention
 * ------------------
 * Every ioctl takes a pointer to one record and returns 0 or a negative errno;
 * results stand in the record, which is written back whether the ioctl fails
 * or not. (An unreadable record is the exception: there is nowhere to write.)
 *
 * The kernel takes the size of the record from the ioctl number. A record of
 * an older program is shorter: the missing members count as zero. A record of
 * a newer program is longer: what this kernel does not know must be zero.
 * Members are naturally aligned, pointers travel in 64 bits, and there are no
 * holes, so that 32-bit and 64-bit programs share one layout. Unknown flags
 * and non-zero reserved members are refused without effect.
 *
 * Which error wins
 * ----------------
 * When several things are wrong at once, the first row that applies is told:
 *
 *   EFAULT            the record cannot be read
 *   EINVAL, E2BIG     the record is malformed: too short, unknown flag, value
 *                     out of range; E2BIG: longer than known, tail not zero
 *   EFAULT            a string the record points to cannot be read
 *   EINVAL            that string is not a name
 *   EBADF, EPERM      the endpoint lacks the right; EPERM: for ADMIN, for
 *                     rights wider than one's own, for a badge already set,
 *                     for a name that somebody else owns
 *   EBUSY             SEND until SETTLED: the endpoint keeps max_parked outcomes,
 *                     or bytes_max and CHAN_MSG_DEFAULT of bytes in them, that
 *                     nobody has fetched; io_uring: it has max_parked
 *                     operations that wait
 *   EOPNOTSUPP        io_uring: another command than CHAN_IOC_OP
 *   ENOBUFS           io_uring, message after message: no buffer for the next
 *   EMSGSIZE          the message is longer than the channel or the buffer
 *                     takes, or, with CHAN_FIXED, not exactly msg_max long
 *   ESTALE, ECANCELED SETTLE: no such duty; ECANCELED: its caller has left
 *   ENOENT, EALREADY  CANCEL, WAIT: no such send; EALREADY: too late for that
 *   EINVAL            SETTLE: the verdict does not fit the duty
 *   EMSGSIZE          SETTLE: the reply is longer than its caller takes
 *   ENOMEM            no memory for the message or the reply; memory that is taken
 *                     earlier, for a short reply, by CHAN_PEEK or in io_uring, may
 *                     tell it before the rows from EMSGSIZE on
 *   EFAULT            the payload cannot be read or written
 *   EPIPE, ESHUTDOWN  shut down or hung up, for senders and for receivers
 *   ENOMEM            SEND with a duty, cap 0: what senders have left with
 *                     receivers, unsettled, would be more than bytes_max and
 *                     CHAN_MSG_DEFAULT
 *   EAGAIN, ETIMEDOUT no room, no message, no outcome, with CHAN_NOWAIT or in
 *   EINTR             time; a signal
 *
 * and, where a channel, a name or a descriptor is made or taken away:
 *
 *   ENOENT            no channel has this name
 *   EPERM             the name is another user's
 *   EMFILE            the process has no descriptor left
 *   ENOSPC            the machine has max_channels channels already
 *   EDQUOT            the user has user_channels or user_bytes already
 *   EEXIST            the name is taken
 *   ENFILE, ENOMEM    the machine has no file, no memory left
 *
 * EFAULT is told as well when a result cannot be written; then nothing was made
 * or changed, and the outcome of a SEND is kept for WAIT.
 *
 * What a sender is told of its message, when it is not 0 or the length of a
 * reply: EREMOTEIO, it was rejected and @error says why; EOWNERDEAD, whoever
 * had received it has died, or given it back as the last of max_attempts; EPIPE,
 * nobody is left to receive it; ECANCELED, CHAN_OP_CANCEL came first.
 *
 * Besides: ENOTTY, an ioctl that this file does not have; ENXIO, opening a node
 * whose channel has been removed; EBADMSG, `read` took an empty message; ESPIPE,
 * seeking.
 */
#ifndef _UAPI_LINUX_CHAN_H
#define _UAPI_LINUX_CHAN_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* clang-format off */

/* What struct chan_query tells in @abi. */
#define CHAN_ABI_VERSION	1

/* The node that makes channels. */
#define CHAN_CONTROL_PATH	"/dev/chan/control"

/* Fixed limits; those that an administrator sets are in struct chan_query. */
#define CHAN_NAME_MAX		63		/* characters of a name */
#define CHAN_CAP_MAX		65536		/* messages in a channel */
#define CHAN_MSG_MAX		(16 << 20)	/* bytes of a message */
#define CHAN_MSG_DEFAULT	(64 << 10)	/* chan_create.msg_max of 0 */
#define CHAN_BYTES_DEFAULT	(1 << 20)	/* most that a bytes_max of 0 gives */
#define CHAN_MSG_OVERHEAD	256		/* a message counts this much more */
#define CHAN_MODE_DEFAULT	0600		/* chan_create.mode of 0 */
#define CHAN_BATCH_MAX		64		/* operations in a batch */

/* Bits of struct chan_query's @features. */
#define CHAN_FEATURE_OP		(1 << 0)	/* CHAN_IOC_OP */
#define CHAN_FEATURE_BATCH	(1 << 1)	/* CHAN_IOC_BATCH */
#define CHAN_FEATURE_SELECT	(1 << 2)	/* CHAN_IOC_SELECT */
#define CHAN_FEATURE_URING	(1 << 3)	/* IORING_OP_URING_CMD */
#define CHAN_FEATURE_URING_MULTISHOT (1 << 4)	/* message after message */

/* Rights of an endpoint. */
#define CHAN_RIGHT_SEND		(1 << 0)	/* send messages, POLLOUT */
#define CHAN_RIGHT_RECV		(1 << 1)	/* receive messages, POLLIN */
#define CHAN_RIGHT_ADMIN	(1 << 2)	/* shut down, derive any rights */

/* clang-format on */

/**
 * struct chan_query - CHAN_IOC_QUERY: what this module is and allows
 * @abi: CHAN_ABI_VERSION of the module
 * @max_parked: pending io_uring operations that one endpoint may have
 * @features: CHAN_FEATURE_*, a bit for each part that an older module lacks
 * @max_channels: channels on the whole machine
 * @user_channels: channels of one user
 * @user_bytes: sum of bytes_max over the channels of one user
 * @cap_max: greatest chan_create.cap
 * @msg_max: greatest chan_create.msg_max
 * @name_max: longest name, without its terminating NUL
 * @msg_overhead: what a message counts beside its own bytes
 *
 * Works on the control node and on every endpoint. All members are results:
 * what they hold on entry does not matter.
 */
struct chan_query {
	__u32 abi;
	__u32 max_parked;
	__u64 features;
	__u64 max_channels;
	__u64 user_channels;
	__u64 user_bytes;
	__u32 cap_max;
	__u32 msg_max;
	__u32 name_max;
	__u32 msg_overhead;
};

/* clang-format off */

/* chan_create.flags, told again by chan_stat.flags. */
#define CHAN_HANGUP		(1 << 0)	/* named, but hangs up */
#define CHAN_EPHEMERAL		(1 << 1)	/* named as long as its creator is */
#define CHAN_WORKQUEUE		(1 << 2)	/* plain sends become work */
#define CHAN_FIXED		(1 << 3)	/* messages are msg_max long */

/* clang-format on */

/**
 * struct chan_create - CHAN_IOC_CREATE: make a channel
 * @flags: CHAN_HANGUP: hang up like an anonymous channel, though there is a
 *	name; CHAN_EPHEMERAL: remove the name with the last close of the
 *	endpoint in @fd; CHAN_WORKQUEUE, not with a @cap of 0: plain sends
 *	become work to be acknowledged; CHAN_FIXED: every message is exactly
 *	@msg_max long
 * @rights: CHAN_RIGHT_* of the endpoint in @fd; 0 is all; ADMIN is always added
 * @cap: messages it holds, up to CHAN_CAP_MAX; 0 is a rendezvous
 * @msg_max: longest message in bytes, up to CHAN_MSG_MAX; 0 is CHAN_MSG_DEFAULT
 * @bytes_max: what all its messages together may count, at least
 *	@msg_max + CHAN_MSG_OVERHEAD; 0 is enough for @cap messages of @msg_max,
 *	but no more than CHAN_BYTES_DEFAULT unless one message needs it
 * @max_attempts: deliveries before a message is given up; 0 is no limit
 * @mode: permission bits of the node, less the umask; 0 is CHAN_MODE_DEFAULT
 * @type: a number of the user's, told by chan_stat
 * @name: address of a NUL-ended string; 0 makes an anonymous channel.
 *	1 to CHAN_NAME_MAX of [A-Za-z0-9._-], not beginning with '.', not
 *	"control"
 * @fd: result: an endpoint, close-on-exec; -1 after a failure
 * @reserved: 0
 *
 * On the control node. The creator owns the name and has prepaid @bytes_max.
 */
struct chan_create {
	__u32 flags;
	__u32 rights;
	__u32 cap;
	__u32 msg_max;
	__u64 bytes_max;
	__u32 max_attempts;
	__u32 mode;
	__u64 type;
	__u64 name;
	__s32 fd;
	__u32 reserved;
};

/**
 * struct chan_name - CHAN_IOC_REMOVE: take a name away
 * @name: address of a NUL-ended string
 *
 * On the control node, for the owner of the name or with CAP_SYS_ADMIN. Like
 * unlink: endpoints that are open go on, and the channel ends with the last.
 */
struct chan_name {
	__u64 name;
};

/**
 * struct chan_derive - CHAN_IOC_DERIVE: make a narrower endpoint
 * @rights: CHAN_RIGHT_*, a part of the endpoint's own, or any if it has ADMIN
 * @fd: result: the new endpoint, close-on-exec; -1 after a failure
 * @badge: shown to receivers of what the new endpoint sends; 0 keeps the badge
 *	of this endpoint; a badge that is set cannot be changed
 *
 * On an endpoint. The new one is stamped with the caller's identity.
 */
struct chan_derive {
	__u32 rights;
	__s32 fd;
	__u64 badge;
};

/**
 * struct chan_stat - CHAN_IOC_STAT: what a channel is and holds
 * @name: as created, NUL-padded; empty for an anonymous channel
 * @owner_uid: the creator's, in the caller's user namespace
 * @flags: as created
 * @cap: as created
 * @msg_max: as created, or its default
 * @bytes_max: as created, or its default
 * @type: as created
 * @max_attempts: as created
 * @mode: permission bits the node was made with; 0 for an anonymous channel
 * @bytes: what the messages in @queued and @unsettled count
 * @queued: messages with a slot that nobody has received
 * @unsettled: messages received whose duty is open
 * @parked_senders: operations that wait for a slot
 * @parked_receivers: operations that wait for a message
 * @senders: endpoints with CHAN_RIGHT_SEND
 * @receivers: endpoints with CHAN_RIGHT_RECV
 * @totals_sent: messages that got a slot or, in a rendezvous, were copied to a
 *	receiver
 * @totals_received: deliveries
 * @totals_settled: messages whose duty was fulfilled or rejected
 * @totals_redelivered: messages that came back from a receiver
 * @totals_dropped: messages that nobody will receive or fulfil any more, and
 *	whose sender is not told so
 *
 * On an endpoint. All members are results.
 */
struct chan_stat {
	char name[CHAN_NAME_MAX + 1];
	__u32 owner_uid;
	__u32 flags;
	__u32 cap;
	__u32 msg_max;
	__u64 bytes_max;
	__u64 type;
	__u32 max_attempts;
	__u32 mode;
	__u64 bytes;
	__u32 queued;
	__u32 unsettled;
	__u32 parked_senders;
	__u32 parked_receivers;
	__u32 senders;
	__u32 receivers;
	__u64 totals_sent;
	__u64 totals_received;
	__u64 totals_settled;
	__u64 totals_redelivered;
	__u64 totals_dropped;
};

/* clang-format off */

/* chan_op.code: what to do. */
#define CHAN_OP_SEND		1	/* send a message */
#define CHAN_OP_RECV		2	/* receive a message */
#define CHAN_OP_SETTLE		3	/* fulfil a duty, or give it back */
#define CHAN_OP_CANCEL		4	/* end operations that are pending */
#define CHAN_OP_WAIT		5	/* go on waiting for the outcome of a SEND */

/* chan_op.flags. */
#define CHAN_NOWAIT		(1 << 0)	/* SEND, RECV: EAGAIN, do not wait */
#define CHAN_PEEK		(1 << 1)	/* RECV: a copy, and nothing changes */
#define CHAN_AUTOACK		(1 << 2)	/* RECV: acknowledge once copied */
#define CHAN_BY_TAG		(1 << 3)	/* CANCEL: @tag, not @id */

/* chan_batch.flags, of a select; besides CHAN_NOWAIT. */
#define CHAN_ORDERED		(1 << 4)	/* the first that is ready */

/* chan_op.until: how far the message gets before SEND returns. */
#define CHAN_UNTIL_QUEUED	0	/* it has a slot */
#define CHAN_UNTIL_RECEIVED	1	/* it was copied to a receiver */
#define CHAN_UNTIL_SETTLED	2	/* its receiver has fulfilled its duty */

/* chan_op.duty: what its receiver owes. */
#define CHAN_DUTY_NONE		0
#define CHAN_DUTY_ACK		1	/* to say that the work is done */
#define CHAN_DUTY_REPLY		2	/* to answer */

/* chan_op.on_death: what becomes of a duty when its holder dies. */
#define CHAN_ON_DEATH_FAIL	0	/* the sender is told EOWNERDEAD */
#define CHAN_ON_DEATH_REDELIVER	1	/* the next receiver gets the message */

#define CHAN_PRIO_MAX		31	/* greatest chan_op.prio */

/* chan_op.verdict: how a duty ends. */
#define CHAN_ACK		1	/* duty ACK: done */
#define CHAN_REPLY		2	/* duty REPLY: here is the answer */
#define CHAN_REJECT		3	/* no, and @error is the reason */
#define CHAN_RETURN		4	/* somebody else shall have it */

/* chan_op.state: how far a message got. */
#define CHAN_STATE_WITHDRAWN	0	/* no receiver will ever see it */
#define CHAN_STATE_QUEUED	1	/* it has a slot, or came back */
#define CHAN_STATE_RECEIVED	2	/* it was copied to a receiver */
#define CHAN_STATE_SETTLED	3	/* its duty has ended */
#define CHAN_STATE_ABANDONED	4	/* its caller left after receipt */

/* clang-format on */

/**
 * struct chan_op - CHAN_IOC_OP: one operation
 * @code: CHAN_OP_*
 * @flags: CHAN_NOWAIT and the others that @code knows
 * @fd: 0 or -1; in a batch: -1, or a descriptor of another endpoint
 * @until: SEND: CHAN_UNTIL_*
 * @duty: SEND: CHAN_DUTY_*; result of RECV: what is owed
 * @on_death: SEND: CHAN_ON_DEATH_*
 * @prio: SEND: 0 to CHAN_PRIO_MAX, higher first; result of RECV
 * @buf: address of the payload; SETTLE: of the reply
 * @len: of the payload; RECV: what fits, then the true length, after EMSGSIZE
 *	too
 * @reply_buf: SEND, WAIT: address of room for the reply
 * @reply_len: SEND, WAIT: size of that room; then length of the reply. Result
 *	of RECV: how long a reply the caller takes
 * @deadline: CLOCK_MONOTONIC nanoseconds, 0 is none. When it has passed, the
 *	operation tries once and is then ETIMEDOUT
 * @id: result of SEND: names the message for CANCEL and WAIT. Result of RECV:
 *	a token, names the duty for SETTLE; 0 if nothing is owed
 * @tag: of the sender's choice, told to the receiver; CANCEL with CHAN_BY_TAG:
 *	of all operations that were started with it on this endpoint
 * @verdict: SETTLE: CHAN_ACK and the others; result of SEND and WAIT
 * @error: SETTLE with CHAN_REJECT: a positive errno; result of SEND and WAIT
 * @attempt: result of RECV: 1 for the first delivery
 * @state: result of SEND and WAIT: CHAN_STATE_*
 * @result: result: bytes (RECV, a reply), operations (CANCEL with CHAN_BY_TAG)
 *	or 0; or a negative errno, which the ioctl returns as well
 * @uid: result of RECV: euid of whoever opened or derived the sender's
 *	endpoint, in the reader's user namespace
 * @gid: likewise
 * @pid: likewise; 0 if it is gone or cannot be seen from here
 * @badge: result of RECV: of the sender's endpoint
 * @sent_at: result of RECV: CLOCK_MONOTONIC nanoseconds
 *
 * On an endpoint. SEND knows these styles, and no other mix:
 *
 *	style			@until		@duty	@on_death
 *	asynchronous		QUEUED		NONE	FAIL
 *	rendezvous		RECEIVED	NONE	FAIL
 *	acknowledged		SETTLED		ACK	FAIL or REDELIVER
 *	call			SETTLED		REPLY	FAIL or REDELIVER
 *	work queue		QUEUED		ACK	REDELIVER, not with cap 0
 *
 * With cap 0, QUEUED is RECEIVED. CHAN_NOWAIT goes with QUEUED, and with
 * RECEIVED if cap is 0. On a CHAN_WORKQUEUE channel the first style is the
 * last.
 *
 * A SEND until SETTLED that a signal interrupts after receipt has become a
 * WAIT: @code says so, and the same record waits on. Nothing is sent twice.
 */
struct chan_op {
	__u32 code;
	__u32 flags;
	__s32 fd;
	__u8 until;
	__u8 duty;
	__u8 on_death;
	__u8 prio;
	__u64 buf;
	__u64 len;
	__u64 reply_buf;
	__u64 reply_len;
	__u64 deadline;
	__u64 id;
	__u64 tag;
	__u32 verdict;
	__u32 error;
	__u32 attempt;
	__u32 state;
	__s32 result;
	__u32 uid;
	__u32 gid;
	__s32 pid;
	__u64 badge;
	__u64 sent_at;
};

/**
 * struct chan_batch - CHAN_IOC_BATCH and CHAN_IOC_SELECT: several operations
 * @ops: address of the first of @nr records
 * @nr: how many, 1 to CHAN_BATCH_MAX
 * @op_size: size of one record: sizeof(struct chan_op); at most a page
 * @flags: SELECT: CHAN_ORDERED, CHAN_NOWAIT; BATCH: 0
 * @done: result: how many were done
 * @deadline: SELECT: CLOCK_MONOTONIC nanoseconds, 0 is none; when it has
 *	passed, each arm is tried once, and then it is ETIMEDOUT. BATCH: 0; each
 *	operation has its own
 * @index: SELECT: result: the number of the arm that succeeded, or whose error
 *	the ioctl returns; otherwise as it was
 * @reserved: 0
 *
 * On an endpoint. chan_op.fd says which endpoint an operation is on: -1 is the
 * one that the ioctl is on, any other number is a descriptor.
 *
 * CHAN_IOC_BATCH: the operations are run in their order, each waiting as it
 * says, until one fails; records after that one are untouched. A descriptor
 * that is not open is EBADF, one that is not an endpoint EINVAL, both before
 * the rest of the record is looked at.
 *
 * The ioctl returns 0 if at least one was done; then the record number @done, if
 * there is one, says in its @result why it was not. If none was done it returns
 * that error, and a signal may restart it. The loop of a server is a batch of
 * SETTLE and RECV; a drain is one of RECVs, all but the first with CHAN_NOWAIT.
 *
 * @done and @index are written when all is over. If that is not possible then,
 * though it was at the beginning, the ioctl is EFAULT, and the records tell what
 * was done.
 *
 * CHAN_IOC_SELECT: exactly one of the operations, the arms, is done, and the
 * others leave no trace. An arm is a RECV, or a SEND with CHAN_DUTY_NONE until
 * QUEUED (with cap 0 until RECEIVED as well), without CHAN_NOWAIT and without a
 * deadline; it may be on any endpoint, and several may be on one. Any other
 * arm, or a descriptor that is not an endpoint, is EINVAL before one is tried.
 *
 * An arm is ready if it would not have to wait. Of those that are ready one is
 * taken at random, each as likely as the others, or with CHAN_ORDERED the first
 * in the list. If none is, with CHAN_NOWAIT that is EAGAIN; otherwise all wait,
 * each in its turn among those who wait for the same, and the first that gets
 * what it waits for is it. An arm that would fail is ready (a descriptor that
 * is not open, or lacks the right, is EBADF): then the ioctl is its error, and
 * @index its number. CHAN_OP_CANCEL of an arm, by its tag, ends the select.
 *
 * A select never meets itself: of a SEND and a RECV on a rendezvous channel
 * each waits for somebody else. Two that select do meet.
 */
struct chan_batch {
	__u64 ops;
	__u32 nr;
	__u32 op_size;
	__u32 flags;
	__u32 done;
	__u64 deadline;
	__u32 index;
	__u32 reserved;
};

/* clang-format off */

#define CHAN_IOC_MAGIC 0xD5

#define CHAN_IOC_QUERY	_IOWR(CHAN_IOC_MAGIC, 0x00, struct chan_query)
#define CHAN_IOC_CREATE _IOWR(CHAN_IOC_MAGIC, 0x01, struct chan_create)
#define CHAN_IOC_REMOVE _IOWR(CHAN_IOC_MAGIC, 0x02, struct chan_name)
#define CHAN_IOC_DERIVE _IOWR(CHAN_IOC_MAGIC, 0x03, struct chan_derive)
#define CHAN_IOC_STAT	_IOWR(CHAN_IOC_MAGIC, 0x04, struct chan_stat)

/*
 * On an ADMIN endpoint: no more sends, ever. Sends that are new or wait for a
 * slot get EPIPE; what is queued can be received; then receivers get
 * ESHUTDOWN. Doing it again changes nothing.
 */
#define CHAN_IOC_SHUTDOWN _IO(CHAN_IOC_MAGIC, 0x05)

/*
 * One operation now or, as the cmd_op of IORING_OP_URING_CMD, later: then the
 * 16 bytes of the command are the address of the struct chan_op and zero, the
 * result is that of the completion as well, and the record and what it points to
 * belong to the kernel until then. What cannot be told in the record is told by
 * the completion, and not kept for WAIT.
 *
 * With IORING_URING_CMD_MULTISHOT and IOSQE_BUFFER_SELECT, where there is
 * CHAN_FEATURE_URING_MULTISHOT, a RECV with @buf and @len of 0, and no flag but
 * CHAN_AUTOACK, receives message after message. Each comes in a buffer of the
 * group, behind a struct chan_op that tells of it, and the completion's result is
 * the size of both. The last completion is the first without IORING_CQE_F_MORE: if
 * it is negative, the record tells the same, and nothing was received; ENOBUFS:
 * there is no buffer for the next message; EMSGSIZE: the next buffer is too small
 * for it, and @len is its length.
 */
#define CHAN_IOC_OP	_IOWR(CHAN_IOC_MAGIC, 0x06, struct chan_op)
#define CHAN_IOC_BATCH	_IOWR(CHAN_IOC_MAGIC, 0x07, struct chan_batch)
#define CHAN_IOC_SELECT _IOWR(CHAN_IOC_MAGIC, 0x08, struct chan_batch)

/* clang-format on */

#endif /* _UAPI_LINUX_CHAN_H */
