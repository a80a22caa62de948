"""A time limit for whole exchanges, whatever the other end does with single bytes.

Time-outs of the HTTP library begin anew with each byte: a server that sends one every few seconds, in its head as in
its body, or that reads as slowly, would hold a thread for days. So every wait on the network ends with the exchange.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

_SHORTEST_S = 0.001
_SENT_AT_ONCE = 16 * 1024
_thread = threading.local()


@contextmanager
def ends_after(seconds: float) -> Iterator[None]:
    """Limit what this thread waits on the network inside the block."""
    _thread.ends_at = time.monotonic() + seconds
    try:
        yield
    finally:
        _thread.ends_at = None


def limit_waits(client: httpx.Client) -> None:
    """Make a client keep the limits of ``ends_after``.

    The library has a place for this, but lets nobody in; ``test_http_limits.py`` notices if it is moved.
    """
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            pool = transport._pool
            pool._network_backend = _Network(pool._network_backend)  # type: ignore[assignment]  # alike, not derived


def _left(timeout: float | None) -> float | None:
    """A time-out, no longer than what is left of the exchange."""
    ends_at: float | None = getattr(_thread, "ends_at", None)
    if ends_at is None:
        return timeout
    left = max(_SHORTEST_S, ends_at - time.monotonic())
    return left if timeout is None else min(timeout, left)


class _Network:
    """Opens connections that keep the limit; everything else is the library's."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> _Stream:
        return _Stream(self._inner.connect_tcp(host, port, timeout=_left(timeout), **options))

    def connect_unix_socket(self, path: str, timeout: float | None = None, **options: Any) -> _Stream:
        return _Stream(self._inner.connect_unix_socket(path, timeout=_left(timeout), **options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        received: bytes = self._inner.read(max_bytes, timeout=_left(timeout))
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _SENT_AT_ONCE):
            self._inner.write(buffer[start : start + _SENT_AT_ONCE], timeout=_left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> _Stream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
