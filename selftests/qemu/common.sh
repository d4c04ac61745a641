# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts of this directory share: how they tell the user something,
# how they become root, and where the tree and the cache are. It must not do
# anything by being read.
#
# All of them run with pipefail: whatever stands in a pipeline reads its input to
# the end ("sed -n 1p", not "head -n 1"), or the writer may die of SIGPIPE and
# take the script with it, now and then.

# shellcheck disable=SC2034 # used by those who read this file
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/chan
progress_every=15
progress_pause=0.1
progress_last=0
progress_shown=
progress_pid=

say() {
	progress_clear
	printf '%s\n' "$*"
}

# One sentence: what failed, the likely cause, the command to try.
die() {
	progress_clear
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

progress_is_rewritten() {
	[[ -t 2 && ${TERM:-dumb} != dumb && -z ${NO_COLOR:-} ]]
}

progress_clear() {
	[[ -z $progress_shown ]] || printf '\r\033[K' >&2
	progress_shown=
}

# progress STEP BEGUN FIGURE: call it often; it decides when to show something.
# On a terminal one line is rewritten, otherwise there is one each 15 s.
progress() {
	local step=$1 elapsed=$((SECONDS - $2)) figure=${3:-} line

	line="$step: $elapsed s${figure:+, $figure}"
	if progress_is_rewritten; then
		[[ $line != "$progress_shown" ]] || return 0
		printf '\r\033[K%.79s' "$line" >&2
		progress_shown=$line
	elif ((elapsed - progress_last >= progress_every)); then
		printf '%s\n' "$line" >&2
		progress_last=$elapsed
	fi
}

# For the EXIT trap of a script: ends the command that with_progress runs.
progress_stop() {
	[[ -z $progress_pid ]] || kill -TERM -- "-$progress_pid" 2>/dev/null || true
	progress_clear
}

# with_progress STEP FIGURE COMMAND...: FIGURE is a command that prints the
# last figure, or "". The command's output goes to a log that a failure shows;
# it runs in a process group of its own.
with_progress() {
	local step=$1 figure=$2 begun=$SECONDS log rc=0
	shift 2

	log=$(mktemp)
	progress_last=0
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	progress_pid=$!
	set +m
	while kill -0 "$progress_pid" 2>/dev/null; do
		progress "$step" "$begun" "${figure:+$($figure)}"
		sleep "$progress_pause"
	done
	wait "$progress_pid" || rc=$?
	progress_pid=
	progress_clear
	[[ $rc == 0 ]] || cat "$log" >&2
	rm -f "$log"
	return "$rc"
}

# The words that make a command run as root; fails if there is no way.
root_prefix() {
	if ((EUID == 0)); then
		echo env
	elif sudo -n true 2>/dev/null; then
		echo sudo
	elif [[ -t 0 ]] && command -v sudo >/dev/null && sudo -v; then
		echo sudo
	else
		return 1
	fi
}

forbid_offline() {
	[[ ${OFFLINE:-0} != 1 ]] ||
		die "$1 is not there and OFFLINE=1 forbids to fetch it; try the same command without OFFLINE=1."
}

apt_lists_present() {
	compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null
}

apt_update() {
	local root

	forbid_offline "an up-to-date package list"
	root=$(root_prefix) ||
		die "the package lists are missing or old and there is neither root nor sudo; run as root: apt-get update"
	with_progress "apt-get update" "" "$root" apt-get update ||
		die "apt-get update failed, perhaps without network; look at the lines above and try again."
}
