"""The memory of an idle session. Goal: 1000 bytes for each live session, beyond the data that all share.

Persistent sessions are established with real messages; then one end is kept, and the other end and the messages are
discarded. A session is charged for its terms, its addresses (32 hexadecimal digits each, as drawn by an edge), its
messaging route and its armed timers. Settings, tables and the initialization route are shared.

traced     the memory allocated by Python, by tracemalloc
resident   growth of the resident set, in a separate process without tracing; it includes the allocator's reserve

Left out: the node's memory for a worker's addresses, and the edge's for timers and buffers; `tcp.py` measures those.
    python benchmarks/memory.py [--sessions 100000] [--json]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import secrets
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, local
from ockam_fsm.runtime.session.commands import Send
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.link import Purpose
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.terms import Terms

GOAL_BYTES = 1000
SETTINGS = {role: SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, role) for role in Role}
HOPS = {Role.INITIATOR: Address(TCP, b"initiator:4000"), Role.RESPONDER: Address(TCP, b"responder:4000")}
HOST = local("host")
INITIALIZATION_ROUTE = (HOPS[Role.RESPONDER], HOST)


class Drawn:
    """Random addresses, as drawn by an edge."""

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        return local(secrets.token_hex(16))

    def fraction(self) -> float:
        return 0.5


ENTROPY = Drawn()


def established(role: Role) -> Session:
    """Return one end of a session that is established at both ends."""
    session_id = secrets.token_bytes(16)
    ends = {
        Role.INITIATOR: Session(
            SETTINGS[Role.INITIATOR], Terms(session_id, local(secrets.token_hex(16))), ENTROPY, INITIALIZATION_ROUTE
        ),
        Role.RESPONDER: Session(
            SETTINGS[Role.RESPONDER], Terms(session_id, local(secrets.token_hex(16)), HOST), ENTROPY
        ),
    }
    travelling = [(Role.RESPONDER, command) for command in ends[Role.INITIATOR].open()]
    while travelling:
        receiver, command = travelling.pop(0)
        if isinstance(command, Send):
            sent, sender = command.message, Role(1 - receiver)
            back = (HOPS[sender], *sent.return_route)
            answers = ends[receiver].receive(Message(sent.onward_route[1:], back, sent.payload))
            travelling += [(sender, answer) for answer in answers]
    assert all(end.state is State.ESTABLISHED for end in ends.values())
    return ends[role]


def per_session(role: Role, sessions: int, measure: Callable[[], int]) -> float:
    established(role)  # creates the shared data
    gc.collect()
    before = measure()
    kept = [established(role) for _ in range(sessions)]
    gc.collect()
    return (measure() - before) / len(kept)


def traced_bytes() -> int:
    return tracemalloc.get_traced_memory()[0]


def resident_bytes() -> int:
    """Return the resident set size. Linux only; elsewhere the figure is left out."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def resident(role: Role, sessions: int) -> float | None:
    """Measure in a fresh process, whose heap is not fragmented."""
    if not Path("/proc/self/statm").exists():
        return None
    command = [sys.executable, __file__, "--resident", role.name, "--sessions", str(sessions)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--resident", choices=[role.name for role in Role], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.resident:
        print(per_session(Role[options.resident], options.sessions, resident_bytes))
        return
    found: dict[str, dict[str, float | None]] = {}
    for role in Role:
        tracemalloc.start()
        traced = per_session(role, options.sessions, traced_bytes)
        tracemalloc.stop()
        found[role.name.lower()] = {"traced": traced, "resident": resident(role, options.sessions)}
    if options.json:
        print(json.dumps({"sessions": options.sessions, "goal_bytes": GOAL_BYTES, "bytes_per_session": found}))
        return
    print(f"bytes for each of {options.sessions:,} idle sessions (goal: {GOAL_BYTES})")
    for name, figures in found.items():
        print(f"  {name:10}", "  ".join(f"{kind} {value:,.0f}" for kind, value in figures.items() if value is not None))


if __name__ == "__main__":
    main()
