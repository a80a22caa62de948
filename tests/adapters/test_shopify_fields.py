"""Fields of products: what takes two requests has an outcome for each field."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.core.fields import BRAND, NAME, PRICE, SKU
from syncd.core.model import FieldsWrite, NotSent, Refused, Unknown, Written, WrittenInPart
from syncd.testing.goods import GOODS, SIMPLE
from syncd.testing.side import SideDriver, Trouble
from tests.conformance.drivers_shopify import open_shopify


@pytest.fixture
def side() -> Iterator[SideDriver]:
    with open_shopify(GOODS) as opened_side:
        yield opened_side


BOTH = {SKU: "NEW-1", PRICE: "7.77", NAME: "x" * 300, BRAND: "Acme"}


def test_what_was_applied_is_known_as_written_when_the_rest_is_refused(side: SideDriver) -> None:
    """Codes go first; a name of more than 255 characters is refused, and the brand in the same request with it."""
    (result,) = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), BOTH)])
    assert isinstance(result, WrittenInPart)
    assert result.fields == {SKU: "NEW-1", PRICE: "7.77"}
    assert {field: type(one) for field, one in result.rest.items()} == {NAME: Refused, BRAND: Refused}
    ref = side.ref("NEW-1")
    (listing,) = side.adapter.fetch([ref]).listings
    assert (listing.fields[SKU], listing.fields[PRICE], listing.fields[NAME]) == ("NEW-1", "7.77", GOODS[0].name)


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [(Trouble.LOST_BEFORE, Unknown), (Trouble.LOST_AFTER, Unknown), (Trouble.TOO_MANY_FOR_LONG, NotSent)],
)
def test_what_was_applied_is_known_as_written_when_the_rest_got_no_answer(
    side: SideDriver, trouble: Trouble, outcome: type
) -> None:
    side.trouble(trouble, write=True, after=1)
    (result,) = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {PRICE: "7.77", NAME: "New"})])
    assert isinstance(result, WrittenInPart)
    assert result.fields == {PRICE: "7.77"}
    assert {field: type(one) for field, one in result.rest.items()} == {NAME: outcome}


def test_codes_that_are_refused_hold_back_the_words_of_their_write(side: SideDriver) -> None:
    """Nothing of it was applied: the engine tries field by field."""
    writes = [FieldsWrite(side.ref(SIMPLE), {SKU: "y" * 300, NAME: "New"})]
    (result,) = side.adapter.write_fields(writes)
    assert isinstance(result, Refused)
    assert side.exchanges()[-1].write is False
    assert side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {NAME: "New"})]) == [Written({NAME: "New"})]
