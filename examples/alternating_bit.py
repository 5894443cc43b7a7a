"""The alternating-bit protocol: correct on a channel that loses and duplicates, incorrect on one that reorders.

Run it: `python examples/alternating_bit.py`.

The sender numbers its items 0, 1, 2, 0, ... but sends only one bit with each item; the receiver distinguishes a new
item from a repeated one by this bit. On a first-in first-out channel that is sufficient (Bartlett, Scantlebury and
Wilkinson 1969). If an old message can arrive after a new one, its bit is current again two items later: the engine
finds a shortest counterexample.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ockam_fsm.checking import (
    Deliver,
    Event,
    Fire,
    Network,
    Outbox,
    Result,
    World,
    always_step,
    explore,
    recoverable,
    sometimes_step,
)

ITEMS = 3


class Data(NamedTuple):
    bit: int
    item: int


class Ack(NamedTuple):
    bit: int


@dataclass(frozen=True)
class Sender:
    name: str = "sender"

    def start(self, out: Outbox) -> Hashable:
        return self._send(Data(0, 0), out)

    def handle(self, state: Data, event: Event, out: Outbox) -> Hashable:
        match event:
            case Deliver(Ack(bit)) if bit == state.bit:
                return self._send(Data(1 - bit, (state.item + 1) % ITEMS), out)
            case Fire("retransmission"):
                return self._send(state, out)
        return state

    def _send(self, data: Data, out: Outbox) -> Data:
        out.send("receiver", data)
        out.set_timer("retransmission")
        return data


@dataclass(frozen=True)
class Receiver:
    """Its state is the bit and the item that it expects next."""

    name: str = "receiver"

    def start(self, out: Outbox) -> Hashable:
        return Data(0, 0)

    def handle(self, state: Data, event: Event, out: Outbox) -> Hashable:
        match event:
            case Deliver(Data(bit, item)):
                out.send("sender", Ack(bit))
                if bit == state.bit:
                    out.record(("accepted", item))
                    return Data(1 - bit, (state.item + 1) % ITEMS)
        return state


IN_ORDER = always_step(
    "S1",
    "the receiver accepts only the next expected item",
    lambda step: all(item == step.before.item for _, item in step.records),
)
LAST_ITEM = sometimes_step("W1", "the last item is accepted", lambda step: ("accepted", ITEMS - 1) in step.records)
PROGRESS = recoverable(
    "R1",
    "after any losses, sender and receiver can return to the first item",
    lambda sender, receiver: sender == receiver == Data(0, 0),
    over=("sender", "receiver"),
)


def world(order: Literal["ordered", "unordered"], in_flight: int = 3) -> World:
    network = Network(order, in_flight, faults=("drop", "duplicate"))
    return World(
        f"alternating bit, {order}", (Sender(), Receiver()), network, properties=(IN_ORDER, LAST_ITEM, PROGRESS)
    )


def check() -> tuple[Result, Result]:
    return explore(world("ordered")), explore(world("unordered"))


def main() -> None:
    for result in check():
        print(result)
        for one in result.properties:
            if one.verdict.value == "REFUTED" and one.trace is not None:
                print(f"\n  {one.id} is violated after {len(one.trace)} steps (path {one.trace.path}):\n{one.trace}")
        print()


if __name__ == "__main__":
    main()
