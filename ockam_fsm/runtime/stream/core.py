"""The base of the four workers of a stream: the table decides an event, and its effects give the commands of a step.

Rule 1: an ignored event gives the command `Ignored`: the message that caused it is a dead letter.
Source: kernel/driver.py.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from ockam_fsm.kernel.driver import Driver
from ockam_fsm.kernel.machine import E, Ignore, Limits, S
from ockam_fsm.runtime.stream.commands import Ignored

C = TypeVar("C")


class Core(Generic[S, E, C]):
    """A worker of a stream. A subclass has the counters of its machine, and a method for each effect.

    `C`: its commands, `Ignored` among them.
    """

    __slots__ = ("_commands", "_driver", "limits", "state")

    def __init__(self, driver: Driver[S, E, Any], state: S, limits: Limits) -> None:
        self._driver = driver
        self.state = state
        self.limits = limits
        self._commands: list[C | Ignored] = []

    def _fire(self, event: E, cause: object = None) -> list[C | Ignored]:
        """Decide an event, and return the commands of the step.

        Raises:
            EventRefused: the table refuses it; nothing has changed.
        """
        decision = self._driver.fire(self, event, cause)
        if isinstance(decision, Ignore):
            self._commands.append(Ignored(decision.because))
        return self._take()

    def _take(self) -> list[C | Ignored]:
        commands, self._commands = self._commands, []
        return commands
