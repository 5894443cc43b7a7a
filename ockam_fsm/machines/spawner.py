"""The host of responders, which receives hellos at the address of a spawner or a static responder.

Rule 1: one table for both. A spawner makes a worker for each session, a static responder holds one machine for each;
        either way the host finds the responder of a session, or makes one while it has room.
Rule 2: the capacity is declared. Beyond it a hello is a dead letter, and in profile `generation` gets an error.
Left out: which responder belongs to a hello. The host's core decides that: by session id in profile `generation`; in
profile `ockam` there is no id on the wire, so every hello gets a new responder.
Source: the discussion, "session worker ... often creating this worker"; spec/sessions.md clauses 2.3 and 4.9.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from ockam_fsm.kernel.machine import Counter, Ignore, Machine, Part, Row


class SpawnerState(Enum):
    LISTENING = "hellos are accepted"
    STOPPED = "final: no more sessions"


class SpawnerEvent(Enum):
    HELLO_FOR_KNOWN = "a hello for a session that has a responder"
    HELLO_FOR_UNKNOWN = "a hello for a session that has none"
    CLOSE_FOR_KNOWN = "a peer without a messaging route closes a session that has a responder"
    RESPONDER_CLOSED = "a responder has closed"
    STOP = "order: stop"


class SpawnerEffect(Enum):
    SPAWN = "create the responder of the session"
    PASS_ON = "hand the message to the session's responder"
    FORGET_RESPONDER = "drop the closed responder; its address may serve the next hello"
    SAY_FULL = "reject the hello for lack of room, with an error where the profile has one; it is a dead letter"
    STOP_RESPONDERS = "stop every responder"


RESPONDERS = Counter("responders", 2, "responders alive; the declared capacity is the limit")

SpawnerMachine: TypeAlias = Machine[SpawnerState, SpawnerEvent, SpawnerEffect]

_S, _E, _F = SpawnerState, SpawnerEvent, SpawnerEffect
_OVER = "the host has stopped"

SPAWNER: SpawnerMachine = Machine(
    name="spawner",
    initial=_S.LISTENING,
    final=(_S.STOPPED,),
    events=tuple(SpawnerEvent),
    counters=(RESPONDERS,),
    parts=(
        Part(
            "find or make the responder",
            (
                Row("SP1", _S.LISTENING, _E.HELLO_FOR_KNOWN, _S.LISTENING, (_F.PASS_ON,), cites="2.3"),
                Row(
                    "SP2",
                    _S.LISTENING,
                    _E.HELLO_FOR_UNKNOWN,
                    _S.LISTENING,
                    (_F.SPAWN, _F.PASS_ON),
                    when=(RESPONDERS.below(),),
                    updates=(RESPONDERS.increment,),
                    cites="discussion: negotiation; 2.3",
                ),
                Row(
                    "SP3",
                    _S.LISTENING,
                    _E.RESPONDER_CLOSED,
                    _S.LISTENING,
                    (_F.FORGET_RESPONDER,),
                    updates=(RESPONDERS.decrement,),
                    cites="2.3",
                ),
                Row("SP5", _S.LISTENING, _E.CLOSE_FOR_KNOWN, _S.LISTENING, (_F.PASS_ON,), cites="3.8"),
                Row("SP4", _S.LISTENING, _E.STOP, _S.STOPPED, (_F.STOP_RESPONDERS,), cites="3.8"),
                Row(
                    "SP6",
                    _S.LISTENING,
                    _E.HELLO_FOR_UNKNOWN,
                    _S.LISTENING,
                    (_F.SAY_FULL,),
                    when=(RESPONDERS.at_least(),),
                    cites="4.9",
                ),
                Ignore(_E.HELLO_FOR_KNOWN, (_S.STOPPED,), because=_OVER),
                Ignore(_E.CLOSE_FOR_KNOWN, (_S.STOPPED,), because=_OVER),
                Ignore(_E.HELLO_FOR_UNKNOWN, (_S.STOPPED,), because=_OVER),
                Ignore(_E.RESPONDER_CLOSED, (_S.STOPPED,), because=_OVER),
                Ignore(_E.STOP, (_S.STOPPED,), because=_OVER),
            ),
        ),
    ),
)
