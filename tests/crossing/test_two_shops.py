"""One till with two shops."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from syncd.service.account import sync_once
from syncd.simulators.server import SimServer
from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim
from tests.crossing.pair import open_pair

if TYPE_CHECKING:
    from syncd.state.engine import Database

OTHER = """
[shops.main.products]
create_in_inventorum = true
[shops.other]
adapter = "woocommerce"
url = "{url}"
consumer_key = "ck_sim"
consumer_secret = "cs_sim"
requests_per_second = 1000
[shops.other.products]
create_in_inventorum = true
"""


def test_a_pass_with_one_shop_asks_nothing_of_the_other(sqlite_database: Database, tmp_path: Path) -> None:
    sim = WooCommerceSim(WooCommerceSettings())
    with SimServer(sim) as server, open_pair(sqlite_database, tmp_path, OTHER.format(url=server.url)) as pair:
        pair.till.create_product("OLD", "Old", 1)
        for shop in (pair.shop, sim):
            shop.people.create_product("OLD", "Old", 1)
        pair.sync()
        pair.shop.people.create_product("MAIN", "Of the main shop", 2)
        sim.people.create_product("OTHER", "Of the other shop", 3)
        pair.clock.seconds += 61
        pair.account.workers["main"].run("poll", "test")  # its new product is known, and waits to be made
        asked = len(pair.shop_server.log)
        for _ in range(2):
            pair.clock.seconds += 61
            outcomes = sync_once(pair.account, full=False, cause="test", only=("other",))
            assert not [each for each in outcomes if each.error]
        assert len(pair.shop_server.log) == asked
        assert pair.till.stock().keys() == {"OLD", "OTHER"}
        pair.sync()
        assert pair.till.stock().keys() == {"OLD", "OTHER", "MAIN"}
