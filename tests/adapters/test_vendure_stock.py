"""What happens at a real Vendure shop while a difference is on its way there: between our look and our write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from syncd.core.model import Applied, EventKind, NotSent, Refused, StockEvent, Unknown
from syncd.errors import Transient
from syncd.simulators.catalogue import CatalogueProduct
from syncd.testing.goods import GOODS, SIMPLE, VARIATION
from syncd.testing.reading import changes, read_everything, send, write
from syncd.testing.side import Exchange, Trouble
from tests.conformance.drivers_vendure import VendureDriver, open_vendure
from tests.support.proxy import Forwarding

PLENTY = [
    CatalogueProduct("A", "", "Anorak", Decimal(100), Decimal(19), 30),
    CatalogueProduct("B", "", "Boots", Decimal(50), Decimal(19), 40),
]


@pytest.fixture
def side() -> Iterator[VendureDriver]:
    with open_vendure(PLENTY, values={"marker_field": None}) as opened:
        assert isinstance(opened, VendureDriver)
        yield opened


def at_writes(side: VendureDriver, *actions: Callable[[], object]) -> list[int]:
    """Let people act just before the shop sees the first, second, ... of our writes."""
    left = list(actions)
    seen: list[int] = []

    def act(exchange: Exchange) -> None:
        if exchange.write:
            seen.append(len(seen))
            if left:
                left.pop(0)()

    side.at_each_request(act)
    return seen


def test_a_fulfilment_beside_a_write_is_not_overwritten(side: VendureDriver) -> None:
    order = side.shop.order({"A": 4})
    sent = at_writes(side, lambda: side.shop.fulfil(order))
    assert side.adapter.write_stock([write(side.ref("A"), 5)]) == [Applied(Decimal(31))]
    assert side.shop.stock() == {"A": 31, "B": 40}
    assert len(sent) == 2  # what the first overwrote was put back


def test_an_order_beside_a_write_needs_nothing_put_back(side: VendureDriver) -> None:
    sent = at_writes(side, lambda: side.shop.order({"A": 3}))
    assert side.adapter.write_stock([write(side.ref("A"), -5)]) == [Applied(Decimal(22))]
    assert side.shop.stock()["A"] == 22
    assert len(sent) == 1


@pytest.mark.parametrize("difference", [6, -2, 4, -4])
def test_a_return_to_the_shelf_beside_a_write_is_kept(side: VendureDriver, difference: int) -> None:
    """Also if it leads just to where our write would have led: then ours does nothing there."""
    order = side.shop.order({"A": 4})
    side.shop.fulfil(order)
    at_writes(side, lambda: side.shop.cancel(order))
    assert side.adapter.write_stock([write(side.ref("A"), difference)]) == [Applied(Decimal(30 + difference))]
    assert side.shop.stock()["A"] == 30 + difference


@pytest.mark.parametrize("difference", [4, -4])
def test_a_fulfilment_that_leads_to_our_own_number(side: VendureDriver, difference: int) -> None:
    order = side.shop.order({"A": 4})
    at_writes(side, lambda: side.shop.fulfil(order))
    assert side.adapter.write_stock([write(side.ref("A"), difference)]) == [Applied(Decimal(26 + difference))]
    assert side.shop.stock()["A"] == 26 + difference


def test_an_edit_by_hand_beside_a_write_is_kept(side: VendureDriver) -> None:
    at_writes(side, lambda: side.shop.set_on_hand("A", 100))
    assert side.adapter.write_stock([write(side.ref("A"), 7)]) == [Applied(Decimal(107))]


def test_what_happens_beside_the_putting_back_is_kept_too(side: VendureDriver) -> None:
    orders = [side.shop.order({"A": 1}), side.shop.order({"A": 2})]
    sent = at_writes(side, lambda: side.shop.fulfil(orders[0]), lambda: side.shop.fulfil(orders[1]))
    assert side.adapter.write_stock([write(side.ref("A"), 10)]) == [Applied(Decimal(37))]
    assert side.shop.stock()["A"] == 37
    assert len(sent) == 3


def test_only_what_was_overwritten_is_put_back(side: VendureDriver) -> None:
    order = side.shop.order({"A": 4})
    at_writes(side, lambda: side.shop.fulfil(order))
    results = side.adapter.write_stock([write(side.ref("A"), 5), write(side.ref("B"), 6, key="op-2")])
    assert results == [Applied(Decimal(31)), Applied(Decimal(46))]
    assert side.shop.stock() == {"A": 31, "B": 46}


def test_a_lost_answer_to_the_putting_back_is_unknown(side: VendureDriver) -> None:
    order = side.shop.order({"A": 4})
    at_writes(side, lambda: side.shop.fulfil(order))
    side.trouble(Trouble.LOST_BEFORE, write=True, after=1)
    first, second = side.adapter.write_stock([write(side.ref("A"), 5), write(side.ref("B"), 6, key="op-2")])
    assert isinstance(first, Unknown)
    assert second == Applied(Decimal(46))


@pytest.mark.parametrize("trouble", [Trouble.LOST_AFTER, Trouble.ERROR_AFTER, Trouble.TRUNCATED])
def test_a_lost_answer_loses_no_fulfilment(side: VendureDriver, trouble: Trouble) -> None:
    """What the write overwrote is put back, and it stays unknown whether it took effect."""
    orders = [side.shop.order({"A": 4}), side.shop.order({"A": 1})]
    at_writes(side, lambda: side.shop.fulfil(orders[0]), lambda: side.shop.fulfil(orders[1]))
    side.trouble(trouble, write=True)
    results = send(side.adapter, [write(side.ref("A"), 5), write(side.ref("B"), 6, key="op-2")])
    assert {type(result) for result in results} == {Unknown}
    assert side.shop.stock() == {"A": 30, "B": 46}


@pytest.mark.parametrize("difference", [-4, 3])
def test_a_lost_answer_to_a_write_that_is_marked_loses_no_fulfilment(difference: int) -> None:
    """Also if the fulfilment led just to where the write would have led: then the mark alone says that it was there."""
    with open_vendure(PLENTY) as side:
        assert isinstance(side, VendureDriver)
        order = side.shop.order({"A": 4})
        at_writes(side, lambda: side.shop.fulfil(order))
        side.trouble(Trouble.LOST_AFTER, write=True)
        assert {type(result) for result in send(side.adapter, [write(side.ref("A"), difference)])} == {Unknown}
        assert side.shop.stock()["A"] == 26 + difference
        assert side.adapter.fetch([side.ref("A")]).listings[0].marker == "op-1"


def test_a_write_that_never_arrived_has_overwritten_nothing(side: VendureDriver) -> None:
    order = side.shop.order({"A": 4})
    sent = at_writes(side, lambda: side.shop.fulfil(order))
    side.trouble(Trouble.LOST_BEFORE, write=True)
    assert {type(result) for result in send(side.adapter, [write(side.ref("A"), 5)])} == {Unknown}
    assert side.shop.stock()["A"] == 26
    assert len(sent) == 1


def test_a_write_that_cannot_be_checked_is_unknown(side: VendureDriver) -> None:
    side.adapter.fetch([side.ref("A")])

    def order_then_trouble() -> None:
        side.shop.order({"A": 1})
        side.trouble(Trouble.HTML)

    at_writes(side, order_then_trouble)
    (result,) = side.adapter.write_stock([write(side.ref("A"), 5)])
    assert isinstance(result, Unknown)
    assert side.shop.stock()["A"] == 34


def test_a_variant_that_is_deleted_beside_a_write_leaves_the_others(side: VendureDriver) -> None:
    ref = side.ref("A")
    at_writes(side, lambda: side.shop.delete("A"))
    first, second = side.adapter.write_stock([write(ref, 5), write(side.ref("B"), 6, key="op-2")])
    assert isinstance(first, Refused)
    assert first.gone
    assert second == Applied(Decimal(46))
    assert side.shop.stock() == {"B": 46}


def test_a_deleted_variant_that_cannot_be_asked_for_takes_no_write_back(side: VendureDriver) -> None:
    """The shop refuses both at once, takes the first alone and refuses the second; then it does not answer any more."""
    ref = side.ref("A")

    def in_trouble() -> None:
        side.trouble(Trouble.LOST_BEFORE, times=-1)

    at_writes(side, lambda: side.shop.delete("A"), lambda: None, in_trouble)
    first, second = side.adapter.write_stock([write(side.ref("B"), 6), write(ref, 5, key="op-2")])
    assert first == Applied(Decimal(46))
    assert isinstance(second, NotSent)
    assert side.shop.stock() == {"B": 46}


def test_below_zero(side: VendureDriver) -> None:
    side.shop.order({"A": 2})
    assert side.adapter.write_stock([write(side.ref("A"), -40)]) == [Applied(Decimal(-12))]
    assert side.adapter.fetch([side.ref("A")]).listings[0].quantity == -12


def test_what_the_shop_cannot_hold_is_refused(side: VendureDriver) -> None:
    first, second = side.adapter.write_stock([write(side.ref("A"), 2**31), write(side.ref("B"), 1, key="op-2")])
    assert isinstance(first, Refused)
    assert second == Applied(Decimal(41))


# -- what is read of orders


def events_of(side: VendureDriver) -> dict[str, StockEvent]:
    return {event.key: event for event in side.adapter.read_events(side.now())}


def test_a_fulfilment_moves_nothing(side: VendureDriver) -> None:
    found = read_everything(side)
    order = side.shop.order({"A": 3})
    before = events_of(side)
    side.shop.fulfil(order)
    assert events_of(side) == before
    assert [event.quantity for event in before.values()] == [Decimal(-3)]
    assert changes(side, found.cursor).stock()["A"] == side.shop.stock()["A"] == 27


def test_part_of_an_order_that_is_cancelled_is_a_document_of_its_own(side: VendureDriver) -> None:
    order = side.shop.order({"A": 3, "B": 1})
    side.shop.cancel(order, {"A": 2})
    found = events_of(side)
    assert sorted((event.kind, event.quantity) for event in found.values()) == [
        (EventKind.ORDER, Decimal(-3)),
        (EventKind.ORDER, Decimal(-1)),
        (EventKind.RETURN, Decimal(2)),
    ]
    side.shop.cancel(order)
    after = events_of(side)
    assert after.keys() == found.keys()
    assert {event.quantity for event in after.values()} == {Decimal(0)}
    assert sum(event.undone for event in after.values()) == 4


def test_carts_and_drafts_are_no_evidence(side: VendureDriver) -> None:
    variant = side.shop.variant("A")
    side.shop.buyer("mutation($v: ID!) { addItemToOrder(productVariantId: $v, quantity: 2) { __typename } }", v=variant)
    side.shop.admin("mutation { createDraftOrder { id } }")
    assert events_of(side) == {}


def test_stock_in_the_default_location_alone_is_counted_where_it_is_named(side: VendureDriver) -> None:
    """With a second location the first must be named; what lies in the other is not ours."""
    made = side.shop.admin('mutation { createStockLocation(input: { name: "Cellar", description: "" }) { id } }')
    side.shop.change("A", stockLevels=[{"stockLocationId": made["createStockLocation"]["id"], "stockOnHand": 500}])
    side.reopen()
    report = side.adapter.check()
    assert [line.message for line in report.lines if not line.ok and "Cellar" in line.message]
    side.settings["stock_location"] = "Default Stock Location"
    side.reopen()
    assert side.adapter.check().ok
    assert side.adapter.fetch([side.ref("A")]).listings[0].quantity == 30
    assert side.adapter.write_stock([write(side.ref("A"), 3)]) == [Applied(Decimal(33))]
    assert not side.adapter.capabilities.events
    assert not side.adapter.capabilities.atomic
    assert side.adapter.read_events(side.now()) == []


def test_what_counts_is_known_by_the_id_of_the_location(side: VendureDriver) -> None:
    """Left out, by its name, and renamed it is the same; and another one is not read before the engine has looked."""
    alone = side.adapter.counts()
    assert alone.words == "what can be sold at the stock location Default Stock Location"
    made = side.shop.admin('mutation { createStockLocation(input: { name: "Cellar", description: "" }) { id } }')
    cellar = made["createStockLocation"]["id"]
    side.settings["stock_location"] = "default stock location"
    side.reopen()
    assert side.adapter.counts() == alone
    rename = f'mutation {{ updateStockLocation(input: {{ id: "{alone.key}", name: "Cave" }}) {{ id }} }}'
    side.shop.admin(rename)
    side.shop.admin(
        f'mutation {{ updateStockLocation(input: {{ id: "{cellar}", name: "Default Stock Location" }}) {{ id }} }}'
    )
    adapter: Any = side.adapter
    adapter._facts.forget()  # ten minutes later
    with pytest.raises(Transient, match="changed just now"):
        side.adapter.fetch([side.ref("A")])
    assert side.adapter.counts().key == cellar
    side.settings["stock_location"] = "Cave"
    side.reopen()
    assert side.adapter.counts().key == alone.key


# -- credentials


def test_an_api_key_does_as_well_as_a_password() -> None:
    with open_vendure(GOODS) as plain:
        assert isinstance(plain, VendureDriver)
        shop = plain.shop
        made = shop.admin(
            'mutation { createApiKey(input: { roleIds: ["1"], translations: [{ languageCode: en, name: "syncd" }] }) '
            "{ apiKey entityId } }"
        )["createApiKey"]
        plain.settings |= {"username": None, "password": None, "api_key": made["apiKey"]}
        plain.reopen()
        assert plain.adapter.check().ok
        assert plain.adapter.write_stock([write(plain.ref(SIMPLE), 2)]) == [Applied(Decimal(12))]
        assert plain.adapter.fetch([plain.ref(VARIATION)]).listings
        shop.admin("mutation($ids: [ID!]!) { deleteApiKeys(ids: $ids) { result } }", ids=[made["entityId"]])
        report = plain.adapter.check()
        assert [line.exit_code for line in report.lines if not line.ok] == [5]
        assert made["apiKey"] not in str(report)


def test_rights_that_are_missing_are_named() -> None:
    with open_vendure(GOODS) as opened:
        assert isinstance(opened, VendureDriver)
        shop = opened.shop
        role = shop.admin(
            'mutation { createRole(input: { code: "reader", description: "", permissions: [ReadCatalog] }) { id } }'
        )["createRole"]["id"]
        shop.admin(
            "mutation($i: CreateAdministratorInput!) { createAdministrator(input: $i) { id } }",
            i={"firstName": "R", "lastName": "R", "emailAddress": "r@shop.example", "password": "r-r-r-r",
               "roleIds": [role]},
        )  # fmt: skip
        opened.settings |= {"username": "r@shop.example", "password": "r-r-r-r"}
        opened.reopen()
        report = opened.adapter.check()
        (rights,) = [line for line in report.lines if line.subject == "rights"]
        assert not rights.ok
        assert rights.exit_code == 5
        assert "UpdateProduct" in rights.message
        assert "ReadOrder" in rights.message
        assert "ReadProduct" not in rights.message


def test_a_proxy_that_is_closed_sends_nothing_on() -> None:
    """What is on its way when a test ends must not reach the next one's shop."""
    from syncd.simulators.server import SimRequest  # noqa: PLC0415 - this test alone

    forwarding = Forwarding("http://127.0.0.1:9")
    with closing(forwarding):
        pass
    with pytest.raises(ConnectionError):
        forwarding.handle(SimRequest("GET", "/", (), {}, b"", "http://127.0.0.1:9/"))
