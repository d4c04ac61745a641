/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Standard output, for all verbs: that it comes line by line, that nothing is
 * lost without a word, and that a reader who has left ends the program as it ends
 * others.
 *
 * SIGPIPE is ignored until the end, so that a verb that holds a message can give it
 * back when it cannot be written.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>

void output_begin(void);

/* Whether all that was written until now has arrived. */
bool output_is_good(void);

/* Whether nobody reads any more. */
bool output_is_unread(void);

/*
 * Has a thread call @end with @of once nobody reads any more, for who waits for
 * something else than output. Without a thread the next write tells of it.
 */
void output_watch(void (*end)(void *of), void *of);

/* Says that a verb ends for that, although it has not tried to write. */
void output_abandon(void);

/* The exit code, if @code is that of the verb; or the end by SIGPIPE. */
int output_end(int code);

#endif /* OUTPUT_H */
