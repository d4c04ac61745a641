/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Questions and answers that are messages of their own: what an envelope says, and
 * the name of the channel in which a ring has its answers. A message holds the bytes of
 * its program and then the envelope, so that nobody has to move them.
 */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include "internal.h"

_Static_assert(sizeof(struct chan_envelope) == 48, "it is the same for all");

/* Longest answer, with its envelope. */
#define ANSWER_MAX (CHAN_ANSWER_MAX + sizeof(struct chan_envelope))

#define RESULT_PREFIX "result-"
#define RESULT_DIGITS 16
#define RESULT_NAME   (sizeof(RESULT_PREFIX) + RESULT_DIGITS)

/*
 * Who is asked makes the name of the number, so it never opens what somebody else
 * would like to have opened in its name.
 */
static inline void result_name(char name[RESULT_NAME], uint64_t channel)
{
	char *digit = name + RESULT_NAME - 1;

	memcpy(name, RESULT_PREFIX, sizeof(RESULT_PREFIX));
	*digit = '\0';
	for (int i = 0; i < RESULT_DIGITS; i++, channel >>= 4)
		*--digit = "0123456789abcdef"[channel & 15];
}

/* Behind @len bytes, at any address. */
static inline void envelope_write(void *buf, size_t len,
				  const struct chan_envelope *envelope)
{
	memcpy((char *)buf + len, envelope, sizeof(*envelope));
}

/* False: the message has none. */
static inline bool envelope_read(const void *buf, size_t len,
				 struct chan_envelope *envelope)
{
	if (len < sizeof(*envelope))
		return false;
	memcpy(envelope, (const char *)buf + len - sizeof(*envelope),
	       sizeof(*envelope));
	return envelope->magic == CHAN_ENVELOPE_MAGIC;
}

static inline bool is_errno(uint64_t error)
{
	return error >= 1 && error <= 4095;
}

#endif /* ENVELOPE_H */
