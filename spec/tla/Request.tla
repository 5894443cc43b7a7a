------------------------------ MODULE Request ------------------------------
\* One synchronous request (clause 6): sent, then exactly one of response, error,
\* timeout, unless its caller withdraws it. The table is tables/SynchronousRequest.tla,
\* generated.
\*
\*   System       the request leaves, the peer answers it, the response arrives, the
\*                timer expires
\*   Environment  the session fails; the caller withdraws the request; the network
\*                loses and duplicates
\*
\* ABSTRACTIONS, each with the reason why it is sound
\*
\* Q1 The session below has two states, established and failed: a request leaves when
\*    it is established and is retired when it fails. The time of both is left
\*    open, so the behaviours include those of every real session.
\* Q2 A reply address is a number, fresh whenever the request leaves. The real one is
\*    an inner address, of 128 random bits, and a number (6.2).
\* Q3 The peer answers every request that reaches it, each time. A peer that answers
\*    less is equivalent to one whose responses are lost.
\* Q4 The policy of the caller is a constant: fail, or reissue (6.6).
EXTENDS Integers, Sequences, Bags, Network, SynchronousRequest

CONSTANTS
    Reissue,        \* the caller chose that the request is sent again
    Sendings        \* how often it may leave

VARIABLES
    state,          \* the state of the request in its table
    armed,          \* its timer runs
    reply,          \* its reply address: how often it has left
    outcomes,       \* the outcomes that its caller received
    network         \* requests and responses in flight, a bag

vars == <<state, armed, reply, outcomes, network>>

Told(effect) ==
    CASE effect = "REPORT_RESPONSE" -> <<"response">>
      [] effect = "REPORT_FAILURE" -> <<"error">>
      [] effect = "REPORT_TIMEOUT" -> <<"timeout">>
      [] OTHER -> <<>>

\* The timer after an effect.
Timing(running, effect) ==
    CASE effect = "START_REQUEST" -> TRUE
      [] effect = "STOP_REQUEST" -> FALSE
      [] OTHER -> running

RECURSIVE TimingAll(_, _), ToldAll(_)
TimingAll(running, effects) ==
    IF effects = <<>> THEN running ELSE TimingAll(Timing(running, Head(effects)), Tail(effects))
ToldAll(effects) == IF effects = <<>> THEN <<>> ELSE Told(Head(effects)) \o ToldAll(Tail(effects))

\* An event at the request; running: whether the timer runs at that moment. An event that
\* the table ignores changes nothing.
Step(event, running) ==
    LET decision == Decide(state, event, <<>>, <<>>)
    IN  /\ decision.verdict # "refused"
        /\ IF decision.verdict = "row"
           THEN /\ state' = decision.state
                /\ armed' = TimingAll(running, decision.effects)
                /\ outcomes' = outcomes \o ToldAll(decision.effects)
           ELSE armed' = running /\ UNCHANGED <<state, outcomes>>

-----------------------------------------------------------------------------
Leave ==
    /\ state = "READY" /\ reply < Sendings
    /\ Step("SENT", armed)
    /\ reply' = reply + 1
    /\ network' = With(network, <<[kind |-> "request", reply |-> reply + 1]>>)

\* The effect of a message at its receiver: the peer answers; a response counts only at
\* the reply address of the request while it is pending, else it is a dead letter.
Effective(message) == message.kind = "response" /\ message.reply = reply
Arrive(message, remaining) ==
    /\ network' = IF message.kind = "request"
                  THEN With(remaining, <<[kind |-> "response", reply |-> message.reply]>>)
                  ELSE remaining
    /\ IF Effective(message)
       THEN Step("RESPONSE_RECEIVED", armed)
       ELSE UNCHANGED <<state, armed, outcomes>>
    /\ UNCHANGED reply

Deliver(message) == Arrive(message, Without(network, message))

Expire ==
    /\ armed
    /\ Step("REQUEST_EXPIRED", FALSE)
    /\ UNCHANGED <<reply, network>>

System == Leave \/ Expire \/ \E message \in Present(network) : Deliver(message)

-----------------------------------------------------------------------------
Fail ==
    /\ Step(IF Reissue /\ state = "PENDING" THEN "REISSUED" ELSE "ABANDONED", armed)
    /\ UNCHANGED <<reply, network>>

Withdraw == Step("WITHDRAW", armed) /\ UNCHANGED <<reply, network>>

Duplicate(message) == Arrive(message, network)
Drop(message) == network' = Without(network, message) /\ UNCHANGED <<state, armed, reply, outcomes>>

Environment == Fail \/ Withdraw \/ \E message \in Present(network) : Duplicate(message) \/ Drop(message)

-----------------------------------------------------------------------------
Start ==
    /\ state = Initial /\ armed = FALSE /\ reply = 0 /\ outcomes = <<>>
    /\ network = EmptyBag
Next == System \/ Environment
Spec == Start /\ [][Next]_vars /\ WF_vars(Leave) /\ WF_vars(Expire)

-----------------------------------------------------------------------------
Resolved == state \in Final

\* S8: a request has at most one outcome, and has one exactly if it is over and was not
\* withdrawn.
S8_OneOutcome == Len(outcomes) = IF Resolved /\ state # "WITHDRAWN" THEN 1 ELSE 0

\* S9: a response counts only for the sending that it answers: a reported one was
\* requested at the current reply address. No reply address is used twice.
S9_OneReplyEach ==
    [][/\ reply' >= reply
       /\ \A message \in Present(network) :
            ~Effective(message) /\ (Deliver(message) \/ Duplicate(message)) => UNCHANGED outcomes]_vars

\* S18: the timer runs while the request is pending, and at no other time.
S18_TimerRunsWhilePending == armed <=> state = "PENDING"

\* R3: every request is resolved, or the bound on its sendings was reached. A session
\* that fails is not needed for it: the timer is.
R3_EveryRequestIsResolved == <>(Resolved \/ (state = "READY" /\ reply = Sendings))

-----------------------------------------------------------------------------
\* Wrong requests: each operator replaces the one
\* after "for" and is rejected by the property after "by" (models/*.cfg).

\* no-request-timer: no timer is started.       (for Timing, by R3)
Untimed(running, effect) == FALSE

\* late-response-counts: a request that timed out stays open.      (for Expire, by S8)
ExpireAndStay ==
    /\ armed
    /\ armed' = FALSE
    /\ outcomes' = Append(outcomes, "timeout")
    /\ UNCHANGED <<state, reply, network>>
=============================================================================
