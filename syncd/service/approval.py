"""What a person says of a plan that is beyond the limits, and whether it may be carried out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.service.findings import APPROVED, PUT_BACK, Found, close_finding, open_finding
from syncd.state.models import Finding

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from syncd.core.guard import Stop
    from syncd.service.side import SideContext


def may_go_on(side: SideContext, subject: str, refusal: Stop | None, *, what: str, advice: str) -> bool:
    """Whether a plan of something beside stock may be carried out now: within the limits, or as a person confirmed.

    Args:
        side: Where.
        subject: Subject of the safety stop.
        refusal: What the plan trips.
        what: What does not happen until then, in words.
        advice: What to do if the plan is wrong.
    """
    with side.db.read() as session:
        stopped = open_stop(session, subject)
    if refusal is None:
        if stopped:
            with side.db.write() as session:
                close_finding(session, "safety_stop", subject, side.now())
                take_approval(session, subject, None)
        return True
    with side.db.write() as session:
        if take_approval(session, subject, refusal, lasts=True):
            return True
        found = Found(
            kind="safety_stop",
            subject=subject,
            severity="error",
            side_id=side.id,
            counts=refusal.counts,
            message=f"{side.name}: {refusal.reason}; {what} until a person confirms",
            advice=f"Look at `syncd plan`, which lists them. If it is right: `syncd approve {{id}}`. {advice}",
        )
        open_finding(session, found, side.now())
        return False


def take_approval(
    session: Session, subject: str, refusal: Stop | None, word: str = APPROVED, *, lasts: bool = False
) -> bool:
    """Whether a person approved this plan: one that trips the same limit by no more than the approved one did.

    An approval serves one plan. If the next plan trips no limit, or another one, the approval is used up as well: it
    must never wave through a later accident.

    Args:
        session: A writing session.
        subject: Subject of the safety stop.
        refusal: What the plan trips now.
        word: What the person said of it, as ``closed_by`` has it.
        lasts: The plan is carried out in several passes: its approval is used up by the first plan that needs none.
    """
    query = select(Finding).where(Finding.kind == "safety_stop", Finding.subject == subject, Finding.closed_by == word)
    approved = False
    for row in session.scalars(query).all():
        counts: dict[str, int] = json.loads(row.counts or "{}")
        fits = refusal is not None and all(
            name in counts and units <= counts[name] for name, units in refusal.counts.items() if name != "of"
        )
        if not (fits and lasts):
            row.closed_by = f"{word}, carried out" if fits else f"{word}, not needed"
        approved = approved or fits
    return approved


def open_stop(session: Session, subject: str) -> bool:
    """Whether a safety stop is open, or was answered by a person and the answer not yet used."""
    query = select(Finding.id).where(
        Finding.kind == "safety_stop",
        Finding.subject == subject,
        Finding.closed_at.is_(None) | Finding.closed_by.in_((APPROVED, PUT_BACK)),
    )
    return session.scalar(query.limit(1)) is not None
