/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * settle.h - saying how a duty ends
 */
#ifndef CHAN_SETTLE_H
#define CHAN_SETTLE_H

#include "endpoint.h"
#include "op.h"

/**
 * chan_settle_op() - CHAN_OP_SETTLE
 * @endpoint: with CHAN_RIGHT_RECV
 * @call: well-formed
 *
 * Return: see chan_op_run().
 */
int chan_settle_op(struct chan_endpoint *endpoint, struct chan_call *call);

#endif /* CHAN_SETTLE_H */
