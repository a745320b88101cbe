from datetime import UTC, datetime
from random import Random

import pytest

from streams.zone_table import zone_info, zone_names, zone_table

FIRST = int(datetime(1900, 1, 2, tzinfo=UTC).timestamp())
LAST = int(datetime(2100, 12, 30, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "America/New_York", "Africa/Casablanca", "Australia/Lord_Howe", "Pacific/Apia"]
)
def test_the_table_has_the_offset_of_the_database_at_any_instant(name: str) -> None:
    zone, info = zone_table(name), zone_info(name)
    random = Random(7)
    for _ in range(2000):
        second = random.randint(FIRST, LAST)
        offset = datetime.fromtimestamp(second, info).utcoffset()
        assert offset is not None
        assert zone.offset_at(second * 1000) == offset.total_seconds() * 1000


def test_the_offset_changes_at_the_very_millisecond() -> None:
    zone = zone_table("Europe/Berlin")
    spring = int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp() * 1000)
    assert [zone.offset_at(spring - 1), zone.offset_at(spring)] == [3_600_000, 7_200_000]


def test_beyond_the_table_the_last_offset_holds() -> None:
    zone = zone_table("Asia/Tokyo")
    assert zone.offset_at(1 << 50) == 9 * 3_600_000
    assert zone.day_of(-(1 << 50)) < 0


def test_only_names_of_the_pinned_database_exist() -> None:
    assert "Europe/Berlin" in zone_names()
    with pytest.raises(KeyError):
        zone_info("Europe/Atlantis")
