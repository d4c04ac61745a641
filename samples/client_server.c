// SPDX-License-Identifier: GPL-2.0-only
/*
 * client_server - questions to a server that has a name
 *
 * In the place of a local socket: the server takes calls on /dev/chan/upper, and
 * each client, a process of its own, opens that by name. An answer goes to who has
 * asked, without a connection; the server may refuse a question, and knows whose it
 * is. The last question makes it die, and its client is told so.
 *
 * It prints
 *
 *	"hello" is "HELLO"
 *	"42" is refused: Invalid argument
 *	"die" has no answer: Owner died
 *	"hello?" finds no server: No such file or directory
 */
#include <ctype.h>
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chan.h>

#define NAME	"upper"
#define LONGEST 64

/* The question becomes the answer. If nobody waits for it, or has no room, so be it. */
static void answer(int fd, const struct chan_op *call, char *text, int len)
{
	int refusal = call->uid == getuid() ? 0 : EPERM;

	for (int i = 0; i < len; i++) {
		if (isdigit((unsigned char)text[i]))
			refusal = EINVAL;
		text[i] = toupper((unsigned char)text[i]);
	}
	if (refusal)
		chan_reject(fd, call->id, refusal);
	else
		chan_answer(fd, call, text, len);
}

static int server(int fd)
{
	struct chan_op call;
	char text[LONGEST];
	int n;

	while ((n = chan_recv(fd, text, sizeof(text), &call, 0)) >= 0) {
		if (n == 3 && !memcmp(text, "die", 3))
			return 0;
		answer(fd, &call, text, n);
	}
	error(1, -n, "receiving");
	return 1;
}

static int client(const char *question)
{
	struct chan_op call;
	char text[LONGEST];
	int fd, n;

	printf("\"%s\" ", question);
	fd = chan_open(NAME, CHAN_RIGHT_SEND);
	if (fd < 0)
		return printf("finds no server: %s\n", strerror(-fd)) < 0;
	n = chan_call(fd, question, strlen(question), text, sizeof(text), &call,
		      chan_in_ms(10000));
	if (n >= 0)
		printf("is \"%.*s\"\n", n, text);
	else if (n == -EREMOTEIO)
		printf("is refused: %s\n", strerror(call.error));
	else
		printf("has no answer: %s\n", strerror(-n));
	return 0;
}

int main(void)
{
	static const char *const questions[] = { "hello", "42", "die",
						 "hello?" };
	struct chan_create upper = {
		.name = (unsigned long)NAME,
		.cap = 16,
		.msg_max = LONGEST,
		.flags = CHAN_EPHEMERAL,
	};
	int fd = chan_create_with(&upper);

	if (fd < 0)
		error(1, -fd, "making /dev/chan/" NAME);
	if (!fork())
		return server(fd);
	close(fd); /* now it is the server's alone, and ends with it */

	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();

		if (!pid)
			return client(questions[i]);
		waitpid(pid, NULL, 0);
	}
	return 0;
}
