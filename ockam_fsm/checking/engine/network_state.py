"""The messages in flight, as tuples of ids in slot order, for both network orders.

Unordered: slots are sorted by id, so equal networks are equal tuples. Ordered: slots are grouped by link, in order of
sending within it. In both, messages form *groups* (equal messages, or one link), and only the first of a group can be
received.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ockam_fsm.checking.engine.handler_cache import HandlerCache
from ockam_fsm.checking.world import Network

Messages = tuple[int, ...]


class Posted(NamedTuple):
    messages: Messages
    lost: bool


class NetworkState:
    def __init__(self, network: Network, cache: HandlerCache) -> None:
        self.ordered = network.order == "ordered"
        self.capacity = network.in_flight
        self.lossy = "drop" in network.budgets
        self._cache = cache

    def group(self, message: int) -> int:
        if not self.ordered:
            return message
        return self._cache.sender[message] * len(self._cache.names) + self._cache.receiver[message]

    def firsts(self, messages: Messages) -> Iterator[tuple[int, int]]:
        """Yield (slot, message) of the first message of each group: the messages that have steps."""
        previous = None
        for slot, message in enumerate(messages):
            group = self.group(message)
            if group != previous:
                yield slot, message
            previous = group

    def insert(self, messages: Messages, message: int) -> Messages:
        group = self.group(message)
        slot = len(messages)
        while slot and self.group(messages[slot - 1]) > group:
            slot -= 1
        return (*messages[:slot], message, *messages[slot:])

    def post(self, messages: Messages, outputs: Iterable[int]) -> Posted | None:
        """Add the messages that a step sends. Those beyond the capacity are lost, or, without `drop`, return None."""
        lost = False
        for message in outputs:
            if len(messages) < self.capacity:
                messages = self.insert(messages, message)
            elif self.lossy:
                lost = True
            else:
                return None
        return Posted(messages, lost)


def without(messages: Messages, slot: int) -> Messages:
    """Return the messages without the one in this slot; slot -1 removes none."""
    return messages if slot < 0 else messages[:slot] + messages[slot + 1 :]
