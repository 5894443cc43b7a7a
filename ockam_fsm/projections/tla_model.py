"""A model for TLC: a module that puts two tables and their bounds into the hand-written modules of `spec/tla`, and the
configuration with the properties to check.

Rule 1: a model adds nothing but bounds: everything else is a table, or a hand-written module.
Rule 2: bounds come from the caller, who takes them from a world: they are defined once.
Rule 3: a wrong table is a module beside its model; a wrong operator is named in the configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ockam_fsm.kernel.machine import Limits, Machine
from ockam_fsm.projections.tla import WIDTH, comment, module_name, to_tla

UNLIMITED = "Unlimited"


@dataclass(frozen=True)
class TlaModel:
    """One model. `tables`, `limits` and `orders` are by role, `constants` by their names in the hand-written module;
    constants that a configuration cannot express are `definitions`.

    `wrong`: operators of the module, each with its replacement. `refuted`: at least one property must fail.
    """

    name: str
    about: str
    extends: str
    specification: str = "Spec"
    tables: Mapping[str, Machine[Any, Any, Any]] = field(default_factory=dict)
    limits: Mapping[str, Limits] = field(default_factory=dict)
    orders: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    definitions: Mapping[str, str] = field(default_factory=dict)
    wrong: tuple[tuple[str, str], ...] = ()
    invariants: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    variants: tuple[Machine[Any, Any, Any], ...] = ()
    refuted: bool = False


def texts(model: TlaModel, page: str) -> dict[str, str]:
    """Return file name -> text: the model, its configuration, and its wrong tables."""
    label = f"GENERATED from {page}; edit that"
    files = {
        f"{model.name}.tla": "\n".join([label, *_module(model)]) + "\n",
        f"{model.name}.cfg": "\n".join([f"\\* {label}", *_configuration(model)]) + "\n",
    }
    for machine in model.variants:
        files[f"{module_name(machine.name)}.tla"] = to_tla(machine, page, model.about)
    return files


def _module(model: TlaModel) -> Iterator[str]:
    yield f" MODULE {model.name} ".center(WIDTH, "-")
    yield from comment(model.about)
    yield f"EXTENDS {model.extends}"
    if model.tables:
        yield ""
        yield from _tables(model)
    yield from (f"The{name} == {value}" for name, value in model.definitions.items())
    yield "=" * WIDTH


def _tables(model: TlaModel) -> Iterator[str]:
    for role, machine in model.tables.items():
        yield f"{role.capitalize()} == INSTANCE {module_name(machine.name)}"
    for role in model.tables:
        name = role.capitalize()
        yield f"The{name}Decide(state, event, c, max) == {name}!Decide(state, event, c, max)"
        yield f"The{name}Events == {name}!Events"
    yield f"TheLimits ==\n    {_record({role: _record(_written(one)) for role, one in model.limits.items()}, True)}"
    yield f"TheOrders ==\n    {_record({role: _record(one) for role, one in model.orders.items()}, True)}"


def _written(limits: Limits) -> dict[str, object]:
    return {name: UNLIMITED if limit is None else limit for name, limit in limits.items()}


def _record(fields: Mapping[str, object], broken: bool = False) -> str:
    return "[" + (",\n     " if broken else ", ").join(f"{name} |-> {value}" for name, value in fields.items()) + "]"


def _configuration(model: TlaModel) -> Iterator[str]:
    yield f"SPECIFICATION {model.specification}"
    yield "CONSTANTS"
    for role in model.tables:
        name = role.capitalize()
        yield from (f"    {name}{what} <- The{name}{what}" for what in ("Decide", "Events"))
    if model.tables:
        yield from (f"    {name} <- The{name}" for name in ("Limits", "Orders"))
    yield from (f"    {name} = {value}" for name, value in model.constants.items())
    yield from (f"    {name} <- The{name}" for name in model.definitions)
    yield from (f"    {name} <- {other}" for name, other in model.wrong)
    for kind, names in (("INVARIANTS", model.invariants), ("PROPERTIES", model.properties)):
        if names:
            yield kind
            yield from (f"    {name}" for name in names)
