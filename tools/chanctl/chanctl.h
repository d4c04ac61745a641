/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the verbs of chanctl share: exit codes, and the words for errors.
 */
#ifndef CHANCTL_H
#define CHANCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <chan.h>

#define NR(array) (sizeof(array) / sizeof((array)[0]))

/* Beside EXIT_SUCCESS and EXIT_FAILURE; help/chanctl.txt explains them. */
enum {
	EXIT_USAGE = 2,
	EXIT_NOTHING = 3,
	EXIT_DEADLINE = 124,
	EXIT_CANNOT_RUN = 126,
	EXIT_NO_COMMAND = 127,
};

/* Each verb is given its own name as argv[0], and returns an exit code. */
int verb_bench(int argc, char **argv);
int verb_call(int argc, char **argv);
int verb_create(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_help(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_peek(int argc, char **argv);
int verb_recv(int argc, char **argv);
int verb_rm(int argc, char **argv);
int verb_send(int argc, char **argv);
int verb_serve(int argc, char **argv);
int verb_show(int argc, char **argv);
int verb_shutdown(int argc, char **argv);
int verb_top(int argc, char **argv);
int verb_version(int argc, char **argv);
int verb_watch(int argc, char **argv);

/* version.c: program, library and module side by side. */
void print_versions(bool json);

/* errors.c: each error is one sentence on standard error. */

#define PRINTS(fmt, args) __attribute__((format(printf, fmt, args)))

/* Says the sentence; for errors that have no number. */
void complain(const char *fmt, ...) PRINTS(1, 2);

/* Ends the program, and says why, if memory was wanted and is not there. */
void need_memory(bool there);

/* Says what is wrong with the command line, and exits with EXIT_USAGE. */
_Noreturn void usage_error(const char *verb, const char *fmt, ...) PRINTS(2, 3);

/* In place of an errno, where a verb has another sentence for it than the rest. */
enum {
	NO_ROOM = 4096, /* more than any errno: EAGAIN to a sender */
	NO_NODE, /* the name of a new channel leads to something else */
	NOT_THERE, /* ENOENT to who has no use for a channel that is new */
};

/*
 * Says why something could not be done with the channel @name, and what to do;
 * @error is what a function of the library has returned, or of those above. The
 * exit code.
 */
int explain(const char *name, int error);

/* An endpoint with these rights; if there is none, that is said, and it is -1. */
int open_channel(const char *name, unsigned int rights, int *code);

/* Exits with EXIT_USAGE if that can be no name. */
void need_name(const char *verb, const char *name);

#endif /* CHANCTL_H */
