"""A dry run beside a history: it must leave no trace, neither on a side nor in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.service.linking import link_pending, ready_to_link
from syncd.service.planning import plan_side
from syncd.service.runs import start_run
from syncd.state.metadata import METADATA
from syncd.state.scratch import scratch_copy
from tests.support.engine import Account

if TYPE_CHECKING:
    from syncd.state.engine import Database
    from tests.support.history import History


def contents(db: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with db.read() as session:
        return {
            name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
            for name, table in METADATA.tables.items()
        }


def look_without_touching(history: History, *, full: bool) -> None:
    """Read and plan everything in a copy, as ``syncd plan`` does, and compare before with after."""
    worlds = history.account.worlds
    for world in worlds.values():
        world.carry_out_late()
    before = contents(history.db), {name: (world.tick, len(world.writes)) for name, world in worlds.items()}
    scratch = scratch_copy(history.db)
    try:
        copy = Account(scratch, history.clock, dict(worlds))
        for name, worker in history.account.workers.items():
            side = worker.side
            copy.add_side(name, side.role, capabilities=side.adapter.capabilities, policy=side.policy)
            copy.workers[name].dry_run = True
        copy.poll(kind="full" if full else "poll")
        for worker in copy.workers.values():
            with scratch.read() as session:
                ready = not worker.side.is_hub and ready_to_link(session, worker.side)
            if ready:
                link_pending(worker.side, worker.hub_id, start_run(worker.side, "sync", "dry run"))
            with scratch.read() as session:
                plan_side(session, worker.side)
    finally:
        scratch.dispose()
    after = contents(history.db), {name: (world.tick, len(world.writes)) for name, world in worlds.items()}
    assert before == after, "a dry run left something behind"
