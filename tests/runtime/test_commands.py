"""The commands of sessions and those of nodes have different names, but for those of timers, which they share."""

from __future__ import annotations

from types import ModuleType

from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.runtime.node import commands as of_nodes
from ockam_fsm.runtime.session import commands as of_sessions


def classes(module: ModuleType) -> dict[str, type]:
    """Return the classes that a module defines or imports from the package, by name."""
    found = {name: one for name, one in vars(module).items() if isinstance(one, type)}
    return {name: one for name, one in found.items() if one.__module__.startswith("ockam_fsm.")}


def test_a_name_has_one_meaning() -> None:
    sessions, nodes = classes(of_sessions), classes(of_nodes)
    both = sessions.keys() & nodes.keys()
    assert [name for name in sorted(both) if sessions[name] is not nodes[name]] == []
    assert {sessions["SetTimer"], sessions["CancelTimer"]} == {SetTimer, CancelTimer}
    assert {"Notify", "Remember"} <= sessions.keys()
