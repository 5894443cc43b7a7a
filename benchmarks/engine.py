"""The checking engine compared with a plain search and minicheck: states per second in the same world.

    python benchmarks/engine.py                  # the engine alone, both worlds of about 10^6 states
    python benchmarks/engine.py --peers          # and a plain breadth-first search, and minicheck (minutes)
    python benchmarks/engine.py --items 10       # smaller worlds

World *bits*: an alternating-bit sender and receiver that count items, over a network of four messages that loses,
duplicates and reorders: few messages, rich local states, as in sessions. World *numbers*: the same with whole numbers
on the wire: many messages, few local states, the worse case for the standard library's memo.

The peers search the same world: *plain* is a queue and a set of frozen dataclasses, *minicheck* (PyPI) has the same
successor function over tuples. Every search is run once; on a shared machine expect a factor of two between runs.
numba is measured after a warm-up on a small world; the time of the warm-up (compiling, or loading the cache) is
printed.
"""

from __future__ import annotations

import argparse
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import astuple, dataclass
from functools import partial
from typing import Any

from ockam_fsm.checking.actors import Deliver, Event, Fire, Outbox
from ockam_fsm.checking.explore import Backend, explore
from ockam_fsm.checking.properties import always
from ockam_fsm.checking.world import Network, World

IN_FLIGHT = 4


@dataclass(frozen=True)
class Sender:
    """Counts items and sends their number modulo `modulus`."""

    items: int
    modulus: int
    name: str = "sender"

    def start(self, out: Outbox) -> Hashable:
        return self._send(0, out)

    def handle(self, state: int, event: Event, out: Outbox) -> Hashable:
        match event:
            case Deliver(number, _) if number == state % self.modulus:
                return self._send((state + 1) % self.items, out)
            case Fire():
                return self._send(state, out)
        return state

    def _send(self, state: int, out: Outbox) -> int:
        out.set_timer("retransmission")
        out.send("receiver", state % self.modulus)
        return state


@dataclass(frozen=True)
class Receiver:
    items: int
    modulus: int
    name: str = "receiver"

    def start(self, out: Outbox) -> Hashable:
        return 0

    def handle(self, state: int, event: Event, out: Outbox) -> Hashable:
        assert isinstance(event, Deliver)
        out.send("sender", event.payload)
        return (state + 1) % self.items if event.payload == state % self.modulus else state


def world(name: str, items: int, modulus: int) -> World:
    network = Network("unordered", IN_FLIGHT, ("drop", "duplicate"))
    in_range = always("S1", "counters stay in range", lambda s, r: s < items and r < items, over=("sender", "receiver"))
    return World(name, (Sender(items, modulus), Receiver(items, modulus)), network, properties=(in_range,))


@dataclass(frozen=True, slots=True)
class Plain:
    """A hand-written global state; the timer is always armed."""

    sender: int
    receiver: int
    network: tuple[tuple[str, int], ...]


def plain_successors(checked: World) -> Callable[[Plain], Iterator[Plain]]:
    sender, receiver = checked.actors

    def step(state: Plain, name: str, event: Event, network: tuple[tuple[str, int], ...]) -> Plain:
        out = Outbox(name, ("retransmission",) if name == "sender" else ())
        to_sender = name == "sender"
        actor, before = (sender, state.sender) if to_sender else (receiver, state.receiver)
        after: Any = actor.handle(before, event, out)
        sent = [(one.receiver, one.payload) for one in out.sent][: max(0, IN_FLIGHT - len(network))]
        bag: Any = tuple(sorted((*network, *sent)))
        return Plain(after, state.receiver, bag) if to_sender else Plain(state.sender, after, bag)

    def successors(state: Plain) -> Iterator[Plain]:
        yield step(state, "sender", Fire("retransmission"), state.network)
        for message in sorted(set(state.network)):
            at = state.network.index(message)
            rest = state.network[:at] + state.network[at + 1 :]
            event = Deliver(message[1], "receiver" if message[0] == "sender" else "sender")
            yield step(state, message[0], event, rest)
            yield step(state, message[0], event, state.network)
            yield Plain(state.sender, state.receiver, rest)

    return successors


def plain_search(checked: World) -> int:
    successors, start = plain_successors(checked), Plain(0, 0, (("receiver", 0),))
    seen, queue = {start}, deque([start])
    while queue:
        for state in successors(queue.popleft()):
            if state not in seen:
                seen.add(state)
                queue.append(state)
    return len(seen)


def minicheck_search(checked: World) -> int:
    from minicheck import Protocol, check_safety

    successors = plain_successors(checked)
    model = Protocol(
        name=checked.name,
        candidate=False,
        fields=("sender", "receiver", "network"),
        initial=(0, 0, (("receiver", 0),)),
        transitions=lambda state: [("step", astuple(after)) for after in successors(Plain(*state))],
        invariants={"S1": lambda state: state["sender"] >= 0},
    )
    return int(check_safety(model, max_states=100_000_000)["reachable_states"])


def timed(label: str, search: Callable[[], int]) -> int:
    wall, cpu = time.perf_counter(), time.process_time()
    states = search()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    speed = f"{states / wall:>12,.0f} states/s (CPU {cpu:.2f} s)"
    print(f"  {label:10} {states:>10,} states {wall:8.2f} s {speed}", flush=True)
    return states


def engine(checked: World, backend: Backend) -> Callable[[], int]:
    def search() -> int:
        result = explore(checked, backend=backend)
        assert result.verdict.value == "PROVED", result
        return result.states

    return search


def main() -> None:
    options = argparse.ArgumentParser(description="states per second of the checking engine and of its peers")
    options.add_argument("--items", type=int, default=120)
    options.add_argument("--numbers", type=int, default=11)
    options.add_argument("--peers", action="store_true", help="also a plain search and minicheck")
    chosen = options.parse_args()
    began = time.perf_counter()
    explore(world("warm-up", 4, 2), backend="numba")
    print(f"numba warm-up: {time.perf_counter() - began:.1f} s")
    for checked in (world("bits", chosen.items, 2), world("numbers", chosen.numbers, chosen.numbers)):
        print(checked.name)
        searches = {"stdlib": engine(checked, "stdlib"), "numba": engine(checked, "numba")}
        if chosen.peers:
            searches |= {"plain": partial(plain_search, checked), "minicheck": partial(minicheck_search, checked)}
        counts = {timed(label, search) for label, search in searches.items()}
        assert len(counts) == 1, "the searches found different numbers of states"


if __name__ == "__main__":
    main()
