#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# chanctl as a person watches channels with it, on a terminal, and what becomes of that
# for a reader who is none. All terminals are of the test's own.
#
# needs: python3 chanctl

if ! command -v python3 >/dev/null || ! command -v chanctl >/dev/null; then
	echo "1..0 # SKIP python3 or chanctl is not here"
	exit 4
fi
exec python3 - <<'END'
import json
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.getcwd())
from chanctl_steps import *

BEGIN, END = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
HOME, REST_EMPTY, REVERSED, PLAIN = "\x1b[H", "\x1b[J", "\x1b[7m", "\x1b[0m"
HEAD = ["name", "queued", "cap", "unsettled", "sent/s", "received/s", "settled/s",
        "redelivered/s", "parked_senders", "parked_receivers"]
OTHER = NAME + "2"


def send(name, messages):
    good("send", "--lines", name, stdin=b"x\n" * messages)


def killed(process):
    """Not a command that it runs, which may have the same output."""
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()


# top without a terminal -------------------------------------------------------

@plain
def top_prints_a_table_each_time():
    tables = good("top", "--interval", "20ms", "--count", "3").decode().split("\n\n")
    check(3, len(tables))
    for table in tables:
        lines = [line.split() for line in table.splitlines()]
        check(HEAD, lines[0])
        check([NAME, "0", "64", "0", "0", "0", "0", "0", "0", "0"],
              [line for line in lines if line[0] == NAME][0])
    check(False, "\x1b" in "".join(tables))


@plain
def top_tells_how_many_in_a_second():
    began, rates = time.monotonic(), []
    top = start("top", "--json", "--interval", "100ms", NAME)
    top.stdout.readline()
    send(NAME, 30)
    while not rates or rates[-1]:
        channel, = json.loads(top.stdout.readline())["channels"]
        if rates or channel["sent/s"]:
            rates.append(channel["sent/s"])
    killed(top)
    # 30 were sent in looks that were 100 ms apart, or more.
    if not 30 / (time.monotonic() - began) - 1 <= sum(rates) <= 300 + len(rates):
        raise Failure(f"{rates}")
    check((30, 64, 0), tuple(channel[k] for k in ("queued", "cap", "unsettled")))


@nothing
def top_shows_the_busiest_first():
    good("create", NAME)
    good("create", OTHER)
    top = start("top", "--json", "--interval", "50ms", NAME, OTHER)
    names = [c["name"] for c in json.loads(top.stdout.readline())["channels"]]
    check([NAME, OTHER], names)
    send(OTHER, 5)
    rate = 0
    while not rate:
        first, second = json.loads(top.stdout.readline())["channels"]
        rate = first["sent/s"]
    check((OTHER, NAME, 0), (first["name"], second["name"], second["sent/s"]))
    killed(top)


@work
def top_shows_what_is_unsettled_and_who_waits():
    send(NAME, 2)
    receiver = start("recv", "--exec", "exec sleep 1000", NAME)
    until("unsettled", 1)
    good("create", OTHER)
    waiting = start("recv", OTHER)
    while json.loads(good("show", "-J", OTHER))["channels"][0]["parked_receivers"] != 1:
        time.sleep(0.01)
    channels = json.loads(good("top", "-J", "-c", "1", "-i", "10ms"))["channels"]
    found = {c["name"]: c for c in channels}
    check((1, 1), (found[NAME]["queued"], found[NAME]["unsettled"]))
    check((0, 1), (found[OTHER]["parked_senders"], found[OTHER]["parked_receivers"]))
    killed(receiver)
    killed(waiting)


@plain
def top_goes_on_without_a_channel_that_is_removed():
    top = start("top", "--json", "--interval", "20ms", NAME)
    while not json.loads(top.stdout.readline())["channels"]:
        pass
    good("rm", NAME)
    while json.loads(top.stdout.readline())["channels"]:
        pass
    check(None, top.poll())
    killed(top)


@plain
def top_is_for_everyone_and_ends_with_its_reader():
    top = start("top", "--interval", "10ms", user=65534)
    check(HEAD, top.stdout.readline().decode().split())
    top.stdout.close()
    check((-signal.SIGPIPE, b""), (top.wait(BUDGET), top.stderr.read()))
    top.stderr.close()


@plain
def top_says_what_is_wrong():
    fails(1, 'there is no channel "t-none"', "top", NAME, "t-none")
    fails(2, "is no name of a channel", "top", "a/b")
    fails(2, "--interval takes at least 10ms", "top", "--interval", "9ms")
    fails(2, "--interval takes a length of time", "top", "--interval", "soon")
    fails(2, "--count takes a number", "top", "--count", "-1")


# top on a terminal ------------------------------------------------------------

def picture(shown, nr):
    """The lines of the picture of this number, as they are read."""
    return re.sub(r"\x1b\[\??[0-9]*[A-Za-z]", "", shown.split(HOME)[nr]).splitlines()


@plain
def top_draws_on_a_terminal_until_q():
    send(NAME, 3)
    terminal = Terminal("top", "--interval", "20ms", NAME, columns=120)
    shown = terminal.shows(REST_EMPTY, 2)
    check(True, shown.startswith(BEGIN + HOME))
    check_in(REVERSED + "name", shown)
    check(False, terminal.before == terminal.state())
    for nr, rates in (1, []), (2, ["0"] * 4):
        title, head, row = picture(shown, nr)
        check_in("1 channel, every 0.02 s; q ends", title)
        check(HEAD, head.split())
        check([NAME, "3", "64", "0", *rates, "0", "0"], row.split())
    terminal.press(b"xq")
    check(True, terminal.ends(0).endswith(END))


@plain
def top_leaves_the_terminal_as_it_was_when_a_signal_ends_it():
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        terminal = Terminal("top", "--interval", "1h")
        terminal.shows(NAME)
        terminal.process.send_signal(number)
        check(True, terminal.ends(-number).endswith(END))
    terminal = Terminal("top", "--interval", "1h")
    terminal.shows(NAME)
    terminal.press(b"\x03")
    check(True, terminal.ends(-signal.SIGINT).endswith(END))


@plain
def top_draws_anew_when_the_terminal_has_another_size():
    good("create", OTHER)
    terminal = Terminal("top", "--interval", "1h")
    terminal.shows(OTHER)
    terminal.resize(2, 9)
    shown = terminal.shows(PLAIN)
    check(["chanctl t", "name"], [line.rstrip() for line in picture(shown, -1)])
    terminal.press(b"q")
    check(False, OTHER in shown + terminal.ends(0))


@plain
def top_after_its_number_of_tables_on_a_terminal():
    terminal = Terminal("top", "--interval", "10ms", "--count", "2")
    # One without rates, and two.
    check(3, terminal.shows(END).count("chanctl top"))
    terminal.ends(0)


@plain
def top_without_attributes():
    terminal = Terminal("top", "--interval", "1h", NO_COLOR="1")
    check(False, REVERSED in terminal.shows(NAME))
    terminal.press(b"q")
    terminal.ends(0)


@plain
def top_on_a_terminal_that_is_not_to_be_drawn_on():
    for words, more in ((), {"TERM": "dumb"}), (("--json",), {}):
        terminal = Terminal("top", "--interval", "10ms", "--count", "1", *words, **more)
        out = terminal.shows(NAME) + terminal.ends(0)
        check(False, "\x1b" in out)


run_tests("chanctl_watch")
END
