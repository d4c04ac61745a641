#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The library from Python: lib/python/chan.py, which is beside this file.
#
# needs: python3

command -v python3 >/dev/null || {
	echo "1..0 # SKIP python3 is not here"
	exit 4
}
exec python3 - <<'END'
import asyncio
import errno
import gc
import os
import select
import signal
import struct
import sys
import threading

sys.path.insert(0, os.getcwd())
import chan
from tap import Failure, check, run_tests, slowness

BUDGET = 10 * slowness()  # seconds for each test
NAME = "t-lib-python"
tests = []


def check_error(number, call, *args, **kwargs):
    try:
        got = call(*args, **kwargs)
    except chan.Error as e:
        check(errno.errorcode[number], errno.errorcode[e.errno])
        return e
    raise Failure(f"{got!r}, not {errno.errorcode[number]}")


class Thread(threading.Thread):
    """What a function returned or raised, in another thread."""

    def __init__(self, call, *args, **kwargs):
        super().__init__(daemon=True)
        self.call, self.args, self.kwargs = call, args, kwargs
        self.start()

    def run(self):
        try:
            self.result = self.call(*self.args, **self.kwargs)
        except chan.Error as e:
            self.result = e

    def end(self):
        self.join(BUDGET)
        return self.result


def becomes(condition):
    while not condition():  # the alarm ends it
        pass


@tests.append
def a_message_goes_through_a_pair():
    receiver, sender = chan.pair(2)
    sender.send(b"hello", prio=3, tag=9)
    check(1, receiver.stat()["queued"])
    check(b"hello", receiver.peek().data)
    message = receiver.recv()
    check((b"hello", 3, 9, chan.NONE, os.getpid(), 1),
          (message.data, message.prio, message.tag, message.duty, message.pid,
           message.attempt))
    check_error(errno.ETIMEDOUT, receiver.recv, timeout=0)
    sender.close()
    check_error(errno.ESHUTDOWN, receiver.recv)


@tests.append
def the_end_of_an_endpoint_closes_it():
    before = len(os.listdir("/proc/self/fd"))
    with chan.create() as channel:
        fd = channel.fileno()
        check(False, os.get_inheritable(fd))
    check_error_of_closed = [channel.fileno, channel.recv]
    for call in check_error_of_closed:
        try:
            call()
        except ValueError:
            continue
        raise Failure("a closed channel does something")
    chan.pair()
    check(before, len(os.listdir("/proc/self/fd")))


@tests.append
def an_error_is_what_python_makes_of_its_number():
    receiver, sender = chan.pair()
    for kind, call, *args in ((TimeoutError, receiver.recv, 0),
                              (FileNotFoundError, chan.open, NAME),
                              (PermissionError, sender.shutdown)):
        try:
            call(*args)
        except kind as e:
            check((True, "Error", os.strerror(e.errno)),
                  (isinstance(e, chan.Error), type(e).__name__, e.strerror))
        else:
            raise Failure(f"no {kind.__name__}")
    receiver.close()
    try:
        sender.call(b"x")
    except BrokenPipeError as e:
        make, values = e.__reduce__()  # as pickle does
        again = make(*values)
        check((type(e), errno.EPIPE, "withdrawn", 0, str(e)),
              (type(again), again.errno, again.state, again.reason, str(again)))
    e = chan.Error(errno.EREMOTEIO, "settled", errno.EDOM)
    check((chan.Error, "settled", errno.EDOM), (type(e), e.state, e.reason))


@tests.append
def a_star_takes_all_but_open():
    names = {}
    exec("from chan import *", names)
    check((True, True, True), tuple(
        names.get(name) == getattr(chan, name) for name in ("SEND", "RECV", "WORKQUEUE")))
    check(False, "open" in names)
    public = {name for name, what in vars(chan).items()
              if name[0] != "_" and not isinstance(what, type(os))}
    check(public - {"open"}, set(chan.__all__))


@tests.append
def everything_public_is_explained():
    for name in chan.__all__ + ["open"]:
        what = getattr(chan, name)
        if isinstance(what, type):
            for name in (n for n in dir(what) if n[0] != "_"):
                if callable(getattr(what, name)) and not hasattr(OSError, name):
                    check(True, bool(getattr(what, name).__doc__), f"{what.__name__}.{name}")
        if callable(what):
            check(True, bool(what.__doc__), name)


@tests.append
def a_timeout_may_be_negative_or_infinite():
    receiver, sender = chan.pair()
    for timeout in 0, -1, -1e30, float("-inf"):
        check_error(errno.ETIMEDOUT, receiver.recv, timeout)
    for timeout in None, 1e10, 1e30, float("inf"):
        waiting = Thread(receiver.recv, timeout)
        becomes(lambda: receiver.stat()["parked_receivers"])
        sender.send(b"x", timeout)
        check(b"x", waiting.end().data)


@tests.append
def a_call_gets_its_reply():
    receiver, sender = chan.pair()
    caller = Thread(sender.call, b"question", timeout=BUDGET, reply_len=100)
    message = receiver.recv(BUDGET)
    check((b"question", chan.REPLY, 100), (message.data, message.duty, message.reply_len))
    check_error(errno.EMSGSIZE, message.reply, b"x" * 101)
    message.reply(b"answer")
    check(b"answer", caller.end())
    check_error(errno.ESTALE, message.reply, b"answer")


@tests.append
def an_error_tells_state_and_reason():
    receiver, sender = chan.pair()
    e = check_error(errno.ETIMEDOUT, sender.call, b"x", timeout=0.01)
    check("withdrawn", e.state)
    caller = Thread(sender.send, b"x", timeout=BUDGET, until=chan.SETTLED)
    receiver.recv(BUDGET).reject(errno.EDOM)
    e = caller.end()
    check((errno.EREMOTEIO, "settled", errno.EDOM), (e.errno, e.state, e.reason))
    receiver.close()
    check_error(errno.EPIPE, sender.send, b"x")


@tests.append
def an_answer_leaves_nothing_owed():
    receiver, sender = chan.pair()
    for room, end in (6, b"answer"), (5, errno.EMSGSIZE):
        caller = Thread(sender.call, b"question", timeout=BUDGET, reply_len=room)
        message = receiver.recv(BUDGET)
        check(room == 6, message.answer(b"answer"))
        check_error(errno.ESTALE, message.answer, b"answer")
        check(end, getattr(caller.end(), "reason", caller.result))
    caller = Thread(sender.send, b"x", timeout=BUDGET, until=chan.SETTLED)
    check(True, receiver.recv(BUDGET).answer(b"not wanted"))
    check(None, caller.end())
    sender.send(b"x")
    check(True, receiver.recv().answer())
    check(0, receiver.stat()["unsettled"])


@tests.append
def an_answer_to_who_has_left_is_not_taken():
    receiver, sender = chan.pair()
    server = Thread(receiver.recv, BUDGET)
    signal_when(lambda: receiver.stat()["unsettled"])
    check((Interrupt, 1), interrupted(lambda: sender.call(b"x", BUDGET), True))
    check(False, server.end().answer(b"late"))
    check(0, receiver.stat()["unsettled"])


@tests.append
def work_is_acknowledged_or_given_back():
    receiver, sender = chan.pair()
    sender.send_work(b"dig")
    message = receiver.recv()
    check(chan.ACK, message.duty)
    message.give_back()
    message = receiver.recv()
    check(2, message.attempt)
    message.ack()
    check(0, receiver.stat()["unsettled"])


@tests.append
def a_long_message_is_received_whole():
    receiver, sender = chan.pair()
    with chan.create(msg_max=1 << 20, bytes_max=2 << 20) as large:
        large.send(b"x" * (1 << 20))
        check(1 << 20, len(large.peek().data))
        check(1 << 20, len(large.recv().data))
        large.send(b"")
        check(b"", large.recv().data)
    check_error(errno.EMSGSIZE, sender.send, b"x" * 65537)


@tests.append
def names_are_made_opened_and_removed():
    with chan.create(NAME, 4, mode=0o600) as made, chan.open(NAME) as sender:
        check(NAME.encode(), made.stat()["name"])
        check_error(errno.EEXIST, chan.create, NAME)
        check_error(errno.EBADF, sender.recv, timeout=0)
        narrow = made.derive(chan.SEND, 5)
        narrow.send(b"x")
        check(5, made.recv().badge)
        chan.remove(NAME)
        check_error(errno.ENOENT, chan.open, NAME)
        made.shutdown()
        check_error(errno.EPIPE, sender.send, b"x")


@tests.append
def select_takes_exactly_one():
    a, b = chan.create(cap=1), chan.create(cap=1)
    a.send(b"full")
    check(None, chan.select([b, (a, b"more")], timeout=0))
    b.send(b"there")
    index, message = chan.select([b, (a, b"more")])
    check((0, b"there"), (index, message.data))
    a.recv()
    check((1, None), chan.select([b, (a, b"more")], ordered=True))
    check(b"more", a.recv().data)


@tests.append
def tasks_are_told_and_asked():
    with chan.task(NAME) as mailbox:
        teller = Thread(chan.tell, NAME, b"news", BUDGET)
        check(b"news", mailbox.recv(BUDGET).data)
        check(None, teller.end())
        asker = Thread(chan.ask, NAME, b"well?", BUDGET)
        mailbox.recv(BUDGET).reply(b"so so")
        check(b"so so", asker.end())
        check_error(errno.EEXIST, chan.task, NAME)
    check_error(errno.ENOENT, chan.tell, NAME, b"x")


# Other threads run while one waits.
@tests.append
def a_wait_releases_the_interpreter():
    receiver, sender = chan.pair()
    waiting = Thread(receiver.recv, BUDGET)
    becomes(lambda: receiver.stat()["parked_receivers"])
    sender.send(b"x")
    check(b"x", waiting.end().data)


class Interrupt(Exception):
    pass


def interrupted(call, raises):
    """The call, with a signal once it waits; how often the handler ran."""
    ran = []

    def handler(*_):
        ran.append(1)
        if raises:
            raise Interrupt

    signal.signal(signal.SIGUSR1, handler)
    try:
        return call(), len(ran)
    except Interrupt:
        return Interrupt, len(ran)


def signal_when(condition, then=lambda: None):
    def body():
        becomes(condition)
        os.kill(os.getpid(), signal.SIGUSR1)
        then()
    return Thread(body)


@tests.append
def a_handler_that_raises_ends_the_wait():
    receiver, sender = chan.pair()
    signal_when(lambda: receiver.stat()["parked_receivers"])
    check((Interrupt, 1), interrupted(lambda: receiver.recv(BUDGET), True))
    signal_when(lambda: receiver.stat()["queued"])
    check((Interrupt, 1), interrupted(lambda: sender.call(b"x", BUDGET), True))
    check((0, 0), (receiver.stat()["queued"], receiver.stat()["unsettled"]))


@tests.append
def a_handler_that_raises_after_receipt_abandons_the_call():
    receiver, sender = chan.pair()
    server = Thread(receiver.recv, BUDGET)
    signal_when(lambda: receiver.stat()["unsettled"])
    check((Interrupt, 1), interrupted(lambda: sender.call(b"x", BUDGET), True))
    check_error(errno.ECANCELED, server.end().reply, b"late")


@tests.append
def a_handler_that_returns_changes_nothing():
    receiver, sender = chan.pair()
    message = Thread(receiver.recv, BUDGET)
    signal_when(lambda: receiver.stat()["unsettled"],
                lambda: message.end().reply(b"answer"))
    check((b"answer", 1), interrupted(lambda: sender.call(b"x", BUDGET), False))
    check(1, receiver.stat()["totals_sent"])


@tests.append
def a_channel_is_polled():
    receiver, sender = chan.pair()
    check(([], [sender], []), select.select([receiver], [sender], [], 0))
    sender.send(b"x")
    check(([receiver], [], []), select.select([receiver], [], [], BUDGET))


@tests.append
def asyncio_sends_and_receives():
    receiver, sender = chan.pair(1)

    async def produce():
        for i in range(20):
            await sender.asend(b"%d" % i)

    async def consume():
        return [(await receiver.arecv()).data for _ in range(20)]

    async def both():
        return (await asyncio.gather(consume(), produce()))[0]

    check([b"%d" % i for i in range(20)], asyncio.run(both()))
    receiver.close()
    check_error(errno.EPIPE, lambda: asyncio.run(sender.asend(b"x")))


@tests.append
def asyncio_calls():
    receiver, sender = chan.pair(8)

    async def several():
        calls = [asyncio.ensure_future(sender.acall(b"%d" % i)) for i in range(4)]
        asked = [await receiver.arecv() for _ in calls]
        for request in reversed(asked[1:]):
            request.reply(request.data + b"!")
        asked[0].reject(errno.EDOM)
        return await asyncio.gather(*calls, return_exceptions=True)

    rejected, *replies = asyncio.run(several())
    check([b"1!", b"2!", b"3!"], replies)
    check((errno.EREMOTEIO, errno.EDOM, "settled"),
          (rejected.errno, rejected.reason, rejected.state))
    late = check_error(errno.ETIMEDOUT, lambda: asyncio.run(sender.acall(b"x", 0.01)))
    check("withdrawn", late.state)
    receiver.close()
    check_error(errno.EPIPE, lambda: asyncio.run(sender.acall(b"x")))


@tests.append
def a_task_that_is_cancelled_leaves_its_call():
    receiver, sender = chan.pair(8)

    async def leave():
        calls = [asyncio.ensure_future(sender.acall(b"%d" % i)) for i in range(2)]
        asked = await receiver.arecv()
        for call in calls:
            call.cancel()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        check([asyncio.CancelledError] * 2, [type(end) for end in ends])
        # The loop is good for another one.
        after = asyncio.ensure_future(sender.acall(b"after"))
        (await receiver.arecv()).reply(b"here")
        return asked, await after

    asked, after = asyncio.run(leave())
    check((b"0", b"here"), (asked.data, after))
    check_error(errno.ECANCELED, asked.reply, b"late")
    check((0, 0), (sender.stat()["queued"], sender.stat()["unsettled"]))


class WithoutUring:
    PATH = "/proc/sys/kernel/io_uring_disabled"

    def __enter__(self):
        with open(self.PATH) as f:
            self.before = f.read()
        self.set("2")

    def __exit__(self, *_):
        self.set(self.before)

    def set(self, text):
        with open(self.PATH, "w") as f:
            f.write(text)


@tests.append
def without_io_uring_asyncio_is_told_so():
    receiver, sender = chan.pair(8)
    with WithoutUring():
        check_error(errno.EOPNOTSUPP, lambda: asyncio.run(sender.acall(b"x")))
    check(0, sender.stat()["totals_sent"])


def count_results():
    return sum(name.startswith("result-") for name in os.listdir("/dev/chan"))


def both_ways(body):
    """The same test with io_uring, and without; it gets how many channels for
    results a loop that has asked needs."""
    def with_uring():
        body(0)

    def without_uring():
        with WithoutUring():
            body(1)

    for test in with_uring, without_uring:
        test.__name__ = f"{body.__name__}_{test.__name__}"
        tests.append(test)
    return body


@both_ways
def asyncio_asks_and_answers(results):
    receiver, sender = chan.pair(8)

    async def serve(answers, nr):
        asked = [await answers.arecv(receiver) for _ in range(nr)]
        for question in reversed(asked[1:]):
            check_error(errno.EMSGSIZE, question.reply, b"x" * 11)
            question.reply(question.data + b"!")
        asked[0].reject(errno.EDOM)
        check_error(errno.ESTALE, asked[0].reply)

    async def several():
        with chan.Answers() as answers:
            asks = [sender.aask(b"%d" % i, BUDGET, 10) for i in range(4)]
            ends = await asyncio.gather(*asks, serve(answers, 4), return_exceptions=True)
            check(results, count_results())
            return ends

    rejected, *replies, served = asyncio.run(several())
    check([b"1!", b"2!", b"3!", None], replies + [served])
    check((errno.EREMOTEIO, errno.EDOM, "settled"),
          (rejected.errno, rejected.reason, rejected.state))
    check((0, 0), (receiver.stat()["queued"], receiver.stat()["unsettled"]))
    receiver.close()
    check_error(errno.EPIPE, lambda: asyncio.run(sender.aask(b"x")))


@both_ways
def an_answer_to_a_question_leaves_nothing_owed(results):
    receiver, sender = chan.pair(8)

    async def several():
        with chan.Answers() as answers:
            asks = [asyncio.ensure_future(sender.aask(b"x", BUDGET, room)) for room in (6, 5)]
            taken = [(await answers.arecv(receiver)).answer(b"answer") for _ in asks]
            ends = await asyncio.gather(*asks, return_exceptions=True)
            sender.send_work(b"dig")
            work = answers.recv(receiver, 0)
            sender.send(b"x")
            plain = answers.recv(receiver, 0)
            return taken, ends, work.answer(), plain.answer()

    taken, (answer, rejected), *others = asyncio.run(several())
    check(([True, False], b"answer", [True, True]), (taken, answer, others))
    check((errno.EREMOTEIO, errno.EMSGSIZE), (rejected.errno, rejected.reason))
    check((0, 0), (receiver.stat()["queued"], receiver.stat()["unsettled"]))


@both_ways
def a_channel_for_results_goes_with_its_loop(results):
    receiver, sender = chan.pair(8)

    async def some():
        with chan.Answers() as answers:
            for _ in range(20):
                asked = asyncio.ensure_future(sender.aask(b"x"))
                (await answers.arecv(receiver)).reply(b"here")
                check(b"here", await asked)
                check(results, count_results())

    gc.collect()
    check(0, count_results())
    asyncio.run(some())
    gc.collect()
    check(0, count_results())


@both_ways
def a_question_survives_who_was_asked(results):
    receiver, sender = chan.pair(8)
    other = receiver.derive(chan.RECV)

    async def die():
        with chan.Answers(1) as answers:
            asked = asyncio.ensure_future(sender.aask(b"x", BUDGET))
            first = await answers.arecv(other)
            other.close()
            second = await answers.arecv(receiver)
            check((b"x", 1, 2), (first.data, first.attempt, second.attempt))
            second.reply(b"here")
            return await asked

    check(b"here", asyncio.run(die()))


@both_ways
def a_question_that_is_given_up_is_answered_for_nobody(results):
    receiver, sender = chan.pair(8)

    async def leave():
        with chan.Answers() as answers:
            late = await asyncio.gather(sender.aask(b"late", 0.05 * slowness()),
                                        return_exceptions=True)
            cancelled = asyncio.ensure_future(sender.aask(b"cancelled"))
            await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.wait([cancelled])
            check(True, cancelled.cancelled())
            after = asyncio.ensure_future(sender.aask(b"after", BUDGET))
            question = await answers.arecv(receiver)
            while question.data != b"after":
                question.reply(b"to nobody")
                question = await answers.arecv(receiver)
            question.reply(b"here")
            return late[0], await after

    late, after = asyncio.run(leave())
    check((errno.ETIMEDOUT, "abandoned" if results else "withdrawn", b"here"),
          (late.errno, late.state, after))


@tests.append
def calls_and_other_messages_are_received_alike():
    receiver, sender = chan.pair(8)
    with chan.Answers() as answers:
        caller = Thread(sender.call, b"question", timeout=BUDGET)
        question = answers.recv(receiver, BUDGET)
        check((b"question", chan.REPLY), (question.data, question.duty))
        question.reply(b"answer")
        check(b"answer", caller.end())
        sender.send_work(b"dig")
        work = answers.recv(receiver, 0)
        check((b"dig", chan.ACK), (work.data, work.duty))
        check_error(errno.EINVAL, work.reply)
        work.ack()
        check_error(errno.ETIMEDOUT, answers.recv, receiver, 0)
    try:
        work.reply()
    except ValueError:
        return
    raise Failure("closed answers answer")


# As lib/chan.h has it: id, channel, reply_len, verdict, error, version, 0, magic.
@tests.append
def an_envelope_that_makes_no_sense_is_refused():
    receiver, sender = chan.pair(8)
    good = 1, 2, 10, 0, 0, 1, 0, 0x9d1f5ae67c24b383
    with chan.Answers() as answers:
        for wrong in range(7):
            bad = list(good)
            bad[wrong] = 0 if wrong < 2 else 1 << 20
            for envelope in bad, good:
                sender.send_work(b"text" + struct.pack("=QQQIIIIQ", *envelope))
            question = answers.recv(receiver, 0)
            check((b"text", chan.REPLY, 10),
                  (question.data, question.duty, question.reply_len))
            check((0, 1), (receiver.stat()["queued"], receiver.stat()["unsettled"]))
            check_error(errno.ECANCELED, question.reply, b"nobody")


@tests.append
def the_library_and_the_module_tell_who_they_are():
    with open("/sys/module/chan/version") as f:
        check(f.read().strip(), chan.version())
    check((1, 65536), (chan.query()["abi"], chan.query()["cap_max"]))


run_tests([(f"python.{body.__name__}", body) for body in tests], BUDGET)
END
