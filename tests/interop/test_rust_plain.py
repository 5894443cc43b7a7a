"""Plain messages to a node on Ockam's own Rust crates: echo, hops, a relay, restarts, and the kit's verdicts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ockam_fsm.conformance.report.expected_deviations import read_expected
from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.wire.cases.connections import READABLE, UNREADABLE, parts
from ockam_fsm.conformance.wire.kit import Kit
from ockam_fsm.conformance.wire.target import NodeUnderTest, Pace
from ockam_fsm.net.node import TcpNode
from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.frames import encode_frame
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.node.workers import echo
from tests.interop.channel_by_hand import Mailbox
from tests.interop.rust_peer import RustNode, with_rust
from tests.net.tcp_helpers import Client

pytestmark = pytest.mark.interop
DEVIATIONS = Path(__file__).parents[2] / "examples" / "conformance" / "ockam-rust.toml"
EXPECTED = read_expected(DEVIATIONS.read_text(encoding="utf-8"), DEVIATIONS.name)
FORMS = {**READABLE, **UNREADABLE}
READ_BY_RUST = {
    "3 elements",
    "indefinite arrays",
    "an integer not in its shortest form",
    "5 elements",
    "bytes after the message",
}
assert FORMS.keys() >= READ_BY_RUST  # when imported, thus in every run: these tests run only where Rust is installed
MANY, AT_ONCE = 10_000, 100


@pytest.mark.parametrize("size", [0, 1, 65_536, 16_000_000])
def test_an_echo_of_any_size(size: int, tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            payload = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            reply = await node.request(f"tcp://{rust.where}/echo", payload)
            assert reply.payload == payload
            assert reply.tracing_context is not None  # with Rust's `std` it is always a text

    with_rust(main())


def test_ten_thousand_messages(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            for start in range(0, MANY, AT_ONCE):
                payloads = [b"%d" % number for number in range(start, start + AT_ONCE)]
                asked = (node.request(f"tcp://{rust.where}/echo", payload) for payload in payloads)
                assert [reply.payload for reply in await asyncio.gather(*asked)] == payloads

    with_rust(main())


def test_hops_work_on_onward_and_return_routes(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            reply = await node.request(f"tcp://{rust.where}/hop/hop/echo", b"through two hops")
            assert reply.payload == b"through two hops"
            assert reply.return_route[1:] == (local("hop"), local("hop"), local("echo"))

    with_rust(main())


def test_a_relay_leads_to_the_worker_that_registered(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as behind, TcpNode() as node:
            mailbox = Mailbox(behind)
            behind.worker("echo", echo, public=True)
            service = f"tcp://{rust.where}/forwarding_service"
            behind.send(service, bare.string("us"), return_route=(mailbox.address,))
            confirmed = await mailbox.next()
            assert confirmed.payload == bare.string("us")
            assert confirmed.return_route[1:] == (local("us"),)
            reply = await node.request(f"tcp://{rust.where}/us/echo", b"through a relay")
            assert reply.payload == b"through a relay"

    with_rust(main())


def test_requests_go_on_after_a_kill_and_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            route, before = f"tcp://{rust.where}/echo", rust.identifier
            for number in range(3):
                assert (await node.request(route, b"%d" % number)).payload == b"%d" % number
                await rust.kill()
                await rust.start()
                assert rust.identifier == before

    with_rust(main())


def test_the_kit_finds_exactly_the_known_deviations(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust:
            target = NodeUnderTest(rust.where, "", "echo", pace=Pace(2.0, run_seconds=50.0))
            report = await Kit(target, "ockam-fsm conform", lambda done, total, name: None).judge(EXPECTED)
        verdicts = {finding.case: finding.verdict for finding in report.findings}
        failed = {case for case, verdict in verdicts.items() if verdict is Verdict.FAIL}
        assert failed == {one.case for one in EXPECTED}
        assert {case for case, verdict in verdicts.items() if verdict is Verdict.PASS} == {
            "version-byte", "echo", "wrong-version", "oversized-frame", "frames-in-pieces", "truncated-frame",
            "reconnects", "unknown-addresses", "flood", "unreachable-destination", "writes",
        }  # fmt: skip
        assert report.exit_code == 0

    with_rust(main())


@pytest.mark.parametrize("form", FORMS)
def test_the_forms_of_a_frame_that_are_accepted(form: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, await Client.to(rust.where) as client:
            body = FORMS[form](*parts((local("echo"),), (local("back"),), b"a form"))
            client.write(encode_frame(body))
            if form in READ_BY_RUST:
                assert (await client.message()).payload == b"a form"
            else:
                with pytest.raises(EOFError):
                    await client.message()

    with_rust(main())
