"""Pipes under every fault, with a small budget, and wrong pipes that are rejected."""

from __future__ import annotations

import pytest
from hypothesis import Phase

from ockam_fsm.checking.pipes.known_bad import FillsGaps, RoutesLateMessages
from ockam_fsm.machines.pipe_ordering import Ordering
from ockam_fsm.runtime.pipe.commands import Transmit
from ockam_fsm.runtime.pipe.sender import PipeSender
from tests.stateful.pipes import PIPE_MACHINES, PipeMachine, pipe_machine
from tests.stateful.test_machines import run


class ForgetsToSendAgain(PipeSender):
    def send_again(self, cause: object) -> None:
        """Send nothing."""


class WindowThatCounts(PipeSender):
    """A sender whose window is a count, so the range of the numbers in flight is not bounded."""

    def send_due(self, cause: object) -> None:
        while self.sent < self.accepted and sum(number <= self.sent for number in self.frames) < self.config.window:
            self.sent += 1
            self._commands.append(Transmit(self.frames[self.sent]))


@pytest.mark.slow
@pytest.mark.parametrize("machine", PIPE_MACHINES, ids=lambda machine: str(machine.__name__))
def test_pipes(machine: type[PipeMachine]) -> None:
    run(machine, 8, 30)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("machine", "broken"),
    [
        (pipe_machine(3, None, sender=ForgetsToSendAgain), "not everything is confirmed"),
        (pipe_machine(3, None, sender=WindowThatCounts), "window"),
        (pipe_machine(None, Ordering.MONOTONIC, orderer=RoutesLateMessages), "it is not in order"),
        (pipe_machine(None, Ordering.ABSOLUTE, orderer=FillsGaps), "handler raised"),
    ],
    ids=["never-resends", "window-counts", "late-index-passes", "gap-filled"],
)
def test_wrong_pipes_are_found(machine: type[PipeMachine], broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        run(machine, 300, 40, phases=(Phase.generate,))
