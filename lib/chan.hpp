/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libchan - channels for C++17
 *
 * chan::endpoint owns a descriptor and closes it when it goes; what fails throws
 * chan::error, a std::system_error with the state of the message and, of a
 * rejection, the reason. It allocates nothing and adds nothing: each function calls
 * the one of chan.h that has its name, where the rest is said. A deadline is one of
 * std::chrono::steady_clock, which is CLOCK_MONOTONIC, or a length of time from now.
 *
 *	chan::pair ends(16);
 *	ends.sender.send("hello");
 *	char buf[64];
 *	chan::message m = ends.receiver.recv(buf, sizeof(buf));
 */
#ifndef CHAN_HPP
#define CHAN_HPP

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "chan.h"

namespace chan
{

class error : public std::system_error
{
      public:
	explicit error(int negative_errno, const ::chan_op *op = nullptr)
	    : std::system_error(-negative_errno, std::generic_category()),
	      state_(op ? op->state : 0), reason_(op ? op->error : 0)
	{
	}

	/* CHAN_STATE_*, of what was sent. */
	unsigned int state() const noexcept
	{
		return state_;
	}

	/* A positive errno, if it was rejected. */
	int reason() const noexcept
	{
		return static_cast<int>(reason_);
	}

      private:
	unsigned int state_, reason_;
};

inline int check(int ret, const ::chan_op *op = nullptr)
{
	if (ret < 0)
		throw error(ret, op);
	return ret;
}

/*
 * Until when to wait: none, a point in time, or a length of time from now. With one that
 * is over, or a negative length, nothing waits.
 */
class deadline
{
      public:
	constexpr deadline() noexcept = default;

	deadline(std::chrono::steady_clock::time_point at) noexcept
	    : ns_(CHAN_AT_ONCE)
	{
		const std::chrono::nanoseconds since = at.time_since_epoch();

		if (since.count() > 0)
			ns_ = static_cast<std::uint64_t>(since.count());
	}

	template <class Rep, class Period>
	deadline(std::chrono::duration<Rep, Period> length) noexcept
	    : ns_(::chan_in_ns(std::chrono::nanoseconds(length).count()))
	{
	}

	std::uint64_t ns() const noexcept
	{
		return ns_;
	}

      private:
	std::uint64_t ns_ = 0;
};

/* What was received, and what is owed for it; data is in the receiver's buffer. */
class message
{
      public:
	message(int fd, const ::chan_op &op, const void *buf) noexcept
	    : fd_(fd), op_(op), data_(static_cast<const char *>(buf),
				      static_cast<std::size_t>(op.result))
	{
	}

	std::string_view data() const noexcept
	{
		return data_;
	}

	/* duty, attempt, tag, prio, reply_len and the stamp. */
	const ::chan_op &record() const noexcept
	{
		return op_;
	}

	void ack() const
	{
		check(::chan_ack(fd_, op_.id));
	}

	void reply(std::string_view data) const
	{
		check(::chan_reply(fd_, op_.id, data.data(), data.size()));
	}

	/*
	 * Settles whatever came, so that nothing is owed. False: its caller has left, or
	 * was told that the answer is too long.
	 */
	bool answer(std::string_view data) const
	{
		const int ret =
			::chan_answer(fd_, &op_, data.data(), data.size());

		return ret != -ECANCELED && ret != -EMSGSIZE && !check(ret);
	}

	void reject(int error) const
	{
		check(::chan_reject(fd_, op_.id, error));
	}

	void give_back() const
	{
		check(::chan_return(fd_, op_.id));
	}

      private:
	int fd_;
	::chan_op op_;
	std::string_view data_;
};

class endpoint
{
      public:
	explicit endpoint(int fd = -1) noexcept : fd_(fd)
	{
	}

	endpoint(endpoint &&other) noexcept : fd_(other.release())
	{
	}

	endpoint &operator=(endpoint &&other) noexcept
	{
		endpoint gone(std::exchange(fd_, other.release()));

		return *this;
	}

	~endpoint()
	{
		if (fd_ >= 0)
			::close(fd_);
	}

	static endpoint create(const char *name, unsigned int cap,
			       unsigned int flags = 0)
	{
		return endpoint(check(::chan_create(name, cap, flags)));
	}

	static endpoint open(const char *name, unsigned int rights)
	{
		return endpoint(check(::chan_open(name, rights)));
	}

	int fd() const noexcept
	{
		return fd_;
	}

	/* The descriptor, for somebody else to close. */
	int release() noexcept
	{
		return std::exchange(fd_, -1);
	}

	endpoint derive(unsigned int rights, std::uint64_t badge = 0) const
	{
		return endpoint(check(::chan_derive(fd_, rights, badge)));
	}

	void send(std::string_view data, deadline until = {}) const
	{
		check(::chan_send(fd_, data.data(), data.size(), until.ns()));
	}

	void send_work(std::string_view data, deadline until = {}) const
	{
		check(::chan_send_work(fd_, data.data(), data.size(),
				       until.ns()));
	}

	/* Of a signal after receipt nothing is seen: there is no record. */
	void send_until(std::string_view data, unsigned int where,
			deadline until = {}) const
	{
		::chan_op op;

		through_signals(op,
				::chan_send_until(fd_, data.data(), data.size(),
						  where, &op, until.ns()));
	}

	std::size_t call(std::string_view data, void *reply,
			 std::size_t reply_len, deadline until = {}) const
	{
		::chan_op op;

		return static_cast<std::size_t>(through_signals(
			op, ::chan_call(fd_, data.data(), data.size(), reply,
					reply_len, &op, until.ns())));
	}

	message recv(void *buf, std::size_t len, deadline until = {}) const
	{
		::chan_op op;

		check(::chan_recv(fd_, buf, len, &op, until.ns()));
		return message(fd_, op, buf);
	}

	message peek(void *buf, std::size_t len, deadline until = {}) const
	{
		::chan_op op;

		check(::chan_peek(fd_, buf, len, &op, until.ns()));
		return message(fd_, op, buf);
	}

	struct ::chan_stat stat() const
	{
		struct ::chan_stat stat;

		check(::chan_stat(fd_, &stat));
		return stat;
	}

	void shutdown() const
	{
		check(::chan_shutdown(fd_));
	}

      private:
	int through_signals(::chan_op &op, int ret) const
	{
		while (ret == -EINTR && op.code == CHAN_OP_WAIT)
			ret = ::chan_wait(fd_, &op);
		return check(ret, &op);
	}

	int fd_;
};

/*
 * An operation that is written down, for select() and batch(). Endpoint and buffers
 * are the caller's, who keeps them as long as it is used.
 */
class operation
{
      public:
	static operation send(const endpoint &to,
			      std::string_view data) noexcept
	{
		operation made;

		::chan_op_send(&made.op_, to.fd(), data.data(), data.size());
		return made;
	}

	static operation call(const endpoint &to, std::string_view data,
			      void *reply, std::size_t reply_len) noexcept
	{
		operation made;

		::chan_op_call(&made.op_, to.fd(), data.data(), data.size(),
			       reply, reply_len);
		return made;
	}

	static operation recv(const endpoint &from, void *buf,
			      std::size_t len) noexcept
	{
		operation made;

		::chan_op_recv(&made.op_, from.fd(), buf, len);
		return made;
	}

	static operation ack(const message &done) noexcept
	{
		operation made;

		::chan_op_ack(&made.op_, done.record().fd, done.record().id);
		return made;
	}

	static operation reply(const message &to,
			       std::string_view data) noexcept
	{
		operation made;

		::chan_op_reply(&made.op_, to.record().fd, to.record().id,
				data.data(), data.size());
		return made;
	}

	/* To be changed before it runs: prio, tag, deadline and the others. */
	::chan_op &record() noexcept
	{
		return op_;
	}

	/* What came of it: bytes, or 0. */
	std::size_t result() const
	{
		return static_cast<std::size_t>(check(op_.result, &op_));
	}

	/* What it has received. */
	message received() const
	{
		const auto address = static_cast<std::uintptr_t>(op_.buf);

		result();
		return message(op_.fd, op_,
			       reinterpret_cast<const void *>(address));
	}

      private:
	operation() noexcept = default;

	::chan_op op_;
};

static_assert(sizeof(operation) == sizeof(::chan_op),
	      "an array of operations is one of records");

/*
 * Exactly one of several: its number, or none if none was ready in time. What came
 * of it, an error too, its result() tells.
 */
template <std::size_t N>
std::optional<std::size_t> select(operation (&arms)[N], deadline until = {},
				  unsigned int flags = 0)
{
	int ret = ::chan_select(&arms[0].record(), N, flags, until.ns());

	if (ret == -EAGAIN || ret == -ETIMEDOUT)
		return std::nullopt;
	return static_cast<std::size_t>(check(ret));
}

/* Several in their order, until one fails: how many were done, at least one. */
template <std::size_t N> std::size_t batch(operation (&ops)[N])
{
	return static_cast<std::size_t>(
		check(::chan_batch(&ops[0].record(), N)));
}

/* A channel without a name, and an endpoint for each end. */
struct pair {
	explicit pair(unsigned int cap, unsigned int flags = 0)
	{
		int fds[2];

		check(::chan_pair(fds, cap, flags));
		receiver = endpoint(fds[0]);
		sender = endpoint(fds[1]);
	}

	endpoint receiver, sender;
};

} // namespace chan

#endif /* CHAN_HPP */
