"""One end in an open environment: its obligations are checked in every step. `tests/test_manifest.py` pins the
verdicts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ockam_fsm.checking import Verdict, explore
from ockam_fsm.checking.actors import Deliver, Outbox
from ockam_fsm.checking.sessions.open_environment import stranger_messages, strangers
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import HOST_ADDRESS, RESPONDER, Packet
from ockam_fsm.checking.sessions.worlds import config_of
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    TYPES,
    table,
)
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.runtime.encoding.message import Message, Route, local
from ockam_fsm.runtime.session.commands import DeadLetter, Send
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.signals import Generation, Hello
from ockam_fsm.safety.session_step import CLOSE

ONE_SIDED = EXPLICIT_PERSISTENT_ONE_SIDED


def without(kind: SessionType, role: Role, row: str) -> PairConfig:
    machine = table(kind, role).with_rows(f"without {row}", without=(row,))
    return replace(config_of(kind), variants=((role, machine),))


@pytest.mark.parametrize("row", ["EK1", "ZT1", "ZT2"])
def test_a_wrongly_refused_order_is_detected(row: str) -> None:
    """S22 rejects it."""
    world = strangers(Role.INITIATOR, without(EXPLICIT_TRANSIENT, Role.INITIATOR, row))
    assert explore(world, backend="stdlib", state_limit=2000)["S22"].verdict is Verdict.REFUTED


def test_a_missed_obligation_of_a_responder_discarded_in_the_same_step_is_detected() -> None:
    """Known-bad: a restarted responder that does not send its remembered number."""
    machine = table(ONE_SIDED, Role.RESPONDER)
    (row,) = [row for row in machine.rows if row.id == "AP1"]
    silent = machine.with_rows("silent", replace(row, effects=()))
    config = replace(config_of(ONE_SIDED), variants=((Role.RESPONDER, silent),))
    found = explore(strangers(Role.RESPONDER, config, returned=True), backend="stdlib")["S21"]
    assert found.verdict is Verdict.REFUTED
    assert found.trace is not None
    assert len(found.trace) == 1


def test_a_responder_discarded_for_an_unacceptable_hello_has_not_closed() -> None:
    """The host discards a responder for an unacceptable hello; here a reflected one."""
    world = strangers(Role.RESPONDER, config_of(ONE_SIDED))
    reflected = Hello(config_of(ONE_SIDED).session_id(0), Generation(1, Role.RESPONDER, local("mirror")))
    packet = Packet(Message((HOST_ADDRESS,), (local("mirror"),), GENERATION.encode(reflected)))
    orders = {RESPONDER: {Deliver(packet, "stranger"): None, CLOSE: None}}
    result = explore(replace(world, orders=orders), backend="stdlib")
    assert [one.id for one in result.properties if one.verdict is Verdict.REFUTED] == []
    assert result.states == 3  # including a second responder, which is discarded as well


@pytest.mark.parametrize(("way", "said"), [((), [DeadLetter]), ((local("contact"),), [Send])])
def test_a_known_number_without_a_return_route_creates_no_obligation(way: Route, said: list[type]) -> None:
    """Clause 5.3 comes before *older* in 4.2 (15.24). With a return route the same hello is answered by superseded."""
    config = config_of(EXPLICIT_PERSISTENT_TWO_SIDED)
    hello = Hello(config.session_id(0), Generation(1, Role.INITIATOR, local("asks")), way)
    happens = Deliver(Packet(Message((HOST_ADDRESS,), (local("asks"),), GENERATION.encode(hello))), "stranger")
    world = strangers(Role.RESPONDER, config, returned=True)
    out = Outbox(RESPONDER)
    world.actors[0].handle(world.actors[0].start(out), happens, out)
    assert [type(record[1]) for record in out.records if isinstance(record, tuple)] == said
    result = explore(replace(world, orders={RESPONDER: {happens: None}}), backend="stdlib")
    assert [one.id for one in result.properties if one.verdict is Verdict.REFUTED] == []


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: str(kind.name))
def test_the_inputs_of_the_environment_are_distinct(kind: SessionType, role: Role) -> None:
    words = list(stranger_messages(role, config_of(kind)))
    assert len(set(words)) == len(words)
