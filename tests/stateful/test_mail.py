"""The mail machine with a small and a large budget, and wrong nodes that it rejects."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node import workers
from ockam_fsm.runtime.node.error_replies import ErrorReplies
from ockam_fsm.runtime.node.relay import Relay
from ockam_fsm.runtime.node.workers import Context
from tests.stateful import mail
from tests.stateful.mail import MACHINE, MOVES, MailWalk, burst
from tests.stateful.test_machines import run


@pytest.mark.slow
def test_every_message_is_delivered_as_in_the_model() -> None:
    run(MACHINE, 20, 30)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(6))
def test_bursts(number: int) -> None:
    burst(number, 100)


@pytest.mark.thorough
@pytest.mark.parametrize("number", range(6))
def test_long_bursts(number: int) -> None:
    burst(number, 3000)


@pytest.mark.parametrize("name", MOVES)
def test_every_move_is_possible_at_the_start_and_again(name: str) -> None:
    walk = MailWalk(0)
    for number in range(4):
        walk.take(name, number, number, number)


def test_a_run_is_the_same_again() -> None:
    one, other = (burst(1, 30) for _ in range(2))
    assert (one.moves, one.counts, one.timers) == (other.moves, other.counts, other.timers)


def test_every_kind_of_outcome_occurs() -> None:
    """Otherwise the model would agree vacuously."""
    counts: dict[str, int] = {}
    for number in range(6):
        counts |= burst(number, 100).counts
    assert set(counts) >= {
        "a reason", "alias not registered", "alias taken", "empty onward route", "forwarding is not allowed",
        "handler raised", "malformed", "no room for another alias", "not a confirmation", "payload too large",
        "private address", "route too long", "the worker waits for its restart", "unknown address", "unknown name",
    }  # fmt: skip


def bursts(most: int) -> None:
    for number in range(most):
        burst(number, 100)


# Known-bad machines ---------------------------------------------------------------------------------------------------


def replies_elsewhere(patch: pytest.MonkeyPatch) -> None:
    right = Context.send

    def send(self: Context, onward: Any, payload: bytes, back: Any = None) -> None:
        right(self, onward, payload, () if back is None else back)

    patch.setattr(Context, "send", send)


def forwards_as_its_own(patch: pytest.MonkeyPatch) -> None:
    def forward(self: Context, message: Message) -> None:
        self.send(message.onward_route, message.payload, message.return_route)

    patch.setattr(Context, "forward", forward)


def relay_forgets_the_rest(patch: pytest.MonkeyPatch) -> None:
    right = Relay.__call__

    def call(self: Relay, message: Message, context: Context) -> None:
        right(self, replace(message, onward_route=message.onward_route[:2]), context)

    patch.setattr(Relay, "__call__", call)


def error_for_everything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ErrorReplies, "_leads_back", lambda self, envelope: True)


def restarts_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(workers, "_limits", lambda restarts: {"failures": None})


WRONG: tuple[tuple[Callable[[pytest.MonkeyPatch], None], str], ...] = (
    (replies_elsewhere, "given|letters|left"), (forwards_as_its_own, "given|letters|left"),
    (relay_forgets_the_rest, "given|letters|left"), (error_for_everything, "given|letters|left"),
    (restarts_for_ever, "changes|stopped|timers"),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("wrong", "where"), WRONG, ids=lambda one: getattr(one, "__name__", ""))
def test_a_wrong_node_is_rejected_and_replayed(
    wrong: Callable[[pytest.MonkeyPatch], None], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    with pytest.raises(AssertionError, match=f"^({where})") as found:
        bursts(20)
    call = re.search(r"replay: again\((.*)\)", str(found.value))
    assert call is not None
    with pytest.raises(AssertionError, match=f"^({where})"):
        eval(f"again({call[1]})", {"again": mail.again})
