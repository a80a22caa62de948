"""Wire data to words of the core and back; shapes from recordings 01 to 06 and 10."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from syncd.adapters.answers import Malformed
from syncd.adapters.woocommerce import evidence, mapping
from syncd.core.model import (
    Applied,
    EventKind,
    ListingRef,
    Refused,
    StockMode,
    StockWrite,
    Unknown,
)
from tests.support.woocommerce import product

PARENT = mapping.Parent(name="Alpaka-Garn", sku="ALP", gtin="4012000000030", keeps_pool=False)


def variation(number: int = 7, **fields: Any) -> dict[str, Any]:
    return product(number, type="variation", parent_id=3, name="Rost", **fields)


@pytest.mark.parametrize(
    ("fields", "mode", "quantity"),
    [
        ({}, StockMode.OWN, Decimal(5)),
        ({"stock_quantity": -3}, StockMode.OWN, Decimal(-3)),
        ({"stock_quantity": None}, StockMode.OWN, Decimal(0)),
        ({"stock_quantity": "7"}, StockMode.OWN, Decimal(7)),
        ({"stock_quantity": Decimal("2.5")}, StockMode.OWN, Decimal("2.5")),
        ({"manage_stock": False, "stock_quantity": None}, StockMode.UNMANAGED, None),
        ({"manage_stock": False, "type": "variable"}, StockMode.GROUP, None),
        ({"manage_stock": False, "type": "variable-subscription"}, StockMode.GROUP, None),
        ({"type": "variable"}, StockMode.OWN, Decimal(5)),
        ({"type": "grouped"}, StockMode.GROUP, None),
        ({"type": "external"}, StockMode.GROUP, None),
        ({"type": "booking"}, StockMode.OWN, Decimal(5)),
    ],
)
def test_who_keeps_the_stock_of_a_product(fields: dict[str, Any], mode: StockMode, quantity: Decimal | None) -> None:
    listing = mapping.product_listing(product(5, **fields))
    assert (listing.stock_mode, listing.quantity) == (mode, quantity)
    assert listing.ref == ListingRef("5")


@pytest.mark.parametrize(
    ("fields", "mode", "quantity"),
    [
        ({}, StockMode.OWN, Decimal(7)),
        ({"manage_stock": "parent", "stock_quantity": 18}, StockMode.PARENT, None),
        ({"manage_stock": False, "stock_quantity": None}, StockMode.UNMANAGED, None),
    ],
)
def test_who_keeps_the_stock_of_a_variation(fields: dict[str, Any], mode: StockMode, quantity: Decimal | None) -> None:
    listing = mapping.variation_listing(variation(**fields), 3, PARENT)
    assert (listing.stock_mode, listing.quantity) == (mode, quantity)
    assert listing.ref.parent_external_id == "3"


def test_codes_that_a_variation_takes_over_are_not_its_own() -> None:
    inherited = mapping.variation_listing(variation(sku="ALP", global_unique_id="4012000000030"), 3, PARENT)
    own = mapping.variation_listing(variation(sku="ALP-R", global_unique_id="4012000000047"), 3, PARENT)
    assert (inherited.sku, inherited.gtin) == (None, None)
    assert (own.sku, own.gtin) == ("ALP-R", "4012000000047")


@pytest.mark.parametrize("shown", ["Rost", "Alpaka-Garn – Rost"])
def test_a_variation_is_named_with_its_parent(shown: str) -> None:
    assert mapping.variation_listing(variation() | {"name": shown}, 3, PARENT).name == "Alpaka-Garn – Rost"
    assert mapping.variation_listing(variation() | {"name": ""}, 3, PARENT).name == "Alpaka-Garn"
    assert mapping.variation_listing(variation(), 3, None).name == "Rost"


def test_texts_are_unescaped_and_empty_codes_are_none() -> None:
    listing = mapping.product_listing(product(5, name="Wolle &amp; Seide", sku="", status="draft"))
    assert (listing.name, listing.sku, listing.gtin, listing.published) == ("Wolle & Seide", None, None, False)


def test_a_parent_lists_its_variations() -> None:
    assert mapping.product_listing(product(5, type="variable", variations=[9, 8])).children == ("8", "9")
    assert mapping.product_listing(product(5)).children is None
    row = product(5, type="variable")
    del row["variations"]
    assert mapping.product_listing(row).children is None


def test_the_marker_is_read_back() -> None:
    meta = [{"id": 1, "key": "_pos_id", "value": "4711"}, {"id": 2, "key": "_syncd_op", "value": "op-1"}]
    assert mapping.product_listing(product(5, meta_data=meta)).marker == "op-1"


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        "",
        [None],
        [{"id": 1, "value": "op-1"}],
        [{"id": 1, "key": "_syncd_op", "value": {}}],
        [{"id": 1, "key": "_syncd_op"}],
        [{"id": 1, "key": "_syncd_op", "value": "x" * 300}],
    ],
)
def test_metadata_that_cannot_be_read_is_not_the_absence_of_a_marker(meta: object) -> None:
    """Settlement would take it for "not applied" and write again."""
    with pytest.raises(Malformed, match=r"meta_data|marker"):
        mapping.product_listing(product(5, meta_data=meta))
    with pytest.raises(Malformed, match="meta_data"):
        mapping.product_listing({name: value for name, value in product(5).items() if name != "meta_data"})


@pytest.mark.parametrize("field", ["manage_stock", "type"])
@pytest.mark.parametrize("value", [None, "", 1, {}, [], "missing"])
def test_a_row_that_does_not_say_who_counts_is_refused(field: str, value: object) -> None:
    row = product(5, **{field: value})
    if value == "missing":
        del row[field]
    with pytest.raises(Malformed, match=field):
        mapping.product_listing(row)


def test_a_counted_product_without_the_field_for_its_stock_is_not_sold_out() -> None:
    row = product(5)
    del row["stock_quantity"]
    with pytest.raises(Malformed, match="stock_quantity"):
        mapping.product_listing(row)


@pytest.mark.parametrize("value", ["0.00001", "1e400", "123456789012", -(10**30)])
def test_a_number_that_no_stock_can_be_is_refused(value: object) -> None:
    with pytest.raises(Malformed, match="stock_quantity of 5"):
        mapping.product_listing(product(5, stock_quantity=value))


def test_codes_that_are_too_long_are_no_codes_and_names_are_cut() -> None:
    listing = mapping.product_listing(product(5, sku="x" * 300, global_unique_id="7" * 300, name="n" * 5000))
    assert (listing.sku, listing.gtin) == (None, None)
    assert len(listing.name) < 400


@pytest.mark.parametrize("value", [True, "viele", {}, [], "NaN", "Infinity"])
def test_a_quantity_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(Malformed, match="stock_quantity of 5"):
        mapping.product_listing(product(5, stock_quantity=value))


@pytest.mark.parametrize("row", [{}, {"id": "5"}, {"id": True}, {"id": 0}, {"id": -5}, {"id": 10**30}])
def test_a_row_without_an_id_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        mapping.row_id(row)


# -- orders


def order(*lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": 503,
        "number": "A-503",
        "status": "processing",
        "date_modified_gmt": "2026-11-23T12:21:35",
        "line_items": list(lines),
        "refunds": [],
        **fields,
    }


def line(number: int = 33, product_id: int = 30, variation_id: int = 0, **meta: str) -> dict[str, Any]:
    entries = [{"id": 1, "key": key, "value": value} for key, value in meta.items()]
    return {"id": number, "product_id": product_id, "variation_id": variation_id, "quantity": 9, "meta_data": entries}


def events(*lines: dict[str, Any]) -> list[tuple[str, str, Decimal]]:
    made = evidence.order_events(
        evidence.order_change(order(*lines)), lambda one: ListingRef(str(one.variation_id or one.product_id))
    )
    return [(event.ref.external_id, event.key, event.quantity) for event in made]


def test_a_line_moved_what_it_reduced_not_what_it_ordered() -> None:
    assert events(line(_reduced_stock="2"), line(34, 275, 281, _reduced_stock="3")) == [
        ("30", "order:503:line:33", Decimal(-2)),
        ("281", "order:503:line:34", Decimal(-3)),
    ]


def test_a_line_that_took_nothing_or_gave_it_back_counts_zero() -> None:
    (only,) = events(line())
    assert only == ("30", "order:503:line:33", Decimal(0))
    assert not only[2].is_signed()


def test_a_restocking_refund_is_shown_apart_and_the_sum_stays_right() -> None:
    assert events(line(_reduced_stock="1", _restock_refunded_items="2")) == [
        ("30", "order:503:line:33", Decimal(-3)),
        ("30", "order:503:line:33:restock", Decimal(2)),
    ]


def test_lines_of_deleted_products_are_left_out() -> None:
    assert events(line(product_id=0, _reduced_stock="1")) == []


def test_words_and_time_of_an_event() -> None:
    change = evidence.order_change(order(line(_reduced_stock="0", _restock_refunded_items="1"), refunds=[{"id": 506}]))
    sale, refund = evidence.order_events(change, lambda one: ListingRef("30"))
    assert (sale.kind, sale.reference) == (EventKind.ORDER, "order A-503")
    assert (refund.kind, refund.reference) == (EventKind.REFUND, "refund of order A-503")
    assert sale.occurred_at == datetime(2026, 11, 23, 12, 21, 35, tzinfo=UTC)
    assert change.refund_ids == (506,)


@pytest.mark.parametrize(
    "broken",
    [
        order(line(_reduced_stock="many")),
        order({"id": "x"}),
        order("line"),  # type: ignore[arg-type]  # what a broken shop may send
        order(line_items={}),
        order(line(), line_items={"1": {}}),
        order(date_modified_gmt=None),
        order(refunds="none yet"),
    ],
)
def test_a_broken_order_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        evidence.order_change(broken)


# -- writes


def write(difference: str = "-2", **fields: Any) -> StockWrite:
    return StockWrite(ListingRef("5"), "op-1", Decimal(difference), Decimal(10), **fields)


def test_a_write_carries_difference_and_marker_and_never_a_quantity() -> None:
    assert mapping.write_item(write()) == {
        "id": 5,
        "inventory_delta": -2,
        "meta_data": [{"key": "_syncd_op", "value": "op-1"}],
    }
    assert mapping.write_item(write("3.0", start_managing=True)) == {
        "id": 5,
        "inventory_delta": 3,
        "meta_data": [{"key": "_syncd_op", "value": "op-1"}],
        "manage_stock": True,
    }
    assert type(mapping.write_item(write("3.0"))["inventory_delta"]) is int


def test_a_fraction_is_refused_before_it_is_cut() -> None:
    with pytest.raises(ValueError, match="whole units"):
        mapping.write_item(write("0.5"))


def answer(**fields: Any) -> dict[str, Any]:
    meta = [{"id": 1, "key": "_syncd_op", "value": "op-1"}]
    return {"id": 5, "manage_stock": True, "stock_quantity": 8, "meta_data": meta, **fields}


@pytest.mark.parametrize(
    "given",
    [answer(), answer(meta_data=[]), answer(stock_quantity="8")],
)
def test_an_applied_write_tells_the_quantity(given: dict[str, Any]) -> None:
    assert mapping.write_result(given, write()) == Applied(Decimal(8))


@pytest.mark.parametrize("given", [answer(manage_stock=False, stock_quantity=None), answer(manage_stock="parent")])
def test_a_silent_no_op_is_a_refusal(given: dict[str, Any]) -> None:
    result = mapping.write_result(given, write())
    assert isinstance(result, Refused)
    assert (result.code, result.gone) == ("stock_not_managed", False)


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        answer(id=6),
        answer(stock_quantity=None),
        answer(meta_data=[{"key": "_syncd_op", "value": "op-2"}]),
    ],
)
def test_an_answer_that_proves_nothing_leaves_the_write_unknown(given: object) -> None:
    assert isinstance(mapping.write_result(given, write()), Unknown)


@pytest.mark.parametrize(
    ("code", "gone"),
    [
        ("woocommerce_rest_product_invalid_id", True),
        ("woocommerce_rest_product_variation_invalid_id", True),
        ("woocommerce_rest_invalid_product_id", False),
        ("rest_invalid_param", False),
    ],
)
def test_an_item_error_is_a_refusal(code: str, gone: bool) -> None:
    item = {"id": 5, "error": {"code": code, "message": "use &lt;id&gt;", "data": {"status": 404}}}
    assert mapping.write_result(item, write()) == Refused(code, "use <id>", gone=gone)


@pytest.mark.parametrize(
    "fields",
    [
        {"refunds": [5]},
        {"refunds": {}},
        {"line_items": None},
        {"line_items": 0},
        {"line_items": [{"id": 1, "product_id": 5, "variation_id": 0}]},
        {"line_items": [{"id": 1, "product_id": -5, "variation_id": 0, "meta_data": []}]},
        {"line_items": [{"id": 1, "product_id": 5, "meta_data": [{"key": "_reduced_stock", "value": None}]}]},
    ],
)
def test_an_order_that_cannot_be_read_is_refused_not_read_as_empty(fields: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        evidence.order_change(order() | fields)
