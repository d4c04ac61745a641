/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oracle of operations: every message is a letter that says who sent it,
 * its number among that one's, its length and a checksum, and for every letter
 * there is a fate in shared memory, where its sender notes what it was told and
 * its receivers what they got and did.  In the end the judge compares the two:
 *
 *	nothing is invented or corrupted, and each sender's letters of one
 *	priority come to each receiver in order;
 *	success means exactly one receipt, or exactly one settlement;
 *	what is withdrawn was never received;
 *	a copy that is delivered again carries a higher attempt;
 *	whoever settled in vain was told so, once, and only then.
 *
 * It knows nothing of who runs the operations and when.  What it objects to it
 * counts, and says the first few on standard error.
 */
#ifndef OP_ORACLE_H
#define OP_ORACLE_H

#include "op_steps.h"

#define SENDERS	     8
#define NUMBERS	     (1 << 19) /* letters of one sender at most */
#define PRIORITIES   3
#define LETTER_MAX   3000
#define LETTER_MAGIC 0x0c4a11edU
#define OBJECTIONS   10 /* that are said */

struct letter {
	__u32 magic, sender, number, prio, len, sum;
	unsigned char bytes[];
};

/* What a reply says: which letter it is for. */
struct answer {
	__u32 sender, number;
};

/* The rows of DESIGN §2, and what 0 stands for where nothing is noted yet. */
enum style {
	UNSENT,
	ASYNCHRONOUS,
	SYNCHRONOUS,
	ACKNOWLEDGED_OR_FAIL,
	ACKNOWLEDGED,
	CALL_OR_FAIL,
	CALL,
	WORK,
	STYLES,
};

/* What the sender of a letter was told. */
enum told {
	UNTOLD, /* it was killed before */
	DONE,
	WITHDRAWN,
	LEFT, /* it is received, acknowledged to nobody */
	ABANDONED,
	REJECTED,
	REFUSED, /* by a read, which cannot reply */
	DEAD,
	TOLD,
};

static const char *const told_names[TOLD] = {
	"untold",    "done",	 "withdrawn", "left",
	"abandoned", "rejected", "refused",   "dead",
};

struct fate {
	atomic_uint attempt; /* the last that was received */
	atomic_ushort receipts;
	atomic_uchar settling; /* attempts to, whose result is not noted */
	atomic_uchar fulfilled, rejected, late;
	atomic_uchar style, told;
};

struct oracle {
	_Atomic double end;
	unsigned int most; /* letters of one sender */
	bool receivers_die, senders_die; /* before they could note it */
	bool receivers_close; /* what they hold, before they could settle */
	atomic_uint sent[SENDERS];
	atomic_uint receipts, objections;
	/* By oracle_judge(): outcomes, and failures that nobody was told of. */
	unsigned int counts[TOLD], unheard;
	struct fate fates[SENDERS][NUMBERS];
};

static inline struct oracle *oracle_make(double seconds)
{
	struct oracle *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1,
				0);

	if (o == MAP_FAILED)
		return NULL;
	o->end = now() + seconds;
	o->most = NUMBERS;
	return o;
}

static inline void oracle_free(struct oracle *o)
{
	munmap(o, sizeof(*o));
}

static inline void object(struct oracle *o, __u32 sender, __u32 number,
			  const char *what)
{
	if (o->objections++ < OBJECTIONS)
		fprintf(stderr, "# letter %u of %u: %s\n", number, sender,
			what);
}

static inline unsigned int letters_sent(const struct oracle *o)
{
	unsigned int sum = 0;

	for (int i = 0; i < SENDERS; i++)
		sum += o->sent[i];
	return sum;
}

/* Letters ---------------------------------------------------------------- */

static inline __u32 letter_sum(const struct letter *letter, size_t len)
{
	__u32 sum = 2166136261U;

	for (size_t i = 0; i < len - sizeof(*letter); i++)
		sum = (sum ^ letter->bytes[i]) * 16777619U;
	return sum;
}

/* Mostly short, now and then as long as it gets. */
static inline size_t letter_length(unsigned int *seed)
{
	size_t most = rand_r(seed) % 16 ? 200 : LETTER_MAX;

	return sizeof(struct letter) +
	       rand_r(seed) % (most - sizeof(struct letter) + 1);
}

/* True when this sender may go on. */
static inline bool letters_left(const struct oracle *o, __u32 sender)
{
	return now() < o->end && o->sent[sender] < o->most;
}

/* Writes the next letter of @sender and notes that it may be met now. */
static inline struct fate *letter_next(struct oracle *o, struct letter *letter,
				       __u32 sender, enum style style,
				       unsigned int *seed)
{
	__u32 number = o->sent[sender];
	size_t len = letter_length(seed);
	struct fate *fate = &o->fates[sender][number];

	stamp(letter->bytes, len - sizeof(*letter), sender * 7919 + number);
	*letter = (struct letter){
		.magic = LETTER_MAGIC,
		.sender = sender,
		.number = number,
		.prio = rand_r(seed) % PRIORITIES,
		.len = len,
		.sum = letter_sum(letter, len),
	};
	fate->style = style;
	o->sent[sender] = number + 1;
	return fate;
}

/* Its fate, or none if nobody has sent it so. */
static inline struct fate *letter_fate(struct oracle *o,
				       const struct letter *letter, size_t len)
{
	if (len < sizeof(*letter) || letter->magic != LETTER_MAGIC ||
	    letter->sender >= SENDERS || letter->len != len ||
	    letter->number >= o->sent[letter->sender] ||
	    letter->sum != letter_sum(letter, len)) {
		object(o, letter->sender, letter->number,
		       "it is invented or corrupted");
		return NULL;
	}
	return &o->fates[letter->sender][letter->number];
}

static inline __u8 duty_of(enum style style)
{
	switch (style) {
	case CALL:
	case CALL_OR_FAIL:
		return CHAN_DUTY_REPLY;
	case ACKNOWLEDGED:
	case ACKNOWLEDGED_OR_FAIL:
	case WORK:
		return CHAN_DUTY_ACK;
	default:
		return CHAN_DUTY_NONE;
	}
}

/* The record that sends @letter so; an answer will be at @answer. */
static inline struct chan_op
letter_op(enum style style, const struct letter *letter, struct answer *answer)
{
	struct chan_op op = op_send(letter, letter->len);

	op.duty = duty_of(style);
	op.prio = letter->prio;
	if (style == SYNCHRONOUS)
		op.until = CHAN_UNTIL_RECEIVED;
	else if (style != ASYNCHRONOUS && style != WORK)
		op.until = CHAN_UNTIL_SETTLED;
	if (style == ACKNOWLEDGED || style == CALL || style == WORK)
		op.on_death = CHAN_ON_DEATH_REDELIVER;
	if (op.duty == CHAN_DUTY_REPLY) {
		memset(answer, 0xcc, sizeof(*answer));
		op.reply_buf = address(answer);
		op.reply_len = sizeof(*answer);
	}
	return op;
}

/* The errno that this letter is rejected with, if it is. */
static inline __u32 letter_error(const struct letter *letter)
{
	return 200 + letter->number % 1000;
}

/* What a sender notes ------------------------------------------------------ */

static inline enum told told_by_state(struct oracle *o,
				      const struct letter *letter,
				      const struct chan_op *op)
{
	switch (op->state) {
	case CHAN_STATE_WITHDRAWN:
		return WITHDRAWN;
	case CHAN_STATE_ABANDONED:
		if (op->duty != CHAN_DUTY_REPLY)
			object(o, letter->sender, letter->number,
			       "it is abandoned, and is no call");
		return ABANDONED;
	case CHAN_STATE_QUEUED:
	case CHAN_STATE_RECEIVED:
		if (op->duty != CHAN_DUTY_ACK || op->result != -ETIMEDOUT)
			object(o, letter->sender, letter->number,
			       "its sender cannot have left it");
		return LEFT;
	default:
		object(o, letter->sender, letter->number,
		       "it is settled, and its sender is told an error");
		return UNTOLD;
	}
}

static inline enum told told_rejected(struct oracle *o,
				      const struct letter *letter,
				      const struct chan_op *op)
{
	if (op->verdict != CHAN_REJECT)
		object(o, letter->sender, letter->number,
		       "EREMOTEIO comes with another verdict");
	if (op->error == EOPNOTSUPP && op->duty == CHAN_DUTY_REPLY)
		return REFUSED;
	if (op->error != letter_error(letter))
		object(o, letter->sender, letter->number,
		       "its sender is told another error");
	return REJECTED;
}

static inline enum told told_done(struct oracle *o, const struct letter *letter,
				  const struct chan_op *op)
{
	const struct answer *answer = (void *)(uintptr_t)op->reply_buf;
	__u32 verdict = op->duty == CHAN_DUTY_REPLY ? CHAN_REPLY : CHAN_ACK;

	if (op->until == CHAN_UNTIL_RECEIVED &&
	    op->state != CHAN_STATE_RECEIVED)
		object(o, letter->sender, letter->number,
		       "it is done, and not received");
	if (op->until != CHAN_UNTIL_SETTLED)
		return DONE;
	if (op->state != CHAN_STATE_SETTLED || op->verdict != verdict)
		object(o, letter->sender, letter->number,
		       "it is done, and not settled");
	if (op->duty == CHAN_DUTY_REPLY && (op->result != sizeof(*answer) ||
					    op->reply_len != sizeof(*answer) ||
					    answer->sender != letter->sender ||
					    answer->number != letter->number))
		object(o, letter->sender, letter->number,
		       "the answer is another's");
	return DONE;
}

/* @op has ended for good; it is a WAIT if it was interrupted. */
static inline void note_told(struct oracle *o, const struct letter *letter,
			     const struct chan_op *op)
{
	struct fate *fate = &o->fates[letter->sender][letter->number];
	enum told told = UNTOLD;

	if (op->result >= 0) {
		told = told_done(o, letter, op);
	} else {
		switch (-op->result) {
		case EREMOTEIO:
			told = told_rejected(o, letter, op);
			break;
		case EOWNERDEAD:
			told = DEAD;
			break;
		case EAGAIN:
		case EPIPE:
		case ECANCELED:
		case ETIMEDOUT:
			told = told_by_state(o, letter, op);
			break;
		default:
			fprintf(stderr, "# sending gives errno %d\n",
				-op->result);
			object(o, letter->sender, letter->number,
			       "its sender is told an error of no kind");
		}
	}
	if ((op->result == -EAGAIN || op->result == -EPIPE) &&
	    told != WITHDRAWN)
		object(o, letter->sender, letter->number,
		       "EAGAIN or EPIPE, and it is not withdrawn");
	if ((told == REJECTED || told == REFUSED || told == DEAD) &&
	    op->state != CHAN_STATE_SETTLED)
		object(o, letter->sender, letter->number,
		       "its duty has ended, and it is not settled");
	fate->told = told;
}

/* What a receiver notes ---------------------------------------------------- */

/* The last number that a receiver has seen; from 0, so one more than it. */
struct order {
	__u32 last[SENDERS][PRIORITIES];
};

/*
 * A copy was received, as @attempt, or by read(), which does not tell: 0.
 * Copies of one letter follow each other, so each notes a higher attempt, and
 * where nobody dies the next.  Where receivers die they leave claims behind,
 * which come out of order to others; then @order is NULL.
 */
static inline void note_receipt(struct oracle *o, const struct letter *letter,
				struct fate *fate, __u32 attempt,
				struct order *order)
{
	__u32 *last, was;

	attempt = attempt ?: fate->attempt + 1;
	was = atomic_exchange(&fate->attempt, attempt);
	o->receipts++;
	fate->receipts++;
	if (attempt <= was || (attempt != was + 1 && !o->receivers_die))
		object(o, letter->sender, letter->number,
		       "its attempt does not follow the last one");
	if (attempt > 1 && duty_of(fate->style) == CHAN_DUTY_NONE)
		object(o, letter->sender, letter->number,
		       "it comes again and nobody owed anything");
	if (fate->fulfilled || fate->rejected)
		object(o, letter->sender, letter->number,
		       "it comes again after it was settled");
	if (attempt > 1 || !order || letter->prio >= PRIORITIES)
		return;
	last = &order->last[letter->sender][letter->prio];
	if (letter->number < *last)
		object(o, letter->sender, letter->number,
		       "it comes after a later one of its priority");
	*last = letter->number + 1;
}

/* What RECV says of a letter is what its sender said. */
static inline void check_receipt(struct oracle *o, const struct letter *letter,
				 const struct fate *fate,
				 const struct chan_op *op)
{
	bool owes = !(op->flags & (CHAN_PEEK | CHAN_AUTOACK)) &&
		    duty_of(fate->style) != CHAN_DUTY_NONE;

	if (op->prio != letter->prio || op->len != letter->len ||
	    (owes && op->duty != duty_of(fate->style)) || owes != !!op->id)
		object(o, letter->sender, letter->number,
		       "the record of its receipt is wrong");
	if (op->duty == CHAN_DUTY_REPLY && owes &&
	    op->reply_len != sizeof(struct answer))
		object(o, letter->sender, letter->number,
		       "its receiver is told another length of the answer");
}

/* Between these two a receiver may be killed, and nobody knows the result. */
static inline void settling_begins(struct fate *fate)
{
	fate->settling++;
}

static inline void note_settled(struct oracle *o, const struct letter *letter,
				struct fate *fate, __u32 verdict, int result)
{
	if (result == 0 && verdict == CHAN_REJECT)
		fate->rejected++;
	else if (result == 0 && verdict != CHAN_RETURN)
		fate->fulfilled++;
	else if (result == -ECANCELED)
		fate->late++;
	else if (result && (result != -EBADF || !o->receivers_close))
		object(o, letter->sender, letter->number,
		       "its token does not settle it");
	fate->settling--;
}

/* SETTLE as @verdict says, where that does not fit the letter as its like. */
static inline int letter_settle(struct oracle *o, int fd, __u64 token,
				const struct letter *letter, struct fate *fate,
				__u32 verdict)
{
	struct answer answer = { letter->sender, letter->number };
	struct chan_op op = op_settle(token, verdict);
	int result;

	if (verdict == CHAN_REJECT) {
		op.error = letter_error(letter);
	} else if (verdict != CHAN_RETURN &&
		   duty_of(fate->style) == CHAN_DUTY_REPLY) {
		op = op_reply(token, &answer, sizeof(answer));
	}
	settling_begins(fate);
	result = run(fd, &op);
	note_settled(o, letter, fate, op.verdict, result);
	return result;
}

/* Judgement ------------------------------------------------------------------ */

/* Whoever would have noted it may be dead. */
static inline bool is_settled_once(const struct oracle *o,
				   const struct fate *fate, unsigned int noted)
{
	return noted == 1 || (noted == 0 && o->receivers_die && fate->settling);
}

static inline const char *judge_done(const struct oracle *o,
				     const struct fate *fate)
{
	unsigned int settled = fate->fulfilled + fate->rejected;

	switch (fate->style) {
	case ASYNCHRONOUS:
	case SYNCHRONOUS:
		if (settled)
			return "it is settled, and nobody owed anything";
		if (fate->receipts != 1 && !o->receivers_die)
			return "it was not received exactly once";
		break;
	case WORK:
		if (!is_settled_once(o, fate, settled))
			return "the work was not done exactly once";
		break;
	default:
		if (!is_settled_once(o, fate, fate->fulfilled) ||
		    fate->rejected)
			return "its sender was told so, and nobody did it";
	}
	return NULL;
}

static inline const char *judge_left(const struct oracle *o,
				     const struct fate *fate)
{
	unsigned int settled = fate->fulfilled + fate->rejected;

	if (!fate->receipts && !o->receivers_die)
		return "it was left after receipt, and never received";
	if (fate->style == ACKNOWLEDGED && !is_settled_once(o, fate, settled))
		return "it went on without a listener, and is lost";
	return NULL;
}

static inline const char *judge_told(const struct oracle *o,
				     const struct fate *fate)
{
	unsigned int settled = fate->fulfilled + fate->rejected;

	switch (fate->told) {
	case UNTOLD:
		return o->senders_die ? NULL : "its sender was told nothing";
	case DONE:
		return judge_done(o, fate);
	case WITHDRAWN:
		return fate->receipts || settled || fate->late ?
			       "it is withdrawn, and was received" :
			       NULL;
	case LEFT:
		return judge_left(o, fate);
	case ABANDONED:
		if (!fate->receipts && !o->receivers_die)
			return "it is abandoned, and was never received";
		return settled ? "it is abandoned and settled" : NULL;
	case REJECTED:
		if (fate->fulfilled ||
		    !is_settled_once(o, fate, fate->rejected))
			return "its sender was told so, and nobody rejected it";
		return NULL;
	case REFUSED:
		return settled ? "it is refused and settled" : NULL;
	case DEAD:
		if (fate->style == CALL || fate->style == ACKNOWLEDGED)
			return "it was to be delivered again, and failed";
		return settled ? "its receiver is told that it lived" : NULL;
	default:
		return "its fate is none";
	}
}

static inline const char *judge_fate(const struct oracle *o,
				     const struct fate *fate)
{
	if (fate->fulfilled + fate->rejected > 1)
		return "it is settled twice";
	if (fate->late > 1)
		return "two were told that its sender has left";
	if (fate->late && fate->told != ABANDONED && fate->told != UNTOLD)
		return "one was told that its sender has left";
	if (fate->receipts != fate->attempt && !o->receivers_die)
		return "an attempt is missing";
	return judge_told(o, fate);
}

/* When everybody has ended: compares what was told with what was done. */
static inline void oracle_judge(struct oracle *o)
{
	const char *objection;

	for (__u32 sender = 0; sender < SENDERS; sender++) {
		for (__u32 nr = 0; nr < o->sent[sender]; nr++) {
			struct fate *fate = &o->fates[sender][nr];

			objection = judge_fate(o, fate);
			if (objection)
				object(o, sender, nr, objection);
			if (objection && o->objections <= OBJECTIONS)
				fprintf(stderr,
					"#   style %d, told %s, %u receipts, attempt %u, %u fulfilled, %u rejected, %u late, %u settling\n",
					fate->style, told_names[fate->told],
					fate->receipts, fate->attempt,
					fate->fulfilled, fate->rejected,
					fate->late, fate->settling);
			o->counts[fate->told]++;
			o->unheard += fate->told == LEFT &&
				      fate->style == ACKNOWLEDGED_OR_FAIL &&
				      !fate->fulfilled && !fate->rejected;
		}
	}
}

/* One line of what the storm was made of. */
static inline const char *oracle_summary(const struct oracle *o, char text[256])
{
	int len = snprintf(text, 256, "%u rounds:", letters_sent(o));

	for (int i = 0; i < TOLD; i++)
		if (o->counts[i])
			len += snprintf(text + len, 256 - len, " %u %s",
					o->counts[i], told_names[i]);
	return text;
}

#endif /* OP_ORACLE_H */
