"""Example runs for the diagrams, recorded from worlds: a script chooses each step by its label.

The labels are those of traces. Positions among the enabled actions change whenever a world changes; labels do not. A
label that is not enabled stops the recording with a list of the enabled ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ockam_fsm.checking.replay import replay
from ockam_fsm.checking.result import Moment
from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER, RESTART_KEEPING, RESTART_LOSING
from ockam_fsm.checking.sessions.worlds import Orders, begin, config_of, world_of
from ockam_fsm.checking.world import Network, World
from ockam_fsm.kernel.errors import Error
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_PERSISTENT_ONE_SIDED,
)
from ockam_fsm.machines.vocabulary import SessionType
from ockam_fsm.safety.session_step import SEND


class NotEnabled(Error, LookupError):
    """A step of a script is not enabled; the message lists the enabled ones."""


@dataclass(frozen=True)
class Scenario:
    """A run by name. `script`: one label per step."""

    name: str
    title: str
    sentence: str
    world: World
    script: tuple[str, ...]


def record(scenario: Scenario) -> tuple[Moment, ...]:
    """Record the run, one moment per state.

    Raises:
        NotEnabled: a step of the script is not enabled.
    """
    path: list[int] = []
    for number, label in enumerate(scenario.script, start=1):
        enabled = list(replay(scenario.world, path))[-1].enabled
        found = [choice.index for choice in enabled if choice.label == label]
        if not found:
            listed = "\n  ".join(choice.label for choice in enabled)
            raise NotEnabled(f"{scenario.name}, step {number}: {label!r} is not enabled. These are:\n  {listed}")
        path.append(found[0])
    return tuple(replay(scenario.world, path))


# Labels of a script ---------------------------------------------------------------------------------------------------


def there(*messages: str) -> tuple[str, ...]:
    return tuple(f"deliver {message} from {INITIATOR} to {RESPONDER}" for message in messages)


def back(*messages: str) -> tuple[str, ...]:
    return tuple(f"deliver {message} from {RESPONDER} to {INITIATOR}" for message in messages)


def lost(message: str, sender: str = INITIATOR, receiver: str = RESPONDER) -> tuple[str, ...]:
    return (f"drop {message} from {sender} to {receiver}",)


def fires(end: str, *timers: str) -> tuple[str, ...]:
    return tuple(f"{end}: timer {timer} fires" for timer in timers)


def orders(end: str, *what: str) -> tuple[str, ...]:
    return tuple(f"{end}: order {order}" for order in what)


def suffers(end: str, fault: str) -> tuple[str, ...]:
    return (f"{end}: fault {fault}",)


# The scenarios --------------------------------------------------------------------------------------------------------


def _world(kind: SessionType, sends: int = 1) -> World:
    """A world with wide bounds: a scenario is one run and is not explored."""
    config = replace(config_of(kind), distinct=True, generations=9, attempts=3, held=2, spawns=3)
    network = Network("unordered", 4, ("drop", "duplicate"))
    happening: Orders = {end: {RESTART_LOSING: 1, RESTART_KEEPING: 1} for end in (INITIATOR, RESPONDER)}
    ordered: Orders = {INITIATOR: {**begin(config, sends), SEND: sends}, RESPONDER: {SEND: 1}}
    return world_of(config, "scenario", network, ordered, happening)


def _negotiate() -> Scenario:
    return Scenario(
        "scenario-negotiate",
        "Negotiating a session",
        "The hello asks, the answer names a worker, and the first keepalive proves to the responder that it arrived.",
        _world(EXPLICIT_TRANSIENT),
        (
            *orders(INITIATOR, "open"), *there("hello 1i"), *back("answer 1i"), *there("keepalive (1i)"),
            *back("keepalive answer (1i)"), *orders(INITIATOR, "send"), *there("data m1 (1i)"),
        ),
    )  # fmt: skip


def _renegotiate() -> Scenario:
    return Scenario(
        "scenario-renegotiate",
        "Timeout and renegotiation",
        "Keepalives are lost; both ends notice, and the initiator negotiates the next generation after its back-off.",
        _world(EXPLICIT_PERSISTENT_ONE_SIDED),
        (
            *orders(INITIATOR, "open"), *there("hello 1i"), *back("answer 1i"), *there("keepalive (1i)"),
            *back("keepalive answer (1i)"),
            *fires(INITIATOR, "keepalive"), *lost("keepalive (1i)"),
            *fires(INITIATOR, "keepalive"), *orders(INITIATOR, "send"),
            *fires(INITIATOR, "back-off"), *there("hello 2i"), *back("answer 2i"),
            *there("keepalive (2i)", "data m1 (2i)"), *back("keepalive answer (2i)"),
        ),
    )  # fmt: skip


def _collision() -> Scenario:
    return Scenario(
        "scenario-collision",
        "A collision",
        "Both ends of a two-sided session negotiate generation 2 at once; the initiator's wins, for both alike.",
        _world(EXPLICIT_PERSISTENT_TWO_SIDED),
        (
            *orders(INITIATOR, "open"), *there("hello 1i"), *back("answer 1i"), *there("keepalive (1i)"),
            *back("keepalive answer (1i)"),
            *fires(INITIATOR, "keepalive"), *lost("keepalive (1i)"),
            *fires(RESPONDER, "keepalive"), *lost("keepalive (1i)", RESPONDER, INITIATOR),
            *fires(INITIATOR, "keepalive"), *fires(RESPONDER, "keepalive"),
            *fires(INITIATOR, "back-off"), *fires(RESPONDER, "back-off"),
            *back("hello 2r"), *there("hello 2i", "superseded 2"), *back("answer 2i"), *there("keepalive (2i)"),
            *back("keepalive answer (2i)"),
        ),
    )  # fmt: skip


def _stale() -> Scenario:
    return Scenario(
        "scenario-stale-response",
        "A stale response",
        "The answer to the first attempt comes after the second one has begun; it is ignored, and the second counts.",
        _world(EXPLICIT_PERSISTENT_ONE_SIDED),
        (
            *orders(INITIATOR, "open"), *there("hello 1i"),
            *fires(INITIATOR, "negotiation", "back-off"),
            *back("answer 1i"), *there("hello 2i"), *back("answer 2i"), *there("keepalive (2i)"),
            *back("keepalive answer (2i)"),
        ),
    )  # fmt: skip


def _resume() -> Scenario:
    return Scenario(
        "scenario-resume",
        "Resuming after a restart",
        "The initiator restarts with its durable state and goes on: the next generation, the same session.",
        _world(IMPLICIT_PERSISTENT_ONE_SIDED, 2),
        (
            *orders(INITIATOR, "send"), *there("hello 1i"), *back("answer 1i"),
            *there("data m1 (1i)", "keepalive (1i)"), *back("keepalive answer (1i)"),
            *suffers(INITIATOR, RESTART_KEEPING), *orders(INITIATOR, "send"), *there("hello 2i'"), *back("answer 2i'"),
            *there("data m2 (2i)", "keepalive (2i)"), *back("keepalive answer (2i)"),
        ),
    )  # fmt: skip


_MADE: tuple[Callable[[], Scenario], ...] = (_negotiate, _renegotiate, _collision, _stale, _resume)


def scenarios() -> Sequence[Scenario]:
    """All scenarios, in the order of `diagrams/index.md`."""
    return tuple(make() for make in _MADE)
