# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""chan - channels whose messages always have an outcome

    import chan

    receiver, sender = chan.pair(16)
    sender.send(b"hello")
    print(receiver.recv().data)

    with chan.create("jobs", 64) as jobs:
        request = jobs.recv(timeout=10)
        request.reply(b"done")              # or ack(), reject(errno), give_back()

One file over libchan.so.0, without a compiler. An endpoint is an object with
fileno(), so select, poll and asyncio take it. What fails raises chan.Error, an
OSError with the state of the message and, of a rejection, the reason; by its errno it
is a TimeoutError, FileNotFoundError, BrokenPipeError and so on as well. While a call
waits other threads run; a signal's handler runs at once, and if it raises, as that
of Ctrl-C does, the call is over: what was not received is withdrawn, what was
received is abandoned. Nothing is sent twice.

A timeout is in seconds; None waits as long as it takes, 0 and less tries and does not
wait.
"""
import ctypes
import errno
import os
import weakref

# All but open(), which is somebody else's where there is a star.
__all__ = ["ACK", "ADMIN", "Answers", "Channel", "EPHEMERAL", "Error", "FAIL", "FIXED",
           "HANGUP", "Message", "NONE", "QUEUED", "Question", "RECEIVED", "RECV",
           "REDELIVER", "REPLY", "SEND", "SETTLED", "STATES", "WORKQUEUE", "ask",
           "create", "pair", "query", "remove", "select", "task", "tell", "version"]

SEND, RECV, ADMIN = 1, 2, 4                         # rights
HANGUP, EPHEMERAL, WORKQUEUE, FIXED = 1, 2, 4, 8    # flags of create()
QUEUED, RECEIVED, SETTLED = 0, 1, 2                 # until
NONE, ACK, REPLY = 0, 1, 2                          # duties
FAIL, REDELIVER = 0, 1                              # on_death
STATES = "withdrawn", "queued", "received", "settled", "abandoned"

_PEEK, _ORDERED = 1 << 1, 1 << 4
_OP_SEND, _OP_RECV = 1, 2
_MSG_DEFAULT = 64 << 10
_ANSWER_DEFAULT = 4 << 10
_ANY_ENGINE, _AT_ONCE = 0, 1
_LONGEST = 2**63 - 1  # nanoseconds, as good as None

_lib = ctypes.CDLL("libchan.so.0")

_u8, _u32, _u64, _s32 = ctypes.c_uint8, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int32
_size = ctypes.c_size_t


class _Create(ctypes.Structure):
    _fields_ = [("flags", _u32), ("rights", _u32), ("cap", _u32), ("msg_max", _u32),
                ("bytes_max", _u64), ("max_attempts", _u32), ("mode", _u32),
                ("type", _u64), ("name", _u64), ("fd", _s32), ("reserved", _u32)]


class _Op(ctypes.Structure):
    _fields_ = [("code", _u32), ("flags", _u32), ("fd", _s32), ("until", _u8),
                ("duty", _u8), ("on_death", _u8), ("prio", _u8), ("buf", _u64),
                ("len", _u64), ("reply_buf", _u64), ("reply_len", _u64),
                ("deadline", _u64), ("id", _u64), ("tag", _u64), ("verdict", _u32),
                ("error", _u32), ("attempt", _u32), ("state", _u32),
                ("result", _s32), ("uid", _u32), ("gid", _u32), ("pid", _s32),
                ("badge", _u64), ("sent_at", _u64)]


class _Stat(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * 64), ("owner_uid", _u32), ("flags", _u32),
                ("cap", _u32), ("msg_max", _u32), ("bytes_max", _u64),
                ("type", _u64), ("max_attempts", _u32), ("mode", _u32),
                ("bytes", _u64), ("queued", _u32), ("unsettled", _u32),
                ("parked_senders", _u32), ("parked_receivers", _u32),
                ("senders", _u32), ("receivers", _u32), ("totals_sent", _u64),
                ("totals_received", _u64), ("totals_settled", _u64),
                ("totals_redelivered", _u64), ("totals_dropped", _u64)]


class _Query(ctypes.Structure):
    _fields_ = [("abi", _u32), ("max_parked", _u32), ("features", _u64),
                ("max_channels", _u64), ("user_channels", _u64),
                ("user_bytes", _u64), ("cap_max", _u32), ("msg_max", _u32),
                ("name_max", _u32), ("msg_overhead", _u32)]


class _Question(ctypes.Structure):
    _fields_ = [("msg", _Op), ("id", _u64), ("channel", _u64)]


class _Done(ctypes.Structure):
    _fields_ = [("op", ctypes.c_void_p), ("token", _u64), ("result", ctypes.c_int)]


def _declare(name, *arguments, result=ctypes.c_int):
    function = getattr(_lib, name)
    function.argtypes = arguments
    function.restype = result
    return function


_op_p = ctypes.POINTER(_Op)
_create_with = _declare("chan_create_with", ctypes.POINTER(_Create))
_open = _declare("chan_open", ctypes.c_char_p, ctypes.c_uint)
_derive = _declare("chan_derive", ctypes.c_int, ctypes.c_uint, _u64)
_run = _declare("chan_run", _op_p)
_select = _declare("chan_select", _op_p, ctypes.c_uint, ctypes.c_uint, _u64)
_ack = _declare("chan_ack", ctypes.c_int, _u64)
_reply = _declare("chan_reply", ctypes.c_int, _u64, ctypes.c_char_p, _size)
_answer = _declare("chan_answer", ctypes.c_int, _op_p, ctypes.c_char_p, _size)
_reject = _declare("chan_reject", ctypes.c_int, _u64, ctypes.c_int)
_return = _declare("chan_return", ctypes.c_int, _u64)
_cancel = _declare("chan_cancel", ctypes.c_int, _u64)
_stat = _declare("chan_stat", ctypes.c_int, ctypes.POINTER(_Stat))
_query = _declare("chan_query", ctypes.c_int, ctypes.POINTER(_Query))
_shutdown = _declare("chan_shutdown", ctypes.c_int)
_remove = _declare("chan_remove", ctypes.c_char_p)
_task = _declare("chan_task", ctypes.c_char_p)
_ring_p = ctypes.c_void_p
_ring_open = _declare("chan_ring_open", ctypes.POINTER(_ring_p), ctypes.c_uint,
                      ctypes.c_uint)
_ring_close = _declare("chan_ring_close", _ring_p, result=None)
_ring_fd = _declare("chan_ring_fd", _ring_p)
_ring_start = _declare("chan_ring_start", _ring_p, _op_p, _u64)
_ring_ask = _declare("chan_ring_ask", _ring_p, _op_p, _u64)
_ring_submit = _declare("chan_ring_submit", _ring_p)
_ring_next = _declare("chan_ring_next", _ring_p, ctypes.POINTER(_Done), _u64)
_ring_cancel = _declare("chan_ring_cancel", _ring_p, _u64)
_question_p, _answers_p = ctypes.POINTER(_Question), ctypes.c_void_p
_unwrap = _declare("chan_unwrap", _question_p)
_answers_open = _declare("chan_answers_open", ctypes.POINTER(_answers_p), ctypes.c_uint)
_answers_close = _declare("chan_answers_close", _answers_p, result=None)
_answers_reply = _declare("chan_answers_reply", _answers_p, _question_p,
                          ctypes.c_char_p, _size)
_answers_reject = _declare("chan_answers_reject", _answers_p, _question_p, ctypes.c_int)
_in_ns = _declare("chan_in_ns", ctypes.c_int64, result=_u64)
_version = _declare("chan_version", result=ctypes.c_char_p)


class Error(OSError):
    """With the state of the message, if one was sent, and why it was rejected.

    As OSError does by itself, it becomes the kind of error that its number has.
    """

    def __new__(cls, number, state=None, reason=0):
        if cls is Error:
            cls = _error_like(type(OSError(number, "")))
        error = super().__new__(cls, number, os.strerror(number))
        error.state = state
        error.reason = reason
        return error

    def __init__(self, *_, **__):
        pass  # all is said

    def __reduce__(self):
        return Error, (self.errno, self.state, self.reason)


_errors = {OSError: Error}


def _error_like(kind):
    if kind not in _errors:
        _errors.setdefault(kind, type("Error", (Error, kind), {"__module__": __name__}))
    return _errors[kind]


def _check(ret):
    if ret < 0:
        raise Error(-ret)
    return ret


def _deadline(timeout):
    if timeout is None:
        return 0
    return _in_ns(int(min(max(timeout, 0) * 1e9, _LONGEST)))


def _name(name):
    return None if name is None else os.fsencode(name)


def _finish(op):
    """Runs it until it is over. A handler that raises is the end of it, too."""
    try:
        while True:
            ret = _run(op)
            if ret != -errno.EINTR:
                break
    except BaseException:
        if op.id:  # of what was sent, or the token of what has just been received
            (_return if op.code == _OP_RECV else _cancel)(op.fd, op.id)
        raise
    return _result(op, ret)


def _result(op, ret):
    if ret < 0:
        sent = op.code != _OP_RECV
        raise Error(-ret, STATES[op.state] if sent else None, op.error if sent else 0)
    return ret


class _Closing:
    """What is closed at the end of a with, or when it goes."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        self.close()


class _Calls:
    """Those of one loop that are under way, on a ring of the library's.

    Records and buffers stay here until they are over, or the ring is.
    """

    CAPACITY = 1024
    of_loops = weakref.WeakKeyDictionary()

    @classmethod
    def of(cls, loop):
        if loop not in cls.of_loops:
            cls.of_loops[loop] = cls(loop)
        return cls.of_loops[loop]

    def __init__(self, loop):
        self.ring, self.under_way, self.token = _ring_p(), {}, 0
        _check(_ring_open(self.ring, self.CAPACITY, _ANY_ENGINE))
        loop.add_reader(_ring_fd(self.ring), self.take)

    def __del__(self):
        if self.ring:
            _ring_close(self.ring)

    async def run(self, op, start):
        import asyncio
        self.token += 1
        token, future = self.token, asyncio.get_running_loop().create_future()
        _check(start(self.ring, op, token))
        self.under_way[token] = op, future
        _check(_ring_submit(self.ring))
        try:
            return _result(op, await future)
        except asyncio.CancelledError:
            _ring_cancel(self.ring, token)
            raise

    def take(self):
        done = _Done()
        while not _ring_next(self.ring, done, _AT_ONCE):
            _, future = self.under_way.pop(done.token)
            if not future.done():
                future.set_result(done.result)


class Message:
    """What was received; settle it by one of the five if duty is not NONE."""

    def __init__(self, channel, op, data):
        self.channel, self.data, self.token = channel, data, op.id
        for name in ("duty", "tag", "prio", "attempt", "reply_len", "uid", "gid",
                     "pid", "badge", "sent_at"):
            setattr(self, name, getattr(op, name))

    def ack(self):
        """Says that the work is done."""
        _check(_ack(self.channel.fileno(), self.token))

    def reply(self, data=b""):
        """Answers a call. EMSGSIZE if its caller has less room: it is still owed."""
        data = bytes(data)
        _check(_reply(self.channel.fileno(), self.token, data, len(data)))

    def answer(self, data=b""):
        """Settles whatever came, so that nothing is owed.

        False: the caller has left, or was told that the answer is too long.
        """
        data, record = bytes(data), _Op(id=self.token, duty=self.duty)
        ret = _answer(self.channel.fileno(), record, data, len(data))
        return ret not in (-errno.ECANCELED, -errno.EMSGSIZE) and not _check(ret)

    def reject(self, number):
        """Refuses it: its sender gets EREMOTEIO, and this errno as the reason."""
        _check(_reject(self.channel.fileno(), self.token, number))

    def give_back(self):
        """Puts it back to the head of the channel, for whoever receives next."""
        _check(_return(self.channel.fileno(), self.token))


class Question(Message):
    """What Answers has received; settle it by answer(), reply(), reject() or
    give_back()."""

    def __init__(self, answers, channel, op, data):
        self.answers, self.record = answers, _Question(msg=op)
        self.record.msg.buf = ctypes.cast(data, ctypes.c_void_p).value
        length = _check(_unwrap(self.record))
        super().__init__(channel, self.record.msg, data[:length])

    def reply(self, data=b""):
        """Answers it. EMSGSIZE if its asker has less room: it is still owed."""
        data = bytes(data)
        _check(_answers_reply(self.answers.made(), self.record, data, len(data)))

    def answer(self, data=b""):
        """As that of a Message; but of what this process lacks the question is still owed."""
        if not self.record.id:
            return super().answer(data)
        try:
            return self._reply_or_reject(data)
        except Error as e:
            if e.errno == errno.EAGAIN:  # it has been given up, and its asker has no room
                self.ack()
            elif e.errno != errno.ECANCELED:
                raise
            return False

    def _reply_or_reject(self, data):
        try:
            self.reply(data)
            return True
        except Error as e:
            if e.errno != errno.EMSGSIZE:
                raise
            self.reject(errno.EMSGSIZE)
            return False

    def reject(self, number):
        """Refuses it: its asker gets EREMOTEIO, and this errno as the reason."""
        _check(_answers_reject(self.answers.made(), self.record, number))


class Answers(_Closing):
    """Takes calls and the questions of Channel.aask() alike, and answers them.

    It keeps the channels of so many askers open. It is for one thread.
    """

    def __init__(self, capacity=64):
        self._made = _answers_p()
        _check(_answers_open(self._made, capacity))

    def made(self):
        """What the library has made of it."""
        if not self._made:
            raise ValueError("the answers are closed")
        return self._made

    def close(self):
        """Ends the answering. What was received and not answered is still owed."""
        made, self._made = self._made, _answers_p()
        if made:
            _answers_close(made)

    def recv(self, channel, timeout=None):
        """The next question, or a message that is none: its duty is not REPLY."""
        deadline = _deadline(timeout)
        while True:
            op, data = channel._take(0, deadline, _MSG_DEFAULT)
            try:
                return Question(self, channel, op, data)
            except Error:  # nobody can answer it
                _check(_reject(channel.fileno(), op.id, errno.EBADMSG))

    async def arecv(self, channel):
        """As recv(), for asyncio."""
        return await channel._when("add_reader", "remove_reader",
                                   lambda: self.recv(channel, 0))


class Channel(_Closing):
    """An endpoint. It owns its descriptor, and closes it when it goes."""

    def __init__(self, fd):
        self._fd = fd

    def fileno(self):
        """The descriptor, which stays the channel's."""
        if self._fd < 0:
            raise ValueError("the channel is closed")
        return self._fd

    def detach(self):
        """The descriptor, for somebody else to close."""
        fd, self._fd = self._fd, -1
        return fd

    def close(self):
        """Closes the descriptor. Whatever it has received and owes goes back."""
        if self._fd >= 0:
            os.close(self.detach())

    def derive(self, rights, badge=0):
        """A narrower endpoint on the same channel, for a worker or to be handed on."""
        return Channel(_check(_derive(self.fileno(), rights, badge)))

    def _send(self, data, timeout):
        data = bytes(data)
        op = _Op(code=_OP_SEND, fd=self.fileno(), len=len(data),
                 deadline=_deadline(timeout),
                 buf=ctypes.cast(data, ctypes.c_void_p).value)
        op.kept = data  # as long as the record
        return op

    def send(self, data, timeout=None, until=QUEUED, prio=0, tag=0):
        """Sends a message, until it is QUEUED, RECEIVED or SETTLED."""
        op = self._send(data, timeout)
        op.until, op.prio, op.tag = until, prio, tag
        op.duty = ACK if until == SETTLED else NONE
        _finish(op)

    def send_work(self, data, timeout=None, prio=0, tag=0):
        """Leaves work behind, until it is queued; if its receiver dies the next has it."""
        op = self._send(data, timeout)
        op.prio, op.tag, op.duty, op.on_death = prio, tag, ACK, REDELIVER
        _finish(op)

    def _call(self, data, timeout, reply_len, on_death):
        op = self._send(data, timeout)
        op.room = ctypes.create_string_buffer(max(1, reply_len))
        op.until, op.duty, op.on_death = SETTLED, REPLY, on_death
        op.reply_buf, op.reply_len = ctypes.addressof(op.room), reply_len
        return op

    def call(self, data, timeout=None, reply_len=_MSG_DEFAULT, on_death=FAIL):
        """Sends a message and returns the reply, of up to so many bytes."""
        op = self._call(data, timeout, reply_len, on_death)
        return ctypes.string_at(op.room, _finish(op))

    def _recv(self, flags, deadline, room):
        return _Op(code=_OP_RECV, flags=flags, fd=self.fileno(), len=len(room),
                   buf=ctypes.addressof(room), deadline=deadline)

    def _take(self, flags, deadline, length):
        """The record and the bytes, with more room if the message needs it."""
        while True:
            room = ctypes.create_string_buffer(max(1, length))
            op = self._recv(flags, deadline, room)
            try:
                n = _finish(op)
            except Error as e:
                if e.errno != errno.EMSGSIZE or op.len <= length:
                    raise
                length = op.len
            else:
                return op, ctypes.string_at(room, n)

    def recv(self, timeout=None):
        """The next Message, of any length."""
        return Message(self, *self._take(0, _deadline(timeout), _MSG_DEFAULT))

    def peek(self, timeout=None):
        """A copy of the next Message, which stays where it is."""
        return Message(self, *self._take(_PEEK, _deadline(timeout), _MSG_DEFAULT))

    def stat(self):
        """What the channel is and holds, by the names of struct chan_stat."""
        stat = _Stat()
        _check(_stat(self.fileno(), stat))
        return {name: getattr(stat, name) for name, _ in stat._fields_}

    def shutdown(self):
        """Ends the sending for good; what is queued can still be received."""
        _check(_shutdown(self.fileno()))

    async def _when(self, add, remove, attempt):
        """Tries until it need not wait; the loop waits in between."""
        import asyncio  # not by all: it takes 30 times as long as the rest
        loop = asyncio.get_running_loop()
        while True:
            try:
                return attempt()
            except Error as e:
                if e.errno not in (errno.EAGAIN, errno.ETIMEDOUT):
                    raise
            ready = loop.create_future()
            getattr(loop, add)(self.fileno(), lambda: ready.done() or ready.set_result(None))
            try:
                await ready
            finally:
                getattr(loop, remove)(self.fileno())

    async def arecv(self):
        """As recv(), for asyncio."""
        return await self._when("add_reader", "remove_reader", lambda: self.recv(0))

    async def asend(self, data, prio=0, tag=0):
        """As send() until QUEUED, for asyncio."""
        await self._when("add_writer", "remove_writer",
                         lambda: self.send(data, 0, prio=prio, tag=tag))

    async def acall(self, data, timeout=None, reply_len=_MSG_DEFAULT, on_death=FAIL):
        """As call(). A task that is cancelled meanwhile has left its call.

        This needs io_uring: without it, it is EOPNOTSUPP, and aask() is what there is.
        """
        op = self._call(data, timeout, reply_len, on_death)
        return await self._of_loop(op, _ring_start)

    async def aask(self, data, timeout=None, reply_len=_ANSWER_DEFAULT):
        """As acall(), with io_uring or without, of who receives by Answers.

        One who dies before it has answered does not lose the question. Without io_uring
        an answer has up to 64 KiB, and all that are open up to 1 MiB: then EBUSY.
        """
        op = self._call(data, timeout, reply_len, REDELIVER)
        return await self._of_loop(op, _ring_ask)

    async def _of_loop(self, op, start):
        import asyncio
        calls = _Calls.of(asyncio.get_running_loop())
        return ctypes.string_at(op.room, await calls.run(op, start))


def create(name=None, cap=64, flags=0, **attributes):
    """A new channel. The attributes are those of struct chan_create."""
    text = _name(name)
    record = _Create(cap=cap, flags=flags, **attributes)
    record.name = ctypes.cast(text, ctypes.c_void_p).value or 0
    return Channel(_check(_create_with(record)))


def pair(cap=64, flags=0):
    """(receiver, sender)"""
    with create(None, cap, flags, rights=ADMIN) as admin:
        return admin.derive(RECV), admin.derive(SEND)


def open(name, rights=SEND):
    """An endpoint of the channel that has this name."""
    return Channel(_check(_open(_name(name), rights)))


def remove(name):
    """Takes the name of a channel away; open endpoints go on."""
    _check(_remove(_name(name)))


def select(arms, timeout=None, ordered=False):
    """Exactly one of several: a Channel receives, (Channel, data) sends.

    (number, Message or None), or None when the time is over.
    """
    ops, kept = (_Op * len(arms))(), []
    for i, arm in enumerate(arms):
        if isinstance(arm, Channel):
            kept.append(ctypes.create_string_buffer(arm.stat()["msg_max"]))
            ops[i] = arm._recv(0, 0, kept[i])
        else:
            kept.append(bytes(arm[1]))
            ops[i] = arm[0]._send(kept[i], None)
    deadline = _deadline(timeout)
    while True:
        index = _select(ops, len(ops), _ORDERED if ordered else 0, deadline)
        if index == -errno.ETIMEDOUT:
            return None
        if index != -errno.EINTR:
            break
    result = _check(ops[_check(index)].result)
    if not isinstance(arms[index], Channel):
        return index, None
    return index, Message(arms[index], ops[index], kept[index].raw[:result])


def task(name):
    """Gives this process a name under which it receives."""
    return Channel(_check(_task(_name(name))))


def _to_task(name, send):
    try:
        with open(name) as channel:
            return send(channel)
    except Error as e:
        if e.errno == errno.ENXIO:
            raise Error(errno.ENOENT) from None
        raise


def tell(name, data, timeout=None):
    """Sends a message to a task, until it is received."""
    _to_task(name, lambda channel: channel.send(data, timeout, until=RECEIVED))


def ask(name, data, timeout=None, reply_len=_MSG_DEFAULT):
    """Sends a message to a task and returns the reply."""
    return _to_task(name, lambda channel: channel.call(data, timeout, reply_len))


def query():
    """What the module is and allows, by the names of struct chan_query."""
    record = _Query()
    _check(_query(-1, record))
    return {name: getattr(record, name) for name, _ in record._fields_}


def version():
    """That of the library, such as "0.1.0"."""
    return _version().decode()
