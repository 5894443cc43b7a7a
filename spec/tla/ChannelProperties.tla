------------------------- MODULE ChannelProperties -------------------------
\* The properties of a secure channel among strangers (S36 and S37 of spec/sessions.md,
\* section 8), its witnesses, and the wrong channels that these reject.
\*
\* They read keys, authors and heard messages, and never the model's own rule (Reads).
EXTENDS Channel

\* A message arrives, from any source.
Arrives(message) ==
    \/ message \in Present(network) /\ (Deliver(message) \/ Duplicate(message))
    \/ message \in Said /\ Hear(message)
    \/ message = First /\ HearFirst
MayArrive == Present(network) \union Said \union (IF left.firsts > 0 THEN {First} ELSE {})

\* The peer wrote it in the handshake of the receiver, it is expected now, and it
\* was not heard before. First messages have no author.
InWindow(nonce, heard) ==
    /\ nonce \notin heard
    /\ nonce >= Newest(heard) - Late
    /\ nonce <= Newest(heard) + 1 + Lost
HeardNonces(channel) == {message.nonce : message \in channel.heard}
Authentic(message) ==
    LET name == Receiver(message)
        role == Role(name)
        end == ends[name]
        channel == At(end, message)
        byPeer == message.author = Peer(role)
        here == InHandshake(role, channel, message)
    IN  CASE ~Exists(channel) -> FALSE
          [] channel # end.attempt ->
               message.part = "talk" /\ byPeer /\ here /\ InWindow(message.nonce, HeardNonces(channel))
          [] role = "responder" -> message.part = "confirmation" /\ byPeer /\ here
          [] OTHER -> message.part = "answer" /\ byPeer /\ message.starter = channel.own
Forged == {message \in MayArrive : ~IsFirst(message) /\ ~Authentic(message)}

-----------------------------------------------------------------------------
\* S36: every delivered message was written by the peer of that handshake, and is delivered once.
Delivers(message) == Has(Arrived(message).performed, "DELIVER")
S36_DeliveredOnce ==
    [][UNCHANGED vars \/ \A message \in Forged : Delivers(message) => ~Arrives(message)]_vars

\* S37: a message that is forged, replayed, reflected or out of its window changes nothing,
\* and it is a dead letter. In TLA+ a step without any change is no step, so the second part
\* is claimed in every state, for every message that may arrive there.
S37_ForgedChangesNothing ==
    [][UNCHANGED <<ends, made>> \/ \A message \in Forged : ~Arrives(message)]_vars
S37_ForgedIsADeadLetter ==
    \A message \in Forged :
        LET run == Arrived(message)
        IN  run.dead = <<message>> /\ run.sent = <<>> /\ run.performed = <<>>

-----------------------------------------------------------------------------
\* Witnesses. Their negations are refuted.

\* W1: both ends are established in one generation.
EstablishedTogether ==
    LET established(name) == ends[name].state = "ESTABLISHED"
    IN  /\ established(InitiatorEnd)
        /\ \E name \in Responders :
             established(name) /\ ends[name].current.peer = ends[InitiatorEnd].current.own
Never_W1 == ~EstablishedTogether

\* W4: a stale answer arrives and is ignored.
Never_W4 ==
    [][\A message \in MayArrive :
         message.part = "answer" /\ Arrived(message).dead = <<message>> => ~Arrives(message)]_vars

\* W7: an orphaned responder is reaped.
Never_W7 ==
    [][\A name \in Responders : \A timer \in ends[name].timers :
         Expire(name, timer) => name \in DOMAIN ends']_vars

-----------------------------------------------------------------------------
\* Wrong channels: each operator replaces the one
\* after "for" and is rejected by the property after "by" (models/*.cfg).
\* orphaned-handshakes is a table without a timer, and
\* permanent-deafness a channel without keepalives: ChannelRecovery.tla rejects both.

\* replay-is-read: the window forgets what it has read.     (for Replayed, by S36)
NeverReplayed(channel, nonce) == FALSE

\* anybody-is-trusted: every answerer is accepted as the peer.  (for Trusts, by S37)
TrustsAnybody(role, author) == TRUE
=============================================================================
