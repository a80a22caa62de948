"""Which machine a host name stands for."""

from __future__ import annotations

import ipaddress
from contextlib import suppress


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine alone; IPv6 with or without brackets, or as IPv4 in IPv6."""
    if host.lower() == "localhost":
        return True
    with suppress(ValueError):
        found = ipaddress.ip_address(host.strip("[]"))
        mapped = getattr(found, "ipv4_mapped", None)
        return bool((mapped or found).is_loopback)
    return False


def is_every(host: str) -> bool:
    """Whether it stands for all addresses of this machine."""
    with suppress(ValueError):
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    return False


def host_of(address: str) -> str:
    """The host of ``HOST:PORT``; empty if it is not such an address."""
    host, _, port = address.rpartition(":")
    return host if port.isascii() and port.isdigit() and 0 < int(port) < 65536 else ""
