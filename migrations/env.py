"""Runs the migrations on the connection and in the transaction that syncd.state.migrate opened.

For writing a new migration: ``alembic -x url=sqlite:////tmp/dev.db revision --autogenerate -m "…"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from alembic import context
from sqlalchemy import false

from syncd.state.engine import open_database
from syncd.state.metadata import METADATA

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def _render(kind: str, thing: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write what both databases understand into a new migration, whichever it was compared with."""
    if kind == "type" and type(thing).__module__ == "syncd.state.types":
        autogen.imports.add("from syncd.state import types")
        return f"types.{type(thing).__name__}()"
    if kind == "server_default" and thing is not None and str(getattr(thing, "arg", "")) == str(false()):
        return "sa.false()"
    return False


def _run(connection: object) -> None:
    context.configure(
        connection=connection,  # type: ignore[arg-type]  # attributes are untyped
        target_metadata=METADATA,
        # SQLite can do DDL in a transaction, once the driver does not interfere (syncd/state/engine.py).
        transactional_ddl=True,
        render_as_batch=True,
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("migrations run online only: SQLite needs to look at its tables to change them")

given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    database = open_database(context.get_x_argument(as_dictionary=True)["url"])
    with database.engine.connect() as connection:
        _run(connection)
    database.dispose()
