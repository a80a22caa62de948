"""Promises about fields of products: what is written is shown, in one spelling, and nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from syncd.adapters.base import SideAdapter
from syncd.core.attributes import attributes_text
from syncd.core.fields import (
    ATTRIBUTES,
    BRAND,
    CATEGORIES,
    DESCRIPTION,
    EMPTY,
    GTIN,
    IMAGES,
    NAME,
    NO,
    PRICE,
    PUBLISHED,
    SKU,
    TAX_RATE,
    YES,
)
from syncd.core.model import FieldsResult, FieldsWrite, Refused, RemoteListing, Unknown, Written
from syncd.errors import OutcomeUnknown
from syncd.testing.goods import GOODS, SIMPLE, VARIATION, VARIED
from syncd.testing.lacking import lacking
from syncd.testing.reading import changes, read, read_everything
from syncd.testing.side import SideDriver, Trouble

NAMES = [
    "Mug",
    "Käsespätzle für Größe 38½",
    "Tom & Jerry's “big” <b>box</b>",
    'Pipe 1/2" × 3 > 2 < 4',
    "🧀 Brie, 50 % off",
    "C:\\temp\\new",
    "A name of many words " * 20,
]
TEXTS = [
    "Soft & warm",
    "Two lines\nof text",
    "<p>Warm light</p>\n<ul><li>40 W</li><li>E27 &amp; E14</li></ul>",
    "Größe < 5 > 3",
    "  blanks around \r\n",
    "🧶 “Merino” – 100 % d'Or",
    "long words " * 500,
]
PRICES = ["0.00", "0.01", "2.99", "150.00", "1234.50", "99999.99"]


BRANDS = ["Nähwerk", "Tom & Jerry's “big” brand", "3M", "🧶 Wolle"]
PATHS = [
    "Wool",
    "Bücher & Hefte",
    "Clothes \\> 40",
    "Garn\nNadeln\nWool",
]
NOTHING = {DESCRIPTION: EMPTY, BRAND: EMPTY, CATEGORIES: EMPTY, IMAGES: EMPTY}
"""What products are about that are only named."""


class FieldPromises:
    """Part of ``SideAdapterSuite``."""

    @pytest.fixture(autouse=True)
    def _writable(self, side: SideDriver, request: pytest.FixtureRequest) -> None:
        ours = request.function.__qualname__.startswith("FieldPromises.")
        if ours and not side.adapter.capabilities.fields >= {NAME, PRICE}:
            lacking(side, "fields", "fields cannot be written on this side")

    @staticmethod
    def _needs(side: SideDriver, *fields: str) -> None:
        missing = set(fields) - (side.adapter.capabilities.fields - side.traits.lacks)
        for field in sorted(missing):
            lacking(side, field, f"{field} cannot be written on this side")

    def test_fields_are_what_a_customer_sees(self, side: SideDriver) -> None:
        """Words of products, not of variations; codes, gross price and tax rate of what can be sold; images of both."""
        found = read(side.adapter.read_all())
        for product in GOODS:
            price = {PRICE: f"{product.price:.2f}", TAX_RATE: f"{product.tax_rate:f}"}
            for variation in product.variations:
                codes = {SKU: variation.sku, GTIN: variation.gtin}
                attributes = {ATTRIBUTES: attributes_text(variation.attributes)}
                shown = found.sku(variation.sku)
                wanted = {**codes, **price, **attributes, IMAGES: EMPTY}
                lacks = side.traits.lacks | (frozenset() if side.traits.varied_images else {IMAGES})
                if not side.traits.variations:
                    # A product like any other, so it has words of its own.
                    wanted |= {NAME: shown.name, **NOTHING, PUBLISHED: YES}
                assert shown.fields == _without(wanted, lacks)
            if not product.variations:
                words = {NAME: product.name, **NOTHING, SKU: product.sku, GTIN: product.gtin}
                shown = found.sku(product.sku)
                wanted = {**words, **price, PUBLISHED: YES if shown.published else NO}
                assert shown.fields == _without(wanted, side.traits.lacks)
        if side.traits.variations:
            parent = found.listings[side.ref(VARIED.sku).external_id]
            wanted = {NAME: VARIED.name, **NOTHING, PUBLISHED: YES if parent.published else NO}
            assert parent.fields == _without(wanted, side.traits.lacks)

    @pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:12])
    def test_a_name_is_written_and_shown(self, side: SideDriver, name: str) -> None:
        """The answer shows the name as every later read does; stock, codes, marker and price stay as they were."""
        before, stock = _reading(side, SIMPLE), side.stock()
        (result,) = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {NAME: name})])
        if 0 < side.traits.longest_name < len(name):
            assert isinstance(result, Refused)
            assert _reading(side, SIMPLE) == before
            return
        assert isinstance(result, Written)
        assert result.fields.keys() == {NAME}
        after = _reading(side, SIMPLE)
        assert after.fields == {**before.fields, **result.fields}
        assert side.stock() == stock
        assert _rest(after) == _rest(before)

    def test_a_plain_name_is_stored_as_it_is(self, side: SideDriver) -> None:
        """Letters, digits, umlauts, quotes and emoji arrive."""
        name = "Käse “Brie” 🧀, 1/2 kg – d'Or"
        assert _write(side.adapter, [FieldsWrite(side.ref(SIMPLE), {NAME: name})]) == [Written({NAME: name})]

    @pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:12])
    def test_a_text_is_written_and_shown(self, side: SideDriver, text: str) -> None:
        """The answer shows it as every later read does; what is written again as it is shown stays as it is."""
        self._needs(side, DESCRIPTION)
        before, stock = _reading(side, SIMPLE), side.stock()
        (result,) = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {DESCRIPTION: text})])
        assert isinstance(result, Written)
        assert _reading(side, SIMPLE).fields == {**before.fields, **result.fields}
        assert read(side.adapter.read_all()).sku(SIMPLE).fields[DESCRIPTION] == result.fields[DESCRIPTION]
        assert _write(side.adapter, [FieldsWrite(side.ref(SIMPLE), {**result.fields})]) == [result]
        assert side.stock() == stock

    def test_a_product_with_variations_has_name_and_text(self, side: SideDriver) -> None:
        """Written as those of any product; its variations stay as they are, but for their names made of its name."""
        self._needs(side, NAME, DESCRIPTION)
        if not side.traits.variations:
            lacking(side, "variations", "no variations on this side")
        before, stock, ref = read(side.adapter.read_all()).listings, side.stock(), side.ref(VARIED.sku)
        (result,) = side.adapter.write_fields([FieldsWrite(ref, {NAME: "Scarf & hat", DESCRIPTION: "<b>Warm</b>"})])
        assert result == Written({NAME: "Scarf & hat", DESCRIPTION: "<b>Warm</b>"})
        after = read(side.adapter.read_all()).listings
        words = {NAME: "Scarf & hat", DESCRIPTION: "<b>Warm</b>"}
        state = {PUBLISHED: before[ref.external_id].fields[PUBLISHED]}
        assert after[ref.external_id].fields == _without({**NOTHING, **words, **state}, side.traits.lacks)
        for key, listing in after.items():
            if key != ref.external_id:
                assert (listing.ref, listing.fields, listing.sku) == (
                    before[key].ref, before[key].fields, before[key].sku,
                )  # fmt: skip
        assert side.stock() == stock

    @pytest.mark.parametrize("brand", BRANDS)
    def test_a_brand_is_written_and_shown(self, side: SideDriver, brand: str) -> None:
        """Made where it is missing, used where it is there, and taken away again."""
        self._needs(side, BRAND)
        before, stock = _reading(side, SIMPLE), side.stock()
        for value in (brand, EMPTY, brand):
            written = _write(side.adapter, [FieldsWrite(side.ref(SIMPLE), {BRAND: value})])
            assert written == [Written({BRAND: value})]
            assert _reading(side, SIMPLE).fields == {**before.fields, BRAND: value}
        assert read(side.adapter.read_all()).sku(SIMPLE).fields[BRAND] == brand
        assert side.stock() == stock

    @pytest.mark.parametrize("paths", PATHS)
    def test_categories_are_written_and_shown(self, side: SideDriver, paths: str) -> None:
        """Made where they are missing; two products share one; a product can have none again."""
        self._needs(side, CATEGORIES)
        refs = [side.ref(SIMPLE), side.ref(GOODS[2].sku)]
        before, stock = _reading(side, SIMPLE), side.stock()
        for value in (paths, EMPTY, paths):
            written = _write(side.adapter, [FieldsWrite(ref, {CATEGORIES: value}) for ref in refs])
            assert written == [Written({CATEGORIES: value})] * 2
            assert _reading(side, SIMPLE).fields == {**before.fields, CATEGORIES: value}
        assert read(side.adapter.read_all()).sku(SIMPLE).fields[CATEGORIES] == paths
        assert side.categories() == sorted(paths.split("\n"))
        assert side.stock() == stock

    def test_a_category_below_another_is_found_again(self, side: SideDriver) -> None:
        """By its path: the same name under two others is two categories. Where none can be made, it is refused."""
        self._needs(side, CATEGORIES)
        paths = "Clothes > Men\nClothes > Women > Men"
        (result,) = _write(side.adapter, [FieldsWrite(side.ref(SIMPLE), {CATEGORIES: paths})])
        if isinstance(result, Refused):
            assert "Clothes > Men" in result.message
            assert _reading(side, SIMPLE).fields[CATEGORIES] == EMPTY
            return
        assert result == Written({CATEGORIES: paths})
        again = _write(side.adapter, [FieldsWrite(side.ref(GOODS[2].sku), {CATEGORIES: paths})])
        assert again == [Written({CATEGORIES: paths})]
        assert _reading(side, GOODS[2].sku).fields[CATEGORIES] == paths

    def test_a_product_with_variations_has_brand_and_categories(self, side: SideDriver) -> None:
        """They belong to the product and not to its variations."""
        self._needs(side, BRAND, CATEGORIES)
        if not side.traits.variations:
            lacking(side, "variations", "no variations on this side")
        values, ref = {BRAND: "Nähwerk", CATEGORIES: "Wool"}, side.ref(VARIED.sku)
        assert _write(side.adapter, [FieldsWrite(ref, values)]) == [Written(values)]
        shown = read(side.adapter.read_all()).listings
        assert {field: shown[ref.external_id].fields[field] for field in values} == values
        assert not values.keys() & shown[side.ref(VARIATION).external_id].fields.keys()

    @pytest.mark.parametrize("value", ["Mauve", "Größe 38½ & mehr", "cœur de « lion »"])
    def test_an_option_of_a_variation_is_written_and_shown(self, side: SideDriver, value: str) -> None:
        """Also one that no variation had so far; its siblings, its stock and everything else stay as they were."""
        self._needs(side, ATTRIBUTES)
        if not side.traits.variations:
            lacking(side, "variations", "no variations on this side")
        before, stock, ref = read(side.adapter.read_all()).listings, side.stock(), side.ref(VARIATION)
        former = VARIED.variations[0].attributes
        for chosen in (value, former["color"]):
            wanted = attributes_text({**former, "color": chosen})
            assert _write(side.adapter, [FieldsWrite(ref, {ATTRIBUTES: wanted})]) == [Written({ATTRIBUTES: wanted})]
            assert _reading(side, VARIATION).fields == {**before[ref.external_id].fields, ATTRIBUTES: wanted}
        after = read(side.adapter.read_all()).listings
        assert {key: one.fields for key, one in after.items()} == {key: one.fields for key, one in before.items()}
        assert side.stock() == stock

    def test_a_further_attribute_of_a_variation_is_written_and_shown(self, side: SideDriver) -> None:
        """What tells it from a new sibling; refused where all siblings have the same attributes."""
        self._needs(side, ATTRIBUTES)
        if not side.traits.variations:
            lacking(side, "variations", "no variations on this side")
        if not side.traits.adds_attributes:
            wanted = attributes_text({**VARIED.variations[0].attributes, "Stoff": "Wolle"})
            (result,) = side.adapter.write_fields([FieldsWrite(side.ref(VARIATION), {ATTRIBUTES: wanted})])
            assert isinstance(result, Refused)
            return
        wanted = attributes_text({**VARIED.variations[0].attributes, "Stoff": "Wolle"})
        write = FieldsWrite(side.ref(VARIATION), {ATTRIBUTES: wanted, PRICE: "12.00"})
        assert _write(side.adapter, [write]) == [Written({ATTRIBUTES: wanted, PRICE: "12.00"})]
        assert _reading(side, VARIATION).fields[ATTRIBUTES] == wanted

    @pytest.mark.parametrize("sku", [SIMPLE, VARIED.sku])
    def test_a_product_is_hidden_and_shown_again(self, side: SideDriver, sku: str) -> None:
        """With all its variations; stock and everything else stay as they were."""
        self._needs(side, PUBLISHED)
        if sku != SIMPLE and not side.traits.variations:
            lacking(side, "variations", "no variations on this side")
        stock, ref = side.stock(), side.ref(sku)
        for state in (NO, YES, NO):
            assert _write(side.adapter, [FieldsWrite(ref, {PUBLISHED: state})]) == [Written({PUBLISHED: state})]
            listing = read(side.adapter.read_all()).listings[ref.external_id]
            assert (listing.published, listing.fields[PUBLISHED]) == (state == YES, state)
        assert side.stock() == stock

    def test_a_text_can_be_emptied(self, side: SideDriver) -> None:
        """Taken away on one side, it is taken away on the other."""
        self._needs(side, DESCRIPTION)
        _write(side.adapter, [FieldsWrite(side.ref(SIMPLE), {DESCRIPTION: "<b>Warm</b>"})])
        assert _write(side.adapter, [FieldsWrite(side.ref(SIMPLE), {DESCRIPTION: ""})]) == [Written({DESCRIPTION: ""})]
        assert _reading(side, SIMPLE).fields[DESCRIPTION] == ""

    @pytest.mark.parametrize("sku", [SIMPLE, VARIATION])
    def test_codes_are_written_and_emptied(self, side: SideDriver, sku: str) -> None:
        """A variation without a code of its own has none, whatever its parent has."""
        self._needs(side, SKU, GTIN)
        ref = side.ref(sku)
        emptied = {GTIN: ""} if side.traits.needs_sku else {SKU: "", GTIN: ""}
        for codes in ({SKU: "Neu/1 ä", GTIN: "4006381333931"}, emptied):
            assert _write(side.adapter, [FieldsWrite(ref, codes)]) == [Written(codes)]
            (listing,) = (one for one in side.adapter.fetch([ref]).listings if one.ref == ref)
            assert (listing.sku, listing.gtin) == (codes.get(SKU, "Neu/1 ä") or None, codes[GTIN] or None)
            assert {field: listing.fields[field] for field in codes} == codes

    def test_a_sku_that_is_needed_stays(self, side: SideDriver) -> None:
        """Where nothing can be without one, taking it away is refused."""
        self._needs(side, SKU)
        if not side.traits.needs_sku:
            pytest.skip("a product may have no SKU on this side")
        (result,) = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {SKU: ""})])
        assert isinstance(result, Refused)
        assert not result.gone
        assert _reading(side, SIMPLE).sku == SIMPLE

    @pytest.mark.parametrize("sku", [SIMPLE, VARIATION])
    @pytest.mark.parametrize("price", PRICES)
    def test_a_price_is_stored_to_the_cent(self, side: SideDriver, sku: str, price: str) -> None:
        """Gross in, gross out."""
        stock = side.stock()
        assert _write(side.adapter, [FieldsWrite(side.ref(sku), {PRICE: price})]) == [Written({PRICE: price})]
        assert _reading(side, sku).fields[PRICE] == price
        assert side.stock() == stock

    @pytest.mark.parametrize("sku", [SIMPLE, VARIATION])
    def test_a_tax_rate_leaves_the_gross_price_as_it_is(self, side: SideDriver, sku: str) -> None:
        """To the cent, and back again; of a product or of one variation alone."""
        self._needs(side, TAX_RATE)
        ref, stock, others = side.ref(sku), side.stock(), _others(side, sku)
        _write(side.adapter, [FieldsWrite(ref, {PRICE: "9.97"})])
        for rate in ("7", "0", "19"):
            assert _write(side.adapter, [FieldsWrite(ref, {TAX_RATE: rate})]) == [Written({TAX_RATE: rate})]
            assert _money(_reading(side, sku)) == ("9.97", rate)
            assert _money(read(side.adapter.read_all()).listings[ref.external_id]) == ("9.97", rate)
        assert (side.stock(), _others(side, sku)) == (stock, others)

    @pytest.mark.parametrize("sku", [SIMPLE, VARIATION])
    def test_a_price_and_a_tax_rate_are_written_at_once(self, side: SideDriver, sku: str) -> None:
        """Whatever the price was made of before."""
        self._needs(side, TAX_RATE)
        for price, rate in (("4.99", "7"), ("0.05", "0"), ("1234.56", "19"), ("4.99", "19")):
            values = {PRICE: price, TAX_RATE: rate}
            assert _write(side.adapter, [FieldsWrite(side.ref(sku), values)]) == [Written(values)]
            assert _money(_reading(side, sku)) == (price, rate)

    def test_a_tax_rate_that_the_side_does_not_have_is_refused(self, side: SideDriver) -> None:
        """Never the next best one; what else the product has is written all the same when it is sent without."""
        self._needs(side, TAX_RATE)
        if not side.traits.wire:
            pytest.skip("every rate is known on this side")
        before = _reading(side, SIMPLE)
        (result,) = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {TAX_RATE: "13"})])
        assert isinstance(result, Refused)
        assert not result.gone
        assert "13 %" in result.message
        assert _reading(side, SIMPLE).fields == before.fields

    def test_results_come_in_the_order_of_the_writes(self, side: SideDriver) -> None:
        """Products and variations of several parents, mixed."""
        skus = [GOODS[3].sku, VARIATION, SIMPLE, GOODS[-2].variations[1].sku, VARIED.variations[1].sku, GOODS[2].sku]
        writes = [FieldsWrite(side.ref(sku), {PRICE: f"{number}.50"}) for number, sku in enumerate(skus, 1)]
        assert _write(side.adapter, writes) == [Written({PRICE: f"{number}.50"}) for number in range(1, len(skus) + 1)]
        assert [_reading(side, sku).fields[PRICE] for sku in skus] == [f"{n}.50" for n in range(1, len(skus) + 1)]

    def test_a_change_of_fields_is_in_the_changes(self, side: SideDriver) -> None:
        """``read_changes`` brings what a person renamed or priced anew."""
        found = read_everything(side)
        side.rename(SIMPLE, "Renamed by hand")
        assert changes(side, found.cursor).sku(SIMPLE).fields[NAME] == "Renamed by hand"

    def test_an_unknown_product_is_refused_as_gone(self, side: SideDriver) -> None:
        """Beside others it keeps nobody back."""
        writes = [FieldsWrite(side.unknown_ref(), {NAME: "x"}), FieldsWrite(side.ref(SIMPLE), {NAME: "Mug"})]
        refused, written = _write(side.adapter, writes)
        assert isinstance(refused, Refused)
        assert refused.gone
        assert written == Written({NAME: "Mug"})

    def test_a_marker_of_a_stock_write_stays(self, side: SideDriver) -> None:
        """Only stock writes carry marks: the settlement of a lost one depends on it."""
        before = _reading(side, SIMPLE).marker
        _write(side.adapter, [FieldsWrite(side.ref(SIMPLE), {NAME: "Mug", PRICE: "1.00"})])
        assert _reading(side, SIMPLE).marker == before

    def test_no_fields_to_write_cost_nothing(self, side: SideDriver) -> None:
        """An empty call has an empty answer."""
        before = len(side.exchanges())
        assert side.adapter.write_fields([]) == []
        assert len(side.exchanges()) == before

    @pytest.mark.parametrize(
        "trouble", [Trouble.LOST_AFTER, Trouble.ERROR_AFTER, Trouble.TRUNCATED, Trouble.WRONG_SHAPE]
    )
    def test_a_lost_answer_is_unknown_and_nothing_is_repeated(self, side: SideDriver, trouble: Trouble) -> None:
        """One request that can change something, whatever its answer."""
        if not side.traits.wire:
            pytest.skip("no wire on this side")
        ref = side.ref(SIMPLE)
        side.adapter.fetch([ref])
        already = sum(exchange.write for exchange in side.exchanges())
        side.trouble(trouble, write=True)
        try:
            results = side.adapter.write_fields([FieldsWrite(ref, {NAME: "Mug"})])
        except OutcomeUnknown as error:
            results = [Unknown(str(error))]
        assert isinstance(results[0], Unknown)
        side.calm()
        assert sum(exchange.write for exchange in side.exchanges()) == already + 1
        assert _reading(side, SIMPLE).fields[NAME] == "Mug"


def _write(adapter: SideAdapter, writes: Sequence[FieldsWrite]) -> list[FieldsResult]:
    size = adapter.capabilities.batch_size
    parts = [writes[start : start + size] for start in range(0, len(writes), size)]
    return [result for part in parts for result in adapter.write_fields(part)]


def _reading(side: SideDriver, sku: str) -> RemoteListing:
    (listing,) = (one for one in side.adapter.fetch([side.ref(sku)]).listings if one.ref == side.ref(sku))
    return listing


def _without(fields: dict[str, str], lacks: frozenset[str]) -> dict[str, str]:
    return {field: value for field, value in fields.items() if field not in lacks}


def _money(listing: RemoteListing) -> tuple[str, str]:
    return listing.fields[PRICE], listing.fields[TAX_RATE]


def _others(side: SideDriver, sku: str) -> dict[str, tuple[str, str]]:
    found = read(side.adapter.read_all()).listings.values()
    return {one.ref.external_id: _money(one) for one in found if one.sku not in (None, sku) and PRICE in one.fields}


def _rest(listing: RemoteListing) -> tuple[object, ...]:
    return listing.ref, listing.sku, listing.gtin, listing.quantity, listing.published, listing.marker
