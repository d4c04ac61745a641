#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest of a kernel with kmemleak: what nothing points to any more. It
# fails if there is something, and shows it. The first scan only notes the
# contents of what is new; an object that has not changed at the second one, and
# is older than five seconds, is reported.
file=/sys/kernel/debug/kmemleak
text=/sys/module/chan/sections/.text

[ ! -e $text ] || echo "chan is at $(cat $text)"
[ -e $file ] || { echo "this kernel has no kmemleak" && exit 1; }
sleep 6
echo scan >$file
echo scan >$file
leaks=$(cat $file)
echo "$leaks"
[ -z "$leaks" ]
