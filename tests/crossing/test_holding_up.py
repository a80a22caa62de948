"""What cannot be had for one product, or for one of its fields, keeps back nothing else."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncd.http import RetryPolicy
from syncd.simulators.pictures import drawn
from syncd.simulators.server import Fault
from tests.crossing.pair import Pair, open_pair

if TYPE_CHECKING:
    from syncd.state.engine import Database

SHOP_OWNS = """
[shops.main.products.owner]
name = "shop"
categories = "shop"
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads are tried twice, at once: how long a client tries is not what is asked here."""
    monkeypatch.setattr("syncd.http.session.RetryPolicy", lambda: RetryPolicy(attempts=2, first_wait_s=0.01))


def offer(pair: Pair, *skus: str) -> None:
    for sku in skus:
        pair.till.create_product(sku, sku, 5, "9.99", in_shop=True)
        pair.shop.people.create_product(sku, sku, 5, "9.99")
    pair.sync()


def test_a_broken_route_of_brands_holds_up_no_price(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path) as pair:
        offer(pair, "A", "B")
        pair.shop_server.add_fault(Fault("error_500_html", path="products/brands", times=-1))
        pair.till.set_brand("A", "ACME")
        pair.till.set_price("A", "20.00")
        pair.sync(3)
        assert pair.shop.people.fields()["A"]["price"] == "20.00"
        pair.shop_server.clear_faults()
        pair.sync(3)
        assert pair.shop.people.fields()["A"]["brand"] == "ACME"


def test_an_image_that_cannot_be_had_holds_up_no_other_product(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path) as pair:
        offer(pair, "A", "B")
        (broken,) = pair.till.set_images("A", [b64encode(drawn(1)).decode()])["images"]
        pair.till.set_images("B", [b64encode(drawn(2)).decode()])
        pair.till_server.add_fault(Fault("error_500_html", path=rf"(upload|image|media).*{broken}", times=-1))
        pair.sync(3)
        assert [record for record in pair.till_server.requests() if record.fault]
        assert pair.shop.people.fields()["B"]["images"]


def test_categories_that_cannot_be_read_hold_up_no_other_product(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, SHOP_OWNS) as pair:
        offer(pair, "A", "B")
        pair.till_server.add_fault(Fault("error_500_html", path="categories", times=-1))
        pair.shop.people.set_categories("A", ["Wool"])
        pair.shop.people.set_name("B", "New name")
        pair.sync(3)
        assert pair.till.fields()["B"]["name"] == "New name"
