/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The terminal, while a person watches it: a picture that is drawn again and again
 * and gone in the end, and the waiting in between. However the program ends but by
 * SIGKILL, the terminal is as it was.
 */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>
#include <stdint.h>

/* Why a wait has ended. */
enum wake {
	WAKE_TIME,
	WAKE_REDRAW, /* the terminal is another size, or was somebody else's */
	WAKE_QUIT, /* who watches has seen enough */
};

/* Whether standard output is a terminal that can be drawn on. */
bool screen_is_there(void);

void screen_begin(void);
void screen_end(void);

/*
 * Draws @title and below it @table, whose first line is the head; as much of both as
 * there is room for.
 */
void screen_draw(const char *title, const char *table);

/* Waits until a time of CLOCK_MONOTONIC, also where no screen has begun. */
enum wake screen_wait(uint64_t until);

#endif /* SCREEN_H */
