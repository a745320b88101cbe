"""Child processes: restarted, stopped, never left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pytest

from streams.exits import ExitCode
from streams.supervision import ChildSpec, Supervisor, stop_on_signals


@pytest.fixture
def verbs(tmp_path: Path) -> dict[str, str]:
    """An environment in which ``python -m streams`` is a small stand-in: ``exit N`` ends so, ``sleep`` waits for
    SIGTERM,
    ``deaf`` ignores it; each start adds a line to ``starts``."""
    package = tmp_path / "streams"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        textwrap.dedent(
            f"""
            import os, signal, sys, time
            with open({str(tmp_path / "starts")!r}, "a") as starts:
                starts.write(f"{{sys.argv[1]}} {{os.getpid()}}\\n")
            if sys.argv[1] == "exit":
                sys.exit(int(sys.argv[2]))
            signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[1] == "deaf" else lambda *_: sys.exit(0))
            with open({str(tmp_path / "ready")!r}, "a") as ready:
                ready.write("x")
            time.sleep(60)
            """
        )
    )
    return dict(os.environ) | {"PYTHONPATH": str(tmp_path)}


def spec(*arguments: str, restarts: int = 0) -> ChildSpec:
    return ChildSpec(name=arguments[0], arguments=arguments, restarts=restarts)


def run_until_an_end(supervisor: Supervisor, seconds: float = 20.0) -> int | None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        code = supervisor.check()
        if code is not None:
            return code
        time.sleep(0.02)
    return None


def wait_for(file: Path, length: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and (not file.exists() or len(file.read_text()) < length):
        time.sleep(0.02)


def starts(tmp_path: Path) -> list[int]:
    return [int(line.split()[1]) for line in (tmp_path / "starts").read_text().splitlines()]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.supervision._FIRST_DELAY_S", 0.05)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("code", "restarts", "expected"),
    [(1, 0, 1), (1, 2, 3), (0, 1, 2), (ExitCode.CONFIG, 2, 1), (ExitCode.NO_PERMISSION, 2, 1)],
)
def test_crashed_child_is_started_again_so_often_and_never_after_a_wrong_setting(
    verbs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, restarts: int, expected: int
) -> None:
    monkeypatch.chdir(tmp_path)
    with Supervisor([spec("exit", str(code), restarts=restarts)], print, environment=verbs) as supervisor:
        assert run_until_an_end(supervisor) == code
    assert len(starts(tmp_path)) == expected


def test_end_of_one_child_stops_the_other(
    verbs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Supervisor([spec("sleep"), spec("exit", "75")], print, environment=verbs) as supervisor:
        wait_for(tmp_path / "ready", 1)
        assert run_until_an_end(supervisor) == 75
    assert not any(psutil.pid_exists(pid) for pid in starts(tmp_path))


def test_child_that_does_not_listen_is_killed_after_its_grace(
    verbs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Supervisor([spec("deaf")], print, environment=verbs, grace=0.3):
        wait_for(tmp_path / "ready", 1)
    assert not any(psutil.pid_exists(pid) for pid in starts(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_children_end_when_their_supervisor_is_killed(verbs: dict[str, str], tmp_path: Path) -> None:
    program = textwrap.dedent(
        f"""
        import os, sys, time
        from streams.supervision import ChildSpec, Supervisor
        os.chdir({str(tmp_path)!r})
        with Supervisor([ChildSpec(name="sleep", arguments=["sleep"])], print, environment={verbs!r}):
            time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[3]) as parent:
        wait_for(tmp_path / "ready", 1)
        parent.send_signal(signal.SIGKILL)
    [child] = starts(tmp_path)
    until = time.monotonic() + 10
    while (
        psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE and time.monotonic() < until
    ):
        time.sleep(0.05)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_a_second_ctrl_c_ends_all_children_at_once(
    verbs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    began = time.monotonic()
    impatient = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    supervisor = Supervisor([spec("sleep"), spec("deaf")], print, environment=verbs, grace=30)
    with supervisor, stop_on_signals() as stop:
        wait_for(tmp_path / "ready", 2)
        stop.set()
        impatient.start()
        with pytest.raises(KeyboardInterrupt):
            supervisor.stop()
    assert time.monotonic() - began < 20
    assert not any(psutil.pid_exists(pid) for pid in starts(tmp_path))
