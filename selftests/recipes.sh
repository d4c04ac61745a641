#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Takes the recipes out of a document and compiles each as it stands there, a
# program by itself. It must not change a line of them.
#
#   recipes.sh DOCUMENT DIRECTORY COMPILER [FLAG...]
#
# In the document a comment ".. recipe: NAME" is before the literal block that is
# the program, and ".. output: NAME" before the one that it prints. DIRECTORY
# gets for each the source, the output and an object, and of all
#
#	recipes.o	in which main() of each is recipe_NAME()
#	recipes.h	a variant NAME of the fixture "recipe" for each, with
#			its main and its output
set -eu

document=$1 directory=$2
shift 2
rm -rf "$directory"
mkdir -p "$directory"

# The blocks, without what they are indented by, as NAME.c and NAME.out.
awk -v directory="$directory" '
function fail(what) {
	printf "%s:%d: %s\n", FILENAME, FNR, what >"/dev/stderr"
	failed = 1
	exit 1
}
/^\.\. (recipe|output): / {
	if ($3 !~ /^[a-z][a-z0-9_]*$/)
		fail("\"" $3 "\" is no name of a recipe")
	if (wanted)
		fail("the recipe before has no literal block")
	file = directory "/" $3 ($2 == "recipe:" ? ".c" : ".out")
	if (file in seen)
		fail("\"" $3 "\" is there twice")
	seen[file] = 1
	wanted = 1
	begun = indent = blanks = 0
	next
}
!wanted { next }
!begun { begun = /::$/ || /^\.\. code(-block)?::/; next }
/^[ \t]*$/ { blanks += indent > 0; next }
{ match($0, /^ */) }
!indent && !RLENGTH { fail("a literal block is expected here") }
!indent { indent = RLENGTH }
RLENGTH < indent { wanted = 0; close(file); next }
{
	for (; blanks; blanks--)
		print "" >file
	print substr($0, indent + 1) >file
}
END {
	if (wanted && !indent && !failed)
		fail("the last recipe has no literal block")
	exit failed
}' "$document"

[ -n "$(find "$directory" -name '*.c')" ] || {
	echo "$document has no recipes; see selftests/recipes.sh for how they are marked." >&2
	exit 1
}

objects=
for source in "$directory"/*.c; do
	path=${source%.c}
	name=${path##*/}
	[ -e "$path.out" ] || {
		echo "$document: the output of recipe $name is missing." >&2
		exit 1
	}
	"$@" -c -o "$path.main.o" "$source"
	objcopy --redefine-sym "main=recipe_$name" "$path.main.o" "$path.o"
	objcopy --keep-global-symbol="recipe_$name" "$path.o"
	objects="$objects $path.o"
	{
		echo "main_fn recipe_$name;"
		echo "FIXTURE_VARIANT_ADD(recipe, $name) {"
		echo "	.main = recipe_$name, .output ="
		sed 's/[\\"]/\\&/g; s/.*/	"&\\n"/' "$path.out"
		echo "};"
	} >>"$directory/recipes.h"
done
# shellcheck disable=SC2086 # words
ld -r -o "$directory/recipes.o" $objects
