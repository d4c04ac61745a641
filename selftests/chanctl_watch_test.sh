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
import select
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
    fails(1, 'there is no channel "t-none"; see which there are with "chanctl list".\n',
          "top", NAME, "t-none")
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


# watch ------------------------------------------------------------------------

def begin(*words):
    """A watch of all channels that has had its first look: it has told of another."""
    watch = start("watch", "--interval", "10ms", *words)
    while True:
        good("create", OTHER)
        good("rm", OTHER)
        if select.select([watch.stdout], [], [], 0.1)[0]:
            return watch


def changes(watch):
    """Of NAME, as JSON tells them."""
    for line in watch.stdout:
        change, = json.loads(line)["changes"]
        if change["name"] == NAME:
            yield change


def lines(watch):
    """Of NAME, without their time and name."""
    for line in watch.stdout:
        parts = re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} ([^ :]+): (.*)\n", line.decode())
        if parts[1] == NAME:
            yield parts[2]


@nothing
def watch_tells_what_happens_line_by_line():
    watch = begin()
    told = lines(watch)
    for words, line in ((("create", NAME), "created; queued 0, unsettled 0"),
                        (("send", NAME, "x"), "sent 1; queued 1, unsettled 0"),
                        (("recv", NAME), "received 1; queued 0, unsettled 0"),
                        (("rm", NAME), "removed")):
        good(*words)
        check(line, next(told))
    killed(watch)


@nothing
def watch_misses_nothing():
    wanted = {"sent": 5, "received": 6, "settled": 5, "redelivered": 1, "dropped": 0}
    began = time.time()
    watch = begin("--json")
    told = changes(watch)
    good("create", NAME, "--workqueue")
    send(NAME, 5)
    check(1, run("recv", NAME, "--exec", "false").returncode)
    good("recv", "--count", "5", NAME)
    change, found, events = {}, dict.fromkeys(wanted, 0), []
    while found != wanted:
        change = next(told)
        events.append(change["event"])
        found = {what: found[what] + change[what] for what in wanted}
    check(["created"] + ["changed"] * (len(events) - 1), events)
    check((0, 0), (change["queued"], change["unsettled"]))
    check(True, began - 1 <= change["time"] <= time.time() + 1)
    good("rm", NAME)
    change = next(told)
    check(("removed", None, None), tuple(change[k] for k in ("event", "sent", "queued")))
    killed(watch)


@nothing
def watch_tells_a_channel_from_another_of_its_name():
    watch = begin("--json", "--interval", "500ms")
    told = changes(watch)
    good("create", NAME)
    send(NAME, 2)
    while next(told)["queued"] != 2:
        pass
    good("rm", NAME)
    good("create", NAME)
    send(NAME, 1)
    check("removed", next(told)["event"])
    change = next(told)
    sent = change["sent"]
    check("created", change["event"])
    while not sent:
        sent = next(told)["sent"]
    check(1, sent)
    killed(watch)


@plain
def watch_ends_with_the_names_that_it_was_given():
    good("create", OTHER)
    watch = start("watch", "--interval", "10ms", NAME)
    while not select.select([watch.stdout], [], [], 0.1)[0]:
        good("send", OTHER, "x")
        good("send", NAME, "x")
    good("rm", NAME)
    out, said = watch.communicate(timeout=BUDGET)
    check((0, b""), (watch.returncode, said))
    check_in(f" {NAME}: removed\n", out.decode())
    check(False, OTHER in out.decode())


@plain
def watch_after_its_number_of_lines():
    watch = start("watch", "--interval", "10ms", "--count", "2")
    while watch.poll() is None:
        good("create", OTHER)
        good("rm", OTHER)
    out, said = watch.communicate()
    check((0, b"", 2), (watch.returncode, said, out.count(b"\n")))


@plain
def watch_is_for_everyone_and_ends_with_its_reader():
    watch = start("watch", "--interval", "10ms", user=65534)
    watch.stdout.close()
    check((-signal.SIGPIPE, b""), (watch.wait(BUDGET), watch.stderr.read()))
    watch.stderr.close()


@plain
def watch_prints_plain_lines_on_a_terminal_too():
    terminal = Terminal("watch", "--interval", "10ms", "--count", "1", NAME)
    while terminal.process.poll() is None:
        run("send", "--nowait", NAME, "x")
    out = terminal.ends(0)
    check_in(f" {NAME}: sent ", out)
    check(False, "\x1b" in out)
    terminal = Terminal("watch", NAME)
    terminal.press(b"\x03")
    terminal.ends(-signal.SIGINT)


@plain
def watch_says_what_is_wrong():
    fails(1, 'there is no channel "t-none"; see which there are with "chanctl list".\n',
          "watch", NAME, "t-none")
    fails(2, "is no name of a channel", "watch", "a/b")
    fails(2, "--interval takes at least 10ms", "watch", "--interval", "0")
    fails(2, 'watch has no option "--exec"', "watch", "--exec", "true")


run_tests("chanctl_watch")
END
