"""The public members of a session: its orders and inputs, and what may be read."""

from __future__ import annotations

from ockam_fsm.machines.vocabulary import Effect
from ockam_fsm.runtime.session.session import Session, Snapshot

ORDERS = {"open", "send", "request", "withdraw", "withdraw_request", "renegotiate", "close", "stop"}
INPUTS = {"lower_layer_lost", "fire", "receive"}
READ = {"snapshot", "peer", "peer_route", "largest", "closing", "link_of", "is_own", "authenticates", "ended_by_order"}
GIVEN = {"settings", "terms", "limits", "entropy"}


def members() -> set[str]:
    return {name for name in vars(Session) if not name.startswith("_")}


def test_sessions_are_one_class() -> None:
    assert Session.__mro__ == (Session, object)


def test_the_public_members_are_orders_inputs_and_what_may_be_read() -> None:
    data = {name for name in Session.__slots__ if not name.startswith("_")}
    assert data == {*Snapshot._fields, *GIVEN}
    assert members() - data == ORDERS | INPUTS | READ | {"restore"}


def test_effects_are_private() -> None:
    names = {effect.name.lower() for effect in Effect}
    assert {f"_{name}" for name in names} <= vars(Session).keys()
    assert not names & members()
