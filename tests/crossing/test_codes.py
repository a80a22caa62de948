"""Codes that move from product to product."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from syncd.simulators.catalogue import make_catalogue
from tests.crossing.pair import Pair, open_pair

if TYPE_CHECKING:
    from syncd.state.engine import Database


def test_a_code_moves_on_once_the_product_that_had_it_has_another(sqlite_database: Database, tmp_path: Path) -> None:
    catalogue = make_catalogue(3, 0)
    one, two, three = (product.sku for product in catalogue)
    with open_pair(sqlite_database, tmp_path, catalogue=catalogue) as pair:
        pair.sync()
        ids = {sku: pair.shop.shop.with_sku(sku)[0].id for sku in (one, two, three)}
        for old, new in ((three, "FREE"), (two, three), (one, two)):
            product = pair.till.state.find(old)
            product.product_code = new
            pair.till.state.touch(product)
        pair.sync(4)
        codes = {number: pair.shop.shop.by_id[number].sku for number in ids.values()}
        assert codes == {ids[one]: two, ids[two]: three, ids[three]: "FREE"}
        assert pair.findings() == []


def swapped(pair: Pair, one: str, two: str) -> dict[str, int]:
    """Two products swap their codes at the till; their numbers in the shop, by the code that each is to have."""
    ids = {sku: pair.shop.shop.with_sku(sku)[0].id for sku in (one, two)}
    first, second = pair.till.state.find(one), pair.till.state.find(two)
    first.product_code, second.product_code = two, one
    for product in (first, second):
        pair.till.state.touch(product)
    pair.sync(3)
    return {two: ids[one], one: ids[two]}


def test_swapped_codes_wait_for_a_person_who_is_told_what_to_do(sqlite_database: Database, tmp_path: Path) -> None:
    """No product is without its code meanwhile: a daemon that dies in between would leave it so."""
    catalogue = make_catalogue(3, 0)
    one, two = (product.sku for product in catalogue[:2])
    with open_pair(sqlite_database, tmp_path, catalogue=catalogue) as pair:
        pair.sync()
        wanted = swapped(pair, one, two)
        assert pair.shop.shop.by_id[wanted[one]].sku == two
        messages = sorted(message for kind, message in pair.findings() if kind == "field_refused")
        assert len(messages) == len(pair.findings()) == 2
        for message, mine, theirs in zip(messages, (one, two), (two, one), strict=True):
            assert f"does not take the sku “{mine}” of" in message
            assert f"“{mine}” is the code of" in message
            assert f"which is to have “{theirs}”" in message
        assert all("give one of them another code in main for a moment" in advice for advice in pair.advice())
        free = pair.shop.shop.by_id[wanted[one]]
        pair.shop.shop.set_codes(free, "FOR-A-MOMENT", free.gtin)
        pair.shop.shop.touch(free)
        pair.sync(4)
        assert {sku: pair.shop.shop.by_id[number].sku for sku, number in wanted.items()} == {one: one, two: two}
        assert pair.findings() == []


def test_a_code_that_a_person_frees_in_the_shop_is_taken_at_once(sqlite_database: Database, tmp_path: Path) -> None:
    catalogue = make_catalogue(3, 0)
    with open_pair(sqlite_database, tmp_path, catalogue=catalogue) as pair:
        pair.shop.people.create_product("ALONE", "Only in the shop", 1)
        pair.sync()
        number = pair.shop.shop.with_sku(catalogue[0].sku)[0].id
        product = pair.till.state.find(catalogue[0].sku)
        product.product_code = "ALONE"
        pair.till.state.touch(product)
        pair.sync(3)
        assert [kind for kind, _ in pair.findings() if kind != "unlinked"] == ["field_refused"]
        (other,) = pair.shop.shop.with_sku("ALONE")
        pair.shop.shop.set_codes(other, "OTHER", other.gtin)
        pair.shop.shop.touch(other)
        pair.sync(3)
        assert pair.shop.shop.by_id[number].sku == "ALONE"
