"""Runs a target and the reference end in lockstep: the same inputs, and their outputs compared after each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from ockam_fsm.conformance.generation.peer import Arrive, AtOnce, Do, PeerAction, Single, Stimulus, Wait, singles
from ockam_fsm.conformance.oracle.comparison import LOST, RAISED, REFUSED, Difference
from ockam_fsm.conformance.oracle.oracle import Oracle
from ockam_fsm.conformance.reference.instrumentation import read
from ockam_fsm.conformance.target import EndpointUnderTest, Output, TargetFactory, TargetLost
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Address, Message
from ockam_fsm.runtime.session.handshake import Profile
from ockam_fsm.runtime.session.signals import Data
from ockam_fsm.tools.watchdog import Calls

MOST_OUTPUTS = 10_000
"""More outputs in one step are a flood."""


class Lockstep(Oracle):
    """One run of a target with its reference. `used`: the addresses that the target has used in other runs. `calls`:
    the calls of the target, for the watchdog."""

    def __init__(
        self, endpoint: EndpointUnderTest, make: TargetFactory, used: dict[Address, None], calls: Calls
    ) -> None:
        self.calls = calls
        with calls:
            self.target = make(endpoint)
        super().__init__(endpoint, self.target.features, used)

    def run(self, stimuli: Sequence[Stimulus]) -> bool:
        """Carry out the possible ones of these stimuli. Return False as soon as the target differs."""
        return all(self.step(stimulus) for stimulus in stimuli)

    def step(self, stimulus: Stimulus) -> bool:
        """Carry out a stimulus, if it is possible now. Return False if the target differs."""
        turn = self.begin(stimulus)
        if turn is None:
            return True
        with self.calls:
            problem, outputs = self._act(turn.action)
        return self.finish(turn, problem, outputs)

    def _act(self, action: PeerAction) -> tuple[Difference | None, Sequence[Output]]:
        """Perform an action in the target. Return a difference other than an output (or None), and the outputs."""
        target, refusal = self.target, None
        try:
            for single in singles(action):
                refusal = self._hand(single)
            if isinstance(action, AtOnce) and self.endpoint.role is Role.RESPONDER:
                refusal = None  # the host may have discarded the responder by then
            target.advance(0.0)
            outputs = tuple(islice(target.take_outputs(), MOST_OUTPUTS + 1))
            if len(outputs) > MOST_OUTPUTS:
                return Difference(LOST, "", f"more than {MOST_OUTPUTS} outputs in one step"), ()
            return refusal, outputs
        except TargetLost as lost:
            return Difference(LOST, "", str(lost)), ()
        except Exception as error:  # any exception of a target is a finding, not an error of the kit
            return Difference(RAISED, type(error).__name__, f"{type(error).__name__}: {error}"), ()

    def _hand(self, action: Single) -> Difference | None:
        match action:
            case Arrive(message, carrier):
                self.target.deliver(self._for_target(message), carrier)
            case Wait(seconds):
                self.target.advance(seconds)
            case Do(order):
                try:
                    self.target.order(order)
                except LocalSessionError as refused:
                    return Difference(REFUSED, order.what.value, str(refused))
        return None

    def _for_target(self, message: Message) -> Message:
        """A message with the target's reply addresses in place of the reference's."""
        return _renamed(message, self.bound, self.endpoint.profile)

    def in_our_words(self, message: Message) -> Message:
        """A message with the reference's reply addresses in place of the target's."""
        ours = {theirs: mine for mine, theirs in self.bound.items()}
        return _renamed(message, ours, self.endpoint.profile)


def _renamed(message: Message, names: Mapping[Address, Address], profile: Profile) -> Message:
    """The message with addresses replaced in its onward route, and in that of its data."""
    onward = tuple(names.get(address, address) for address in message.onward_route)
    signal = read(message, profile) if names else None
    payload = message.payload
    if isinstance(signal, Data) and signal.onward_route and profile.names_sessions:
        first = names.get(signal.onward_route[0], signal.onward_route[0])
        payload = profile.encode(replace(signal, onward_route=(first, *signal.onward_route[1:])))
    return Message(onward, message.return_route, payload, message.tracing_context)
