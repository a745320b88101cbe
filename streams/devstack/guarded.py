"""The program's side of the guard: one server process, started, signalled and stopped."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from streams.devstack import guard
from streams.devstack.errors import DevStackError

_GUARD_GRACE_S = 5.0  # how long a guard whose program is gone lets the server end by itself
_KILL_WAIT_S = 10.0  # the kernel ends a killed process at once, unless it hangs in a device
_LOG_LIMIT_BYTES = 20 * 1024 * 1024  # then the log of the runs before is put aside, so that a kept home stays small


class GuardedServer:
    """One server process under a guard, in a session of its own: Ctrl-C on the terminal does not reach it."""

    def __init__(self, command: Sequence[str], *, log: Path, remove_if_orphaned: Path | None = None) -> None:
        """Start the command; what it prints is appended to `log`.

        `remove_if_orphaned` is removed by the guard when the program ends without stopping the server.

        Raises:
            DevStackError: the command could not be started.
        """
        if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".old.log"))
        removed = "" if remove_if_orphaned is None else str(remove_if_orphaned)
        with log.open("ab") as output:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(_GUARD_GRACE_S), removed, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
            )
        assert self._guard.stdin is not None
        assert self._guard.stdout is not None
        self._orders = self._guard.stdin
        self._answers = self._guard.stdout
        line = self._answers.readline().decode().strip()
        if not line.isdigit():
            self._reap(_KILL_WAIT_S)
            raise DevStackError(f"cannot run {command[0]}: {line.removeprefix('!') or 'its guard ended'}; see {log}")
        self.pid = int(line)

    def has_ended(self, *, within_s: float) -> bool:
        """Say whether the server has ended, waiting a little for the guard to notice it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(within_s)
        return self._guard.returncode is not None

    def exit_status(self) -> int | None:
        """Return None while the server runs, else its exit status (128 + n after signal n)."""
        return self._guard.poll()

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): connections stay open and nothing answers."""
        self._order(b"S")

    def resume(self) -> None:
        """Let a paused server go on (SIGCONT)."""
        self._order(b"C")

    def kill(self) -> None:
        """End the server at once (SIGKILL) and wait until it is gone."""
        self._order(b"K")
        self._reap(_KILL_WAIT_S)

    def stop(self, grace_s: float) -> None:
        """Let the server end in its own way for at most `grace_s` seconds, then kill it; wait until it is gone."""
        self._order(b"TC")  # a paused server would not see the request
        try:
            self._guard.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._order(b"K")
        except BaseException:  # interrupted while waiting: the guard finishes the work on its own
            self._orders.close()
            raise
        self._reap(_KILL_WAIT_S)

    def _order(self, signals: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):  # the guard is gone, and so is the server
            self._orders.write(signals)
            self._orders.flush()
            self._answers.read(len(signals))  # returns when the signals are sent, or the guard has ended

    def _reap(self, wait_s: float) -> None:
        # Closed only once the guard has ended: to a guard at work the end of file means that the program is gone.
        try:
            self._guard.wait(wait_s)
        finally:
            self._answers.close()
            with contextlib.suppress(BrokenPipeError):
                self._orders.close()
