"""Images of the till that are hard to carry over, between the two simulated sides."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from syncd.simulators.pictures import drawn
from tests.crossing.pair import Pair, open_pair

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.state.engine import Database


def picture(number: int) -> str:
    return b64encode(drawn(number)).decode()


def offer(pair: Pair, *skus: str) -> None:
    for sku in skus:
        pair.till.create_product(sku, sku, 5, "9.99", in_shop=True)
        pair.shop.people.create_product(sku, sku, 5, "9.99")
    pair.sync()


def test_two_images_that_look_the_same_are_no_finding_and_written_once(
    sqlite_database: Database, tmp_path: Path
) -> None:
    with open_pair(sqlite_database, tmp_path) as pair:
        offer(pair, "A")
        pair.till.set_images("A", [picture(1), picture(1)])
        pair.sync()
        before = pair.now()
        pair.sync()
        pair.poll(full=True)
        assert pair.writes(before) == {"till": [], "shop": []}
        assert pair.findings() == []
        assert pair.shop.people.fields()["A"]["images"] == pair.till.fields()["A"]["images"]
