"""The audit trusts nothing that it can look at: it finds what differs, says why, and never lies about work going on."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from syncd.adapters.base import Capabilities
from syncd.core.audit import Reason, Standing
from syncd.core.guard import Limit, SafetyLimits
from syncd.core.model import Refused
from syncd.errors import AuthRejected, Stopped, Transient
from syncd.service.audit import AuditReport, Difference, audit
from syncd.state.models import Item, Listing
from tests.support.engine import Account, two_sides
from tests.support.looking import contents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from syncd.core.model import ChangePage, Cursor, FetchResult, ListingRef, StockWrite, WriteResult
    from syncd.state.engine import Database

SKUS = "ABCD"
AT_WORK = timedelta(seconds=60)


def rested(db: Database, **options: object) -> Account:
    """Four items on two sides, at rest, their feeds gone on to something else."""
    account = two_sides(db, dict.fromkeys(SKUS, 10), dict.fromkeys(SKUS, 10), **options)
    with db.write() as session:
        for worker in account.workers.values():
            worker.side.row(session).policy = worker.side.policy_text
    quiet(account)
    return account


def quiet(account: Account) -> None:
    """Let the feeds go on, so that they speak of nothing any more."""
    for world in account.worlds.values():
        world.put(f"{world.name}-other", None, sku=None, stock_mode="unmanaged")
    account.settle_down()


def look(account: Account, patience: timedelta = timedelta(0), **options: object) -> AuditReport:
    sides = [worker.side for worker in account.workers.values()]
    stop = options.get("stop", threading.Event())
    return audit(sides, account.db, stop=stop, progress=lambda *_: None, patience=patience)  # type: ignore[arg-type]


def found(report: AuditReport) -> list[tuple[str, str, str, str]]:
    return [(each.side, each.sku, each.standing, each.reason) for each in report.differences]


def numbers(row: Difference) -> tuple[object, object, object]:
    return row.holds, row.should, row.shadow


def set_listing(db: Database, external_id: str, **values: object) -> None:
    with db.write() as session:
        session.execute(update(Listing).where(Listing.external_id == external_id).values(**values))


def test_what_is_equal_is_equal_and_nothing_is_touched(database: Database) -> None:
    account = rested(database)
    before = contents(database), [(world.tick, world.writes) for world in account.worlds.values()]
    report = look(account)
    assert (contents(database), [(world.tick, world.writes) for world in account.worlds.values()]) == before
    assert report.exit_code == 0
    assert [(side.side, side.compared, side.equal, side.unlinked) for side in report.sides] == [
        ("till", 4, 4, 0),
        ("web", 4, 4, 0),
    ]
    assert (report.differences, report.books, report.items) == ([], [], 4)


def test_a_manipulated_shadow_is_found(database: Database) -> None:
    account = rested(database)
    set_listing(database, "w-B", shadow=Decimal(7))
    report = look(account)
    assert found(report) == [("web", "B", Standing.DIFFERENT, Reason.SHADOW)]
    assert numbers(report.differences[0]) == (10, 10, 7)
    assert report.exit_code == 4


def test_a_manipulated_quantity_on_hand_is_found(database: Database) -> None:
    account = rested(database)
    item = account.listing("till", "t-C").item_id
    with database.write() as session:
        session.execute(update(Item).where(Item.id == item).values(on_hand=Decimal("9.5")))
    report = look(account)
    assert [(book.item, book.sku, book.on_hand, book.ledger) for book in report.books] == [
        (item, "C", Decimal("9.5"), Decimal(10))
    ]
    assert report.differences == []
    assert report.exit_code == 4


@pytest.mark.parametrize("side", ["till", "web"])
def test_a_change_that_the_feed_never_told_is_found(database: Database, side: str) -> None:
    account = rested(database)
    account.worlds[side].sell(f"{side[0]}-A", 3)
    account.worlds[side].miss(f"{side[0]}-A")
    account.poll()
    report = look(account, AT_WORK)
    assert found(report) == [(side, "A", Standing.DIFFERENT, Reason.DRIFT)]
    assert numbers(report.differences[0]) == (7, 10, 10)
    account.poll(side, kind="full")
    account.settle_down()
    assert look(account).exit_code == 0


def test_a_change_that_waits_to_be_read_is_named_so(database: Database) -> None:
    account = rested(database)
    account.worlds["web"].sell("w-A", 1)
    report = look(account)
    assert found(report) == [("web", "A", Standing.DIFFERENT, Reason.NOT_READ)]
    assert report.exit_code == 4
    busy = look(account, AT_WORK)
    assert found(busy) == [("web", "A", Standing.UNDER_WAY, Reason.NOT_READ)]
    assert (busy.exit_code, busy.sides[1].under_way) == (0, 1)
    account.clock.advance(61)  # whoever is at work has not read the side for a minute
    assert found(look(account, AT_WORK)) == [("web", "A", Standing.DIFFERENT, Reason.NOT_READ)]


def test_a_write_that_waits_is_named_with_its_age(database: Database) -> None:
    account = rested(database)
    account.worlds["till"].sell("t-A", 4)
    account.poll("till")
    moved = account.clock()
    account.clock.advance(30)
    report = look(account)
    assert found(report) == [("web", "A", Standing.DIFFERENT, Reason.WRITE_PENDING)]
    assert (*numbers(report.differences[0]), report.differences[0].since) == (10, 6, 10, moved)
    assert look(account, AT_WORK).exit_code == 0
    account.clock.advance(31)
    assert look(account, AT_WORK).exit_code == 4


def test_a_safety_stop_and_a_refusal_are_named(database: Database) -> None:
    account = rested(database, limits=SafetyLimits(max_zeroed=Limit(1, Decimal(10))))
    for sku in "AB":
        account.worlds["till"].sell(f"t-{sku}", 10)
    account.poll("till", "web")
    assert found(look(account, AT_WORK)) == [("web", sku, Standing.DIFFERENT, Reason.STOPPED) for sku in "AB"]


def test_a_refused_write_is_named(database: Database) -> None:
    account = rested(database)
    account.worlds["till"].sell("t-A", 1)
    adapter = account.workers["web"].side.adapter

    def refuse(writes: Sequence[StockWrite]) -> list[WriteResult]:
        return [Refused("no", "not today") for _ in writes]

    adapter.write_stock = refuse  # type: ignore[method-assign]
    account.poll("till", "web")
    assert found(look(account, AT_WORK)) == [("web", "A", Standing.DIFFERENT, Reason.REFUSED)]


@pytest.mark.parametrize(("fault", "counts"), [("lost_before", True), ("lost_after", False)])
def test_a_write_in_doubt_counts_if_it_was_not_applied(database: Database, fault: str, counts: bool) -> None:
    account = rested(database)
    account.worlds["till"].sell("t-A", 2)
    account.worlds["web"].faults.append(fault)
    account.poll("till", "web")
    report = look(account)
    assert found(report) == [("web", "A", Standing.IN_DOUBT, Reason.IN_DOUBT)]
    assert (report.exit_code == 4) is counts
    assert look(account, AT_WORK).exit_code == 0
    account.clock.advance(61)
    assert (look(account, AT_WORK).exit_code == 4) is counts


def test_a_parked_write_waits_for_a_person(database: Database) -> None:
    account = Account(database)
    till = account.add_side("till", "hub", capabilities=Capabilities(relative=True, fractions=True))
    web = account.add_side("web")
    till.put("t-A", 10, sku="A")
    web.put("w-A", 10, sku="A")
    account.poll()
    web.sell("w-A", 4)
    till.faults.append("lost_before")
    account.poll("web", "till")
    till.sell("t-A", 1)
    account.settle_down()
    report = look(account, AT_WORK)
    assert found(report) == [("till", "A", Standing.IN_DOUBT, Reason.PARKED)]
    assert report.exit_code == 4


def test_a_product_that_is_gone_or_counts_no_more_is_found(database: Database) -> None:
    account = rested(database)
    web = account.worlds["web"]
    web.delete("w-A")
    web.put("w-B", None, sku="B", stock_mode="unmanaged")
    web.miss("w-A")
    report = look(account)
    assert sorted(found(report)) == [
        ("web", "A", Standing.DIFFERENT, Reason.GONE),
        ("web", "B", Standing.DIFFERENT, Reason.NOT_COUNTED),
    ]
    account.poll("web", kind="full")
    report = look(account)
    assert report.exit_code == 0
    assert (report.sides[1].compared, report.sides[1].not_counted) == (2, 1)


def test_another_configuration_is_no_drift(database: Database) -> None:
    account = rested(database)
    with database.write() as session:
        account.workers["web"].side.row(session).policy = "older"
    set_listing(database, "w-A", shadow=Decimal(9))
    account.worlds["web"].count("w-A", 9)
    account.worlds["web"].miss("w-A")
    assert found(look(account)) == [("web", "A", Standing.DIFFERENT, Reason.NEW_POLICY)]


def test_what_is_not_linked_or_new_is_counted_apart(database: Database) -> None:
    account = rested(database)
    account.worlds["web"].put("w-X", 3, sku="X")
    account.poll("web")
    account.worlds["web"].put("w-Y", 3, sku="Y")
    report = look(account)
    assert (report.sides[1].unlinked, report.sides[1].unknown, report.exit_code) == (1, 1, 0)


@pytest.mark.parametrize(
    ("error", "code"), [(Transient("web", "GET", "no route"), 1), (AuthRejected("web", "GET", "no"), 5)]
)
@pytest.mark.parametrize("when", ["read_all", "fetch", "read_changes"])
def test_a_side_that_cannot_be_read_is_said_so_and_the_others_are_compared(
    database: Database, error: Exception, code: int, when: str
) -> None:
    account = rested(database)
    account.worlds["web"].sell("w-A", 1)

    def fail(*_: object) -> None:
        raise error

    setattr(account.workers["web"].side.adapter, when, fail)
    report = look(account)
    assert (report.exit_code, report.differences) == (code, [])
    till, web = report.sides
    assert (till.compared, till.equal, till.error) == (4, 4, "")
    assert (web.compared, web.not_read, web.error) == (0, 4, str(error))
    set_listing(database, "t-B", shadow=Decimal(7))
    assert look(account).exit_code == (5 if code == 5 else 4)


def test_a_stop_ends_it(database: Database) -> None:
    account = rested(database)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        look(account, stop=stop)


class Beside:
    """A daemon and customers at work between any two steps of the audit."""

    def __init__(self, account: Account, act: Callable[[], None]) -> None:
        self._act = act
        self._busy = threading.Lock()
        for worker in account.workers.values():
            adapter = worker.side.adapter
            adapter.read_all = self._paged(adapter.read_all)  # type: ignore[method-assign]
            adapter.read_changes = self._paged(adapter.read_changes)  # type: ignore[method-assign]
            adapter.fetch = self._called(adapter.fetch)  # type: ignore[method-assign]
        self._account = account

    def _strike(self) -> None:
        if self._busy.acquire(blocking=False):  # what it does itself reads too
            try:
                self._act()
            finally:
                self._busy.release()

    def _paged(self, original: Callable[..., Iterator[ChangePage]]) -> Callable[..., Iterator[ChangePage]]:
        def pages(*arguments: Cursor) -> Iterator[ChangePage]:
            self._strike()
            for page in original(*arguments):
                yield page
                self._strike()

        return pages

    def _called(self, original: Callable[[Sequence[ListingRef]], FetchResult]) -> Callable[..., FetchResult]:
        def call(refs: Sequence[ListingRef]) -> FetchResult:
            self._strike()
            result = original(refs)
            self._strike()
            return result

        return call


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_beside_traffic_nothing_false_is_called_a_difference(database: Database, seed: int, hidden: bool) -> None:
    """And what really drifted (D, in half of the histories) is found all the same."""
    account = rested(database)
    drifted = []
    if hidden:
        account.worlds["web"].sell("w-D", 3)
        account.worlds["web"].miss("w-D")
        drifted = [("web", "D", "drift")]
    dice = random.Random(seed)  # noqa: S311 - a test that can be repeated
    at_work = True

    def act() -> None:
        if not at_work:
            return
        for _ in range(dice.randint(1, 3)):
            side, sku = dice.choice(["till", "web"]), dice.choice("ABC")
            match dice.choice(["sell", "sell", "poll", "poll", "poll" if hidden else "full"]):
                case "sell":
                    account.worlds[side].sell(f"{side[0]}-{sku}", dice.randint(-1, 2))
                case kind:
                    account.poll(side, kind=kind)
            account.clock.advance(dice.choice([0, 1, 2]))

    Beside(account, act)
    differed = 0
    for _ in range(8):
        report = look(account, AT_WORK)
        assert report.books == []
        assert [(each.side, each.sku, each.reason) for each in report.differences if each.counts] == drifted
        assert report.exit_code == (4 if drifted else 0)
        differed += len(report.differences) - len(drifted)
    at_work = False
    account.poll(kind="full")
    account.settle_down(3)
    quiet(account)
    assert look(account).exit_code == 0
    assert differed, "nothing was ever under way: this test looked at nothing"
