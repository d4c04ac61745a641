// SPDX-License-Identifier: GPL-2.0-only
/*
 * pipe - one writer, one reader, in C++
 *
 * A thread writes, and the endpoint that it owns ends with it; then the main one,
 * which reads, comes to the end.
 *
 * It prints
 *
 *	5 bytes: "hello"
 *	0 bytes: ""
 *	8 bytes: "good bye"
 *	the writer has gone
 */
#include <iostream>
#include <string_view>
#include <thread>

#include <chan.hpp>

/* Its endpoint ends with it. */
static void writer(chan::endpoint out)
{
	for (std::string_view text : { "hello", "", "good bye" })
		out.send(text);
}

static void reader(const chan::endpoint &in)
{
	char room[64];

	for (;;) {
		std::string_view text = in.recv(room, sizeof(room)).data();

		std::cout << text.size() << " bytes: \"" << text << "\"\n";
	}
}

int main()
{
	chan::pair ends(16);
	std::thread thread(writer, std::move(ends.sender));

	try {
		reader(ends.receiver);
	} catch (const chan::error &e) {
		if (e.code().value() != ESHUTDOWN)
			throw;
		std::cout << "the writer has gone\n";
	}
	thread.join();
}
