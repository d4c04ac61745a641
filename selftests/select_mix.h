/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Selects among everything else, on several channels: parties that send, that
 * receive, or that select between both, with arms that are random and doubled,
 * deadlines, priorities, looks and buffers that cannot be written; between
 * their selects they do what op_mix.h does, and poll.  One who meddles cancels
 * and sends signals.  Every SEND arm is a letter of its own, but for twins,
 * which share one; all of it is noted in one oracle, where an arm that was not
 * chosen counts as withdrawn.  When the senders have ended, the hang-up ends
 * the receivers.
 *
 * Nobody waits for ever for what might not come: a select without a deadline
 * has a SEND arm, or a RECV arm on every channel.
 *
 * It judges what each call returns, and that no record of an arm that was not
 * chosen has changed.
 */
#ifndef SELECT_MIX_H
#define SELECT_MIX_H

#include "op_mix.h"
#include "select.h"

#define CHANNELS 4 /* at most */
#define ARMS	 6 /* of one select */
#define PARTIES	 8 /* at most */

enum role { SENDS = 1, RECEIVES = 2, DOES_BOTH = SENDS | RECEIVES };

/* What came of a select. */
enum came {
	CAME_SENT,
	CAME_RECEIVED,
	CAME_SEEN,
	CAME_EAGAIN,
	CAME_ETIMEDOUT,
	CAME_EINTR,
	CAME_ECANCELED,
	CAME_EMSGSIZE,
	CAME_EFAULT,
	CAME_END,
	CAMES,
};

static const char *const came_names[CAMES] = {
	"sent",	 "received",  "seen",	  "EAGAIN", "ETIMEDOUT",
	"EINTR", "ECANCELED", "EMSGSIZE", "EFAULT", "ended",
};

/* Signals that may come during a select. */
enum patience { UNDISTURBED, INTERRUPTED, RESTARTED };

/* A select under way, on its arms' own endpoints. */
struct arms {
	struct selecting s;
	enum patience patience;
	__u32 first; /* its letters are from this number */
	int channels[ARMS];
	struct letter *letters[ARMS]; /* sent, or where to */
};

struct select_mix;

struct party {
	struct select_mix *all;
	enum role role;
	__u32 index; /* of the sender, if it is one */
	unsigned int seed;
	struct mixer sending[CHANNELS], receiving[CHANNELS];
	bool ended[CHANNELS]; /* nothing is to be received any more */
	struct order orders[CHANNELS];
	struct arms arms;
	union {
		struct letter letter;
		char room[LETTER_MAX];
	} rooms[ARMS];
	pthread_t thread;
	int error; /* that no rule allows */
};

struct select_mix {
	struct oracle *oracle;
	double seconds; /* from when all are there */
	int nr, nr_parties;
	bool meddled; /* with threads of this process */
	bool faults; /* some receive where it cannot be written */
	bool unordered; /* claims come back, out of order to others */
	char *edge; /* where they receive */
	atomic_uint came[CAMES];
	struct mix mixes[CHANNELS]; /* for each channel, all of one oracle */
	struct party parties[PARTIES];
	struct mixer meddler;
	/* Of each letter of a select: the first one, plus one. */
	__u32 firsts[SENDERS][NUMBERS];
};

/* What a storm is made of. */
struct select_plan {
	int nr;
	__u32 caps[CHANNELS];
	int senders, both, receivers;
	bool faults;
};

static inline bool chance(struct party *p, unsigned int nr)
{
	return rand_r(&p->seed) % nr == 0;
}

static inline int any_channel(struct party *p)
{
	return rand_r(&p->seed) % p->all->nr;
}

/* Or -1, if all have ended. */
static inline int open_channel(struct party *p)
{
	int channel = any_channel(p);

	for (int i = 0; i < p->all->nr; i++, channel++)
		if (!p->ended[channel % p->all->nr])
			return channel % p->all->nr;
	return -1;
}

static inline bool is_sending(const struct chan_op *op)
{
	return op->code == CHAN_OP_SEND;
}

/* Arms -------------------------------------------------------------------- */

/* Now and then the same letter as the arm before. */
static inline struct letter *next_letter(struct party *p, struct arms *a)
{
	struct oracle *o = p->all->oracle;
	__u32 nr = a->s.batch.nr;
	struct letter *letter = &p->rooms[nr].letter;

	if (nr && is_sending(&a->s.arms[nr - 1]) && chance(p, 8))
		return a->letters[nr - 1];
	p->all->firsts[p->index][o->sent[p->index]] = a->first + 1;
	letter_next(o, letter, p->index, ASYNCHRONOUS, &p->seed);
	return letter;
}

static inline void add_letter(struct party *p, struct arms *a, int channel)
{
	struct letter *letter = next_letter(p, a);
	struct chan_op op = letter_op(ASYNCHRONOUS, letter, NULL);
	int nr = add_arm(&a->s, p->sending[channel].fd, op);

	a->letters[nr] = letter;
	a->channels[nr] = channel;
	a->s.arms[nr].tag = 1 + p->index;
	if (!p->all->mixes[channel].cap && chance(p, 2))
		a->s.arms[nr].until = CHAN_UNTIL_RECEIVED;
}

static inline void add_room(struct party *p, struct arms *a, int channel)
{
	struct letter *letter = &p->rooms[a->s.batch.nr].letter;
	struct chan_op op = op_recv(letter, LETTER_MAX);
	int nr;

	memset(letter, 0xcc, sizeof(*letter));
	op.tag = 100 + p->index;
	if (chance(p, 16))
		op.flags = CHAN_PEEK;
	else if (chance(p, 8) && !p->all->oracle->receivers_die)
		op.flags = CHAN_AUTOACK;
	else if (chance(p, 64))
		op.len = sizeof(*letter) - 1;
	if (p->all->faults && chance(p, 8))
		op.buf = address(p->all->edge - 1);
	nr = add_arm(&a->s, p->receiving[channel].fd, op);
	a->letters[nr] = letter;
	a->channels[nr] = channel;
}

/* On every channel that is open, and on some of them again. */
static inline void fill_receiver(struct party *p, struct arms *a)
{
	__u32 nr;

	for (int i = 0; i < p->all->nr; i++)
		if (!p->ended[i])
			add_room(p, a, i);
	for (nr = rand_r(&p->seed) % (ARMS - a->s.batch.nr + 1); nr; nr--)
		add_room(p, a, open_channel(p));
}

static inline void fill_sender(struct party *p, struct arms *a)
{
	__u32 nr = 1 + rand_r(&p->seed) % ARMS;

	add_letter(p, a, any_channel(p));
	while (a->s.batch.nr < nr) {
		if (p->role == DOES_BOTH && chance(p, 2))
			add_room(p, a, any_channel(p));
		else
			add_letter(p, a, any_channel(p));
	}
}

static inline void swap_arms(struct arms *a, __u32 i, __u32 j)
{
	struct chan_op op = a->s.arms[i];
	int channel = a->channels[i];
	struct letter *letter = a->letters[i];

	a->s.arms[i] = a->s.arms[j];
	a->channels[i] = a->channels[j];
	a->letters[i] = a->letters[j];
	a->s.arms[j] = op;
	a->channels[j] = channel;
	a->letters[j] = letter;
}

static inline void arms_fill(struct party *p, struct arms *a)
{
	/* Any endpoint will do. */
	select_init(&a->s, p->all->mixes[0].ends.admin);
	a->first = p->role & SENDS ? p->all->oracle->sent[p->index] : 0;
	if (p->role & SENDS)
		fill_sender(p, a);
	else
		fill_receiver(p, a);
	for (__u32 i = 1; i < a->s.batch.nr; i++)
		swap_arms(a, i, rand_r(&p->seed) % (i + 1));
}

/* Selects ----------------------------------------------------------------- */

static inline void mask_signals(int how, enum patience patience)
{
	sigset_t set;

	sigemptyset(&set);
	if (patience != RESTARTED)
		sigaddset(&set, SIGUSR1);
	if (patience != INTERRUPTED)
		sigaddset(&set, SIGUSR2);
	pthread_sigmask(how, &set, NULL);
}

/* What the arm gave that was done, or an errno. */
static inline int run_arms(struct party *p, struct arms *a)
{
	struct chan_batch *batch = &a->s.batch;
	int ret;

	if (chance(p, 4))
		batch->flags |= CHAN_ORDERED;
	if (chance(p, 8))
		batch->flags |= CHAN_NOWAIT;
	if (chance(p, 2))
		batch->deadline = short_deadline(&p->seed);
	a->patience = UNDISTURBED;
	if (p->all->meddled)
		a->patience = rand_r(&p->seed) % 3;
	if (a->patience != UNDISTURBED)
		mask_signals(SIG_UNBLOCK, a->patience);
	ret = select_raw(&a->s);
	if (a->patience != UNDISTURBED)
		mask_signals(SIG_BLOCK, UNDISTURBED);
	return ret < 0 ? ret : a->s.arms[ret].result;
}

/* The number of the arm that was done or failed, or -1. */
static inline int arm_of(const struct arms *a)
{
	return a->s.batch.index < a->s.batch.nr ? (int)a->s.batch.index : -1;
}

/* Is it an outcome that the select as a whole can have? */
static inline bool is_allowed(const struct arms *a, int result)
{
	switch (result) {
	case -EAGAIN:
		return a->s.batch.flags & CHAN_NOWAIT;
	case -ETIMEDOUT:
		return a->s.batch.deadline;
	case -EINTR:
		return a->patience == INTERRUPTED;
	default:
		return false;
	}
}

static inline bool is_allowed_of_arm(const struct party *p,
				     const struct chan_op *op, int result)
{
	if (result >= 0 || (result == -ECANCELED && p->all->meddled))
		return true;
	if (is_sending(op))
		return result == -EPIPE;
	if (op->buf == address(p->all->edge - 1) && result == -EFAULT)
		return true;
	return result == -EMSGSIZE || result == -ESHUTDOWN;
}

static inline enum came came_of(const struct chan_op *op, int result)
{
	switch (result) {
	case -EAGAIN:
		return CAME_EAGAIN;
	case -ETIMEDOUT:
		return CAME_ETIMEDOUT;
	case -EINTR:
		return CAME_EINTR;
	case -ECANCELED:
		return CAME_ECANCELED;
	case -EMSGSIZE:
		return CAME_EMSGSIZE;
	case -EFAULT:
		return CAME_EFAULT;
	case -ESHUTDOWN:
	case -EPIPE:
		return CAME_END;
	default:
		return is_sending(op)	     ? CAME_SENT :
		       op->flags & CHAN_PEEK ? CAME_SEEN :
					       CAME_RECEIVED;
	}
}

/* A twin of the chosen arm has the fate of that; who is killed notes no more. */
static inline void note_arms(struct party *p, const struct arms *a)
{
	struct oracle *o = p->all->oracle;
	int arm = arm_of(a);

	for (__u32 i = 0; i < a->s.batch.nr; i++)
		if (is_sending(&a->s.arms[i]) &&
		    (arm < 0 || a->letters[i] != a->letters[arm]))
			o->fates[p->index][a->letters[i]->number].told =
				WITHDRAWN;
	if (arm >= 0 && is_sending(&a->s.arms[arm]))
		note_told(o, a->letters[arm], &a->s.arms[arm]);
}

static inline void has_received(struct party *p, struct arms *a, int n)
{
	int arm = arm_of(a), channel = a->channels[arm];
	const struct letter *letter = a->letters[arm];
	struct mixer *m = &p->receiving[channel];

	if (p->role & SENDS && letter->sender == p->index &&
	    letter->number >= a->first)
		object(p->all->oracle, letter->sender, letter->number,
		       "a select has met itself");
	m->op = a->s.arms[arm];
	mixer_has(m, letter, n, p->all->unordered ? NULL : &p->orders[channel]);
	p->error = p->error ?: m->error;
}

static inline void arms_end(struct party *p, struct arms *a, int result)
{
	int arm = arm_of(a);
	const struct chan_op *op = arm < 0 ? NULL : &a->s.arms[arm];

	if (!others_are_untouched(&a->s, a->s.batch.index))
		object(p->all->oracle, p->index, a->first,
		       "an arm that was not chosen tells of it");
	note_arms(p, a);
	if (op ? !is_allowed_of_arm(p, op, result) : !is_allowed(a, result)) {
		fprintf(stderr, "# select: arm %d, errno %d\n", arm, -result);
		p->error = result ?: -EIO;
		return;
	}
	p->all->came[came_of(op, result)]++;
	if (result == -ESHUTDOWN)
		p->ended[a->channels[arm]] = true;
	if (result >= 0 && !is_sending(op))
		has_received(p, a, result);
}

static inline void party_selects(struct party *p)
{
	struct arms *a = &p->arms;

	arms_fill(p, a);
	arms_end(p, a, run_arms(p, a));
}

/* What else they do ------------------------------------------------------- */

static inline void party_sends(struct party *p)
{
	struct mixer *m = &p->sending[any_channel(p)];

	mixer_sends(m, &p->rooms[0].letter);
	p->error = p->error ?: m->error;
}

static inline void receive_from(struct party *p, int channel)
{
	struct mixer *m = &p->receiving[channel];
	struct letter *letter = &p->rooms[0].letter;
	struct order *order = p->all->unordered ? NULL : &p->orders[channel];
	ssize_t n;

	memset(letter, 0xcc, sizeof(*letter));
	n = mixer_receives(m, letter, order);
	p->error = p->error ?: m->error;
	if (n == -ESHUTDOWN)
		p->ended[channel] = true;
	else if (n < 0 && n != -EAGAIN && n != -ETIMEDOUT && n != -ECANCELED &&
		 n != -EMSGSIZE)
		p->error = n;
}

/* What it was given is there for the next. */
static inline void receive_in_vain(struct party *p, int channel)
{
	struct chan_op op = op_recv(p->all->edge - 1, LETTER_MAX);
	int n;

	op.deadline = short_deadline(&p->seed);
	n = run(p->receiving[channel].fd, &op);
	if (n == -ESHUTDOWN)
		p->ended[channel] = true;
	else if (n != -EFAULT && n != -ETIMEDOUT)
		p->error = n ?: -EIO;
}

static inline void party_polls(struct party *p)
{
	struct pollfd fds[CHANNELS];
	int nr = p->all->nr;

	for (int i = 0; i < nr; i++)
		fds[i] = (struct pollfd){
			.fd = p->ended[i] ? -1 : p->receiving[i].fd,
			.events = POLLIN,
		};
	if (poll(fds, nr, 2) < 0)
		p->error = -errno;
	for (int i = 0; i < nr; i++)
		if (fds[i].revents & POLLIN)
			receive_from(p, i);
}

static inline void party_moves(struct party *p)
{
	int channel = any_channel(p);

	if (p->role & SENDS)
		mixer_moves(&p->sending[channel], CHAN_RIGHT_SEND);
	else
		mixer_moves(&p->receiving[channel], CHAN_RIGHT_RECV);
}

static inline bool party_goes_on(struct party *p)
{
	if (p->error)
		return false;
	if (p->role & SENDS)
		return letters_left(p->all->oracle, p->index);
	return open_channel(p) >= 0;
}

/* Who goes because of an error takes the others along: it was their partner. */
static inline void party_goes(struct party *p)
{
	for (int i = 0; i < p->all->nr; i++) {
		if (p->error)
			shut_down(p->all->mixes[i].ends.admin);
		close(p->sending[i].fd);
		close(p->receiving[i].fd);
	}
}

static inline void *party_main(void *arg)
{
	struct party *p = arg;

	while (party_goes_on(p)) {
		if (!chance(p, 4))
			party_selects(p);
		else if (p->role & SENDS)
			party_sends(p);
		else if (chance(p, 2))
			party_polls(p);
		else if (p->all->faults && chance(p, 2))
			receive_in_vain(p, open_channel(p));
		else
			receive_from(p, open_channel(p));
		if (chance(p, 64))
			party_moves(p);
	}
	party_goes(p);
	return NULL;
}

/* Who meddles ------------------------------------------------------------- */

/* By the id that stands in the record of an arm, which may be over. */
static inline int cancel_arm(struct select_mix *all, struct party *p)
{
	struct chan_op *op = &p->arms.s.arms[rand_r(&all->meddler.seed) % ARMS];
	__u64 id = __atomic_load_n(&op->id, __ATOMIC_RELAXED);
	int fd = __atomic_load_n(&op->fd, __ATOMIC_RELAXED), n;

	if (!id || fd <= STDERR_FILENO)
		return 0;
	n = run_once(fd, op_cancel(id));
	all->meddler.mix->cancelled += n == 0;
	return n == -ENOENT || n == -EALREADY ? 0 : n;
}

static inline int cancel_tag(struct select_mix *all, struct party *p)
{
	int channel = rand_r(&all->meddler.seed) % all->nr;

	if (p->role & SENDS && one_of(&all->meddler, 2))
		return mixer_cancels(&all->meddler, &p->sending[channel],
				     1 + p->index);
	return mixer_cancels(&all->meddler, &p->receiving[channel],
			     100 + p->index);
}

static inline void *meddler_main(void *arg)
{
	struct select_mix *all = arg;
	struct mixer *m = &all->meddler;
	struct party *p;
	int n;

	while (now() < all->oracle->end) {
		p = &all->parties[rand_r(&m->seed) % all->nr_parties];
		n = 0;
		if (one_of(m, 2))
			pthread_kill(p->thread,
				     one_of(m, 2) ? SIGUSR1 : SIGUSR2);
		else
			n = one_of(m, 2) ? cancel_arm(all, p) :
					   cancel_tag(all, p);
		if (n < 0 && n != -EBADF)
			m->error = n;
		if (one_of(m, 4))
			usleep(rand_r(&m->seed) % 300);
	}
	return NULL;
}

/* All of them ------------------------------------------------------------- */

static inline int mixer_enters(struct mixer *m, struct party *p, int channel,
			       bool enters, __u32 right)
{
	*m = (struct mixer){
		.mix = &p->all->mixes[channel],
		.index = p->index,
		.seed = rand_r(&p->seed),
	};
	m->fd = enters ? derive(m->mix->ends.admin, right) : -1;
	return enters && m->fd < 0 ? m->fd : 0;
}

/* With endpoints of its own on every channel. */
static inline int party_enters(struct party *p)
{
	int err = 0;

	for (int i = 0; i < p->all->nr && !err; i++) {
		err = mixer_enters(&p->sending[i], p, i, p->role & SENDS,
				   CHAN_RIGHT_SEND);
		if (!err)
			err = mixer_enters(&p->receiving[i], p, i,
					   p->role & RECEIVES, CHAN_RIGHT_RECV);
	}
	return err;
}

static inline void party_make(struct select_mix *all, enum role role)
{
	__u32 nr = all->nr_parties++;

	all->parties[nr] = (struct party){
		.all = all,
		.role = role,
		.index = nr,
		.seed = seed_of(nr),
	};
}

static inline int open_channels(struct select_mix *all, int control,
				const struct select_plan *plan)
{
	int err = 0;

	for (int i = 0; i < plan->nr && !err; i++) {
		struct mix *mix = &all->mixes[i];

		mix->oracle = all->oracle;
		mix->cap = plan->caps[i];
		mix->hurries = true;
		/* Too long for what is left, where a short one is not. */
		err = ends_sized(control, &mix->ends, mix->cap, LETTER_MAX,
				 2 * LETTER_MAX);
	}
	return err;
}

/* NULL, if there is no memory or there are no channels. */
static inline struct select_mix *
select_mix_make(int control, const struct select_plan *plan, double seconds)
{
	struct select_mix *all =
		mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (all == MAP_FAILED)
		return NULL;
	all->oracle = oracle_make(NOT_YET);
	all->seconds = seconds;
	all->nr = plan->nr;
	all->faults = plan->faults;
	all->unordered = plan->faults;
	all->edge = page_edge(PROT_NONE);
	if (!all->oracle || open_channels(all, control, plan))
		return NULL;
	all->oracle->most = NUMBERS - ARMS;
	for (int i = 0; i < plan->senders; i++)
		party_make(all, SENDS);
	for (int i = 0; i < plan->both; i++)
		party_make(all, DOES_BOTH);
	for (int i = 0; i < plan->receivers; i++)
		party_make(all, RECEIVES);
	all->meddler = (struct mixer){
		.mix = &all->mixes[0],
		.seed = seed_of(PARTIES),
	};
	return all;
}

static inline void select_mix_free(struct select_mix *all)
{
	for (int i = 0; i < all->nr; i++)
		ends_close(&all->mixes[i].ends);
	page_edge_free(all->edge);
	oracle_free(all->oracle);
	munmap(all, sizeof(*all));
}

static inline int start_threads(struct select_mix *all, pthread_t *meddler)
{
	int err = 0;

	catch_signal(SIGUSR1, 0);
	catch_signal(SIGUSR2, SA_RESTART);
	mask_signals(SIG_BLOCK, UNDISTURBED);
	all->meddled = true;
	for (int i = 0; i < all->nr_parties && !err; i++)
		err = party_enters(&all->parties[i]);
	for (int i = 0; i < all->nr_parties && !err; i++)
		err = -pthread_create(&all->parties[i].thread, NULL, party_main,
				      &all->parties[i]);
	return err ?: -pthread_create(meddler, NULL, meddler_main, all);
}

static inline int join_parties(struct select_mix *all, bool senders)
{
	int error = 0;

	for (int i = 0; i < all->nr_parties; i++) {
		struct party *p = &all->parties[i];

		if (senders != !!(p->role & SENDS))
			continue;
		pthread_join(p->thread, NULL);
		error = error ?: p->error;
	}
	return error;
}

/* No more messages come, once those who send have ended. */
static inline void close_senders(struct select_mix *all)
{
	for (int i = 0; i < all->nr; i++)
		close_end(&all->mixes[i].ends.sender);
}

/* Of the letters of one select, at most one was received. */
static inline void judge_selects(struct select_mix *all, __u32 sender)
{
	struct oracle *o = all->oracle;
	unsigned int receipts = 0;
	__u32 first, last = 0;

	for (__u32 nr = 0; nr < o->sent[sender]; nr++) {
		struct fate *fate = &o->fates[sender][nr];

		first = all->firsts[sender][nr];
		if (!first || first != last)
			receipts = 0;
		last = first;
		if (fate->style == ASYNCHRONOUS)
			receipts += fate->receipts;
		if (first && receipts > 1)
			object(o, sender, nr, "its select has sent two");
	}
}

static inline void select_mix_judge(struct select_mix *all)
{
	oracle_judge(all->oracle);
	for (__u32 sender = 0; sender < SENDERS; sender++)
		judge_selects(all, sender);
}

/* In threads of this process; 0, or what somebody met that no rule allows. */
static inline int select_mix_run(struct select_mix *all)
{
	pthread_t meddler;
	int error;

	error = start_threads(all, &meddler);
	if (error)
		return error;
	all->oracle->end = now() + all->seconds;
	/* It knows those who still can be joined. */
	pthread_join(meddler, NULL);
	error = all->meddler.error;
	error = join_parties(all, true) ?: error;
	close_senders(all);
	error = join_parties(all, false) ?: error;
	select_mix_judge(all);
	return error;
}

static inline unsigned int selects_done(const struct select_mix *all)
{
	unsigned int sum = 0;

	for (int i = 0; i < CAMES; i++)
		sum += all->came[i];
	return sum;
}

/* One line of what came of the selects. */
static inline const char *selects_summary(const struct select_mix *all,
					  char text[256])
{
	int len = snprintf(text, 256, "%u rounds:", selects_done(all));

	for (int i = 0; i < CAMES; i++)
		if (all->came[i])
			len += snprintf(text + len, 256 - len, " %u %s",
					all->came[i], came_names[i]);
	return text;
}

#endif /* SELECT_MIX_H */
