#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""message_queue - many producers, many workers, in Python

Five processes put numbers into one channel, three take them out: each number goes
to one of them. When the last producer has gone the workers come to the end, and send
what they have counted into a second channel.

It prints

    655 numbers from 5 producers to 3 workers
    received are 655, their sum is 214185
    that took 1.234 s
"""
import errno
import os
import struct
import time

import chan

NUMBERS = 655
PRODUCERS = 5
WORKERS = 3


def messages(channel):
    """Those that come until the last sender has gone."""
    try:
        while True:
            yield channel.recv().data
    except chan.Error as e:
        if e.errno != errno.ESHUTDOWN:
            raise


def child(task, *arguments):
    if os.fork() == 0:
        task(*arguments)
        os._exit(0)


def produce(queue, first):
    for number in range(first, NUMBERS, PRODUCERS):
        queue.send(struct.pack("q", number))


def work(queue, totals):
    numbers = [struct.unpack("q", data)[0] for data in messages(queue)]
    totals.send(struct.pack("qq", len(numbers), sum(numbers)))


begun = time.monotonic()
print(f"{NUMBERS} numbers from {PRODUCERS} producers to {WORKERS} workers", flush=True)
queue_out, queue_in = chan.pair(64)
totals_out, totals_in = chan.pair(WORKERS)
for first in range(PRODUCERS):
    child(produce, queue_in, first)
queue_in.close()
for _ in range(WORKERS):
    child(work, queue_out, totals_in)
totals_in.close()

totals = [struct.unpack("qq", data) for data in messages(totals_out)]
count, total = (sum(column) for column in zip(*totals))
print(f"received are {count}, their sum is {total}")
print(f"that took {time.monotonic() - begun:.3f} s")
