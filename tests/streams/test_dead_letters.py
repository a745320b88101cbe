from dataclasses import dataclass, field

import pytest

from streams.dead_letters import NOT_DEFECTS, Ceiling, dead_letter


@dataclass
class ARecord:
    offset: int = 17
    headers: list[tuple[str, bytes]] = field(default_factory=list)


def test_a_dead_letter_keeps_the_headers_and_names_its_origin_and_reason() -> None:
    record = ARecord(headers=[("log_time", b"5"), ("trace", b"\xff")])
    assert dead_letter(record, "shop.member-events", 3, "bad_money", "net_amount: 0,5 €") == [
        ("log_time", b"5"),
        ("trace", b"\xff"),
        ("dl_topic", b"shop.member-events"),
        ("dl_partition", b"3"),
        ("dl_offset", b"17"),
        ("dl_reason", b"bad_money"),
        ("dl_detail", "net_amount: 0,5 €".encode()),
    ]


def test_a_replayed_record_that_fails_again_has_one_id() -> None:
    first = dead_letter(ARecord(), "orders", 0, "no_rule", "once")
    again = dead_letter(ARecord(offset=99, headers=first), "orders", 1, "bad_money", "twice")
    assert [value for name, value in again if name == "dl_offset"] == [b"99"]
    assert len(again) == 5


@pytest.mark.parametrize("detail", ["€" * 2000, "\ud800"])
def test_a_detail_is_short_and_always_utf_8(detail: str) -> None:
    told = dict(dead_letter(ARecord(), "orders", 0, "bad_field", detail))["dl_detail"]
    assert 0 < len(told) <= 2000
    assert told.decode()


def halts_at(ceiling: Ceiling, pattern: str) -> int | None:
    """The place in the pattern (b for bad, g for good) at which the worker halts."""
    for place, sort in enumerate(pattern):
        if sort == "g":
            ceiling.good(1)
        elif ceiling.bad("bad_money") is not None:
            return place
    return None


@pytest.mark.parametrize(
    ("pattern", "place"),
    [
        ("b" * 19 + "g", None),
        ("b" * 20, 19),
        ("b" * 19 + "g" + "b" * 19, None),
        ("bg" * 499, None),
        ("bg" * 499 + "ggb", 1000),
        ("g" * 990 + "b" * 10, None),
        ("g" * 990 + "b" * 11, 1000),
        (("b" + "g" * 99) * 30, None),
        ("b" + "g" * 989 + "b" * 10, 999),
        ("b" + "g" * 990 + "b" * 10, None),
        ("b" + "g" * 988 + "b" * 10, None),
        ("g" + "b" + "g" * 989 + "b" * 10, 1000),
        ("g" * 5000 + ("b" + "g" * 90) * 11, 5910),
    ],
)
def test_a_worker_halts_at_20_in_a_row_or_more_than_one_per_cent_of_the_last_1000(
    pattern: str, place: int | None
) -> None:
    assert halts_at(Ceiling(), pattern) == place


def test_refusals_that_are_no_defects_never_halt_a_worker() -> None:
    ceiling = Ceiling()
    assert not any(ceiling.bad(reason) for reason in NOT_DEFECTS for _ in range(2000))
    assert halts_at(ceiling, "b" * 20) == 19


def test_a_refusal_that_is_no_defect_does_not_hide_a_row_of_bad_records() -> None:
    ceiling = Ceiling()
    assert halts_at(ceiling, "b" * 19) is None
    ceiling.bad("too_late")
    assert ceiling.bad("bad_money") is not None


def test_the_halt_says_why_and_how_to_resume() -> None:
    ceiling = Ceiling()
    messages = [ceiling.bad("broken_json") for _ in range(20)]
    assert messages[-1] is not None
    assert "20 records in a row could not be used (the last: broken_json)" in messages[-1]
    assert "MEMBERPULSE_SCORE__HALT_ON_BAD_INPUT=false" in messages[-1]


def test_a_batch_without_records_ends_no_row() -> None:
    ceiling = Ceiling()
    assert halts_at(ceiling, "b" * 19) is None
    ceiling.good(0)
    assert ceiling.bad("bad_money") is not None
