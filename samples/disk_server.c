// SPDX-License-Identifier: GPL-2.0-only
/*
 * disk_server - typed requests, and a channel for the results of each client
 *
 * A request says in which channel its client waits for results, so nobody waits for
 * anybody: a client asks for all of its blocks and then takes what comes, and the
 * server answers and goes on. Each channel carries structures of one type, which
 * CHAN_TYPE() of chan_typed.h declares with functions that take no other.
 *
 * It prints
 *
 *	the disk takes requests, and no results
 *	client 1 has 4 blocks, all of them its own
 *	client 2 has 4 blocks, all of them its own
 *	client 3 has 4 blocks, all of them its own
 */
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chan_typed.h>

CHAN_TYPE(request, (int, cylinder), (int, block), (char, results[24]));
CHAN_TYPE(result, (int, cylinder), (int, block), (char, data[24]));

#define DISK	"disk"
#define CLIENTS 3
#define BLOCKS	4

static void must(int ret, const char *what)
{
	if (ret < 0)
		error(1, -ret, "%s", what);
}

static struct result read_block(struct request request)
{
	struct result result = { .cylinder = request.cylinder,
				 .block = request.block };

	snprintf(result.data, sizeof(result.data), "data of %d/%d",
		 request.cylinder, request.block);
	return result;
}

static int server(struct request_chan disk)
{
	struct result_chan results;
	struct request request;
	int ret;

	while ((ret = request_recv(disk, &request, NULL, 0)) >= 0) {
		request.results[sizeof(request.results) - 1] = '\0';
		if (result_open(&results, request.results, CHAN_RIGHT_SEND))
			continue; /* the client has gone */
		result_send(results, read_block(request), CHAN_AT_ONCE);
		close(results.fd);
	}
	return ret != -ESHUTDOWN;
}

/* How many blocks it has got that are its own. */
static int client(int nr)
{
	struct request request = { .cylinder = nr };
	struct result_chan results;
	struct request_chan disk;
	struct result result;
	int own = 0;

	snprintf(request.results, sizeof(request.results), "disk-%d", nr);
	must(result_create(&results, request.results, BLOCKS, CHAN_EPHEMERAL),
	     "making a channel for results");
	must(request_open(&disk, DISK, CHAN_RIGHT_SEND), "opening the disk");
	for (request.block = 0; request.block < BLOCKS; request.block++)
		must(request_send(disk, request, 0), "asking");
	for (int i = 0; i < BLOCKS; i++) {
		must(result_recv(results, &result, NULL, chan_in_ms(10000)),
		     "receiving");
		own += result.cylinder == nr && result.block == i;
	}
	return own;
}

int main(void)
{
	pid_t clients[CLIENTS + 1];
	struct request_chan disk;
	struct result_chan wrong;
	int status;

	must(request_create(&disk, DISK, 16, CHAN_EPHEMERAL), "making a disk");
	if (result_open(&wrong, DISK, CHAN_RIGHT_SEND) == -EPROTOTYPE)
		printf("the disk takes requests, and no results\n");
	fflush(stdout);
	if (!fork())
		return server(disk);
	for (int i = 1; i <= CLIENTS; i++) {
		clients[i] = fork();
		if (!clients[i])
			return client(i);
	}
	for (int i = 1; i <= CLIENTS; i++) {
		waitpid(clients[i], &status, 0);
		printf("client %d has %d blocks, all of them its own\n", i,
		       WEXITSTATUS(status));
	}
	must(chan_shutdown(disk.fd), "shutting the disk down");
	wait(&status);
	return WEXITSTATUS(status);
}
