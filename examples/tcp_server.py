"""A server that may be killed at any time: it stores confirmed numbers in a file.

Run it, and then the client: `python examples/tcp_server.py 127.0.0.1:4000 ledger.txt`.
Kill either of them as often as you like, and start it again with the same command.

A request whose reply was lost with a connection is sent again, so it may arrive twice: the server recognises it by its
number. It replies only after the number is on the disk.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from ockam_fsm import Context, Message, TcpNode

TYPE = "explicit-persistent-one-sided"
"""Both ends must name the same type: it is not on the wire."""


class Ledger:
    """The handler: a request is a number, and each number is written once."""

    def __init__(self, path: Path) -> None:
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        whole = [line for line in lines if line.endswith(b"\n")]  # a kill may leave an incomplete last line
        path.write_bytes(b"".join(whole))
        self.known = {line.strip() for line in whole}
        self.file = path.open("ab")

    def __call__(self, message: Message, context: Context) -> None:
        if message.payload not in self.known:
            self.file.write(message.payload + b"\n")
            self.file.flush()
            os.fsync(self.file.fileno())
            self.known.add(message.payload)
        context.reply(b"written " + message.payload)


async def main(address: str, path: Path) -> None:
    async with TcpNode() as node:
        node.spawner("ledger", TYPE, handler=Ledger(path))
        print(f"ready at {await node.listen(address)}", flush=True)
        await node.stopped()  # until Ctrl-C, or a kill


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
