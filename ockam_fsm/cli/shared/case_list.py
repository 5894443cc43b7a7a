"""The cases of `conform` over TCP: their list, and the check of the names that `--only` and `--except` give."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import typer

from ockam_fsm.cli.app import OK, out, print_json, unknown
from ockam_fsm.cli.shared.network_options import duration_names, parsed_durations

if TYPE_CHECKING:
    from ockam_fsm.conformance.wire.case import Case
    from ockam_fsm.conformance.wire.target import NodeUnderTest
    from ockam_fsm.machines.vocabulary import SessionType
    from ockam_fsm.runtime.session.handshake import Profile

SHORT = "negotiation=1,keepalive=0.3,idle=2,retention=1,request=2,back-off=0.05"
"""Durations that the kit waits for."""


def require_cases(node: NodeUnderTest, only: Iterable[str], role: str) -> None:
    """Fail if a name is not that of a case for this node, with the kit in this role."""
    known = [one.name for one in _cases(node, role)]
    words = ["ockam-fsm", "conform", "--list", "--profile", node.profile.name]
    words += ["--as", role] * (role != "initiator") + ["--type", node.session_type.name] * node.type_declared
    for name in only:
        if name not in known:
            unknown(f"case of profile {node.profile.name}", name, known, shlex.join(words))


def list_cases(profile: Profile, session_type: SessionType, role: str, as_json: bool) -> NoReturn:
    """Print each case with its clause, its severity, the options that it needs and what it tries."""
    node = _with_everything(profile, session_type)
    rows = [
        {
            "name": one.name,
            "clause": one.clause,
            "severity": one.severity.value,
            "needs": _needs(one, node, role),
            "tries": one.tries,
        }
        for one in _cases(node, role)
    ]
    if as_json:
        print_json({"profile": profile.name, "type": session_type.name, "as": role, "cases": rows})
        raise typer.Exit(OK)
    for row in rows:  # on two lines, because a name alone may be nearly as wide as a terminal
        out().print(str(row["name"]), style="bold cyan", soft_wrap=True)
        out().print(f"    {row['clause']:<6}{row['severity']:<10}{', '.join(row['needs'])}".rstrip(), soft_wrap=True)
    raise typer.Exit(OK)


def _cases(node: NodeUnderTest, role: str) -> list[Case]:
    from ockam_fsm.conformance.wire import initiator_kit, kit

    return kit.selected_cases(node) if role == "initiator" else initiator_kit.selected_cases(node, role=role)


def _with_everything(profile: Profile, session_type: SessionType) -> NodeUnderTest:
    """Return a node that declares everything that can be declared."""
    from ockam_fsm.conformance.wire.case import MOST_CAPACITY
    from ockam_fsm.conformance.wire.target import NodeUnderTest

    return NodeUnderTest(
        "127.0.0.1:1", "spawner", "echo", "stream", profile, session_type, parsed_durations(SHORT),
        frozenset(duration_names()),
        capacity=MOST_CAPACITY, own_address="127.0.0.1:1", node_address="127.0.0.1:1", stream_index="stream_index",
    )  # fmt: skip


def _needs(one: Case, node: NodeUnderTest, role: str) -> list[str]:
    """Return the options without which the case is not applicable; for a case that never is, the reason.

    node: declares everything.
    """
    from ockam_fsm.conformance.wire.kit import lacking
    from ockam_fsm.conformance.wire.target import NOWHERE

    def lacks(target: NodeUnderTest) -> str:
        return lacking(one, target) if role == "initiator" else one.lacks(target)

    if reason := lacks(node):
        return [reason]
    without = {
        "--spawner": replace(node, spawner=""),
        "--echo": replace(node, echo=""),
        "--stream": replace(node, stream=""),
        "--stream-index": replace(node, stream_index=""),
        "--capacity": replace(node, capacity=None),
        "--own-address": replace(node, own_address=NOWHERE),
        "--node": replace(node, node_address=""),
    } | {f"--durations {name}": replace(node, declared=node.declared - {name}) for name in duration_names()}
    return [option for option, target in without.items() if lacks(target)]
