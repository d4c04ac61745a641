/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uring.pml - one completion for each command of io_uring, whatever dies
 *
 * A model for spin of commands that wait: they are issued, marked as cancelable,
 * parked, decided by somebody else, and concluded by their task. One or two of them
 * meet operations that block, on a channel without slots, where both a SEND and a
 * RECV wait. A few things go wrong: a deadline comes, a CANCEL or a signal, a copy
 * fails, the ring is closed, its task dies, another program is executed. Spin tries
 * every order of their steps and looks for one that breaks a promise of must_not().
 * It owns the life of a command, and of a message no more than who copies it.
 * Documentation/testing.rst says which function of the module each step is, and
 * what this cannot show.
 *
 * A section is what is done under the lock of the channel: one step. The lock of a
 * ring is held longer: while a command is issued, concluded or canceled.
 */

/* What the model is compiled with, -DMISTAKE=PARK_UNMARKED; each must be caught. */
#define NO_MISTAKE		0
#define ISSUE_UNLOCKED		1	/* by a worker, without the lock of the ring */
#define PARK_UNMARKED		2	/* parked, lets go of the lock, and then marked */
#define EARLY_CANCEL_LOST	3	/* marked, lets go of the lock, and then parked */
#define PARK_UNSEEN		4	/* parked without another look */
#define CANCEL_UNCLAIMED	5	/* F_CANCEL ends what another has decided */
#define COMPLETE_TWICE		6	/* each event asks for the conclusion */
#define CONCLUDE_EARLY		7	/* as soon as decided, not when its decider is done */
#define TAKE_AFTER_LOOK		8	/* looks, and only then lets others ask again */
#define DEAD_RECEIVES		9	/* TASK_DEAD, and yet received */
#define EXEC_RECEIVES		10	/* the task is about to drop its memory */
#define EXEC_BEGINS		11	/* and so issues what a worker sends back to it */
#define LEFT_RECEIVES		12	/* F_CANCEL has come, and is forgotten */
#define TIMER_STAYS		13	/* the command is freed, its timer is not canceled */
#define TIMER_STOPS_LATE	14	/* canceled when others may ask again */
#define RETURN_UNSEEN		15	/* the copy failed: not offered to who waits */
#define ONCE_IS_ENOUGH		16	/* what it was given was taken back: it ends */

#ifndef MISTAKE
#define MISTAKE NO_MISTAKE
#endif

/* How much may go wrong. */
#ifndef MISHAPS
#define MISHAPS 2
#endif

#define section		d_step
#define OPS		3
#define NOBODY		OPS

mtype = { SEND, RECV };
mtype = { WAITING, CLAIMED, RECEIVED, WITHDRAWN };
mtype = { GOOD, FAULT, CANCELED, TIMEOUT, TAKEN_BACK };
mtype = { ALIVE, DEAD, EXEC, LEFT };
mtype = { OFF, ARMED, RUNNING };

/* The scene, which does not change but for how much may still go wrong. */
mtype code[OPS];
bool is_command[OPS];
byte mishaps = MISHAPS;

/* The channel: operations that wait, each on its side. */
chan queue = [OPS] of { byte };
chan idle = [OPS] of { byte };

/* Operations, under the lock of the channel, but for done and over. */
bool linked[OPS], decided[OPS];
mtype result[OPS];
mtype state[OPS];	/* of one that sends: of its message */
byte given[OPS] = NOBODY;
bool done[OPS];		/* of one that blocks: it is woken */
bool over[OPS];		/* its memory is gone */

/* Commands, each with its ring. */
bool locked[OPS];	/* the ring */
bool marked[OPS];	/* F_CANCEL may come */
bool canceled[OPS];	/* F_CANCEL has come */
bool resumed[OPS];	/* somebody has asked for the conclusion */
bool released[OPS];	/* decided, and its decider is done with it */
bool work[OPS];		/* io_uring has been asked to run the conclusion */
mtype timer[OPS] = OFF;
bool closes[OPS];	/* the ring waits for its commands */
byte cqes[OPS];
mtype life[OPS] = ALIVE; /* of who submitted it; LEFT: as EXEC, and cannot be seen */

/* Means nothing from one step to the next. */
hidden byte n, other, found;

/* What must not happen: names for spin to print, and never true. */
bool touches_the_gone, decides_twice, queues_twice, completes_twice, ends_unasked,
	disagrees, lost, sleeps_for_ever, lost_wakeup, ring_stays;

inline must_not(what, condition)
{
	assert(what || !(condition))
}

/* An "if" that does nothing otherwise. */
#define when(condition, ...) if :: (condition) -> __VA_ARGS__ :: else fi
#define mishap(if_so)	(if_so) && mishaps > 0 -> mishaps--
#define touch(op)	must_not(touches_the_gone, over[op])

/* --- in sections --- */

/* A message that somebody copies is in no list, but known. */
#define is_parked(op)	(!decided[op] && (linked[op] || \
					  (code[op] == SEND && state[op] == CLAIMED)))

/* The one claim: whoever does this, under the lock, has to tell it after unlocking. */
inline decide(op, how)
{
	touch(op);
	must_not(decides_twice, decided[op]);
	decided[op] = true;
	result[op] = how;
	news = op
}

inline link(op)
{
	linked[op] = true;
	if
	:: code[op] == SEND -> state[op] = WAITING; queue!op
	:: else -> idle!op
	fi
}

inline unlink(op)
{
	linked[op] = false;
	if
	:: code[op] == SEND -> queue??eval(op)
	:: else -> idle??eval(op)
	fi
}

/* Who comes, and who has waited longest on the other side. */
inline meet(op)
{
	found = true;
	if
	:: code[op] == SEND && len(idle) > 0 ->
		idle?other;
		linked[other] = false;
		state[op] = CLAIMED;
		given[other] = op;
		decide(other, GOOD)
	:: code[op] == RECV && len(queue) > 0 ->
		queue?other;
		linked[other] = false;
		state[other] = CLAIMED;
		given[op] = other
	:: else -> found = false
	fi
}

inline put_first(s)
{
	state[s] = WAITING;
	linked[s] = true;
	n = len(queue);
	queue!s;
	do
	:: n > 0 -> queue?other; queue!other; n--
	:: else -> break
	od;
	n = 0
}

/* After copying. Its sender may have left meanwhile, and then there may be another. */
inline finish(r, s)
{
	again = state[s] != CLAIMED && copied && MISTAKE != ONCE_IS_ENOUGH;
	if
	:: state[s] == CLAIMED && (copied || (MISTAKE == DEAD_RECEIVES && life[r] == DEAD)) ->
		must_not(lost, !copied);
		state[s] = RECEIVED;
		result[r] = GOOD;
		decide(s, GOOD)
	:: state[s] == CLAIMED && !copied && !(MISTAKE == DEAD_RECEIVES && life[r] == DEAD) ->
		result[r] = FAULT;
		found = false;
		when(MISTAKE != RETURN_UNSEEN, meet(s));
		when(!found, put_first(s))
	:: else -> result[r] = (copied -> TAKEN_BACK : FAULT)
	fi;
	given[r] = NOBODY;
	copied = false
}

inline detach(op)
{
	touch(op);
	when(linked[op], unlink(op));
	when(code[op] == SEND, state[op] = WITHDRAWN)
}

/* By itself, before anybody decides it: nobody has to be told. */
inline leave(op, why)
{
	detach(op);
	decided[op] = true;
	result[op] = why
}

/* --- after sections --- */

/* The first to ask for the conclusion does so for all. The last touch of who asks. */
inline resume(op, is_decider)
{
	atomic {
		touch(op);
		asks = !resumed[op] || MISTAKE == COMPLETE_TWICE;
		resumed[op] = true;
		released[op] = released[op] || is_decider
	};
	atomic {
		if
		:: asks ->
			touch(op);
			must_not(queues_twice, work[op]);
			work[op] = true;
			asks = false
		:: else
		fi
	}
}

inline wake()
{
	if
	:: news == NOBODY
	:: news != NOBODY && is_command[news] ->
		resume(news, true);
		news = NOBODY
	:: else -> atomic { touch(news); done[news] = true; news = NOBODY }
	fi
}

inline lock_ring()
{
	atomic { !locked[me] -> locked[me] = true }
}

/* --- operations that block, for ever --- */

proctype blocked(byte me)
{
	byte news = NOBODY, from;
	bool again, copied, asks, at_once;

	do
	:: again = false;
		section {
			decided[me] = false;
			meet(me);
			at_once = found && code[me] == RECV;
			when(!found, link(me))
		};
		wake();
		if
		:: at_once -> result[me] = GOOD
		:: else ->
end_asleep:
			do
			:: atomic { done[me] -> done[me] = false; break }
			/* A signal. */
			:: section { mishap(is_parked(me)); leave(me, CANCELED); done[me] = true }
			od
		fi;
		if
		:: code[me] == RECV && result[me] == GOOD ->
			if
			:: copied = true
			:: atomic { mishap(true) }
			fi;
			from = given[me];
			section { finish(me, from) };
			wake()
		:: else
		fi;
		if
		:: again
		:: else -> break
		fi
	od;
	over[me] = true
}

/* --- commands --- */

/* The memory is that of the task, which has to be there. */
inline copy()
{
	if
	:: atomic { must_not(lost, life[me] != ALIVE); copied = true }
	:: atomic { mishap(true) }
	fi
}

/* Until it waits, or has come to its end. */
inline start()
{
	do
	:: again = false;
		section {
			decided[me] = false;
			resumed[me] = false;
			released[me] = false;
			found = false;
			when(MISTAKE != PARK_UNSEEN, meet(me));
			at_once = found && code[me] == RECV;
			when(!found, link(me))
		};
		wake();
		if
		:: at_once ->
			copy();
			from = given[me];
			section { finish(me, from) };
			wake()
		:: else -> atomic { touch(me); timer[me] = ARMED }
		fi;
		if
		:: again
		:: else -> break
		fi
	od;
	waits = !at_once
}

/* The command is freed; io_uring posts its completion. */
inline complete()
{
	atomic {
		touch(me);
		must_not(completes_twice, cqes[me] > 0);
		must_not(ends_unasked, result[me] == TAKEN_BACK && life[me] == ALIVE);
		marked[me] = false;
		cqes[me]++;
		over[me] = true
	}
}

/* If not by the task itself, as task work, and then that may be gone. */
proctype issue(byte me)
{
	byte news = NOBODY, from;
	bool again, copied, asks, at_once, waits;

	when(MISTAKE != ISSUE_UNLOCKED, lock_ring());
	if
	:: life[me] == DEAD || (life[me] != ALIVE && MISTAKE != EXEC_BEGINS) ->
		result[me] = CANCELED
	:: else ->
		when(MISTAKE != PARK_UNMARKED, marked[me] = true);
		when(MISTAKE == EARLY_CANCEL_LOST, locked[me] = false; lock_ring());
		start();
		when(MISTAKE == PARK_UNMARKED, locked[me] = false; lock_ring();
					       touch(me); marked[me] = true)
	fi;
	when(!waits, complete());
	when(MISTAKE != ISSUE_UNLOCKED, locked[me] = false)
}

inline stop_timer()
{
	atomic { timer[me] != RUNNING -> timer[me] = OFF }
}

/* Task work, in the task or, if that is gone, in a kernel thread. */
proctype conclude(byte me)
{
	byte news = NOBODY, from;
	bool again, copied, asks, at_once, waits, gone, late;

end_parked:
	do
	:: atomic { work[me] && !locked[me] -> work[me] = false; locked[me] = true };
		when(MISTAKE != TIMER_STAYS && MISTAKE != TIMER_STOPS_LATE, stop_timer());
		/* From here on others may ask again. */
		atomic {
			late = !released[me];
			when(MISTAKE != TAKE_AFTER_LOOK, resumed[me] = false)
		};
		when(MISTAKE == TIMER_STOPS_LATE, stop_timer());
		if
		:: late ->
			/* The time has come, unless somebody is about to ask again. */
			section {
				late = decided[me] && MISTAKE != CONCLUDE_EARLY;
				when(!decided[me], leave(me, TIMEOUT))
			};
			when(MISTAKE == TAKE_AFTER_LOOK, resumed[me] = false)
		:: else
		fi;
		waits = late;
		gone = (life[me] == DEAD && MISTAKE != DEAD_RECEIVES) ||
		       (life[me] == EXEC && MISTAKE != EXEC_RECEIVES) || canceled[me];
		if
		:: !late && code[me] == RECV && result[me] == GOOD ->
			when(!gone && life[me] != DEAD, copy());
			from = given[me];
			section { finish(me, from) };
			wake();
			when(again && !gone, start())
		:: else
		fi;
		if
		:: waits -> locked[me] = false
		:: else -> complete(); locked[me] = false; break
		fi
	od
}

proctype deadline(byte me)
{
	bool asks, expired;

end_unarmed:
	do
	:: atomic {
		timer[me] == ARMED && (expired || mishaps > 0) ->
		mishaps = mishaps - !expired;
		expired = true;
		timer[me] = RUNNING
	   };
		resume(me, false);
		timer[me] = OFF
	od
}

/* CHAN_OP_CANCEL: it knows what is in the lists, and of no ring. */
proctype cancel(byte op)
{
	byte news = NOBODY;
	bool asks;

end_nothing:
	section {
		mishap(true);
		when(is_parked(op), detach(op); decide(op, CANCELED))
	};
	wake()
}

/*
 * The end of the ring, of its task or of the program, but not while that runs one of
 * the parts above. A dead task may leave the ring to a child; otherwise F_CANCEL comes.
 * Who executes another program may do its work before that, and knows; another thread
 * that did it for all does not know, but is stopped.
 */
proctype ring(byte me)
{
	bool asks, ends;

end_open:
	if
	:: atomic { mishap(!locked[me]); life[me] = DEAD }; goto kept
	:: atomic { mishap(!locked[me]); life[me] = DEAD; closes[me] = true }
	:: atomic { mishap(!locked[me]); life[me] = EXEC; closes[me] = true }
	:: atomic {
		mishap(!locked[me] && marked[me]);
		life[me] = LEFT;
		closes[me] = true;
		locked[me] = true
	   };
		goto cancel_it
	fi;
end_closes:
	if
	:: atomic { marked[me] && !locked[me] -> locked[me] = true }
	:: cqes[me] > 0 -> goto kept
	fi;
cancel_it:
	canceled[me] = MISTAKE != LEFT_RECEIVES && MISTAKE != EARLY_CANCEL_LOST;
	section {
		ends = !decided[me] || MISTAKE == CANCEL_UNCLAIMED;
		when(MISTAKE == EARLY_CANCEL_LOST, ends = is_parked(me));
		when(ends, leave(me, CANCELED))
	};
	when(ends, resume(me, true));
	locked[me] = false;
kept:
	skip
}

/* --- what is to be seen when nobody goes on by itself --- */

active proctype quiet()
{
	timeout;
	section {
		must_not(lost_wakeup, len(queue) > 0 && len(idle) > 0);
		n = 0;
		do
		:: n < OPS ->
			must_not(ring_stays, closes[n] && cqes[n] == 0);
			must_not(sleeps_for_ever, !over[n] && (decided[n] || !linked[n]));
			must_not(sleeps_for_ever, is_command[n] && !over[n] && timer[n] != ARMED);
			must_not(disagrees, over[n] && code[n] == SEND &&
					    (result[n] == GOOD) != (state[n] == RECEIVED));
			n++
		:: else -> break
		od;
		n = 0
	}
}

inline blocks(op, what)
{
	code[op] = what;
	run blocked(op)
}

inline submits(op, what)
{
	code[op] = what;
	is_command[op] = true;
	run issue(op);
	run conclude(op)
}

inline may_end(op)
{
	run deadline(op);
	run cancel(op);
	run ring(op)
}

init {
	atomic {
		/* If less goes wrong, nobody is woken by that. */
		do
		:: mishaps > 0 -> mishaps--
		:: break
		od;
		if
		:: submits(0, RECV); may_end(0); blocks(1, SEND); blocks(2, RECV)
		:: submits(0, SEND); may_end(0); blocks(1, RECV); blocks(2, SEND)
		:: submits(0, RECV); may_end(0); submits(1, SEND); blocks(2, RECV)
		:: submits(0, RECV); submits(1, SEND); may_end(1); blocks(2, SEND)
		fi
	}
}
