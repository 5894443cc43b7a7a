"""The properties of a pipe, as predicates over the actors of its worlds.

Source: spec/sessions.md section 8 (S32 to S35, W17, W18, R7) and section 17.
"""

from __future__ import annotations

from itertools import pairwise

from ockam_fsm.checking.actors import Deliver
from ockam_fsm.checking.pipes.actors import RECEIVER, SENDER, Delivered, PipeMessage, ReceiverEnd, RoutedOn, SenderEnd
from ockam_fsm.checking.properties import Property, Step, always, always_step, recoverable, sometimes_step
from ockam_fsm.machines.pipe_ordering import Ordering


def confirmed_is_routed_on(sender: SenderEnd, receiver: ReceiverEnd) -> bool:
    return {*sender.confirmed} <= {*receiver.routed}


def delivered_was_accepted(sender: SenderEnd, receiver: ReceiverEnd) -> bool:
    return {*receiver.delivered} <= {*range(1, sender.accepted + 1)}


def in_order(ordering: Ordering, step: Step) -> bool:
    """Return whether each message delivered in a step may follow the one delivered before it."""
    if step.actor != RECEIVER:
        return True
    messages = [record.message for record in step.records if isinstance(record, Delivered)]
    return all(
        (before <= after if ordering.repeats else before < after) and (ordering.leaves_out or after <= before + 1)
        for before, after in pairwise((step.before.last, *messages))
    )


def any_confirmation_confirms(step: Step) -> bool:
    if step.actor != SENDER or not isinstance(step.event, Deliver) or not isinstance(step.event.payload, PipeMessage):
        return True
    return step.event.payload.about not in step.after.waiting


def routed_on_twice(step: Step) -> bool:
    return step.actor == RECEIVER and any(
        isinstance(record, RoutedOn) and record.message in step.before.routed for record in step.records
    )


def waited_for_its_turn(step: Step) -> bool:
    return step.actor == RECEIVER and len(step.after.image.waiting) < len(step.before.image.waiting)


def accepted_something(sender: SenderEnd, receiver: ReceiverEnd) -> bool:
    return sender.accepted > 0


def all_arrived(sender: SenderEnd, receiver: ReceiverEnd) -> bool:
    return not sender.waiting and {*receiver.delivered} >= {*range(1, sender.accepted + 1)}


CONFIRMED_IS_ROUTED_ON = always(
    "S32", "each message that is confirmed to the sender of a pipe was routed on by its receiver",
    confirmed_is_routed_on, over=(SENDER, RECEIVER),
)  # fmt: skip
DELIVERED_WAS_ACCEPTED = always(
    "S33", "each message that the receiver of a pipe routes on was accepted by its sender, and is unchanged",
    delivered_was_accepted, over=(SENDER, RECEIVER),
)  # fmt: skip
ANY_CONFIRMATION = always_step(
    "S35", "a confirmation of any transmission of an unconfirmed message confirms it", any_confirmation_confirms
)
ROUTED_TWICE = sometimes_step("W17", "the receiver of a pipe routes a message on twice", routed_on_twice)
WAITED = sometimes_step("W18", "a message that waited for its turn is routed on", waited_for_its_turn)
ALL_ARRIVED = recoverable(
    "R7", "every message that a resend pipe accepted is routed on and confirmed", all_arrived,
    over=(SENDER, RECEIVER), given=accepted_something,
)  # fmt: skip

RESENDING: tuple[Property, ...] = (CONFIRMED_IS_ROUTED_ON, ANY_CONFIRMATION, ALL_ARRIVED, ROUTED_TWICE)


def ordering_property(ordering: Ordering) -> Property:
    """Return S34 for an ordering."""
    return always_step(
        "S34",
        "an index pipe routes messages on in the order that its type guarantees",
        lambda step: in_order(ordering, step),
    )
