"""The property tests of the runtime's code can fail, and the page is correct. (The whole run: `make code-mutants`.)"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ockam_fsm.checking.sessions.worlds import all_worlds
from ockam_fsm.machines.vocabulary import Event
from ockam_fsm.runtime.session.session import Session
from tests.quality import code_mutants, judges_of_code
from tests.quality.code_mutants import Fate, difference, is_text, page
from tests.quality.report import INDISTINGUISHABLE, KILLED, SURVIVOR, share_killed

MADE = """
class Session:
    def xǁSessionǁclose__mutmut_orig(self):
        raise LocalSessionError("closed", f"{self.state}")
    def xǁSessionǁclose__mutmut_1(self):
        raise LocalSessionError("CLOSED", f"{self.state}")
    def xǁSessionǁclose__mutmut_2(self):
        raise LocalSessionError("closed", f"{None}")
    def xǁSessionǁclose__mutmut_3(self):
        raise LocalSessionError(None, f"{self.state}")
    def xǁSessionǁshow__mutmut_orig(self):
        return self.tell("it is here") or f"{self.name}_partitioned"
    def xǁSessionǁshow__mutmut_1(self):
        return self.tell("IT IS HERE") or f"{self.name}_partitioned"
    def xǁSessionǁshow__mutmut_2(self):
        return self.tell("it is here") or f"{self.name}_PARTITIONED"
    def xǁSessionǁopen__mutmut_orig(self):
        return self.order("open", 1)
    def xǁSessionǁopen__mutmut_1(self):
        return self.order("XXopenXX", 1)
    def xǁSessionǁopen__mutmut_2(self):
        return self.order("open", 2)
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ockam_fsm" / "runtime" / "session" / "session.py"
    path.parent.mkdir(parents=True)
    path.write_text(MADE, encoding="utf-8")
    monkeypatch.setattr(code_mutants, "FOLDER", tmp_path)
    return path


def test_a_mutant_is_named_by_its_function_and_by_what_is_changed(made: Path) -> None:
    assert ast.parse(MADE)
    assert difference("ockam_fsm.runtime.session.session.xǁSessionǁopen__mutmut_2", made) == (
        "session/session.py Session.open",
        "- return self.order('open', 1) + return self.order('open', 2)",
    )


@pytest.mark.parametrize(
    ("mutant", "for_people"),
    [("close__mutmut_1", True), ("close__mutmut_2", True), ("close__mutmut_3", False), ("show__mutmut_1", True),
     ("show__mutmut_2", False), ("open__mutmut_1", False), ("open__mutmut_2", False)],
)  # fmt: skip
def test_mutants_that_change_only_texts_are_recognised(made: Path, mutant: str, for_people: bool) -> None:
    assert is_text(f"ockam_fsm.runtime.session.session.xǁSessionǁ{mutant}", made) is for_people


def test_the_page_has_counts_and_survivors() -> None:
    fates = [Fate("node/a.py f", "- 1 + 2", KILLED), Fate("node/a.py g", "- 1 + 3", SURVIVOR),
             Fate("session/b.py h", "- x", INDISTINGUISHABLE)]  # fmt: skip
    text = page(fates, "All of them.")
    assert share_killed(fates) == 0.5
    assert "| node | 2 | 0 | 1 | 1 | 0 |" in text
    assert "- node/a.py g: `- 1 + 3`: no reason is known" in text


def test_the_judges_pass_the_real_code_and_reject_a_fault_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = next(one for one in judges_of_code.WORLDS if one.name == "explicit-transient:lossy")
    names = {one.name for one in judges_of_code.WORLDS}
    left_out = {one.name for one in all_worlds()} - names
    assert left_out
    assert all("two-sided" in name and "strangers" in name for name in left_out)
    assert {name.partition(":")[0] for name in names} >= {"pipe", "stream", "node"}
    judges_of_code.test_no_property_is_refuted(world)
    monkeypatch.setattr(Session, "_judge_answer", lambda self, inbound, answer: Event.ANSWER_STALE)
    with pytest.raises(AssertionError):
        judges_of_code.test_no_property_is_refuted(world)
