"""The generations of a snapshot, and the messages that belong to them."""

from __future__ import annotations

from typing import TypeGuard

from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.session import Snapshot
from ockam_fsm.runtime.session.signals import Close


def live_links(image: Snapshot | None) -> list[Link]:
    """The generations that are under way or current."""
    return [] if image is None else [link for link in (image.attempt, image.current) if link is not None]


def largest(image: Snapshot) -> tuple[int, int]:
    """The largest generation that an end knows, including an unconfirmed attempt."""
    return max([image.seen, *(link.generation.rank for link in live_links(image))])


def named(image: Snapshot, *, own: bool) -> Address | None:
    """The generation, as its starter's address, in a close sent without a messaging route. `own`: this end sends it."""
    attempt = image.attempt
    kept = image.has_state and not own  # from an earlier incarnation
    if image.established_in is not None or attempt is None or kept:
        return image.established_in
    return attempt.generation.address if is_own(attempt) is own else None


def closes(close: Close, image: Snapshot) -> bool:
    """Whether a close at the contact address ends a session: it names its last generation, and none is newer."""
    return close.address == named(image, own=False) and close.number >= largest(image)[0]


def reaches(link: Link, address: Address) -> bool:
    """Whether an address belongs to a generation."""
    return address in (link.inner, link.handshake) or address.value.startswith(link.reply_prefix)


def is_own(link: Link | None) -> TypeGuard[Link]:
    """Whether this end started the generation."""
    return link is not None and link.generation.address == link.inner


def route_to_each_other(mine: Link, theirs: Link) -> bool:
    """Whether two current links lead to each other, if they are of one generation."""
    same = mine.generation.address == theirs.generation.address
    return not same or (mine.route[-1] == theirs.inner and theirs.route[-1] == mine.inner)
