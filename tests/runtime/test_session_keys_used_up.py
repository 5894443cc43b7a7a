"""A generation whose keys are used up has failed; what its owner orders then is not lost without a word.

The channel is one of symbols with four messages in each direction, the last of them for the session itself.
"""

from __future__ import annotations

import pytest

from ockam_fsm.checking.sessions.symbolic_channel import SymbolicProfile
from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import SessionType, State
from ockam_fsm.runtime.session.commands import CancelTimer, RequestFailed, TimedOut
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import KEYS_USED_UP
from tests.helpers import End, established_pair, settle, tick

SHORT = SymbolicProfile(nonces=4)


def used_up(kind: SessionType, **limits: object) -> tuple[End, End]:
    """An established pair whose initiator has said all that it may."""
    initiator, responder = established_pair(kind, SHORT, **limits)
    for _ in range(3):
        initiator.send(b"m")
    settle(initiator, responder)
    assert responder.delivered == [b"m", b"m", b"m"]
    assert initiator.state is State.ESTABLISHED
    return initiator, responder


def test_a_persistent_end_holds_the_message_and_negotiates_again() -> None:
    initiator, responder = used_up(EXPLICIT_PERSISTENT_ONE_SIDED)
    initiator.send(b"next")
    assert [notice for notice in initiator.notices if isinstance(notice, TimedOut)] == [
        TimedOut("lower layer lost", KEYS_USED_UP)
    ]
    tick(initiator, 2.0)
    settle(initiator, responder)
    assert responder.delivered[-1] == b"next"


def test_a_transient_end_tells_its_owner_and_the_message_is_a_dead_letter() -> None:
    initiator, _ = used_up(EXPLICIT_TRANSIENT)
    initiator.send(b"next")
    assert TimedOut("lower layer lost", KEYS_USED_UP) in initiator.notices
    assert initiator.of(CancelTimer)
    assert initiator.reasons == ["lower layer lost"]
    with pytest.raises(EventRefused):
        initiator.send(b"too late")


@pytest.mark.parametrize("kind", [EXPLICIT_TRANSIENT, EXPLICIT_PERSISTENT_ONE_SIDED], ids=lambda kind: kind.name)
def test_a_request_that_finds_no_room_fails_once(kind: SessionType) -> None:
    initiator, _ = used_up(kind, held=0)
    initiator.request("q")
    assert [notice for notice in initiator.notices if isinstance(notice, RequestFailed)] == [
        RequestFailed("q", "lower layer lost", KEYS_USED_UP)
    ]
    assert not initiator.session.requests


def test_what_is_refused_is_what_was_ordered() -> None:
    initiator, _ = used_up(EXPLICIT_TRANSIENT)
    initiator.send(b"next")
    letters = [letter.message for letter in initiator.log if hasattr(letter, "message") and hasattr(letter, "reason")]
    assert letters == [Outgoing(b"next")]
