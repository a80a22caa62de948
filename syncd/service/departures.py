"""Deletions that a side proves are put before the safety limits as a whole before any of them counts (design 6).

One product that answers 404 was deleted. If a tenth of them do, the key is more likely one of another account.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from syncd.core.guard import check_gone
from syncd.core.model import ListingRef, Proof
from syncd.errors import SafetyStop
from syncd.service.approval import open_stop, take_approval
from syncd.service.findings import APPROVED, Found, close_finding, gone_subject, open_finding, reported_subject
from syncd.service.gone import mark_gone
from syncd.state.models import Finding, Listing, Tombstone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy.orm import Session

    from syncd.core.guard import Stop
    from syncd.core.model import GoneListing
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext


_LATELY = timedelta(days=1)
_PROBES = 5


class Departures:
    """What one pass found gone.

    Linked listings are held until ``release``; each is noted to be read again by id, so that a crash forgets none.
    """

    def __init__(self, side: SideContext, run: RunLog) -> None:
        self._side = side
        self._run = run
        self._held: dict[str, GoneListing] = {}

    @property
    def held(self) -> Collection[str]:
        """External ids that wait for the end of the pass."""
        return self._held.keys()

    def add(self, session: Session, gone: Sequence[GoneListing]) -> None:
        """Take proofs; what moves no stock here is recorded at once."""
        if self._side.limits.max_gone is None:
            mark_gone(session, self._side, gone, self._run)
            return
        query = select(Listing).where(
            Listing.side_id == self._side.id,
            Listing.external_id.in_([entry.ref.external_id for entry in gone]),
            Listing.item_id.is_not(None),
            Listing.gone_at.is_(None),
        )
        linked = {row.external_id: row for row in session.scalars(query)}
        mark_gone(session, self._side, [entry for entry in gone if entry.ref.external_id not in linked], self._run)
        for entry in gone:
            row = linked.get(entry.ref.external_id)
            if row is not None:
                row.recheck_at = self._side.now()
                self._held[row.external_id] = entry

    def seen(self, external_ids: Iterable[str]) -> None:
        """These were read after all."""
        for external_id in external_ids:
            self._held.pop(external_id, None)

    def release(self) -> None:
        """At the end of the pass's reading: let the deletions count, all of them or none.

        Raises:
            SafetyStop: A person must look at it first; links are as they were.
        """
        side, subject = self._side, gone_subject(self._side.name)
        with side.db.read() as session:
            if not self._held and not open_stop(session, subject):
                return  # nearly every pass; what follows counts all listings
            linked, lately = side.linked_count(session), _gone_lately(session, side)
            refusal = check_gone(len(self._held), linked, side.limits, lately=lately)
        with side.db.write() as session:
            if not take_approval(session, subject, refusal) and refusal is not None:
                open_finding(session, _found(side, refusal), side.now())
            else:
                refusal = None
                close_finding(session, "safety_stop", subject, side.now())
                mark_gone(session, side, list(self._held.values()), self._run)
        self._held = {}
        if refusal is not None:
            raise SafetyStop(side.name, refusal.reason, refusal.counts)


def some_are_back(side: SideContext) -> bool:
    """Whether held listings are there again: a cheap look while a person's word on them is awaited."""
    with side.db.read() as session:
        if open_stop(session, reported_subject(side.name)) or not open_stop(session, gone_subject(side.name)):
            return False
        query = select(Listing.external_id, Listing.parent_external_id).where(
            Listing.side_id == side.id,
            Listing.item_id.is_not(None),
            Listing.gone_at.is_(None),
            Listing.recheck_at.is_not(None),
        )
        refs = [ListingRef(*row) for row in session.execute(query.order_by(Listing.id).limit(_PROBES))]
    return bool(refs) and bool(side.adapter.fetch(refs).listings)


def _gone_lately(session: Session, side: SideContext) -> int:
    """How many were unlinked one by one because they answered "not found": a wrong key looks like that.

    After a person approved deletions of a side it counts none of them for a day.
    """
    since = side.now() - _LATELY
    approved = select(Finding.id).where(
        Finding.kind == "safety_stop",
        Finding.subject == gone_subject(side.name),
        Finding.closed_at >= since,
        Finding.closed_by.startswith(APPROVED),
    )
    if session.scalar(approved.limit(1)) is not None:
        return 0
    query = select(func.count()).where(
        Tombstone.side_id == side.id,
        Tombstone.item_id.is_not(None),
        Tombstone.proof == str(Proof.NOT_FOUND),
        Tombstone.gone_at >= since,
    )
    return session.scalar(query) or 0


def _found(side: SideContext, refusal: Stop) -> Found:
    return Found(
        kind="safety_stop",
        subject=gone_subject(side.name),
        severity="error",
        side_id=side.id,
        counts=refusal.counts,
        message=f"{side.name}: {refusal.reason}; none of them is taken as deleted and nothing is written there until a "
        "person decides",
        advice="Is the key, token or address one of another account or shop? Put it right and restart the service: it "
        "goes on by itself. Were they really deleted? `syncd approve {id}` unlinks them.",
    )
