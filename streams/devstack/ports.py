"""Which loopback ports are free."""

import contextlib
import random
import socket

from streams.devstack.errors import DevStackError

LOOPBACK = "127.0.0.1"

# Below the ephemeral ranges of Linux (32768-60999) and macOS (49152-65535): no outgoing connection can take the port
# of a broker that is down for a moment, so that it comes back under the same address.
_FIRST, _LAST = 20_000, 32_000
_ATTEMPTS = 200


def is_free(port: int) -> bool:
    """Say whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # As servers do: connections of the last server still in TIME_WAIT do not count, another listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            return True
    return False


def free_port(*, other_than: int | None = None) -> int:
    """Return a loopback port nobody listens on; random, so that stacks started at once rarely meet.

    Raises:
        DevStackError: no free port was found.
    """
    dice = random.SystemRandom()
    for _ in range(_ATTEMPTS):
        port = dice.randint(_FIRST, _LAST)
        if port != other_than and is_free(port):
            return port
    raise DevStackError(
        f"no free port on {LOOPBACK} after {_ATTEMPTS} tries between {_FIRST} and {_LAST}: "
        f"end other programs listening there, or name a port yourself"
    )


def require_free(port: int, wanted_by: str) -> None:
    """Check a port before a server is started on it.

    Raises:
        DevStackError: somebody listens there already, or this user may not.
    """
    if not is_free(port):
        raise DevStackError(
            f"{wanted_by} cannot listen on {LOOPBACK}:{port}: the port is taken or not allowed; "
            f"end the program that listens there, or choose another port"
        )
