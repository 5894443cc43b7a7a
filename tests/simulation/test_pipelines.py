"""Measured deliveries: the rules of clause 17.9 hold in every combination, and a wrong rule or pipe is detected."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ockam_fsm.checking.pipes.known_bad import NaiveSender
from ockam_fsm.runtime.pipe.sender import PipeSender
from ockam_fsm.runtime.session.config import BackOff
from ockam_fsm.simulation.delivery_metrics import DeliveryMetrics
from ockam_fsm.simulation.pipelines import (
    BARE,
    CHAINED,
    CONFIRM,
    IMPATIENT,
    INDEXES,
    LOSSY,
    MESSAGES,
    REORDERING,
    REPEATING,
    RESEND,
    RESEND1,
    Delivery,
    Properties,
    deliveries,
    measure,
    measured,
    product_rule,
)

MONOTONIC, STRICT, CONTINUOUS, ABSOLUTE = INDEXES
EVERY = [delivery for _, delivery in deliveries()]


def named(text: str) -> Properties:
    return Properties(*(letter in text for letter in "RUOG"))


@pytest.mark.slow
def test_every_combination_has_the_promised_properties_and_hardly_more() -> None:
    found = [one for _, one in measured(seed=11)]
    assert [(one.delivery.name, one.broken) for one in found if one.broken] == []
    more = {one.delivery.name for one in found if one.more}
    assert all(one.still for one in EVERY if one.name in more), "only stalled deliveries may seem better than promised"


@pytest.mark.slow
def test_the_reliability_of_a_chain_is_the_product_only_where_the_first_part_repeats_nothing() -> None:
    """Ockam's documents state that it is always the product ("Pipeline reliability")."""
    resend = CHAINED[3]
    alone = {one.name: measure(one, 0, 12).reliability for one in (LOSSY, resend)}
    chains = [
        replace(measure(first.then(LOSSY), 0, 12), product=(alone[first.name] * alone["lossy"], 1.0))
        for first in (LOSSY, resend)
    ]
    (_, once, product), (_, repeated, repeated_product) = product_rule(chains)
    assert abs(once - product) < 0.02
    assert repeated > repeated_product + 0.02


def test_every_kind_of_combination_is_measured() -> None:
    names = [one.name for one in EVERY]
    assert len({(one.name, one.time_out) for one in EVERY}) == len(EVERY) == 81
    assert {f"{a.name} ; {b.name}" for a in CHAINED for b in CHAINED} <= set(names)
    for index in INDEXES:
        for resend in (RESEND1, RESEND):
            assert {f"{index.name}[{resend.name}[bare]]", f"{resend.name}[{index.name}[bare]]"} <= set(names)


@pytest.mark.parametrize(
    ("delivery", "promised"),
    [
        (LOSSY, "UO"), (REPEATING, "ROG"), (REORDERING, "RU"), (BARE, ""),
        (BARE.inside(RESEND), "R"), (LOSSY.inside(RESEND1), "ROG"), (LOSSY.inside(RESEND), "R"),
        (REPEATING.inside(STRICT), "RUOG"), (REORDERING.inside(STRICT), "UO"), (LOSSY.inside(MONOTONIC), "UO"),
        (BARE.inside(RESEND1).inside(STRICT), "RUOG"), (BARE.inside(RESEND).inside(STRICT), "UO"),
        (BARE.inside(RESEND).inside(CONTINUOUS), "ROG"), (BARE.inside(RESEND).inside(ABSOLUTE), "RUOG"),
        (BARE.inside(ABSOLUTE), "UOG"), (BARE.inside(ABSOLUTE).inside(RESEND1), "OG"),
        (BARE.inside(ABSOLUTE).inside(RESEND), ""), (REPEATING.inside(CONTINUOUS).inside(RESEND), "R"),
        (REORDERING.inside(CONFIRM), "RUOG"), (LOSSY.inside(CONFIRM), "UOG"), (BARE.inside(CONFIRM), ""),
        # Ockam's documents, "Pipeline reliability" and "Pipelining ordering"
        (LOSSY.then(BARE.inside(RESEND)), ""), (REORDERING.then(BARE.inside(RESEND)), "R"),
        (REORDERING.then(LOSSY), "U"), (BARE.then(CHAINED[-1]), ""),
        (BARE.inside(MONOTONIC).then(REPEATING), "O"), (BARE.inside(STRICT).then(REPEATING), "O"),
        (CHAINED[-1].then(CHAINED[-1]).with_dying_middle(), ""),
    ],
)  # fmt: skip
def test_the_promised_properties_follow_from_the_construction(delivery: Delivery, promised: str) -> None:
    assert delivery.promised == named(promised), delivery.name


@pytest.mark.slow
@pytest.mark.parametrize("layer", [RESEND1, RESEND])
def test_a_naive_resend_pipe_never_stops_sending_its_first_messages(layer: object) -> None:
    """The round trip takes longer than its time-out. Our pipe delivers everything (in the table)."""
    delivery = replace(next(one for one in EVERY if one.layers == (layer,) and one.time_out is IMPATIENT), faults=())
    never_longer = BackOff(0.03, 1.0, 0.03, 0.0)
    stuck = measure(delivery, 0, 1, make=lambda config: NaiveSender(replace(config, resend=never_longer)))
    assert stuck.broken == ("reliable",)
    assert stuck.reliability * MESSAGES <= RESEND.window
    assert measure(delivery, 0, 1).broken == ()


def test_a_pipe_without_a_promised_property_is_detected() -> None:
    class Forgetful(PipeSender):
        def send_again(self, cause: object) -> None:
            """Nothing."""

    found = measure(BARE.inside(RESEND), 0, 1, make=Forgetful)
    assert found.broken == ("reliable",)


def test_a_run_is_repeated_by_its_seed() -> None:
    one = BARE.inside(RESEND)
    assert measure(one, 5, 1) == measure(one, 5, 1)
    assert measure(one, 5, 1) != measure(one, 6, 1)


def test_a_missing_first_message_is_a_gap() -> None:
    figures = DeliveryMetrics()
    for number in (0, 1, 2):
        figures.send(number)
    for number in (0, 2):
        figures.receive(number)
    assert "continuous" not in figures.orderings
