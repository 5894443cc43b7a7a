"""The node under test, started again by a command of the user's.

Rule 1: a command that goes on running is the node: it is ended before it is started again, and at the end of the run.
Rule 2: a command that ends has started the node somewhere else. What it has started is left alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from types import TracebackType

from ockam_fsm.cli.app import fail
from ockam_fsm.cli.shared.words import the_words

END_SECONDS = 5.0


class Restarter:
    """`command`: as a shell would read it."""

    def __init__(self, command: str) -> None:
        self._words = the_words(command)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Restarter:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def restart(self) -> None:
        """Have the command started; whether the node answers is for the caller to see."""
        await self._end()
        nothing = asyncio.subprocess.DEVNULL
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._words, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
            )
        except OSError as error:
            fail(f"cannot run {self._words[0]}: {error.strerror or error}.", "Check --restart.")

    async def _end(self) -> None:
        """With its children, politely first."""
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
