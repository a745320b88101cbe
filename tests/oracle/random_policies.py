"""Policies under which much happens within days: short windows and holds, quiet days, own rhythm, segments."""

import random
from datetime import date, timedelta
from typing import Any

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kathmandu")
_NAMES = (
    *("new", "promising", "potential_loyalist", "champion", "loyal", "about_to_sleep", "need_attention"),
    *("hibernating", "at_risk", "cant_lose", "prospect"),
    *("frequent_high_spend", "frequent_low_spend", "rare_high_spend", "rare_low_spend"),
    *("important_value", "important_development", "important_keep", "important_win_back"),
    *("general_value", "general_development", "general_keep", "general_win_back"),
)


def random_policy(rng: random.Random, first_day: date, days: int) -> dict[str, Any]:
    """A policy document for a log of so many days from ``first_day`` on."""
    window = rng.choice(["rolling", "rolling", "rolling", "calendar_year", "membership_year"])
    reported_days = rng.randrange(8, 30) if window == "rolling" else rng.choice([20, 200, 365])
    document: dict[str, Any] = {
        "version": 1,
        "currency": "USD",
        "time_zone": rng.choice(ZONES),
        "min_order_amount": rng.choice([1, 1, 300]),
        "windows": {"reported_days": reported_days, "return_days": rng.choice([0, 3, 10])},
        "tiers": {"window": window, "levels": _levels(rng), **_tiers(rng, window)},
        "lifecycle": _lifecycle(rng, first_day, days, slow=window != "rolling"),
    }
    if rng.random() < 0.6:
        document["segments"] = _segments(rng, reported_days)
    if document["tiers"]["downgrade"] == "at_hold_end":
        for level in document["tiers"]["levels"][1:]:
            if rng.random() < 0.2:
                level["never_downgrade"] = True
    return document


def _levels(rng: random.Random) -> list[dict[str, Any]]:
    """Rising in both measures; now and then a tier asks for one of them only."""
    levels: list[dict[str, Any]] = [{"name": "bronze"}]
    frequency, monetary = 1, 300
    for name in ("silver", "gold", "black")[: rng.choice([1, 2, 3, 3, 3, 3])]:
        frequency += rng.choice([1, 1, 2])
        monetary += rng.choice([200, 600, 1_200])
        asked: dict[str, Any] = {"frequency": frequency, "monetary": monetary}
        if rng.random() < 0.3:
            del asked[rng.choice(["frequency", "monetary"])]
        levels.append({"name": name, **asked, "match": rng.choice(["any", "all"])})
    return levels


def _tiers(rng: random.Random, window: str) -> dict[str, Any]:
    is_rolling = window == "rolling"
    tiers: dict[str, Any] = {"upgrade": "at_once", "downgrade": "at_hold_end"}
    if is_rolling:
        tiers["window_days"] = rng.randrange(4, 16)
        if rng.random() < 0.2:
            return {**tiers, "downgrade": "at_once"}
        tiers["hold_days"] = rng.choice([rng.randrange(1, 12), rng.randrange(12, 50)])
    tiers["grace_days"] = rng.choice([0, 0, 1, 2, 5])
    tiers["fall"] = rng.choice(["one_level", "to_match"])
    longest = min(6, tiers["hold_days"]) if is_rolling else 60
    tiers["expiring_days"] = rng.choice([0, rng.randrange(longest), rng.randrange(longest)])
    return tiers


def _lifecycle(rng: random.Random, first_day: date, days: int, *, slow: bool) -> dict[str, Any]:
    """``slow``: for logs of years."""
    factor = rng.choice([5, 20]) if slow else 1
    lifecycle: dict[str, Any] = {"allowed_lateness_hours": rng.choice([0, 0, 1, 6, 24, 48])}
    if rng.random() < 0.5:
        lifecycle["quiet_days"] = _quiet_days(rng, first_day, days)
    if rng.random() < 0.5:
        percents = sorted(rng.sample(range(100, 700, 10), 4))
        floor = rng.randrange(1, 4) * factor
        lifecycle["mode"] = "rhythm"
        lifecycle["rhythm"] = {
            "weight": rng.randrange(1, 6),
            "typical_gap_days": rng.randrange(1, 6) * factor,
            "floor_days": floor,
            "ceiling_days": floor + rng.randrange(8) * factor,
            **dict(
                zip(
                    (f"{stage}_percent" for stage in ("near_churn", "recently_lapsed", "mid_lapsed", "dormant")),
                    percents,
                    strict=True,
                )
            ),
        }
        return lifecycle
    boundaries = sorted(rng.sample(range(1, 14), 4))
    stages = ("near_churn", "recently_lapsed", "mid_lapsed", "dormant")
    stated = {f"{s}_days": days * factor for s, days in zip(stages, boundaries, strict=True)}
    return {"mode": "fixed", **lifecycle, **stated}


def _quiet_days(rng: random.Random, first_day: date, days: int) -> list[str]:
    entries = []
    for _ in range(rng.randrange(1, 6)):
        first = first_day + timedelta(days=rng.randrange(days))
        last = first + timedelta(days=rng.choice([0, 0, 1, 3, 6]))
        entries.append(first.isoformat() if first == last else f"{first.isoformat()}/{last.isoformat()}")
    return entries


def _segments(rng: random.Random, reported_days: int) -> dict[str, Any]:
    cuts = sorted(rng.sample(range(min(reported_days, 20)), 4))
    return {
        "r_cuts": cuts,
        "f_cuts": sorted(rng.sample(range(1, 9), 4)),
        "high_recency_days": rng.randrange(1, min(reported_days, 12)),
        "high_frequency": rng.randrange(1, 4),
        "high_monetary": rng.choice([300, 600, 1_500]),
        "told": sorted(rng.sample(_NAMES, rng.choice([6, 15, len(_NAMES)]))),
    }
