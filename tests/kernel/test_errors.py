"""An error's text has the fact, the place, the options and the remedy; its attributes have the same."""

from __future__ import annotations

from ockam_fsm.kernel.errors import DefinitionError, EventRefused, LocalSessionError, RemoteSessionError


def test_a_definition_error_lists_every_problem() -> None:
    assert str(DefinitionError("initiator", ["one"])) == "initiator: 1 problem\n  - one"
    error = DefinitionError("initiator", ["one", "two"])
    assert str(error) == "initiator: 2 problems\n  - one\n  - two"
    assert (error.subject, error.problems) == ("initiator", ("one", "two"))


def test_a_refusal_gives_fact_place_options_and_remedy() -> None:
    error = EventRefused(
        "light", "LIT", "REPAIR", allowed=["PRESS", "DIM"], because="it works", remedy="break it first"
    )
    assert str(error) == "light: REPAIR refused in LIT (allowed here: PRESS, DIM): it works.\nBreak it first."
    assert (error.machine, error.state, error.event) == ("light", "LIT", "REPAIR")
    assert (error.allowed, error.because, error.remedy) == (("PRESS", "DIM"), "it works", "break it first")
    assert isinstance(error, LocalSessionError)


def test_a_refusal_without_allowed_events_and_remedy() -> None:
    error = EventRefused("light", "BROKEN", "PRESS", allowed=(), because="it is broken", remedy="")
    assert str(error) == "light: PRESS refused in BROKEN (allowed here: nothing): it is broken."


def test_an_error_of_the_peer_carries_a_reason_and_perhaps_a_reply() -> None:
    assert str(RemoteSessionError("malformed")) == "malformed"
    error = RemoteSessionError("malformed", "3 bytes too short", reply=b"\x01")
    assert (str(error), error.reason, error.detail) == (
        "malformed: 3 bytes too short",
        "malformed",
        "3 bytes too short",
    )
    assert error.reply == b"\x01"
    assert not isinstance(error, LocalSessionError)
