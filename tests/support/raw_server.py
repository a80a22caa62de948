"""A loopback server that writes exactly the bytes a test wants, for faults below HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Self

Script = Callable[[socket.socket, threading.Event], None]
"""Called with each accepted connection after its request was read; the event is set when the server stops."""


class RawServer:
    """Accepts connections one after the other and plays ``script`` on each.

    Attributes:
        requests: Raw bytes of what each connection sent first.
    """

    def __init__(self, script: Script) -> None:
        self.requests: list[bytes] = []
        self._script = script
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """Base address with trailing slash."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(5)
                self.requests.append(connection.recv(65536))
                try:
                    self._script(connection, self._stopping)
                except OSError:
                    continue  # the client hung up, as some tests expect


def drip(head: bytes, piece: bytes, every_s: float) -> Script:
    """Return a script that sends ``head`` and then ``piece`` again and again, without end."""

    def play(connection: socket.socket, stopping: threading.Event) -> None:
        connection.sendall(head)
        while not stopping.wait(every_s):
            connection.sendall(piece)

    return play


def closed_port() -> int:
    """Return a loopback port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
