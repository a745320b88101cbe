"""The guard: a small process that runs one server as its child and never outlives the program that wanted it.

The program holds the only write end of the guard's standard input. One byte there is one signal for the server,
answered on standard output with the same byte once the signal is sent. End of file means the program is gone, however
it went (return, exception, SIGTERM, kill -9), and the server is stopped.
The guard is the server's parent, so a signal can never reach a stranger that was given the same process id.

Run as a script, not imported: `python -I -S guard.py PARENT_PID GRACE_S REMOVE COMMAND...`. Standard library only.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys

SIGNALS = {b"T": signal.SIGTERM, b"K": signal.SIGKILL, b"S": signal.SIGSTOP, b"C": signal.SIGCONT}

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Backs up the end of file: a child forked by the program (multiprocessing) may keep the pipe's write end open.
_PARENT_CHECK_S = 1.0


def _die_with_the_guard() -> None:
    """On Linux the kernel ends the server if the guard itself is killed; elsewhere nothing can."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _stop(server: "subprocess.Popen[bytes]", grace_s: float) -> None:
    """Ask the server to end, wait, then make it end."""
    server.terminate()
    server.send_signal(signal.SIGCONT)  # a paused server would not see the request
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(grace_s)
    server.kill()
    server.wait()


def _obey(server: "subprocess.Popen[bytes]", parent: int) -> bool:
    """Pass signals on until the server ends (True) or must be stopped because its program is gone (False)."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    asked_to_end: list[int] = []
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda number, _: asked_to_end.append(number))
    while server.poll() is None:
        readable, _, _ = select.select([0, woken], [], [], _PARENT_CHECK_S)
        if woken in readable:
            os.read(woken, 512)
        if 0 in readable:
            order = os.read(0, 1)
            if not order:
                return False
            server.send_signal(SIGNALS[order])
            with contextlib.suppress(OSError):  # nobody reads the answer of a program that died meanwhile
                os.write(1, order)
        if asked_to_end or os.getppid() != parent:
            return False
    return True


def main(arguments: list[str]) -> int:
    """Run the server; print its process id, or `!` and the reason it could not be started."""
    parent, grace_s, remove, command = int(arguments[0]), float(arguments[1]), arguments[2], arguments[3:]
    try:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=2,  # the guard's standard error is the server's log
            stderr=2,
            preexec_fn=_die_with_the_guard if sys.platform == "linux" else None,
        )
    except OSError as error:
        print(f"!{error}", flush=True)
        return 127
    print(server.pid, flush=True)
    if not _obey(server, parent):
        _stop(server, grace_s)
        if remove:
            shutil.rmtree(remove, ignore_errors=True)
            with contextlib.suppress(OSError):  # a stack's other server may still use the directory; it removes it then
                os.rmdir(os.path.dirname(remove))
    return server.returncode if server.returncode >= 0 else 128 - server.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
