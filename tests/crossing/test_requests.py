"""How many requests the keeping of fields costs (proof by count, not by time). ``UPDATES`` says how many."""

from __future__ import annotations

import os
from base64 import b64encode
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.pictures import drawn
from tests.crossing.pair import open_pair

if TYPE_CHECKING:
    from syncd.state.engine import Database

CHANGED = int(os.environ.get("UPDATES", "200"))


def test_many_updates_cost_a_batch_for_each_hundred(sqlite_database: Database, tmp_path: Path) -> None:
    catalogue = make_catalogue(CHANGED + 20, 0)
    with open_pair(sqlite_database, tmp_path, catalogue=catalogue) as pair:
        pair.sync()
        for product in catalogue[:CHANGED]:
            pair.till.set_price(product.sku, product.price + 1)
            pair.till.set_name(product.sku, f"{product.name} new")
        began = pair.now()
        pair.sync()
        fields = pair.shop.people.fields()
        assert all(fields[product.sku]["price"] == f"{product.price + 1:.2f}" for product in catalogue[:CHANGED])
        writes = pair.writes(began)
        assert writes["till"] == []
        assert len(writes["shop"]) <= 1.2 * ceil(CHANGED / 100)
        reads = [record for record in pair.shop_server.requests(since=began[1]) if record.method == "GET"]
        assert len(reads) <= 20 + 4 * ceil(CHANGED / 100), "each is looked at before and after, 100 at once"
        quiet = pair.now()
        pair.sync()
        assert pair.writes(quiet) == {"till": [], "shop": []}


def test_an_unchanged_image_costs_no_byte(sqlite_database: Database, tmp_path: Path) -> None:
    catalogue = make_catalogue(30, 0)
    with open_pair(sqlite_database, tmp_path, catalogue=catalogue) as pair:
        for number, product in enumerate(catalogue):
            pair.till.set_images(product.sku, [b64encode(drawn(number)).decode(), b64encode(drawn(999)).decode()])
        pair.sync()
        fields = pair.shop.people.fields()
        assert all(len(fields[product.sku]["images"].split()) == 2 for product in catalogue)
        uploaded = [target for target in pair.writes()["shop"] if "media" in target]
        assert len(uploaded) == 31, "the one that all of them have is stored once"
        began = pair.now()
        for product in catalogue:
            pair.till.set_name(product.sku, f"{product.name} new")
        pair.sync()
        assert all(shown["name"].endswith(" new") for shown in pair.shop.people.fields().values())
        targets = [record.target for record in pair.till_server.requests(since=began[0])]
        assert not [target for target in targets if "uploads" in target]
        assert not [target for target in pair.writes(began)["shop"] if "media" in target]
