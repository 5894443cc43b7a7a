"""Checks of a simulated node's account: it equals what the node keeps (S24), and the greatest holder is evicted (S25).

Rule 1: an account is checked at each use (`JudgedLedger`), and periodically against the whole node (`judge_account`).
Source: spec/sessions.md clauses 16.4 and 16.5.
"""

from __future__ import annotations

from collections.abc import Iterator

from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.node.connections import Connection
from ockam_fsm.runtime.node.ledger import RESPONDER_BYTES, Ledger, Origin, weight_of
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.router import LIGHT_PAYLOAD_BYTES
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.simulation.monitors import Broken


class JudgedLedger(Ledger):
    """The real account with checks of its decisions when it is full."""

    def fits(self, origin: Origin, size: int) -> bool:
        before = {one: one.held_bytes for one in self.origins}
        fits = super().fits(origin, size)
        paid = [one for one, held in before.items() if one.held_bytes < held]
        if fits and not self._has_room(origin, size):
            raise Broken("S24", f"{size} bytes were accepted with {self.held_bytes} of {self.total_bytes} bytes in use")
        if not fits and self.makes_room and (greater := self._could_pay(origin, size)):
            raise Broken("S25", f"{origin.name} was refused {size} bytes although {greater.name} keeps more")
        for payer in paid:
            self._check_payer(payer, origin, before)
        return fits

    def _could_pay(self, origin: Origin, size: int) -> Origin | None:
        """Return the greatest peer if it keeps more than `origin` would and has discardable items."""
        greatest = max((one for one in self.origins if one.outside), key=lambda one: one.held_bytes, default=None)
        if greatest is None or greatest is origin or not greatest.discards:
            return None
        return greatest if greatest.held_bytes > origin.held_bytes + size and not self._has_room(origin, size) else None

    def _check_payer(self, payer: Origin, origin: Origin, before: dict[Origin, int]) -> None:
        untouched = [one for one, held in before.items() if one.outside and one.held_bytes == held]
        greater = [one.name for one in untouched if before[one] > before[payer]]
        if payer is origin or not payer.outside or greater:
            who = ", ".join(greater) or "none"
            raise Broken("S25", f"{payer.name} discarded data for {origin.name}; peers that keep more: {who}")


def judge_account(name: str, node: Node) -> None:
    """Check that the account of a node equals what it keeps and has no empty origins (S24). Raises Broken."""
    ledger = node.router.ledger
    origins, found = tuple(ledger.origins), sum(kept_by(node))
    outside = sum(one.held_bytes for one in origins if one.outside)
    if ledger.held_bytes != found or sum(one.held_bytes for one in origins) != found:
        raise Broken("S24", f"{name}: {ledger.held_bytes} bytes are charged, but {found} bytes are kept")
    if ledger.outside_bytes != outside or any(one.held_bytes <= 0 for one in origins):
        raise Broken(
            "S24", f"{name}: peers are charged {ledger.outside_bytes} bytes, but their accounts have {outside}"
        )
    if found > ledger.total_bytes or outside > ledger.share_bytes:
        raise Broken("S24", f"{name}: {found} bytes are kept, {outside} for peers, limit {ledger.total_bytes}")


def kept_by(node: Node) -> Iterator[int]:
    """Yield the size in bytes of everything that a node keeps, by inspection of the whole node."""
    router = node.router
    for origin in router.round:
        for position, (envelope, charged) in enumerate(origin.queue):
            alone = position == 0 and len(envelope.message.payload) <= LIGHT_PAYLOAD_BYTES
            yield weight_of(envelope.message) if charged or not alone else 0
    for resident in residents(node):
        if isinstance(resident, Connection):
            yield from map(weight_of, resident.waiting)
        elif isinstance(resident, SessionWorker):
            yield from (weight_of(outgoing) for outgoing, _ in resident.session.waiting)
            yield from (weight_of(request.outgoing) for request in resident.session.requests.values())
            yield RESPONDER_BYTES if is_unconfirmed(resident) else 0


def is_unconfirmed(worker: SessionWorker) -> bool:
    """Return whether a responder is unconfirmed and charged. One of the local application is not charged if the account
    had no room."""
    session = worker.session
    asked = session.settings.role is Role.RESPONDER and session.established_in is None
    return asked and (worker.origin.outside or worker.unconfirmed is not None)


def left_behind(node: Node) -> list[object]:
    """Return the workers on a carrier that no longer exists, and the origins with discardable items that are not held.
    For a node at rest."""
    there = residents(node)
    workers = [one for one in there if isinstance(one, SessionWorker)]
    origins = {one.origin: None for one in there if isinstance(one, Connection | SessionWorker)}
    stale = [one for one in origins if sum(receipt.size for receipt in one.discards) > one.held_bytes]
    return [*stale, *(one for one in workers if one.carrier is not None and one.carrier not in there)]


def residents(node: Node) -> list[object]:
    """Return each resident of a node once."""
    return list({id(one): one for one in node.router.residents.values()}.values())
