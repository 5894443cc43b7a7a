"""The command line `ockam-fsm`: one file per command."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any, NoReturn

from ockam_fsm.cli.app import COMMANDS, OK, app, defect
from ockam_fsm.cli.shared.streams import OutputLost, prepare


def main() -> NoReturn:
    """Run the command line of this process."""
    output = prepare()
    code: Any = OK
    try:
        app()
    except SystemExit as end:
        code = end.code
    except Exception as error:  # a user of the command line sees no traceback
        code = defect(error)
    with suppress(OutputLost):  # `lost` has the exit code
        sys.stdout.flush()
    sys.exit(output.lost or code)


__all__ = ["COMMANDS", "app", "main"]
