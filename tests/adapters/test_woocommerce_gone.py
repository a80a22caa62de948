"""Pools, deletions and reads by id in a shop."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.core.model import GoneListing, ListingRef, Proof, StockMode
from syncd.simulators.server import Fault
from tests.support.woocommerce import SHOPS, Shop, by_sku, events, gone, listings, simulated, variation_sku

# -- pools


@pytest.mark.parametrize("restarted", [False, True])
def test_a_pool_is_one_listing_and_its_orders_move_it(shop: Shop, restarted: bool) -> None:
    client = shop.adapter._client
    sku = variation_sku(shop)
    shop.read_all()
    variation = by_sku(shop.read_all(), sku)
    parent = variation.ref.parent_external_id
    client.post(f"products/{parent}", {"manage_stock": True, "stock_quantity": 20})
    client.post(f"products/{parent}/variations/{variation.ref.external_id}", {"manage_stock": False})
    shop.settled()
    found = listings(shop.read_all())
    assert found[str(parent)].stock_mode is StockMode.OWN
    assert found[str(parent)].quantity == 20
    assert (found[variation.ref.external_id].stock_mode, found[variation.ref.external_id].quantity) == (
        StockMode.PARENT,
        None,
    )
    shop.sim.settings.orders_bump_dates = False
    if restarted:
        shop.restart()
    shop.sim.people.order([{"sku": sku, "quantity": 4}])
    pages = shop.changes()
    (event,) = events(pages)
    assert (event.ref, event.quantity) == (ListingRef(str(parent)), Decimal(-4))
    assert listings(pages)[str(parent)].quantity == 16


def test_a_parent_that_begins_to_keep_stock_has_its_variations_read_again() -> None:
    with simulated() as shop:
        sku = variation_sku(shop)
        variation = by_sku(shop.read_all(), sku)
        parent, child = variation.ref.parent_external_id, variation.ref.external_id
        shop.adapter._client.post(f"products/{parent}/variations/{child}", {"manage_stock": False})
        shop.settled()
        # Moves the parent's date only.
        shop.adapter._client.post(f"products/{parent}", {"manage_stock": True, "stock_quantity": 20})
        assert listings(shop.changes())[child].stock_mode is StockMode.PARENT


def test_the_new_code_of_a_parent_does_not_stay_with_a_variation_that_only_shows_it() -> None:
    with simulated() as shop:
        client = shop.adapter._client
        variation = by_sku(shop.read_all(), variation_sku(shop))
        parent, child = variation.ref.parent_external_id, variation.ref.external_id
        client.post(f"products/{parent}/variations/{child}", {"sku": ""})
        shop.settled()
        assert shop.adapter.fetch([variation.ref]).listings[0].sku is None
        client.post(f"products/{parent}", {"sku": "NEW"})
        shop.adapter.fetch([variation.ref])  # with what is remembered of its parent, the code seems its own
        assert listings(shop.changes())[child].sku is None


# -- deletions


def test_trashed_products_are_gone_with_proof_and_come_back(shop: Shop) -> None:
    before = listings(shop.read_all())
    shop.settled()
    simple = next(item for item in before.values() if item.sku == "S-00001")
    shop.sim.people.trash("S-00001")
    assert gone(shop.changes()) == [GoneListing(simple.ref, Proof.TRASHED)]
    shop.changes(seconds=200)
    assert gone(shop.changes(seconds=200)) == []
    shop.sim.people.restore("S-00001")
    assert by_sku(shop.changes(), "S-00001").ref == simple.ref


@pytest.mark.parametrize("restarted", [False, True])
def test_variations_go_and_return_with_their_parent(shop: Shop, restarted: bool) -> None:
    before = listings(shop.read_all())
    shop.settled()
    parent = next(item for item in before.values() if item.stock_mode is StockMode.GROUP)
    family = {parent.ref.external_id, *(parent.children or ())}
    if restarted:
        shop.restart()
    shop.sim.people.trash(str(parent.sku))
    pages = shop.changes(seconds=10)
    assert {one.ref.external_id for one in gone(pages)} == family
    assert {one.proof for one in gone(pages)} == {Proof.TRASHED}
    counting = shop.counting()
    shop.changes(seconds=10)
    assert len(counting()) <= 5
    shop.changes(seconds=100)
    shop.sim.people.restore(str(parent.sku))
    pages = shop.changes(seconds=10)
    assert listings(pages).keys() >= family


def test_a_deleted_variation_leaves_its_parents_list(shop: Shop) -> None:
    shop.settled()
    sku = variation_sku(shop)
    variation = by_sku(shop.read_all(), sku)
    shop.sim.people.delete(sku)
    pages = shop.changes()
    parent = listings(pages)[str(variation.ref.parent_external_id)]
    assert variation.ref.external_id not in (parent.children or ())
    result = shop.adapter.fetch([variation.ref])
    assert result.gone == (GoneListing(variation.ref, Proof.NOT_FOUND),)


# -- by id


def test_listings_are_fetched_by_id(shop: Shop) -> None:
    everything = listings(shop.read_all())
    result = shop.adapter.fetch([item.ref for item in everything.values()])
    assert {item.ref.external_id: item for item in result.listings} == everything
    assert result.gone == ()


def test_fetching_proves_what_is_gone(shop: Shop) -> None:
    everything = listings(shop.read_all())
    simple, trashed = (next(i for i in everything.values() if i.sku == sku) for sku in ("S-00001", "S-00002"))
    variation = everything[by_sku(shop.read_all(), variation_sku(shop)).ref.external_id]
    shop.sim.people.delete("S-00001")
    shop.sim.people.trash("S-00002")
    shop.sim.people.delete(str(variation.sku))
    result = shop.adapter.fetch([simple.ref, trashed.ref, variation.ref])
    assert result.listings == ()
    assert {(one.ref.external_id, one.proof) for one in result.gone} == {
        (simple.ref.external_id, Proof.NOT_FOUND),
        (trashed.ref.external_id, Proof.TRASHED),
        (variation.ref.external_id, Proof.NOT_FOUND),
    }


def test_a_variation_is_found_without_or_with_a_wrong_parent(shop: Shop) -> None:
    variation = by_sku(shop.read_all(), variation_sku(shop))
    number = variation.ref.external_id
    for ref in (ListingRef(number), ListingRef(number, "999999")):
        (found,) = shop.adapter.fetch([ref]).listings
        assert found.ref.parent_external_id == variation.ref.parent_external_id
        assert (found.sku, found.quantity) == (variation.sku, variation.quantity)


@pytest.mark.parametrize("settings", SHOPS)
def test_fetching_goes_past_a_page_cache(settings: dict[str, Any]) -> None:
    # With OAuth every address is new anyway.
    with simulated(adapter={"auth": "basic"}, **settings) as shop:
        item = by_sku(shop.read_all(), "S-00001")
        shop.server.add_fault(Fault("stale", times=-1, seconds=60))
        shop.adapter.fetch([item.ref])
        shop.sim.people.set_stock("S-00001", 99)
        assert shop.adapter.fetch([item.ref]).listings[0].quantity == 99
        shop.sim.people.trash("S-00001")
        assert shop.adapter.fetch([item.ref]).gone[0].proof is Proof.TRASHED
        shop.sim.people.delete("S-00001")
        assert shop.adapter.fetch([item.ref]).gone[0].proof is Proof.NOT_FOUND


def test_nothing_asked_is_nothing_sent(shop: Shop) -> None:
    counting = shop.counting()
    assert shop.adapter.fetch([]).listings == ()
    assert counting() == []
