"""The shop of the recordings, rebuilt, and a way to replay what was recorded from it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from syncd.simulators.server import SimRequest, SimResponse
from syncd.simulators.woocommerce import ApiKey, WooCommerceSettings, WooCommerceSim
from syncd.simulators.woocommerce.rows import Product
from syncd.simulators.woocommerce.state import Category

RECORDINGS = Path(__file__).parents[1] / "data" / "reference" / "woocommerce-recordings"
NOW = 1795434339  # 2026-11-23T11:45:39 GMT, when the recorded shop was filled
HOST = "shop.example"

KEYS = (
    ApiKey("ck_PLACEHOLDER_RW", "cs_PLACEHOLDER_RW"),
    ApiKey("ck_PLACEHOLDER_RO", "cs_PLACEHOLDER_RO", "read"),
    ApiKey("ck_PLACEHOLDER_WO", "cs_PLACEHOLDER_WO", "write"),
)

SIMPLE = {
    10: ("WOL-0001", "12.50"),
    11: ("SOC-0002", "8.95"),
    12: ("KNO-0003", "2.50"),
    13: ("BUC-0004", "16.99"),
    15: ("NAD-0006", "5.00"),
    16: ("WOL-0007", "12.50"),
    20: ("TAS-0011", "29.90"),
    30: ("KNO-0021", "7.95"),
    31: ("BUC-0022", "7.95"),
    62: ("TAS-0053", "29.90"),
    115: ("BUC-0106", "16.99"),
    160: ("WOL-0151", "9.90"),
    168: ("KNO-0159", "2.50"),
    221: ("SOC-0212", "8.95"),
}
PARENTS = {
    270: ("ALP-001", ["ALP-001-ALTRO", "ALP-001-FLIED", "ALP-001-MOOSG", "ALP-001-NATUR"]),
    275: ("ALP-002", [*(f"ALP-002-{at}" for at in range(5)), "ALP-002-ROST"]),
    282: ("ALP-003", [*(f"ALP-003-{at}" for at in range(4)), "ALP-003-ALTRO"]),
    482: ("ALP-039", [f"ALP-039-{at}" for at in range(6)]),
    489: ("PUL-040", ["PUL-040-S", "PUL-040-M", "PUL-040-L"]),
}
COLOURS = ["Altrosa", "Flieder", "Moosgrün", "Natur", "Rot", "Blau", "Rost"]


class Clock:
    """A clock that moves when told."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def recorded_shop(**settings: Any) -> tuple[WooCommerceSim, Clock]:
    """260 simple products, 40 variable ones with 183 variations, the ids and codes that the recordings name."""
    clock = Clock()
    sim = WooCommerceSim(WooCommerceSettings(keys=KEYS, clock=clock, **settings))
    for category_id in range(16, 25):
        sim.shop.categories[category_id] = Category(category_id, f"Kategorie {category_id}", f"kategorie-{category_id}")
    sim.shop.categories[22] = Category(22, "Taschen", "taschen")
    sim.shop.next_term_id = 25
    for product_id in range(10, 270):
        sku, price = SIMPLE.get(product_id, (f"ART-{product_id:04d}", "9.90"))
        product = _add(sim, "simple", sku, price)
        product.status = "draft" if product_id in {62, 115, 168, 221} else "publish"
        if product_id in {12, 30}:
            sim.shop.set_codes(product, sku, "4012000000030" if product_id == 12 else "4012000000214")
    for number in range(40):
        parent_id = sim.shop.next_id
        if number == 33:
            clock.now += 16  # the last seven products were made in the seconds after 11:45:54
        sku, skus = PARENTS.get(parent_id, (f"VAR-{parent_id}", []))
        count = 5 if number < 22 else 4
        _add_variable(sim, sku, skus or [f"{sku}-{at}" for at in range(count)])
    sim.shop.by_id[31].tax_class = "reduced-rate"
    sim.shop.by_id[160].stock = 8
    clock.now = NOW + 60
    return sim, clock


def _add(sim: WooCommerceSim, kind: str, sku: str, price: str, parent_id: int = 0) -> Product:
    now = sim.shop.now()
    product = Product(sim.shop.take_id(), kind, f"Artikel {sku}", now, now, parent_id, sku=sku, regular_price=price)
    product.slug = product.name.lower().replace(" ", "-")
    product.categories = [22]
    if kind != "variable":
        product.manage_stock, product.stock = True, 25
    sim.shop.add_product(product)
    return product


def _add_variable(sim: WooCommerceSim, sku: str, skus: list[str]) -> None:
    parent = _add(sim, "variable", sku, "")
    options = COLOURS[: len(skus)]
    head = {"id": 0, "name": "Farbe", "slug": "Farbe", "position": 0}
    parent.attributes = [{**head, "visible": True, "variation": True, "options": options}]
    for child_sku, option in zip(skus, options, strict=True):
        child = _add(sim, "variation", child_sku, "9.90", parent.id)
        child.attributes = [{"id": 0, "name": "Farbe", "slug": "farbe", "option": option}]
        child.tax_class = "parent"


def basic(key: str = KEYS[0].key, secret: str = KEYS[0].secret) -> dict[str, str]:
    """The header of HTTP Basic."""
    return {"authorization": "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()}


def ask(
    sim: WooCommerceSim,
    method: str,
    path: str,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> SimResponse:
    """Send one request straight to the simulator, with the read-write key unless headers are given."""
    if not path.startswith("/"):
        path = f"/wp-json/wc/v3/{path}"
    content = "application/json"
    payload = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    if isinstance(body, str) and not body.startswith("{"):
        content = "application/x-www-form-urlencoded"
    sent = {**(basic() if headers is None else headers), "content-type": content, "host": HOST}
    pairs = tuple((name, str(value)) for name, value in (query or {}).items())
    return sim.handle(SimRequest(method, path, pairs, sent, payload, f"http://{HOST}{path}"))


def load(name: str) -> list[dict[str, Any]]:
    """One file of recordings."""
    entries: list[dict[str, Any]] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return entries


def kind(value: Any) -> str:
    """JSON type, with whole and fractional numbers as one."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {type(None): "null", str: "string", list: "list", dict: "object"}[type(value)]
