"""Words to the outside that are no requests to a side: pings of a monitor, messages to people."""

from __future__ import annotations

from typing import Any

import httpx

from syncd import __version__
from syncd.errors import NotDelivered

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
            httpx.Client(timeout=_PATIENCE_S, follow_redirects=False) as client,
            client.stream(
                "GET" if json is None else "POST",
                url,
                json=json,
                headers={"User-Agent": f"syncd/{__version__}", **(headers or {})},
            ) as response,
        ):
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotDelivered(f"no answer ({type(error).__name__})") from None
    if not 200 <= status < 300:
        raise NotDelivered(f"answered {status}")
