/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages on their way between channels and the outside: from the command line or
 * standard input, to standard output as text or JSON.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <chan.h>

struct bytes {
	char *data;
	size_t len;
};

/* How messages are printed. */
struct print_as {
	bool json, raw;
};

/* Room for the longest message there may be; a failure ends the program. */
struct bytes bytes_room(size_t len);

/*
 * Reads to the end of @fd, but no more than @most bytes and one; false after an
 * error, which is in errno.
 */
bool bytes_read(int fd, struct bytes *bytes, size_t most);

/*
 * The message to be sent: @text, or if that is NULL the standard input. False if
 * there is none, which is said.
 */
bool message_take(const char *text, struct bytes *message);

/* Prints a message, of which @op tells; NULL: it is a reply, so nothing is told. */
void message_print(const struct bytes *message, const struct chan_op *op,
		   struct print_as as);

#endif /* MESSAGE_H */
