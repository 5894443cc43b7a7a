"""Why mutants of the runtime's code survive, as people have written it down (CODE_SURVIVORS.md).

A survivor is named by its function and, as the page prints it, by the beginning of what is changed in it.
"""

from __future__ import annotations

from collections.abc import Mapping

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "it is a text for people, or part of one": (
        "node/node.py Node.host: - raise LocalSessionError",
        "node/starting.py check_session: - raise LocalSessionError",
        "node/relay.py Relay._register: - context.dead_letter(NO_ROOM, str(alias))",
        "session/request.py Request.report_failure: - self.emit(Notify(RequestFailed(",
        "session/session.py Session._judge_and_prove: - raise RemoteSessionError",
    ),
    "the short way of decoding gives up, and the other one reads the same; an example looks which of the two it was": (
        "encoding/frames.py _plain_route: - end = at + 4",
        "encoding/frames.py decode_plain: - size, at = (body[at], at + 1)",
    ),
    "what Hypothesis writes has heads of the shortest form, and nothing in it needs eight bytes": (
        "encoding/frames.py _head: - if number > 27:",
    ),
    "what a handler is given and what it sends is judged by examples: the machines' own handlers only answer": (
        "node/workers.py Context.dead_letter: - self._orders.append",
        "node/workers.py Context.send: - back = ",
        "node/services.py discovery: - hop(message, context)",
        "node/relay.py Relay._register: - elif alias not in self.tokens",
        "node/relay.py Registrar.__call__: - self.confirmed += 1",
    ),
    "the machines give a node one forwarding policy, and no text that says which": (
        "node/forwarding.py policy_of: - others = only",
        "node/forwarding.py policy_of: - return lambda",
    ),
    "no machine is told that its peer says more than a close may": (
        "session/handshake.py _reason: - return bare.string",
    ),
    "more addresses have to end than any machine lets end": ("node/router.py Router.vanish: - del self.vanished",),
}

REASONS: Mapping[str, str] = {beginning: reason for reason, names in _GROUPS.items() for beginning in names}
