"""The attacks with their bounds (spec/sessions.md section 16, SECURITY.md)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.attacks import connections, floods, kept, routes, sessions
from tests.attacks.measuring import Attack, Bounds, Measured

FAIR = Bounds(p99_ms=100.0)
LONG = 18.0


def _nothing_silent(measured: Measured) -> Iterator[str]:
    if measured.load.get("silent"):
        yield f"workers that stopped answering: {', '.join(measured.load['silent'])}"


def _stays_outside(measured: Measured) -> Iterator[str]:
    if measured.found.get("reached"):
        yield f"reached from outside: {measured.found['reached']}"
    if measured.load.get("connected"):
        yield f"{measured.load['connected']} connections to another host"


def _one_destination(measured: Measured) -> Iterator[str]:
    if measured.load.get("connections", 1) > 1:
        yield f"{measured.load['connections']} connections to one destination"
    if measured.load.get("elsewhere"):
        yield f"{measured.load['elsewhere']} connections to other hosts"


def _unharmed(measured: Measured) -> Iterator[str]:
    if measured.load.get("harmed"):
        yield f"the session was harmed by a forged {', '.join(measured.load['harmed'])}"


def _said_once(measured: Measured) -> Iterator[str]:
    lines = [line for line in measured.log.splitlines() if "open files" in line or "descriptors" in line]
    if len(lines) != 1:
        yield f"{len(lines)} lines of the log report missing file descriptors, bound 1"
    if measured.newcomer_ms is None:
        yield "no new connection is accepted afterwards"


ATTACKS = (
    Attack(floods.echo_from_20, FAIR),
    Attack(floods.echo_from_1),
    Attack(floods.unknown_addresses),
    Attack(floods.hops_126, FAIR),
    Attack(floods.hops_119, FAIR),
    Attack(floods.empty_frames),
    Attack(kept.unfinished_frames, seconds=10.0),
    Attack(kept.large_dead_letters, seconds=LONG),
    Attack(kept.large_messages_held, seconds=LONG),
    Attack(kept.large_tracing_contexts, seconds=LONG),
    Attack(kept.never_read),
    Attack(sessions.hello_flood),
    Attack(sessions.forgeries),
    Attack(routes.long_return_routes, seconds=8.0, library=True, judge=_nothing_silent),
    Attack(routes.initialization_routes, library=True, judge=_stays_outside),
    Attack(routes.spellings, judge=_one_destination),
    Attack(connections.say_nothing, descriptors=64, judge=_said_once),
    Attack(connections.malformed),
    Attack(connections.flood_until_the_end, stopped_within=True),
    Attack(connections.unread_until_the_end, stopped_within=True),
)
