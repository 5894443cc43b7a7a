"""The worlds of streams, as data: publishers, stream workers, index workers and consumers.

    publishing   a publisher and its stream over a real session: loss, duplicates, reordering; the stream worker is
                 killed at any point, also while writes are under way
    patient      without restarts and without timers that give up a silent peer
    resuming     the publisher is killed and restarts from its image
    beginning    the publisher is killed and restarts without its image, under a new identity
    failing      the storage fails, with unknown outcome of its writes
    forgetful    the log forgets its records while no publisher has a session
    consuming    a consumer, the index worker and a stream with messages, over the same network; the consumer is killed
                 at any point, and its application fails
    whole        all four actors; the consumer is killed
    whole-publisher, whole-worker   the same, without timers that give up a silent peer; the publisher restarts from its
                 image and the consumer is killed; the stream worker is killed

Rule 1: every world uses the real workers, and real sessions between the publisher and its stream.
Rule 2: bounds are defined here only, and printed with every verdict.
Source: spec/sessions.md section 12; the sizes are pinned in spec/manifest.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from ockam_fsm.checking.properties import Property
from ockam_fsm.checking.streams.config import PublishingConfig
from ockam_fsm.checking.streams.consuming import ConsumerActor, ConsumingConfig, IndexActor
from ockam_fsm.checking.streams.names import (
    CONSUMER,
    FORGET_RECORDS,
    PROCESSING_FAILS,
    PUBLISH,
    PUBLISHER,
    RESTART,
    RESTART_KEEPING,
    RESTART_LOSING,
    STORAGE_FAILS,
    STREAM,
)
from ockam_fsm.checking.streams.properties import (
    CONFIRMED_LATER,
    CONSUMING,
    PROCESSED_TWICE,
    PUBLISHING,
    STATE_IS_LOST,
)
from ockam_fsm.checking.streams.publisher_actor import PublisherActor
from ockam_fsm.checking.streams.stream_actor import StreamActor
from ockam_fsm.checking.world import Budget, Network, World

Faults = Mapping[str, Mapping[str, Budget]]
LOSSY = Network("unordered", 2, ("drop", "duplicate"))


def publishing_world(
    name: str,
    config: PublishingConfig,
    faults: Faults,
    messages: int = 2,
    witnesses: tuple[Property, ...] = (CONFIRMED_LATER,),
) -> World:
    """Return the world of a publisher and its stream."""
    return World(
        name=f"stream:{name}",
        actors=(PublisherActor(config), StreamActor(config)),
        network=LOSSY,
        orders={PUBLISHER: {PUBLISH: messages}},
        faults=faults,
        properties=(*PUBLISHING, *witnesses),
        title=f"publisher and stream worker, {name}",
        description="a publisher, its session, a stream worker and its log",
        extra_bounds={"window": config.window, "generations": config.generations, "spawns": config.spawns},
    )


def consuming_world(
    name: str,
    config: ConsumingConfig,
    faults: Faults,
    messages: int = 2,
) -> World:
    """Return the world of a consumer, the index worker and a stream that has `messages` stored."""
    return World(
        name=f"stream:{name}",
        actors=(StreamActor(PublishingConfig(), messages), IndexActor(config), ConsumerActor(config)),
        network=LOSSY,
        faults=faults,
        properties=(*CONSUMING, PROCESSED_TWICE),
        title=f"stream worker, index worker and consumer, {name}",
        description="a consumer that continues from its saved index",
        extra_bounds={"limit": config.limit, "tries": config.tries, "pulls": config.pulls},
    )


def whole_world(
    name: str,
    publishing: PublishingConfig,
    consuming: ConsumingConfig,
    faults: Faults,
    witnesses: tuple[Property, ...] = (CONFIRMED_LATER, PROCESSED_TWICE),
) -> World:
    """Return the world of a publisher with one message, its stream, the index worker and a consumer."""
    return World(
        name=f"stream:{name}",
        actors=(PublisherActor(publishing), StreamActor(publishing), IndexActor(consuming), ConsumerActor(consuming)),
        network=LOSSY,
        orders={PUBLISHER: {PUBLISH: 1}},
        faults=faults,
        properties=(*PUBLISHING, *CONSUMING, *witnesses),
        title=f"publisher, stream worker, index worker and consumer, {name}",
        description="delivery from the publisher's application to the consumer's, at least once",
        extra_bounds={"window": publishing.window, "generations": publishing.generations, "pulls": consuming.pulls},
    )


@cache
def stream_worlds() -> tuple[World, ...]:
    """Return every world of streams."""
    config, narrow = PublishingConfig(), PublishingConfig(window=1, generations=1)
    forgotten = PublishingConfig(spawns=3)
    whole = PublishingConfig(window=1, spawns=1)
    patient, again = replace(whole, patient=True), ConsumingConfig(limit=1, pulls=2)
    return (
        publishing_world("publishing", config, {STREAM: {RESTART: 1}}),
        publishing_world("patient", PublishingConfig(patient=True), {}),
        publishing_world("resuming", config, {PUBLISHER: {RESTART_KEEPING: 1}}),
        publishing_world("beginning", narrow, {PUBLISHER: {RESTART_LOSING: 1}}, witnesses=()),
        publishing_world("failing", config, {STREAM: {STORAGE_FAILS: 1}}),
        publishing_world("forgetful", forgotten, {STREAM: {RESTART: 1, FORGET_RECORDS: 1}}, 1, (STATE_IS_LOST,)),
        consuming_world("consuming", ConsumingConfig(), {CONSUMER: {RESTART: 1, PROCESSING_FAILS: 1}}),
        whole_world("whole", whole, again, {CONSUMER: {RESTART: 1}}),
        whole_world("whole-publisher", patient, again, {PUBLISHER: {RESTART_KEEPING: 1}, CONSUMER: {RESTART: 1}}),
        whole_world(
            "whole-worker",
            replace(patient, spawns=2),
            replace(again, pulls=1),
            {STREAM: {RESTART: 1}},
            (CONFIRMED_LATER,),
        ),
    )
