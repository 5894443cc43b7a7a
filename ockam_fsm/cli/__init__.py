"""The command line `ockam-fsm`: one file per command."""

from __future__ import annotations

import sys
from importlib import import_module
from io import TextIOWrapper

from ockam_fsm.cli.app import app

COMMANDS = (
    "types", "show", "export", "render", "check", "simulate", "replay", "validate", "spec", "node", "send", "session",
    "conform",
)  # fmt: skip
"""The modules that add a command, in the order of the help."""

for _name in COMMANDS:
    import_module(f"{__name__}.{_name}")


def main() -> None:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        # An old terminal may not know every character of a guard: better one question mark than a traceback.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    app()


__all__ = ["app", "main"]
