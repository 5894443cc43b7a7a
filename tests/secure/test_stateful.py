"""Two ends of a secure channel under faults drawn by Hypothesis: real sessions and keys, a hostile network."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.secure.transport import Decryptor, Received
from tests.helpers import HOP_TO_INITIATOR, HOP_TO_RESPONDER, End, make_host, make_initiator, settle, tick, transfer
from tests.secure.test_profile import identifier, secure

LONG = 200.0
"""Longer than keepalives, attempts and back-offs together."""


class ChannelMachine(RuleBasedStateMachine):
    """An initiator that renegotiates, and the host of its responders."""

    def __init__(self) -> None:
        super().__init__()
        self.initiator = make_initiator(EXPLICIT_PERSISTENT_ONE_SIDED, secure("alice"), attempts=None)
        self.host = make_host(EXPLICIT_PERSISTENT_ONE_SIDED, secure("bob"), capacity=8)
        self.ends = (self.initiator, self.host)
        self.sent: tuple[list[bytes], list[bytes]] = ([], [])
        self.seen = list[Message]()
        self.initiator.order(Session.open)

    # Orders -----------------------------------------------------------------------------------------------------------

    @rule()
    def the_initiator_sends(self) -> None:
        self._send(0)

    @rule()
    @precondition(lambda self: self.host.state is State.ESTABLISHED)
    def the_responder_sends(self) -> None:
        self._send(1)

    @rule()
    @precondition(lambda self: self.initiator.state is State.ESTABLISHED)
    def the_initiator_renegotiates(self) -> None:
        self.initiator.order(Session.renegotiate)

    @rule(side=st.integers(0, 1), seconds=st.sampled_from([0.5, 5.0, 16.0]))
    def time_passes(self, side: int, seconds: float) -> None:
        tick(self.ends[side], seconds)

    # The network ------------------------------------------------------------------------------------------------------

    @rule(side=st.integers(0, 1), position=st.integers(0, 3))
    def a_message_arrives(self, side: int, position: int) -> None:
        sender, receiver = self.ends[side], self.ends[1 - side]
        if position < len(sender.outbox):
            self.seen.append(transfer(sender, receiver, position))

    @rule(side=st.integers(0, 1), count=st.sampled_from([1, 2, 40]))
    def messages_are_lost(self, side: int, count: int) -> None:
        self.seen += self.ends[side].outbox[:count]
        del self.ends[side].outbox[:count]

    @rule(data=st.data(), change=st.sampled_from(["repeated", "forged", "cut", "reflected"]))
    @precondition(lambda self: self.seen)
    def an_old_message_comes_again(self, data: st.DataObject, change: str) -> None:
        message = data.draw(st.sampled_from(self.seen))
        payload, onward = message.payload, message.onward_route
        if change == "forged":
            at = data.draw(st.integers(0, len(payload) - 1))
            payload = payload[:at] + bytes([payload[at] ^ data.draw(st.integers(1, 255))]) + payload[at + 1 :]
        elif change == "cut":
            payload = payload[: data.draw(st.integers(0, len(payload) - 1))]
        receiver, sender = (self.host, self.initiator) if onward[0] == HOP_TO_RESPONDER else self.ends
        if change == "reflected":
            link = sender.session.current if receiver is not sender else None
            if link is None:
                return
            receiver = sender
            onward = (HOP_TO_INITIATOR if sender is self.initiator else HOP_TO_RESPONDER, link.inner)
        before, harmless = receiver.delivered[:], len(message.payload) != 32  # a first message may begin a handshake
        wrong = Message(onward, message.return_route, payload)
        other = End(receiver.core)
        other.outbox = [wrong]
        transfer(other, receiver)
        if change in ("forged", "cut", "reflected") and harmless:
            assert receiver.delivered == before

    # Invariants -------------------------------------------------------------------------------------------------------

    @invariant()
    def what_is_delivered_was_sent_once_and_by_the_peer(self) -> None:
        for side, end in enumerate((self.host, self.initiator)):
            assert len(set(end.delivered)) == len(end.delivered), "delivered twice"
            assert set(end.delivered) <= set(self.sent[side]), "nobody has sent it"

    @invariant()
    def an_established_end_knows_its_peer(self) -> None:
        if self.initiator.state is State.ESTABLISHED:
            assert self.initiator.session.peer == identifier("bob")

    def teardown(self) -> None:
        """Stop all faults: both ends must then exchange messages again."""
        for _ in range(8):
            tick(self.host, LONG / 8)
            settle(self.initiator, self.host)
            tick(self.initiator, LONG / 8)
            settle(self.initiator, self.host)
        assert self.initiator.state is State.ESTABLISHED
        self._send(0)
        settle(self.initiator, self.host)
        assert self.host.delivered[-1] == self.sent[0][-1]

    def _send(self, side: int) -> None:
        payload = b"%d %d" % (side, len(self.sent[side]))
        try:
            self.ends[side].send(payload)
        except EventRefused:
            return
        self.sent[side].append(payload)


def run(machine: type[ChannelMachine], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
                          derandomize=True, report_multiple_bugs=False,
                          suppress_health_check=list(HealthCheck)),
    )  # fmt: skip


@pytest.mark.slow
def test_a_channel_under_every_fault() -> None:
    run(ChannelMachine, 15, 30)


@pytest.mark.nightly
def test_a_channel_under_every_fault_with_many_examples() -> None:
    run(ChannelMachine, 1000, 80)


class _Replaying(Decryptor):
    """A faulty decryptor that accepts every repetition of a message."""

    def decrypt(self, message: bytes) -> Received:
        before = self.snapshot()
        try:
            return super().decrypt(message)
        finally:
            self.restore(before)


def test_a_faulty_channel_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ockam_fsm.secure.channel.Decryptor", _Replaying)
    machine = ChannelMachine()
    settle(machine.initiator, machine.host)
    machine.the_initiator_sends()
    machine.initiator.outbox *= 2
    machine.a_message_arrives(0, 0)
    machine.what_is_delivered_was_sent_once_and_by_the_peer()
    machine.a_message_arrives(0, 0)
    with pytest.raises(AssertionError, match="delivered twice"):
        machine.what_is_delivered_was_sent_once_and_by_the_peer()
