/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a report of a bug should tell of the machine.
 */
#ifndef REPORT_H
#define REPORT_H

/* Prints what does not come of the looks of "chanctl doctor". */
void print_report(void);

#endif /* REPORT_H */
