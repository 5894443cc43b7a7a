"""The addresses of one generation at an end, which are distinguished by their form."""

from __future__ import annotations

from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Address, local
from ockam_fsm.runtime.session.link import Link, inner_of_reply
from ockam_fsm.runtime.session.signals import Generation

INNER = local("inner")
LINK = Link(Generation(3, Role.INITIATOR, INNER), INNER)


def test_each_request_of_a_generation_gets_a_reply_address_of_its_own() -> None:
    first, link = LINK.next_reply()
    second, link = link.next_reply()
    assert (first, second, link.requests_sent) == (local("inner.1"), local("inner.2"), 2)
    assert LINK.requests_sent == 0


def test_a_reply_address_leads_back_to_the_inner_address() -> None:
    reply, _ = LINK.next_reply()
    assert inner_of_reply(reply) == INNER
    assert reply.value.startswith(LINK.reply_prefix)


def test_an_address_that_is_not_a_reply_address_has_no_inner_address() -> None:
    assert inner_of_reply(Address(1, b"plain")) == Address(1, b"")


def test_a_generation_is_ordered_by_number_then_by_its_starter() -> None:
    ranks = [Generation(number, role, INNER).rank for number in (1, 2) for role in Role]
    assert ranks == sorted(ranks)
    assert [str(Generation(2, role, INNER)) for role in Role] == ["2r", "2i"]
