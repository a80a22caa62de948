"""Dry runs: the same engine over a copy of the database, so that looking changes nothing (design 3, "dry run")."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from loguru import logger
from sqlalchemy import or_, select

from syncd.core.fields import ALL, told
from syncd.core.link import Match, MatchClass
from syncd.core.model import StockMode
from syncd.service.account import open_account, sync_once
from syncd.service.creation import plans_of, stop_subject
from syncd.service.creation_plan import PlannedProduct, check_plan_of_creations
from syncd.service.differences import differences
from syncd.service.families import alike
from syncd.service.field_plan import PlannedFields, check_plan_of_fields
from syncd.service.field_push import FieldPusher
from syncd.service.linking import ALIKE, PARTED, find_matches, link_pending, ready_to_link, unlinked_rows
from syncd.service.made_before import made_already
from syncd.service.observe import CLOCK_STEP
from syncd.service.planning import PlannedWrite, check_safety, plan_side
from syncd.service.restored import refuse_uncompared
from syncd.service.runs import start_run
from syncd.service.withdrawal_plan import (
    PlannedWithdrawal,
    check_plan_of_withdrawals,
    hidden_already,
    plan_withdrawals,
)
from syncd.state.models import Listing
from syncd.state.scratch import scratch_copy

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy.orm import Session

    from syncd.config import Config
    from syncd.errors import SyncdError
    from syncd.service.account import Account
    from syncd.service.side import SideContext
    from syncd.service.worker import RunOutcome, SideWorker
    from syncd.state.engine import Database


@dataclass(slots=True)
class SidePlan:
    """What would be written to one side now, or why nothing would.

    Attributes:
        writes: Stock.
        fields: Fields of products.
        products: Products that would be made.
        withdrawals: Products that would be taken from the customers.
        stopped: Why a person must look at the stock writes first; ``fields_stopped`` the same of fields,
            ``products_stopped`` of new products, ``withdrawals_stopped`` of deleted ones.
        products_subjects: Subjects of the safety stops on new products: the till has one for each shop they come from.
        waits: Products whose reading does not count yet, as it may be a cache's: what changed there is not planned.
        waits_s: Seconds until the last of them is read again.
    """

    side: str
    writes: list[PlannedWrite]
    fields: list[PlannedFields]
    products: list[PlannedProduct] = field(default_factory=list)
    withdrawals: list[PlannedWithdrawal] = field(default_factory=list)
    stopped: str = ""
    fields_stopped: str = ""
    products_stopped: str = ""
    products_subjects: list[str] = field(default_factory=list)
    withdrawals_stopped: str = ""
    waits: int = 0
    waits_s: float = 0.0
    error: str = ""


@dataclass(slots=True)
class Preview:
    """What a dry run found; ``outcomes`` tells which sides could not be read."""

    plans: list[SidePlan]
    outcomes: list[RunOutcome]


@dataclass(frozen=True, slots=True)
class MatchRow:
    """One listing in the report of ``syncd match``."""

    kind: str
    side: str
    external_id: str
    sku: str
    gtin: str
    name: str
    note: str


@dataclass(slots=True)
class MatchReport:
    """First-run report for one shop: counts per class, and the rows that need a look."""

    shop: str
    counts: dict[str, int]
    rows: list[MatchRow] = field(default_factory=list)
    failure: SyncdError | None = None

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        rows = [asdict(row) for row in self.rows]
        return {"shop": self.shop, "counts": self.counts, "rows": rows, "error": str(self.failure or "")}


def preview(
    config: Config,
    db: Database,
    *,
    stop: threading.Event,
    progress: Callable[[str, str, int, int | None], None],
    full: bool = False,
    only: Iterable[str] = (),
) -> Preview:
    """Read all sides and plan, in a copy of the database; neither a side nor the database is written to."""
    with _observed_copy(config, db, stop=stop, progress=progress, full=full, only=only) as (account, outcomes):
        failed = {outcome.run.side: str(outcome.error) for outcome in outcomes if outcome.error}
        for worker in account.shops:
            _link_in_copy(account, worker)
        names = set(only)
        # The hub comes last: what shops own is handed over to it.
        last = sorted(account.workers.values(), key=lambda worker: worker.side.is_hub)
        fields = {worker.side.name: _plan_fields(worker) for worker in last}
        plans = [
            _plan(worker, fields[worker.side.name], failed.get(worker.side.name, ""))
            for worker in account.workers.values()
            if worker.side.is_hub or not names or worker.side.name in names
        ]
        return Preview(plans, outcomes)


def match(
    config: Config,
    db: Database,
    *,
    stop: threading.Event,
    progress: Callable[[str, str, int, int | None], None],
    only: Iterable[str] = (),
) -> list[MatchReport]:
    """Read all sides and classify every listing, in a copy of the database."""
    with _observed_copy(config, db, stop=stop, progress=progress, full=True, only=only) as (account, outcomes):
        failed = {outcome.run.side: outcome.error for outcome in outcomes if outcome.error}
        names = set(only)
        reports = []
        for worker in account.shops:
            if names and worker.side.name not in names:
                continue
            failure = failed.get(worker.side.name) or failed.get(account.hub.side.name)
            with account.db.read() as session:
                reports.append(_classify(session, account, worker, failure))
        return reports


class _observed_copy:  # noqa: N801 - used as a function
    """Context of an account over a scratch copy whose sides have been read."""

    def __init__(
        self,
        config: Config,
        db: Database,
        *,
        stop: threading.Event,
        progress: Callable[[str, str, int, int | None], None],
        full: bool,
        only: Iterable[str],
    ) -> None:
        refuse_uncompared(db)
        self._scratch = scratch_copy(db)
        self._account = open_account(config, self._scratch, stop=stop, tokens_db=db)
        self._full, self._only = full, tuple(only)
        for worker in self._account.workers.values():
            worker.dry_run, worker.progress = True, progress

    def __enter__(self) -> tuple[Account, list[RunOutcome]]:
        # Findings and runs of the copy are nobody's business.
        logger.disable("syncd.service")
        try:
            return self._account, sync_once(self._account, full=self._full, cause="dry run", only=self._only)
        except BaseException:
            self.__exit__()  # not called for an error in here: the copy would stay behind
            raise

    def __exit__(self, *exc: object) -> None:
        logger.enable("syncd.service")
        self._account.close()
        self._scratch.dispose()


def _link_in_copy(account: Account, worker: SideWorker) -> None:
    with account.db.read() as session:
        ready = ready_to_link(session, worker.side)
    if ready:
        link_pending(worker.side, worker.hub_id, start_run(worker.side, "sync", "dry run"))


def _plan(worker: SideWorker, fields: list[PlannedFields], error: str) -> SidePlan:
    with worker.side.db.read() as session:
        writes, _ = plan_side(session, worker.side)
        refusal = check_safety(session, worker.side, writes)
        of_fields = check_plan_of_fields(session, worker.side, fields)
    products, stops = _plan_products(worker)
    withdrawals = _plan_withdrawals(worker)
    with worker.side.db.read() as session:
        of_withdrawals = check_plan_of_withdrawals(session, worker.side, withdrawals)
        waits_s = _waits_s(session, worker.side)
    return SidePlan(
        side=worker.side.name,
        writes=writes,
        fields=fields,
        products=products,
        withdrawals=withdrawals,
        stopped=refusal.reason if refusal else "",
        fields_stopped=of_fields.reason if of_fields else "",
        products_stopped="; ".join(stops.values()),
        products_subjects=list(stops),
        withdrawals_stopped=of_withdrawals.reason if of_withdrawals else "",
        waits=len(waits_s),
        waits_s=max(waits_s, default=0.0),
        error=error,
    )


def _waits_s(session: Session, side: SideContext) -> list[float]:
    """For each linked product that is to be read again later, because what it shows now may come from a cache: when."""
    now = side.now()
    query = select(Listing.recheck_at, Listing.fields_recheck_at).where(
        Listing.side_id == side.id,
        Listing.gone_at.is_(None),
        Listing.item_id.is_not(None),
        or_(Listing.recheck_at > now, Listing.fields_recheck_at > now),
    )
    # After the clock was set back a time far ahead is no time to wait for (`observe`).
    due = ([at for at in found if at is not None and now < at < now + CLOCK_STEP] for found in session.execute(query))
    return [(max(each) - now).total_seconds() for each in due if each]


def _plan_products(worker: SideWorker) -> tuple[list[PlannedProduct], dict[str, str]]:
    """What would be made, and why a person must look at it first, by subject of the safety stop."""
    side, plans = worker.side, plans_of(worker.side)
    products: list[PlannedProduct] = []
    stops: dict[str, str] = {}
    with side.db.write() as session:
        for source in side.sources:
            may = plans.consider(session, side, source)
            found = plans.plan_creations(session, side, source) if may else []
            found = [product for product, there in made_already(session, side, source, found) if there is None]
            stop = check_plan_of_creations(session, side, source, found)
            if stop is not None:
                stops[stop_subject(side, source)] = f"{source.name}: {stop.reason}" if side.is_hub else stop.reason
            products += found
    return products, stops


def _plan_withdrawals(worker: SideWorker) -> list[PlannedWithdrawal]:
    if worker.side.is_hub:
        return []
    with worker.side.db.write() as session:
        planned = plan_withdrawals(session, worker.side)
        hidden = hidden_already(session, worker.side, planned)
        return [one for one in planned if one.ref not in hidden]


def _plan_fields(worker: SideWorker) -> list[PlannedFields]:
    run = start_run(worker.side, "sync", "dry run")
    return FieldPusher(worker.side, worker.hub_id, run, worker.stop).plan()


def _matches(
    session: Session, shop_id: int, hub_id: int, rows: Sequence[Listing]
) -> tuple[list[Match], list[tuple[Listing, Listing]]]:
    """What linking would do with unlinked listings, and the pairs that it would make."""
    matches = {match.shop_id: match for match in find_matches(session, shop_id, hub_id, rows)}
    by_id = {row.id: row for row in rows}
    pairs = [
        (by_id[match.shop_id], session.get_one(Listing, match.hub_id))
        for match in matches.values()
        if match.hub_id is not None
    ]
    left = [by_id[match.shop_id] for match in matches.values() if match.hub_id is None]
    more = alike(session, shop_id, hub_id, left, pairs)
    matches |= {row.id: Match(row.id, MatchClass.LINKABLE, hub.id, ALIKE) for row, hub in more}
    return list(matches.values()), [*pairs, *more]


def _classify(session: Session, account: Account, worker: SideWorker, failure: SyncdError | None) -> MatchReport:
    hub = account.hub.side
    names = {hub.id: hub.name, worker.side.id: worker.side.name}
    counts: Counter[str] = Counter()
    rows: list[MatchRow] = []
    unlinked = unlinked_rows(session, worker.side.id)
    here = [row for row in unlinked if row.link_rule != PARTED]
    for row in unlinked:
        if row.link_rule == PARTED:
            counts[PARTED] += 1
            rows.append(_row(PARTED, names, row, "parted by hand; `syncd link` pairs it again"))
    by_id = {row.id: row for row in here}
    claimed: set[int] = set()
    matches, pairs = _matches(session, worker.side.id, hub.id, here)
    for match_ in matches:
        counts[str(match_.kind)] += 1
        if match_.hub_id is not None:
            claimed.add(match_.hub_id)
        note = f"by {match_.rule}" if match_.kind is MatchClass.LINKABLE else match_.reason
        rows.append(_row(str(match_.kind), names, by_id[match_.shop_id], note))
    linked_items = select(Listing.item_id).where(Listing.side_id == worker.side.id, Listing.item_id.is_not(None))
    counts["linked"] = len(session.scalars(linked_items.where(Listing.gone_at.is_(None))).all())
    there = select(Listing).where(
        Listing.side_id == hub.id,
        Listing.gone_at.is_(None),
        Listing.item_id.is_not(None),
        Listing.item_id.not_in(linked_items),
        Listing.id.not_in(claimed),
    )
    for row in session.scalars(there.order_by(Listing.id)):
        counts["only_there"] += 1
        rows.append(_row("only_there", names, row, f"not in {worker.side.name}"))
    not_counted = select(Listing).where(
        Listing.side_id == worker.side.id, Listing.gone_at.is_(None), Listing.stock_mode == StockMode.PARENT
    )
    for row in session.scalars(not_counted.order_by(Listing.id)):
        counts["stock_kept_by_parent"] += 1
        rows.append(_row("stock_kept_by_parent", names, row, "let each variation keep its own stock"))
    for found in differences(session, worker.side.id, hub.id, pairs, worker.side.owners_of(worker.side.id)):
        counts[f"{found.field}_differs"] += 1
        note = f"{told(found.field, found.shop) or 'none'} here, {told(found.field, found.hub) or 'none'} at the till"
        rows.append(_row(f"{found.field}_differs", names, found.listing, note))
    ordered = {kind: counts[kind] for kind in _CLASSES if counts[kind] or kind in _ALWAYS}
    return MatchReport(worker.side.name, ordered, rows, failure)


_ALWAYS = ("linked", "linkable", "ambiguous", "duplicate_sku", "missing_sku", "only_here", "only_there")
_CLASSES = (*_ALWAYS, PARTED, *(f"{field}_differs" for field in ALL), "stock_kept_by_parent")


def _row(kind: str, names: dict[int, str], row: Listing, note: str) -> MatchRow:
    return MatchRow(kind, names[row.side_id], row.external_id, row.sku or "", row.gtin or "", row.name, note)
