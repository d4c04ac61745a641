// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who pays: the creator, for so many messages and bytes; a slot is taken until
 * its message is settled, also when its caller has left; what is queued and
 * what is unsettled never exceed the channel's room together.  The caller has
 * room for the reply, so the server neither waits nor pays for one who does not
 * fetch it, and a polite client goes on beside a flood.  The one refusal
 * besides is ENOMEM, for who has no memory, and it has no effect.
 */
#include "duties.h"
#include "stall.h"

/* Room ------------------------------------------------------------------------ */

#define ROOM 4

FIXTURE(room)
{
	int control;
	struct ends ends;
	struct sent sent[ROOM + 2];
	struct received received[ROOM + 2];
};

FIXTURE_VARIANT(room)
{
	struct style style;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(room, task) {
	.style = TASK(ROOM),
};
FIXTURE_VARIANT_ADD(room, call) {
	.style = CALL(ROOM),
};
FIXTURE_VARIANT_ADD(room, work) {
	.style = WORK(ROOM),
};
/* clang-format on */

FIXTURE_SETUP(room)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, style_ends(self->control, &variant->style, &self->ends));
}

FIXTURE_TEARDOWN(room)
{
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ends_close(&self->ends);
	close(self->control);
}

/* @queued wait for a receiver, @unsettled are held, and no slot is free. */
static int is_full(struct ends *ends, __u32 queued, __u32 unsettled)
{
	struct chan_stat s = stat_now(ends->admin);

	CHECK_EQ(queued, s.queued);
	CHECK_EQ(unsettled, s.unsettled);
	CHECK_EQ((queued + unsettled) * (4 + CHAN_MSG_OVERHEAD), s.bytes);
	CHECK_EQ(-EAGAIN, put_now(ends->sender, 99));
	CHECK_EQ(0, events_of(ends->sender));
	return 0;
}

TEST_F(room, slot_is_taken_until_it_is_settled)
{
	for (int i = 0; i < ROOM; i++) {
		EXPECT_EQ(POLLOUT, events_of(self->ends.sender));
		ASSERT_EQ(0, send_styled(&self->sent[i], self->ends.sender,
					 &variant->style, i + 1));
	}
	EXPECT_EQ(0, is_full(&self->ends, ROOM, 0));
	for (int i = 0; i < ROOM; i++) {
		ASSERT_EQ(i + 1,
			  receive(self->ends.receiver, &self->received[i]));
		EXPECT_EQ(0, is_full(&self->ends, ROOM - i - 1, i + 1));
	}
	for (int i = 0; i < ROOM; i++) {
		EXPECT_EQ(0,
			  settle_well(self->ends.receiver, &self->received[i]));
		EXPECT_EQ(0, told_done(&self->sent[i]));
		EXPECT_EQ(POLLOUT, events_of(self->ends.sender));
		EXPECT_EQ(0, put_now(self->ends.sender, 10 + i));
		EXPECT_EQ(0, is_full(&self->ends, i + 1, ROOM - i - 1));
	}
	for (int i = 0; i < ROOM; i++)
		EXPECT_EQ(10 + i, take_now(self->ends.receiver));
}

/* What was returned or comes back from the dead has kept its slot. */
TEST_F(room, what_comes_back_needs_no_new_slot)
{
	int fd = derive(self->ends.admin, CHAN_RIGHT_RECV);

	for (int i = 0; i < ROOM; i++)
		ASSERT_EQ(0, send_styled(&self->sent[i], self->ends.sender,
					 &variant->style, i + 1));
	ASSERT_EQ(1, receive(self->ends.receiver, &self->received[0]));
	ASSERT_EQ(2, receive(fd, &self->received[1]));
	EXPECT_EQ(0, is_full(&self->ends, ROOM - 2, 2));
	EXPECT_EQ(0,
		  settle(self->ends.receiver, &self->received[0], CHAN_RETURN));
	EXPECT_EQ(0, is_full(&self->ends, ROOM - 1, 1));
	close(fd);
	if (variant->style.on_death == CHAN_ON_DEATH_REDELIVER) {
		EXPECT_EQ(0, is_full(&self->ends, ROOM, 0));
	} else {
		EXPECT_EQ(0, told_owner_dead(&self->sent[1]));
		EXPECT_EQ(POLLOUT, events_of(self->ends.sender));
	}
	for (int i = stat_now(self->ends.admin).queued; i > 0; i--) {
		struct received *received = &self->received[0];

		ASSERT_LT(0, receive_now(self->ends.receiver, received));
		EXPECT_EQ(0, settle_well(self->ends.receiver, received));
		EXPECT_EQ(0, told_done(&self->sent[received->nr - 1]));
	}
}

/* Those who wait get what is settled, in the order in which they came. */
TEST_F(room, settling_gives_the_slot_to_the_first_that_waits)
{
	struct sent *sent = self->sent;
	struct received extra;

	for (int i = 0; i < ROOM; i++) {
		ASSERT_EQ(0, send_styled(&sent[i], self->ends.sender,
					 &variant->style, i + 1));
		ASSERT_EQ(i + 1,
			  receive(self->ends.receiver, &self->received[i]));
	}
	for (int i = ROOM; i < ROOM + 2; i++) {
		struct chan_op op = styled(&sent[i], &variant->style, i + 1);

		sent[i].waits = true;
		/* The first is of the lowest priority, which is no matter. */
		op.prio = i == ROOM ? 0 : CHAN_PRIO_MAX;
		ASSERT_EQ(0, op_start(&sent[i].running, self->ends.sender, op));
		ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_senders,
					 (__u32)(i - ROOM + 1)));
	}
	EXPECT_EQ(-EAGAIN, receive_nothing(self->ends.receiver));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0,
			  settle_well(self->ends.receiver, &self->received[i]));
		EXPECT_EQ(0, told_done(&sent[i]));
		EXPECT_EQ(1 - i, stat_now(self->ends.admin).parked_senders);
		ASSERT_EQ(ROOM + i + 1, receive(self->ends.receiver, &extra));
		EXPECT_EQ(0, is_full(&self->ends, 0, ROOM));
		self->received[ROOM + i] = extra;
	}
	for (int i = 2; i < ROOM + 2; i++)
		EXPECT_EQ(0,
			  settle_well(self->ends.receiver, &self->received[i]));
	for (int i = 2; i < ROOM; i++)
		EXPECT_EQ(0, told_done(&sent[i]));
	for (int i = ROOM; i < ROOM + 2; i++)
		EXPECT_EQ(variant->style.duty == CHAN_DUTY_REPLY ? 4 : 0,
			  running_end(&sent[i].running));
}

/* Abandoned: the caller has gone, the slot has not. */
static int fill_and_abandon(FIXTURE_DATA(room) * self,
			    const FIXTURE_VARIANT(room) * variant, int fd)
{
	for (int i = 0; i < ROOM; i++) {
		CHECK_EQ(0, send_styled(&self->sent[i], self->ends.sender,
					&variant->style, i + 1));
		CHECK_EQ(i + 1, receive(fd, &self->received[i]));
		CHECK_EQ(0, run_once(self->ends.sender,
				     op_cancel(id_of(&self->sent[i].running))));
		CHECK_EQ(0, told(&self->sent[i], -ECANCELED,
				 CHAN_STATE_ABANDONED, 0, 0));
		CHECK_EQ(i + 1, stat_now(self->ends.admin).unsettled);
	}
	return is_full(&self->ends, 0, ROOM);
}

TEST_F(room, abandoned_call_keeps_its_slot_until_its_holder_settles)
{
	if (variant->style.duty != CHAN_DUTY_REPLY)
		SKIP(return, "it cannot be abandoned");
	ASSERT_EQ(0, fill_and_abandon(self, variant, self->ends.receiver));
	for (int i = 0; i < ROOM; i++) {
		EXPECT_EQ(-ECANCELED,
			  settle_well(self->ends.receiver, &self->received[i]));
		EXPECT_EQ(POLLOUT, events_of(self->ends.sender));
		EXPECT_EQ(0, put_now(self->ends.sender, 10 + i));
		EXPECT_EQ(0, is_full(&self->ends, i + 1, ROOM - i - 1));
	}
	for (int i = 0; i < ROOM; i++)
		EXPECT_EQ(10 + i, take_now(self->ends.receiver));
}

TEST_F(room, abandoned_call_keeps_its_slot_until_its_holder_dies)
{
	int fd = derive(self->ends.admin, CHAN_RIGHT_RECV);

	if (variant->style.duty != CHAN_DUTY_REPLY)
		SKIP(return, "it cannot be abandoned");
	ASSERT_EQ(0, fill_and_abandon(self, variant, fd));
	close(fd);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	EXPECT_EQ(POLLOUT, events_of(self->ends.sender));
	EXPECT_EQ(-EAGAIN, receive_nothing(self->ends.receiver));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_redelivered);
}

/* Bytes are taken as long as slots. */
TEST_F(room, bytes_are_taken_until_they_are_settled)
{
	enum { LONG = 1000, BYTES = 2 * (LONG + CHAN_MSG_OVERHEAD) };
	struct chan_op op;
	char buf[LONG];

	ends_close(&self->ends);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, LONG, BYTES));
	for (int i = 0; i < 2; i++) {
		op = styled(&self->sent[i], &variant->style, i + 1);
		op.buf = address(buf);
		op.len = LONG;
		ASSERT_EQ(0, send_op(&self->sent[i], self->ends.sender, op));
	}
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(BYTES, stat_now(self->ends.admin).bytes);
		EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 1));
		op = op_recv(buf, LONG);
		ASSERT_EQ(LONG, run(self->ends.receiver, &op));
		self->received[i].op = op;
		self->received[i].nr = i + 1;
	}
	EXPECT_EQ(BYTES, stat_now(self->ends.admin).bytes);
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 1));
	EXPECT_EQ(0, events_of(self->ends.sender));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received[1]));
	EXPECT_EQ(0, told_done(&self->sent[1]));
	EXPECT_EQ(BYTES / 2, stat_now(self->ends.admin).bytes);
	EXPECT_EQ(POLLOUT, events_of(self->ends.sender));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received[0]));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

/* Senders, holders and one who leaves, while somebody counts. */

#define STORM_ROOM  6
#define STORM_BYTES (STORM_ROOM * (4 + CHAN_MSG_OVERHEAD) - 2)

struct storm {
	struct ends *ends;
	double end;
	unsigned int seed;
	long rounds;
	int wrong;
	pthread_t thread;
};

/* Sends in all styles, and leaves soon. */
static void *storm_send(void *arg)
{
	static const struct style styles[] = {
		WORK(STORM_ROOM),
		CALL(STORM_ROOM),
		TASK_AGAIN(STORM_ROOM),
		CALL_AGAIN(STORM_ROOM),
	};
	struct storm *storm = arg;
	struct sent sent;
	struct chan_op op;
	int ret;

	for (; now() < storm->end && !storm->wrong; storm->rounds++) {
		op = styled(&sent, &styles[rand_r(&storm->seed) % 4], 1);
		op.deadline = clock_ns() + rand_r(&storm->seed) % 3000000;
		ret = run(storm->ends->sender, &op);
		if (ret < 0 && ret != -ETIMEDOUT && ret != -EOWNERDEAD)
			storm->wrong = ret;
	}
	return NULL;
}

/* Holds up to ten, settles them anyhow, and dies now and then. */
static void *storm_hold(void *arg)
{
	struct storm *storm = arg;
	int fd = derive(storm->ends->admin, CHAN_RIGHT_RECV), nr = 0, ret;
	struct received received[10];

	for (; now() < storm->end && !storm->wrong; storm->rounds++) {
		unsigned int dice = rand_r(&storm->seed) % 16;

		if (dice < 8 && nr < 10) {
			ret = receive_now(fd, &received[nr]);
			nr += ret > 0;
			if (ret == -EAGAIN)
				sched_yield();
		} else if (dice < 15 && nr) {
			ret = dice == 14 ?
				      settle(fd, &received[--nr], CHAN_RETURN) :
				      settle_well(fd, &received[--nr]);
			if (ret && ret != -ECANCELED)
				storm->wrong = ret;
		} else if (dice == 15) {
			close(fd);
			fd = derive(storm->ends->admin, CHAN_RIGHT_RECV);
			nr = 0;
		}
	}
	close(fd);
	return NULL;
}

TEST_F_TIMEOUT(room, is_never_exceeded, STORM_TIMEOUT(1))
{
	struct storm storms[5] = {};
	struct received received;
	long counts = 0, most = 0;
	struct chan_stat s;
	int ret;

	if (style_waits(&variant->style))
		SKIP(return, "once is enough");
	ends_close(&self->ends);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, STORM_ROOM, 4,
				STORM_BYTES));
	for (int i = 0; i < 5; i++) {
		storms[i] = (struct storm){
			.ends = &self->ends,
			.end = now() + seconds_each() / 2.0,
			.seed = i,
		};
		ASSERT_EQ(0, pthread_create(&storms[i].thread, NULL,
					    i < 3 ? storm_send : storm_hold,
					    &storms[i]));
	}
	for (; now() < storms[0].end; counts++) {
		s = stat_now(self->ends.admin);
		ASSERT_GE(STORM_ROOM, s.queued + s.unsettled);
		ASSERT_GE((__u64)STORM_BYTES, s.bytes);
		ASSERT_EQ((s.queued + s.unsettled) * (4ULL + CHAN_MSG_OVERHEAD),
			  s.bytes);
		if (s.queued + s.unsettled > most)
			most = s.queued + s.unsettled;
	}
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, pthread_join(storms[i].thread, NULL));
		EXPECT_EQ(0, storms[i].wrong);
	}
	while ((ret = receive_now(self->ends.receiver, &received)) > 0)
		EXPECT_EQ(0, settle_well(self->ends.receiver, &received));
	EXPECT_EQ(-EAGAIN, ret);
	TH_LOG("%ld sent, %ld held, %ld counted, up to %ld", storms[0].rounds,
	       storms[3].rounds, counts, most);
	/* One less than slots: it is the bytes that are short. */
	EXPECT_EQ(STORM_ROOM - 1, most);
	EXPECT_LE(at_least(5), storms[0].rounds);
	EXPECT_LE(at_least(5), storms[3].rounds);
	EXPECT_LE(at_least(5), counts);
}

/* Memory cgroups ----------------------------------------------------------------- */

#define CGROUPS "/sys/fs/cgroup"
#define CGROUP	CGROUPS "/chan-pays"

/* A group whose memory is counted; the errno if that is not to be had here. */
static int cgroup_make(void)
{
	int ret = write_text(CGROUPS "/cgroup.subtree_control", "+memory");

	if (ret)
		return ret;
	if (mkdir(CGROUP, 0755) && errno != EEXIST)
		return -errno;
	return access(CGROUP "/memory.max", W_OK) ? -errno : 0;
}

static int cgroup_enter(const char *path)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", getpid());
	return write_text(path, text);
}

static void cgroup_remove(void)
{
	BECOMES(!rmdir(CGROUP) || errno != EBUSY);
}

/* A line of memory.stat. */
static long long cgroup_stat(const char *name)
{
	FILE *f = fopen(CGROUP "/memory.stat", "re");
	long long value, found = -ENOENT;
	char key[64];

	if (!f)
		return -errno;
	while (fscanf(f, "%63s %lld", key, &value) == 2)
		if (!strcmp(key, name))
			found = value;
	fclose(f);
	return found;
}

/* What the kernel keeps for the group, but for its threads and page tables. */
static long long cgroup_kernel_memory(void)
{
	return cgroup_stat("kernel") - cgroup_stat("kernel_stack") -
	       cgroup_stat("pagetables");
}

/* A flood beside a polite client ------------------------------------------------- */

#define OUTSTANDING	 64
#define FLOOD_LEN	 65536
#define FLOOD_BADGE	 7
#define FLOOD_BYTES(cap) ((cap) * (FLOOD_LEN + CHAN_MSG_OVERHEAD))

/* The kernel counts by 64 pages on each processor, and adds up later. */
#define COUNTED_LATE (4 * 64 * 4096)

/* How long it takes is the machine's affair, as long as it goes on. */
#define FLOOD_TIMEOUT (3 * STORM_TIMEOUT(1))

/* True once @count is as high as that; false when it stands still. */
#define RISES_TO(high, count)                                    \
	({                                                       \
		int now_ = -1, before_;                          \
		do {                                             \
			before_ = now_;                          \
		} while (BECOMES((now_ = (count)) != before_) && \
			 now_ < (high));                         \
		now_ >= (high);                                  \
	})

/* Shared by all processes of the test. */
struct flood {
	_Atomic int calling; /* threads of the flooder */
	_Atomic int answered, kept; /* calls of the flooder */
	_Atomic bool keep;
};

struct server {
	int fd;
	__u32 cap;
	struct flood *flood;
	struct chan_op kept[OUTSTANDING];
	long settled, late, slept;
	double longest;
	int wrong;
	pthread_t thread;
};

/* The answer is as long as the caller takes. */
static void answer(struct server *server, const struct chan_op *op,
		   const char *buf)
{
	long slept = times_slept();
	double took = now();
	int ret = run_once(server->fd, op_reply(op->id, buf, op->reply_len));

	took = now() - took;
	server->slept += times_slept() != slept;
	if (took > server->longest)
		server->longest = took;
	server->settled += !ret;
	server->late += ret == -ECANCELED;
	if (ret && ret != -ECANCELED)
		server->wrong = ret;
}

/* Keeps as many as there are slots until it is told to go on. */
static void keep(struct server *server, const struct chan_op *op,
		 const char *buf)
{
	struct flood *flood = server->flood;

	server->kept[flood->kept] = *op;
	flood->kept++;
	if (flood->kept < (int)server->cap)
		return;
	while (flood->keep)
		usleep(1000);
	for (; flood->kept; flood->kept--)
		answer(server, &server->kept[flood->kept - 1], buf);
}

static void *server_run(void *arg)
{
	static char buf[FLOOD_LEN];
	struct server *server = arg;
	struct flood *flood = server->flood;
	struct chan_op op;
	int ret;

	for (;;) {
		op = op_recv(buf, sizeof(buf));
		ret = run(server->fd, &op);
		if (ret < 0)
			break;
		if (flood->keep && op.badge == FLOOD_BADGE) {
			keep(server, &op, buf);
			continue;
		}
		answer(server, &op, buf);
		flood->answered += op.badge == FLOOD_BADGE;
	}
	if (ret != -ESHUTDOWN)
		server->wrong = ret;
	return NULL;
}

struct flooder {
	int fd;
	int go; /* ends when they are to call */
	char *room;
	struct flood *flood;
};

static void *flooder_call(void *arg)
{
	static const char question[FLOOD_LEN];
	struct flooder *flooder = arg;
	char byte;

	flooder->flood->calling++;
	(void)!read(flooder->go, &byte, 1);
	for (;;)
		run_once(flooder->fd, op_call(question, FLOOD_LEN,
					      flooder->room, FLOOD_LEN));
	return NULL;
}

/*
 * A process whose threads all call.  The room for their replies begins with a
 * page that does not come, or that does, for a process that will be stopped.
 */
static pid_t flooder_start(int admin, struct flood *flood, bool stalls,
			   int go[2])
{
	static char room[FLOOD_LEN];
	struct flooder flooder = { .go = go[0], .flood = flood, .room = room };
	struct stall stall;
	pthread_t thread;
	pid_t pid = fork();

	if (pid)
		return pid;
	close(go[1]);
	flooder.fd = derive_badge(admin, CHAN_RIGHT_SEND, FLOOD_BADGE);
	if (flooder.fd < 0 || stall_open(&stall))
		_exit(1);
	if (stalls)
		flooder.room = stall.page;
	for (int i = 0; i < OUTSTANDING; i++)
		if (pthread_create(&thread, NULL, flooder_call, &flooder))
			_exit(1);
	for (;;)
		pause();
}

/* Short calls, one after the other: so many in a second, or why not. */
static double polite_rate(int fd, double seconds)
{
	double begun = now();
	char reply[8];
	int nr = 0, ret;

	do {
		struct chan_op op = op_call("question", 8, reply, 8);

		op.deadline = in_ms(BUDGET * 1000);
		ret = run(fd, &op);
		if (ret != 8)
			return ret < 0 ? ret : -EBADMSG;
		nr++;
	} while (now() - begun < seconds);
	return nr / (now() - begun);
}

FIXTURE(flood)
{
	int control, polite;
	struct ends ends;
	struct flood *flood;
	struct server server;
	long long memory; /* of the kernel, before the flood; or an errno */
};

FIXTURE_VARIANT(flood)
{
	__u32 cap;
	bool stops;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(flood, of_one_who_fetches_no_reply) {
	.cap = OUTSTANDING,
};
FIXTURE_VARIANT_ADD(flood, of_one_who_is_stopped) {
	.cap = OUTSTANDING,
	.stops = true,
};
FIXTURE_VARIANT_ADD(flood, in_few_slots) {
	.cap = OUTSTANDING / 4,
};
/* clang-format on */

FIXTURE_SETUP(flood)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, variant->cap,
				FLOOD_LEN, FLOOD_BYTES(variant->cap)));
	self->polite = derive(self->ends.admin, CHAN_RIGHT_SEND);
	ASSERT_LE(0, self->polite);
	self->flood = mmap(NULL, sizeof(*self->flood), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	self->memory = cgroup_make();
	if (!self->memory)
		ASSERT_EQ(0, cgroup_enter(CGROUP "/cgroup.procs"));
	self->server.fd = self->ends.receiver;
	self->server.cap = variant->cap;
	self->server.flood = self->flood;
	ASSERT_EQ(0, pthread_create(&self->server.thread, NULL, server_run,
				    &self->server));
}

FIXTURE_TEARDOWN(flood)
{
	struct server *server = &self->server;

	self->flood->keep = false;
	shut_down(self->ends.admin);
	pthread_join(server->thread, NULL);
	TH_LOG("%ld answered, %ld too late; %ld times it slept, at most %.3f s",
	       server->settled, server->late, server->slept, server->longest);
	EXPECT_EQ(0, server->wrong);
	/* It may wait for memory once, but for nobody. */
	EXPECT_GE(1 + (server->settled + server->late) / 100, server->slept);
	EXPECT_GT(slowness(), server->longest);
	close(self->polite);
	ends_close(&self->ends);
	close(self->control);
	cgroup_enter(CGROUPS "/cgroup.procs");
	cgroup_remove();
}

/* The flooder's threads are there, and then they call. */
static int flood_begin(FIXTURE_DATA(flood) * self, bool stalls, pid_t *pid)
{
	int go[2];

	self->flood->calling = 0;
	self->flood->answered = 0;
	CHECK_EQ(0, pipe(go));
	*pid = flooder_start(self->ends.admin, self->flood, stalls, go);
	close(go[0]);
	CHECK_EQ(1, RISES_TO(OUTSTANDING, self->flood->calling));
	if (self->memory >= 0)
		self->memory = cgroup_kernel_memory();
	close(go[1]);
	return 0;
}

/* Nothing of the flooder is left; the server waits on. */
static bool flood_is_over(int fd)
{
	struct chan_stat s = stat_now(fd);

	return !s.queued && !s.unsettled && !s.bytes && !s.parked_senders &&
	       s.senders == 2;
}

static int flood_end(FIXTURE_DATA(flood) * self, pid_t pid)
{
	double begun = now();

	CHECK_EQ(0, child_kill(pid));
	self->flood->keep = false;
	CHECK_EQ(1, BECOMES(flood_is_over(self->ends.admin)));
	begun = now() - begun;
	fprintf(stderr, "# over after %.3f s\n", begun);
	CHECK_EQ(1, begun < slowness());
	return 0;
}

/* Lets each call be answered that can be, and no reply be fetched. */
static int flood_rises(FIXTURE_DATA(flood) * self, bool stops, pid_t pid)
{
	CHECK_EQ(1, RISES_TO(OUTSTANDING, self->flood->answered));
	if (stops) {
		kill(pid, SIGSTOP);
		CHECK_EQ(pid, waitpid(pid, NULL, WUNTRACED));
	} else {
		CHECK_EQ(OUTSTANDING, self->flood->answered);
	}
	CHECK_EQ(1, STAT_BECOMES(self->ends.admin, unsettled, 0));
	CHECK_EQ(0, in_line(self->ends.admin));
	return 0;
}

/* Replies that are not fetched are the callers', one for each. */
static int flood_is_paid_for(FIXTURE_DATA(flood) * self)
{
	long long more = cgroup_kernel_memory() - self->memory;

	if (self->memory < 0) {
		fprintf(stderr, "# there is no memory cgroup\n");
		return 0;
	}
	fprintf(stderr, "# %lld bytes more than before the flood\n", more);
	CHECK_EQ(1, more <= FLOOD_BYTES(OUTSTANDING) + COUNTED_LATE);
	return 0;
}

/*
 * One measurement may be spoilt by whatever else the machine does just then;
 * three in a row are the flood's.
 */
TEST_F_TIMEOUT(flood, leaves_a_third_to_a_polite_client, FLOOD_TIMEOUT)
{
	double seconds = seconds_each() / 8.0, alone, beside;
	pid_t pid;

	for (int try = 0; try < 3; try++) {
		alone = polite_rate(self->polite, seconds);
		ASSERT_EQ(0, flood_begin(self, !variant->stops, &pid));
		ASSERT_EQ(0, flood_rises(self, variant->stops, pid));
		EXPECT_EQ(0, flood_is_paid_for(self));
		beside = polite_rate(self->polite, seconds);
		EXPECT_EQ(0, flood_end(self, pid));
		TH_LOG("%.0f calls a second alone, %.0f beside the flood",
		       alone, beside);
		EXPECT_LE(30, alone);
		EXPECT_LT(0, beside);
		if (alone / 3 <= beside)
			break;
	}
	EXPECT_LE(alone / 3, beside);
}

static int parked(int fd)
{
	return stat_now(fd).parked_senders;
}

/* Its calls are with the server, and wait for slots, when it is killed. */
TEST_F_TIMEOUT(flood, is_over_within_a_second, FLOOD_TIMEOUT)
{
	struct chan_stat s;
	pid_t pid;

	if (variant->stops)
		SKIP(return, "once is enough");
	for (int round = 0; round < 2; round++) {
		self->flood->keep = true;
		ASSERT_EQ(0, flood_begin(self, true, &pid));
		ASSERT_TRUE(RISES_TO((int)variant->cap, self->flood->kept));
		ASSERT_TRUE(RISES_TO(OUTSTANDING - (int)variant->cap,
				     parked(self->ends.admin)));
		s = stat_now(self->ends.admin);
		EXPECT_EQ(variant->cap, s.unsettled);
		EXPECT_EQ((__u64)FLOOD_BYTES(variant->cap), s.bytes);
		EXPECT_EQ(0, flood_is_paid_for(self));
		EXPECT_EQ(0, flood_end(self, pid));
		EXPECT_LT(0, polite_rate(self->polite, 0));
	}
	EXPECT_EQ(2 * (long)variant->cap, self->server.late);
}

/* No memory -------------------------------------------------------------------- */

#define SPARE (1 << 20)

struct shortage {
	struct ends *ends;
	size_t len;
	int sent;
	char *buf;
};

/*
 * Goes where it may have @spare bytes more than there are.  All its own pages
 * are there from now on, so that only the module needs more; the descriptor it
 * returns lifts the limit.
 */
static int cgroup_limit(long long spare)
{
	int fd = open_path(CGROUP "/memory.max", O_WRONLY);
	char text[32];

	if (fd < 0 || mlockall(MCL_CURRENT))
		return -errno;
	snprintf(text, sizeof(text), "%lld",
		 file_number(CGROUP "/memory.current") + spare);
	return write(fd, text, strlen(text)) < 0 ? -errno : fd;
}

/* Numbers what it sends; the errno that ends it. */
static int send_until_refused(struct shortage *shortage)
{
	struct chan_op op;
	int ret;

	do {
		stamp(shortage->buf, shortage->len, shortage->sent);
		op = op_send(shortage->buf, shortage->len);
		op.state = RUBBISH;
		op.flags = shortage->sent % 2 ? CHAN_NOWAIT : 0;
		ret = run(shortage->ends->sender, &op);
		shortage->sent += !ret;
	} while (!ret);
	if (op.state != CHAN_STATE_WITHDRAWN)
		ret = -EBADMSG;
	return ret;
}

/* In each style, and as if nobody had tried; -EAGAIN: memory has come back. */
static int is_refused_without_effect(struct shortage *shortage)
{
	struct chan_stat before = stat_now(shortage->ends->admin), after;
	struct chan_op op;
	int ret;

	CHECK_EQ(shortage->sent, before.queued);
	for (int i = 0; i < 3; i++) {
		ret = run_once(shortage->ends->sender,
			       op_work(shortage->buf, shortage->len));
		shortage->sent += !ret;
		if (!ret)
			return -EAGAIN;
		CHECK_EQ(-ENOMEM, ret);
	}
	op = op_call(shortage->buf, shortage->len, NULL, 0);
	op.deadline = 1;
	ret = run(shortage->ends->sender, &op);
	if (ret == -ETIMEDOUT)
		return -EAGAIN;
	CHECK_EQ(-ENOMEM, ret);
	CHECK_EQ(CHAN_STATE_WITHDRAWN, op.state);
	after = stat_now(shortage->ends->admin);
	CHECK_EQ(0, memcmp(&before, &after, sizeof(after)));
	return 0;
}

static int run_short(void *arg)
{
	struct shortage *shortage = arg;
	int limit, ret;

	CHECK_EQ(0, cgroup_enter(CGROUP "/cgroup.procs"));
	limit = cgroup_limit(SPARE);
	CHECK_EQ(1, limit >= 0);
	/* What others have left in the group may go meanwhile. */
	do {
		CHECK_EQ(-ENOMEM, send_until_refused(shortage));
		ret = is_refused_without_effect(shortage);
	} while (ret == -EAGAIN);
	CHECK_EQ(0, ret);
	CHECK_EQ(1, shortage->sent * (shortage->len + CHAN_MSG_OVERHEAD) <
			    2 * SPARE);
	/* With memory it goes on where it was. */
	CHECK_EQ(3, write(limit, "max", 3));
	CHECK_EQ(0, run_once(shortage->ends->sender,
			     op_work(shortage->buf, shortage->len)));
	return 0;
}

FIXTURE(shortage)
{
	int control;
	struct ends ends;
	struct shortage shortage;
};

FIXTURE_VARIANT(shortage)
{
	__u32 len, cap;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(shortage, short_messages) {
	.len = 64,
	.cap = 16384,
};
FIXTURE_VARIANT_ADD(shortage, messages_of_a_page) {
	.len = 4096,
	.cap = 1024,
};
FIXTURE_VARIANT_ADD(shortage, long_messages) {
	.len = 300000,
	.cap = 16,
};
/* clang-format on */

FIXTURE_SETUP(shortage)
{
	int ret = cgroup_make();

	if (ret)
		SKIP(return, "no memory cgroup: %d", ret);
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, variant->cap,
				variant->len,
				variant->cap * (variant->len + 256ULL)));
	self->shortage.ends = &self->ends;
	self->shortage.len = variant->len;
	self->shortage.buf = malloc(variant->len);
}

FIXTURE_TEARDOWN(shortage)
{
	ends_close(&self->ends);
	close(self->control);
	free(self->shortage.buf);
	cgroup_remove();
}

TEST_F(shortage, of_memory_is_ENOMEM_without_effect)
{
	struct shortage *shared = mmap(NULL, sizeof(*shared),
				       PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct received received;
	struct chan_op op;
	int nr;

	*shared = self->shortage;
	ASSERT_EQ(0, in_child(run_short, shared));
	/* Who has memory has not noticed. */
	EXPECT_EQ(0, run_once(self->ends.sender,
			      op_send(self->shortage.buf, variant->len)));
	for (nr = 0; nr < shared->sent; nr++) {
		op = op_recv(self->shortage.buf, variant->len);
		ASSERT_EQ((int)variant->len, run(self->ends.receiver, &op));
		ASSERT_TRUE(is_stamped(self->shortage.buf, variant->len, nr));
		received.op = op;
		if (op.duty)
			ASSERT_EQ(0, settle(self->ends.receiver, &received,
					    CHAN_ACK));
	}
	op = op_recv(self->shortage.buf, variant->len);
	ASSERT_EQ((int)variant->len, run(self->ends.receiver, &op));
	received.op = op;
	EXPECT_EQ(CHAN_DUTY_ACK, op.duty);
	EXPECT_EQ(0, settle(self->ends.receiver, &received, CHAN_ACK));
	EXPECT_EQ((int)variant->len, run(self->ends.receiver, &op));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	TH_LOG("%d messages", nr);
	EXPECT_LE(1, nr);
}

/* The server has no memory for a long reply: it keeps the duty. */

static int reply_short(void *arg)
{
	struct shortage *shortage = arg;
	struct received received;
	int ret, limit;

	CHECK_EQ(0, cgroup_enter(CGROUP "/cgroup.procs"));
	shortage->buf = malloc(4 * SPARE);
	memset(shortage->buf, 1, 4 * SPARE);
	CHECK_EQ(1, receive(shortage->ends->receiver, &received));
	limit = cgroup_limit(SPARE);
	CHECK_EQ(1, limit >= 0);
	ret = run_once(shortage->ends->receiver,
		       op_reply(received.op.id, shortage->buf, 4 * SPARE));
	if (ret == -ENOMEM) {
		CHECK_EQ(1, stat_now(shortage->ends->admin).unsettled);
		CHECK_EQ(3, write(limit, "max", 3));
		ret = run_once(shortage->ends->receiver,
			       op_reply(received.op.id, shortage->buf,
					4 * SPARE));
	}
	CHECK_EQ(0, ret);
	return 0;
}

TEST_F(shortage, of_memory_for_a_reply_keeps_the_duty)
{
	char *room = malloc(4 * SPARE);
	struct running caller;
	static const int nr = 1;

	if (variant->cap > 16)
		SKIP(return, "once is enough");
	ASSERT_EQ(0, op_start(&caller, self->ends.sender,
			      op_call(&nr, sizeof(nr), room, 4 * SPARE)));
	ASSERT_EQ(0, in_child(reply_short, &self->shortage));
	EXPECT_EQ(4 * SPARE, running_end(&caller));
	EXPECT_EQ(1, room[4 * SPARE - 1]);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	free(room);
}

/* What is kept ------------------------------------------------------------------- */

#define KEPT_LEN 65536
#define KEPT_MAX (1 << 20)

/* As many messages as there is room for, and then none. */
static int fill_and_drain(const struct ends *ends, char *buf, size_t len)
{
	struct chan_op op;
	int sent = 0;

	do {
		op = op_send(buf, len);
		op.flags = CHAN_NOWAIT;
	} while (!run(ends->sender, &op) && ++sent);
	CHECK_EQ(-EAGAIN, op.result);
	CHECK_EQ(1, sent >= KEPT_MAX / KEPT_LEN - 1);
	while (sent--)
		CHECK_EQ((int)len, run_once(ends->receiver, op_recv(buf, len)));
	return 0;
}

static int fill_with_each_length(void *arg)
{
	struct ends *ends = arg;
	char *buf = calloc(1, KEPT_LEN);
	long long before, more;

	CHECK_EQ(0, cgroup_enter(CGROUP "/cgroup.procs"));
	before = cgroup_kernel_memory();
	/* Each length is one of which much is kept, and then little is left. */
	for (size_t len = 128; len <= KEPT_LEN; len *= 2)
		CHECK_EQ(0, fill_and_drain(ends, buf, len));
	CHECK_EQ(0, fill_and_drain(ends, buf, 128));
	more = cgroup_kernel_memory() - before;
	fprintf(stderr, "# %lld bytes kept\n", more);
	CHECK_EQ(1, more <= KEPT_MAX + COUNTED_LATE);
	return 0;
}

FIXTURE(kept)
{
	int control;
	struct ends ends[2];
};

FIXTURE_SETUP(kept)
{
	int ret = cgroup_make();

	if (ret)
		SKIP(return, "no memory cgroup: %d", ret);
	self->control = open_control();
	ASSERT_LE(0, self->control);
	for (int i = 0; i < 2; i++)
		self->ends[i] = (struct ends){ -1, -1, -1 };
}

FIXTURE_TEARDOWN(kept)
{
	for (int i = 0; i < 2; i++)
		ends_close(&self->ends[i]);
	close(self->control);
	cgroup_remove();
}

TEST_F(kept, is_no_more_than_there_is_room_for)
{
	ASSERT_EQ(0, ends_sized(self->control, self->ends, 8192, KEPT_LEN,
				KEPT_MAX));
	EXPECT_EQ(0, in_child(fill_with_each_length, self->ends));
}

static int keep_for_a_while(void *arg)
{
	struct ends *ends = arg;
	char *buf = calloc(1, KEPT_LEN);
	long long before;

	CHECK_EQ(0, cgroup_enter(CGROUP "/cgroup.procs"));
	before = cgroup_kernel_memory();
	for (int i = 0; i < 3; i++)
		CHECK_EQ(0, fill_and_drain(ends, buf, KEPT_LEN));
	CHECK_EQ(1, cgroup_kernel_memory() - before > 4 * KEPT_MAX);
	CHECK_EQ(1, BECOMES(cgroup_kernel_memory() - before < COUNTED_LATE));
	return 0;
}

TEST_F(kept, goes_when_it_is_not_used)
{
	ASSERT_EQ(0, ends_sized(self->control, self->ends, 128, KEPT_LEN,
				8 * KEPT_MAX));
	EXPECT_EQ(0, in_child(keep_for_a_while, self->ends));
}

/* A reply is as long as its caller has room for, not as the channel has. */
static int reply_at_length(void *arg)
{
	struct ends *ends = arg;
	char *buf = calloc(1, 4 * KEPT_MAX);
	static const int nr = 1;
	struct running caller;
	long long before;
	struct chan_op op;

	CHECK_EQ(0, cgroup_enter(CGROUP "/cgroup.procs"));
	memset(buf, 1, 4 * KEPT_MAX);
	before = cgroup_kernel_memory();
	CHECK_EQ(0, op_start(&caller, ends->sender,
			     op_call(&nr, sizeof(nr), buf, 4 * KEPT_MAX)));
	op = op_recv(buf, sizeof(nr));
	CHECK_EQ((int)sizeof(nr), run(ends->receiver, &op));
	CHECK_EQ(0,
		 run_once(ends->receiver, op_reply(op.id, buf, 4 * KEPT_MAX)));
	CHECK_EQ(4 * KEPT_MAX, running_end(&caller));
	CHECK_EQ(1, cgroup_kernel_memory() - before < COUNTED_LATE);
	return 0;
}

TEST_F(kept, is_no_reply_beyond_its_room)
{
	ASSERT_EQ(0, ends_sized(self->control, self->ends, 1, 64,
				64 + CHAN_MSG_OVERHEAD));
	EXPECT_EQ(0, in_child(reply_at_length, self->ends));
}

/* What idle channels keep is no reason to refuse a message. */
static int send_by_each(void *arg)
{
	static const size_t lens[] = { 6 * KEPT_MAX, 6 * KEPT_MAX, 3 * KEPT_MAX,
				       2 * KEPT_MAX };
	struct ends *ends = arg;
	char *buf = malloc(6 * KEPT_MAX);
	int limit;

	CHECK_EQ(0, cgroup_enter(CGROUP "/cgroup.procs"));
	memset(buf, 1, 6 * KEPT_MAX);
	limit = cgroup_limit(8 * KEPT_MAX);
	CHECK_EQ(1, limit >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		const struct ends *by = &ends[i % 2];

		CHECK_EQ(0, run_once(by->sender, op_send(buf, lens[i])));
		CHECK_EQ((int)lens[i],
			 run_once(by->receiver, op_recv(buf, lens[i])));
	}
	CHECK_EQ(3, write(limit, "max", 3));
	return 0;
}

TEST_F(kept, goes_before_a_message_is_refused)
{
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, ends_sized(self->control, &self->ends[i], 4,
					6 * KEPT_MAX, 0));
	EXPECT_EQ(0, in_child(send_by_each, self->ends));
}

TEST_HARNESS_MAIN
