"""The base class of the TLC models of worlds with their own specification: nodes, streams, secure channels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ockam_fsm.checking.world import World


@dataclass(frozen=True)
class TlcWorldModel(ABC):
    """A model of one world. `rejects`: the claim that a known-bad machine or a witness refutes; empty: all claims hold.
    `wrong`: replaced operators of the module."""

    extends: ClassVar[str]
    """The hand-written module of `spec/tla`."""
    of_states: ClassVar[tuple[str, ...]]
    """The claims about every state; all other claims are about every step."""
    specification: ClassVar[str] = "Spec"

    name: str
    about: str
    world: World
    claims: tuple[str, ...]
    rejects: str = ""
    wrong: tuple[tuple[str, str], ...] = ()

    @property
    def invariants(self) -> tuple[str, ...]:
        return tuple(claim for claim in self.claims if claim in self.of_states)

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(claim for claim in self.claims if claim not in self.of_states)

    @property
    @abstractmethod
    def bounds(self) -> Mapping[str, object]:
        """The bounds of the world, by their names in the module."""

    @property
    def budgets(self) -> Mapping[str, Mapping[str, object]]:
        """Bounds that are records, by their names in the module."""
        return {}
