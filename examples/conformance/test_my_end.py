"""Property-based tests of your own end, in your own test run: pytest examples/conformance/test_my_end.py

Here `MyEnd` is ours, wrapped. Hypothesis draws steps, shrinks what fails, keeps it, and tries it first the next time.
"""

from __future__ import annotations

from hypothesis import settings

from ockam_fsm.conformance import Unsupported, our_end, stateful


class MyEnd:
    features = frozenset()

    def __init__(self, declaration):
        if declaration.session_type.name != "explicit-transient":
            raise Unsupported("not written yet")
        self.end = our_end(declaration)

    def deliver(self, message, carrier):
        self.end.deliver(message, carrier)

    def advance(self, seconds):
        self.end.advance(seconds)

    def order(self, order):
        self.end.order(order)

    def take_outputs(self):
        return self.end.take_outputs()


TestInitiator = stateful(MyEnd, "explicit-transient", "initiator").TestCase
TestResponder = stateful(MyEnd, "explicit-transient", "responder").TestCase
TestInitiator.settings = TestResponder.settings = settings(max_examples=20, deadline=None)  # 100 without this line
