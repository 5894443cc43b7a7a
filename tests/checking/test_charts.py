"""Sequence charts of replays: when messages are sent, which are lost, which are dead letters."""

from __future__ import annotations

from collections.abc import Sequence

from ockam_fsm.checking import World, replay
from ockam_fsm.checking.sessions.charts import chart_of
from ockam_fsm.checking.sessions.known_bad import known_bad
from ockam_fsm.checking.sessions.scenarios import record, scenarios
from ockam_fsm.checking.sessions.worlds import worlds_of
from ockam_fsm.checking.streams.scenarios import stream_scenarios
from ockam_fsm.cli.render import recorded_charts
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.projections.sequence import Chart, Moment, MomentKind
from ockam_fsm.projections.sequence_svg import to_svg
from tests.cli.own_worlds import counting_to

LOSSY, RESTARTS, FAULTS, _, _, CLOSED = worlds_of(EXPLICIT_TRANSIENT)[:6]


def chart(world: World, *labels: str) -> Chart:
    path: list[int] = []
    for label in labels:
        enabled = list(replay(world, path))[-1].enabled
        path.append(next(choice.index for choice in enabled if choice.label == label))
    return chart_of("x", "X", "x", world, list(replay(world, path)))


def kinds(moments: Sequence[Moment]) -> list[tuple[str, str, str]]:
    return [(moment.kind.name, moment.who, moment.label) for moment in moments]


OPENED = "initiator: order open"
HELLO = "hello 1i from initiator to responder"


def test_orders_and_messages_with_their_effects() -> None:
    assert kinds(chart(LOSSY, OPENED, f"deliver {HELLO}").moments) == [
        ("STATE", "initiator", "IDLE"),
        ("ORDER", "initiator", "open"),
        ("STATE", "initiator", "NEGOTIATING"),
        ("MESSAGE", "initiator", "hello 1i"),
        ("STATE", "responder", "NEGOTIATING"),
        ("NOTE", "", "still in flight: answer 1i to initiator"),
    ]


def test_a_late_message_is_drawn_from_its_sending() -> None:
    found = chart(LOSSY, OPENED, "initiator: timer negotiation fires", f"deliver {HELLO}")
    message = next(moment for moment in found.moments if moment.kind is MomentKind.MESSAGE)
    assert message.left_at == 1
    assert [moment.label for moment in found.moments if moment.kind is MomentKind.TIMER] == ["negotiation"]


def test_duplicates_arrive_again_and_drops_are_lost() -> None:
    found = chart(LOSSY, OPENED, f"deliver {HELLO} and keep a copy", f"drop {HELLO}")
    assert [(m.kind.name, m.left_at) for m in found.moments if m.whom] == [("DUPLICATE", 1), ("LOST", 1)]


def test_surplus_messages_are_lost_at_once() -> None:
    found = chart(LOSSY, OPENED, f"deliver {HELLO} and keep a copy", f"deliver {HELLO} and keep a copy", f"deliver {HELLO} and keep a copy")  # noqa: E501  # fmt: skip
    assert ("LOST", "responder", "answer 1i") in kinds(found.moments)


def test_a_corrupted_message_is_labelled_and_refused() -> None:
    found = chart(FAULTS, OPENED, f"deliver CORRUPT for {HELLO}")
    message = next(moment for moment in found.moments if moment.kind is MomentKind.MESSAGE)
    assert (message.label, message.who, message.refused) == ("hello 1i, corrupted", "initiator", True)


def test_a_restart_is_a_note_and_the_host_is_idle_again() -> None:
    found = chart(RESTARTS, OPENED, f"deliver {HELLO}", "responder: fault restart-without-state")
    assert kinds(found.moments)[-3:-1] == [
        ("NOTE", "responder", "restart without state"),
        ("STATE", "responder", "IDLE"),
    ]


def test_a_responder_that_is_reaped_is_closed() -> None:
    found = chart(
        LOSSY, OPENED, f"deliver {HELLO}", "responder: timer negotiation of session 1 fires",
        "responder: timer back-off of session 1 fires",
    )  # fmt: skip
    assert ("STATE", "responder", "CLOSED") in kinds(found.moments)


def test_a_stale_answer_is_refused_with_its_reason() -> None:
    stale = next(one for one in scenarios() if one.name == "scenario-stale-response")
    found = chart_of(stale.name, stale.title, stale.sentence, stale.world, record(stale))
    answers = [moment for moment in found.moments if moment.label == "answer 1i"]
    assert [moment.refused for moment in answers] == [True]
    assert "dead letter: unknown address" in [moment.label for moment in found.moments]


def test_a_normalised_world_is_drawn_without_following_messages() -> None:
    world = next(world for world in worlds_of(EXPLICIT_PERSISTENT_ONE_SIDED) if world.normaliser is not None)
    found = chart(world, OPENED, "deliver hello 1i from initiator to responder")
    assert [moment.left_at for moment in found.moments if moment.whom] == [None]


def test_a_world_of_a_user_shows_its_states_and_links() -> None:
    found = chart(counting_to(9), "asker: order ask", "cut the link from asker to counter")
    assert kinds(found.moments) == [
        ("STATE", "asker", "idle"),
        ("STATE", "counter", "0"),
        ("ORDER", "asker", "ask"),
        ("STATE", "asker", "asked"),
        ("NOTE", "", "cut the link from asker to counter"),
        ("NOTE", "", "still in flight: one more to counter"),
    ]


def test_every_scenario_becomes_a_chart_that_can_be_drawn() -> None:
    charts = recorded_charts()
    scenes = [one.name for one in (*scenarios(), *stream_scenarios())]
    assert [one.name for one in charts] == [*scenes, "run of the demo"]
    assert all(one.title in to_svg(one, "page") for one in charts)


def test_worlds_of_known_bad_machines_are_drawn_as_well() -> None:
    world = known_bad()[0].world
    assert chart(world, OPENED).participants == ("initiator", "responder")
