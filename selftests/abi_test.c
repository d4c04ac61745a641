// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calling convention: the layout of records, what their size may be, and
 * which file has which ioctl.
 */
#include "records.h"

#include "abi_layout.h"

#define RECORD_MAX ((1U << _IOC_SIZEBITS) - 1)

/* The same ioctl with another record. */
#define LONGER(cmd, record) \
	_IOC(_IOC_DIR(cmd), _IOC_TYPE(cmd), _IOC_NR(cmd), sizeof(record))

TEST_F(records, query_tells_the_fixed_limits_everywhere)
{
	const int fds[] = { self->control, self->endpoint };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct chan_query q;

		ASSERT_EQ(0, get_query(fds[i], &q));
		EXPECT_EQ((__u32)CHAN_ABI_VERSION, q.abi);
		EXPECT_EQ(features_here(), q.features);
		EXPECT_EQ(65536U, q.cap_max);
		EXPECT_EQ(16777216U, q.msg_max);
		EXPECT_EQ(63U, q.name_max);
		EXPECT_EQ(256U, q.msg_overhead);
		EXPECT_NE(0xccccccccU, q.max_parked);
	}
}

TEST_F(records, short_record_is_malformed)
{
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		const struct record_row *row = &records[i];
		const unsigned int sizes[] = { 1, 4, row->size - 8,
					       row->size - 4, row->size - 1 };
		char record[256], before[256];

		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			if (!sizes[j])
				continue;
			fill(row, record);
			memcpy(before, record, row->size);
			EXPECT_EQ(-EINVAL, run_row(self, row, sizes[j], record))
			{
				TH_LOG("%s of %u bytes", row->what, sizes[j]);
			}
			/* Beyond what was handed over nothing is written. */
			EXPECT_EQ(0,
				  memcmp(before + sizes[j], record + sizes[j],
					 row->size - sizes[j]));
		}
	}
	EXPECT_EQ(self->fds, count_fds());
}

TEST_F(records, long_record_with_zero_tail_is_accepted)
{
	static char record[RECORD_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		const struct record_row *row = &records[i];
		const unsigned int sizes[] = { row->size,     row->size + 1,
					       row->size + 8, 4095,
					       4096,	      4097,
					       RECORD_MAX };

		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			memset(record, 0, sizeof(record));
			ASSERT_EQ(0, prepare(self, row));
			fill(row, record);
			EXPECT_EQ(0, run_row(self, row, sizes[j], record))
			{
				TH_LOG("%s of %u bytes", row->what, sizes[j]);
			}
			for (size_t k = row->size; k < sizeof(record); k++)
				ASSERT_EQ(0, record[k]);
		}
	}
	EXPECT_EQ(self->fds, count_fds());
}

TEST_F(records, long_record_with_unknown_member_is_E2BIG_without_effect)
{
	static char record[RECORD_MAX];

	ASSERT_EQ(0, close_made(create_channel(self->control, NAME)));
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		const struct record_row *row = &records[i];
		const unsigned int sizes[] = { row->size + 1, row->size + 8,
					       4097, RECORD_MAX };

		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			const unsigned int at[] = { row->size, sizes[j] - 1 };

			for (size_t k = 0; k < ARRAY_SIZE(at); k++) {
				memset(record, 0, sizeof(record));
				fill(row, record);
				record[at[k]] = 1;
				EXPECT_EQ(-E2BIG,
					  run_row(self, row, sizes[j], record))
				{
					TH_LOG("%s of %u bytes, not zero at %u",
					       row->what, sizes[j], at[k]);
				}
				EXPECT_EQ(1, record[at[k]]);
			}
		}
	}
	EXPECT_TRUE(node_exists(NAME));
	EXPECT_EQ(self->fds, count_fds());
}

/* What was in it before is not taken for what came of it. */
TEST_F(records, long_record_with_unknown_member_says_that_nothing_was_made)
{
	struct {
		struct chan_create c;
		__u64 tail;
	} create = { .c = { .fd = self->control }, .tail = 1 };
	struct {
		struct chan_derive d;
		__u64 tail;
	} derive = { .d = { .rights = CHAN_RIGHT_SEND, .fd = self->control },
		     .tail = 1 };
	struct {
		struct chan_batch b;
		__u64 tail;
	} batch = { .b = { .done = 1 }, .tail = 1 };
	int fd = create_channel(self->control, NULL);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-E2BIG,
		  record_ioctl(self->control, LONGER(CHAN_IOC_CREATE, create),
			       &create));
	EXPECT_EQ(-1, create.c.fd);
	EXPECT_EQ(-E2BIG,
		  record_ioctl(fd, LONGER(CHAN_IOC_DERIVE, derive), &derive));
	EXPECT_EQ(-1, derive.d.fd);
	EXPECT_EQ(-E2BIG,
		  record_ioctl(fd, LONGER(CHAN_IOC_BATCH, batch), &batch));
	EXPECT_EQ(0, batch.b.done);
	batch.b.done = 1;
	EXPECT_EQ(-E2BIG,
		  record_ioctl(fd, LONGER(CHAN_IOC_SELECT, batch), &batch));
	EXPECT_EQ(0, batch.b.done);
	close(fd);
}

TEST_F(records, ioctl_of_another_file_is_ENOTTY)
{
	static const struct {
		const char *what;
		unsigned long cmd;
		bool control, endpoint;
	} rows[] = {
		{ "CREATE", CHAN_IOC_CREATE, false, true },
		{ "REMOVE", CHAN_IOC_REMOVE, false, true },
		{ "DERIVE", CHAN_IOC_DERIVE, true, false },
		{ "STAT", CHAN_IOC_STAT, true, false },
		{ "SHUTDOWN", CHAN_IOC_SHUTDOWN, true, false },
		{ "OP", CHAN_IOC_OP, true, false },
		{ "BATCH", CHAN_IOC_BATCH, true, false },
		{ "SELECT", CHAN_IOC_SELECT, true, false },
		{ "number 0x7f", _IO(CHAN_IOC_MAGIC, 0x7f), true, true },
		{ "number 0xff", _IOWR(CHAN_IOC_MAGIC, 0xff, __u64), true,
		  true },
		{ "QUERY of others", _IOWR(0xd4, 0, struct chan_query), true,
		  true },
		{ "STAT of others", _IOWR(0xd6, 4, struct chan_stat), true,
		  true },
		{ "TCGETS", 0x5401, true, true },
		{ "0", 0, true, true },
		{ "~0", 0xffffffffUL, true, true },
	};
	char record[256] = {};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].control) {
			EXPECT_EQ(-ENOTTY, record_ioctl(self->control,
							rows[i].cmd, record))
			{
				TH_LOG("%s on control", rows[i].what);
			}
			EXPECT_EQ(-ENOTTY, record_ioctl(self->control,
							rows[i].cmd, NULL))
			{
				TH_LOG("%s on control, NULL", rows[i].what);
			}
		}
		if (rows[i].endpoint) {
			EXPECT_EQ(-ENOTTY, record_ioctl(self->endpoint,
							rows[i].cmd, record))
			{
				TH_LOG("%s on an endpoint", rows[i].what);
			}
			EXPECT_EQ(-ENOTTY, record_ioctl(self->endpoint,
							rows[i].cmd, NULL))
			{
				TH_LOG("%s on an endpoint, NULL", rows[i].what);
			}
		}
	}
}

TEST_F(records, shutdown_ignores_its_argument)
{
	ASSERT_EQ(0, record_ioctl(self->endpoint, CHAN_IOC_SHUTDOWN,
				  (void *)~0ULL));
}

TEST_HARNESS_MAIN
