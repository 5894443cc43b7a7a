"""Known-bad nodes: each breaks one rule of a node, and the machine of whole_node.py has to reject it.

A wrong node is the real one with one function replaced, and the finding that rejects it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import pytest

from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node import dead_letters, forwarding, node, workers
from ockam_fsm.runtime.node.connections import Connection
from ockam_fsm.runtime.node.ledger import Ledger, Origin
from ockam_fsm.runtime.node.residents import Envelope
from ockam_fsm.runtime.node.router import Router
from ockam_fsm.runtime.session import session

Patch: TypeAlias = Callable[[pytest.MonkeyPatch], None]


class WrongNode(NamedTuple):
    """A node with a fault. `rejected_by`: a pattern of the finding."""

    name: str
    because: str
    rejected_by: str
    patch: Patch


def _as_it_is(value: Any, *_: object) -> Any:
    return value


def no_gate(patch: pytest.MonkeyPatch) -> None:
    for module, name in ((node, "check_message"), (node, "check_fits"), (node, "check_outgoing"),
                         (workers, "check_message"), (workers, "check_payload"),
                         (session, "check_outgoing")):  # fmt: skip
        patch.setattr(module, name, _as_it_is)


def failure_ends_node(patch: pytest.MonkeyPatch) -> None:
    def call(
        self: workers.Worker,
        name: str,
        call: Callable[[workers.Context], object],
        context: workers.Context,
        lost: object,
    ) -> None:
        call(context)
        context.commit()

    patch.setattr(workers.Worker, "_call", call)


def one_queue(patch: pytest.MonkeyPatch) -> None:
    right = Router.route
    patch.setattr(Router, "route", lambda self, envelope, origin=None: right(self, envelope, self.application))


def newcomer_pays(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "_make_room", lambda self, origin, size: False)


def forgets_to_release(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "give_back", lambda self, receipt: None)


def keeps_after_the_end(patch: pytest.MonkeyPatch) -> None:
    """Messages held by a connection stay kept and charged when it is gone."""

    def forget(self: Connection, cause: object) -> None:
        self._waiting = {}

    patch.setattr(Connection, "discard_held", forget)


def no_limit(patch: pytest.MonkeyPatch) -> None:
    def fits(self: Ledger, origin: Origin, size: int) -> bool:
        return True

    patch.setattr(Ledger, "fits", fits)


def policy_ignored(patch: pytest.MonkeyPatch) -> None:
    right = node.Node.__init__

    def init(self: node.Node, *args: Any, **options: Any) -> None:
        right(self, *args, **{**options, "forwarding": forwarding.allow_any})

    patch.setattr(node.Node, "__init__", init)


def origin_lost(patch: pytest.MonkeyPatch) -> None:
    def forward(self: workers.Context, message: Message) -> None:
        self._orders.append(partial(self._worker.router.route, Envelope(message)))

    patch.setattr(workers.Context, "forward", forward)


def letters_kept_whole(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(dead_letters, "summary", _as_it_is)


def destinations_as_spelled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(node, "canonical", _as_it_is)


def refused_and_changed(patch: pytest.MonkeyPatch) -> None:
    """A request that is refused stays open, and its timer fails the session later."""
    patch.setattr(session.Session, "_end_request", lambda self, identifier: self.requests[identifier])


WRONG_NODES = (
    WrongNode("no-gate", "what cannot be encoded would be found when it leaves", "one gate|behind the gate", no_gate),
    WrongNode("failure-ends-node", "one handler would stop all", "failures stay where they are", failure_ends_node),
    WrongNode("one-queue", "one peer would starve all", "an honest peer is answered: not within", one_queue),
    WrongNode("newcomer-pays", "who fills the node would keep it", "is answered: not within", newcomer_pays),
    WrongNode("forgets-to-release", "the node would fill for ever", "charged, .* found", forgets_to_release),
    WrongNode("keeps-after-the-end", "a lost connection would be charged", "charged, .* found", keeps_after_the_end),
    WrongNode("no-limit", "a peer would take all memory", "peers keep|bytes are kept, limit", no_limit),
    WrongNode("policy-ignored", "a peer would attack others from here", "against its policy", policy_ignored),
    WrongNode("origin-lost", "one hop would open every door", "private worker was reached", origin_lost),
    WrongNode("letters-kept-whole", "dead letters would fill memory", "dead letter is kept whole", letters_kept_whole),
    WrongNode("destinations-as-spelled", "one destination would have many connections", "has two connections",
              destinations_as_spelled),
    WrongNode("refused-and-changed", "a refused request would fail the session later",
              "something has changed|charged, .* found", refused_and_changed),
)  # fmt: skip
