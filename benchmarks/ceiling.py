"""How fast the simulators answer somebody who does nothing with the answers: they must not be what is measured."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx

from syncd.simulators.inventorum import InventorumSettings
from syncd.simulators.woocommerce.settings import DEFAULT_KEYS

if TYPE_CHECKING:
    from benchmarks.sides import Side
    from benchmarks.stage import Stage

_PAGES = 20


def ceiling(stage: Stage) -> dict[str, float]:
    """Pages of 100 products per second that each side serves to a plain loop, one after the other."""
    pages = max(1, min(_PAGES, stage.till.spec.products // 100))
    with httpx.Client(timeout=120) as client:
        token = till_token(client, stage.till)
        till_s = _paced(
            client, f"{stage.till.url}/api/products/delta/modified/", till_params(), till_headers(token), pages
        )
        key = DEFAULT_KEYS[0]
        params = {"per_page": "100", "orderby": "id", "order": "asc", "context": "edit"}
        shop_s = _paced(client, f"{stage.shop.url}/wp-json/wc/v3/products", params, {}, pages, (key.key, key.secret))
    return {"till_per_s": pages / till_s, "shop_per_s": pages / shop_s}


def till_params() -> dict[str, str]:
    """A page of everything, as the adapter asks for it."""
    return {"start_date": "2000-01-01T00:00:00Z", "limit": "100", "verbose": "True"}


def till_headers(token: str) -> dict[str, str]:
    """What goes with each request to the till."""
    return {"Authorization": f"Bearer {token}", "X-Api-Version": "10"}


def till_token(client: httpx.Client, till: Side) -> str:
    """An access token by a refresh token of its own: the configured one is syncd's."""
    settings = InventorumSettings()
    refresh = till.control("issue_refresh_token")["refresh_token"]
    body = {"grant_type": "refresh_token", "refresh_token": refresh}
    answer = client.post(f"{till.url}/api/auth/token/", data=body, auth=(settings.client_id, settings.client_secret))
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def _paced(
    client: httpx.Client,
    url: str,
    params: dict[str, str],
    headers: dict[str, str],
    pages: int,
    auth: tuple[str, str] | None = None,
) -> float:
    """Seconds for some pages."""
    began = time.monotonic()
    for page in range(1, pages + 1):
        answer = client.get(url, params={**params, "page": str(page)}, headers=headers, auth=auth)
        answer.raise_for_status()
    return time.monotonic() - began
