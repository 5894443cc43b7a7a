"""The automaton of the reference end, from which test sequences for every transition are generated.

Theory (the W method of Chow and Vasilevskii, with a set of words for each state as in Fujiwara's Wp): the reference end
is a deterministic automaton whose inputs are the stimuli and whose outputs are the observable ones. A *word* is a
sequence of inputs. A *cover* is a shortest word to each state, followed by each input. A *characterising* word of two
states is one with different outputs in them. A target that has the outputs of the reference for every cover word,
followed by the characterising words of the state that it should be in, has all transitions of the reference, provided
that it has no more states.

Rule 1: states are snapshots of the reference end without names: addresses, numbers, the time of day. Of timers, a state
        has the order in which they are due, and whether the next is due shortly. So the same word may lead to another
        state at another time; a test is weaker then, and never wrong, since the expected outputs come from the
        reference end that runs with the target.
Rule 2: inputs without effect and output are tried in one word, from each state; only if that word fails, each alone.
Limit: a stimulus is made for the state of the reference end. A target in a wrong state may take its bytes for another
       event; it still has to have the outputs of the right state.
Limit: one request is open at a time, to keep the automaton small; random runs have more (`random_runs.py`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from ockam_fsm.conformance.generation.peer import Peer, Stimulus, perform, singles
from ockam_fsm.conformance.generation.stimuli import stimuli_of
from ockam_fsm.conformance.reference.instrumentation import Fired, read, with_recording_driver
from ockam_fsm.conformance.reference.reference_end import ReferenceEnd
from ockam_fsm.conformance.target import EndpointUnderTest, Output
from ockam_fsm.machines.vocabulary import Event, Role, State
from ockam_fsm.runtime.encoding.message import Address, local
from ockam_fsm.runtime.session.commands import Deliver, Established, Notify, Send, Timer
from ockam_fsm.runtime.session.handshake import Profile
from ockam_fsm.runtime.session.link import Link, Purpose
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import Answer

Word: TypeAlias = tuple[str, ...]
Answered: TypeAlias = tuple[Hashable, ...]


FIRST_STEPS = 2


class NamelessState(NamedTuple):
    """A state without names (Rule 1)."""

    counted: tuple[Hashable, ...]
    """Counters and flags that may change without a change of the session's state."""
    known: tuple[Hashable, ...]
    timers: tuple[Hashable, ...]
    soon: bool


class Count(NamedTuple):
    """One value of `NamelessState.counted`, before and after an input."""

    place: int
    before: Hashable
    after: Hashable


Cell: TypeAlias = tuple[State, Event, str]
"""A state and event of the table, with the id of the row that decides; empty if no row does."""


class Edge(NamedTuple):
    """The effect of one input in one state: the outputs, the next state, the cells of the table, and counters."""

    answered: Answered
    target: int
    cells: tuple[Cell, ...] = ()
    counted: tuple[Count, ...] = ()


@dataclass
class Counted:
    made: int = 0

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        self.made += 1
        return local(f"own/{self.made}")

    def fraction(self) -> float:
        return 0.5


@dataclass
class Automaton:
    """The explored reference end. State 0 is the first; `words[s]` leads to state `s`; `edges[s][name]` is the effect
    of an input."""

    stimuli: Mapping[str, Stimulus]
    words: list[Word] = field(default_factory=lambda: [()])
    edges: list[dict[str, Edge]] = field(default_factory=list)

    def silent(self, state: int) -> Word:
        """The inputs without effect and output."""
        return tuple(name for name, edge in self.edges[state].items() if not self.is_loud(state, edge))

    @staticmethod
    def is_loud(state: int, edge: Edge) -> bool:
        return bool(edge.answered) or edge.target != state


def automaton_of(endpoint: EndpointUnderTest) -> Automaton:
    """Explore the reference end breadth first, so that every word is a shortest one. Of a restarted end only the first
    steps are explored, in which its memory shows."""
    return explored_by(endpoint, stimuli_of(endpoint.settings.events), ReferenceEnd)


@cache
def explored_by(endpoint: EndpointUnderTest, stimuli: tuple[Stimulus, ...], end: type[ReferenceEnd]) -> Automaton:
    """Like `automaton_of`, for a tester limited to `stimuli` and a reference end of class `end`."""
    found = Automaton({one.name: one for one in stimuli})
    settings = with_recording_driver(endpoint.settings)
    peer = Peer(end(endpoint, Counted(), settings=settings))
    keys = [key_of(peer)]
    known = {keys[0]: 0}
    images = [_image(peer)]
    for state, image in enumerate(images):  # the list grows meanwhile
        if endpoint.remembered and len(found.words[state]) > FIRST_STEPS:
            break
        found.edges.append({})
        for name, stimulus in found.stimuli.items():
            _restore(peer, image)
            settings.driver.fired.clear()
            answered = _answer(peer, stimulus) if _offered(peer, stimulus) else None
            if answered is None:
                continue
            key = key_of(peer)
            if key not in known:
                known[key] = len(images)
                keys.append(key)
                images.append(_image(peer))
                found.words.append((*found.words[state], name))
            cells = _cells(settings.driver.fired)
            found.edges[state][name] = Edge(answered, known[key], cells, tuple(_counts(keys[state], key)))
    return found


def _counts(before: NamelessState, after: NamelessState) -> Iterator[Count]:
    for place, (one, other) in enumerate(zip(before.counted, after.counted, strict=False)):
        yield Count(place, one, other)


def _cells(fired: Sequence[Fired]) -> tuple[Cell, ...]:
    return tuple((one.state, one.event, getattr(one.decision, "id", "")) for one in fired)


def _offered(peer: Peer, stimulus: Stimulus) -> bool:
    session = peer.session
    return not (stimulus.name.startswith("request") and session is not None and session.requests)


def _answer(peer: Peer, stimulus: Stimulus) -> Answered | None:
    """The outputs of the reference end; None where the stimulus is not possible."""
    action = stimulus.build(peer)
    if action is None:
        return None
    refused = [perform(peer.end, single) for single in singles(action)][-1]
    peer.end.advance(0.0)
    outputs = peer.end.take_outputs()
    peer.observe()
    kinds = tuple(sorted((kind for one in outputs if (kind := _kind(one, peer.profile))), key=repr))
    return (("refused",), *kinds) if refused else kinds


def _kind(output: Output, profile: Profile) -> tuple[Hashable, ...]:
    match output:
        case Send(message):
            signal = read(message, profile)
            return (type(signal).__name__, signal.resumed) if isinstance(signal, Answer) else (type(signal).__name__,)
        case Notify(Established(_, resumed)):
            return ("established", resumed)
        case Notify(notice):
            return (type(notice).__name__,)
        case Deliver():
            return ("delivery",)
    return ("dead letter",)


_Image: TypeAlias = tuple[Any, dict[str, Any]]


def _image(peer: Peer) -> _Image:
    known = {name: copy(value) for name, value in vars(peer).items() if name != "end"}
    return peer.end.snapshot(), known


def _restore(peer: Peer, image: _Image) -> None:
    snapshot, known = image
    peer.end.restore(snapshot)
    vars(peer).update({name: copy(value) for name, value in known.items()})


def key_of(peer: Peer) -> NamelessState:
    session, end = peer.session, peer.end
    due_in_order = sorted((due, type(timer).__name__, timer) for (_, timer), due in end.timers.items())
    timers = tuple(timer if isinstance(timer, Timer) else kind for _, kind, timer in due_in_order)
    if session is None:
        return NamelessState((), (), timers, end.soon())
    counted = (
        session.attempts == session.limits["attempts"], session.misses, session.usable, session.resting,
        session.has_state, session.back_off_step > 0, len(session.waiting),
    )  # fmt: skip
    known = (
        session.state, session.seen == (0, Role.RESPONDER),
        _link(session, session.attempt), _link(session, session.current),
        any(again for _, again in session.waiting),
        tuple((request.state, request.reissue) for request in session.requests.values()),
    )  # fmt: skip
    return NamelessState(counted, known, timers, end.soon())


def _link(session: Session, link: Link | None) -> Hashable:
    return None if link is None else (session.is_own(link), link.resumed, bool(link.route))
