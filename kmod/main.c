// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - loading and unloading
 *
 * Owns the control node, the order in which the parts come and go, and the
 * channels that `names=` asks for at load.
 */
#include <linux/cred.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <linux/chan.h>

#include "channel.h"
#include "charge.h"
#include "compat.h"
#include "device.h"
#include "fade.h"
#include "file.h"
#include "ioctl.h"
#include "message.h"
#include "pending.h"

#define NAMES_CAP  64
#define NAMES_MODE 0660

static char *names;
module_param(names, charp, 0444);
MODULE_PARM_DESC(names, "channels to create at load, separated by commas");

static const struct file_operations control_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = chan_ioctl_control,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice control = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "chan",
	.nodename = "chan/control",
	.mode = 0666,
	.fops = &control_operations,
};

/*
 * The channels that names= asks for. Their nodes come last: who has opened one
 * has the module, which cannot refuse to be loaded any more.
 */
static struct chan_channel **named;
static unsigned int nr_named;

static bool is_named_already(const char *name)
{
	for (unsigned int i = 0; i < nr_named; i++)
		if (!strcmp(named[i]->attr.name, name))
			return true;
	return false;
}

static int create_named(const char *name)
{
	struct chan_attributes attr = {
		.cap = NAMES_CAP,
		.msg_max = CHAN_MSG_DEFAULT,
		.bytes_max = CHAN_BYTES_DEFAULT,
		.mode = NAMES_MODE,
	};
	struct chan_channel *channel;

	/* -EEXIST would be taken for a module that is loaded already. */
	if (!chan_device_valid_name(name) || is_named_already(name))
		return -EINVAL;
	strscpy(attr.name, name);
	channel = chan_channel_create(&attr, current_cred());
	if (IS_ERR(channel))
		return PTR_ERR(channel);
	named[nr_named++] = channel;
	return 0;
}

static int create_all(char *list)
{
	char *name;
	int err = 0;

	while (!err && (name = strsep(&list, ",")))
		err = create_named(name);
	return err;
}

static int create_names(void)
{
	unsigned int commas = 0;
	char *list;
	int err;

	if (!names || !*names)
		return 0;
	for (const char *c = names; *c; c++)
		commas += *c == ',';
	list = kstrdup(names, GFP_KERNEL);
	named = kcalloc(commas + 1, sizeof(*named), GFP_KERNEL);
	err = list && named ? create_all(list) : -ENOMEM;
	kfree(list);
	return err;
}

static void publish_names(void)
{
	for (unsigned int i = 0; i < nr_named; i++)
		if (chan_device_publish(named[i]))
			pr_warn("chan: no node for %s\n", named[i]->attr.name);
}

static void forget_names(void)
{
	while (nr_named)
		chan_channel_put(named[--nr_named]);
	kfree(named);
	named = NULL;
}

static int __init chan_init(void)
{
	int err;

	err = chan_message_init();
	if (err)
		return err;
	err = chan_pending_init();
	if (err)
		goto err_pending;
	err = chan_device_init(&chan_file_operations);
	if (err)
		goto err_device;
	err = create_names();
	if (err)
		goto err_names;
	err = misc_register(&control);
	if (err)
		goto err_names;
	publish_names();
	forget_names();
	pr_info("chan: version %s, ABI %d\n", CHAN_VERSION, CHAN_ABI_VERSION);
	return 0;

err_names:
	forget_names();
	chan_device_exit();
	chan_charge_exit();
	chan_fade_exit();
err_device:
	chan_pending_exit();
err_pending:
	chan_message_exit();
	return err;
}

static void __exit chan_exit(void)
{
	misc_deregister(&control);
	chan_device_exit();
	chan_charge_exit();
	chan_fade_exit();
	chan_pending_exit();
	chan_message_exit();
}

module_init(chan_init);
module_exit(chan_exit);

MODULE_DESCRIPTION("Channels between processes");
MODULE_AUTHOR("The chan authors");
MODULE_VERSION(CHAN_VERSION);
MODULE_LICENSE("GPL");
