// SPDX-License-Identifier: GPL-2.0-only
/*
 * named_tasks - tasks that know each other by name
 *
 * The boss hires two tasks and knows nothing of them but their names. To tell one
 * something takes until it has received that, to ask it until it has answered. A
 * task that dies over a question, or is not there, is no riddle either.
 *
 * It prints
 *
 *	"apples" works for me
 *	"pears" works for me
 *	"apples", how many? 12
 *	"pears", how many? 1
 *	"apples", stop! Owner died
 *	"apples", how many? No such file or directory
 */
#include <error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chan.h>

static void tell(const char *name, const char *text)
{
	int ret = chan_tell(name, text, strlen(text), chan_in_ms(10000));

	if (ret)
		error(1, -ret, "telling %s \"%s\"", name, text);
}

static void ask(const char *name, const char *question)
{
	char answer[16];
	int n = chan_ask(name, question, strlen(question), answer,
			 sizeof(answer), chan_in_ms(10000));

	if (n < 0)
		printf("\"%s\", %s %s\n", name, question, strerror(-n));
	else
		printf("\"%s\", %s %.*s\n", name, question, n, answer);
}

/* The life of a task: it adds up what it is told, and says so when asked. */
static int count(const char *name)
{
	int mailbox = chan_task(name);
	struct chan_op msg;
	char text[16];
	int n, sum = 0;

	if (mailbox < 0)
		error(1, -mailbox, "being %s", name);
	tell("boss", name);
	for (;;) {
		n = chan_recv(mailbox, text, sizeof(text) - 1, &msg, 0);
		if (n < 0)
			error(1, -n, "receiving");
		text[n] = '\0';
		if (!strcmp(text, "stop!"))
			return 0;
		if (msg.duty != CHAN_DUTY_REPLY)
			sum += atoi(text);
		chan_answer(mailbox, &msg, text, sprintf(text, "%d", sum));
	}
}

/* It works for me once it has told me so. */
static void hire(const char *name, int mailbox)
{
	char text[16];
	int n;

	if (!fork())
		_exit(count(name));
	n = chan_recv(mailbox, text, sizeof(text), NULL, chan_in_ms(10000));
	if (n < 0)
		error(1, -n, "hiring");
	printf("\"%.*s\" works for me\n", n, text);
}

int main(void)
{
	int mailbox = chan_task("boss");

	if (mailbox < 0)
		error(1, -mailbox, "being the boss");
	hire("apples", mailbox);
	hire("pears", mailbox);
	tell("apples", "5");
	tell("pears", "1");
	tell("apples", "7");
	ask("apples", "how many?");
	ask("pears", "how many?");
	ask("apples", "stop!");
	wait(NULL);
	ask("apples", "how many?");
	tell("pears", "stop!");
	wait(NULL);
	return 0;
}
