// SPDX-License-Identifier: GPL-2.0-only
/*
 * pipe - one writer, one reader
 *
 * A channel in the place of pipe(2): a child writes, its parent reads until the
 * end, which comes when the last writer has gone. Unlike in a pipe what was sent
 * in one piece is received in one piece, and nothing is a piece as well.
 *
 * It prints
 *
 *	5 bytes: "hello"
 *	0 bytes: ""
 *	8 bytes: "good bye"
 *	the writer has gone
 */
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <chan.h>

static int writer(int out)
{
	static const char *const texts[] = { "hello", "", "good bye" };
	int ret;

	for (int i = 0; i < 3; i++) {
		ret = chan_send(out, texts[i], strlen(texts[i]), 0);
		if (ret)
			error(1, -ret, "sending");
	}
	return 0;
}

static int reader(int in)
{
	char text[64];
	int n;

	while ((n = chan_recv(in, text, sizeof(text), NULL, 0)) >= 0)
		printf("%d bytes: \"%.*s\"\n", n, n, text);
	if (n != -ESHUTDOWN)
		error(1, -n, "receiving");
	printf("the writer has gone\n");
	return 0;
}

int main(void)
{
	int ends[2], ret;

	ret = chan_pair(ends, 16, 0);
	if (ret)
		error(1, -ret, "making a channel");
	if (!fork()) {
		close(ends[0]);
		return writer(ends[1]);
	}
	close(ends[1]);
	return reader(ends[0]);
}
