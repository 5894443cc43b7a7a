"""What a model of TLC is where a world has a specification of its own: a node, a consumer and a publisher
of a stream, a secure channel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ockam_fsm.checking.world import World


@dataclass(frozen=True)
class TlcWorldModel(ABC):
    """One model. `rejects`: the claim that a wrong machine, or a witness, refutes; empty: all claims hold. `wrong`:
    operators of the module that are replaced."""

    extends: ClassVar[str]
    """The hand-written module of `spec/tla`."""
    of_states: ClassVar[tuple[str, ...]]
    """What is claimed of every state; the rest is claimed of every step."""
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
