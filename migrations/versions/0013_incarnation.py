"""The database says which life of it this is, and how far it has come, so that an old copy of it is noticed."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

from syncd.state import types

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_LEASES = sa.table("leases", sa.column("name"), sa.column("incarnation"))
_SIDES = sa.table("sides", sa.column("id"), sa.column("created_at", types.Instant()))
_RESTORES = sa.table("restores", sa.column("restored_at", types.Instant()))


def upgrade() -> None:
    op.add_column(
        "leases",
        sa.Column(
            "incarnation",
            sa.Text(),
            nullable=False,
            server_default="",
            comment="of leader: which life of the database this is; another one since each restore",
        ),
    )
    op.add_column(
        "leases",
        sa.Column(
            "beat",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="grows when the lease is taken, renewed or given back, and before each write to a side",
        ),
    )
    op.add_column("leases", sa.Column("beat_at", types.Instant(), nullable=True, comment="when it grew last"))
    op.execute(_LEASES.update().where(_LEASES.c.name == "leader").values(incarnation=_first_incarnation()))


def _first_incarnation() -> str:
    """The same for all copies of one life of a database: an old one that is upgraded once more is known by it."""
    connection = op.get_bind()
    first = sa.select(_SIDES.c.id, _SIDES.c.created_at).order_by(_SIDES.c.id).limit(1)
    side = connection.execute(first).one_or_none()
    if side is None:
        return uuid.uuid4().hex  # it never knew a side: there is nothing to lose
    last = connection.execute(sa.select(sa.func.max(_RESTORES.c.restored_at, type_=types.Instant()))).scalar_one()
    restored = last.isoformat() if last is not None else "never"
    return uuid.uuid5(uuid.NAMESPACE_OID, f"syncd {side.id} {side.created_at.isoformat()} {restored}").hex
