"""The ends of pipes in a real node, compared with models.

Hypothesis chooses the messages, from this node or from a peer, and when memory is needed. After each move the node and
the model have to agree on forwarded messages and their origins, on dead letters, timers, and the bytes that are
charged. Examples are in `test_pipe_ends.py`; code mutants are tested with these properties as well
(`make code-mutants`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ockam_fsm.machines.pipe_ordering import Ordering
from ockam_fsm.runtime.encoding.frames import decode_message, encode_message
from ockam_fsm.runtime.encoding.gate import MAX_TRACING_CONTEXT_BYTES, PAYLOAD_TOO_LARGE, TRACING_CONTEXT_TOO_LONG
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.encoding.pipe_frames import Frame, encode_confirmation, encode_frame
from ockam_fsm.runtime.node.ledger import NODE_FULL, weight_of
from ockam_fsm.runtime.node.pipe_ends import FRAME_BYTES, IS_OVER, NOT_A_CONFIRMATION, RESEND, ReceivingEnd, SendingEnd
from ockam_fsm.runtime.node.residents import Access, Envelope
from ockam_fsm.runtime.node.router import PRIVATE_ADDRESS
from ockam_fsm.runtime.pipe.receiver import ConfirmingReceiver, OrderingReceiver
from ockam_fsm.runtime.pipe.sender import PipeConfig, PipeSender
from tests.runtime.end_rig import (
    APP,
    FAR,
    LARGEST,
    ME,
    VAULT,
    WIRE,
    Rig,
    backs,
    contexts,
    garbage,
    routes,
    sized,
    small,
    stable,
)
from tests.runtime.test_pipe_models import OrderingModel, SenderModel, senders
from tests.runtime.wire_helpers import runs

RECEIVER, PIPE = local("receiver"), local("pipe")


# The sender of a pipe -------------------------------------------------------------------------------------------------


class SendingModel:
    """The end of a sender, over the model of its core."""

    def __init__(self, rig: Rig, end: SendingEnd, config: PipeConfig) -> None:
        self.rig, self.end, self.core = rig, end, SenderModel(config)
        self.kept: dict[int, tuple[Message, bool]] = {}
        self.changed = 0
        self.clear()

    def clear(self) -> None:
        self.got: list[Any] = []
        self.letters: list[Any] = []
        self.timers: list[Any] = []

    def send(self, arrived: Message, outside: bool, full: bool) -> None:
        whole = encode_message(replace(arrived, onward_route=arrived.onward_route[1:]))
        if len(whole) > LARGEST - FRAME_BYTES:
            self.letters.append((PAYLOAD_TOO_LARGE, arrived, self.end.outer))
        elif full:
            self.letters.append((NODE_FULL, arrived, self.end.outer))
        else:
            commands = self.core.send(whole)
            if isinstance(commands, str):
                self.letters.append((commands, arrived, self.end.outer))
            else:
                self.kept[self.core.accepted] = arrived, outside
                self.carry_out(commands, None)

    def carry_out(self, commands: list[Any], cause: Message | None, reason: str = NODE_FULL) -> None:
        outer, inner = self.end.outer, self.end.inner
        for command in commands:
            match type(command).__name__:
                case "Transmit":
                    sent = Message((WIRE,), (FAR, inner), encode_frame(command.frame))
                    self.got.append((WIRE, sent, self.kept[command.frame.number][1]))
                case "Confirmed":
                    del self.kept[command.number]
                    self.changed += 1
                case "Lost":
                    self.lose([command.frame], reason)
                case "SenderClosed":
                    self.lose(command.unconfirmed, reason)
                case "SetResend":
                    self.timers.append((outer, RESEND, command.after_seconds))
                case "CancelResend":
                    self.timers.append((outer, RESEND, None))
                case _:
                    self.letters.append((command.reason, cause, inner))

    def lose(self, frames: Iterable[Frame], reason: str) -> None:
        for frame in frames:
            self.letters.append((reason, decode_message(frame.message), self.end.outer))
            del self.kept[frame.number]
            self.changed += 1

    def judge(self, changes: list[None]) -> None:
        held = sum(weight_of(message) for message, _ in self.kept.values())
        self.rig.run()
        for got in (self.rig.got, self.got):
            got.sort(key=lambda one: one[2])  # there is no order between two origins
        self.rig.agrees(self.got, self.letters, self.timers, held)
        assert self.end.unconfirmed == len(self.kept)
        assert len(changes) == self.changed
        self.clear()


sent = st.tuples(st.just("send"), st.booleans(), routes, backs, contexts, st.sampled_from((None, None, None, -1, 0, 1)))
sender_moves = runs(
    st.one_of(
        *[sent] * 3,
        st.tuples(st.just("full"), st.booleans()),
        *[st.tuples(st.just("confirm"), small, st.booleans())] * 3,
        st.tuples(st.just("garbage"), garbage, st.booleans()),
        st.tuples(st.just("need room"), st.booleans()),
        st.tuples(st.just("time out")),
    ),
    25,
)


def send_both(rig: Rig, model: SendingModel, move: tuple[Any, ...]) -> None:
    end = model.end
    match move:
        case "send", outside, onward, back, context, beyond:
            message = Message((end.outer, *onward), back, b"m", context)
            if beyond is not None:
                grown = replace(message, onward_route=onward, return_route=(rig.via, *back) if outside else back)
                message = replace(message, payload=sized(grown, LARGEST - FRAME_BYTES + beyond).payload)
            model.send(rig.give(message, outside), outside, full=False)
        case "full", outside:
            model.send(rig.give_without_room(Message((end.outer,), (), b"m"), outside), outside, full=True)
        case "confirm", number, outside:
            cause = rig.give(Message((end.inner,), (), encode_confirmation(number)), outside)
            model.carry_out(model.core.confirm(number), cause)
        case "garbage", payload, outside:
            model.letters.append(("malformed", rig.give(Message((end.inner,), (), payload), outside), end.inner))
        case "need room", outside:
            rig.need_room(outside)
            mine = [number for number, (_, of_peer) in model.kept.items() if of_peer is outside]
            if mine:
                model.carry_out(model.core.give_up(mine[-1]), None)
        case ("time out",) if model.core.config.resend is not None:
            end.fire(RESEND)
            model.carry_out(model.core.time_out(), None)


@pytest.mark.slow
@stable
@given(senders, sender_moves, st.booleans())
def test_the_end_of_a_sender_carries_out_the_commands_of_its_core(
    config: PipeConfig, moves: list[tuple[Any, ...]], named: bool
) -> None:
    rig, changes = Rig(), list[None]()
    end = SendingEnd(
        rig.router, (WIRE,), PipeSender(config), back=(FAR,), outer=PIPE if named else None, access=Access.PUBLIC,
        changed=lambda: changes.append(None),
    )  # fmt: skip
    model = SendingModel(rig, end, config)
    for move in moves:
        send_both(rig, model, move)
        model.judge(changes)
    end.close()
    model.carry_out(model.core.close(), None, IS_OVER)
    model.judge(changes)
    assert not {end.outer, end.inner} & {*rig.router.residents}


@pytest.mark.slow
@stable
@given(st.lists(st.one_of(sent, st.tuples(st.sampled_from(("confirm", "garbage")), garbage)), max_size=8))
def test_the_end_of_a_pipe_that_only_numbers_keeps_nothing(moves: list[tuple[Any, ...]]) -> None:
    rig, numbered = Rig(), 0
    end = SendingEnd(rig.router, (WIRE,), None, outer=PIPE, access=Access.PUBLIC)
    for move in moves:
        got, letters = list[Any](), list[Any]()
        match move:
            case "send", outside, onward, back, context, beyond:
                message = Message((PIPE, *onward), back, b"m", context)
                rest = replace(message, onward_route=onward, return_route=(rig.via, *back) if outside else back)
                if beyond is not None:
                    rest = sized(rest, LARGEST - FRAME_BYTES + beyond)
                arrived = rig.give(replace(message, payload=rest.payload), outside)
                if beyond == 1:
                    letters.append((PAYLOAD_TOO_LARGE, arrived, PIPE))
                else:
                    numbered += 1
                    frame = encode_frame(Frame(numbered, encode_message(rest)))
                    got.append((WIRE, Message((WIRE,), (end.inner,), frame), outside))
            case name, payload:
                payload = encode_confirmation(len(payload)) if name == "confirm" else payload
                reason = NOT_A_CONFIRMATION if name == "confirm" else "malformed"
                letters.append((reason, rig.give(Message((end.inner,), (), payload), False), end.inner))
        end.fire(RESEND)
        rig.agrees(got, letters, [], 0)
        assert (end.last, end.unconfirmed) == (numbered, 0)
    end.close()
    assert not {end.outer, end.inner} & {*rig.router.residents}


@pytest.mark.slow
@stable
@given(st.integers(1, 3), st.lists(st.sampled_from(("send", "send", "confirm", "large")), max_size=15))
def test_a_message_refused_by_the_inner_pipe_has_no_index(capacity: int, moves: list[str]) -> None:
    rig = Rig()
    inside = SendingEnd(rig.router, (WIRE,), PipeSender(PipeConfig(9, capacity)))
    outside = SendingEnd(rig.router, (inside.outer, RECEIVER), None)
    given, confirmed = 0, 0
    for move in moves:
        message = Message((outside.outer, APP), (ME,), b"m")
        got, letters = list[Any](), list[Any]()
        if move == "confirm":
            confirmed += given > confirmed
            rig.node.route(Message((inside.inner,), (), encode_confirmation(confirmed)))
            letters = rig.letters if given == confirmed == 0 or inside.unconfirmed == 0 else []
        else:
            fits = move == "send"
            message = replace(message, payload=b"m" if fits else bytes(LARGEST - FRAME_BYTES - 40))
            rig.router.route(Envelope(message))
            if not fits:
                letters = [(PAYLOAD_TOO_LARGE, message, outside.outer)]
            elif given - confirmed >= capacity:
                letters = [("too many messages wait to be confirmed", message, outside.outer)]
            else:
                given += 1
                whole = encode_message(Message((APP,), (ME,), b"m"))
                within = Message((RECEIVER,), (outside.inner,), encode_frame(Frame(given, whole)))
                frame = encode_frame(Frame(given, encode_message(within)))
                got = [(WIRE, Message((WIRE,), (inside.inner,), frame), False)]
        rig.run()
        assert rig.got == got
        assert move == "confirm" or rig.letters == letters
        assert (outside.last, inside.unconfirmed) == (given, given - confirmed)
        rig.got, rig.letters = [], []


# The receiver of a pipe -----------------------------------------------------------------------------------------------


class ReceivingModel:
    """The forwarded messages of a receiver: from outside if the frame was, of the origin that let it pass."""

    def __init__(self, rig: Rig, core: OrderingModel | None) -> None:
        self.rig, self.core = rig, core
        self.held: dict[int, tuple[Message, bool]] = {}
        self.got: list[Any] = []
        self.letters: list[Any] = []

    def received(self, arrived: Message, frame: Frame, outside: bool, full: bool) -> None:
        if self.core is None:
            self.route_on(frame, arrived, outside, outside)
            self.confirm(arrived, frame.number, outside)
            return
        before = {*self.core.waiting}
        for command in self.core.received(frame):
            match type(command).__name__:
                case "Forward":
                    cause, from_outside = self.held.pop(command.frame.number, (arrived, outside))
                    self.route_on(command.frame, cause, from_outside, outside)
                case "Held" if full:
                    del self.core.waiting[frame.number]
                    self.letters.append((NODE_FULL, arrived, RECEIVER))
                case "Held":
                    self.held[frame.number] = arrived, outside
                case _:
                    self.letters.append((command.reason, arrived, RECEIVER))
        assert {*self.core.waiting} - before <= {frame.number}

    def route_on(self, frame: Frame, arrived: Message, outside: bool, of_peer: bool) -> None:
        message = decode_message(frame.message)
        if len(message.tracing_context or "") > MAX_TRACING_CONTEXT_BYTES:
            self.letters.append((TRACING_CONTEXT_TOO_LONG, arrived, RECEIVER))
        elif message.onward_route[0] == VAULT and outside:
            self.letters.append((PRIVATE_ADDRESS, message, None))
        else:
            self.got.append((message.onward_route[0], message, of_peer))

    def confirm(self, arrived: Message, number: int, outside: bool) -> None:
        answer = Message(arrived.return_route, (RECEIVER,), encode_confirmation(number))
        if outside:
            self.got.append((self.rig.via, replace(answer, onward_route=answer.onward_route[1:]), True))
        else:
            self.got.append((WIRE, answer, False))

    def lose(self, number: int, reason: str) -> None:
        assert self.core is not None
        del self.core.waiting[number]
        self.letters.append((reason, self.held.pop(number)[0], RECEIVER))

    def judge(self) -> None:
        held = sum(weight_of(message) for message, _ in self.held.values())
        self.rig.run()
        # There is no order between messages that leave the node and those that stay, nor between letters of two causes.
        for one in (self.rig.got, self.got, self.rig.letters, self.letters):
            one.sort(key=repr)
        self.rig.agrees(self.got, self.letters, [], held)
        self.got, self.letters = [], []


targets = st.sampled_from((APP, APP, APP, VAULT))
frames = st.tuples(
    st.sampled_from(("next", "next", "ahead", "ahead", "far", "again")), targets, st.booleans(),
    st.sampled_from(("", "", "", "", "full", "long")),
)  # fmt: skip
receiver_moves = runs(
    st.one_of(
        *[frames] * 5,
        st.tuples(st.just("garbage"), garbage | st.just(encode_frame(Frame(1, b"no message"))), st.booleans()),
        st.tuples(st.just("need room"), st.booleans()),
    ),
    25,
)


def receive_both(rig: Rig, model: ReceivingModel, count: int, move: tuple[Any, ...]) -> None:
    last = model.core.last if model.core else count
    match move:
        case "garbage", payload, outside:
            arrived = rig.give(Message((RECEIVER,), (WIRE,), payload), outside)
            model.letters.append(("malformed", arrived, RECEIVER))
        case "need room", outside:
            rig.need_room(outside)
            mine = [number for number, (_, of_peer) in model.held.items() if of_peer is outside]
            if mine:
                model.lose(mine[-1], NODE_FULL)
        case where, target, outside, how:
            index = last + {"next": 1, "ahead": 2, "far": 3, "again": 0}[where]
            context = "t" * (MAX_TRACING_CONTEXT_BYTES + 1) if how == "long" else None
            rig.router.max_payload_bytes = LARGEST + (len(context) if context else 0)
            whole = encode_message(Message((target, FAR), (ME, FAR), b"%d" % count, context))
            frame = Frame(index, whole)
            full = how == "full" and model.core is not None and model.core.would_hold(index)
            give = rig.give_without_room if full else rig.give
            arrived = give(Message((RECEIVER,), (WIRE,), encode_frame(frame)), outside)
            model.received(arrived, frame, outside, full)


@pytest.mark.slow
@stable
@given(st.sampled_from((None, *Ordering, Ordering.ABSOLUTE, Ordering.CONTINUOUS)), receiver_moves)
def test_the_end_of_a_receiver_carries_out_the_commands_of_its_core(
    ordering: Ordering | None, moves: list[tuple[Any, ...]]
) -> None:
    rig = Rig()
    core = ConfirmingReceiver() if ordering is None else OrderingReceiver(ordering, 3)
    rig.node.start_worker(RECEIVER, handler=ReceivingEnd(core), access=Access.PUBLIC)
    model = ReceivingModel(rig, None if ordering is None else OrderingModel(ordering, 3))
    for count, move in enumerate(moves):
        receive_both(rig, model, count, move)
        model.judge()
    rig.node.stop(RECEIVER)
    for number in [*model.held]:
        model.lose(number, IS_OVER)
    model.judge()
