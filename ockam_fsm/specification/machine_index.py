"""The index of all machines and session types, for the commands `types`, `show` and `render`."""

from __future__ import annotations

import sys
from functools import cache

from ockam_fsm.kernel.text import docstring_of
from ockam_fsm.machines import MACHINES, TYPES, table
from ockam_fsm.machines.vocabulary import MESSAGES, Creation, Renegotiation, Role, SessionType
from ockam_fsm.projections.gallery import AnyMachine, Catalogue, Pair, Subject
from ockam_fsm.projections.overview import Member
from ockam_fsm.projections.sequence import Chart

PAGE = "ockam_fsm/machines/session.py"


@cache
def catalogue(charts: tuple[Chart, ...] = ()) -> Catalogue:
    """Return the catalogue of the machines of `ockam_fsm.machines`."""
    pairs = tuple(_pair(session_type) for session_type in TYPES)
    paired = {subject.machine.name for pair in pairs for subject in (pair.left, pair.right)}
    return Catalogue(
        page=PAGE,
        pairs=pairs,
        family=tuple(_member(session_type) for session_type in TYPES),
        family_title="The six session types",
        family_summary="the parts that each dimension adds to the tables",
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
    """Return the subject of a machine outside of the session types. The first line of its module is its summary."""
    module = type(machine.initial).__module__
    sentence = docstring_of(sys.modules[module]).partition("\n")[0].rstrip(".")
    return Subject(machine, sentence, f"{module.replace('.', '/')}.py")
