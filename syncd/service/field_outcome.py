"""What became of a write of fields: pairs, rows and findings, in one transaction after the call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy import select

from syncd.core.fields import CODES, kept, says_the_same, told
from syncd.core.model import NotSent, Refused, Unknown, Written, WrittenInPart
from syncd.http.redact import shorten
from syncd.service.code_swaps import in_the_way
from syncd.service.field_partners import offer_to_others
from syncd.service.field_plan import as_json, note_agreed, shown, try_refused_again
from syncd.service.findings import Found, close_finding, open_finding
from syncd.state.models import Listing, Side
from syncd.state.product_models import FieldPair, FieldWrite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from syncd.core.model import FieldsResult
    from syncd.service.field_plan import PlannedField, PlannedFields
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext


_IGNORED = "it answers as if it had stored it, and shows what it showed before"


def intend(session: Session, side: SideContext, run: RunLog, planned: PlannedFields) -> list[FieldWrite]:
    """Note what is about to be sent; until its outcome is known, what the side shows of fields counts for nothing."""
    session.get_one(Listing, planned.listing_id).fields_recheck_at = side.now() + side.in_doubt
    rows: list[FieldWrite] = []
    for field in planned.fields:
        _pair_row(session, side, field).unsure = field.verdict.to.value
        rows.append(
            FieldWrite(
                listing_id=planned.listing_id,
                run_id=run.id,
                field=field.field,
                before=field.shows,
                value=field.wants,
                overwrote=bool(field.verdict.overwritten),
                reason=field.reason,
                state="sent",
                sent_at=side.now(),
            )
        )
    session.add_all(rows)
    session.flush()
    return rows


def record(
    session: Session, side: SideContext, run: RunLog, planned: PlannedFields, ids: Sequence[int], result: FieldsResult
) -> None:
    """Record the outcome of one write."""
    row = session.get_one(Listing, planned.listing_id)
    writes = {write.field: write for write in session.scalars(select(FieldWrite).where(FieldWrite.id.in_(ids)))}
    match result:
        case Written() as written:
            run.counts.fields_written += _written(session, side, row, planned, writes, written)
        case WrittenInPart():
            _in_part(session, side, run, planned, writes, result)
            return
        case Refused(code=code, message=message, gone=gone):
            _refused(session, side, row, planned, f"{code}: {message}", gone=gone)
            _settle(side, writes, "rejected", f"{code}: {message}")
        case Unknown(reason=reason):
            # The pairs stay unsure, and the listing is read again once the side cannot be at work on it any more.
            _settle(side, writes, "unknown", reason)
        case NotSent(reason=reason):
            _take_back(session, side, row, planned)
            _settle(side, writes, "cancelled", reason)
    for write in writes.values():
        _log(side, planned, write)


def _in_part(
    session: Session,
    side: SideContext,
    run: RunLog,
    planned: PlannedFields,
    writes: Mapping[str, FieldWrite],
    result: WrittenInPart,
) -> None:
    """Record each outcome for its own fields; the listing is read again when the last of them is over."""
    row = session.get_one(Listing, planned.listing_id)
    is_over_at = row.fields_recheck_at
    outcomes: list[tuple[FieldsResult, list[str]]] = [(Written(result.fields), [*result.fields])]
    outcomes += [
        (each, [name for name, one in result.rest.items() if one == each])
        for each in dict.fromkeys(result.rest.values())
    ]
    for outcome, names in outcomes:
        part = replace(planned, fields=tuple(field for field in planned.fields if field.field in names))
        record(session, side, run, part, [writes[name].id for name in names], outcome)
    lost = any(isinstance(outcome, Unknown) for outcome, _ in outcomes)
    row.fields_recheck_at = is_over_at if lost else side.now() + side.settle


def _written(
    session: Session,
    side: SideContext,
    row: Listing,
    planned: PlannedFields,
    writes: Mapping[str, FieldWrite],
    result: Written,
) -> int:
    """Note what the side shows now; returns how many fields it took."""
    row.fields = as_json({**shown(row), **result.fields})
    row.fields_recheck_at = side.now() + side.settle
    for field in planned.fields:
        end, returned = field.verdict.to, result.fields[field.field]
        write, pair = writes[field.field], _pair_row(session, side, field)
        write.shown = returned
        lost = result.lost.get(field.field)
        if lost is not None:
            # What it shows besides is our own doing, and no edit. Lost twice in a row it is a refusal.
            pair.unsure = end.value
            if field.past.unsure is end and returned == field.shows:
                _refuse(session, side, row, planned, field, lost)
            _settle(side, {field.field: write}, "rejected", lost)
            continue
        took = field.field in result.kept or says_the_same(field.field, returned, field.wants)
        ignored = returned == field.shows and not took
        if ignored and field.past.unsure is not end:
            # It said yes and did nothing: not agreed. After a lost answer it may be our own value, spelled anew.
            pair.unsure = field.past.unsure.value if field.past.unsure else None
            _refuse(session, side, row, planned, field, _IGNORED)
            _settle(side, {field.field: write}, "rejected", _IGNORED)
            continue
        now = field.now.after(end, kept(returned, field.field))
        note_agreed(session, side, field.shop_listing_id, field.field, now, pair)
        _close_refusal(session, side, field)
        _tell_of_conflict(session, side, planned, field)
        told_as = field.wants if field.field in result.kept else returned
        tell_if_altered(session, side, field.shop_listing_id, planned.label, field.field, field.wants, told_as)
        _settle(side, {field.field: write}, "confirmed", None)
        if field.field in CODES:
            try_refused_again(session, field.shop_id, CODES)  # the code that it had is free now
    if side.is_hub:
        offer_to_others(session, [row])
    return sum(write.state == "confirmed" for write in writes.values())


def _close_refusal(session: Session, side: SideContext, field: PlannedField) -> None:
    shop = session.get_one(Listing, field.shop_listing_id)
    name = session.get_one(Side, shop.side_id).name
    close_finding(session, "field_refused", f"{name} {shop.external_id} {field.field}", side.now())


def _refused(
    session: Session, side: SideContext, row: Listing, planned: PlannedFields, error: str, *, gone: bool
) -> None:
    _take_back(session, side, row, planned)
    if gone:
        row.recheck_at = side.now()
        return
    if len(planned.fields) > 1:
        return  # they are tried one by one
    _refuse(session, side, row, planned, planned.fields[0], error)


def _refuse(
    session: Session, side: SideContext, row: Listing, planned: PlannedFields, field: PlannedField, error: str
) -> None:
    """Remember the pair that was refused, and tell a person."""
    shop = session.get_one(Listing, field.shop_listing_id)
    name = session.get_one(Side, shop.side_id).name
    pair = _pair_row(session, side, field)
    pair.refused_hub, pair.refused_shop = field.now.hub, field.now.shop
    words = error
    advice = "Change it on one of the two sides; it is tried again then. Nothing was cut or left out silently."
    source = shop.side_id if side.is_hub else session.scalars(select(Side.id).where(Side.role == "hub")).one()
    if waiting := in_the_way(session, row, source, field.field, field.wants):
        others = [f"{one.name} ({one.external_id}), which is to have “{code}”" for one, code in waiting]
        words = f"“{field.wants}” is the code of {', that of '.join(others)}: they wait for each other"
        advice = (
            f"If these codes are right, give one of them another code in {side.name} for a moment, by hand; the others "
            "then get theirs at once, and that one as well. syncd leaves no product without its code meanwhile."
        )
    found = Found(
        kind="field_refused",
        subject=f"{name} {shop.external_id} {field.field}",
        side_id=side.id,
        item_id=row.item_id,
        message=f"{side.name} does not take the {field.field} “{told(field.field, field.wants)}” of {planned.label}: "
        f"{words}",
        advice=advice,
    )
    open_finding(session, found, side.now())


def _take_back(session: Session, side: SideContext, row: Listing, planned: PlannedFields) -> None:
    """Nothing was applied: what was known before counts again."""
    row.fields_recheck_at = None
    if side.is_hub:
        offer_to_others(session, [row])  # they waited for this outcome
    for field in planned.fields:
        unsure = field.past.unsure
        _pair_row(session, side, field).unsure = unsure.value if unsure else None


def _tell_of_conflict(session: Session, side: SideContext, planned: PlannedFields, field: PlannedField) -> None:
    """Both ends were edited: what the shop had is kept where a person finds it, until the field is edited again."""
    shop = session.get_one(Listing, field.shop_listing_id)
    name = session.get_one(Side, shop.side_id).name
    subject = f"{name} {shop.external_id} {field.field}"
    if not field.verdict.conflict:
        close_finding(session, "field_conflict", subject, side.now())
        return
    found = Found(
        kind="field_conflict",
        subject=subject,
        side_id=shop.side_id,
        item_id=shop.item_id,
        message=f"both sides edited the {field.field} of {planned.label}: "
        f"“{told(field.field, field.wants)}” at the till, “{told(field.field, field.shows)}” in {name}; the till's was "
        f"written to {name}",
        advice="If the shop's was right, enter it at the till. What it was is kept in the table field_writes. "
        "`syncd findings resolve {id}` closes this.",
    )
    open_finding(session, found, side.now())


def tell_if_altered(
    session: Session, side: SideContext, shop_listing_id: int, label: str, field: str, wanted: str, shows: str
) -> None:
    """A side that stores something else than it was given is not asked again, but told of: something may be lost."""
    shop = session.get_one(Listing, shop_listing_id)
    subject = f"{session.get_one(Side, shop.side_id).name} {shop.external_id} {field}"
    if says_the_same(field, wanted, shows):
        close_finding(session, "field_altered", subject, side.now())
        return
    found = Found(
        kind="field_altered",
        subject=subject,
        severity="info",
        side_id=side.id,
        item_id=shop.item_id,
        message=f"{side.name} stores the {field} of {label} in its own way: “{told(field, shows)}” for "
        f"“{told(field, wanted)}”",
        advice="It stays so. If something is missing that matters, change the value on the other side to one that "
        "both sides can store.",
    )
    open_finding(session, found, side.now())


def _pair_row(session: Session, side: SideContext, field: PlannedField) -> FieldPair:
    row = session.get(FieldPair, (field.shop_listing_id, field.field))
    if row is None:
        row = FieldPair(listing_id=field.shop_listing_id, field=field.field, changed_at=side.now())
        session.add(row)
    return row


def _settle(side: SideContext, writes: Mapping[str, FieldWrite], state: str, error: str | None) -> None:
    for write in writes.values():
        write.state, write.error, write.settled_at = state, error, side.now()


def _log(side: SideContext, planned: PlannedFields, write: FieldWrite) -> None:
    log = logger.bind(
        side=side.name, sku=planned.sku, external_id=planned.ref.external_id, run=write.run_id, write=write.id,
        field=write.field, before=_short(write.before), value=_short(write.value), reason=write.reason,
        state=write.state,
    )  # fmt: skip
    if write.state == "confirmed":
        log.info("field.written")
    else:
        log.bind(error=write.error).warning("field.not_written")


def _short(value: str) -> str:
    """The beginning of a text; the whole stands in the table, under the number of the write."""
    return shorten(value, 100)
