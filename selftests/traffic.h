/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of messages on their way share: both ends of a channel,
 * numbered and stamped messages, calls that block in a thread of their own,
 * and waiting until they do.  It expects nothing of the module by itself.
 *
 * A number is a message of four bytes, from 1; 0 is the end of the channel.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <poll.h>
#include <signal.h>
#include <sys/uio.h>

#include "chan_test.h"

/* Ends ------------------------------------------------------------------ */

/* An endpoint that only administers, and one for each direction. */
struct ends {
	int admin, sender, receiver;
};

/* Room for 16 messages of 64 bytes, whatever they count. */
static inline struct chan_create roomy_record(const char *name)
{
	struct chan_create c = create_record(name);

	c.cap = 16;
	c.msg_max = 64;
	c.bytes_max = 0;
	return c;
}

/* 0, or why not; what the record says of rights does not matter. */
static inline int ends_make(int control, struct chan_create *c,
			    struct ends *ends)
{
	c->rights = CHAN_RIGHT_ADMIN;
	ends->admin = create_with(control, c);
	if (ends->admin < 0)
		return ends->admin;
	ends->sender = derive(ends->admin, CHAN_RIGHT_SEND);
	ends->receiver = derive(ends->admin, CHAN_RIGHT_RECV);
	return ends->sender < 0	  ? ends->sender :
	       ends->receiver < 0 ? ends->receiver :
				    0;
}

static inline int ends_sized(int control, struct ends *ends, __u32 cap,
			     __u32 msg_max, __u64 bytes_max)
{
	struct chan_create c = create_record(NULL);

	c.cap = cap;
	c.msg_max = msg_max;
	c.bytes_max = bytes_max;
	return ends_make(control, &c, ends);
}

static inline void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void ends_close(struct ends *ends)
{
	close_end(&ends->sender);
	close_end(&ends->receiver);
	close_end(&ends->admin);
}

static inline struct chan_stat stat_of(int fd)
{
	struct chan_stat s;

	get_stat(fd, &s);
	return s;
}

/* So many operations wait, now or soon. */
static inline bool waiting_are(int fd, __u32 senders, __u32 receivers)
{
	struct chan_stat s;

	return BECOMES(!get_stat(fd, &s) && s.parked_senders == senders &&
		       s.parked_receivers == receivers);
}

static inline void set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

/* What poll() says now, of everything it can say. */
static inline int events_of(int fd)
{
	struct pollfd p = {
		.fd = fd,
		.events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP,
	};

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

static inline bool events_become(int fd, int events)
{
	return BECOMES(events_of(fd) == events);
}

/* What stands where a number will be, before it is there. */
#define GARBAGE (-0x33333334)

/* Messages -------------------------------------------------------------- */

/* Both return the length or a negative errno. */
static inline ssize_t put_bytes(int fd, const void *buf, size_t len)
{
	ssize_t n = write(fd, buf, len);

	return n < 0 ? -errno : n;
}

static inline ssize_t take_bytes(int fd, void *buf, size_t len)
{
	ssize_t n = read(fd, buf, len);

	return n < 0 ? -errno : n;
}

/* As those, but -EAGAIN where they would wait. */
static inline ssize_t put_bytes_now(int fd, const void *buf, size_t len)
{
	struct iovec vec = { (void *)buf, len };
	ssize_t n = pwritev2(fd, &vec, 1, -1, RWF_NOWAIT);

	return n < 0 ? -errno : n;
}

static inline ssize_t take_bytes_now(int fd, void *buf, size_t len)
{
	struct iovec vec = { buf, len };
	ssize_t n = preadv2(fd, &vec, 1, -1, RWF_NOWAIT);

	return n < 0 ? -errno : n;
}

/* 0, or why not. */
static inline int put(int fd, int nr)
{
	ssize_t n = put_bytes(fd, &nr, sizeof(nr));

	return n == sizeof(nr) ? 0 : n < 0 ? n : -EIO;
}

/* The number, 0 at the end, or why not. */
static inline int number_of(ssize_t n, int nr)
{
	return n == sizeof(nr) ? nr : n <= 0 ? n : -EIO;
}

static inline int take(int fd)
{
	int nr = GARBAGE;
	ssize_t n = take_bytes(fd, &nr, sizeof(nr));

	return number_of(n, nr);
}

/* Like O_NONBLOCK, for one call. */
static inline int put_now(int fd, int nr)
{
	ssize_t n = put_bytes_now(fd, &nr, sizeof(nr));

	return n == sizeof(nr) ? 0 : n < 0 ? n : -EIO;
}

static inline int take_now(int fd)
{
	int nr = GARBAGE;
	ssize_t n = take_bytes_now(fd, &nr, sizeof(nr));

	return number_of(n, nr);
}

/* Contents that no other message, length or offset has. */
static inline unsigned char stamp_at(size_t at, size_t len, unsigned int nr)
{
	return nr * 131 + len * 7 + at + (at >> 8) * 3 + (at >> 16) * 5;
}

static inline void stamp(void *buf, size_t len, unsigned int nr)
{
	unsigned char *p = buf;

	for (size_t i = 0; i < len; i++)
		p[i] = stamp_at(i, len, nr);
}

static inline bool is_stamped(const void *buf, size_t len, unsigned int nr)
{
	const unsigned char *p = buf;

	for (size_t i = 0; i < len; i++)
		if (p[i] != stamp_at(i, len, nr))
			return false;
	return true;
}

/* Calls that may block -------------------------------------------------- */

/* One read or write in a thread; @result is what read() gives, or -errno. */
struct call {
	ssize_t (*fn)(struct call *call);
	int fd;
	void *buf;
	size_t len;
	int nr; /* where @buf points for numbers */
	ssize_t result;
	pthread_t thread;
	atomic_int tid;
	atomic_bool done;
};

static inline ssize_t call_write(struct call *call)
{
	return put_bytes(call->fd, call->buf, call->len);
}

static inline ssize_t call_read(struct call *call)
{
	return take_bytes(call->fd, call->buf, call->len);
}

static inline void *call_run(void *arg)
{
	struct call *call = arg;

	call->tid = syscall(SYS_gettid);
	call->result = call->fn(call);
	call->done = true;
	return NULL;
}

static inline int call_start(struct call *call)
{
	call->done = false;
	call->tid = 0;
	call->result = -EINPROGRESS;
	return -pthread_create(&call->thread, NULL, call_run, call);
}

static inline int start_write(struct call *call, int fd, void *buf, size_t len)
{
	*call = (struct call){
		.fn = call_write,
		.fd = fd,
		.buf = buf,
		.len = len,
	};
	return call_start(call);
}

static inline int start_read(struct call *call, int fd, void *buf, size_t len)
{
	*call = (struct call){
		.fn = call_read,
		.fd = fd,
		.buf = buf,
		.len = len,
	};
	return call_start(call);
}

/* The same with numbers. */
static inline int start_put(struct call *call, int fd, int nr)
{
	*call = (struct call){
		.fn = call_write,
		.fd = fd,
		.buf = &call->nr,
		.len = sizeof(call->nr),
		.nr = nr,
	};
	return call_start(call);
}

static inline int start_take(struct call *call, int fd)
{
	*call = (struct call){
		.fn = call_read,
		.fd = fd,
		.buf = &call->nr,
		.len = sizeof(call->nr),
		.nr = GARBAGE,
	};
	return call_start(call);
}

/* The result; -ETIME if it does not come, and then the thread stays. */
static inline ssize_t finish(struct call *call)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += BUDGET + seconds_each();
	if (pthread_timedjoin_np(call->thread, NULL, &end))
		return -ETIME;
	return call->result;
}

static inline int finish_put(struct call *call)
{
	ssize_t n = finish(call);

	return n == sizeof(call->nr) ? 0 : n < 0 ? n : -EIO;
}

static inline int finish_take(struct call *call)
{
	ssize_t n = finish(call);

	return number_of(n, call->nr);
}

static inline bool call_sleeps_in(struct call *call, long nr)
{
	return BECOMES(call->tid && sleeps_in(call->tid) == nr);
}

/* Signals ---------------------------------------------------------------- */

static atomic_int signals_taken;

static inline void count_signal(int signal)
{
	(void)signal;
	signals_taken++;
}

static inline void catch_signal(int signal, int flags)
{
	struct sigaction action = {
		.sa_handler = count_signal,
		.sa_flags = flags,
	};

	signals_taken = 0;
	sigaction(signal, &action, NULL);
}

/* Interrupts a call that sleeps; true once the handler has run. */
static inline bool interrupt(struct call *call)
{
	int before = signals_taken;

	pthread_kill(call->thread, SIGUSR1);
	return BECOMES(signals_taken > before);
}

#define SIGNAL_NS 50000

/* The end of a storm until its signals have begun, as its time does then. */
#define NOT_YET 1e300

/*
 * To a thread that tells its number; from a timer, so that it needs no
 * processor of its own.
 */
static inline int signal_often(atomic_int *tid, timer_t *timer)
{
	struct itimerspec often = {
		.it_interval.tv_nsec = SIGNAL_NS,
		.it_value.tv_nsec = SIGNAL_NS,
	};
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGUSR1,
	};

	if (!BECOMES(*tid))
		return -ETIME;
	event._sigev_un._tid = *tid;
	if (timer_create(CLOCK_MONOTONIC, &event, timer) ||
	    timer_settime(*timer, 0, &often, NULL))
		return -errno;
	return 0;
}

#endif /* TRAFFIC_H */
