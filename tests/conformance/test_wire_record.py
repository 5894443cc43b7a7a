"""The record of a case: every message once, and a flood as its beginning and its count."""

from __future__ import annotations

from ockam_fsm.conformance.wire.record import MAX_BYTES, MAX_MOMENTS, MAX_REPEATED, NODE, CaseRecord


def test_messages_are_kept_as_bytes_and_as_a_chart() -> None:
    record = CaseRecord()
    record.sent("kit", b"\x01", "version byte")
    record.received("kit", b"\x01", "version byte")
    record.note("it still answers", "kit")
    shown = record.reproduction("case", "title", "sentence", "command")
    assert [(one.who, one.whom, one.data) for one in shown.transmissions] == [
        ("kit", NODE, b"\x01"),
        (NODE, "kit", b"\x01"),
    ]
    assert [moment.label for moment in shown.chart.moments] == ["version byte", "version byte", "it still answers"]
    assert shown.chart.participants == ("kit", NODE)


def test_repeated_messages_are_counted() -> None:
    record = CaseRecord()
    for _ in range(100):
        record.sent("kit", b"hello", "hello")
    record.sent("kit", b"data", "data")
    labels = [moment.label for moment in record.reproduction("case", "title", "sentence", "").chart.moments]
    assert labels == ["hello"] * MAX_REPEATED + [f"and {100 - MAX_REPEATED} more of these", "data"]
    assert len(record.transmissions) == MAX_REPEATED + 1


def test_the_record_of_a_flood_is_bounded() -> None:
    record = CaseRecord()
    for number in range(1000):
        record.received("kit", b"x" * (MAX_BYTES + 1), f"message {number}")
    shown = record.reproduction("case", "title", "sentence", "")
    assert len(shown.chart.moments) == MAX_MOMENTS + 1
    assert shown.chart.moments[-1].label == f"and {1000 - MAX_MOMENTS} more messages"
    assert {len(one.data) for one in shown.transmissions} == {MAX_BYTES}
    assert str(MAX_BYTES + 1) in shown.transmissions[0].meaning
