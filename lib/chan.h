/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libchan - channels for programs
 *
 * A channel, or rather an endpoint of one, is an int: a file descriptor, to be
 * closed with close(2), polled, inherited and passed on like any other. The
 * library adds to the ABI in <linux/chan.h> what makes it pleasant in C, and no
 * policy: it starts no threads, keeps nothing between two calls and allocates
 * nothing, but for what chan_ring_open() and chan_answers_open() make. All constants and
 * records but those of rings and questions are those of the ABI.
 *
 * Every function returns a value or a negative errno, and leaves errno alone.
 * All of them may be called by any number of threads at once, on the same
 * endpoint too, as long as these do not share a record, a buffer, a ring or answers, and
 * from signal handlers. None is a cancellation point of pthreads.
 *
 * A @deadline is a time of CLOCK_MONOTONIC in nanoseconds, see chan_in_ms(). 0
 * is none: wait as long as it takes. With one that has passed, such as
 * CHAN_AT_ONCE, a function tries once and is then -ETIMEDOUT.
 *
 * What a function says of errors is what is particular to it. All may give
 * -EBADF (no descriptor, or the endpoint lacks the right), -ENOTTY (no channel)
 * and -ENOMEM; all that wait -EINTR; all that take a buffer -EFAULT. An error
 * has no effect, unless it is said to be an outcome. -ESHUTDOWN is the end of a
 * channel for who receives, though strerror(3) speaks of sending.
 *
 * A signal ends a wait with -EINTR, or restarts it if its action was installed with
 * SA_RESTART; but chan_ring_next() ends by every signal. Nothing is ever sent twice.
 */
#ifndef CHAN_H
#define CHAN_H

#include <stddef.h>
#include <stdint.h>

#include <linux/chan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A deadline that has passed: try, and do not wait. */
#define CHAN_AT_ONCE 1

/* Channels and endpoints ----------------------------------------------------- */

/**
 * chan_create() - make a channel
 * @name: the channel will be /dev/chan/@name; NULL: it has no name
 * @cap: how many messages it holds; 0 is a rendezvous
 * @flags: CHAN_HANGUP, CHAN_EPHEMERAL, CHAN_WORKQUEUE, CHAN_FIXED, or 0
 *
 * Everything else is as by default: messages of up to 64 KiB, 1 MiB of them at
 * most, for the own user only. For other wishes see chan_create_with().
 *
 * The one endpoint sends and receives, and is there as long as anybody has it: who
 * calls on it is never told that the server has died or is missing. For hang-ups and
 * -EOWNERDEAD each side needs its own endpoint: chan_pair(), chan_derive().
 *
 * Return: a new endpoint, close-on-exec, with all rights.
 *
 * * -EEXIST: The name is taken.
 * * -EINVAL: That is no name, or the other arguments do not make sense.
 * * -EDQUOT: The user has as many channels, or bytes in channels, as allowed.
 * * -ENOSPC: The machine has.
 * * -EMFILE: The process has no descriptor left.
 * * -ENOENT: The module is not loaded.
 */
int chan_create(const char *name, unsigned int cap, unsigned int flags);

/**
 * chan_create_with() - make a channel with all that can be said about it
 * @create: what the channel shall be; members that are 0 have their defaults
 *
 * The members are those of struct chan_create in linux/chan.h, among them the
 * rights of the endpoint, the limits of messages, how often one is delivered,
 * and the permissions of the node.
 *
 * Return: a new endpoint, close-on-exec, also in @create->fd; errors as of
 * chan_create().
 */
int chan_create_with(struct chan_create *create);

/**
 * chan_open() - open a channel that has a name
 * @name: of /dev/chan/@name
 * @rights: CHAN_RIGHT_SEND, CHAN_RIGHT_RECV or both
 *
 * The permissions of the node say who may send (write) and who may receive
 * (read). For both rights, to the owner of the channel, the endpoint carries
 * CHAN_RIGHT_ADMIN as well.
 *
 * Return: a new endpoint, close-on-exec.
 *
 * * -ENOENT: There is no such channel.
 * * -ENOTTY: There is something else of that name, such as a file.
 * * -EACCES: The node does not permit that.
 * * -EINVAL: That is no name, or there are no such rights.
 * * -EMFILE: The process has no descriptor left.
 */
int chan_open(const char *name, unsigned int rights);

/**
 * chan_pair() - make a channel without a name, and an endpoint for each end
 * @fds: for the result: @fds[0] receives, @fds[1] sends
 * @cap: how many messages it holds; 0 is a rendezvous
 * @flags: CHAN_WORKQUEUE, CHAN_FIXED, or 0
 *
 * Like pipe(2). When the last sender is gone receivers drain the channel and get
 * -ESHUTDOWN; when the last receiver is gone senders get -EPIPE. Neither end has
 * CHAN_RIGHT_ADMIN.
 *
 * Return: 0; errors as of chan_create(), and then @fds is as it was.
 */
int chan_pair(int fds[2], unsigned int cap, unsigned int flags);

/**
 * chan_derive() - make a narrower endpoint on the same channel
 * @fd: an endpoint
 * @rights: CHAN_RIGHT_SEND, CHAN_RIGHT_RECV, CHAN_RIGHT_ADMIN; no more than @fd
 *	has, unless that has CHAN_RIGHT_ADMIN
 * @badge: shown to receivers of what the new endpoint sends; 0 is that of @fd
 *
 * For handing on, and for workers: it is the endpoint that holds what it has
 * received, and dies, so each of them needs one. The new endpoint is stamped
 * with the identity of the calling process.
 *
 * Return: a new endpoint, close-on-exec.
 *
 * * -EPERM: These rights are more than @fd has, or its badge is set already.
 * * -EINVAL: There are no such rights.
 * * -EMFILE: The process has no descriptor left.
 */
int chan_derive(int fd, unsigned int rights, uint64_t badge);

/* Sending -------------------------------------------------------------------- */

/**
 * chan_send() - send a message, until it is queued
 * @fd: an endpoint with CHAN_RIGHT_SEND
 * @buf: the message
 * @len: its length in bytes; it may be 0
 * @deadline: until when to wait for room; 0: as long as it takes
 *
 * The asynchronous style: the sender goes on as soon as the message has a slot,
 * or, on a channel with a cap of 0, was received. Nobody owes anything for it,
 * unless the channel is a CHAN_WORKQUEUE. For a priority or a tag see chan_op_send()
 * and chan_run().
 *
 * Return: 0.
 *
 * * -EPIPE: The channel is shut down, or nobody is left to receive.
 * * -EMSGSIZE: The message is longer than the channel takes.
 * * -ETIMEDOUT: There was no room in time.
 * * -EINTR: A signal came first; nothing was sent.
 */
int chan_send(int fd, const void *buf, size_t len, uint64_t deadline);

/**
 * chan_send_work() - leave work behind, until it is queued
 * @fd: an endpoint with CHAN_RIGHT_SEND
 * @buf: the message
 * @len: its length in bytes; it may be 0
 * @deadline: until when to wait for room; 0: as long as it takes
 *
 * The work queue style: the sender goes on as soon as the message has a slot, and
 * its receiver owes a chan_ack(). Should the receiver die before, the next one
 * gets the message.
 *
 * Return: 0; errors as of chan_send(), and
 *
 * * -EINVAL: The channel has a cap of 0 and holds nothing.
 */
int chan_send_work(int fd, const void *buf, size_t len, uint64_t deadline);

/**
 * chan_send_until() - send a message, until it got somewhere
 * @fd: an endpoint with CHAN_RIGHT_SEND
 * @buf: the message
 * @len: its length in bytes; it may be 0
 * @until: CHAN_UNTIL_QUEUED: as chan_send(); CHAN_UNTIL_RECEIVED: it was copied
 *	to a receiver; CHAN_UNTIL_SETTLED: its receiver has acknowledged it
 * @msg: for the result, what became of the message; may be NULL
 * @deadline: until when to wait; 0: as long as it takes
 *
 * Before receipt, a deadline, a signal or chan_cancel() withdraws the message:
 * nobody has received it, nor will. After receipt its receiver goes on without a
 * listener when the deadline passes.
 *
 * A signal after receipt ends the waiting only if there is a @msg: then the
 * outcome can be fetched later, by chan_wait() with the same @msg. Without one
 * the function waits on.
 *
 * In @msg, state says how far the message got (CHAN_STATE_WITHDRAWN and the
 * others), error is the reason of a rejection, id names the message for
 * chan_cancel() by another thread, who may read it as soon as it is not 0.
 *
 * For a priority, a tag or redelivery by on_death see chan_op_send() and chan_run().
 *
 * Return: 0 when it got there.
 *
 * * -EPIPE: The channel is shut down, or nobody is left to receive it.
 * * -EMSGSIZE: The message is longer than the channel takes.
 * * -ETIMEDOUT: It did not get there in time.
 * * -EINTR: A signal came first; with a state of CHAN_STATE_RECEIVED go on with
 *   chan_wait(), otherwise nothing was sent.
 * * -ECANCELED: chan_cancel() came first.
 * * -EREMOTEIO: Its receiver has rejected it.
 * * -EOWNERDEAD: Its receiver has died, or has given it back as the last of the
 *   max_attempts of the channel.
 * * -EBUSY: The endpoint has too many outcomes that nobody has fetched.
 */
int chan_send_until(int fd, const void *buf, size_t len, unsigned int until,
		    struct chan_op *msg, uint64_t deadline);

/**
 * chan_call() - send a message and receive the reply
 * @fd: an endpoint with CHAN_RIGHT_SEND
 * @buf: the message
 * @len: its length in bytes; it may be 0
 * @reply: room for the reply
 * @reply_len: the size of this room
 * @msg: for the result, what became of the message; may be NULL
 * @deadline: until when to wait for the reply; 0: as long as it takes
 *
 * Deadline, signals and @msg are as with chan_send_until(). When the deadline
 * passes after receipt the call is abandoned: its receiver is told so when it
 * replies, and the reply never meets another call.
 *
 * For a priority, a tag or redelivery by on_death see chan_op_call() and chan_run().
 *
 * Return: the length of the reply; errors as of chan_send_until(). A reply that
 * is longer than the room is not the caller's error but the replier's.
 */
int chan_call(int fd, const void *buf, size_t len, void *reply,
	      size_t reply_len, struct chan_op *msg, uint64_t deadline);

/* Receiving ------------------------------------------------------------------ */

/**
 * chan_recv() - receive a message
 * @fd: an endpoint with CHAN_RIGHT_RECV
 * @buf: room for the message
 * @len: the size of this room
 * @msg: for the result, what is known of the message; may be NULL
 * @deadline: until when to wait for a message; 0: as long as it takes
 *
 * In @msg, duty says what is owed for the message (CHAN_DUTY_NONE, CHAN_DUTY_ACK
 * or CHAN_DUTY_REPLY), id is the token to settle that with, by chan_ack(),
 * chan_reply(), chan_reject() or chan_return(), and attempt is 1 for the first
 * delivery; chan_answer() settles whatever came. tag and prio are the sender's choice;
 * uid, gid, pid, badge and sent_at its stamp; reply_len is how long a reply the caller
 * takes.
 *
 * Without @msg the function does as read(2): it acknowledges what it has copied,
 * rejects calls, which it could not reply to, and takes the next message instead.
 *
 * Return: the length of the message, which may be 0.
 *
 * * -ESHUTDOWN: Nothing is left, and nothing will come.
 * * -EMSGSIZE: The next message is longer than the room. It stays, and the len
 *   of @msg is its length.
 * * -ETIMEDOUT: No message came in time.
 * * -EINTR: A signal came first.
 * * -ECANCELED: chan_cancel_tag() came first.
 */
int chan_recv(int fd, void *buf, size_t len, struct chan_op *msg,
	      uint64_t deadline);

/**
 * chan_peek() - look at the next message
 * @fd: an endpoint with CHAN_RIGHT_RECV
 * @buf: room for a copy of the message
 * @len: the size of this room
 * @msg: for the result, as with chan_recv(), but no token; may be NULL
 * @deadline: until when to wait for a message; 0: as long as it takes
 *
 * The message stays where it is, first in line. Nothing is owed for the copy.
 *
 * Return: the length of the message; errors as of chan_recv().
 */
int chan_peek(int fd, void *buf, size_t len, struct chan_op *msg,
	      uint64_t deadline);

/* Settling ------------------------------------------------------------------- */

/**
 * chan_ack() - say that the work is done
 * @fd: the endpoint that has received the message
 * @token: the id that chan_recv() has given with it
 *
 * For a message with CHAN_DUTY_ACK. Any thread, or child, that shares the
 * endpoint may settle. Does not wait.
 *
 * Return: 0.
 *
 * * -ESTALE: The endpoint does not owe anything by this token (any more).
 * * -EINVAL: A reply is owed.
 */
int chan_ack(int fd, uint64_t token);

/**
 * chan_reply() - answer a call
 * @fd: the endpoint that has received the call
 * @token: the id that chan_recv() has given with it
 * @buf: the reply
 * @len: its length in bytes; it may be 0
 *
 * For a message with CHAN_DUTY_REPLY. Does not wait.
 *
 * Return: 0.
 *
 * * -ECANCELED: The caller has left. The duty is over.
 * * -ESTALE: The endpoint does not owe anything by this token (any more).
 * * -EMSGSIZE: The caller has less room. The duty stays: try again, or chan_reject()
 *   it. chan_answer() does.
 * * -EINVAL: No reply is owed; chan_ack() is what its sender waits for.
 */
int chan_reply(int fd, uint64_t token, const void *buf, size_t len);

/**
 * chan_reject() - refuse what is owed
 * @fd: the endpoint that has received the message
 * @token: the id that chan_recv() has given with it
 * @error: why, a positive errno
 *
 * For a message with a duty of either kind. Its sender, if one waits, gets
 * -EREMOTEIO, and @error in the record of the message. Does not wait.
 *
 * Return: 0.
 *
 * * -ECANCELED: The caller has left. The duty is over.
 * * -ESTALE: The endpoint does not owe anything by this token (any more).
 * * -EINVAL: That is no errno.
 */
int chan_reject(int fd, uint64_t token, int error);

/**
 * chan_answer() - settle whatever came, by a reply if one is owed
 * @fd: the endpoint that has received the message
 * @msg: what chan_recv() has told of it
 * @buf: the reply, to a call; otherwise it is not looked at
 * @len: its length in bytes; it may be 0
 *
 * For a server's loop: a call is replied to, work is acknowledged, and where nothing is
 * owed nothing is done. A reply that cannot be given, because the caller has too little
 * room for it or for want of memory, becomes a rejection with this error, so that the
 * message does not keep its slot. Does not wait. Of what chan_recv_question() has given
 * see chan_answers_reply().
 *
 * Return: 0.
 *
 * * -ECANCELED: The caller has left. The duty is over.
 * * -EMSGSIZE: The caller has less room, and was told so. The duty is over.
 * * -EFAULT, -ENOMEM: There was no reply to be had, and the caller was told so. The duty
 *   is over.
 * * -ESTALE: The endpoint does not owe anything for this message (any more).
 */
int chan_answer(int fd, const struct chan_op *msg, const void *buf, size_t len);

/**
 * chan_return() - give a message back
 * @fd: the endpoint that has received the message
 * @token: the id that chan_recv() has given with it
 *
 * For a message with a duty of either kind. It is the next of its priority, for
 * whoever receives, and that will be another attempt. Does not wait.
 *
 * Return: 0.
 *
 * * -ECANCELED: The caller has left. The duty is over.
 * * -ESTALE: The endpoint does not owe anything by this token (any more).
 */
int chan_return(int fd, uint64_t token);

/* Waiting on, and not waiting any more --------------------------------------- */

/**
 * chan_wait() - go on waiting for what became of a message
 * @fd: the endpoint that has sent it
 * @msg: the record of chan_send_until() or chan_call(), which was -EINTR
 *
 * Deadline and room for the reply are those of the interrupted function. Nothing
 * is sent again, so a loop on -EINTR is right. If the message was withdrawn there
 * is nothing to wait for.
 *
 * Return: as chan_send_until() or chan_call(), whichever @msg was for.
 *
 * * -ENOENT: There is no such message under way.
 * * -EBUSY: Another thread waits for it.
 * * -EMSGSIZE: The reply is longer than the room. It is kept.
 */
int chan_wait(int fd, struct chan_op *msg);

/**
 * chan_cancel() - end the sending of a message
 * @fd: the endpoint that sends it
 * @id: the id in the record of chan_send_until() or chan_call()
 *
 * Before receipt the message is withdrawn. After receipt a call is abandoned, and
 * an outcome that is kept for chan_wait() forgotten. Who waits gets -ECANCELED.
 *
 * Return: 0.
 *
 * * -ENOENT: There is no such message under way.
 * * -EALREADY: It was received and will be acknowledged; its sender waits on.
 */
int chan_cancel(int fd, uint64_t id);

/**
 * chan_cancel_tag() - end all operations of an endpoint with one tag
 * @fd: the endpoint
 * @tag: what the tag of their records was when they began; not 0
 *
 * Receives end by it as well, see chan_run(); who waits gets -ECANCELED.
 *
 * Return: how many were ended, which may be 0.
 *
 * * -EINVAL: @tag is 0.
 */
int chan_cancel_tag(int fd, uint64_t tag);

/* Operations as records ------------------------------------------------------ */

/**
 * chan_op_send() - write down a send
 * @op: the record
 * @fd: an endpoint with CHAN_RIGHT_SEND
 * @buf: the message
 * @len: its length in bytes
 *
 * It is asynchronous, as chan_send(). Set until, duty, on_death, prio, tag, flags
 * and deadline of @op before it runs if it shall be another; linux/chan.h has the
 * styles.
 */
void chan_op_send(struct chan_op *op, int fd, const void *buf, size_t len);

/**
 * chan_op_call() - write down a call
 * @op: the record
 * @fd: an endpoint with CHAN_RIGHT_SEND
 * @buf: the message
 * @len: its length in bytes
 * @reply: room for the reply
 * @reply_len: the size of this room
 *
 * As chan_call(), without a deadline. Set on_death, prio, tag and deadline of @op
 * if you like. reply_len of @op is a result, too: write @op down anew before it is
 * used again.
 */
void chan_op_call(struct chan_op *op, int fd, const void *buf, size_t len,
		  void *reply, size_t reply_len);

/**
 * chan_op_recv() - write down a receive
 * @op: the record; of the message, once it has run
 * @fd: an endpoint with CHAN_RIGHT_RECV
 * @buf: room for the message
 * @len: the size of this room
 *
 * As chan_recv() with a record, without a deadline. Set flags, tag and deadline of
 * @op if you like. len of @op is a result, too, and after -EMSGSIZE longer than the
 * room: write @op down anew before it is used again.
 */
void chan_op_recv(struct chan_op *op, int fd, void *buf, size_t len);

/**
 * chan_op_ack() - write down that the work is done
 * @op: the record
 * @fd: the endpoint that has received the message
 * @token: the id that came with it
 *
 * As chan_ack().
 */
void chan_op_ack(struct chan_op *op, int fd, uint64_t token);

/**
 * chan_op_reply() - write down a reply
 * @op: the record
 * @fd: the endpoint that has received the call
 * @token: the id that came with it
 * @buf: the reply
 * @len: its length in bytes
 *
 * As chan_reply().
 */
void chan_op_reply(struct chan_op *op, int fd, uint64_t token, const void *buf,
		   size_t len);

/**
 * chan_op_reject() - write down a rejection
 * @op: the record
 * @fd: the endpoint that has received the message
 * @token: the id that came with it
 * @error: why, a positive errno
 *
 * As chan_reject().
 */
void chan_op_reject(struct chan_op *op, int fd, uint64_t token, int error);

/**
 * chan_op_return() - write down that a message is given back
 * @op: the record
 * @fd: the endpoint that has received the message
 * @token: the id that came with it
 *
 * As chan_return().
 */
void chan_op_return(struct chan_op *op, int fd, uint64_t token);

/**
 * chan_run() - run an operation
 * @op: the record; it names the endpoint in fd
 *
 * The record is written with all that became of the operation, whether it fails or
 * not. A send until settled that a signal has interrupted after receipt is -EINTR,
 * and its record is the operation that waits on: run it again.
 *
 * Return: bytes (a receive, the reply of a call), operations (a cancel by tag), or
 * 0, also in the result of @op; errors as of the function that does the same.
 */
int chan_run(struct chan_op *op);

/**
 * chan_batch() - run several operations in one system call
 * @ops: the records, each names its endpoint in fd
 * @nr: how many, 1 to CHAN_BATCH_MAX
 *
 * They run in their order, each waiting as it says, until one fails. A server's
 * loop is a batch of a reply and a receive; a drain is one of receives, all but
 * the first with CHAN_NOWAIT in flags.
 *
 * Return: how many were done, at least 1. If that is fewer than @nr, the result of
 * the next record says why; those behind it are untouched. If none was done, the
 * error of the first.
 *
 * * -EOPNOTSUPP: The module is older than batches.
 * * -EINVAL: @nr is out of range, or a descriptor is no channel.
 */
int chan_batch(struct chan_op *ops, unsigned int nr);

/**
 * chan_select() - do exactly one of several operations
 * @arms: the records, each names its endpoint in fd
 * @nr: how many, 1 to CHAN_BATCH_MAX
 * @flags: CHAN_ORDERED: of those that are ready the first, not any; CHAN_NOWAIT:
 *	-EAGAIN if none is ready; or 0
 * @deadline: until when to wait for one; 0: as long as it takes
 *
 * An arm is what chan_op_recv() or chan_op_send() has written down, without a
 * deadline of its own. Whichever is possible first is done, and the others leave
 * no trace. An arm that would fail is ready: its error is what came of it. So is
 * -ECANCELED when chan_cancel_tag() ends one that waits.
 *
 * So the clauses of a select are the cases of a switch over what this function
 * returns; -EAGAIN is the default, and -ETIMEDOUT the end of the time.
 *
 * Return: the number of the arm that was taken; what came of it is in the result
 * of its record: bytes, 0, or a negative errno. Or, with nothing done:
 *
 * * -EAGAIN: None is ready, and CHAN_NOWAIT says not to wait.
 * * -ETIMEDOUT: None was ready in time.
 * * -EINTR: A signal came first.
 * * -EINVAL: There is an operation that is no arm, a descriptor that is no channel,
 *   or @nr is out of range.
 * * -EOPNOTSUPP: The module is older than selects.
 */
int chan_select(struct chan_op *arms, unsigned int nr, unsigned int flags,
		uint64_t deadline);

/* Operations on the caller's own ring ----------------------------------------- */

/* Of <linux/io_uring.h>, as liburing has it too. */
struct io_uring_sqe;

/**
 * chan_prep_run() - put an operation on a ring of io_uring
 * @sqe: an entry of the ring's submission queue
 * @op: the record, which names the endpoint in fd; it stays, with all that it
 *	points to, until the completion has come
 *
 * For programs that have a ring, by liburing or otherwise. The operation begins when
 * @sqe is submitted; its task goes on, and one completion comes when chan_run() would
 * have returned. The user data of @sqe is the address of @op, and its flags are 0:
 * set other ones afterwards if you like. The endpoint goes into @sqe, and the fd of
 * @op is -1 from then on.
 *
 * The res of the completion is what chan_run() would return: bytes, operations, 0 or
 * a negative errno. Everything else is in @op, as after chan_run(): the state and the
 * error of what was sent; the token, the duty and the stamp of what was received. A
 * message is received only when its completion is posted. Nothing else may use @op
 * before, but for the id of a send, which chan_cancel() may be given as soon as it is
 * not 0. io_uring's own ways to cancel do not reach an operation; its deadline,
 * chan_cancel() and chan_cancel_tag() do.
 *
 * Only @sqe and @op are written, so nothing can fail here. What is wrong is told by
 * the completion, as by the function that does the same; -EOPNOTSUPP also means that
 * the descriptor is no channel.
 */
void chan_prep_run(struct io_uring_sqe *sqe, struct chan_op *op);

/**
 * chan_prep_send() - send a message on a ring, until it is queued
 * @sqe: an entry of the ring's submission queue
 * @op: the record, for the result; it stays, with @buf, until the completion
 *	has come
 * @fd: an endpoint with CHAN_RIGHT_SEND
 * @buf: the message
 * @len: its length in bytes; it may be 0
 * @deadline: until when to wait for room; 0: as long as it takes
 *
 * As chan_send(); of the rest see chan_prep_run().
 */
void chan_prep_send(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		    const void *buf, size_t len, uint64_t deadline);

/**
 * chan_prep_send_work() - leave work behind on a ring, until it is queued
 * @sqe: an entry of the ring's submission queue
 * @op: the record, for the result; it stays, with @buf, until the completion
 *	has come
 * @fd: an endpoint with CHAN_RIGHT_SEND
 * @buf: the message
 * @len: its length in bytes; it may be 0
 * @deadline: until when to wait for room; 0: as long as it takes
 *
 * As chan_send_work(); of the rest see chan_prep_run().
 */
void chan_prep_send_work(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
			 const void *buf, size_t len, uint64_t deadline);

/**
 * chan_prep_send_until() - send a message on a ring, until it got somewhere
 * @sqe: an entry of the ring's submission queue
 * @op: the record, for the result; it stays, with @buf, until the completion
 *	has come
 * @fd: an endpoint with CHAN_RIGHT_SEND
 * @buf: the message
 * @len: its length in bytes; it may be 0
 * @until: CHAN_UNTIL_QUEUED, CHAN_UNTIL_RECEIVED or CHAN_UNTIL_SETTLED
 * @deadline: until when to wait; 0: as long as it takes
 *
 * As chan_send_until(), which has the meaning of @until and of the results in @op; of
 * the rest see chan_prep_run().
 */
void chan_prep_send_until(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
			  const void *buf, size_t len, unsigned int until,
			  uint64_t deadline);

/**
 * chan_prep_call() - send a message on a ring, until the reply is there
 * @sqe: an entry of the ring's submission queue
 * @op: the record, for the result; it stays, with @buf and @reply, until the
 *	completion has come
 * @fd: an endpoint with CHAN_RIGHT_SEND
 * @buf: the message
 * @len: its length in bytes; it may be 0
 * @reply: room for the reply
 * @reply_len: the size of this room
 * @deadline: until when to wait for the reply; 0: as long as it takes
 *
 * As chan_call(): the res of the completion is the length of the reply. Of the rest
 * see chan_prep_run().
 */
void chan_prep_call(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		    const void *buf, size_t len, void *reply, size_t reply_len,
		    uint64_t deadline);

/**
 * chan_prep_recv() - receive a message on a ring
 * @sqe: an entry of the ring's submission queue
 * @op: the record, for the result; it stays, with @buf, until the completion
 *	has come
 * @fd: an endpoint with CHAN_RIGHT_RECV
 * @buf: room for the message
 * @len: the size of this room
 * @deadline: until when to wait for a message; 0: as long as it takes
 *
 * As chan_recv() with a record: the res of the completion is the length of the
 * message, and @op says what is known of it. Set flags or tag of @op before you
 * submit if you like. Of the rest see chan_prep_run().
 */
void chan_prep_recv(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		    void *buf, size_t len, uint64_t deadline);

/**
 * chan_prep_peek() - look at the next message on a ring
 * @sqe: an entry of the ring's submission queue
 * @op: the record, for the result; it stays, with @buf, until the completion
 *	has come
 * @fd: an endpoint with CHAN_RIGHT_RECV
 * @buf: room for a copy of the message
 * @len: the size of this room
 * @deadline: until when to wait for a message; 0: as long as it takes
 *
 * As chan_peek(); of the rest see chan_prep_run().
 */
void chan_prep_peek(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		    void *buf, size_t len, uint64_t deadline);

/**
 * chan_prep_recv_multishot() - receive message after message on a ring
 * @sqe: an entry of the ring's submission queue
 * @op: the record, for the end; it stays until the last completion has come
 * @fd: an endpoint with CHAN_RIGHT_RECV
 * @group: buffers that the ring was given, each with room for a record and a
 *	message
 * @deadline: until when to go on; 0: without end
 *
 * For modules with CHAN_FEATURE_URING_MULTISHOT, see chan_query(); with others the
 * completion's res is -EINVAL or, by io_uring itself, -EOPNOTSUPP. Each message
 * has a completion with IORING_CQE_F_BUFFER and IORING_CQE_F_MORE; its buffer begins
 * with the record of the message, a struct chan_op, with the payload behind it,
 * and its res is the size of both. A completion without IORING_CQE_F_MORE is the last:
 * if its res is negative, @op says the same, and no message was received;
 * -ENOBUFS: give buffers back and begin again; -EMSGSIZE: the next message needs
 * a longer buffer, and len of @op says how long it is. A tag of @op, for
 * chan_cancel_tag(), is not that of the messages. Of the rest see
 * chan_prep_run().
 */
void chan_prep_recv_multishot(struct io_uring_sqe *sqe, struct chan_op *op,
			      int fd, uint16_t group, uint64_t deadline);

/**
 * chan_prep_ack() - say on a ring that the work is done
 * @sqe: an entry of the ring's submission queue
 * @op: the record, for the result; it stays until the completion has come
 * @fd: the endpoint that has received the message
 * @token: the id that came with it
 *
 * As chan_ack(); of the rest see chan_prep_run().
 */
void chan_prep_ack(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		   uint64_t token);

/**
 * chan_prep_reply() - answer a call on a ring
 * @sqe: an entry of the ring's submission queue
 * @op: the record, for the result; it stays, with @buf, until the completion
 *	has come
 * @fd: the endpoint that has received the call
 * @token: the id that came with it
 * @buf: the reply
 * @len: its length in bytes; it may be 0
 *
 * As chan_reply(); of the rest see chan_prep_run().
 */
void chan_prep_reply(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		     uint64_t token, const void *buf, size_t len);

/**
 * chan_prep_reject() - refuse on a ring what is owed
 * @sqe: an entry of the ring's submission queue
 * @op: the record, for the result; it stays until the completion has come
 * @fd: the endpoint that has received the message
 * @token: the id that came with it
 * @error: why, a positive errno
 *
 * As chan_reject(); of the rest see chan_prep_run().
 */
void chan_prep_reject(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		      uint64_t token, int error);

/**
 * chan_prep_return() - give a message back on a ring
 * @sqe: an entry of the ring's submission queue
 * @op: the record, for the result; it stays until the completion has come
 * @fd: the endpoint that has received the message
 * @token: the id that came with it
 *
 * As chan_return(); of the rest see chan_prep_run().
 */
void chan_prep_return(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		      uint64_t token);

/**
 * chan_prep_wait() - go on waiting on a ring for what became of a message
 * @sqe: an entry of the ring's submission queue
 * @fd: the endpoint that has sent it
 * @msg: the record of chan_send_until() or chan_call(), which was -EINTR; it stays,
 *	with the room for the reply, until the completion has come
 *
 * As chan_wait(); of the rest see chan_prep_run().
 */
void chan_prep_wait(struct io_uring_sqe *sqe, int fd, struct chan_op *msg);

/**
 * chan_prep_cancel() - end the sending of a message, on a ring
 * @sqe: an entry of the ring's submission queue
 * @op: the record, for the result; it stays until the completion has come
 * @fd: the endpoint that sends it
 * @id: the id in the record of what is to be ended
 *
 * As chan_cancel(); of the rest see chan_prep_run().
 */
void chan_prep_cancel(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		      uint64_t id);

/**
 * chan_prep_cancel_tag() - end all operations with one tag, on a ring
 * @sqe: an entry of the ring's submission queue
 * @op: the record, for the result; it stays until the completion has come
 * @fd: the endpoint
 * @tag: what the tag of their records was when they began; not 0
 *
 * As chan_cancel_tag(): the res of the completion is how many were ended. Of the
 * rest see chan_prep_run().
 */
void chan_prep_cancel_tag(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
			  uint64_t tag);

/* A ring for those who have none ---------------------------------------------- */

/* Who does the operations of a ring. */
#define CHAN_RING_URING (1 << 0)
#define CHAN_RING_POLL	(1 << 1)

/* Most operations that may be under way on a ring. */
#define CHAN_RING_MAX 4096

struct chan_ring;

/**
 * struct chan_done - an operation of a ring that is over
 * @op: its record, with all that became of it
 * @token: what chan_ring_start() was given
 * @result: what chan_run() would have returned; it is in @op as well
 */
struct chan_done {
	struct chan_op *op;
	uint64_t token;
	int result;
};

/**
 * chan_ring_open() - make a ring, on which operations go on by themselves
 * @ring: for the result
 * @capacity: how many may be under way at once, 1 to CHAN_RING_MAX
 * @engines: CHAN_RING_URING or CHAN_RING_POLL: this one; 0: the first that can be had
 *
 * One thread starts many operations, on any endpoints, and takes those that are over.
 * There is no other thread, and all memory is there from now on. A ring is for one
 * thread: what is under way when that exits receives nothing any more, and ends by
 * chan_ring_cancel() or chan_ring_close(). A child of fork(2) must not use it.
 *
 * CHAN_RING_URING is io_uring. Where that is missing or forbidden, by seccomp(2) or
 * kernel.io_uring_disabled, or the module is too old for it, CHAN_RING_POLL does the
 * same by trying without to wait, when poll(2) says so. It goes on only inside of
 * chan_ring_submit(), chan_ring_next() and chan_ring_cancel(), and then:
 *
 * What ends later than with a slot or a receiver cannot be started: a call, a send
 * until settled, a send until received on a channel with slots, a wait. Serve calls
 * with either engine, and ask by chan_ring_ask() where a call would do. On a channel
 * with a cap of 0 two that poll do not meet. A short send to a channel that is full by
 * bytes goes on when the longest would fit.
 *
 * Return: 0.
 *
 * * -EINVAL: @capacity is out of range, or there is no such engine.
 * * -EMFILE: The process has no descriptor left.
 * * -EPERM: io_uring is forbidden, and @engines takes nothing else.
 * * -ENOSYS: The kernel has no io_uring, and @engines takes nothing else.
 * * -EOPNOTSUPP: The module is too old for it, and @engines takes nothing else.
 */
int chan_ring_open(struct chan_ring **ring, unsigned int capacity,
		   unsigned int engines);

/**
 * chan_ring_close() - end a ring, and what is under way on it
 * @ring: the ring
 *
 * What is under way ends as by chan_ring_cancel(), and nobody is told, nor of what was
 * over before: if a message that was just received matters, cancel first, and take
 * what chan_ring_next() tells. Records are the program's again.
 *
 * A send until settled that was received and has to be acknowledged goes on without a
 * listener; should a child of fork(2) have the descriptor of the ring still open, its
 * record is written when it is.
 */
void chan_ring_close(struct chan_ring *ring);

/**
 * chan_ring_engine() - who does the operations of a ring
 * @ring: the ring
 *
 * Return: CHAN_RING_URING or CHAN_RING_POLL.
 */
int chan_ring_engine(const struct chan_ring *ring);

/**
 * chan_ring_fd() - the descriptor of a ring, for poll(2) and epoll(7)
 * @ring: the ring
 *
 * POLLIN says that chan_ring_next() with CHAN_AT_ONCE is worth a try: something is
 * over or, with CHAN_RING_POLL, can go on. chan_ring_submit() has to come before what
 * was started is waited for in this way.
 *
 * Return: the descriptor. It belongs to the ring: do not read from it, or close it.
 */
int chan_ring_fd(const struct chan_ring *ring);

/**
 * chan_ring_start() - start an operation on a ring
 * @ring: the ring
 * @op: its record, which names the endpoint in fd; see chan_op_send() and the others
 * @token: told when it is over; whatever you like
 *
 * It begins with the next chan_ring_submit() or chan_ring_next(). Until that tells that
 * it is over, the record and all that it points to belong to the ring, and the endpoint
 * stays open. Operations that wait on one endpoint for the same get it in the order in
 * which they were started. A deadline in @op ends it with -ETIMEDOUT.
 *
 * Return: 0. What is wrong with an operation is its result, but for
 *
 * * -EBUSY: So many are under way as the ring has room for.
 * * -EOPNOTSUPP: CHAN_RING_POLL cannot do that, see chan_ring_open().
 */
int chan_ring_start(struct chan_ring *ring, struct chan_op *op, uint64_t token);

/**
 * chan_ring_ask() - ask on a ring, and go on until the answer is there
 * @ring: the ring
 * @op: the record of a call, which names the endpoint in fd; see chan_op_call()
 * @token: told when it is over; whatever you like
 *
 * As chan_ring_start() of a call, with any engine, if whoever is asked receives by
 * chan_recv_question() or chan_unwrap(). Should that die before it has answered, the
 * next one gets the question; on_death of @op says so afterwards. It ends as a call does:
 * the result is the length of the answer, or -EREMOTEIO with the error of @op.
 *
 * With CHAN_RING_URING it is a call. With CHAN_RING_POLL it is work that is left behind
 * as by chan_send_work(), in a struct chan_envelope that says where the answer goes: to a
 * channel that the ring makes for its first question, /dev/chan/result- and 16 digits. It
 * counts as a channel of the user's, with up to 1 MiB, and goes with the ring. Anybody
 * may send to it; what does not answer an open question is dropped. So, with this engine:
 *
 * What was queued stays so when a deadline or chan_ring_cancel() ends the waiting. The
 * state of @op is CHAN_STATE_ABANDONED then, and an answer that comes late is dropped. If
 * the channel has lost its receivers for good that is -EPIPE, whoever had the question.
 * When a message is dropped for its many attempts, or acknowledged without an answer, or
 * receivers were gone and came back, nobody tells: a deadline is wise.
 *
 * Return: 0. What is wrong with an operation is its result, but for
 *
 * * -EINVAL: @op is no call, or has flags.
 * * -EBUSY: So many are under way as the ring has room for, or the answers to all of
 *   them might be more than 1 MiB.
 *
 * and, with CHAN_RING_POLL, the errors of chan_create() and
 *
 * * -EMSGSIZE: The room for the answer is more than CHAN_ANSWER_MAX.
 *
 * A result of -EMSGSIZE says that the channel does not take the question, which is longer
 * by its envelope; -EINVAL, that it has a cap of 0.
 */
int chan_ring_ask(struct chan_ring *ring, struct chan_op *op, uint64_t token);

/**
 * chan_ring_submit() - begin what was started on a ring
 * @ring: the ring
 *
 * All at once: with CHAN_RING_URING that is one system call. Does not wait.
 *
 * Return: 0.
 */
int chan_ring_submit(struct chan_ring *ring);

/**
 * chan_ring_next() - wait until an operation of a ring is over
 * @ring: the ring
 * @done: for the result
 * @deadline: until when to wait; 0: as long as it takes
 *
 * Begins what was started, as chan_ring_submit(). Each operation is told once.
 *
 * Return: 0: @done tells which is over.
 *
 * * -ENOENT: None is under way.
 * * -ETIMEDOUT: None was over in time.
 * * -EINTR: A signal came first, whatever its action.
 */
int chan_ring_next(struct chan_ring *ring, struct chan_done *done,
		   uint64_t deadline);

/**
 * chan_ring_cancel() - end operations of a ring
 * @ring: the ring
 * @token: what chan_ring_start() was given for them
 *
 * They are over, which chan_ring_next() tells: their result is -ECANCELED. What is sent
 * and was not received is withdrawn, a call that was received is abandoned. What was
 * received and has to be acknowledged is waited for on.
 *
 * On a ring chan_cancel_tag() ends no receives.
 *
 * Return: how many were ended, which may be 0.
 */
int chan_ring_cancel(struct chan_ring *ring, uint64_t token);

/* Answering ------------------------------------------------------------------ */

/* Most channels of askers that are kept open. */
#define CHAN_ANSWERS_MAX 1024

/* The longest answer to what is no call. */
#define CHAN_ANSWER_MAX (64 << 10)

/* What says that a message is a question or an answer, and how it is written. */
#define CHAN_ENVELOPE_MAGIC   0x9d1f5ae67c24b383ULL
#define CHAN_ENVELOPE_VERSION 1

/**
 * struct chan_envelope - behind the bytes of a question or an answer
 * @id: of the question, never 0; an answer has the same. Nobody can guess it
 * @channel: question: the answer goes to /dev/chan/result- and these 16 hexadecimal
 *	digits, never 0; answer: 0
 * @reply_len: question: how long an answer its asker takes, no more than
 *	CHAN_ANSWER_MAX; answer: 0
 * @verdict: question: 0; answer: CHAN_REPLY or CHAN_REJECT
 * @error: answer: of a rejection, a positive errno; otherwise 0
 * @version: CHAN_ENVELOPE_VERSION
 * @reserved: 0
 * @magic: CHAN_ENVELOPE_MAGIC
 *
 * It is written and read by the library; who speaks with it without one finds here how.
 * The numbers are those of the machine, the address may be any. A question is a message
 * with CHAN_DUTY_ACK, which is acknowledged when its answer was sent; an answer is an
 * asynchronous message of CHAN_PRIO_MAX.
 */
struct chan_envelope {
	uint64_t id;
	uint64_t channel;
	uint64_t reply_len;
	uint32_t verdict;
	uint32_t error;
	uint32_t version;
	uint32_t reserved;
	uint64_t magic;
};

/**
 * struct chan_question - what was received, to be answered if it is a question
 * @msg: what is known of the message, as with chan_recv(). Of a question, however it
 *	came, duty is CHAN_DUTY_REPLY and reply_len how long an answer its asker takes
 * @id: of the library's: of its envelope; 0: it had none
 * @channel: of the library's: where its answer goes
 */
struct chan_question {
	struct chan_op msg;
	uint64_t id;
	uint64_t channel;
};

struct chan_answers;

/**
 * chan_answers_open() - make ready to answer questions
 * @answers: for the result
 * @capacity: the channels of how many askers to keep open, 1 to CHAN_ANSWERS_MAX
 *
 * Questions of chan_ring_ask() and calls are answered alike. Each ring that asks without
 * io_uring has a channel for its answers, which is opened with the first and kept for the
 * next, until there are more than @capacity. When a new one is opened, those that have
 * lost their ring are closed.
 *
 * For one thread, and any endpoints. All memory is there from now on.
 *
 * Return: 0.
 *
 * * -EINVAL: @capacity is out of range.
 */
int chan_answers_open(struct chan_answers **answers, unsigned int capacity);

/**
 * chan_answers_close() - end the answering
 * @answers: what chan_answers_open() has made
 *
 * Endpoints stay open. What was received and not answered is still owed.
 */
void chan_answers_close(struct chan_answers *answers);

/**
 * chan_recv_question() - receive a question
 * @fd: an endpoint with CHAN_RIGHT_RECV
 * @buf: room for the question and a struct chan_envelope
 * @len: the size of this room
 * @question: for the result, what to answer
 * @deadline: until when to wait for a message; 0: as long as it takes
 *
 * As chan_recv(), and then as chan_unwrap(). What that refuses is rejected, and the next
 * message taken instead. What is no question is received as it is: duty says what is
 * owed, for chan_ack(). chan_return() gives a question back to whoever receives next.
 *
 * Return: the length of the question; errors as of chan_recv().
 */
int chan_recv_question(int fd, void *buf, size_t len,
		       struct chan_question *question, uint64_t deadline);

/**
 * chan_unwrap() - find the question in a message that was received
 * @question: with a msg that has run, by a ring or otherwise, as chan_op_recv() has
 *	written it down
 *
 * The question has the first bytes of the buffer, its envelope is behind them. The fd of
 * the msg says by which endpoint it will be answered: after chan_prep_recv(), which leaves
 * -1 there, set it again first, or chan_answers_reply() and chan_answers_reject() are
 * -EBADF.
 *
 * Return: the length of the question; it is the len and the result of the msg, too. A
 * message that is none stays as it is.
 *
 * * -EBADMSG: No answer can be sent by this envelope: chan_reject() the message.
 */
int chan_unwrap(struct chan_question *question);

/**
 * chan_answers_reply() - answer a question
 * @answers: what chan_answers_open() has made
 * @question: what chan_recv_question() or chan_unwrap() has given
 * @buf: the answer
 * @len: its length in bytes; it may be 0
 *
 * As chan_reply(), or by a message to the channel of its asker; then the question is
 * acknowledged. Should this process die in between, the next one answers again, and the
 * asker takes the first answer alone. Does not wait.
 *
 * Return: 0.
 *
 * * -ECANCELED: The asker has left. The duty is over. One that has only given up the
 *   question is not told from one that waits, unless it was a call.
 * * -ESTALE: The endpoint does not owe anything for this question (any more).
 * * -EMSGSIZE: The asker has less room. The duty stays: try again.
 * * -EAGAIN: The asker has no room. A ring keeps some for whatever it waits for, but not
 *   for what it has given up. The duty stays: try again, or be rid of it by chan_ack().
 * * -EMFILE: The process has no descriptor left. The duty stays.
 * * -EINVAL: It is no question.
 */
int chan_answers_reply(struct chan_answers *answers,
		       const struct chan_question *question, const void *buf,
		       size_t len);

/**
 * chan_answers_reject() - refuse a question
 * @answers: what chan_answers_open() has made
 * @question: what chan_recv_question() or chan_unwrap() has given
 * @error: why, a positive errno
 *
 * Its asker gets -EREMOTEIO, and @error in the record. Does not wait.
 *
 * Return: 0; errors as of chan_answers_reply(), and
 *
 * * -EINVAL: That is no errno.
 */
int chan_answers_reject(struct chan_answers *answers,
			const struct chan_question *question, int error);

/* Looking -------------------------------------------------------------------- */

/**
 * chan_stat() - what a channel is and holds
 * @fd: an endpoint
 * @stat: for the result
 *
 * Attributes, depth, who waits, endpoints and totals; see struct chan_stat in
 * linux/chan.h.
 *
 * Return: 0.
 */
int chan_stat(int fd, struct chan_stat *stat);

/**
 * chan_query() - what the module is and allows
 * @fd: an endpoint, or -1
 * @query: for the result
 *
 * The version of the ABI, a bit for each feature (CHAN_FEATURE_OP and the others),
 * and the limits in force; see struct chan_query in linux/chan.h.
 *
 * Return: 0.
 *
 * * -ENOENT: @fd is -1, and the module is not loaded.
 */
int chan_query(int fd, struct chan_query *query);

/**
 * chan_version() - the version of the library
 *
 * Return: a string such as "0.1.0", which stays.
 */
const char *chan_version(void);

/* Ends ----------------------------------------------------------------------- */

/**
 * chan_shutdown() - end the sending on a channel for good
 * @fd: an endpoint with CHAN_RIGHT_ADMIN
 *
 * Sends that are new or wait for room get -EPIPE. What is queued can still be
 * received and settled; then receivers get -ESHUTDOWN. Doing it again changes
 * nothing.
 *
 * Return: 0.
 *
 * * -EPERM: The endpoint lacks CHAN_RIGHT_ADMIN.
 */
int chan_shutdown(int fd);

/**
 * chan_remove() - take the name of a channel away
 * @name: of /dev/chan/@name
 *
 * For its owner, or with CAP_SYS_ADMIN. Like unlink(2): endpoints that are open go
 * on, and the channel ends with the last.
 *
 * Return: 0.
 *
 * * -ENOENT: There is no such channel, or the module is not loaded.
 * * -EPERM: It is another user's.
 * * -EINVAL: That is no name.
 */
int chan_remove(const char *name);

/* Channels with a type; see chan_typed.h -------------------------------------- */

/**
 * chan_hash() - the number of a type, from its text
 * @before: the number of what stands before, 0 if nothing does
 * @text: names and types
 *
 * FNV-1a of 64 bits; it is the same in every version.
 *
 * Return: the number, which is not 0.
 */
uint64_t chan_hash(uint64_t before, const char *text);

/**
 * chan_create_typed() - make a channel for messages of one type
 * @name: as of chan_create()
 * @cap: as of chan_create()
 * @flags: as of chan_create(); CHAN_FIXED is added
 * @type: the number of the type
 * @size: how long each message is, in bytes
 *
 * The macros of chan_typed.h call this.
 *
 * Return: a new endpoint, close-on-exec, with all rights; errors as of
 * chan_create().
 */
int chan_create_typed(const char *name, unsigned int cap, unsigned int flags,
		      uint64_t type, size_t size);

/**
 * chan_open_typed() - open a channel, if it is for messages of one type
 * @name: as of chan_open()
 * @rights: as of chan_open()
 * @type: the number of the type
 * @size: how long each message is, in bytes
 *
 * Return: a new endpoint, close-on-exec; errors as of chan_open(), and
 *
 * * -EPROTOTYPE: The channel is for messages of another type, or of any.
 */
int chan_open_typed(const char *name, unsigned int rights, uint64_t type,
		    size_t size);

/**
 * chan_check_type() - whether a channel is for messages of one type
 * @fd: an endpoint, which came by fork(2) or from another process
 * @type: the number of the type
 * @size: how long each message is, in bytes
 *
 * Return: 0.
 *
 * * -EPROTOTYPE: The channel is for messages of another type, or of any.
 */
int chan_check_type(int fd, uint64_t type, size_t size);

/* Tasks that have a name ----------------------------------------------------- */

/**
 * chan_task() - give the calling task a name, under which it receives
 * @name: of the task, and of /dev/chan/@name
 *
 * A mailbox for 64 messages that lives as long as the endpoint, so as long as the
 * task. Only tasks of the same user reach it, unless the node gets other
 * permissions.
 *
 * Return: a new endpoint, close-on-exec, to receive from.
 *
 * * -EEXIST: A task of that name lives.
 * * -EINVAL: That is no name.
 */
int chan_task(const char *name);

/**
 * chan_tell() - send a message to a task, until it is received
 * @name: of the task
 * @buf: the message
 * @len: its length in bytes; it may be 0
 * @deadline: until when to wait; 0: as long as it takes
 *
 * Return: 0; errors as of chan_send_until(), and
 *
 * * -ENOENT: There is no such task.
 * * -EACCES: It is another user's.
 * * -EPIPE: The task died before it took the message.
 */
int chan_tell(const char *name, const void *buf, size_t len, uint64_t deadline);

/**
 * chan_ask() - send a message to a task and receive the reply
 * @name: of the task
 * @buf: the message
 * @len: its length in bytes; it may be 0
 * @reply: room for the reply
 * @reply_len: the size of this room
 * @deadline: until when to wait for the reply; 0: as long as it takes
 *
 * Return: the length of the reply; errors as of chan_call(), and
 *
 * * -ENOENT: There is no such task.
 * * -EACCES: It is another user's.
 * * -EPIPE: The task died before it took the message.
 * * -EOWNERDEAD: The task died with the message.
 */
int chan_ask(const char *name, const void *buf, size_t len, void *reply,
	     size_t reply_len, uint64_t deadline);

/* Semaphores, mutual exclusion, barriers: empty messages ---------------------- */

/**
 * chan_sem_create() - make a semaphore
 * @name: it will be /dev/chan/@name; NULL: it has no name
 * @value: what it begins with
 * @max: the greatest value, 1 to CHAN_CAP_MAX
 *
 * Its value is the number of empty messages in a channel. Other processes open it
 * by chan_open() with both rights.
 *
 * Return: a new endpoint, close-on-exec; errors as of chan_create().
 */
int chan_sem_create(const char *name, unsigned int value, unsigned int max);

/**
 * chan_sem_wait() - take one from a semaphore, when there is one (P)
 * @fd: the semaphore
 * @deadline: until when to wait; 0: as long as it takes
 *
 * Return: 0.
 *
 * * -ETIMEDOUT: The value was 0 all the time.
 * * -EINTR: A signal came first.
 */
int chan_sem_wait(int fd, uint64_t deadline);

/**
 * chan_sem_post() - add one to a semaphore (V)
 * @fd: the semaphore
 *
 * Does not wait.
 *
 * Return: 0.
 *
 * * -EOVERFLOW: It has its greatest value.
 */
int chan_sem_post(int fd);

/**
 * chan_mutex_create() - make a mutex
 * @name: it will be /dev/chan/@name; NULL: it has no name
 *
 * It is one empty message; who has received it has the mutex. Should its holder die,
 * the next gets it: the holder is the endpoint, so processes that shall not share
 * the fate of others open or derive one each.
 *
 * Return: a new endpoint, close-on-exec; errors as of chan_create().
 */
int chan_mutex_create(const char *name);

/**
 * chan_mutex_lock() - wait for a mutex and take it
 * @fd: the mutex
 * @token: for the result, what to unlock it with
 * @deadline: until when to wait; 0: as long as it takes
 *
 * Who waits longest is next. A thread that has the mutex must not lock it again.
 *
 * Return: 0.
 *
 * * -ETIMEDOUT: Others had it all the time.
 * * -EINTR: A signal came first.
 */
int chan_mutex_lock(int fd, uint64_t *token, uint64_t deadline);

/**
 * chan_mutex_unlock() - give a mutex to the next
 * @fd: the mutex
 * @token: what chan_mutex_lock() has given
 *
 * Return: 0.
 *
 * * -ESTALE: It is not locked by this token.
 */
int chan_mutex_unlock(int fd, uint64_t token);

/* Most parties that may meet at a barrier. */
#define CHAN_BARRIER_MAX 1024

/**
 * struct chan_barrier - where parties meet: a mutex and a channel
 * @leader: who has this mutex lets the others in, and out
 * @arrivals: where the others wait
 * @parties: how many meet
 */
struct chan_barrier {
	int leader;
	int arrivals;
	unsigned int parties;
};

/**
 * chan_barrier_create() - make a barrier
 * @barrier: for the result
 * @parties: how many meet each time, 1 to CHAN_BARRIER_MAX
 *
 * For threads, or for children that inherit its descriptors.
 *
 * Return: 0; errors as of chan_create().
 */
int chan_barrier_create(struct chan_barrier *barrier, unsigned int parties);

/**
 * chan_barrier_wait() - wait until all have come
 * @barrier: the barrier
 * @deadline: until when to wait; 0: as long as it takes
 *
 * All parties come to each meeting. Who leaves early, by a deadline or a signal, may
 * have been counted, and may come again only if nobody has met meanwhile.
 *
 * Return: 1 for one of them, 0 for the others.
 *
 * * -ETIMEDOUT: They have not all come in time.
 * * -EINTR: A signal came first.
 */
int chan_barrier_wait(const struct chan_barrier *barrier, uint64_t deadline);

/**
 * chan_barrier_close() - close the descriptors of a barrier
 * @barrier: the barrier
 */
void chan_barrier_close(struct chan_barrier *barrier);

/* Deadlines ------------------------------------------------------------------ */

/**
 * chan_in_ms() - a deadline some milliseconds from now
 * @ms: how many; fewer than 0, such as what is left of a time that is over, have passed
 *
 * Return: the deadline, which is never 0; the latest there is if that were later, and
 * CHAN_AT_ONCE if @ms is negative.
 */
uint64_t chan_in_ms(int64_t ms);

/**
 * chan_in_ns() - a deadline some nanoseconds from now
 * @ns: how many; fewer than 0 have passed
 *
 * Return: as chan_in_ms().
 */
uint64_t chan_in_ns(int64_t ns);

#ifdef __cplusplus
}
#endif

#endif /* CHAN_H */
