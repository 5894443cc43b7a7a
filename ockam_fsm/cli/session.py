"""`ockam-fsm session`: open a session and print its states."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from ockam_fsm.cli.app import JsonLinesOption, command, fail, out, print_json_line, unknown, warn
from ockam_fsm.cli.shared.network_options import (
    ROUTE_HELP,
    TRACE_MIB,
    DurationsOption,
    TraceOption,
    TraceSizeOption,
    known_type,
    parsed_durations,
    parsed_route,
    recording,
    run_to_the_end,
)
from ockam_fsm.kernel.text import neutral

if TYPE_CHECKING:
    from ockam_fsm.net.node import TcpNode
    from ockam_fsm.runtime.encoding.message import Route
    from ockam_fsm.runtime.node.commands import StateChanged
    from ockam_fsm.runtime.session.config import SessionConfig

TYPE_HELP = (
    "The session type; the peer must have the same. `ockam-fsm types` lists them. Default: that of `ockam-fsm node`; "
    "in profile ockam explicit-transient."
)
_STYLES = {"ESTABLISHED": "green", "TIMED_OUT": "yellow", "CLOSED": "red"}


@command
def session(
    route: Annotated[str, typer.Argument(metavar="ROUTE", help=ROUTE_HELP)],
    session_type: Annotated[str, typer.Option("--type", metavar="TYPE", help=TYPE_HELP)] = "",
    profile: Annotated[str, typer.Option(help="Handshake profile: generation or ockam.")] = "generation",
    message: Annotated[
        list[str] | None, typer.Option(help="Send this request and print the reply; may be repeated.")
    ] = None,
    stay: Annotated[bool, typer.Option("--stay", help="With --message: run until the session is closed.")] = False,
    own_address: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Listen here; the peer of a two-sided session may connect to it.")
    ] = "127.0.0.1:0",
    timeout: Annotated[float, typer.Option(min=0.001, help="How many seconds to wait for each step.")] = 10.0,
    durations: DurationsOption = "",
    trace: TraceOption = None,
    trace_size: TraceSizeOption = TRACE_MIB,
    as_json: JsonLinesOption = False,
) -> None:
    """Open a session along a route and print its states as they change.

    Without `--message` the command runs until the session is closed; Ctrl-C and SIGTERM close it. Exit codes: 0 the
    session was established, 1 it was not or a request failed, 2 wrong usage, 130 Ctrl-C, 143 SIGTERM.

    Examples:

    * `ockam-fsm session tcp://127.0.0.1:4000/responder`
    * `ockam-fsm session tcp://127.0.0.1:4000/responder --message hello --json`
    * `ockam-fsm session tcp://127.0.0.1:4000/session_spawner --profile ockam`
    """
    from ockam_fsm.machines.vocabulary import Renegotiation, Role
    from ockam_fsm.net.node import TcpNode
    from ockam_fsm.runtime.session.config import SessionConfig
    from ockam_fsm.runtime.session.handshake import PROFILES

    if profile not in PROFILES:
        unknown("profile", profile, PROFILES)
    usual = "explicit-persistent-one-sided" if PROFILES[profile].names_sessions else "explicit-transient"
    kind = known_type(session_type or usual)
    two_sided = kind.renegotiation is Renegotiation.TWO_SIDED
    if two_sided and not PROFILES[profile].names_sessions:
        fail(f"{kind.name} needs generations, which profile {profile} lacks.", "Use --profile generation.")
    attempts = None if kind.persistent else 5
    settings = SessionConfig(kind, Role.INITIATOR, PROFILES[profile], parsed_durations(durations, timeout), attempts)
    shown = _Shown(as_json)
    listen = own_address if two_sided else ""
    with recording(trace, settings, trace_size) as make:
        node = TcpNode(make=make)
        run_to_the_end(
            _watch(node, parsed_route(route), settings, message or [], stay or not message, listen, timeout, shown)
        )


async def _watch(
    running: TcpNode,
    route: Route,
    settings: SessionConfig,
    messages: list[str],
    stay: bool,
    listen: str,
    timeout: float,
    shown: _Shown,
) -> int:
    from ockam_fsm.machines.vocabulary import Creation

    async with running as node:
        if listen:
            await node.listen(listen)
        session = node.session(route, settings=settings)
        session.on_change(shown.change)
        comparing = asyncio.create_task(_compare_types(node, route, settings))
        try:
            if settings.session_type.creation is Creation.EXPLICIT:
                await session.open(timeout)
            for message in messages:
                reply = await session.request(message.encode(), timeout_seconds=timeout)
                shown.reply(message, reply)
            if stay:
                shown.reason(await session.closed())
        finally:
            comparing.cancel()
            await session.close()
    return 0


async def _compare_types(node: TcpNode, route: Route, settings: SessionConfig) -> None:
    """Warn if the peer declares another type at this address (profile ockam has only one type)."""
    from ockam_fsm.cli.shared.declared_types import declared_type

    own = settings.session_type.name
    if settings.profile.names_sessions and (found := await declared_type(node, route)) not in ("", own):
        warn(f"the peer's sessions are {found}, but this one is {own}: the ends differ after a failure.",
             f"Both ends must have the same type (clause 2): use --type {found}.")  # fmt: skip


class _Shown:
    """The output, as text or as JSON lines."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.began = perf_counter()

    def change(self, change: StateChanged) -> None:
        facts = {"state": change.after, "before": change.before, "generation": change.generation}
        style = _STYLES.get(change.after, "")
        shown = Text.assemble(f"{change.before} -> ", (change.after, style))
        self._line(facts, shown, f"generation {change.generation}")

    def reply(self, message: str, reply: bytes) -> None:
        text = reply.decode("utf-8", "backslashreplace")
        self._line({"message": message, "reply": text}, Text(neutral(f"{message} -> {text}")), "reply")

    def reason(self, reason: str) -> None:
        self._line({"closed": reason}, Text(neutral(f"closed: {reason}")), "")

    def _line(self, facts: dict[str, Any], text: Text, remark: str) -> None:
        seconds = perf_counter() - self.began
        if self.as_json:
            print_json_line({"seconds": round(seconds, 6), **facts})
        else:
            out().print(Text.assemble(f"{seconds:9.3f} s  ", text, "  ", (remark, "dim")), soft_wrap=True)
