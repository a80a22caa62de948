"""Words to the outside that are no requests to a side: pings of a monitor, messages to people."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import httpx

from syncd import __version__
from syncd.errors import NotDelivered
from syncd.http.deadline import ends_after, limit_waits
from syncd.http.trust import distrust, trust

_PATIENCE_S = 10.0


def call(url: str, *, json: Any = None, headers: dict[str, str] | None = None) -> None:
    """Ask for an address, or post JSON to it, once; what is answered does not matter as long as it is a yes.

    Addresses of monitors and webhooks are secrets, so errors name neither them nor what the library says, which may.

    Args:
        url: Complete address.
        json: To be posted; without it the address is asked for with GET.
        headers: Further headers.

    Raises:
        NotDelivered: No connection, no answer, a redirect, or an answer that is not 2xx.
    """
    try:
        with (
            httpx.Client(timeout=_PATIENCE_S, follow_redirects=False, verify=trust()) as client,
            _patiently(client),
            client.stream(
                "GET" if json is None else "POST",
                url,
                json=json,
                headers={"User-Agent": f"syncd/{__version__}", **(headers or {})},
            ) as response,
        ):
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = "TLS certificate wrong" if distrust(error) else type(error).__name__
        raise NotDelivered(f"no answer ({why})") from None
    if not 200 <= status < 300:
        raise NotDelivered(f"answered {status}")


def _patiently(client: httpx.Client) -> AbstractContextManager[None]:
    limit_waits(client)
    return ends_after(2 * _PATIENCE_S)
