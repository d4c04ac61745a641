# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion of chanctl for bash. It knows no verb and no option: it asks
# "chanctl help", so it completes what the installed chanctl has.

_chanctl_options() {
	chanctl help "$1" 2>/dev/null | grep -oE '^  (-., )?--[a-z-]+' | grep -oE '[-]-[a-z-]+'
	echo --help
}

_chanctl_verbs() {
	chanctl help 2>/dev/null | sed -nE '/^usage:/,/^Values:/s/^  ([a-z]+)  .*/\1/p'
}

_chanctl_channels() {
	local path

	for path in /sys/class/chan/*; do
		[[ ! -e $path ]] || echo "${path##*/}"
	done
}

_chanctl() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words

	if ((COMP_CWORD == 1)) || [[ $before == help ]]; then
		words=$(_chanctl_verbs)
	elif [[ $before == --until ]]; then
		words="queued received settled"
	elif [[ $before == --plot ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
	elif [[ $word == -* ]]; then
		words=$(_chanctl_options "${COMP_WORDS[1]}")
	else
		words=$(_chanctl_channels)
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _chanctl chanctl
