"""Wiring: a configuration becomes workers over one database."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy import delete, func, select, update

from syncd.adapters.base import AdapterContext
from syncd.adapters.registry import installed
from syncd.config.schema import HUB, SafetyConfig
from syncd.core.fields import Owner
from syncd.core.guard import Limit, SafetyLimits
from syncd.core.keys import sku_key
from syncd.core.model import StockMode
from syncd.core.stock import StockPolicy
from syncd.errors import ConfigError, ConfigProblem, CountsOtherwise, PermissionMissing, SafetyStop, SideError, Stopped
from syncd.http.trust import trust
from syncd.service import creation_plan, field_plan, till_plan, withdrawal_plan
from syncd.service.findings import (
    close_finding,
    creations_subject,
    fields_subject,
    offers_subject,
    withdrawals_subject,
)
from syncd.service.freshness import NEEDS_PERSON
from syncd.service.runs import RequestCounter
from syncd.service.side import Clock, SideContext
from syncd.service.withdrawal_plan import IGNORE
from syncd.service.worker import RunOutcome, SideWorker
from syncd.state.models import Finding, Listing, Operation, Run, Side, is_open
from syncd.state.product_models import Creation, FieldPair, FieldWrite
from syncd.state.seal import Seal, require_keys
from syncd.state.tokens import DatabaseTokenStore, keep_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy.orm import Session

    from syncd.adapters.base import SideAdapter
    from syncd.config import Config
    from syncd.config.schema import FieldOwners, SideConfig
    from syncd.config.schema import Limit as LimitConfig
    from syncd.state.engine import Database

_MOST_ROUNDS = 6
_NOT_CONFIGURED = "not configured"


@dataclass(slots=True)
class Account:
    """One INVENTORUM account with its shops: a worker per side.

    Attributes:
        db: Where syncd remembers.
        workers: By side name, the hub first.
        stop: Set to end everything early.
        adapters: The sides themselves, to be closed at the end.
    """

    db: Database
    workers: dict[str, SideWorker]
    stop: threading.Event
    adapters: list[SideAdapter] = field(default_factory=list)

    @property
    def hub(self) -> SideWorker:
        """The hub's worker."""
        return next(worker for worker in self.workers.values() if worker.side.is_hub)

    @property
    def shops(self) -> list[SideWorker]:
        """Workers of the shops."""
        return [worker for worker in self.workers.values() if not worker.side.is_hub]

    def pending(self) -> list[SideWorker]:
        """Workers of sides for which something waits to be written."""
        return [worker for worker in self.workers.values() if worker.has_pending()]

    def close(self) -> None:
        """Release all connections to sides."""
        for adapter in self.adapters:
            adapter.close()


def open_account(
    config: Config,
    db: Database,
    *,
    stop: threading.Event | None = None,
    tokens_db: Database | None = None,
    now: Clock | None = None,
    may_write: Callable[[], bool] = lambda: True,
) -> Account:
    """Build everything that a configuration names. Registers sides in the database; asks no side yet.

    Args:
        config: A valid configuration.
        db: Working database; a scratch copy for dry runs.
        stop: Ends waits and reads early.
        tokens_db: The real database, where tokens are rotated even in a dry run; ``db`` if not given.
        now: Clock; the one that the database shares with other machines if none is given.
        may_write: Whether this process may still write to sides (``LeaseKeeper.holds``).
    """
    stop = stop or threading.Event()
    seal = _keys(config, tokens_db or db)
    if tokens_db is None and seal.current:
        _seal_tokens(db, seal, stop)
    now = now or (tokens_db or db).now
    ids = _register_sides(db, config, now)
    account = Account(db, {}, stop)
    for side in config.sides:
        requests = RequestCounter()
        adapter = _build_adapter(side, tokens_db or db, stop, now, requests, seal, may_write)
        account.adapters.append(adapter)
        side_context = _side_context(side, ids[side.name], adapter, db, now)
        side_context.may_write = may_write
        account.workers[side.name] = SideWorker(side_context, ids[config.hub.name], requests, stop)
    hub = account.hub.side
    for worker in account.shops:
        hub.shop_owners = {**hub.shop_owners, **worker.side.shop_owners}
        hub.shop_limits = {**hub.shop_limits, worker.side.id: worker.side.limits}
        worker.side.sources = (hub,)
        can_be_made = hub.adapter.capabilities.creates and worker.side.adapter.capabilities.describes
        worker.side.offers = worker.side.offers and can_be_made
    hub.sources = tuple(worker.side for worker in account.shops)
    with db.write() as session:
        creation_plan.try_refused_again(session, hub.id)
        for worker in account.workers.values():
            _replan_if_policy_changed(session, worker.side)
        for worker in account.shops:
            _compare_if_owners_changed(session, worker.side)
            creation_plan.try_refused_again(session, worker.side.id)
            if worker.side.offers:
                till_plan.offer_at_start(session, hub.id, worker.side)
            withdrawal_plan.try_refused_again(session, worker.side.id)
            field_plan.try_refused_again(session, worker.side.id)
    return account


def open_to_look(
    config: Config, db: Database, *, stop: threading.Event, only: Iterable[str] = (), now: Clock | None = None
) -> list[SideContext]:
    """Build sides to be read, and nothing else: nothing is registered and nothing is written, but rotated tokens.

    Args:
        config: A valid configuration.
        db: The database; a side that it does not know yet is left out.
        stop: Ends waits and reads early.
        only: Names of the shops besides the hub; empty for all.
        now: Clock; the one that the database shares with other machines if none is given.
    """
    now = now or db.now
    names = set(only)
    seal = _keys(config, db)
    with db.read() as session:
        # A result has keys(), so dict() takes it for a mapping: it must be a list of pairs.
        ids: dict[str, int] = dict(session.execute(select(Side.name, Side.id)).all())
    return [
        _side_context(side, ids[side.name], _build_adapter(side, db, stop, now, RequestCounter(), seal), db, now)
        for side in config.sides
        if side.name in ids and (side.role == "hub" or not names or side.name in names)
    ]


def _build_adapter(
    side: SideConfig,
    tokens_db: Database,
    stop: threading.Event,
    now: Clock,
    requests: RequestCounter,
    seal: Seal,
    may_write: Callable[[], bool] = lambda: True,
) -> SideAdapter:
    factory = installed()[side.kind]
    context = AdapterContext(
        side=side.name,
        settings=side.settings,
        tokens=_token_store(tokens_db, side, stop, seal) if factory.uses_tokens else None,
        stop=stop,
        now=now,
        overlap_s=side.stock.overlap_seconds,
        on_request=requests,
        may_write=may_write,
        trust=trust(side.ca),
    )
    return factory.build(context)


def _token_store(db: Database, side: SideConfig, stop: threading.Event, seal: Seal) -> DatabaseTokenStore:
    return DatabaseTokenStore(db, side.name, side.settings.refresh_token, stop=stop, seal=seal)


def _keys(config: Config, db: Database) -> Seal:
    """Keys for the tokens, which all open with them.

    Raises:
        SealBroken: They do not.
    """
    seal = Seal.of(config.syncd.database_key, config.syncd.database_key_former)
    require_keys(db, seal)
    return seal


def _seal_tokens(db: Database, seal: Seal, stop: threading.Event) -> None:
    """Seal what is still plain, or sealed with the former key; this process leads."""
    for credential in keep_all(db, seal, seal.current, stop=stop):
        logger.bind(side=credential, key=seal.current).info("tokens.sealed")


def _register_sides(db: Database, config: Config, now: Clock) -> dict[str, int]:
    with db.write() as session:
        known = {row.name: row for row in session.scalars(select(Side))}
        for side in config.sides:
            row = known.get(side.name)
            if row is None:
                row = Side(name=side.name, role=side.role, adapter=side.kind, created_at=now(), nothing_waited_at=now())
                session.add(row)
                known[side.name] = row
            elif row.adapter != side.kind:
                _require_unused(session, row, side, config)
            row.adapter = side.kind
        session.flush()
        configured = {side.name for side in config.sides}
        former = [row.id for row in known.values() if row.name not in configured]
        _forget_former(session, former, now)
        session.execute(update(Run).where(Run.result == "running").values(result="crashed", finished_at=now()))
        # Their pairs are unsure and their listings will be read again.
        lost = update(FieldWrite).where(FieldWrite.state == "sent")
        session.execute(lost.values(state="unknown", error="stopped before the answer came", settled_at=now()))
        return {name: row.id for name, row in known.items()}


def _require_unused(session: Session, row: Side, side: SideConfig, config: Config) -> None:
    """A name belongs to the shop whose products are known under it: to another one all of them would seem deleted.

    Raises:
        ConfigError: Products of the former kind of shop are known.
    """
    if session.scalar(select(Listing.id).where(Listing.side_id == row.id).limit(1)) is not None:
        words = f'"{side.name}" was a shop of {row.adapter} until now: give the one of {side.kind} another name'
        raise ConfigError(str(config.source), [ConfigProblem(f"shops.{side.name}.adapter", words)])


def _forget_former(session: Session, side_ids: Sequence[int], now: Clock) -> None:
    """A shop that was taken out of the configuration has no open questions any more; its history stays."""
    if not side_ids:
        return
    query = select(Finding).where(Finding.side_id.in_(side_ids), Finding.closed_at.is_(None))
    for finding in session.scalars(query).all():
        close_finding(session, finding.kind, finding.subject, now(), by="no longer configured")
    waiting = update(Listing).where(Listing.side_id.in_(side_ids))
    session.execute(waiting.where(Listing.pending).values(pending=False))
    session.execute(waiting.where(Listing.fields_pending).values(fields_pending=False))
    # Nobody settles any more what was to be made from it: its codes are not to hold up those of other shops.
    theirs = select(Listing.id).where(Listing.side_id.in_(side_ids))
    left = Creation.listing_id.in_(theirs), Creation.state.in_(("waiting", "sent", "unknown", "refused"))
    session.execute(update(Creation).where(*left).values(state="unwanted", sent=None))
    # What was sold meanwhile is not pending there: if the shop comes back, every number is planned anew.
    session.execute(update(Side).where(Side.id.in_(side_ids)).values(policy=_NOT_CONFIGURED, owners=""))


def _side_context(side: SideConfig, side_id: int, adapter: SideAdapter, db: Database, now: Clock) -> SideContext:
    stock, safety = side.stock, side.safety
    hub = side.role == "hub"
    return SideContext(
        id=side_id,
        name=side.name,
        role=side.role,
        adapter=adapter,
        db=db,
        policy=StockPolicy(
            hub=hub,
            buffer=stock.buffer,
            buffers={key: units for sku, units in stock.buffers.items() if (key := sku_key(sku))},
            allow_negative=stock.allow_negative,
            fractions=adapter.capabilities.fractions,
        ),
        limits=SafetyLimits(max_gone=_limit(SafetyConfig().max_zeroed))
        if hub
        else SafetyLimits(
            max_gone=_limit(safety.max_zeroed),
            max_zeroed=_limit(safety.max_zeroed),
            max_changed=_limit(safety.max_changed),
            max_jump=safety.max_jump.units if safety.max_jump else None,
            max_unexplained=_limit(safety.max_unexplained),
            max_price_drop=safety.max_price_drop.percent if safety.max_price_drop else None,
            max_created=_limit(safety.max_created),
        ),
        initial_stock=stock.initial_stock if stock.initial_stock in ("shop", "equal_only") else "hub",
        manage_unmanaged=stock.manage_unmanaged,
        shop_owners={} if hub else {side_id: _owners(side.products.owner)},
        creation="never" if hub or not adapter.capabilities.creates else side.products.create_in_shop,
        # What a shop sells is meant for shops.
        publish=hub or side.products.publish,
        offers=not hub and side.products.create_in_hub,
        deletion=side.products.delete_in_shop if not hub and adapter.capabilities.withdraws else IGNORE,
        settle=timedelta(seconds=stock.settle_seconds),
        in_doubt=timedelta(seconds=stock.in_doubt_seconds),
        now=now,
    )


def _owners(given: FieldOwners) -> dict[str, Owner]:
    return {name: Owner.HUB if owner == HUB else Owner(owner) for name, owner in given if owner != Owner.NONE}


def _limit(given: LimitConfig | None) -> Limit | None:
    return Limit(given.items, given.percent) if given is not None else None


def _replan_if_policy_changed(session: Session, side: SideContext) -> None:
    """A changed buffer means other numbers for every item: have them all planned once."""
    row = side.row(session)
    if row.policy != side.policy_text:
        if row.policy:
            linked = update(Listing).where(Listing.side_id == side.id, Listing.item_id.is_not(None))
            session.execute(linked.where(Listing.gone_at.is_(None)).values(pending=True))
            logger.bind(side=side.name).info("policy.changed")
        row.policy = side.policy_text


def _compare_if_owners_changed(session: Session, side: SideContext) -> None:
    """Other owners mean other verdicts, also on what nobody edits: have all fields compared once."""
    row = side.row(session)
    if row.owners != side.owners_text:
        former = json.loads(row.owners) if row.owners else {}
        new = [field for field in side.owners_of(side.id) if field not in former]
        # Of what nobody kept the same for a while an old agreement says nothing: it is a first comparison again.
        here = select(Listing.id).where(Listing.side_id == side.id)
        session.execute(delete(FieldPair).where(FieldPair.listing_id.in_(here), FieldPair.field.in_(new)))
        compared = Listing.item_id.is_not(None) | (Listing.stock_mode == StockMode.GROUP)
        field_plan.close_disowned(session, side)
        here_now = update(Listing).where(Listing.side_id == side.id, compared, Listing.gone_at.is_(None))
        session.execute(here_now.values(fields_pending=True))
        row.owners = side.owners_text


def sync_once(account: Account, *, full: bool, cause: str, only: Iterable[str] = ()) -> list[RunOutcome]:
    """One pass over the account: every side reads beside the others, then all write until nothing is pending.

    Args:
        account: The account.
        full: Read everything instead of changes.
        cause: What started it, for the log.
        only: Names of the shops to take part besides the hub; empty for all.
    """
    names = set(only)
    workers = [w for w in account.workers.values() if w.side.is_hub or not names or w.side.name in names]
    all_sources = account.hub.side.sources
    account.hub.side.sources = tuple(each for each in all_sources if not names or each.name in names)
    try:
        return _sync(account, workers, full=full, cause=cause)
    finally:
        account.hub.side.sources = all_sources


def _sync(account: Account, workers: Sequence[SideWorker], *, full: bool, cause: str) -> list[RunOutcome]:
    outcomes = _beside_each_other(workers, "full" if full else "poll", cause)
    for _ in range(0 if any(worker.dry_run for worker in workers) else _MOST_ROUNDS):
        failed = {outcome.run.side for outcome in outcomes if outcome.error}
        pending = {worker.side.name for worker in account.pending()}
        waiting = [
            worker
            for worker in workers
            if worker.side.name not in failed
            and (worker.side.name in pending or worker.has_link_work() or worker.has_new_products())
        ]
        if not waiting:
            break
        outcomes += _beside_each_other(waiting, "push", "the other sides were read")
    return outcomes


def _beside_each_other(workers: Sequence[SideWorker], kind: str, cause: str) -> list[RunOutcome]:
    if len(workers) == 1:
        return [workers[0].run(kind, cause)]
    with ThreadPoolExecutor(len(workers), thread_name_prefix="sync") as pool:
        futures = [pool.submit(worker.run, kind, cause) for worker in workers]
        errors = [error for future in futures if (error := future.exception()) is not None]
        if errors:
            raise next((error for error in errors if not isinstance(error, Stopped)), errors[0])
        return [future.result() for future in futures]


def open_doubts(account: Account) -> dict[str, int]:
    """How many writes are not settled yet, by side; sides without any are left out."""
    query = (
        select(Side.name, func.count())
        .join(Operation, Operation.side_id == Side.id)
        .where(is_open())
        .group_by(Side.name)
    )
    with account.db.read() as session:
        return {row[0]: row[1] for row in session.execute(query)}


def open_product_stops(account: Account) -> list[tuple[int, str]]:
    """Numbers and messages of safety stops on products and fields: they fail no pass, so nothing else tells."""
    of_products = (fields_subject, creations_subject, offers_subject, withdrawals_subject)
    subjects = [subject(name) for name in account.workers for subject in of_products]
    query = select(Finding.id, Finding.message).where(
        Finding.kind == "safety_stop", Finding.subject.in_(subjects), Finding.closed_at.is_(None)
    )
    with account.db.read() as session:
        return [(number, message) for number, message in session.execute(query.order_by(Finding.id))]


def exit_code(account: Account, outcomes: Sequence[RunOutcome]) -> int:
    """The worst of what happened, as an exit code of design 9."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    codes = {error.exit_code for error in errors}
    if CountsOtherwise.exit_code in codes:
        return CountsOtherwise.exit_code
    if PermissionMissing.exit_code in codes:
        return 5
    if any(isinstance(error, SafetyStop) for error in errors):
        return 3
    if any(isinstance(error, SideError) for error in errors):
        return 1
    with account.db.read() as session:
        query = select(func.count()).where(Finding.closed_at.is_(None), Finding.kind.in_(NEEDS_PERSON))
        return 3 if session.scalar(query) else 0
