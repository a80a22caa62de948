"""The comparison at rest: after everything that happened, all books must agree (design 3, invariants)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from syncd.core.stock import project
from syncd.service.resolve import resolve
from syncd.state.models import Item, Movement, Operation, Run
from tests.support.sides import KINDS, TILL
from tests.support.tally import TALLY

if TYPE_CHECKING:
    from tests.support.history import History
    from tests.support.swallowed import Key
    from tests.support.truth import Row

_BEYOND_EVERY_WINDOW_S = 130


@dataclass
class Comparison:
    """Brings a history to rest and compares all books."""

    history: History

    def run(self) -> None:
        """Let everything come to rest, then compare all books (design 3, invariants)."""
        TALLY["quiet"] += 1
        self.history.end_trouble()
        for kind in ("poll" if self.history.feeds_are_whole else "full", "poll"):
            self._rest(kind)
        if self._open():
            self._resolve_parked()
        self.history.truth.lagged.clear()
        self._check_rest()
        before = self._activity()
        self._rest("full" if self.history.feeds_are_whole else "poll")
        assert self._activity() == before, "a further pass did something"
        self.history.feeds_are_whole = True

    def _rest(self, kind: str) -> None:
        self.history.clock.advance(_BEYOND_EVERY_WINDOW_S)
        self.history.sync(kind)

    def _resolve_parked(self) -> None:
        """What is in doubt after all windows is parked, for a reason; people then set it right."""
        for row in self._open():
            operation, reason = row.operation, self.history.truth.unclear(row)
            assert operation is not None
            assert operation.state == "parked", f"{row.key}: {operation.state} for ever: {operation.error}"
            assert reason, f"{row.key} is parked though its numbers are clear: {operation.error}"
            assert self._finding("parked", f"operation {operation.id}"), "parked without a finding"
            TALLY["fault:parked"] += 1
            if reason == "undocumented":
                units = -self.history.truth.undocumented(row.key)
                self.history.account.worlds[row.key[0]].sell(row.key[1], -units)
                self.history.truth.happen(row.key, units, "")
        self._rest("poll")
        for row in self._open():
            assert self.history.truth.unclear(row), f"{row.key} stays parked though its numbers are clear"
            self._person_decides(row)
        self._rest("poll")

    def _open(self) -> list[Row]:
        return [row for row in self.history.truth.look().values() if row.operation is not None]

    def _finding(self, kind: str, subject: str) -> bool:
        return any(finding.kind == kind and finding.subject == subject for finding in self.history.account.findings())

    def _person_decides(self, row: Row) -> None:
        """A person looked into the side's own history and says whether the write took effect."""
        assert row.operation is not None
        world, number = self.history.account.worlds[row.key[0]], row.operation.id
        applied = any(write.operation_id == row.operation.uid for write in world.writes)
        (finding,) = (each.id for each in self.history.account.findings() if each.operation_id == number)
        resolve(self.history.db, finding, applied=applied, now=self.history.clock())

    def _check_rest(self) -> None:
        rows = self.history.truth.look()
        for row in rows.values():
            if row.item is None:
                self._check_unlinked(row, rows)
                continue
            assert row.operation is None, f"{row.key} is still in doubt"
            assert not row.pending, f"{row.key} still waits to be written"
            self._check_holds(row)
        with self.history.db.read() as session:
            sums: Counter[int] = Counter()
            for movement in session.scalars(select(Movement)):
                sums[movement.item_id] += movement.quantity  # type: ignore[assignment]  # counts in Decimal
            for item in session.scalars(select(Item)):
                assert sums[item.id] == item.on_hand, f"the ledger of item {item.id} comes to {sums[item.id]}"
        for item_id, total in self.history.truth.totals.items():
            assert self._finding("oversell", f"item {item_id}") == (total < 0), f"item {item_id} has {total}"
        kinds = {finding.kind for finding in self.history.account.findings()}
        assert not kinds & {"parked", "write_rejected", "side_unreachable", "invalid_answer"}, kinds

    def _check_holds(self, row: Row) -> None:
        side, external_id = row.key
        total = self.history.truth.totals.get(row.item or 0)
        if total is None:
            return
        listing = self.history.account.listing(side, external_id)
        wants = project(total, KINDS[side].policy, listing.sku_key)
        holds = self.history.account.worlds[side].quantity(external_id)
        assert holds == wants, f"convergence: {row.key} holds {holds}, should {wants} of {total}"
        assert row.on_hand == total
        assert row.shadow == holds

    def _check_unlinked(self, row: Row, rows: dict[Key, Row]) -> None:
        """A product is linked if its code leads to one free product of the till."""
        side, external_id = row.key
        code = self.history.account.worlds[side].things[external_id].listing.sku
        partners = [
            other
            for other in rows.values()
            if other.key[0] == TILL and self.history.account.worlds[TILL].things[other.key[1]].listing.sku == code
        ]
        taken = {other.item for other in rows.values() if other.key[0] == side}
        assert len(partners) != 1 or partners[0].item in taken, f"{row.key} could be linked"

    def _activity(self) -> tuple[int, ...]:
        with self.history.db.read() as session:
            counts = [session.scalar(select(func.count()).select_from(table)) or 0 for table in (Operation, Movement)]
            drift = session.scalar(select(func.sum(Run.drift))) or 0
        return (*counts, drift)
