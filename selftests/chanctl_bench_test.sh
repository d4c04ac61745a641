#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# chanctl bench: that it measures each way and tells it in each form. What it measures is
# the machine's matter, and compared with nothing. gnuplot is played by a script.
#
# needs: python3 chanctl

if ! command -v python3 >/dev/null || ! command -v chanctl >/dev/null; then
	echo "1..0 # SKIP python3 or chanctl is not here"
	exit 4
fi
exec python3 - <<'END'
import contextlib
import json
import os
import sys
import time

sys.path.insert(0, os.getcwd())
from chanctl_steps import *

QUICK = ("--count", "1", "--time", "1ms")
TRIPS = ["pipe", "seqpacket", "chan, received", "chan, acknowledged", "chan, call"]
STREAMS = ["pipe", "seqpacket", "chan, queued", "chan, work"]
WAYS = [("round trip", way) for way in TRIPS] + [("stream", way) for way in STREAMS]
PLACE = f"/tmp/chanctl_bench.{os.getpid()}"
os.mkdir(PLACE)


def results(*words):
    return json.loads(good("bench", "--json", *words))["results"]


def file_of(name):
    with open(f"{PLACE}/{name}") as f:
        return f.read()


def write(name, text, mode=0o644):
    with open(f"{PLACE}/{name}", "w") as f:
        f.write(text)
    os.chmod(f.name, mode)


def bench_with_gnuplot(does, *words):
    """With a gnuplot that is a script of the shell, in PLACE."""
    write("gnuplot", "#!/bin/sh\n" + does, 0o755)
    path = f"{PLACE}:{os.environ.get('PATH', os.defpath)}"
    return run("bench", *QUICK, *words, cwd=PLACE, env={**os.environ, "PATH": path})


@nothing
def bench_measures_each_way():
    found = results("--count", "3", "--time", "2ms")
    check(WAYS, [(row["workload"], row["by"]) for row in found])
    for row in found:
        check(True, 0 < row["least"] <= row["ns"] <= row["most"])
        pipe, = [r for r in found if (r["workload"], r["by"]) == (row["workload"], "pipe")]
        check(True, abs(row["of_pipe"] - row["ns"] / pipe["ns"]) < 0.02 * (1 + row["of_pipe"]))


@nothing
def bench_prints_a_table():
    lines = good("bench", *QUICK).decode().splitlines()
    check(["workload", "by", "ns", "least", "most", "of_pipe"], lines[0].split())
    check([f"{workload} {way}".split() for workload, way in WAYS],
          [line.split()[:-4] for line in lines[1:]])
    check({"1.00"}, {line.split()[-1] for line in lines if " pipe " in line})


@nothing
def bench_takes_as_long_as_it_is_told():
    began = time.monotonic()
    good("bench", "--count", "2", "--time", "30ms")
    check(True, time.monotonic() - began >= len(WAYS) * 2 * 0.03)


@nothing
def bench_of_messages_of_any_length():
    for size in "1", "4K", "64K":
        check(len(WAYS), len(results("--size", size, *QUICK)))
    check(len(WAYS), len(results("--apart", *QUICK)))


@nothing
def bench_is_for_everyone():
    p = run("bench", *QUICK, user=65534)
    check((0, b"", 1 + len(WAYS)), (p.returncode, p.stderr, p.stdout.count(b"\n")))


# Of all processes; one may end while it is looked at.
def parents():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as f:
            yield int(f.read().rsplit(")", 1)[1].split()[1])


@nothing
def bench_leaves_no_process_behind():
    bench = start("bench", "--time", "1h")
    while bench.pid not in parents():
        pass
    bench.kill()
    # Its output ends when the last that has it is gone.
    bench.communicate(timeout=BUDGET)


@nothing
def bench_shows_progress_on_a_terminal():
    terminal = Terminal("bench", *QUICK)
    out = terminal.shows("chan, work ") + terminal.ends(0)
    *steps, table = out.split("\r\x1b[K")
    check([""] + [f"{workload}, {way}: 1 of 1" for workload, way in WAYS], steps)
    check("workload", table.split()[0])


@nothing
def bench_has_gnuplot_draw_what_it_prints():
    for name, terminal in ("new.svg", "svg"), ("old.x.png", "pngcairo"):
        write("old.x.png", "what was there before, and is longer")
        p = bench_with_gnuplot("cat >script; echo drawn", "--json", "--plot", name)
        check((0, b"", "drawn\n"), (p.returncode, p.stderr, file_of(name)))
        script = file_of("script")
        check_in(f"set terminal {terminal} ", script)
        check_in(f"set multiplot layout 1,2 title 'Messages of 64 bytes, Linux {os.uname().release}'\n",
                 script)
        rows = json.loads(p.stdout)["results"]
        for workload in "round trip", "stream":
            data = "".join(f'"{r["by"]}" {r["ns"]} {r["least"]} {r["most"]}\n'
                           for r in rows if r["workload"] == workload)
            check_in(f"set title '{workload}'\n$figures << END\n{data}END\nplot $figures ", script)


@nothing
def bench_says_that_gnuplot_has_failed():
    p = bench_with_gnuplot("cat >script; exit 3", "--plot", "x.svg")
    check((1, 1 + len(WAYS)), (p.returncode, p.stdout.count(b"\n")))
    check(b'chanctl: gnuplot has failed, so "x.svg" is no picture; see above what it says, '
          b'or leave --plot out.\n', p.stderr)
    check(False, os.path.exists(f"{PLACE}/x.svg"))
    # One that does not even read its script.
    check(p.stderr, bench_with_gnuplot("exit 1", "--plot", "x.svg").stderr)


@nothing
def bench_leaves_a_file_that_was_there():
    name = f"{PLACE}/old.svg"
    write("old.svg", "old", 0o644)
    check(1, bench_with_gnuplot("cat >script; exit 3", "--plot", name).returncode)
    check(True, os.path.exists(name))


@nothing
def bench_says_that_there_is_no_gnuplot():
    chanctl, = [f"{place}/chanctl" for place in os.get_exec_path()
                if os.access(f"{place}/chanctl", os.X_OK)][:1]
    p = run("bench", "--time", "1h", "--plot", f"{PLACE}/x.svg", executable=chanctl,
            env={"PATH": f"{PLACE}/none"})
    check((1, b""), (p.returncode, p.stdout))
    check(b'chanctl: there is no gnuplot, which draws the plot; install it with '
          b'"apt-get install gnuplot-nox".\n', p.stderr)
    check(False, os.path.exists(f"{PLACE}/x.svg"))


@nothing
def bench_says_what_is_wrong():
    fails(1, "cannot be written: No such file", "bench", "--plot", f"{PLACE}/none/x.svg")
    for name in "x.pdf", "svg", "x.svg/y", "":
        fails(2, "--plot takes a file that ends with .png or .svg", "bench", "--plot", name)
    fails(2, "--size takes a number up to 65536", "bench", "--size", "65537")
    fails(2, "--count takes a number up to 1000", "bench", "--count", "1001")
    fails(2, "--size and --count take at least 1", "bench", "--size", "0")
    fails(2, "--size and --count take at least 1", "bench", "--count", "0")
    fails(2, "--time takes at least 1ms", "bench", "--time", "999e-6")
    fails(2, "bench takes no operand", "bench", "x")


try:
    run_tests("chanctl_bench")
finally:
    for name in os.listdir(PLACE):
        os.remove(f"{PLACE}/{name}")
    os.rmdir(PLACE)
END
