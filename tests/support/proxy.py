"""A real server behind a ``SimServer``: it can be troubled, counted and hooked like a simulated one."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import httpx

from syncd.simulators.server import SimRequest, SimResponse

_OWN = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host"})
"""Headers about one connection alone."""


class Forwarding:
    """Sends each request on, and its answer back.

    Args:
        url: Base address of the real server.
    """

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=60)
        self._changed = threading.Condition()
        self._under_way = 0
        self._closed = False

    def close(self) -> None:
        """Send nothing on any more, and wait for the answers to what was sent: nothing reaches the next test."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._under_way)
        self._client.close()

    def handle(self, request: SimRequest) -> SimResponse:
        with self._changed:
            if self._closed:
                raise ConnectionError("the proxy is closed")
            self._under_way += 1
        try:
            return self._send(request)
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _send(self, request: SimRequest) -> SimResponse:
        headers = {name: value for name, value in request.headers.items() if name not in _OWN}
        answer = self._client.request(
            request.method, request.path, params=list(request.query), content=request.body, headers=headers
        )
        shown = {name: value for name, value in answer.headers.items() if name.lower() not in _OWN}
        return SimResponse(answer.status_code, answer.content, shown)

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        raise KeyError(f"no {action} here")
