"""One end of a stream session in a real node, compared with a model, as in `test_pipe_end_models.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.frames import decode_message, encode_message
from ockam_fsm.runtime.encoding.gate import PAYLOAD_TOO_LARGE
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.encoding.stream_messages import PUSH_BYTES
from ockam_fsm.runtime.node.ledger import NODE_FULL, weight_of
from ockam_fsm.runtime.node.residents import Access, Envelope, Inner, Resident
from ockam_fsm.runtime.node.router import PRIVATE_ADDRESS
from ockam_fsm.runtime.node.stream_end import ANOTHER_STREAM, IS_OVER, WINDOW_FULL, StreamEnd
from tests.runtime.end_rig import (
    APP,
    FAR,
    LARGEST,
    ME,
    VAULT,
    Rig,
    backs,
    contexts,
    garbage,
    routes,
    sized,
    stable,
)
from tests.runtime.wire_helpers import runs

TO_B, TO_A = "to-b", "to-a"


class Sender(Inner):
    """A resident where messages begin, which records the carriers over which they leave."""

    def __init__(self) -> None:
        self.heard: list[tuple[Address, Resident]] = []

    @property
    def replies(self) -> bool:
        return True

    def sent(self, address: Address, carrier: Resident) -> None:
        self.heard.append((address, carrier))

    def take(self, envelope: Envelope) -> None: ...

    def fire(self, timer: object) -> None: ...


class StreamEndModel:
    """Clause 12.11: the messages that wait to be published, their origins, and the messages of the stream."""

    def __init__(self, rig: Rig, end: StreamEnd, capacity: int) -> None:
        self.rig, self.end, self.capacity = rig, end, capacity
        self.waiting: list[tuple[Message, bool]] = []
        self.got: list[Any] = []
        self.letters: list[Any] = []
        self.accepted = self.left = 0

    def take(self, message: Message, outside: bool, full: bool) -> None:
        self.left += message.return_route[-1:] == (ME,)
        if len(written(message, TO_A)) > LARGEST - PUSH_BYTES:
            self.letters.append((PAYLOAD_TOO_LARGE, message, self.end.address))
        elif full or len(self.waiting) >= self.capacity:
            reason = WINDOW_FULL if len(self.waiting) >= self.capacity else NODE_FULL
            self.letters.append((reason, message, self.end.address))
        else:
            self.waiting.append((message, outside))
            self.accepted += 1

    def arrived(self, payload: bytes) -> None:
        address = self.end.address
        try:
            reader = bare.Reader(payload)
            stream, message = reader.string(), decode_message(reader.data())
            reader.end()
        except RemoteSessionError:
            self.letters.append(("malformed", Message((address,), (), payload), address))
            return
        traced = replace(message, return_route=(address, *message.return_route))
        if stream != TO_B:
            self.letters.append((ANOTHER_STREAM, traced, address))
        elif len(message.payload) > LARGEST:
            self.letters.append((PAYLOAD_TOO_LARGE, traced, address))
        elif message.onward_route[:1] == (VAULT,):
            self.letters.append((PRIVATE_ADDRESS, traced, None))
        elif not message.onward_route:
            self.letters.append(("empty onward route", traced, None))
        else:
            self.got.append((APP, traced, False))

    def judge(self, accepted: list[None], sender: Sender) -> None:
        held = sum(weight_of(message) for message, _ in self.waiting)
        self.rig.run()
        assert not self.end.delivering
        assert self.rig.origins <= {self.end.origin}, "it is of the stream's origin"
        self.rig.agrees(self.got, self.letters, [], held)
        assert (len(accepted), sender.heard) == (self.accepted, [(ME, self.end)] * self.left)
        self.got, self.letters = [], []


def written(message: Message, replies_to: str) -> bytes:
    """Return a message of a stream: {return_stream: string, message: data}."""
    return bare.string(replies_to) + bare.data(encode_message(message))


brought = st.builds(
    written,
    st.builds(Message, st.sampled_from(((APP,), (APP, FAR), (VAULT,), ())), backs,
              st.binary(max_size=3) | st.sampled_from((LARGEST, LARGEST + 1)).map(bytes), contexts),
    st.sampled_from((TO_B, TO_B, TO_B, "to-c", "x" * 200)),
)  # fmt: skip
stream_moves = runs(
    st.one_of(
        *[st.tuples(st.just("send"), st.booleans(), routes, backs, contexts,
                    st.sampled_from((None, None, None, -1, 0, 1)))] * 4,
        st.tuples(st.just("full"), st.booleans()),
        *[st.tuples(st.just("arrived"), brought)] * 3,
        st.tuples(st.just("arrived"), garbage | brought.map(lambda payload: payload + b"x")),
        *[st.tuples(st.sampled_from(("pop", "pop", "lose", "discard")))] * 2,
        st.tuples(st.just("need room"), st.booleans()),
    ),
    25,
)  # fmt: skip


def stream_both(rig: Rig, model: StreamEndModel, move: tuple[Any, ...]) -> None:
    end = model.end
    match move:
        case "send", outside, onward, back, context, beyond:
            message = Message((end.address, *onward), back, b"m", context)
            rest = replace(message, onward_route=onward, return_route=(rig.via, *back) if outside else back)
            if beyond is not None:
                rest = sized(rest, LARGEST - PUSH_BYTES + beyond, lambda one: written(one, TO_A))
            rig.give(replace(message, payload=rest.payload), outside)
            model.take(rest, outside, full=False)
        case "full", outside:
            rig.give_without_room(Message((end.address, APP), (), b"m"), outside)
            model.take(Message((APP,), (rig.via,) if outside else (), b"m"), outside, full=True)
        case "arrived", payload:
            end.arrived(payload)
            assert end.delivering == (not rig.letters), "an accepted message waits to be delivered"
            model.arrived(payload)
        case (("pop" | "lose") as name,):
            found = end.pop()
            expected = written(model.waiting.pop(0)[0], TO_A) if model.waiting else None
            assert found == expected
            if found is not None and name == "lose":
                end.lose(found, "why")
                model.letters.append((IS_OVER, decode_message(_message_in(found)), end.address))
        case ("discard",):
            end.discard("why")
            model.letters += [(IS_OVER, message, end.address) for message, _ in model.waiting]
            model.waiting = []
        case "need room", outside:
            rig.need_room(outside)
            mine = [place for place, (_, of_peer) in enumerate(model.waiting) if of_peer is outside]
            if mine:
                model.letters.append((NODE_FULL, model.waiting.pop(mine[-1])[0], end.address))


def _message_in(payload: bytes) -> bytes:
    reader = bare.Reader(payload)
    assert reader.string() == TO_A
    return reader.data()


@pytest.mark.slow
@stable
@given(st.integers(1, 4), stream_moves)
def test_the_end_of_a_stream_session_agrees_with_its_model(capacity: int, moves: list[tuple[Any, ...]]) -> None:
    rig, accepted, sender, told = Rig(), list[None](), Sender(), list[str]()
    rig.router.register(ME, sender, Access.PRIVATE)
    end = StreamEnd(rig.router, TO_B, TO_A, capacity, lambda: accepted.append(None), lambda: LARGEST - PUSH_BYTES)
    model = StreamEndModel(rig, end, capacity)
    for move in moves:
        stream_both(rig, model, move)
        model.judge(accepted, sender)
    stays, leaves = (Upper(told, name) for name in ("stays", "leaves"))
    for one in (stays, leaves):
        end.relied_on_by(one)
    end.dropped_by(leaves)
    way: Route = (APP, end.address, FAR)
    assert rig.router.carrier(way) is end
    assert rig.router.leads_out(way)
    end.retire("closed")
    assert rig.router.carrier(way) is None
    while model.waiting:
        assert end.pop() == written(model.waiting.pop(0)[0], TO_A)
    model.judge(accepted, sender)
    assert told == ["stays closed"]


class Upper:
    """A session that relies on an end."""

    def __init__(self, told: list[str], name: str) -> None:
        self.told, self.name = told, name

    def lower_layer_lost(self, detail: str) -> None:
        self.told.append(f"{self.name} {detail}")
