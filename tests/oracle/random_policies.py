"""Policies under which much happens within days: short windows and holds, quiet days, own rhythm, segments."""

import copy
import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

_STAGES = ("prospect", "new", "active", "near_churn", "recently_lapsed", "mid_lapsed", "dormant")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kathmandu")
_NAMES = (
    *("new", "promising", "potential_loyalist", "champion", "loyal", "about_to_sleep", "need_attention"),
    *("hibernating", "at_risk", "cant_lose", "prospect"),
    *("frequent_high_spend", "frequent_low_spend", "rare_high_spend", "rare_low_spend"),
    *("important_value", "important_development", "important_keep", "important_win_back"),
    *("general_value", "general_development", "general_keep", "general_win_back"),
)


def random_policy(
    rng: random.Random, first_day: date, days: int, features: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """A policy document for a log of so many days from ``first_day`` on; ``features`` may switch more on."""
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
    _switch_on(rng, document, features)
    if "actions" in features:
        recommend(rng, document)
    return document


def recommend(rng: random.Random, document: dict[str, Any]) -> None:
    """Mostly: actions for some tiers and stages, few offers, so that caps are reached; now and then a holdout."""
    document.pop("actions", None)
    document.pop("holdout", None)
    if rng.random() < 0.1:
        return
    caps: dict[str, dict[str, int]] = {
        offer: rng.choice([{}, {"cap": rng.choice([1, 2]), "cap_days": rng.choice([1, 3, 10, 40])}])
        for offer in ("tea", "coffee", "cake")
    }
    actions = []
    for level in document["tiers"]["levels"]:
        for stage in _STAGES:
            if rng.random() < 0.7:
                offer = rng.choice(list(caps))
                entry = {"tier": level["name"], "stage": stage, "offer": offer, "message_key": f"{offer}-{stage}"}
                also: dict[str, Any] = rng.choice([{}, {"channel": "app"}, {"valid_days": rng.choice([1, 2, 30])}])
                actions.append({**entry, **caps[offer], **also})
    document["actions"] = actions
    if rng.random() < 0.8:
        document["holdout"] = {"percent": rng.choice([0, 10, 30, 50])} | rng.choice([{}, {"salt": "other"}])


def another_policy(
    rng: random.Random, old: dict[str, Any], first_day: date, days: int, features: frozenset[str]
) -> dict[str, Any]:
    """A policy to follow ``old``, which differs in a part or altogether; now and then tiers have other names."""
    new = random_policy(rng, first_day, days, features)
    new |= {"version": old["version"] + 1, "currency": old["currency"], "time_zone": old["time_zone"]}
    new = _in_part(rng.random(), old, new)
    if "pyramid" in features:
        new["tiers"] = _shared_out_anew(rng, new["tiers"])
    _rename(rng, new["tiers"]["levels"])
    if "actions" in features:
        recommend(rng, new)
    new.pop("change", None)
    if new["tiers"]["downgrade"] == "at_hold_end" and rng.random() < 0.5:
        new["change"] = {"no_one_falls_before_expiry": rng.random() < 0.3}
    if rng.random() < 0.04:
        new |= rng.choice([{"currency": "EUR"}, {"time_zone": "Asia/Tokyo"}])
    return new


def _in_part(roll: float, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The old policy with one part of the new one, or all of the new one."""
    same = {**copy.deepcopy(old), "version": new["version"]}
    if roll < 0.2:
        return {**same, "lifecycle": new["lifecycle"]}
    if roll < 0.4:
        levels = [dict(level) for level in new["tiers"]["levels"]]
        if old["tiers"]["downgrade"] != "at_hold_end":
            for level in levels:
                level.pop("never_downgrade", None)
        return {**same, "tiers": {**same["tiers"], "levels": levels}}
    return {**same, "min_order_amount": new["min_order_amount"]} if roll < 0.5 else new


def _rename(rng: random.Random, levels: list[dict[str, Any]]) -> None:
    """Now and then a tier is called otherwise, as another was, or all have their names in another order."""
    roll, place = rng.random(), rng.randrange(len(levels))
    names = [level["name"] for level in levels]
    if roll < 0.2:
        names[place] = rng.choice(["pearl", "ruby"])
    elif roll < 0.35:
        names = rng.sample(["bronze", "pearl", "silver", "gold", "black"], len(levels))
    elif roll < 0.45:
        rng.shuffle(names)
    if len(set(names)) == len(names):
        for level, name in zip(levels, names, strict=True):
            level["name"] = name


def _switch_on(rng: random.Random, document: dict[str, Any], features: frozenset[str]) -> None:
    if "provisional" in features and rng.random() < 0.8:
        document["tiers"]["upgrade"] = "provisional"
        document["windows"]["return_days"] = rng.choice([0, 1, 3, 10])
    if "pyramid" in features:
        go_by_percentile(rng, document)
    if "corrections" in features and rng.random() < 0.9:
        document["corrections"] = {"enabled": True}
    if "sealing" in features and rng.random() < 0.9:
        document["windows"]["return_days"] = rng.choice([0, 1, 3, 10, 40])
        document["ledger"] = {"seal": True}
        if rng.random() < 0.6:
            document["windows"] = {"reported_days": 200, "return_days": rng.choice([3, 40, 40])}
            document["ledger"] |= {"max_orders": rng.choice([16, 17, 20]), "max_hashes": rng.choice([64, 65, 70])}


def go_by_percentile(rng: random.Random, document: dict[str, Any]) -> None:
    """Mostly: tiers by percentile where that is allowed, and segments by the numbers of the day."""
    tiers = document["tiers"]
    if rng.random() < 0.9 and tiers["window"] == "rolling" and tiers.get("upgrade", "at_once") == "at_once":
        tiers["basis"] = "percentile"
        _share_out(rng, tiers["levels"])
    segments = document.get("segments")
    if segments is not None:
        segments |= {key: True for key in ("by_median", "by_quantile") if rng.random() < 0.7}


def _share_out(rng: random.Random, levels: Sequence[dict[str, Any]]) -> None:
    percents = sorted(rng.sample(range(1, 100), 2 * len(levels) - 2), reverse=True)
    for level in levels[1:]:
        level["leave_percent"], level["enter_percent"] = percents.pop(0), percents.pop(0)


def _shared_out_anew(rng: random.Random, tiers: dict[str, Any]) -> dict[str, Any]:
    percents = ("enter_percent", "leave_percent")
    levels = [{key: value for key, value in level.items() if key not in percents} for level in tiers["levels"]]
    if tiers.get("basis") == "percentile":
        _share_out(rng, levels)
    return {**tiers, "levels": levels}


def random_cuts(rng: random.Random, names: Sequence[str]) -> dict[str, Any]:
    """Cuts for tiers of these names, lowest first: near what members of a random log reach, some of them null."""
    values = [1, 300, 600, 1_200, 1_800, 2_400, 4_000, 8_000, 20_000]
    chosen = sorted(rng.choice(values) + rng.choice([-1, 0, 0, 1]) for _ in range(2 * len(names) - 2))
    tiers: dict[str, Any] = {}
    for place, name in enumerate(names[1:]):
        leave, enter = (max(1, value) for value in chosen[2 * place : 2 * place + 2])
        tiers[name] = {"enter": enter, "leave": leave}
    roll = rng.random()
    if roll < 0.1:
        del tiers[rng.choice(list(tiers))]
    elif roll < 0.3:
        tiers[names[-1]] = {"enter": None, "leave": rng.choice([None, tiers[names[-1]]["leave"]])}
    numbers = sorted(rng.sample(range(20), 4))
    found = rng.random() < 0.9
    return {
        "ranked": rng.choice([0, 499, 500, 9_000]),
        "fallback": rng.random() < 0.15,
        "tiers": tiers,
        "medians": {
            "recency_days": rng.randrange(12),
            "frequency": rng.randrange(1, 4),
            "monetary": rng.choice([300, 600, 1_500]),
        }
        if found
        else None,
        "quantiles": {"recency_days": numbers, "frequency": sorted(rng.randrange(1, 5) for _ in range(4))}
        if found
        else None,
    }


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
