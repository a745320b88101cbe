"""A preview for people: sentences and tables."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from streams.currencies import money_text
from streams.instants import date_text
from streams.policy_diff import changes
from streams.preview.reading import Preview
from streams.preview.report import SWITCH, cost_per_year, switch, tiers_after, tiers_before
from streams.preview.tally import Move, Tally
from streams.zone_table import zone_table

Told = str | Table
_ALERTS = {
    "lifecycle.first_purchase": "first purchase",
    "lifecycle.near_churn": "near churn",
    "lifecycle.lapsed_recently": "lapsed recently",
    "lifecycle.lapsed_mid": "lapsed long ago",
    "lifecycle.dormant": "dormant",
    "lifecycle.recovered": "recovered",
    "lifecycle.reactivated": "back again",
}


def told(preview: Preview) -> Iterator[Told]:
    """Lines and tables in the order in which they are read."""
    found, tally = preview.found, preview.found.as_written
    yield (
        f"in force is version {preview.in_force_version} ({preview.in_force.content_hash[:12]}); "
        f"previewed is version {preview.new.version} ({preview.new.content_hash[:12]})"
    )
    different = changes(preview.in_force, preview.new)
    yield from (f"  {change.sentence}" for change in different)
    if not different:
        yield "  no difference: the same content hash is in force"
    yield ""
    yield as_of(preview)
    yield f"{_members(tally.members)} judged{_apart(found.merged, found.erased)}"
    yield ""
    yield move_table(preview)
    yield ""
    yield moved_line(tally)
    yield losers_line(tally)
    yield from (f"  {_loser(move, preview)}" for move in tally.first_losers())
    yield f"told at once: {_counts({_ALERTS.get(k, k): n for k, n in _alerts(tally).items()})}"
    if preview.new.segments is not None:
        yield f"segments entered: {_counts(tally.entered)}; left: {_counts(tally.left)}"
    yield cost_line(preview, tally)
    both = switch(preview)
    if both is not None:
        yield ""
        yield switch_table(both, preview.new.currency)


def as_of(preview: Preview) -> str:
    """Up to which offsets and which instant members were looked at."""
    found = preview.found
    offsets = ", ".join(f"{number}: {offset:,}" for number, offset in sorted(found.offsets.items()))
    if not found.instant:
        return f"before the first tick, up to the offsets {offsets}"
    zone = zone_table(preview.new.time_zone)
    local = found.instant + zone.offset_at(found.instant)
    minutes = local // 60_000 % 1440
    day = date_text(zone.day_of(found.instant))
    return f"as of {day} {minutes // 60:02d}:{minutes % 60:02d} ({preview.new.time_zone}), up to the offsets {offsets}"


def move_table(preview: Preview) -> Table:
    """From which tier to which, a line per tier of now; with the share of that tier."""
    before, after = tiers_before(preview), tiers_after(preview)
    tally = preview.found.as_written
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("from \\ to", no_wrap=True)
    for name in after:
        table.add_column(_plain(name), justify="right", no_wrap=True)
    table.add_column("members now", justify="right")
    for was, count in before.items():
        cells = [_cell(tally.moves[was, now], count) for now in after]
        table.add_row(_plain(was), *cells, f"{count:,}")
    table.add_row("members then", *(f"{count:,}" for count in after.values()), f"{tally.members:,}")
    return table


def moved_line(tally: Tally) -> str:
    """How many would be in another tier."""
    ways = tally.directions
    parts = [f"{ways['rises']:,} rise", f"{ways['falls']:,} fall"]
    if ways["renamed"]:
        parts.append(f"{ways['renamed']:,} are in a tier that has another name then, and are told nothing")
    return f"{tally.moved:,} of {_members(tally.members)} move ({share(tally.share_moved)}): {', '.join(parts)}"


def losers_line(tally: Tally) -> str:
    """How many lose a tier that was held, in grace or granted for longer."""
    if not tally.promises_lost:
        return "nobody loses a tier before its time is over"
    verb = "loses" if tally.promises_lost == 1 else "lose"
    return f"{_members(tally.promises_lost)} {verb} a tier before its time is over"


def cost_line(preview: Preview, tally: Tally) -> str:
    """What benefits cost in a year, before and after."""
    after_counts = [(level.name, tally.in_tier(level.name, after=True)) for level in preview.new.tiers.levels]
    before = cost_per_year(preview.in_force, tiers_before(preview).items())
    after = cost_per_year(preview.new, after_counts)
    if before is None and after is None:
        return "benefits: neither policy prices its tiers (tiers.levels[].benefit_cost)"
    currency = preview.new.currency
    text = f"benefits per year: {_money(before, currency)} -> {_money(after, currency)}"
    if before is not None and after is not None:
        more = after - before
        text += f" ({'+' if more >= 0 else ''}{money_text(more, currency)})"
    return text


def switch_table(both: dict[str, Any], currency: str) -> Table:
    """``change.no_one_falls_before_expiry`` on and off, side by side."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"change.{SWITCH}", no_wrap=True)
    for position in ("on", "off"):
        word = "true" if position == "on" else "false"
        table.add_column(f"{word} (this file)" if both[position]["this_file"] else word, justify="right")
    rows = (
        ("members who move", "members"),
        ("rise", "rises"),
        ("fall", "falls"),
        ("lose a tier before its time is over", "lose_a_promised_tier"),
    )
    for words, name in rows:
        table.add_row(words, *(f"{both[position]['moved'][name]:,}" for position in ("on", "off")))
    costs = [both[position]["benefit_cost_per_year"]["after"] for position in ("on", "off")]
    if costs[0] is not None:
        table.add_row("benefits per year", *(_money(cost, currency) for cost in costs))
    return table


def share(fraction: float) -> str:
    """``2.5 %``; what is not nothing is never told as nothing."""
    if 0 < fraction < 0.001:
        return "under 0.1 %"
    return f"{100 * fraction:.1f} %"


def _loser(move: Move, preview: Preview) -> str:
    until = "for good"
    if move.promised_until:
        until = f"until {date_text(zone_table(preview.new.time_zone).day_of(move.promised_until - 1))}"
    money = money_text(move.monetary, preview.in_force.currency)
    return f"{move.member_id}: {move.before} -> {move.after}, was to last {until}; {move.frequency} orders, {money}"


def _alerts(tally: Tally) -> dict[str, int]:
    return {kind: count for kind, count in sorted(tally.outcomes.items()) if kind.startswith("lifecycle.")}


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(counts.items())) or "nothing"


def _cell(count: int, of: int) -> str:
    return f"{count:,} ({share(count / of)})" if count else "-"


def _money(amount: int | None, currency: str) -> str:
    return "not priced" if amount is None else money_text(amount, currency)


def _members(count: int) -> str:
    return "1 member" if count == 1 else f"{count:,} members"


def _apart(merged: int, erased: int) -> str:
    parts = [f"{count:,} {what}" for count, what in ((merged, "merged into others"), (erased, "erased")) if count]
    return f", {' and '.join(parts)} left out" if parts else ""


def _plain(name: str) -> str:
    """A tier's name as it is: Rich would take brackets for markup."""
    return name.replace("[", "\\[")
