#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The demonstration that "make demo" runs in the guest, as root, with /chan.ko
# not yet loaded. It says what it shows before each step, and stops with an
# error when a step does not do what was said. It must leave nothing behind.
set -eu

step() {
	printf '\n== %s\n' "$*"
	sleep 1
}

run() {
	printf '$ %s\n' "$1"
	eval "$1"
}

expect() {
	[ "$1" = "$2" ] && return
	printf 'This should have been "%s", but is "%s".\n' "$2" "$1"
	exit 1
}

attribute() {
	cat "/sys/class/chan/$1/$2"
}

# Until an attribute of a channel has that value, ten seconds at most.
await() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(attribute "$1" "$2")" = "$3" ] && return
		sleep 1
	done
	expect "$(attribute "$1" "$2")" "$3"
}

take='dd bs=64k count=1 2>/dev/null'

step "Load the module, with two channels from the start."
run 'insmod /chan.ko names=jobs,answers'
run 'ls -l /dev/chan'

step "Writing is sending: each write is one message, and it is kept for whoever comes."
run 'echo "first job" > /dev/chan/jobs; echo "second job" > /dev/chan/jobs'
run 'cat /sys/class/chan/jobs/queued'
expect "$(attribute jobs queued)" 2

step "Reading is receiving: one message at a time, in order."
run "$take < /dev/chan/jobs"
expect "$(attribute jobs queued)" 1

step "A buffer that is too small is an error without effect: the message stays."
run 'dd if=/dev/chan/jobs bs=4 count=1 || echo "refused, and still there:"'
run "$take < /dev/chan/jobs"
expect "$(attribute jobs queued)" 0

step "Two workers wait for jobs and answer; each job goes to one of them."
for worker in A B; do
	(
		trap 'exit 0' TERM
		while job=$(dd if=/dev/chan/jobs bs=64k count=1 2>/dev/null); do
			echo "worker $worker did $job" >/dev/chan/answers
		done
	) &
done
await jobs parked_receivers 2
# shellcheck disable=SC2016 # run expands it
run 'for n in 1 2 3 4 5 6; do echo "job $n" > /dev/chan/jobs; done'
await answers queued 6
run 'for n in 1 2 3 4 5 6; do dd if=/dev/chan/answers bs=64k count=1 2>/dev/null; done'
await jobs parked_receivers 2
kill %1 %2
for _ in 1 2; do
	echo "closing time" >/dev/chan/jobs
done
wait
while [ "$(attribute answers queued)" != 0 ]; do
	dd if=/dev/chan/answers bs=64k count=1 >/dev/null 2>&1
done

step "A full channel makes its sender wait for room, and wakes it for each slot."
(for n in $(seq 1 100); do echo "message $n"; done) >/dev/chan/jobs &
await jobs parked_senders 1
run 'head /sys/class/chan/jobs/queued /sys/class/chan/jobs/parked_senders'
run 'dd if=/dev/chan/jobs bs=64k count=100 2>/dev/null | tail -n 1'
wait

step "A caller waits for the answer to its message (chan.rst, \"Ask and answer\")."
run 'ask'

step "A worker dies over its job, and the next one gets it (chan.rst, \"Leave work\")."
run 'work'

step "Answering and taking the next call is one entry (chan.rst, \"Serve with one entry\")."
run 'serve'

step "Or exactly one of several, whichever comes first (chan.rst, \"Take whichever\")."
run 'either'

step "Everything that happens can be traced."
run 'echo 1 > /sys/kernel/tracing/events/chan/enable'
run 'echo traced > /dev/chan/jobs; dd if=/dev/chan/jobs bs=64k count=1 2>/dev/null'
run 'grep -o "chan_.*" /sys/kernel/tracing/trace'
echo 0 >/sys/kernel/tracing/events/chan/enable

step "A channel pins the module, with or without messages: rmmod loses nothing."
run 'rmmod chan || echo refused, as it should be'

step "Idle channels are removed, then the module goes (here: make unload)."
run 'chan-unload'
run 'ls /dev/chan 2>/dev/null || echo /dev/chan is gone'

printf '\nThat was it.\n'
