"""The messages of one case, in order: the bytes and the sequence chart of its reproduction.

Rule 1: messages of the case are recorded as they are sent and received. Checks whether the node still answers are at
        most notes, so that a chart shows only the case.
Rule 2: repeated messages and floods are recorded by their beginning and their count, so that a record is bounded.
"""

from __future__ import annotations

from ockam_fsm.conformance.report.findings import Reproduction, Transmission
from ockam_fsm.projections.sequence import Chart, Moment, MomentKind

NODE = "node under test"
MAX_MOMENTS = 60
MAX_REPEATED = 3
MAX_BYTES = 4096
"""The most bytes of a message that are kept; the length of a longer one is in its meaning."""
MAX_MEANING = 300


class CaseRecord:
    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self.transmissions: list[Transmission] = []
        self.left_out = 0
        self._repeated = 0

    def sent(self, who: str, data: bytes, meaning: str) -> None:
        self._message(who, NODE, data, meaning)

    def received(self, who: str, data: bytes, meaning: str) -> None:
        self._message(NODE, who, data, meaning)

    def note(self, text: str, who: str = "") -> None:
        if len(self.moments) < MAX_MOMENTS:
            self.moments.append(Moment(MomentKind.NOTE, who, text[:MAX_MEANING]))

    def reproduction(self, name: str, title: str, sentence: str, command: str) -> Reproduction:
        moments = list(self.moments)
        if self.left_out:
            moments.append(Moment(MomentKind.NOTE, "", f"and {self.left_out} more messages"))
        seen = [name for moment in moments for name in (moment.who, moment.whom) if name and name != NODE]
        chart = Chart(name, title, sentence, tuple(dict.fromkeys([*(seen or ["kit"]), NODE])), tuple(moments))
        return Reproduction(chart, tuple(self.transmissions), command)

    def _message(self, who: str, whom: str, data: bytes, meaning: str) -> None:
        meaning = meaning if len(meaning) <= MAX_MEANING else f"{meaning[:MAX_MEANING]}..."
        moment = Moment(MomentKind.MESSAGE, who, meaning, whom)
        self._repeated = self._repeated + 1 if moment in self.moments[-1 - MAX_REPEATED :] else 0
        if self._repeated >= MAX_REPEATED:
            self._note_repeated(self._repeated - MAX_REPEATED + 1)
        elif len(self.moments) >= MAX_MOMENTS:
            self.left_out += 1
        else:
            cut = f" ({len(data)} bytes, the first {MAX_BYTES} are shown)" if len(data) > MAX_BYTES else ""
            self.moments.append(moment)
            self.transmissions.append(Transmission(who, whom, data[:MAX_BYTES], meaning + cut))

    def _note_repeated(self, times: int) -> None:
        if times > 1:
            self.moments.pop()
        self.moments.append(Moment(MomentKind.NOTE, "", f"and {times} more of these"))
