"""The engine over in-memory sides and both real databases: every unit counted once."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from syncd.adapters.base import Capabilities
from syncd.adapters.memory import MemorySide
from syncd.core.model import StockMode
from syncd.core.stock import StockPolicy
from syncd.errors import Stopped
from tests.support.engine import HUB, Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncd.core.model import ChangePage, Cursor
    from syncd.state.engine import Database


def test_first_link_moves_nothing_and_aligns_the_shop_with_the_hub(database: Database) -> None:
    account = two_sides(database, {"A": 7, "B": 0}, {"A": 3, "B": 5})
    assert account.worlds["web"].quantity("w-A") == 7
    assert account.worlds["web"].quantity("w-B") == 0
    assert account.on_hand("A") == 7
    assert [m.cause for m in account.movements()] == ["opening", "opening"]


def test_a_second_pass_writes_nothing(database: Database) -> None:
    account = two_sides(database, {"A": 7}, {"A": 3})
    written = len(account.worlds["web"].writes) + len(account.worlds["till"].writes)
    account.poll()
    account.poll(kind="full")
    assert len(account.worlds["web"].writes) + len(account.worlds["till"].writes) == written == 1


def test_sales_on_both_sides_are_added(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.worlds["till"].sell("t-A", 2)
    account.worlds["web"].sell("w-A", 3, reference="505")
    account.poll("till", "web", "till")
    assert account.on_hand("A") == 5
    assert account.worlds["till"].quantity("t-A") == account.worlds["web"].quantity("w-A") == 5
    causes = {(m.cause, m.evidence) for m in account.movements("sale", "change")}
    assert causes == {("change", "till reported -2 (delta reading)"), ("sale", "web order 505 (-3)")}


def test_initial_stock_of_the_shop_becomes_the_quantity(database: Database) -> None:
    account = two_sides(database, {"A": 7}, {"A": 3}, initial_stock="shop")
    account.poll()
    assert account.on_hand("A") == 3
    assert account.worlds["till"].quantity("t-A") == 3


def test_equal_only_links_what_is_equal_and_reports_the_rest(database: Database) -> None:
    account = two_sides(database, {"A": 7, "B": 4}, {"A": 7, "B": 3}, initial_stock="equal_only")
    assert account.listing("web", "w-A").item_id is not None
    assert account.listing("web", "w-B").item_id is None
    assert "1 with a different quantity" in account.findings()[0].message


def test_buffers_hold_back_and_never_go_below_zero(database: Database) -> None:
    policy = StockPolicy(buffer=Decimal(2), buffers={"b": Decimal(5)})
    account = two_sides(database, {"A": 7, "B": 4}, {"A": 0, "B": 9}, policy=policy)
    assert account.worlds["web"].quantity("w-A") == 5
    assert account.worlds["web"].quantity("w-B") == 0


def test_fractions_stay_on_the_hub_and_are_rounded_down_for_shops(database: Database) -> None:
    account = two_sides(database, {"A": 0}, {"A": 0})
    account.worlds["till"].count("t-A", Decimal("2.75"))
    account.poll("till", "web")
    assert account.on_hand("A") == Decimal("2.75")
    assert account.worlds["web"].quantity("w-A") == 2
    account.worlds["web"].sell("w-A", 1)
    account.poll("web", "till", "web")
    assert account.worlds["till"].quantity("t-A") == Decimal("1.75")
    assert account.worlds["web"].quantity("w-A") == 1


def test_oversell_is_a_finding_that_closes_by_itself(database: Database) -> None:
    account = two_sides(database, {"A": 1}, {"A": 1})
    account.worlds["till"].sell("t-A", 1)
    account.worlds["web"].sell("w-A", 1)
    account.poll("till", "web", "till", "web")
    assert account.on_hand("A") == -1
    assert account.worlds["web"].quantity("w-A") == 0
    assert account.worlds["till"].quantity("t-A") == -1
    assert [f.kind for f in account.findings()] == ["oversell"]
    account.worlds["till"].sell("t-A", -5)
    account.poll("till", "web")
    assert account.findings() == []
    assert account.worlds["web"].quantity("w-A") == 4


def test_a_sale_between_effect_and_answer_is_a_sale(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.worlds["till"].sell("t-A", 2)
    web = account.worlds["web"]
    account.poll("till")
    web.before_effect = lambda write: web.sell(write.ref.external_id, 1)
    account.workers["web"].run("push", "test")
    web.before_effect = None
    account.poll("web", "till")
    assert account.on_hand("A") == 7
    assert account.worlds["till"].quantity("t-A") == web.quantity("w-A") == 7


def _statements_of(database: Database, work: Callable[[], object]) -> int:
    statements: list[str] = []

    def listener(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(database.engine, "before_cursor_execute", listener)
    work()
    event.remove(database.engine, "before_cursor_execute", listener)
    return len(statements)


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
@pytest.mark.parametrize("direction", ["to_web", "to_till"])
def test_a_lost_answer_is_settled_and_never_doubled(database: Database, fault: str, direction: str) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    source, target = ("till", "web") if direction == "to_web" else ("web", "till")
    account.worlds[source].sell(f"{source[0]}-A", 4)
    account.worlds[target].faults.append(fault)
    account.poll(source, target)
    assert [o.state for o in account.operations()] == ["unknown"]
    account.worlds[source].sell(f"{source[0]}-A", 1)
    account.settle_down()
    assert account.on_hand("A") == 5
    assert account.worlds["till"].quantity("t-A") == account.worlds["web"].quantity("w-A") == 5
    assert not [o for o in account.operations() if o.state in ("unknown", "parked", "sent", "intended")]


def test_a_sale_during_the_doubt_is_kept(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.worlds["web"].sell("w-A", 4)
    account.worlds["till"].faults.append("lost_after")
    account.poll("web", "till")
    account.clock.advance(1)
    account.worlds["till"].sell("t-A", 2, reference="900001")
    account.settle_down()
    assert account.on_hand("A") == 4
    assert account.worlds["till"].quantity("t-A") == account.worlds["web"].quantity("w-A") == 4
    assert account.operations("confirmed")[0].settled_by == "event"


def test_what_cannot_be_settled_is_parked_and_blocks_nothing_else(database: Database) -> None:
    account = Account(database)
    till, web = account.add_side("till", "hub", capabilities=Capabilities(relative=True)), account.add_side("web")
    for sku in "AB":
        till.put(f"t-{sku}", 10, sku=sku)
        web.put(f"w-{sku}", 10, sku=sku)
    account.poll()
    web.sell("w-A", 4)
    till.faults.append("lost_before")
    account.poll("web", "till")
    till.sell("t-A", 1)
    web.sell("w-B", 2)
    account.settle_down()
    parked = [f for f in account.findings() if f.kind == "parked"]
    assert len(parked) == 1
    assert "-4" in parked[0].message
    assert till.quantity("t-B") == 8
    till.sell("t-A", -1)
    account.settle_down()
    assert account.findings() == []
    assert till.quantity("t-A") == web.quantity("w-A") == 6


def test_a_stale_reading_after_our_write_is_not_a_sale(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.worlds["till"].sell("t-A", 2)
    account.poll("till", "web")
    web = account.worlds["web"]
    web.count("w-A", 10)
    account.clock.advance(2)
    account.poll("web")
    assert account.on_hand("A") == 8
    web.count("w-A", 8)
    account.clock.advance(9)
    account.poll("web", "till")
    assert account.on_hand("A") == 8
    assert account.worlds["till"].quantity("t-A") == 8


def test_an_old_value_that_stays_beyond_the_window_counts(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.worlds["till"].sell("t-A", 2)
    account.poll("till", "web")
    account.worlds["web"].count("w-A", 10)
    account.clock.advance(2)
    account.poll("web")
    account.clock.advance(9)
    account.poll("web", "till")
    assert account.on_hand("A") == 10


def test_ambiguous_codes_are_refused_and_reported(database: Database) -> None:
    account = Account(database)
    till, web = account.add_side("till", "hub"), account.add_side("web")
    till.put("1", 5, sku="X")
    till.put("2", 6, sku="x ")
    till.put("3", 7, sku="G", gtin="4006381333931")
    till.put("4", 7, sku="D")
    web.put("10", 1, sku="X")
    web.put("11", 1, sku=None, gtin="04006381333931")
    web.put("12", 1, sku="D")
    web.put("13", 1, sku="d")
    web.put("14", 1, sku=None)
    web.put("15", 1, sku="ONLY")
    account.poll()
    account.poll()
    linked = {i: account.listing("web", i).item_id is not None for i in ("10", "11", "12", "13", "14", "15")}
    assert linked == {"10": False, "11": True, "12": False, "13": False, "14": False, "15": False}
    message = account.findings()[0].message
    assert "1 with a code that several products share" in message
    assert "2 with a SKU that the shop uses twice" in message
    assert "1 without SKU and EAN" in message
    assert "1 exist only in the shop" in message
    assert "3 of the till are not in web" in message


def test_a_product_made_later_is_linked_by_itself(database: Database) -> None:
    account = two_sides(database, {"A": 1}, {"A": 1, "NEW": 9})
    account.worlds["till"].put("t-NEW", 4, sku="NEW")
    account.poll("till", "web")
    assert account.worlds["web"].quantity("w-NEW") == 4


def test_once_linked_ids_count_and_not_skus(database: Database) -> None:
    account = two_sides(database, {"A": 5, "B": 6}, {"A": 5, "B": 6})
    account.worlds["web"].put("w-A", 5, sku="B2")
    account.worlds["web"].put("w-B", 6, sku="A")
    account.worlds["till"].sell("t-A", 1)
    account.poll("till", "web")
    assert account.worlds["web"].quantity("w-A") == 4
    assert account.worlds["web"].quantity("w-B") == 6


def test_a_deleted_product_stops_writes_and_is_reported(database: Database) -> None:
    account = two_sides(database, {"A": 5}, {"A": 5})
    account.worlds["web"].delete("w-A")
    account.poll("web")
    account.worlds["till"].sell("t-A", 1)
    account.poll()
    assert [f.kind for f in account.findings()] == ["deleted_on_side"]
    account.worlds["web"].put("w-A2", 0, sku="A")
    account.poll()
    assert account.worlds["web"].quantity("w-A2") == 4
    assert account.findings() == []


def test_a_product_deleted_and_made_again_at_the_till_is_linked_again(database: Database) -> None:
    account = two_sides(database, {"A": 5}, {"A": 5})
    account.worlds["till"].delete("t-A")
    account.poll()
    assert account.worlds["web"].quantity("w-A") == 5
    account.worlds["till"].put("t-A2", 3, sku="A")
    account.poll()
    assert account.worlds["web"].quantity("w-A") == 3
    assert account.findings() == []


def test_an_emptied_side_changes_nothing(database: Database) -> None:
    account = two_sides(database, {"A": 5}, {"A": 5})
    saved = dict(account.worlds["web"].things)
    account.worlds["web"].things.clear()
    account.poll("web", kind="full")
    assert [f.kind for f in account.findings()] == ["side_empty"]
    assert account.listing("web", "w-A").gone_at is None
    account.worlds["web"].things.update(saved)
    account.worlds["till"].sell("t-A", 1)
    account.poll()
    assert account.worlds["web"].quantity("w-A") == 4


class _Interrupting(MemorySide):
    """The process is asked to stop while the first page of changes is on its way."""

    stop: threading.Event

    def read_changes(self, cursor: Cursor) -> Iterator[ChangePage]:
        pages = list(super().read_changes(cursor))
        self.stop.set()
        yield from pages


def test_a_read_that_ends_early_is_read_again_from_where_it_began(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    web, worker = account.worlds["web"], account.workers["web"]
    side, honest = worker.side, worker.side.adapter
    web.sell("w-A", 3)
    web.put("w-Z", 1, sku="Z")  # moves the feed past the sale
    side.adapter = interrupting = _Interrupting(web, honest.capabilities)
    interrupting.stop = worker.stop
    with pytest.raises(Stopped):
        account.poll("web")
    side.adapter = honest
    worker.stop.clear()
    account.poll("web")
    assert account.on_hand("A") == 7


class _Forgetful(MemorySide):
    """A side whose list leaves a product out."""

    def read_all(self) -> Iterator[ChangePage]:
        for page in super().read_all():
            yield replace(page, listings=tuple(one for one in page.listings if one.ref.external_id != "w-A"))


def test_a_product_that_a_list_leaves_out_is_not_gone(database: Database) -> None:
    account = two_sides(database, {"A": 5, "B": 5}, {"A": 5, "B": 5})
    side = account.workers["web"].side
    side.adapter = _Forgetful(account.worlds["web"], side.adapter.capabilities)
    account.poll("web", kind="full")
    account.worlds["till"].sell("t-A", 2)
    account.poll()
    assert account.worlds["web"].quantity("w-A") == 3
    assert account.findings() == []


def test_a_sweep_finds_what_the_feed_missed_and_counts_it(database: Database) -> None:
    account = two_sides(database, {"A": 5}, {"A": 5})
    web = account.worlds["web"]
    web.sell("w-A", 2)
    web.things["w-A"].changed = 0
    account.poll("web")
    assert account.on_hand("A") == 5
    outcome = account.poll("web", kind="full")[0]
    assert account.on_hand("A") == 3
    assert outcome.run.counts.drift == 1


def test_a_shop_that_does_not_count_is_left_alone_or_taken_over_by_policy(database: Database) -> None:
    for name, manage, expected in (("left", False, None), ("taken", True, 6)):
        account = Account(database)
        account.add_side("till", "hub").put("t-A", 6, sku="A")
        account.add_side(name, manage_unmanaged=manage).put("w-A", None, sku="A", stock_mode=StockMode.UNMANAGED)
        account.poll()
        account.poll()
        assert account.worlds[name].things["w-A"].listing.quantity == expected


def test_two_shops_share_one_stock(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    second = account.add_side("second", policy=StockPolicy(buffer=Decimal(3)))
    second.put("s-A", 0, sku="A")
    account.poll()
    account.poll()
    assert second.quantity("s-A") == 7
    second.sell("s-A", 2)
    account.worlds["web"].sell("w-A", 1)
    account.poll()
    account.poll()
    assert account.worlds["till"].quantity("t-A") == account.worlds["web"].quantity("w-A") == 7
    assert second.quantity("s-A") == 4


def test_a_connection_refused_leaves_nothing_in_doubt(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.worlds["till"].sell("t-A", 1)
    account.worlds["web"].faults.append("refused_connection")
    account.poll("till", "web")
    assert [o.state for o in account.operations()] == ["cancelled"]
    account.poll("web")
    assert account.worlds["web"].quantity("w-A") == 9


def test_a_quiet_poll_asks_the_database_the_same_however_many_items(database: Database) -> None:
    counts = []
    account = Account(database)
    till, web = account.add_side("till", "hub"), account.add_side("web")
    for size in (10, 300):
        for number in range(size):
            till.put(f"t-{number}", 5, sku=f"S{number}")
            web.put(f"w-{number}", 5, sku=f"S{number}")
        account.poll(kind="full")
        account.settle_down(3)
        till.tick += 1
        web.tick += 1
        account.poll()
        counts.append(_statements_of(database, account.poll))
    assert counts[0] == counts[1]


def test_the_ledger_sums_to_the_quantity(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10}, capabilities=None)
    for number in range(5):
        account.worlds["till"].sell("t-A", number)
        account.worlds["web"].sell("w-A", 1)
        account.poll()
    assert sum(m.quantity for m in account.movements()) == account.on_hand("A")
    assert account.movements()[-1].on_hand_after == account.on_hand("A")
    assert HUB.events


def test_a_side_that_is_whole_again_is_empty_no_more(database: Database) -> None:
    account = two_sides(database, {"A": 5}, {"A": 5})
    saved = dict(account.worlds["web"].things)
    account.worlds["web"].things.clear()
    account.poll("web", kind="full")
    account.worlds["web"].things.update(saved)
    account.poll("web", kind="full")
    assert account.findings() == []


def test_a_product_deleted_everywhere_is_nothing_to_tell(database: Database) -> None:
    account = two_sides(database, {"A": 5, "B": 1}, {"A": 5, "B": 1})
    account.worlds["till"].delete("t-A")
    account.poll()
    assert [f.kind for f in account.findings() if f.kind != "unlinked"] == ["deleted_on_side"]
    account.worlds["web"].delete("w-A")
    account.poll()
    assert [f.kind for f in account.findings() if f.kind != "unlinked"] == []


def test_a_linked_product_that_is_not_counted_any_more_is_reported(database: Database) -> None:
    account = two_sides(database, {"A": 5, "B": 5}, {"A": 5, "B": 5})
    account.worlds["web"].put("w-A", None, sku="A", name="Wool", stock_mode=StockMode.UNMANAGED)
    account.poll()
    found = account.findings()
    assert [f.kind for f in found] == ["not_counted"]
    assert "1 linked products: Wool" in found[0].message
    account.worlds["web"].put("w-A", 5, sku="A", name="Wool")
    account.poll()
    assert account.findings() == []
