"""`ockam-fsm pipelines`: the table, the JSON output, and a refuted rule."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.simulation import pipelines
from ockam_fsm.simulation.pipelines import BARE, LOSSY, REPEATING, RESEND, Delivery, Properties

FEW = (
    ("networks", LOSSY),
    ("one pipe", BARE.inside(RESEND)),
    ("chains", LOSSY.then(LOSSY)),
    ("chains", REPEATING.then(LOSSY)),
)


def invoke(monkeypatch: pytest.MonkeyPatch, *arguments: str, more: tuple[Delivery, ...] = ()) -> Any:
    monkeypatch.setattr(pipelines, "deliveries", lambda: iter((*FEW, *(("more", one) for one in more))))
    return CliRunner().invoke(app, ["pipelines", *arguments])


@pytest.mark.slow
def test_the_table_fits_and_has_the_properties_of_each_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke(monkeypatch, "--seed", "3")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 92
    assert any(line.split()[:3] == ["resend[bare]", "R---", "R---"] for line in lines)
    assert sum(line.endswith(" holds") for line in lines) == len(FEW)


@pytest.mark.slow
def test_json_has_the_same_results(monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke(monkeypatch, "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["seed"], told["runs"]) == (0, 0, 1)
    assert [one["delivery"] for one in told["deliveries"]] == [one.name for _, one in FEW]
    assert told["deliveries"][1]["measured"]["reliable"] is True
    assert told["deliveries"][0]["product"] is None
    assert len(told["deliveries"][2]["product"]) == 2


@pytest.mark.slow
def test_a_rule_that_is_refuted_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(LOSSY, name="a wrong rule", promised=Properties(True, True, True, True))
    result = invoke(monkeypatch, more=(wrong,))
    assert result.exit_code == 1
    assert "a wrong rule is not reliable, not gapless" in result.stderr
    assert "LACKS" in result.stdout
