"""Who hears of what."""

import pytest

from streams.webhooks.filters import Filter
from tests.streams.webhooks.receivers import an_outcome

RISE = an_outcome(1, kind="tier.upgraded", before="C", tier="B", shop="s-1").facts
FALL = an_outcome(2, kind="tier.downgraded", before="A", tier="C", shop=None).facts
LAPSE = an_outcome(3, kind="lifecycle.lapsed_recently", before="active", tier="B", shop=None).facts
LATE_LAPSE = an_outcome(4, kind="lifecycle.dormant", before="active", tier="B", shop=None, catch_up=True).facts
ERASURE = an_outcome(5, kind="tier.erased", before="D", tier=None, shop=None, catch_up=True).facts


@pytest.mark.parametrize(
    ("wanted", "skipped"),
    [
        (Filter(), [None, None, None, "catch_up", None]),
        (Filter(catch_up=True), [None, None, None, None, None]),
        (Filter(types=["lifecycle"]), ["type", "type", None, "catch_up", "type"]),
        (Filter(types=["tier.upgraded"]), [None, "type", "type", "type", "type"]),
        # Who follows tier A hears of those who leave it, and everybody of an erasure.
        (Filter(tiers=["A"]), ["tier", None, "tier", "catch_up", None]),
        (Filter(tiers=["B"]), [None, "tier", None, "catch_up", None]),
        (Filter(shops=["s-1"]), [None, "shop", "shop", "catch_up", None]),
        (Filter(shops=["s-2"]), ["shop", "shop", "shop", "catch_up", None]),
    ],
)
def test_an_endpoint_gets_what_it_asked_for(wanted: Filter, skipped: list[str | None]) -> None:
    assert [wanted.skips(facts) for facts in (RISE, FALL, LAPSE, LATE_LAPSE, ERASURE)] == skipped
