"""The node under test, started by a command of the user.

Rule 1: a command that keeps running is the node itself: it is ended before it starts again, and at the end of the run.
Rule 2: a command that ends has started the node in another process. That process is never ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from types import TracebackType

from ockam_fsm.cli.app import fail
from ockam_fsm.cli.shared.command_words import split_command

END_SECONDS = 5.0


class Restarter:
    """Starts the node with `command`, a command line that is split as a shell does it."""

    def __init__(self, command: str) -> None:
        self._words = split_command(command)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Restarter:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def restart(self) -> None:
        """Start the command; the caller checks whether the node answers."""
        await self._end()
        nothing = asyncio.subprocess.DEVNULL
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._words, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
            )
        except OSError as error:
            fail(f"cannot run {self._words[0]}: {error.strerror or error}.", "Correct --restart.")

    async def _end(self) -> None:
        """End the process group: SIGTERM first, then SIGKILL."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await process.wait()
                return
