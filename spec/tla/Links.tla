------------------------------- MODULE Links -------------------------------
\* Ordered links, each from one party to another: what is said over one arrives in
\* the order in which it was said, or not at all. All of them together hold at most
\* InFlight messages; what a step sends beyond that is lost, the last sent first.
\* Losing is a step of its own (Node!Environment).
\*
\* Abstraction: InFlight bounds what is under way at once. Sound for what is claimed,
\* for the reason that Network.tla gives.
EXTENDS Integers, Sequences, FiniteSets

CONSTANT InFlight

UnderWay(links) ==
    Cardinality(UNION {{link} \X DOMAIN links[link] : link \in DOMAIN links})

\* The links over which something may arrive: the first that was said, of each.
Busy(links) == {link \in DOMAIN links : links[link] # <<>>}
First(links, link) == Head(links[link])

\* The first message of a link is used up.
Without(links, link) == [links EXCEPT ![link] = Tail(@)]

\* What is sent enters while there is room.
RECURSIVE With(_, _, _)
With(links, link, messages) ==
    IF messages = <<>> \/ UnderWay(links) >= InFlight
    THEN links
    ELSE With([links EXCEPT ![link] = Append(@, Head(messages))], link, Tail(messages))
=============================================================================
