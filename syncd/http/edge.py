"""Where a request meets the network."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from syncd.errors import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Edge:
    """What is done where a request meets the network; given to the HTTP library, which calls it at each step.

    - A new connection gives up data that the other end has not acknowledged within ``timeout_s``. Without that, the
      kernel repeats what we gave up for minutes, also after the process has ended: a write that was settled as not
      applied could still arrive.
    - Before the head of a write and again before its body, ``may_write`` is asked: between the commit that says "sent"
      and this moment the process may have slept, and another one may have settled the write and repeated it. What
      lies behind the last question cannot be closed from here: a pause between it and the kernel.
    """

    def __init__(self, label: str, timeout_s: float, may_write: Callable[[], bool] | None) -> None:
        self._label = label
        self._timeout_s = timeout_s
        self._may_write = may_write

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Take notice of a step that the HTTP library makes."""
        if event == "connection.connect_tcp.complete":
            connection = info["return_value"].get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(self._timeout_s * 1000))
        elif event.endswith((".send_request_headers.started", ".send_request_body.started")):
            self.require_leave()

    def require_leave(self) -> None:
        """Ask whether the bytes may leave.

        Raises:
            Stopped: They may not.
        """
        if self._may_write is not None and not self._may_write():
            raise Stopped(f"{self._label} was not sent: this process may not lead any more")
