// SPDX-License-Identifier: GPL-2.0-only
/*
 * trace.c - the one place that gives the trace events their bodies
 */
#include "compat.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
