"""Ordinals: the number of a worker among all workers of its side. Each restart of an end begins a new incarnation.

Rule 1: each incarnation has `spawns + 1` ordinals. A host leaves the first unused; an initiator uses one of them. So an
        ordinal determines the incarnation of its worker, and the ordinals of the first one do not depend on later ones.
Source: spec/tla/SessionPair.tla, Life and NextLife.
"""

from __future__ import annotations

from typing import NamedTuple


class Incarnations(NamedTuple):
    """The ordinals of a world in which a host makes at most `spawns` responders in all incarnations."""

    spawns: int

    def life(self, ordinal: int) -> int:
        return ordinal // (self.spawns + 1)

    def ordinal(self, life: int, worker: int) -> int:
        return life * (self.spawns + 1) + worker

    def next_life(self, ordinal: int) -> int:
        return ordinal + self.spawns + 1
