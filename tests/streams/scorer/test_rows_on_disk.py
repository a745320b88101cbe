"""The scorer with its rows on disk does what it does with its rows in memory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.config import ScoreSettings, Settings
from streams.engine.disk_rows import DiskRows, DiskStore
from streams.exits import CommandError, ExitCode
from streams.scorer.row_store import open_store
from tests.driver import TOPIC, ScorerDriver, day, end, paid
from tests.streams.scorer.five_members import CHEAPER, MEMBERS, assert_verified, ids, rows_of


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Callable[[], DiskRows]]:
    store = DiskStore(tmp_path, 16 << 20, end)
    yield lambda: store.rows(TOPIC)
    store.close()


def a_busy_month(scorer: ScorerDriver) -> None:
    """Orders, ticks that find members due and a new policy, cuts and crashes between them."""
    for number, name in enumerate(MEMBERS):
        scorer.pipe(paid(name, f"{name}-1", day(number)))
    scorer.cut()
    scorer.crash()
    scorer.tick(day(61), sweep=False)
    scorer.sweep(budget=2)
    scorer.pipe_unswept(paid("m3", "m3-2", day(61)))
    scorer.cut(rows=2)
    scorer.crash()
    scorer.publish(CHEAPER, day(62), sweep=False)
    scorer.pipe_unswept(paid("new", "new-1", day(62)))
    scorer.cut()
    scorer.sweep()
    scorer.tick(day(63))
    scorer.cut()
    scorer.crash()


def test_it_decides_and_remembers_the_same(on_disk: Callable[[], DiskRows]) -> None:
    disk, memory = ScorerDriver(rows=on_disk), ScorerDriver()
    a_busy_month(disk)
    a_busy_month(memory)
    assert isinstance(disk.partition.rows, DiskRows)
    assert ids(disk) == ids(memory)
    assert rows_of(disk) == rows_of(memory)
    assert disk.partition.due.counts(60_000) == memory.partition.due.counts(60_000)
    assert len(disk.partition.rows) == len(memory.partition.rows) == 6
    assert_verified(disk)


def test_a_partition_that_goes_takes_its_files_along(on_disk: Callable[[], DiskRows], tmp_path: Path) -> None:
    scorer = ScorerDriver(rows=on_disk)
    scorer.pipe(paid("ann", "1", day(0)))
    scorer.cut()
    before = len(list(tmp_path.glob("*/*/CURRENT")))
    scorer.partition.close()
    assert len(list(tmp_path.glob("*/*/CURRENT"))) == before - 1


# -- settings -------------------------------------------------------------------------------------------------------


def test_rows_are_in_memory_unless_settings_say_otherwise(tmp_path: Path) -> None:
    assert open_store(Settings(data_dir=tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_rows_on_disk_are_in_the_data_directory_unless_settings_say_otherwise(tmp_path: Path) -> None:
    for directory in (None, tmp_path / "other"):
        score = ScoreSettings(store="disk", store_directory=directory)
        store = open_store(Settings(data_dir=tmp_path, score=score))
        assert store is not None
        assert len(list((directory or tmp_path / "store").glob("rows-*"))) == 1
        store.close()


def test_a_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="directory for rows") as refused:
        open_store(Settings(score=ScoreSettings(store="disk", store_directory=tmp_path / "file")))
    assert refused.value.code == ExitCode.CONFIG


def test_a_missing_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rocksdict", None)
    with pytest.raises(CommandError, match="rocksdict") as refused:
        open_store(Settings(data_dir=tmp_path, score=ScoreSettings(store="disk")))
    assert refused.value.code == ExitCode.CONFIG
