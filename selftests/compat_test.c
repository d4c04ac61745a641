// SPDX-License-Identifier: GPL-2.0-only
/*
 * 32-bit programs: one layout serves both, so each ioctl through the 32-bit
 * entry of the kernel does what it does through the 64-bit one.
 */
#include "chan_test.h"

#define NAME T "compat"

#define IOCTL_32 54 /* of 32-bit x86 */

/* The system call of a 32-bit program; @record lies below 4 GiB. */
static int ioctl_32(int fd, unsigned int cmd, void *record)
{
	int ret = -EPROTO;

#ifdef __x86_64__
	asm volatile("int $0x80"
		     : "=a"(ret)
		     : "a"(IOCTL_32), "b"(fd), "c"(cmd),
		       "d"((unsigned int)(uintptr_t)record)
		     : "memory", "r8", "r9", "r10", "r11");
#else
	(void)fd, (void)cmd, (void)record;
#endif
	return ret;
}

static int probe(void *arg)
{
	return ioctl_32(*(int *)arg, 0, NULL);
}

FIXTURE(compat)
{
	int control;
	bool there;
	void *low;
};

FIXTURE_SETUP(compat)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->there = in_child(probe, &self->control) == -ENOTTY;
#ifdef __x86_64__
	self->low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	ASSERT_NE(MAP_FAILED, self->low);
#endif
}

FIXTURE_TEARDOWN_PARENT(compat)
{
	names_sweep();
}

TEST_F(compat, every_ioctl_does_the_same)
{
	struct chan_create *c = self->low;
	struct chan_query *q = self->low, query;
	struct chan_stat *s = self->low, stat_64;
	struct chan_derive *d = self->low;
	struct chan_op *op = self->low + 1024;
	struct chan_batch *b = self->low;
	struct chan_op pair[2], swap;
	struct chan_name *n = self->low;
	int fd;

	if (!self->there)
		SKIP(return, "this kernel runs no 32-bit programs");

	memset(q, 0xcc, sizeof(*q));
	ASSERT_EQ(0, ioctl_32(self->control, CHAN_IOC_QUERY, q));
	ASSERT_EQ(0, get_query(self->control, &query));
	EXPECT_EQ(0, memcmp(q, &query, sizeof(query)));

	*c = create_record(NAME);
	c->type = 0x123456789abcdef0;
	ASSERT_EQ(0, ioctl_32(self->control, CHAN_IOC_CREATE, c));
	fd = c->fd;
	EXPECT_TRUE(node_exists(NAME));

	memset(s, 0xcc, sizeof(*s));
	ASSERT_EQ(0, ioctl_32(fd, CHAN_IOC_STAT, s));
	ASSERT_EQ(0, get_stat(fd, &stat_64));
	EXPECT_EQ(0, memcmp(s, &stat_64, sizeof(stat_64)));
	EXPECT_EQ(0x123456789abcdef0U, s->type);

	*d = (struct chan_derive){ .rights = CHAN_RIGHT_SEND, .badge = ~0ULL };
	ASSERT_EQ(0, ioctl_32(fd, CHAN_IOC_DERIVE, d));
	EXPECT_TRUE(endpoints_are(fd, 2, 1));
	EXPECT_EQ(-EPERM, ioctl_32(d->fd, CHAN_IOC_SHUTDOWN, NULL));

	/* Where the payload lies does not matter, only that 64 bits hold it. */
	*op = (struct chan_op){
		.code = CHAN_OP_SEND,
		.buf = address("32"),
		.len = 2,
		.tag = ~0ULL - 1,
	};
	ASSERT_EQ(0, ioctl_32(d->fd, CHAN_IOC_OP, op));
	*op = (struct chan_op){
		.code = CHAN_OP_RECV,
		.buf = address(op + 1),
		.len = 2,
	};
	ASSERT_EQ(0, ioctl_32(fd, CHAN_IOC_OP, op));
	EXPECT_EQ(2, op->result);
	EXPECT_EQ(0, memcmp("32", op + 1, 2));
	EXPECT_EQ(~0ULL - 1, op->tag);
	EXPECT_EQ(~0ULL, op->badge);
	EXPECT_EQ(getpid(), op->pid);

	/* Nor where its operations lie. */
	pair[0] = (struct chan_op){
		.code = CHAN_OP_SEND,
		.fd = -1,
		.buf = address("64"),
		.len = 2,
	};
	pair[1] = (struct chan_op){
		.code = CHAN_OP_RECV,
		.fd = fd,
		.buf = address(op),
		.len = 2,
	};
	*b = (struct chan_batch){
		.ops = address(pair),
		.nr = 2,
		.op_size = sizeof(pair[0]),
		.done = 0xcccccccc,
	};
	ASSERT_EQ(0, ioctl_32(fd, CHAN_IOC_BATCH, b));
	EXPECT_EQ(2U, b->done);
	EXPECT_EQ(2, pair[1].result);
	EXPECT_EQ(0, memcmp("64", op, 2));

	/* The receipt first: there is nothing to receive yet. */
	swap = pair[0];
	pair[0] = pair[1];
	pair[1] = swap;
	b->index = 0xcccccccc;
	ASSERT_EQ(0, ioctl_32(fd, CHAN_IOC_SELECT, b));
	EXPECT_EQ(1U, b->index);
	ASSERT_EQ(0, ioctl_32(fd, CHAN_IOC_SELECT, b));
	EXPECT_GT(2U, b->index);
	EXPECT_EQ(0, ioctl_32(fd, CHAN_IOC_SHUTDOWN, NULL));

	n->name = address(NAME);
	EXPECT_EQ(0, ioctl_32(self->control, CHAN_IOC_REMOVE, n));
	EXPECT_EQ(-ENOENT, ioctl_32(self->control, CHAN_IOC_REMOVE, n));
	EXPECT_FALSE(node_exists(NAME));
}

TEST_F(compat, errors_are_the_same)
{
	struct chan_create *c = self->low;

	if (!self->there)
		SKIP(return, "this kernel runs no 32-bit programs");

	*c = create_record(NULL);
	c->reserved = 1;
	EXPECT_EQ(-EINVAL, ioctl_32(self->control, CHAN_IOC_CREATE, c));
	EXPECT_EQ(-1, c->fd);
	EXPECT_EQ(-EFAULT, ioctl_32(self->control, CHAN_IOC_CREATE, NULL));
	EXPECT_EQ(-EFAULT,
		  ioctl_32(self->control, CHAN_IOC_QUERY, (void *)0xfffffff0));
	EXPECT_EQ(-ENOTTY, ioctl_32(self->control, CHAN_IOC_STAT, c));
	EXPECT_EQ(-ENOTTY, ioctl_32(self->control, CHAN_IOC_OP, c));
	EXPECT_EQ(-ENOTTY, ioctl_32(self->control, CHAN_IOC_BATCH, c));
	EXPECT_EQ(-ENOTTY, ioctl_32(self->control, CHAN_IOC_SELECT, c));
}

TEST_HARNESS_MAIN
