"""Stages by quiet days, and which alert a change of stage is."""

import pytest

from scoring.lifecycle import alert_for, next_boundary, stage_of
from scoring.state import NO_DAY
from scoring.vocabulary import STAGES
from tests.builders import a_policy

PROSPECT, NEW, ACTIVE, NEAR_CHURN, RECENTLY, MID, DORMANT = range(len(STAGES))


@pytest.mark.parametrize(
    ("age", "days", "stage", "boundary"),
    [
        (0, 1, NEW, 60),
        (0, 2, ACTIVE, 60),
        (59, 1, NEW, 60),
        (59, 2, ACTIVE, 60),
        (60, 1, NEAR_CHURN, 90),
        (61, 2, NEAR_CHURN, 90),
        (89, 2, NEAR_CHURN, 90),
        (90, 2, RECENTLY, 180),
        (91, 1, RECENTLY, 180),
        (179, 1, RECENTLY, 180),
        (180, 1, MID, 365),
        (181, 2, MID, 365),
        (364, 2, MID, 365),
        (365, 2, DORMANT, NO_DAY),
        (366, 1, DORMANT, NO_DAY),
        (9_999, 1, DORMANT, NO_DAY),
    ],
)
def test_quiet_days_decide_the_stage_and_the_next_boundary(age: int, days: int, stage: int, boundary: int) -> None:
    assert STAGES[stage_of(a_policy(), age, days)] == STAGES[stage]
    assert next_boundary(a_policy(), age) == boundary


@pytest.mark.parametrize("age", [0, 60, 365])
def test_somebody_without_a_kept_order_is_a_prospect(age: int) -> None:
    assert stage_of(a_policy(), age, 0) == PROSPECT


@pytest.mark.parametrize(
    ("before", "alerts"),
    [
        # One column for every stage afterwards, prospect to dormant; "-" is no alert.
        ("prospect", "- first first first first first first"),
        ("new", "- - - near lapsed mid dormant"),
        ("active", "- - - near lapsed mid dormant"),
        ("near_churn", "- recovered recovered - lapsed mid dormant"),
        ("recently_lapsed", "- again again again - mid dormant"),
        ("mid_lapsed", "- again again again again - dormant"),
        ("dormant", "- again again again again again -"),
    ],
)
def test_every_change_of_stage_has_its_alert_or_none(before: str, alerts: str) -> None:
    names = {
        "-": "",
        "first": "lifecycle.first_purchase",
        "near": "lifecycle.near_churn",
        "lapsed": "lifecycle.lapsed_recently",
        "mid": "lifecycle.lapsed_mid",
        "dormant": "lifecycle.dormant",
        "recovered": "lifecycle.recovered",
        "again": "lifecycle.reactivated",
    }
    told = [alert_for(STAGES.index(before), after) for after in range(len(STAGES))]
    assert told == [names[word] for word in alerts.split()]
