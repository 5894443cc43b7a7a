"""Property-based tests of your own implementation: pytest examples/conformance/test_my_end.py

Here `MyEnd` wraps the reference end. Hypothesis draws steps, shrinks a failing sequence, stores it, and tries it first
in the next run.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import settings

from ockam_fsm import Message
from ockam_fsm.conformance import EndpointUnderTest, Feature, Order, Unsupported, our_end, stateful
from ockam_fsm.conformance.target import Output


class MyEnd:
    features: frozenset[Feature] = frozenset()

    def __init__(self, declaration: EndpointUnderTest) -> None:
        if declaration.session_type.name != "explicit-transient":
            raise Unsupported("not written yet")
        self.end = our_end(declaration)

    def deliver(self, message: Message, carrier: str) -> None:
        self.end.deliver(message, carrier)

    def advance(self, seconds: float) -> None:
        self.end.advance(seconds)

    def order(self, order: Order) -> None:
        self.end.order(order)

    def take_outputs(self) -> Sequence[Output]:
        return self.end.take_outputs()


TestInitiator = stateful(MyEnd, "explicit-transient", "initiator").TestCase
TestResponder = stateful(MyEnd, "explicit-transient", "responder").TestCase
TestInitiator.settings = TestResponder.settings = settings(max_examples=20, deadline=None)  # 100 without this line
