"""Snapshots are exact, refused orders change nothing: random runs of two real sessions (house style, rule 11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.checking.explore import explore
from ockam_fsm.checking.properties import Step, always_step
from ockam_fsm.checking.sessions.session_actors import InitiatorActor, ResponderActor
from ockam_fsm.checking.sessions.worlds import closed, config_of, lossy
from ockam_fsm.kernel.errors import EventRefused, LocalSessionError
from ockam_fsm.kernel.machine import Refuse
from ockam_fsm.machines.session import TYPES, table
from ockam_fsm.machines.vocabulary import Renegotiation, Role, SessionType, State
from ockam_fsm.runtime.session.commands import Command, Timer
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from ockam_fsm.runtime.session.host import Host, HostSnapshot
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session, Snapshot
from tests.helpers import Counted, End, drop, make_host, make_initiator, tick, transfer

COMBINATIONS = [(kind, profile) for kind in TYPES for profile in (GENERATION, OCKAM)
                if profile.keeps_alive or kind.renegotiation is not Renegotiation.TWO_SIDED]  # fmt: skip
ORDERS = ("open", "send", "request", "reissue", "renegotiate", "close", "lower layer lost")
INPUTS = (*ORDERS, "transfer", "transfer", "transfer", "drop", "duplicate", "overtake", "wait", "wait long", "garbage")
Input: TypeAlias = tuple[int, str]
"""An end, and its input."""

runs = st.lists(st.tuples(st.integers(0, 1), st.sampled_from(INPUTS)), max_size=40)


def order(session: Session, name: str, number: int = 0) -> list[Command]:
    orders: dict[str, Callable[[], list[Command]]] = {
        "open": session.open,
        "send": lambda: session.send(Outgoing(b"m%d" % number)),
        "request": lambda: session.request(f"q{number}", Outgoing(b"q")),
        "reissue": lambda: session.request(f"r{number}", Outgoing(b"r"), reissue=True),
        "renegotiate": session.renegotiate,
        "close": session.close,
        "lower layer lost": session.lower_layer_lost,
    }
    return orders[name]()


def feed(ends: tuple[End, End], one: Input) -> None:
    """Apply one input; an input that is not possible now is skipped."""
    end, other = ends[one[0]], ends[1 - one[0]]
    what = one[1]
    if what in ORDERS:
        if not isinstance(end.core, Host) or end.core.sessions:
            before = end.session.snapshot()
            try:
                end.order(lambda session: order(session, what, entropy(end).drawn))
            except LocalSessionError:
                assert end.session.snapshot() == before, f"a refused {what} changed something"
    elif what in ("wait", "wait long"):
        tick(end, seconds=1 if what == "wait" else 100)
    elif end.outbox and what == "drop":
        drop(end)
    elif end.outbox:
        if what == "duplicate":
            end.outbox.append(end.outbox[0])
        elif what == "garbage":
            end.outbox.insert(0, replace(end.outbox[0], payload=b"\xfe"))
        transfer(end, other, position=-1 if what == "overtake" else 0)


Image: TypeAlias = tuple[Snapshot | HostSnapshot, int]


def image(end: End) -> Image:
    """Return the state that determines the future: the core, and the number of drawn addresses."""
    return end.core.snapshot(), entropy(end).drawn


def entropy(end: End) -> Counted:
    source = end.core.entropy if isinstance(end.core, Session) else end.core.make(b"", b"").entropy
    assert isinstance(source, Counted)
    return source


def twin(end: End, fresh: End, at: Image) -> End:
    """Return another end that was restored from an image, in the state of `end`."""
    core, drawn = at
    fresh.core.restore(core)  # type: ignore[arg-type]
    entropy(fresh).drawn = drawn
    fresh.clock_seconds, fresh.timers, fresh.outbox = end.clock_seconds, dict(end.timers), list(end.outbox)
    fresh.addresses = set(end.addresses)
    return fresh


def pair(kind: SessionType, profile: Profile) -> tuple[End, End]:
    return make_initiator(kind, profile, held=2, attempts=3), make_host(kind, profile, held=2, attempts=3)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS)
@settings(max_examples=60, deadline=None)
@given(before=runs, after=runs)
def test_restored_sessions_behave_exactly_like_the_originals(
    kind: SessionType, profile: Profile, before: list[Input], after: list[Input]
) -> None:
    ends = pair(kind, profile)
    for one in [(0, "open"), (0, "send"), *before]:
        feed(ends, one)
    images = image(ends[0]), image(ends[1])
    assert hash(images) == hash((image(ends[0]), image(ends[1])))
    fresh = pair(kind, profile)
    twins = twin(ends[0], fresh[0], images[0]), twin(ends[1], fresh[1], images[1])
    assert (image(twins[0]), image(twins[1])) == images
    logs = len(ends[0].log), len(ends[1].log)
    for one in after:
        feed(ends, one)
        feed(twins, one)
    for end, other, logged in zip(ends, twins, logs, strict=True):
        assert end.log[logged:] == other.log
        assert image(end) == image(other)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(COMBINATIONS), runs)
def test_nothing_grows_beyond_its_declared_capacity(combination: tuple[SessionType, Profile], run: list[Input]) -> None:
    ends = pair(*combination)
    for one in [(0, "open"), (0, "send"), *run]:
        feed(ends, one)
        for end in ends:
            sessions = end.core.sessions.values() if isinstance(end.core, Host) else [end.core]
            live = [link for s in sessions for link in (s.attempt, s.current) if link is not None]
            assert end.addresses == {a for link in live for a in (link.inner, link.handshake) if a is not None}
            for session in sessions:
                assert session.held == len(session.waiting) <= 2
                assert session.attempts <= 3
                assert set(session.armed) <= set(end.armed)


# Refused orders -------------------------------------------------------------------------------------------------------


def sessions_reached(kind: SessionType) -> Iterator[Session]:
    """Yield the session of either end in every reachable state of a small world of its type."""
    world = closed(config_of(kind)) if kind.persistent else lossy(config_of(kind))
    ends: list[dict[Any, None]] = [{}, {}]

    def collect(step: Step) -> bool:
        ends[step.actor == world.actors[1].name].update({step.before: None, step.after: None})
        return True

    explore(replace(world, properties=(always_step("all", "every end that a step leads to", collect),)))
    initiator, responder = world.actors
    assert isinstance(initiator, InitiatorActor)
    assert isinstance(responder, ResponderActor)
    yield from map(initiator._session, ends[0])
    for end in ends[1]:
        yield from responder._host(end).sessions.values()


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.thorough if kind.renegotiated_by(Role.RESPONDER) else pytest.mark.slow)
        for kind in TYPES
    ],
)
def test_refused_orders_and_timers_that_do_not_run_change_nothing(kind: SessionType) -> None:
    cells: set[tuple[Role, State, str]] = set()
    for session in sessions_reached(kind):
        before = session.snapshot()
        for timer in set(Timer) - session.armed:
            assert session.fire(timer) == []
        assert session.snapshot() == before
        cells |= set(refused_cells(session))
    for role in Role:
        names = ("OPEN", "SEND", "RENEGOTIATE", "CLOSE", "LOWER_LAYER_LOST")
        expected = {(role, state, event.name) for (state, event), cell in table(kind, role).cells.items()
                    if event.name in names and any(isinstance(decision, Refuse) for decision in cell)}  # fmt: skip
        never = {cell for cell in expected - cells if cell[1] not in (State.IDLE, State.CLOSED)}
        assert never == set(), "a refused cell that no run reaches"


def refused_cells(session: Session) -> Iterator[tuple[Role, State, str]]:
    """Give a session every order in its current state, and check that refused ones change nothing."""
    began = session.snapshot()
    for name in ORDERS:
        for number in range(2):  # the second time there is no more room to hold a message
            before = session.snapshot()
            try:
                order(session, name, number)
            except EventRefused as refused:
                assert (session.snapshot(), session._commands) == (before, None)
                yield session.settings.role, session.state, refused.event
        session.restore(began)
