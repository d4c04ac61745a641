# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# How a kernel that is newer than this Debian is had: as a chroot of Debian
# unstable in the cache, with its headers and the compiler and make that go with
# them, for their objtool and modpost do not run on this one's C library. It is a
# part of "kernels", whose work directory it uses; it must not do anything by being
# read, and changes nothing but the cache: what a build needs is mounted in a
# namespace of its own.
#
# shellcheck disable=SC2034,SC2154 # what is shared with "kernels" and common.sh

chroot_oldest=7 # of older kernels this Debian's own lists offer one

# chroot_has FLAVOUR: whether its kernel comes from unstable.
chroot_has() {
	((${1%%[.-]*} >= chroot_oldest))
}

# Why there is no chroot, in one sentence; a run is then skipped, not failed.
unavailable() {
	progress_clear
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 77
}

# Where apt has this Debian from, there is unstable, too.
chroot_source() {
	local archive

	# shellcheck disable=SC2016 # apt-get expands it
	archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		'Origin: Debian' 'Label: Debian' 'Component: main' | sed -n 1p)
	[[ -n $archive ]] && echo "deb $archive unstable main"
}

# Without root mmdebstrap works in a user namespace that maps many users.
chroot_need_rights() {
	local ask="; or try the same command as root."

	((EUID)) || return 0
	unshare --user --map-root-user --mount true 2>/dev/null ||
		unavailable "this user may not make a user namespace (sysctl kernel.unprivileged_userns_clone or kernel.apparmor_restrict_unprivileged_userns), so there is no chroot of Debian unstable$ask"
	grep -Eqs "^($(id -un)|$EUID):" /etc/subuid ||
		unavailable "/etc/subuid gives this user no others, so there is no chroot of Debian unstable; as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)$ask"
}

# The image, whose package can be named once its headers are there; linux-image-V
# is empty by now, and would bring modules and what makes a machine boot.
# shellcheck disable=SC2016 # mmdebstrap's shell expands it
chroot_add_image='set -e
	release=$(basename "$1"/usr/lib/modules/*)
	cd "$1/tmp"
	APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -o APT::Sandbox::User=root download "linux-binary-$release"
	dpkg-deb -x linux-binary-*.deb "$1"
	rm linux-binary-*.deb'

# The chroot's apt goes through the same proxies as this one's, and takes an archive
# that is older than its Release file lives, as mirrors and snapshots may be.
chroot_apt_options() {
	echo 'Acquire::Check-Valid-Until "false";'
	apt-config dump | grep -E '^Acquire::https?::' || true
}

# chroot_fill SUFFIX SOURCE. As root mmdebstrap mounts where everybody sees it, and
# may be stopped at any time, so it gets a namespace of its own. Without root it has
# one, and leaves files that this user could not even delete, so they come through
# an archive.
chroot_fill() {
	local namespace=(unshare --mount) target=$work/root

	((EUID == 0)) || namespace=() target=$work/root.tar
	${namespace[@]+"${namespace[@]}"} mmdebstrap --variant=essential \
		--include="gcc,make,linux-headers$1-amd64" --aptopt="$(chroot_apt_options)" \
		--customize-hook="$chroot_add_image" unstable "$target" "$2" || return
	[[ $target == *.tar ]] || return 0
	mkdir "$work/root" &&
		tar -xf "$target" -C "$work/root" --no-same-owner --exclude='./dev/*' &&
		rm "$target"
}

# chroot_make FLAVOUR: fetches it and puts it into the place of an older one.
chroot_make() {
	local flavour=$1 suffix='' source release

	[[ $flavour != *-* ]] || suffix=-${flavour#*-}
	[[ ${OFFLINE:-0} != 1 ]] ||
		unavailable "the kernel $flavour is not there and OFFLINE=1 forbids to fetch it; try the same command without OFFLINE=1."
	("$here/tools" need unstable && { apt_lists_present || apt_update; }) ||
		unavailable "there is no chroot of Debian unstable for the kernel $flavour, see above."
	chroot_need_rights
	source=$(chroot_source) ||
		unavailable "apt's sources name no archive of Debian, so there is no chroot of Debian unstable for the kernel $flavour; add one and try again."
	make_work
	progress_pause=1
	with_progress "making a chroot of Debian unstable" size_of_work chroot_fill "$suffix" "$source" ||
		unavailable "there is no chroot of Debian unstable for the kernel $flavour, perhaps without network, or for lack of space in $cache; see the lines above."
	release=$(basename "$work"/root/usr/lib/modules/*)
	[[ $release == "${flavour%%-*}".* ]] ||
		unavailable "Debian unstable offers the kernel $release and no $flavour; try KERNEL=${release%%.*}."
	chroot_replace "$flavour" "$release"
}

# chroot_replace FLAVOUR RELEASE: it looks like any other kernel's directory.
chroot_replace() {
	local directory=$cache/chroot/$1

	echo "$2" >"$work/root/release"
	mkdir -p "$work/root/boot" "$cache/chroot"
	ln -s "../usr/lib/modules/$2/vmlinuz" "$work/root/boot/vmlinuz-$2"
	[[ ! -e $directory ]] || mv "$directory" "$work/old"
	mv "$work/root" "$directory"
}

# get_chroot FLAVOUR REFRESH
get_chroot() {
	local directory=$cache/chroot/$1

	if [[ ! -f $directory/release || $2 == 1 ]]; then
		lock_cache chroot
		if [[ ! -f $directory/release || $2 == 1 ]]; then
			chroot_make "$1" >&2
		fi
	fi
	echo "$directory"
}

# chroot_enter DIRECTORY COMMAND...: runs there, with the tree as /mnt. Only this
# command and its children see what is mounted; objtool and gcc want /proc and /dev.
chroot_enter() {
	local namespace=(unshare --mount)

	((EUID == 0)) || namespace+=(--map-root-user)
	# shellcheck disable=SC2016 # the inner shell expands it
	"${namespace[@]}" env -u TMPDIR PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -euc '
		for mount in /proc:/proc /dev:/dev "$2:/mnt"; do
			mount --rbind "${mount%:*}" "$1${mount##*:}"
		done
		exec chroot "$1" "${@:3}"' bash "$1" "$top" "${@:2}"
}
