// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tests of chan.hpp, for lib_cpp_test: each returns 0, or the number of the line
 * that is not as it should be. An exception that nobody expects ends the program.
 */
#include <chan.hpp>
#include <string>
#include <thread>

#include "lib_cpp_steps.h"

using namespace std::chrono_literals;

#define EXPECT(condition)                \
	do {                             \
		if (!(condition))        \
			return __LINE__; \
	} while (0)

/* The error that it throws, or 0. */
template <class Call> static chan::error thrown(Call call)
{
	try {
		call();
	} catch (const chan::error &e) {
		return e;
	}
	return chan::error(0);
}

template <class Call> static int errno_of(Call call)
{
	return thrown(call).code().value();
}

static bool is_open(int fd)
{
	return ::write(fd, nullptr, 0) >= 0 || errno != EBADF;
}

int step_a_message_goes_through_a_pair(void)
{
	chan::pair ends(2);
	char buf[16];

	ends.sender.send("hello");
	EXPECT(ends.receiver.stat().queued == 1);
	EXPECT(ends.receiver.peek(buf, 16).data() == "hello");
	EXPECT(ends.receiver.recv(buf, 16, 1s).data() == "hello");
	EXPECT(errno_of([&] { ends.receiver.recv(buf, 16, 1ms); }) ==
	       ETIMEDOUT);
	EXPECT(errno_of([&] {
		       ends.receiver.recv(buf, 16,
					  std::chrono::steady_clock::now());
	       }) == ETIMEDOUT);
	/* What has passed waits for nothing, whether by now or before the clock began. */
	EXPECT(errno_of([&] { ends.receiver.recv(buf, 16, -5ms); }) ==
	       ETIMEDOUT);
	EXPECT(errno_of([&] { ends.receiver.recv(buf, 16, 0ms); }) ==
	       ETIMEDOUT);
	for (auto at : { std::chrono::steady_clock::time_point(),
			 std::chrono::steady_clock::time_point(-5ms),
			 std::chrono::steady_clock::time_point::min() })
		EXPECT(errno_of([&] { ends.receiver.recv(buf, 16, at); }) ==
		       ETIMEDOUT);
	ends.sender = chan::endpoint();
	EXPECT(errno_of([&] { ends.receiver.recv(buf, 16); }) == ESHUTDOWN);
	return 0;
}

int step_an_endpoint_closes_once(void)
{
	int fd;

	{
		chan::endpoint a = chan::endpoint::create(nullptr, 2);
		chan::endpoint b(std::move(a));

		fd = b.fd();
		EXPECT(a.fd() == -1);
		EXPECT(is_open(fd));
		a = std::move(b);
		EXPECT(a.fd() == fd && is_open(fd));
		b = chan::endpoint(a.release());
		EXPECT(a.fd() == -1 && b.fd() == fd);
	}
	EXPECT(!is_open(fd));
	return 0;
}

int step_a_call_gets_its_reply(void)
{
	chan::pair ends(2);
	char buf[16], answer[16];

	std::thread server([&] {
		chan::message m = ends.receiver.recv(buf, 16, 10s);

		m.reply(std::string(m.data()) + "!");
		ends.receiver.recv(buf, 16, 10s).reject(EDOM);
	});
	std::size_t n = ends.sender.call("hey", answer, 16, 10s);
	chan::error e =
		thrown([&] { ends.sender.call("again", answer, 16, 10s); });

	server.join();
	EXPECT(std::string_view(answer, n) == "hey!");
	EXPECT(e.code().value() == EREMOTEIO);
	EXPECT(e.reason() == EDOM);
	EXPECT(e.state() == CHAN_STATE_SETTLED);
	return 0;
}

int step_an_answer_leaves_nothing_owed(void)
{
	chan::pair ends(2);
	char buf[16], room[16];
	bool taken[3];

	std::thread server([&] {
		for (bool &each : taken)
			each = ends.receiver.recv(buf, 16, 10s).answer("yes!");
	});
	std::size_t n = ends.sender.call("hey", room, 16, 10s);
	chan::error e = thrown([&] { ends.sender.call("hey", room, 3, 10s); });

	ends.sender.send_until("task", CHAN_UNTIL_SETTLED, 10s);
	server.join();
	EXPECT(std::string_view(room, n) == "yes!");
	EXPECT(e.code().value() == EREMOTEIO && e.reason() == EMSGSIZE);
	EXPECT(taken[0] && !taken[1] && taken[2]);
	ends.sender.send("nothing is owed for it");
	char longer[64];
	chan::message plain = ends.receiver.recv(longer, 64);

	EXPECT(plain.answer("yes!"));
	EXPECT(ends.receiver.stat().unsettled == 0);
	ends.sender.send_work("dig");
	chan::message work = ends.receiver.recv(buf, 16);

	EXPECT(work.answer(""));
	EXPECT(errno_of([&] { work.answer(""); }) == ESTALE);
	return 0;
}

int step_work_is_acknowledged_or_given_back(void)
{
	chan::pair ends(2);
	char buf[16];

	ends.sender.send_work("dig");
	ends.receiver.recv(buf, 16).give_back();
	chan::message m = ends.receiver.recv(buf, 16);

	EXPECT(m.record().attempt == 2);
	m.ack();
	EXPECT(errno_of([&] { m.ack(); }) == ESTALE);
	EXPECT(errno_of([&] {
		       ends.sender.send_until("x", CHAN_UNTIL_RECEIVED, 1ms);
	       }) == ETIMEDOUT);
	return 0;
}

int step_names_are_opened_and_rights_narrowed(void)
{
	chan::endpoint made = chan::endpoint::create("t-lib-cpp", 2);
	chan::endpoint sender =
		chan::endpoint::open("t-lib-cpp", CHAN_RIGHT_SEND);
	char buf[16];

	EXPECT(errno_of([] { chan::endpoint::create("t-lib-cpp", 2); }) ==
	       EEXIST);
	EXPECT(errno_of([&] { sender.recv(buf, 16); }) == EBADF);
	made.derive(CHAN_RIGHT_SEND, 5).send("x");
	EXPECT(made.recv(buf, 16).record().badge == 5);
	made.shutdown();
	EXPECT(errno_of([&] { sender.send("x"); }) == EPIPE);
	return 0;
}

int step_a_select_takes_exactly_one(void)
{
	chan::pair first(1), second(1);
	char buf[2][16];
	chan::operation arms[] = {
		chan::operation::recv(first.receiver, buf[0], 16),
		chan::operation::recv(second.receiver, buf[1], 16),
	};

	EXPECT(!chan::select(arms, 1ms));
	EXPECT(!chan::select(arms, {}, CHAN_NOWAIT));
	second.sender.send("hello");
	EXPECT(chan::select(arms, 10s) == 1);
	EXPECT(arms[1].received().data() == "hello");
	EXPECT(second.receiver.stat().queued == 0);
	/* An arm that would fail is taken, and tells why. */
	first.sender = chan::endpoint();
	arms[1] = chan::operation::recv(second.receiver, buf[1], 16);
	EXPECT(chan::select(arms, 10s) == 0);
	EXPECT(errno_of([&] { arms[0].result(); }) == ESHUTDOWN);
	EXPECT(errno_of([&] { arms[0].received(); }) == ESHUTDOWN);
	arms[0] = chan::operation::ack(
		chan::message(second.receiver.fd(), arms[1].record(), buf[1]));
	EXPECT(errno_of([&] { chan::select(arms); }) == EINVAL);
	return 0;
}

int step_a_batch_runs_in_order(void)
{
	chan::pair ends(4);
	char buf[2][16], answer[16];
	chan::operation ops[] = {
		chan::operation::send(ends.sender, "one"),
		chan::operation::send(ends.sender, "two"),
		chan::operation::recv(ends.receiver, buf[0], 16),
		chan::operation::recv(ends.receiver, buf[1], 16),
	};

	ops[1].record().prio = 1;
	EXPECT(chan::batch(ops) == 4);
	EXPECT(ops[2].received().data() == "two");
	EXPECT(ops[3].received().data() == "one");
	/* What a server does: reply, and receive the next. */
	std::thread server([&] {
		chan::message m = ends.receiver.recv(buf[0], 16, 10s);
		chan::operation loop[] = {
			chan::operation::reply(m, "yes"),
			chan::operation::recv(ends.receiver, buf[1], 16),
		};

		chan::batch(loop);
		chan::operation done[] = {
			chan::operation::ack(loop[1].received()),
			chan::operation::ack(loop[1].received()),
		};

		chan::batch(done);
	});
	std::size_t n = ends.sender.call("ready", answer, 16, 10s);

	ends.sender.send_until("task", CHAN_UNTIL_SETTLED, 10s);
	server.join();
	EXPECT(std::string_view(answer, n) == "yes");
	EXPECT(ends.receiver.stat().unsettled == 0);
	chan::operation call[] = {
		chan::operation::call(ends.sender, "anybody", answer, 16),
	};

	call[0].record().deadline = CHAN_AT_ONCE;
	EXPECT(errno_of([&] { chan::batch(call); }) == ETIMEDOUT);
	return 0;
}
