/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * supply.h - where messages come from, and where used ones go
 */
#ifndef CHAN_SUPPLY_H
#define CHAN_SUPPLY_H

#include "endpoint.h"
#include "message.h"

/**
 * chan_supply_take() - get a message, if possible a used one
 * @endpoint: for whose use
 * @len: of the payload
 *
 * Return: a NEW message with an id, or NULL.
 */
struct chan_message *chan_supply_take(struct chan_endpoint *endpoint, u32 len);

/**
 * chan_supply_refill() - see to it that the next send allocates nothing
 * @endpoint: whose next send; the lock of its channel held
 */
void chan_supply_refill(struct chan_endpoint *endpoint);

/**
 * chan_supply_give() - a message has been used
 * @endpoint: by which
 * @message: that nobody else knows, or NULL; no lock held
 */
void chan_supply_give(struct chan_endpoint *endpoint,
		      struct chan_message *message);

#endif /* CHAN_SUPPLY_H */
