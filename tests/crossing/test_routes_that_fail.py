"""A route that one field needs fails for good: it is tried in growing pauses, told of, and holds up nothing else."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from syncd.http import RetryPolicy
from syncd.service.account import sync_once
from syncd.simulators.pictures import drawn
from syncd.simulators.server import Fault
from tests.crossing.pair import Pair, open_pair

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.state.engine import Database

FAILING = [
    pytest.param("brand", "POST", r"products/brands", id="brands cannot be made"),
    pytest.param("brand", "GET", r"products/brands", id="brands cannot be read"),
    pytest.param("categories", "POST", r"products/categories", id="categories cannot be made"),
    pytest.param("images", "POST", r"wp/v2/media", id="images cannot be uploaded"),
    pytest.param("images", "GET", r"wp/v2/media", id="the library cannot be read"),
]
SHOP_OWNS = """
[shops.main.products.owner]
categories = "shop"
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads are tried once: how long a client tries is not what is asked here."""
    once = RetryPolicy(attempts=1, first_wait_s=0.01)
    monkeypatch.setattr("syncd.http.session.RetryPolicy", lambda: once)
    monkeypatch.setattr("syncd.adapters.openly.RetryPolicy", lambda attempts: once)


def offer(pair: Pair, *skus: str) -> None:
    for sku in skus:
        pair.till.create_product(sku, sku, 5, "9.99", in_shop=True)
        pair.shop.people.create_product(sku, sku, 5, "9.99")
    pair.sync()


def edit(pair: Pair, field: str, sku: str) -> None:
    match field:
        case "brand":
            pair.till.set_brand(sku, "ACME")
        case "categories":
            pair.till.set_categories(sku, ["Wool"])
        case _:
            pair.till.set_images(sku, [b64encode(drawn(1)).decode()])


def hits(pair: Pair) -> int:
    return sum(bool(record.fault) for record in pair.shop_server.requests())


def polls(pair: Pair, minutes: int, step_s: int = 30) -> None:
    """A daemon at work for so long."""
    for _ in range(minutes * 60 // step_s):
        pair.clock.seconds += step_s
        for outcome in sync_once(pair.account, full=False, cause="test"):
            assert outcome.error is None, outcome.error


@pytest.mark.parametrize(("field", "method", "path"), FAILING)
def test_it_is_tried_in_growing_pauses_and_told(
    sqlite_database: Database, tmp_path: Path, field: str, method: str, path: str
) -> None:
    skus = [f"S{number}" for number in range(6)]
    with open_pair(sqlite_database, tmp_path) as pair:
        offer(pair, *skus)
        pair.shop_server.add_fault(Fault("error_500_html", method, path, times=-1))
        for sku in skus:
            edit(pair, field, sku)
        polls(pair, 15)
        assert 3 <= hits(pair) <= 12, "one for all, and again after 1, 2, 4 and 8 minutes"
        ((kind, message),) = pair.findings()
        assert kind == "fields_not_written"
        assert message.startswith(f"main: {field} of ")
        assert "server error 500" in message
        tried = hits(pair)
        pair.till.set_price("S0", "20.00")
        polls(pair, 1)
        assert pair.shop.people.fields()["S0"]["price"] == "20.00"
        assert hits(pair) <= tried + 1
        pair.shop_server.clear_faults()
        polls(pair, 32, step_s=240)
        assert pair.findings() == []
        assert all(pair.shop.people.fields()[sku][field] for sku in skus)


def test_a_full_pass_tries_at_once(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path) as pair:
        offer(pair, "A")
        pair.shop_server.add_fault(Fault("error_500_html", "POST", "products/brands", times=-1))
        edit(pair, "brand", "A")
        polls(pair, 10)
        pair.shop_server.clear_faults()
        pair.poll(full=True)
        pair.sync()
        assert (pair.shop.people.fields()["A"]["brand"], pair.findings()) == ("ACME", [])


def test_an_image_that_fails_alone_holds_up_no_other(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path) as pair:
        offer(pair, "A", "B", "C")
        (broken,) = pair.till.set_images("A", [b64encode(drawn(1)).decode()])["images"]
        pair.till_server.add_fault(Fault("error_500_html", path=rf"(upload|image|media).*{broken}", times=-1))
        polls(pair, 15)
        tries = sum(bool(record.fault) for record in pair.till_server.requests())
        assert 3 <= tries <= 6
        ((kind, message),) = pair.findings()
        assert (kind, message.startswith("main: images of A cannot be written: inventorum: ")) == (
            "fields_not_written",
            True,
        )
        for sku in ("B", "C"):
            pair.till.set_images(sku, [b64encode(drawn(2)).decode()])
        polls(pair, 1)
        assert pair.shop.people.fields()["B"]["images"] == pair.till.fields()["B"]["images"]
        pair.till.set_images("A", [])
        polls(pair, 1)
        assert pair.findings() == [], "it is not wanted any more"


def test_categories_of_the_till_that_cannot_be_read_rest_as_well(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, SHOP_OWNS) as pair:
        offer(pair, "A", "B")
        pair.till_server.add_fault(Fault("error_500_html", path="categories", times=-1))
        pair.shop.people.set_categories("A", ["Wool"])
        polls(pair, 15)
        assert 3 <= sum(bool(record.fault) for record in pair.till_server.requests()) <= 8
        assert [kind for kind, _ in pair.findings()] == ["fields_not_written"]
        pair.till_server.clear_faults()
        polls(pair, 32, step_s=240)
        assert (pair.till.fields()["A"]["categories"], pair.findings()) == ("Wool", [])


def test_a_product_that_the_shop_breaks_down_over_holds_up_no_other(sqlite_database: Database, tmp_path: Path) -> None:
    """A batch with it gets no answer, so each of the batch is tried alone the next time."""
    skus = [f"S{number}" for number in range(6)]
    with open_pair(sqlite_database, tmp_path) as pair:
        offer(pair, *skus)
        (broken,) = pair.shop.shop.with_sku("S0")
        pair.shop_server.add_fault(Fault("error_500_html", "POST", r"products/batch", times=-1))
        pair.shop_server.add_fault(Fault("error_500_html", "POST", rf"products/{broken.id}\b", times=-1))
        for sku in skus:
            pair.till.set_price(sku, "20.00")
        polls(pair, 4)
        prices = {sku: pair.shop.people.fields()[sku]["price"] for sku in skus}
        assert prices == {**dict.fromkeys(skus, "20.00"), "S0": "9.99"}
        polls(pair, 12)
        assert 3 <= hits(pair) <= 8
        ((kind, message),) = pair.findings()
        assert kind == "fields_not_written"
        assert message.startswith("main: price of S0 cannot be written: ")
        pair.shop_server.clear_faults()
        polls(pair, 32, step_s=240)
        assert (pair.shop.people.fields()["S0"]["price"], pair.findings()) == ("20.00", [])
