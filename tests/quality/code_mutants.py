"""Mutation test of the runtime's code: mutmut makes the mutants; the explorer and the Hypothesis machines must kill
them.

    python -m tests.quality.code_mutants                     the default sample; writes CODE_SURVIVORS.md
    python -m tests.quality.code_mutants --sample 0          all of them, which takes hours; writes CODE_SURVIVORS.md
    python -m tests.quality.code_mutants --only GLOB         those whose name matches; writes nothing

A mutant is

    text                it changes only a text for people, and is not tested
    killed              a property fails, an end raises, or the run does not end (judges_of_code.py)
    survivor            an example test kills it, but no property does
    indistinguishable   no example test kills it either

Theory: table mutants (mutants.py) are distinguished by trying every state. Code has no such list of states, so the
example tests in `EXAMPLES` replace it: a mutant that neither they nor the properties kill counts as equivalent.

Rule 1: the sample is random among all mutants; the page has its seed.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import ndiff
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from tests.quality.code_reasons import REASONS
from tests.quality.report import GOAL, INDISTINGUISHABLE, KILLED, SURVIVOR, share_killed

FOLDER = Path("mutants")
"""The folder of mutmut's copy of the project."""
PAGE = Path(__file__).with_name("CODE_SURVIVORS.md")
EXAMPLES = ("tests/runtime", "tests/net/test_contract.py")
EXAMPLES_SECONDS = 3600
"""The time limit. The tests take a minute, so a mutant that exceeds the limit does not end, even on a loaded
machine."""
SAMPLE, SEED, PROCESSES = 160, 1, 2
TEXT = "text"
SURVIVED = (0, 5, 33)
"""Exit statuses of mutmut: all tests pass, or no test reaches the mutant."""
MUTMUT = (str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", str(PROCESSES))


@dataclass(frozen=True)
class Fate:
    """The verdict on a mutant, with its function and its change."""

    place: str
    change: str
    verdict: str

    @property
    def reason(self) -> str:
        name = f"{self.place}: {self.change}"
        return next((reason for beginning, reason in REASONS.items() if name.startswith(beginning)), "")


# The mutants of mutmut ------------------------------------------------------------------------------------------------


def made() -> dict[str, Path]:
    """Make all mutants from the current code. Return the file of each mutant."""
    subprocess.run([*MUTMUT, "none of them"], capture_output=True, check=False)
    found = {name: meta.with_suffix("") for meta in sorted(FOLDER.rglob("*.py.meta")) for name in _results(meta)}
    assert found, "mutmut made no mutants; run it by hand to see the reason"
    return dict(sorted(found.items()))


def _results(meta: Path) -> dict[str, int | None]:
    found: dict[str, int | None] = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


@cache
def _functions(path: Path) -> dict[str, ast.AST]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def _versions(name: str, path: Path) -> tuple[str, str, str]:
    """Return the name of a mutant's function, its original code, and its mutated code."""
    mutated = name.rpartition(".")[2]
    original = mutated.rpartition("_")[0]
    before, after = (ast.unparse(_functions(path)[one]).replace(one, "_") for one in (f"{original}_orig", mutated))
    return original.removesuffix("__mutmut").removeprefix("x_").removeprefix("xǁ").replace("ǁ", "."), before, after


def difference(name: str, path: Path) -> tuple[str, str]:
    """Return the function of a mutant and its change, as text."""
    function, before, after = _versions(name, path)
    changed = [line for line in ndiff(before.splitlines(), after.splitlines()) if line[:1] in "-+"]
    return f"{path.relative_to(FOLDER / 'ockam_fsm' / 'runtime')} {function}", " ".join(map(_tidy, changed))


def _tidy(line: str) -> str:
    return line[:2] + line[2:].strip()


def is_text(name: str, path: Path) -> bool:
    """Return whether only texts for people change: arguments of exceptions, and strings with a space.

    Names of fields, protocols and counters are strings too, but are tested as all other code.
    """
    _, *versions = _versions(name, path)
    before, after = (ast.dump(_Blank().visit(ast.parse(code))) for code in versions)
    return before == after


class _Blank(ast.NodeTransformer):
    """Removes texts for people from code."""

    _raised = False

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        self._raised = True
        blank = self.generic_visit(node)
        self._raised = False
        return blank

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("") if isinstance(node.value, str) and self._is_spoken(node.value) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        words = [part.value for part in node.values if isinstance(part, ast.Constant)]
        return ast.Constant("") if self._is_spoken("".join(map(str, words))) else self.generic_visit(node)

    def _is_spoken(self, text: str) -> bool:
        return self._raised or " " in text


# Judging --------------------------------------------------------------------------------------------------------------


def judged(found: dict[str, Path], say: Callable[[str], None]) -> Iterator[Fate]:
    spoken = {name for name, path in found.items() if is_text(name, path)}
    chosen = {name: path for name, path in found.items() if name not in spoken}
    yield from (Fate(*difference(name, found[name]), TEXT) for name in sorted(spoken))
    say(f"{len(found)} mutants, {len(spoken)} of them are texts; judging {len(chosen)} ...")
    subprocess.run([*MUTMUT, *chosen], stdout=subprocess.DEVNULL, check=False)
    results = {name: _results(path.with_suffix(".py.meta"))[name] for name, path in chosen.items()}
    assert None not in results.values(), "mutmut has no verdict for some mutants"
    left = [name for name, status in results.items() if status in SURVIVED]
    say(f"{len(left)} pass the properties; running the example tests ...")
    with ThreadPoolExecutor(PROCESSES) as pool:
        seen = dict(zip(left, pool.map(seen_by_an_example, left), strict=True))
    for name, path in chosen.items():
        verdict = KILLED if name not in seen else SURVIVOR if seen[name] else INDISTINGUISHABLE
        yield Fate(*difference(name, path), verdict)


def seen_by_an_example(name: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *EXAMPLES]
    environment = os.environ | {"MUTANT_UNDER_TEST": name, "PYTHONPATH": "."}
    try:
        return (
            subprocess.run(
                command, cwd=FOLDER, env=environment, capture_output=True, timeout=EXAMPLES_SECONDS
            ).returncode
            != 0
        )
    except subprocess.TimeoutExpired:
        return True


# The page -------------------------------------------------------------------------------------------------------------


def page(fates: Sequence[Fate], drawn: str) -> str:
    rooms = sorted({fate.place.partition(" ")[0].partition("/")[0] for fate in fates})
    verdicts = (TEXT, KILLED, SURVIVOR, INDISTINGUISHABLE)
    lines = [
        "<!-- GENERATED by `make code-mutants`; edit the reasons in code_reasons.py -->",
        "# Mutants of the runtime's code",
        "",
        "Single faults in `ockam_fsm/runtime`, made by mutmut and tested by the explorer and the Hypothesis machines;",
        f"code_mutants.py defines the verdicts. {drawn}",
        "",
        f"| folder | mutants | {' | '.join(verdicts)} |",
        f"| --- {'| --- ' * (len(verdicts) + 1)}|",
    ]
    for room in (*rooms, ""):
        count = Counter(fate.verdict for fate in fates if fate.place.startswith(room))
        lines.append(f"| {room or 'all'} | {count.total()} | {' | '.join(str(count[one]) for one in verdicts)} |")
    lines += ["", f"{share_killed(fates):.1%} of the distinguishable mutants are killed; the goal is {GOAL:.0%}.", ""]
    lines += ["## Survivors", ""]
    survivors = sorted((f for f in fates if f.verdict == SURVIVOR), key=lambda fate: (fate.place, fate.change))
    lines += [f"- {fate.place}: `{fate.change}`: {fate.reason or 'no reason is known'}" for fate in survivors]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Test mutants of the runtime's code by the properties.")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="how many (0: all); %(default)s by default")
    parser.add_argument("--seed", type=int, default=SEED, help="which of them; %(default)s by default")
    parser.add_argument("--only", default="*", help="a pattern of mutmut's names; writes no page")
    given = parser.parse_args(arguments)
    print("Making the mutants ...", flush=True)
    found = {name: path for name, path in made().items() if fnmatch(name, given.only)}
    drawn = f"All {len(found)} of them."
    if 0 < given.sample < len(found):
        drawn = f"A sample of {given.sample} from {len(found)}, drawn with the seed {given.seed}."
        found = dict(sorted(random.Random(given.seed).sample(sorted(found.items()), given.sample)))
    text = page(list(judged(found, lambda line: print(line, flush=True))), drawn)
    print(text)
    if given.only == "*":
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
