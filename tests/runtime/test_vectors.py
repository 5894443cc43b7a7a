"""A test for every record that was captured from a real Ockam node.

A record has the bytes that one side sent, or an `observation`, or a `note` with the meaning of the bytes. Bytes are
decoded, and the same message is encoded in the same bytes. Silence, closing and observations: our node behaves alike,
except for the named departures, each with its reason.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.bare import MALFORMED
from ockam_fsm.runtime.encoding.frames import (
    WRONG_VERSION,
    FrameDecoder,
    decode_message,
    encode_frame,
    encode_message,
)
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.encoding.stream_messages import (
    Pulled,
    Pushed,
    StoredMessage,
    StreamCreated,
    StreamIndex,
    StreamResponse,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from ockam_fsm.runtime.session.handshake import OCKAM, Place, worker_route
from ockam_fsm.runtime.session.signals import Answer, Data, Generation, Hello, Signal
from tests.runtime.wire_helpers import drain, frames_three_ways, records, value_three_ways

Record = dict[str, Any]

RECORDS = records()
CONVERSATIONS = {name: list(group) for name, group in groupby(RECORDS, key=lambda record: record["name"])}
IDS = [f"{record['name']}-{record['seq']}" for record in RECORDS]

MALFORMED_HERE = {"five_elements", "text_address", "trailing_bytes", "garbage_cbor"}
OTHER_ENCODINGS = {("three_elements", 2), ("indefinite_arrays", 2), ("nonminimal_int", 2)}
"""Sent by the captured client in a form that is decoded and never encoded here."""
DEPARTURES = {
    "three_elements": "wire.md: accept 3 or 4, since Rust's minicbor may drop a trailing null; the Elixir node closes",
    "no_version": "closing after five seconds is the edge's business, which has a clock; here: not `started`",
}
CLOSED = ("closed", "connection closed")


def expected_message(decoded: dict[str, Any]) -> Message:
    onward, back = (
        tuple(local(value)._replace(type=kind) for kind, value in decoded[name])
        for name in ("onward_route", "return_route")
    )
    tracing = decoded["tracing_context"]
    return Message(onward, back, bytes.fromhex(decoded["payload_hex"]), None if tracing == "<absent>" else tracing)


def only_frame(record: Record) -> bytes:
    data = bytes.fromhex(record["hex"])
    bodies, reason = frames_three_ways(data if data[0] == 1 else b"\x01" + data)
    assert reason is None
    (body,) = bodies
    return body


def sent_by(name: str, direction: str) -> bytes:
    data = b"".join(bytes.fromhex(r["hex"]) for r in CONVERSATIONS[name] if r["direction"] == direction)
    # The stream records continue a connection whose version byte was captured with the first of them.
    return b"\x01" + data if data[:1] == b"\x00" else data


def behaviour(name: str, direction: str = "client->node") -> str:
    """Return the reaction of our node to the bytes of this side: silent (no version), closed, or usable."""
    decoder = FrameDecoder()
    bodies, reason = drain(decoder, [sent_by(name, direction)])
    if reason is not None:
        return "closed"
    try:
        for body in bodies:
            decode_message(body)
    except RemoteSessionError:
        return "closed"
    return "usable" if decoder.started else "silent"


def check_bytes(record: Record) -> None:
    data = bytes.fromhex(record["hex"])
    decoded, name = record["decoded"], record["name"]
    if data == b"\x01":
        assert frames_three_ways(data) == ([], None)
    elif data == b"\x02":
        assert frames_three_ways(data) == ([], WRONG_VERSION)
    elif data == bytes(4):
        assert frames_three_ways(b"\x01" + data) == ([], None)
    elif name in MALFORMED_HERE:
        with pytest.raises(RemoteSessionError) as caught:
            decode_message(only_frame(record))
        assert caught.value.reason == MALFORMED
    elif isinstance(decoded, dict):
        check_message(record, expected_message(decoded))
    else:
        assert name == "version_and_frame_one_segment"
        assert decode_message(only_frame(record)) == Message((local("echo"),), (local("me"),), b"x")


def check_message(record: Record, message: Message) -> None:
    body = only_frame(record)
    assert value_three_ways(decode_message, body) == message
    written = encode_frame(encode_message(message)).hex()
    assert (written == record["hex"]) == ((record["name"], record["seq"]) not in OTHER_ENCODINGS)


def check_silence(record: Record) -> None:
    """No bytes from the node: it closed, or it sent nothing and the connection stayed open."""
    text, name = record["decoded"], record["name"]
    closed = text.startswith(CLOSED)
    assert closed or text.startswith("nothing within")
    if name in DEPARTURES:
        assert closed
        assert behaviour(name) == {"three_elements": "usable", "no_version": "silent"}[name]
    else:
        assert behaviour(name) == ("closed" if closed else "usable")


def check_observation(record: Record) -> None:
    text, name = record["decoded"], record["name"]
    if name in DEPARTURES:
        assert "closed" in text
    elif "closed" in text:
        assert "usable afterwards: True" not in text
        assert behaviour(name) == "closed"
    else:
        assert behaviour(name) == "usable"
        assert behaviour(name, "node->client") != "closed"


def check_note(record: Record) -> None:
    """Check the captured client's decoding of the node's previous stream message."""
    conversation = CONVERSATIONS[record["name"]]
    before = conversation[record["seq"] - 1]
    assert before["direction"] == "node->client"
    assert as_noted(decode_response(decode_message(only_frame(before)).payload)) == record["decoded"]


def as_noted(response: StreamResponse) -> dict[str, str]:
    match response:
        case StreamCreated(name, None):
            return {"protocol": "stream_create", "stream_name": name}
        case StreamCreated(name, partition):
            return {"protocol": "stream_create_partitioned", "stream_name": name, "partition": str(partition)}
        case Pushed(request_id, status, index):
            numbers = {"request_id": str(request_id), "status": status.name.lower(), "index": str(index)}
            return {"protocol": "stream_push", **numbers}
        case Pulled(request_id, messages):
            stored = str([(message.index, message.data) for message in messages])
            return {"protocol": "stream_pull", "request_id": str(request_id), "messages": stored}
        case StreamIndex(client_id, name, index, None):
            return {"protocol": "stream_index", "client_id": client_id, "stream_name": name, "index": str(index)}
    raise AssertionError(f"nothing of the kind was captured: {response}")


@pytest.mark.parametrize("record", RECORDS, ids=IDS)
def test_record(record: Record) -> None:
    if record["direction"] == "observation":
        check_observation(record)
    elif record["direction"] == "note":
        check_note(record)
    elif record["hex"]:
        check_bytes(record)
    else:
        check_silence(record)


def test_all_records_are_here() -> None:
    assert len(RECORDS) == 168
    assert len(set(IDS)) == 168
    assert {*MALFORMED_HERE, *DEPARTURES} <= set(CONVERSATIONS)


def handshake(name: str, seq: int) -> Message:
    return decode_message(only_frame(CONVERSATIONS[name][seq]))


@pytest.mark.parametrize("name", ["session_echo", "session_routing_worker", "initiator_elixir_to_python"])
def test_the_captured_handshakes_are_read_and_written_alike(name: str) -> None:
    """Hello, answer and the first data of each captured session, decoded and written again by profile `ockam`."""
    hello, answer, data = handshake(name, 2), handshake(name, 3), handshake(name, 4)
    starter, responder = (local(message.payload[1:]) for message in (hello, answer))
    said: list[tuple[Message, Place, Signal]] = [
        (hello, Place.NEGOTIATION_START, Hello(b"", Generation(1, Role.INITIATOR, starter))),
        (answer, Place.HANDSHAKE, Answer(b"", None, responder, resumed=False)),
        (data, Place.WORKER, Data(data.payload)),
    ]
    for message, place, signal in said:
        assert OCKAM.decode(message.payload, place, message.return_route) == signal
        assert OCKAM.encode(signal) == message.payload
    towards_responder = data.onward_route[: len(answer.return_route)]
    routes = [worker_route(answer.return_route, responder), worker_route(hello.return_route, starter)]
    assert towards_responder in routes


STREAM_RECORDS = [
    record for record in RECORDS if record["name"].startswith(("stream_", "index_")) and len(record["hex"]) > 2
]


@pytest.mark.parametrize("record", STREAM_RECORDS, ids=lambda record: f"{record['name']}-{record['seq']}")
def test_the_captured_stream_messages_are_read_and_written_alike(record: Record) -> None:
    payload = decode_message(only_frame(record)).payload
    if record["direction"] == "client->node":
        value_three_ways(decode_request, payload)
        assert encode_request(decode_request(payload)) == payload
    else:
        value_three_ways(decode_response, payload)
        assert encode_response(decode_response(payload)) == payload


def test_the_pulled_messages_are_those_that_were_pushed() -> None:
    pulled = decode_response(decode_message(only_frame(CONVERSATIONS["stream_pull"][1])).payload)
    stored = ((0, b"m-zero"), (1, b"m-one"), (2, b"m-one"))
    assert pulled == Pulled(7, tuple(StoredMessage(index, data) for index, data in stored))
