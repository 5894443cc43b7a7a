------------------------------ MODULE Network ------------------------------
\* The network between two ends: a bag of messages. It reorders, and it holds at
\* most InFlight messages; messages that a step sends beyond that are lost, the last sent
\* first. Loss and duplication are separate steps (SessionPair!Environment).
\*
\* Abstraction: InFlight bounds the messages in flight. Sound, because every
\* claim is made within the bound, and because the network may lose a surplus
\* message in any case: no behaviour is added, and each one left out needs more than
\* InFlight messages.
EXTENDS Integers, Sequences, FiniteSets, Bags

CONSTANT InFlight

\* The different messages that may arrive.
Present(network) == BagToSet(network)

\* One copy of a message is removed.
Without(network, message) == network (-) SetToBag({message})

\* All of these enter. Without recursion, because a step may send any number of
\* messages, and TLC's stack is finite.
WithAll(network, messages) ==
    LET sent == {messages[i] : i \in DOMAIN messages}
    IN  network (+) [message \in sent |-> Cardinality({i \in DOMAIN messages : messages[i] = message})]

\* Sent messages enter while there is room.
With(network, messages) ==
    LET room == InFlight - BagCardinality(network)
    IN  WithAll(network, SubSeq(messages, 1, IF Len(messages) < room THEN Len(messages) ELSE room))
=============================================================================
