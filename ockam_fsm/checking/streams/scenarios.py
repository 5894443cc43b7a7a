"""Example runs of streams for the documentation, recorded from worlds like those of
`checking/sessions/scenarios.py`."""

from __future__ import annotations

from dataclasses import replace

from ockam_fsm.checking.sessions.scenarios import Scenario, fires, orders, suffers
from ockam_fsm.checking.streams.config import PublishingConfig
from ockam_fsm.checking.streams.consuming import ConsumingConfig
from ockam_fsm.checking.streams.names import CONSUMER, INDEX, PUBLISH, PUBLISHER, RESTART, STREAM
from ockam_fsm.checking.streams.worlds import consuming_world, publishing_world
from ockam_fsm.checking.world import Network, World


def _to(receiver: str, sender: str, *messages: str) -> tuple[str, ...]:
    return tuple(f"deliver {message} from {sender} to {receiver}" for message in messages)


def to_stream(*messages: str) -> tuple[str, ...]:
    return _to(STREAM, PUBLISHER, *messages)


def to_publisher(*messages: str) -> tuple[str, ...]:
    return _to(PUBLISHER, STREAM, *messages)


def pulls(*messages: str) -> tuple[str, ...]:
    return _to(STREAM, CONSUMER, *messages)


def pulled(*messages: str) -> tuple[str, ...]:
    return _to(CONSUMER, STREAM, *messages)


WIDE = Network("unordered", 8, ("drop", "duplicate"))
WRITTEN = fires(STREAM, "written")
BEGUN = (
    *fires(STREAM, "log-opened"), *to_stream("hello 1i"), *to_publisher("answer 1i"), *to_stream("keepalive (1i)"),
    *to_publisher("keepalive answer (1i)"),
)  # fmt: skip
STARTED = (*fires(STREAM, "log-opened"), *_to(INDEX, CONSUMER, "get index"), *_to(CONSUMER, INDEX, "index None"))


def _publishing() -> World:
    """Return the world of the scenarios. Its bounds are wide, since a scenario is one run without a search."""
    config = PublishingConfig(generations=9, spawns=9, misses=9)
    world = publishing_world("scenario", config, {STREAM: {RESTART: 1}}, 3)
    return replace(world, network=WIDE)


def _consuming() -> World:
    return replace(consuming_world("scenario", ConsumingConfig(pulls=9), {CONSUMER: {RESTART: 1}}), network=WIDE)


def _publish() -> Scenario:
    return Scenario(
        "scenario-stream-publish",
        "Publishing a message",
        "The push is a synchronous request. It is confirmed only when the log has stored it.",
        _publishing(),
        (
            *BEGUN,
            *orders(PUBLISHER, PUBLISH),
            *to_stream("push 1: 1 (1i)"),
            *WRITTEN,
            *to_publisher("confirmation 1 (1i)"),
        ),
    )


def _renegotiate() -> Scenario:
    return Scenario(
        "scenario-stream-window",
        "Renegotiation in the middle of a window",
        "Two messages are stored and their confirmations are lost. They are sent again under the same numbers and "
        "stored only once.",
        _publishing(),
        (
            *BEGUN, *orders(PUBLISHER, PUBLISH, PUBLISH), *to_stream("push 1: 1 (1i)", "push 2: 2 (1i)"),
            *WRITTEN, *WRITTEN, *(f"drop confirmation {n} (1i) from {STREAM} to {PUBLISHER}" for n in (1, 2)),
            *fires(PUBLISHER, "request 1", "back-off"), *to_stream("hello 2i"), *to_publisher("answer 2i"),
            *to_stream("push 1: 1 (2i)", "push 2: 2 (2i)"), *to_publisher("confirmation 2 (2i)"),
        ),
    )  # fmt: skip


def _gap() -> Scenario:
    return Scenario(
        "scenario-stream-gap",
        "A message is lost on the way",
        "The second of two messages arrives alone. It is neither stored nor confirmed; after the timeout both are sent "
        "again.",
        _publishing(),
        (
            *BEGUN, *orders(PUBLISHER, PUBLISH, PUBLISH), f"drop push 1: 1 (1i) from {PUBLISHER} to {STREAM}",
            *to_stream("push 2: 2 (1i)"), *fires(PUBLISHER, "request 1", "back-off"), *to_stream("hello 2i"),
            *to_publisher("answer 2i"), *to_stream("push 1: 1 (2i)", "push 2: 2 (2i)"), *WRITTEN, *WRITTEN,
            *to_publisher("confirmation 1 (2i)", "confirmation 2 (2i)"),
        ),
    )  # fmt: skip


def _worker_restarted() -> Scenario:
    return Scenario(
        "scenario-stream-worker-restarted",
        "The stream worker is killed",
        "It is killed after it stored a message, and the confirmation is lost. The restarted worker finds the record "
        "in the log, reports that the session resumed, and confirms without storing again.",
        _publishing(),
        (
            *BEGUN, *orders(PUBLISHER, PUBLISH), *to_stream("push 1: 1 (1i)"), *WRITTEN,
            f"drop confirmation 1 (1i) from {STREAM} to {PUBLISHER}", *suffers(STREAM, RESTART),
            *fires(STREAM, "log-opened"), *fires(PUBLISHER, "request 1", "back-off"), *to_stream("hello 2i"),
            *to_publisher("answer 2i by a restarted end"), *to_stream("push 1: 1 (2i)"),
            *to_publisher("confirmation 1 (2i)"),
        ),
    )  # fmt: skip


def _consumer_restarted() -> Scenario:
    return Scenario(
        "scenario-stream-consumer-restarted",
        "The consumer is killed",
        "It is killed after a message was processed, and the request to save the index is lost. So the message is "
        "processed again, and none is skipped.",
        _consuming(),
        (
            *STARTED, *pulls("pull 1 from 0"), *pulled("response 1, 0:1 1:2"), *fires(CONSUMER, "processing"),
            f"drop save index 1 from {CONSUMER} to {INDEX}", *suffers(CONSUMER, RESTART),
            *_to(INDEX, CONSUMER, "get index"), *_to(CONSUMER, INDEX, "index None"), *pulls("pull 1 from 0"),
            *pulled("response 1, 0:1 1:2"), *fires(CONSUMER, "processing", "processing"),
            *_to(INDEX, CONSUMER, "save index 1", "save index 2"),
        ),
    )  # fmt: skip


def stream_scenarios() -> tuple[Scenario, ...]:
    return (_publish(), _renegotiate(), _gap(), _worker_restarted(), _consumer_restarted())
