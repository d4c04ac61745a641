/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * select.pml - exactly one of several operations, on channels without slots
 *
 * A model for spin of how CHAN_IOC_SELECT chooses. Three or four operations, plain
 * ones and ones that select, meet on two channels; any copy to a receiver may
 * fail; one of those that select may be killed; an arm may be cancelled. Spin
 * tries every order of their steps and looks for one that breaks a promise of
 * must_not(). It owns the rules of choosing, waiting and waking; what else is true
 * of a message is not its business. Documentation/testing.rst says which function
 * of the module each step is, and what this cannot show.
 *
 * What is done under the lock of a channel is one step: nobody sees it before the
 * lock is free, and of what is not behind the lock it changes but one thing, the
 * choice of one operation. With -DFINE each statement is a step of its own, which
 * takes thirty times as many states to find the same.
 */

/* What the model is compiled with, -DMISTAKE=DECIDE_LOST; each must be caught. */
#define NO_MISTAKE		0
#define READ_THEN_WRITE		1	/* an arm is chosen without cmpxchg */
#define DECIDE_LOST		2	/* a lost arm is decided all the same */
#define STOP_AT_LOST		3	/* a lost arm ends the search */
#define LOCK_IN_ARM_ORDER	4	/* each that selects has its own order of locks */
#define PARK_UNSEEN		5	/* no second try under all locks */
#define PARK_ONE_BY_ONE		6	/* an arm is tried while another is linked */
#define LOSERS_STAY		7	/* the arms that lost are not parted */
#define TAKE_BACK_UNSEEN	8	/* takes back what was claimed once more meanwhile */
#define LEAVE_UNCHOSEN		9	/* leaves without having chosen to leave */
#define LEAVE_CLAIMED		10	/* leaves a message to whoever copies it */
#define RETURN_UNTOLD		11	/* who selects is not told that the copy failed */
#define RETURN_RELINKED		12	/* the copy failed: its arm alone is to be chosen again */
#define RETURN_UNSEEN		13	/* what comes back is not offered to who waits */
#define CANCEL_UNCHOSEN		14	/* an arm is cancelled without being chosen */
#define BALANCE_BLINDLY		15	/* what waits is given to whoever waits */
#define WAKE_BEFORE_DONE	16	/* wakes, and only then says that it is done */
#define LOOK_BEFORE_DROWSY	17	/* looks, and only then is about to sleep */

#ifndef MISTAKE
#define MISTAKE NO_MISTAKE
#endif

/* What nobody sees in parts. */
#if defined(FINE) || MISTAKE == READ_THEN_WRITE
#define section
#else
#define section d_step
#endif

#define A		0
#define B		1
#define OPS		4
#define ARMS		(1 + 2 * OPS)
#define NONE		0
#define LEFT		255
#define op_of(w)	(((w) - 1) / 2)
#define first_of(op)	(1 + 2 * (op))
#define is_plain(op)	(nr_arms[op] == 1)
#define is_decided(w)	(result[w] != 0)

mtype = { SEND, RECV };
mtype = { WAITING, CLAIMED, RECEIVED, WITHDRAWN };
mtype = { GOOD, CANCELED };
mtype = { AWAKE, DROWSY, ASLEEP };

/* The scene, which does not change: who does what, and where. */
byte nr_arms[OPS];
mtype code[ARMS];
bit channel[ARMS];

/* Channels: arms that send and arms that receive, under the lock. */
bool locked[2];
chan queue[2] = [4] of { byte };
chan idle[2] = [4] of { byte };

/* Arms, each under the lock of its channel, but for done. */
bool linked[ARMS];
bool done[ARMS];
mtype result[ARMS];	/* 0 until it is decided */
mtype message[ARMS];	/* of one that sends: how far its own got */
byte given[ARMS];	/* of one that receives: which one it was given */
bool back[ARMS];	/* of one that sends: its copy failed, and it is linked again */

/* Operations. */
byte chosen[OPS];
mtype sleep[OPS];
bool ended[OPS];
byte commits[OPS];

bool may_kill;
bool meddling;

/* What must not happen: names for spin to print, and never true. */
bool touches_the_gone, meets_itself, commits_twice, disagrees, starts_for_ever,
	linked_after_end, sleeps_for_ever, lost_wakeup;

inline must_not(what, condition)
{
	assert(what || !(condition))
}

inline lock(c)
{
	atomic {
		locked[c] == false -> locked[c] = true
	}
}

inline unlock(c)
{
	atomic {
		assert(locked[c]);
		locked[c] = false
	}
}

/*
 * The answer is in "won". If it is no, another arm was first, or leaving; for what was
 * chosen and has come back it is yes again.
 */
inline choose(w)
{
	must_not(touches_the_gone, ended[op_of(w)]);
#if MISTAKE == READ_THEN_WRITE
	won = chosen[op_of(w)] == NONE || chosen[op_of(w)] == w;
	if
	:: won -> chosen[op_of(w)] = w
	:: else
	fi
#else
	atomic {
		won = chosen[op_of(w)] == NONE || chosen[op_of(w)] == w ||
		      MISTAKE == DECIDE_LOST;
		if
		:: won -> chosen[op_of(w)] = w
		:: else
		fi
	}
#endif
}

inline decide(w, how)
{
	must_not(touches_the_gone, ended[op_of(w)]);
	result[w] = how;
	to_wake = w
}

/* After unlocking. Who is done may be gone, so its arm is touched no more. */
inline wake()
{
	if
	:: to_wake != NONE ->
#if MISTAKE == WAKE_BEFORE_DONE
		sleep[op_of(to_wake)] = AWAKE;
#endif
		section {
			must_not(touches_the_gone, ended[op_of(to_wake)]);
			done[to_wake] = true
		};
		section {
#if MISTAKE != WAKE_BEFORE_DONE
			sleep[op_of(to_wake)] = AWAKE;
#endif
			to_wake = NONE
		}
	:: to_part != NONE ->
		section {
			sleep[to_part - 1] = AWAKE;
			to_part = NONE
		}
	:: else
	fi
}

/* To the first receiver that can be chosen. The message is in no list. */
inline hand_over(s)
{
	other = NONE;
	do
	:: other == NONE && len(idle[channel[s]]) > 0 ->
		idle[channel[s]]?other;
		linked[other] = false;
		choose(other);
		if
		:: won ->
			must_not(meets_itself, op_of(s) == op_of(other));
			message[s] = CLAIMED;
			given[other] = s;
			decide(other, GOOD)
		:: !won && MISTAKE == STOP_AT_LOST -> other = NONE; break
		:: else -> other = NONE
		fi
	:: else -> break
	od;
	won = other != NONE;
	other = NONE
}

/*
 * The first message whose sender can be chosen. Who selects will be told later what
 * became of it, but now that it may part from its other arms.
 */
inline claim(r)
{
	other = NONE;
	do
	:: other == NONE && len(queue[channel[r]]) > 0 ->
		queue[channel[r]]?other;
		linked[other] = false;
		choose(other);
		if
		:: won ->
			must_not(meets_itself, op_of(other) == op_of(r));
			message[other] = CLAIMED;
			given[r] = other;
			back[other] = false;
			to_part = (is_plain(op_of(other)) -> NONE : 1 + op_of(other))
		:: !won && MISTAKE == STOP_AT_LOST -> other = NONE; break
		:: else -> other = NONE
		fi
	:: else -> break
	od;
	won = other != NONE;
	other = NONE
}

/* As an operation that does not wait. No arm is linked: the choice is its own. */
inline try(w)
{
	if
	:: code[w] == SEND -> hand_over(w)
	:: else -> claim(w)
	fi;
	if
	:: won -> chosen[me] = w; mine = w
	:: else
	fi;
	won = false
}

inline park(w)
{
	linked[w] = true;
	if
	:: code[w] == SEND -> message[w] = WAITING; queue[channel[w]]!w
	:: else -> idle[channel[w]]!w
	fi
}

inline unlink(w)
{
	linked[w] = false;
	if
	:: code[w] == SEND -> message[w] = WITHDRAWN; queue[channel[w]]??eval(w)
	:: else -> idle[channel[w]]??eval(w)
	fi
}

#define first	first_of(me)
#define last	(first + nr - 1)

inline part_others()
{
	a = first;
	do
	:: a <= last && a != mine ->
		section {
			lock(channel[a]);
			if
			:: linked[a] -> unlink(a)
			:: else
			fi;
			unlock(channel[a]);
			a++
		}
	:: a <= last && a == mine -> a++
	:: else -> a = NONE; break
	od
}

/* In one order, whoever selects; a channel that has both arms only once. */
inline lock_all()
{
	if
	:: channel[first] <= channel[last] || MISTAKE == LOCK_IN_ARM_ORDER ->
		a = channel[first]
	:: else -> a = channel[last]
	fi;
	lock(a);
	if
	:: channel[first] != channel[last] -> lock(1 - a)
	:: else
	fi
}

inline unlock_all()
{
	if
	:: channel[first] != channel[last] -> unlock(channel[last])
	:: else
	fi;
	unlock(channel[first])
}

/* Behind the others, and then all the others behind it. */
inline put_first(s)
{
	linked[s] = true;
	queue[channel[s]]!s;
	do
	:: queue[channel[s]]?<other>;
		if
		:: other != s -> queue[channel[s]]?other; queue[channel[s]]!other
		:: else -> break
		fi
	od;
	other = NONE
}

/*
 * The copy has failed, and the message is for another. If there is none, it waits on.
 * One that selects has to look after its other arms, which have lost meanwhile.
 */
inline give_back(s)
{
	message[s] = WAITING;
	if
	:: MISTAKE != RETURN_UNSEEN -> hand_over(s)
	:: else
	fi;
	if
	:: won
	:: !won && (is_plain(op_of(s)) || MISTAKE == RETURN_RELINKED) ->
		put_first(s);
		chosen[op_of(s)] = NONE
	:: else ->
		put_first(s);
		if
		:: MISTAKE != RETURN_UNTOLD ->
			back[s] = true;
			to_part = 1 + op_of(s)
		:: else
		fi
	fi;
	won = false
}

inline commit(r, s)
{
	message[s] = RECEIVED;
	commits[op_of(r)]++;
	commits[op_of(s)]++;
	must_not(commits_twice, commits[op_of(r)] > 1 || commits[op_of(s)] > 1);
	decide(s, GOOD);
#if MISTAKE == BALANCE_BLINDLY
	if
	:: len(queue[channel[r]]) > 0 && len(idle[channel[r]]) > 0 ->
		queue[channel[r]]?a;
		linked[a] = false;
		hand_over(a)
	:: else
	fi
#endif
}

inline forget(w)
{
	done[w] = false;
	result[w] = 0;
	message[w] = 0;
	given[w] = NONE;
	back[w] = false
}

/* First for what is chosen, then, when it has parted from the others, is it done? */
inline look()
{
	if
	:: chosen[me] != NONE &&
	   (done[chosen[me]] || back[chosen[me]] || (nr > 1 && !parted)) ->
		mine = chosen[me]
	:: else
	fi
}

/* Sleeps, unless there is no need to, or it was woken since it was about to. */
inline doze()
{
	atomic {
		if
		:: mine != NONE -> sleep[me] = AWAKE
		:: mine == NONE && sleep[me] == DROWSY -> sleep[me] = ASLEEP
		:: else
		fi
	}
}

#define holds_all	(all && MISTAKE != PARK_ONE_BY_ONE)

proctype operation(byte me; byte nr)
{
	byte a, mine, other, to_wake, to_part, starts;
	bool all, won, killed, settled, again, success, parted, resume;

anew:
	/* A plain operation has all locks at once, and so has whoever comes again. */
	all = nr == 1 || starts > 0;
try_all:
	if
	:: holds_all -> lock_all()
	:: else
	fi;
	if
	:: resume && (MISTAKE == TAKE_BACK_UNSEEN || (back[mine] && !is_decided(mine))) ->
		section {
			if
			:: linked[mine] -> unlink(mine)
			:: else
			fi;
			back[mine] = false;
			chosen[me] = NONE;
			mine = NONE;
			resume = false;
			parted = false
		}
	:: resume && MISTAKE != TAKE_BACK_UNSEEN && (!back[mine] || is_decided(mine)) ->
		section {
			unlock_all();
			mine = NONE;
			resume = false;
			all = false
		};
		goto wait
	:: else
	fi;
	a = first;
	do
	:: a <= last && mine == NONE ->
		if
		:: !holds_all -> lock(channel[a])
		:: else
		fi;
		section {
			if
			:: all && nr > 1 && MISTAKE == PARK_UNSEEN
			:: else -> try(a)
			fi;
#if MISTAKE == PARK_ONE_BY_ONE
			if
			:: all && mine == NONE -> park(a)
			:: else
			fi;
#endif
			if
			:: !holds_all -> unlock(channel[a])
			:: else
			fi;
			a++
		}
	:: else -> a = NONE; break
	od;
	if
	:: !all && mine == NONE -> all = true; goto try_all
	:: holds_all ->
		section {
			a = (mine == NONE -> first : last + 1);
			do
			:: a <= last -> park(a); a++
			:: else -> a = NONE; break
			od;
			unlock_all()
		}
	:: else
	fi;
	all = false;
	if
	:: mine == NONE -> goto wait
	:: else
	fi;
#if MISTAKE == PARK_ONE_BY_ONE
	part_others();
#endif
	wake();
	if
	:: code[mine] == SEND -> mine = NONE
	:: else -> goto copy
	fi;

wait:
	do
	::
#if MISTAKE == LOOK_BEFORE_DROWSY
		section {
			look()
		};
		section {
			sleep[me] = DROWSY;
			doze()
		};
#else
		sleep[me] = DROWSY;
		section {
			look();
			doze()
		};
#endif
		if
		:: mine != NONE && (done[mine] || !killed || !parted) -> goto part
		:: mine != NONE && !done[mine] && killed && parted -> mine = NONE; goto leave
		:: mine == NONE && killed && !settled -> goto leave
		:: else
		fi;
end_asleep:
		if
		:: sleep[me] == AWAKE
		:: atomic { may_kill && nr > 1 -> may_kill = false };
			killed = true;
			goto leave
		fi
	od;

leave:
	sleep[me] = AWAKE;
	atomic {
		if
		:: chosen[me] != NONE -> mine = chosen[me]
		:: chosen[me] == NONE && MISTAKE == LEAVE_UNCHOSEN
		:: else -> chosen[me] = LEFT
		fi
	};
	if
	:: mine != NONE && nr > 1 && !parted -> goto part
	:: mine != NONE && (nr == 1 || parted) ->
		section {
			lock(channel[mine]);
			if
			:: is_decided(mine) -> settled = true
			:: !is_decided(mine) && MISTAKE == LEAVE_CLAIMED
			:: else ->
				if
				:: linked[mine] -> unlink(mine)
				:: else ->
					must_not(disagrees, message[mine] != CLAIMED);
					message[mine] = WITHDRAWN
				fi
			fi;
			unlock(channel[mine]);
			mine = NONE
		}
	:: else
	fi;
	if
	:: settled -> goto wait
	:: else
	fi;

part:
	if
	:: MISTAKE != LOSERS_STAY -> part_others()
	:: else
	fi;
	if
	:: mine != NONE && !done[mine] && back[mine] && !killed ->
		resume = true;
		all = true;
		goto try_all
	:: mine != NONE && !done[mine] && (!back[mine] || killed) ->
		parted = true;
		mine = NONE;
		goto wait
	:: else
	fi;
	if
	:: mine == NONE || result[mine] == CANCELED -> goto over
	:: result[mine] == GOOD && code[mine] == SEND -> success = true; goto over
	:: else
	fi;

copy:
	if
	:: section {
		lock(channel[mine]);
		if
		:: message[given[mine]] == CLAIMED ->
			commit(mine, given[mine]);
			success = true
		:: else -> again = true
		fi;
		unlock(channel[mine])
	   }
	:: section {
		lock(channel[mine]);
		if
		:: message[given[mine]] == CLAIMED -> give_back(given[mine])
		:: else
		fi;
		unlock(channel[mine])
	   }
	fi;
	wake();

over:
	skip;
	section {
		must_not(linked_after_end, linked[first] || linked[first + 1]);
		must_not(disagrees, commits[me] != (success -> 1 : 0));
		forget(first);
		forget(first + 1);
		chosen[me] = NONE;
		commits[me] = 0;
		mine = NONE;
		settled = false;
		parted = false;
		success = false;
		if
		:: again ->
			/* Once for each of the others: that one has ended then. */
			starts++;
			must_not(starts_for_ever, starts == OPS)
		:: else ->
			starts = 0;
			killed = false;
			ended[me] = true
		fi
	};
	if
	:: again -> again = false; goto anew
	:: else
	fi
}

/* Another thread cancels an arm by its tag. */
proctype cancel(byte w)
{
	byte to_wake, to_part;
	bool won;

	section {
		lock(channel[w]);
		if
		:: linked[w] ->
			unlink(w);
			choose(w);
			if
			:: won || MISTAKE == CANCEL_UNCHOSEN -> decide(w, CANCELED)
			:: else
			fi
		:: !linked[w] && message[w] == CLAIMED ->
			message[w] = WITHDRAWN;
			decide(w, CANCELED)
		:: else
		fi;
		unlock(channel[w])
	};
	wake();
	meddling = false
}

#define is_out(op)	(ended[op] || sleep[op] == ASLEEP)
#define is_parked(op)	(chosen[op] == NONE && linked[first_of(op)] && \
			 (is_plain(op) || linked[first_of(op) + 1]))
#define could_meet(s, r) (linked[s] && linked[r] && code[s] == SEND && code[r] == RECV && \
			  channel[s] == channel[r] && op_of(s) != op_of(r))

/* Whenever nobody goes on by itself, all who sleep must have a reason to. */
active proctype quiet()
{
	byte s, r;

end_quiet:
	do
	:: d_step {
		!meddling && is_out(0) && is_out(1) && is_out(2) && is_out(3) ->
		do
		:: s < OPS -> must_not(sleeps_for_ever, !ended[s] && !is_parked(s)); s++
		:: else -> s = 1; break
		od;
		do
		:: s < ARMS && r < ARMS -> must_not(lost_wakeup, could_meet(s, r)); r++
		:: s < ARMS && r == ARMS -> r = 1; s++
		:: else -> break
		od;
		s = 0;
		r = 0
	   }
	od
}

inline arm(w, what, where)
{
	code[w] = what;
	channel[w] = where;
	nr_arms[op_of(w)]++
}

inline plain(op, what, where)
{
	arm(first_of(op), what, where)
}

inline one_of(op, what, where, or_what, or_where)
{
	arm(first_of(op), what, where);
	arm(first_of(op) + 1, or_what, or_where)
}

inline plain_on_a(op)
{
	if
	:: plain(op, SEND, A)
	:: plain(op, RECV, A)
	fi
}

init {
	byte n;

	atomic {
		if
		/* Both arms on one channel: it must not meet itself. */
		:: one_of(0, SEND, A, RECV, A); plain(1, SEND, A); plain(2, RECV, A);
			may_kill = true
		/* A third party decides. */
		:: one_of(0, SEND, A, RECV, B); plain(1, RECV, A); plain(2, SEND, B);
			may_kill = true;
			meddling = true;
			if
			:: run cancel(1)
			:: run cancel(2)
			fi
		/* Two that could meet on either channel. */
		:: one_of(0, SEND, A, RECV, B); one_of(1, SEND, B, RECV, A); plain_on_a(2);
			may_kill = true
		:: one_of(0, SEND, A, SEND, B); one_of(1, RECV, B, RECV, A); plain_on_a(2);
			may_kill = true
		/* Who comes last finds a lost arm before one that is not. */
		:: one_of(0, SEND, A, RECV, B); plain(1, RECV, A); plain(2, SEND, B);
			plain(3, RECV, B)
		:: one_of(0, RECV, A, SEND, B); plain(1, SEND, A); plain(2, RECV, B);
			plain(3, SEND, B)
		/* Two that could meet themselves or each other. */
		:: one_of(0, SEND, A, RECV, A); one_of(1, SEND, A, RECV, A); plain_on_a(2)
		fi;
		do
		:: n < OPS && nr_arms[n] > 0 -> run operation(n, nr_arms[n]); n++
		:: n < OPS && nr_arms[n] == 0 -> ended[n] = true; n++
		:: else -> n = 0; break
		od
	}
}
