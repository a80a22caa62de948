"""Products read one by one: what a 404 proves, what an odd answer proves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from syncd.core.model import ListingRef, Proof, Refused, StockMode, StockWrite, Unknown
from syncd.errors import InvalidResponse, Transient
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.server import SimRequest, SimResponse, SimServer
from tests.support.inventorum import (
    Account,
    MemoryTokens,
    collect,
    make_adapter,
    open_account,
    variation_skus,
)

# By id


def test_fetch_reads_each_parent_once(account: Account) -> None:
    refs = [account.ref(sku) for sku in variation_skus()] + [account.ref("S-00001")]
    since = account.mark()
    found = account.adapter.fetch([*refs, *refs])
    requests = account.api_requests(since)
    assert {each.ref.external_id for each in found.listings} == {ref.external_id for ref in refs}
    assert len(requests) == 3 + 1 + requests.count("GET /api/info/")
    assert requests.count("GET /api/info/") == 1, "the tax rates of the account"


def test_fetch_proves_what_is_gone(account: Account) -> None:
    refs = [account.ref("S-00001"), account.ref("S-00002"), account.ref(variation_skus()[0])]
    account.sim.delete_product("S-00002")
    account.sim.delete_product(variation_skus()[0])
    found = account.adapter.fetch(refs)
    assert [each.ref for each in found.listings] == [refs[0]]
    assert {each.ref: each.proof for each in found.gone} == dict.fromkeys(refs[1:], Proof.NOT_FOUND)


def test_a_living_variation_is_never_gone_because_its_own_id_cannot_be_read(account: Account) -> None:
    account.sim.set(variation_detail=False)
    refs = [account.ref(sku) for sku in variation_skus()]
    found = account.adapter.fetch(refs)
    assert len(found.listings) == len(refs)
    assert not found.gone


def test_fetch_of_a_group_says_that_it_is_one(account: Account) -> None:
    (found,) = account.adapter.fetch([ListingRef(account.ref(variation_skus()[0]).parent_external_id or "")]).listings
    assert found.stock_mode is StockMode.GROUP


@pytest.mark.parametrize("unknown", ["omit", "error"])
def test_quantities_come_in_batches_of_50_and_unknown_ids_are_missing(unknown: str) -> None:
    with open_account(make_catalogue(120, 0), quantity_unknown_ids=unknown, quantity_max_ids=50) as account:
        refs = [account.ref(f"S-{number:05d}") for number in range(1, 121)]
        since = account.mark()
        found = account.adapter.fetch_quantities([*refs, ListingRef("1")])
        assert found == {ref.external_id: Decimal(account.stock(f"S-{at:05d}")) for at, ref in enumerate(refs, 1)}
        if unknown == "omit":
            assert len(account.api_requests(since)) == 3


@dataclass
class Shelf:
    """A server of a few fixed answers; everything else is a 404 that the API did not write."""

    answers: dict[str, Any] = field(default_factory=dict)

    def handle(self, request: SimRequest) -> SimResponse:
        if request.path == "/api/auth/token/":
            return SimResponse(200, {"access_token": "a", "refresh_token": "b", "expires_in": 3600})
        answer = self.answers.get(request.path)
        if isinstance(answer, SimResponse):
            return answer
        if answer is None:
            return SimResponse(404, b"<html>not found</html>", {"Content-Type": "text/html"})
        return SimResponse(200, answer)

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        raise KeyError(action)


def product(number: int, **changes: Any) -> dict[str, Any]:
    return {"id": number, "name": "Cap", "quantity": "1.00", "variation_count": 0, "variations": []} | changes


@pytest.fixture
def shelf() -> Iterator[tuple[Shelf, Any]]:
    logic = Shelf()
    with SimServer(logic) as server, closing(make_adapter(server.url, MemoryTokens())) as adapter:
        yield logic, adapter


def test_a_404_that_is_not_the_apis_own_proves_nothing(shelf: tuple[Shelf, Any]) -> None:
    _, adapter = shelf
    with pytest.raises(InvalidResponse, match="base address"):
        adapter.fetch([ListingRef("7")])


def test_a_404_of_any_form_counts_once_the_api_is_seen_to_answer(shelf: tuple[Shelf, Any]) -> None:
    logic, adapter = shelf
    logic.answers["/api/products/"] = {"total": 1, "data": [product(1)]}
    assert [each.ref.external_id for each in adapter.fetch([ListingRef("7")]).gone] == ["7"]


def test_one_404_page_of_something_before_the_api_is_no_deletion(shelf: tuple[Shelf, Any]) -> None:
    logic, adapter = shelf
    logic.answers["/api/products/"] = {"total": 1, "data": [product(1)]}
    logic.answers["/api/products/7/"] = SimResponse(404, b"<html>not found</html>")
    handle = logic.handle

    def heal_after_the_first(request: SimRequest) -> SimResponse:
        answer = handle(request)
        if request.path == "/api/products/7/":
            logic.answers[request.path] = product(7)
        return answer

    logic.handle = heal_after_the_first  # type: ignore[method-assign]
    found = adapter.fetch([ListingRef("7")])
    assert ([each.ref.external_id for each in found.listings], found.gone) == (["7"], ())


def test_a_variation_that_its_own_id_answers_for_with_another_is_not_read(shelf: tuple[Shelf, Any]) -> None:
    logic, adapter = shelf
    logic.answers["/api/products/7/"] = product(7, variation_count=1, variations=[product(8)])
    logic.answers["/api/products/9/"] = product(10, quantity="4.00")
    with pytest.raises(InvalidResponse, match="about product 10"):
        adapter.fetch([ListingRef("9", "7")])


def test_an_answer_about_another_product_is_not_a_deletion(shelf: tuple[Shelf, Any]) -> None:
    logic, adapter = shelf
    logic.answers["/api/products/7/"] = product(8)
    with pytest.raises(InvalidResponse, match="about product 8"):
        adapter.fetch([ListingRef("7")])


def test_a_variation_that_its_parent_does_not_list_but_its_own_id_answers_for_is_alive(
    shelf: tuple[Shelf, Any],
) -> None:
    logic, adapter = shelf
    logic.answers["/api/products/7/"] = product(7, variation_count=1, variations=[product(8)])
    logic.answers["/api/products/9/"] = product(9, quantity="4.00")
    found = adapter.fetch([ListingRef("9", "7")])
    assert [(each.ref.parent_external_id, each.quantity) for each in found.listings] == [("7", Decimal(4))]
    assert not found.gone


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (
            SimResponse(404, b"<html>not found</html>"),
            Unknown("status 404 without a readable reason; the API itself did not answer"),
        ),
        (
            SimResponse(403, b"<html>blocked</html>"),
            Unknown("status 403 without a readable reason; the API itself did not answer"),
        ),
        (
            SimResponse(400, product(7)),
            Unknown("status 400 with an unexpected body; the API itself did not answer"),
        ),
        (
            SimResponse(404, {"error": {"key": "product.not_found", "fields": {}, "description": None}}),
            Refused("product.not_found", "product.not_found: status 404", gone=True),
        ),
        (
            SimResponse(200, {"id": 7, "quantity": "0.00001"}),
            Unknown("status 200, but body.quantity is 0.00001, which cannot be a quantity"),
        ),
        (SimResponse(200, product(8)), Unknown("the answer is about product 8")),
        (SimResponse(202, {}), Unknown("status 202: taken for later, without a result")),
        (
            SimResponse(200, {"id": 7, "quantity": "?"}),
            Unknown("status 200, but body.quantity is not a decimal number"),
        ),
    ],
)
def test_what_an_odd_answer_to_a_booking_proves(shelf: tuple[Shelf, Any], answer: SimResponse, result: object) -> None:
    logic, adapter = shelf
    logic.answers["/api/products/7/adjust_inventory/"] = answer
    assert adapter.write_stock([StockWrite(ListingRef("7"), "op-1", Decimal(1), Decimal(0))]) == [result]


def test_one_damaged_product_does_not_hide_the_others(shelf: tuple[Shelf, Any]) -> None:
    logic, adapter = shelf
    logic.answers["/api/products/7/"] = product(7, quantity=None)
    logic.answers["/api/products/8/"] = product(8)
    found = adapter.fetch([ListingRef("7"), ListingRef("8")])
    assert [each.ref.external_id for each in found.listings] == ["8"]
    assert not found.gone


def test_a_server_without_clock_cannot_be_followed(shelf: tuple[Shelf, Any]) -> None:
    logic, adapter = shelf
    headers = {"Date": "today"}
    logic.answers["/api/products/"] = SimResponse(200, {"total": 0, "data": []}, headers)
    with pytest.raises(InvalidResponse, match="no Date header"):
        collect(adapter.read_all())


def test_without_a_clock_in_the_answer_the_cursor_stays(shelf: tuple[Shelf, Any]) -> None:
    logic, adapter = shelf
    for path in ("modified", "deleted"):
        logic.answers[f"/api/products/delta/{path}/"] = SimResponse(200, {"total": 0, "data": []}, {"Date": "today"})
    cursor = {"modified": "2026-03-01T12:00:30.000Z", "deleted": "2026-03-01T12:00:30.000Z"}
    assert collect(adapter.read_changes(cursor)).cursor == cursor


@pytest.mark.parametrize("body", [{"total": 3, "data": []}, {"total": 3, "data": [product(1)]}])
def test_rows_that_total_promises_and_no_page_holds_end_the_read(shelf: tuple[Shelf, Any], body: Any) -> None:
    logic, adapter = shelf
    logic.answers["/api/products/"] = {"total": 3, "data": [product(1)]}
    logic.answers["/api/products/delta/modified/"] = body
    with pytest.raises(InvalidResponse, match="3 rows"):
        collect(adapter.read_all())


def test_an_unreachable_server_is_a_temporary_failure(shelf: tuple[Shelf, Any]) -> None:
    logic, adapter = shelf
    logic.answers["/api/products/"] = SimResponse(503, b"<html></html>", {"Retry-After": "3600"})
    with pytest.raises(Transient):
        collect(adapter.read_all())
