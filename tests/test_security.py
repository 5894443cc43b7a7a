"""The limits in SECURITY.md exist in the code, with the stated defaults."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from ockam_fsm.net import connecting, listening
from ockam_fsm.net import node as library
from ockam_fsm.net.connection import TcpLimits
from ockam_fsm.net.streams import partition, service
from ockam_fsm.net.streams.service import StreamService
from ockam_fsm.net.streams.session import StreamSession
from ockam_fsm.runtime.encoding import frames, gate
from ockam_fsm.runtime.node import dead_letters
from ockam_fsm.runtime.node.connections import ConnectionConfig
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.stream.worker import StreamConfig

PAGE = (Path(__file__).parents[1] / "SECURITY.md").read_text()
UNITS = {"": 1, "s": 1, "bytes": 1, "KiB": 1024, "MiB": 1024 * 1024}
HOLDERS: dict[str, object] = {
    "connecting": connecting, "listening": listening, "gate": gate, "frames": frames, "dead_letters": dead_letters,
    "CONNECTIONS": library.CONNECTIONS, "TcpLimits": TcpLimits(), "ConnectionConfig": ConnectionConfig(),
    "StreamConfig": StreamConfig(), "service": service, "partition": partition,
}  # fmt: skip
TAKERS: dict[str, Callable[..., object]] = {
    "Node": Node, "TcpNode": library.TcpNode, "TcpNode.spawner": library.TcpNode.spawner,
    "StreamSession": StreamSession, "StreamService": StreamService,
}  # fmt: skip
LIMITS = re.findall(r"\| `([\w.]+)` \| (\d+) ?(\w*) \|$", PAGE, re.M)


def default(name: str) -> object:
    holder, _, last = name.rpartition(".")
    if holder in TAKERS:
        return inspect.signature(TAKERS[holder]).parameters[last].default
    return getattr(HOLDERS[holder], last)


@pytest.mark.parametrize(("name", "number", "unit"), LIMITS)
def test_limits_are_the_defaults(name: str, number: str, unit: str) -> None:
    assert int(number) * UNITS[unit] == default(name)


def test_every_limit_of_a_connection_is_listed() -> None:
    assert {name for name, _, _ in LIMITS} >= {f"TcpLimits.{field.name}" for field in fields(TcpLimits)}


def test_links_lead_somewhere() -> None:
    root = Path(__file__).parents[1]
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (root / target).exists(), target
