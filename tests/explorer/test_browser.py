"""The explorer page in a real browser: what a person sees and does there is what the checker says.

Needs Chromium; `make browser` installs it if it can, and runs these tests. Without Chromium they fail and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.checking import explore, replay, sometimes, spoken
from ockam_fsm.checking.sessions.session_actors import INITIATOR, End
from ockam_fsm.checking.world import World
from ockam_fsm.cli import app
from ockam_fsm.kernel.machine import Refuse
from ockam_fsm.machines import table
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Event, Role, State
from tests.explorer.pages import bad_world, world_named

pytestmark = pytest.mark.browser

SMALL = "explicit-transient:closed"
BAD = "established-on-answering"
PATIENCE_MILLISECONDS = 60_000
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.fail("Chromium is not installed, so nothing was tested. `make browser` installs it where it can.")
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=program, args=sandbox)
        yield found
        found.close()


class Reader:
    """A person with a page: what is there by role and by text, and every complaint of the browser."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.complaints, self.requests = page, [], []  # type: ignore[var-annotated]
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url.partition("#")[0]))
        page.goto(url)
        page.wait_for_selector("body[data-shown], [role=alert]")

    def click(self, words: str, within: str = "main") -> None:
        """Choose the first button with these words, and wait for the new place to be shown."""
        before = self.page.get_attribute("body", "data-shown")
        self.page.locator(f"{within} button", has_text=words).first.click()
        self.page.wait_for_selector(f"body:not([data-shown='{before}'])")

    def wait_for(self, hash: str) -> None:
        """Wait until the place with this hash is shown. A wait for the value of a script needs `eval`, which the page's
        policy forbids."""
        self.page.wait_for_selector(f"body[data-shown='{hash}']")

    def take(self, words: str) -> None:
        """Take the first possible step with these words."""
        self.click(words, "#state")

    @property
    def path(self) -> str:
        """The path to the present state, as the page's command has it."""
        words = str(self.page.input_value("input[aria-label=Command]")).split()
        return words[3] if len(words) > 3 else ""

    @property
    def labels(self) -> list[str]:
        return list(
            map(str, self.page.locator("#state section:not([aria-label='in flight']) > .label").all_inner_texts())
        )

    def matches(self, world: World) -> bool:
        """Whether the page shows what a replay of its path shows."""
        *_, end = replay(world, self.path)
        messages = self.page.locator("#state .message .label").all_inner_texts()
        shown = sorted(int(number) for number in self.page.locator("#state button.step").evaluate_all(
            "buttons => buttons.map(button => button.dataset.position)"))  # fmt: skip
        return (
            self.labels == [spoken(local) for local in end.state.locals.values()]
            and messages == [spoken(envelope.payload) for envelope in end.state.network]
            and shown == [choice.index for choice in end.enabled]
        )


def written(name: str, folder: Path, *options: str) -> str:
    """The URL of the page of a world, as a file."""
    file = folder / "page.html"
    result = CliRunner().invoke(app, ["explore", name, "--html", str(file), *options])
    assert result.exit_code == 0, result.output
    return file.as_uri()


@pytest.fixture(scope="module")
def small_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(SMALL, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def bad_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(BAD, tmp_path_factory.mktemp("bad"), "--states", "200")


def test_steps_are_taken_by_click_and_by_key(browser: Any, small_url: str) -> None:
    reader, world = Reader(browser.new_page(), small_url), world_named(SMALL)
    assert reader.matches(world)
    reader.take("order open")
    reader.take("deliver")
    assert reader.labels == ["NEGOTIATING (attempt 1i)", "NEGOTIATING (attempt 1i)"]
    assert reader.matches(world)
    row = reader.page.locator("[data-row=NT1].takeable")
    assert row.get_attribute("aria-label") == "NT1: deliver answer 1i from responder to initiator"
    row.focus()
    reader.page.keyboard.press("Enter")
    reader.wait_for("#0/0/0")
    assert reader.labels[0] == "ESTABLISHED (current 1i)"
    assert reader.page.locator(".lit").evaluate_all("boxes => boxes.map(box => box.dataset.node)") == [
        "ESTABLISHED", "NEGOTIATING"]  # fmt: skip
    assert reader.page.locator("#happened .row-id").all_inner_texts() == ["NT1"]
    assert reader.matches(world)
    reader.page.locator("#happened summary").first.click()
    assert "answer" in reader.page.locator("#happened .clause").first.inner_text()
    assert (reader.complaints, set(reader.requests)) == ([], {small_url})


def test_back_forward_and_a_link_lead_to_the_same_state(browser: Any, small_url: str) -> None:
    reader, world = Reader(browser.new_page(), f"{small_url}#0/0/0/0"), world_named(SMALL)
    there = reader.labels
    reader.page.keyboard.press("ArrowLeft")
    reader.wait_for("#0/0/0/0@3")
    assert (reader.path, reader.matches(world)) == ("0/0/0", True)
    reader.page.keyboard.press("ArrowRight")
    reader.wait_for("#0/0/0/0")
    assert reader.labels == there
    again = Reader(browser.new_page(), str(reader.page.input_value("input[aria-label=Link]")))
    assert again.labels == there
    wrong = Reader(browser.new_page(), f"{small_url}#0/99")
    assert "not possible" in wrong.page.locator("[role=alert]").inner_text()


def test_a_known_bad_machine_opens_at_its_counterexample(browser: Any, bad_url: str) -> None:
    reader = Reader(browser.new_page(), bad_url)
    assert reader.path == "0/2/1/4/0"
    assert reader.matches(bad_world(BAD))
    marked = reader.page.locator("#trail li.violates").all_inner_texts()
    assert marked == ["5. deliver hello 1i from initiator to responder violates S7"]
    assert "violated: S7" in reader.page.locator("#happened").inner_text()
    reader.click("Step back")
    assert "violated" not in reader.page.locator("#happened").inner_text()
    assert reader.page.locator("#trail li.violates").count() == 1
    assert reader.complaints == []


def test_two_paths_are_compared(browser: Any, small_url: str) -> None:
    reader = Reader(browser.new_page(), f"{small_url}#0/0/0")
    reader.page.get_by_text("Keep this path to compare").click()
    reader.page.fill("#path", "0/0/1")
    reader.click("Go to the path")
    assert reader.path == "0/0/1"
    assert "The first 2 steps are the same." in reader.page.locator("#compare").inner_text()
    rows = reader.page.locator("#compare tbody tr").all_inner_texts()
    assert rows[0].split("\t") == ["initiator", "state", "ESTABLISHED", "TIMED_OUT"]
    reader.click("Go to the kept path")
    assert reader.path == "0/0/0"
    assert reader.page.locator("#compare tbody tr").count() == 0


def test_why_not_is_the_decision_of_the_table(browser: Any, small_url: str) -> None:
    reader = Reader(browser.new_page(), f"{small_url}#0")
    reader.page.locator("#cells summary").first.click()
    rows = reader.page.locator("#cells .card").first.locator("tbody tr").all_inner_texts()
    machine = table(EXPLICIT_TRANSIENT, Role.INITIATOR)
    assert len(rows) == len(machine.events)
    (decision,) = machine.cells[State.NEGOTIATING, Event.OPEN]
    assert isinstance(decision, Refuse)
    assert rows[0].split("\t") == ["OPEN", "not now", f"refused because {decision.because}"]
    expired = next(row for row in rows if row.startswith("NEGOTIATION_EXPIRED"))
    assert expired.split("\t")[1] == "possible now"


def is_closed(end: End) -> bool:
    return end.session is not None and end.session.state is State.CLOSED


def test_the_way_to_a_state_is_a_shortest_one(browser: Any, small_url: str) -> None:
    reader = Reader(browser.new_page(), small_url)
    reader.page.select_option("#target", "initiator: CLOSED")
    reader.click("Go")
    world = world_named(SMALL)
    closed = sometimes("W", "the initiator is closed", is_closed, over=(INITIATOR,))
    trace = explore(World(world.name, world.actors, world.network, world.orders, world.faults, (closed,)))["W"].trace
    assert trace is not None
    assert reader.labels[0].startswith("CLOSED")
    assert len(reader.path.split("/")) == len(trace)


def test_a_step_out_of_the_file_is_shown_and_not_walked(browser: Any, tmp_path: Path) -> None:
    reader = Reader(browser.new_page(), written(SMALL, tmp_path, "--states", "2"))
    reader.take("order open")
    outside = reader.page.locator("#state button[aria-disabled=true]")
    assert outside.count() > 1
    outside.first.focus()
    reader.page.keyboard.press("Enter")
    assert f"ockam-fsm explore {SMALL}" in reader.page.locator("#news").inner_text()
    assert (reader.path, reader.matches(world_named(SMALL))) == ("0", True)


def test_a_served_page_walks_anywhere(browser: Any) -> None:
    words = [sys.executable, "-m", "ockam_fsm.cli", "explore", SMALL, "--no-browser", "--states", "2"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            url = running.stdout.readline().strip()
            reader = Reader(browser.new_page(), url)
            for words_ in ("order open", "deliver", "deliver", "keepalive fires", "deliver"):
                reader.take(words_)
                assert reader.matches(world_named(SMALL))
            assert len(reader.path.split("/")) == 5
            assert {one.partition("graph?")[0] for one in reader.requests} == {url}
            assert reader.complaints == []
        finally:
            running.kill()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_it_fits_a_phone_and_a_desk_in_light_and_dark(browser: Any, bad_url: str, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    reader = Reader(page, bad_url)
    reader.page.locator("#cells summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") is (scheme == "light")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, [role=button], select, input')]"
        ".filter(one => !(one.innerText || one.textContent || one.getAttribute('aria-label'))).length"
    )
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert (unnamed, len(ids)) == (0, len(set(ids)))
