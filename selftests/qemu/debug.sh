# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# How a debug kernel is made: Debian's newest linux-source-6.12, with the options
# of config/ and nothing else, is built in the cache, and what a run needs of it
# is kept. It is a part of "kernels", whose work directory and download it uses;
# it must not do anything by being read. What runs below with_progress returns
# its own failures: bash's -e does not hold there.
#
# shellcheck disable=SC2034,SC2154 # what is shared with "kernels" and common.sh
#
# What is kept of a kind, in debug/KIND of the cache:
#	bzImage		the kernel
#	tree/		what a module is built against
#	config, release
#	variables	the compiler, as make's variables
#	key		stands for the options; others mean a new build
#	source		the version of the source package
#	objects		how many were compiled, for the next build's time left

debug_kinds=(kasan kcsan kmsan)
debug_space=4000 # MB while it is built
debug_begun=0
declare -A debug_objects=([kasan]=1760 [kcsan]=1750 [kmsan]=1750)
declare -A debug_minutes=([kasan]=10 [kcsan]=10 [kmsan]=30) # on 2 processors

# Of an option that is named twice the last counts.
debug_options() {
	grep -h '^CONFIG_' "$here/config/common.config" "$here/config/$1.config"
}

debug_key() {
	debug_options "$1" | sha256sum | cut -c 1-16
}

debug_variables() {
	case $1 in
	kmsan) echo "CC=clang HOSTCC=clang LD=ld.lld" ;;
	*) echo "CC=gcc-12 HOSTCC=gcc-12" ;;
	esac
}

# The groups of "tools" that compile for a kind.
debug_tools() {
	case $1 in
	kmsan) echo "build clang" ;;
	*) echo "build" ;;
	esac
}

# debug_lost KIND CONFIG: the options that are not as wanted; one that is absent
# is off.
debug_lost() {
	debug_options "$1" | awk -v config="$2" '
		function take(line, list) {
			list[substr(line, 1, index(line, "=") - 1)] = substr(line, index(line, "=") + 1)
		}
		{ take($0, wanted) }
		END {
			while ((getline line < config) > 0)
				if (line ~ /^CONFIG_/)
					take(line, found)
			for (name in wanted) {
				has = name in found ? found[name] : "n"
				if (has != wanted[name])
					print name " is " has " instead of " wanted[name]
			}
		}' | sort
}

# debug_make KIND WORD...: nothing of our own make may reach the kernel's.
debug_make() {
	# shellcheck disable=SC2046 # words
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u GNUMAKEFLAGS -u KCFLAGS -u ARCH -u V -u C -u W \
		make -C "$work/source" O="$work/build" $(debug_variables "$1") "${@:2}"
}

debug_unpack() {
	local deb=("$work"/deb/*.deb)

	dpkg-deb -f "${deb[0]}" Version >"$work/version" &&
		mkdir "$work/source" "$work/build" &&
		dpkg-deb --fsys-tarfile "${deb[0]}" |
		tar -xO "./usr/src/$source_package.tar.xz" | xz -dc |
			tar -x -C "$work/source" --strip-components=1 &&
		rm "${deb[@]}"
}

# allnoconfig drops an option without a word when another one is missing.
debug_configure() {
	local lost

	debug_options "$1" >"$work/options"
	debug_make "$1" KCONFIG_ALLCONFIG="$work/options" allnoconfig || return
	lost=$(debug_lost "$1" "$work/build/.config")
	[[ -z $lost ]] || { echo "$lost" && return 1; }
}

debug_compiled() {
	grep -cE '^  (AR|AS|CC|HOSTCC|LD) ' "$work/log" 2>/dev/null || true
}

# For with_progress: what is done, and what is left at the pace so far.
debug_figure() {
	local total=${debug_objects[$kind]} compiled elapsed=$((SECONDS - debug_begun))

	compiled=$(debug_compiled)
	((compiled < total)) || total=$((compiled + 1))
	printf '%d of %d objects' "$compiled" "$total"
	((elapsed < 20 || compiled < 20)) ||
		printf ', %d s left' $((elapsed * (total - compiled) / compiled))
}

debug_build() {
	debug_make "$1" -j"$(nproc)" bzImage modules >"$work/log" 2>&1 && return
	grep -E -A 5 '(error|Error|undefined)' "$work/log" || tail -n 20 "$work/log"
	return 1
}

debug_keep() {
	local entry=$work/entry build=$work/build

	debug_compiled >"$work/objects"
	debug_variables "$1" >"$work/variables"
	debug_key "$1" >"$work/key"
	mkdir "$entry" &&
		debug_make "$1" run-command \
			KBUILD_RUN_COMMAND="\$(srctree)/scripts/package/install-extmod-build $entry/tree" &&
		cp "$build/arch/x86/boot/bzImage" "$entry/bzImage" &&
		cp "$build/.config" "$entry/config" &&
		cp "$build/include/config/kernel.release" "$entry/release" &&
		cp "$work/version" "$entry/source" &&
		cp "$work/objects" "$work/variables" "$work/key" "$entry"
}

debug_replace() {
	local directory=$cache/debug/$1

	mkdir -p "$cache/debug"
	[[ ! -e $directory ]] || mv "$directory" "$work/old"
	mv "$work/entry" "$directory"
}

debug_need_space() {
	local free

	free=$(df -m --output=avail "$cache" | tail -n 1)
	((free >= debug_space)) ||
		die "$cache has $((free)) MB free and building a debug kernel takes $debug_space; free some or set XDG_CACHE_HOME to another place."
}

# debug_fetch KIND: fetches, builds and keeps.
debug_fetch() {
	local kind=$1 remembered=$cache/debug/$1/objects

	forbid_offline "the $kind kernel"
	# shellcheck disable=SC2046 # words
	"$here/tools" need $(debug_tools "$kind") debug
	make_work
	debug_need_space
	[[ ! -s $remembered ]] || debug_objects[$kind]=$(<"$remembered")
	say "Building the $kind kernel: about ${debug_minutes[$kind]} minutes on 2 processors, once."
	fetch "the package $source_package" source_package_of "$source_package"
	with_progress "unpacking $source_package" size_of_work debug_unpack ||
		die "$source_package could not be unpacked, perhaps for lack of space in $cache or of xz; see df $cache"
	debug_compile "$kind"
	say "The $kind kernel is built; $SECONDS s in all, $(du -sm "$cache/debug/$kind" | cut -f 1) MB in $cache/debug/$kind"
}

# debug_compile KIND: from source/ and build/ of the work directory.
debug_compile() {
	local kind=$1

	with_progress "configuring the $kind kernel" "" debug_configure "$kind" ||
		die "the $kind kernel would lack what the lines above name; correct $here/config/$kind.config and try again."
	debug_begun=$SECONDS
	progress_pause=1
	with_progress "building the $kind kernel" debug_figure debug_build "$kind" ||
		die "the $kind kernel does not build, see the lines above; look for lack of space or memory and try again."
	progress_pause=0.1
	with_progress "keeping the $kind kernel" "" debug_keep "$kind" ||
		die "the $kind kernel could not be kept, see the lines above; look for space in $cache and try again."
	debug_replace "$kind"
}

# A newer source changes nothing by itself.
debug_mention_newer() {
	local have offered

	have=$(<"$cache/debug/$1/source")
	offered=$(apt-cache show --no-all-versions "$source_package" 2>/dev/null |
		sed -n 's/^Version: //p' | sed -n 1p)
	[[ -n $offered ]] && dpkg --compare-versions "$offered" gt "$have" || return 0
	say "The $1 kernel is of $source_package $have; $offered is there, for: make kernels DEBUG=$1"
}

debug_is_there() {
	[[ $(cat "$cache/debug/$1/key" 2>/dev/null) == "$(debug_key "$1")" ]]
}

# get_debug KIND REBUILD
get_debug() {
	[[ " ${debug_kinds[*]} " == *" $1 "* ]] ||
		die "there is no debug kernel \"$1\"; try DEBUG=kasan, DEBUG=kcsan or DEBUG=kmsan."
	if [[ $2 == 1 ]] || ! debug_is_there "$1"; then
		lock_cache debug
		if [[ $2 == 1 ]] || ! debug_is_there "$1"; then
			debug_fetch "$1" >&2
		fi
	fi
	debug_mention_newer "$1" >&2
	echo "$cache/debug/$1"
}
