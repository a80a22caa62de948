from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select, text

from syncd.errors import StateError
from syncd.state import models, scratch
from syncd.state.metadata import METADATA
from syncd.state.scratch import scratch_copy
from tests.support import rows
from tests.support.rows import AT

if TYPE_CHECKING:
    from syncd.state.engine import Database


def ids(database: Database, model: type[models.Run | models.Operation | models.Finding]) -> set[int]:
    with database.read() as session:
        return set(session.scalars(select(model.id)))


def all_rows(database: Database, model: type[models.Base]) -> list[dict[str, object]]:
    table = METADATA.tables[model.__tablename__]
    with database.read() as session:
        found = session.execute(select(table).order_by(*table.primary_key)).mappings()
        return [dict(row) for row in found]


def test_what_planning_needs_is_copied_and_history_and_secrets_are_not(database: Database) -> None:
    with database.write() as session:
        hub, shop = rows.side(session, "inventorum", "hub"), rows.side(session, "main", last_read_at=AT)
        item = rows.item(session, "2.5")
        listing = rows.listing(session, hub, item, shadow=Decimal("2.5"), wanted=Decimal(3), shadow_at=AT, pending=True)
        other = rows.listing(session, shop, item)
        runs = {kind: rows.run(session, hub).id for kind in ("idle", "cursor", "open", "named", "event", "settled")}
        done = session.get_one(models.Run, runs["settled"])
        rows.operation(session, listing, done, state="confirmed", settled_by="answer", settled_at=AT)
        doubtful = rows.operation(session, listing, session.get_one(models.Run, runs["open"]), state="unknown")
        named = rows.operation(session, other, session.get_one(models.Run, runs["named"]), state="rejected")
        shown = rows.finding(session, operation_id=named.id, item_id=item.id)
        rows.finding(session, closed_at=AT, closed_by="itself")
        rows.movement(session, item, "2.5", run_id=runs["settled"])
        rows.event(session, shop, "order:1:line:2", other.external_id, run_id=runs["event"])
        session.add(models.CursorRow(side_id=hub.id, feed="f", position="p", updated_at=AT, run_id=runs["cursor"]))
        session.add(
            models.Tombstone(side_id=shop.id, external_id="9", name="gone", proof="not_found", gone_at=AT, sku=None)
        )
        session.add(
            models.TokenRow(
                credential="inventorum",
                access_token="a",
                refresh_token="r",
                expires_at=AT,
                seed_fingerprint="f",
                generation=1,
                rotated_at=AT,
            )
        )
        expected = {"runs": {runs[k] for k in ("cursor", "open", "named", "event")}, "findings": {shown.id}}
        expected["operations"] = {doubtful.id, named.id}
    copy = scratch_copy(database)
    for model in (models.Side, models.Item, models.Listing, models.CursorRow, models.StockEventRow, models.Tombstone):
        assert all_rows(copy, model) == all_rows(database, model) != []
    assert ids(copy, models.Run) == expected["runs"]
    assert ids(copy, models.Operation) == expected["operations"]
    assert ids(copy, models.Finding) == expected["findings"]
    for left_behind in (models.Movement, models.TokenRow, models.Lease):
        assert all_rows(copy, left_behind) == []
    with copy.read() as session:
        assert session.execute(text("SELECT count(*) FROM v_stock")).scalar_one() == 2
    copy.dispose()


def test_what_is_written_to_the_copy_stays_there(database: Database) -> None:
    with database.write() as session:
        item_id = rows.item(session, 1).id
    copy = scratch_copy(database)
    with copy.write() as session:
        session.get_one(models.Item, item_id).on_hand = Decimal(9)
        rows.side(session, "new")
    assert all_rows(database, models.Item)[0]["on_hand"] == 1
    assert all_rows(database, models.Side) == []
    copy.dispose()


def test_the_copy_is_private_and_leaves_nothing_behind(sqlite_database: Database) -> None:
    copy = scratch_copy(sqlite_database)
    folder = Path(str(copy.engine.url.database)).parent
    assert folder.stat().st_mode & 0o077 == 0
    copy.dispose()
    assert not folder.exists()


def test_a_copy_that_fails_leaves_nothing_behind(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    def broken() -> None:
        raise StateError("broken")

    monkeypatch.setattr(scratch, "_needed", broken)
    with pytest.raises(StateError):
        scratch_copy(sqlite_database)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_large_catalogue_is_copied_in_seconds(database: Database) -> None:
    count = 20_000
    with database.write() as session:
        hub = rows.side(session, "inventorum", "hub")
        session.execute(
            insert(models.Item), [{"id": n, "on_hand": Decimal(n), "created_at": AT} for n in range(1, count + 1)]
        )
        session.execute(
            insert(models.Listing),
            [
                {
                    "side_id": hub.id,
                    "item_id": n,
                    "external_id": str(n),
                    "name": "x",
                    "stock_mode": "own",
                    "published": True,
                    "shadow": Decimal(n),
                    "first_seen_at": AT,
                }
                for n in range(1, count + 1)
            ],
        )
    began = time.process_time()
    copy = scratch_copy(database)
    took_s = time.process_time() - began
    with copy.read() as session:
        assert session.execute(text("SELECT count(*) FROM listings")).scalar_one() == count
    copy.dispose()
    assert took_s < 5
