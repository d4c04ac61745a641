#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""client_server - questions to a server that has a name, in Python

The server, a process of its own, takes calls on /dev/chan/upper; who asks opens that
by name. What becomes of a question that is not answered is an exception.

It prints

    "hello" is "HELLO"
    "42" is refused: Invalid argument
    "die" has no answer: Owner died
    "hello?" has no answer: No such file or directory
"""
import errno
import os

import chan

NAME = "upper"


def server(calls):
    while True:
        call = calls.recv()
        if call.data == b"die":
            return
        try:
            if call.data.isdigit():
                call.reject(errno.EINVAL)
            else:
                call.answer(call.data.upper())
        except chan.Error:
            pass  # who has asked has left


def client(question):
    try:
        with chan.open(NAME) as calls:
            answer = calls.call(question.encode(), timeout=10)
        print(f'"{question}" is "{answer.decode()}"')
    except chan.Error as e:
        if e.reason:
            print(f'"{question}" is refused: {os.strerror(e.reason)}')
        else:
            print(f'"{question}" has no answer: {e.strerror}')


with chan.create(NAME, flags=chan.EPHEMERAL) as calls:
    if os.fork() == 0:
        server(calls)
        os._exit(0)
# Now the channel is the server's alone, and ends with it.

for question in "hello", "42", "die", "hello?":
    client(question)
