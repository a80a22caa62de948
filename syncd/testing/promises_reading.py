"""Promises about reading: everything, by id, and the connection test."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from syncd.core.model import Proof, StockMode
from syncd.simulators.catalogue import make_catalogue
from syncd.testing.goods import GOODS, MANY, SIMPLE, SOLD, VARIATION, VARIED
from syncd.testing.lacking import lacking
from syncd.testing.reading import Found, assert_true, check_listing, read
from syncd.testing.side import OpenSide, SideDriver


class ReadingPromises:
    """Part of ``SideAdapterSuite``."""

    def test_it_is_called_as_configured(self, side: SideDriver) -> None:
        """``name`` is the name of the side in the configuration; capabilities make sense together."""
        assert side.adapter.name == "conformance"
        able = side.adapter.capabilities
        assert able.batch_size >= 1
        assert able.parallel_writes >= 1
        assert able.relative or able.reports_quantity or able.events, "nothing would tell of a sale inside a write"
        assert able.relative or not able.key_life_s

    def test_a_full_read_brings_every_listing_once(self, side: SideDriver) -> None:
        """``read_all`` yields each sellable listing once, with its codes, name and quantity."""
        found = read(side.adapter.read_all())
        assert found.stock() == side.stock()
        assert set(found.times.values()) == {1}
        assert not found.gone
        for product in GOODS:
            for unit in product.variations or (product,):
                listing = found.sku(unit.sku)
                assert (listing.ref, listing.gtin) == (side.ref(unit.sku), unit.gtin)
                assert (listing.stock_mode, listing.published) == (StockMode.OWN, True)
                assert product.name in listing.name

    def test_a_parent_only_groups_its_variations(self, side: SideDriver) -> None:
        """A parent has no quantity of its own, names its variations, and they name their parent."""
        if not side.traits.variations:
            lacking(side, "variations", "no variations on this side")
        found = read(side.adapter.read_all())
        parent = found.listings[side.ref(VARIED.sku).external_id]
        variations = [found.sku(variation.sku) for variation in VARIED.variations]
        assert (parent.stock_mode, parent.quantity) == (StockMode.GROUP, None)
        assert parent.children is None or set(parent.children) == {one.ref.external_id for one in variations}
        assert {one.ref.parent_external_id for one in variations} == {parent.ref.external_id}

    def test_a_large_catalogue_is_read_completely(self, open_side: OpenSide) -> None:
        """No page of ``read_all`` is left out, whatever the size of the catalogue; ``total`` is no less than it is."""
        with open_side(MANY) as side:
            pages = list(side.adapter.read_all())
            assert read(pages).stock() == side.stock()
            totals = [page.total for page in pages if page.total is not None]
            assert not totals or max(totals) >= len(MANY)

    def test_an_empty_side_is_empty(self, open_side: OpenSide) -> None:
        """A side that sells nothing is read without error, and has a cursor to continue from."""
        with open_side([]) as side:
            found = read(side.adapter.read_all())
            assert not found.listings
            side.create(SOLD)
            assert read(side.adapter.read_changes(found.cursor)).stock() == side.stock()

    @pytest.mark.parametrize("quantity", ["0", "-3", "123456", "0.25", "1.10"])
    def test_quantities_are_exact(self, side: SideDriver, quantity: str) -> None:
        """A quantity is the very number that the side holds, below zero and in fractions too."""
        units = Decimal(quantity)
        if units != units.to_integral_value() and not side.adapter.capabilities.fractions:
            lacking(side, "fractions", "whole units only on this side")
        side.count(SIMPLE, units)
        assert read(side.adapter.read_all()).sku(SIMPLE).quantity == units
        assert side.adapter.fetch([side.ref(SIMPLE)]).listings[0].quantity == units

    def test_what_is_not_counted_has_no_quantity(self, side: SideDriver) -> None:
        """A listing whose stock is not counted says so, and is not taken for zero."""
        if not side.traits.uncounted:
            lacking(side, "uncounted", "everything is counted on this side")
        side.stop_counting(SIMPLE)
        listing = read(side.adapter.read_all()).sku(SIMPLE)
        assert (listing.stock_mode, listing.quantity) == (StockMode.UNMANAGED, None)

    def test_fetch_answers_each_ref_exactly_once(self, side: SideDriver) -> None:
        """Each ref asked for, twice or not, is a reading or gone with proof; deleted and unknown ids are gone."""
        product, variation = side.ref(GOODS[1].sku), side.ref(VARIED.variations[1].sku)
        refs = [side.ref(SIMPLE), product, side.ref(VARIATION), variation, side.unknown_ref(), side.ref(SIMPLE)]
        side.delete(GOODS[1].sku)
        side.delete(VARIED.variations[1].sku)
        result = side.adapter.fetch(refs)
        listed = [listing.ref for listing in result.listings]
        gone = [one.ref for one in result.gone]
        assert sorted(listed, key=str) == sorted([side.ref(SIMPLE), side.ref(VARIATION)], key=str)
        assert sorted(gone, key=str) == sorted([product, variation, side.unknown_ref()], key=str)
        assert {one.proof for one in result.gone} == {Proof.NOT_FOUND}

    def test_fetch_of_a_deleted_family(self, side: SideDriver) -> None:
        """Variations of a deleted parent are gone, each with proof."""
        refs = [side.ref(variation.sku) for variation in VARIED.variations]
        for sku in [VARIED.sku] if side.traits.variations else [one.sku for one in VARIED.variations]:
            side.delete(sku)
        result = side.adapter.fetch(refs)
        assert not result.listings
        assert {one.ref for one in result.gone} == set(refs)

    def test_fetch_of_an_unknown_variation(self, side: SideDriver) -> None:
        """A variation that its parent does not have is gone; the parent is not."""
        if not side.traits.variations:
            lacking(side, "variations", "no variations on this side")
        unknown = side.unknown_ref(VARIED.sku)
        result = side.adapter.fetch([unknown, side.ref(VARIATION)])
        assert [one.ref for one in result.gone] == [unknown]
        assert [listing.sku for listing in result.listings] == [VARIATION]

    def test_fetch_of_nothing_asks_nothing(self, side: SideDriver) -> None:
        """No refs, no requests."""
        before = len(side.exchanges())
        result = side.adapter.fetch([])
        assert (result.listings, result.gone) == ((), ())
        assert len(side.exchanges()) == before

    def test_fetch_takes_any_number_of_refs(self, open_side: OpenSide) -> None:
        """More refs than fit one request are split by the adapter."""
        with open_side(make_catalogue(130, 0, seed=5)) as side:
            result = side.adapter.fetch([side.ref(sku) for sku in side.stock()])
            found = Found({listing.ref.external_id: listing for listing in result.listings})
            assert found.stock() == side.stock()

    def test_fetch_shows_what_is_there_now(self, side: SideDriver) -> None:
        """A sale shows in the very next read by id, product or variation."""
        refs = [side.ref(SIMPLE), side.ref(VARIATION)]
        for _ in range(3):
            side.sell(SIMPLE, Decimal(1))
            side.sell(VARIATION, Decimal(2))
            result = side.adapter.fetch(refs)
            assert_true(side, Found({listing.ref.external_id: listing for listing in result.listings}))

    def test_a_trashed_listing_is_gone(self, side: SideDriver) -> None:
        """What lies in the trash is not sold: gone, with the trash as the proof."""
        if not side.traits.trash:
            lacking(side, "trash", "no trash on this side")
        refs = [side.ref(SIMPLE), side.ref(VARIATION)]
        side.trash(SIMPLE)
        side.trash(VARIED.sku)
        result = side.adapter.fetch(refs)
        assert not result.listings
        assert {(one.ref, one.proof) for one in result.gone} == {(ref, Proof.TRASHED) for ref in refs}
        assert not {ref.external_id for ref in refs} & read(side.adapter.read_all()).listings.keys()

    def test_the_connection_test_is_fine_and_changes_nothing(self, side: SideDriver) -> None:
        """``check`` of a working side has only lines that are ok, knows the clock, and leaves all as it was."""
        before = read(side.adapter.read_all()).listings
        report = side.adapter.check()
        assert report.lines
        assert [line for line in report.lines if not line.ok] == []
        assert all(line.subject and line.message for line in report.lines)
        assert report.clock_skew_s is not None
        assert abs(report.clock_skew_s) <= 2
        assert read(side.adapter.read_all()).listings == before

    def test_the_connection_test_shows_no_secret(self, side: SideDriver) -> None:
        """Neither the report nor the paths told to ``on_request`` hold a secret."""
        report = side.adapter.check()
        list(side.adapter.read_all())
        shown = f"{report} {side.adapter} {side.adapter!r} {side.told_paths()}"
        assert [secret for secret in side.secrets() if secret in shown] == []

    def test_closing_twice_is_harmless(self, side: SideDriver) -> None:
        """``close`` may be called again."""
        list(side.adapter.read_all())
        side.adapter.close()
        side.adapter.close()

    def test_codes_that_are_empty_are_none(self, side: SideDriver) -> None:
        """A listing without GTIN has ``None`` there, never an empty text."""
        side.create(replace(SOLD, gtin=""))
        listing = read(side.adapter.read_all()).sku(SOLD.sku)
        check_listing(listing)
        assert listing.gtin is None
