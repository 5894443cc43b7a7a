"""The simulated edge: runs are determined by their seed, all faults occur, all properties hold, known-bad machines
fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.checking.known_bad import Checker, KnownBad
from ockam_fsm.checking.sessions.known_bad import wrong_sessions
from ockam_fsm.checking.sessions.session_actors import InitiatorActor
from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_PERSISTENT_ONE_SIDED,
    TYPES,
)
from ockam_fsm.machines.vocabulary import Renegotiation, SessionType
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node import session_workers
from ockam_fsm.runtime.node.commands import RememberNumber, StateChanged
from ockam_fsm.runtime.node.residents import Access, Envelope, Resident
from ockam_fsm.runtime.node.workers import Context, echo
from ockam_fsm.runtime.session.causes import Cause
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.safety.properties import broken
from ockam_fsm.simulation import monitors
from ockam_fsm.simulation.contents import sessions_of
from ockam_fsm.simulation.faults import ALL, CHANCES, NO_FAULTS, RATES, Faults
from ockam_fsm.simulation.monitors import Broken, Monitor, WatchedSession, mark, mark_of
from ockam_fsm.simulation.network import SimulatedNetwork, SimulatedNode, tcp
from ockam_fsm.simulation.runs import SimulationOutcome, replay, simulate, write_trace
from ockam_fsm.simulation.workload import Setup, Simulation

COMBINATIONS = [
    (kind, profile)
    for kind in TYPES
    for profile in (GENERATION, OCKAM)
    if profile.keeps_alive or kind.renegotiation is not Renegotiation.TWO_SIDED
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS)
def test_every_property_holds_under_every_fault(kind: SessionType, profile: Profile) -> None:
    """Long runs reach rare states; short ones settle more often."""
    outcomes = [simulate(Setup(kind, 0, profile), 10_000)]
    outcomes += [simulate(Setup(kind, seed, profile), 600) for seed in range(6)]
    assert [(outcome.broken, outcome.detail) for outcome in outcomes if outcome.broken] == []


@pytest.mark.parametrize("kind", TYPES)
def test_without_faults_every_accepted_message_arrives_once_and_in_order(kind: SessionType) -> None:
    outcome = simulate(Setup(kind, 1, faults=NO_FAULTS), 1_500)
    assert outcome.broken == ""
    there = outcome.figures["there"]
    assert there["uniqueness"] == 1.0
    assert there["backward"] == there["again"] == 0


@pytest.mark.slow
def test_the_witnesses_are_reached() -> None:
    """Every witness is reached; the number of runs needed depends on the seeds."""
    missing = {"W1", "W3", "W4", "W5", "W6", "W7", "W9"} | {
        f"W2:{reason}" for reason in (
            "negotiation timed out", "lower layer lost", "error message", "keepalives missed", "request timed out",
            "renegotiation by order", "the peer goes away", "superseded",
        )
    }  # fmt: skip
    for seed in range(10):
        for kind in (EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_PERSISTENT_TWO_SIDED):
            missing -= simulate(Setup(kind, seed), 5_000).witnesses.keys()
        if not missing:
            break
    assert missing == set()


# Determinism ----------------------------------------------------------------------------------------------------------


def records(setup: Setup, steps: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    simulate(setup, steps, trace=found.append)
    return found


def test_one_seed_is_one_run() -> None:
    setup = Setup(EXPLICIT_PERSISTENT_TWO_SIDED, 3)
    assert records(setup, 500) == records(setup, 500)
    assert records(setup, 500) != records(Setup(EXPLICIT_PERSISTENT_TWO_SIDED, 4), 500)


@pytest.mark.slow
def test_a_run_is_the_same_in_another_process(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ockam_fsm.simulation.runs import write_trace;"
        "from ockam_fsm.simulation.workload import Setup; from ockam_fsm.machines.session import TYPES;"
        "write_trace(Setup(TYPES[4], 5), 1500, Path(sys.argv[1]))"
    )
    traces = []
    for hash_seed in ("0", "1"):
        path = tmp_path / f"{hash_seed}.jsonl"
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run([sys.executable, "-c", code, str(path)], check=True, env=environment)
        traces.append(path.read_bytes())
    assert traces[0] == traces[1]


def test_a_changed_trace_is_detected_in_its_replay(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    outcome = write_trace(Setup(IMPLICIT_PERSISTENT_ONE_SIDED, 2, faults=Faults.of("drop", "reset")), 300, path)
    lines = path.read_text().splitlines()
    assert len([line for line in lines if '"step": ' in line]) == outcome.steps
    assert replay(path) == 0
    changed = json.loads(lines[10])
    changed["event"] = "?"
    path.write_text("\n".join([*lines[:10], json.dumps(changed, sort_keys=True), *lines[11:]]) + "\n")
    assert replay(path) == 11
    path.write_text("\n".join(lines[:-1]) + "\n")
    assert replay(path) == len(lines)


def test_records_are_in_order_and_numbered_in_each_node() -> None:
    found = records(Setup(EXPLICIT_TRANSIENT, 1), 300)
    times = [record["time"] for record in found if "time" in record]
    assert times == sorted(times)
    for node in ("", "a", "b"):
        numbers = [record["sequence"] for record in found if record["node"] == node]
        assert numbers == list(range(1, len(numbers) + 1))


# Known-bad machines ---------------------------------------------------------------------------------------------------


class _Registered(Session):
    """Registers the address that a known-bad session uses in place of a fresh one."""

    __slots__ = ()

    def _start_attempt(self, cause: Cause) -> None:
        super()._start_attempt(cause)
        assert self.attempt is not None
        self._register(self.attempt.inner)

    def _accept_attempt(self, cause: Cause) -> None:
        super()._accept_attempt(cause)
        assert self.attempt is not None
        self._register(self.attempt.inner)


def setup_of(bad: KnownBad, seed: int) -> Setup:
    actor = bad.world.actors[0]
    assert isinstance(actor, InitiatorActor)
    config = actor.config
    bases: tuple[type, ...] = (WatchedSession,)
    if isinstance(config.make, type) and config.make is not Session:
        readdressed = bad.name in ("no-generation", "reuse-inner-address")
        bases = (WatchedSession, _Registered, config.make) if readdressed else (WatchedSession, config.make)
    make = type(bad.name, bases, {"__slots__": ()})
    return Setup(config.session_type, seed, make=make, variants=dict(config.variants))


CAUGHT = [bad for bad in wrong_sessions() if bad.is_rejected_by(Checker.SIMULATOR)]


@pytest.mark.slow
@pytest.mark.parametrize("bad", CAUGHT, ids=lambda bad: str(bad.name))
def test_each_property_catches_its_known_bad_machines(bad: KnownBad, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the property that the machine is known for judges its steps. With all others a run ends no later."""
    claimed = bad.in_runs or {bad.property}
    monkeypatch.setattr(monitors, "broken", lambda step: (one for one in broken(step) if one.id in claimed))
    if bad.property.startswith("W"):  # no property is violated, but a witness is never reached
        assert not any(bad.property in simulate(setup_of(bad, seed), 5_000).witnesses for seed in range(4))
        return
    outcome = _caught(bad)
    assert outcome.broken in claimed, outcome.detail


def _caught(bad: KnownBad) -> SimulationOutcome:
    for seed in range(40):
        for steps in (600, 3_000):
            outcome = simulate(setup_of(bad, seed), steps)
            if outcome.broken:
                return outcome
    pytest.fail(f"{bad.name} was not detected")


def test_a_failing_run_is_replayed(tmp_path: Path) -> None:
    (bad,) = [one for one in wrong_sessions() if one.name == "retry-without-back-off"]
    setup, path = setup_of(bad, 1), tmp_path / "bad.jsonl"
    assert write_trace(setup, 600, path).broken == bad.property
    assert json.loads(path.read_text().splitlines()[-1])["broken"] == bad.property
    assert replay(path, setup) == 0
    assert replay(path) > 0


def test_a_session_changed_by_a_failing_handler_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known-bad `crash-takes-neighbours` violates S14, and S20 in the session's next step, which is not judged here."""
    monkeypatch.setattr(monitors, "broken", lambda step: ())
    simulation = Simulation(Setup(EXPLICIT_TRANSIENT, 0, faults=Faults({"handler-raises": 1.0})))
    simulation.begin()
    remember = simulation._bystanders

    def and_crash() -> Any:
        images = remember()
        for session in sessions_of(simulation.a):
            session.misses += 1
        return images

    simulation._bystanders = and_crash  # type: ignore[method-assign]
    with pytest.raises(Broken, match="S14"):
        simulation.run(2_000)


def test_two_connections_to_one_destination_are_detected() -> None:
    """A node that makes a connection for every message, as real nodes do, breaks S10."""
    simulation = Simulation(Setup(EXPLICIT_TRANSIENT, 0))
    simulation.begin()
    gateway = simulation.a.node.router.gateway

    def forgetful(destination: Address, envelope: Envelope) -> Resident | str:
        simulation.a.node.destinations.clear()
        return gateway(destination, envelope)

    simulation.a.node.router.gateway = forgetful
    with pytest.raises(Broken, match="S10"):
        _run_with_accounts(simulation)


def _run_with_accounts(simulation: Simulation) -> None:
    for _ in range(200):
        simulation.run(20)


# The network ----------------------------------------------------------------------------------------------------------


def echoing(
    faults: Faults = NO_FAULTS, **hooks: Callable[..., None]
) -> tuple[SimulatedNetwork, SimulatedNode, list[bytes]]:
    """Return a network in which node a sends to the echo of node b; node a; and the list of echoed messages."""
    network = SimulatedNetwork(0, faults, **hooks)  # type: ignore[arg-type]
    heard: list[bytes] = []

    def start_b(node: SimulatedNode) -> None:
        node.node.start_worker(local("echo"), handler=echo, access=Access.PUBLIC)

    def start_a(node: SimulatedNode) -> None:
        def hear(message: Message, context: Context) -> None:
            heard.append(message.payload)

        node.node.start_worker(local("me"), handler=hear, access=Access.PUBLIC)

    network.add_node("b", start_b)
    return network, network.add_node("a", start_a), heard


def send(network: SimulatedNetwork, node: SimulatedNode, *payloads: bytes) -> None:
    for payload in payloads:
        node.node.route(Message((tcp("b"), local("echo")), (local("me"),), payload))
    node.run()
    network.run_until(network.now + 30.0)


def test_a_connection_keeps_order_and_loses_nothing() -> None:
    network, a, heard = echoing()
    send(network, a, *[bytes([n]) for n in range(20)])
    assert heard == [bytes([n]) for n in range(20)]
    assert len(a.links) == 1
    assert network.in_flight() == []
    assert not network.step()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("drop", []), ("duplicate", [b"x"] * 4), ("delay", [b"x"]), ("reorder", [b"x"]), ("early-timer", [b"x"]),
     ("late-timer", [b"x"]), ("connection-refused", [])],
)  # fmt: skip
def test_faults_of_the_network(fault: str, expected: list[bytes]) -> None:
    taken: list[str] = []
    network, a, heard = echoing(Faults({fault: 1.0}), taken=lambda fault, message: taken.append(fault))
    send(network, a, b"x")
    assert heard == expected
    assert taken == (["drop"] if fault == "drop" else [])


@pytest.mark.parametrize("spoils", [True, False])
def test_corrupt_changes_the_payload_or_resets_the_connection(spoils: bool) -> None:
    taken: list[str] = []
    network, a, heard = echoing(Faults({"corrupt": 1.0}), taken=lambda fault, message: taken.append(fault))
    network.spoils_payload = spoils
    send(network, a, b"x")
    assert heard == ([b"\xff"] if spoils else [])
    assert len(taken) == (2 if spoils else 1)
    assert bool(a.links) is spoils


def test_a_partition_loses_messages_in_flight_and_heals() -> None:
    taken: list[str] = []
    network, a, heard = echoing(taken=lambda fault, message: taken.append(fault))
    send(network, a, b"1")
    network.partition("a", "b", 10.0)
    send(network, a, b"2")
    send(network, a, b"3")
    assert (heard, taken) == ([b"1", b"3"], ["partition"])


def test_reset_half_open_and_slow_reader() -> None:
    taken: list[str] = []
    network, a, heard = echoing(taken=lambda fault, message: taken.append(fault))
    send(network, a, b"1")
    (via,) = a.links
    network.slow_reader(a, via)
    a.node.route(Message((tcp("b"), local("echo")), (local("me"),), b"2"))
    a.run()
    network.run_until(network.now + 0.9)
    assert heard == [b"1"]
    network.run_until(network.now + 10.0)
    network.reset(a, via)
    network.run_until(network.now)
    send(network, a, b"3")
    b = network.nodes["b"]
    (via,) = b.links
    network.half_open(b, via)
    send(network, a, b"4")
    send(network, a, b"5")
    assert (heard, taken) == ([b"1", b"2", b"3", b"5"], ["half-open"])
    for gone in (network.reset, network.half_open, network.slow_reader):
        gone(a, local("no such connection"))


def test_a_restarted_node_is_reachable_again() -> None:
    network, a, heard = echoing()
    for number in range(6):
        send(network, a, bytes([number]))
        network.restart(network.nodes["b"], with_state=bool(number % 2))
    assert heard
    assert network.nodes["b"].incarnation == 7


def test_storage_faults_stop_the_node_there() -> None:
    for fault in ("write-fails", "confirmation-lost", "slow-storage"):
        outcome = simulate(Setup(EXPLICIT_PERSISTENT_ONE_SIDED, 0, faults=Faults({fault: 0.3})), 1_000)
        assert outcome.broken == "", fault


def test_faults_are_declared_by_name() -> None:
    assert ALL.keys() == CHANCES.keys() | RATES.keys()
    assert Faults.of("drop").rates == {"drop": CHANCES["drop"]}
    with pytest.raises(DefinitionError, match="drap") as raised:
        Faults({"drap": 0.1, "drop": 2.0})
    assert len(raised.value.problems) == 2


def test_marks() -> None:
    assert mark_of(b"whatever" + mark("m", 7)) == b"m000000007"
    assert mark_of(b"m7") is None
    assert mark_of(b"m00000000x") is None


def test_a_vanished_message_is_detected() -> None:
    monitor = Monitor()
    monitor.accept(mark("m", 1))
    monitor.account([mark("m", 1)])
    with pytest.raises(Broken, match="S11"):
        monitor.account([])
    monitor.settled(mark("m", 1))
    monitor.account([])


@pytest.mark.parametrize("told", [lambda change: None, lambda change: replace(change, after=change.before)])
def test_a_state_change_without_an_observation_is_detected(
    told: Callable[[StateChanged], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_workers, "StateChanged", lambda *facts: told(StateChanged(*facts)))
    assert simulate(Setup(EXPLICIT_PERSISTENT_ONE_SIDED, 3), 4_000).broken == "S17"


def test_a_number_that_is_not_stored_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    def for_another(worker: Address, session_id: bytes, number: int) -> RememberNumber:
        return RememberNumber(worker, b"x", number)

    monkeypatch.setattr(session_workers, "RememberNumber", for_another)
    assert simulate(Setup(EXPLICIT_PERSISTENT_ONE_SIDED, 3), 4_000).broken == "S4"
