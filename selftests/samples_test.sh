#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Each of the samples, which are in the directory samples beside this file, prints
# what stands at its beginning below "It prints", exits with 0, and leaves no name
# and no process behind. Times are shown, and not compared. And whoever counts words
# counts the same.
#
# needs: python3

command -v python3 >/dev/null || {
	echo "1..0 # SKIP python3 is not here"
	exit 4
}
exec python3 - <<'END'
import os
import re
import subprocess
import sys

PROMISE = re.compile(r'^(?: \* )?It prints\n.*?\n((?:(?: \*\t|    ).*\n)+)', re.M)
TIME = re.compile(r"\b[0-9.e-]+ s\b")

sys.path.insert(0, os.getcwd())
from tap import Failure, check, run_tests, slowness

BUDGET = 60 * slowness()  # seconds for each sample

os.chdir("samples")
os.environ["PYTHONPATH"] = ".."


def promised(source):
    with open(source) as f:
        found = PROMISE.search(f.read())
    if not found:
        raise Failure('nothing stands below "It prints"')
    return re.sub(r"^( \*\t|    )", "", found[1], flags=re.M)


def command(source):
    name, kind = os.path.splitext(source)
    return {".c": ["./" + name], ".cpp": [f"./{name}_cpp"], ".py": ["python3", source]}[kind]


def printed(source):
    """By the sample; all of its processes, which hold its output, end in time."""
    with open("text") as text:
        p = subprocess.run(command(source), stdin=text, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=BUDGET)
    for line in filter(TIME.search, p.stdout.splitlines()):
        print("#", line)
    check(0, p.returncode, "exit status")
    return p.stdout


def without_times(text):
    return TIME.sub("? s", text)


def keeps_its_promise(source):
    names = os.listdir("/dev/chan")
    check(without_times(promised(source)), without_times(printed(source)), "output")
    check(names, os.listdir("/dev/chan"), "names")


def counts_words(source):
    counts = {}
    with open("text") as text:
        for word in text.read().split():
            counts[word] = counts.get(word, 0) + 1
    wanted = "".join(f"{word} {counts[word]}\n" for word in sorted(counts))
    check(wanted, "".join(printed(source).splitlines(True)[:-1]), "counts")


def of_sample(body, source):
    return f"samples.{source}.{body.__name__}", lambda: body(source)


sources = sorted(name for name in os.listdir() if name.endswith((".c", ".cpp", ".py")))
tests = [of_sample(keeps_its_promise, source) for source in sources]
tests += [of_sample(counts_words, source) for source in sources
          if source.startswith("word_count")]
run_tests(tests, BUDGET)
END
