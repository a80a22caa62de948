"""A product that is made at the till brings the images of its shop with it; what cannot come holds up nothing."""

from __future__ import annotations

from base64 import b64encode
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from syncd.service.resolve import close_read
from syncd.simulators.catalogue import CatalogueProduct
from syncd.simulators.pictures import drawn
from syncd.simulators.server import Fault
from syncd.state.models import Finding
from tests.crossing.pair import Pair, open_pair
from tests.crossing.pair_shopware6 import open_pair6

if TYPE_CHECKING:
    from syncd.state.engine import Database

OFFERS = """
[shops.main.products]
create_in_inventorum = true
"""
NOBODY = '[shops.main.products.owner]\nimages = "none"\n'
WEBP = b"RIFF\x1a\x00\x00\x00WEBPVP8L"
PNG = [drawn(number) for number in range(6)]


def add(pair: Any, sku: str, *contents: bytes) -> None:
    for content in contents:
        pair.shop.people.add_image(sku, b64encode(content).decode())


def at_till(pair: Any, sku: str) -> list[bytes]:
    """What a product of the till shows."""
    (product,) = [each for each in pair.till.state.products.values() if each.product_code == sku]
    return [pair.till.state.images[number].content for number in product.images]


def uploads(pair: Any, since: int = 0) -> int:
    return len([each for each in pair.till_server.requests(since=since) if each.target.endswith("/images/")])


def mug(pair: Pair, *contents: bytes) -> None:
    pair.shop.people.create_product("MUG", "Mug", 4, "9.90")
    add(pair, "MUG", *contents)


def shirt(pair: Pair) -> None:
    attributes = [{"name": "Size", "variation": True, "options": ["S", "M", "L"]}]
    values = {"type": "variable", "name": "Shirt", "sku": "SHIRT", "attributes": attributes}
    parent = pair.shop.writer.create(values, "page", lambda product: {"id": product.id})["id"]
    for size in "SML":
        own = {"sku": f"SHIRT-{size}", "regular_price": "20.00", "manage_stock": True, "stock_quantity": 2}
        own |= {"attributes": [{"name": "Size", "option": size}]}
        pair.shop.writer.create_variation(parent, own, "page", lambda product: {"id": product.id})


def test_images_come_with_the_product_in_order_and_once(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        mug(pair, PNG[2], PNG[0], PNG[1])
        pair.sync()
        assert at_till(pair, "MUG") == [PNG[2], PNG[0], PNG[1]]
        assert uploads(pair) == 3
        start = pair.now()
        pair.poll(full=True)
        pair.sync()
        assert pair.writes(start) == {"till": [], "shop": []}
        assert not pair.findings()
        assert len(pair.shop.shop.with_sku("MUG")[0].images) == 3


def test_variations_bring_their_own(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        shirt(pair)
        add(pair, "SHIRT", PNG[0], PNG[1])
        add(pair, "SHIRT-S", PNG[2])
        add(pair, "SHIRT-L", PNG[0])
        pair.sync()
        (parent,) = [each for each in pair.till.state.products.values() if each.name == "Shirt" and each.variations]
        assert [pair.till.state.images[number].content for number in parent.images] == PNG[:2]
        assert [at_till(pair, f"SHIRT-{size}") for size in "SML"] == [[PNG[2]], [], [PNG[0]]]
        assert not pair.findings()


def test_what_the_till_does_not_take_is_told_and_holds_up_nothing(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        mug(pair, WEBP, PNG[0])
        pair.sync()
        assert at_till(pair, "MUG") == [PNG[0]]
        ((kind, message),) = pair.findings()
        assert kind == "images_left_out"
        assert "inventorum has the new product MUG without 1 of its images" in message
        assert "WebP" in message
        with pair.account.db.read() as session:
            number = session.scalars(select(Finding.id).where(Finding.kind == kind)).one()
        assert close_read(pair.account.db, number, now=pair.clock.now())
        pair.sync()
        assert not pair.findings()


def test_the_finding_goes_with_the_product(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        pair.shop.people.create_product("KEPT", "Kept", 4, "9.90")
        mug(pair, WEBP)
        pair.sync()
        assert [kind for kind, _ in pair.findings()] == ["images_left_out"]
        pair.shop.people.delete("MUG")
        pair.sync()
        pair.poll(full=True)
        assert "images_left_out" not in [kind for kind, _ in pair.findings()]


@pytest.mark.parametrize("kind", ["error_500_html", "lost_after", "lost_before"])
def test_an_upload_that_fails_leaves_the_image_out(sqlite_database: Database, tmp_path: Path, kind: str) -> None:
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        mug(pair, PNG[0], PNG[1])
        pair.till_server.add_fault(Fault(kind, method="POST", path=r"images/$"))
        pair.sync()
        assert at_till(pair, "MUG") == [PNG[1]]
        assert [kind for kind, _ in pair.findings()] == ["images_left_out"]


def test_a_file_that_is_gone_from_the_shop_is_left_out(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        mug(pair, PNG[0], PNG[1])
        first, _ = pair.shop.shop.with_sku("MUG")[0].images
        del pair.shop.shop.files[first["src"]]
        pair.sync()
        assert at_till(pair, "MUG") == [PNG[1]]
        ((_, message),) = pair.findings()
        assert f"main does not hand out image {first['id']}" in message


def test_an_address_inside_a_private_network_is_not_fetched(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        mug(pair, PNG[0])
        (image,) = pair.shop.shop.with_sku("MUG")[0].images
        image["src"] = "http://192.168.0.1/admin/mug.png"
        pair.sync()
        assert at_till(pair, "MUG") == []
        ((_, message),) = pair.findings()
        assert "it lies in a private network" in message


def test_a_lost_answer_makes_no_second_product_and_no_second_set(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        mug(pair, PNG[0], PNG[1])
        pair.till_server.add_fault(Fault("lost_after", method="POST", path=r"/products/$"))
        pair.clock.seconds += 61
        pair.poll()
        pair.sync(5)
        assert at_till(pair, "MUG") == PNG[:2]
        assert uploads(pair) == 2


def test_images_that_nobody_owns_stay(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, OFFERS + NOBODY) as pair:
        mug(pair, PNG[0])
        pair.sync()
        assert (at_till(pair, "MUG"), uploads(pair)) == ([], 0)
        assert not pair.findings()


def test_a_shop_whose_stock_is_set_brings_them_too(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair6(sqlite_database, tmp_path, OFFERS) as pair:
        pair.shop.people.create(CatalogueProduct("MUG", "", "Mug", Decimal("9.90"), Decimal(19), 4))
        add(pair, "MUG", PNG[0], PNG[1])
        pair.sync(4)
        assert at_till(pair, "MUG") == PNG[:2]
        start = pair.now()
        pair.sync()
        assert pair.writes(start)["till"] == []
        assert not pair.findings()


def test_a_duplicate_in_the_shop_tells_nothing_of_images_that_are_as_they_were(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """WooCommerce copies the note that says which image came from where with all other metadata."""
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        pair.till.create_product("MUG", "Mug", 4, "9.90", in_shop=True)
        pair.shop.people.create_product("MUG", "Mug", 4, "9.90")
        pair.till.set_images("MUG", [b64encode(content).decode() for content in PNG[:2]])
        pair.sync()
        pair.shop.people.create_product("MUG-1", "Mug (Copy)", 3, "9.90")
        (mug, copy) = (pair.shop.shop.with_sku(sku)[0] for sku in ("MUG", "MUG-1"))
        copy.images, copy.meta = deepcopy(mug.images), deepcopy(mug.meta)
        pair.sync(4)
        assert at_till(pair, "MUG-1") == PNG[:2]
        assert [each["id"] for each in copy.images] == [each["id"] for each in mug.images]
        assert pair.findings() == []
        pair.till.set_images("MUG-1", [b64encode(PNG[3]).decode()])
        pair.sync(4)
        assert len(mug.images) == 2
        assert pair.shop.people.fields()["MUG-1"]["images"] == pair.till.fields()["MUG-1"]["images"]
