"""Ways to lose a unit, to count one twice, or to say what is not so; each was possible once."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from syncd.adapters.base import Capabilities
from syncd.adapters.memory import MemorySide, MemoryWorld, Writing
from syncd.config import load_config
from syncd.core.guard import Limit, SafetyLimits
from syncd.core.model import (
    EventKind,
    GoneListing,
    ListingRef,
    Proof,
    Refused,
    RemoteListing,
    StockEvent,
    StockMode,
    WriteResult,
)
from syncd.errors import OutcomeUnknown, SafetyStop, Stopped
from syncd.service.account import open_account, sync_once
from syncd.service.findings import APPROVED, close_finding
from syncd.service.gone import mark_gone
from syncd.service.preview import preview
from syncd.service.runs import start_run
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from syncd.core.model import ChangePage, Cursor, StockWrite
    from syncd.state.engine import Database

HUB_TOML = """[syncd]
database = "sqlite:////var/lib/syncd.db"
[inventorum]
client_id = "app"
client_secret = "one"
refresh_token = "two"
"""
SHOP_TOML = """[shops.{0}]
adapter = "woocommerce"
url = "https://{0}.example"
consumer_key = "ck_{0}"
consumer_secret = "cs_{0}"
"""


def test_a_request_we_gave_up_may_go_on_at_the_side(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that answers 504 after a minute leaves the shop at work; the time of doubt begins with that answer."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    web, side = account.worlds["web"], account.workers["web"].side.adapter
    still_running: list[StockWrite] = []

    def give_up(writes: Sequence[StockWrite]) -> list[WriteResult]:
        still_running.extend(writes)
        account.clock.advance(60)
        raise OutcomeUnknown("web", "POST products/batch", "server error 504")

    monkeypatch.setattr(side, "write_stock", give_up)
    account.worlds["till"].sell("t-A", 2)
    account.poll("till", "web")
    monkeypatch.undo()
    account.clock.advance(5)
    account.poll("web")
    web.apply(still_running[0], Writing(marker=True))
    account.settle_down(3)
    assert account.on_hand("A") == web.quantity("w-A") == 8


@pytest.fixture
def adding_shop(database: Database, monkeypatch: pytest.MonkeyPatch) -> Account:
    """A till with 7 and a shop that did not count; told to start, it adds to what it has counted meanwhile."""
    apply = MemoryWorld.apply

    def add(world: MemoryWorld, write: StockWrite, how: Writing) -> WriteResult:
        counted = world.things[write.ref.external_id].listing.quantity is not None
        write = replace(write, start_managing=write.start_managing and not counted)
        return apply(world, write, how)

    monkeypatch.setattr(MemoryWorld, "apply", add)
    account = Account(database)
    account.add_side("till", "hub").put("t-A", 7, sku="A")
    account.add_side("web", manage_unmanaged=True).put("w-A", None, sku="A", stock_mode=StockMode.UNMANAGED)
    return account


def test_a_cached_page_does_not_switch_counting_on_twice(adding_shop: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account, web = adding_shop, adding_shop.worlds["web"]
    old: RemoteListing = web.things["w-A"].listing
    account.poll()
    account.poll()
    assert web.quantity("w-A") == 7
    side = account.workers["web"].side.adapter
    read = side.read_changes

    def cached(cursor: Cursor) -> Iterator[ChangePage]:
        for page in read(cursor):
            yield replace(page, listings=tuple(old for _ in page.listings))

    monkeypatch.setattr(side, "read_changes", cached)
    account.clock.advance(2)
    account.poll("web")
    monkeypatch.setattr(side, "read_changes", read)
    account.settle_down(3)
    assert account.on_hand("A") == web.quantity("w-A") == account.worlds["till"].quantity("t-A") == 7


def test_stock_that_a_shop_counted_already_is_not_added_to_ours(adding_shop: Account) -> None:
    """A person switched counting on between our reading and our write."""
    account, web = adding_shop, adding_shop.worlds["web"]
    web.before_effect = lambda write: web.put("w-A", 5, sku="A") if write.start_managing else None
    account.poll()
    account.settle_down(3)
    assert account.on_hand("A") == web.quantity("w-A") == account.worlds["till"].quantity("t-A") == 7


def test_a_shop_that_was_taken_out_and_comes_back_is_told_what_was_sold_meanwhile(
    database: Database, tmp_path: Path
) -> None:
    worlds = {name: MemoryWorld(name) for name in ("inventorum", "one", "two")}
    for name, world in worlds.items():
        world.put(f"{name}-A", 10, sku="A")

    def restart(*shops: str) -> None:
        file = tmp_path / "config.toml"
        file.write_text(HUB_TOML + "".join(SHOP_TOML.format(name) for name in shops), encoding="utf-8")
        account = open_account(load_config(file), database)
        for name, worker in account.workers.items():
            worker.side.adapter = MemorySide(worlds[name])
        sync_once(account, full=False, cause="test")
        account.close()

    restart("one", "two")
    restart("one")
    worlds["one"].sell("one-A", 4)
    restart("one")
    restart("one")
    restart("one", "two")
    assert [world.quantity(f"{name}-A") for name, world in worlds.items()] == [6, 6, 6]


def test_a_stop_before_sending_leaves_nothing_in_doubt(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the rate budget ends with a stop: what did not leave need not be settled, or parked."""
    account = two_sides(database, {"A": 10}, {"A": 10})

    def stop(writes: Sequence[StockWrite]) -> list[WriteResult]:
        raise Stopped(f"stopped before {len(writes)} writes")

    monkeypatch.setattr(account.workers["till"].side.adapter, "write_stock", stop)
    account.worlds["web"].sell("w-A", 1)
    account.poll("web")
    with pytest.raises(Stopped):
        account.poll("till")
    assert [operation.state for operation in account.operations()] == ["cancelled"]
    monkeypatch.undo()
    account.worlds["till"].sell("t-A", 1)
    account.poll()
    account.poll()
    assert account.on_hand("A") == account.worlds["till"].quantity("t-A") == account.worlds["web"].quantity("w-A") == 8


def test_a_process_whose_lease_may_be_over_intends_nothing(database: Database) -> None:
    """Each look would leave cancelled writes behind, thousands after a night in which the database was away."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    side = account.workers["web"].side
    account.worlds["till"].sell("t-A", 1)
    side.may_write = lambda: False
    account.poll()
    assert account.operations() == []
    side.may_write = lambda: True
    account.poll()
    assert account.worlds["web"].quantity("w-A") == 9


def test_an_approval_that_was_not_needed_lets_nothing_pass_later(database: Database) -> None:
    limits = SafetyLimits(max_zeroed=Limit(2, Decimal(10)))
    account = two_sides(database, dict.fromkeys("ABCDEFGH", 5), dict.fromkeys("ABCDEFGH", 5), limits=limits)
    till = account.worlds["till"]
    for sku in "ABC":
        till.sell(f"t-{sku}", 5)
    assert isinstance(account.poll("till", "web")[1].error, SafetyStop)
    with database.write() as session:
        assert close_finding(session, "safety_stop", "web", account.clock(), by=APPROVED)
    for sku in "ABC":
        till.sell(f"t-{sku}", -5)
    account.settle_down()
    for sku in "ABCDEFGH":
        till.sell(f"t-{sku}", 5)
    assert isinstance(account.poll("till", "web")[1].error, SafetyStop)


def test_what_changes_while_a_long_plan_is_carried_out_is_guarded_too(database: Database) -> None:
    skus = {f"S{number}": 50 for number in range(60)}
    limits = SafetyLimits(max_zeroed=Limit(2, Decimal(10)))
    account = two_sides(database, skus, skus, limits=limits)
    till, web = account.worlds["till"], account.worlds["web"]
    for sku in skus:
        till.sell(f"t-{sku}", 1)
    account.poll("till")

    def disaster(write: StockWrite) -> None:
        if write.difference == -1 and till.quantity("t-S0"):
            for sku in skus:
                till.count(f"t-{sku}", 0)
            account.poll("till")

    web.before_effect = disaster
    assert isinstance(account.poll("web")[0].error, SafetyStop)
    assert all(web.quantity(f"w-{sku}") > 0 for sku in skus)


def test_an_order_dated_by_a_fast_clock_is_not_taken_as_swallowed(database: Database) -> None:
    """The shop's clock is a minute ahead, and just then we write: the order was counted by its reading, once."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.settle_down()
    web = account.worlds["web"]
    web.sell("w-A", 1)
    dated = account.clock() + timedelta(seconds=60)
    order = StockEvent(ListingRef("w-A"), "order:7", EventKind.ORDER, "order 7", Decimal(-1), dated, dated)
    web.events.append((web.tick, order))
    account.poll("web", "till")
    account.clock.advance(60)
    account.worlds["till"].sell("t-A", 1)
    account.poll("till", "web")
    account.settle_down(4)
    assert account.on_hand("A") == web.quantity("w-A") == 8


def test_what_is_made_anew_takes_the_place_of_what_lies_in_the_trash(database: Database) -> None:
    account = two_sides(database, {"A": 5}, {"A": 5})
    web, side = account.worlds["web"], account.workers["web"].side
    del web.things["w-A"]
    trashed = start_run(side, "poll", "test")
    with database.write() as session:
        mark_gone(session, side, [GoneListing(ListingRef("w-A"), Proof.TRASHED)], trashed)
    web.put("w-A2", 0, sku="A")
    account.poll()
    assert web.quantity("w-A2") == 5
    assert account.listing("web", "w-A").item_id is None
    assert account.findings() == []


def test_a_product_that_comes_back_to_the_till_is_counted_again(database: Database) -> None:
    account = two_sides(database, {"A": 5}, {"A": 5})
    till = account.worlds["till"]
    till.delete("t-A")
    account.poll()
    till.deleted.clear()
    till.put("t-A", 5, sku="A")
    account.poll()
    account.poll()
    till.sell("t-A", 1)
    account.poll()
    assert account.worlds["web"].quantity("w-A") == 4


def test_a_listing_made_anew_does_not_bring_its_empty_stock(database: Database) -> None:
    """The shop's quantity counts at the first link; this is not the first."""
    account = two_sides(database, {"A": 7}, {"A": 7}, initial_stock="shop")
    account.worlds["web"].delete("w-A")
    account.poll()
    account.settle_down()
    account.worlds["web"].put("w-A2", 0, sku="A")
    account.poll()
    account.poll()
    assert account.worlds["till"].quantity("t-A") == account.worlds["web"].quantity("w-A2") == 7


def test_a_sale_counts_for_the_item_that_the_listing_was_linked_with_anew(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    till, web = account.worlds["till"], account.worlds["web"]
    till.sell("t-A", 2)
    web.faults.append("lost_before")
    account.poll("till", "web")
    till.delete("t-A")
    account.poll("till", "web")
    till.put("t-A2", 8, sku="A")
    account.poll("till", "web")
    web.sell("w-A", 3)
    account.settle_down(3)
    assert till.quantity("t-A2") == web.quantity("w-A") == 5


def test_a_parked_write_to_a_deleted_product_waits_for_nobody(database: Database) -> None:
    account = Account(database)
    till, web = account.add_side("till", "hub", capabilities=Capabilities(relative=True)), account.add_side("web")
    for sku in "AB":
        till.put(f"t-{sku}", 10, sku=sku)
        web.put(f"w-{sku}", 10, sku=sku)
    account.poll()
    account.poll()
    web.sell("w-A", 4)
    till.faults.append("lost_before")
    account.poll("web", "till")
    till.sell("t-A", 1)
    account.settle_down()
    assert [finding.kind for finding in account.findings()] == ["parked"]
    till.delete("t-A")
    account.settle_down(5)
    assert "parked" not in [finding.kind for finding in account.findings()]
    assert account.listing("till", "t-A").recheck_at is None


@pytest.mark.parametrize("why", ["not needed", "gone"])
def test_a_refusal_is_forgotten_when_there_is_nothing_to_write(
    database: Database, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    account = two_sides(database, {"A": 10, "B": 1}, {"A": 10, "B": 1})
    side = account.workers["web"].side.adapter
    monkeypatch.setattr(side, "write_stock", lambda writes: [Refused("broken", "no")] * len(writes))
    account.worlds["till"].sell("t-A", 1)
    account.poll("till", "web")
    assert [finding.kind for finding in account.findings()] == ["write_rejected"]
    monkeypatch.undo()
    if why == "gone":
        account.worlds["web"].delete("w-A")
    else:
        account.worlds["till"].sell("t-A", -1)
    account.poll("till", "web")
    assert "write_rejected" not in [finding.kind for finding in account.findings()]


def test_a_dry_run_that_is_stopped_leaves_no_copy_behind(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(HUB_TOML + SHOP_TOML.format("one"), encoding="utf-8")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        preview(load_config(file), database, stop=stop, progress=lambda side, step, done, total: None)
    assert list(tmp_path.glob("syncd-dry-run*")) == []
