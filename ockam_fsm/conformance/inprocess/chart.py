"""Reproductions of the in-process kit: a run as a sequence chart, with its bytes and a program that repeats it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ockam_fsm.conformance.generation.peer import Arrive, Do, Wait, singles
from ockam_fsm.conformance.oracle.oracle import Stepped
from ockam_fsm.conformance.report.findings import Reproduction, Transmission
from ockam_fsm.conformance.target import EndpointUnderTest
from ockam_fsm.projections.sequence import Chart, Moment, MomentKind

KIT, TARGET = "kit", "target"


def reproduction(endpoint: EndpointUnderTest, steps: Sequence[Stepped]) -> Reproduction:
    moments = tuple(moment for step in steps for moment in _moments(step))
    names = [step.stimulus.name for step in steps]
    chart = Chart(
        "reproduction", endpoint.name, f"The messages and notices of {endpoint.name}.", (KIT, TARGET), moments
    )
    transmissions = tuple(
        Transmission(KIT, TARGET, single.message.payload, step.stimulus.name)
        for step in steps
        for single in singles(step.action)
        if isinstance(single, Arrive)
    )
    return Reproduction(chart, transmissions, program=_program(endpoint, names))


def _moments(step: Stepped) -> Iterator[Moment]:
    for single in singles(step.action):
        match single:
            case Arrive():
                yield Moment(MomentKind.MESSAGE, KIT, step.stimulus.name, TARGET, refused=not step.expected)
            case Wait(seconds):
                yield Moment(MomentKind.NOTE, TARGET, f"{seconds:g} s pass")
            case Do(order):
                yield Moment(MomentKind.ORDER, TARGET, order.what.value)
    for output in step.actual:
        if output.channel in ("signal", "data"):
            yield Moment(MomentKind.MESSAGE, TARGET, output.kind, KIT)
        else:
            yield Moment(MomentKind.STATE, TARGET, output.kind)
    for difference in step.differences:
        yield Moment(MomentKind.NOTE, TARGET, f"{difference.problem}: {difference.kind}")


def _program(endpoint: EndpointUnderTest, names: Sequence[str]) -> str:
    """A Python program that repeats the run; `make` is the caller's."""
    lines = ",\n".join(f"    {name!r}" for name in names)
    kind, role = endpoint.session_type.name, endpoint.role.name
    restarted = ", restarted=True" if endpoint.remembered else ""
    return (
        "from ockam_fsm.conformance import again\n\n"
        f"print(again(make, {kind!r}, {role!r}, {endpoint.profile.name!r}, [\n{lines},\n]{restarted}))\n"
    )
