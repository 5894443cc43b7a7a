"""Waiting for a stream in `publish` and `consume`: they report the reason, and give up after a time-out.

Rule 1: the reason is printed after the first failed attempt and when it changes, not for each attempt.
Rule 2: the time-out runs from the last progress. Time that the output or the input takes does not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from ockam_fsm.cli.app import DIFFERS, err, fail

REPORT_SECONDS = 1.0
TIMEOUT_HELP = "Give up if the stream does not answer for this many seconds; by default wait indefinitely."
TimeoutOption = Annotated[float | None, typer.Option(metavar="SECONDS", min=0.001, help=TIMEOUT_HELP)]


class Waiting:
    """Prints on standard error why the command waits, whenever the reason changes."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._shown = ""

    def show(self, reason: str) -> None:
        """Print `reason`; it is empty while the stream answers."""
        if reason != self._shown:
            text = f"Waiting for {self.where}: {reason}." if reason else f"{self.where} answers again."
            err().print(text, soft_wrap=True)
            self._shown = reason


async def wait_showing(
    work: asyncio.Future[None], progress: Callable[[], object], timeout: float | None, show: Callable[[], None]
) -> bool:
    """Wait for the end of `work`, and raise its error. Call `show` regularly.

    Return False, with `work` cancelled, if `progress()` was the same for `timeout` seconds. Time while `progress()` is
    None does not count: no answer is pending.
    """
    loop = asyncio.get_running_loop()
    before, since = progress(), loop.time()
    try:
        while not (await asyncio.wait([work], timeout=min(REPORT_SECONDS, timeout or REPORT_SECONDS)))[0]:
            show()
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
            work.exception()  # mark it as retrieved: an interrupt by a lost output would log it as never retrieved
    work.result()
    return True


def give_up(reason: str) -> NoReturn:
    remedy = "Check that `ockam-fsm node --stream` runs there, or wait longer with --timeout."
    fail(f"gave up: {reason}.", remedy, DIFFERS)
