"""Property-based tests of an implementation with Hypothesis, for its own test suite.

    from ockam_fsm.conformance import stateful

    TestMyEnd = stateful(MyEnd, "explicit-transient", "initiator").TestCase

Theory: `check_initiator` and the other kits draw the same runs everywhere. A state machine of Hypothesis draws new runs
each time, keeps a failing one, tries it first, and has the settings of the test suite. Each stimulus is a rule, so a
failure is printed as the calls that lead to it.

Rule 1: after each step the outputs of the end and of the reference end have to be equal. A difference fails with its
        clause and the sequence chart of the run.
Rule 2: a run begins with a test sequence to some state of the table, so that Hypothesis need not find it by chance.
Rule 3: a stimulus that is not possible now does nothing; shrinking removes it.
Left out: pairs and restarts (`check_pair`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ockam_fsm.conformance.generation.automaton import Word
from ockam_fsm.conformance.generation.hostile import hostile_to
from ockam_fsm.conformance.generation.peer import Stimulus
from ockam_fsm.conformance.generation.sequences import input_sequences
from ockam_fsm.conformance.generation.stimuli import HOSTS, stimuli_of
from ockam_fsm.conformance.inprocess.chart import reproduction
from ockam_fsm.conformance.inprocess.lockstep import Lockstep
from ockam_fsm.conformance.oracle.attribution import clause_of
from ockam_fsm.conformance.report.clauses import BY_ID
from ockam_fsm.conformance.target import EndpointUnderTest, TargetFactory
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT, TYPES
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.projections.sequence_text import attach
from ockam_fsm.runtime.session.handshake import GENERATION, PROFILES, Profile
from ockam_fsm.tools.watchdog import Calls

if TYPE_CHECKING:
    from hypothesis.stateful import RuleBasedStateMachine
    from hypothesis.strategies import SearchStrategy

MOST_WORDS = 8
"""The longest sequence to a state with which a run may begin; longer ones reach the limit of a counter."""
NO_HYPOTHESIS = "Hypothesis is not installed: pip install 'ockam-fsm[conformance]'"


def stateful(
    make: TargetFactory,
    kind: SessionType | str = EXPLICIT_TRANSIENT,
    role: Role | str = Role.INITIATOR,
    profile: Profile | str = GENERATION,
) -> type[RuleBasedStateMachine]:
    """Return a Hypothesis state machine that judges ends of `make`; its `TestCase` is a test for pytest and unittest.

    Types, roles and profiles may be given by their names.

    Raises:
        LocalSessionError: Hypothesis is not installed, or the type, role or profile does not exist.
        Unsupported: `make` does not support this end.
    """
    try:
        from hypothesis import strategies
        from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
    except ImportError:
        raise LocalSessionError(NO_HYPOTHESIS) from None
    endpoint = _endpoint(kind, role, profile)
    known = {one.name: one for one in _stimuli(endpoint, make)}

    def ruled(stimulus: Stimulus) -> Callable[[Any], None]:
        def step(machine: Any) -> None:
            _take(machine.lockstep, stimulus)

        step.__name__ = step.__qualname__ = _identifier(stimulus.name)
        return rule()(step)

    class Conforms(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.lockstep = Lockstep(endpoint, make, {}, Calls())

        @initialize(way=strategies.sampled_from(_ways(endpoint, make)))
        def begin(self, way: Word) -> None:
            for name in way:
                _take(self.lockstep, known[name])

    rules = {_identifier(one.name): ruled(one) for one in known.values()}
    return type(f"Conforms_{_identifier(endpoint.name)}", (Conforms,), rules)


def sequences(
    make: TargetFactory,
    kind: SessionType | str = EXPLICIT_TRANSIENT,
    role: Role | str = Role.INITIATOR,
    profile: Profile | str = GENERATION,
) -> SearchStrategy[list[str]]:
    """Return a Hypothesis strategy for lists of stimulus names, as in `again`. Raises the errors of `stateful`."""
    try:
        from hypothesis import strategies
    except ImportError:
        raise LocalSessionError(NO_HYPOTHESIS) from None
    names = [one.name for one in _stimuli(_endpoint(kind, role, profile), make)]
    return strategies.lists(strategies.sampled_from(names))


def _stimuli(endpoint: EndpointUnderTest, make: TargetFactory) -> tuple[Stimulus, ...]:
    return (*stimuli_of(endpoint.settings.events), *HOSTS, *hostile_to(make(endpoint).features))


def _ways(endpoint: EndpointUnderTest, make: TargetFactory) -> list[Word]:
    """Test sequences to the states of the table, the shortest first, since Hypothesis shrinks to the first."""
    ways = {one.way for one in input_sequences(endpoint, make(endpoint).features, thorough=False)} | {()}
    return sorted((way for way in ways if len(way) <= MOST_WORDS), key=lambda way: (len(way), way))


def _take(lockstep: Lockstep, stimulus: Stimulus) -> None:
    """Carry out one step. Raises AssertionError: the end differs from the reference."""
    lockstep.step(stimulus)
    if not lockstep.steps or not (last := lockstep.steps[-1]).differences:
        return
    clause = BY_ID[clause_of(last, lockstep.endpoint)]
    differences = "; ".join(map(str, last.differences))
    error = AssertionError(f"clause {clause.id} {clause.title}: {stimulus.name}: {differences}\n{clause.link}")
    attach(reproduction(lockstep.endpoint, lockstep.steps).chart, error)
    raise error


def _endpoint(kind: SessionType | str, role: Role | str, profile: Profile | str) -> EndpointUnderTest:
    kinds, roles = {one.name: one for one in TYPES}, {one.name.lower(): one for one in Role}
    return EndpointUnderTest(
        _named("session type", kind, kinds), _named("role", role, roles), _named("profile", profile, PROFILES)
    )


def _named(what: str, given: Any, known: Any) -> Any:
    if not isinstance(given, str):
        return given
    if given not in known:
        raise LocalSessionError(f"there is no {what} {given!r}; known: {', '.join(known)}")
    return known[given]


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_")
