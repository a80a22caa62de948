"""Search by SKU, EAN, a side's own id, or parts of the name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from syncd.core.keys import gtin_key, sku_key
from syncd.page.looks import Hit, hit_of_item, hit_of_listing
from syncd.state.models import Listing, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

LONGEST = 100
"""Characters of a question that are looked at."""

_WORDS = 6


def search(session: Session, asked: str, *, after: str, limit: int) -> tuple[list[Hit], str]:
    """Find products.

    Exact codes first; if nothing has the code, products whose names or codes have every word in them. Linked ones come
    before the others.

    Args:
        session: A reading transaction.
        asked: What the person typed.
        after: Where to go on, as returned before; empty: at the beginning.
        limit: Most hits.

    Returns:
        Hits, and where to go on; empty if there are no more.
    """
    asked = asked[:LONGEST].strip()
    if not asked:
        return [], ""
    if not after and (exact := _exact(session, asked, limit)):
        return exact, ""
    return _by_words(session, asked.split()[:_WORDS], after, limit)


def _exact(session: Session, asked: str, limit: int) -> list[Hit]:
    sides = select(Side.id).scalar_subquery()
    codes = [Listing.sku_key == (sku_key(asked) or ""), and_(Listing.side_id.in_(sides), Listing.external_id == asked)]
    if gtin := gtin_key(asked):
        codes.append(Listing.gtin_key == gtin)
    found: dict[int, Listing] = {}
    for code in codes:  # one after the other, so that each uses its index
        query = select(Listing).where(code, Listing.stock_mode != "group").order_by(Listing.id).limit(limit)
        found |= {row.id: row for row in session.scalars(query)}
    items = dict.fromkeys(row.item_id for row in found.values() if row.item_id is not None)
    hits = [hit for item_id in items if (hit := hit_of_item(session, item_id))]
    hits += [hit_of_listing(session, row) for row in found.values() if row.item_id is None]
    return hits[:limit]


def _by_words(session: Session, words: list[str], after: str, limit: int) -> tuple[list[Hit], str]:
    matches = and_(*(_has(session, word) for word in words), Listing.stock_mode != "group")
    hits: list[Hit] = []
    begin_item, begin_listing = _cursor(after)
    if begin_item is not None:
        # The index on item_id gives one item after the other: the scan ends with the page.
        query = select(Listing.item_id).where(matches, Listing.item_id > begin_item).distinct()
        items = session.scalars(query.order_by(Listing.item_id).limit(limit + 1)).all()
        hits = [hit for item_id in items[:limit] if item_id and (hit := hit_of_item(session, item_id))]
        if len(items) > limit:
            return hits, f"i{items[limit - 1]}"
    room = limit - len(hits)
    alone = select(Listing).where(matches, Listing.item_id.is_(None), Listing.id > begin_listing)
    rows = session.scalars(alone.order_by(Listing.id).limit(room + 1)).all()
    hits += [hit_of_listing(session, row) for row in rows[:room]]
    if len(rows) <= room:
        return hits, ""
    return hits, f"l{rows[room - 1].id if room else begin_listing}"


def _cursor(after: str) -> tuple[int | None, int]:
    """Item to go on behind (``None``: all were shown) and listing to go on behind."""
    if after.startswith("l"):
        return None, int(after[1:])
    return int(after.removeprefix("i") or 0), 0


def _has(session: Session, word: str) -> ColumnElement[bool]:
    code = sku_key(word) or word
    like = Listing.name.like if _is_sqlite(session) else Listing.name.ilike
    return or_(
        *(like(f"%{_escaped(each)}%", escape="\\") for each in _spellings(session, word)),
        Listing.sku_key.like(f"%{_escaped(code)}%", escape="\\"),
        Listing.gtin_key.like(f"%{_escaped(word)}%", escape="\\"),
    )


def _spellings(session: Session, word: str) -> Iterator[str]:
    """SQLite compares only a to z without case: other letters are tried in the forms that names have."""
    if word.isascii() or not _is_sqlite(session):
        yield word
        return
    yield from dict.fromkeys((word, word.lower(), word.upper(), word.capitalize()))


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
