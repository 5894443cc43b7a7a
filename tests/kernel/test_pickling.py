"""Pickling and copying: every exception and every public value comes back equal, and a symbol as itself."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from inspect import Parameter, signature
from pkgutil import walk_packages
from typing import Any

import pytest

import ockam_fsm
from ockam_fsm import conformance
from ockam_fsm.checking import Envelope, Network, World
from ockam_fsm.conformance.target import EndpointUnderTest
from ockam_fsm.conformance.wire.target import Pace
from ockam_fsm.kernel.errors import Portable
from ockam_fsm.kernel.step import start, step
from ockam_fsm.machines import MACHINES, TYPES, table
from ockam_fsm.machines.vocabulary import Creation, Effect, Event, Renegotiation, Role, State
from ockam_fsm.net.connection import TcpLimits
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.connections import ConnectionConfig
from ockam_fsm.runtime.node.workers import RestartPolicy
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM
from ockam_fsm.runtime.session.terms import Terms

MAIN = "ockam_fsm.cli.__main__"
PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
WAYS: list[Callable[[Any], Any]] = [
    copy.copy,
    copy.deepcopy,
    *(lambda value, protocol=protocol: pickle.loads(pickle.dumps(value, protocol)) for protocol in PROTOCOLS),
]
EXAMPLES = {
    "str": "text",
    "Sequence[str]": ("one", "two"),
    "Iterable[str]": ("one", "two"),
    "int": 3,
    "bytes | None": b"reply",
    "BaseException": KeyError("cause"),
}
"""A value for each type of argument of the constructors of exceptions."""


def exceptions() -> Iterator[type[Exception]]:
    """Yield every class of exceptions that a module of the package defines."""
    names = [one.name for one in walk_packages(ockam_fsm.__path__, "ockam_fsm.") if one.name != MAIN]
    for name in names:
        try:
            module = import_module(name)
        except ModuleNotFoundError as error:
            assert error.name == "numba", error  # the extra `fast`  # noqa: PT017
            continue
        for found in vars(module).values():
            if isinstance(found, type) and issubclass(found, Exception) and found.__module__ == name:
                yield found


def made(kind: type[Exception]) -> Exception:
    """Make an exception with every argument given, those by keyword too."""
    if not any("__init__" in vars(base) for base in kind.__mro__ if base.__module__.startswith("ockam_fsm.")):
        return kind("text", 3)
    wanted = signature(kind).parameters.values()
    positional = [EXAMPLES[one.annotation] for one in wanted if one.kind is Parameter.POSITIONAL_OR_KEYWORD]
    named = {one.name: EXAMPLES[one.annotation] for one in wanted if one.kind is Parameter.KEYWORD_ONLY}
    return kind(*positional, **named)


@pytest.mark.parametrize("kind", list(exceptions()), ids=lambda kind: kind.__name__)
def test_an_exception_comes_back_with_its_text_and_its_attributes(kind: type[Exception]) -> None:
    error = made(kind)
    error.add_note("seen in a worker")
    assert isinstance(error, Portable), f"{kind.__qualname__}: its first base is kernel.errors.Portable"
    for way in WAYS:
        again = way(error)
        assert type(again) is kind
        assert (again, hash(again), str(again)) == (error, hash(error), str(error))
        assert (vars(again), again.args) == (vars(error), error.args)
    assert error != Exception(*error.args)


def test_exceptions_of_several_packages_are_found() -> None:
    assert {"DefinitionError", "EventRefused", "MergeError", "TlcError"} <= {kind.__name__ for kind in exceptions()}


def refused(state: int) -> object:
    machine = table(TYPES[0], Role.INITIATOR)
    return step(machine, start(machine), Event.RENEGOTIATE)


def wrong(in_flight: int) -> object:
    return World("wrong", (), Network(in_flight=in_flight))


@pytest.mark.slow
@pytest.mark.parametrize("work", [refused, wrong])
def test_an_error_of_a_job_leaves_its_process_pool_usable(work: Callable[[int], object]) -> None:
    with pytest.raises(Exception) as here:  # noqa: PT011
        work(-1)
    with ProcessPoolExecutor(1) as pool:
        with pytest.raises(type(here.value)) as there:
            pool.submit(work, -1).result(30)
        assert pool.submit(len, "abc").result(30) == 3
    assert there.value == here.value


def used(settings: SessionConfig) -> SessionConfig:
    """Return the configuration after computing all of its cached properties."""
    assert settings.driver
    assert settings.machine
    assert settings.events
    assert settings.limits
    return settings


VALUES = [
    used(SessionConfig(TYPES[-1], Role.INITIATOR, GENERATION, Durations(idle_seconds=None), None, held=3)),
    used(SessionConfig(TYPES[0], Role.RESPONDER, OCKAM, variant=table(TYPES[0], Role.RESPONDER))),
    Durations(),
    BackOff(jitter=0.0),
    ConnectionConfig(),
    TcpLimits(frame_bytes=1000),
    RestartPolicy(),
    Message((local("a"),), (local("b"),), b"payload", "context"),
    local("a"),
    Terms(b"", local("a")),
    EndpointUnderTest(TYPES[0], Role.INITIATOR),
    Pace(),
    Network(in_flight=2, faults=("drop",)),
    Envelope("a", "b", "c"),
    conformance.Report("target", ()),
    *TYPES,
    *MACHINES,
    *MACHINES[0].rows,
    *MACHINES[0].counters,
    start(table(TYPES[0], Role.INITIATOR)),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_equal(value: object) -> None:
    for way in WAYS:
        assert way(value) == value


def test_cached_properties_are_not_pickled() -> None:
    (settings, *_), fresh = VALUES, SessionConfig(TYPES[0], Role.RESPONDER)
    assert not {"driver", "machine"} & set(vars(pickle.loads(pickle.dumps(settings))))
    size = len(pickle.dumps(fresh))
    assert len(pickle.dumps(used(fresh))) == size


@pytest.mark.parametrize("symbol", [GENERATION, OCKAM, *State, *Event, *Effect, *Role, *Creation, *Renegotiation])
def test_a_symbol_stays_itself(symbol: object) -> None:
    assert all(way(symbol) is symbol for way in WAYS)
