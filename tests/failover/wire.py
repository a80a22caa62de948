"""The line between a machine and the database: it can be cut, so that nothing passes and nobody is told."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

from sqlalchemy import make_url

if TYPE_CHECKING:
    from sqlalchemy import URL

_CHUNK = 65536


class Wire:
    """Forwards TCP connections to a PostgreSQL server.

    Args:
        url: The server's address, with a host or the folder of its socket.
    """

    def __init__(self, url: str) -> None:
        self._target = make_url(url)
        self._whole = threading.Event()
        self._whole.set()
        self._closed = False
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, name: str) -> str:
        """The database's address over this line, for a program that the server is to know by ``name``."""
        host, port = self._listener.getsockname()[:2]
        query = {"application_name": name}
        through: URL = self._target.set(host=host, port=port, query=query)
        return through.render_as_string(hide_password=False)

    def cut(self) -> None:
        """From now on nothing passes; connections stay open, and new ones are not answered."""
        self._whole.clear()

    def mend(self) -> None:
        """What was held back arrives now."""
        self._whole.set()

    def close(self) -> None:
        """Close everything."""
        self._closed = True
        self._whole.set()
        self._listener.close()
        for each in list(self._sockets):
            _shut(each)

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        self._whole.wait()
        try:
            far = self._connect()
        except OSError:
            near.close()  # the server is away, as it says itself
            return
        self._sockets |= {near, far}
        back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
        back.start()
        self._pump(near, far)
        back.join()
        self._sockets -= {near, far}
        near.close()
        far.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(_CHUNK):
                self._whole.wait()
                sink.sendall(data)
        except OSError:
            pass  # one of them went away: the other one is told below
        self._whole.wait()
        _shut(source)
        _shut(sink)

    def _connect(self) -> socket.socket:
        folder: Any = self._target.query.get("host")
        if folder:
            far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                far.connect(f"{folder}/.s.PGSQL.{self._target.port or 5432}")
            except OSError:
                far.close()
                raise
            return far
        return socket.create_connection((self._target.host or "127.0.0.1", self._target.port or 5432))


def _shut(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed
