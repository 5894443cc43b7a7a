"""Ordinals: the number of a worker, among all that its side has had. An end that restarts begins another life.

Rule 1: a host has `spawns + 1` ordinals in each life, of which the first is nobody's; an initiator uses one of them. So
        an ordinal tells in which life its worker was, and a first life is numbered as if there were no other.
Source: spec/tla/SessionPair.tla, Life and NextLife.
"""

from __future__ import annotations

from typing import NamedTuple


class Incarnations(NamedTuple):
    """Which ordinals are whose, where a host makes at most `spawns` responders in all of its lives."""

    spawns: int

    def life(self, ordinal: int) -> int:
        return ordinal // (self.spawns + 1)

    def ordinal(self, life: int, worker: int) -> int:
        return life * (self.spawns + 1) + worker

    def next_life(self, ordinal: int) -> int:
        return ordinal + self.spawns + 1
