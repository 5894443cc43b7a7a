"""The command line `ockam-fsm`: one file per command."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

from ockam_fsm.cli.app import OK, app, defect
from ockam_fsm.cli.shared.streams import prepare

COMMANDS = (
    "types", "show", "export", "render", "check", "simulate", "replay", "validate", "spec", "node", "send", "session",
    "publish", "consume", "conform",
)  # fmt: skip
"""The modules that add a command, in the order of the help."""

for _name in COMMANDS:
    import_module(f"{__name__}.{_name}")


def main() -> NoReturn:
    """Run the command line of this process."""
    output = prepare()
    code: Any = OK
    try:
        app()
    except SystemExit as end:
        code = end.code
    except Exception as error:  # no traceback of ours, whatever was asked
        code = defect(error)
    with suppress(KeyboardInterrupt):  # standard output is lost, and `lost` has the exit code
        sys.stdout.flush()
    sys.exit(output.lost or code)


__all__ = ["app", "main"]
