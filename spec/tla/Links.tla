------------------------------- MODULE Links -------------------------------
\* Ordered links, each from one party to another: messages over one link arrive in
\* the order in which they were sent, or not at all. All links together hold at most
\* InFlight messages; messages that a step sends beyond that are lost, the last sent first.
\* Loss is a separate step (Node!Environment).
\*
\* Abstraction: InFlight bounds the messages in flight. Sound for the reason
\* that Network.tla gives.
EXTENDS Integers, Sequences, FiniteSets

CONSTANT InFlight

UnderWay(links) ==
    Cardinality(UNION {{link} \X DOMAIN links[link] : link \in DOMAIN links})

\* The links with a message. Only the first message of each may arrive.
Busy(links) == {link \in DOMAIN links : links[link] # <<>>}
First(links, link) == Head(links[link])

\* The first message of a link is removed.
Without(links, link) == [links EXCEPT ![link] = Tail(@)]

\* Sent messages enter while there is room.
RECURSIVE With(_, _, _)
With(links, link, messages) ==
    IF messages = <<>> \/ UnderWay(links) >= InFlight
    THEN links
    ELSE With([links EXCEPT ![link] = Append(@, Head(messages))], link, Tail(messages))
=============================================================================
