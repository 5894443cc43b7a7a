------------------------------- MODULE Wrong -------------------------------
\* Wrong ends: each operator replaces the named one, and a property of
\* SessionProperties rejects the result (models/*.cfg has its name). Wrong
\* tables are not here: they are generated, beside the model that runs them.
EXTENDS SessionProperties

\* no-generation: the address of a starter never changes, ...
OneAddress(end, message) ==         \* for At
    CASE message.receiver # end.ordinal -> NoLink
      [] message.to = "initiator" /\ Exists(end.attempt) -> end.attempt
      [] message.to = "initiator" -> end.current
      [] Exists(end.attempt) /\ Same(end.attempt, message) -> end.attempt
      [] Exists(end.current) /\ Same(end.current, message) -> end.current
      [] OTHER -> NoLink

\* ... and every answer is accepted, whatever it answers.
EveryAnswerIsBelieved(end, role, answer) ==     \* for JudgeAnswer
    IF Exists(end.attempt) /\ end.attempt.starter = role THEN "ANSWER_CURRENT" ELSE "ANSWER_STALE"

\* reuse-inner-address: every generation has the same address.
SameAddress(end, message) ==        \* for At
    CASE message.receiver # end.ordinal -> NoLink
      [] Exists(end.attempt) -> end.attempt
      [] OTHER -> end.current

\* deliver-before-established: data at the address of an unconfirmed answer is
\* delivered, and confirms nothing.
DeliverAtOnce(message) ==           \* for Received
    LET role == message.to
        end == ends[role]
        link == At(end, message)
        unconfirmed == Exists(link) /\ link = end.attempt /\ link.starter # role
    IN  IF message.kind = "data" /\ unconfirmed
        THEN [Run(end) EXCEPT !.performed = <<"DELIVER">>]
        ELSE TakeAll(Run(end), role, Judge(end, role, message), message)

\* first-established-wins: in a collision each end answers the other's hello and
\* continues its own attempt.
BothGoOn(message) ==                \* for Received
    LET role == message.to
        end == ends[role]
        own == Exists(end.attempt) /\ end.attempt.starter = role
        answer == Message(Peer(role), "answer", message, end.ordinal, message.sender)
    IN  IF message.kind = "hello" /\ own /\ end.attempt.number = message.number
        THEN Send(Run(end), [answer EXCEPT !.resumed = end.hasState])
        ELSE TakeAll(Run(end), role, Judge(end, role, message), message)

\* lose-state-on-renegotiation: the state is lost when another generation is adopted.
AdoptAndForget(run, role, cause) == \* for AdoptLink
    [Adopted(run, role, cause) EXCEPT !.end.hasState = ~run.end.hasState]

\* unbounded-hold: messages beyond the capacity are held as well.
HoldAnyway(role, order) ==          \* for Order
    LET end == ends[role]
        verdict == Decide(role, end, order).verdict
        open == end.state \notin {"IDLE", "CLOSED"}
    IN  /\ orders[role][order] > 0
        /\ Listens(role, order)
        /\ \/ verdict = "row" /\ Land(role, Ordered(role, order), end.rested, network)
           \/ /\ verdict = "refused" /\ order = "SEND" /\ open
              /\ ends' = [ends EXCEPT ![role].counters.held = @ + 1, ![role].waiting = Append(@, AnyData)]
              /\ UNCHANGED network
        /\ orders' = [orders EXCEPT ![role][order] = @ - 1]

\* established-on-answering: the responder is established as soon as it has answered.
EstablishedAtOnce(message) ==       \* for Received
    LET role == message.to
        end == ends[role]
        run == TakeAll(Run(end), role, Judge(end, role, message), message)
        attempt == run.end.attempt
        answered == Exists(attempt) /\ attempt # end.attempt /\ attempt.starter # role
        confirmed == IF Exists(run.end.current) THEN <<"PREVIOUS_ENDED", "CONFIRMED">> ELSE <<"CONFIRMED">>
    IN  IF message.kind = "hello" /\ answered THEN TakeAll(run, role, confirmed, message) ELSE run

\* forget-held-messages: held messages disappear when the session closes.
ForgetHeld(run) ==                  \* for DiscardHeld
    [run EXCEPT !.end.waiting = <<>>]

\* close-to-the-past: a close is sent in the previous generation, although the peer's
\* next attempt is answered.
CloseInThePast(run, role) ==        \* for SayClose
    IF Exists(run.end.current) THEN SayIn(run, role, "close", run.end.current) ELSE Farewell(run, role)
=============================================================================
