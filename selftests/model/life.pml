/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * life.pml - every message has one outcome, whoever leaves or dies on its way
 *
 * A model for spin of the life of messages: one sender or two, of any style, and two
 * receivers, on one channel with slots or without. A few things go wrong: a
 * deadline or a kill, a signal, a copy that fails, a RETURN, a CANCEL, a SHUTDOWN;
 * and any endpoint may die, with whatever it owes. Spin tries every order of their
 * steps and looks for one that breaks a promise of must_not(). It owns the states of
 * messages, the slots, and who is told what; how a task is chosen and woken is
 * the business of select.pml, and how a command of io_uring is completed that of
 * uring.pml. Documentation/testing.rst says which function of the module each step
 * is, and what this cannot show.
 *
 * A section is what is done under the lock of the channel: one step. Whatever is
 * copied to or from user space is copied between two of them.
 */

/* What the model is compiled with, -DMISTAKE=RETURN_UNSEEN; each must be caught. */
#define NO_MISTAKE		0
#define RETURN_UNSEEN		1	/* the copy failed: not offered to who waits */
#define COME_BACK_UNSEEN	2	/* handed back: not offered to who waits */
#define COME_BACK_LAST		3	/* handed back: behind the others */
#define SETTLE_ANY_ATTEMPT	4	/* a token of an earlier attempt will do */
#define SETTLE_ABANDONED	5	/* the holder is not told that the caller has left */
#define LAST_GONE_UNTOLD	6	/* the last receiver goes, the queue stays */
#define DEAD_RECEIVES		7	/* who is killed while it copies has received */
#define EXPIRE_UNSEEN		8	/* looks, takes the lock, and does not look again */
#define WITHDRAW_CLAIMED	9	/* withdraws as if nobody were copying */
#define WITHDRAW_RECEIVED	10	/* withdraws as if nobody had received */
#define SLOT_UNTIL_RECEIPT	11	/* what is owed takes no room */
#define ROOM_UNSEEN		12	/* room is free: the first in line is not let in */
#define END_TOO_SOON		13	/* told the end, though others may give back */
#define OUTCOME_UNKEPT		14	/* nobody waits now, so nobody will ask */
#define DIE_IN_DEBT		15	/* the holder goes, its duties stay */

#ifndef MISTAKE
#define MISTAKE NO_MISTAKE
#endif

/* How much may go wrong with one message. */
#ifndef MISHAPS
#define MISHAPS 2
#endif

#define section		d_step
/* Endpoints: senders, each with the message of its number, then receivers. */
#define SENDERS		2
#define ENDPOINTS	4
#define NOBODY		0	/* of a holder: no sender is one */
/* Places in the queue: what came back, what was claimed in vain, all others. */
#define FRONT		32
#define FRESH		255

mtype = { WAITING, QUEUED, CLAIMED, RECEIVED, SETTLED, WITHDRAWN, ABANDONED, FREE };
mtype = { UNTIL_QUEUED, UNTIL_RECEIVED, UNTIL_SETTLED, NONE, ACK, REPLY };
mtype = { GOOD, FAILED, CANCELED, STALE, OVER, GOES_ON };
mtype = { DEADLINE, SIGNAL };

/* The scene, which does not change but for how much may still go wrong. */
byte cap, max_attempts, mishaps;
mtype until[SENDERS], duty[SENDERS];
bool redeliver[SENDERS];

/* The channel. */
chan queue = [SENDERS] of { byte, byte };	/* place and message, the next first */
chan line = [SENDERS] of { byte };
chan idle = [ENDPOINTS] of { byte };
byte queued, claimed, unsettled, returnable, next_token = 1, front = FRONT;
byte senders = SENDERS, receivers = ENDPOINTS - SENDERS;
bool shut, deserted, closing;

/* Endpoints. Of a receiver: what it was given when its turn had come. */
bool dead[ENDPOINTS], parked[ENDPOINTS], knows_end[ENDPOINTS];
mtype result[ENDPOINTS];
byte given[ENDPOINTS];

/* Messages, each of one SEND. */
mtype state[SENDERS];
bool heard[SENDERS];	/* its sender waits */
bool kept[SENDERS];	/* its sender does not wait, but may come back */
bool back[SENDERS];	/* its sender is to fetch the outcome and free it */
byte token[SENDERS], attempt[SENDERS], holder[SENDERS], place[SENDERS];
mtype outcome[SENDERS];	/* of what is SETTLED */
bool settled[SENDERS];	/* its holder has settled it, and that was taken */
mtype told[SENDERS];	/* what its sender was told in the end */

/* Means nothing from one step to the next. */
hidden byte x, n, key, first, found, mine;
hidden mtype how;

/* What must not happen: names for spin to print, and never true. */
bool touches_the_gone, frees_twice, tells_twice, is_untold, disagrees, lost, loses_duty,
	settles_for_another, has_no_slot, overtakes, ends_too_soon, sleeps_for_ever,
	leaks, miscounts;

inline must_not(what, condition)
{
	assert(what || !(condition))
}

/* An "if" that does nothing otherwise. */
#define when(condition, ...) if :: (condition) -> __VA_ARGS__ :: else fi

#define refuses		(shut || deserted)
#define is_held(m)	(holder[m] != NOBODY && (state[m] == RECEIVED || state[m] == ABANDONED))
#define is_queued(m)	(state[m] == QUEUED || (cap == 0 && state[m] == WAITING))
#define has_slot(m)	(state[m] == QUEUED || state[m] == CLAIMED || is_held(m))
#define slots_taken	(has_slot(0) + has_slot(1))
#define has_room	(queued + (MISTAKE != SLOT_UNTIL_RECEIPT) * unsettled < cap)
#define may_return(m, e) (holder[m] == (e) && state[m] == RECEIVED)
#define owes(e)		(may_return(0, e) + may_return(1, e))
#define is_over(e)	(closing && claimed == 0 && len(queue) == 0 && \
			 (returnable == owes(e) || MISTAKE == END_TOO_SOON))

/* --- who is told what --- */

inline move(m, to)
{
	must_not(touches_the_gone, state[m] == FREE);
	state[m] = to
}

inline free(m)
{
	must_not(frees_twice, state[m] == FREE);
	must_not(lost, told[m] == GOOD && attempt[m] == 0 && !deserted);
	state[m] = FREE;
	attempt[m] = 0;
	token[m] = 0;
	place[m] = 0;
	outcome[m] = 0
}

inline learn(m, what)
{
	must_not(tells_twice, told[m] != 0);
	must_not(disagrees, what == WITHDRAWN && attempt[m] > 0);
	must_not(disagrees, what == GOOD && until[m] == UNTIL_RECEIVED && attempt[m] == 0);
	must_not(disagrees, what == SETTLED && !settled[m]);
	must_not(disagrees, what == FAILED && (settled[m] || attempt[m] == 0));
	told[m] = what
}

inline tell(m, what, to_free)
{
	must_not(touches_the_gone, !heard[m]);
	heard[m] = false;
	back[m] = to_free;
	learn(m, what)
}

inline refuse(m)
{
	move(m, WITHDRAWN);
	tell(m, WITHDRAWN, true)
}

/* The duty is over. Who waits gets the message; for who may come back it stays. */
inline conclude(m, what)
{
	move(m, SETTLED);
	outcome[m] = what;
	if
	:: heard[m] -> tell(m, what, true)
	:: !heard[m] && kept[m] && MISTAKE != OUTCOME_UNKEPT
	:: else -> free(m)
	fi
}

inline fail(m)
{
	if
	:: heard[m] || kept[m] -> conclude(m, FAILED)
	:: else -> free(m)
	fi
}

/* --- from senders through the queue to receivers --- */

inline claim(m)
{
	when(state[m] != QUEUED, queued++);
	move(m, CLAIMED);
	claimed++;
	token[m] = next_token;
	next_token++;
	when(place[m] == 0, place[m] = FRONT + token[m]);
	must_not(overtakes, is_queued(1 - m) && place[1 - m] != 0 && place[1 - m] < place[m])
}

/* Who has waited longest is given the message, which is in no list. */
inline find_receiver(m)
{
	found = len(idle) > 0;
	when(found, idle?first; parked[first] = false; claim(m);
		    given[first] = m; result[first] = GOOD)
}

inline admit(m)
{
	move(m, QUEUED);
	queued++;
	must_not(has_no_slot, slots_taken > cap);
	find_receiver(m);
	when(!found, queue!FRESH,m)
}

inline serve_idle()
{
	do
	:: len(idle) > 0 && len(queue) > 0 ->
		queue?<key,x>;
		if
		:: state[x] == QUEUED -> queue?key,x; find_receiver(x)
		:: else -> break
		fi
	:: else -> break
	od;
	x = 0
}

inline admit_line()
{
	do
	:: len(line) > 0 && has_room ->
		line?x;
		when(until[x] == UNTIL_QUEUED, tell(x, GOOD, false));
		admit(x)
	:: else -> break
	od;
	x = 0
}

inline end_receivers()
{
	n = len(idle);
	do
	:: n > 0 ->
		idle?first;
		if
		:: is_over(first) ->
			parked[first] = false;
			result[first] = OVER;
			knows_end[first] = true
		:: else -> idle!first
		fi;
		n--
	:: else -> break
	od
}

/* Ends each section that frees room or brings something back. */
inline balance()
{
	serve_idle();
	when(MISTAKE != ROOM_UNSEEN, admit_line());
	end_receivers();
	n = 0
}

inline put_back(m, where)
{
	must_not(ends_too_soon, knows_end[SENDERS] || knows_end[SENDERS + 1]);
	queue!!where,m
}

/* Received, and not settled: for another, unless that was tried often enough. */
inline come_back(m)
{
	unsettled--;
	if
	:: deserted || (max_attempts > 0 && attempt[m] >= max_attempts) -> fail(m)
	:: else ->
		queued++;
		move(m, QUEUED);
		front--;
		place[m] = front;
		put_back(m, (MISTAKE == COME_BACK_LAST -> FRESH : front))
	fi
}

/* --- leaving --- */

inline take_away(m)
{
	if
	:: state[m] == WAITING && cap > 0 -> line??eval(m)
	:: state[m] == WAITING && cap == 0 -> queue??key,eval(m)
	:: state[m] == QUEUED -> queue??key,eval(m); queued--
	:: state[m] == CLAIMED -> claimed--; queued--
	:: state[m] == RECEIVED -> returnable--
	:: else -> must_not(touches_the_gone, true)
	fi
}

/* A sender gives up. That means "how", and "mine" is whether it frees the message. */
inline leave(m)
{
	mine = false;
	if
	:: attempt[m] == 0 || MISTAKE == WITHDRAW_RECEIVED ->
		mine = state[m] != CLAIMED || MISTAKE == WITHDRAW_CLAIMED;
		take_away(m);
		move(m, WITHDRAWN);
		how = WITHDRAWN
	:: attempt[m] != 0 && duty[m] == REPLY && MISTAKE != WITHDRAW_RECEIVED ->
		mine = state[m] == QUEUED;
		take_away(m);
		move(m, ABANDONED);
		how = ABANDONED
	:: else -> how = GOES_ON
	fi
}

inline cancel_kept(m)
{
	kept[m] = false;
	mine = true;
	when(state[m] != SETTLED, leave(m));
	when(mine, free(m))
}

/* By its id, from another thread. */
inline cancel(m)
{
	if
	:: attempt[m] > 0 && state[m] != SETTLED && duty[m] != REPLY
	:: else ->
		if
		:: heard[m] -> leave(m); tell(m, how, mine)
		:: !heard[m] && kept[m] -> cancel_kept(m); told[m] = CANCELED
		:: else
		fi;
		balance()
	fi
}

/* --- death --- */

inline bury(m)
{
	unsettled--;
	free(m)
}

inline lose_holder(m)
{
	holder[m] = NOBODY;
	if
	:: state[m] == ABANDONED -> bury(m)
	:: state[m] != ABANDONED && redeliver[m] -> returnable--; come_back(m)
	:: else -> returnable--; unsettled--; fail(m)
	fi
}

/* The last received first, so that they end up in their old order. */
inline bequeath(e)
{
	do
	:: holder[0] == e || holder[1] == e ->
		x = holder[0] != e || (holder[1] == e && token[1] > token[0]);
		lose_holder(x)
	:: else -> break
	od;
	x = 0
}

inline drop_queue()
{
	do
	:: len(queue) > 0 ->
		queue?key,x;
		queued--;
		if
		:: heard[x] && attempt[x] == 0 -> refuse(x)
		:: else -> fail(x)
		fi
	:: else -> break
	od;
	x = 0
}

/* Who is left has changed, or the channel was shut. */
inline take_effect()
{
	n = 0;
	do
	:: n < SENDERS ->
		when(refuses && state[n] == WAITING, take_away(n); refuse(n));
		n++
	:: else -> break
	od;
	when(deserted && MISTAKE != LAST_GONE_UNTOLD, drop_queue());
	balance()
}

inline take_stock()
{
	deserted = receivers == 0;
	closing = shut || senders == 0
}

/* The last reference of an endpoint goes, in two phases. */
inline sender_dies(e)
{
	dead[e] = true;
	senders--;
	take_stock();
	when(kept[e], cancel_kept(e));
	take_effect()
}

inline receiver_dies(e)
{
	dead[e] = true;
	knows_end[e] = false;
	receivers--;
	take_stock();
	when(MISTAKE != DIE_IN_DEBT, bequeath(e));
	take_effect()
}

/* --- the sender's course --- */

inline offer(m)
{
	if
	:: refuses -> learn(m, WITHDRAWN); free(m)
	:: !refuses && cap > 0 && len(line) == 0 && has_room ->
		if
		:: until[m] == UNTIL_QUEUED -> learn(m, GOOD)
		:: else -> heard[m] = true
		fi;
		admit(m)
	:: else ->
		heard[m] = true;
		state[m] = WAITING;
		found = false;
		when(cap == 0, find_receiver(m));
		if
		:: !found && cap == 0 -> queue!FRESH,m
		:: !found && cap > 0 -> line!m
		:: else
		fi
	fi
}

/* By a signal, what has been received is kept; by a deadline or a kill nothing is. */
inline go(m, why)
{
	heard[m] = false;
	if
	:: why == SIGNAL && attempt[m] > 0 -> kept[m] = true
	:: else ->
		leave(m);
		learn(m, how);
		when(mine, free(m));
		balance()
	fi
}

/* WAIT: the outcome is fetched, or waited for. */
inline resume(m)
{
	kept[m] = false;
	if
	:: state[m] == SETTLED -> back[m] = true; learn(m, outcome[m])
	:: else -> heard[m] = true
	fi
}

/* The outcome could not be copied to user space. */
inline keep(m)
{
	back[m] = false;
	kept[m] = true;
	told[m] = 0
}

/* Something goes wrong. */
#define mishap(if_so)	(if_so) && mishaps > 0 -> mishaps--

proctype sender(byte me)
{
	mtype event;

	section { offer(me) };
end_asleep:
	do
	:: atomic {
		mishap(heard[me]);
		if
		:: event = DEADLINE
		:: event = SIGNAL
		fi;
#if MISTAKE == EXPIRE_UNSEEN
	   }; atomic {
#endif
		section {
			go(me, event);
			event = 0
		}
	   }
	:: section { back[me] -> back[me] = false; free(me) }
	:: section { mishap(back[me] && state[me] == SETTLED); keep(me) }
	:: section { kept[me] -> resume(me) }
	:: !heard[me] && !back[me] -> break
	od;
	if
	:: section { sender_dies(me) }
	:: true	/* Others keep it open for ever. */
	fi
}

/* --- the receiver's course --- */

inline take(e)
{
	if
	:: len(queue) > 0 -> queue?key,x; claim(x); given[e] = x; result[e] = GOOD
	:: len(queue) == 0 && is_over(e) -> result[e] = OVER; knows_end[e] = true
	:: else -> parked[e] = true; idle!e
	fi
}

inline receive(m)
{
	must_not(disagrees, told[m] == WITHDRAWN || told[m] == ABANDONED);
	attempt[m]++;
	move(m, RECEIVED);
	claimed--;
	queued--;
	if
	:: duty[m] == NONE -> when(heard[m], tell(m, GOOD, false)); free(m)
	:: else -> unsettled++; returnable++; holder[m] = me; owed[m] = token[m]
	fi;
	balance()
}

/* It is the next one's. */
inline give_back(m)
{
	claimed--;
	found = false;
	if
	:: cap == 0 && attempt[m] == 0 ->
		queued--;
		state[m] = WAITING;
		when(refuses, refuse(m); found = true)
	:: else -> state[m] = QUEUED
	fi;
	when(!found && MISTAKE != RETURN_UNSEEN, find_receiver(m));
	when(!found, put_back(m, place[m]));
	when(MISTAKE != RETURN_UNSEEN, balance())
}

/* After copying: that has failed, or its task was killed, or its sender took it back. */
inline finish(m)
{
	must_not(touches_the_gone, state[m] == FREE);
	if
	:: state[m] != CLAIMED -> free(m); again = !fails
	:: state[m] == CLAIMED && (!fails || MISTAKE == DEAD_RECEIVES) ->
		must_not(lost, fails);
		receive(m)
	:: else -> give_back(m)
	fi;
	fails = false;
	result[me] = 0;
	given[me] = 0
}

inline settle(m)
{
	how = GOOD;
	if
	:: holder[m] != me || (token[m] != with && MISTAKE != SETTLE_ANY_ATTEMPT) -> how = STALE
	:: state[m] == ABANDONED && holder[m] == me && token[m] == with &&
	   MISTAKE != SETTLE_ABANDONED ->
		bury(m)
	:: else ->
		must_not(disagrees, told[m] == ABANDONED);
		returnable--;
		if
		:: returns -> knows_end[me] = false; come_back(m)
		:: else -> unsettled--; settled[m] = true; conclude(m, SETTLED)
		fi
	fi;
	when(how != STALE, holder[m] = NOBODY);
	when(how != STALE && !(returns && MISTAKE == COME_BACK_UNSEEN), balance());
	must_not(loses_duty, with == owed[m] && how == STALE);
	must_not(settles_for_another, with == old[m] && how != STALE);
	old[m] = (returns -> with : 0);
	owed[m] = (with == owed[m] -> 0 : owed[m])
}

#define is_busy		(parked[me] || result[me] != 0 || again)
#define knows(m)	(owed[m] != 0 || old[m] != 0)

proctype receiver(byte me; byte rounds)
{
	byte m, with;
	byte owed[SENDERS], old[SENDERS];	/* tokens; 0 is none */
	bool again, fails, returns;

end_asleep:
	do
	:: section {
		again || (!is_busy && rounds > 0) ->
		rounds = rounds - !again;
		again = false;
		take(me)
	   }
	:: section { mishap(parked[me]); parked[me] = false; idle??eval(me) }
	:: result[me] == OVER -> result[me] = 0
	:: atomic {
		if
		:: result[me] == GOOD
		:: mishap(result[me] == GOOD); fails = true
		fi;
		section { finish(given[me]) }
	   }
	:: atomic { !is_busy && knows(0) -> m = 0; break }
	:: atomic { !is_busy && knows(1) -> m = 1; break }
	:: !is_busy -> goto over
	od;
	atomic {
		if
		:: owed[m] != 0 -> with = owed[m]
		:: mishap(owed[m] != 0); with = owed[m]; returns = true
		:: old[m] != 0 -> with = old[m]
		fi;
		section {
			settle(m);
			m = 0;
			with = 0;
			returns = false
		}
	};
	goto end_asleep;

over:
	if
	:: section { receiver_dies(me) }
	:: true	/* Others keep it open for ever. */
	fi
}

/* Another thread. */
proctype meddler()
{
	byte m;

end_nothing:
	atomic {
		if
		:: mishap(true); m = 0
		:: mishap(true); m = 1
		:: mishap(true); m = SENDERS
		fi;
		section {
			if
			:: m < SENDERS -> cancel(m)
			:: else -> shut = true; take_stock(); take_effect()
			fi
		}
	}
}

/* --- what is to be seen when nobody goes on by itself --- */

#define no_senders	(dead[0] && dead[1])
#define no_receivers	(dead[SENDERS] && dead[SENDERS + 1])
#define is_stuck(m)	(no_receivers || (shut && state[m] == WAITING) || \
			 (is_queued(m) && len(idle) > 0) || \
			 (state[m] == WAITING && (!heard[m] || slots_taken < cap)))
#define is_in_hands(m)	(((is_queued(m) || state[m] == WAITING) && !is_stuck(m)) || \
			 (is_held(m) && !dead[holder[m]]))
#define is_kept(m)	(state[m] == SETTLED && kept[m] && !dead[m])
#define is_enough(m)	(until[m] == UNTIL_QUEUED && state[m] != WAITING)
#define nothing_comes(e) ((shut || no_senders) && len(queue) == 0 && returnable == owes(e))

active proctype quiet()
{
	timeout;
	section {
		n = 0;
		do
		:: n < SENDERS ->
			must_not(sleeps_for_ever, heard[n] && (!is_in_hands(n) || is_enough(n)));
			must_not(is_untold, state[n] != 0 && told[n] == 0 &&
					    !heard[n] && !kept[n] && !dead[n]);
			must_not(leaks, state[n] != 0 && state[n] != FREE &&
					!is_in_hands(n) && !is_kept(n));
			n++
		:: n >= SENDERS && n < ENDPOINTS ->
			must_not(sleeps_for_ever, parked[n] && nothing_comes(n));
			n++
		:: else -> break
		od;
		must_not(miscounts, claimed != 0);
		must_not(miscounts, queued != (state[0] == QUEUED) + (state[1] == QUEUED));
		must_not(miscounts, unsettled != is_held(0) + is_held(1));
		must_not(miscounts, returnable != owes(SENDERS) + owes(SENDERS + 1))
	}
}

inline style(m, how_far, owed_then, on_death)
{
	until[m] = how_far;
	duty[m] = owed_then;
	redeliver[m] = on_death
}

#define FAIL		false
#define REDELIVER	true

/* The rows of the table in chan.rst. */
inline any_style(m)
{
	if
	:: cap > 0 -> style(m, UNTIL_QUEUED, NONE, FAIL)
	:: style(m, UNTIL_RECEIVED, NONE, FAIL)
	:: style(m, UNTIL_SETTLED, ACK, FAIL)
	:: style(m, UNTIL_SETTLED, ACK, REDELIVER)
	:: style(m, UNTIL_SETTLED, REPLY, FAIL)
	:: style(m, UNTIL_SETTLED, REPLY, REDELIVER)
	:: cap > 0 -> style(m, UNTIL_QUEUED, ACK, REDELIVER)
	fi
}

init {
	atomic {
		mishaps = 1;
		if
		/* One slot, which the other waits for. */
		:: cap = 1;
			style(0, UNTIL_SETTLED, REPLY, REDELIVER);
			style(1, UNTIL_RECEIVED, NONE, FAIL)
		:: cap = 1;
			style(0, UNTIL_QUEUED, ACK, REDELIVER);
			style(1, UNTIL_QUEUED, NONE, FAIL)
		/* Room for both, in their order. */
		:: cap = 2;
			style(0, UNTIL_SETTLED, ACK, REDELIVER);
			style(1, UNTIL_RECEIVED, NONE, FAIL)
		:: cap = 2;
			style(0, UNTIL_QUEUED, ACK, REDELIVER);
			style(1, UNTIL_SETTLED, REPLY, REDELIVER)
		/* No slots: both wait for a receiver, one of them again. */
		:: cap = 0;
			style(0, UNTIL_SETTLED, REPLY, REDELIVER);
			style(1, UNTIL_RECEIVED, NONE, FAIL)
		/* All that may become of one message. */
		:: senders = 1;
			mishaps = MISHAPS;
			if
			:: cap = 0
			:: cap = 1
			fi;
			if
			:: max_attempts = 0
			:: max_attempts = 1
			fi;
			any_style(0)
		fi;
		/* If less goes wrong, nobody is woken by that. */
		do
		:: mishaps > 0 -> mishaps--
		:: break
		od;
		run sender(0);
		if
		:: senders > 1 -> run sender(1)
		:: else -> dead[1] = true
		fi;
		run receiver(SENDERS, 2);
		run receiver(SENDERS + 1, 1);
		run meddler()
	}
}
