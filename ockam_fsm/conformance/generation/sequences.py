"""Test sequences from an automaton: covers, followed by characterising words (theory: automaton.py).

Rule 1: shorter words come first, so that the first failure is the shortest reproduction.
Rule 2: before the tried input, time passes until shortly before a timer is due; at the end, the word waits until just
        before timers are due, and until they expire. Only so a timer shows that was not restarted or not stopped.
Rule 3: a wrong target may have state that the reference does not have (a message that it should have discarded, a
        count, a route), which characterising words may not reveal. So endings (`_endings`) reveal it: the hold queue is
        filled, the session fails, is negotiated again, retries until it gives up, and is closed.
Rule 4: a word with one request is also tried with the largest number of open requests.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

from ockam_fsm.conformance.generation.automaton import Answered, Automaton, Edge, Word, automaton_of
from ockam_fsm.conformance.generation.hostile import hostile_to
from ockam_fsm.conformance.generation.stimuli import ELAPSE, HOSTS, MOMENT, NOT_YET, QUIET
from ockam_fsm.conformance.target import EndpointUnderTest, Feature
from ockam_fsm.machines.vocabulary import Role

OutputWord: TypeAlias = tuple[Answered, ...]

WAIT: Word = (NOT_YET.name, ELAPSE.name)
_PROBES: Word = ("data in an ended generation", "data in the generation before")
LATER: Word = (*_PROBES, *WAIT, *WAIT, QUIET.name, *_PROBES)


class InputSequence(NamedTuple):
    """One test sequence: a word to a state, the tried inputs, and a word that reveals the next state."""

    way: Word
    tried: Word
    tail: Word

    @property
    def word(self) -> Word:
        return (*self.way, *self.tried, *self.tail)


def response(automaton: Automaton, state: int, word: Sequence[str]) -> OutputWord:
    """The outputs of the automaton for a word; impossible inputs have none and no effect."""
    answers = []
    for name in word:
        edge = automaton.edges[state].get(name, Edge((), state))
        answers.append(edge.answered)
        state = edge.target
    return tuple(answers)


def characterising(automaton: Automaton) -> tuple[Word, ...]:
    """A set of words that distinguishes every two distinguishable states."""
    states = range(len(automaton.words))
    known: list[Hashable] = [0 for _ in states]
    words: list[Word] = []
    suffixes: list[Word] = [()]
    for suffix in suffixes:  # the list grows meanwhile
        for name in automaton.stimuli:
            word = (name, *suffix)
            finer = _numbered([(known[state], response(automaton, state, word)) for state in states])
            if len(set(finer)) > len(set(known)):
                known = finer
                words.append(word)
                suffixes.append(word)
    return tuple(words)


def _numbered(values: Sequence[Hashable]) -> list[Hashable]:
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(value, len(numbers)) for value in values]


@cache
def identifiers(endpoint: EndpointUnderTest) -> tuple[tuple[Word, ...], ...]:
    """For each state a subset of the characterising words that distinguishes it from all others. None for a restarted
    end, whose automaton is not explored completely."""
    automaton = automaton_of(endpoint)
    if endpoint.remembered:
        return ((),) * len(automaton.words)
    words = characterising(automaton)
    all_states = (1 << len(automaton.words)) - 1
    groups: list[dict[OutputWord, int]] = []
    for word in words:
        group: dict[OutputWord, int] = {}
        for state in range(len(automaton.words)):
            answer = response(automaton, state, word)
            group[answer] = group.get(answer, 0) | 1 << state
        groups.append(group)
    found = []
    for state in range(len(automaton.words)):
        distinguished = {
            word: all_states & ~group[response(automaton, state, word)]
            for word, group in zip(words, groups, strict=True)
        }
        found.append(tuple(_chosen(distinguished)))
    return tuple(found)


def _chosen(distinguished: dict[Word, int]) -> Iterator[Word]:
    """Words that distinguish all states together, chosen greedily: the one that distinguishes most of the rest."""
    left = 0
    for others in distinguished.values():
        left |= others
    while left:
        word = max(distinguished, key=lambda one: ((distinguished[one] & left).bit_count(), -len(one)))
        yield word
        left &= ~distinguished[word]


def input_sequences(
    endpoint: EndpointUnderTest, features: frozenset[Feature], *, thorough: bool
) -> Iterator[InputSequence]:
    """Every transition, followed by words that reveal the next state; then all inputs without effect.

    Not `thorough`: one transition for each input and each cell of the table, and one for each value of each counter
    before and after it, instead of one for each state of the automaton; and one characterising word, the longest,
    instead of all. Endings follow transitions with a new output or counter. States without an open request come first,
    since a request fails before anything else does.
    """
    automaton = automaton_of(endpoint)
    found = [*_covers(endpoint, automaton, thorough), *_silences(endpoint, automaton, features, thorough)]
    if endpoint.role is Role.RESPONDER:
        found += _HOSTS
    yield from sorted(dict.fromkeys(found), key=lambda case: len(case.word))


_HELLO, _CONFIRM, _LOST = "newer hello", "confirming keepalive", "lower layer lost"
_ANOTHER, _BEYOND = (one.name for one in HOSTS)
_HOSTS = (
    InputSequence((_HELLO,), (_ANOTHER,), WAIT),
    InputSequence((_HELLO, _CONFIRM, _ANOTHER), (_CONFIRM,), WAIT),
    InputSequence((_HELLO, _ANOTHER), (_BEYOND,), (_CONFIRM, *WAIT)),
    InputSequence((_HELLO, _ANOTHER), ("close",), (_ANOTHER, _BEYOND)),
    InputSequence((_HELLO, *("repeated hello",) * 10), (_ANOTHER,), (_BEYOND,)),
    InputSequence(
        (_HELLO, *("garbage at the contact address", "a hello without a return route") * 10), (_ANOTHER,), (_BEYOND,)
    ),
    InputSequence((_HELLO,) * 10, (_ANOTHER,), (_BEYOND,)),
)
"""Several responders of a host, its last place, and hellos that must not take a place: repeated and wrong ones."""


def _covers(endpoint: EndpointUnderTest, automaton: Automaton, thorough: bool) -> Iterator[InputSequence]:
    telling, met = identifiers(endpoint), set[Hashable]()
    endings = filled, *_ = tuple(_endings(endpoint, automaton))
    for state in sorted(range(len(automaton.edges)), key=lambda one: any(map(_asks, automaton.words[one]))):
        word = automaton.words[state]
        for name, edge in automaton.edges[state].items():
            changes = [one for one in edge.counted if one.before != one.after]
            news, about = (
                {(name, edge.cells, it) for it in (edge.answered, *some)} for some in (changes, edge.counted)
            )
            if not automaton.is_loud(state, edge):
                continue
            case = InputSequence((*word, NOT_YET.name), (name,), LATER)
            if not news <= met:
                yield from (case._replace(tail=ending) for ending in endings)
                for crowded in _crowded(case, endpoint.requests):
                    yield from (crowded._replace(tail=tail) for tail in (filled, LATER))
            if thorough or not about <= met:
                yield from (case._replace(tail=tail) for tail in _tails(telling[edge.target], thorough))
            met |= about


def _tails(words: Sequence[Word], thorough: bool) -> Iterator[Word]:
    yield LATER
    yield from words if thorough else sorted(words, key=len)[-1:]


def _endings(endpoint: EndpointUnderTest, automaton: Automaton) -> Iterator[Word]:
    """Words that reveal the remaining state of an end: held messages, routes, addresses, and the number of retries
    (Rule 3)."""
    fill = ("send",) * (endpoint.held + 1)
    filled = (*fill, _LOST, *fill, "close", *_PROBES, QUIET.name)
    asked = (_LOST, _HELLO, *WAIT)
    retries = ("answer", _CONFIRM, *asked, *(_LOST, "send", *WAIT) * ((endpoint.attempts or 0) + 1))
    for ending in (filled, (*asked, "close"), retries):
        yield tuple(name for name in ending if name in automaton.stimuli or name in _PROBES)


def _asks(name: str) -> bool:
    return name.startswith("request")


def _crowded(case: InputSequence, times: int) -> Iterator[InputSequence]:
    """The case with the largest number of open requests: in place of one request, and just before the tried input."""
    requests = [name for name in (*case.way, *case.tried) if _asks(name)]
    if not requests:
        return

    def more(word: Word) -> Word:
        many = ((name, MOMENT.name) * (times - 1) if name in requests else () for name in word)
        return tuple(one for name, others in zip(word, many, strict=True) for one in (*others, name))

    yield InputSequence(more(case.way), more(case.tried), case.tail)
    yield case._replace(way=(*case.way[:-1], *(MOMENT.name, requests[-1]) * (times - 1), *case.way[-1:]))


def _silences(
    endpoint: EndpointUnderTest, automaton: Automaton, features: frozenset[Feature], thorough: bool
) -> Iterator[InputSequence]:
    """Send all silent and hostile inputs in one sequence for each state; on failure each is tried alone (`alone`)."""
    telling, met = identifiers(endpoint), set()
    hostile = tuple(one.name for one in hostile_to(features))
    for state, (word, edges) in enumerate(zip(automaton.words, automaton.edges, strict=False)):
        silent = automaton.silent(state)
        about = (silent, tuple(sorted((edge.cells for edge in edges.values()), key=repr)))
        if not thorough and about in met:
            continue
        met.add(about)
        for tail in _tails(telling[state], thorough):
            yield InputSequence((*word, NOT_YET.name), (*hostile, *silent), tail)


def alone(case: InputSequence) -> Iterator[InputSequence]:
    """Yield a sequence for each tried input alone."""
    for name in case.tried:
        yield case._replace(tried=(name,))
