# SPDX-License-Identifier: GPL-2.0-only
#
# The front door: finds the kernel headers, builds into build/, and hands the
# rest to the scripts of selftests/ and .ci/. It must not know how the module is
# composed (see Kbuild) nor how the guest works.
#
# Variables: KDIR= headers to build for, W= C= V= as for the kernel,
# KERNEL= flavour of the guest's kernel, DEBUG= kasan, kcsan or kmsan for a debug
# kernel instead, CONTROLS=1 for planted bugs, T= tests to run, SECONDS_EACH=,
# NAMES= for load, PREFIX= and DESTDIR= for install, OFFLINE=1.

VERSION = 0.1.0
PREFIX = /usr/local
KERNEL ?= 6.12
OLDEST = 6.12

MAKEFLAGS += --no-print-directory
QEMU = selftests/qemu
CC ?= gcc

export KERNEL DEBUG OFFLINE T V SECONDS_EACH SEED NO_COLOR KSFT

# The headers: asked for, or chosen once and only by targets that need them.
ifndef KDIR
KDIR = $(eval KDIR := $$(shell $(QEMU)/kernels kdir))$(KDIR)
endif
release_of = $(shell cat "$(1)/include/config/kernel.release" 2>/dev/null || \
	sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' "$(1)/include/generated/utsrelease.h" 2>/dev/null)
RELEASE = $(eval RELEASE := $$(call release_of,$$(KDIR)))$(RELEASE)
RUNNING = $(eval RUNNING := $$(shell uname -r))$(RUNNING)
OBJ = build/$(RELEASE)

# Type information for tracers (BTF) needs pahole and a vmlinux to refer to.
KBUILD = $(MAKE) -C "$(KDIR)" M="$(CURDIR)/$(OBJ)" CHAN_VERSION=$(VERSION) \
	$(if $(W),W=$(W)) $(if $(C),C=$(C)) $(if $(CF),CF="$(CF)") $(if $(V),V=$(V)) \
	$(if $(and $(wildcard $(KDIR)/vmlinux),$(shell command -v pahole)),,CONFIG_DEBUG_INFO_BTF_MODULES=)

.PHONY: help module objects kdir running lib tools samples demo test soak bench check model \
	shell load unload install install-lib install-tools uninstall clean distclean dist deps kernels
.DEFAULT_GOAL := module

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 15

module: objects ## build chan.ko for the running kernel, or the newest headers found
	@cmp -s $(OBJ)/chan.ko chan.ko || cp $(OBJ)/chan.ko chan.ko

kdir:
	@if [ -z "$(KDIR)" ]; then \
		echo "No kernel headers $(OLDEST) or newer are installed or cached; install linux-headers-$(RUNNING), or fetch Debian's with: make kernels" >&2; exit 1; \
	elif [ -z "$(RELEASE)" ]; then \
		echo "$(KDIR) holds no built kernel headers; name a kernel's build directory: make KDIR=/lib/modules/VERSION/build" >&2; exit 1; \
	elif [ "$$(printf '%s\n' $(OLDEST) "$(RELEASE)" | sort -V | sed -n 1p)" != $(OLDEST) ]; then \
		echo "Kernel $(RELEASE) in $(KDIR) is older than $(OLDEST), which is the oldest that chan supports; name newer headers: make KDIR=/lib/modules/VERSION/build" >&2; exit 1; \
	fi
	@echo "Building for kernel $(RELEASE) ($(KDIR))"

# Kbuild builds where the sources are, so each kernel gets a tree of links.
objects: kdir
	@set -e; for f in Kbuild kmod/*.[ch] kmod/*/*.[ch] uapi/*/*.h; do \
		[ -e "$$f" ] || continue; \
		d=$(OBJ)/$$f; [ -L "$$d" ] && continue; \
		mkdir -p "$${d%/*}"; ln -s "$$(realpath -m --relative-to="$${d%/*}" "$$f")" "$$d"; \
	done; find $(OBJ) -xtype l -delete
	+@$(KBUILD) modules

LIB = $(MAKE) -C lib OUTPUT="$(CURDIR)/build/lib" VERSION=$(VERSION) PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)"

lib: ## build libchan, with its manual pages
	+@$(LIB)

TOOLS = $(MAKE) -C tools OUTPUT="$(CURDIR)/build/tools" LIBCHAN="$(CURDIR)/build/lib" \
	VERSION=$(VERSION) PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)"

tools: lib ## build chanctl, the command line tool, with its manual page
	+@$(TOOLS)

samples: lib ## build the sample programs, which show how libchan is used
	+@$(MAKE) -C samples OUTPUT="$(CURDIR)/build/samples" LIBCHAN="$(CURDIR)/build/lib"

demo: ## show in a virtual machine what chan does, in about a minute
	@$(QEMU)/boot demo

test: ## run the tests in a virtual machine (T=pattern,..., KERNEL=6.12|7, DEBUG=kasan|kcsan|kmsan, CONTROLS=1)
	@$(QEMU)/$(if $(filter 1,$(CONTROLS)),controls,boot test)

soak: ## run the same tests for long (SECONDS_EACH=30)
	@SECONDS_EACH=$(or $(SECONDS_EACH),30) $(QEMU)/boot test

bench: ## measure in a virtual machine that counts instructions
	@if [ -d selftests/bench ]; then $(QEMU)/boot bench; \
	else echo "There is nothing to measure in this version yet."; fi

check: ## check sources, ABI and documentation without running anything (CHECKS=name...)
	@.ci/check $(CHECKS)

model: ## try every order of the steps of models, as they are and with mistakes (T=pattern)
	@selftests/model/run

shell: ## a root shell in a virtual machine with the module loaded, chanctl and the samples
	@$(QEMU)/boot shell

# What needs root here: directly, by sudo, or the sentence that says so.
AS_ROOT = $(if $(filter 0,$(shell id -u)),,sudo)

running:
	@if [ "$(RELEASE)" != "$(RUNNING)" ]; then \
		echo "The module is for kernel $(or $(RELEASE),(none)), but $(RUNNING) runs; install linux-headers-$(RUNNING) ($(OLDEST) or newer), or try chan in a virtual machine: make shell" >&2; exit 1; \
	fi

load: running module ## load chan.ko into the running kernel (NAMES=jobs,logs)
	$(AS_ROOT) insmod ./chan.ko $(if $(NAMES),names=$(NAMES))

unload: build/chan-unload ## remove idle channels and unload the module, or say what keeps it
	@$(AS_ROOT) build/chan-unload

build/chan-unload: tools/chan-unload.c uapi/linux/chan.h
	@mkdir -p build
	$(CC) -O2 -Wall -Wextra -D_GNU_SOURCE -Iuapi $(CFLAGS) -o $@ $<

MODULE_DIR = $(DESTDIR)/lib/modules/$(RELEASE)/updates

install: running module install-tools ## install the module, libchan, chanctl and the headers (DESTDIR=, PREFIX=)
	install -D -m 644 chan.ko "$(MODULE_DIR)/chan.ko"
	$(if $(DESTDIR),,depmod -a $(RELEASE))

install-lib: ## install libchan, its manual pages and the headers, without the module
	+@$(LIB) install

install-tools: install-lib ## install chanctl with its page and completion, and libchan
	+@$(TOOLS) install

# What was only install-lib or install-tools has no module, and no list of modules
# to bring up to date.
INSTALLED_MODULE = $(DESTDIR)/lib/modules/$(RUNNING)/updates/chan.ko

uninstall: ## remove what install has put there
	+@$(TOOLS) uninstall
	+@$(LIB) uninstall
	@[ -e "$(INSTALLED_MODULE)" ] || exit 0; rm -v "$(INSTALLED_MODULE)" || exit; \
	rmdir "$(DESTDIR)/lib/modules/$(RUNNING)/updates" 2>/dev/null; \
	$(if $(DESTDIR),true,depmod -a $(RUNNING) || \
	echo "The module is removed, but its kernel's list of modules still has it; run as root: depmod -a $(RUNNING)" >&2)

clean: ## remove what was built
	rm -rf build chan.ko chan-$(VERSION).tar chan-$(VERSION).tar.xz

distclean: clean ## remove what was built and the cache of kernels
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/chan"

dist: ## pack the committed sources into chan-VERSION.tar.xz
	git archive --prefix=chan-$(VERSION)/ -o chan-$(VERSION).tar HEAD
	xz -9f chan-$(VERSION).tar

deps: ## list the packages that the build and the tests need, and why
	@$(QEMU)/tools list

kernels: ## fetch the newest kernel (KERNEL=6.12|7), or build a debug kernel again (DEBUG=kasan)
	@$(QEMU)/kernels $(if $(DEBUG),rebuild $(DEBUG),refresh $(KERNEL))
