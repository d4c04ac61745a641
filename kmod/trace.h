/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.h - trace events, one for each thing that can happen to a message
 *
 * Under /sys/kernel/tracing/events/chan/. All are told under the lock of the
 * channel, so their order is the order in which they happened.
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
		__field(u32, attempt)
		__field(u8, prio)
		__field(u8, duty)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->serial = channel->serial;
		__entry->id = message->id;
		__entry->len = message->len;
		__entry->attempt = message->attempt;
		__entry->prio = message->terms.prio;
		__entry->duty = message->terms.duty;
	),
	TP_printk("channel=%llu name=%s id=%llu len=%u prio=%u duty=%s attempt=%u",
		  __entry->serial, __get_str(name), __entry->id, __entry->len,
		  __entry->prio,
		  __print_symbolic(__entry->duty,
				   { CHAN_DUTY_NONE, "NONE" },
				   { CHAN_DUTY_ACK, "ACK" },
				   { CHAN_DUTY_REPLY, "REPLY" }),
		  __entry->attempt)
);

#define CHAN_MESSAGE_EVENT(event)				\
DEFINE_EVENT(chan_message_class, event,				\
	TP_PROTO(const struct chan_channel *channel,		\
		 const struct chan_message *message),		\
	TP_ARGS(channel, message))

/* It got a slot. */
CHAN_MESSAGE_EVENT(chan_send);

/* It was copied to a receiver, or met one that could only reject it. */
CHAN_MESSAGE_EVENT(chan_receive);

/* Its sender took it back, or was refused, before anyone received it. */
CHAN_MESSAGE_EVENT(chan_withdraw);

/* Its caller left after somebody had received it. */
CHAN_MESSAGE_EVENT(chan_abandon);

/* It came back from a receiver that returned it or died. */
CHAN_MESSAGE_EVENT(chan_redeliver);

/* Nobody can receive it any more, and nobody is told so. */
CHAN_MESSAGE_EVENT(chan_drop);

/* Its duty is over: fulfilled, refused or, with a verdict of 0, failed. */
TRACE_EVENT(chan_settle,
	TP_PROTO(const struct chan_channel *channel,
		 const struct chan_message *message),
	TP_ARGS(channel, message),
	TP_STRUCT__entry(
		__string(name, channel->attr.name)
		__field(u64, serial)
		__field(u64, id)
		__field(u32, len)
		__field(u32, attempt)
		__field(u32, error)
		__field(u8, verdict)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->serial = channel->serial;
		__entry->id = message->id;
		__entry->len = message->len;
		__entry->attempt = message->attempt;
		__entry->error = message->error;
		__entry->verdict = message->verdict;
	),
	TP_printk("channel=%llu name=%s id=%llu len=%u attempt=%u verdict=%s error=%u",
		  __entry->serial, __get_str(name), __entry->id, __entry->len,
		  __entry->attempt,
		  __print_symbolic(__entry->verdict,
				   { 0, "FAILED" },
				   { CHAN_ACK, "ACK" },
				   { CHAN_REPLY, "REPLY" },
				   { CHAN_REJECT, "REJECT" }),
		  __entry->error)
);
/* clang-format on */

#endif /* CHAN_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
