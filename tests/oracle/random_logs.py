"""Short logs in which the rules about holds, overrides, rhythm and segments happen often."""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.oracle.calendar import day_of, start_of_day
from tests.oracle.random_policies import another_policy, random_cuts, random_policy
from tests.oracle.records import DAY_MS, HOUR_MS, rfc3339
from tests.oracle.telling import Telling, ms

#: Around the changes to daylight saving of the zones used, around year ends, and before a 29 February.
_STARTS = ("2026-03-06T00:00", "2026-03-27T00:00", "2026-10-23T00:00", "2025-12-20T00:00", "2024-02-27T00:00")
_MEMBERS = ("m", "m", "m", "n")
_AMOUNTS = (0, 1, 299, 300, 500, 600, 900, 1_500, 3_000)
#: How often there is what only the features of these names make interesting.
_LATE, _SEAL = 14, 12


@dataclass
class _Shop:
    rng: random.Random
    policy: dict[str, Any]
    told: Telling
    now: int
    is_imported: bool
    features: frozenset[str] = frozenset()
    is_hurried: bool = False
    #: Orders so far: member, order id, revision, instant of the purchase.
    orders: list[tuple[str, str, int, int]] = field(default_factory=list)
    overrides: list[tuple[str, int]] = field(default_factory=list)


def random_log(seed: int, events: int = 60, features: frozenset[str] = frozenset()) -> Telling:
    """A log of one partition that begins with a random policy. The same seed gives the same log.

    ``features``: ``policies`` publishes others later on; ``provisional``, ``corrections`` and ``sealing`` are of the
    policies; ``pyramid`` is, and publishes cuts.
    """
    rng = random.Random(seed)
    start = ms(rng.choice(_STARTS)) + rng.randrange(2 * DAY_MS)
    policy = random_policy(rng, datetime.fromtimestamp(start // 1000, UTC).date(), 90, features)
    shop = _Shop(rng, policy, Telling(policy), start, rng.random() < 0.2, features)
    are_years = policy["tiers"]["window"] != "rolling"
    shop.is_hurried = "sealing" in features and rng.random() < 0.5
    while len(shop.told.log) < 4 * events and events > 0:
        if not shop.is_hurried or rng.random() < 0.3:
            _pass_time(shop, are_years=are_years)
        if "policies" in features and rng.random() < 0.12:
            _publish(shop)
        if "pyramid" in features and rng.random() < 0.3:
            _publish_cuts(shop)
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            _event(shop)
            events -= 1
    _tick(shop, shop.now + rng.choice([1, 20, 500]) * DAY_MS)
    return shop.told


def _headers(shop: _Shop, at: int) -> tuple[tuple[str, bytes], ...]:
    return (("log_time", b"%d" % at),) if shop.is_imported else ()


def _pass_time(shop: _Shop, *, are_years: bool) -> None:
    """Nothing, hours, days, weeks, or to about a midnight; with year windows now and then to about a year's end."""
    rng, before = shop.rng, shop.now
    roll = rng.random()
    if roll < 0.15:
        return
    if roll < 0.21:
        shop.now = max(before, _edge(shop, "m", of_hold=rng.random() < 0.3))
        return
    if are_years and roll < 0.35:
        shop.now = max(before, _around_a_year_end(shop))
    elif roll < 0.5:
        day = before // DAY_MS + rng.choice([1, 1, 2, 4])
        shop.now = max(before, start_of_day(day, shop.policy["time_zone"]) + rng.choice([-1, 0, 0, 1, HOUR_MS]))
    elif roll < 0.93:
        shop.now += int(rng.expovariate(1) * rng.choice([4, 24, 60]) * HOUR_MS)
    else:
        shop.now += rng.randrange(5, 40 if not are_years else 200) * DAY_MS
    _tick_meanwhile(shop, before)


def _tick_meanwhile(shop: _Shop, before: int) -> None:
    """Every few hours, now and then, only at the end, or not at all."""
    rng = shop.rng
    ticks = rng.choice(["none", "often", "often", "end", "end", "some"])
    if ticks == "often":
        step = max(3 * HOUR_MS, (shop.now - before) // 25)
        for at in range(before + step, shop.now, step):
            _tick(shop, at)
    if ticks == "some":
        for at in sorted(rng.randrange(before, shop.now + 1) for _ in range(3)):
            _tick(shop, at)
    if ticks in {"end", "often"}:
        _tick(shop, shop.now - rng.choice([0, 0, 1]))


def _edge(shop: _Shop, member: str, *, of_hold: bool) -> int:
    """The instant at which a member's hold ends or the next timer fires, or a millisecond beside it; else now."""
    answer = shop.told.answer()
    if member not in answer.members:
        return shop.now
    at = answer.further[member].held_until if of_hold else answer.members[member].next_due_at
    return shop.now if at is None else at + shop.rng.choice([-1, 0, 0, 1])


def _around_a_year_end(shop: _Shop) -> int:
    """Some days about the first of January or the day in the year of the member's first order."""
    rng = shop.rng
    moment = datetime.fromtimestamp(shop.now // 1000, UTC)
    month, day = 1, 1
    if shop.policy["tiers"]["window"] == "membership_year" and shop.orders:
        joined = datetime.fromtimestamp(shop.orders[0][3] // 1000, UTC)
        month, day = joined.month, min(joined.day, 28)
    turn = datetime(moment.year, month, day, tzinfo=UTC)
    if turn <= moment:
        turn = turn.replace(year=moment.year + 1)
    return int(turn.timestamp()) * 1000 + rng.randrange(-3 * DAY_MS, 3 * DAY_MS)


def _publish(shop: _Shop) -> None:
    """Another policy; now and then the first one again, or one that is refused."""
    rng = shop.rng
    today = datetime.fromtimestamp(shop.now // 1000, UTC).date()
    policy = another_policy(rng, shop.policy, today, 60, shop.features)
    if rng.random() < 0.1:
        first = shop.told.log[0]
        shop.told.put(first.key or b"", first.value or b"", shop.now, *_headers(shop, shop.now))
        shop.policy = json.loads(first.value or b"")["policy"]
        return
    shop.told.publish(policy, shop.now, *_headers(shop, shop.now))
    if (policy["currency"], policy["time_zone"]) == (shop.policy["currency"], shop.policy["time_zone"]):
        shop.policy = policy


def _publish_cuts(shop: _Shop) -> None:
    """Those of the day, as a rule; now and then for another day than the latest were."""
    rng = shop.rng
    day = datetime.fromtimestamp(shop.now // 1000 + rng.choice([0, 0, 0, 86_400, -86_400]), UTC).date()
    names = [level["name"] for level in shop.policy["tiers"]["levels"]]
    shop.told.cuts(day.isoformat(), random_cuts(rng, names), shop.now, *_headers(shop, shop.now))


def _tick(shop: _Shop, at: int) -> None:
    shop.told.tick(at, *_headers(shop, at))
    shop.now = max(shop.now, at)


def _event(shop: _Shop) -> None:
    rng, seals = shop.rng, "sealing" in shop.features
    choice = rng.choices(
        [_buy, _climb, _take_back, _revise, _cancel, _override, _withdraw, _visit, _repeat, _trouble, _late, _sealing],
        weights=[36, 5, 14, 5, 9, 9, 3, 6, 5, 3, _LATE * ("corrections" in shop.features), _SEAL * seals],
    )[0]
    choice(shop)


def _about(shop: _Shop, member: str) -> dict[str, Any]:
    return {"member_id": member, "seen": shop.now, "headers": _headers(shop, shop.now)}


def _happened(shop: _Shop) -> int:
    """Mostly now; sometimes hours, days or too long ago, or a little ahead."""
    rng, roll = shop.rng, shop.rng.random()
    if roll < 0.7:
        return shop.now
    if roll < 0.85:
        return shop.now - rng.randrange(50 * HOUR_MS)
    if roll < 0.97:
        return shop.now - rng.randrange(30 * DAY_MS)
    return shop.now - rng.choice([60 * DAY_MS, 900 * DAY_MS, -600_000, -600_001])


def _buy(shop: _Shop) -> None:
    rng, member, at = shop.rng, shop.rng.choice(_MEMBERS), _happened(shop)
    order = f"o{len(shop.orders)}"
    shop.orders.append((member, order, 1, at))
    shop.told.paid(order, rng.choice(_AMOUNTS), at, **_about(shop, member))


def _climb(shop: _Shop) -> None:
    """One member rises, small orders first, and soon gives back one of them, or a part of it."""
    rng, member = shop.rng, shop.rng.choice(_MEMBERS)
    bought = []
    for amount in sorted(rng.choice(_AMOUNTS[3:]) for _ in range(rng.choice([2, 3, 4]))):
        bought.append((f"o{len(shop.orders)}", amount))
        shop.orders.append((member, bought[-1][0], 1, shop.now))
        shop.told.paid(*bought[-1], shop.now, **_about(shop, member))
        shop.now += rng.choice([1, HOUR_MS, DAY_MS, 3 * DAY_MS])
    if rng.random() < 0.3:
        shop.now += rng.randrange(20) * DAY_MS
    order, amount = rng.choice([bought[-1], *bought])
    shop.told.returned(order, max(1, int(amount * rng.choice([0.5, 0.8, 1]))), shop.now, **_about(shop, member))


def _late(shop: _Shop) -> None:
    """An order from about the instant at which a timer told something, or from some days before."""
    rng = shop.rng
    told = [o for o in shop.told.outcomes if o.cause.startswith("timer:") and o.kind != "tier.expiring"]
    falls = [o for o in told if o.kind == "tier.downgraded"][-4:]
    told = told[-6:]
    if not told:
        _buy(shop)
        return
    wrong = rng.choice(falls if falls and rng.random() < 0.8 else told)
    for _ in range(rng.choice([1, 1, 2, 3])):
        at = wrong.at - rng.choice([0, 1, -1, HOUR_MS, DAY_MS, rng.randrange(8 * DAY_MS)])
        order = f"o{len(shop.orders)}"
        shop.orders.append((wrong.member_id, order, 1, at))
        shop.told.paid(order, rng.choice([500, 1_500, 3_000, 3_000]), at, **_about(shop, wrong.member_id))


def _sealing(shop: _Shop) -> None:
    """News about an order, within a millisecond of its sealing if that is still to come."""
    rng = shop.rng
    member, order, revision, at = _known(shop)
    zone = shop.policy["time_zone"]
    sealed_at = start_of_day(day_of(at, zone) + shop.policy["windows"]["return_days"], zone)
    if shop.now < sealed_at < shop.now + (2 if shop.is_hurried else 60) * DAY_MS:
        shop.now = sealed_at + rng.choice([-1, 0, 0, 1])
        if rng.random() < 0.3:
            _tick(shop, shop.now)
    about = {**_about(shop, member), "revision": revision}
    if rng.random() < 0.4:
        shop.told.returned(order, rng.choice(_AMOUNTS[1:]), shop.now, **about)
    elif rng.random() < 0.5:
        shop.told.cancelled(order, shop.now, **about)
    else:
        shop.told.paid(order, rng.choice(_AMOUNTS), rng.choice([at, shop.now]), **about)


def _known(shop: _Shop) -> tuple[str, str, int, int]:
    """One of the latest orders as a rule; now and then one that nobody has paid yet."""
    rng = shop.rng
    if not shop.orders or rng.random() < 0.05:
        shop.orders.append((rng.choice(_MEMBERS), f"o{len(shop.orders)}", 1, shop.now))
        return shop.orders[-1]
    return rng.choice(shop.orders[-6:] if rng.random() < 0.8 else shop.orders)


def _take_back(shop: _Shop) -> None:
    rng = shop.rng
    member, order, revision, _ = _known(shop)
    also = {"return_id": rng.choice(["total", "total", "r2"]), "revision": max(0, revision + rng.choice([-1, 0, 0, 1]))}
    shop.told.returned(
        order, rng.choice([1, 300, 900, 1_500, 2_400, 10_000, 10_000]), _happened(shop), **_about(shop, member), **also
    )


def _revise(shop: _Shop) -> None:
    rng, place = shop.rng, shop.rng.randrange(-6, 0)
    if len(shop.orders) < 6:
        _buy(shop)
        return
    member, order, revision, at = shop.orders[place]
    revision += rng.choice([-1, 1, 1])
    shop.orders[place] = (member, order, max(0, revision), at)
    shop.told.paid(order, rng.choice(_AMOUNTS), at, **_about(shop, member), revision=max(0, revision))


def _cancel(shop: _Shop) -> None:
    member, order, revision, _ = _known(shop)
    shop.told.cancelled(order, _happened(shop), **_about(shop, member), revision=revision)


def _override(shop: _Shop) -> None:
    rng = shop.rng
    names = [level["name"] for level in shop.policy["tiers"]["levels"]]
    tier = rng.choice([*names, *names, *names, "platinum"])
    member = rng.choice(_MEMBERS)
    until = shop.now + rng.choice([-1, 0, 1, *(rng.randrange(days * DAY_MS) for days in (3, 30, 400))])
    if rng.random() < 0.3:
        until = start_of_day(until // DAY_MS, shop.policy["time_zone"])
    elif rng.random() < 0.3:
        until = _edge(shop, member, of_hold=True)
    also = {"tier": tier, "until": rfc3339(until), "reason": "goodwill", "actor": "ada"}
    at = _happened(shop)
    shop.overrides.append((member, at))
    shop.told.event("tier.overridden", at, **_about(shop, member), **also)


def _withdraw(shop: _Shop) -> None:
    rng = shop.rng
    member, at = rng.choice(shop.overrides) if shop.overrides and rng.random() < 0.8 else ("m", shop.now)
    happened = rng.choice([at, shop.now, shop.now])
    about = _about(shop, member)
    shop.told.event("tier.override_withdrawn", happened, **about, reason="slip", actor="ada")


def _visit(shop: _Shop) -> None:
    kind = shop.rng.choice(["visit", "visit", "member.joined"])
    shop.told.event(kind, _happened(shop), **_about(shop, shop.rng.choice(_MEMBERS)))


def _repeat(shop: _Shop) -> None:
    log = shop.told.log
    record = log[-1 - min(shop.rng.randrange(12), len(log) - 1)]
    shop.told.put(record.key or b"", record.value or b"", shop.now, *_headers(shop, shop.now))


def _trouble(shop: _Shop) -> None:
    """What is refused, and an id that tells apart two events of the same instant."""
    rng, about = shop.rng, _about(shop, shop.rng.choice(_MEMBERS))
    if rng.random() < 0.5:
        shop.told.paid("x", 500, shop.now, currency="EUR", **about)
    else:
        # Of somebody else: who is erased has no story any more.
        shop.told.event("member.erased", shop.now, **{**about, "member_id": "x"})
