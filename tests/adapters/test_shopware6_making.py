"""What is peculiar to making products in a Shopware 6 shop: derived ids, one request, what Shopware insists on."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from syncd.core.fields import IMAGES
from syncd.core.images import Image
from syncd.core.model import FieldsWrite, Refused, Unknown, Written
from syncd.core.products import Made, NewProduct, Product, Unit
from syncd.simulators.pictures import drawn
from syncd.simulators.server import Fault
from syncd.testing.goods import GOODS, SIMPLE, VARIED
from tests.support.shopware6 import shop

RATE = Decimal(19)
LAMP = Product("100", "Lamp", (Unit("100", "LAMP", None, "12.50", RATE),))
SHIRT = Product(
    "200",
    "Shirt",
    tuple(Unit(f"20{n}", f"SHIRT-{size}", None, "20.00", RATE, {"size": size}) for n, size in enumerate("SML")),
    is_group=True,
)
SYNC = "_action/sync"


def test_what_is_there_is_not_made_again_and_keeps_its_stock() -> None:
    with shop(GOODS) as stand:
        new = NewProduct("mark", LAMP)
        made = stand.adapter.create_product(new)
        stand.sim.people.set_stock("LAMP", 5)
        again = stand.adapter.create_product(new)
        assert isinstance(made, Made)
        assert isinstance(again, Made)
        assert again.product_id == made.product_id
        assert stand.sim.people.stock()["LAMP"] == 5
        assert len(stand.sent(SYNC)) == 1


def test_a_product_with_variants_is_one_request() -> None:
    with shop(GOODS) as stand:
        made = stand.adapter.create_product(NewProduct("mark", SHIRT, publish=True))
        assert isinstance(made, Made)
        assert len(stand.sent(SYNC)) == 1
        rows = [stand.sim.shop.with_number(f"SHIRT-{size}") for size in "SML"]
        # What does not differ is left to the product.
        assert {(row["price"], row["taxId"], row["active"], row["name"]) for row in rows} == {(None, None, None, None)}
        settings = stand.sim.shop.rows("product_configurator_setting").values()
        assert len([each for each in settings if each["productId"] == made.product_id]) == 3
        visible = stand.sim.shop.rows("product_visibility").values()
        assert [each["visibility"] for each in visible if each["productId"] == made.product_id] == [30]


def test_a_product_without_a_number_gets_the_next_one_of_the_shop() -> None:
    with shop(GOODS) as stand:
        plain = replace(LAMP, units=(replace(LAMP.units[0], sku=None),))
        made = stand.adapter.create_product(NewProduct("mark", plain))
        assert isinstance(made, Made)
        assert made.units["100"].sku == "SW10001"


@pytest.mark.parametrize(
    ("change", "code"), [({"price": None}, "price_needed"), ({"tax_rate": None}, "tax_rate_unknown")]
)
def test_what_shopware_insists_on_is_no_guess(change: dict[str, None], code: str) -> None:
    with shop(GOODS) as stand:
        lacking = replace(LAMP, units=(replace(LAMP.units[0], **change),))  # type: ignore[arg-type]  # fields of Unit
        result = stand.adapter.create_product(NewProduct("mark", lacking))
        assert isinstance(result, Refused)
        assert result.code == code
        assert stand.sent(SYNC) == []


def test_variants_of_a_refused_product_are_not_sent() -> None:
    """The shop's range of numbers lags behind what people typed."""
    with shop(GOODS) as stand:
        stand.sim.shop.with_number(SIMPLE)["productNumber"] = "SW10001"
        rows = len(stand.sim.shop.rows("product"))
        refused = stand.adapter.create_product(NewProduct("mark", SHIRT))
        assert isinstance(refused, Refused)
        assert "SW10001" in refused.message
        assert len(stand.sim.shop.rows("product")) == rows
        assert {one.status for one in stand.server.requests(path=SYNC)} == {400}
        assert isinstance(stand.adapter.create_product(NewProduct("mark", SHIRT)), Made)


def test_a_product_whose_answer_was_lost_is_found() -> None:
    with shop(GOODS) as stand:
        new = NewProduct("mark", LAMP)
        stand.adapter.fetch([stand.ref(SIMPLE)])
        stand.server.add_fault(Fault("lost_after", path=SYNC))
        result = stand.adapter.create_product(new)
        assert isinstance(result, Unknown)
        found = stand.adapter.find_product(new, stand.clock.now())
        assert isinstance(found, Made)
        assert found.units["100"].sku == "LAMP"


def test_variants_are_added_only_to_what_has_some() -> None:
    with shop(GOODS) as stand:
        for into in (stand.ref(SIMPLE).external_id, stand.ref(VARIED.variations[0].sku).external_id):
            refused = stand.adapter.create_product(NewProduct("mark", SHIRT, into=into))
            assert isinstance(refused, Refused)
            assert not refused.gone
        refused = stand.adapter.create_product(NewProduct("mark", SHIRT, into="f" * 32))
        assert isinstance(refused, Refused)
        assert refused.gone


def test_an_added_variant_of_another_price_has_its_own() -> None:
    with shop(GOODS) as stand:
        more = replace(SHIRT, units=(replace(SHIRT.units[0], price="99.00", tax_rate=VARIED.tax_rate),))
        made = stand.adapter.create_product(NewProduct("mark", more, into=stand.ref(VARIED.sku).external_id))
        assert isinstance(made, Made)
        row = stand.sim.shop.with_number("SHIRT-S")
        assert row["price"][0]["gross"] == 99.0
        assert row["taxId"] is None


def test_a_download_is_nothing_for_a_till() -> None:
    with shop(GOODS) as stand:
        stand.sim.shop.with_number(SIMPLE)["states"] = ["is-download"]
        assert stand.adapter.read_product(stand.ref(SIMPLE).external_id) is None
        assert stand.adapter.read_product(stand.ref(VARIED.variations[0].sku).external_id) is None


def test_an_image_is_brought_once_for_all_products_also_after_a_lost_answer() -> None:
    with shop(GOODS) as stand:
        image = Image("1", "http://till.example/1.png", "Mug", drawn(1))
        write = FieldsWrite(stand.ref(SIMPLE), {IMAGES: "1"}, {"1": image})
        stand.adapter.fetch([stand.ref(SIMPLE)])
        stand.server.add_fault(Fault("lost_after", path="/upload"))
        (lost,) = stand.adapter.write_fields([write])
        assert not isinstance(lost, Written)
        for sku in (SIMPLE, GOODS[1].sku):
            (result,) = stand.adapter.write_fields([replace(write, ref=stand.ref(sku))])
            assert result == Written({IMAGES: "1"})
        assert len(stand.sent("/upload")) == 1
        assert len(stand.sim.shop.rows("media")) == 1
        (media,) = stand.sim.shop.rows("media").values()
        assert media["mediaFolderId"]


def test_a_file_name_that_another_has_is_refused_with_words() -> None:
    with shop(GOODS) as stand:
        image = Image("1", "http://till.example/1.png", "Mug", drawn(1))
        other = stand.sim.shop.insert("media", {})
        other.update(fileName=f"syncd-{image.digest[:32]}", fileExtension="png")
        (result,) = stand.adapter.write_fields([FieldsWrite(stand.ref(SIMPLE), {IMAGES: "1"}, {"1": image})])
        assert isinstance(result, Refused)
        assert "remove it there" in result.message
