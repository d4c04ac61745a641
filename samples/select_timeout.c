// SPDX-License-Identifier: GPL-2.0-only
/*
 * select_timeout - whichever of two channels has something, or neither in time
 *
 * The clauses of a select are the cases of a switch over chan_select(): exactly one
 * is done, and -ETIMEDOUT says that none was. Here nobody is there to send
 * anything, at first, and when that has lasted for 50 ms a reporter is sent out.
 *
 * It prints
 *
 *	50 ms without news; a reporter is on the way
 *	news: "rain"
 *	news: "sun"
 *	the reporter has left, after 2 reports
 */
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <unistd.h>

#include <chan.h>

enum { NEWS, GOODBYE, CLAUSES };

static void send(int fd, const void *buf, size_t len)
{
	int ret = chan_send(fd, buf, len, 0);

	if (ret)
		error(1, -ret, "sending");
}

static int report(int news, int goodbye)
{
	int reports = 2;

	send(news, "rain", 4);
	send(news, "sun", 3);
	send(goodbye, &reports, sizeof(reports));
	return 0;
}

/* Of those that hold nothing: so the goodbye cannot overtake the news. */
static int rendezvous(void)
{
	int fd = chan_create(NULL, 0, 0);

	if (fd < 0)
		error(1, -fd, "making a channel");
	return fd;
}

int main(void)
{
	int news = rendezvous(), goodbye = rendezvous();
	struct chan_op clauses[CLAUSES];
	int done, reports, patience = 50;
	char text[64];

	for (;;) {
		chan_op_recv(&clauses[NEWS], news, text, sizeof(text));
		chan_op_recv(&clauses[GOODBYE], goodbye, &reports,
			     sizeof(reports));
		done = chan_select(clauses, CLAUSES, 0, chan_in_ms(patience));
		if (done >= 0 && clauses[done].result < 0)
			error(1, -clauses[done].result, "receiving");
		switch (done) {
		case NEWS:
			printf("news: \"%.*s\"\n", clauses[NEWS].result, text);
			break;
		case GOODBYE:
			printf("the reporter has left, after %d reports\n",
			       reports);
			return 0;
		case -ETIMEDOUT:
			printf("%d ms without news; a reporter is on the way\n",
			       patience);
			fflush(stdout);
			if (!fork())
				return report(news, goodbye);
			patience = 10000;
			break;
		default:
			error(1, -done, "waiting");
		}
	}
}
