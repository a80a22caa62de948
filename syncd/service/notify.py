"""Messages to systemd (``sd_notify``): ready, status, watchdog, stopping.

Fifteen lines instead of a dependency: the protocol is one datagram of text, and the packages that wrap it are either
unmaintained or need a compiler.
"""

from __future__ import annotations

import os
import socket

_PATIENCE_S = 1.0


def notify(message: str) -> bool:
    """Send ``message`` (for example ``READY=1``) to the service manager; returns whether there is one.

    A service manager that does not listen must never stop a sync: failures are reported by the return value, and one
    that hangs, so that its queue stays full, is one.

    Source: sd_notify(3).
    """
    if not is_supervised():
        return False
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.settimeout(_PATIENCE_S)
        try:
            sender.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            return False
    return True


def is_supervised() -> bool:
    """Whether a service manager listens."""
    return os.environ.get("NOTIFY_SOCKET", "").startswith(("/", "@"))


def watchdog_seconds() -> float | None:
    """How often the service manager wants a sign of life, seconds, or ``None`` if it watches nobody here."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        return int(os.environ["WATCHDOG_USEC"]) / 1_000_000
    except (KeyError, ValueError):
        return None
