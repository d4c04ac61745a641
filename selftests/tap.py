# SPDX-License-Identifier: GPL-2.0-only
"""What tests in Python have in common: what they check, and how they run one after
the other. It is beside them."""
import os
import signal
import sys
import traceback


class Failure(Exception):
    pass


def check(want, got, what=None):
    if want != got:
        raise Failure(f"{what + ': ' if what else ''}{got!r}, not {want!r}")


def slowness():
    """How often as long as elsewhere a test may take here."""
    return int(os.environ.get("SLOWNESS") or 1)


def passes(body, budget):
    signal.alarm(budget)
    try:
        body()
        return True
    except Exception:
        for line in traceback.format_exc().splitlines():
            print("#", line)
        return False
    finally:
        signal.alarm(0)


def run_tests(tests, budget):
    """Runs the body of each (name, body), for so many seconds at most, and ends."""
    def late(*_):
        raise Failure(f"not done after {budget} s")

    signal.signal(signal.SIGALRM, late)
    print(f"TAP version 13\n1..{len(tests)}")
    failed = 0
    for number, (name, body) in enumerate(tests, 1):
        good = passes(body, budget)
        failed += not good
        print("ok" if good else "not ok", number, name, flush=True)
    sys.exit(failed > 0)
