"""Which worlds there are to check and to replay, by name: ours, the known-bad machines', and a user's own.

A name is a world (`explicit-transient:lossy`), a session type (all its worlds), a known-bad machine, or `all`. A
user's world is named `MODULE:NAME`; the module is imported from the working directory or from what is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from ockam_fsm.checking.engine.backends import BackendUnavailable
from ockam_fsm.checking.errors import raised
from ockam_fsm.checking.sessions.bounds import WrongBound, bounded, parsed_bound, possible_bounds
from ockam_fsm.checking.sessions.known_bad import KnownBad
from ockam_fsm.checking.shipped.worlds import shipped_known_bad, shipped_worlds
from ockam_fsm.checking.world import Budget, World
from ockam_fsm.cli.app import fail, unknown
from ockam_fsm.kernel.errors import DefinitionError

ALL = "all"
LISTED_BY = "ockam-fsm types --worlds"

FromOption = Annotated[
    str, typer.Option("--from", metavar="MODULE:WORLD", help="A World of your own, in a Python module.")
]
BoundOption = Annotated[
    list[str] | None,
    typer.Option(
        "--bound", metavar="K=V", help="Replace a bound: in_flight=3, drop=1, attempts=unlimited. Repeatable."
    ),
]


@dataclass(frozen=True)
class Candidate:
    """A world by name. `type`: its session type, if it has one; `rejected_by`: a known-bad machine's property."""

    name: str
    world: World
    type: str | None = None
    rejected_by: str = ""
    because: str = ""
    source: str = ""


@cache
def ours() -> dict[str, Candidate]:
    """Every world of every type, then every known-bad machine."""
    worlds = [Candidate(world.name, world, world.name.partition(":")[0]) for world in shipped_worlds()]
    bad = [Candidate(one.name, _judged(one), None, one.property, one.because) for one in shipped_known_bad()]
    return {candidate.name: candidate for candidate in (*worlds, *bad)}


def _judged(bad: KnownBad) -> World:
    """Its world with the property that must reject it alone: others may speak earlier, and prove nothing about it."""
    only = tuple(one for one in bad.world.properties if one.id == bad.property)
    return replace(bad.world, properties=only)


def chosen(name: str, source: str) -> tuple[Candidate, ...]:
    """What a name stands for."""
    if source:
        return (from_module(source),)
    known = ours()
    if name == ALL:
        return tuple(known.values())
    if name in known:
        return (known[name],)
    of_type = tuple(candidate for candidate in known.values() if candidate.type == name)
    if not of_type:
        types = dict.fromkeys(candidate.type for candidate in known.values() if candidate.type)
        unknown("world, type or known-bad machine", name, [ALL, *types, *known], LISTED_BY)
    return of_type


def single(name: str, source: str) -> Candidate:
    """The one world of a name."""
    if source:
        return from_module(source)
    if name not in ours():
        unknown("world or known-bad machine", name, ours(), LISTED_BY)
    return ours()[name]


def from_module(source: str) -> Candidate:
    """The world that a user names as MODULE:NAME; a function without arguments that makes one will do."""
    module_name, colon, name = source.partition(":")
    if not (colon and module_name and name):
        fail(f"{source!r} is not MODULE:WORLD.", "Example: --from my_protocol:WORLD, for WORLD in my_protocol.py.")
    if not all(part.isidentifier() for part in module_name.split(".")):
        remedy = f"In the folder that the module is in: --from {Path(module_name).stem}:{name}."
        fail(f"{module_name!r} is not the name of a module.", remedy)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(import_module(module_name), name, None)
        world = found() if callable(found) else found
    except DefinitionError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{module_name}.".startswith(f"{error.name}."):
            fail(f"there is no module {error.name!r}.", "Run in the folder that it is in, or install it.")
        fail(f"module {module_name!r} cannot be used: {raised(error)}.", "Run it with `python -i` to see more.")
    if found is None:
        fail(f"module {module_name!r} has no {name!r}.", "Name a World, or a function that makes one.")
    if not isinstance(world, World):
        fail(f"{source} is a {type(world).__name__}, not a World.", "Name a World, or a function that makes one.")
    return Candidate(world.name, world, source=source)


@contextmanager
def blaming(source: str) -> Iterator[None]:
    """What a world of a user's own raises while it is searched is not a defect of ours."""
    try:
        yield
    except (typer.Exit, DefinitionError, BackendUnavailable, IndexError):
        raise
    except Exception as error:
        if not source:
            raise
        fail(f"{source} cannot be searched: {raised(error)}.", "Correct the world.")


def bounds_of(texts: Sequence[str] | None) -> dict[str, Budget]:
    """What `--bound` says; `order initiator.open` and `initiator.open` are the same bound."""
    try:
        return dict(parsed_bound(text.removeprefix("order ").removeprefix("fault ")) for text in texts or ())
    except WrongBound as error:
        fail(f"{error}.", "Example: --bound in_flight=3.")


def within(candidate: Candidate, bounds: dict[str, Budget]) -> World:
    """The candidate's world within those of the bounds that it has."""
    known = possible_bounds(candidate.world)
    return bounded(candidate.world, {name: limit for name, limit in bounds.items() if name in known})


def require_bounds(candidates: Sequence[Candidate], bounds: dict[str, Budget]) -> None:
    """Each bound must be one of at least one of the worlds."""
    known = dict.fromkeys(name for candidate in candidates for name in possible_bounds(candidate.world))
    for name in bounds:
        if name not in known:
            unknown("bound", name, known)
