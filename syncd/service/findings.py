"""Findings: opened once, kept up to date, closed by themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy import select

from syncd.http.redact import hide
from syncd.service import told  # noqa: F401 - from here on, no row takes a secret
from syncd.state.models import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


APPROVED = "approval"
"""``closed_by`` of a safety stop that a person confirmed; it serves one plan."""


PUT_BACK = "put back"
"""``closed_by`` of a safety stop on what a side reports: a person says that it is not true, the side is set right."""

_REPORTED = "changes of "
"""Before the side's name: the subject of a safety stop on what the side reports, not on what it is told."""


def reported_subject(side: str) -> str:
    """Subject of the safety stop on what a side reports."""
    return f"{_REPORTED}{side}"


def gone_subject(side: str) -> str:
    """Subject of the safety stop on linked items that are gone from a side."""
    return f"deletions of {side}"


def fields_subject(side: str) -> str:
    """Subject of the safety stop on fields of products that would be written to a side."""
    return f"fields of {side}"


def creations_subject(side: str) -> str:
    """Subject of the safety stop on products that would be made in a shop."""
    return f"new products of {side}"


def offers_subject(shop: str) -> str:
    """Subject of the safety stop on products of a shop that would be made at the hub."""
    return f"products of {shop} for the till"


def withdrawals_subject(side: str) -> str:
    """Subject of the safety stop on products that would be withdrawn from a shop."""
    return f"withdrawals from {side}"


def is_reported(subject: str) -> bool:
    """Whether a safety stop with this subject is about what a side reports."""
    return subject.startswith(_REPORTED)


@dataclass(frozen=True, slots=True)
class Found:
    """What a person should know.

    Attributes:
        kind: What kind; a row of the table in docs/findings.md.
        subject: What it is about; together with ``kind`` unique among open findings.
        counts: Figures behind the message, for a later comparison.
        message: What is the case, in plain words, free of secrets.
        advice: What to do about it; ``{id}`` in it stands for the finding's own number.
    """

    kind: str
    subject: str
    message: str
    advice: str
    severity: str = "warning"
    side_id: int | None = None
    item_id: int | None = None
    operation_id: int | None = None
    counts: Mapping[str, int] | None = None


def _open_finding(session: Session, kind: str, subject: str) -> Finding | None:
    query = select(Finding).where(Finding.kind == kind, Finding.subject == subject, Finding.closed_at.is_(None))
    return session.scalars(query).one_or_none()


def open_subjects(session: Session, kind: str, side_id: int) -> set[str]:
    """What the open findings of a kind on one side are about."""
    query = select(Finding.subject).where(Finding.kind == kind, Finding.side_id == side_id, Finding.closed_at.is_(None))
    return set(session.scalars(query))


def open_kinds(session: Session, subject: str, kinds: Sequence[str]) -> list[str]:
    """Which of these kinds of findings are open about one subject."""
    query = select(Finding.kind).where(Finding.kind.in_(kinds), Finding.subject == subject, Finding.closed_at.is_(None))
    return list(session.scalars(query))


def open_among(session: Session, kinds: Sequence[str], subjects: Collection[str]) -> set[tuple[str, str]]:
    """Which findings of these kinds are open about which of these subjects."""
    query = select(Finding.kind, Finding.subject).where(
        Finding.kind.in_(kinds), Finding.subject.in_(subjects), Finding.closed_at.is_(None)
    )
    return {(kind, subject) for kind, subject in session.execute(query)}


def open_stops_among(session: Session, subjects: Collection[str]) -> set[str]:
    """Which of these subjects have a safety stop that nobody answered yet."""
    query = select(Finding.subject).where(
        Finding.kind == "safety_stop", Finding.subject.in_(subjects), Finding.closed_at.is_(None)
    )
    return set(session.scalars(query))


def open_finding(session: Session, found: Found, now: datetime) -> None:
    """Open the finding, or update the message of the one that is open already."""
    # Words of sides are in both, and a side may repeat what it was sent.
    found = replace(found, message=hide(found.message), advice=hide(found.advice))
    row = _open_finding(session, found.kind, found.subject)
    if row is None:
        row = Finding(
            kind=found.kind,
            subject=found.subject,
            severity=found.severity,
            side_id=found.side_id,
            item_id=found.item_id,
            operation_id=found.operation_id,
            message=found.message,
            advice=found.advice,
            counts=_text(found.counts),
            opened_at=now,
            changed_at=now,
        )
        session.add(row)
        session.flush()
        row.advice = _numbered(found.advice, row.id)
        log = logger.bind(finding=row.id, kind=found.kind, subject=found.subject, detail=found.message)
        log.log({"error": "ERROR", "info": "INFO"}.get(found.severity, "WARNING"), "finding.opened")
        return
    row.advice = _numbered(found.advice, row.id)  # another version may have worded it
    if row.message != found.message:
        row.message, row.changed_at = found.message, now
        row.counts = _text(found.counts)


def _numbered(advice: str, number: int) -> str:
    return advice.replace("{id}", str(number))  # not format(): a side's own words may stand in it, with braces


def _text(counts: Mapping[str, int] | None) -> str | None:
    return None if counts is None else json.dumps(dict(counts), sort_keys=True)


def close_finding(session: Session, kind: str, subject: str, now: datetime, by: str = "itself") -> bool:
    """Close the finding if it is open; returns whether it was."""
    row = _open_finding(session, kind, subject)
    if row is None:
        return False
    row.closed_at, row.closed_by = now, by
    logger.bind(finding=row.id, kind=kind, subject=subject, by=by).info("finding.closed")
    return True
