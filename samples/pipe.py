#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""pipe - one writer, one reader, in Python

A child writes, its parent reads until the end, which comes when the last writer has
gone.

It prints

    5 bytes: "hello"
    0 bytes: ""
    8 bytes: "good bye"
    the writer has gone
"""
import errno
import os

import chan


def writer(out):
    for text in "hello", "", "good bye":
        out.send(text.encode())


def reader(source):
    try:
        while True:
            data = source.recv().data
            print(f'{len(data)} bytes: "{data.decode()}"')
    except chan.Error as e:
        if e.errno != errno.ESHUTDOWN:
            raise
        print("the writer has gone")


receiver, sender = chan.pair(16)
if os.fork() == 0:
    receiver.close()
    writer(sender)
    os._exit(0)
sender.close()
reader(receiver)
