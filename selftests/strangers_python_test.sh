#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What Python's standard library makes of a channel: os, io, selectors, asyncio,
# socket and subprocess. One body runs over a pipe, a channel without a name
# and one with a name; where they must differ, the body says why.
#
# needs: python3

command -v python3 >/dev/null || {
	echo "1..0 # SKIP python3 is not here"
	exit 4
}
exec python3 - <<'END'
import array
import asyncio
import errno
import fcntl
import os
import selectors
import socket
import stat
import struct
import subprocess
import sys

sys.path.insert(0, os.getcwd())
from tap import Failure, check, run_tests, slowness

BUDGET = 10 * slowness()  # seconds for each test
NAME = "t-python"
PATH = "/dev/chan/" + NAME
CREATE = 3 << 30 | 56 << 16 | 0xD5 << 8 | 1
REMOVE = 3 << 30 | 8 << 16 | 0xD5 << 8 | 2
DERIVE = 3 << 30 | 16 << 16 | 0xD5 << 8 | 3
HANGUP = 1
SEND, RECV, ADMIN = 1, 2, 4


def check_error(number, call, *args):
    try:
        got = call(*args)
    except OSError as e:
        check(errno.errorcode[number], errno.errorcode[e.errno])
    else:
        raise Failure(f"{got!r}, not {errno.errorcode[number]}")


# The ends -----------------------------------------------------------------

def control(request, record):
    fd = os.open("/dev/chan/control", os.O_RDWR)
    try:
        fcntl.ioctl(fd, request, record)
    finally:
        os.close(fd)


def c_string(text):
    return array.array("b", text.encode() + b"\0")


def create(name):
    """An endpoint that may do nothing, of a channel that hangs up."""
    text = c_string(name)
    record = bytearray(struct.pack(
        "=IIIIQIIQQiI", HANGUP if name else 0, ADMIN, 16, 0, 0, 0, 0, 0,
        text.buffer_info()[0] if name else 0, -1, 0))
    control(CREATE, record)
    return struct.unpack_from("=i", record, 48)[0]


def remove():
    text = c_string(NAME)
    try:
        control(REMOVE, bytearray(struct.pack("=Q", text.buffer_info()[0])))
    except FileNotFoundError:
        pass


def derive(admin, rights):
    record = bytearray(struct.pack("=IiQ", rights, -1, 0))
    fcntl.ioctl(admin, DERIVE, record)
    return struct.unpack_from("=i", record, 4)[0]


class Ends:
    """Where to read, where to write; used as a context."""

    def __init__(self, kind):
        self.kind = kind
        self.is_channel = kind != "pipe"
        if kind == "pipe":
            self.reader, self.writer = os.pipe()
        elif kind == "anonymous":
            admin = create("")
            self.reader, self.writer = derive(admin, RECV), derive(admin, SEND)
            os.close(admin)
        else:
            os.close(create(NAME))
            self.reader = os.open(PATH, os.O_RDONLY)
            self.writer = os.open(PATH, os.O_WRONLY)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for fd in self.reader, self.writer:
            try:
                os.close(fd)
            except OSError:
                pass  # the test has
        if self.kind == "named":
            remove()


tests = []


def over(*kinds):
    def add(body):
        tests.extend((body, kind) for kind in kinds)
        return body
    return add


everything = over("pipe", "anonymous", "named")
channels = over("anonymous", "named")


# os -----------------------------------------------------------------------

@everything
def os_reads_what_os_writes(e):
    check(5, os.write(e.writer, b"hello"))
    check(b"hello", os.read(e.reader, 100))
    os.close(e.writer)
    check(b"", os.read(e.reader, 100))


@everything
def os_read_with_too_little_room(e):
    os.write(e.writer, b"hello")
    if e.is_channel:  # all or nothing, and nothing is lost
        check_error(errno.EMSGSIZE, os.read, e.reader, 4)
        check(b"hello", os.read(e.reader, 5))
    else:
        check(b"hell", os.read(e.reader, 4))


@everything
def os_writev_and_readv(e):
    parts = bytearray(2), bytearray(100)
    check(5, os.writev(e.writer, [b"he", b"", b"llo"]))
    check(5, os.readv(e.reader, parts))
    check(b"hello", bytes(parts[0] + parts[1][:3]))


@everything
def os_errors_are_those_of_a_pipe(e):
    check_error(errno.ESPIPE, os.lseek, e.reader, 0, os.SEEK_CUR)
    check_error(errno.ESPIPE, os.pread, e.reader, 8, 0)
    check_error(errno.EBADF, os.write, e.reader, b"x")
    check_error(errno.EBADF, os.read, e.writer, 8)
    check(False, os.isatty(e.reader))
    os.set_blocking(e.reader, False)
    check_error(errno.EAGAIN, os.read, e.reader, 8)
    os.close(e.reader)
    check_error(errno.EPIPE, os.write, e.writer, b"x")


@channels
def os_sendfile_and_splice_are_refused(e):
    os.write(e.writer, b"hello")
    r, w = os.pipe()
    os.write(w, b"in a pipe")
    f = os.memfd_create("a file")
    os.write(f, b"in a file")
    check_error(errno.EINVAL, os.sendfile, e.writer, f, 0, 8)
    check_error(errno.EINVAL, os.sendfile, f, e.reader, None, 8)
    if hasattr(os, "splice"):
        check_error(errno.EINVAL, os.splice, r, e.writer, 8)
        check_error(errno.EINVAL, os.splice, e.reader, w, 8)
    check(b"hello", os.read(e.reader, 100))
    for fd in f, r, w:
        os.close(fd)


# io -----------------------------------------------------------------------

@everything
def io_reads_to_the_end(e):
    for text in b"one\n", b"two\n":
        os.write(e.writer, text)
    os.close(e.writer)
    with open(e.reader, "rb") as f:
        check(b"one\ntwo\n", f.read())


@everything
def io_iterates_over_lines(e):
    for text in b"one\ntwo\n", b"th", b"ree\n":
        os.write(e.writer, text)
    os.close(e.writer)
    with open(e.reader) as f:
        check(["one\n", "two\n", "three\n"], list(f))


# Raw, read() fills what is left of a buffer that grows when it is full; the
# next message need not fit. Reading with a size has no such trouble.
@everything
def io_reads_more_than_its_first_buffer(e):
    for _ in range(3):
        os.write(e.writer, b"x" * 5000)
    os.close(e.writer)
    with open(e.reader, "rb", buffering=0) as f:
        if e.is_channel:
            check_error(errno.EMSGSIZE, f.read)
            check([5000, 5000], [len(m) for m in iter(lambda: f.read(1 << 16), b"")])
        else:
            check(15000, len(f.read()))


@channels
def io_without_a_buffer_takes_messages(e):
    for text in b"one", b"two":
        os.write(e.writer, text)
    os.close(e.writer)
    with open(e.reader, "rb", buffering=0) as f:
        check([b"one", b"two"], list(iter(lambda: f.read(1 << 16), b"")))


@channels
def io_needs_a_buffer_of_a_message(e):
    os.write(e.writer, b"x" * 60000 + b"\n")
    with open(e.reader, "rb", closefd=False) as f:
        check_error(errno.EMSGSIZE, f.readline)
    with open(e.reader, "rb", buffering=1 << 16) as f:
        check(60001, len(f.readline()))


@channels
def io_sends_when_it_flushes(e):
    with open(e.writer, "w", buffering=1) as f:  # a line
        print("one", file=f)
        check(b"one\n", os.read(e.reader, 100))
        print("two", 2, file=f)
        check(b"two 2\n", os.read(e.reader, 100))
        f.write("left")
    check(b"left", os.read(e.reader, 100))
    check(b"", os.read(e.reader, 100))


@over("named")
def io_opens_the_node(e):
    for mode in "wb", "ab":
        with open(PATH, mode) as f:
            f.write(mode.encode())
        check(mode.encode(), os.read(e.reader, 100))
    with open(PATH, "r+b", buffering=0) as f:
        f.write(b"both")
        check(b"both", f.read(100))


@everything
def stat_tells_the_type(e):
    mode = os.fstat(e.reader).st_mode
    check({"pipe": stat.S_IFIFO, "anonymous": 0, "named": stat.S_IFCHR}[e.kind],
          stat.S_IFMT(mode))


# selectors, asyncio -------------------------------------------------------

def selects(e, selector):
    with selector:
        selector.register(e.reader, selectors.EVENT_READ)
        check([], selector.select(0))
        selector.register(e.writer, selectors.EVENT_WRITE)
        check([e.writer], [k.fd for k, _ in selector.select(BUDGET)])
        selector.unregister(e.writer)
        os.write(e.writer, b"hello")
        check([(e.reader, selectors.EVENT_READ)],
              [(k.fd, events) for k, events in selector.select(BUDGET)])
        check(b"hello", os.read(e.reader, 100))
        check([], selector.select(0))
        os.close(e.writer)
        check([e.reader], [k.fd for k, _ in selector.select(BUDGET)])
        check(b"", os.read(e.reader, 100))


@everything
def epoll_selector(e):
    selects(e, selectors.EpollSelector())


@everything
def poll_selector(e):
    selects(e, selectors.PollSelector())


@everything
def select_selector(e):
    selects(e, selectors.SelectSelector())


@everything
def asyncio_add_reader_and_add_writer(e):
    async def main():
        loop = asyncio.get_running_loop()
        got, sent = loop.create_future(), 0

        def readable():
            text = os.read(e.reader, 100)
            if text:
                texts.append(text)
            else:
                loop.remove_reader(e.reader)
                got.set_result(texts)

        def writable():
            nonlocal sent
            os.write(e.writer, b"%d" % sent)
            sent += 1
            if sent == 50:
                loop.remove_writer(e.writer)
                os.close(e.writer)

        texts = []
        os.set_blocking(e.reader, False)
        os.set_blocking(e.writer, False)
        loop.add_reader(e.reader, readable)
        loop.add_writer(e.writer, writable)
        return await asyncio.wait_for(got, BUDGET)

    want = [b"%d" % i for i in range(50)]
    if e.is_channel:
        check(want, asyncio.run(main()))
    else:
        check(b"".join(want), b"".join(asyncio.run(main())))


# It wants a pipe, a socket or a character device, and an anonymous channel
# is none of them: there, use add_reader.
@everything
def asyncio_connect_read_pipe(e):
    async def main():
        loop = asyncio.get_running_loop()
        stream = asyncio.StreamReader()
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), open(e.reader, "rb", 0, closefd=False))
        transport, _ = await loop.connect_write_pipe(
            asyncio.BaseProtocol, open(e.writer, "wb", 0))
        transport.write(b"one\n")
        check(b"one\n", await stream.readline())
        transport.close()
        return await stream.read()

    if e.kind == "anonymous":
        try:
            asyncio.run(main())
        except ValueError:
            return
        raise Failure("it is taken now; rejoice and change this test")
    check(b"", asyncio.run(main()))


# Other processes ----------------------------------------------------------

@everything
def subprocess_gets_them_as_input_and_output(e):
    subprocess.run(["echo", "hello"], stdout=e.writer, check=True)
    os.close(e.writer)
    p = subprocess.run(["cat"], stdin=e.reader, capture_output=True, check=True)
    check(b"hello\n", p.stdout)


@everything
def socket_send_fds_hands_them_over(e):
    a, b = socket.socketpair()
    with a, b:
        socket.send_fds(a, [b"x"], [e.writer])
        os.close(e.writer)
        _, fds, _, _ = socket.recv_fds(b, 1, 1)
    os.write(fds[0], b"hello")
    os.close(fds[0])
    check(b"hello", os.read(e.reader, 100))
    check(b"", os.read(e.reader, 100))


def between_ends(body, kind):
    def test():
        with Ends(kind) as e:
            body(e)
    return f"python.{kind}.{body.__name__}", test


remove()
run_tests([between_ends(body, kind) for body, kind in tests], BUDGET)
END
