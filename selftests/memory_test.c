// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that cannot be read or written: wherever a record ends too early, the
 * answer is EFAULT and nothing has happened; where it just fits, the kernel
 * touches nothing beyond it.
 */
#include "records.h"

TEST_F(records, pointer_to_nothing_is_EFAULT)
{
	void *const nothing[] = {
		NULL,
		(void *)1,
		(void *)0x7ffffffff000ULL, /* the end of user space */
		(void *)0x800000000000ULL, /* not canonical */
		(void *)0xffff888000000000ULL, /* the kernel's own */
		(void *)~0xfULL,
		(void *)~0ULL,
	};

	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		for (size_t j = 0; j < ARRAY_SIZE(nothing); j++) {
			const struct record_row *row = &records[i];
			int fd = row->control ? self->control : self->endpoint;

			EXPECT_EQ(-EFAULT,
				  record_ioctl(fd, sized(row, row->size),
					       nothing[j]))
			{
				TH_LOG("%s at %p", row->what, nothing[j]);
			}
		}
	EXPECT_EQ(self->fds, count_fds());
}

TEST_F(records, half_mapped_record_is_EFAULT_without_effect)
{
	char *edge = page_edge(PROT_NONE);

	ASSERT_EQ(0, close_made(create_channel(self->control, NAME)));
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		const struct record_row *row = &records[i];
		char record[256];

		fill(row, record);
		for (size_t missing = 1; missing <= row->size; missing++) {
			char *at = edge - (row->size - missing);

			memcpy(at, record, row->size - missing);
			EXPECT_EQ(-EFAULT, run_row(self, row, row->size, at))
			{
				TH_LOG("%s lacks %zu bytes", row->what,
				       missing);
			}
		}
	}
	EXPECT_TRUE(node_exists(NAME));
	EXPECT_EQ(self->fds, count_fds());
	EXPECT_TRUE(endpoints_are(self->endpoint, 1, 1));
}

TEST_F(records, record_at_the_end_of_memory_is_enough)
{
	char *edge = page_edge(PROT_NONE);

	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		const struct record_row *row = &records[i];

		ASSERT_EQ(0, prepare(self, row));
		fill(row, edge - row->size);
		EXPECT_EQ(0, run_row(self, row, row->size, edge - row->size))
		{
			TH_LOG("%s", row->what);
		}
	}
}

/* A longer record whose tail cannot be read is a record that cannot be read. */
TEST_F(records, half_mapped_tail_is_EFAULT_without_effect)
{
	char *edge = page_edge(PROT_NONE);

	ASSERT_EQ(0, close_made(create_channel(self->control, NAME)));
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		const struct record_row *row = &records[i];

		fill(row, edge - row->size);
		EXPECT_EQ(-EFAULT,
			  run_row(self, row, row->size + 8, edge - row->size))
		{
			TH_LOG("%s", row->what);
		}
	}
	EXPECT_TRUE(node_exists(NAME));
	EXPECT_EQ(self->fds, count_fds());
}

/* Puts @record so that its last @behind bytes cannot be written. */
static void *read_only_at(char *edge, const void *record, size_t size,
			  size_t behind)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *at = edge - size + behind;

	mprotect(edge, page, PROT_READ | PROT_WRITE);
	memcpy(at, record, size);
	mprotect(edge, page, PROT_READ);
	return at;
}

TEST_F(records, created_fd_that_cannot_be_written_is_EFAULT_without_effect)
{
	static const char *const names[] = { NULL, NAME };
	static const size_t behind[] = { 5, 6, 7, 8, 9, 16, 55, 56 };
	char *edge = page_edge(PROT_READ);
	int nodes = count_nodes();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		for (size_t j = 0; j < ARRAY_SIZE(behind); j++) {
			struct chan_create c = create_record(names[i]);
			void *at = read_only_at(edge, &c, sizeof(c), behind[j]);

			EXPECT_EQ(-EFAULT, record_ioctl(self->control,
							CHAN_IOC_CREATE, at))
			{
				TH_LOG("%zu bytes are read-only", behind[j]);
			}
			EXPECT_EQ(self->fds, count_fds());
			EXPECT_EQ(nodes, count_nodes());
		}
	/* The name is free for whoever comes next. */
	EXPECT_EQ(0, close_made(create_channel(self->control, NAME)));
}

TEST_F(records, derived_fd_that_cannot_be_written_is_EFAULT_without_effect)
{
	static const size_t behind[] = { 9, 10, 11, 12, 13, 16 };
	char *edge = page_edge(PROT_READ);

	for (size_t i = 0; i < ARRAY_SIZE(behind); i++) {
		struct chan_derive d = { .rights = RIGHTS_ALL };
		void *at = read_only_at(edge, &d, sizeof(d), behind[i]);

		EXPECT_EQ(-EFAULT,
			  record_ioctl(self->endpoint, CHAN_IOC_DERIVE, at))
		{
			TH_LOG("%zu bytes are read-only", behind[i]);
		}
		EXPECT_EQ(self->fds, count_fds());
		EXPECT_TRUE(endpoints_are(self->endpoint, 1, 1));
	}
}

TEST_F(records, figures_that_cannot_be_written_are_EFAULT)
{
	char *edge = page_edge(PROT_READ);
	const struct record_row *const rows[] = { &records[0], &records[4] };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t behind = 1; behind <= rows[i]->size; behind++) {
			char record[256] = {};
			void *at = read_only_at(edge, record, rows[i]->size,
						behind);

			EXPECT_EQ(-EFAULT,
				  run_row(self, rows[i], rows[i]->size, at))
			{
				TH_LOG("%s, %zu bytes are read-only",
				       rows[i]->what, behind);
			}
		}
}

/* REMOVE has no results; it may succeed, or fail, but must tell which. */
TEST_F(records, remove_from_read_only_memory_does_what_it_tells)
{
	char *edge = page_edge(PROT_READ);
	struct chan_name n = { .name = address(NAME) };
	int ret;

	ASSERT_EQ(0, close_made(create_channel(self->control, NAME)));
	ret = record_ioctl(self->control, CHAN_IOC_REMOVE,
			   read_only_at(edge, &n, sizeof(n), sizeof(n)));
	EXPECT_TRUE(!ret || ret == -EFAULT);
	EXPECT_EQ(!!ret, node_exists(NAME));
}

/* A failure is told in the record too: the caller finds no stale descriptor. */
TEST_F(records, failed_record_comes_back_with_fd_minus_one)
{
	struct chan_create c = create_record(NAME), sent;
	struct chan_derive d = { .rights = 0, .fd = 0, .badge = 5 };

	c.cap = CHAN_CAP_MAX + 1;
	sent = c;
	EXPECT_EQ(-EINVAL, record_ioctl(self->control, CHAN_IOC_CREATE, &c));
	EXPECT_EQ(-1, c.fd);
	sent.fd = c.fd;
	EXPECT_EQ(0, memcmp(&sent, &c, sizeof(c)));

	EXPECT_EQ(-EINVAL, record_ioctl(self->endpoint, CHAN_IOC_DERIVE, &d));
	EXPECT_EQ(-1, d.fd);
	EXPECT_EQ(0U, d.rights);
	EXPECT_EQ(5U, d.badge);
}

TEST_HARNESS_MAIN
