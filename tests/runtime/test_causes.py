"""Every failure has a detail for people beside its reason (clause 3.2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.connections import ConnectionConfig
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.session.causes import EXHAUSTED
from ockam_fsm.runtime.session.commands import Closed, RequestFailed, TimedOut
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import (
    Error,
    GoingAway,
    Signal,
)
from tests.helpers import HOST, End, drop, established_pair, open_pair, tick, transfer
from tests.runtime.node_helpers import Counted, tcp
from tests.runtime.test_node_connections import connects


def said(signal: Signal) -> Callable[[End], None]:
    def hear(end: End) -> None:
        link = end.session.current
        assert link is not None
        end.receive(Message((link.inner,), (), GENERATION.encode(signal)))

    return hear


CAUSES: list[tuple[Callable[[End], object], str, str]] = [
    (said(Error("no \x1b[2Jroom")), "error message", "no \\x1b[2Jroom"),
    (said(GoingAway("maintenance")), "the peer goes away", "maintenance"),
    (lambda end: end.order(lambda session: session.lower_layer_lost("connection refused 10.0.0.1:4000")),
     "lower layer lost", "connection refused 10.0.0.1:4000"),
    (lambda end: end.order(Session.lower_layer_lost), "lower layer lost", ""),
    (lambda end: end.order(Session.renegotiate), "renegotiation by order", ""),
]  # fmt: skip


@pytest.mark.parametrize(("failure", "reason", "detail"), CAUSES, ids=lambda one: one if isinstance(one, str) else "")
def test_a_failure_has_its_cause_and_so_have_the_requests_that_fail_with_it(
    failure: Callable[[End], object], reason: str, detail: str
) -> None:
    i, _ = established_pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    i.request("q")
    failure(i)
    told = {type(notice): notice for notice in i.notices}
    assert (told[TimedOut].reason, told[TimedOut].detail) == (reason, detail)
    assert (told[RequestFailed].reason, told[RequestFailed].detail) == (reason, detail)
    assert told[TimedOut] == TimedOut(reason), "comparisons ignore the detail"


def test_an_unanswered_negotiation_reports_its_route() -> None:
    i, _ = open_pair(EXPLICIT_TRANSIENT)
    drop(i)
    tick(i, seconds=10)
    assert [type(one) for one in i.notices] == [TimedOut, Closed]
    assert {one.detail for one in i.notices} == {f"no answer from {' '.join(map(str, i.session.initialization_route))}"}
    assert str(HOST) in i.notices[0].detail


def test_an_unconfirmed_answer_is_reported_as_the_cause() -> None:
    i, r = open_pair(EXPLICIT_TRANSIENT)
    transfer(i, r)
    tick(r, seconds=10)
    assert {one.detail for one in r.notices} == {"the peer did not confirm the answer"}


def test_a_session_that_gives_up_reports_its_last_failure() -> None:
    i, _ = open_pair(EXPLICIT_PERSISTENT_ONE_SIDED, attempts=1)
    i.order(lambda session: session.lower_layer_lost("connection refused 10.0.0.1:4000"))
    tick(i, seconds=10)
    assert (i.notices[-1].reason, i.notices[-1].detail) == (
        EXHAUSTED, "lower layer lost: connection refused 10.0.0.1:4000",
    )  # fmt: skip


def test_without_a_detail_it_reports_the_reason_of_that_failure() -> None:
    i, _ = open_pair(EXPLICIT_PERSISTENT_ONE_SIDED, attempts=1)
    i.order(Session.lower_layer_lost)
    tick(i, seconds=10)
    assert i.notices[-1].detail == "lower layer lost"


def test_establishment_forgets_the_last_failure() -> None:
    i, _ = established_pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    assert (i.session.reason, i.session._detail) == ("", "")


def test_dependents_of_a_connection_receive_the_reason_and_the_destination() -> None:
    node, told = Node(Counted("n"), connections=ConnectionConfig()), list[str]()

    class Relying:
        def lower_layer_lost(self, detail: str) -> None:
            told.append(detail)

    node.route(Message((tcp("10.0.0.1:4000"), local("x")), (), b""))
    (connect,) = connects(node.run())
    node.router.residents[connect.via].relied_on_by(Relying())
    node.connection_lost(connect.via, "connection refused")
    node.run()
    via = node.accepted("10.0.0.9")
    node.router.residents[via].relied_on_by(Relying())
    node.connection_lost(via)
    node.run()
    assert told == ["connection refused 10.0.0.1:4000", "connection lost"]
