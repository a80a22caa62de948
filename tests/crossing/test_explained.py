"""The story of a product goes on when it leaves a side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from syncd.cli.explain import _lines
from syncd.service.explain import explain
from tests.crossing.pair import open_pair

if TYPE_CHECKING:
    from syncd.state.engine import Database


def test_a_product_that_the_till_deleted_keeps_its_history_and_says_why_it_is_hidden(
    sqlite_database: Database, tmp_path: Path
) -> None:
    with open_pair(sqlite_database, tmp_path) as pair:
        for sku in ("MUG", "KEPT"):
            pair.till.create_product(sku, sku, 5, "9.99", in_shop=True)
            pair.shop.people.create_product(sku, sku, 5, "9.99")
        pair.sync()
        pair.till.set_name("MUG", "Cup")
        pair.sync(1)
        pair.till.sale("MUG", 2)
        pair.sync(1)
        pair.till.delete_product("MUG")
        pair.sync()
        assert pair.shop.shop.with_sku("MUG")[0].status == "draft"
        past, *now = explain(pair.account.db, "MUG")
        assert past.name == "Cup (on no side any more)"
        assert [entry.quantity for entry in past.entries if entry.what == "movement"] == [5, -2]
        told = [line for story in now for _, line in sorted(_lines(story))]
        assert len(told) == 2
        assert "main name: “MUG” → “Cup”  confirmed" in told[0]
        assert "→ main: was hidden there: it was deleted at the till" in told[1]


def test_lines_stand_in_the_order_of_time(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, "[shops.main.products]\ncreate_in_inventorum = true\n") as pair:
        pair.shop.people.create_product("MUG", "Mug", 5, "9.99")
        pair.sync()
        pair.till.set_name("MUG", "Cup")
        pair.sync(1)
        (story,) = explain(pair.account.db, "MUG")
        lines = [line for _, line in sorted(_lines(story), key=lambda each: each[0])]
        assert "main name: “Mug” → “Cup”" in lines[-1]
        assert sum("inventorum: was made there" in line for line in lines) == 1
        assert [line[:19] for line in lines] == sorted(line[:19] for line in lines)
