"""Promises about whole products: what one side describes another can make, once, and find again by its mark."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from syncd.core.attributes import attributes_text
from syncd.core.fields import ATTRIBUTES, DESCRIPTION, GTIN, IMAGES, NAME, NO, PRICE, PUBLISHED, SKU, TAX_RATE, YES
from syncd.core.images import keys_of
from syncd.core.model import ZERO, Refused, RemoteListing, StockMode, Unknown
from syncd.core.products import Made, NewProduct, Product, Unit
from syncd.errors import OutcomeUnknown
from syncd.testing.goods import GOODS, SIMPLE, VARIED
from syncd.testing.lacking import lacking
from syncd.testing.promises_images import FAKE, PICTURES
from syncd.testing.reading import changes, read_everything
from syncd.testing.side import SideDriver, Trouble

_RATE = Decimal(19)
_LAMP = Product(
    "100", "Lamp “Glow”, 40 W", (Unit("100", "LAMP", "4006381333931", "12.50", _RATE),), "<p>Warm light</p>"
)
_SIZES = ("S", "M", "L")
_SHIRT = Product(
    "200",
    "Shirt",
    tuple(
        Unit(f"20{number}", f"SHIRT-{size}", None, f"2{number}.00", _RATE, {"size": size, "color": "Blue"})
        for number, size in enumerate(_SIZES)
    ),
    is_group=True,
)
_PLAIN = Product("300", "Plain", (Unit("300", None, None, "1.00", _RATE),))
_OTHER = Product("400", "Other", (Unit("400", "OTHER", None, "1.00", _RATE),))
_marks = itertools.count(1)


def _new(product: Product, **fields: object) -> NewProduct:
    return NewProduct(f"mark-{next(_marks)}", product, **fields)  # type: ignore[arg-type]  # fields of NewProduct


class DescribingPromises:
    """Part of ``SideAdapterSuite``."""

    @pytest.fixture(autouse=True)
    def _describes(self, side: SideDriver, request: pytest.FixtureRequest) -> None:
        if "describes" in request.function.__name__ and not side.adapter.capabilities.describes:
            lacking(side, "describes", "products are not described by this side")

    def test_describes_a_product_whole(self, side: SideDriver) -> None:
        """Name, codes, gross price and tax rate; one unit without attributes."""
        sold = GOODS[0]
        product = side.adapter.read_product(side.ref(SIMPLE).external_id)
        assert product is not None
        (unit,) = product.units
        assert (product.name, product.is_group, unit.attributes) == (sold.name, False, {})
        assert (unit.source_id, unit.sku, unit.gtin) == (product.source_id, sold.sku, sold.gtin or None)
        assert unit.price == f"{sold.price:.2f}"
        assert unit.tax_rate == (None if TAX_RATE in side.traits.lacks else sold.tax_rate)

    def test_describes_variations_by_what_makes_them_differ(self, side: SideDriver) -> None:
        """Each with its own codes; no two alike."""
        product = side.adapter.read_product(side.ref(VARIED.sku).external_id)
        assert product is not None
        assert product.is_group
        assert [unit.sku for unit in product.units] == [one.sku for one in VARIED.variations]
        assert [unit.source_id for unit in product.units] == [
            side.ref(one.sku).external_id for one in VARIED.variations
        ]
        assert len({tuple(unit.attributes.items()) for unit in product.units}) == len(product.units)

    def test_describes_nothing_that_is_gone(self, side: SideDriver) -> None:
        """No error: it may be deleted at any moment."""
        assert side.adapter.read_product(side.unknown_ref().external_id) is None


class MakingPromises:
    """Part of ``SideAdapterSuite``."""

    @pytest.fixture(autouse=True)
    def _makes(self, side: SideDriver, request: pytest.FixtureRequest) -> None:
        if request.function.__name__.startswith("test_makes") and not side.adapter.capabilities.creates:
            lacking(side, "creates", "products are not made on this side")

    @pytest.mark.parametrize("publish", [False, True])
    def test_makes_a_product_as_it_is_described(self, side: SideDriver, publish: bool) -> None:
        """It counts its stock, has none, and is seen by customers only if it shall be; nothing else changes."""
        stock, began = side.stock(), read_everything(side)
        made = _made(side, _new(_LAMP, publish=publish))
        lamp = made.units["100"]
        assert (lamp.sku, lamp.gtin, lamp.stock_mode, lamp.quantity) == ("LAMP", "4006381333931", StockMode.OWN, ZERO)
        codes = {SKU: "LAMP", GTIN: "4006381333931"}
        words = {NAME: _LAMP.name, DESCRIPTION: _LAMP.description, PRICE: "12.50", TAX_RATE: "19", **codes}
        words[PUBLISHED] = YES if publish else NO
        words = {field: value for field, value in words.items() if field not in side.traits.lacks}
        assert {field: value for field, value in lamp.fields.items() if value} == words
        assert (lamp.published, lamp.ref.external_id) == (publish, made.product_id)
        assert _reading(side, lamp) == lamp
        assert changes(side, began.cursor).sku("LAMP") == lamp
        assert {key: units for key, units in side.stock().items() if key in stock} == stock

    def test_makes_variations_under_one_product(self, side: SideDriver) -> None:
        """Each counts its own stock, from zero."""
        made = _made(side, _new(_SHIRT))
        assert list(made.units) == [unit.source_id for unit in _SHIRT.units]
        for unit in _SHIRT.units:
            found = made.units[unit.source_id]
            assert found.ref.parent_external_id == made.product_id
            assert (found.sku, found.stock_mode, found.quantity) == (unit.sku, StockMode.OWN, ZERO)
            assert found.fields[PRICE] == unit.price
            assert found.fields.get(TAX_RATE) == (None if TAX_RATE in side.traits.lacks else "19")
            assert found.fields[ATTRIBUTES] == attributes_text(unit.attributes)
            assert _reading(side, found) == found
        assert made.parent is not None
        assert made.parent.stock_mode is StockMode.GROUP

    def test_makes_more_variations_beside_those_there(self, side: SideDriver) -> None:
        """What the product had stays as it was."""
        first = _made(side, _new(replace(_SHIRT, units=_SHIRT.units[:1])))
        if not side.traits.adds_variations:
            before = read_everything(side).listings
            more = _new(replace(_SHIRT, units=_SHIRT.units[1:]), into=first.product_id)
            assert isinstance(side.adapter.create_product(more), Refused)
            assert read_everything(side).listings == before
            return
        later = _made(side, _new(replace(_SHIRT, units=_SHIRT.units[1:]), into=first.product_id))
        assert later.product_id == first.product_id
        assert [one.sku for one in later.units.values()] == ["SHIRT-M", "SHIRT-L"]
        assert _reading(side, first.units["200"]) == first.units["200"]

    def test_makes_no_second_product_with_a_code(self, side: SideDriver) -> None:
        """Refused, and nothing is left behind."""
        if not side.traits.unique_codes:
            pytest.skip("codes may be shared here")
        taken = replace(_LAMP, units=(replace(_LAMP.units[0], sku=SIMPLE),))
        before = read_everything(side).listings
        assert isinstance(side.adapter.create_product(_new(taken)), Refused)
        assert read_everything(side).listings == before

    def test_makes_the_others_if_one_variation_is_refused(self, side: SideDriver) -> None:
        """Each variation has an answer of its own."""
        if not side.traits.unique_codes:
            pytest.skip("codes may be shared here")
        units = (_SHIRT.units[0], replace(_SHIRT.units[1], sku=SIMPLE), _SHIRT.units[2])
        made = _made(side, _new(replace(_SHIRT, units=units)), whole=False)
        assert list(made.units) == ["200", "202"]
        assert isinstance(made.missing["201"], Refused)

    @pytest.mark.parametrize("product", [_LAMP, _SHIRT], ids=lambda product: product.name[:5])
    def test_makes_what_is_found_again_by_its_mark(self, side: SideDriver, product: Product) -> None:
        """And nothing that was not made, nor under another mark."""
        new = _new(product)
        since = side.now() - timedelta(minutes=5)
        assert side.adapter.find_product(new, since) is None
        made = _made(side, new)
        found = side.adapter.find_product(new, since)
        assert isinstance(found, Made)
        assert (found.product_id, found.units, dict(found.missing)) == (made.product_id, made.units, {})
        # Where nothing carries a mark, what was there before the call was not made by it, whatever it looks like.
        other = replace(new, mark="mark-of-another", known=frozenset({made.product_id}))
        assert side.adapter.find_product(other, since) is None

    @pytest.mark.parametrize("product", [_LAMP, _SHIRT, _PLAIN], ids=lambda product: product.name[:5])
    def test_makes_no_guess_which_of_two_alike_it_was(self, side: SideDriver, product: Product) -> None:
        """Without marks, two new products that look like it are told, and none of them is taken."""
        if side.traits.marks:
            pytest.skip("what is made here carries a mark")
        since = side.now() - timedelta(minutes=5)
        first = _made(side, _new(product))
        found = side.adapter.find_product(_new(product), since)
        assert isinstance(found, Made)
        assert (found.product_id, found.units) == (first.product_id, first.units)
        second = _made(side, _new(product))
        found = side.adapter.find_product(_new(product), since)
        assert isinstance(found, Unknown)
        assert first.product_id in found.reason
        assert second.product_id in found.reason
        found = side.adapter.find_product(_new(product, known=frozenset({first.product_id})), since)
        assert isinstance(found, Made)
        assert found.product_id == second.product_id
        assert side.adapter.find_product(_new(replace(_OTHER, is_group=product.is_group)), since) is None

    @pytest.mark.parametrize("trouble", [Trouble.LOST_AFTER, Trouble.ERROR_AFTER, Trouble.TRUNCATED, Trouble.HTML])
    @pytest.mark.parametrize("after", [0, 1])
    @pytest.mark.parametrize("product", [_LAMP, _SHIRT], ids=lambda product: product.name[:5])
    def test_makes_nothing_twice_after_a_lost_answer(
        self, side: SideDriver, trouble: Trouble, after: int, product: Product
    ) -> None:
        """What is missing in the answer is unknown; what was made is found, and only what was not is lacking."""
        if not side.traits.wire:
            pytest.skip("no wire on this side")
        new, since = _new(product), side.now() - timedelta(minutes=5)
        side.trouble(trouble, write=True, after=after)
        try:
            result = side.adapter.create_product(new)
        except OutcomeUnknown:
            result = None
        side.calm()
        if isinstance(result, Made) and not result.missing:
            assert after == 1
            whole = sum(exchange.write for exchange in side.exchanges()) == 1
            assert whole or not product.is_group or not side.traits.adds_variations
            return
        found = side.adapter.find_product(new, since)
        skus = {unit.sku for unit in product.units}
        there = {one.sku for one in read_everything(side).listings.values()} & skus
        assert not isinstance(found, Unknown)
        assert (set() if found is None else {one.sku for one in found.units.values()}) == there
        if trouble is Trouble.HTML and after == 0:
            assert found is None, "nothing had reached the side"

    def test_makes_a_product_with_its_images(self, side: SideDriver) -> None:
        """In their order; one that is none holds up nothing and is named."""
        if not side.adapter.capabilities.makes_images:
            lacking(side, "makes_images", "images of products come after their making on this side")
        pictures = (*(PICTURES[key] for key in "312"), FAKE)
        new = _new(replace(_LAMP, images=pictures))
        assert list(side.adapter.bring_images(new)) == ["fake"]
        made = _made(side, new)
        assert side.images("LAMP") == [PICTURES[key].content for key in "312"]
        assert list(made.left_out) == ["fake"]
        assert len(keys_of(made.units["100"].fields[IMAGES])) == 3

    def test_makes_variations_with_their_images(self, side: SideDriver) -> None:
        """Each with its own, beside those of their product."""
        if not side.adapter.capabilities.makes_images:
            lacking(side, "makes_images", "images of products come after their making on this side")
        first, *others = _SHIRT.units
        units = (replace(first, images=(PICTURES["4"],)), *others)
        made = _made(side, _new(replace(_SHIRT, units=units, images=(PICTURES["3"], PICTURES["4"]))))
        assert made.parent is not None
        assert len(keys_of(made.parent.fields[IMAGES])) == 2
        assert [side.images(f"SHIRT-{size}") for size in _SIZES] == [[PICTURES["4"].content], [], []]


def _made(side: SideDriver, new: NewProduct, *, whole: bool = True) -> Made:
    result = side.adapter.create_product(new)
    assert isinstance(result, Made), result
    if whole:
        assert not result.missing, result.missing
    return result


def _reading(side: SideDriver, listing: RemoteListing) -> RemoteListing:
    (found,) = side.adapter.fetch([listing.ref]).listings
    return found
