"""What a member still needs for a tier, in words."""

from streams.currencies import money_text


def more_needed(frequency: int | None, monetary: int | None, match: str | None, currency: str) -> str:
    """``2 more orders or 120.00 USD more``; empty where nothing is missing. ``monetary`` is minor units."""
    parts = []
    if frequency:
        parts.append("1 more order" if frequency == 1 else f"{frequency} more orders")
    if monetary:
        parts.append(f"{money_text(monetary, currency)} more")
    return (" and " if match == "all" else " or ").join(parts)


def cut_needed(cut: int, value: int) -> str:
    """The rank value that a tier by percentile asks for, beside the one that the member has."""
    return f"orders times amount of {cut:,} (now {value:,}, in minor units)"
