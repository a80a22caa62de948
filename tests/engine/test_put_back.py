"""A shop that is put back to an old state: nothing of it counts before a person looked (design 6)."""

from __future__ import annotations

import copy
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from syncd.core.guard import Limit, SafetyLimits
from syncd.core.model import ChangePage, Quantity
from syncd.errors import SafetyStop
from syncd.service.findings import APPROVED, PUT_BACK, close_finding
from syncd.state.models import Finding
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.adapters.memory import MemoryWorld
    from syncd.core.model import Cursor
    from syncd.state.engine import Database

SKUS = [f"S{number}" for number in range(12)]
LIMITS = SafetyLimits(max_unexplained=Limit(5, Decimal(10)))


def _open(database: Database) -> Account:
    account = two_sides(database, dict.fromkeys(SKUS, 10), dict.fromkeys(SKUS, 10), limits=LIMITS)
    account.clock.advance(60)
    return account


def _quantities(world: MemoryWorld) -> dict[str, int]:
    return {external_id[2:]: int(world.quantity(external_id)) for external_id in world.things}


def _trade(account: Account, skus: list[str]) -> None:
    """Each of these sells at the till and in the shop, and all is carried to the other side."""
    for sku in skus:
        account.worlds["till"].sell(f"t-{sku}", 1)
        account.worlds["web"].sell(f"w-{sku}", 2, reference=f"o-{sku}-{account.clock.at:%H%M%S}")
    for _ in range(3):
        account.clock.advance(30)
        account.poll()


def _restore(account: Account, things: Any) -> None:
    """The shop's database is put back: nothing of it shows in the feed of changes."""
    web = account.worlds["web"]
    web.things = copy.deepcopy(things)
    for thing in web.things.values():
        thing.changed = 0


def _answer(account: Account, word: str) -> None:
    with account.db.write() as session:
        query = select(Finding).where(Finding.kind == "safety_stop", Finding.closed_at.is_(None))
        finding = session.scalars(query).one()
        close_finding(session, finding.kind, finding.subject, account.clock(), by=word)


def _stop(account: Account, kind: str = "full") -> SafetyStop:
    account.clock.advance(60)
    (outcome,) = account.poll("web", kind=kind)
    assert isinstance(outcome.error, SafetyStop)
    return outcome.error


def test_a_restored_shop_is_known_by_the_marks_of_older_writes(database: Database) -> None:
    account = _open(database)
    _trade(account, SKUS[:2])
    backup = copy.deepcopy(account.worlds["web"].things)
    _trade(account, SKUS[:2])
    _restore(account, backup)
    error = _stop(account)
    assert error.counts["put_back"] == 2
    assert _quantities(account.worlds["till"])["S0"] == 4
    assert [finding.kind for finding in account.findings()] == ["safety_stop"]


def test_nothing_is_written_to_a_shop_that_waits_and_the_till_goes_on(database: Database) -> None:
    account = _open(database)
    _trade(account, SKUS[:1])
    backup = copy.deepcopy(account.worlds["web"].things)
    _trade(account, SKUS[:1])
    _restore(account, backup)
    _stop(account)
    written = len(account.worlds["web"].writes)
    account.worlds["till"].sell("t-S0", 1)
    for kind in ("poll", "push", "full"):
        account.clock.advance(30)
        till, web = account.workers["till"].run(kind, "test"), account.workers["web"].run(kind, "test")
        assert till.error is None
        assert isinstance(web.error, SafetyStop)
    assert len(account.worlds["web"].writes) == written
    assert account.on_hand("S0") == 3
    assert len(account.findings(closed=True)) == 1


def test_put_back_sets_the_shop_to_what_syncd_knows_and_counts_nothing(database: Database) -> None:
    account = _open(database)
    _trade(account, SKUS[:3])
    backup = copy.deepcopy(account.worlds["web"].things)
    _trade(account, SKUS[:3])
    _restore(account, backup)
    _stop(account)
    account.worlds["web"].sell("w-S1", 1, reference="late")
    movements = len(account.movements())
    _answer(account, PUT_BACK)
    for _ in range(3):
        account.clock.advance(30)
        account.poll()
    assert _quantities(account.worlds["web"]) == _quantities(account.worlds["till"])
    assert {sku: account.on_hand(sku) for sku in SKUS[:3]} == {"S0": 4, "S1": 3, "S2": 4}
    assert [m.quantity for m in account.movements()[movements:]] == [-1], "what was bought since counts"
    _trade(account, SKUS[:4])
    account.poll(kind="full")
    assert account.findings() == []
    assert _quantities(account.worlds["web"]) == _quantities(account.worlds["till"])


def test_approval_counts_what_the_shop_reports(database: Database) -> None:
    account = _open(database)
    for sku in SKUS[:6]:
        account.worlds["web"].count(f"w-{sku}", 20)
    error = _stop(account, "poll")
    assert error.counts == {"put_back": 0, "unexplained": 6, "of": 12}
    _answer(account, APPROVED)
    for _ in range(3):
        account.clock.advance(30)
        account.poll()
    assert account.on_hand("S0") == 20
    assert _quantities(account.worlds["till"]) == _quantities(account.worlds["web"])
    assert account.findings() == []


def test_as_many_orders_as_they_like_stop_nothing(database: Database) -> None:
    account = _open(database)
    _trade(account, SKUS)
    assert account.findings() == []
    assert set(_quantities(account.worlds["web"]).values()) == {7}


def test_a_stop_closes_by_itself_when_the_numbers_come_back(database: Database) -> None:
    account = _open(database)
    true = copy.deepcopy(account.worlds["web"].things)
    for sku in SKUS:
        account.worlds["web"].count(f"w-{sku}", 0)
    _stop(account, "poll")
    _restore(account, true)
    account.clock.advance(30)
    account.poll(kind="full")
    assert account.findings() == []
    assert account.movements("change") == []
    assert set(_quantities(account.worlds["till"]).values()) == {10}


def _serve_old_pages(account: Account, *, fresh_by_id: bool) -> MemoryWorld:
    """The shop's lists show a product as it was before our last write, for longer than the shop's caches should."""
    web = account.worlds["web"]
    for _ in range(2):
        account.worlds["till"].sell("t-S0", 3)
        account.clock.advance(30)
        account.poll()
    web.stale, web.stale_s, web.fresh_by_id = True, 600, fresh_by_id
    web.things["w-S0"].changed = web.tick
    account.clock.advance(60)
    return web


def test_an_old_page_is_read_again_by_id_and_stops_nothing(database: Database) -> None:
    account = _open(database)
    web = _serve_old_pages(account, fresh_by_id=True)
    account.poll("web")
    assert account.findings() == []
    assert _quantities(web) == _quantities(account.worlds["till"])
    assert account.on_hand("S0") == 4


def test_old_answers_to_reads_by_id_stop_the_shop_until_they_end(database: Database) -> None:
    account = _open(database)
    web = _serve_old_pages(account, fresh_by_id=False)
    _stop(account, "poll")
    web.stale = False
    account.clock.advance(30)
    account.poll(kind="full")
    assert account.findings() == []
    assert account.on_hand("S0") == 4


@pytest.mark.parametrize("values", [(8, 10), (10, 8), (8, 9), (8, 8)])
def test_of_two_readings_in_one_read_the_later_one_counts(database: Database, values: tuple[int, int]) -> None:
    account = _open(database)
    adapter = account.workers["web"].side.adapter
    reading = account.worlds["web"].things["w-S0"].listing

    def read(cursor: Cursor) -> Iterator[ChangePage]:
        for value in values:
            yield ChangePage((replace(reading, quantity=Quantity(value)),))
        yield ChangePage(cursor=cursor)

    account.worlds["web"].count("w-S0", values[1])  # a read that contradicts itself is followed by a look by id
    adapter.read_changes = read  # type: ignore[method-assign]
    account.poll("web")
    assert account.on_hand("S0") == values[1]
    assert account.listing("web", "w-S0").shadow == values[1]
