"""How far has this import come? A small file that is rewritten at every acknowledgement."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

_CHUNK_BYTES = 1 << 20


class Bookmark(msgspec.Struct, kw_only=True):
    """How many records of each lane (a partition's part of the history) Kafka has acknowledged, and how many bad rows
    are in the dead letters.

    A lane is the same sequence in every run, because everything that it depends on is in the file's name.
    A lost or torn file costs nothing but sending the history again, which the ledger absorbs.
    """

    acknowledged: list[int]
    bad_rows: int = 0


class Bookmarks:
    """The bookmark file of one import."""

    def __init__(self, directory: Path, identity: str, lanes: int) -> None:
        self._path = directory / f"{identity}.json"
        self._lanes = lanes

    def load(self) -> Bookmark:
        """The stored bookmark, or the beginning when there is none that can be read."""
        try:
            bookmark = msgspec.json.decode(self._path.read_bytes(), type=Bookmark)
        except (FileNotFoundError, msgspec.DecodeError):
            return Bookmark(acknowledged=[0] * self._lanes)
        if len(bookmark.acknowledged) != self._lanes:
            return Bookmark(acknowledged=[0] * self._lanes)
        return bookmark

    def save(self, bookmark: Bookmark) -> None:
        """Replace the file in one step; it survives the death of this process, not necessarily a power cut."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(bookmark))
        fresh.replace(self._path)

    def forget(self) -> None:
        """Begin at the beginning next time."""
        self._path.unlink(missing_ok=True)


def identity_of(files: Iterable[Path], circumstances: Iterable[str]) -> str:
    """A name for one import: the bytes of its files, in their order, and everything else that its sequence depends
    on.
    """
    digest = hashlib.sha256()
    for text in circumstances:
        digest.update(text.encode() + b"\0")
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
        digest.update(b"\0")
    return digest.hexdigest()[:32]
