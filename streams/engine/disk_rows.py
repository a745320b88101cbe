"""Rows in RocksDB instead of a dict, for bases that are larger than memory.

The files are scratch space and never the truth: every process begins with an empty store and fills it from the
changelog, as it would fill a dict. What a store held when its process died may be ahead of the changelog (a row is
written here before its outcomes are acknowledged), and a store that is taken over must be proved to be of one offset;
one that is empty needs no proof. So there is no write-ahead log, no sync, and nothing to repair.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from faust.types import TP

from streams.engine.fencing import EX_TEMPFAIL

_BLOOM_BITS: Final = 10  # one look in a hundred for a key that is not there goes to a file
_LARGEST_BUFFER: Final = 64 << 20
_OPEN_FILES: Final = 256  # per partition: 64 MB each
#: Keys that were looked for in vain and never written are those of refused records: few.
_MOST_MISSED: Final = 100_000
_LOCK: Final = "in-use"
_PREFIX: Final = "rows-"


class DiskRows(MutableMapping[bytes, bytes]):
    """The rows of one partition, by key. Whatever the disk refuses ends the process: no row may be taken for absent."""

    def __init__(self, path: Path, options: Any, fail: Callable[[int, str], NoReturn]) -> None:
        """``path`` is made and is ours alone; ``options`` are RocksDB's."""
        import rocksdict

        self._path = path
        self._fail = fail
        self._count = 0
        self._missed: set[bytes] = set()
        self._closed = False
        try:
            self._db = rocksdict.Rdict(str(path), options)
        except Exception as exc:
            self._end(exc)
        unlogged: Any = rocksdict.WriteOptions()
        unlogged.disable_wal = True
        self._db.set_write_options(unlogged)

    def __getitem__(self, key: bytes) -> bytes:
        row: bytes | None = self.get(key)
        if row is None:
            raise KeyError(key)
        return row

    def get(self, key: bytes, default: Any = None) -> Any:
        """The row, else the default."""
        try:
            row = self._db.get(key)
        except Exception as exc:
            self._end(exc)
        if row is not None:
            return row
        if len(self._missed) == _MOST_MISSED:
            self._missed.clear()
        self._missed.add(key)
        return default

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and self.get(key) is not None

    def __setitem__(self, key: bytes, row: bytes) -> None:
        try:
            self._db.put(key, row)
        except Exception as exc:
            self._end(exc)
        if key in self._missed:
            self._missed.discard(key)
            self._count += 1

    def __delitem__(self, key: bytes) -> None:
        if key not in self:
            raise KeyError(key)
        try:
            self._db.delete(key)
        except Exception as exc:
            self._end(exc)
        self._count -= 1

    def __len__(self) -> int:
        """How many keys were looked for in vain and then written.

        That is every one, because nobody writes a row without a look at the one before it. (RocksDB does not know; its
        estimate counts every version.)
        """
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        """The keys of this instant, in their own order, whatever is written meanwhile."""
        return self._guarded(self._of_now(self._db.keys))

    def items(self) -> Any:
        """The rows of this instant, likewise; an iterator, to be used once."""
        return self._guarded(self._of_now(self._db.items))

    def close(self) -> None:
        """Let go of the files and remove them; whoever is still iterating comes to an end."""
        if not self._closed:
            self._closed = True
            self._db.close()
            shutil.rmtree(self._path, ignore_errors=True)

    def _of_now(self, look: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        try:
            return look()
        except Exception as exc:
            self._end(exc)

    def _guarded(self, found: Iterator[Any]) -> Iterator[Any]:
        while not self._closed:
            try:
                each = next(found, None)
            except Exception as exc:
                self._end(exc)
            if each is None:
                return
            yield each

    def _end(self, exc: Exception) -> NoReturn:
        self._fail(EX_TEMPFAIL, f"the rows in {self._path} cannot be read or written: {exc!r}")


class DiskStore:
    """The stores of one process, which share a block cache and a bound on what waits in memory to be written."""

    def __init__(self, directory: Path, memory: int, fail: Callable[[int, str], NoReturn]) -> None:
        """``memory`` is in bytes, for all partitions together: half for reading, half for writing.

        Stores that dead processes left in ``directory`` are removed.

        Raises:
            ImportError: rocksdict is not installed.
            OSError: the directory cannot be made or written.
        """
        import rocksdict

        directory.mkdir(parents=True, exist_ok=True)
        _remove_dead(directory)
        self._home = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=directory))
        # Held until this process ends, however it ends.
        self._lock: IO[bytes] | None = _locked(self._home / _LOCK)
        self._fail = fail
        self._opened = 0
        blocks = rocksdict.BlockBasedOptions()
        blocks.set_bloom_filter(_BLOOM_BITS, False)
        blocks.set_block_cache(rocksdict.Cache(memory // 2))
        self._options = rocksdict.Options(raw_mode=True)
        self._options.set_block_based_table_factory(blocks)
        # Fingerprints do not compress.
        self._options.set_compression_type(rocksdict.DBCompressionType.none())
        self._options.set_write_buffer_size(min(_LARGEST_BUFFER, memory // 4))
        self._options.set_write_buffer_manager(rocksdict.WriteBufferManager(memory // 2, allow_stall=False))
        self._options.set_max_open_files(_OPEN_FILES)

    def rows(self, tp: TP) -> DiskRows:
        """An empty store for a partition."""
        self._opened += 1
        return DiskRows(self._home / f"{tp.partition}-{self._opened}", self._options, self._fail)

    def close(self) -> None:
        """Remove what is left."""
        if self._lock is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._lock.close()
            self._lock = None


def _locked(file: Path) -> IO[bytes] | None:
    """The file, open and locked; None when another process has locked it or removed it."""
    try:
        opened = file.open("ab")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        opened.close()
        return None
    return opened


def _remove_dead(directory: Path) -> None:
    for home in directory.glob(f"{_PREFIX}*"):
        # One that was made a moment ago and is not locked yet has no such file.
        if (home / _LOCK).exists() and (lock := _locked(home / _LOCK)) is not None:
            shutil.rmtree(home, ignore_errors=True)
            lock.close()
