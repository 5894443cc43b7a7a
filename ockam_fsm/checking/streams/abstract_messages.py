"""The four messages of an abstract session between a publisher and its stream (abstract_session.py).

Source: spec/sessions.md clauses 2.1, 12.3 and 12.4; spec/tla/Publishing.tla.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hello:
    """The publisher's session requests a generation."""

    identity: int
    generation: int

    @property
    def label(self) -> str:
        return f"hello {self.generation} of {self.identity}"


@dataclass(frozen=True, slots=True)
class Answer:
    """The stream's end confirms a hello. `responder`: its number, the address of pushes."""

    identity: int
    generation: int
    responder: int
    resumed: bool

    @property
    def label(self) -> str:
        return f"answer {self.generation} of {self.identity}, {'resumed' if self.resumed else 'not resumed'}"


@dataclass(frozen=True, slots=True)
class PushSent:
    """A push of a message under its sequence number."""

    identity: int
    generation: int
    responder: int
    number: int
    data: bytes

    @property
    def label(self) -> str:
        return f"push {self.number} of {self.identity}: {self.data.decode()}"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The confirmation that the message of a number is stored."""

    identity: int
    number: int

    @property
    def label(self) -> str:
        return f"confirmation {self.number} of {self.identity}"
