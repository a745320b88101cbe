"""Where keys are kept: one small JSON file, replaced whole and read again when it changes.

A file and no topic or Redis key: the API has to know its callers while Kafka and Redis are away, a deployment hands it
to every API process as it hands out certificates, and revoking is one command that needs no restart.
"""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from streams.access.keys import KeyRecord
from streams.config import Settings

_OTHERS_WRITE: Final = 0o022


class KeysFileError(Exception):
    """The file of keys cannot be used; the text says why and what to do."""


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    keys: list[KeyRecord]


def keys_path(settings: Settings) -> Path:
    """The file named by ``access.keys_file``, else ``keys.json`` in ``data_dir``."""
    return settings.access.keys_file or settings.data_dir / "keys.json"


def read_keys(path: Path) -> list[KeyRecord] | None:
    """All keys, revoked and expired ones too; None when there is no file.

    Raises:
        KeysFileError: the file cannot be read, is not one of ours, or others may write it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeysFileError(f"{path} cannot be read: {error.strerror}") from error
    if mode & _OTHERS_WRITE:
        raise KeysFileError(f"{path} may be written by others, who could let themselves in: chmod 600 {path}")
    try:
        keys = msgspec.json.decode(content, type=_Document).keys
    except msgspec.DecodeError as error:
        raise KeysFileError(f"{path} is not a file of keys: {error}; 'memberpulse keys' writes it") from error
    if len({key.id for key in keys}) != len(keys):
        raise KeysFileError(f"{path} has two keys of the same id; take one of them out")
    return keys


def change_keys(path: Path, change: Callable[[list[KeyRecord]], list[KeyRecord]]) -> None:
    """Replace the keys by what ``change`` makes of them; a reader sees the old file or the new one, never a half.

    Two who change at the same time come one after the other. Only this user may read the file.

    Raises:
        KeysFileError: the present file cannot be used, or the new one not be written. Nothing was changed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            document = _Document(version=1, keys=change(read_keys(path) or []))
            _replace(path, msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    except OSError as error:
        raise KeysFileError(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.with_name(path.name + ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(path: Path, content: bytes) -> None:
    # Made readable by its owner only.
    descriptor, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
