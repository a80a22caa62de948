"""Which location is written, which are counted with it, and when orders are evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from syncd.core.model import Applied, Refused, StockMode
from syncd.errors import Rejected
from syncd.testing.goods import GOODS, SIMPLE, VARIATION
from syncd.testing.reading import read, write
from tests.conformance.drivers_shopify import open_shopify


@contextmanager
def open_with(*, also: Sequence[Mapping[str, Any]] = (), **values: Any) -> Iterator[Any]:
    """A shop with more locations than one; their numbers are ``ids``."""
    with open_shopify(GOODS, values=values) as opened:
        side: Any = opened
        side.ids = [side.sim.people.add_location(**given)["location"] for given in also]
        yield side


STORE = {"name": "Store", "fulfils_online": False}


def test_of_several_locations_one_must_be_chosen() -> None:
    with open_with(also=[STORE]) as side:
        with pytest.raises(Rejected, match=r"2 locations: choose one.*Shop location \(\d+\), Store \(\d+\)"):
            side.adapter.fetch([side.ref(SIMPLE)])
        (line,) = [line for line in side.adapter.check().lines if not line.ok]
        assert line.subject == "locations"


def test_a_location_of_a_fulfilment_service_is_not_ours() -> None:
    with open_with(also=[{"name": "Dropshipper", "service": True, "fulfils_online": False}]) as side:
        assert read(side.adapter.read_all()).stock() == side.sim.people.stock()


@pytest.mark.parametrize("by", ["name", "number", "gid"])
def test_a_location_goes_by_its_name_or_number(by: str) -> None:
    with open_with(also=[STORE]) as side:
        number = side.sim.shop.main.id
        called = {"name": " shop LOCATION", "number": str(number), "gid": f"gid://shopify/Location/{number}"}[by]
        side.settings["location"] = called
        side.reopen()
        assert read(side.adapter.read_all()).stock() == side.sim.people.stock()


@pytest.mark.parametrize("values", [{"location": "Cellar"}, {"location": "Shop location", "also_count": ["Cellar"]}])
def test_a_location_that_is_not_there_is_told_of(values: dict[str, Any]) -> None:
    with open_with(also=[STORE], **values) as side, pytest.raises(Rejected, match="0 active locations are called"):
        side.adapter.fetch([side.ref(SIMPLE)])


def test_what_is_counted_with_it_is_added_and_never_written() -> None:
    with open_with(also=[STORE], location="Shop location", also_count=["Store"]) as side:
        people, (store,) = side.sim.people, side.ids
        main = side.sim.shop.main.id
        before = people.stock(locations=[main])[SIMPLE]
        people.set_stock(SIMPLE, 4, location=store)
        assert read(side.adapter.read_all()).sku(SIMPLE).quantity == before + 4
        assert not side.adapter.capabilities.reports_quantity
        assert side.adapter.write_stock([write(side.ref(SIMPLE), -3)]) == [Applied(None)]
        assert (people.stock(locations=[main])[SIMPLE], people.stock(locations=[store])[SIMPLE]) == (before - 3, 4)


def test_a_change_at_a_location_that_is_counted_with_it_is_a_change() -> None:
    with open_with(also=[STORE], location="Shop location", also_count=["Store"]) as side:
        (cursor,) = [page.cursor for page in side.adapter.read_all() if page.cursor]
        side.pass_time(300)
        side.sim.people.set_stock(SIMPLE, 4, location=side.ids[0])
        found = [one for page in side.adapter.read_changes(cursor) for one in page.listings if one.sku == SIMPLE]
        assert [one.quantity for one in found] == [Decimal(side.sim.people.stock()[SIMPLE])]


@pytest.mark.parametrize(
    ("online", "counted", "evidence"), [(False, False, True), (True, False, False), (True, True, True)]
)
def test_orders_are_evidence_if_they_take_stock_from_what_is_counted(
    online: bool, counted: bool, evidence: bool
) -> None:
    also = ["Store"] if counted else []
    with open_with(also=[{**STORE, "fulfils_online": online}], location="Shop location", also_count=also) as side:
        began = side.now()
        side.sim.people.order([{"sku": SIMPLE, "quantity": 1}])
        assert bool(side.adapter.read_events(began)) is evidence
        assert side.adapter.capabilities.events is evidence
        told = [line.message for line in side.adapter.check().lines if line.subject == "orders"]
        assert bool(told) is not evidence


def test_what_is_on_hand_is_not_what_orders_move() -> None:
    with open_shopify(GOODS, values={"quantity": "on_hand"}) as side:
        assert not side.adapter.capabilities.events
        began = side.now()
        side.sim.people.order([{"sku": SIMPLE, "quantity": 1}])  # type: ignore[attr-defined]  # of the simulated shop
        assert side.adapter.read_events(began) == []


def test_what_is_not_stocked_there_is_not_counted_and_not_written() -> None:
    with open_with(also=[STORE], location="Store") as side:
        side.sim.people.set_stock(VARIATION, 3, location=side.ids[0])
        found = read(side.adapter.read_all())
        assert found.sku(SIMPLE).stock_mode is StockMode.UNMANAGED
        assert (found.sku(VARIATION).stock_mode, found.sku(VARIATION).quantity) == (StockMode.OWN, Decimal(3))
        (result,) = side.adapter.write_stock([write(side.ref(SIMPLE), 1)])
        assert isinstance(result, Refused)
        assert result.code == "not_counted"
