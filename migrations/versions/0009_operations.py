"""Sides know when nothing waited for them last, and ways of telling people know how far they have told."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from syncd.state import types

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sides",
        sa.Column(
            "nothing_waited_at",
            types.Instant(),
            nullable=True,
            comment="last moment at which nothing waited to be written here",
        ),
    )
    # Since when something waits is not known of the time before; it counts from here.
    sides = sa.table("sides", sa.column("nothing_waited_at", types.Instant()))
    op.execute(sides.update().values(nothing_waited_at=datetime.now(UTC)))
    op.create_table(
        "notices",
        sa.Column("way", types.Word(), nullable=False, comment="webhook or mail"),
        sa.Column("told_through", sa.Integer(), nullable=False, comment="newest finding that was told of"),
        sa.Column("told_at", types.Instant(), nullable=True, comment="when a message was last taken"),
        sa.PrimaryKeyConstraint("way", name=op.f("pk_notices")),
        comment="How far people were told of findings, by each way of telling them",
    )
