"""The worlds to check and to replay, by name: those of the package, the known-bad machines, and worlds of the user.

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
from ockam_fsm.checking.known_bad import KnownBad
from ockam_fsm.checking.sessions.bounds import WrongBound, bounded, parsed_bound, possible_bounds
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
        "--bound",
        metavar="NAME=NUMBER",
        help="Replace a bound: in_flight=3, drop=1, attempts=unlimited; may be repeated.",
    ),
]


@dataclass(frozen=True)
class Candidate:
    """A world by name.

    type: its session type, None without one.
    rejected_by: the id of the property that must reject a known-bad machine; empty for other worlds.
    because: the consequence of the mistake in a known-bad machine.
    source: the MODULE:WORLD of a world of the user.
    """

    name: str
    world: World
    type: str | None = None
    rejected_by: str = ""
    because: str = ""
    source: str = ""


@cache
def shipped() -> dict[str, Candidate]:
    """Return every world of every type, then every known-bad machine, by name."""
    worlds = [Candidate(world.name, world, world.name.partition(":")[0]) for world in shipped_worlds()]
    bad = [Candidate(one.name, _judged(one), None, one.property, one.because) for one in shipped_known_bad()]
    return {candidate.name: candidate for candidate in (*worlds, *bad)}


def _judged(bad: KnownBad) -> World:
    """Return its world with only the property that must reject it: rejection by another property proves nothing."""
    only = tuple(one for one in bad.world.properties if one.id == bad.property)
    return replace(bad.world, properties=only)


def worlds_named(name: str, source: str) -> tuple[Candidate, ...]:
    """Return the worlds that a name stands for."""
    if source:
        return (from_module(source),)
    known = shipped()
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
    """Return the one world with this name."""
    if source:
        return from_module(source)
    if name not in shipped():
        unknown("world or known-bad machine", name, shipped(), LISTED_BY)
    return shipped()[name]


def from_module(source: str) -> Candidate:
    """Return the world that a user names as MODULE:NAME; NAME may be a function without arguments that returns one."""
    module_name, colon, name = source.partition(":")
    if not (colon and module_name and name):
        fail(f"{source!r} is not MODULE:WORLD.", "Example: --from my_protocol:WORLD, for WORLD in my_protocol.py.")
    if not all(part.isidentifier() for part in module_name.split(".")):
        remedy = f"Run in the folder of the module, with --from {Path(module_name).stem}:{name}."
        fail(f"{module_name!r} is not a module name.", remedy)
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
            fail(f"there is no module {error.name!r}.", "Run in the folder of the module, or install it.")
        fail(f"module {module_name!r} cannot be used: {raised(error)}.", "Run it with `python -i` to see more.")
    if found is None:
        fail(f"module {module_name!r} has no {name!r}.", "Name a World, or a function that returns one.")
    if not isinstance(world, World):
        fail(f"{source} is a {type(world).__name__}, not a World.", "Name a World, or a function that returns one.")
    return Candidate(world.name, world, source=source)


@contextmanager
def user_errors(source: str) -> Iterator[None]:
    """Report an exception of a user's world as a usage error, not as a defect of ockam-fsm."""
    try:
        yield
    except (typer.Exit, DefinitionError, BackendUnavailable, IndexError):
        raise
    except Exception as error:
        if not source:
            raise
        fail(f"{source} cannot be searched: {raised(error)}.", "Correct the code of the world.")


def bounds_of(texts: Sequence[str] | None) -> dict[str, Budget]:
    """Return the bounds of `--bound`; `order initiator.open` and `initiator.open` are the same bound."""
    try:
        return dict(parsed_bound(text.removeprefix("order ").removeprefix("fault ")) for text in texts or ())
    except WrongBound as error:
        fail(f"{error}.", "Example: --bound in_flight=3.")


def within(candidate: Candidate, bounds: dict[str, Budget]) -> World:
    """Return the world of `candidate` with its bounds replaced by `bounds`; names that it lacks are ignored."""
    known = possible_bounds(candidate.world)
    return bounded(candidate.world, {name: limit for name, limit in bounds.items() if name in known})


def require_bounds(candidates: Sequence[Candidate], bounds: dict[str, Budget]) -> None:
    """Fail if one of the bounds belongs to none of the worlds."""
    known = dict.fromkeys(name for candidate in candidates for name in possible_bounds(candidate.world))
    for name in bounds:
        if name not in known:
            unknown("bound", name, known)
