"""A command line that a user gives as one argument."""

from __future__ import annotations

import shlex

from ockam_fsm.cli.app import fail


def split_command(command: str) -> list[str]:
    """Return the words of a command, split as a shell does it."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        fail(f"{command!r} is not a command: {error}.", "Quote it as for a shell, and close each quote.")
    if not words:
        fail(f"{command!r} is not a command.", "Name a program.")
    return words
