"""Wherever rows are kept, they are kept alike."""

import shutil
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, NoReturn

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.disk_rows import DiskRows, DiskStore

SOURCE = TP("events", 3)
MEMORY = 16 << 20


class Ended(BaseException):
    pass


def end(code: int, why: str) -> NoReturn:
    raise Ended(code, why)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    opened = DiskStore(tmp_path / "store", MEMORY, end)
    yield opened
    opened.close()


@pytest.fixture(params=["memory", "disk"])
def rows(request: pytest.FixtureRequest, store: DiskStore) -> Iterator[MutableMapping[bytes, bytes]]:
    kept: MutableMapping[bytes, bytes] = {} if request.param == "memory" else store.rows(SOURCE)
    yield kept
    if isinstance(kept, DiskRows):
        kept.close()


def write(rows: MutableMapping[bytes, bytes], key: bytes, row: bytes) -> None:
    """As every writer does: with a look first."""
    rows.get(key)
    rows[key] = row


# -- the contract ---------------------------------------------------------------------------------------------------


def test_a_row_is_found_and_replaced(rows: MutableMapping[bytes, bytes]) -> None:
    assert rows.get(b"ann") is None
    write(rows, b"ann", b"1")
    write(rows, b"ann", b"\x00" * 3000)
    assert (rows.get(b"ann"), rows[b"ann"], b"ann" in rows) == (b"\x00" * 3000, b"\x00" * 3000, True)
    assert type(rows[b"ann"]) is bytes
    assert (len(rows), b"bob" in rows) == (1, False)
    with pytest.raises(KeyError):
        rows[b"bob"]


def test_a_row_is_forgotten(rows: MutableMapping[bytes, bytes]) -> None:
    write(rows, b"ann", b"1")
    assert rows.pop(b"ann", None) == b"1"
    assert rows.pop(b"ann", None) is None
    assert (len(rows), list(rows), rows.get(b"ann")) == (0, [], None)
    write(rows, b"ann", b"2")
    assert (len(rows), dict(rows.items())) == (1, {b"ann": b"2"})


def test_everybody_is_listed_once(rows: MutableMapping[bytes, bytes]) -> None:
    wanted = {b"m%d" % number: b"row %d" % number for number in range(2000)}
    for key, row in wanted.items():
        write(rows, key, b"")
        write(rows, key, row)
    assert sorted(rows) == sorted(wanted)
    assert dict(rows.items()) == wanted
    assert len(rows) == 2000


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["write", "pop", "look"]), st.sampled_from([b"a", b"b", b"\x00", b"aa"])), max_size=30
    )
)
def test_disk_does_what_memory_does(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, bytes]]) -> None:
    store = DiskStore(tmp_path_factory.mktemp("store"), MEMORY, end)
    memory: dict[bytes, bytes] = {}
    disk = store.rows(SOURCE)
    for number, (what, key) in enumerate(steps):
        if what == "write":
            write(memory, key, b"%d" % number)
            write(disk, key, b"%d" % number)
        elif what == "pop":
            assert disk.pop(key, None) == memory.pop(key, None)
        assert disk.get(key) == memory.get(key)
        assert (len(disk), sorted(disk.items())) == (len(memory), sorted(memory.items()))
    disk.close()
    store.close()


# -- the disk -------------------------------------------------------------------------------------------------------


def test_keys_are_those_of_the_instant_at_which_they_were_asked_for(store: DiskStore) -> None:
    rows = store.rows(SOURCE)
    write(rows, b"ann", b"1")
    keys = iter(rows)
    write(rows, b"bob", b"1")
    assert list(keys) == [b"ann"]
    rows.close()


def test_who_is_iterating_when_a_partition_goes_comes_to_an_end(store: DiskStore) -> None:
    rows = store.rows(SOURCE)
    for key in (b"a", b"b", b"c"):
        write(rows, key, b"1")
    items = rows.items()
    assert next(items) == (b"a", b"1")
    rows.close()
    assert list(items) == []


def test_a_partition_that_comes_back_begins_empty(store: DiskStore) -> None:
    rows = store.rows(SOURCE)
    write(rows, b"ann", b"1")
    again = store.rows(SOURCE)
    assert (again.get(b"ann"), len(again)) == (None, 0)
    rows.close()
    rows.close()
    again.close()


def test_nothing_is_left_at_the_end(tmp_path: Path) -> None:
    store = DiskStore(tmp_path, MEMORY, end)
    rows = store.rows(SOURCE)
    write(rows, b"ann", b"1")
    rows.close()
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    dead = tmp_path / "rows-dead"
    dead.mkdir()
    (dead / "in-use").touch()
    (dead / "3-1").mkdir()
    (tmp_path / "rows-being-made").mkdir()
    (tmp_path / "of somebody else").mkdir()
    living = DiskStore(tmp_path, MEMORY, end)
    assert not dead.exists()
    rows = living.rows(SOURCE)
    other = DiskStore(tmp_path, MEMORY, end)
    write(rows, b"ann", b"1")
    assert rows[b"ann"] == b"1"
    other.close()
    rows.close()
    living.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["of somebody else", "rows-being-made"]


@pytest.mark.parametrize("use", [lambda rows: rows.get(b"ann"), lambda rows: rows.update(ann=b"1"), list])
def test_a_disk_that_fails_ends_the_process(store: DiskStore, use: Any) -> None:
    rows = store.rows(SOURCE)
    write(rows, b"ann", b"1")
    rows._db.close()
    with pytest.raises(Ended) as ended:
        use(rows)
    assert ended.value.args[0] == 75


def test_a_store_whose_directory_was_taken_away_ends_the_process(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "store", MEMORY, end)
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").touch()
    with pytest.raises(Ended):
        store.rows(SOURCE)
    store.close()
