"""The moves of a whole node: each has three numbers, which are positions in the tables of whole_node_values.py.

Rule 1: a value of the application is accepted, or refused with a `LocalSessionError`, and then nothing has changed. A
        value that is named `wrong`, or is over its limit, has to be refused.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from ockam_fsm.kernel.errors import DefinitionError, LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_TWO_SIDED, TYPES
from ockam_fsm.machines.vocabulary import Creation, Role
from ockam_fsm.runtime.encoding.frames import MAX_ROUTE_LENGTH
from ockam_fsm.runtime.encoding.gate import MAX_ACCEPTED_ROUTE
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.router import ROUTER
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.simulation.accounts import residents
from tests.stateful import whole_node_values as given
from tests.stateful.whole_node import FRIEND, RESTARTING, WholeNode
from tests.stateful.whole_node_values import CONTEXTS, DOER, ECHO, FRAMES, OUTER, PAYLOADS, ROUTES

Move: TypeAlias = Callable[[WholeNode, int, int, int], None]
COUNTS = (1, 1, 2, 150)
MOST_SESSIONS = 6


def _fails(*_: object) -> Any:
    raise ValueError("by order of the test")


def _is_cancelled() -> Any:
    raise CancelledError


def _nothing() -> None: ...


def one_of(table: Mapping[str, Any], number: int) -> tuple[bool, Any]:
    """Return a value, and whether every call has to refuse it. Most are right, so that some calls are accepted."""
    right = [name for name in table if not name.startswith("wrong")]
    name = right[number % len(right)] if number % 256 < 192 else tuple(table)[number % len(table)]
    return name.startswith("wrong"), table[name]


def picture(walk: WholeNode) -> object:
    """Return the state that a refused call must not have changed."""
    router = walk.node.router
    sessions = [one.session.snapshot() for one in residents(walk.node) if isinstance(one, SessionWorker)]
    queues = [len(origin.queue) for origin in router.round]
    return sessions, set(router.residents), set(router.private), router.ledger.held_bytes, len(router.commands), queues


def attempt(walk: WholeNode, call: Callable[[], object], wrong: bool, what: str) -> bool:
    """Let the application call the node. The result says whether it was accepted."""
    router = walk.node.router
    router.drain()
    before, calm = picture(walk), not router.busy  # otherwise the call would deliver waiting messages
    try:
        call()
    except (LocalSessionError, DefinitionError) as error:
        refusal = error
    except BaseException as error:
        raise AssertionError(f"one gate: {what} raised {error!r} at the caller's line") from error
    else:
        assert not wrong, f"one gate: {what} accepted a wrong value"
        return True
    assert not calm or picture(walk) == before, f"{what}: refused, and something has changed"
    assert isinstance(refusal.args[0], str), f"{what}: refused without a word"
    return False


# The application ------------------------------------------------------------------------------------------------------


def route(walk: WholeNode, a: int, b: int, c: int) -> None:
    (bad, payload), (bad_onward, onward), (bad_back, back) = one_of(PAYLOADS, a), one_of(ROUTES, b), one_of(ROUTES, c)
    bad_context, context = one_of(CONTEXTS, a + b + c)
    wrong = bad or bad_onward or bad_back or bad_context or not given.fits(payload, given.LIMIT)
    wrong = wrong or not (given.fits(onward, MAX_ACCEPTED_ROUTE) and given.fits(back, MAX_ACCEPTED_ROUTE))
    attempt(walk, lambda: walk.node.route(Message(onward, back, payload, context)), wrong, "route")


def route_what(walk: WholeNode, a: int, b: int, c: int) -> None:
    """Return an object that is not a message, or a message with an action for the doer."""
    if a % 4 == 0:
        attempt(walk, lambda: walk.node.route((None, "text", (DOER,), 5)[b % 4]), True, "route")  # type: ignore[arg-type]
    else:
        back = ROUTES["there"] if c % 2 else ()
        walk.node.route(Message((DOER,), back, _deed(b)))


def send(walk: WholeNode, a: int, b: int, c: int) -> None:
    (bad, payload), (bad_onward, onward), (bad_context, context) = (
        one_of(PAYLOADS, a), one_of(ROUTES, b), one_of(CONTEXTS, c),
    )  # fmt: skip
    bad_back, back = one_of(ROUTES, c + a)
    wrong = bad or bad_onward or bad_context or bad_back
    wrong = wrong or not given.fits(payload, given.LIMIT) or not given.fits(onward, MAX_ACCEPTED_ROUTE)
    wrong = wrong or not given.fits(back, MAX_ROUTE_LENGTH)
    session = _session(walk, c)
    attempt(walk, lambda: walk.node.send(session, payload, onward, back, tracing_context=context), wrong, "send")


def request(walk: WholeNode, a: int, b: int, c: int) -> None:
    (bad, payload), (bad_name, name) = one_of(PAYLOADS, a), one_of(given.IDENTIFIERS, b)
    bad_onward, onward = one_of(ROUTES, a * b + c)
    wrong = bad or bad_name or bad_onward
    wrong = wrong or not given.fits(payload, given.LIMIT) or not given.fits(onward, MAX_ACCEPTED_ROUTE)
    session, again = _session(walk, c // 8), bool(c % 2)
    attempt(
        walk,
        lambda: walk.node.request(session, name, payload, onward, reissue=again),
        wrong,
        "request",
    )


def order(walk: WholeNode, a: int, b: int, c: int) -> None:
    """Give an order to a session of the application or to a responder, except the honest ones."""
    node = walk.node
    own = [one for one in walk.sessions if one in node.router.residents]
    others = [one.outer for one in residents(node) if isinstance(one, SessionWorker) and one.origin.outside]
    honest = walk.friend.session(FRIEND).current
    chosen = [one for one in own + others if honest is None or one not in _of_friend(walk)]
    where = chosen[b % len(chosen)] if chosen else local("no session")
    _, name = one_of(given.IDENTIFIERS, c)
    orders: tuple[Callable[[Any], None], ...] = (
        node.open, node.renegotiate, node.close, lambda one: node.withdraw_request(one, name),
    )  # fmt: skip
    attempt(walk, lambda: orders[a % len(orders)](where), False, "order")


def start_worker(walk: WholeNode, a: int, b: int, c: int) -> None:
    wrong, addresses = one_of(given.ADDRESSES, a)
    handlers: dict[str, Any] = {"echo": echo, "doer": given.Doer(walk._keep), "coroutine": given.coroutine,
                                "wrong None": None, "wrong number": 5}  # fmt: skip
    bad, handler = one_of(handlers, b)
    taken = any(address in walk.node.router.residents for address in addresses)
    access = Access.PUBLIC if c % 2 else Access.PRIVATE
    done = attempt(
        walk,
        lambda: walk.node.start_worker(*addresses, handler=handler, access=access, restart=RESTARTING,
                                       make=_fails if c % 3 == 0 else None,
                                       stopped=(_nothing, _fails, _is_cancelled)[c % 5 % 3]),
        wrong or bad or taken,
        "start_worker",
    )  # fmt: skip
    if done and addresses and c % 4:
        for number in range(c % 4):
            walk.node.route(Message(addresses[:1], (), _deed(b + number)))


def stop(walk: WholeNode, a: int, b: int, c: int) -> None:
    free = (local("free"), local("one"), local("host-2"), local("nothing"))
    attempt(walk, lambda: walk.node.stop(free[a % 4]), False, "stop")


SESSIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "plain": {}, "handler": {"handler": echo}, "outer": {"outer": local("outer-2")}, "state": {"has_state": True},
    "wrong route": {"initialization_route": [ECHO]}, "wrong no route": {"initialization_route": ()},
    "wrong long route": {"initialization_route": ROUTES["one too many"]}, "wrong outer": {"outer": "outer"},
    "wrong taken": {"outer": OUTER}, "wrong contact": {"contact": "contact"}, "wrong own": {"own_route": "route"},
    "wrong handler": {"handler": 5}, "wrong id": {"session_id": "id"}, "wrong short id": {"session_id": b"id"},
    "wrong application": {"application": "echo"}, "wrong number": {"remembered": "1"},
    "wrong big number": {"remembered": 2**80}, "wrong settings": {"settings": 5},
})  # fmt: skip
WAYS = (
    "silent",
    "refuses",
    "there",
    "address again",
    "unknown",
    "host",
    "host 2",
    "echo",
    "hops",
    "longest",
    "far, longest",
)


def start_session(walk: WholeNode, a: int, b: int, c: int) -> None:
    if len(walk.sessions) >= MOST_SESSIONS:
        return
    wrong, options = one_of(SESSIONS, b)
    kind = TYPES[a % len(TYPES)]
    holds = 3 if kind.creation is Creation.IMPLICIT or a % 2 else 0
    settings = SessionConfig(kind, Role.INITIATOR, held=holds, attempts=3)
    found: list[Any] = []
    contact = {"contact": local(f"contact-{len(walk.sessions)}"), "own_route": ROUTES["there"]}
    asked = {"settings": settings, "initialization_route": ROUTES[WAYS[c % len(WAYS)]],
             **(contact if kind is EXPLICIT_PERSISTENT_TWO_SIDED else {}), **options}  # fmt: skip
    if attempt(walk, lambda: found.append(walk.node.start_session(**asked)), wrong, "start_session"):
        walk.sessions += found
        attempt(walk, lambda: walk.node.open(found[0]), False, "open")


HOSTS: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "plain": {"handler": echo}, "no application": {}, "make": {"make": _fails}, "cancelled": {"make": _is_cancelled},
    "durable": {"handler": echo, "durable": _fails}, "no worker": {"application": local("free")},
    "small": {"handler": echo, "capacity": 0},
    "wrong capacity": {"capacity": "5"}, "wrong sign": {"capacity": -1}, "wrong bool": {"capacity": True},
    "wrong handler": {"handler": 5}, "wrong application": {"application": "echo"}, "wrong make": {"make": 5},
    "wrong address": {"address": "host"}, "wrong taken": {"address": given.HOST}, "wrong durable": {"durable": 5},
    "wrong settings": {"settings": 5},
})  # fmt: skip


def start_host(walk: WholeNode, a: int, b: int, c: int) -> None:
    wrong, options = one_of(HOSTS, a)
    settings = SessionConfig(TYPES[b % len(TYPES)], Role.RESPONDER)
    asked = {"address": local("host-2"), "settings": settings, **options}
    if local("host-2") in walk.node.router.residents:
        walk.node.stop(local("host-2"))
    attempt(walk, lambda: walk.node.start_host(**asked), wrong, "start_host")


def refused(walk: WholeNode, a: int, b: int, c: int) -> None:
    """Give each wrong value in turn, with all other arguments right."""
    node, right = walk.node, Message((ECHO,), (), given.OWN)
    settings = {role: SessionConfig(EXPLICIT_PERSISTENT_TWO_SIDED, role) for role in Role}
    session = {"settings": settings[Role.INITIATOR], "initialization_route": ROUTES["silent"]}
    host = {"settings": settings[Role.RESPONDER], "address": local("host-3")}
    calls: dict[str, Iterable[Callable[[], object]]] = {
        "start_session": (partial(node.start_session, **{**session, **one}) for one in _wrong(SESSIONS)),
        "start_host": (partial(node.start_host, **{**host, **one}) for one in _wrong(HOSTS)),
        "start_worker": (partial(node.start_worker, *one, handler=echo) for one in _wrong(given.ADDRESSES)),
        "onward": (partial(node.route, replace(right, onward_route=one)) for one in _wrong(ROUTES)),
        "back": (partial(node.route, replace(right, return_route=one)) for one in _wrong(ROUTES)),
        "payload": (partial(node.route, replace(right, payload=one)) for one in _wrong(PAYLOADS)),
        "context": (partial(node.route, replace(right, tracing_context=one)) for one in _wrong(CONTEXTS)),
        "send": (partial(node.send, OUTER, one) for one in _wrong(PAYLOADS)),
        "identifier": (partial(node.request, OUTER, one, given.OWN) for one in _wrong(given.IDENTIFIERS)),
        "nobody": (partial(one, place) for one in (node.host, node.session, node.stop, node.open, node.close)
                   for place in (local("nothing"), ROUTER)),
        "another": (partial(one, ECHO) for one in (node.host, node.session, node.renegotiate)),
    }  # fmt: skip
    for what, wrong in calls.items():
        for call in wrong:
            attempt(walk, call, True, what)


def _wrong(table: Mapping[str, Any]) -> list[Any]:
    return [value for name, value in table.items() if name.startswith("wrong")]


# The edge and the peers -----------------------------------------------------------------------------------------------


def connect(walk: WholeNode, a: int, b: int, c: int) -> None:
    walk.accept(f"10.0.0.{1 + a % 3}")


def lose(walk: WholeNode, a: int, b: int, c: int) -> None:
    if walk.peers:
        walk.lose(tuple(walk.peers)[a % len(walk.peers)])


def frames(walk: WholeNode, a: int, b: int, c: int) -> None:
    """A peer sends one of the frames, once or many times."""
    if not walk.peers:
        walk.accept("10.0.0.1")
    via = tuple(walk.peers)[a % len(walk.peers)]
    _, frame = one_of(FRAMES, b)
    for _ in range(COUNTS[c % len(COUNTS)]):
        if via not in walk.peers:
            return  # evicted meanwhile: the edge reads no more
        walk.numbered += 1
        message = frame(walk.numbered, walk.peers[via].host)
        walk.safely("receive", lambda: walk.node.receive(message, via))  # noqa: B023


def from_nowhere(walk: WholeNode, a: int, b: int, c: int) -> None:
    """A late report of the edge about a connection that is gone, which is ignored."""
    gone = local("n-0w1"), local("no connection"), ECHO
    via = gone[a % 3]
    tell: Iterable[Callable[[], None]] = (
        lambda: walk.node.receive(Message((ECHO,), (), given.PEER), via),
        lambda: walk.node.connected(via),
        lambda: walk.node.connection_lost(via, "late"),
    )
    walk.safely("a late outcome", tuple(tell)[b % 3])


def through(walk: WholeNode, a: int, b: int, c: int) -> None:
    """The friend's session carries messages for workers, also private ones, and for destinations."""
    ways = ((given.VAULT,), (given.HOP, given.VAULT), (given.VICTIM,), (DOER,), (given.TO_VAULT,), (OUTER, given.VAULT))
    payload = given.do(given.NAMES[b % len(given.NAMES)]) if a % len(ways) == 3 else given.PEER
    walk.friend.send(FRIEND, payload, ways[a % len(ways)])


def fire(walk: WholeNode, a: int, b: int, c: int) -> None:
    """Fire one timer or all timers, except those of honest sessions."""
    due = [timer for timer in walk.timers if timer.worker not in walk.steady or timer.worker == ROUTER]
    for timer in due if b % 4 == 0 else due[a % len(due) :][:1] if due else ():
        if timer in walk.timers:
            walk.fire(timer)


def later(walk: WholeNode, a: int, b: int, c: int) -> None:
    """A handler that has continued after its return comes to its end."""
    if walk.kept:
        context, receipt = walk.kept.pop(a % len(walk.kept))
        context.release(receipt)
        if b % 2:
            attempt(walk, lambda: context.reply(given.OWN), False, "reply")
            walk.safely("commit", context.commit)


def _of_friend(walk: WholeNode) -> set[Any]:
    friend = walk.node.router.residents.get(walk.friend_via)
    return {one.outer for one in residents(walk.node)
            if isinstance(one, SessionWorker) and (one.carrier is friend or one.outer == OUTER)}  # fmt: skip


def _deed(number: int) -> bytes:
    return given.do(given.OWN_NAMES[number % len(given.OWN_NAMES)], given.OWN)


def _session(walk: WholeNode, number: int) -> Any:
    chosen = (OUTER, *walk.sessions, local("no session"))
    return chosen[number % len(chosen)]


MOVES: Mapping[str, Move] = MappingProxyType({
    one.__name__: one
    for one in (frames, route, connect, refused, route_what, send, request, order, start_worker, stop, start_session,
                start_host, lose, from_nowhere, through, fire, later)
})  # fmt: skip
WEIGHTED = (*MOVES, *("frames",) * 6, "fire", "connect", "route_what")


# Runs -----------------------------------------------------------------------------------------------------------------


def again(moves: Sequence[Sequence[Any]], *, finish: bool = True) -> None:
    """Replay a trace: names and numbers."""
    walk = WholeNode()
    for name, a, b, c in moves:
        walk.take(name, a, b, c, MOVES[name])
    if finish:
        walk.finish()


def burst(choices: bytes) -> WholeNode:
    """A run without Hypothesis: four bytes are a move."""
    walk = WholeNode()
    for at in range(0, len(choices) - 3, 4):
        which, a, b, c = choices[at : at + 4]
        name = WEIGHTED[which % len(WEIGHTED)]
        walk.take(name, a, b, c, MOVES[name])
    walk.finish()
    return walk


class WholeNodeMachine(RuleBasedStateMachine):
    """A node and everything around it; the rules are added below."""

    def __init__(self) -> None:
        super().__init__()
        self.walk = WholeNode()

    def teardown(self) -> None:
        self.walk.finish()


def _rule_of(name: str) -> Any:
    numbers = st.integers(0, 255)

    @rule(a=numbers, b=numbers, c=numbers)
    def happens(self: WholeNodeMachine, a: int, b: int, c: int) -> None:
        self.walk.take(name, a, b, c, MOVES[name])

    return happens


MACHINE: type[WholeNodeMachine] = type("WholeNodeRules", (WholeNodeMachine,), {name: _rule_of(name) for name in MOVES})
