"""A year of movements, written into the real tables without any side: what is measured is the database."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from syncd.state.bulk import insert_rows
from syncd.state.models import Item, Listing, Movement, Operation, Run, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.state.engine import Database

_BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
_YEAR_S = 365 * 86_400
_CHUNK = 10_000
_INVENTED = 200_000
_COPIED = 500_000
_PER_RUN = 3
"""Movements that one pass finds, on average."""
_RUNS_KEPT = 100_000
_HOT_SHARE = 0.2
"""A fifth of the movements happens to a hundredth of the items."""


@dataclass(frozen=True, slots=True)
class Year:
    """A year of trade: each movement at the till is written to the shop, and the other way round."""

    items: int
    movements: int

    @property
    def hot(self) -> int:
        """How many items sell much more than others."""
        return max(1, self.items // 100)

    def samples(self, count: int) -> dict[str, list[str]]:
        """SKUs to ask for: of ordinary items, and of the busiest."""
        rng = random.Random(7)  # noqa: S311 - a sample
        usual = [sku(rng.randint(self.hot + 1, self.items)) for _ in range(count)]
        return {"a usual": usual, "the busiest": [sku(number % self.hot + 1) for number in range(count)]}


def sku(number: int) -> str:
    """SKU of an item by its id."""
    return f"S-{number:05d}"


def fill(db: Database, year: Year) -> None:
    """Write it. Every item has at least one movement, so that each has a story."""
    with db.write() as session:
        sides = [
            Side(name=name, role=role, adapter="simulated", created_at=_BEGAN)
            for name, role in (("till", "hub"), ("main", "shop"))
        ]
        session.add_all(sides)
        session.flush()
        hub, shop = (side.id for side in sides)
        runs = max(1, min(_RUNS_KEPT, year.movements // _PER_RUN))
        insert_rows(session, Run, [_run(number, hub if number % 2 else shop, runs) for number in range(1, runs + 1)])
        _add_items(session, year, hub, shop)
    invented = min(year.movements, max(_INVENTED, year.items))
    rng = random.Random(1)  # noqa: S311 - invented trade
    for start in range(1, invented + 1, _CHUNK):
        with db.write() as session:
            chunk = range(start, min(start + _CHUNK, invented + 1))
            _add_movements(session, year, chunk, rng, (hub, shop, runs))
    done = invented
    while done < year.movements:
        count = min(done, year.movements - done, _COPIED)
        with db.write() as session:
            _copy(session, Movement, count, done)
            _copy(session, Operation, count, done)
        done += count


def _copy(session: Session, model: type[Movement | Operation], count: int, done: int) -> None:
    """Have the database repeat its first rows as later ones: much faster than sending them again."""
    columns = model.__table__.columns
    later: dict[str, ColumnElement[Any]] = {"id": columns["id"] + done}
    if model is Operation:
        later["uid"] = columns["uid"] + f"-{done}"
    rows = select(*(later.get(column.name, column) for column in columns)).where(columns["id"] <= count)
    session.execute(insert(model).from_select([column.name for column in columns], rows))


def _add_items(session: Session, year: Year, hub: int, shop: int) -> None:
    for start in range(1, year.items + 1, _CHUNK):
        ids = range(start, min(start + _CHUNK, year.items + 1))
        insert_rows(session, Item, [{"id": each, "on_hand": Decimal(10), "created_at": _BEGAN} for each in ids])
        insert_rows(session, Listing, [_listing(each, hub, each) for each in ids])
        insert_rows(session, Listing, [_listing(each, shop, year.items + each) for each in ids])


def _run(number: int, side: int, runs: int) -> dict[str, Any]:
    at = _BEGAN + timedelta(seconds=number / runs * _YEAR_S)
    return {"id": number, "side_id": side, "kind": "poll", "cause": "schedule", "result": "ok", "started_at": at}


def _listing(item: int, side: int, number: int) -> dict[str, Any]:
    code = sku(item)
    return {
        "id": number,
        "side_id": side,
        "item_id": item,
        "external_id": str(20_000_000 + number),
        "sku": code,
        "sku_key": code.lower(),
        "name": f"Fine Merino yarn No. {item}",
        "stock_mode": "own",
        "published": True,
        "shadow": Decimal(10),
        "wanted": Decimal(10),
        "linked_at": _BEGAN,
        "link_rule": "sku",
        "first_seen_at": _BEGAN,
    }


def _add_movements(session: Session, year: Year, numbers: range, rng: random.Random, ids: tuple[int, int, int]) -> None:
    rows = list(_movements(year, numbers, rng, ids))
    insert_rows(session, Movement, [movement for movement, _ in rows])
    insert_rows(session, Operation, [operation for _, operation in rows])


def _movements(
    year: Year, numbers: range, rng: random.Random, ids: tuple[int, int, int]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Movements, each with the write that told the other side."""
    hub, shop, runs = ids
    for number in numbers:
        is_hot = number > year.items and rng.random() < _HOT_SHARE
        item = number if number <= year.items else rng.randint(1, year.hot if is_hot else year.items)
        at_hub, units = rng.random() < 0.8, Decimal(rng.choice((-1, -1, -1, -2, 5)))
        at = _BEGAN + timedelta(seconds=number / year.movements * _YEAR_S)
        listing, other = (item, year.items + item) if at_hub else (year.items + item, item)
        run = 1 + number * runs // (year.movements + 1)
        movement = {
            "id": number,
            "item_id": item,
            "side_id": hub if at_hub else shop,
            "listing_id": listing,
            "run_id": run,
            "quantity": units,
            "on_hand_after": Decimal(10),
            "cause": "sale" if units < 0 else "change",
            "evidence": f"order {1_000_000 + number}",
            "recorded_at": at,
        }
        operation = {
            "id": number,
            "uid": f"{number:032x}",
            "side_id": shop if at_hub else hub,
            "listing_id": other,
            "item_id": item,
            "run_id": run,
            "difference": units,
            "expected_before": Decimal(10),
            "reported": Decimal(10),
            "state": "confirmed",
            "reason": "10 on hand: main should hold 10",
            "settled_by": "answer",
            "intended_at": at,
            "sent_at": at,
            "settled_at": at,
        }
        yield movement, operation
