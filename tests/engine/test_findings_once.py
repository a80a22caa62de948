"""A finding is opened once, however many passes meet it, and is closed by itself when it no longer holds."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from loguru import logger

from syncd.adapters.memory import MemorySide
from syncd.core.guard import Limit, SafetyLimits
from syncd.core.model import Refused
from syncd.errors import AuthRejected, InvalidResponse, PermissionMissing, Transient, Untrusted
from tests.support import rows
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from syncd.core.model import ChangePage, Cursor, StockWrite, WriteResult
    from syncd.errors import SideError
    from syncd.state.engine import Database

PASSES = 4


class Unwell(MemorySide):
    """Fails to be read, or refuses to be written to, while a test wants it."""

    failure: SideError | None = None
    refusing = False

    def read_changes(self, cursor: Cursor) -> Iterator[ChangePage]:
        if self.failure is not None:
            raise self.failure
        return super().read_changes(cursor)

    def write_stock(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        if self.refusing:
            return [Refused("bad_product", "this product cannot be saved") for _ in writes]
        return super().write_stock(writes)


class Case:
    """An account whose shop can be made ill, and well again."""

    def __init__(self, database: Database) -> None:
        limits = SafetyLimits(max_zeroed=Limit(2, Decimal(10)))
        stock = dict.fromkeys("ABCD", 10)
        self.account: Account = two_sides(database, stock, stock, limits=limits)
        self.account.settle_down()
        self.till, self.web = self.account.worlds["till"], self.account.worlds["web"]
        self.sides = {}
        for name in ("till", "web"):
            context = self.account.workers[name].side
            self.sides[name] = context.adapter = Unwell(self.account.worlds[name], context.adapter.capabilities)

    def fail(self, kind: Callable[[str, str, str], SideError]) -> Callable[[], None]:
        """Every read of the shop fails like this, until the returned function is called."""
        side = self.sides["web"]
        side.failure = kind("web", "GET things", "it is ill")

        def heal() -> None:
            side.failure = None

        return heal

    def side_empty(self) -> Callable[[], None]:
        whole = dict(self.web.things)
        self.web.things.clear()
        self.account.poll("web", kind="full")
        return lambda: self.web.things.update(whole)

    def parked(self) -> Callable[[], None]:
        self.web.sell("w-A", 4)
        self.till.faults.append("lost_before")
        self.account.poll("web", "till")
        self.till.sell("t-A", 1)
        return lambda: self.till.sell("t-A", -1)

    def safety_stop(self) -> Callable[[], None]:
        for sku in "ABC":
            self.till.sell(f"t-{sku}", 10)
        return self._receive

    def _receive(self) -> None:
        for sku in "ABC":
            self.till.sell(f"t-{sku}", -5)

    def oversell(self) -> Callable[[], None]:
        self.till.sell("t-A", 12)
        return lambda: self.till.sell("t-A", -5)

    def write_rejected(self) -> Callable[[], None]:
        self.sides["web"].refusing = True
        self.till.sell("t-A", 1)
        self.account.poll()

        def heal() -> None:
            self.sides["web"].refusing = False
            self.till.sell("t-A", 1)

        return heal


ILL: dict[str, Callable[[Case], Callable[[], None]]] = {
    "side_empty": Case.side_empty,
    "invalid_answer": lambda case: case.fail(InvalidResponse),
    "reauthorisation": lambda case: case.fail(AuthRejected),
    "permission_missing": lambda case: case.fail(PermissionMissing),
    "certificate_wrong": lambda case: case.fail(Untrusted),
    "side_unreachable": lambda case: case.fail(Transient),
    "parked": Case.parked,
    "safety_stop": Case.safety_stop,
    "oversell": Case.oversell,
    "write_rejected": Case.write_rejected,
}


@pytest.fixture
def told() -> Iterator[Counter[tuple[str, str]]]:
    """Log lines about findings so far, by event and kind."""
    lines: Counter[tuple[str, str]] = Counter()
    sink = logger.add(lambda line: lines.update([(line.record["message"], str(line.record["extra"].get("kind")))]))
    yield lines
    logger.remove(sink)


@pytest.mark.parametrize("kind", ILL)
def test_a_finding_is_told_once_and_closes_by_itself(
    database: Database, told: Counter[tuple[str, str]], kind: str
) -> None:
    case = Case(database)
    heal = ILL[kind](case)
    for _ in range(PASSES):
        case.account.settle_down()
    assert [finding.kind for finding in case.account.findings()] == [kind]
    assert (told["finding.opened", kind], told["finding.closed", kind]) == (1, 0)
    heal()
    for _ in range(PASSES):
        case.account.settle_down()
    assert case.account.findings() == []
    assert (told["finding.opened", kind], told["finding.closed", kind]) == (1, 1)
    for name, world in case.account.worlds.items():
        held = {sku: world.quantity(f"{name[0]}-{sku}") for sku in "ABCD"}
        assert held == {sku: max(Decimal(0), case.account.on_hand(sku)) for sku in "ABCD"}


def test_a_process_that_was_killed_between_linking_and_telling_leaves_no_old_count(database: Database) -> None:
    account = two_sides(database, {"A": 3}, {"A": 3})
    with database.write() as session:
        rows.finding(session, kind="unlinked", severity="info", subject="web", side_id=account.workers["web"].side.id)
    account.restart("web")
    account.poll()
    assert account.findings() == []
