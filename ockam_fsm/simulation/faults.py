"""The faults of a simulation, by name, with their rates.

The names are those of spec/sessions.md and of the explorer's networks. A rate in `CHANCES` is a probability per message
(connection, handler call, timer, write); a rate in `RATES` is a frequency per second of virtual time and per node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ockam_fsm.kernel.errors import DefinitionError

CHANCES: Mapping[str, float] = {
    "drop": 0.02,
    "duplicate": 0.02,
    "reorder": 0.03,
    "delay": 0.02,
    "corrupt": 0.005,
    "connection-refused": 0.1,
    "handler-raises": 0.005,
    "early-timer": 0.1,
    "late-timer": 0.1,
    "write-fails": 0.01,
    "confirmation-lost": 0.01,
    "slow-storage": 0.02,
}
"""The probability per opportunity."""

RATES: Mapping[str, float] = {
    "one-way-partition": 0.01,
    "two-way-partition": 0.01,
    "reset": 0.03,
    "half-open": 0.01,
    "slow-reader": 0.02,
    "worker-stops": 0.005,
    "restart-with-state": 0.005,
    "restart-without-state": 0.005,
}
"""The frequency per second and node. A partition heals after a while (`heal`)."""

ALL: Mapping[str, float] = {**CHANCES, **RATES}


@dataclass(frozen=True)
class Faults:
    """The faults that may occur, with their rates; `Faults.of("drop", "reset")` takes the default rates.

    Raises:
        DefinitionError: a name is unknown, or a rate is not from 0 to 1.
    """

    rates: Mapping[str, float] = field(default_factory=lambda: ALL)

    def __post_init__(self) -> None:
        known = ", ".join(ALL)
        problems = [f"fault {name!r} is unknown; use some of {known}" for name in self.rates if name not in ALL]
        rates = ((name, rate) for name, rate in self.rates.items() if not 0 <= rate <= 1)
        problems += [f"the rate of fault {name!r} is {rate}; it must be from 0 to 1" for name, rate in rates]
        if problems:
            raise DefinitionError("faults", problems)

    @classmethod
    def of(cls, *names: str) -> Faults:
        return cls({name: ALL.get(name, 0.0) for name in names})

    def chance(self, name: str) -> float:
        return self.rates.get(name, 0.0)


NO_FAULTS = Faults({})
