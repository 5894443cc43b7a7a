"""The properties of a stream, as predicates over the actors of its worlds.

Source: spec/sessions.md section 8 (S15, S23, S30, S31, W8, W15, W16, R4, R6) and section 12.
"""

from __future__ import annotations

from collections import Counter

from ockam_fsm.checking.properties import (
    Property,
    Step,
    always,
    always_step,
    recoverable,
    sometimes,
    sometimes_step,
)
from ockam_fsm.checking.streams.consuming import PROCESSED, ConsumerEnd, IndexEnd
from ockam_fsm.checking.streams.names import CONSUMER, INDEX, PUBLISHER, STREAM
from ockam_fsm.checking.streams.publisher_actor import PublisherEnd
from ockam_fsm.checking.streams.stream_actor import StreamActorState
from ockam_fsm.machines.consumer import ConsumerState
from ockam_fsm.machines.publisher import PublisherState
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.stream.commands import StateLost

# A publisher and its stream -------------------------------------------------------------------------------------------


def confirmed_is_stored(publisher: PublisherEnd, stream: StreamActorState) -> bool:
    return {*publisher.confirmed} <= {one.data for one in stream.log.stored}


def stored_once(publisher: PublisherEnd, stream: StreamActorState) -> bool:
    """Return whether each message is stored once per identity, and once in all unless its publisher was notified of a
    lost record: it may then publish again under a new identity."""
    for_each_identity = Counter((one.publisher, one.data) for one in stream.log.stored)
    at_all = Counter(one.data for one in stream.log.stored)
    return all(n == 1 for n in for_each_identity.values()) and (
        bool(publisher.notified) or all(n == 1 for n in at_all.values())
    )


def stored_in_order(stream: StreamActorState) -> bool:
    publishers = {one.publisher for one in stream.log.stored}
    orders = [[int(one.data) for one in stream.log.stored if one.publisher == who] for who in publishers]
    return all(order == sorted(order) for order in orders)


def loss_is_real(publisher: PublisherEnd, stream: StreamActorState) -> bool:
    return stream.forgot or not any(one.publisher in publisher.notified for one in stream.log.stored)


def unconfirmed(publisher: PublisherEnd) -> bool:
    return bool(publisher.image.messages)


def all_confirmed(publisher: PublisherEnd) -> bool:
    return not publisher.image.messages or publisher.image.state is PublisherState.CLOSED


def confirmed_after_renegotiation(publisher: PublisherEnd) -> bool:
    session = publisher.session
    if session is None or session.state is not State.ESTABLISHED:
        return False
    return session.seen[0] > 1 and bool(publisher.confirmed)


def stored_unprocessed(stream: StreamActorState, consumer: ConsumerEnd) -> bool:
    return not all_processed(stream, consumer)


def state_loss_is_reported(step: Step) -> bool:
    return StateLost() in step.records


# A consumer, the index worker and the stream --------------------------------------------------------------------------


def index_passes_only_processed(stream: StreamActorState, index: IndexEnd, consumer: ConsumerEnd) -> bool:
    passed = range(min(index.saved or 0, len(stream.log.stored)))
    return {*passed} <= {*consumer.processed, *consumer.buried}


def index_rises(step: Step) -> bool:
    """Return whether neither the saved index nor the index of a running consumer decreases in this step."""
    if step.actor == INDEX:
        return step.before.saved is None or step.after.saved >= step.before.saved
    if step.actor != CONSUMER or ConsumerState.STARTING in (step.before.image.state, step.after.image.state):
        return True
    return bool(step.after.image.saved >= step.before.image.saved)


def processed_in_order(step: Step) -> bool:
    """Return whether all messages before the processed one were already processed or dead letters."""
    if step.actor != CONSUMER or PROCESSED not in step.records:
        return True
    index = step.before.image.batch[0].index
    return {*range(index)} <= {*step.before.processed, *step.before.buried}


def processed_again(step: Step) -> bool:
    return step.actor == CONSUMER and PROCESSED in step.records and step.before.processed == step.after.processed


def all_processed(stream: StreamActorState, consumer: ConsumerEnd) -> bool:
    return {*range(len(stream.log.stored))} <= {*consumer.processed, *consumer.buried}


CONFIRMED_IS_STORED = always(
    "S15a", "a message that is confirmed to its publisher is stored", confirmed_is_stored, over=(PUBLISHER, STREAM)
)
STORED_ONCE = always(
    "S15b",
    "a message is stored once, unless its publisher was notified that it may be stored twice",
    stored_once,
    over=(PUBLISHER, STREAM),
)
STORED_IN_ORDER = always(
    "S15c",
    "the messages of one identity of a publisher are stored in the order in which they were accepted",
    stored_in_order,
    over=(STREAM,),
)
LOSS_IS_REAL = always(
    "S31",
    "a publisher is notified that its record is lost only if the log has no record of it",
    loss_is_real,
    over=(PUBLISHER, STREAM),
)
INDEX_PASSES_PROCESSED = always(
    "S15d",
    "the saved index never passes an unprocessed message",
    index_passes_only_processed,
    over=(STREAM, INDEX, CONSUMER),
)
INDEX_RISES = always_step("S23", "neither the saved index nor that of a consumer decreases", index_rises)
PROCESSED_IN_ORDER = always_step(
    "S30", "a message is processed only after all messages that are stored before it", processed_in_order
)
CONFIRMED_LATER = sometimes(
    "W15", "a message is confirmed after a renegotiation", confirmed_after_renegotiation, over=(PUBLISHER,)
)
STATE_IS_LOST = sometimes_step("W16", "a publisher is notified that its record is lost", state_loss_is_reported)
PROCESSED_TWICE = sometimes_step("W8", "a message is processed twice", processed_again)
ALL_PROCESSED = recoverable(
    "R4", "every stored message is processed", all_processed, over=(STREAM, CONSUMER), given=stored_unprocessed
)
ALL_CONFIRMED = recoverable(
    "R6", "every accepted message is confirmed to its publisher", all_confirmed, over=(PUBLISHER,), given=unconfirmed
)

PUBLISHING: tuple[Property, ...] = (CONFIRMED_IS_STORED, STORED_ONCE, STORED_IN_ORDER, LOSS_IS_REAL, ALL_CONFIRMED)
CONSUMING: tuple[Property, ...] = (
    INDEX_PASSES_PROCESSED,
    INDEX_RISES,
    PROCESSED_IN_ORDER,
    ALL_PROCESSED,
)
