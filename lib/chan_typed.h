/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libchan - channels whose messages have a type
 *
 *	CHAN_TYPE(disk_access, (int, cylinder), (int, block), (char, name[16]))
 *
 * declares struct disk_access with these members, struct disk_access_chan, which is
 * an endpoint, and functions that take no other message and no other channel:
 *
 *	int disk_access_create(struct disk_access_chan *channel, const char *name,
 *			       unsigned int cap, unsigned int flags);
 *	int disk_access_open(struct disk_access_chan *channel, const char *name,
 *			     unsigned int rights);
 *	int disk_access_adopt(struct disk_access_chan *channel, int fd);
 *	int disk_access_send(struct disk_access_chan channel,
 *			     struct disk_access message, uint64_t deadline);
 *	int disk_access_recv(struct disk_access_chan channel,
 *			     struct disk_access *message, struct chan_op *msg,
 *			     uint64_t deadline);
 *
 * They are chan_create(), chan_open(), chan_check_type() on a descriptor from
 * elsewhere, chan_send() and chan_recv(). The first three return 0, or -EPROTOTYPE
 * if the channel is of another type: names and types of the members count, and
 * their order. An array of channels is an array of struct disk_access_chan.
 *
 *	CHAN_CALL_TYPE(disk_access, disk_result, (int, cylinder), (int, block))
 *
 * is for calls, with replies of the type disk_result, which CHAN_TYPE() has declared
 * before. It declares all of the above, and
 *
 *	int disk_access_call(struct disk_access_chan channel,
 *			     struct disk_access message,
 *			     struct disk_result *reply, struct chan_op *msg,
 *			     uint64_t deadline);
 *	int disk_access_reply(struct disk_access_chan channel, uint64_t token,
 *			      struct disk_result reply);
 *
 * which are chan_call() and chan_reply(). A reply of another length, by a program
 * that goes around these functions, is -EPROTOTYPE.
 *
 * There may be up to 16 members. What the compiler leaves free between them is sent
 * as it is: order them by size, or clear the message first.
 */
#ifndef CHAN_TYPED_H
#define CHAN_TYPED_H

#include <errno.h>

#include "chan.h"

/* clang-format off */

/* CHAN_MEMBERS(M, (a, b), (c, d)) is M(a, b) M(c, d). */
#define CHAN_MEMBERS(m, ...)						\
	CHAN_MEMBERS_PICK(__VA_ARGS__, CHAN_MEMBERS_16,			\
		CHAN_MEMBERS_15, CHAN_MEMBERS_14, CHAN_MEMBERS_13,	\
		CHAN_MEMBERS_12, CHAN_MEMBERS_11, CHAN_MEMBERS_10,	\
		CHAN_MEMBERS_9, CHAN_MEMBERS_8, CHAN_MEMBERS_7,		\
		CHAN_MEMBERS_6, CHAN_MEMBERS_5, CHAN_MEMBERS_4,		\
		CHAN_MEMBERS_3, CHAN_MEMBERS_2, CHAN_MEMBERS_1, 0)(m, __VA_ARGS__)
#define CHAN_MEMBERS_PICK(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, pick, ...) pick
#define CHAN_MEMBERS_1(m, a)		m a
#define CHAN_MEMBERS_2(m, a, ...)	m a CHAN_MEMBERS_1(m, __VA_ARGS__)
#define CHAN_MEMBERS_3(m, a, ...)	m a CHAN_MEMBERS_2(m, __VA_ARGS__)
#define CHAN_MEMBERS_4(m, a, ...)	m a CHAN_MEMBERS_3(m, __VA_ARGS__)
#define CHAN_MEMBERS_5(m, a, ...)	m a CHAN_MEMBERS_4(m, __VA_ARGS__)
#define CHAN_MEMBERS_6(m, a, ...)	m a CHAN_MEMBERS_5(m, __VA_ARGS__)
#define CHAN_MEMBERS_7(m, a, ...)	m a CHAN_MEMBERS_6(m, __VA_ARGS__)
#define CHAN_MEMBERS_8(m, a, ...)	m a CHAN_MEMBERS_7(m, __VA_ARGS__)
#define CHAN_MEMBERS_9(m, a, ...)	m a CHAN_MEMBERS_8(m, __VA_ARGS__)
#define CHAN_MEMBERS_10(m, a, ...)	m a CHAN_MEMBERS_9(m, __VA_ARGS__)
#define CHAN_MEMBERS_11(m, a, ...)	m a CHAN_MEMBERS_10(m, __VA_ARGS__)
#define CHAN_MEMBERS_12(m, a, ...)	m a CHAN_MEMBERS_11(m, __VA_ARGS__)
#define CHAN_MEMBERS_13(m, a, ...)	m a CHAN_MEMBERS_12(m, __VA_ARGS__)
#define CHAN_MEMBERS_14(m, a, ...)	m a CHAN_MEMBERS_13(m, __VA_ARGS__)
#define CHAN_MEMBERS_15(m, a, ...)	m a CHAN_MEMBERS_14(m, __VA_ARGS__)
#define CHAN_MEMBERS_16(m, a, ...)	m a CHAN_MEMBERS_15(m, __VA_ARGS__)

#define CHAN_MEMBER(type, name)		type name;
#define CHAN_MEMBER_TEXT(type, name)	#type " " #name ";"

/*
 * chan_hash() of a literal: the steps are the compiler's, if it optimizes, and nothing
 * is left of them but the number.
 */
#if defined(__GNUC__) && defined(__OPTIMIZE__)
#define CHAN_HASH(before, text)	chan_hash_folded(before, text, sizeof(text) - 1)

#define CHAN_FOLD_1(i)							\
	hash = (i) < len ? (hash ^ (unsigned char)text[i]) * 0x100000001b3ULL : hash;
#define CHAN_FOLD_4(i)							\
	CHAN_FOLD_1(i) CHAN_FOLD_1((i) + 1) CHAN_FOLD_1((i) + 2) CHAN_FOLD_1((i) + 3)
#define CHAN_FOLD_16(i)							\
	CHAN_FOLD_4(i) CHAN_FOLD_4((i) + 4) CHAN_FOLD_4((i) + 8) CHAN_FOLD_4((i) + 12)
#define CHAN_FOLD_64(i)							\
	CHAN_FOLD_16(i) CHAN_FOLD_16((i) + 16) CHAN_FOLD_16((i) + 32) CHAN_FOLD_16((i) + 48)

static inline __attribute__((always_inline)) uint64_t
chan_hash_folded(uint64_t before, const char *text, size_t len)
{
	uint64_t hash = before ? before : 0xcbf29ce484222325ULL;

	if (len > 256)
		return chan_hash(before, text);
	CHAN_FOLD_64(0)
	CHAN_FOLD_64(64)
	CHAN_FOLD_64(128)
	CHAN_FOLD_64(192)
	return hash ? hash : 1;
}
#else
#define CHAN_HASH(before, text)	chan_hash(before, text)
#endif

#define CHAN_TYPE(type, ...)						\
	CHAN_TYPE_AFTER(0, type, __VA_ARGS__)

/* All but the calls; @before is the number of the type of replies. */
#define CHAN_TYPE_AFTER(before, type, ...)				\
struct type {								\
	CHAN_MEMBERS(CHAN_MEMBER, __VA_ARGS__)				\
};									\
struct type##_chan {							\
	int fd;								\
};									\
static inline uint64_t type##_type(void)				\
{									\
	return CHAN_HASH(before, #type "{"				\
			 CHAN_MEMBERS(CHAN_MEMBER_TEXT, __VA_ARGS__) "}"); \
}									\
static inline int type##_take(struct type##_chan *channel, int fd)	\
{									\
	if (fd < 0)							\
		return fd;						\
	channel->fd = fd;						\
	return 0;							\
}									\
static inline int type##_create(struct type##_chan *channel,		\
				const char *name, unsigned int cap,	\
				unsigned int flags)			\
{									\
	return type##_take(channel,					\
			   chan_create_typed(name, cap, flags,		\
					     type##_type(),		\
					     sizeof(struct type)));	\
}									\
static inline int type##_open(struct type##_chan *channel,		\
			      const char *name, unsigned int rights)	\
{									\
	return type##_take(channel,					\
			   chan_open_typed(name, rights, type##_type(),	\
					   sizeof(struct type)));	\
}									\
static inline int type##_adopt(struct type##_chan *channel, int fd)	\
{									\
	int ret = chan_check_type(fd, type##_type(), sizeof(struct type)); \
									\
	return type##_take(channel, ret ? ret : fd);			\
}									\
static inline int type##_send(struct type##_chan channel,		\
			      struct type message, uint64_t deadline)	\
{									\
	return chan_send(channel.fd, &message, sizeof(message), deadline); \
}									\
static inline int type##_recv(struct type##_chan channel,		\
			      struct type *message,			\
			      struct chan_op *msg, uint64_t deadline)	\
{									\
	return chan_recv(channel.fd, message, sizeof(*message), msg,	\
			 deadline);					\
}									\
struct type

#define CHAN_CALL_TYPE(type, reply_type, ...)				\
	CHAN_TYPE_AFTER(reply_type##_type(), type, __VA_ARGS__);	\
static inline int type##_call(struct type##_chan channel,		\
			      struct type message,			\
			      struct reply_type *reply,			\
			      struct chan_op *msg, uint64_t deadline)	\
{									\
	int ret = chan_call(channel.fd, &message, sizeof(message),	\
			    reply, sizeof(*reply), msg, deadline);	\
									\
	return ret < 0 || ret == (int)sizeof(*reply) ? ret :		\
						       -EPROTOTYPE;	\
}									\
static inline int type##_reply(struct type##_chan channel,		\
			       uint64_t token, struct reply_type reply)	\
{									\
	return chan_reply(channel.fd, token, &reply, sizeof(reply));	\
}									\
struct type

/* clang-format on */

#endif /* CHAN_TYPED_H */
