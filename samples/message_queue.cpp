// SPDX-License-Identifier: GPL-2.0-only
/*
 * message_queue - many producers, many workers, in C++
 *
 * Five threads put numbers into one channel, three take them out: each number
 * goes to one of them. Each producer owns an endpoint of its own, and when the
 * last of these has gone the workers come to the end.
 *
 * It prints
 *
 *	6545 numbers from 5 producers to 3 workers
 *	received are 6545, their sum is 21415240
 *	that took 1.234 s
 */
#include <chrono>
#include <future>
#include <iostream>
#include <vector>

#include <chan.hpp>

constexpr long numbers = 6545;
constexpr int producers = 5, workers = 3;

struct total {
	long count = 0, sum = 0;
};

/* Every fifth number; its endpoint ends with it. */
static void produce(chan::endpoint queue, long number)
{
	for (; number < numbers; number += producers)
		queue.send(
			{ reinterpret_cast<char *>(&number), sizeof(number) });
}

static total work(const chan::endpoint &queue)
{
	total total;
	long number;

	try {
		for (;;) {
			queue.recv(&number, sizeof(number));
			total.count++;
			total.sum += number;
		}
	} catch (const chan::error &e) {
		if (e.code().value() != ESHUTDOWN)
			throw;
	}
	return total;
}

int main()
{
	auto begun = std::chrono::steady_clock::now();
	std::vector<std::future<total>> totals;
	std::vector<std::future<void>> done;
	chan::pair queue(64);
	total all;

	std::cout << numbers << " numbers from " << producers
		  << " producers to " << workers << " workers\n";
	for (int i = 0; i < workers; i++)
		totals.push_back(std::async(std::launch::async, work,
					    std::cref(queue.receiver)));
	for (int i = 0; i < producers; i++)
		done.push_back(std::async(std::launch::async, produce,
					  queue.sender.derive(CHAN_RIGHT_SEND),
					  i));
	queue.sender = chan::endpoint();

	for (auto &each : totals) {
		total one = each.get();

		all.count += one.count;
		all.sum += one.sum;
	}
	std::chrono::duration<double> took =
		std::chrono::steady_clock::now() - begun;
	std::cout << "received are " << all.count << ", their sum is "
		  << all.sum << "\nthat took " << took.count() << " s\n";
	return all.count != numbers;
}
