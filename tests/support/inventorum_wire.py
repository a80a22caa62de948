"""A raw HTTP client for the INVENTORUM simulator, and the reference examples. Shares no code with the adapters."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from syncd.simulators.catalogue import CatalogueProduct, make_catalogue
from syncd.simulators.inventorum import InventorumSettings, InventorumSim
from syncd.simulators.server import SimServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXAMPLES = Path(__file__).parents[1] / "data" / "reference" / "inventorum-examples"
LONG_AGO = "2000-01-01T00:00:00.000Z"


PARENT = "S-00006"
"""A product with variations of the catalogue that ``merchant`` makes."""


def example(name: str) -> Any:
    return json.loads((EXAMPLES / name).read_text(encoding="utf-8"))


class Merchant:
    """A client with a token; paths are below ``/api/``."""

    def __init__(self, sim: InventorumSim, server: SimServer, http: httpx.Client) -> None:
        self.sim = sim
        self.server = server
        self.http = http
        self.access = ""
        self.refresh = sim.settings.refresh_token

    def refresh_raw(self, token: str | None = None) -> httpx.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token or self.refresh}
        auth = (self.sim.settings.client_id, self.sim.settings.client_secret)
        return self.http.post("auth/token/", data=form, auth=auth)

    def log_in(self) -> None:
        answer = self.refresh_raw().json()
        self.access, self.refresh = answer["access_token"], answer["refresh_token"]

    def send(self, method: str, path: str, version: int | str | None = 12, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.access}", "Accept": "application/json"}
        if version is not None:
            headers["X-Api-Version"] = str(version)
        return self.http.request(method, path, headers=headers | more.pop("headers", {}), **more)

    def get(self, path: str, version: int | None = 12, **params: Any) -> Any:
        answer = self.send("GET", path, version, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def put(self, path: str, body: Any, version: int = 12) -> Any:
        answer = self.send("PUT", path, version, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any, version: int = 12) -> Any:
        answer = self.send("POST", path, version, json=body)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    def adjust(self, product: int, quantity: Any, **more: Any) -> httpx.Response:
        body = {"stock": {"quantity": quantity, "date": "17.08.2025", **more}}
        return self.send("PUT", f"products/{product}/adjust_inventory/", json=body)

    def upload(self, kind: str = "product", version: int = 12) -> int:
        files = {"image": ("x.png", b"\x89PNG picture", "image/png")}
        number: int = self.send("POST", "images/", version, data={"type": kind}, files=files).json()["id"]
        return number

    def quantity(self, product: int) -> str:
        rows = self.get("products/quantity/", id=product)
        text: str = rows[0]["quantity"]
        return text

    def control(self, action: str, **arguments: Any) -> httpx.Response:
        return self.http.post(f"{self.server.url}/_control/{action}", json=arguments)

    def id_of(self, sku: str) -> int:
        return self.sim.state.find(sku).id


@contextmanager
def merchant(catalogue: Sequence[CatalogueProduct] | None = None, **settings: Any) -> Iterator[Merchant]:
    """A simulator that serves, and a logged-in client. Without a rate limit, unless the settings name one."""
    sim = InventorumSim(InventorumSettings(**{"rate_limit_per_second": 0, **settings}))
    sim.seed(make_catalogue(6, 2) if catalogue is None else catalogue)
    with SimServer(sim) as server, httpx.Client(base_url=f"{server.url}/api/") as http:
        client = Merchant(sim, server, http)
        client.log_in()
        yield client


def exactly(at: datetime) -> str:
    """An instant as the vendor documents ``start_date``, but with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def modified(shop: Merchant, since: str = LONG_AGO, version: int = 12, **more: Any) -> list[int]:
    """Ids that the delta lists."""
    page = shop.get("products/delta/modified/", version, start_date=since, **more)
    return [row["id"] for row in page["data" if "data" in page else "results"]]


def variation_of(shop: Merchant, parent: str = PARENT) -> tuple[int, int]:
    """Ids of a parent and of its first variation."""
    number = shop.id_of(parent)
    return number, shop.sim.state.products[number].variations[0]
