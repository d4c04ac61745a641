# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Makes a kernel's report readable: finds it in the console, and names the file
# and line of each place in chan. It needs the module as it was built, with its
# debug information, and must not judge (see init.c for that).
#
# shellcheck disable=SC2154 # "boot" sets what is used here

report_length=40

# lines_at SECTION ADDRESS: file.c:line, innermost first. What stands in a
# stack is where a call returns to, the byte after what is meant.
lines_at() {
	local address

	printf -v address '%#x' $(($2 - ($2 > 0)))
	addr2line -i -j "$1" -e "$object/chan.ko" "$address" 2>/dev/null |
		sed -nE 's,^.*/(kmod/[^ ]*:[0-9]+).*,\1,p; t; s,^(.*/)?([^/ ?]+:[0-9]+).*,\2,p' |
		paste -s -d ' '
}

# lines_of SYMBOL OFFSET
lines_of() {
	local section address

	read -r section address < <(objdump -t "$object/chan.ko" |
		awk -v name="$1" '$NF == name && $3 == "F" && !seen++ { print $4, "0x" $1 }') || return 0
	lines_at "$section" $((address + $2))
}

# lines_of_address ADDRESS: once the module that was there is gone.
lines_of_address() {
	local base offset

	base=$(sed -nE 's/^out [0-9]+ chan is at (0x[0-9a-f]+)$/\1/p' "$logs/verdict" | sed -n 1p)
	[[ -n $base ]] || return 0
	offset=$(($1 - base))
	((offset > 0 && offset < 1 << 20)) || return 0
	lines_at .text "$offset"
}

# A filter: adds what the lines of a report know about chan.
name_lines() {
	local line where

	while IFS= read -r line; do
		where=
		if [[ $line =~ ([A-Za-z0-9_.]+)\+(0x[0-9a-f]+)/0x[0-9a-f]+\ \[chan\] ]]; then
			where=$(lines_of "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}")
		elif [[ $line =~ \>\]\ (0x[0-9a-f]{16})$ ]]; then
			where=$(lines_of_address "${BASH_REMATCH[1]}")
		fi
		printf '%s%s\n' "$line" "${where:+ ($where)}"
	done
}

# From the first line that the log check objects to, otherwise the end. What the
# kernel says of itself before init runs is no report.
console_excerpt() {
	local first text=$logs/console.text

	tr -d '\r' <"$logs/console" >"$text"
	if grep -q 'Run /init as init process' "$text"; then
		sed -i '1,/Run \/init as init process/d' "$text"
	fi
	first=$("$top/build/guest/init" --scan "$here/log-patterns" <"$text" | sed -n 1p) || true
	if [[ -n $first ]]; then
		grep -F -m 1 -A "$report_length" -e "$first" "$text" || true
	else
		tail -n 25 "$text"
	fi | name_lines
	rm -f "$text"
}

show_console() {
	say "From its console (all of it in $logs/console):"
	say "$(console_excerpt | sed 's/^/  | /')"
}
