"""The test words that an automaton asks for: covers, and what tells its states from each other (theory: cover.py).

Rule 1: shorter words come first, so that the first failure is the shortest reproduction that there is here.
Rule 2: before the input that is tried some time passes, and in the end timers are waited for, just before and when they
        are due: a timer that was not started afresh shows in no other way.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

from ockam_fsm.conformance.cover import Answered, Automaton, Edge, Word, explored
from ockam_fsm.conformance.hostile import hostile_to
from ockam_fsm.conformance.stimuli import ELAPSE, HOSTS, MOMENT, NOT_YET
from ockam_fsm.conformance.target import Declaration, Feature
from ockam_fsm.machines.vocabulary import Role

Response: TypeAlias = tuple[Answered, ...]

WAIT: Word = (NOT_YET.name, ELAPSE.name)


class Case(NamedTuple):
    """One test: a way to a state, what is tried there, and what tells where that has led."""

    way: Word
    tried: Word
    tail: Word

    @property
    def word(self) -> Word:
        return (*self.way, *self.tried, *self.tail)


def response(automaton: Automaton, state: int, word: Sequence[str]) -> Response:
    """What the automaton answers; an input that is not possible is none."""
    answers = []
    for name in word:
        edge = automaton.edges[state].get(name, Edge((), state))
        answers.append(edge.answered)
        state = edge.target
    return tuple(answers)


def characterising(automaton: Automaton) -> tuple[Word, ...]:
    """Words to which every two states that can be told apart answer differently."""
    states = range(len(automaton.words))
    known: list[Hashable] = [0 for _ in states]
    words: list[Word] = []
    suffixes: list[Word] = [()]
    for suffix in suffixes:  # grows while it is walked
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
def identifiers(declaration: Declaration) -> tuple[tuple[Word, ...], ...]:
    """For each state a few of the characterising words, enough to tell it from all others."""
    automaton = explored(declaration)
    words = characterising(automaton)
    everybody = (1 << len(automaton.words)) - 1
    groups: list[dict[Response, int]] = []
    for word in words:
        group: dict[Response, int] = {}
        for state in range(len(automaton.words)):
            answer = response(automaton, state, word)
            group[answer] = group.get(answer, 0) | 1 << state
        groups.append(group)
    found = []
    for state in range(len(automaton.words)):
        told = {
            word: everybody & ~group[response(automaton, state, word)]
            for word, group in zip(words, groups, strict=True)
        }
        found.append(tuple(_chosen(told)))
    return tuple(found)


def _chosen(told: dict[Word, int]) -> Iterator[Word]:
    """Greedily, the words that tell most of what is left."""
    left = 0
    for others in told.values():
        left |= others
    while left:
        word = max(told, key=lambda one: ((told[one] & left).bit_count(), -len(one)))
        yield word
        left &= ~told[word]


def cases(declaration: Declaration, features: frozenset[Feature], *, thorough: bool) -> Iterator[Case]:
    """Every transition, followed by what tells where it has led; then everything that has to change nothing.

    Not `thorough`: one transition for each input and each cell of the table that it meets, instead of one for each
    input and each state of the automaton; and one telling word, the longest, instead of all.
    """
    automaton = explored(declaration)
    found = [*_covers(declaration, automaton, thorough), *_silences(declaration, automaton, features, thorough)]
    if declaration.role is Role.RESPONDER:
        found += _HOSTS
    yield from sorted(dict.fromkeys(found), key=lambda case: len(case.word))


_HELLO, _CONFIRM = "newer hello", "confirming keepalive"
_ANOTHER, _BEYOND = (one.name for one in HOSTS)
_HOSTS = (
    Case((_HELLO,), (_ANOTHER,), WAIT),
    Case((_HELLO, _CONFIRM, _ANOTHER), (_CONFIRM,), WAIT),
    Case((_HELLO, _ANOTHER), (_BEYOND,), (_CONFIRM, *WAIT)),
    Case((_HELLO, _ANOTHER), ("close",), (_ANOTHER, _BEYOND)),
    Case((_HELLO, *("repeated hello",) * 10), (_ANOTHER,), (_BEYOND,)),
    Case((_HELLO, *("garbage at the contact address", "a hello without a return route") * 10), (_ANOTHER,), (_BEYOND,)),
    Case((_HELLO,) * 10, (_ANOTHER,), (_BEYOND,)),
)
"""Several responders, the last room, and what may not take any: repeated and wrong hellos."""


def _covers(declaration: Declaration, automaton: Automaton, thorough: bool) -> Iterator[Case]:
    telling, met = identifiers(declaration), set()
    for state, word in enumerate(automaton.words):
        for name, edge in automaton.edges[state].items():
            about = (name, edge.cells, edge.answered)
            if not automaton.is_loud(state, edge) or (not thorough and about in met):
                continue
            met.add(about)
            for tail in _tails(telling[edge.target], thorough):
                yield Case((*word, MOMENT.name), (name,), tail)


def _tails(words: Sequence[Word], thorough: bool) -> Iterator[Word]:
    yield WAIT
    yield from words if thorough else sorted(words, key=len)[-1:]


def _silences(
    declaration: Declaration, automaton: Automaton, features: frozenset[Feature], thorough: bool
) -> Iterator[Case]:
    """All of them in one word; whoever fails it is asked again, one by one (`alone`)."""
    telling, met = identifiers(declaration), set()
    hostile = tuple(one.name for one in hostile_to(features))
    for state, word in enumerate(automaton.words):
        silent = automaton.silent(state)
        about = (silent, tuple(sorted((edge.cells for edge in automaton.edges[state].values()), key=repr)))
        if not thorough and about in met:
            continue
        met.add(about)
        for tail in _tails(telling[state], thorough):
            yield Case((*word, MOMENT.name), (*hostile, *silent), tail)


def alone(case: Case) -> Iterator[Case]:
    """Each of the inputs that were tried together by itself."""
    for name in case.tried:
        yield case._replace(tried=(name,))
