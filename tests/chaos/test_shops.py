"""The books of each shop that chaos happens to: what people wanted adds up to what is there, if nobody else writes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.server import SimRequest
from tests.chaos.shops import SHOPS, ChaosShop
from tests.chaos.shops.base import SoldOut

CATALOGUE = make_catalogue(4, 1, seed=2)
UNITS = [unit.sku for product in CATALOGUE for unit in (product.variations or (product,))]
OPENING = {sku: 10 + number for number, sku in enumerate(UNITS)}
SIMPLE, OTHER, VARIATION = UNITS[0], UNITS[1], UNITS[-1]


REAL = "vendure"


@pytest.fixture(params=[name for name in SHOPS if name != REAL])
def shop(request: pytest.FixtureRequest) -> Iterator[ChaosShop]:
    opened = SHOPS[request.param](CATALOGUE, OPENING)
    with closing(opened), opened.server:
        yield opened


def test_a_shop_opens_with_what_it_is_given(shop: ChaosShop) -> None:
    assert shop.stock() == OPENING


def test_what_people_wanted_adds_up(shop: ChaosShop) -> None:
    known = len(shop.events())
    kept, cancelled = shop.order([(SIMPLE, 2), (VARIATION, 1)]), shop.order([(OTHER, 2), (SIMPLE, 1)])
    shop.cancel(cancelled, [(OTHER, 2), (SIMPLE, 1)])
    shop.refund(kept, SIMPLE, 2, 1)
    shop.type_stock(VARIATION, 3)
    wanted: Counter[str] = Counter()
    for event in shop.events()[known:]:
        wanted[event.sku] += int(event.units)
    assert shop.stock() == {sku: units + wanted[sku] for sku, units in OPENING.items()}
    assert (wanted[SIMPLE], wanted[OTHER], shop.stock()[VARIATION]) == (-1, 0, 3)


def test_what_customers_read_is_told_by_its_labels(shop: ChaosShop) -> None:
    shop.type_price(SIMPLE, "0.99")
    shown = shop.fields()
    assert shown.keys() == OPENING.keys()
    assert Decimal(shown[SIMPLE]["price"]) == Decimal("0.99")
    assert shown[SIMPLE]["name"] == CATALOGUE[0].name
    assert set(shown[VARIATION]["options"].split(" / ")) == set(CATALOGUE[-1].variations[-1].attributes.values())
    assert {"name", "price", "options"} <= shop.labels
    assert shop.labels <= shown[SIMPLE].keys() | shown[VARIATION].keys()
    assert sorted(shop.names()) == sorted(product.name for product in CATALOGUE)


@pytest.mark.parametrize(
    ("kind", "method", "path", "body", "writes"),
    [
        ("woocommerce", "GET", "/wp-json/wc/v3/products", b"", False),
        ("woocommerce", "POST", "/wp-json/wc/v3/products/batch", b"{}", True),
        ("shopware6", "POST", "/api/oauth/token", b"{}", False),
        ("shopware6", "POST", "/api/search/product", b"{}", False),
        ("shopware6", "POST", "/api/_action/sync", b"{}", True),
        ("shopware6", "PATCH", "/api/product/1", b"{}", True),
        ("shopify", "POST", "/admin/oauth/access_token", b"grant_type=client_credentials", False),
        ("shopify", "POST", "/admin/api/2026-10/graphql.json", b'{"query":"query Shop { shop { name } }"}', False),
        ("shopify", "POST", "/admin/api/2026-10/graphql.json", b'{"query":"mutation Adjust { x }"}', True),
    ],
)
def test_a_write_is_told_from_a_question(kind: str, method: str, path: str, body: bytes, writes: bool) -> None:
    request = SimRequest(method, path, (), {}, body, "")
    shop = SHOPS[kind]([], {})
    with shop.server:
        assert shop.writes(request) is writes
        assert re.search(shop.target(request).removesuffix(r"\?query$").removesuffix(r"\?mutation$"), path)


@pytest.mark.skipif(bool(SHOPS[REAL].missing()), reason=SHOPS[REAL].missing())
def test_the_books_of_the_real_shop() -> None:
    """All of it in one shop: it takes seconds to start."""
    shop = SHOPS[REAL](CATALOGUE, OPENING)
    with closing(shop), shop.server:
        test_a_shop_opens_with_what_it_is_given(shop)
        test_what_people_wanted_adds_up(shop)
        test_what_customers_read_is_told_by_its_labels(shop)
        begins = shop.stock()
        kept, cancelled = shop.order([(OTHER, 3)]), shop.order([(SIMPLE, 1), (OTHER, 1)])
        sold = shop.stock()
        shop.send(kept)
        shop.send(cancelled)
        assert shop.stock() == sold  # what can be sold; the units have left what is on hand, too
        shop.refund(kept, OTHER, 3, 2)
        shop.cancel(cancelled, [(SIMPLE, 1), (OTHER, 1)])
        assert shop.stock() == begins | {OTHER: (begins[OTHER] or 0) - 1}
        known = len(shop.events())
        with pytest.raises(SoldOut):
            shop.order([(OTHER, 90)])
        assert len(shop.events()) == known
        assert shop.stock()[OTHER] == (begins[OTHER] or 0) - 1
        for text, writes in (("query Facts { x }", False), ("mutation SetStock { x }", True)):
            request = SimRequest("POST", "/admin-api", (), {}, json.dumps({"query": text}).encode(), "")
            assert shop.writes(request) is writes
        login = json.dumps({"operationName": "Login", "query": "mutation Login { x }"}, separators=(",", ":"))
        assert not shop.writes(SimRequest("POST", "/admin-api", (), {}, login.encode(), ""))


def test_without_the_real_shop_chaos_says_what_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.chaos", "--shop", REAL, "--keep", str(tmp_path / "kept")]
    told = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": ""})
    assert (told.returncode, told.stderr) == (
        1,
        "Error: no Node on this machine: install Node 20 or newer, then make vendure\n",
    )
    assert not (tmp_path / "kept").exists()
