"""Every stream record that was captured between a client and a real Ockam node, replayed against this service.

The client's bytes are sent as they were captured, over TCP, in the order of the file, in one connection. The
answers must be the captured bytes. Only the address of a stream's worker may differ, since each node draws it at random
(`ST_S_` and 16 digits there). Ours replaces it in the captured bytes of both directions, with the lengths around it.

The capture of `stream_pull` has a third message, `m-one` once more: before it the client of the real node had pushed
again under the same request id, and a real node stores every push. That push is not in the file; it is made here.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest

from ockam_fsm.runtime.encoding.frames import VERSION, decode_message, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.encoding.stream_messages import Pushed, Status, decode_response
from ockam_fsm.storage.memory import MemoryStorage
from tests.net.stream_helpers import STORAGES, a_storage, node_with_streams
from tests.net.tcp_helpers import Client, over_tcp, still_echoes
from tests.runtime.wire_helpers import records

CONVERSATIONS = {
    name: list(group)
    for name, group in groupby(records(), key=lambda record: record["name"])
    if name.startswith(("stream_", "index_"))
}
RANDOM = b"ST_S_"
DIRECTIONS = ("client->node", "node->client")


class Replay:
    """One connection; `known` maps each address of the real node to the address of this node."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.known: dict[Address, Address] = {}
        self.sent: list[bytes] = []
        self.compared = 0

    def masked(self, message: Message) -> bytes:
        def ours(route: Route) -> Route:
            return tuple(self.known.get(address, address) for address in route)

        onward, back = ours(message.onward_route), ours(message.return_route)
        return encode_frame(encode_message(Message(onward, back, message.payload, message.tracing_context)))

    async def conversation(self, name: str) -> None:
        for record in CONVERSATIONS[name]:
            data = bytes.fromhex(record["hex"])
            if record["direction"] == "client->node":
                self.send_record(data)
            elif record["direction"] == "node->client":
                await self.check_record(data)

    def send_record(self, data: bytes) -> None:
        if data != VERSION:
            data = self.masked(decode_message(data[4:]))
            self.sent.append(data)
        self.client.write(data)

    async def check_record(self, data: bytes) -> None:
        if data == VERSION:
            return
        if not data:  # "nothing within 1s": the next record is the answer to another request
            await still_echoes(self.client)
            return
        captured, got = decode_message(data[4:]), await self.client.message()
        for theirs, mine in zip(captured.return_route, got.return_route, strict=True):
            if theirs.value.startswith(RANDOM):
                assert self.known.setdefault(theirs, mine) == mine
        assert encode_frame(encode_message(got)) == self.masked(captured)
        self.compared += 1


@pytest.mark.parametrize("kind", STORAGES)
def test_answers_equal_those_of_a_real_node(kind: str, tmp_path: Path) -> None:
    storage = a_storage(kind, tmp_path)

    async def main() -> None:
        async with node_with_streams(storage) as node, await Client.to(node.addresses[0], version=False) as client:
            replay = Replay(client)
            for name in CONVERSATIONS:
                if name == "stream_pull":
                    client.write(replay.sent[-1])
                    again = decode_response((await client.message()).payload)
                    assert again == Pushed(2, Status.OK, 2)
                await replay.conversation(name)
            assert replay.compared == 8
            assert len(replay.known) == len(set(replay.known.values())) == 3

    over_tcp(main())
    storage.close()


def test_every_stream_record_is_replayed() -> None:
    assert list(CONVERSATIONS) == [
        "stream_create",
        "stream_push",
        "stream_pull",
        "stream_create_partitioned_2",
        "index_get_undefined",
        "index_save",
        "index_get",
    ]
    left_out = {record["direction"] for found in CONVERSATIONS.values() for record in found} - set(DIRECTIONS)
    assert left_out == {"note", "observation"}  # remarks on the capture


def test_the_replay_finds_a_wrong_byte() -> None:
    """Otherwise the replay might compare nothing."""

    captured = bytes.fromhex(CONVERSATIONS["stream_push"][1]["hex"])

    async def main() -> None:
        async with node_with_streams(MemoryStorage()) as node, await Client.to(node.addresses[0]) as client:
            client.messages.append(decode_message(captured[4:-2] + b"\x01\xf6"))  # index 1 instead of 0
            with pytest.raises(AssertionError):
                await Replay(client).check_record(captured)

    over_tcp(main())
