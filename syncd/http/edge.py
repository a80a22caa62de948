"""Where a request meets the network."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from syncd.errors import Stopped
from syncd.http.fence import Fence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Edge:
    """What is done where a request meets the network; given to the HTTP library, which calls it at each step.

    - A new connection gives up data that the other end has not acknowledged within ``timeout_s``. Without that, the
      kernel repeats what we gave up for minutes, also after the process has ended: a write that was settled as not
      applied could still arrive.
    - Before the head of a write and again before its body, ``may_write`` is asked: between the commit that says "sent"
      and this moment the process may have slept, and another one may have settled the write and repeated it. If it is a
      ``Fence``, the kernel kills this process should it sleep from here on beyond the end of its lease.
    """

    def __init__(self, label: str, timeout_s: float, may_write: Callable[[], bool] | None) -> None:
        self._label = label
        self._timeout_s = timeout_s
        self._may_write = may_write
        self._fence = may_write if isinstance(may_write, Fence) else None
        self._begun = False

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Take notice of a step that the HTTP library makes."""
        if event == "connection.connect_tcp.complete":
            connection = info["return_value"].get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(self._timeout_s * 1000))
        elif event.endswith(".send_request_headers.started"):
            self._begin()
            self.require_leave()
        elif event.endswith(".send_request_body.started"):
            self.require_leave()
        elif event.endswith(".send_request_body.complete"):
            self.close()

    def close(self) -> None:
        """All bytes were handed over, or no more will be."""
        if self._begun and self._fence is not None:
            self._begun = False
            self._fence.end()

    def _begin(self) -> None:
        if self._fence is not None and not self._begun:
            self._begun = self._fence.begin()
            if not self._begun:
                raise self._held_back()

    def require_leave(self) -> None:
        """Ask whether the bytes may leave.

        Raises:
            Stopped: They may not.
        """
        if self._may_write is not None and not self._may_write():
            raise self._held_back()

    def _held_back(self) -> Stopped:
        return Stopped(f"{self._label} was not sent: this process may not lead any more")
