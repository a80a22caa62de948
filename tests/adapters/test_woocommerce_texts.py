"""Texts and codes of a shop: read as they are stored, written so that the shop can keep them."""

from __future__ import annotations

import pytest

from syncd.core.fields import DESCRIPTION, GTIN, NAME, SKU
from syncd.core.model import FieldsWrite, ListingRef, Refused, Written
from tests.support.woocommerce import Shop, listings, simulated

TEXTS = ["One.\n\nTwo.", "See [gallery ids=1,2]", "<ul><li>a</li></ul>", "One\nTwo"]


def simple(shop: Shop) -> tuple[str, ListingRef]:
    found = listings(list(shop.adapter.read_all())).values()
    return next((one.sku or "", one.ref) for one in found if one.sku and NAME in one.fields)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_as_it_is_stored(text: str) -> None:
    """Not with the paragraphs that customers see, or it would never be what was written."""
    with simulated() as shop:
        sku, ref = simple(shop)
        shop.sim.people.set_description(sku, text)
        everything = listings(list(shop.adapter.read_all()))
        assert everything[ref.external_id].fields[DESCRIPTION] == text
        (by_id,) = shop.adapter.fetch([ref]).listings
        assert by_id.fields[DESCRIPTION] == text
        assert shop.adapter.write_fields([FieldsWrite(ref, {DESCRIPTION: text})]) == [Written({DESCRIPTION: text})]


def test_customers_see_paragraphs() -> None:
    """The simulated shop formats texts as the recorded one does."""
    with simulated() as shop:
        sku, ref = simple(shop)
        shop.sim.people.set_description(sku, "<p>Weich.</p>")
        row = shop.adapter._client.get(f"products/{ref.external_id}").json()
        assert row["description"] == "<p>Weich.</p>\n"
        shop.sim.people.set_description(sku, "Weich.\nWarm.")
        row = shop.adapter._client.get(f"products/{ref.external_id}").json()
        assert row["description"] == "<p>Weich.<br />\nWarm.</p>\n"


def test_nothing_harmful_is_sent() -> None:
    with simulated() as shop:
        _, ref = simple(shop)
        text = '<p onclick="x()">Warm</p><script>alert(1)</script><iframe src="//x"></iframe>'
        assert shop.adapter.write_fields([FieldsWrite(ref, {DESCRIPTION: text})]) == [
            Written({DESCRIPTION: "<p>Warm</p>"})
        ]


def test_a_code_that_would_become_another_is_not_sent() -> None:
    """Of a GTIN the shop keeps the digits alone (recording 05b)."""
    with simulated() as shop:
        sku, ref = simple(shop)
        requests = shop.counting()
        (refused,) = shop.adapter.write_fields([FieldsWrite(ref, {GTIN: "AB-12 3X"})])
        assert isinstance(refused, Refused)
        assert refused.code == "not_a_gtin"
        assert requests() == []
        (other,) = [one.ref for one in listings(list(shop.adapter.read_all())).values() if one.sku not in (None, sku)][
            :1
        ]
        (taken,) = shop.adapter.write_fields([FieldsWrite(other, {SKU: sku})])
        assert isinstance(taken, Refused)
