"""Codes that move from product to product."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from syncd.simulators.catalogue import make_catalogue
from tests.crossing.pair import open_pair

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
