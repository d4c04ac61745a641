// SPDX-License-Identifier: GPL-2.0-only
/*
 * client_server - questions to a server that has a name, in C++
 *
 * The server, a process of its own, takes calls on /dev/chan/upper; who asks opens
 * that by name. What becomes of a question that is not answered is an exception.
 *
 * It prints
 *
 *	"hello" is "HELLO"
 *	"42" is refused: Invalid argument
 *	"die" has no answer: Owner died
 *	"hello?" has no answer: No such file or directory
 */
#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstring>
#include <iostream>
#include <string>

#include <chan.hpp>

using namespace std::chrono_literals;

static const char *const name = "upper";

static void answer(const chan::message &call)
{
	std::string text(call.data());

	if (std::any_of(text.begin(), text.end(), ::isdigit)) {
		call.reject(EINVAL);
		return;
	}
	std::transform(text.begin(), text.end(), text.begin(), ::toupper);
	call.answer(text);
}

static int server(const chan::endpoint &calls)
{
	static char room[CHAN_MSG_DEFAULT]; /* for the longest that there is */

	for (;;) {
		chan::message call = calls.recv(room, sizeof(room));

		if (call.data() == "die")
			return 0;
		try {
			answer(call);
		} catch (const chan::error &) {
			/* who has asked has left */
		}
	}
}

static void client(const std::string &question)
{
	char room[64];

	std::cout << '"' << question << "\" ";
	try {
		auto calls = chan::endpoint::open(name, CHAN_RIGHT_SEND);
		auto n = calls.call(question, room, sizeof(room), 10s);

		std::cout << "is \"" << std::string_view(room, n) << "\"\n";
	} catch (const chan::error &e) {
		if (e.reason())
			std::cout << "is refused: " << std::strerror(e.reason())
				  << '\n';
		else
			std::cout << "has no answer: " << e.what() << '\n';
	}
}

int main()
{
	auto calls = chan::endpoint::create(name, 16, CHAN_EPHEMERAL);

	if (!fork())
		return server(calls);
	calls = chan::
		endpoint(); /* now it is the server's alone, and ends with it */

	for (const char *question : { "hello", "42", "die", "hello?" })
		client(question);
}
