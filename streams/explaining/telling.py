"""Everything that is known of a member, for people: the same data as lines of text."""

from collections.abc import Iterator
from typing import Final

from streams.currencies import money_text
from streams.explaining.data import ERASED, MERGED
from streams.explaining.dates import plain
from streams.explaining.deciding import Data, outcome_lines, words
from streams.needed_words import cut_needed, more_needed

_SHOWN_ORDERS: Final = 20
_SHOWN_STEPS: Final = 12
_STATUS: Final = {"cancelled": "cancelled", "not_seen_yet": "a return or cancel came, the order has not yet"}


def lines(data: Data) -> list[str]:
    """Every part that there is, in the order in which they are read."""
    member_id = data["member_id"]
    if data["status"] == ERASED:
        told = data["position"]["sequence"]
        return [
            f"member {member_id} was erased: nothing is known of them, and nothing that comes will be scored",
            f"{told} outcomes had been told, up to offset {data['position']['offset']}",
            *outcome_lines(data),
        ]
    if data["status"] == MERGED:
        return [*merged_lines(data), *outcome_lines(data)]
    state = data["state"]
    if state is None:
        return [
            f"member {member_id} is not remembered by the scorer yet; try again after its next commit, in a second",
            *outcome_lines(data),
        ]
    currency = data["policy"]["currency"]
    return [
        f"member      {member_id}",
        *_tier(state["tier"], currency),
        *_stage(state["stage"]),
        *_segments(state["segments"]),
        *_numbers(state["numbers"], currency),
        *_orders(state, currency),
        *_merges(state["merges"]),
        *_correctable(state["correctable"]),
        *_actions(state["actions"]),
        *_next(state["next"]),
        *_could(state["could"], currency),
        *outcome_lines(data),
        *_as_of(data),
    ]


def merged_lines(data: Data) -> list[str]:
    """Where a merged member went."""
    merged = data["merged"]
    until = "" if merged["until"] is None else f"; it can be taken back before {plain(merged['until'])}"
    return [
        f"member {data['member_id']} was merged into {merged['into']} on {plain(merged['at'])}{until}",
        f"tier, stage and orders are those of 'memberpulse member {merged['into']} --why'",
    ]


def needs_text(needs: Data, currency: str) -> str:
    """``2 more orders or 120.00 USD more``; that nothing is missing where that is so."""
    if needs["cut"] is not None:
        if needs["cut"] < 0:
            return "nobody passes the cut of the day"
        return cut_needed(needs["cut"], needs["value"])
    some = [needs[name] for name in ("frequency", "monetary") if needs[name] is not None]
    if not some or (0 in some and needs["match"] == "any") or not any(some):
        return "nothing is missing"
    return more_needed(needs["frequency"], needs["monetary"], needs["match"], currency)


def _tier(tier: Data, currency: str) -> Iterator[str]:
    provisional = ", provisional" if tier["provisional"] else ""
    yield f"tier        {tier['name']} since {plain(tier['since'])}{provisional}"
    override = tier["override"]
    if override is not None:
        force = "granted" if override["in_force"] else "was granted, no longer in force:"
        yield f"            {force} {override['tier']} until {plain(override['until'])} (event {override['event_id']})"
    if tier["base"] != tier["name"]:
        yield f"            by their orders it would be {tier['base']}"
    if tier["held_for_good"]:
        yield f"            {tier['base']} is held for good: time alone never takes it"
    elif tier["held_until"] is not None:
        told = ", which they were told" if tier["expiry_told"] else ""
        yield f"            {tier['base']} is held until {plain(tier['held_until'])}{told}"
    if tier["grace_until"] is not None:
        yield f"            in grace until {plain(tier['grace_until'])}"
    if tier["earned_at"] is not None:
        yield f"            earned on {plain(tier['earned_at'])} by {_asked(tier['earned_by'], currency)}"
    for hold in reversed(tier["stack"]):
        until = "for good" if hold["held_until"] is None else f"until {plain(hold['held_until'])}"
        yield f"            below it lies {hold['tier']}, held {until}, should a return take this one away"


def _asked(asked: Data | None, currency: str) -> str:
    if asked is None:
        return "a test that is not kept"
    if asked["cut"] is not None:
        return f"a cut of {asked['cut']:,}"
    parts = []
    if asked["frequency"] is not None:
        parts.append(f"{asked['frequency']} orders")
    if asked["monetary"] is not None:
        parts.append(money_text(asked["monetary"], currency))
    return (" and " if asked["match"] == "all" else " or ").join(parts) or "nothing"


def _stage(stage: Data) -> Iterator[str]:
    told = "" if stage["told"] == stage["name"] else f" (alerts still say {words(stage['told'])})"
    yield f"stage       {words(stage['name'])} since {plain(stage['since'])}{told}"
    if stage["last_purchase_at"] is not None:
        days = stage["expected_gap_seconds"] / 86_400
        yield f"            last order {plain(stage['last_purchase_at'])}; usually every {days:.1f} days"
        begins = ", ".join(
            f"{words(each['stage'])} {'since' if each['reached'] else 'from'} {plain(each['at'])}"
            for each in stage["boundaries"]
        )
        yield f"            {begins}"


def _segments(segments: Data | None) -> Iterator[str]:
    if segments is not None:
        told = ", ".join(f"{group} {words(name)}" for group, name in segments.items() if name is not None)
        yield f"segments    {told}"


def _numbers(numbers: Data, currency: str) -> Iterator[str]:
    what = f"{_count(numbers['frequency'])}, {money_text(numbers['monetary'], currency)}"
    yield f"numbers     {what} in {numbers['window_days']} days"
    tier = numbers["for_tier"]
    if tier["window_days"] != numbers["window_days"]:
        where = "this year" if tier["window_days"] is None else f"in {tier['window_days']} days"
        yield f"            for the tier {_count(tier['frequency'])}, {money_text(tier['monetary'], currency)} {where}"


def _orders(state: Data, currency: str) -> Iterator[str]:
    orders = state["orders"]
    if orders:
        yield from ("", "orders, newest first (ids are not kept, only fingerprints):")
    for order in orders[:_SHOWN_ORDERS]:
        amount = money_text(order["net"], currency)
        if order["returned"]:
            amount += f" after {money_text(order['returned'], currency)} came back"
        if order["status"] != "paid":
            amount = _STATUS[order["status"]]
        elif not order["kept"]:
            amount += ", too little to count"
        yield f"  {order['day']}  {order['fingerprint']}  {amount}{_until(order)}"
    if len(orders) > _SHOWN_ORDERS:
        yield f"  and {len(orders) - _SHOWN_ORDERS} older ones (all of them with --json)"
    if state["sealed"]:
        yield from ("", "sealed orders, a line per day (no event changes them any more):")
    for bucket in state["sealed"][:_SHOWN_ORDERS]:
        count = _count(bucket["orders"])
        yield f"  {bucket['day']}  {count}, {money_text(bucket['net'], currency)}{_until(bucket)}"
    if len(state["sealed"]) > _SHOWN_ORDERS:
        yield f"  and {len(state['sealed']) - _SHOWN_ORDERS} older days (all of them with --json)"


def _until(order: Data) -> str:
    reported, for_tier = order["in_window_until"], order["for_tier_until"]
    if reported is None and for_tier is None:
        return ""
    if reported == for_tier:
        return f"; counts until {reported}"
    parts = [f"reported until {reported}"] if reported is not None else []
    if for_tier is not None:
        parts.append(f"for the tier until {for_tier}")
    return f"; {', '.join(parts)}"


def _merges(merges: Data) -> Iterator[str]:
    if merges["absorbed"]:
        yield from ("", f"merged into this one: {', '.join(merges['absorbed'])}")
    for part in merges["can_be_taken_back"]:
        yield f"  {part['member_id']} can be taken out again before {plain(part['until'])}"


def _correctable(remembered: list[Data]) -> Iterator[str]:
    if remembered:
        yield from ("", "an order that arrives late and is dated before them could correct:")
    for each in remembered:
        moved = f"{words(each['from'])} to {words(each['to'])}"
        yield f"  {each['sequence']:>4}  {plain(each['at'])}  {each['kind']}, {moved}"


def _actions(actions: Data | None) -> Iterator[str]:
    if actions is None:
        return
    if actions["holdout"]:
        yield from ("", "held out: whatever is recommended is withheld, so that its effect can be measured")
    if actions["counted"]:
        yield from ("", "offers that count for a cap:")
    for each in actions["counted"]:
        yield f"  {each['day']}  {each['offer']}"


def _next(steps: list[Data]) -> Iterator[str]:
    yield from ("", "what comes next by itself, if they do nothing:" if steps else "nothing comes next by itself")
    for step in steps[:_SHOWN_STEPS]:
        yield f"  {plain(step['at'])}  {'; '.join(step['what'])}"
    if len(steps) > _SHOWN_STEPS:
        yield f"  and {len(steps) - _SHOWN_STEPS} more (with --json)"


def _could(could: Data, currency: str) -> Iterator[str]:
    rise, keep = could["rise"], could["keep"]
    if rise is None and keep is None:
        return
    yield from ("", "what they could do:")
    if rise is not None:
        by = f" by {rise['by']}" if rise["by"] is not None else ""
        yield f"  to rise to {rise['tier']}: {needs_text(rise, currency)}{by}"
    if keep is not None:
        begins = "" if keep["from"] is None else f" from {keep['from']}"
        grace = (
            ""
            if keep["grace_until"] is None
            else f", or all that is asked for in the grace until {keep['grace_until']}"
        )
        yield f"  to keep {keep['tier']}: {needs_text(keep, currency)}{begins} by {keep['by']}{grace}"


def _as_of(data: Data) -> Iterator[str]:
    policy, position = data["policy"], data["position"]
    yield ""
    yield (
        f"as of {plain(data['state']['as_of'])} ({policy['time_zone']}), partition {position['partition']}, offset "
        f"{position['offset']}; policy version {policy['version']} ({policy['content_hash'][:12]}), from the log"
    )


def _count(count: int) -> str:
    return "1 order" if count == 1 else f"{count} orders"
