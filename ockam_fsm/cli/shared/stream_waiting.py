"""How `publish` and `consume` wait for a stream: they say what for, and give up in time.

Rule 1: what is waited for is said after the first attempt that failed, and when it changes; not for each attempt.
Rule 2: the time-out runs from the last progress. What the output or the input takes does not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from ockam_fsm.cli.app import DIFFERS, err, fail

REPORT_SECONDS = 1.0
TIMEOUT_HELP = "Give up when the stream has not answered for so many seconds. By default it is waited for."
TimeoutOption = Annotated[float | None, typer.Option(metavar="SECONDS", min=0.001, help=TIMEOUT_HELP)]


class Waiting:
    """Says on standard error what is waited for, where that is another thing than before."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._said = ""

    def say(self, reason: str) -> None:
        """`reason` is empty while the stream answers."""
        if reason != self._said:
            text = f"Waiting for {self.where}: {reason}." if reason else f"{self.where} answers again."
            err().print(text, soft_wrap=True)
            self._said = reason


async def watched(
    work: asyncio.Future[None], progress: Callable[[], object], timeout: float | None, tell: Callable[[], None]
) -> bool:
    """Wait for the end of `work`, whose errors are raised; `tell` now and then. False: `progress()` was the same for
    `timeout` seconds, so the work was cancelled. Progress None: nothing is waited for."""
    loop = asyncio.get_running_loop()
    before, since = progress(), loop.time()
    try:
        while not (await asyncio.wait([work], timeout=min(REPORT_SECONDS, timeout or REPORT_SECONDS)))[0]:
            tell()
            now = progress()
            if now is None or now != before:
                before, since = now, loop.time()
            elif timeout is not None and loop.time() - since >= timeout:
                return False
    finally:
        if not work.done():
            work.cancel()
            await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # else what ends all of this, as an output that cannot be written, is logged as forgotten
    work.result()
    return True


def give_up(reason: str) -> NoReturn:
    remedy = "Check that a node with --stream runs there, or wait longer with --timeout."
    fail(f"gave up: {reason}.", remedy, DIFFERS)
