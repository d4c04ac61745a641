/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every ioctl that has a record, as a table, for tests of what holds for all
 * of them; and the fixture of such tests: a control file and an endpoint.  It
 * knows of each ioctl only how to make it succeed.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include "chan_test.h"

#define NAME T "record"

/* Every ioctl with a record, and which file has it. */
static const struct record_row {
	const char *what;
	unsigned int nr, size;
	bool control, endpoint;
} records[] = {
	{ "QUERY", 0, sizeof(struct chan_query), true, true },
	{ "CREATE", 1, sizeof(struct chan_create), true, false },
	{ "REMOVE", 2, sizeof(struct chan_name), true, false },
	{ "DERIVE", 3, sizeof(struct chan_derive), false, true },
	{ "STAT", 4, sizeof(struct chan_stat), false, true },
	{ "OP", 6, sizeof(struct chan_op), false, true },
	{ "BATCH", 7, sizeof(struct chan_batch), false, true },
	{ "SELECT", 8, sizeof(struct chan_batch), false, true },
};

static inline unsigned long sized(const struct record_row *row,
				  unsigned int size)
{
	return _IOC(_IOC_READ | _IOC_WRITE, CHAN_IOC_MAGIC, row->nr, size);
}

/* An operation on no operations, which needs none. */
static struct chan_op op_on_none = {
	.code = CHAN_OP_CANCEL,
	.fd = -1,
	.flags = CHAN_BY_TAG,
	.tag = 1,
};

/* A look at the message that the fixture has sent: it is always ready. */
static char looked_at[1];
static struct chan_op look = {
	.code = CHAN_OP_RECV,
	.flags = CHAN_PEEK,
	.fd = -1,
	.buf = (unsigned long)looked_at,
	.len = sizeof(looked_at),
};

/* A record that succeeds, but for REMOVE, which needs the name to exist. */
static inline void fill(const struct record_row *row, void *record)
{
	static const char name[] = NAME;

	memset(record, 0xcc, row->size);
	if (row->nr == 1)
		*(struct chan_create *)record = create_record(NULL);
	else if (row->nr == 2)
		((struct chan_name *)record)->name = address(name);
	else if (row->nr == 3)
		*(struct chan_derive *)record = (struct chan_derive){
			.rights = CHAN_RIGHT_SEND,
		};
	else if (row->nr == 6)
		*(struct chan_op *)record = op_on_none;
	else if (row->nr == 7)
		*(struct chan_batch *)record = (struct chan_batch){
			.ops = address(&op_on_none),
			.nr = 1,
			.op_size = sizeof(op_on_none),
		};
	else if (row->nr == 8)
		*(struct chan_batch *)record = (struct chan_batch){
			.ops = address(&look),
			.nr = 1,
			.op_size = sizeof(look),
		};
}

FIXTURE(records)
{
	int control, endpoint;
	int fds;
};

FIXTURE_SETUP(records)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->endpoint = create_channel(self->control, NULL);
	ASSERT_LE(0, self->endpoint);
	ASSERT_EQ(1, write(self->endpoint, "?", 1));
	self->fds = count_fds();
}

FIXTURE_TEARDOWN_PARENT(records)
{
	names_sweep();
}

/* Runs @row, of @size bytes, where it belongs, and keeps nothing open. */
static inline int run_row(FIXTURE_DATA(records) * self,
			  const struct record_row *row, unsigned int size,
			  void *record)
{
	int fd = row->control ? self->control : self->endpoint;
	int ret = record_ioctl(fd, sized(row, size), record);

	if (!ret && row->nr == 1)
		close(((struct chan_create *)record)->fd);
	if (!ret && row->nr == 3)
		close(((struct chan_derive *)record)->fd);
	return ret;
}

/* Makes what a record from fill() needs to succeed. */
static inline int prepare(FIXTURE_DATA(records) * self,
			  const struct record_row *row)
{
	if (row->nr != 2)
		return 0;
	return close_made(create_channel(self->control, NAME));
}

#endif /* RECORDS_H */
