"""What is an offer worth? Members who got it beside those from whom it was withheld.

    python action_effect.py shop.db free-delivery --days 14 --until 2026-10-01

``shop.db`` is an SQLite file with two tables: ``outcomes(value)``, the values of tier-changes and lifecycle-alerts as
they are, each once (webhook_receiver.py keeps them so), and ``orders(member_id, at)`` with instants like
``2026-09-30T12:00:00.000Z``.
Needs nothing but Python.
"""

import argparse
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from math import sqrt
from pathlib import Path

#: Each member counts once, by the first outcome that recommended the offer: later ones hang on what the first did.
#: Those of the last days before the end are left out: their time is not over yet.
QUERY = """
    WITH recommended AS (
        SELECT value ->> 'member_id' AS member_id, value ->> 'at' AS at, value ->> 'holdout' AS holdout
        FROM outcomes
        WHERE coalesce(value ->> '$.action.offer', value ->> '$.action_withheld.offer') = :offer
          AND NOT value ->> 'catch_up'
    ),
    first AS (SELECT member_id, min(at) AS at, max(holdout) AS holdout FROM recommended GROUP BY member_id)
    SELECT holdout, count(*), coalesce(sum(EXISTS (
        SELECT 1 FROM orders
        WHERE orders.member_id = first.member_id
          AND julianday(orders.at) >= julianday(first.at)
          AND julianday(orders.at) < julianday(first.at) + :days
    )), 0)
    FROM first
    WHERE julianday(first.at) + :days <= julianday(:until)
    GROUP BY holdout
"""
#: 95 % of a normal distribution lie within so many standard deviations.
_DEVIATIONS = 1.959964


def shares(database: sqlite3.Connection, offer: str, days: int, until: str) -> dict[bool, tuple[int, int]]:
    """How many members there are, and how many of them bought within so many days; by whether they are held out."""
    found = database.execute(QUERY, {"offer": offer, "days": days, "until": until})
    return {bool(holdout): (members, buyers) for holdout, members, buyers in found}


def difference(given: tuple[int, int], withheld: tuple[int, int]) -> tuple[float, float, float]:
    """How much larger the share of buyers is where the offer was given, with the ends of its 95 % interval.

    Method 10 of R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890; it also holds for few members and for
    shares near 0 and 1.
    """
    (p, low, high), (q, lowest, highest) = _wilson(*given), _wilson(*withheld)
    worth = p - q
    return worth, worth - sqrt((p - low) ** 2 + (highest - q) ** 2), worth + sqrt((high - p) ** 2 + (q - lowest) ** 2)


def _wilson(members: int, buyers: int) -> tuple[float, float, float]:
    """A share, and the ends of its 95 % interval."""
    z, share = _DEVIATIONS, buyers / members
    middle = buyers + z * z / 2
    width = z * sqrt(buyers * (1 - share) + z * z / 4)
    return share, (middle - width) / (members + z * z), (middle + width) / (members + z * z)


def instant(text: str) -> str:
    """The text, if it is a date or an instant."""
    datetime.fromisoformat(text)
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one line per share and one for the difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database")
    parser.add_argument("offer")
    parser.add_argument("--days", type=int, default=14, help="days in which a member buys or does not; default 14")
    parser.add_argument("--until", type=instant, required=True, help="how far the two tables reach, like 2026-10-01")
    asked = parser.parse_args(arguments)
    try:
        # Not the usual way of connecting, which makes a file that is not there.
        with closing(sqlite3.connect(f"{Path(asked.database).absolute().as_uri()}?mode=rw", uri=True)) as database:
            found = shares(database, asked.offer, asked.days, asked.until)
    except sqlite3.Error as error:
        parser.error(f"{asked.database} cannot be used: {error}; it needs the tables outcomes and orders")
    for name, held_out in (("given", False), ("withheld", True)):
        members, buyers = found.get(held_out, (0, 0))
        print(f"{name:<9} {members:>7} members, {buyers:>7} bought within {asked.days} days")
    if len(found) < 2:
        print("one of the two shares is empty: nothing can be compared yet")
        return
    worth, low, high = (100 * part for part in difference(found[False], found[True]))
    print(f"worth {worth:+.1f} points of the share of buyers (95 % interval {low:+.1f} to {high:+.1f})")


if __name__ == "__main__":
    main()
