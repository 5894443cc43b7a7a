"""Each storage compared with a model. The state machines also detect defective storages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

from tests.storage.known_bad import NewestFirst, RecordInMemory, SavesLower
from tests.storage.machines import KilledMachine, Local, MemoryMachine, SqliteMachine, StorageMachine


def run(machine: type[StorageMachine], examples: int, steps: int, **more: Any) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
            suppress_health_check=list(HealthCheck), **more,
        ),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("machine", "examples"),
    [(MemoryMachine, 30), (SqliteMachine, 10), (KilledMachine, 4)],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_a_storage_equals_the_model(machine: type[StorageMachine], examples: int) -> None:
    run(machine, examples, 30, derandomize=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [RecordInMemory, SavesLower, NewestFirst], ids=lambda kind: str(kind.__name__))
def test_a_defective_storage_is_detected(kind: type) -> None:
    class Wrong(StorageMachine):
        def made(self, folder: Path) -> Local:
            return Local(lambda: kind(folder / "s"))

    # The grouping of commits depends on timing: the same steps may fail at another place the second time.
    with pytest.raises((AssertionError, FlakyFailure)):
        run(Wrong, 50, 30, derandomize=True, phases=[Phase.generate])


@pytest.mark.nightly
@pytest.mark.parametrize("machine", [MemoryMachine, SqliteMachine, KilledMachine], ids=lambda one: str(one.__name__))
def test_a_storage_equals_the_model_with_many_examples(machine: type[StorageMachine]) -> None:
    run(machine, 500, 60)
