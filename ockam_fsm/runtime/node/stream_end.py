"""One end of a bidirectional stream session as a resident of the node, without I/O: an edge publishes and consumes.

Theory: a message to its address leaves as a message of one stream, whole, with the rest of its onward route and with
its return route. A message of the other stream is forwarded, with this address before its return route, so replies
leave by the first stream again. For a session that is embedded in it this end is a carrier, like a connection.

The published message is the BARE struct `{return_stream: string, message: data}`, as Ockam's own client writes it.
`message` is encoded as in a frame; `return_stream` is the stream that its sender consumes.

Rule 1: the messages that wait for the publisher are bounded, and charged to their origin.
Rule 2: a message of a stream is from outside, from an unknown host. It reaches no private worker, and the forwarding
        policy applies to connections that it causes.
Rule 3: a message that cannot be carried or read is a dead letter with a reason. Nothing here raises.
Left out: the streams (net/streams/session.py), and publishers for streams that a message names (clause 15.30).
Source: spec/sessions.md clause 12.11; the discussion, "forwarding sessions may be embedded". The struct was read in
        Ockam's source only (`Ockam.Stream.Client.BiDirectional`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.kernel.text import neutral
from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.frames import decode_message, encode_message
from ockam_fsm.runtime.encoding.gate import PAYLOAD_TOO_LARGE, refusal
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.node.layers import Layer, written_bytes
from ockam_fsm.runtime.node.ledger import NODE_FULL, Origin, Receipt, weight_of
from ockam_fsm.runtime.node.residents import Access, Dependent, Envelope, Resident
from ockam_fsm.runtime.node.router import Router

WINDOW_FULL = "too many messages wait for the stream"
IS_OVER = "the stream session is over"
ANOTHER_STREAM = "replies to another stream"
_SHOWN = 100


class StreamEnd:
    """A stream end at a fresh secret address. It carries messages until `retire`."""

    __slots__ = ("_accepted", "_capacity", "_label", "_largest", "_sending", "address", "dependents", "origin",
                 "router", "waiting")  # fmt: skip
    replies = False

    def __init__(
        self,
        router: Router,
        sending: str,
        receiving: str,
        capacity: int,
        accepted: Callable[[], object],
        largest: Callable[[], int],
    ) -> None:
        """`sending` and `receiving` are the names of the streams that this end publishes to and consumes. At most
        `capacity` messages wait. `accepted` is called for each of them. `largest` returns the largest message of the
        publisher, in bytes.

        Raises:
            LocalSessionError: a name cannot be encoded in UTF-8.
        """
        self._sending, self._label = sending, bare.string(receiving)
        self.router = router
        self.address = router.fresh_address()
        self.origin = Origin(str(self.address), outside=True)
        """The origin of the messages of the stream."""
        self.dependents: dict[Dependent, None] = {}
        self.waiting: dict[Receipt, bytes] = {}
        """The messages to be published, oldest first."""
        self._capacity, self._accepted, self._largest = capacity, accepted, largest
        router.register(self.address, self, Access.SECRET)

    def carries(self, address: Address) -> bool:
        return True

    def sent(self, address: Address, carrier: Resident) -> None:
        """Do nothing: no message begins here."""

    def fire(self, timer: object) -> None:
        """Do nothing: it sets no timers."""

    def relied_on_by(self, dependent: Dependent) -> None:
        self.dependents[dependent] = None

    def dropped_by(self, dependent: Dependent) -> None:
        self.dependents.pop(dependent, None)

    def layer(self, onward_route: Route, return_route: Route) -> Layer:
        published = self.router.max_payload_bytes - self._largest()
        added = published + len(self._label) + written_bytes(onward_route, return_route)
        return Layer((), (), added, whole=True)

    # Out --------------------------------------------------------------------------------------------------------------

    def take(self, envelope: Envelope) -> None:
        message = replace(envelope.message, onward_route=envelope.message.onward_route[1:])
        self.router.leaves(message, self)
        payload = self._label + bare.data(encode_message(message))
        if len(payload) > self._largest():
            self.router.bury(PAYLOAD_TOO_LARGE, message, self.address, f"{len(payload)} bytes with its routes")
            return
        full = len(self.waiting) >= self._capacity
        receipt = None if full else self.router.ledger.take(self.router.serving, weight_of(message))
        if receipt is None:
            self.router.bury(WINDOW_FULL if full else NODE_FULL, message, self.address)
            return
        self.router.ledger.may_give_up(receipt, self._give_up)
        self.waiting[receipt] = payload
        self._accepted()

    def pop(self) -> bytes | None:
        """Remove and return the next message to be published; None: none waits."""
        if not self.waiting:
            return None
        receipt = next(iter(self.waiting))
        self.router.ledger.give_back(receipt)
        return self.waiting.pop(receipt)

    def lose(self, payload: bytes, detail: str) -> None:
        """Make a message that cannot be published any more a dead letter."""
        self.router.bury(IS_OVER, _read(payload)[1], self.address, detail)

    def discard(self, detail: str) -> None:
        """Make all waiting messages dead letters."""
        while (payload := self.pop()) is not None:
            self.lose(payload, detail)

    def _give_up(self, receipt: Receipt) -> None:
        self.router.ledger.give_back(receipt)
        self.router.bury(NODE_FULL, _read(self.waiting.pop(receipt))[1], self.address, receipt.origin.name)

    # In ---------------------------------------------------------------------------------------------------------------

    def arrived(self, payload: bytes) -> None:
        """Forward a message of the stream."""
        try:
            stream, whole = _read(payload)
        except RemoteSessionError as error:
            self.router.bury(error.reason, Message((self.address,), (), payload), self.address, error.detail)
            return
        message = replace(whole, return_route=(self.address, *whole.return_route))
        if stream != self._sending:
            self.router.bury(ANOTHER_STREAM, message, self.address, neutral(stream[:_SHOWN]))
        elif refused := refusal(whole, self.router.max_payload_bytes):
            reason, detail = refused
            self.router.bury(reason, message, self.address, detail)
        else:
            self.router.route(Envelope(message, self), self.origin)

    @property
    def delivering(self) -> bool:
        """Whether a message of the stream has not reached its worker yet."""
        return bool(self.origin.queue)

    def retire(self, detail: str) -> None:
        """End: the address vanishes, and dependent sessions lose their lower layer. Waiting messages may still be
        published."""
        self.router.unregister(self.address)
        self.router.lose(self.dependents, detail)


def _read(payload: bytes) -> tuple[str, Message]:
    """Return the stream for replies, and the message."""
    reader = bare.Reader(payload)
    stream, message = reader.string(), decode_message(reader.data())
    reader.end()
    return stream, message
