"""Promises about images: what the hub names is shown in its order, once, beside what the side has of its own."""

from __future__ import annotations

import pytest

from syncd.core.fields import IMAGES
from syncd.core.images import Image, keys_text
from syncd.core.model import FieldsWrite, Refused, Written
from syncd.simulators.pictures import drawn
from syncd.testing.goods import GOODS, SIMPLE, VARIATION, VARIED
from syncd.testing.lacking import lacking
from syncd.testing.reading import read
from syncd.testing.side import SideDriver

PICTURES = {
    str(number): Image(str(number), f"http://till.example/{number}.png", "Mug", drawn(number)) for number in range(9)
}
FAKE = Image("fake", "http://till.example/fake.png", "Mug", b"<html>not found</html>")


class ImagePromises:
    """Part of ``SideAdapterSuite``."""

    @pytest.mark.parametrize("sku", [SIMPLE, VARIED.sku])
    def test_images_are_shown_in_order_and_brought_once(self, side: SideDriver, sku: str) -> None:
        """Added, put in another order, taken away one by one; nothing else changes."""
        _needs_images(side)
        stock = side.stock()
        steps = [("3", "1"), ("3", "1"), ("1", "2", "3"), ("2",), (), ("2",)]
        shown: set[str] = set()
        for keys in steps:
            new = {key: PICTURES[key] for key in keys if key not in shown}
            assert _set(side, sku, keys, new) == Written({IMAGES: keys_text(keys)})
            shown = set(keys)
            assert side.images(sku) == [PICTURES[key].content for key in keys]
            assert _reading(side, sku) == keys_text(keys)
        assert side.stock() == stock

    def test_a_variation_has_one_image(self, side: SideDriver) -> None:
        """Its own; its product keeps its own, too. Where it has none of its own, it is not told of and not written."""
        _needs_images(side)
        if not side.traits.varied_images:
            (listing,) = side.adapter.fetch([side.ref(VARIATION)]).listings
            assert IMAGES not in listing.fields
            assert isinstance(_set(side, VARIATION, ("1",), PICTURES), Refused)
            return
        assert _set(side, VARIED.sku, ("1",), PICTURES) == Written({IMAGES: "1"})
        for key in ("2", "3"):
            assert _set(side, VARIATION, (key,), PICTURES) == Written({IMAGES: key})
            assert side.images(VARIATION) == [PICTURES[key].content]
        assert _set(side, VARIATION, (), {}) == Written({IMAGES: ""})
        assert side.images(VARIATION) == []
        assert side.images(VARIED.sku) == [PICTURES["1"].content]

    def test_two_products_may_show_the_same_image(self, side: SideDriver) -> None:
        """What the side has by its content is not brought again, where it can tell."""
        _needs_images(side)
        for sku in (SIMPLE, GOODS[2].sku):
            assert _set(side, sku, ("1", "2"), PICTURES) == Written({IMAGES: "1\n2"})
        assert _set(side, SIMPLE, ("2",), {}) == Written({IMAGES: "2"})
        assert side.images(GOODS[2].sku) == [PICTURES[key].content for key in "12"]

    def test_images_of_its_own_stay(self, side: SideDriver) -> None:
        """A person adds some before and behind those of the hub: they are no part of the field, and stay in place."""
        _needs_images(side)
        if not side.traits.own_images:
            pytest.skip("all images on this side are the hub's")
        _set(side, SIMPLE, ("1",), PICTURES)
        side.add_image(SIMPLE, drawn(100), first=True)
        side.add_image(SIMPLE, drawn(101))
        assert _reading(side, SIMPLE) == "1"
        assert _set(side, SIMPLE, ("2", "1"), PICTURES) == Written({IMAGES: "2\n1"})
        assert side.images(SIMPLE) == [drawn(number) for number in (100, 2, 1, 101)]
        assert _set(side, SIMPLE, (), {}) == Written({IMAGES: ""})
        assert side.images(SIMPLE) == [drawn(100), drawn(101)]
        assert _set(side, SIMPLE, ("1",), PICTURES) == Written({IMAGES: "1"})
        assert sorted(side.images(SIMPLE)) == sorted([drawn(100), drawn(101), drawn(1)])

    def test_a_product_with_images_of_its_own_alone_says_nothing(self, side: SideDriver) -> None:
        """Nobody knows which of them show the same: none is added."""
        _needs_images(side)
        if not side.traits.own_images:
            pytest.skip("all images on this side are the hub's")
        side.add_image(SIMPLE, drawn(100))
        (listing,) = side.adapter.fetch([side.ref(SIMPLE)]).listings
        assert IMAGES not in listing.fields
        assert isinstance(_set(side, SIMPLE, ("1",), PICTURES), Refused)
        assert side.images(SIMPLE) == [drawn(100)]

    def test_what_is_no_image_is_refused_and_nothing_changes(self, side: SideDriver) -> None:
        """Neither what is brought nor what nobody brought."""
        _needs_images(side)
        if not side.traits.wire:
            pytest.skip("no wire on this side")
        _set(side, SIMPLE, ("1",), PICTURES)
        for images in ({"fake": FAKE}, {}):
            assert isinstance(_set(side, SIMPLE, ("1", "fake"), images), Refused)
            assert side.images(SIMPLE) == [PICTURES["1"].content]
            assert _reading(side, SIMPLE) == "1"

    def test_an_unknown_product_is_refused_as_gone(self, side: SideDriver) -> None:
        """Before anything is brought."""
        _needs_images(side)
        (result,) = side.adapter.write_fields([FieldsWrite(side.unknown_ref(), {IMAGES: "1"}, PICTURES)])
        assert isinstance(result, Refused)
        assert result.gone


def _needs_images(side: SideDriver) -> None:
    if IMAGES not in side.adapter.capabilities.fields:
        lacking(side, "images", "images cannot be written on this side")


def _set(side: SideDriver, sku: str, keys: tuple[str, ...], images: dict[str, Image]) -> object:
    (result,) = side.adapter.write_fields([FieldsWrite(side.ref(sku), {IMAGES: keys_text(keys)}, images)])
    return result


def _reading(side: SideDriver, sku: str) -> str:
    by_id = {one.ref: one for one in side.adapter.fetch([side.ref(sku)]).listings}[side.ref(sku)].fields[IMAGES]
    assert read(side.adapter.read_all()).listings[side.ref(sku).external_id].fields[IMAGES] == by_id
    return by_id
