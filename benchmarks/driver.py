"""The cost of one event of a running session, compared with other implementations of the same step.

The step is row HP2 of the persistent initiators: RENEGOTIATING x SEND below the limit of held messages counts one more
and holds the message: one guard, one update, one effect. Every contender has a session object, evaluates the same
guard, changes the same counter and calls the same (empty) effect with the cause. After each round the counter is
compared with the number of calls, so that no contender skips the work.

transitions          used as in its manual: registered model, names for the condition and for the one callback
python-statemachine  used as in its manual: a class, `cond` and `on`
dict                 a dict from (state, event) to a hand-written function
dict by name         the same with names as keys (hashing an Enum member calls into Python): the lower limit, no machine

Contenders take turns in every round, because the speed of a shared machine drifts; a ratio is the median of the ratios
within rounds.
    python benchmarks/driver.py [--rounds 15] [--json]
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from statistics import median
from time import perf_counter_ns
from typing import Any

import statemachine
import transitions

from ockam_fsm.kernel.driver import Driver
from ockam_fsm.kernel.machine import Limits
from ockam_fsm.kernel.step import Configuration, step
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, table
from ockam_fsm.machines.vocabulary import Event, Role, State

MACHINE = table(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR)
ROOM = 1 << 60
GOAL_NANOSECONDS = 500
CAUSE = b"a message"


class Session:
    """A minimal session; the contenders below need less."""

    __slots__ = ("attempts", "held", "limits", "misses", "state")

    def __init__(self) -> None:
        self.state = State.RENEGOTIATING
        self.limits: Limits = {"attempts": 3, "held": ROOM, "misses": 2}
        self.attempts = self.held = self.misses = 0

    def hold(self, cause: object) -> None: ...


class RegisteredModel:
    """The model for transitions, which adds `send` and other attributes to it."""

    def __init__(self) -> None:
        self.held = 0

    def has_room(self, cause: object) -> bool:
        return self.held < ROOM

    def hold(self, cause: object) -> None:
        self.held += 1


class StateMachine(statemachine.StateMachine):
    renegotiating = statemachine.State(initial=True)
    closed = statemachine.State(final=True)
    send_message = renegotiating.to(renegotiating, cond="has_room", on="hold")
    close = renegotiating.to(closed)

    def __init__(self) -> None:
        self.held = 0
        super().__init__()

    def has_room(self) -> bool:
        return self.held < ROOM

    def hold(self, cause: object) -> None:
        self.held += 1


def renegotiating_send(session: Session, cause: object) -> None:
    if session.held < ROOM:
        session.held += 1
        session.state = State.RENEGOTIATING
        session.hold(cause)


HANDLERS = {(State.RENEGOTIATING, Event.SEND): renegotiating_send}


BY_NAME = {"SEND": {"RENEGOTIATING": renegotiating_send}}


def dispatch(session: Session, event: Event, cause: object) -> None:
    HANDLERS[session.state, event](session, cause)


def dispatch_by_name(session: Session, event: Event, cause: object) -> None:
    BY_NAME[event._name_][session.state._name_](session, cause)


class Pure:
    """`step`, which makes a new configuration; used by the checker, not by the runtime."""

    def __init__(self) -> None:
        self.held = 0
        self._limits: Limits = {"attempts": 3, "held": ROOM, "misses": 2}

    def step(self) -> None:
        at = Configuration(State.RENEGOTIATING, (0, self.held, 0))
        self.held = step(MACHINE, at, Event.SEND, self._limits).configuration.counters[1]


Contender = tuple[Any, Callable[[], object]]
"""An object with the counter `held`, and the call that increments it."""


def contenders() -> dict[str, Contender]:
    plain, watched = Driver(MACHINE), Driver(MACHINE)
    watched.on_enter(State.RENEGOTIATING, lambda model, cause: None, only=argparse.Namespace(hooks=None))
    ours, beside, stock, by_hand, floor = (Session() for _ in range(5))
    registered, other, pure = RegisteredModel(), StateMachine(), Pure()
    peer: Any = transitions.Machine(registered, states=["RENEGOTIATING", "CLOSED"], initial="RENEGOTIATING")
    peer.add_transition("send", "RENEGOTIATING", "RENEGOTIATING", conditions="has_room", after="hold")
    send: Callable[..., object] = registered.send  # type: ignore[attr-defined]
    return {
        "ockam_fsm: Driver.fire": (ours, partial(plain.fire, ours, Event.SEND, CAUSE)),
        "ockam_fsm: Driver.fire, hooks for another session": (beside, partial(watched.fire, beside, Event.SEND, CAUSE)),
        "ockam_fsm: step (pure)": (pure, pure.step),
        "ockam_fsm: Driver.fire_stock": (stock, partial(plain.fire_stock, stock, Event.SEND, CAUSE)),
        "dict": (by_hand, partial(dispatch, by_hand, Event.SEND, CAUSE)),
        "dict by name": (floor, partial(dispatch_by_name, floor, Event.SEND, CAUSE)),
        "transitions": (registered, partial(send, CAUSE)),
        "python-statemachine": (other, partial(other.send_message, CAUSE)),
    }


def nanoseconds(contender: Contender, calls: int) -> float:
    session, call = contender
    before = session.held
    turns = range(calls)
    start = perf_counter_ns()
    for _ in turns:
        call()
    elapsed = perf_counter_ns() - start
    assert session.held == before + calls, "the step was not taken"
    return elapsed / calls


def measure(rounds: int, round_nanoseconds: int = 20_000_000) -> dict[str, list[float]]:
    """Return the nanoseconds per event, by contender and round. Turns of all contenders take about equally long."""
    every = contenders()
    calls = {name: int(round_nanoseconds / nanoseconds(contender, 2_000)) for name, contender in every.items()}
    gc.disable()
    taken: dict[str, list[float]] = {name: [] for name in every}
    for _ in range(rounds):
        for name, contender in every.items():
            taken[name].append(nanoseconds(contender, calls[name]))
    gc.enable()
    return taken


def report(taken: dict[str, list[float]]) -> dict[str, Any]:
    ours, *_ = taken.values()
    return {
        "python": platform.python_version(),
        "peers": {name: version(name) for name in ("transitions", "python-statemachine")},
        "rounds": len(ours),
        "goal_ns": GOAL_NANOSECONDS,
        "results": {
            name: {
                "median_ns": round(median(times), 1),
                "least_ns": round(min(times), 1),
                "ratio": round(median(time / own for time, own in zip(times, ours, strict=True)), 2),
            }
            for name, times in taken.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="one session event: the driver compared with its peers")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args()
    found = report(measure(options.rounds))
    if options.json:
        print(json.dumps(found, indent=2))
        return
    peers = ", ".join(f"{name} {number}" for name, number in found["peers"].items())
    print(f"Python {found['python']}, {peers}; {found['rounds']} rounds; goal {GOAL_NANOSECONDS} ns")
    print("| | median ns | least ns | times ours |\n|---|---:|---:|---:|")
    for name, row in found["results"].items():
        print(f"| {name} | {row['median_ns']:,.0f} | {row['least_ns']:,.0f} | {row['ratio']} |")


if __name__ == "__main__":
    main()
