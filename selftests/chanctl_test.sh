#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# chanctl as people and scripts use it: each verb with what it does, what it
# prints, its exit codes, and the text of its errors. That JSON is JSON, Python's
# parser says.
#
# needs: python3 chanctl

if ! command -v python3 >/dev/null || ! command -v chanctl >/dev/null; then
	echo "1..0 # SKIP python3 or chanctl is not here"
	exit 4
fi
exec python3 - <<'END'
import fcntl
import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.getcwd())
from chanctl_steps import *


# create, rm -----------------------------------------------------------------

@nothing
def create_makes_what_was_asked_for():
    check(b"", good("create", NAME, "--cap", "1K", "--msg-max=2K", "-b", "1M",
                    "--max-attempts", "3", "--mode", "0622", "--type", "0x2a",
                    "--workqueue", "--hangup", "--fixed"))
    wanted = {"cap": "1024", "msg_max": "2048", "bytes_max": str(1 << 20),
              "max_attempts": "3", "mode": "0622", "type": "0x2a", "flags": "0xd"}
    check(wanted, {name: attribute(name) for name in wanted})
    check(0o622, os.stat(f"/dev/chan/{NAME}").st_mode & 0o777)


@nothing
def create_has_defaults():
    good("create", NAME)
    check(("64", "65536", "0600"), (attribute("cap"), attribute("msg_max"), attribute("mode")))
    good("rm", NAME)
    good("create", "--cap", "0", NAME)
    check("0", attribute("cap"))


@plain
def create_says_that_the_name_is_taken():
    fails(1, f'there is a channel "{NAME}" already; take another name', "create", NAME)


@nothing
def create_refuses_what_is_no_name():
    for name in "control", ".x", "a/b", "", "x" * 64, "a b", "ä":
        fails(2, "is no name of a channel", "create", name)
    fails(2, "create takes one name", "create")
    fails(2, "create takes one name", "create", "a", "b")
    good("create", "x" * 63)
    good("rm", "x" * 63)


@nothing
def create_refuses_what_is_no_number():
    for value in "", "x", "-1", "1.5", "1G", "1KK", "65537", "64K1", "99999999999999999999":
        fails(2, "--cap takes a number up to 65536", "create", "--cap", value, NAME)
    for value in "", "0", "8", "1000", "rw":
        fails(2, "--mode takes permission bits in octal", "create", "--mode", value, NAME)
    fails(2, 'the option "--cap" wants a value', "create", NAME, "--cap")
    fails(2, 'create has no option "--size"', "create", NAME, "--size")
    good("create", "--cap", "64K", NAME)
    check("65536", attribute("cap"))


@nothing
def create_names_the_rule_that_values_break():
    fails(2, "--bytes-max has to be at least 65792, for one message of --msg-max counts "
          "65536 bytes and 256", "create", "--bytes-max", "65791", NAME)
    fails(2, "--bytes-max has to be at least 4352", "create", "-m", "4K", "-b", "1K", NAME)
    fails(2, "--workqueue keeps work in the channel, so --cap cannot be 0",
          "create", NAME, "--cap", "0", "-w")
    good("create", "-m", "4K", "-b", "4352", NAME)
    check("4352", attribute("bytes_max"))


@nothing
def create_says_that_a_file_is_in_the_way():
    with Misplaced():
        before = os.listdir("/sys/class/chan")
        fails(1, f'"/dev/chan/{NAME}" does not lead to the new channel, which is removed '
              'again; if a file is in its place, remove that', "create", NAME)
        check(before, os.listdir("/sys/class/chan"))
        with open(Misplaced.PATH) as f:
            check("x", f.read())
    good("create", NAME)
    good("send", NAME, "hello")


@nothing
def create_says_that_the_user_has_enough():
    p = run("create", "-b", "0x7000000000", NAME, user=65534)
    check(1, p.returncode)
    check_in("as many channels, or bytes in them, as a user may; remove one", p.stderr.decode())


@plain
def rm_removes_names():
    good("create", NAME + "2")
    check(b"", good("rm", NAME, NAME + "2"))
    check(False, os.path.exists(f"/dev/chan/{NAME}"))
    check(False, os.path.exists(f"/dev/chan/{NAME}2"))


@plain
def rm_goes_on_after_a_name_that_is_not_there():
    fails(1, 'there is no channel "t-none"; see which there are with "chanctl list".\n',
          "rm", "t-none", NAME)
    check(False, os.path.exists(f"/dev/chan/{NAME}"))
    fails(2, "rm takes names", "rm")


@plain
def rm_leaves_others_channels_alone():
    p = run("rm", NAME, user=65534)
    check(1, p.returncode)
    check_in("belongs to somebody else", p.stderr.decode())
    check(True, os.path.exists(f"/dev/chan/{NAME}"))


# shutdown -------------------------------------------------------------------

@test("--cap", "1")
def shutdown_ends_the_sending():
    good("send", NAME, "hello")
    sender = start("send", NAME, "waits")
    until("parked_senders", 1)
    check(b"", good("shutdown", NAME))
    check_in("takes no messages any more", ends(sender, 1))
    fails(1, "takes no messages any more", "send", NAME, "x")
    check(b"hello\n", good("recv", NAME, "--count", "0"))
    fails(1, "nothing is left", "recv", NAME)
    good("shutdown", NAME)
    fails(2, "shutdown takes one name", "shutdown")
    fails(1, 'there is no channel "t-none"; see which there are with "chanctl list".\n',
          "shutdown", "t-none")


@plain
def shutdown_ends_a_receiver_that_waits():
    receiver = start("recv", "--count", "0", NAME)
    until("parked_receivers", 1)
    good("shutdown", NAME)
    check("", ends(receiver, 0))


@test("--mode", "0666")
def shutdown_leaves_others_channels_alone():
    p = run("shutdown", NAME, user=65534)
    check(1, p.returncode)
    check_in("belongs to somebody else", p.stderr.decode())
    good("send", NAME, "hello")


@test("--hangup")
def shutdown_drops_nothing():
    good("send", NAME, "hello")
    fails(1, f'"{NAME}" hangs up, and nobody is there to receive what is queued',
          "shutdown", NAME)
    check((1, "0"), (queued(), attribute("totals_dropped")))
    receiver = os.open(f"/dev/chan/{NAME}", os.O_RDONLY)
    good("shutdown", NAME)
    check((1, b"hello"), (queued(), os.read(receiver, 64)))
    os.close(receiver)


# list, show -----------------------------------------------------------------

@plain
def list_shows_every_channel():
    good("send", NAME, "hello")
    lines = good("list").decode().splitlines()
    check(["name", "cap", "queued", "unsettled", "parked_senders", "parked_receivers",
           "senders", "receivers"], lines[0].split())
    check([[NAME, "64", "1", "0", "0", "0", "0", "0"]],
          [line.split() for line in lines if line.startswith(NAME)])


@plain
def list_as_json():
    server = start("serve", NAME, "cat", "--count", "1")
    until("parked_receivers", 1)
    channels = json.loads(good("list", "--json"))["channels"]
    mine = [channel for channel in channels if channel["name"] == NAME]
    check([{"name": NAME, "cap": 64, "queued": 0, "unsettled": 0, "parked_senders": 0,
            "parked_receivers": 1, "senders": 0, "receivers": 1}], mine)
    check(sorted(os.listdir("/sys/class/chan")), sorted(c["name"] for c in channels))
    good("call", NAME, "x")
    ends(server, 0)


@nothing
def list_is_for_everyone():
    good("create", NAME)
    check_in(NAME, run("list", user=65534).stdout.decode())
    fails(2, "list takes no name", "list", NAME)


@work
def show_tells_attributes_and_counts():
    good("send", NAME, "hello")
    good("recv", NAME)
    good("send", NAME, "hello")
    rows = dict(line.split(None, 1) for line in good("show", NAME).decode().splitlines())
    check((NAME, "workqueue", "1", "2", "1", "1", "261"),
          tuple(rows[k] for k in ("name", "flags", "queued", "totals_sent",
                                  "totals_received", "totals_settled", "bytes")))
    wanted = set(os.listdir(f"/sys/class/chan/{NAME}")) - {
        "dev", "power", "subsystem", "uevent"}
    check(wanted | {"name"}, set(rows))


@work
def show_as_json():
    channel, = json.loads(good("show", "-J", NAME))["channels"]
    check((NAME, 0, "0600", "workqueue", 64), tuple(channel[k] for k in (
        "name", "owner_uid", "mode", "flags", "cap")))
    check(22, len(channel) + 1)


@nothing
def show_says_what_is_not_there():
    fails(1, f'there is no channel "{NAME}"; see which there are with "chanctl list", '
          f'or make it with "chanctl create {NAME}"', "show", NAME)
    fails(2, "show takes one name", "show")


# send, recv -----------------------------------------------------------------

@plain
def send_and_recv_a_message():
    check(b"", good("send", NAME, "hello"))
    check(b"hello\n", good("recv", NAME))
    good("send", NAME, stdin=b"two\nlines\n")
    check(b"two\nlines\n", good("recv", NAME))
    good("send", "--", NAME, "--not-an-option")
    check(b"--not-an-option\n", good("recv", NAME))


@plain
def send_and_recv_bytes_as_they_are():
    every = bytes(range(256)) * 4
    good("send", NAME, stdin=every)
    check(every, good("recv", "--raw", NAME))
    good("send", NAME, stdin=b"")
    check(b"", good("recv", "--raw", NAME))
    good("send", NAME, "")
    check(b"\n", good("recv", NAME))


@plain
def send_lines_as_messages():
    good("send", "--lines", NAME, stdin=b"one\n\nthree")
    check(b"one\n\nthree\n", good("recv", "--count", "3", NAME))
    fails(2, "--lines takes the lines of the standard input", "send", "-l", NAME, "x")


@plain
def send_with_priority_and_tag():
    good("send", NAME, "low")
    good("send", "--prio", "31", "--tag", "0xffffffffffffffff", NAME, "high")
    message, = json.loads(good("recv", "-J", NAME))["messages"]
    check(("high", None, 4, 31, 2 ** 64 - 1, 1, 0, 0, "none"), tuple(message[k] for k in (
        "text", "hex", "len", "prio", "tag", "attempt", "uid", "gid", "duty")))
    check(b"low\n", good("recv", NAME))
    fails(2, "--prio takes a number up to 31", "send", "-p", "32", NAME, "x")


@test("--cap", "1")
def send_without_room():
    good("send", NAME, "first")
    fails(3, f'there is no room in "{NAME}"', "send", "--nowait", NAME, "x")
    fails(124, "the time was over", "send", "--deadline", "10ms", NAME, "x")
    check(1, queued())
    check(b"first\n", good("recv", NAME))


@test("--cap", "0")
def send_without_a_receiver():
    fails(3, "nobody waits to receive", "send", "--nowait", NAME, "x")
    fails(3, "nobody waits to receive", "send", "-n", "-u", "received", NAME, "x")
    fails(2, f'--work is kept in the channel, and "{NAME}" has a cap of 0',
          "send", "--work", NAME, "x")


@test("--msg-max", "8")
def send_what_is_too_long():
    fails(1, "does not have a length that", "send", NAME, "ninebytes")
    check(0, queued())


@plain
def send_until_received():
    sender = start("send", "--until", "received", NAME, "hello")
    until("queued", 1)
    check(None, sender.poll())
    check(b"hello\n", good("recv", NAME))
    ends(sender, 0)
    fails(124, "the time was over", "send", "-u", "received", "-t", "10ms", NAME, "x")
    check(0, queued())


@plain
def send_until_settled():
    sender = start("send", "--until", "settled", NAME, "hello")
    check(b"hello\n", good("recv", NAME))
    ends(sender, 0)


@plain
def send_tells_of_a_refusal():
    sender = start("send", "--until", "settled", NAME, "hello")
    good("serve", "--count", "1", NAME, "exit 1")
    check_in("has refused it: Input/output error", ends(sender, 1))


@plain
def send_tells_of_a_receiver_that_died():
    sender = start("send", "--until", "settled", NAME, "hello")
    receiver = start("recv", "--exec", "exec sleep 1000", NAME)
    until("unsettled", 1)
    receiver.kill()
    receiver.wait()
    check_in("has died with it", ends(sender, 1))
    check((0, 0), (queued(), unsettled()))


@test("--max-attempts", "1")
def send_tells_of_a_message_that_came_back_once_too_often():
    sender = start("send", "--until", "settled", "--redeliver", NAME, "hello")
    run("recv", "--exec", "false", NAME)
    check_in("or it came back from the last of max_attempts deliveries", ends(sender, 1))


@plain
def send_has_the_next_receiver_get_it():
    sender = start("send", "--until", "settled", "--redeliver", NAME, "hello")
    receiver = start("recv", "--exec", "exec sleep 1000", NAME)
    until("unsettled", 1)
    receiver.kill()
    receiver.wait()
    check(b"hello 2\n", good("recv", "-x", 'echo $(cat) $CHAN_ATTEMPT', NAME))
    ends(sender, 0)


@plain
def send_refuses_what_is_no_style():
    fails(2, "--until takes queued, received or settled", "send", "-u", "now", NAME, "x")
    fails(2, "--work goes on when the message is queued", "send", "-w", "-u", "settled", NAME, "x")
    fails(2, "--redeliver is for --until settled", "send", "-R", NAME, "x")
    fails(2, "--nowait cannot wait", "send", "-n", "-u", "settled", NAME, "x")
    fails(2, "--nowait with --until received is for a channel whose cap is 0",
          "send", "-n", "-u", "received", NAME, "x")
    fails(2, "send takes a name", "send")
    fails(2, "--deadline takes a length of time", "send", "-t", "soon", NAME, "x")
    fails(1, "there is no channel", "send", "t-none", "x")
    check(0, queued())


@nothing
def send_and_others_say_that_a_file_is_no_channel():
    said = (f'"/dev/chan/{NAME}" is a file, not a channel; remove it with '
            f'"rm /dev/chan/{NAME}"')
    with Misplaced():
        for words in ("send", NAME, "x"), ("call", NAME, "x"), ("recv", NAME), \
                     ("peek", NAME), ("serve", NAME, "cat"):
            fails(1, said, *words)


@plain
def send_is_not_for_everyone():
    p = run("send", NAME, "x", user=65534)
    check(1, p.returncode)
    check_in(f'you may not open "{NAME}" for that; see who may with "ls -l', p.stderr.decode())


@plain
def recv_with_nothing_there():
    fails(3, "there is nothing to be had", "recv", "--nowait", NAME)
    fails(3, "there is nothing to be had", "recv", "--nowait", "--count", "0", NAME)
    fails(124, "the time was over", "recv", "--deadline", "0.01", NAME)
    fails(1, "there is no channel", "recv", "t-none")


@plain
def recv_drains():
    good("send", "--lines", NAME, stdin=b"one\ntwo\n")
    check(b"one\ntwo\n", good("recv", "--count", "0", "--nowait", NAME))
    good("send", NAME, "three")
    p = run("recv", "--count", "2", "--nowait", NAME)
    check((3, b"three\n"), (p.returncode, p.stdout))


@test("--hangup")
def recv_until_the_senders_are_gone():
    sender = start("send", NAME, "hello")
    receiver = start("recv", "--count", "0", NAME)
    ends(sender, 0)
    check("", ends(receiver, 0, b"hello\n"))
    fails(1, "nothing is left", "recv", NAME)


@plain
def recv_writes_each_message_at_once():
    receiver = start("recv", "--count", "2", NAME)
    good("send", NAME, "one")
    check(b"one\n", receiver.stdout.readline())
    good("send", NAME, "two")
    ends(receiver, 0, b"two\n")


@plain
def recv_refuses_calls():
    caller = start("call", NAME, "hello")
    until("queued", 1)
    good("send", NAME, "no call")
    check(b"no call\n", good("recv", NAME))
    check_in("has refused it: Operation not supported", ends(caller, 1))


@plain
def recv_as_json_tells_bytes_from_text():
    for text in b"", b'"\\\n\t\x01 "', "für 10 €, \U0001f600".encode():
        good("send", NAME, stdin=text)
        message, = json.loads(good("recv", "--json", NAME))["messages"]
        check((text.decode(), None, len(text)),
              (message["text"], message["hex"], message["len"]))
    for data in b"a\0b", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82":
        good("send", NAME, stdin=data)
        message, = json.loads(good("recv", "--json", NAME))["messages"]
        check((None, data.hex()), (message["text"], message["hex"]))


@plain
def recv_as_json_is_an_object_a_line():
    good("send", "--lines", NAME, stdin=b"one\ntwo\n")
    lines = good("recv", "--json", "--count", "2", NAME).splitlines()
    check(["one", "two"], [json.loads(line)["messages"][0]["text"] for line in lines])


@plain
def recv_refuses_options_that_exclude_each_other():
    fails(2, "--raw and --json exclude", "recv", "-r", "-J", NAME)
    fails(2, "--exec prints nothing", "recv", "-J", "-x", "cat", NAME)
    fails(2, "recv takes one name", "recv")
    fails(2, "recv takes one name", "recv", NAME, "cat")


# recv --exec ----------------------------------------------------------------

@work
def exec_acknowledges_when_the_command_succeeds():
    good("send", NAME, "hello", "--prio", "3", "--tag", "7")
    check(b"hello 1 3 7\n", good("recv", NAME, "--exec",
                                 'echo $(cat) $CHAN_ATTEMPT $CHAN_PRIO $CHAN_TAG'))
    check((0, 0, "1"), (queued(), unsettled(), attribute("totals_settled")))


@work
def exec_gives_back_when_the_command_fails():
    good("send", NAME, "hello")
    fails(1, f'has failed (5), so the message of 5 bytes from "{NAME}" is given back; see to',
          "recv", NAME, "-x", "exit 5")
    check((1, 0, "0"), (queued(), unsettled(), attribute("totals_settled")))
    fails(1, "is given back", "recv", NAME, "-x", "kill -9 $$")
    check(b"hello3", good("recv", NAME, "-x", 'cat; printf $CHAN_ATTEMPT'))


@test("--workqueue", "--max-attempts", "2")
def exec_says_that_a_message_is_dropped():
    good("send", NAME, "hello")
    fails(1, "is given back", "recv", NAME, "-x", "false")
    fails(1, "is dropped, for this was the last of max_attempts", "recv", NAME, "-x", "false")
    check((0, 0, "1"), (queued(), unsettled(), attribute("totals_dropped")))


@work
def exec_exits_as_a_command_that_cannot_be_run():
    good("send", NAME, "hello")
    for code, command in (126, "/dev/null"), (127, "no-such-command"):
        p = run("recv", NAME, "--exec", f"exec {command} 2>&1")
        check(code, p.returncode)
        check_in("is given back", p.stderr.decode())
    check(1, queued())


@work
def exec_stops_at_the_first_that_fails():
    good("send", "--lines", NAME, stdin=b"0\n1\n0\n")
    p = run("recv", "--count", "0", "--exec", "exit $(cat)", NAME)
    check((1, 2), (p.returncode, queued()))


@plain
def exec_says_that_a_message_is_lost():
    good("send", NAME, "hello")
    fails(1, "is lost, for it was not sent as work", "recv", NAME, "-x", "false")


@plain
def exec_of_a_command_that_does_not_read():
    big = b"x" * 60000
    good("send", "--work", NAME, stdin=big)
    check(b"", good("recv", NAME, "-x", "true"))
    good("send", "--work", NAME, stdin=big)
    check(big, good("recv", NAME, "-x", "cat"))


# Output that is not read ------------------------------------------------------

@work
def output_that_nobody_reads_leaves_the_messages():
    good("send", "--lines", NAME, stdin=b"one\ntwo\n")
    r, w = os.pipe()
    os.close(r)
    p = subprocess.run(["chanctl", "recv", NAME], stdout=w, stderr=subprocess.PIPE,
                       timeout=BUDGET)
    os.close(w)
    check((2, 0), (queued(), unsettled()))
    check((-signal.SIGPIPE, b""), (p.returncode, p.stderr))


def leave(process):
    """What it says when its reader leaves it."""
    process.stdout.close()
    check(-signal.SIGPIPE, process.wait(BUDGET))
    said = process.stderr.read().decode()
    process.stderr.close()
    return said


@plain
def output_whose_reader_leaves_ends_the_wait():
    for words in ("recv", "--count", "0"), ("recv", "-J", "-t", "1h"), ("peek",):
        process = start(*words, NAME)
        until("parked_receivers", 1)
        check("", leave(process))
        check(("0", "0"), (attribute("parked_receivers"), attribute("receivers")))
    receiver = start("recv", "--count", "0", NAME)
    good("send", NAME, "hello")
    check(b"hello\n", receiver.stdout.readline())
    check("", leave(receiver))
    good("send", NAME, "stays")
    check(1, queued())


@plain
def output_whose_reader_leaves_does_not_concern_a_command():
    receiver = start("recv", NAME, "--exec", "cat >&2")
    receiver.stdout.close()
    until("parked_receivers", 1)
    good("send", NAME, "hello")
    check((0, b"hello"), (receiver.wait(BUDGET), receiver.stderr.read()))
    receiver.stderr.close()


def start_to_write():
    """Who has received a message that its pipe has no room for, and so waits."""
    receiver = start("recv", NAME)
    fcntl.fcntl(receiver.stdout, fcntl.F_SETPIPE_SZ, 4096)
    good("send", NAME, stdin=b"x" * 60000)
    until("totals_received", 1)
    return receiver


@work
def output_whose_reader_leaves_gives_the_message_back():
    receiver = start_to_write()
    check((0, 1), (queued(), unsettled()))
    check("", leave(receiver))
    check((1, 0), (queued(), unsettled()))


@plain
def output_whose_reader_leaves_is_said_to_lose_a_message():
    check_in("a message of 60000 bytes", leave(start_to_write()))
    check(0, queued())


@work
def output_without_room():
    good("send", NAME, "hello")
    with open("/dev/full", "wb") as full:
        for words in ("recv", NAME), ("list",), ("help",), ("send", "--help"):
            p = subprocess.run(["chanctl", *words], stdout=full, stderr=subprocess.PIPE,
                               timeout=BUDGET)
            check((1, True), (p.returncode, b"output" in p.stderr))
    check((1, 0), (queued(), unsettled()))


# call, serve ----------------------------------------------------------------

@plain
def call_prints_what_serve_answers():
    server = start("serve", "--count", "4", NAME, "tr a-z A-Z")
    check(b"HOW ARE YOU\n", good("call", NAME, "how are you"))
    check(b"FINE", good("call", "--raw", NAME, stdin=b"fine"))
    reply, = json.loads(good("call", "--json", NAME, "x"))["replies"]
    check({"text": "X", "hex": None, "len": 1}, reply)
    reply, = json.loads(good("call", "--json", NAME, ""))["replies"]
    check({"text": "", "hex": None, "len": 0}, reply)
    ends(server, 0)


@plain
def call_tells_what_came_of_it():
    fails(124, "the time was over", "call", "--deadline", "10ms", NAME, "x")
    check(0, queued())
    server = start("serve", "--count", "2", NAME, "cat; exit 3")
    fails(1, "has refused it: Input/output error", "call", NAME, "x")
    fails(1, "has refused it: Input/output error", "call", NAME, "x")
    ends(server, 0)
    fails(2, "call takes a name", "call")
    fails(2, "--raw and --json", "call", "-r", "-J", NAME, "x")


@plain
def call_has_room_for_the_reply():
    server = start("serve", "--count", "2", NAME, "printf 12345678")
    fails(1, f'the reply from "{NAME}" is longer than the 7 bytes of --room; call again',
          "call", "--room", "7", NAME, "x")
    check(b"12345678\n", good("call", "--room", "8", NAME, "x"))
    ends(server, 0)


@plain
def serve_ends_a_command_that_says_too_much():
    server = start("serve", "--count", "1", NAME, "exec yes")
    fails(1, "is longer than the 65536 bytes of --room", "call", NAME, "x")
    ends(server, 0)


@plain
def serve_gives_back_what_it_cannot_run():
    caller = start("call", NAME, "hello")
    server = start("serve", NAME, "no-such-command 2>&1")
    check_in("is given back; correct the command", ends(server, 127))
    check(1, queued())
    good("serve", "--count", "1", NAME, "cat")
    ends(caller, 0, b"hello\n")


@test("--max-attempts", "1")
def serve_says_that_a_call_is_dropped():
    caller = start("call", NAME, "hello")
    server = start("serve", NAME, "no-such-command 2>&1")
    check_in("is dropped, for this was the last of max_attempts; correct the command",
             ends(server, 127))
    check_in("max_attempts", ends(caller, 1))


@work
def serve_acknowledges_work():
    good("send", NAME, "hello")
    check(b"", good("serve", "--count", "1", NAME, "cat"))
    check((0, 0, "1"), (queued(), unsettled(), attribute("totals_settled")))


@plain
def serve_does_not_mind_a_caller_who_leaves():
    good("create", NAME + "2")
    server = start("serve", "--count", "2", NAME, f"cat; chanctl recv {NAME}2")
    caller = start("call", NAME, "one")
    until("unsettled", 1)
    caller.kill()
    caller.communicate()
    good("send", NAME + "2", "go on")
    until("unsettled", 0)
    caller = start("call", NAME, "two")
    until("unsettled", 1)
    good("send", NAME + "2", " go on")
    ends(caller, 0, b"two go on\n")
    ends(server, 0)


@test("--hangup")
def serve_ends_when_the_callers_are_gone():
    caller = start("call", NAME, "hello")
    until("senders", 1)
    server = start("serve", NAME, "cat")
    ends(caller, 0, b"hello\n")
    ends(server, 0)


@plain
def serve_in_time():
    fails(124, "the time was over", "serve", "--deadline", "10ms", NAME, "cat")
    fails(2, "serve takes a name and a command", "serve", NAME)
    fails(2, "serve takes a name and a command", "serve", NAME, "tr", "a")
    fails(1, "there is no channel", "serve", "t-none", "cat")


# peek -----------------------------------------------------------------------

@work
def peek_changes_nothing():
    good("send", NAME, "hello")
    check(b"hello\n", good("peek", NAME))
    check(b"hello", good("peek", "--raw", NAME))
    message, = json.loads(good("peek", "--json", NAME))["messages"]
    check(("hello", 1, "ack"), (message["text"], message["attempt"], message["duty"]))
    check((1, 0), (queued(), unsettled()))


@plain
def peek_at_an_empty_message():
    good("send", NAME, "")
    message, = json.loads(good("peek", "--json", NAME))["messages"]
    check(("", None, 0), (message["text"], message["hex"], message["len"]))


@plain
def peek_with_nothing_there():
    fails(3, "there is nothing to be had", "peek", "--nowait", NAME)
    fails(124, "the time was over", "peek", "-t", "10ms", NAME)
    fails(1, "there is no channel", "peek", "t-none")
    fails(2, "peek takes one name", "peek")


# doctor ---------------------------------------------------------------------

def looks(**more):
    p = run("doctor", "--json", **more)
    check(b"", p.stderr)
    return p.returncode, {look["what"]: look for look in json.loads(p.stdout)["looks"]}


def set_io_uring(value):
    with open("/proc/sys/kernel/io_uring_disabled", "w") as f:
        f.write(value)


@nothing
def doctor_finds_all_well():
    code, found = looks()
    check(0, code)
    check(["kernel", "headers", "signature", "module", "permission", "io_uring"], list(found))
    check([(True, None)] * 6, [(look["well"], look["mend"]) for look in found.values()])
    check((os.uname().release, "loaded"), (found["kernel"]["found"], found["module"]["found"]))
    there = os.path.exists(f"/lib/modules/{os.uname().release}/build/Makefile")
    check("installed" if there else "not installed, not needed", found["headers"]["found"])
    lines = good("doctor").decode().splitlines()
    check((7, True), (len(lines), all(line.split()[1] == "yes" for line in lines[1:])))
    fails(2, "doctor takes no operand", "doctor", "x")


@nothing
def doctor_says_what_mends_a_missing_permission():
    os.chmod("/dev/chan/control", 0o600)
    try:
        code, found = looks(user=65534)
    finally:
        os.chmod("/dev/chan/control", 0o666)
    check(1, code)
    check({"what": "permission", "well": False, "found": "Permission denied",
           "mend": "chmod 666 /dev/chan/control"}, found["permission"])


@nothing
def doctor_can_do_without_io_uring():
    for value, said in ("1", "off but for CAP_SYS_ADMIN"), ("2", "off"):
        set_io_uring(value)
        try:
            code, found = looks()
        finally:
            set_io_uring("0")
        check(0, code)
        check({"what": "io_uring", "well": False, "found": said,
               "mend": "sysctl kernel.io_uring_disabled=0"}, found["io_uring"])


@nothing
def doctor_reports_for_a_bug():
    report = good("doctor", "--report").decode()
    for line in (f"kernel: {os.uname().release} ", "secure boot: not known\n",
                 "parameter user_channels: ", "log: chan: version ", "\nprogram ", "\nmodule "):
        check_in(line, report)
    fails(2, "--report and --json exclude each other", "doctor", "-r", "-J")


# version, help --------------------------------------------------------------

@nothing
def version_shows_all_three():
    with open("/sys/module/chan/version") as f:
        version = f.read().strip()
    parts = json.loads(good("version", "--json"))["parts"]
    check([("program", version, False), ("library", version, False),
           ("module", version, False)],
          [(p["part"], p["version"], p["behind"]) for p in parts])
    program, _, module = parts
    check(program["abi"], module["abi"])
    # Not every kernel has the last one.
    known, there = program["features"].split(), module["features"].split()
    check_in(there, (known, known[:-1]))
    check("multishot", known[-1])
    lines = good("version").decode().splitlines()
    check(4, len(lines))
    check(good("version"), good("--version"))
    fails(2, "version takes no operand", "version", "x")


@nothing
def version_claims_nothing_of_a_module_that_does_not_answer():
    os.rename("/dev/chan/control", "/dev/chan/.control")
    try:
        module = json.loads(good("version", "--json"))["parts"][2]
        lines = good("version").decode().splitlines()
    finally:
        os.rename("/dev/chan/.control", "/dev/chan/control")
    check({"part": "module", "version": None, "abi": None, "features": None,
           "behind": None}, module)
    check((["module"], 'The module is not loaded; load it with "insmod chan.ko".'),
          (lines[3].split(), lines[4]))
    os.chmod("/dev/chan/control", 0o600)
    try:
        lines = run("version", user=65534).stdout.decode().splitlines()
    finally:
        os.chmod("/dev/chan/control", 0o666)
    check((["module"], 'The module cannot be asked: Permission denied; see "chanctl doctor".'),
          (lines[3].split(), lines[4]))


@nothing
def help_of_every_verb():
    general = good("help").decode()
    verbs = re.findall(r"^  ([a-z]+) +[a-z]", general.split("Values:")[0], re.M)
    check(["create", "list", "show", "shutdown", "rm", "send", "recv", "call", "serve", "peek",
           "top", "watch", "bench", "doctor", "version", "help"], verbs)
    for verb in verbs:
        text = good("help", verb)
        check_in(f"usage: chanctl {verb}", text.decode())
        check(text, good(verb, "--help"))
        check(text, good(verb, "-h"))
    check(general, good("--help").decode())
    fails(2, 'there is no verb "no"; see "chanctl help"', "help", "no")
    fails(2, "help takes one verb", "help", "send", "recv")


@nothing
def errors_of_the_command_line():
    fails(2, 'there is no verb "lsit"; see "chanctl help"', "lsit")
    fails(2, 'list has no option "--long"; see "chanctl help list"', "list", "--long")
    fails(2, 'list has no option "-l"', "list", "-l")
    fails(2, "a verb is missing")


run_tests("chanctl")
END
