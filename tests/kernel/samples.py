"""A machine that uses every feature of tables, for tests that are independent of Ockam's tables."""

from __future__ import annotations

from enum import Enum, auto
from typing import TypeAlias

from ockam_fsm.kernel import machine as kernel
from ockam_fsm.kernel.machine import Counter, Ignore, Machine, Refuse, Row


class Light(Enum):
    DARK = auto()
    LIT = auto()
    BROKEN = auto()


class Event(Enum):
    PRESS = auto()
    FLICKER = auto()
    DIM = auto()
    BREAK = auto()
    REPAIR = auto()


class Effect(Enum):
    SWITCH_ON = auto()
    SWITCH_OFF = auto()
    BLINK = auto()
    COMPLAIN = auto()


LightRow: TypeAlias = Row[Light, Event, Effect]
LightPart: TypeAlias = kernel.Part[Light, Event, Effect]
LightMachine: TypeAlias = Machine[Light, Event, Effect]

WEAR = Counter("wear", 4, "how often it flickered", unlimited_allowed=True)
STEPS = Counter("steps", 3, "how far it is dimmed")
COUNTERS = (WEAR, STEPS)

SWITCHING = LightPart(
    "a button",
    (
        LightRow("L1", Light.DARK, Event.PRESS, Light.LIT, (Effect.SWITCH_ON,), cites="test"),
        LightRow(
            "L2",
            Light.LIT,
            Event.PRESS,
            Light.DARK,
            (Effect.SWITCH_OFF,),
            updates=(STEPS.reset, WEAR.decrement),
            cites="test",
        ),
        Refuse(Event.PRESS, because="it is broken", remedy="buy another one"),
        Ignore(Event.REPAIR, because="nobody repairs lights"),
    ),
)
FLICKERING = LightPart(
    "wear; the row for a limit that is reached comes first, so that no other one hides it where there is no limit",
    (
        LightRow(
            "L4", Light.LIT, Event.FLICKER, Light.BROKEN, (Effect.COMPLAIN, Effect.SWITCH_OFF),
            when=(WEAR.at_least(),), updates=(WEAR.reset, STEPS.reset), cites="test",
        ),
        LightRow(
            "L3", Light.LIT, Event.FLICKER, Light.LIT, (Effect.BLINK, Effect.COMPLAIN),
            when=(WEAR.below(),), updates=(WEAR.increment,), cites="test",
        ),
        Ignore(Event.FLICKER, because="it is dark"),
        LightRow("L5", Light.LIT, Event.BREAK, Light.BROKEN, cites="test"),
        LightRow("L6", Light.DARK, Event.BREAK, Light.BROKEN, cites="test"),
        Refuse(Event.BREAK, (Light.BROKEN,), because="it is broken"),
    ),
)  # fmt: skip
DIMMING = LightPart(
    "a dimmer",
    (
        LightRow(
            "L7", Light.LIT, Event.DIM, Light.LIT, when=(STEPS.below(2), STEPS.below()),
            updates=(STEPS.increment, WEAR.increment), cites="test",
        ),
        LightRow(
            "L8", Light.LIT, Event.DIM, Light.DARK, (Effect.SWITCH_OFF,), when=(STEPS.at_least(2), STEPS.below()),
            updates=(STEPS.increment, STEPS.increment), cites="test",
        ),
        Refuse(Event.DIM, (Light.LIT,), because="it cannot be dimmed further", when=(STEPS.at_least(),)),
        Ignore(Event.DIM, (Light.DARK,), because="it is dark", when=(STEPS.below(1),)),
        Refuse(Event.DIM, (Light.DARK,), because="it was dimmed to darkness", when=(STEPS.at_least(1),)),
        Ignore(Event.DIM, because="it is broken"),
    ),
)  # fmt: skip


def light(*parts: LightPart, name: str = "light") -> LightMachine:
    return Machine(name, Light.DARK, (Light.BROKEN,), tuple(Event), COUNTERS, parts or PARTS)


PARTS = (SWITCHING, FLICKERING, DIMMING)
LIGHT = light()
