"""The bit layout of a global state in one integer.

    | cut links | budgets left | local state of each actor | message slot n-1 ... slot 1 | slot 0 |

Theory: parts never overlap, so a step that changes some of them is the addition of one constant, and a step depends on
`state & mask` alone. Slots hold message ids, filled from slot 0, 0 for "empty": sorted by id in an unordered network,
by link (and in order of sending within it) in an ordered one, so equal networks are equal integers.

The bits that a local state or a message needs are not known beforehand. `plan` reserves the bits needed now and spreads
the rest of 60 bits (two digits of a Python int, and within a signed machine word) over the fields. When an id no longer
fits, the search plans again with the ids known by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ockam_fsm.kernel.errors import Portable

COMFORTABLE_BITS = 60
_LEAST_RESERVE = 1


class TooNarrow(Portable, Exception):
    """An id does not fit its field: plan a wider layout and search again."""


@dataclass(frozen=True)
class Layout:
    slots: int
    slot_bits: int
    local_bits: tuple[int, ...]
    budget_bits: tuple[int, ...]
    cut_bits: int

    @property
    def bits(self) -> int:
        return self.cut_at + self.cut_bits

    @property
    def full_mask(self) -> int:
        return (1 << self.bits) - 1

    @cached_property
    def network_mask(self) -> int:
        return (1 << self.slots * self.slot_bits) - 1

    @cached_property
    def slot_mask(self) -> int:
        return (1 << self.slot_bits) - 1

    @cached_property
    def local_at(self) -> tuple[int, ...]:
        return _places(self.slots * self.slot_bits, self.local_bits)

    @cached_property
    def budget_at(self) -> tuple[int, ...]:
        return _places(self.slots * self.slot_bits + sum(self.local_bits), self.budget_bits)

    @cached_property
    def cut_at(self) -> int:
        return self.slots * self.slot_bits + sum(self.local_bits) + sum(self.budget_bits)

    def local_mask(self, actor: int) -> int:
        return ((1 << self.local_bits[actor]) - 1) << self.local_at[actor]

    def budget_mask(self, budget: int) -> int:
        return ((1 << self.budget_bits[budget]) - 1) << self.budget_at[budget]

    @cached_property
    def cut_mask(self) -> int:
        return ((1 << self.cut_bits) - 1) << self.cut_at

    @cached_property
    def rest_mask(self) -> int:
        """The bits of the budgets and cut links, which are neither messages nor local states."""
        below = self.slots * self.slot_bits + sum(self.local_bits)
        return self.full_mask >> below << below

    def local(self, state: int, actor: int) -> int:
        return (state & self.local_mask(actor)) >> self.local_at[actor]

    def messages(self, state: int) -> tuple[int, ...]:
        """Return the message ids in flight, in slot order."""
        found = []
        network = state & self.network_mask
        while network:
            found.append(network & self.slot_mask)
            network >>= self.slot_bits
        return tuple(found)

    def network(self, messages: Sequence[int]) -> int:
        packed = 0
        for position, message in enumerate(messages):
            if message > self.slot_mask:
                raise TooNarrow
            packed |= message << position * self.slot_bits
        return packed

    def placed(self, actor: int, local: int) -> int:
        """Return the bits of a local state, shifted to its field."""
        if local >> self.local_bits[actor]:
            raise TooNarrow
        return local << self.local_at[actor]


def _places(first: int, widths: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(first + sum(widths[:position]) for position in range(len(widths)))


def plan(locals_known: Sequence[int], messages_known: int, slots: int, budgets: Sequence[int], cuts: int) -> Layout:
    """Return a layout with room for the known ids and, within `COMFORTABLE_BITS`, for more."""
    local_bits = [max(1, (count - 1).bit_length()) + _LEAST_RESERVE for count in locals_known]
    slot_bits = max(1, (messages_known - 1).bit_length()) + _LEAST_RESERVE
    budget_bits = tuple(budget.bit_length() for budget in budgets)
    spare = COMFORTABLE_BITS - sum(local_bits) - slots * slot_bits - sum(budget_bits) - cuts
    each = max(0, spare) // (len(local_bits) + max(slots, 1))
    local_bits = [bits + each for bits in local_bits]
    slot_bits += each
    spare -= each * (len(local_bits) + slots)
    if spare > 0:
        extra = spare // len(local_bits)
        local_bits = [bits + extra for bits in local_bits]
    return Layout(slots, slot_bits, tuple(local_bits), budget_bits, cuts)
