"""Pipes between two nodes under every fault, as Hypothesis machines.

The nodes, the ends and the bytes are real. The network keeps messages in flight until a rule delivers, drops,
duplicates or damages them; connections are cut, the confirming receiver restarts, memory is needed, and strangers send
any messages. Every message that reaches the application is checked: it was accepted, and it is in the order of the
pipe. At the end of a run the faults stop, and every message that a resend pipe has accepted has to arrive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ockam_fsm.machines.pipe_ordering import Ordering
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node.commands import NodeCommand, Transmit
from ockam_fsm.runtime.node.ledger import Origin
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.pipe_ends import RESEND, ReceivingEnd, SendingEnd
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.pipe.receiver import ConfirmingReceiver, OrderingReceiver
from ockam_fsm.runtime.pipe.sender import PipeConfig, PipeSender
from tests.runtime.node_helpers import Wires, tcp

APP, RELIABLE, ORDERED = local("app"), local("reliable"), local("ordered")
CAPACITY = 6
HEALING_ROUNDS = 30
which = st.integers(0, 30)


class SlowWires(Wires):
    """Connections that keep frames in flight until they are delivered."""

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.flight: list[tuple[tuple[str, Address], Message]] = []

    def _perform(self, name: str, node: Node, command: NodeCommand) -> None:
        if isinstance(command, Transmit):
            self.flight.append((self.ends[name, command.via], command.message))
        else:
            super()._perform(name, node, command)

    def arrive(self, end: tuple[str, Address], message: Message) -> None:
        """Deliver a frame, unless its connection was cut."""
        if end in self.ends:
            self.nodes[end[0]].receive(message, end[1])
            self.pump()


class PipeMachine(RuleBasedStateMachine):
    """`window` None: no resend pipe. `ordering` None: no index pipe; else it is around the resend pipe."""

    window: ClassVar[int | None] = 3
    ordering: ClassVar[Ordering | None] = Ordering.ABSOLUTE
    sender: ClassVar[Callable[[PipeConfig], PipeSender]] = PipeSender
    orderer: ClassVar[Callable[[Ordering, int], OrderingReceiver]] = OrderingReceiver

    def __init__(self) -> None:
        super().__init__()
        self.wires = SlowWires("a", "b")
        self.a, self.b = self.wires["a"], self.wires["b"]
        self.b.start_worker(APP, handler=self._arrived, access=Access.PUBLIC)
        self._confirming()
        self.sent: list[int] = []
        self.delivered: list[int] = []
        self.lost = False
        self.wrong: list[str] = []
        route: Route = (tcp("b"),)
        self.resend: SendingEnd | None = None
        if self.window is not None:
            core = type(self).sender(PipeConfig(self.window, CAPACITY))
            self.resend = self.entry = SendingEnd(self.a.router, (*route, RELIABLE), core)
            route = (self.entry.outer,)
        if self.ordering is not None:
            self.receiver = type(self).orderer(self.ordering, CAPACITY)
            self.b.start_worker(ORDERED, handler=ReceivingEnd(self.receiver), access=Access.PUBLIC)
            self.entry = SendingEnd(self.a.router, (*route, ORDERED), None)

    def _confirming(self) -> None:
        self.b.start_worker(RELIABLE, handler=ReceivingEnd(ConfirmingReceiver()), access=Access.PUBLIC)

    def _arrived(self, message: Message, context: Context) -> None:
        number, last = int(message.payload), max(self.delivered, default=0)
        if number not in self.sent:
            self.wrong.append("it was not sent")
        if message.return_route != (local("me"),):
            self.wrong.append("the return route is not what it was")
        if self.ordering is not None:
            if number < last + (not self.ordering.repeats):
                self.wrong.append("it is not in order")
            following = [one for one in self.sent if one > last]
            if not self.ordering.leaves_out and number > last and number not in following[:1]:
                self.wrong.append("one was left out")
        self.delivered.append(number)

    # What happens -----------------------------------------------------------------------------------------------------

    @rule()
    def send(self) -> None:
        letters = self.a.dead_letters.total
        number = max(self.sent, default=0) + 1
        self.sent.append(number)
        self.a.route(Message((self.entry.outer, APP), (local("me"),), b"%d" % number))
        self.wires.pump()
        if self.a.dead_letters.total > letters:
            self.sent.remove(number)

    @rule(place=which)
    def deliver(self, place: int) -> None:
        if self.wires.flight:
            self.wires.arrive(*self.wires.flight.pop(place % len(self.wires.flight)))

    @rule(place=which)
    def duplicate(self, place: int) -> None:
        if self.wires.flight:
            self.wires.arrive(*self.wires.flight[place % len(self.wires.flight)])

    @rule(place=which)
    def drop(self, place: int) -> None:
        if self.wires.flight:
            self.wires.flight.pop(place % len(self.wires.flight))

    @rule(place=which, payload=st.binary(max_size=8))
    def spoil(self, place: int, payload: bytes) -> None:
        """Damage a frame so that it has no valid number: no pipe can detect a forged one with another valid number."""
        if self.wires.flight:
            end, message = self.wires.flight.pop(place % len(self.wires.flight))
            self.wires.arrive(end, replace(message, payload=b"\xff" * 11 + payload))

    @rule()
    def time_out(self) -> None:
        self.wires.fire("a", RESEND)

    @rule()
    def cut(self) -> None:
        self.wires.cut("a")

    @rule()
    def receiver_dies(self) -> None:
        self.b.stop(RELIABLE)
        self._confirming()
        self.wires.pump()

    @rule()
    def room_is_needed(self) -> None:
        """Another origin needs memory; messages that wait for their turn are given up, and their pipe stalls."""
        ledger = self.b.router.ledger
        before, other = ledger.total_bytes, Origin("other", outside=True)
        ledger.limit(ledger.held_bytes * 4 // 3)
        receipt = ledger.take(other, ledger.share_bytes // 4 + 1)
        if receipt is not None:
            ledger.give_back(receipt)
        ledger.limit(before)
        self.lost = self.lost or self.b.dead_letters.counts.get("the node is full", 0) > 0

    @rule(payload=st.binary(max_size=8))
    def stranger_confirms(self, payload: bytes) -> None:
        """A stranger confirms to the outer address: the inner one is secret."""
        self.a.receive(Message((self.entry.outer,), (), payload), self.a.accepted())
        self.wires.pump()

    # What holds -------------------------------------------------------------------------------------------------------

    @invariant()
    def buffers_stay_within_their_capacity(self) -> None:
        if self.resend is not None:
            core = self.resend.core
            assert core is not None and self.window is not None  # noqa: PT018
            assert self.resend.unconfirmed == len(core.frames) <= CAPACITY, "beyond the capacity"
            assert core.sent - min(core.frames, default=core.sent) < self.window, "beyond the window"
        if self.ordering is not None:
            assert len(self.receiver.waiting) <= CAPACITY

    @invariant()
    def what_was_delivered_is_right(self) -> None:
        assert not self.wrong, self.wrong[0]

    @invariant()
    def nothing_has_failed(self) -> None:
        for node in (self.a, self.b):
            failed = {"delivery failed", "handler raised", "stopped raised"} & set(node.dead_letters.counts)
            assert not failed, f"{failed}"

    def teardown(self) -> None:
        """Stop the faults, and check that all accepted messages arrive."""
        for _ in range(HEALING_ROUNDS):
            while self.wires.flight:
                self.wires.arrive(*self.wires.flight.pop(0))
            self.wires.fire("a", RESEND)
        self.what_was_delivered_is_right()
        if self.resend is None:
            return
        assert self.resend.unconfirmed == 0, "not everything is confirmed"
        assert self.a.router.ledger.held_bytes == 0
        if self.ordering is None or not (self.ordering.leaves_out or self.lost):
            assert {*self.delivered} >= {*self.sent}, "not everything has arrived"


def pipe_machine(window: int | None, ordering: Ordering | None, **wrong: object) -> type[PipeMachine]:
    name = f"{'Resend' if window else ''}{window or ''}{ordering.name.title() if ordering else ''}Pipe"
    return type(name, (PipeMachine,), {"window": window, "ordering": ordering, **wrong})


PIPE_MACHINES = (
    pipe_machine(1, None),
    pipe_machine(3, None),
    *(pipe_machine(window, ordering) for window in (None, 1, 3) for ordering in Ordering),
)
