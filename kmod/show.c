// SPDX-License-Identifier: GPL-2.0-only
/*
 * show.c - what of a channel can be seen from outside
 *
 * Owns the text forms of struct chan_stat: attributes in sysfs, one value a
 * file, and lines in fdinfo. It changes nothing, and takes no lock that is held
 * while a device comes or goes.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/seq_file.h>
#include <linux/sysfs.h>

#include "channel.h"
#include "compat.h"
#include "endpoint.h"
#include "show.h"

/* clang-format off */

/* Each file is the member of struct chan_stat that has its name. */
#define STAT_ATTRIBUTE(member, format)					\
static ssize_t member##_show(struct device *dev,			\
			     struct device_attribute *attr, char *buf)	\
{									\
	struct chan_stat stat;						\
									\
	chan_channel_stat(dev_get_drvdata(dev), &stat);			\
	return sysfs_emit(buf, format "\n", stat.member);		\
}									\
static DEVICE_ATTR_RO(member)

STAT_ATTRIBUTE(owner_uid, "%u");
STAT_ATTRIBUTE(flags, "%#x");
STAT_ATTRIBUTE(cap, "%u");
STAT_ATTRIBUTE(msg_max, "%u");
STAT_ATTRIBUTE(bytes_max, "%llu");
STAT_ATTRIBUTE(type, "%#llx");
STAT_ATTRIBUTE(max_attempts, "%u");
STAT_ATTRIBUTE(mode, "%#o");
STAT_ATTRIBUTE(bytes, "%llu");
STAT_ATTRIBUTE(queued, "%u");
STAT_ATTRIBUTE(unsettled, "%u");
STAT_ATTRIBUTE(parked_senders, "%u");
STAT_ATTRIBUTE(parked_receivers, "%u");
STAT_ATTRIBUTE(senders, "%u");
STAT_ATTRIBUTE(receivers, "%u");
STAT_ATTRIBUTE(totals_sent, "%llu");
STAT_ATTRIBUTE(totals_received, "%llu");
STAT_ATTRIBUTE(totals_settled, "%llu");
STAT_ATTRIBUTE(totals_redelivered, "%llu");
STAT_ATTRIBUTE(totals_dropped, "%llu");

/* clang-format on */

static struct attribute *show_attrs[] = {
	&dev_attr_owner_uid.attr,
	&dev_attr_flags.attr,
	&dev_attr_cap.attr,
	&dev_attr_msg_max.attr,
	&dev_attr_bytes_max.attr,
	&dev_attr_type.attr,
	&dev_attr_max_attempts.attr,
	&dev_attr_mode.attr,
	&dev_attr_bytes.attr,
	&dev_attr_queued.attr,
	&dev_attr_unsettled.attr,
	&dev_attr_parked_senders.attr,
	&dev_attr_parked_receivers.attr,
	&dev_attr_senders.attr,
	&dev_attr_receivers.attr,
	&dev_attr_totals_sent.attr,
	&dev_attr_totals_received.attr,
	&dev_attr_totals_settled.attr,
	&dev_attr_totals_redelivered.attr,
	&dev_attr_totals_dropped.attr,
	NULL,
};

static const struct attribute_group show_group = {
	.attrs = show_attrs,
};

const struct attribute_group *chan_show_groups[] = {
	&show_group,
	NULL,
};

void chan_show_fdinfo(struct seq_file *seq, struct file *file)
{
	const struct chan_endpoint *endpoint = file->private_data;
	struct chan_stat stat;

	chan_channel_stat(endpoint->channel, &stat);
	seq_printf(seq, "chan-channel:\t%llu\n", endpoint->channel->serial);
	seq_printf(seq, "chan-name:\t%s\n", stat.name);
	seq_printf(seq, "chan-rights:\t%s%s%s\n",
		   chan_endpoint_has(endpoint, CHAN_RIGHT_SEND) ? "s" : "-",
		   chan_endpoint_has(endpoint, CHAN_RIGHT_RECV) ? "r" : "-",
		   chan_endpoint_has(endpoint, CHAN_RIGHT_ADMIN) ? "a" : "-");
	seq_printf(seq, "chan-badge:\t%#llx\n", endpoint->stamp->badge);
	seq_printf(seq, "chan-cap:\t%u\n", stat.cap);
	seq_printf(seq, "chan-bytes:\t%llu\n", stat.bytes);
	seq_printf(seq, "chan-queued:\t%u\n", stat.queued);
	seq_printf(seq, "chan-unsettled:\t%u\n", stat.unsettled);
	seq_printf(seq, "chan-parked:\t%u %u\n", stat.parked_senders,
		   stat.parked_receivers);
	seq_printf(seq, "chan-endpoints:\t%u %u\n", stat.senders,
		   stat.receivers);
}
