"""The faults of a simulation, by name, and how often each happens.

The names are those of spec/sessions.md and of the explorer's networks. A rate of the first group is the chance that one
message (connection, handler call, timer, write) meets the fault; a rate of the second is how often it happens per
second of virtual time and node.
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
"""Chance for each opportunity."""

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
"""How often per second and node. A partition heals by itself (`heal`)."""

ALL: Mapping[str, float] = {**CHANCES, **RATES}


@dataclass(frozen=True)
class Faults:
    """Which faults may happen, and how often; `Faults.of("drop", "reset")` takes the usual rates.

    Raises:
        DefinitionError: a fault has no such name, or a chance is none.
    """

    rates: Mapping[str, float] = field(default_factory=lambda: ALL)

    def __post_init__(self) -> None:
        problems = [f"fault {name!r} is none of {', '.join(ALL)}" for name in self.rates if name not in ALL]
        problems += [f"fault {name!r}: {rate} is no chance" for name, rate in self.rates.items() if not 0 <= rate <= 1]
        if problems:
            raise DefinitionError("faults", problems)

    @classmethod
    def of(cls, *names: str) -> Faults:
        return cls({name: ALL.get(name, 0.0) for name in names})

    def chance(self, name: str) -> float:
        return self.rates.get(name, 0.0)


NO_FAULTS = Faults({})
