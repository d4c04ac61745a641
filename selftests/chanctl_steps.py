# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of chanctl have in common: how they run it, and what they may expect of
any verb. They are beside this file."""
import fcntl
import os
import re
import select
import struct
import subprocess
import time

import tap
from tap import Failure, check, slowness

BUDGET = 60 * slowness()  # seconds for each test
NAME = "t-chanctl"
SENTENCE = re.compile(rb"chanctl: [^\n]*[;,] [^\n]*\.\n")


def check_in(part, whole):
    if part not in whole:
        raise Failure(f"{part!r} is not in {whole!r}")


def run(*words, stdin=b"", **more):
    return subprocess.run(["chanctl", *words], input=stdin, capture_output=True,
                          timeout=BUDGET, **more)


def good(*words, stdin=b""):
    """What a command that must succeed prints."""
    p = run(*words, stdin=stdin)
    check((0, b""), (p.returncode, p.stderr))
    return p.stdout


def fails(code, said, *words, stdin=b""):
    """An error is one sentence with the cause and the next step, and no output."""
    p = run(*words, stdin=stdin)
    check((code, b""), (p.returncode, p.stdout))
    check_in(said, p.stderr.decode())
    if not SENTENCE.fullmatch(p.stderr):
        raise Failure(f"{p.stderr!r} is not one sentence with a next step")


def start(*words, **more):
    return subprocess.Popen(["chanctl", *words], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def ends(process, code, out=b""):
    got, said = process.communicate(timeout=BUDGET)
    check((code, out), (process.returncode, got))
    return said.decode()


def attribute(name):
    with open(f"/sys/class/chan/{NAME}/{name}") as f:
        return f.read().strip()


def until(name, value):
    """Waits for a state; the budget of the test bounds it."""
    while attribute(name) != str(value):
        time.sleep(0.01)


def queued():
    return int(attribute("queued"))


def unsettled():
    return int(attribute("unsettled"))


class Terminal:
    """chanctl on a terminal of its own, which a person sees and types on."""
    TCGETS, TIOCSCTTY, TIOCSWINSZ = 0x5401, 0x540e, 0x5414

    def __init__(self, *words, rows=24, columns=80, TERM="xterm", **variables):
        self.ours, self.its = os.openpty()
        self.resize(rows, columns)
        self.before = self.state()
        self.seen = ""
        self.process = subprocess.Popen(
            ["chanctl", *words], stdin=self.its, stdout=self.its, stderr=self.its,
            env={**os.environ, "TERM": TERM, **variables}, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, self.TIOCSCTTY, 0))

    def state(self):
        return fcntl.ioctl(self.its, self.TCGETS, bytes(60))

    def resize(self, rows, columns):
        fcntl.ioctl(self.ours, self.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def press(self, keys):
        os.write(self.ours, keys)

    def shows(self, text, times=1):
        """Waits until it does; what was shown with it, from after the last such wait."""
        while self.seen.count(text) < times:
            select.select([self.ours], [], [])
            self.seen += os.read(self.ours, 65536).decode()
        shown, self.seen = self.seen, ""
        return shown

    def ends(self, code):
        """The last that it shows; the terminal is as it was."""
        check(code, self.process.wait(BUDGET))
        check(self.before, self.state())
        while select.select([self.ours], [], [], 0)[0]:
            self.seen += os.read(self.ours, 65536).decode()
        os.close(self.its)
        os.close(self.ours)
        return self.seen


class Misplaced:
    """A file where the node of a channel belongs, as "echo x >/dev/chan/NAME" makes it."""
    PATH = f"/dev/chan/{NAME}"

    def __enter__(self):
        with open(self.PATH, "w") as f:
            f.write("x")
        os.chmod(self.PATH, 0o666)

    def __exit__(self, *what):
        os.remove(self.PATH)


tests = []


def test(*options):
    """A test that finds a channel made with these options; None: there is none."""
    def add(body):
        tests.append((body, options))
        return body
    return add


plain, work, nothing = test(), test("--workqueue"), test(None)


def remove():
    for name in NAME, NAME + "2":
        if os.path.exists(f"/sys/class/chan/{name}"):
            run("rm", name)


def on_channel(body, options):
    def run_body():
        try:
            if options != (None,):
                good("create", NAME, *options)
            body()
        finally:
            remove()
    return run_body


def run_tests(group):
    tap.run_tests([(f"{group}.{body.__name__}", on_channel(body, options))
                   for body, options in tests], BUDGET)
