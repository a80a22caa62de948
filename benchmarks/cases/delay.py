"""Case 5: how long a sale at the till needs to the shop, with the daemon as a process and other sales beside it."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import httpx

from benchmarks.figures import Figure, Place, median, quantile
from benchmarks.stage import open_stage
from syncd.demo.process import DaemonProcess, wait_until
from syncd.simulators.woocommerce.settings import DEFAULT_KEYS

if TYPE_CHECKING:
    from benchmarks.stage import Stage

_EVERY_S = 0.7
_LOOK_S = 0.05
_BESIDE = 3
_GIVE_UP_S = 60.0


def measure(place: Place) -> list[Figure]:
    """Sell at moments that have nothing to do with the polls; see when the shop shows it."""
    sizes = place.sizes
    with open_stage(place.folder, sizes.small, sides={"shop": {"quantities": "same"}}, poll_s=sizes.poll_s) as stage:
        stage.passes()
        daemon = DaemonProcess(stage.config, place.folder / "daemon.log")
        daemon.start()
        try:
            took = _sell(stage, daemon, sizes.sales)
        finally:
            daemon.stop()
    place.say(f"{len(took)} sales followed")
    return [
        Figure("polling interval", sizes.poll_s, "s"),
        Figure("median", median(took), "s", detail={"seconds": took}),
        Figure("p95", quantile(took, 0.95), "s", sizes.poll_s + 1),
    ]


def _sell(stage: Stage, daemon: DaemonProcess, count: int) -> list[float]:
    """Sell pieces of different products, and others beside them; seconds until the shop has one less of each."""
    goods = [product for product in stage.till.spec.catalogue() if not product.variations and product.quantity > 1]
    followed, others = goods[:count], goods[count:]
    rng = random.Random(1)  # noqa: S311 - moments, not secrets
    with httpx.Client(timeout=30) as client:
        shop = _Shop(client, stage.shop.url)
        ids = shop.ids([product.sku for product in followed])
        if not wait_until(lambda: _is_polling(stage), _GIVE_UP_S):
            raise RuntimeError("the daemon does not poll")
        sold: dict[str, float] = {}
        took: dict[str, float] = {}
        left = [(product.sku, product.quantity) for product in followed]
        next_at, until = time.monotonic(), time.monotonic() + count * _EVERY_S + _GIVE_UP_S
        while len(took) < count:
            daemon.running()
            if time.monotonic() > until:
                raise RuntimeError(f"only {len(took)} of {count} sales reached the shop in time")
            if left and time.monotonic() >= next_at:
                next_at += _EVERY_S
                sku, _ = left.pop()
                sold[sku] = time.monotonic()
                load = rng.sample(others, min(_BESIDE, len(others)))
                beside = [{"sku": other.sku, "quantity": 1} for other in load]
                stage.till.many("sale", [{"sku": sku, "quantity": 1}, *beside])
            time.sleep(_LOOK_S)
            waiting = sold.keys() - took.keys()
            shown = shop.stock([ids[sku] for sku in waiting])
            opening = {product.sku: product.quantity for product in followed}
            now = time.monotonic()
            took |= {sku: now - sold[sku] for sku in waiting if shown[ids[sku]] < opening[sku]}
    return list(took.values())


def _is_polling(stage: Stage) -> bool:
    before = stage.till.mark()
    time.sleep(_LOOK_S)
    return stage.till.mark() > before > 0


class _Shop:
    """Looks at the shop as a customer would, not through syncd."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client = client
        self._url = f"{url}/wp-json/wc/v3/products"
        self._auth = (DEFAULT_KEYS[0].key, DEFAULT_KEYS[0].secret)

    def ids(self, skus: list[str]) -> dict[str, int]:
        """Ids of products by SKU."""
        found = {}
        for sku in skus:
            found[sku] = int(self._get({"sku": sku, "_fields": "id"})[0]["id"])
        return found

    def stock(self, ids: list[int]) -> dict[int, int]:
        """Quantities by id."""
        if not ids:
            return {}
        params = {"include": ",".join(map(str, ids)), "_fields": "id,stock_quantity", "per_page": "100"}
        return {int(row["id"]): int(row["stock_quantity"]) for row in self._get(params)}

    def _get(self, params: dict[str, str]) -> list[dict[str, int]]:
        answer = self._client.get(self._url, params=params, auth=self._auth)
        answer.raise_for_status()
        rows: list[dict[str, int]] = answer.json()
        return rows
