"""Which machines there are, and how they belong together: what `types`, `show` and `render` all start from."""

from __future__ import annotations

import sys
from functools import cache

from ockam_fsm.kernel.text import described
from ockam_fsm.machines import MACHINES, TYPES, table
from ockam_fsm.machines.vocabulary import MESSAGES, Creation, Renegotiation, Role, SessionType
from ockam_fsm.projections.gallery import AnyMachine, Catalogue, Pair, Subject
from ockam_fsm.projections.overview import Member
from ockam_fsm.projections.sequence import Chart

PAGE = "ockam_fsm/machines/session.py"


@cache
def catalogue(charts: tuple[Chart, ...] = ()) -> Catalogue:
    """Every machine that `ockam_fsm.machines` has."""
    pairs = tuple(_pair(session_type) for session_type in TYPES)
    paired = {subject.machine.name for pair in pairs for subject in (pair.left, pair.right)}
    return Catalogue(
        page=PAGE,
        pairs=pairs,
        family=tuple(_member(session_type) for session_type in TYPES),
        family_title="The six session types",
        family_summary="what each dimension adds, in the words of the parts that the tables are composed of",
        alone=tuple(_alone(machine) for machine in MACHINES if machine.name not in paired),
        messages=MESSAGES,
        charts=charts,
    )


def _pair(session_type: SessionType) -> Pair:
    left, right = (
        Subject(table(session_type, role), session_type.summary, PAGE) for role in (Role.INITIATOR, Role.RESPONDER)
    )
    return Pair(session_type.name, session_type.summary, left, right)


def _member(session_type: SessionType) -> Member:
    place = (list(Renegotiation).index(session_type.renegotiation), list(Creation).index(session_type.creation))
    machines = tuple(table(session_type, role) for role in (Role.INITIATOR, Role.RESPONDER))
    return Member(session_type.name, session_type.summary, *place, machines)


def _alone(machine: AnyMachine) -> Subject:
    """A machine with a page of its own: the page's first sentence is its summary."""
    module = type(machine.initial).__module__
    sentence = described(sys.modules[module]).partition("\n")[0].rstrip(".")
    return Subject(machine, sentence, f"{module.replace('.', '/')}.py")
