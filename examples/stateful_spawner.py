"""A spawner with a separate state for each session: a sum for each client.

Run it: `python examples/stateful_spawner.py`. Server and client are in one program, over TCP.

`context.address` is the address of the session that received the message. It is the same in every generation: after a
failure and a renegotiation the session has its old sum. When the session is closed, its sum is removed; otherwise peers
could fill the memory of the handler.
"""

from __future__ import annotations

import asyncio

from ockam_fsm import Address, Context, Message, Observation, StateChanged, TcpNode

TYPE = "explicit-persistent-one-sided"


class Sums:
    """Handler and observer: `sums = Sums()`, `TcpNode(observers=[sums])`, `node.spawner(..., handler=sums)`."""

    def __init__(self) -> None:
        self.of_session: dict[Address, int] = {}

    def __call__(self, message: Message, context: Context) -> None:
        self.of_session[context.address] = self.of_session.get(context.address, 0) + int(message.payload)
        context.reply(b"%d" % self.of_session[context.address])

    def observe(self, observation: Observation) -> None:
        """Remove the sum of a closed session; the node calls this for every observation."""
        if isinstance(observation, StateChanged) and observation.after == "CLOSED":
            self.of_session.pop(observation.worker, None)


async def main() -> None:
    sums = Sums()
    async with TcpNode(observers=[sums]) as there, TcpNode() as here:
        there.spawner("sum", TYPE, handler=sums)
        route = f"tcp://{await there.listen()}/sum"
        async with here.session(route, TYPE) as first, here.session(route, TYPE) as second:
            for number in (1, 2, 3):
                print("first ", (await first.request(b"%d" % number)).decode())
            print("second", (await second.request(b"10")).decode())
            await first.renegotiate()  # as after a failure of the connection
            print("first ", (await first.request(b"4")).decode(), f"(generation {first.generation})")


if __name__ == "__main__":
    asyncio.run(main())
