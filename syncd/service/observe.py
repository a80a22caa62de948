"""Observation: readings of a side become shadows and movements, one transaction per page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select, update

from syncd.core.fields import CODES
from syncd.core.keys import gtin_key, sku_key
from syncd.core.model import StockMode
from syncd.core.stock import Adopt, Ignore, ListingState, Move, PastWrite, judge_reading
from syncd.service.creation_plan import reconsider
from syncd.service.evidence import look_before, name_cause, store_events
from syncd.service.field_partners import offer_to_others, offer_to_siblings
from syncd.service.field_plan import as_json, distrust_fields, try_refused_again
from syncd.service.findings import close_finding
from syncd.service.gone import welcome_back
from syncd.service.ledger import lock_items, make_items, move, note_openings
from syncd.service.reported import documented_since, is_guarded, judge_reported, put_back_ids
from syncd.service.withdrawal_plan import left_unpublished_subject
from syncd.state.bulk import UNSEEN, insert_rows, next_ids
from syncd.state.hints import no_index
from syncd.state.models import Listing, Operation, Side, is_open

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.core.model import ChangePage, Quantity, RemoteListing
    from syncd.service.departures import Departures
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext
    from syncd.state.models import Item

CLOCK_STEP = timedelta(hours=1)
"""A moment that lies further ahead than this was set before our clock was put back: it is over."""

_CHUNK = 500
_BY_ID = 100


class Observer:
    """Applies pages of one read; to be made before the read begins, and after ``began_seq`` was taken.

    Args:
        began_seq: The side's write number when the read began.
        count_drift: True in a sweep of a side that feeds keep up to date: what it finds is drift.
        how: How its readings are made, in the words of an item's story.
        departures: Takes proofs of deletion; if it is left out they are left to the next pass's reading.
    """

    def __init__(
        self,
        side: SideContext,
        run: RunLog,
        began_seq: int,
        *,
        count_drift: bool = False,
        how: str = "delta reading",
        departures: Departures | None = None,
    ) -> None:
        self._side = side
        self._run = run
        self._began_seq = began_seq
        self._began_at = side.now()
        self._count_drift = count_drift
        self._holding = is_guarded(side)
        self._departures = departures
        self._held: dict[str, tuple[RemoteListing, Quantity, bool]] = {}
        self._how = how
        self._changed: dict[str, Quantity | None] = {}
        self._contradicted: set[str] = set()
        self._showing_other: list[Listing] = []
        self._changed_rows: list[Listing] = []
        self._codes_moved = False
        self._is_source = side.is_hub or side.offers

    def apply(self, session: Session, page: ChangePage) -> None:
        """Record a page: listings, proofs of deletion, evidence."""
        if page.events:
            store_events(session, self._side, page.events, self._run)
        if page.listings:
            self._apply_listings(session, page.listings)
            self._run.counts.listings_read += len(page.listings)
        if page.gone and self._departures is not None:
            self._departures.add(session, page.gone)
        elif page.gone:
            self._read_again(session, [entry.ref.external_id for entry in page.gone])

    def apply_fields(self, session: Session, remotes: Sequence[RemoteListing]) -> None:
        """Take over fields alone: their quantities were read without the documents that explain them."""
        known = load_listings(session, self._side.id, [remote.ref.external_id for remote in remotes])
        for remote in remotes:
            if remote.ref.external_id in known:
                self._refresh_fields(known[remote.ref.external_id], remote)
        self._compare_fields(session)

    def release(self) -> None:
        """At the end of the read, before its cursor is kept: let what it found count, all of it or nothing.

        Raises:
            SafetyStop: A person must look at it first; shadows are as they were.
        """
        if self._holding:
            self._release_held()
        if self._contradicted:
            with self._side.db.write() as session:
                self._read_again(session, sorted(self._contradicted))

    def _read_again(self, session: Session, external_ids: Sequence[str]) -> None:
        for row in load_listings(session, self._side.id, external_ids).values():
            row.recheck_at = self._side.now()

    def _release_held(self) -> None:
        self._look_again()
        changes = [(key, units, put_back) for key, (_, units, put_back) in self._held.items()]
        true = judge_reported(self._side, changes)
        remotes = [remote for remote, _, _ in self._held.values()]
        self._held, self._holding = {}, False
        for start in range(0, len(remotes), _CHUNK):
            with self._side.db.write() as session:
                if true:
                    self._apply_listings(session, remotes[start : start + _CHUNK])
                else:
                    self._put_back(session, remotes[start : start + _CHUNK])

    def _look_again(self) -> None:
        """What looks put back may be an old page of a list: reads by id go past caches."""
        refs = [remote.ref for remote, _, put_back in self._held.values() if put_back]
        for start in range(0, len(refs), _BY_ID):
            result = self._side.adapter.fetch(refs[start : start + _BY_ID])
            with self._side.db.write() as session:
                self._apply_listings(session, result.listings)

    def _apply_listings(self, session: Session, remotes: Sequence[RemoteListing]) -> None:
        remotes = self._once(remotes)
        if self._departures is not None:
            self._departures.seen(remote.ref.external_id for remote in remotes)
        known = load_listings(session, self._side.id, [remote.ref.external_id for remote in remotes])
        fresh = [remote for remote in remotes if remote.ref.external_id not in known]
        if fresh:
            self._add(session, fresh)
        seen = [(known[r.ref.external_id], r) for r in remotes if r.ref.external_id in known]
        for row, remote in seen:
            self._held.pop(row.external_id, None)  # of two readings in one read the later one counts
            self._refresh(session, row, remote)
        self._count(session, [(row, remote) for row, remote in seen if _needs_judgement(row, remote)])
        self._compare_fields(session)
        self._look_for_lost_children(session, remotes)

    def _once(self, remotes: Sequence[RemoteListing]) -> Sequence[RemoteListing]:
        """A read may show a listing twice, also within a page: what it shows last counts.

        If it changed the listing first and then says otherwise, one of the two is old: it is read again by id.
        """
        last: dict[str, RemoteListing] = {}
        for remote in remotes:
            key = remote.ref.external_id
            before = last[key].quantity if key in last else self._changed.get(key, remote.quantity)
            if before != remote.quantity:
                self._contradicted.add(key)
            last[key] = remote
        return list(last.values())

    def _add(self, session: Session, remotes: Sequence[RemoteListing]) -> None:
        """Take in listings that were not known. On the hub, each that is counted gets its item."""
        ids = next_ids(session, Listing, len(remotes))
        rows = [self._new_row(number, remote) for number, remote in zip(ids, remotes, strict=True)]
        counted = [row for row in rows if self._side.is_hub and row["shadow"] is not None]
        items = make_items(session, [row["shadow"] for row in counted], self._side.now())
        for row, item_id in zip(counted, items, strict=True):
            row.update(self._opened(item_id, row["shadow"]))
        insert_rows(session, Listing, rows)
        openings = [(row["item_id"], row["id"], row["shadow"]) for row in counted]
        self._note_openings(session, openings)
        self._offer_to_shops(session, [(row["parent_external_id"], row["sku_key"], row["gtin_key"]) for row in counted])

    def _new_row(self, number: int, remote: RemoteListing) -> dict[str, Any]:
        now = self._side.now()
        sellable = remote.stock_mode in (StockMode.OWN, StockMode.UNMANAGED)
        return {
            "id": number,
            "side_id": self._side.id,
            "item_id": None,
            "linked_at": None,
            "link_rule": None,
            "wanted": None,
            "external_id": remote.ref.external_id,
            "parent_external_id": remote.ref.parent_external_id,
            "sku": remote.sku,
            "sku_key": sku_key(remote.sku),
            "gtin": remote.gtin,
            "gtin_key": gtin_key(remote.gtin),
            "name": remote.name,
            "stock_mode": str(remote.stock_mode),
            "published": remote.published,
            "shadow": remote.quantity,
            "shadow_at": now if remote.quantity is not None else None,
            "link_pending": sellable and not self._side.is_hub,
            "first_seen_at": now,
            "fields": as_json(remote.fields),
        }

    def _opened(self, item_id: int, quantity: Quantity) -> dict[str, Any]:
        """What the listing that an item was made for says of it: the hub's quantity is what we start from."""
        return {"item_id": item_id, "linked_at": self._side.now(), "link_rule": "hub", "wanted": quantity}

    def _note_openings(self, session: Session, openings: Sequence[tuple[int, int, Quantity]]) -> None:
        evidence = f"first reading of {self._side.name}"
        note_openings(
            session, openings, side_id=self._side.id, evidence=evidence, run=self._run, now=self._side.now()
        )  # fmt: skip

    def _open_items(self, session: Session, rows: Sequence[Listing]) -> None:
        """Give listings of the hub that were known and are counted only now their items."""
        held = [row.shadow for row in rows if row.shadow is not None]
        openings = []
        for row, item_id, units in zip(rows, make_items(session, held, self._side.now()), held, strict=True):
            for name, value in self._opened(item_id, units).items():
                setattr(row, name, value)
            row.pending = False
            openings.append((item_id, row.id, units))
        session.flush()
        self._note_openings(session, openings)
        self._offer_to_shops(session, [(row.parent_external_id, row.sku_key, row.gtin_key) for row in rows])

    def _offer_to_shops(self, session: Session, codes: Sequence[tuple[str | None, str | None, str | None]]) -> None:
        """A new or renamed hub listing may be the partner of a shop listing that found none before.

        ``codes``: product, SKU and GTIN as compared, of each.
        """
        offer_to_siblings(session, self._side.id, {parent for parent, _, _ in codes if parent is not None})
        skus = [sku for _, sku, _ in codes if sku]
        gtins = [gtin for _, _, gtin in codes if gtin]
        if not skus and not gtins:
            return
        session.execute(
            update(Listing)
            .where(
                Listing.side_id != self._side.id,
                no_index(Listing.item_id).is_(None),
                Listing.gone_at.is_(None),
                or_(Listing.sku_key.in_(skus), Listing.gtin_key.in_(gtins)),
            )
            .values(link_pending=True),
            execution_options=UNSEEN,
        )

    def _refresh(self, session: Session, row: Listing, remote: RemoteListing) -> None:
        """Take over what is not stock: names, codes, mode."""
        if row.gone_at is not None:
            welcome_back(session, self._side, row)
        codes = (row.sku_key, row.gtin_key, row.stock_mode)
        product = (row.name, row.sku, row.gtin, row.published, row.stock_mode)
        if remote.published and not row.published:
            subject = left_unpublished_subject(self._side.name, row.external_id)
            close_finding(session, "left_unpublished", subject, self._side.now())
        self._refresh_fields(row, remote)
        row.parent_external_id = remote.ref.parent_external_id
        row.name, row.sku, row.gtin, row.published = remote.name, remote.sku, remote.gtin, remote.published
        row.sku_key, row.gtin_key, row.stock_mode = sku_key(remote.sku), gtin_key(remote.gtin), str(remote.stock_mode)
        if self._is_source and product != (row.name, row.sku, row.gtin, row.published, row.stock_mode):
            self._changed_rows.append(row)
        if codes == (row.sku_key, row.gtin_key, row.stock_mode):
            return
        self._codes_moved = self._codes_moved or codes[:2] != (row.sku_key, row.gtin_key)
        if row.item_id is not None:
            row.pending = True
            self._run.modes_changed = self._run.modes_changed or codes[2] != row.stock_mode
        if self._side.is_hub:
            self._offer_to_shops(session, [(row.parent_external_id, row.sku_key, row.gtin_key)])
        elif row.item_id is None:
            row.link_pending = row.stock_mode in (StockMode.OWN, StockMode.UNMANAGED)

    def _refresh_fields(self, row: Listing, remote: RemoteListing) -> None:
        """Take over what it shows of fields, unless that may be what was there before our own write: a cache."""
        written = row.fields_recheck_at is not None
        if row.fields_recheck_at is not None and self._began_at < row.fields_recheck_at < self._began_at + CLOCK_STEP:
            return
        fields, row.fields_recheck_at = as_json(remote.fields), None
        if written or fields != row.fields:
            if not self._side.is_hub and row.item_id is None and row.parent_external_id is not None:
                row.link_pending = row.stock_mode in (StockMode.OWN, StockMode.UNMANAGED)  # maybe by its attributes
            row.fields = fields
            self._showing_other.append(row)

    def _compare_fields(self, session: Session) -> None:
        rows, self._showing_other = self._showing_other, []
        if self._codes_moved:  # one that was refused may be free now
            self._codes_moved = False
            for shop_id in self._side.shop_owners:
                try_refused_again(session, shop_id, CODES)
        if self._side.is_hub:
            offer_to_others(session, rows)
            changed, self._changed_rows = [*self._changed_rows, *rows], []
            reconsider(session, changed)
            return
        for row in rows:
            row.fields_pending = row.item_id is not None or row.stock_mode == StockMode.GROUP
        if self._is_source:
            changed, self._changed_rows = [*self._changed_rows, *rows], []
            reconsider(session, [row for row in changed if row.item_id is None])

    def _count(self, session: Session, pairs: Sequence[tuple[Listing, RemoteListing]]) -> None:
        """Judge readings that differ from the shadow, or that the side no longer gives."""
        if not pairs:
            return
        items = lock_items(session, [row.item_id for row, _ in pairs if row.item_id is not None])
        states = load_states(session, self._side, [row for row, _ in pairs], self._began_at)
        put_back = put_back_ids(session, pairs) if self._holding else set()
        orphans: list[Listing] = []
        for row, remote in pairs:
            if remote.quantity is None:
                self._lose_count(row, states[row.id])
                continue
            self._judge(session, row, remote, states[row.id], items, put_back=row.id in put_back)
            if self._side.is_hub and row.item_id is None and row.shadow is not None:
                orphans.append(row)
        if orphans:
            self._open_items(session, orphans)

    def _lose_count(self, row: Listing, state: ListingState) -> None:
        """The side gives no quantity: there is nothing to compare with and nothing to add to."""
        if state.in_doubt:
            return
        held_until = max((write.confirmed_at + self._side.settle for write in state.writes), default=None)
        if row.shadow is not None and held_until is not None and self._began_at < held_until:
            # It shows what was before our write switched counting on: a cache.
            row.stock_mode, row.recheck_at = str(StockMode.OWN), held_until
            return
        row.shadow, row.recheck_at, row.pending = None, None, row.item_id is not None

    def _judge(
        self,
        session: Session,
        row: Listing,
        remote: RemoteListing,
        state: ListingState,
        items: dict[int, Item],
        *,
        put_back: bool,
    ) -> None:
        now = self._side.now()
        quantity = remote.quantity
        assert quantity is not None  # noqa: S101 - the caller looked
        # A read may take long: what its pages show is as old as its beginning.
        verdict = judge_reading(
            state,
            quantity,
            began_seq=self._began_seq,
            now=self._began_at,
            settle=self._side.settle,
            marker=remote.marker,
        )
        match verdict:
            case Ignore(read_again_at=at):
                row.recheck_at = at
                return
            case Adopt():
                row.pending = row.item_id is not None
            case Move(quantity=difference) if row.item_id is not None and self._holding:
                self._changed[remote.ref.external_id] = quantity
                self._held[remote.ref.external_id] = remote, difference, put_back
                return
            case Move(quantity=difference) if row.item_id is not None:
                cause, evidence = name_cause(session, self._side, row, difference, self._run, self._how)
                move(
                    session, items[row.item_id], difference, cause=cause, evidence=evidence, listing=row,
                    run=self._run, now=now,
                )  # fmt: skip
                self._run.counts.drift += self._count_drift
                self._changed[remote.ref.external_id] = quantity
        if row.recheck_at is not None and row.item_id is not None and row.wanted != quantity:
            row.pending = True  # a write that was refused because it seemed gone is still owed
        row.shadow, row.shadow_at, row.recheck_at = quantity, now, None
        row.marker = remote.marker or row.marker

    def _put_back(self, session: Session, remotes: Sequence[RemoteListing]) -> None:
        """Take over what the side shows without counting it: the next push sets the side to what it should hold.

        What was bought since is in its numbers, so documents that came while a person was awaited count.
        """
        known = load_listings(session, self._side.id, [remote.ref.external_id for remote in remotes])
        items = lock_items(session, [row.item_id for row in known.values() if row.item_id is not None])
        last_good = look_before(session, self._side, self._run.id)
        for remote in remotes:
            row = known[remote.ref.external_id]
            row.shadow, row.shadow_at, row.marker = remote.quantity, self._side.now(), remote.marker
            distrust_fields(session, row)
            row.recheck_at, row.pending = None, row.item_id is not None
            units = documented_since(session, self._side, row.external_id, last_good)
            if units and row.item_id is not None:
                move(
                    session, items[row.item_id], units, cause="change",
                    evidence=f"{self._side.name} orders since it was put back ({units:+f})", listing=row,
                    run=self._run, now=self._side.now(),
                )  # fmt: skip

    def _look_for_lost_children(self, session: Session, remotes: Sequence[RemoteListing]) -> None:
        """A variation that its parent no longer lists is read again by id: absence alone proves nothing."""
        for remote in remotes:
            if remote.children is None:
                continue
            session.execute(
                update(Listing)
                .where(
                    Listing.side_id == self._side.id,
                    Listing.parent_external_id == remote.ref.external_id,
                    Listing.gone_at.is_(None),
                    Listing.external_id.not_in(remote.children),
                )
                .values(recheck_at=self._side.now()),
                execution_options=UNSEEN,
            )


def _needs_judgement(row: Listing, remote: RemoteListing) -> bool:
    """Only readings that say something new, or a listing that was to be read again, cost more than a comparison."""
    if remote.quantity != row.shadow:
        return True
    return row.recheck_at is not None


def load_listings(session: Session, side_id: int, external_ids: Sequence[str]) -> dict[str, Listing]:
    """Rows of a side by external id."""
    rows: dict[str, Listing] = {}
    for start in range(0, len(external_ids), _CHUNK):
        query = select(Listing).where(
            Listing.side_id == side_id, Listing.external_id.in_(external_ids[start : start + _CHUNK])
        )
        rows.update({row.external_id: row for row in session.scalars(query)})
    return rows


def load_states(
    session: Session, side: SideContext, rows: Iterable[Listing], began_at: datetime
) -> dict[int, ListingState]:
    """What is known of listings when readings of a read that began at ``began_at`` arrive; two statements in all."""
    by_id = {row.id: row for row in rows}
    ids = list(by_id)
    open_ids: set[int] = set()
    writes: dict[int, list[PastWrite]] = {}
    since = began_at - max(side.settle, timedelta(0))
    marked = side.adapter.capabilities.marker
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        open_ids.update(session.scalars(select(Operation.listing_id).where(Operation.listing_id.in_(chunk), is_open())))
        recent = select(Operation).where(
            Operation.listing_id.in_(chunk), Operation.state == "confirmed", Operation.settled_at >= since
        )
        for operation in session.scalars(recent):
            writes.setdefault(operation.listing_id, []).extend(_past_writes(operation, marked=marked))
    return {
        row.id: ListingState(
            row.shadow, row.write_seq, row.id in open_ids or row.held_at is not None, tuple(writes.get(row.id, ()))
        )
        for row in by_id.values()
    }


def _past_writes(operation: Operation, *, marked: bool) -> Iterator[PastWrite]:
    """What the side may have held before our write: what we knew, or, if a sale had just come in, what it reported."""
    if operation.settled_at is None:
        return
    mark = operation.uid if marked else None
    yield PastWrite(operation.expected_before, operation.settled_at, mark)
    if operation.reported is not None:
        yield PastWrite(operation.reported - operation.difference, operation.settled_at, mark)


def current_write_seq(session: Session, side_id: int) -> int:
    """The side's write number, to be taken before a read begins."""
    return session.scalar(select(Side.write_seq).where(Side.id == side_id)) or 0
