// SPDX-License-Identifier: GPL-2.0-only
/*
 * control.c - one planted bug per class, to see whether anything catches it
 *
 * Owns the bugs and nothing else. Loading the module with bug=NAME commits
 * that one; the file "list" beside this one says which kernel's detector must
 * notice it and what the kernel's log says then. A bug is a function of its
 * own, whose name the report shows, and does on purpose what chan must never
 * do. It must not be loaded anywhere but in a guest.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

#define STUCK_SECONDS 12
#define RACE_MS	      500
#define LEAKS	      16

static DEFINE_SPINLOCK(lock);
static u64 sink;

/* Memory of the process that loads the module. */
static void __user *user_page(void)
{
	unsigned long address;

	address = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, 0);
	return IS_ERR_VALUE(address) ? NULL : (void __user *)address;
}

static void use_after_free(void)
{
	u8 *object = kmalloc(64, GFP_KERNEL);
	u8 *stale = object;

	OPTIMIZER_HIDE_VAR(stale);
	kfree(object);
	WRITE_ONCE(sink, READ_ONCE(stale[8]));
}

static void out_of_bounds(void)
{
	size_t len = 61;
	u8 *object = kmalloc(len, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(len);
	OPTIMIZER_HIDE_VAR(object);
	WRITE_ONCE(object[len], 1);
	kfree(object);
}

static void double_free(void)
{
	u8 *object = kmalloc(64, GFP_KERNEL);
	u8 *stale = object;

	OPTIMIZER_HIDE_VAR(stale);
	kfree(object);
	kfree(stale);
}

static void lock_order(void)
{
	static DEFINE_MUTEX(first);
	static DEFINE_MUTEX(second);

	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_in_atomic(void)
{
	void *object;

	spin_lock(&lock);
	object = kmalloc(64, GFP_KERNEL);
	spin_unlock(&lock);
	kfree(object);
}

/* The page is there, so that nothing sleeps this time. */
static void user_copy_under_lock(void)
{
	u64 __user *from = user_page();
	u64 value = 0;

	spin_lock(&lock);
	if (copy_from_user(&value, from, sizeof(value)))
		value = 1;
	spin_unlock(&lock);
	WRITE_ONCE(sink, value);
}

/* Many, for a stale copy of one address may lie somewhere. */
static void leak(void)
{
	int i;

	for (i = 0; i < LEAKS; i++)
		WRITE_ONCE(sink, !kmalloc(96, GFP_KERNEL));
}

static void shift(void)
{
	int by = 40;

	OPTIMIZER_HIDE_VAR(by);
	WRITE_ONCE(sink, 1 << by);
}

static void bounds(void)
{
	static int numbers[8];
	int index = 9;

	OPTIMIZER_HIDE_VAR(index);
	WRITE_ONCE(sink, READ_ONCE(numbers[index]));
}

static void list_corruption(void)
{
	struct list_head entry;
	LIST_HEAD(head);

	list_add(&entry, &head);
	list_del(&entry);
	list_del(&entry);
}

static void refcount(void)
{
	refcount_t refs = REFCOUNT_INIT(0);

	refcount_inc(&refs);
	WRITE_ONCE(sink, refcount_read(&refs));
}

static void never(struct timer_list *timer)
{
}

static void freed_timer(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	timer_setup(timer, never, 0);
	mod_timer(timer, jiffies + 1000 * HZ);
	kfree(timer);
}

static int race_forever(void *shared)
{
	u64 *count = shared;

	while (!kthread_should_stop()) {
		*count += 1;
		barrier();
		cond_resched();
	}
	return 0;
}

static void racing(void)
{
	static u64 shared;
	struct task_struct *tasks[2];
	int i;

	for (i = 0; i < 2; i++)
		tasks[i] = kthread_run(race_forever, &shared, "race%d", i);
	msleep(RACE_MS);
	for (i = 0; i < 2; i++) {
		if (!IS_ERR(tasks[i]))
			kthread_stop(tasks[i]);
	}
}

static void uninitialised_to_user(void)
{
	u8 *object = kmalloc(64, GFP_KERNEL);

	object[0] = 1;
	if (copy_to_user(user_page(), object, 64))
		WRITE_ONCE(sink, 1);
	kfree(object);
}

/* Not for ever, so that the guest can end in good order. */
static void stuck_task(void)
{
	DECLARE_COMPLETION_ONSTACK(nobody_completes);

	wait_for_completion_timeout(&nobody_completes, STUCK_SECONDS * HZ);
}

static const struct {
	const char *name;
	void (*commit)(void);
} bugs[] = {
	{ "use-after-free", use_after_free },
	{ "out-of-bounds", out_of_bounds },
	{ "double-free", double_free },
	{ "lock-order", lock_order },
	{ "sleep-in-atomic", sleep_in_atomic },
	{ "user-copy-under-lock", user_copy_under_lock },
	{ "leak", leak },
	{ "shift", shift },
	{ "bounds", bounds },
	{ "list-corruption", list_corruption },
	{ "refcount", refcount },
	{ "freed-timer", freed_timer },
	{ "data-race", racing },
	{ "uninitialised-to-user", uninitialised_to_user },
	{ "stuck-task", stuck_task },
	{ "none", NULL },
};

static char *bug = "none";
module_param(bug, charp, 0444);
MODULE_PARM_DESC(bug, "which bug to commit");

static int __init control_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (strcmp(bug, bugs[i].name))
			continue;
		if (bugs[i].commit)
			bugs[i].commit();
		return 0;
	}
	return -EINVAL;
}

static void __exit control_exit(void)
{
}

module_init(control_init);
module_exit(control_exit);
MODULE_DESCRIPTION("planted bugs for the detectors to find");
MODULE_LICENSE("GPL");
