"""The tables as compositions: what a dimension adds, and that everything is used and cited.

Nothing here repeats a row: the effects of rows are tested by the worlds and by tests/runtime.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.machine import Ignore, Row
from ockam_fsm.machines import MACHINES, TYPES, table
from ockam_fsm.machines.session import SessionMachine
from ockam_fsm.machines.vocabulary import (
    ATTEMPTS,
    CONFIRMED,
    HELD,
    MISSES,
    RESTING,
    USABLE,
    Creation,
    Effect,
    Event,
    Renegotiation,
    Role,
    SessionType,
    State,
)
from ockam_fsm.projections.markdown import to_markdown

TABLES = [table(kind, role) for kind in TYPES for role in Role]
by_name = pytest.mark.parametrize("machine", TABLES, ids=lambda machine: machine.name)


def titles(kind: SessionType, role: Role) -> list[str]:
    return [part.title for part in table(kind, role).parts]


def has(kind: SessionType, role: Role, words: str) -> bool:
    return any(words in title for title in titles(kind, role))


def test_there_are_six_types_of_two_roles() -> None:
    assert len({kind.name for kind in TYPES}) == 6
    assert len({machine.name for machine in TABLES}) == 12
    assert {(kind.creation, kind.renegotiation) for kind in TYPES} == {(c, r) for c in Creation for r in Renegotiation}


def test_one_id_is_one_row_in_every_table() -> None:
    known: dict[str, Row[State, Event, Effect]] = {}
    for machine in TABLES:
        for row in machine.rows:
            assert known.setdefault(row.id, row) == row, f"{row.id} differs in {machine.name}"


def test_each_prefix_of_row_ids_belongs_to_one_part() -> None:
    """The same prefix never names rows of two different parts."""
    owner: dict[str, str] = {}
    for machine in TABLES:
        for part in machine.parts:
            for row in (one for one in part.decisions if isinstance(one, Row)):
                prefix = row.id.rstrip("0123456789")
                assert owner.setdefault(prefix, part.title) == part.title


def test_ids_of_the_other_machines_are_their_own() -> None:
    session_ids = {row.id for machine in TABLES for row in machine.rows}
    others = {row for machine in MACHINES if machine not in TABLES for row in machine.rows}  # pipes share parts
    ids = [row.id for row in others]
    assert len(ids) == len(set(ids))
    assert not session_ids & set(ids)


@by_name
def test_every_row_cites_the_discussion_or_a_clause(machine: SessionMachine) -> None:
    for row in machine.rows:
        assert re.search(r"discussion: \w+|\b[2-7]\.\d+", row.cites), row.id


@by_name
def test_every_cell_is_decided_and_gives_its_reason(machine: SessionMachine) -> None:
    for cell in machine.cells.values():
        assert cell
        for decision in cell:
            assert isinstance(decision, Row) or len(decision.because) > 10
    assert len(machine.cells) == len(machine.states) * len(machine.events)


def test_every_word_of_the_vocabulary_is_used() -> None:
    rows = [row for machine in TABLES for row in machine.rows]
    assert {state for row in rows for state in (row.source, row.target)} == set(State)
    assert {effect for row in rows for effect in row.effects} == set(Effect)
    assert {event for machine in TABLES for event in machine.events} == set(Event)
    only_ignored = set(Event) - {row.event for row in rows}
    assert only_ignored == {Event.STRAY, Event.ANSWER_STALE}


def test_every_counter_of_the_vocabulary_is_used() -> None:
    assert {c.name for machine in TABLES for c in machine.counters} == {
        c.name for c in (ATTEMPTS, HELD, MISSES, USABLE, CONFIRMED, RESTING)
    }


# What a dimension adds ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_initiators_are_created_by_their_user_and_responders_by_a_hello(kind: SessionType) -> None:
    explicit = kind.creation is Creation.EXPLICIT
    assert has(kind, Role.INITIATOR, "an API call opens") is explicit
    assert has(kind, Role.INITIATOR, "the first message that is forwarded") is not explicit
    assert has(kind, Role.RESPONDER, "created by its host when a hello arrives")


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_transient_sessions_end_with_a_failure_and_persistent_ones_survive_it(kind: SessionType) -> None:
    for role in Role:
        assert has(kind, role, "a failure ends the session") is not kind.persistent
        assert (State.RENEGOTIATING in table(kind, role).states) is kind.persistent
        assert has(kind, role, "requests to be reissued") is kind.persistent


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_an_end_starts_negotiations_exactly_where_its_side_may(kind: SessionType) -> None:
    for role in Role:
        machine = table(kind, role)
        targets = {row.target for row in machine.rows if Effect.SEND_HELLO in row.effects}
        expected = {State.NEGOTIATING} if role is Role.INITIATOR else set()
        expected |= {State.RENEGOTIATING} if kind.renegotiated_by(role) else set()
        assert targets == expected


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_an_end_answers_hellos_exactly_where_its_peer_may_start(kind: SessionType) -> None:
    two_sided = kind.renegotiation is Renegotiation.TWO_SIDED
    for role in Role:
        answers = any(Effect.SEND_ANSWER in row.effects for row in table(kind, role).rows)
        assert answers is (role is Role.RESPONDER or two_sided)
        assert (Event.HELLO_NEWER in table(kind, role).events) is answers


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_ends_that_may_renegotiate_send_keepalives(kind: SessionType) -> None:
    for role in Role:
        asks = Event.KEEPALIVE_DUE in table(kind, role).events
        assert asks is (role is Role.INITIATOR or kind.renegotiated_by(role))
        assert has(kind, role, "receives nothing for too long") is not asks


def test_the_back_off_ends_by_itself_where_sessions_are_explicit_and_on_demand_where_they_are_implicit() -> None:
    for kind in (kind for kind in TYPES if kind.persistent):
        for role in (role for role in Role if kind.renegotiated_by(role)):
            implicit = kind.creation is Creation.IMPLICIT
            assert has(kind, role, "only for a message that waits") is implicit
            assert (RESTING in table(kind, role).counters) is implicit


@by_name
def test_closing_is_possible_everywhere_and_final(machine: SessionMachine) -> None:
    assert machine.final == (State.CLOSED,)
    for state in machine.states:
        decisions = machine.cells[state, Event.CLOSE]
        wanted = Ignore if state is State.CLOSED else Row
        assert [type(decision) for decision in decisions] == [wanted]


@by_name
def test_every_failure_forgets_the_route_before_the_owner_is_notified(machine: SessionMachine) -> None:
    for row in machine.rows:
        if row.target is State.TIMED_OUT and row.source is not State.TIMED_OUT:
            assert row.effects.index(Effect.FORGET_ROUTE) < row.effects.index(Effect.NOTIFY_TIMED_OUT), row.id


@by_name
def test_tables_are_printed_in_full(machine: SessionMachine) -> None:
    text = to_markdown(machine, "page.md")
    for row in machine.rows:
        assert row.id in text
    for event in machine.events:
        assert event.name in text


def test_a_table_is_named_by_its_type_and_its_role() -> None:
    for kind in TYPES:
        for role in Role:
            assert table(kind.name, role.name.lower()) is table(kind, role)
    wrong: list[Any] = [("transient", "initiator"), ("explicit-transient", "server"), (5, "initiator"), ([], None)]
    for given in wrong:
        with pytest.raises(LocalSessionError, match="; there are "):
            table(*given)


def test_a_type_and_a_table_are_shown_in_a_short_line() -> None:
    first = TYPES[0]
    assert repr(first) == f"<SessionType {first.name}>"
    assert repr(table(first, Role.INITIATOR)).startswith(f"<Machine {first.name} initiator: ")
