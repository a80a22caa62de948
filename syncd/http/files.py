"""Files that stand openly at addresses which a side names: images of products."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import httpx

from syncd.errors import InvalidResponse, Transient
from syncd.http.redact import redact
from syncd.http.session import HttpSession


class OpenFiles:
    """Fetches files without any credential. Safe to use from several threads.

    A side may name any address, and whoever can edit a product there can name one as well: of this network nothing is
    fetched but from the side's own host.

    Args:
        session: Without credentials; its base address is the side's.
        home: Address of the side, whose host may be anywhere.
    """

    def __init__(self, session: HttpSession, home: str) -> None:
        self._session = session
        self._home = httpx.URL(home).host

    def read(self, address: str) -> bytes | None:
        """Content of a file; ``None`` if it is not there.

        Raises:
            InvalidResponse: The address is none that is fetched. Transient: it cannot be had now.
        """
        self._require_open(address)
        reply = self._session.read(address)
        return reply.body if reply.status == 200 else None

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _require_open(self, address: str) -> None:
        side, label = self._session.side, f"GET {redact(address)}"
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL as error:
            raise InvalidResponse(side, label, "this is no address") from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise InvalidResponse(side, label, "files are fetched by http and https alone")
        if url.host == self._home:
            return
        try:
            addresses = _addresses(url)
        except OSError as error:
            raise Transient(side, label, f"{url.host} is not known: {error}") from error
        if not all(map(_is_public, addresses)):
            raise InvalidResponse(side, label, "it lies in a private network, and not on the side's own host")


def _is_public(address: str) -> bool:
    """Whether anybody can reach an IP address; an address of IPv4 written as one of IPv6 counts as itself.

    >>> _is_public("8.8.8.8"), _is_public("10.0.0.1"), _is_public("::ffff:127.0.0.1"), _is_public("fe80::1%eth0")
    (True, False, False, False)
    """
    parsed = ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_global


def _addresses(url: httpx.URL) -> list[str]:
    """All addresses of a host. A name that points elsewhere an instant later is not noticed."""
    found = socket.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
