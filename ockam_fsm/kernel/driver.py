"""The driver: one shared `transitions.Machine` per table, which runs sessions that are not registered with it.

A session is any object with a `state`, its counters, its limits and one method per effect (`Model`). It needs no
machine, no trigger methods and no registration, all of which `transitions` would otherwise build per session.

Rule 1: the table decides. Every decision of a cell is a transition of the library: a `Row` goes to its target, an
        `Ignore` is an internal transition, a `Refuse` raises before anything has moved. The table was proved to decide
        each cell exactly once, so no silent default of the library (a false guard, the first of two matches) decides.
Rule 2: one step is, in this order: guards, updates of counters, exit hooks, the new state, entry hooks, effects in
        the order of the row. That is the library's order of conditions, before, exit, state, enter, after. A row that
        leads back to its source leaves and enters it (an external self-transition); an `Ignore` does neither. An
        exception of a hook or an effect reaches the caller and ends the step there: only after a refusal is nothing
        changed.
Rule 3: two paths take that step: the library's own (`fire_stock`) and one that is compiled from the rows once per
        cell (`fire`). They agree on every cell, counter and limit; tests/kernel proves it exhaustively.
Rule 4: an effect or entry hook may fire another event: it is decided in the new state and runs to its end before the
        next effect of the outer row; the effect has to catch its refusal, or it would look like that of the outer
        event. An exit hook may not fire, because the outer step would overwrite the state.
Left out: queues, `on_exception` and models registered with the library; a refusal has to reach the caller at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import CodeType
from typing import Any, Generic, NoReturn, Protocol, TypeAlias, cast

import transitions

from ockam_fsm.kernel.arguments import check_type
from ockam_fsm.kernel.machine import (
    Change,
    Comparison,
    Decision,
    E,
    F,
    Guard,
    Ignore,
    Limits,
    Machine,
    Refuse,
    Row,
    S,
    Threshold,
    Update,
)


class Model(Protocol[S]):
    """The attributes of a session, besides one `int` per counter and one method per effect.

    A counter is the attribute of that name. An effect is the method of that name in lower case (with `private_effects`
    after an underscore), called with the cause given to `fire`. `__slots__` are allowed; a session with hooks of its
    own needs a slot `hooks` as well.
    """

    state: S

    @property
    def limits(self) -> Limits: ...


Hook: TypeAlias = Callable[[Any, Any], object]
"""Called with the session and the cause."""

CompiledCell: TypeAlias = Callable[[Any, Any], Any]
"""A compiled cell: called with the session and the cause, it returns the decision or raises."""


class Driver(Generic[S, E, F]):
    """Runs any number of sessions of one machine. `driver_for` shares one driver per table.

    `library` is the machine of `transitions` itself. After adding callbacks there (`prepare_event`,
    `before_state_change`, `after_state_change`, `finalize_event`, or on a state) call `recompile`; cells with such
    callbacks take the library's own path from then on.
    """

    def __init__(self, machine: Machine[S, E, F], *, private_effects: bool = False) -> None:
        """`private_effects`: the method of an effect has an underscore before its name."""
        check_type("machine", machine, Machine)
        check_type("private_effects", private_effects, bool)
        self.machine = machine
        self.library = _Library(
            model=None,
            states=list(machine.states),
            initial=cast(Any, None),
            name=machine.name,
            auto_transitions=False,
            send_event=True,
            finalize_event=_report,
        )
        before = "_" if private_effects else ""
        for (state, event), cell in machine.cells.items():
            for decision in cell:
                self.library.add_transition(event.name, state, **_as_transition(machine, state, decision, before))
        self._events = cast("dict[str, _Event]", self.library.events)

    def fire(self, model: Model[S], event: E, cause: object = None) -> Row[S, E, F] | Ignore[S, E]:
        """Take one step and return the decision.

        Raises:
            EventRefused: the event is refused in this state; nothing has changed.
            KeyError: the machine does not have the event, or the state.
        """
        # `_name_` is a plain attribute whose hash is cached; hashing a member of an Enum calls into Python.
        lib_event = self._events[event._name_]
        try:
            run = lib_event.compiled[model.state._name_]
        except KeyError:
            run = lib_event.compile(model.state._name_)
        decision: Row[S, E, F] | Ignore[S, E] = run(model, cause)
        return decision

    def fire_stock(self, model: Model[S], event: E, cause: object = None) -> Row[S, E, F] | Ignore[S, E]:
        """Take one step as `fire` does, along the library's own path: more than ten times slower, for comparison."""
        decision: Row[S, E, F] | Ignore[S, E] = self._events[event._name_].stock(model, cause)
        return decision

    def on_enter(self, state: S, callback: Hook, *, only: Any = None) -> None:
        """Call `callback` whenever a session (or `only` this one) has entered `state`.

        Hooks of the machine run before those of the session, each in the order in which they were attached.
        """
        self._attach("enter", state, callback, only)

    def on_exit(self, state: S, callback: Hook, *, only: Any = None) -> None:
        """Call `callback` whenever a session (or `only` this one) is about to leave `state`; order as `on_enter`."""
        self._attach("exit", state, partial(_staying, state, callback), only)

    def recompile(self) -> None:
        """Forget the compiled cells; each is compiled again when it is next used."""
        for event in self._events.values():
            event.compiled.clear()

    def _attach(self, kind: str, state: S, hook: Hook, only: Any) -> None:
        lib_state = self.library.get_state(state)
        callbacks = lib_state.on_enter if kind == "enter" else lib_state.on_exit
        own = _Listener(_OwnHooks(f"{kind} {state.name}"))
        if only is not None:
            _keep(only, f"{kind} {state.name}", hook)
            if own in callbacks:
                return
            lib_state.add_callback(kind, own)
        elif own in callbacks:
            callbacks.insert(callbacks.index(own), _Listener(hook))
        else:
            lib_state.add_callback(kind, _Listener(hook))
        self.recompile()


def driver_for(machine: Machine[S, E, F], *, private_effects: bool = False) -> Driver[S, E, F]:
    """Return the driver that all sessions of `machine` share. `private_effects`: as of `Driver`."""
    check_type("machine", machine, Machine)
    check_type("private_effects", private_effects, bool)
    return _shared(machine, private_effects)


@cache
def _shared(machine: Machine[S, E, F], private_effects: bool) -> Driver[S, E, F]:
    return Driver(machine, private_effects=private_effects)


# Hooks as callbacks of the library.


@dataclass(frozen=True)
class _Listener:
    hook: Hook

    def __call__(self, data: transitions.EventData) -> None:
        (cause,) = data.args
        self.hook(data.model, cause)


@dataclass(frozen=True)
class _OwnHooks:
    """The callback that calls the hooks of single sessions; a state gets it with the first of them."""

    place: str

    def __call__(self, model: Any, cause: Any) -> None:
        hooks = getattr(model, "hooks", None)
        if hooks:
            for hook in hooks.get(self.place, ()):
                hook(model, cause)


def _keep(model: Any, place: str, hook: Hook) -> None:
    hooks = getattr(model, "hooks", None) or {}
    model.hooks = {**hooks, place: (*hooks.get(place, ()), hook)}


def _staying(state: Any, hook: Hook, model: Any, cause: Any) -> None:
    hook(model, cause)
    assert model.state is state, f"a hook on leaving {state.name} fired an event that led to {model.state.name}"


# The library's own path: every decision as a transition.


def _as_transition(
    machine: Machine[S, E, F], state: S, decision: Decision[S, E, F], before_effects: str
) -> dict[str, Any]:
    conditions: list[Callable[[transitions.EventData], bool]] = [partial(_holds, decision.when)]
    if isinstance(decision, Refuse):
        # As a condition it runs before every callback, so that nothing has moved when it raises.
        conditions.append(partial(_refuse, machine, state, decision))
    if not isinstance(decision, Row):
        return {"dest": None, "conditions": conditions, "decision": decision, "machine": machine}
    methods = tuple(before_effects + effect.name.lower() for effect in decision.effects)
    return {
        "dest": decision.target,
        "conditions": conditions,
        "before": [partial(_update, update) for update in decision.updates],
        "after": [partial(_effect, method) for method in methods],
        "methods": methods,
        "decision": decision,
        "machine": machine,
    }


def _holds(when: Guard, data: transitions.EventData) -> bool:
    model: Any = data.model
    return all(c.holds(getattr(model, c.counter), model.limits[c.counter]) for c in when)


def _refuse(machine: Machine[S, E, F], state: S, decision: Refuse[S, E], _: object) -> NoReturn:
    raise machine.refusal(state, decision.event, decision)


def _update(update: Update, data: transitions.EventData) -> None:
    model: Any = data.model
    value = update.apply(getattr(model, update.counter), model.limits[update.counter])
    setattr(model, update.counter, value)


def _effect(method: str, data: transitions.EventData) -> None:
    (cause,) = data.args
    getattr(data.model, method)(cause)


def _report(data: transitions.EventData) -> None:
    """Make the decision the result of `trigger`: a finalizer is the last to change it."""
    if data.result:
        data.result = cast("_Transition", data.transition).decision


# The compiled path: every cell as a function.


class _Transition(transitions.Transition):
    """A transition with its machine, its decision, and the names of the methods of its effects."""

    def __init__(
        self,
        *args: Any,
        machine: Machine[Any, Any, Any],
        decision: Any,
        methods: tuple[str, ...] = (),
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.machine = machine
        self.decision = decision
        self.methods = methods


class _Event(transitions.Event):
    """An event with one compiled function per state, by the state's name."""

    def __init__(self, name: str, machine: transitions.Machine) -> None:
        super().__init__(name, machine)
        self.compiled: dict[str, CompiledCell] = {}

    def stock(self, model: Any, cause: Any) -> Any:
        if model.state._name_ not in self.transitions:
            raise KeyError(model.state)
        decision = self.trigger(model, cause)
        assert decision is not False, "validation has a hole"
        return decision

    def compile(self, state: str) -> CompiledCell:
        """Return the function for this event in `state`; `stock` where only the library can call the callbacks."""
        if state not in self.transitions:
            raise KeyError(state)
        self.compiled[state] = run = self._compiled(state) or self.stock
        return run

    def _compiled(self, state: str) -> CompiledCell | None:
        lib = self.machine
        if lib.prepare_event or lib.before_state_change or lib.after_state_change or lib.finalize_event != [_report]:
            return None
        branches: list[_Branch] = []
        for transition in cast("list[_Transition]", self.transitions[state]):
            exits = lib.get_state(transition.source).on_exit if transition.dest else []
            entries = lib.get_state(transition.dest).on_enter if transition.dest else []
            if not all(isinstance(callback, _Listener) for callback in (*exits, *entries)):
                return None
            called = (transition.methods, _hooks(exits), _hooks(entries))
            branches.append(_Branch(transition.machine, transition.decision, *called))
        return _function(branches)


class _Library(transitions.Machine):
    event_cls = _Event
    transition_cls = _Transition


def _hooks(callbacks: Sequence[Any]) -> tuple[Hook, ...]:
    return tuple(callback.hook for callback in callbacks)


@dataclass(frozen=True)
class _Branch:
    """One decision of a cell, and the methods and hooks that its step calls."""

    machine: Machine[Any, Any, Any]
    decision: Any
    methods: tuple[str, ...]
    exits: tuple[Hook, ...]
    entries: tuple[Hook, ...]

    def constants(self) -> dict[str, Any]:
        target = self.decision.target if isinstance(self.decision, Row) else None
        return {"refusal": self.machine.refusal, "decision": self.decision, "target": target,
                "exits": self.exits, "entries": self.entries}  # fmt: skip

    def lines(self, number: int) -> Iterator[str]:
        """Yield the decision as Python; `number` makes the constants of a branch unique."""
        yield f"if {' and '.join(map(_test, self.decision.when)) or 'True'}:"
        if isinstance(self.decision, Refuse):
            yield f"    raise refusal{number}(model.state, decision{number}.event, decision{number})"
        if isinstance(self.decision, Row):
            yield from (f"    model.{u.counter} = {_moved(u)}" for u in self.decision.updates)
            yield from (f"    exits{number}[{i}](model, cause)" for i in range(len(self.exits)))
            yield f"    model.state = target{number}"
            yield from (f"    entries{number}[{i}](model, cause)" for i in range(len(self.entries)))
            yield from (f"    model.{method}(cause)" for method in self.methods)
        yield f"    return decision{number}"


def _function(branches: Sequence[_Branch]) -> CompiledCell:
    # Generated text, as in `dataclasses`: the same cell made of closures takes two and a half times as long. It has
    # only names of counters and effects, and a table in which one is not an identifier cannot be made.
    body = [line for number, branch in enumerate(branches) for line in branch.lines(number)]
    text = "\n    ".join(["def cell(model, cause):", *body, "raise AssertionError('validation has a hole')"])
    names: dict[str, Any] = {}
    for number, branch in enumerate(branches):
        names |= {f"{name}{number}": value for name, value in branch.constants().items()}
    exec(_code(text), names)
    return cast(CompiledCell, names["cell"])


@cache
def _code(text: str) -> CodeType:
    """Cached because many cells have the same text and differ in their constants only."""
    return compile(text, "<a cell of a machine>", "exec")


def _test(comparison: Comparison) -> str:
    value = f"model.{comparison.counter}"
    if not isinstance(comparison.threshold, Threshold):
        return f"{value} {'>=' if comparison.at_least else '<'} {comparison.threshold}"
    limit = f"(limit := model.limits[{comparison.counter!r}])"
    if comparison.at_least:
        return f"{limit} is not None and {value} >= limit"
    return f"({limit} is None or {value} < limit)"


def _moved(update: Update) -> str:
    if update.change is Change.RESET:
        return "0"
    value = f"model.{update.counter}"
    bounded = {
        Change.INCREMENT: f"{value} + 1 if {value} < limit else limit",
        Change.DECREMENT: f"{value} - 1 if {value} > 0 else 0",
    }
    return f"0 if (limit := model.limits[{update.counter!r}]) is None else {bounded[update.change]}"
