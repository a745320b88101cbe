"""Every topic: its logical name, its key, what it carries and how long."""

from dataclasses import dataclass
from typing import Final

#: The key of records that concern a whole partition (ticks, policies, cuts). No member id can be equal to it: ids are
#: printable.
PARTITION_KEY: Final = b"\x00partition"

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """One topic as it has to be. ``partitions`` None means: as many as ``member-events`` has."""

    name: str
    key: str
    carries: str
    partitions: int | None = None
    config: tuple[tuple[str, str], ...] = ()


_FOREVER = (("retention.ms", "-1"), ("cleanup.policy", "delete"))
_LAST_PER_KEY = (
    ("cleanup.policy", "compact"),
    ("min.compaction.lag.ms", str(DAY_MS)),
    ("delete.retention.ms", str(7 * DAY_MS)),
    # What was said of an erased member before is gone from the disks a week later, however little is written.
    ("max.compaction.lag.ms", str(7 * DAY_MS)),
)

MEMBER_EVENTS: Final = "member-events"
TIER_CHANGES: Final = "tier-changes"
LIFECYCLE_ALERTS: Final = "lifecycle-alerts"
SEGMENT_CHANGES: Final = "segment-changes"
MEMBER_SCORES: Final = "member-scores"
DEAD_LETTERS: Final = "dead-letters"
SHOP_TRAFFIC: Final = "shop-traffic"
CONTROL: Final = "control"
DUE_COUNTS: Final = "due-counts"
CUT_SKETCHES: Final = "cut-sketches"
AUDIT: Final = "audit"
UNDELIVERED: Final = "undelivered"

#: The topics of outcomes. A member's sequence numbers run through all of them; what one decision tells has this order.
OUTCOME_TOPICS: Final = (TIER_CHANGES, LIFECYCLE_ALERTS, SEGMENT_CHANGES)

SPECS: Final = (
    TopicSpec(
        name=MEMBER_EVENTS,
        key="member id",
        carries="canonical events, the scorer's only input",
        config=(*_FOREVER, ("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", "1048576")),
    ),
    TopicSpec(
        name=TIER_CHANGES,
        key="member id",
        carries="CloudEvents: joined, up and down, holds, overrides, corrections, merges, erasures",
        config=_FOREVER,
    ),
    TopicSpec(
        name=LIFECYCLE_ALERTS,
        key="member id",
        carries="CloudEvents: near churn, lapsed, dormant, back again",
        config=_FOREVER,
    ),
    TopicSpec(name=SEGMENT_CHANGES, key="member id", carries="CloudEvents: segments entered and left", config=_FOREVER),
    TopicSpec(name=MEMBER_SCORES, key="member id", carries="the whole current score of a member", config=_LAST_PER_KEY),
    TopicSpec(
        name=DEAD_LETTERS,
        key="the record's own key",
        carries="records that could not be used, with their original bytes and the reason",
        config=(("retention.ms", str(14 * DAY_MS)), ("max.message.bytes", "4194304")),
    ),
    TopicSpec(
        name=AUDIT,
        key="member id",
        carries="who decided what about whom by hand, and why: overrides, merges, erasures",
        config=_FOREVER,
    ),
    TopicSpec(name=SHOP_TRAFFIC, key="shop id", carries="visits without a member", config=_FOREVER),
    TopicSpec(
        name=CONTROL,
        key="what it controls",
        carries="holds and releases of ticks, policies, previews of them, the cuts of the day, states of webhooks",
        partitions=1,
        config=(*_LAST_PER_KEY, ("message.timestamp.type", "LogAppendTime")),
    ),
    TopicSpec(
        name=UNDELIVERED,
        key="endpoint/outcome id",
        carries="outcomes that a webhook endpoint refused for long, until they are sent again or dismissed",
        partitions=1,
        config=(*_LAST_PER_KEY, ("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", "2097152")),
    ),
    TopicSpec(
        name=DUE_COUNTS,
        key="partition number",
        carries="how many members fall due in the coming hours, per partition",
        partitions=1,
        config=(("cleanup.policy", "compact"),),
    ),
    TopicSpec(
        name=CUT_SKETCHES,
        key="local date|partition number",
        carries="how members' numbers are distributed, per partition and day, for tiers and segments by percentile",
        partitions=1,
        # A day's sketches are of no use once its cuts are published; a large deployment has 100 MB of them.
        config=(("cleanup.policy", "compact,delete"), ("retention.ms", str(3 * DAY_MS)), ("segment.ms", str(DAY_MS))),
    ),
)
