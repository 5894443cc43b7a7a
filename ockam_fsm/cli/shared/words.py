"""A command line that a user has given as one argument."""

from __future__ import annotations

import shlex

from ockam_fsm.cli.app import fail


def the_words(command: str) -> list[str]:
    """A command as the shell would take it apart."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        fail(f"{command!r} is no command: {error}.", "Write it as for a shell, each quote closed.")
    if not words:
        fail(f"{command!r} is no command.", "Name a program.")
    return words
