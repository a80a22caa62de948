"""Bodies to values: every reference example parses, odd forms are read exactly, damage is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.adapters.inventorum import events, mapping
from syncd.adapters.inventorum.wire import Fields, Where
from syncd.core.model import EventKind, RemoteListing, StockMode
from syncd.errors import InvalidResponse
from syncd.http import Reply
from tests.support.inventorum import EXAMPLES

WHERE = Where("inventorum", "GET products/1/")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

INDEX: dict[str, dict[str, str]] = json.loads((EXAMPLES / "_index.json").read_text())


def reply(name: str, status: int = 200) -> Reply:
    return Reply("inventorum", "GET example", status, {}, (EXAMPLES / name).read_bytes(), 1.0)


def fields(name: str) -> Fields:
    return Fields(reply(name).json(), WHERE)


def page_of(name: str) -> Any:
    return mapping.list_page(reply(name).json(), WHERE, None)


def delta_rows(name: str) -> list[RemoteListing]:
    return [mapping.listing(row) for row in mapping.object_rows(page_of(name), WHERE).rows]


def error(name: str, key: str) -> None:
    facts = mapping.error_facts(reply(name, 400))
    assert facts.is_ours
    assert facts.key == key
    assert key in facts.message


def price_of(name: str) -> None:
    product = fields(name)
    assert product.decimal("gross_price") >= 0
    assert product.decimal("price") >= 0
    assert product.decimal("purchase_price") >= 0


READERS: dict[str, Callable[[str], Any]] = {
    "token-response.json": lambda name: fields(name).integer("expires_in"),
    "error-401.json": lambda name: error(name, "token.invalid"),
    "error-403.json": lambda name: error(name, "scope.wrong"),
    "error-400-serializer.json": lambda name: error(name, "common.serializer_error"),
    "error-400-field-required.json": lambda name: error(name, "common.serializer_error"),
    "error-404-product.json": lambda name: error(name, "product.not_found"),
    "error-404-tax.json": lambda name: error(name, "common.unknown"),
    "product-simple.json": lambda name: mapping.detail_listings(fields(name)),
    "product-simple-v9.json": lambda name: mapping.detail_listings(fields(name)),
    "product-with-variations.json": lambda name: mapping.detail_listings(fields(name)),
    "product-list-page.json": delta_rows,
    "product-list-page-v13.json": lambda name: mapping.object_rows(page_of(name), WHERE),
    "delta-modified-page.json": delta_rows,
    "delta-modified-page-v9.json": delta_rows,
    "delta-modified-variation-row.json": lambda name: mapping.listing(fields(name)),
    "delta-deleted-page.json": lambda name: mapping.id_rows(page_of(name), WHERE),
    "delta-empty-page.json": page_of,
    "quantity-list.json": lambda name: mapping.quantities(reply(name).json(), WHERE),
    "adjust-inventory-response.json": lambda name: fields(name).decimal("quantity"),
    "order.json": lambda name: list(events.order_events(fields(name), NOW)),
    "returns-delta-page.json": lambda name: mapping.object_rows(page_of(name), WHERE),
    "category-list-page.json": lambda name: mapping.object_rows(page_of(name), WHERE),
    "info.json": lambda name: events.channels_of(fields(name)),
}
"""Bodies that syncd reads. All others are requests, or answers of calls it does not make: they only have to be JSON."""


@pytest.mark.parametrize("name", sorted(INDEX))
def test_every_example_is_read(name: str) -> None:
    if name in READERS:
        READERS[name](name)
    else:
        assert reply(name).json() is not None


def test_no_example_is_forgotten() -> None:
    answers = {name for name in INDEX if "request" not in name}
    unread = answers - READERS.keys()
    assert unread == {
        "category.json",
        "image-upload-response.json",
        "ledger-month.json",
        "ledger-periods.json",
        "product-delete-response.json",
        "tax-create-response.json",
        "taxes.json",
    }


@pytest.mark.parametrize(
    "name", [name for name in INDEX if name.startswith(("product-simple", "product-with", "adjust-inventory-resp"))]
)
def test_prices_of_examples_are_decimals(name: str) -> None:
    price_of(name)


def test_a_simple_product() -> None:
    (found,) = mapping.detail_listings(fields("product-simple.json"))
    assert found.ref.external_id == "700101"
    assert (found.sku, found.gtin, found.name) == ("RB-28-001", "4000000000017", "Road bike 28")
    assert (found.stock_mode, found.quantity) == (StockMode.OWN, Decimal(14))


def test_a_parent_is_a_group_and_its_variations_have_the_stock() -> None:
    parent, *variations = mapping.detail_listings(fields("product-with-variations.json"))
    assert (parent.stock_mode, parent.quantity) == (StockMode.GROUP, None)
    assert parent.children == ("700201", "700202")
    assert [(each.ref.external_id, each.ref.parent_external_id, each.quantity) for each in variations] == [
        ("700201", "700200", Decimal(10)),
        ("700202", "700200", Decimal(15)),
    ]
    assert {each.stock_mode for each in variations} == {StockMode.OWN}


def test_a_parent_row_of_the_delta_is_never_sellable() -> None:
    group, *simple = delta_rows("delta-modified-page.json")
    assert (group.stock_mode, group.quantity) == (StockMode.GROUP, None)
    assert [each.quantity for each in simple] == [Decimal(5), Decimal(22)]


def test_a_variation_row_of_the_delta_names_its_parent() -> None:
    found = mapping.listing(fields("delta-modified-variation-row.json"))
    assert (found.ref.external_id, found.ref.parent_external_id, found.quantity) == ("700201", "700200", Decimal(9))
    assert (found.sku, found.gtin) == (None, None)


def product(**changes: Any) -> Fields:
    body: dict[str, Any] = {"id": 7, "name": "Scarf", "quantity": "3.00", "variation_count": 0} | changes
    return Fields({name: value for name, value in body.items() if value != "absent"}, WHERE)


def test_gift_cards_are_not_counted() -> None:
    assert mapping.listing(product(is_giftcard=True)).stock_mode is StockMode.UNMANAGED
    assert mapping.listing(product(is_giftcard=True)).quantity is None


def test_optional_fields_may_be_missing_and_unknown_ones_are_ignored() -> None:
    found = mapping.listing(product(name="absent", brand_new_field={"a": [1]}))
    assert found.name == "7"
    assert (found.sku, found.gtin) == (None, None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id": None}, "body.id is missing or null"),
        ({"id": True}, "body.id is true or false"),
        ({"id": "seven"}, "body.id is a text"),
        ({"quantity": "absent"}, "body.quantity is missing or null"),
        ({"quantity": None}, "body.quantity is missing or null"),
        ({"quantity": "many"}, "body.quantity is not a decimal number"),
        ({"quantity": "NaN"}, "body.quantity is not a usable decimal number"),
        ({"quantity": "1E+30"}, "body.quantity is not a usable decimal number"),
        ({"quantity": False}, "body.quantity is true or false"),
        ({"variation_count": "absent"}, "body.variation_count is missing or null"),
        ({"variation_count": "1.5"}, "body.variation_count is 1.5, not a whole number"),
        ({"variation_count": 2, "variations": []}, "body.variations is empty although"),
        ({"variation_count": 2, "variations": "absent"}, "body.variations is missing or null"),
        ({"variation_count": 1, "variations": [{"id": 8}]}, r"body.variations\[0\].quantity is missing"),
        ({"variation_count": 1, "variations": [8]}, r"body.variations\[0\] is a number, not an object"),
    ],
)
def test_what_stock_depends_on_must_be_right(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidResponse, match=says) as caught:
        mapping.detail_listings(product(**changes))
    assert caught.value.request == WHERE.request


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.00", "12"),
        ("0E-10", "0"),
        ("0", "0"),
        ("1E+3", "1000"),
        ("3E+1", "30"),
        ("1.5E+3", "1500"),
        ("66.920000000000", "66.92"),
        ("-2.50", "-2.5"),
        (" 4 ", "4"),
        (5, "5"),
        (Decimal("1.25"), "1.25"),
    ],
)
def test_decimals_in_every_form_seen(text: object, value: str) -> None:
    assert mapping.listing(product(quantity=text)).quantity == Decimal(value)


@given(st.decimals(-(10**6), 10**6, places=2))
def test_a_quantity_of_two_places_survives_exactly(number: Decimal) -> None:
    for form in (str(number), f"{number:E}", number):
        assert mapping.listing(product(quantity=form)).quantity == number


@pytest.mark.parametrize("name", ["data", "results"])
def test_both_list_envelopes(name: str) -> None:
    page = mapping.list_page({"total": 1, name: [{"id": 1}]}, WHERE, NOW)
    assert (page.total, page.rows, page.date) == (1, ({"id": 1},), NOW)


@pytest.mark.parametrize(
    "body", [[], {}, {"total": 0}, {"total": 0, "data": None}, {"total": -1, "data": []}, None, "x"]
)
def test_a_body_without_a_list_is_never_an_empty_list(body: object) -> None:
    with pytest.raises(InvalidResponse):
        mapping.list_page(body, WHERE, None)


@pytest.mark.parametrize(
    ("body", "ours", "key"),
    [
        (b"<html><body>Nicht gefunden</body></html>", False, ""),
        (b"", False, ""),
        (b'{"error": {"fie', False, ""),
        (b'["no"]', False, ""),
        (b'{"detail": "Nicht gefunden"}', True, ""),
        (b'{"error": "invalid_grant"}', True, "invalid_grant"),
        (b'{"error": {"key": 5, "fields": "odd", "description": null}}', True, ""),
        (b'{"error": {"key": "a <script>", "fields": {}}}', True, ""),
    ],
)
def test_error_bodies_of_any_shape_are_survived(body: bytes, ours: bool, key: str) -> None:
    facts = mapping.error_facts(Reply("inventorum", "GET x/", 404, {}, body, 1.0))
    assert (facts.is_ours, facts.key) == (ours, key)
    assert facts.message


def test_fields_of_an_error_are_found_at_any_depth() -> None:
    body = b'{"error": {"key": "common.serializer_error", "fields": {"stock": {"price": ["Required."]}}}}'
    facts = mapping.error_facts(Reply("inventorum", "PUT x/", 400, {}, body, 1.0))
    assert "price" in facts.fields
    assert "Required." in facts.message


def order(**changes: Any) -> Fields:
    line = {"id": 11, "product": 700101, "quantity": 2, "original_quantity": "3.00"}
    body: dict[str, Any] = {"id": 5, "state": 360, "basket": {"items": [line, {"id": 12, "product": None}]}}
    return Fields(body | changes, WHERE)


def test_an_order_line_lowers_stock_by_what_was_sold() -> None:
    ((event, line),) = events.order_events(order(), NOW)
    assert (event.key, line, event.quantity) == ("order:5:line:11", "11", Decimal(-3))
    assert (event.kind, event.occurred_at, event.ref.external_id) == (EventKind.ORDER, NOW, "700101")


@pytest.mark.parametrize(
    ("state", "counted"), [(360, True), (10, True), (258, True), (360 | 4, False), (1, False), (2048, True)]
)
def test_cancelled_orders_and_drafts_count_nothing_and_unknown_bits_are_tolerated(state: int, counted: bool) -> None:
    ((event, _),) = events.order_events(order(state=state), NOW)
    assert event.quantity == (-3 if counted else 0)


def test_an_order_is_dated_by_its_completion() -> None:
    ((event, _),) = events.order_events(
        order(completed_at="2016-04-06T15:04:36+02:00", time_added="2016-01-01T00:00:00Z"), NOW
    )
    assert event.occurred_at == datetime(2016, 4, 6, 13, 4, 36, tzinfo=UTC)


def test_a_return_raises_stock_of_the_product_its_order_line_names() -> None:
    row = mapping.object_rows(page_of("returns-delta-page.json"), WHERE).rows[0]
    (event,) = events.return_events(row, NOW, {"910001": "700101"})
    assert (event.quantity, event.ref.external_id, event.kind) == (Decimal(4), "700101", EventKind.RETURN)
    assert event.reference == "return 902001 of order 900001"
    assert not list(events.return_events(row, NOW, {}))


def cap(**changes: Any) -> Fields:
    body = {"id": 7, "name": "Cap", "quantity": "1.00", "variation_count": 0, "variations": [], "is_giftcard": False}
    return Fields(body | changes, WHERE)


@pytest.mark.parametrize("value", [{}, [], "ja", 2, Decimal("0.5"), "2026-01-01"])
def test_a_flag_that_is_neither_yes_nor_no_is_refused(value: object) -> None:
    """Taken for "yes" it would make a counted product an uncounted one, and what it sells until then be forgotten."""
    with pytest.raises(InvalidResponse, match="is_giftcard"):
        mapping.listing(cap(is_giftcard=value))


@pytest.mark.parametrize("value", [0, -5, "0", "007x", "7" * 30, 10**18, True, None, "²"])
def test_what_no_id_can_be_is_refused(value: object) -> None:
    with pytest.raises(InvalidResponse, match="not an id"):
        mapping.listing(cap(id=value))


def test_an_id_is_the_same_with_leading_zeros() -> None:
    assert mapping.listing(cap(id="007")).ref.external_id == "7"


@pytest.mark.parametrize("value", ["0.00001", "123456789012", "-1E+15", "0.3333333333"])
def test_what_no_quantity_can_be_is_refused(value: str) -> None:
    with pytest.raises(InvalidResponse, match="cannot be a quantity"):
        mapping.listing(cap(quantity=value))


def test_codes_that_are_too_long_are_no_codes_and_names_are_cut() -> None:
    found = mapping.listing(cap(product_code="x" * 300, ean="4" * 300, name="n" * 5000))
    assert (found.sku, found.gtin) == (None, None)
    assert len(found.name) < 400


@pytest.mark.parametrize("ids", [(8, 8), (7, 8), (8, 9, 8)])
def test_variations_that_share_an_id_are_refused(ids: tuple[int, ...]) -> None:
    variations = [{"id": number, "quantity": "1.00"} for number in ids]
    with pytest.raises(InvalidResponse, match="an id twice"):
        mapping.detail_listings(cap(variation_count=2, variations=variations))


@pytest.mark.parametrize("body", [{"id": 7, "quantity": "1.00"}, {"error": None}, {"error": {}}, {"detail": ["x"]}])
def test_a_body_without_an_error_is_no_refusal_by_the_api(body: object) -> None:
    assert not mapping.error_facts(Reply("inventorum", "GET x/", 404, {}, json.dumps(body).encode(), 1.0)).is_ours


def test_an_error_nested_beyond_reason_is_survived_and_short() -> None:
    body = b'{"error": {"key": "a.b", "fields": ' + b'{"x": ' * 800 + b"1" + b"}" * 800 + b"}}"
    facts = mapping.error_facts(Reply("inventorum", "GET x/", 400, {}, body, 1.0))
    assert facts.key == "a.b"
    assert len(facts.message) < 400
    assert len(facts.fields) <= 50


@pytest.mark.parametrize("name", ["completed_at", "time_added"])
@pytest.mark.parametrize("value", ["soon", {}, 5, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_an_order_with_an_unreadable_time_is_refused_not_redated(name: str, value: object) -> None:
    with pytest.raises(InvalidResponse, match=name):
        list(events.order_events(order(**{name: value}), NOW))


def test_an_order_without_a_state_is_refused_not_counted_as_a_sale() -> None:
    with pytest.raises(InvalidResponse, match="state"):
        list(events.order_events(order(state=None), NOW))


def test_variations_of_a_product_that_says_it_has_none_are_refused() -> None:
    """Read as a parent, it would lose its own stock, and what it sells until the next reading be forgotten."""
    with pytest.raises(InvalidResponse, match="variation_count"):
        mapping.listing(cap(variation_count=0, variations=[{"id": 8, "quantity": "1.00"}]))


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"gross_price": "1E+3"}, {"price": "1000.00"}),
        ({"gross_price": "0.00"}, {"price": "0.00"}),
        ({"gross_price": "2.99", "custom_price": True}, {}),
        ({"gross_price": None}, {}),
        ({"gross_price": True}, {}),
        ({"gross_price": "free"}, {}),
        ({}, {}),
    ],
    ids=str,
)
def test_a_price_is_read_exactly_or_not_at_all(sent: dict[str, Any], read: dict[str, str]) -> None:
    """It never stops the stock of its product from being read."""
    body = {"id": 1, "name": "Mug", "quantity": "3.00", "variation_count": 0, **sent}
    listing = mapping.listing(Fields(body, WHERE))
    assert listing.fields == {"name": "Mug", **read}
    assert listing.quantity == 3


@pytest.mark.parametrize("strange", [{}, [], True, {"x": 1}])
def test_a_text_or_code_of_another_kind_is_not_taken_for_none(strange: object) -> None:
    """It would be emptied in the shops; ``null`` and an empty text do say that there is none."""
    own = {"id": 5, "quantity": "1.00", "variation_count": 0, "name": "Mug", "gross_price": "2.99"}
    words = {"description": "Soft", "product_code": "MUG", "ean": "4006381333931"}
    for name, field in (("description", "description"), ("product_code", "sku"), ("ean", "gtin")):
        assert mapping.listing(Fields({**own, **words, name: None}, WHERE)).fields[field] == ""
        assert field not in mapping.listing(Fields({**own, **words, name: strange}, WHERE)).fields
