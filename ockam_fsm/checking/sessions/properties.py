"""The properties of sessions, and which of them apply to a type and profile.

The safety properties of one session are in `ockam_fsm/safety`; here each is applied to every session in every step. The
others are stated here: S7, S36 and S37 of secure channels, and the R and W properties.
Left out: S10 and S14 (node_world.py), which need more than two workers; S15 and R4, which need a stream.
Source: spec/sessions.md section 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ockam_fsm.checking.properties import (
    Property,
    always,
    always_step,
    recoverable,
    sometimes,
    sometimes_step,
)
from ockam_fsm.checking.sessions import authenticity as authentic
from ockam_fsm.checking.sessions import liveness as live
from ockam_fsm.checking.sessions.explored_steps import any_session, every_session, reaches_one
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER, End
from ockam_fsm.checking.sessions.step_facts import StepPredicate, arrival
from ockam_fsm.checking.sessions.symbolic_channel import SymbolicProfile
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.safety.links import route_to_each_other
from ockam_fsm.safety.properties import SafetyProperty, safety_of

BOTH = (INITIATOR, RESPONDER)
BROADER: Mapping[str, Callable[[PairConfig], StepPredicate]] = {
    "S12": lambda config: lambda step: len(step.after.sessions) <= max(config.capacity, 1),
    "S28": lambda config: lambda step: arrival(step) is None or bool(step.records) or reaches_one(step, config),
}
"""Further conditions of these properties on a whole end: its responders, and messages that reach no session."""


def safety(config: PairConfig) -> list[Property]:
    """The S properties that apply to a type and profile, in the order of their numbers. S22 is judged where a refused
    order is a step (`PairConfig.refusals`)."""
    judged = [one for one in safety_of(config.session_type) if config.refusals or not one.judges_refusals]
    found = [always_step(one.id, one.sentence, _of_every_session(config, one)) for one in judged]
    found.append(always("S7", "established ends of one generation route to each other", ends_agree, over=BOTH))
    return sorted(found, key=lambda one: int(one.id.removeprefix("S")))


def _of_every_session(config: PairConfig, one: SafetyProperty) -> StepPredicate:
    each = every_session(config, one.is_kept_by)
    if one.id not in BROADER:
        return each
    broader = BROADER[one.id](config)
    return lambda step: each(step) and broader(step)


def ends_agree(initiator: End, responder: End) -> bool:
    mine = initiator.session
    if mine is None or mine.state is not State.ESTABLISHED:
        return True
    established = (theirs for _, theirs in responder.sessions if theirs.state is State.ESTABLISHED)
    return all(
        mine.current is not None and theirs.current is not None and route_to_each_other(mine.current, theirs.current)
        for theirs in established
    )


def authenticity(config: PairConfig) -> Iterator[Property]:
    """The properties of secure channels; none for other profiles."""
    profile = config.profile
    if not isinstance(profile, SymbolicProfile):
        return
    yield always_step(
        "S36",
        "a message delivered in a channel was written by the peer of that handshake, and is delivered once",
        authentic.delivered_once(profile),
    )
    yield always_step(
        "S37",
        "a message that is forged, replayed, reflected or out of its window is a dead letter and changes nothing",
        authentic.strangers_change_nothing(profile),
    )
    yield recoverable(
        "R8",
        "the ends of an established pair with budget left receive each other's messages again; a transient pair may "
        "close instead",
        authentic.hear_each_other(profile, persistent=config.session_type.persistent),
        over=BOTH, given=live.established_with_budget(config),
    )  # fmt: skip


def recoverability(config: PairConfig) -> Iterator[Property]:
    """The R properties that apply to a type and profile."""
    yield recoverable(
        "R1", "an opened initiator becomes established, closed, or rests with nothing held",
        live.settled, over=BOTH, given=live.opened(config),
    )  # fmt: skip
    if config.session_type.persistent:
        yield recoverable(
            "R2", "an opened persistent pair with budget left becomes established in one generation",
            live.established_together, over=BOTH, given=live.has_budget(config),
        )  # fmt: skip
    yield recoverable("R3", "every request is resolved", live.no_request, over=BOTH, given=live.has_request)
    yield recoverable(
        "R5", "no responder stays indefinitely without a live peer",
        live.not_orphaned, over=BOTH, given=live.orphaned,
    )  # fmt: skip


def witness(name: str, config: PairConfig) -> Property:
    """One W property by name; `W2:REASON` requires a renegotiation after a failure with that reason."""
    profile = config.profile
    if name.startswith("W2:"):
        reason = name.removeprefix("W2:")
        return sometimes_step(name, f"renegotiated after: {reason}", live.renegotiated_after(reason))
    steps = {
        "W3": ("a collision occurs", live.collision(profile)),
        "W4": ("a stale response arrives and is ignored", live.stale_response(profile)),
        "W5": ("a held message is forwarded", any_session(config, live.forwards_held)),
        "W6": ("the budget of attempts is exhausted", live.exhausted),
        "W7": ("an orphaned responder is reaped", live.reaped),
        "W9": ("a superseded end catches up", live.catches_up(profile)),
        "W23": ("a full host refuses a hello", live.is_full),
    }
    if name == "W1":
        return sometimes("W1", "both ends are established in one generation", live.established_together, over=BOTH)
    sentence, predicate = steps[name]
    return sometimes_step(name, sentence, predicate)
