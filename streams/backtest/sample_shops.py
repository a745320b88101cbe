"""Two shops to try a backtest on: the packaged CDNOW orders, and a made-up shop of regular buyers.

``python -m streams.backtest.sample_shops cdnow > cdnow.csv`` (or ``regular``) writes one as a file for the shipped
mapping ``cdnow``.
"""

import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random
from typing import Final

from streams.demo.recompute import read_cdnow
from streams.exits import ExitCode

#: customer, date as YYYYMMDD, units, dollars, number of the row.
OrderRow = tuple[str, str, int, str, int]
_COLUMNS: Final = ("customer", "date", "units", "dollars", "row")
_OPENED: Final = date(2024, 1, 1)
_DAYS: Final = 730


def regular_buyers(members: int, seed: int) -> Iterator[OrderRow]:
    """Two years of a shop for refills: everybody buys about every n days until they quit, once and for good.

    n is drawn per member from 10 to 100 days, short ones more often (evenly on a logarithmic scale); each gap
    is n days give or take 10 %. Members begin evenly over the first year, and after each purchase 1 in 12 quits.
    The same seed gives the same shop.
    """
    chance = Random(seed)  # noqa: S311 - a repeatable example, not a secret
    number = 0
    for member in range(1, members + 1):
        cycle = 10 * 10 ** chance.random()
        day = 365 * chance.random()
        while day < _DAYS:
            number += 1
            on = _OPENED + timedelta(days=int(day))
            yield f"{member:05d}", on.strftime("%Y%m%d"), 1, f"{chance.randint(10, 60)}.00", number
            if chance.random() < 1 / 12:
                break
            day += cycle * chance.uniform(0.9, 1.1)


def cdnow() -> Iterator[OrderRow]:
    """The packaged orders of docs/data.md."""
    for row in read_cdnow():
        dollars = f"{row.amount // 100}.{row.amount % 100:02d}"
        yield row.member_id, row.ordered_on.strftime("%Y%m%d"), row.units, dollars, row.number


def main(arguments: Sequence[str]) -> int:
    """Write the named shop to stdout and return the exit code."""
    if len(arguments) != 1 or arguments[0] not in {"cdnow", "regular"}:
        sys.stderr.write("usage: python -m streams.backtest.sample_shops cdnow|regular\n")
        return ExitCode.USAGE
    out = csv.writer(sys.stdout)
    out.writerow(_COLUMNS)
    out.writerows(cdnow() if arguments[0] == "cdnow" else regular_buyers(5_000, 1))
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
