// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading and printing messages.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chanctl.h"
#include "message.h"
#include "table.h"

#define DECIMAL 24

struct bytes bytes_room(size_t len)
{
	struct bytes room = { malloc(len ? len : 1), len };

	if (room.data)
		return room;
	complain(
		"there is no memory for a message of %zu bytes; free some and try again",
		len);
	exit(EXIT_FAILURE);
}

bool bytes_read(int fd, struct bytes *bytes, size_t most)
{
	size_t room = 4096;
	ssize_t n;

	*bytes = bytes_room(room);
	bytes->len = 0;
	for (;;) {
		n = read(fd, bytes->data + bytes->len, room - bytes->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return !n;
		bytes->len += n;
		if (bytes->len > most)
			return true;
		if (bytes->len < room)
			continue;
		room *= 2;
		bytes->data = realloc(bytes->data, room);
		if (!bytes->data)
			return false;
	}
}

bool message_take(const char *text, struct bytes *message)
{
	if (text) {
		*message = (struct bytes){ (char *)text, strlen(text) };
		return true;
	}
	if (!bytes_read(STDIN_FILENO, message, CHAN_MSG_MAX))
		complain(
			"the standard input cannot be read: %s; give the message as an argument, or from a file or a pipe",
			strerror(errno));
	else if (message->len > CHAN_MSG_MAX)
		complain(
			"the standard input is longer than any message, which has at most %d bytes; send it in parts",
			CHAN_MSG_MAX);
	else
		return true;
	return false;
}

static int utf8_length(unsigned char first)
{
	if (first >= 1 && first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/* The second byte excludes what is too long, surrogates, and too great. */
static bool is_second(unsigned char first, unsigned char second)
{
	if ((second & 0xc0) != 0x80)
		return false;
	return !(first == 0xe0 && second < 0xa0) &&
	       !(first == 0xed && second >= 0xa0) &&
	       !(first == 0xf0 && second < 0x90) &&
	       !(first == 0xf4 && second >= 0x90);
}

/* Whether it can be a string of JSON: UTF-8 without a NUL. */
static bool is_text(const struct bytes *message)
{
	const unsigned char *c = (void *)message->data, *end = c + message->len;
	int len;

	for (; c < end; c += len) {
		len = utf8_length(*c);
		if (!len || len > end - c)
			return false;
		if (len > 1 && !is_second(c[0], c[1]))
			return false;
		for (int i = 2; i < len; i++)
			if ((c[i] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static char *as_string(const struct bytes *message)
{
	struct bytes text = bytes_room(message->len + 1);

	memcpy(text.data, message->data, message->len);
	text.data[message->len] = '\0';
	return text.data;
}

static char *as_hex(const struct bytes *message)
{
	struct bytes text = bytes_room(2 * message->len + 1);

	text.data[0] = '\0';
	for (size_t i = 0; i < message->len; i++)
		sprintf(text.data + 2 * i, "%02x",
			(unsigned char)message->data[i]);
	return text.data;
}

static const char *duty_name(unsigned int duty)
{
	static const char *const names[] = {
		[CHAN_DUTY_NONE] = "none",
		[CHAN_DUTY_ACK] = "ack",
		[CHAN_DUTY_REPLY] = "reply",
	};

	return duty < NR(names) ? names[duty] : "?";
}

/* The numbers are the columns from "len" on; without @op that is all. */
static void print_json(const struct bytes *message, const struct chan_op *op)
{
	/* libsmartcols takes a string that is empty for none. */
	const struct column columns[] = {
		{ "text", message->len ? KIND_STRING : KIND_LITERAL },
		{ "hex", KIND_STRING },
		{ "len", KIND_NUMBER },
		{ "prio", KIND_NUMBER },
		{ "tag", KIND_NUMBER },
		{ "attempt", KIND_NUMBER },
		{ "uid", KIND_NUMBER },
		{ "gid", KIND_NUMBER },
		{ "pid", KIND_NUMBER },
		{ "badge", KIND_NUMBER },
		{ "sent_at", KIND_NUMBER },
		{ "duty", KIND_STRING },
	};
	static const struct chan_op nothing;
	const struct chan_op *of = op ? op : &nothing;
	const unsigned long long numbers[] = {
		message->len, of->prio, of->tag,   of->attempt, of->uid,
		of->gid,      of->pid,	of->badge, of->sent_at,
	};
	char decimal[NR(numbers)][DECIMAL];
	const char *values[NR(columns)] = {};
	bool text = is_text(message);
	char *string = text ? as_string(message) : as_hex(message);
	struct libscols_table *table;

	values[text ? 0 : 1] = message->len ? string : "\"\"";
	for (size_t i = 0; i < NR(numbers); i++) {
		snprintf(decimal[i], DECIMAL, "%llu", numbers[i]);
		values[2 + i] = decimal[i];
	}
	values[NR(columns) - 1] = duty_name(of->duty);
	table = table_new(op ? "messages" : "replies", columns,
			  op ? NR(columns) : 3, true);
	table_add(table, values);
	table_print_line(table);
	free(string);
}

void message_print(const struct bytes *message, const struct chan_op *op,
		   struct print_as as)
{
	if (as.json) {
		print_json(message, op);
		return;
	}
	fwrite(message->data, 1, message->len, stdout);
	if (!as.raw &&
	    (!message->len || message->data[message->len - 1] != '\n'))
		putchar('\n');
}
