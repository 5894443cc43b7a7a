------------------------------ MODULE Network ------------------------------
\* The network between two ends: a bag of messages. It reorders, and it holds at
\* most InFlight messages; what a step sends beyond that is lost, the last sent
\* first. Losing and duplicating are steps of their own (SessionPair!Environment).
\*
\* Abstraction: InFlight bounds what is under way at once. Sound for what is
\* claimed here, because every claim is made within the bound, and because a lost
\* surplus is a loss that the network may inflict in any case: no behaviour is
\* added, and of those that are left out each needs more than InFlight messages.
EXTENDS Integers, Sequences, Bags

CONSTANT InFlight

\* The different messages that may arrive.
Present(network) == BagToSet(network)

\* One copy of a message is used up.
Without(network, message) == network (-) SetToBag({message})

\* What is sent enters while there is room.
RECURSIVE With(_, _)
With(network, messages) ==
    IF messages = <<>> \/ BagCardinality(network) >= InFlight
    THEN network
    ELSE With(network (+) SetToBag({Head(messages)}), Tail(messages))
=============================================================================
