/* GENERATED from ockam_fsm/machines/session.py and ockam_fsm/projections/session_pair.pml; edit the table
 *
 * implicit-persistent-two-sided, lossy: both ends, the network between them, and faults.
 *
 * Written by hand, once for all types: messages, effects, the events of a message at an end, and the properties. Generated
 * from the tables: one alternative for each row, with its id. This model has the same states as the table world of
 * ockam_fsm/specification/table_world.py, and SPIN counts as many.
 *
 * Every step is one d_step, so SPIN stores only the states between two steps. The network is a bag
 * of two: its slots are kept in order, so that equal bags are equal.
 *
 * Left out, as in the table world: requests, error messages, restarts, profile `ockam`, time (an armed timer may fire at
 * any moment), and the content of data.
 */

/* ---- The world ------------------------------------------------------------------------------------------------- */

#define GENERATIONS 3
#define SPAWNS 2
#define PERSISTENT 1
#define TWO_SIDED 1
#define INITIATOR_ATTEMPTS 2
#define INITIATOR_HELD 1
#define INITIATOR_MISSES 0
#define INITIATOR_USABLE 1
#define INITIATOR_CONFIRMED 1
#define INITIATOR_RESTING 1
#define RESPONDER_ATTEMPTS 2
#define RESPONDER_HELD 1
#define RESPONDER_MISSES 0
#define RESPONDER_USABLE 1
#define RESPONDER_CONFIRMED 1
#define RESPONDER_RESTING 1

#define RESPONDER 0
#define INITIATOR 1

/* States */
#define IDLE 0
#define NEGOTIATING 1
#define ESTABLISHED 2
#define TIMED_OUT 3
#define RENEGOTIATING 4
#define CLOSED 5

/* Events of messages; orders and timers are alternatives of their own, below */
#define NOTHING_MORE 0
#define HELLO_NEWER 1
#define HELLO_REPEATED 2
#define HELLO_OLDER 3
#define ANSWER_CURRENT 4
#define ANSWER_CHANGED 5
#define ANSWER_STALE 6
#define SUPERSEDED 7
#define PREVIOUS_ENDED 8
#define CONFIRMED 9
#define DATA_RECEIVED 10
#define KEEPALIVE_RECEIVED 11
#define KEEPALIVE_ANSWERED 12
#define CLOSE_RECEIVED 13
#define CLOSE_AT_CONTACT 14
#define GOING_AWAY_RECEIVED 15
#define STRAY 16

/* Timers, as bits */
#define NEGOTIATION_TIMER 1
#define BACK_OFF_TIMER 2
#define KEEPALIVE_TIMER 4
#define IDLE_TIMER 8
#define RETENTION_TIMER 16

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

#define HELLO 1
#define ANSWER 2
#define SUPERSEDING 3
#define DATA 4
#define KEEPALIVE 5
#define KEEPALIVE_ANSWER 6
#define CLOSING 7
#define LEAVING 8

/* A message in one number: the receiving end, the kind, the generation (number, starter), the ordinals of sender and
 * receiver, `resumed` of an answer, `seen` of a superseded. An ordinal distinguishes the responders of one host; 0: none.
 * A close at a contact address, to 0, names a generation: from its starter, `seen` the largest number. */
#define MESSAGE(to, kind, number, starter, from_, to_, resumed, seen) \
	(to + 2 * (kind + 16 * (number + 8 * (starter + 2 * (from_ + 4 * (to_ + 4 * (resumed + 2 * (seen))))))))
#define TO(m) ((m) & 1)
#define KIND(m) (((m) >> 1) & 15)
#define NUMBER(m) (((m) >> 5) & 7)
#define STARTER(m) (((m) >> 8) & 1)
#define FROM_ORDINAL(m) (((m) >> 9) & 3)
#define TO_ORDINAL(m) (((m) >> 11) & 3)
#define RESUMED(m) (((m) >> 13) & 1)
#define SEEN(m) (((m) >> 14) & 7)

int slot_0;
int slot_1;

/* ---- Ends ---------------------------------------------------------------------------------------------------------- */

typedef Link {		/* a generation at one end; number 0: none. peer 0: the messaging route is not known */
	byte number;
	byte starter;
	byte peer;
	byte resumed
}

/* All fields are 0 at the start: an initialisation would be a state of its own for SPIN. */
typedef End {
	byte spawned;		/* the number of responders that the host has made; 0 at an initiator */
	byte state;
	byte attempts;
	byte held;
	byte misses;
	byte usable;
	byte confirmed;
	byte resting;
	byte seen;		/* the largest generation used or learned, or whose answer was confirmed */
	byte seen_starter;
	Link attempt;
	Link current;
	Link established;	/* adopted last; peer: the ordinal of its starter */
	byte has_state;
	byte tired;		/* a ghost for S16: no back-off has expired since the last attempt */
	byte timers
}

#define ORDINAL(e, role) (e.spawned + role)
#define ABOVE(number, starter, other, other_starter) (number > other || (number == other && starter > other_starter))

End initiator;
End responder;
byte initiator_SEND = 1;	/* how many of these orders are left */
byte responder_SEND = 1;	/* how many of these orders are left */

/* Variables within a step. All are 0 between two steps, so they distinguish no states. (`hidden` would do as well, but
 * SPIN's breadth-first search has no hidden variables.) */
End was;
int message;
byte held;
byte sent;
byte begun;
byte concerned;
byte heard;
byte next;
byte many;
Link said;

/* The properties that this step violates; assertions read these flags. */
byte breaks_S2;
byte breaks_S4;
byte breaks_S5;
byte breaks_S6;
byte breaks_S7;
byte breaks_S16;
byte reaches_W1;

inline copy_link(to, from_)
{
	to.number = from_.number;
	to.starter = from_.starter;
	to.peer = from_.peer;
	to.resumed = from_.resumed
}

inline no_link(link)
{
	link.number = 0;
	link.starter = 0;
	link.peer = 0;
	link.resumed = 0
}

/* A message sent beyond two in flight is lost. */
inline post(m)
{
	sent = 1;
	if
	:: slot_0 == 0 -> slot_0 = m
	:: slot_0 != 0 && slot_1 == 0 && m >= slot_0 -> slot_1 = m
	:: slot_0 != 0 && slot_1 == 0 && m < slot_0 -> slot_1 = slot_0; slot_0 = m
	:: else -> skip
	fi
}

/* ---- Effects: each is a macro of its name (spec/sessions.md, Appendix B) --------------------------------------------- */

#define STOP_TIMERS(e, role) e.timers = 0
#define START_NEGOTIATION(e, role) e.timers = e.timers | NEGOTIATION_TIMER
#define START_BACK_OFF(e, role) e.timers = e.timers | BACK_OFF_TIMER
#define START_ZERO_BACK_OFF(e, role) e.timers = e.timers | BACK_OFF_TIMER
#define START_KEEPALIVE(e, role) e.timers = e.timers | KEEPALIVE_TIMER
#define START_IDLE(e, role) e.timers = e.timers | IDLE_TIMER
#define START_RETENTION(e, role) e.timers = e.timers | RETENTION_TIMER

/* These change no modelled state. */
#define HOLD(e, role) skip
#define HOLD_AGAIN(e, role) skip
#define TAKE_BACK(e, role) skip
#define DISCARD_HELD(e, role) skip
#define DELIVER(e, role) skip
#define RETIRE_REQUESTS(e, role) skip
#define ABANDON_REQUEST(e, role) skip
#define FAIL_REQUESTS(e, role) skip
#define RESET_BACK_OFF(e, role) skip
#define NOTE_EXHAUSTED(e, role) skip
#define NOTIFY_ESTABLISHED(e, role) skip
#define NOTIFY_TIMED_OUT(e, role) skip
#define NOTIFY_CLOSED(e, role) skip

inline START_ATTEMPT(e, role)
{
	e.seen = e.seen + 1;
	e.seen_starter = role;
	e.attempt.number = e.seen;
	e.attempt.starter = role;
	e.attempt.peer = 0;
	e.attempt.resumed = 0
}

inline SEND_HELLO(e, role)
{
	post(MESSAGE(1 - role, HELLO, e.attempt.number, e.attempt.starter, ORDINAL(e, role), 0, 0, 0))
}

inline ACCEPT_ATTEMPT(e, role)
{
	e.attempt.number = NUMBER(message);
	e.attempt.starter = STARTER(message);
	e.attempt.peer = FROM_ORDINAL(message);
	e.attempt.resumed = e.has_state
}

inline SEND_ANSWER(e, role)
{
	if
	:: e.attempt.number == NUMBER(message) && e.attempt.starter == STARTER(message) -> many = e.attempt.resumed
	:: else -> many = e.current.resumed
	fi;
	post(MESSAGE(1 - role, ANSWER, NUMBER(message), STARTER(message), ORDINAL(e, role), FROM_ORDINAL(message), many, 0))
}

inline SEND_SUPERSEDED(e, role)
{
	post(MESSAGE(1 - role, SUPERSEDING, NUMBER(message), STARTER(message), 0, FROM_ORDINAL(message), 0, e.seen))
}

inline CATCH_UP(e, role)
{
	if
	:: SEEN(message) > e.seen -> e.seen = SEEN(message); e.seen_starter = RESPONDER
	:: else -> skip
	fi
}

inline DROP_ATTEMPT(e, role) { no_link(e.attempt) }

inline END_CURRENT(e, role) { no_link(e.current) }

inline FORGET_ROUTE(e, role) { no_link(e.attempt); no_link(e.current) }

inline ADOPT_LINK(e, role)
{
	e.established.number = e.attempt.number;
	e.established.starter = e.attempt.starter;
	e.established.peer = (e.attempt.starter == role -> ORDINAL(e, role) : e.attempt.peer);
	if
	:: e.attempt.starter != role && ABOVE(e.attempt.number, e.attempt.starter, e.seen, e.seen_starter) ->
		e.seen = e.attempt.number; e.seen_starter = e.attempt.starter
	:: else -> skip
	fi;
	copy_link(e.current, e.attempt);
	no_link(e.attempt);
	if
	:: KIND(message) == ANSWER -> e.current.peer = FROM_ORDINAL(message); e.current.resumed = RESUMED(message)
	:: else -> skip
	fi;
	e.has_state = 1
}

/* Send a message in the current generation, or in the attempt that this end has answered. */
inline say(e, role, kind)
{
	if
	:: e.current.number != 0 -> copy_link(said, e.current)
	:: else -> copy_link(said, e.attempt)
	fi;
	say_in_it(e, role, kind)
}

inline say_in_it(e, role, kind)
{
	if
	:: said.peer != 0 -> post(MESSAGE(1 - role, kind, said.number, said.starter, ORDINAL(e, role), said.peer, 0, 0))
	:: else -> skip
	fi
}

inline SEND_DATA(e, role) { say(e, role, DATA) }

inline SEND_KEEPALIVE(e, role) { say(e, role, KEEPALIVE) }

inline ANSWER_KEEPALIVE(e, role) { say(e, role, KEEPALIVE_ANSWER) }

/* A peer whose new attempt this end has answered has forgotten the generation before it (clause 3.8). */
inline say_last(e, role, kind)
{
	if
	:: e.attempt.peer != 0 -> copy_link(said, e.attempt)
	:: else -> copy_link(said, e.current)
	fi;
	say_in_it(e, role, kind)
}

inline SEND_GOING_AWAY(e, role) { say_last(e, role, LEAVING) }

/* Without a messaging route a close takes the initialization route, if the end has one. */
#define HAS_MESSAGING_ROUTE(e) (e.attempt.peer != 0 || e.current.number != 0)
#define HAS_WAY_BACK(role) (role == INITIATOR || TWO_SIDED)
#define OWN_ATTEMPT(e, role) (e.attempt.number != 0 && e.attempt.starter == role)

inline SEND_CLOSE(e, role)
{
	many = e.seen;
	if
	:: e.attempt.number > many -> many = e.attempt.number
	:: else -> skip
	fi;
	if
	:: HAS_MESSAGING_ROUTE(e) -> say_last(e, role, CLOSING)
	:: !HAS_MESSAGING_ROUTE(e) && HAS_WAY_BACK(role) && e.established.number != 0 ->
		post(MESSAGE(1 - role, CLOSING, e.established.number, e.established.starter, e.established.peer, 0, 0, many))
	:: !HAS_MESSAGING_ROUTE(e) && HAS_WAY_BACK(role) && e.established.number == 0 && OWN_ATTEMPT(e, role) ->
		post(MESSAGE(1 - role, CLOSING, e.attempt.number, e.attempt.starter, ORDINAL(e, role), 0, 0, many))
	:: else -> skip
	fi
}

inline FORWARD_HELD(e, role)
{
	many = held;
	do
	:: many > 0 -> say(e, role, DATA); many--
	:: else -> break
	od
}

/* ---- The events of a message at an end (clauses 4.2 to 4.4) ------------------------------------------------------------ */

#define IS(link, m) (link.number != 0 && link.number == NUMBER(m) && link.starter == STARTER(m))
#define AT_ATTEMPT(e, role, m) (TO_ORDINAL(m) == ORDINAL(e, role) && IS(e.attempt, m))
#define AT_CURRENT(e, role, m) (TO_ORDINAL(m) == ORDINAL(e, role) && !IS(e.attempt, m) && IS(e.current, m))
#define NEWER(e, m) (ABOVE(NUMBER(m), STARTER(m), e.seen, e.seen_starter) && (e.attempt.number == 0 || \
	ABOVE(NUMBER(m), STARTER(m), e.attempt.number, e.attempt.starter)))
#define NAMES(link, m) (IS(link, m) && link.peer == FROM_ORDINAL(m))
#define AT_CONTACT(m) (KIND(m) == CLOSING && TO_ORDINAL(m) == 0)
#define CLOSES(e, role, m) (LISTENS(role) && SEEN(m) >= e.seen && SEEN(m) >= e.attempt.number && ((e.established.number != 0 && NAMES(e.established, m)) || \
	(e.established.number == 0 && e.attempt.number != 0 && e.attempt.starter != role && NAMES(e.attempt, m))))
#define LISTENS(role) (role == RESPONDER || TWO_SIDED)

inline judge_hello(e, m)
{
	if
	:: NAMES(e.attempt, m) || NAMES(e.current, m) -> heard = HELLO_REPEATED
	:: !(NAMES(e.attempt, m) || NAMES(e.current, m)) && NEWER(e, m) -> heard = HELLO_NEWER
	:: else -> heard = HELLO_OLDER
	fi
}

inline judge_answer(e, role, m)
{
	if
	:: e.attempt.number == NUMBER(m) && e.attempt.starter == role -> heard = ANSWER_CURRENT
	:: !(e.attempt.number == NUMBER(m) && e.attempt.starter == role) && e.current.number == NUMBER(m) &&
	   e.current.starter == role && e.current.peer != FROM_ORDINAL(m) -> heard = ANSWER_CHANGED
	:: else -> heard = ANSWER_STALE
	fi
}

inline judge_talk(e, m)
{
	if
	:: KIND(m) == DATA -> heard = DATA_RECEIVED
	:: KIND(m) == KEEPALIVE -> heard = KEEPALIVE_RECEIVED
	:: KIND(m) == KEEPALIVE_ANSWER -> heard = KEEPALIVE_ANSWERED
	:: KIND(m) == CLOSING -> heard = CLOSE_RECEIVED
	:: KIND(m) == LEAVING -> heard = GOING_AWAY_RECEIVED
	fi
}

/* A message at an answered attempt is up to three events, in this order: the previous generation has ended, the new one
 * is confirmed, and the event of its content. */
inline go_on()
{
	if
	:: next == PREVIOUS_ENDED -> next = CONFIRMED
	:: next == CONFIRMED -> next = heard
	:: else -> next = NOTHING_MORE
	fi
}

inline classify(e, role, m)
{
	heard = STRAY;
	if
	:: KIND(m) == HELLO -> judge_hello(e, m)
	:: AT_CONTACT(m) ->
		if
		:: CLOSES(e, role, m) -> heard = CLOSE_AT_CONTACT
		:: else -> skip
		fi
	:: KIND(m) != HELLO && !AT_CONTACT(m) && !AT_ATTEMPT(e, role, m) && !AT_CURRENT(e, role, m) -> skip
	:: KIND(m) == ANSWER && (AT_ATTEMPT(e, role, m) || AT_CURRENT(e, role, m)) -> judge_answer(e, role, m)
	:: KIND(m) == SUPERSEDING && AT_ATTEMPT(e, role, m) && e.attempt.starter == role -> heard = SUPERSEDED
	:: KIND(m) == SUPERSEDING && !(AT_ATTEMPT(e, role, m) && e.attempt.starter == role) &&
	   (AT_ATTEMPT(e, role, m) || AT_CURRENT(e, role, m)) -> skip
	:: KIND(m) > SUPERSEDING && AT_ATTEMPT(e, role, m) && e.attempt.starter == role ->
		if
		:: KIND(m) == CLOSING -> heard = CLOSE_RECEIVED
		:: KIND(m) == LEAVING -> heard = GOING_AWAY_RECEIVED
		:: else -> skip
		fi
	:: KIND(m) > SUPERSEDING && AT_ATTEMPT(e, role, m) && e.attempt.starter != role ->
		next = (e.current.number != 0 -> PREVIOUS_ENDED : CONFIRMED);
		judge_talk(e, m)
	:: KIND(m) > SUPERSEDING && AT_CURRENT(e, role, m) -> judge_talk(e, m)
	fi;
	next = (next == NOTHING_MORE -> heard : next)
}

/* ---- The rows of the tables -------------------------------------------------------------------------------------------- */

/* An event that no alternative takes is ignored. */
inline initiator_hears(event)
{
	if
	/* NP1: ANSWER_CURRENT in NEGOTIATING (4.3) */
	:: event == ANSWER_CURRENT && initiator.state == NEGOTIATING ->
		held = initiator.held;
		initiator.state = ESTABLISHED;
		initiator.misses = 0;
		initiator.held = 0;
		STOP_TIMERS(initiator, INITIATOR);
		ADOPT_LINK(initiator, INITIATOR);
		NOTIFY_ESTABLISHED(initiator, INITIATOR);
		SEND_KEEPALIVE(initiator, INITIATOR);
		START_KEEPALIVE(initiator, INITIATOR);
		FORWARD_HELD(initiator, INITIATOR)
	/* NP2: SUPERSEDED in NEGOTIATING (4.2) */
	:: event == SUPERSEDED && initiator.state == NEGOTIATING ->
		held = initiator.held;
		initiator.state = TIMED_OUT;
		CATCH_UP(initiator, INITIATOR);
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR);
		NOTIFY_TIMED_OUT(initiator, INITIATOR);
		START_BACK_OFF(initiator, INITIATOR)
	/* NP4: GOING_AWAY_RECEIVED in NEGOTIATING (3.8) */
	:: event == GOING_AWAY_RECEIVED && initiator.state == NEGOTIATING ->
		held = initiator.held;
		initiator.state = TIMED_OUT;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR);
		NOTIFY_TIMED_OUT(initiator, INITIATOR);
		START_BACK_OFF(initiator, INITIATOR)
	/* QO1: CONFIRMED in NEGOTIATING (4.4) */
	:: event == CONFIRMED && initiator.state == NEGOTIATING ->
		held = initiator.held;
		initiator.state = ESTABLISHED;
		initiator.attempts = 0;
		initiator.misses = 0;
		initiator.held = 0;
		STOP_TIMERS(initiator, INITIATOR);
		ADOPT_LINK(initiator, INITIATOR);
		NOTIFY_ESTABLISHED(initiator, INITIATOR);
		START_KEEPALIVE(initiator, INITIATOR);
		FORWARD_HELD(initiator, INITIATOR);
		RESET_BACK_OFF(initiator, INITIATOR)
	/* QO2: HELLO_REPEATED in NEGOTIATING (4.2) */
	:: event == HELLO_REPEATED && initiator.state == NEGOTIATING ->
		held = initiator.held;
		initiator.state = NEGOTIATING;
		SEND_ANSWER(initiator, INITIATOR)
	/* QO3: HELLO_REPEATED in ESTABLISHED (4.2) */
	:: event == HELLO_REPEATED && initiator.state == ESTABLISHED ->
		held = initiator.held;
		initiator.state = ESTABLISHED;
		SEND_ANSWER(initiator, INITIATOR)
	/* QO4: HELLO_OLDER in NEGOTIATING (4.2, 4.6) */
	:: event == HELLO_OLDER && initiator.state == NEGOTIATING ->
		held = initiator.held;
		initiator.state = NEGOTIATING;
		SEND_SUPERSEDED(initiator, INITIATOR)
	/* QO5: HELLO_OLDER in ESTABLISHED (4.2) */
	:: event == HELLO_OLDER && initiator.state == ESTABLISHED ->
		held = initiator.held;
		initiator.state = ESTABLISHED;
		SEND_SUPERSEDED(initiator, INITIATOR)
	/* RO1: HELLO_NEWER in NEGOTIATING (4.2, 4.6) */
	:: event == HELLO_NEWER && initiator.state == NEGOTIATING ->
		held = initiator.held;
		initiator.state = NEGOTIATING;
		STOP_TIMERS(initiator, INITIATOR);
		ACCEPT_ATTEMPT(initiator, INITIATOR);
		SEND_ANSWER(initiator, INITIATOR);
		START_NEGOTIATION(initiator, INITIATOR)
	/* RO2: HELLO_NEWER in ESTABLISHED (4.2, 4.4) */
	:: event == HELLO_NEWER && initiator.state == ESTABLISHED ->
		held = initiator.held;
		initiator.state = RENEGOTIATING;
		initiator.usable = (initiator.usable < INITIATOR_USABLE -> initiator.usable + 1 : INITIATOR_USABLE);
		STOP_TIMERS(initiator, INITIATOR);
		ACCEPT_ATTEMPT(initiator, INITIATOR);
		SEND_ANSWER(initiator, INITIATOR);
		START_NEGOTIATION(initiator, INITIATOR)
	/* RO3: HELLO_NEWER in RENEGOTIATING (4.2, 4.6) */
	:: event == HELLO_NEWER && initiator.state == RENEGOTIATING ->
		held = initiator.held;
		initiator.state = RENEGOTIATING;
		STOP_TIMERS(initiator, INITIATOR);
		ACCEPT_ATTEMPT(initiator, INITIATOR);
		SEND_ANSWER(initiator, INITIATOR);
		START_NEGOTIATION(initiator, INITIATOR)
	/* RO4: CONFIRMED in RENEGOTIATING (4.4) */
	:: event == CONFIRMED && initiator.state == RENEGOTIATING ->
		held = initiator.held;
		initiator.state = ESTABLISHED;
		initiator.attempts = 0;
		initiator.misses = 0;
		initiator.held = 0;
		STOP_TIMERS(initiator, INITIATOR);
		ADOPT_LINK(initiator, INITIATOR);
		NOTIFY_ESTABLISHED(initiator, INITIATOR);
		START_KEEPALIVE(initiator, INITIATOR);
		FORWARD_HELD(initiator, INITIATOR);
		RESET_BACK_OFF(initiator, INITIATOR)
	/* RO5: HELLO_REPEATED in RENEGOTIATING (4.2) */
	:: event == HELLO_REPEATED && initiator.state == RENEGOTIATING ->
		held = initiator.held;
		initiator.state = RENEGOTIATING;
		SEND_ANSWER(initiator, INITIATOR)
	/* RO6: HELLO_OLDER in RENEGOTIATING (4.2) */
	:: event == HELLO_OLDER && initiator.state == RENEGOTIATING ->
		held = initiator.held;
		initiator.state = RENEGOTIATING;
		SEND_SUPERSEDED(initiator, INITIATOR)
	/* RO7: HELLO_OLDER in TIMED_OUT (4.2) */
	:: event == HELLO_OLDER && initiator.state == TIMED_OUT ->
		held = initiator.held;
		initiator.state = TIMED_OUT;
		SEND_SUPERSEDED(initiator, INITIATOR)
	/* V1: DATA_RECEIVED in RENEGOTIATING (4.4, 7.3) */
	:: event == DATA_RECEIVED && initiator.state == RENEGOTIATING && initiator.usable >= 1 ->
		held = initiator.held;
		initiator.state = RENEGOTIATING;
		DELIVER(initiator, INITIATOR)
	/* V2: KEEPALIVE_RECEIVED in RENEGOTIATING (4.4) */
	:: event == KEEPALIVE_RECEIVED && initiator.state == RENEGOTIATING && initiator.usable >= 1 ->
		held = initiator.held;
		initiator.state = RENEGOTIATING;
		ANSWER_KEEPALIVE(initiator, INITIATOR)
	/* V3: PREVIOUS_ENDED in RENEGOTIATING (4.4) */
	:: event == PREVIOUS_ENDED && initiator.state == RENEGOTIATING && initiator.usable >= 1 ->
		held = initiator.held;
		initiator.state = RENEGOTIATING;
		initiator.usable = 0;
		END_CURRENT(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR)
	/* V5: CLOSE_RECEIVED in RENEGOTIATING (3.8, 4.4) */
	:: event == CLOSE_RECEIVED && initiator.state == RENEGOTIATING && initiator.usable >= 1 ->
		held = initiator.held;
		initiator.state = RENEGOTIATING;
		initiator.usable = 0;
		END_CURRENT(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR)
	/* V7: GOING_AWAY_RECEIVED in RENEGOTIATING (3.8, 4.4) */
	:: event == GOING_AWAY_RECEIVED && initiator.state == RENEGOTIATING && initiator.usable >= 1 ->
		held = initiator.held;
		initiator.state = RENEGOTIATING;
		initiator.usable = 0;
		END_CURRENT(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR)
	/* WI1: HELLO_NEWER in TIMED_OUT (4.2) */
	:: event == HELLO_NEWER && initiator.state == TIMED_OUT ->
		held = initiator.held;
		initiator.state = RENEGOTIATING;
		initiator.resting = 0;
		STOP_TIMERS(initiator, INITIATOR);
		ACCEPT_ATTEMPT(initiator, INITIATOR);
		SEND_ANSWER(initiator, INITIATOR);
		START_NEGOTIATION(initiator, INITIATOR)
	/* YO1: ANSWER_CHANGED in ESTABLISHED (4.3) */
	:: event == ANSWER_CHANGED && initiator.state == ESTABLISHED ->
		held = initiator.held;
		initiator.state = TIMED_OUT;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR);
		NOTIFY_TIMED_OUT(initiator, INITIATOR);
		START_BACK_OFF(initiator, INITIATOR)
	/* EP2: DATA_RECEIVED in ESTABLISHED (7.3) */
	:: event == DATA_RECEIVED && initiator.state == ESTABLISHED ->
		held = initiator.held;
		initiator.state = ESTABLISHED;
		initiator.attempts = 0;
		initiator.misses = 0;
		DELIVER(initiator, INITIATOR);
		RESET_BACK_OFF(initiator, INITIATOR)
	/* EP3: KEEPALIVE_RECEIVED in ESTABLISHED (4.7) */
	:: event == KEEPALIVE_RECEIVED && initiator.state == ESTABLISHED ->
		held = initiator.held;
		initiator.state = ESTABLISHED;
		initiator.attempts = 0;
		initiator.misses = 0;
		ANSWER_KEEPALIVE(initiator, INITIATOR);
		RESET_BACK_OFF(initiator, INITIATOR)
	/* KO3: KEEPALIVE_ANSWERED in ESTABLISHED (4.7) */
	:: event == KEEPALIVE_ANSWERED && initiator.state == ESTABLISHED ->
		held = initiator.held;
		initiator.state = ESTABLISHED;
		initiator.attempts = 0;
		initiator.misses = 0;
		RESET_BACK_OFF(initiator, INITIATOR)
	/* FO6: GOING_AWAY_RECEIVED in ESTABLISHED (3.8) */
	:: event == GOING_AWAY_RECEIVED && initiator.state == ESTABLISHED ->
		held = initiator.held;
		initiator.state = TIMED_OUT;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR);
		NOTIFY_TIMED_OUT(initiator, INITIATOR);
		START_BACK_OFF(initiator, INITIATOR)
	/* PO1: CLOSE_RECEIVED in ESTABLISHED (3.8) */
	:: event == CLOSE_RECEIVED && initiator.state == ESTABLISHED ->
		held = initiator.held;
		initiator.state = CLOSED;
		initiator.held = 0;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		FAIL_REQUESTS(initiator, INITIATOR);
		DISCARD_HELD(initiator, INITIATOR);
		NOTIFY_CLOSED(initiator, INITIATOR)
	/* PO2: CLOSE_RECEIVED in NEGOTIATING (3.8) */
	:: event == CLOSE_RECEIVED && initiator.state == NEGOTIATING ->
		held = initiator.held;
		initiator.state = TIMED_OUT;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR);
		NOTIFY_TIMED_OUT(initiator, INITIATOR);
		START_BACK_OFF(initiator, INITIATOR)
	/* GB1: ANSWER_CURRENT in RENEGOTIATING (4.3) */
	:: event == ANSWER_CURRENT && initiator.state == RENEGOTIATING ->
		held = initiator.held;
		initiator.state = ESTABLISHED;
		initiator.misses = 0;
		initiator.held = 0;
		STOP_TIMERS(initiator, INITIATOR);
		ADOPT_LINK(initiator, INITIATOR);
		NOTIFY_ESTABLISHED(initiator, INITIATOR);
		SEND_KEEPALIVE(initiator, INITIATOR);
		START_KEEPALIVE(initiator, INITIATOR);
		FORWARD_HELD(initiator, INITIATOR)
	/* GB2: SUPERSEDED in RENEGOTIATING (4.2) */
	:: event == SUPERSEDED && initiator.state == RENEGOTIATING ->
		held = initiator.held;
		initiator.state = TIMED_OUT;
		CATCH_UP(initiator, INITIATOR);
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR);
		NOTIFY_TIMED_OUT(initiator, INITIATOR);
		START_BACK_OFF(initiator, INITIATOR)
	/* GB4: CLOSE_RECEIVED in RENEGOTIATING (3.8) */
	:: event == CLOSE_RECEIVED && initiator.state == RENEGOTIATING && initiator.usable < 1 ->
		held = initiator.held;
		initiator.state = TIMED_OUT;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR);
		NOTIFY_TIMED_OUT(initiator, INITIATOR);
		START_BACK_OFF(initiator, INITIATOR)
	/* GB8: GOING_AWAY_RECEIVED in RENEGOTIATING (3.8) */
	:: event == GOING_AWAY_RECEIVED && initiator.state == RENEGOTIATING && initiator.usable < 1 ->
		held = initiator.held;
		initiator.state = TIMED_OUT;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR);
		NOTIFY_TIMED_OUT(initiator, INITIATOR);
		START_BACK_OFF(initiator, INITIATOR)
	/* C1: CLOSE_AT_CONTACT in NEGOTIATING (3.8) */
	:: event == CLOSE_AT_CONTACT && initiator.state == NEGOTIATING ->
		held = initiator.held;
		initiator.state = CLOSED;
		initiator.held = 0;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		FAIL_REQUESTS(initiator, INITIATOR);
		DISCARD_HELD(initiator, INITIATOR);
		NOTIFY_CLOSED(initiator, INITIATOR)
	/* C2: CLOSE_AT_CONTACT in ESTABLISHED (3.8) */
	:: event == CLOSE_AT_CONTACT && initiator.state == ESTABLISHED ->
		held = initiator.held;
		initiator.state = CLOSED;
		initiator.held = 0;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		FAIL_REQUESTS(initiator, INITIATOR);
		DISCARD_HELD(initiator, INITIATOR);
		NOTIFY_CLOSED(initiator, INITIATOR)
	/* C3: CLOSE_AT_CONTACT in TIMED_OUT (3.8) */
	:: event == CLOSE_AT_CONTACT && initiator.state == TIMED_OUT ->
		held = initiator.held;
		initiator.state = CLOSED;
		initiator.held = 0;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		FAIL_REQUESTS(initiator, INITIATOR);
		DISCARD_HELD(initiator, INITIATOR);
		NOTIFY_CLOSED(initiator, INITIATOR)
	/* C4: CLOSE_AT_CONTACT in RENEGOTIATING (3.8) */
	:: event == CLOSE_AT_CONTACT && initiator.state == RENEGOTIATING ->
		held = initiator.held;
		initiator.state = CLOSED;
		initiator.held = 0;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		FAIL_REQUESTS(initiator, INITIATOR);
		DISCARD_HELD(initiator, INITIATOR);
		NOTIFY_CLOSED(initiator, INITIATOR)
	:: else -> skip
	fi
}

inline responder_hears(event)
{
	if
	/* A1: HELLO_NEWER in IDLE (discussion: negotiation; 4.2) */
	:: event == HELLO_NEWER && responder.state == IDLE ->
		held = responder.held;
		responder.state = NEGOTIATING;
		STOP_TIMERS(responder, RESPONDER);
		ACCEPT_ATTEMPT(responder, RESPONDER);
		SEND_ANSWER(responder, RESPONDER);
		START_NEGOTIATION(responder, RESPONDER)
	/* AP1: HELLO_OLDER in IDLE (4.2) */
	:: event == HELLO_OLDER && responder.state == IDLE ->
		held = responder.held;
		responder.state = IDLE;
		SEND_SUPERSEDED(responder, RESPONDER)
	/* QR1: CONFIRMED in NEGOTIATING (4.4) */
	:: event == CONFIRMED && responder.state == NEGOTIATING ->
		held = responder.held;
		responder.state = ESTABLISHED;
		responder.attempts = 0;
		responder.misses = 0;
		responder.held = 0;
		responder.confirmed = (responder.confirmed < RESPONDER_CONFIRMED -> responder.confirmed + 1 : RESPONDER_CONFIRMED);
		STOP_TIMERS(responder, RESPONDER);
		ADOPT_LINK(responder, RESPONDER);
		NOTIFY_ESTABLISHED(responder, RESPONDER);
		START_KEEPALIVE(responder, RESPONDER);
		FORWARD_HELD(responder, RESPONDER);
		RESET_BACK_OFF(responder, RESPONDER)
	/* QR2: HELLO_REPEATED in NEGOTIATING (4.2) */
	:: event == HELLO_REPEATED && responder.state == NEGOTIATING ->
		held = responder.held;
		responder.state = NEGOTIATING;
		SEND_ANSWER(responder, RESPONDER)
	/* QR3: HELLO_REPEATED in ESTABLISHED (4.2) */
	:: event == HELLO_REPEATED && responder.state == ESTABLISHED ->
		held = responder.held;
		responder.state = ESTABLISHED;
		SEND_ANSWER(responder, RESPONDER)
	/* QR4: HELLO_OLDER in NEGOTIATING (4.2, 4.6) */
	:: event == HELLO_OLDER && responder.state == NEGOTIATING ->
		held = responder.held;
		responder.state = NEGOTIATING;
		SEND_SUPERSEDED(responder, RESPONDER)
	/* QR5: HELLO_OLDER in ESTABLISHED (4.2) */
	:: event == HELLO_OLDER && responder.state == ESTABLISHED ->
		held = responder.held;
		responder.state = ESTABLISHED;
		SEND_SUPERSEDED(responder, RESPONDER)
	/* RO1: HELLO_NEWER in NEGOTIATING (4.2, 4.6) */
	:: event == HELLO_NEWER && responder.state == NEGOTIATING ->
		held = responder.held;
		responder.state = NEGOTIATING;
		STOP_TIMERS(responder, RESPONDER);
		ACCEPT_ATTEMPT(responder, RESPONDER);
		SEND_ANSWER(responder, RESPONDER);
		START_NEGOTIATION(responder, RESPONDER)
	/* RO2: HELLO_NEWER in ESTABLISHED (4.2, 4.4) */
	:: event == HELLO_NEWER && responder.state == ESTABLISHED ->
		held = responder.held;
		responder.state = RENEGOTIATING;
		responder.usable = (responder.usable < RESPONDER_USABLE -> responder.usable + 1 : RESPONDER_USABLE);
		STOP_TIMERS(responder, RESPONDER);
		ACCEPT_ATTEMPT(responder, RESPONDER);
		SEND_ANSWER(responder, RESPONDER);
		START_NEGOTIATION(responder, RESPONDER)
	/* RO3: HELLO_NEWER in RENEGOTIATING (4.2, 4.6) */
	:: event == HELLO_NEWER && responder.state == RENEGOTIATING ->
		held = responder.held;
		responder.state = RENEGOTIATING;
		STOP_TIMERS(responder, RESPONDER);
		ACCEPT_ATTEMPT(responder, RESPONDER);
		SEND_ANSWER(responder, RESPONDER);
		START_NEGOTIATION(responder, RESPONDER)
	/* RO4: CONFIRMED in RENEGOTIATING (4.4) */
	:: event == CONFIRMED && responder.state == RENEGOTIATING ->
		held = responder.held;
		responder.state = ESTABLISHED;
		responder.attempts = 0;
		responder.misses = 0;
		responder.held = 0;
		STOP_TIMERS(responder, RESPONDER);
		ADOPT_LINK(responder, RESPONDER);
		NOTIFY_ESTABLISHED(responder, RESPONDER);
		START_KEEPALIVE(responder, RESPONDER);
		FORWARD_HELD(responder, RESPONDER);
		RESET_BACK_OFF(responder, RESPONDER)
	/* RO5: HELLO_REPEATED in RENEGOTIATING (4.2) */
	:: event == HELLO_REPEATED && responder.state == RENEGOTIATING ->
		held = responder.held;
		responder.state = RENEGOTIATING;
		SEND_ANSWER(responder, RESPONDER)
	/* RO6: HELLO_OLDER in RENEGOTIATING (4.2) */
	:: event == HELLO_OLDER && responder.state == RENEGOTIATING ->
		held = responder.held;
		responder.state = RENEGOTIATING;
		SEND_SUPERSEDED(responder, RESPONDER)
	/* RO7: HELLO_OLDER in TIMED_OUT (4.2) */
	:: event == HELLO_OLDER && responder.state == TIMED_OUT ->
		held = responder.held;
		responder.state = TIMED_OUT;
		SEND_SUPERSEDED(responder, RESPONDER)
	/* V1: DATA_RECEIVED in RENEGOTIATING (4.4, 7.3) */
	:: event == DATA_RECEIVED && responder.state == RENEGOTIATING && responder.usable >= 1 ->
		held = responder.held;
		responder.state = RENEGOTIATING;
		DELIVER(responder, RESPONDER)
	/* V2: KEEPALIVE_RECEIVED in RENEGOTIATING (4.4) */
	:: event == KEEPALIVE_RECEIVED && responder.state == RENEGOTIATING && responder.usable >= 1 ->
		held = responder.held;
		responder.state = RENEGOTIATING;
		ANSWER_KEEPALIVE(responder, RESPONDER)
	/* V3: PREVIOUS_ENDED in RENEGOTIATING (4.4) */
	:: event == PREVIOUS_ENDED && responder.state == RENEGOTIATING && responder.usable >= 1 ->
		held = responder.held;
		responder.state = RENEGOTIATING;
		responder.usable = 0;
		END_CURRENT(responder, RESPONDER);
		RETIRE_REQUESTS(responder, RESPONDER)
	/* V5: CLOSE_RECEIVED in RENEGOTIATING (3.8, 4.4) */
	:: event == CLOSE_RECEIVED && responder.state == RENEGOTIATING && responder.usable >= 1 ->
		held = responder.held;
		responder.state = RENEGOTIATING;
		responder.usable = 0;
		END_CURRENT(responder, RESPONDER);
		RETIRE_REQUESTS(responder, RESPONDER)
	/* V7: GOING_AWAY_RECEIVED in RENEGOTIATING (3.8, 4.4) */
	:: event == GOING_AWAY_RECEIVED && responder.state == RENEGOTIATING && responder.usable >= 1 ->
		held = responder.held;
		responder.state = RENEGOTIATING;
		responder.usable = 0;
		END_CURRENT(responder, RESPONDER);
		RETIRE_REQUESTS(responder, RESPONDER)
	/* WI1: HELLO_NEWER in TIMED_OUT (4.2) */
	:: event == HELLO_NEWER && responder.state == TIMED_OUT ->
		held = responder.held;
		responder.state = RENEGOTIATING;
		responder.resting = 0;
		STOP_TIMERS(responder, RESPONDER);
		ACCEPT_ATTEMPT(responder, RESPONDER);
		SEND_ANSWER(responder, RESPONDER);
		START_NEGOTIATION(responder, RESPONDER)
	/* YO1: ANSWER_CHANGED in ESTABLISHED (4.3) */
	:: event == ANSWER_CHANGED && responder.state == ESTABLISHED ->
		held = responder.held;
		responder.state = TIMED_OUT;
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		RETIRE_REQUESTS(responder, RESPONDER);
		NOTIFY_TIMED_OUT(responder, RESPONDER);
		START_BACK_OFF(responder, RESPONDER)
	/* EP2: DATA_RECEIVED in ESTABLISHED (7.3) */
	:: event == DATA_RECEIVED && responder.state == ESTABLISHED ->
		held = responder.held;
		responder.state = ESTABLISHED;
		responder.attempts = 0;
		responder.misses = 0;
		DELIVER(responder, RESPONDER);
		RESET_BACK_OFF(responder, RESPONDER)
	/* EP3: KEEPALIVE_RECEIVED in ESTABLISHED (4.7) */
	:: event == KEEPALIVE_RECEIVED && responder.state == ESTABLISHED ->
		held = responder.held;
		responder.state = ESTABLISHED;
		responder.attempts = 0;
		responder.misses = 0;
		ANSWER_KEEPALIVE(responder, RESPONDER);
		RESET_BACK_OFF(responder, RESPONDER)
	/* KO3: KEEPALIVE_ANSWERED in ESTABLISHED (4.7) */
	:: event == KEEPALIVE_ANSWERED && responder.state == ESTABLISHED ->
		held = responder.held;
		responder.state = ESTABLISHED;
		responder.attempts = 0;
		responder.misses = 0;
		RESET_BACK_OFF(responder, RESPONDER)
	/* FR6: GOING_AWAY_RECEIVED in ESTABLISHED (3.8) */
	:: event == GOING_AWAY_RECEIVED && responder.state == ESTABLISHED ->
		held = responder.held;
		responder.state = TIMED_OUT;
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		RETIRE_REQUESTS(responder, RESPONDER);
		NOTIFY_TIMED_OUT(responder, RESPONDER);
		START_BACK_OFF(responder, RESPONDER)
	/* PO1: CLOSE_RECEIVED in ESTABLISHED (3.8) */
	:: event == CLOSE_RECEIVED && responder.state == ESTABLISHED ->
		held = responder.held;
		responder.state = CLOSED;
		responder.held = 0;
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		FAIL_REQUESTS(responder, RESPONDER);
		DISCARD_HELD(responder, RESPONDER);
		NOTIFY_CLOSED(responder, RESPONDER)
	/* GB1: ANSWER_CURRENT in RENEGOTIATING (4.3) */
	:: event == ANSWER_CURRENT && responder.state == RENEGOTIATING ->
		held = responder.held;
		responder.state = ESTABLISHED;
		responder.misses = 0;
		responder.held = 0;
		STOP_TIMERS(responder, RESPONDER);
		ADOPT_LINK(responder, RESPONDER);
		NOTIFY_ESTABLISHED(responder, RESPONDER);
		SEND_KEEPALIVE(responder, RESPONDER);
		START_KEEPALIVE(responder, RESPONDER);
		FORWARD_HELD(responder, RESPONDER)
	/* GB2: SUPERSEDED in RENEGOTIATING (4.2) */
	:: event == SUPERSEDED && responder.state == RENEGOTIATING ->
		held = responder.held;
		responder.state = TIMED_OUT;
		CATCH_UP(responder, RESPONDER);
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		RETIRE_REQUESTS(responder, RESPONDER);
		NOTIFY_TIMED_OUT(responder, RESPONDER);
		START_BACK_OFF(responder, RESPONDER)
	/* GB4: CLOSE_RECEIVED in RENEGOTIATING (3.8) */
	:: event == CLOSE_RECEIVED && responder.state == RENEGOTIATING && responder.usable < 1 ->
		held = responder.held;
		responder.state = TIMED_OUT;
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		RETIRE_REQUESTS(responder, RESPONDER);
		NOTIFY_TIMED_OUT(responder, RESPONDER);
		START_BACK_OFF(responder, RESPONDER)
	/* GB8: GOING_AWAY_RECEIVED in RENEGOTIATING (3.8) */
	:: event == GOING_AWAY_RECEIVED && responder.state == RENEGOTIATING && responder.usable < 1 ->
		held = responder.held;
		responder.state = TIMED_OUT;
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		RETIRE_REQUESTS(responder, RESPONDER);
		NOTIFY_TIMED_OUT(responder, RESPONDER);
		START_BACK_OFF(responder, RESPONDER)
	/* C1: CLOSE_AT_CONTACT in NEGOTIATING (3.8) */
	:: event == CLOSE_AT_CONTACT && responder.state == NEGOTIATING ->
		held = responder.held;
		responder.state = CLOSED;
		responder.held = 0;
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		FAIL_REQUESTS(responder, RESPONDER);
		DISCARD_HELD(responder, RESPONDER);
		NOTIFY_CLOSED(responder, RESPONDER)
	/* C2: CLOSE_AT_CONTACT in ESTABLISHED (3.8) */
	:: event == CLOSE_AT_CONTACT && responder.state == ESTABLISHED ->
		held = responder.held;
		responder.state = CLOSED;
		responder.held = 0;
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		FAIL_REQUESTS(responder, RESPONDER);
		DISCARD_HELD(responder, RESPONDER);
		NOTIFY_CLOSED(responder, RESPONDER)
	/* C3: CLOSE_AT_CONTACT in TIMED_OUT (3.8) */
	:: event == CLOSE_AT_CONTACT && responder.state == TIMED_OUT ->
		held = responder.held;
		responder.state = CLOSED;
		responder.held = 0;
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		FAIL_REQUESTS(responder, RESPONDER);
		DISCARD_HELD(responder, RESPONDER);
		NOTIFY_CLOSED(responder, RESPONDER)
	/* C4: CLOSE_AT_CONTACT in RENEGOTIATING (3.8) */
	:: event == CLOSE_AT_CONTACT && responder.state == RENEGOTIATING ->
		held = responder.held;
		responder.state = CLOSED;
		responder.held = 0;
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		FAIL_REQUESTS(responder, RESPONDER);
		DISCARD_HELD(responder, RESPONDER);
		NOTIFY_CLOSED(responder, RESPONDER)
	:: else -> skip
	fi
}

/* ---- Properties (spec/sessions.md, section 8) ------------------------------------------------------------------------- */

/* S3 and S12 are not among them: no effect here loses an end's state, and counters stop at their limits with any table.
 * So neither could fail. */

#define STARTED(e, role) (e.attempt.number != 0 && e.attempt.starter == role && \
	!(e.attempt.number == was.attempt.number && e.attempt.starter == was.attempt.starter && \
	  e.attempt.peer == was.attempt.peer && e.attempt.resumed == was.attempt.resumed))
#define SAME_LINK(a, b) (a.number == b.number && a.starter == b.starter && a.peer == b.peer && a.resumed == b.resumed)
#define SAME_COUNTS(e) (e.attempts == was.attempts && e.held == was.held && e.misses == was.misses && \
	e.usable == was.usable && e.confirmed == was.confirmed && e.resting == was.resting)
#define SAME(e) (e.spawned == was.spawned && e.state == was.state && SAME_COUNTS(e) && e.seen == was.seen && \
	e.seen_starter == was.seen_starter && SAME_LINK(e.attempt, was.attempt) && SAME_LINK(e.current, was.current) && \
	SAME_LINK(e.established, was.established) && e.has_state == was.has_state && e.tired == was.tired && e.timers == was.timers)
#define FORGOTTEN(e, role) (role == RESPONDER && e.state == IDLE)
#define AWAY(e) (e.state == IDLE || e.state == TIMED_OUT || e.state == CLOSED)
#define KNOWS(e) (e.attempt.number != 0 || e.current.number != 0)
#define ONE_NUMBER (initiator.state == ESTABLISHED && responder.state == ESTABLISHED && \
	initiator.current.number == responder.current.number)
#define ROUTED (initiator.current.peer == ORDINAL(responder, RESPONDER) && responder.current.peer == ORDINAL(initiator, INITIATOR))
#define KNOWN ((initiator.current.starter == INITIATOR && responder.current.peer == ORDINAL(initiator, INITIATOR)) || \
	(initiator.current.starter == RESPONDER && initiator.current.peer == ORDINAL(responder, RESPONDER)))

inline judge_step(e, role, back_off)
{
	breaks_S2 = (was.state == CLOSED && (e.state != CLOSED || sent)) || (!PERSISTENT && begun && was.state != IDLE);
	breaks_S4 = ((e.seen < was.seen || (e.seen == was.seen && e.seen_starter < was.seen_starter)) &&
	             !FORGOTTEN(e, role)) || !(concerned || (role == RESPONDER && was.state == IDLE) || SAME(e));
	breaks_S5 = (AWAY(initiator) && KNOWS(initiator)) || (AWAY(responder) && KNOWS(responder));
	breaks_S6 = !TWO_SIDED && role == RESPONDER && begun;
	breaks_S7 = ONE_NUMBER && initiator.current.starter == responder.current.starter && KNOWN && !ROUTED;
	breaks_S16 = begun && was.tired && !back_off;
	reaches_W1 = ONE_NUMBER && initiator.current.starter == responder.current.starter &&
	             initiator.current.peer == ORDINAL(responder, RESPONDER);
	assert(!breaks_S2);
	assert(!breaks_S4);
	assert(!breaks_S5);
	assert(!breaks_S6);
	assert(!breaks_S7);
	assert(!breaks_S16)
}

/* ---- Steps --------------------------------------------------------------------------------------------------------------- */

inline begin(e)
{
	was.spawned = e.spawned;
	was.state = e.state;
	was.attempts = e.attempts;
	was.held = e.held;
	was.misses = e.misses;
	was.usable = e.usable;
	was.confirmed = e.confirmed;
	was.resting = e.resting;
	was.seen = e.seen;
	was.seen_starter = e.seen_starter;
	copy_link(was.attempt, e.attempt);
	copy_link(was.current, e.current);
	copy_link(was.established, e.established);
	was.has_state = e.has_state;
	was.tired = e.tired;
	was.timers = e.timers;
	sent = 0;
	concerned = 1
}

inline forget()
{
	was.spawned = 0;
	was.state = 0;
	was.attempts = 0;
	was.held = 0;
	was.misses = 0;
	was.usable = 0;
	was.confirmed = 0;
	was.resting = 0;
	was.seen = 0;
	was.seen_starter = 0;
	no_link(was.attempt);
	no_link(was.current);
	no_link(was.established);
	was.has_state = 0;
	was.tired = 0;
	was.timers = 0;
	no_link(said);
	message = 0;
	held = 0;
	sent = 0;
	begun = 0;
	concerned = 0;
	heard = 0;
	next = NOTHING_MORE;
	many = 0;
	breaks_S2 = 0;
	breaks_S4 = 0;
	breaks_S5 = 0;
	breaks_S6 = 0;
	breaks_S7 = 0;
	breaks_S16 = 0;
	reaches_W1 = 0
}

/* A responder that closed, or never received a hello, is forgotten: only its ordinal stays used. */
inline end(e, role, back_off)
{
	begun = STARTED(e, role);
	if
	:: role == RESPONDER && (e.state == CLOSED || e.state == IDLE) ->
		e.state = IDLE;
		e.attempts = 0;
		e.held = 0;
		e.misses = 0;
		e.usable = 0;
		e.confirmed = 0;
		e.resting = 0;
		e.seen = 0;
		e.seen_starter = RESPONDER;
		no_link(e.attempt);
		no_link(e.current);
		no_link(e.established);
		e.has_state = 0;
		e.tired = 0;
		begun = 0
	:: else -> e.tired = begun || (e.tired && !back_off)
	fi;
	judge_step(e, role, back_off);
	forget()
}

inline arrive_at_initiator()
{
	begin(initiator);
	concerned = (KIND(message) == HELLO && NEWER(initiator, message)) || (AT_CONTACT(message) && CLOSES(initiator, INITIATOR, message)) ||
	            (KIND(message) != HELLO &&
	            (AT_ATTEMPT(initiator, INITIATOR, message) || (AT_CURRENT(initiator, INITIATOR, message) && KIND(message) != SUPERSEDING)));
	classify(initiator, INITIATOR, message);
	do
	:: next != NOTHING_MORE -> initiator_hears(next); go_on()
	:: else -> break
	od;
	end(initiator, INITIATOR, 0)
}

inline arrive_at_responder()
{
	begin(responder);
	concerned = (KIND(message) == HELLO && NEWER(responder, message)) || (AT_CONTACT(message) && CLOSES(responder, RESPONDER, message)) ||
	            (KIND(message) != HELLO &&
	            (AT_ATTEMPT(responder, RESPONDER, message) || (AT_CURRENT(responder, RESPONDER, message) && KIND(message) != SUPERSEDING)));
	classify(responder, RESPONDER, message);
	if :: heard == HELLO_NEWER && responder.state == IDLE -> responder.spawned++ :: else -> skip fi;
	do
	:: next != NOTHING_MORE -> responder_hears(next); go_on()
	:: else -> break
	od;
	end(responder, RESPONDER, 0)
}

inline take_0() { message = slot_0; slot_0 = slot_1; slot_1 = 0 }

inline take_1() { message = slot_1; slot_1 = 0 }

/* Bound of the world: a hello that needs one more responder than SPAWNS is not delivered. */
#define ROOM(m) !(KIND(m) == HELLO && responder.state == IDLE && responder.spawned == SPAWNS)
#define FOR_INITIATOR(m) (m != 0 && TO(m) == INITIATOR)
#define FOR_RESPONDER(m) (m != 0 && TO(m) == RESPONDER && ROOM(m))

init
{
end_of_world:
	do
	/* a message arrives; two equal messages are one step */
	:: d_step { FOR_INITIATOR(slot_0) -> take_0(); arrive_at_initiator() }
	:: d_step { slot_1 != slot_0 && FOR_INITIATOR(slot_1) -> take_1(); arrive_at_initiator() }
	:: d_step { FOR_RESPONDER(slot_0) -> take_0(); arrive_at_responder() }
	:: d_step { slot_1 != slot_0 && FOR_RESPONDER(slot_1) -> take_1(); arrive_at_responder() }
	/* fault: duplicate; it arrives, and stays in flight */
	:: d_step { FOR_INITIATOR(slot_0) -> message = slot_0; arrive_at_initiator() }
	:: d_step { slot_1 != slot_0 && FOR_INITIATOR(slot_1) -> message = slot_1; arrive_at_initiator() }
	:: d_step { FOR_RESPONDER(slot_0) -> message = slot_0; arrive_at_responder() }
	:: d_step { slot_1 != slot_0 && FOR_RESPONDER(slot_1) -> message = slot_1; arrive_at_responder() }
	/* fault: drop */
	:: d_step { slot_0 != 0 -> take_0(); message = 0 }
	:: d_step { slot_1 != slot_0 && slot_1 != 0 -> take_1(); message = 0 }
	/* orders and timers */
	/* initiator: MP1: SEND in IDLE (discussion: implicit; 2.2) */
	:: d_step { initiator_SEND > 0 && initiator.state == IDLE && initiator.seen < GENERATIONS ->
		begin(initiator);
		initiator_SEND--;
		held = initiator.held;
		initiator.state = NEGOTIATING;
		initiator.held = (initiator.held < INITIATOR_HELD -> initiator.held + 1 : INITIATOR_HELD);
		initiator.attempts = (initiator.attempts < INITIATOR_ATTEMPTS -> initiator.attempts + 1 : INITIATOR_ATTEMPTS);
		HOLD(initiator, INITIATOR);
		START_ATTEMPT(initiator, INITIATOR);
		SEND_HELLO(initiator, INITIATOR);
		START_NEGOTIATION(initiator, INITIATOR);
		end(initiator, INITIATOR, 0) }
	/* initiator: RO8: NEGOTIATION_EXPIRED in RENEGOTIATING (4.4) */
	:: d_step { (initiator.timers & NEGOTIATION_TIMER) && initiator.state == RENEGOTIATING && initiator.usable >= 1 ->
		begin(initiator);
		initiator.timers = initiator.timers & ~NEGOTIATION_TIMER;
		held = initiator.held;
		initiator.state = ESTABLISHED;
		initiator.usable = 0;
		initiator.misses = 0;
		initiator.held = 0;
		STOP_TIMERS(initiator, INITIATOR);
		DROP_ATTEMPT(initiator, INITIATOR);
		START_KEEPALIVE(initiator, INITIATOR);
		FORWARD_HELD(initiator, INITIATOR);
		end(initiator, INITIATOR, 0) }
	/* initiator: RO9: NEGOTIATION_EXPIRED in RENEGOTIATING (3.9) */
	:: d_step { (initiator.timers & NEGOTIATION_TIMER) && initiator.state == RENEGOTIATING && initiator.usable < 1 ->
		begin(initiator);
		initiator.timers = initiator.timers & ~NEGOTIATION_TIMER;
		held = initiator.held;
		initiator.state = TIMED_OUT;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR);
		NOTIFY_TIMED_OUT(initiator, INITIATOR);
		START_BACK_OFF(initiator, INITIATOR);
		end(initiator, INITIATOR, 0) }
	/* initiator: EP1: SEND in ESTABLISHED (7.3) */
	:: d_step { initiator_SEND > 0 && initiator.state == ESTABLISHED ->
		begin(initiator);
		initiator_SEND--;
		held = initiator.held;
		initiator.state = ESTABLISHED;
		SEND_DATA(initiator, INITIATOR);
		end(initiator, INITIATOR, 0) }
	/* initiator: KO1: KEEPALIVE_DUE in ESTABLISHED (4.7, 6.5) */
	:: d_step { (initiator.timers & KEEPALIVE_TIMER) && initiator.state == ESTABLISHED && initiator.misses < INITIATOR_MISSES ->
		begin(initiator);
		initiator.timers = initiator.timers & ~KEEPALIVE_TIMER;
		held = initiator.held;
		initiator.state = ESTABLISHED;
		initiator.misses = (initiator.misses < INITIATOR_MISSES -> initiator.misses + 1 : INITIATOR_MISSES);
		SEND_KEEPALIVE(initiator, INITIATOR);
		START_KEEPALIVE(initiator, INITIATOR);
		end(initiator, INITIATOR, 0) }
	/* initiator: KO2: KEEPALIVE_DUE in ESTABLISHED (4.7, 6.5) */
	:: d_step { (initiator.timers & KEEPALIVE_TIMER) && initiator.state == ESTABLISHED && initiator.misses >= INITIATOR_MISSES ->
		begin(initiator);
		initiator.timers = initiator.timers & ~KEEPALIVE_TIMER;
		held = initiator.held;
		initiator.state = TIMED_OUT;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR);
		NOTIFY_TIMED_OUT(initiator, INITIATOR);
		START_BACK_OFF(initiator, INITIATOR);
		end(initiator, INITIATOR, 0) }
	/* initiator: FO1: NEGOTIATION_EXPIRED in NEGOTIATING (3.4, 3.9) */
	:: d_step { (initiator.timers & NEGOTIATION_TIMER) && initiator.state == NEGOTIATING ->
		begin(initiator);
		initiator.timers = initiator.timers & ~NEGOTIATION_TIMER;
		held = initiator.held;
		initiator.state = TIMED_OUT;
		STOP_TIMERS(initiator, INITIATOR);
		FORGET_ROUTE(initiator, INITIATOR);
		RETIRE_REQUESTS(initiator, INITIATOR);
		NOTIFY_TIMED_OUT(initiator, INITIATOR);
		START_BACK_OFF(initiator, INITIATOR);
		end(initiator, INITIATOR, 0) }
	/* initiator: BM1: BACK_OFF_EXPIRED in TIMED_OUT (3.5) */
	:: d_step { (initiator.timers & BACK_OFF_TIMER) && initiator.state == TIMED_OUT && initiator.attempts < INITIATOR_ATTEMPTS && initiator.held >= 1 && initiator.seen < GENERATIONS ->
		begin(initiator);
		initiator.timers = initiator.timers & ~BACK_OFF_TIMER;
		held = initiator.held;
		initiator.state = RENEGOTIATING;
		initiator.attempts = (initiator.attempts < INITIATOR_ATTEMPTS -> initiator.attempts + 1 : INITIATOR_ATTEMPTS);
		START_ATTEMPT(initiator, INITIATOR);
		SEND_HELLO(initiator, INITIATOR);
		START_NEGOTIATION(initiator, INITIATOR);
		end(initiator, INITIATOR, 1) }
	/* initiator: BM2: BACK_OFF_EXPIRED in TIMED_OUT (3.4) */
	:: d_step { (initiator.timers & BACK_OFF_TIMER) && initiator.state == TIMED_OUT && initiator.attempts >= INITIATOR_ATTEMPTS ->
		begin(initiator);
		initiator.timers = initiator.timers & ~BACK_OFF_TIMER;
		held = initiator.held;
		initiator.state = CLOSED;
		initiator.held = 0;
		NOTE_EXHAUSTED(initiator, INITIATOR);
		FAIL_REQUESTS(initiator, INITIATOR);
		DISCARD_HELD(initiator, INITIATOR);
		NOTIFY_CLOSED(initiator, INITIATOR);
		end(initiator, INITIATOR, 1) }
	/* initiator: BM3: BACK_OFF_EXPIRED in TIMED_OUT (3.5) */
	:: d_step { (initiator.timers & BACK_OFF_TIMER) && initiator.state == TIMED_OUT && initiator.attempts < INITIATOR_ATTEMPTS && initiator.held < 1 ->
		begin(initiator);
		initiator.timers = initiator.timers & ~BACK_OFF_TIMER;
		held = initiator.held;
		initiator.state = TIMED_OUT;
		initiator.resting = (initiator.resting < INITIATOR_RESTING -> initiator.resting + 1 : INITIATOR_RESTING);
		end(initiator, INITIATOR, 1) }
	/* initiator: BM4: SEND in TIMED_OUT (3.5) */
	:: d_step { initiator_SEND > 0 && initiator.state == TIMED_OUT && initiator.resting >= 1 && initiator.seen < GENERATIONS ->
		begin(initiator);
		initiator_SEND--;
		held = initiator.held;
		initiator.state = RENEGOTIATING;
		initiator.resting = 0;
		initiator.held = (initiator.held < INITIATOR_HELD -> initiator.held + 1 : INITIATOR_HELD);
		initiator.attempts = (initiator.attempts < INITIATOR_ATTEMPTS -> initiator.attempts + 1 : INITIATOR_ATTEMPTS);
		STOP_TIMERS(initiator, INITIATOR);
		HOLD(initiator, INITIATOR);
		START_ATTEMPT(initiator, INITIATOR);
		SEND_HELLO(initiator, INITIATOR);
		START_NEGOTIATION(initiator, INITIATOR);
		end(initiator, INITIATOR, 0) }
	/* initiator: HM1: SEND in TIMED_OUT (7.2) */
	:: d_step { initiator_SEND > 0 && initiator.state == TIMED_OUT && initiator.resting < 1 && initiator.held < INITIATOR_HELD ->
		begin(initiator);
		initiator_SEND--;
		held = initiator.held;
		initiator.state = TIMED_OUT;
		initiator.held = (initiator.held < INITIATOR_HELD -> initiator.held + 1 : INITIATOR_HELD);
		HOLD(initiator, INITIATOR);
		end(initiator, INITIATOR, 0) }
	/* initiator: HP1: SEND in NEGOTIATING (7.2) */
	:: d_step { initiator_SEND > 0 && initiator.state == NEGOTIATING && initiator.held < INITIATOR_HELD ->
		begin(initiator);
		initiator_SEND--;
		held = initiator.held;
		initiator.state = NEGOTIATING;
		initiator.held = (initiator.held < INITIATOR_HELD -> initiator.held + 1 : INITIATOR_HELD);
		HOLD(initiator, INITIATOR);
		end(initiator, INITIATOR, 0) }
	/* initiator: HP2: SEND in RENEGOTIATING (7.2) */
	:: d_step { initiator_SEND > 0 && initiator.state == RENEGOTIATING && initiator.held < INITIATOR_HELD ->
		begin(initiator);
		initiator_SEND--;
		held = initiator.held;
		initiator.state = RENEGOTIATING;
		initiator.held = (initiator.held < INITIATOR_HELD -> initiator.held + 1 : INITIATOR_HELD);
		HOLD(initiator, INITIATOR);
		end(initiator, INITIATOR, 0) }
	/* responder: RO8: NEGOTIATION_EXPIRED in RENEGOTIATING (4.4) */
	:: d_step { (responder.timers & NEGOTIATION_TIMER) && responder.state == RENEGOTIATING && responder.usable >= 1 ->
		begin(responder);
		responder.timers = responder.timers & ~NEGOTIATION_TIMER;
		held = responder.held;
		responder.state = ESTABLISHED;
		responder.usable = 0;
		responder.misses = 0;
		responder.held = 0;
		STOP_TIMERS(responder, RESPONDER);
		DROP_ATTEMPT(responder, RESPONDER);
		START_KEEPALIVE(responder, RESPONDER);
		FORWARD_HELD(responder, RESPONDER);
		end(responder, RESPONDER, 0) }
	/* responder: RO9: NEGOTIATION_EXPIRED in RENEGOTIATING (3.9) */
	:: d_step { (responder.timers & NEGOTIATION_TIMER) && responder.state == RENEGOTIATING && responder.usable < 1 ->
		begin(responder);
		responder.timers = responder.timers & ~NEGOTIATION_TIMER;
		held = responder.held;
		responder.state = TIMED_OUT;
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		RETIRE_REQUESTS(responder, RESPONDER);
		NOTIFY_TIMED_OUT(responder, RESPONDER);
		START_BACK_OFF(responder, RESPONDER);
		end(responder, RESPONDER, 0) }
	/* responder: EP1: SEND in ESTABLISHED (7.3) */
	:: d_step { responder_SEND > 0 && responder.state == ESTABLISHED ->
		begin(responder);
		responder_SEND--;
		held = responder.held;
		responder.state = ESTABLISHED;
		SEND_DATA(responder, RESPONDER);
		end(responder, RESPONDER, 0) }
	/* responder: KO1: KEEPALIVE_DUE in ESTABLISHED (4.7, 6.5) */
	:: d_step { (responder.timers & KEEPALIVE_TIMER) && responder.state == ESTABLISHED && responder.misses < RESPONDER_MISSES ->
		begin(responder);
		responder.timers = responder.timers & ~KEEPALIVE_TIMER;
		held = responder.held;
		responder.state = ESTABLISHED;
		responder.misses = (responder.misses < RESPONDER_MISSES -> responder.misses + 1 : RESPONDER_MISSES);
		SEND_KEEPALIVE(responder, RESPONDER);
		START_KEEPALIVE(responder, RESPONDER);
		end(responder, RESPONDER, 0) }
	/* responder: KO2: KEEPALIVE_DUE in ESTABLISHED (4.7, 6.5) */
	:: d_step { (responder.timers & KEEPALIVE_TIMER) && responder.state == ESTABLISHED && responder.misses >= RESPONDER_MISSES ->
		begin(responder);
		responder.timers = responder.timers & ~KEEPALIVE_TIMER;
		held = responder.held;
		responder.state = TIMED_OUT;
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		RETIRE_REQUESTS(responder, RESPONDER);
		NOTIFY_TIMED_OUT(responder, RESPONDER);
		START_BACK_OFF(responder, RESPONDER);
		end(responder, RESPONDER, 0) }
	/* responder: FR1: NEGOTIATION_EXPIRED in NEGOTIATING (3.4, 3.9) */
	:: d_step { (responder.timers & NEGOTIATION_TIMER) && responder.state == NEGOTIATING && responder.confirmed >= 1 ->
		begin(responder);
		responder.timers = responder.timers & ~NEGOTIATION_TIMER;
		held = responder.held;
		responder.state = TIMED_OUT;
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		RETIRE_REQUESTS(responder, RESPONDER);
		NOTIFY_TIMED_OUT(responder, RESPONDER);
		START_BACK_OFF(responder, RESPONDER);
		end(responder, RESPONDER, 0) }
	/* responder: BR1: BACK_OFF_EXPIRED in TIMED_OUT (3.5) */
	:: d_step { (responder.timers & BACK_OFF_TIMER) && responder.state == TIMED_OUT && responder.attempts < RESPONDER_ATTEMPTS && responder.held >= 1 && responder.seen < GENERATIONS ->
		begin(responder);
		responder.timers = responder.timers & ~BACK_OFF_TIMER;
		held = responder.held;
		responder.state = RENEGOTIATING;
		responder.attempts = (responder.attempts < RESPONDER_ATTEMPTS -> responder.attempts + 1 : RESPONDER_ATTEMPTS);
		START_ATTEMPT(responder, RESPONDER);
		SEND_HELLO(responder, RESPONDER);
		START_NEGOTIATION(responder, RESPONDER);
		end(responder, RESPONDER, 1) }
	/* responder: BR2: BACK_OFF_EXPIRED in TIMED_OUT (3.4) */
	:: d_step { (responder.timers & BACK_OFF_TIMER) && responder.state == TIMED_OUT && responder.attempts >= RESPONDER_ATTEMPTS ->
		begin(responder);
		responder.timers = responder.timers & ~BACK_OFF_TIMER;
		held = responder.held;
		responder.state = CLOSED;
		responder.held = 0;
		NOTE_EXHAUSTED(responder, RESPONDER);
		FAIL_REQUESTS(responder, RESPONDER);
		DISCARD_HELD(responder, RESPONDER);
		NOTIFY_CLOSED(responder, RESPONDER);
		end(responder, RESPONDER, 1) }
	/* responder: BR3: BACK_OFF_EXPIRED in TIMED_OUT (3.5) */
	:: d_step { (responder.timers & BACK_OFF_TIMER) && responder.state == TIMED_OUT && responder.attempts < RESPONDER_ATTEMPTS && responder.held < 1 ->
		begin(responder);
		responder.timers = responder.timers & ~BACK_OFF_TIMER;
		held = responder.held;
		responder.state = TIMED_OUT;
		responder.resting = (responder.resting < RESPONDER_RESTING -> responder.resting + 1 : RESPONDER_RESTING);
		START_RETENTION(responder, RESPONDER);
		end(responder, RESPONDER, 1) }
	/* responder: BR4: SEND in TIMED_OUT (3.5) */
	:: d_step { responder_SEND > 0 && responder.state == TIMED_OUT && responder.resting >= 1 && responder.seen < GENERATIONS ->
		begin(responder);
		responder_SEND--;
		held = responder.held;
		responder.state = RENEGOTIATING;
		responder.resting = 0;
		responder.held = (responder.held < RESPONDER_HELD -> responder.held + 1 : RESPONDER_HELD);
		responder.attempts = (responder.attempts < RESPONDER_ATTEMPTS -> responder.attempts + 1 : RESPONDER_ATTEMPTS);
		STOP_TIMERS(responder, RESPONDER);
		HOLD(responder, RESPONDER);
		START_ATTEMPT(responder, RESPONDER);
		SEND_HELLO(responder, RESPONDER);
		START_NEGOTIATION(responder, RESPONDER);
		end(responder, RESPONDER, 0) }
	/* responder: HM1: SEND in TIMED_OUT (7.2) */
	:: d_step { responder_SEND > 0 && responder.state == TIMED_OUT && responder.resting < 1 && responder.held < RESPONDER_HELD ->
		begin(responder);
		responder_SEND--;
		held = responder.held;
		responder.state = TIMED_OUT;
		responder.held = (responder.held < RESPONDER_HELD -> responder.held + 1 : RESPONDER_HELD);
		HOLD(responder, RESPONDER);
		end(responder, RESPONDER, 0) }
	/* responder: BS1: RETENTION_EXPIRED in TIMED_OUT (3.6) */
	:: d_step { (responder.timers & RETENTION_TIMER) && responder.state == TIMED_OUT ->
		begin(responder);
		responder.timers = responder.timers & ~RETENTION_TIMER;
		held = responder.held;
		responder.state = CLOSED;
		responder.held = 0;
		FAIL_REQUESTS(responder, RESPONDER);
		DISCARD_HELD(responder, RESPONDER);
		NOTIFY_CLOSED(responder, RESPONDER);
		end(responder, RESPONDER, 0) }
	/* responder: HP1: SEND in NEGOTIATING (7.2) */
	:: d_step { responder_SEND > 0 && responder.state == NEGOTIATING && responder.held < RESPONDER_HELD ->
		begin(responder);
		responder_SEND--;
		held = responder.held;
		responder.state = NEGOTIATING;
		responder.held = (responder.held < RESPONDER_HELD -> responder.held + 1 : RESPONDER_HELD);
		HOLD(responder, RESPONDER);
		end(responder, RESPONDER, 0) }
	/* responder: HP2: SEND in RENEGOTIATING (7.2) */
	:: d_step { responder_SEND > 0 && responder.state == RENEGOTIATING && responder.held < RESPONDER_HELD ->
		begin(responder);
		responder_SEND--;
		held = responder.held;
		responder.state = RENEGOTIATING;
		responder.held = (responder.held < RESPONDER_HELD -> responder.held + 1 : RESPONDER_HELD);
		HOLD(responder, RESPONDER);
		end(responder, RESPONDER, 0) }
	/* responder: U1: NEGOTIATION_EXPIRED in NEGOTIATING (3.9, 4.9) */
	:: d_step { (responder.timers & NEGOTIATION_TIMER) && responder.state == NEGOTIATING && responder.confirmed < 1 ->
		begin(responder);
		responder.timers = responder.timers & ~NEGOTIATION_TIMER;
		held = responder.held;
		responder.state = CLOSED;
		responder.held = 0;
		STOP_TIMERS(responder, RESPONDER);
		FORGET_ROUTE(responder, RESPONDER);
		FAIL_REQUESTS(responder, RESPONDER);
		DISCARD_HELD(responder, RESPONDER);
		NOTIFY_CLOSED(responder, RESPONDER);
		end(responder, RESPONDER, 0) }
	od
}
