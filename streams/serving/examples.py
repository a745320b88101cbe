"""What the OpenAPI file shows: the member and the basket of docs/http.md."""

from typing import Any, Final

import msgspec
from litestar.openapi.spec import Example


def shown(value: object) -> Example:
    """An example that keeps its nulls: Litestar drops those of dictionaries, but writes JSON as it is."""
    return Example(value=msgspec.Raw(msgspec.json.encode(value)))


MEMBER_ID: Final = Example(value="00042")
IF_NONE_MATCH: Final = Example(value='W/"1-9f1c2d3e4a5b6c7d"')
LOOKUP: Final = shown({"member_ids": ["00042", "00043"]})
BASKET: Final = shown({"net_amount": 38_750, "currency": "USD"})

_FRESH: Final = {
    "source": "redis",
    "stale": False,
    "as_of": "2026-07-22T04:26:40.123Z",
    "read_at": "2026-07-23T09:15:02.481Z",
    "epoch": 1,
    "offset": 77,
}
_TIER_B: Final = {
    "name": "B",
    "rank": 2,
    "since": "2026-07-22T04:26:40.123Z",
    "base": "B",
    "override": None,
    "held_until": None,
    "grace_until": None,
    "provisional": False,
}
_TOLD: Final[dict[str, Any]] = {
    "tier": _TIER_B,
    "stage": {"name": "active", "since": "2026-03-02T18:05:11.000Z", "told": "active"},
    "segments": None,
    "recency": {"last_purchase_at": "2026-07-22T04:26:40.123Z", "days": 0},
    "frequency": 6,
    "monetary": 41_250,
    "to_next": {
        "tier": "A",
        "by": "thresholds",
        "frequency": 6,
        "monetary": 38_750,
        "match": "any",
        "cut": None,
        "value": None,
    },
    "explanation": [
        "tier B since 2026-07-22: 6 kept orders, 412.50 USD in the reported window",
        "6 more orders or 387.50 USD more to A",
        "active since 2026-03-02: last order on 2026-07-22",
    ],
}
_STANDING: Final = _TOLD | {"benefits": ["free shipping"]}
_MEMBER: Final[dict[str, Any]] = {
    "member_id": "00042",
    **_TOLD,
    "currency": "USD",
    "next_due_at": "2026-09-20T00:00:00.000Z",
    "merged_into": None,
    "policy_version": 1,
    "freshness": _FRESH,
}
MEMBER: Final = shown(_MEMBER)
LOOKED_UP: Final = shown(
    {
        "members": [
            {"member_id": "00042", "status": 200, "member": _MEMBER},
            {"member_id": "00043", "status": 404, "member": None},
        ]
    }
)
PREVIEW: Final = shown(
    {
        "member_id": "00042",
        "at": "2026-07-23T09:15:02.481Z",
        "exact": True,
        "doubts": [],
        "rises": True,
        "before": _STANDING,
        "after": _STANDING
        | {
            "tier": _TIER_B | {"name": "A", "rank": 3, "since": "2026-07-23T09:15:02.481Z", "base": "A"},
            "recency": {"last_purchase_at": "2026-07-23T09:15:02.481Z", "days": 0},
            "frequency": 7,
            "monetary": 80_000,
            "to_next": None,
            "benefits": ["free shipping", "10 % on Tuesdays"],
            "explanation": [
                "tier A since 2026-07-23: 7 kept orders, 800.00 USD in the reported window",
                "A is the highest tier",
                "active since 2026-03-02: last order on 2026-07-23",
            ],
        },
        "currency": "USD",
        "policy_version": 1,
        "freshness": _FRESH,
    }
)
