"""A known-bad machine and the claim about it: the property that rejects it, and the checkers that do not.

Theory: the claim stands here once. The checkers, the models, the manifest, the generated pages and the tests read it.
Left out: how long its counterexamples are. That is measured and pinned (`spec/manifest.json`).
Source: spec/sessions.md section 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from ockam_fsm.checking.world import World


class Checker(Enum):
    """The checkers beside the explorer, which rejects every known-bad machine. Simulator and
    conformance kit run wrong sessions, without channels; random walks are those of streams."""

    TLC = "TLC"
    SIMULATOR = "simulator"
    TRACES = "validation of traces"
    WALKS = "random walks"
    KIT = "conformance kit"


@dataclass(frozen=True)
class KnownBad:
    """A wrong machine in a world that exposes it. `because`: the consequence of breaking its rule.

    `missed`: the checkers that do not reject it, with the reasons. `in_runs`: the properties of which a run of the
    simulator breaks one first, where that need not be `property`.
    """

    name: str
    because: str
    property: str
    world: World
    missed: Mapping[Checker, str] = field(default_factory=dict)
    in_runs: frozenset[str] = frozenset()

    def is_rejected_by(self, checker: Checker) -> bool:
        """Whether a checker rejects it. What no run of the simulator shows, no recorded trace shows either."""
        needed = (Checker.SIMULATOR, checker) if checker is Checker.TRACES else (checker,)
        return not any(one in self.missed for one in needed)
