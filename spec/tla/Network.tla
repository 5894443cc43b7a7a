------------------------------ MODULE Network ------------------------------
\* The network between two ends: a bag of messages. It reorders, and it holds at
\* most InFlight messages; what a step sends beyond that is lost, the last sent
\* first. Losing and duplicating are steps of their own (SessionPair!Environment).
\*
\* Abstraction: InFlight bounds what is under way at once. Sound for what is
\* claimed here, because every claim is made within the bound, and because a lost
\* surplus is a loss that the network may inflict in any case: no behaviour is
\* added, and of those that are left out each needs more than InFlight messages.
EXTENDS Integers, Sequences, FiniteSets, Bags

CONSTANT InFlight

\* The different messages that may arrive.
Present(network) == BagToSet(network)

\* One copy of a message is used up.
Without(network, message) == network (-) SetToBag({message})

\* All of these enter. There is no recursion, because a step may send any number of
\* messages, and TLC's stack is finite.
WithAll(network, messages) ==
    LET sent == {messages[i] : i \in DOMAIN messages}
    IN  network (+) [message \in sent |-> Cardinality({i \in DOMAIN messages : messages[i] = message})]

\* What is sent enters while there is room.
With(network, messages) ==
    LET room == InFlight - BagCardinality(network)
    IN  WithAll(network, SubSeq(messages, 1, IF Len(messages) < room THEN Len(messages) ELSE room))
=============================================================================
