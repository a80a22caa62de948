"""TLS in front of a plain server, with certificates of our own making."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

import trustme


class TlsFront:
    """Takes TLS connections on loopback and passes what they carry to the server at ``target``.

    Attributes:
        taken: How many connections were made so far.
    """

    def __init__(self, target: str, certificate: trustme.LeafCert) -> None:
        address = urlsplit(target)
        self._target = (address.hostname or "", address.port or 80)
        self.taken = 0
        self._open: list[socket.socket] = []
        self._turn = threading.Lock()
        self.show(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        """Address without trailing slash."""
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def show(self, certificate: trustme.LeafCert) -> None:
        """Show this certificate from now on; connections that stand are cut."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        with self._turn:
            self._context = context
            while self._open:
                with suppress(OSError):
                    self._open.pop().shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        self._thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                self.taken += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        shown = self._context
        try:
            inside = shown.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            return
        # One direction after the other is enough: a request is read whole before its answer comes.
        with inside, socket.create_connection(self._target, 10) as outside:
            with self._turn:
                if shown is not self._context:
                    return  # another one is shown since this connection began
                self._open.append(outside)
            back = threading.Thread(target=_pass, args=(outside, inside), daemon=True)
            back.start()
            _pass(inside, outside)
            back.join(10)


def _pass(origin: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := origin.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
