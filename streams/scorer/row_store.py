"""Where the settings want members' rows to be: in memory, or on disk."""

from streams.config import Settings
from streams.engine.disk_rows import DiskStore
from streams.engine.fencing import end_process
from streams.exits import CommandError, ExitCode


def open_store(settings: Settings) -> DiskStore | None:
    """The process's store on disk, to be closed at its end; None when rows are kept in memory.

    Raises:
        CommandError: the library is not installed, or the directory cannot be used.
    """
    score = settings.score
    if score.store == "memory":
        return None
    directory = score.store_directory or settings.data_dir / "store"
    try:
        return DiskStore(directory, score.store_memory_megabytes << 20, end_process)
    except ImportError as error:
        raise CommandError(
            "rows on disk need rocksdict, which is not installed",
            ExitCode.CONFIG,
            where="score.store = disk",
            remedy="install memberpulse[on-disk], or set score.store = memory",
        ) from error
    except OSError as error:
        raise CommandError(
            "the directory for rows cannot be used",
            ExitCode.CONFIG,
            where=f"{directory}: {error.strerror}",
            remedy="name another one with score.store_directory",
        ) from error
