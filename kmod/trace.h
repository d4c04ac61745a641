/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.h - trace events, one for each thing that can happen to a message
 *
 * Under /sys/kernel/tracing/events/chan/. Sends and receipts are told under the
 * lock of the channel, so their order is the order in which they happened.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM chan

#if !defined(CHAN_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CHAN_TRACE_H

#include <linux/tracepoint.h>

#include "channel.h"
#include "message.h"

/* clang-format off */
DECLARE_EVENT_CLASS(chan_message_class,
	TP_PROTO(const struct chan_channel *channel,
		 const struct chan_message *message),
	TP_ARGS(channel, message),
	TP_STRUCT__entry(
		__string(name, channel->attr.name)
		__field(u64, serial)
		__field(u64, id)
		__field(u32, len)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->serial = channel->serial;
		__entry->id = message->id;
		__entry->len = message->len;
	),
	TP_printk("channel=%llu name=%s id=%llu len=%u",
		  __entry->serial, __get_str(name), __entry->id, __entry->len)
);

/* It got a slot. */
DEFINE_EVENT(chan_message_class, chan_send,
	TP_PROTO(const struct chan_channel *channel,
		 const struct chan_message *message),
	TP_ARGS(channel, message));

/* It was copied to a receiver. */
DEFINE_EVENT(chan_message_class, chan_receive,
	TP_PROTO(const struct chan_channel *channel,
		 const struct chan_message *message),
	TP_ARGS(channel, message));

/* It had a slot, and no receiver is left. */
DEFINE_EVENT(chan_message_class, chan_drop,
	TP_PROTO(const struct chan_channel *channel,
		 const struct chan_message *message),
	TP_ARGS(channel, message));
/* clang-format on */

#endif /* CHAN_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
