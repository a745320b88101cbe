"""Every CDNOW member once more, as column arithmetic in pandas: a third way that has nothing of the other two.

For policies whose time zone is UTC and ticks at every midnight: then each boundary falls exactly on a tick, each
purchase at noon between two, and the alerts of a whole history follow from the gaps between a member's purchase days.
"""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

DAY_MS = 86_400_000
NOON_MS = DAY_MS // 2
_STAGES = ["near_churn", "recently_lapsed", "mid_lapsed", "dormant"]
_ALERTS = ["lifecycle.near_churn", "lifecycle.lapsed_recently", "lifecycle.lapsed_mid", "lifecycle.dormant"]


def cdnow_by_pandas(policy: Mapping[str, Any], ticks: Sequence[int]) -> pd.DataFrame:
    """One row per member id with an order before the last tick.

    Columns: frequency, monetary (cents), last_purchase_at (epoch ms, missing without a paid order), tier, stage,
    alerts (tuple of (kind, epoch ms) by instant). Raises ValueError unless the zone is UTC and the ticks are all the
    midnights from the day after the first order on.
    """
    orders = _orders()
    end = ticks[-1] // DAY_MS
    midnights = list(range((int(orders["day"].min()) + 1) * DAY_MS, ticks[-1] + 1, DAY_MS))
    if policy["time_zone"] != "UTC" or list(ticks) != midnights:
        raise ValueError("only for UTC with a tick at every midnight from the first order to the last tick")
    orders = orders[orders["day"] < end]
    kept = orders[orders["cents"] >= policy["min_order_amount"]]
    members = pd.DataFrame(index=pd.Index(sorted(orders["member"].unique()), name="member"))
    for prefix, days in (("", policy["windows"]["reported_days"]), ("tier_", policy["tiers"]["window_days"])):
        cents = kept[kept["day"] > end - days].groupby("member")["cents"]
        members[f"{prefix}frequency"] = cents.size().reindex(members.index, fill_value=0)
        members[f"{prefix}monetary"] = cents.sum().reindex(members.index, fill_value=0)
    purchases = kept.groupby("member")["day"].agg(first="min", last="max").reindex(members.index)
    members["last_purchase_at"] = (purchases["last"] * DAY_MS + NOON_MS).astype("Int64")
    members["tier"] = _tiers(members, policy["tiers"]["levels"])
    members["stage"] = _stages(purchases, end, policy["lifecycle"])
    alerts = _alerts(kept, end, policy["lifecycle"])
    members["alerts"] = alerts.reindex(members.index)
    members["alerts"] = [found if isinstance(found, tuple) else () for found in members["alerts"]]
    return members.drop(columns=["tier_frequency", "tier_monetary"])


def ranks_by_pandas(day: int, window_days: int) -> list[int]:
    """Orders times cents of every member with a paid order in the ``window_days`` days before ``day`` (from 1970).

    Policies count orders of at least one cent here.
    """
    orders = _orders()
    inside = orders[(orders["cents"] >= 1) & (orders["day"] < day) & (orders["day"] > day - window_days)]
    members = inside.groupby("member")["cents"].agg(["size", "sum"])
    return [int(rank) for rank in members["size"] * members["sum"]]


def _orders() -> pd.DataFrame:
    with (resources.files("streams.demo") / "cdnow_master.txt.gz").open("rb") as packed:
        table = pd.read_csv(packed, sep=r"\s+", compression="gzip", dtype={"customer_id": str, "date": str})
    day = (pd.to_datetime(table["date"], format="%Y%m%d") - pd.Timestamp("1970-01-01")).dt.days
    cents = (table["dollar_value"] * 100).round().astype("int64")
    return pd.DataFrame({"member": table["customer_id"].str.zfill(5), "day": day, "cents": cents})


def _tiers(members: pd.DataFrame, levels: Sequence[Mapping[str, Any]]) -> pd.Series:
    tiers = pd.Series(levels[0]["name"], index=members.index)
    for level in levels[1:]:
        asked = [name for name in ("frequency", "monetary") if level.get(name) is not None]
        met = pd.concat([members[f"tier_{name}"] >= level[name] for name in asked], axis=1)
        tiers[met.all(axis=1) if level.get("match") == "all" else met.any(axis=1)] = level["name"]
    return tiers


def _stages(purchases: pd.DataFrame, end: int, lifecycle: Mapping[str, int]) -> pd.Series:
    age = end - purchases["last"]
    quiet = [age >= lifecycle[f"{stage}_days"] for stage in reversed(_STAGES)]
    others = [purchases["last"].isna(), purchases["first"] == purchases["last"]]
    names = np.select([*quiet, *others], [*reversed(_STAGES), "prospect", "new"], default="active")
    return pd.Series(names, index=purchases.index)


def _alerts(kept: pd.DataFrame, end: int, lifecycle: Mapping[str, int]) -> pd.Series:
    days = kept[["member", "day"]].drop_duplicates().sort_values(["member", "day"])
    before = days.groupby("member")["day"].shift()
    # The midnight that begins the day of the next purchase is the last on which its gap can be told of.
    until = days.groupby("member")["day"].shift(-1).fillna(end)
    gap = days["day"] - before
    bought = pd.DataFrame({"member": days["member"], "at": days["day"] * DAY_MS + NOON_MS})
    found = [
        bought[before.isna()].assign(kind="lifecycle.first_purchase"),
        bought[(gap >= lifecycle["near_churn_days"]) & (gap < lifecycle["recently_lapsed_days"])].assign(
            kind="lifecycle.recovered"
        ),
        bought[gap >= lifecycle["recently_lapsed_days"]].assign(kind="lifecycle.reactivated"),
    ]
    for stage, kind in zip(_STAGES, _ALERTS, strict=True):
        due = days["day"] + lifecycle[f"{stage}_days"]
        told = pd.DataFrame({"member": days["member"], "at": due * DAY_MS, "kind": kind})
        found.append(told[due <= until])
    every = pd.concat(found).sort_values(["member", "at"])
    every["alert"] = list(zip(every["kind"], every["at"].astype(int), strict=True))
    return every.groupby("member")["alert"].agg(tuple)
