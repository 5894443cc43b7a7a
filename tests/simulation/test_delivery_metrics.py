"""Delivery metrics: reliability, uniqueness and the four orderings."""

from __future__ import annotations

import pytest

from ockam_fsm.simulation.delivery_metrics import DeliveryMetrics


@pytest.mark.parametrize(
    ("received", "orderings", "reliability", "uniqueness"),
    [
        ([1, 2, 3], ("monotonic", "strict", "continuous", "absolute"), 1.0, 1.0),
        ([1, 2, 2, 3], ("monotonic", "continuous"), 1.0, 0.75),
        ([1, 3], ("monotonic", "strict"), 2 / 3, 1.0),
        ([1, 1, 3], ("monotonic",), 2 / 3, 2 / 3),
        ([1, 3, 2], (), 1.0, 1.0),
        ([], ("monotonic", "strict", "continuous", "absolute"), 0.0, 1.0),
    ],
)
def test_figures(received: list[int], orderings: tuple[str, ...], reliability: float, uniqueness: float) -> None:
    delivery = DeliveryMetrics()
    for number in (1, 2, 3):
        delivery.send(number)
    for number in received:
        delivery.receive(number)
    assert delivery.orderings == orderings
    assert (delivery.reliability, delivery.uniqueness) == (reliability, uniqueness)
    assert delivery.figures()["orderings"] == list(orderings)


def test_the_order_of_each_direction_is_judged_separately() -> None:
    delivery = DeliveryMetrics()
    delivery.send(1, "a")
    delivery.send(2, "b")
    delivery.send(3, "a")
    for number in (2, 1, 3):
        delivery.receive(number)
    assert "absolute" in delivery.orderings
