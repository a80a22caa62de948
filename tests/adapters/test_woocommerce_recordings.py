"""Every recorded exchange goes through the client as the shop sent it, and means what the recording's notes say."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from syncd.adapters.woocommerce import evidence, mapping
from syncd.adapters.woocommerce.adapter import WooCommerceAdapter
from syncd.adapters.woocommerce.feeds import row_time
from syncd.core.model import Applied, ListingRef, Refused, StockMode, StockWrite, Unknown
from syncd.errors import AuthRejected, NotFound, PermissionMissing, Rejected
from syncd.simulators.server import SimRequest, SimResponse
from tests.support.woocommerce import recordings, scripted, whole

ALL = [pytest.param(entry, id=name) for name, entry in recordings()]


class Replay:
    """Answers every request with one recording; a read after a recorded write shows that the key may read."""

    def __init__(self) -> None:
        self.entry: dict[str, Any] = {}

    def answer(self, request: SimRequest) -> SimResponse:
        if request.method == "GET" != self.entry["request"]["method"]:
            return SimResponse(200, [])
        recorded = self.entry["response"]
        headers = {
            name: value
            for name, value in recorded["headers"].items()
            if name.lower().startswith("x-wp-") or name.lower() in {"date", "content-type", "location"}
        }
        # A body noted in words only ("... ok") was not kept.
        body = [] if isinstance(recorded["body"], str) else whole(recorded["body"])
        return SimResponse(recorded["status"], body, headers)


@pytest.fixture(scope="module")
def replay() -> Iterator[tuple[Replay, WooCommerceAdapter]]:
    made = Replay()
    with scripted(made.answer) as (_, adapter):
        yield made, adapter


def expected_error(method: str, status: int) -> type[Exception]:
    if status == 401:
        return AuthRejected if method == "GET" else PermissionMissing
    return {403: PermissionMissing, 404: NotFound}.get(status, Rejected)


@pytest.mark.parametrize("entry", ALL)
def test_a_recorded_answer_is_understood(entry: dict[str, Any], replay: tuple[Replay, WooCommerceAdapter]) -> None:
    player, adapter = replay
    player.entry = entry
    client, status, method = adapter._client, entry["response"]["status"], entry["request"]["method"]

    def exchange() -> Any:
        return client.get("products").json(lenient=True) if method == "GET" else client.post("products", {})

    if status < 300:
        body = exchange()
        if not isinstance(entry["response"]["body"], str):
            assert body == _numbers(whole(entry["response"]["body"]))
        return
    with pytest.raises(expected_error(method, status)) as caught:
        exchange()
    if isinstance(caught.value, Rejected):
        assert (caught.value.key, caught.value.status) == (entry["response"]["body"]["code"], status)


def _numbers(value: Any) -> Any:
    """Fractions as the client reads them."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if isinstance(value, dict):
        return {name: _numbers(item) for name, item in value.items()}
    return value


def objects(*names: str) -> list[dict[str, Any]]:
    """All complete objects with an id in successful answers of some files, batches opened."""
    found: list[dict[str, Any]] = []
    for name in names:
        for _, entry in recordings(name):
            body = _numbers(whole(entry["response"]["body"]))
            rows = body if isinstance(body, list) else [body]
            if isinstance(body, dict) and isinstance(body.get("update"), list):
                rows = body["update"]
            if "/variations" in entry["request"]["path"]:
                rows = [{"parent_id": 1, **row} if isinstance(row, dict) else row for row in rows]
            if entry["response"]["status"] < 300:
                found += [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), int)]
    return found


def test_every_recorded_product_reads_as_a_listing() -> None:
    # Some recordings asked for fewer fields than syncd does.
    rows = [{"type": "simple", "meta_data": [], **row} for row in objects("0*") if "manage_stock" in row]
    rows = [row for row in rows if "line_items" not in row]
    modes = set()
    for row in rows:
        parent = mapping.parent_id_of(row)
        listing = mapping.variation_listing(row, parent, None) if parent else mapping.product_listing(row)
        modes.add(listing.stock_mode)
        assert listing.ref.external_id == str(row["id"])
        assert (listing.quantity is not None) == (listing.stock_mode is StockMode.OWN)
        if "date_modified_gmt" in row:
            assert row_time(row) is not None
    assert len(rows) > 80
    assert modes == set(StockMode)


def test_every_recorded_order_reads_as_evidence() -> None:
    rows = [row for row in objects("02-*", "02b-*", "10-*") if "line_items" in row and "date_modified_gmt" in row]
    changes = [evidence.order_change(row) for row in rows]
    assert len(changes) > 5
    found = [event for change in changes for event in evidence.order_events(change, lambda line: ListingRef("1"))]
    by_key = {(event.key, event.quantity) for event in found}
    assert ("order:493:line:2", Decimal(3)) in {(event.key, event.undone) for event in found}
    # Sold, then refunded with restock (file 10); sold as two lines, cancelled later (file 02).
    assert ("order:503:line:33", Decimal(-1)) in by_key
    assert ("order:503:line:33:restock", Decimal(1)) in by_key
    assert ("order:493:line:2", Decimal(-3)) in by_key
    assert ("order:493:line:2", Decimal(0)) in by_key


@pytest.mark.parametrize("quantity", [None, "a few", -1, {}])
def test_an_order_whose_line_says_no_usable_quantity_is_read_all_the_same(quantity: object) -> None:
    line = {"id": 2, "product_id": 1, "variation_id": 0, "quantity": quantity, "meta_data": []}
    at = {"date_created_gmt": "2026-11-23T10:00:00", "date_modified_gmt": "2026-11-23T10:00:00"}
    row = {"id": 1, "status": "cancelled", "line_items": [line], "refunds": [], **at}
    (event,) = evidence.order_events(evidence.order_change(row), lambda _: ListingRef("1"))
    assert (event.quantity, event.undone) == (Decimal(0), Decimal(0))


def deltas() -> list[Any]:
    """Recorded relative writes as item sent and item answered."""
    pairs = []
    for _, entry in recordings("03-*"):
        sent, answered = entry["request"]["body"], entry["response"]["body"]
        if isinstance(sent, dict) and "update" in sent:
            items, answers = sent["update"], answered["update"]
        else:
            items, answers = [sent], [answered]
        for item, reply in zip(items, answers, strict=True):
            delta = item.get("inventory_delta") if isinstance(item, dict) else None
            if isinstance(delta, int) and "stock_quantity" not in item and "sku" not in item:
                pairs.append(pytest.param(item, reply, id=entry["note"]))
    return pairs


@pytest.mark.parametrize(("item", "reply"), deltas())
def test_recorded_relative_writes_are_judged(item: dict[str, Any], reply: dict[str, Any]) -> None:
    write = StockWrite(ListingRef(str(reply["id"])), "op-1", Decimal(item["inventory_delta"]), Decimal(0))
    result = mapping.write_result(reply, write)
    if reply["manage_stock"] is True:
        assert result == Applied(Decimal(reply["stock_quantity"]))
    else:
        assert isinstance(result, Refused)
        assert result.code == "stock_not_managed"


def test_recorded_item_errors_are_refusals() -> None:
    items = [
        item
        for _, entry in recordings("0*")
        if isinstance(entry["response"]["body"], dict)
        for item in entry["response"]["body"].get("update") or []
        if isinstance(item, dict) and "error" in item and item["id"]  # without an id nothing was sent by us
    ]
    refused = [
        mapping.write_result(item, StockWrite(ListingRef(str(item["id"])), "op-1", Decimal(1), Decimal(0)))
        for item in items
    ]
    assert {result.code for result in refused if isinstance(result, Refused)} == {
        "woocommerce_rest_product_invalid_id",
        "woocommerce_rest_product_variation_invalid_id",
        "woocommerce_rest_invalid_product_id",
    }
    assert not any(isinstance(result, Unknown) for result in refused)
