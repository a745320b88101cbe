"""The CDNOW orders are all there, as docs/data.md describes them."""

import gzip
import hashlib
from collections import Counter
from importlib import resources

import pytest


@pytest.fixture(scope="module")
def text() -> bytes:
    return gzip.decompress((resources.files("streams.demo") / "cdnow_master.txt.gz").read_bytes())


@pytest.fixture(scope="module")
def rows(text: bytes) -> list[list[str]]:
    header, *lines = text.decode("ascii").splitlines()
    assert header.split() == ["customer_id", "date", "number_of_cds", "dollar_value"]
    return [line.split() for line in lines]


def test_the_bytes_are_those_of_the_source(text: bytes) -> None:
    assert hashlib.sha256(text).hexdigest() == "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"


def test_the_compressed_file_carries_no_time_and_no_name() -> None:
    head = (resources.files("streams.demo") / "cdnow_master.txt.gz").read_bytes()[:10]
    assert head[3] == 0, "flags: no file name"
    assert head[4:8] == bytes(4), "modification time"


def test_there_are_as_many_orders_customers_and_free_orders_as_published(rows: list[list[str]]) -> None:
    assert len(rows) == 69_659
    assert len({customer for customer, *_ in rows}) == 23_570
    assert sum(dollars == "0.00" for *_, dollars in rows) == 80
    assert (min(day for _, day, *_ in rows), max(day for _, day, *_ in rows)) == ("19970101", "19980630")


def test_units_dollars_and_repeated_rows_are_as_documented(rows: list[list[str]]) -> None:
    assert sum(int(units) for _, _, units, _ in rows) == 167_881
    assert sum(int(dollars.replace(".", "")) for *_, dollars in rows) == 250_031_563
    assert sum(n - 1 for n in Counter((customer, day) for customer, day, *_ in rows).values()) == 2_068
    assert sum(n - 1 for n in Counter(map(tuple, rows)).values()) == 255
