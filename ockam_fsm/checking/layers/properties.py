"""The properties of a session over another session: those of the session above, and those between the two layers.

Theory: the predicates of `checking/sessions` are applied to each input of the session above, as if its world had no
layer below (`inputs.py`). The properties between the layers are new: S38 to S40, W19 to W22, R9.

Rule 1: a predicate reads images, events, commands and frames, and never calls the code under test.
Left out: properties of sessions whose events these worlds lack: no requests (S8, R3), no generation
recorded with data (S9), no withdrawn messages (S29), no refused orders (S22). Where nothing is sent above, S1, S11
and S13 are left out too.
Source: spec/sessions.md sections 8 and 11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ockam_fsm.checking.layers.images import LayersEnd, WorkerImage
from ockam_fsm.checking.layers.inputs import SessionInput, each_input, inputs_of
from ockam_fsm.checking.layers.setup import ABOVE, BELOW, BOTH, Frame, LayersSetup
from ockam_fsm.checking.properties import Property, Step, always, always_step, recoverable, sometimes, sometimes_step
from ockam_fsm.checking.sessions import liveness as live
from ockam_fsm.checking.sessions.properties import recoverability, safety, witness
from ockam_fsm.checking.sessions.session_actors import INITIATOR, End
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.encoding.message import Address, Message
from ockam_fsm.runtime.session.commands import Send
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.signals import Error
from ockam_fsm.safety.links import live_links

LEFT_OUT, OF_DATA = ("S8", "S9", "S29", "R3"), ("S1", "S11", "S13")
ERROR_TAG = GENERATION.encode(Error(""))[:1]
LIVE_STATES = (State.ESTABLISHED, State.TIMED_OUT, State.RENEGOTIATING)
"""The states of a session that others may rely on. A failed transient session (TIMED_OUT) ends with its next timer."""

TwoEnds = Callable[[LayersEnd, LayersEnd], bool]


def of_the_session_above(setup: LayersSetup, *, sends: bool) -> Iterator[Property]:
    """Yield the S and R properties of its type, for its ends and each of its inputs. `sends`: data is sent over it."""
    config = setup.above
    data = (witness("W5", config),) if sends else ()
    for one in (*safety(config), *recoverability(config), *data):
        if one.id in LEFT_OUT or (one.id in OF_DATA and not sends):
            continue
        if one.reads_steps:
            yield each_input(ABOVE, one)
        else:
            given = None if one.given is None else _above(one.given)
            holds = _above(one.predicate)
            yield replace(one, predicate=_or_closed(holds) if one.id == "R1" else holds, given=given)


def _or_closed(settled: TwoEnds) -> TwoEnds:
    """Return `settled`, or true where the initiator's session has closed: a node keeps no closed session."""
    return lambda initiator, responder: not initiator.of(ABOVE) or settled(initiator, responder)


def _above(holds: Callable[[End, End], object]) -> TwoEnds:
    return lambda initiator, responder: bool(holds(initiator.end_of(ABOVE), responder.end_of(ABOVE)))


# Between the layers ---------------------------------------------------------------------------------------------------


def on_live_session(*ends: LayersEnd) -> bool:
    """S38: a session that is established over another one routes over a live session."""
    return all(
        _on_live_session(end, one) for end in ends for one in end.of(ABOVE) if one.session.state is State.ESTABLISHED
    )


def _on_live_session(end: LayersEnd, above: WorkerImage) -> bool:
    current = above.session.current
    below = end.at(current.route[0]) if current is not None and current.route else None
    return below is not None and below.layer == BELOW and below.session.state in LIVE_STATES


def via_outer_address(step: Step) -> bool:
    """S39: a route learned above begins with the outer address of a session below, and the node sends nothing but the
    messages of the sessions below, and errors for them."""
    outers = {one.outer for end in (step.before, step.after) for one in end.of(BELOW)}
    learned = [link for given in inputs_of(step, ABOVE) for link in _learned(given)]
    said = [_beyond(step.actor, command.message) for command in _sends(step)]
    frames = [one.payload.message for one in step.sent if isinstance(one.payload, Frame)]
    known = all((message.onward_route, message.payload) in said or message.payload[:1] == ERROR_TAG
                for message in frames)  # fmt: skip
    return known and all(link.route[0] in outers for link in learned)


def _learned(given: SessionInput) -> Iterator[Link]:
    before = live_links(given.before)
    return (link for link in live_links(given.after) if link.route and link not in before)


def _sends(step: Step) -> Iterator[Send]:
    return (command for given in inputs_of(step, BELOW) for command in given.commands if isinstance(command, Send))


def _beyond(actor: str, message: Message) -> tuple[tuple[Address, ...], bytes]:
    """Return the message as it is sent on the connection at the head of its route."""
    return message.onward_route[1:], message.payload


def loss_is_end(step: Step) -> bool:
    """S40: a session above is notified of a loss only if the session below that it relied on has ended. An end that
    falls back to its known generation is notified late (clause 3.11)."""
    losses = (given for given in inputs_of(step, ABOVE) if given.reports_a_loss)
    return all(is_gone(step, address) for given in losses for address in _relied_on(given))


def _relied_on(given: SessionInput) -> tuple[Address, ...]:
    """Return the sessions below at the head of its routes; a starter's hellos follow its initialization route."""
    links = live_links(given.before)
    return tuple(link.route[0] if link.route else given.before.initialization_route[0] for link in links)


def is_gone(step: Step, outer: Address) -> bool:
    """Return whether, after the step, no session below has this outer address, or a new one has it."""
    return step.after.at(outer) is None or step.before.made != step.after.made


def both_together(initiator: LayersEnd, responder: LayersEnd) -> bool:
    """Return whether both layers are established together and the upper one routes over the lower one at both ends."""
    ends = [(initiator.end_of(layer), responder.end_of(layer)) for layer in (BELOW, ABOVE)]
    return all(live.established_together(*pair) for pair in ends) and on_live_session(initiator, responder)


def hopeful(setup: LayersSetup) -> TwoEnds:
    """Return the premise of R9: a persistent session above was opened and has budget left; or a transient one above is
    established and the session below has budget left."""
    budget = live.has_budget(setup.above if setup.above.session_type.persistent else setup.below)

    def holds(initiator: LayersEnd, responder: LayersEnd) -> bool:
        if setup.above.session_type.persistent:
            return budget(initiator.end_of(ABOVE), responder.end_of(ABOVE))
        above = live.established_together(initiator.end_of(ABOVE), responder.end_of(ABOVE))
        return above and budget(initiator.end_of(BELOW), responder.end_of(BELOW))

    return holds


# Witnesses ------------------------------------------------------------------------------------------------------------


def survives_renegotiation(step: Step) -> bool:
    """W20: the session below is renegotiated, and the one above stays established in the same generation."""
    again = any(
        given.before.state is State.RENEGOTIATING and given.after.state is State.ESTABLISHED
        for given in inputs_of(step, BELOW)
    )
    above = [[(one.session.state, one.session.current) for one in end.of(ABOVE)] for end in (step.before, step.after)]
    return again and above[0] == above[1] and any(state is State.ESTABLISHED for state, _ in above[0])


def fails_with_below(step: Step) -> bool:
    """W21: the session below ends, and the one above fails."""
    losses = [given for given in inputs_of(step, ABOVE) if given.reports_a_loss]
    failed = [g for g in losses if g.before.state is State.ESTABLISHED and g.after.state is not State.ESTABLISHED]
    return step.actor == INITIATOR and bool(failed)


def is_over_new_session(step: Step) -> bool:
    """W22: a persistent session above is established again over a new session below."""
    again = any(
        given.before.state is State.RENEGOTIATING and given.after.state is State.ESTABLISHED
        for given in inputs_of(step, ABOVE)
    )
    return step.actor == INITIATOR and again and step.after.made > 1


ON_LIVE_SESSION = always(
    "S38", "a session that is established over another one routes over a live session", on_live_session, over=BOTH
)
VIA_OUTER_ADDRESS = always_step(
    "S39", "traffic over a session below goes through its outer address; none bypasses it", via_outer_address
)
LOSS_IS_END = always_step(
    "S40", "a session above is notified of a loss only when the one below that it relied on has ended", loss_is_end
)
TOGETHER = sometimes("W19", "both layers are established together", both_together, over=BOTH)
SURVIVES_RENEGOTIATION = sometimes_step(
    "W20", "a session below is renegotiated, and the one above stays established", survives_renegotiation
)
FAILS_WITH_BELOW = sometimes_step("W21", "a session below ends, and the one above fails", fails_with_below)
OVER_NEW_SESSION = sometimes_step(
    "W22", "a persistent session is established again over a new session below", is_over_new_session
)


def between_the_layers(setup: LayersSetup, *witnesses: Property) -> tuple[Property, ...]:
    """Return the properties between the layers, with these witnesses."""
    comes_back = recoverable(
        "R9", "a persistent session with budget left, above or below, re-establishes both layers together",
        both_together, over=BOTH, given=hopeful(setup),
    )  # fmt: skip
    return ON_LIVE_SESSION, VIA_OUTER_ADDRESS, LOSS_IS_END, comes_back, TOGETHER, *witnesses
