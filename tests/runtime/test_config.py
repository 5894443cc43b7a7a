"""Configurations: back-off arithmetic, defaults, and wrong values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.arguments import MAX_SECONDS
from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_TRANSIENT,
    TYPES,
    table,
)
from ockam_fsm.machines.vocabulary import Event, Role, SessionType
from ockam_fsm.runtime.encoding.stream_messages import MAX_PULLED_MESSAGES
from ockam_fsm.runtime.node.connections import ConnectionConfig
from ockam_fsm.runtime.node.workers import RestartPolicy
from ockam_fsm.runtime.pipe.sender import PipeConfig
from ockam_fsm.runtime.session.config import MAX_BACK_OFF_STEPS, BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import OCKAM
from ockam_fsm.runtime.stream.consumer import ConsumerConfig
from ockam_fsm.runtime.stream.publisher import PublisherConfig
from ockam_fsm.runtime.stream.worker import StreamConfig

MIDDLE = 0.5


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 1.0), (1, 1.6), (2, 2.56), (3, 4.096), (10, 109.951), (11, 120.0), (1000, 120.0)]
)
def test_the_default_back_off_is_the_one_of_grpc(failures: int, seconds: float) -> None:
    assert BackOff().delay_seconds(failures, MIDDLE) == pytest.approx(seconds, rel=1e-4)


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_jitter_changes_a_delay_by_a_fifth_up_or_down(failures: int, fraction: float) -> None:
    plain = BackOff().delay_seconds(failures, MIDDLE)
    assert 0.8 * plain <= BackOff().delay_seconds(failures, fraction) <= 1.2 * plain


@given(st.integers(0, 20), st.floats(0, 1), st.floats(0, 1))
def test_a_delay_grows_with_the_random_fraction(failures: int, one: float, other: float) -> None:
    shorter, longer = (BackOff().delay_seconds(failures, fraction) for fraction in sorted((one, other)))
    assert shorter <= longer
    assert abs(one - other) < 0.1 or shorter < longer


def test_jitter_takes_its_whole_range() -> None:
    assert BackOff().delay_seconds(0, 0.0) == pytest.approx(0.8)
    assert BackOff().delay_seconds(0, 1.0) == pytest.approx(1.2)
    assert BackOff(jitter=0.0).delay_seconds(3, 0.9) == pytest.approx(4.096)


def test_a_back_off_that_grows_indefinitely_stays_finite() -> None:
    back_off = BackOff(factor=1000.0, max_seconds=MAX_SECONDS)
    assert back_off.delay_seconds(10**9, MIDDLE) == back_off.delay_seconds(MAX_BACK_OFF_STEPS, MIDDLE) == MAX_SECONDS


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), 1e12, "1", True, None])
def test_a_duration_is_a_finite_number_of_seconds(wrong: Any) -> None:
    for name in ("negotiation_seconds", "keepalive_seconds", "retention_seconds", "request_seconds"):
        with pytest.raises(DefinitionError, match=name):
            Durations(**{name: wrong})
    for name in ("initial_seconds", "max_seconds"):
        with pytest.raises(DefinitionError, match=name):
            BackOff(**{name: wrong})


@pytest.mark.parametrize("options", [{"factor": 0.5}, {"factor": "2"}, {"jitter": -0.1}, {"jitter": 2}])
def test_a_back_off_of_wrong_values_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match=next(iter(options))):
        BackOff(**options)


@pytest.mark.parametrize(
    "options", [{"durations": 5}, {"attempts": "5"}, {"held": 1.5}, {"misses": None}, {"requests": True}, {"role": 1}]
)
def test_a_session_config_of_wrong_types_lists_them(options: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match=next(iter(options))):
        SessionConfig(EXPLICIT_TRANSIENT, **{"role": Role.INITIATOR} | options)


def test_a_back_off_of_a_wrong_type_is_refused() -> None:
    with pytest.raises(DefinitionError, match="back_off"):
        Durations(back_off=1.0)  # type: ignore[arg-type]


def problems(kind: SessionType, role: Role = Role.INITIATOR, **options: Any) -> tuple[str, ...]:
    with pytest.raises(DefinitionError) as error:
        SessionConfig(kind, role, **options)
    return error.value.problems


@pytest.mark.parametrize(
    ("kind", "role"), [(EXPLICIT_TRANSIENT, Role.INITIATOR), (EXPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER)]
)
def test_only_a_persistent_initiator_may_have_unlimited_attempts(kind: SessionType, role: Role) -> None:
    assert "unlimited" in problems(kind, role, attempts=None)[0]
    assert SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR, attempts=None).limits["attempts"] is None


def test_a_wrong_configuration_lists_every_problem() -> None:
    found = problems(IMPLICIT_TRANSIENT, attempts=0, held=0, misses=-1)
    assert [problem.split(":")[0] for problem in found] == ["attempts", "held", "held, misses and requests"]


@pytest.mark.parametrize("capacity", [{"held": -1}, {"misses": -1}, {"requests": -1}])
def test_no_capacity_is_negative(capacity: dict[str, Any]) -> None:
    assert "expected at least 0" in problems(EXPLICIT_TRANSIENT, **capacity)[0]


def test_profile_ockam_has_no_two_sided_sessions() -> None:
    assert "profile generation" in problems(EXPLICIT_PERSISTENT_TWO_SIDED, profile=OCKAM)[0]


@pytest.mark.parametrize("kind", TYPES)
def test_messages_are_held_unless_the_session_is_explicit_and_transient(kind: SessionType) -> None:
    settings = SessionConfig(kind, Role.INITIATOR)
    assert settings.held_limit == settings.limits["held"] == (0 if kind is EXPLICIT_TRANSIENT else 1000)
    assert SessionConfig(kind, Role.INITIATOR, held=3).held_limit == 3


def test_a_variant_is_run_in_place_of_the_types_own_table() -> None:
    machine = table(EXPLICIT_TRANSIENT, Role.INITIATOR).with_rows("variant", without=("ZT1",))
    settings = SessionConfig(EXPLICIT_TRANSIENT, Role.INITIATOR, variant=machine)
    assert (settings.machine, settings.driver.machine) == (machine, machine)
    assert settings.events == frozenset(machine.events)


def test_sessions_of_one_table_share_one_driver() -> None:
    one, other = (
        SessionConfig(EXPLICIT_TRANSIENT, Role.INITIATOR),
        SessionConfig(EXPLICIT_TRANSIENT, Role.INITIATOR, misses=9),
    )
    assert one.driver is other.driver
    assert Event.HELLO_NEWER not in one.events


def test_a_persistent_responder_needs_a_profile_with_session_ids() -> None:
    (problem,) = problems(EXPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER, profile=OCKAM)
    assert "transient" in problem


a_consumer = partial(ConsumerConfig, "stream", "group")
MAKERS: tuple[Callable[..., Any], ...] = (
    BackOff, Durations, ConnectionConfig, RestartPolicy, PipeConfig, PublisherConfig, StreamConfig, a_consumer,
)  # fmt: skip
NUMBERS = tuple(
    (make, one.name) for make in MAKERS for one in fields(make()) if "int" in str(one.type) or "float" in str(one.type)
)
NO_NUMBERS = st.sampled_from(("1", float("nan"), float("-inf"), b"", [1])) | st.integers(max_value=-1)


@given(st.sampled_from(NUMBERS), NO_NUMBERS)
@settings(derandomize=True, database=None, deadline=None, max_examples=300)
def test_every_number_of_a_config_is_checked_and_named(number: tuple[Callable[..., Any], str], wrong: object) -> None:
    """The error names the field and the problem."""
    make, name = number
    with pytest.raises(DefinitionError, match=name) as caught:
        make(**{name: wrong})
    assert any(name in problem for problem in caught.value.problems)
    assert isinstance(caught.value.subject, str)


COUNTS: tuple[tuple[Callable[..., Any], str, int, int | None], ...] = (
    (PipeConfig, "window", 1, None), (PipeConfig, "capacity", 1, None), (PublisherConfig, "window", 1, None),
    (StreamConfig, "pending", 1, None), (ConnectionConfig, "held", 0, None), (ConnectionConfig, "held_bytes", 0, None),
    (RestartPolicy, "restarts", 0, None), (a_consumer, "limit", 1, MAX_PULLED_MESSAGES), (a_consumer, "tries", 1, None),
    (a_consumer, "first_index", 0, 2**64 - 1), (a_consumer, "partition", 0, 2**64 - 1),
)  # fmt: skip
"""The class of a configuration, a count in it, and the least and the greatest value."""


@given(st.sampled_from(COUNTS), st.integers(-2, 3), st.booleans())
@settings(derandomize=True, database=None, deadline=None, max_examples=200)
def test_a_count_goes_from_its_least_to_its_greatest_value(
    count: tuple[Callable[..., Any], str, int, int | None], off: int, far: bool
) -> None:
    make, name, least, most = count
    value = most + off if far and most is not None else least + off
    if value < least or (most is not None and value > most):
        with pytest.raises(DefinitionError, match=name) as caught:
            make(**{name: value})
        assert all(isinstance(problem, str) for problem in (caught.value.subject, *caught.value.problems))
    else:
        assert getattr(make(**{name: value}), name) == value


OTHERS: tuple[tuple[Callable[..., Any], str, bool], ...] = (
    (Durations, "back_off", False), (RestartPolicy, "back_off", False), (PublisherConfig, "retry", False),
    (StreamConfig, "back_off", False), (PipeConfig, "resend", True),
    (lambda stream_name: ConsumerConfig(stream_name, "group"), "stream_name", False),
    (lambda client_id: ConsumerConfig("stream", client_id), "client_id", False),
)  # fmt: skip
"""The class of a configuration, a field that is not a number, and whether it may be None."""


@given(st.sampled_from(OTHERS), st.sampled_from((None, 1.0, b"1 s", ["1"])))
@settings(derandomize=True, database=None, deadline=None, max_examples=60)
def test_every_other_value_of_a_config_is_checked_and_named(
    part: tuple[Callable[..., Any], str, bool], wrong: Any
) -> None:
    make, name, optional = part
    if wrong is None and optional:
        assert getattr(make(**{name: None}), name) is None
        return
    with pytest.raises(DefinitionError, match=name) as caught:
        make(**{name: wrong})
    assert all(isinstance(problem, str) for problem in (caught.value.subject, *caught.value.problems))


BOUNDS: tuple[tuple[Callable[..., Any], str, float, float], ...] = (
    (BackOff, "factor", 1, 1000), (BackOff, "jitter", 0, 1), (BackOff, "initial_seconds", 0.001, MAX_SECONDS),
    (BackOff, "max_seconds", 0.001, MAX_SECONDS), (RestartPolicy, "quiet_seconds", 0, MAX_SECONDS),
    (ConnectionConfig, "connect_seconds", 0.001, MAX_SECONDS), (ConnectionConfig, "idle_seconds", 0.001, MAX_SECONDS),
    (a_consumer, "request_seconds", 0.001, MAX_SECONDS), (a_consumer, "poll_seconds", 0.001, MAX_SECONDS),
)  # fmt: skip
"""The class of a configuration, a measure in it, and the least and the greatest value."""


@given(st.sampled_from(BOUNDS), st.floats(0, 1), st.sampled_from((None, -1.0, 1.0)))
@settings(derandomize=True, database=None, deadline=None, max_examples=200)
def test_a_measure_goes_from_its_least_to_its_greatest_value(
    bounds: tuple[Callable[..., Any], str, float, float], within: float, beyond: float | None
) -> None:
    make, name, least, most = bounds
    if beyond is None:
        value = min(most, least + within * (most - least))
        assert getattr(make(**{name: value}), name) == value
    else:
        with pytest.raises(DefinitionError, match=name):
            make(**{name: least - 1e-6 * (1 + within) if beyond < 0 else most * (1 + 1e-6) + within})
