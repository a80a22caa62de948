"""Listings of shops whose product was deleted at the hub, and what became of withdrawing them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncd.state import types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "withdrawals",
        sa.Column("listing_id", sa.Integer(), nullable=False, comment="the shop's listing"),
        sa.Column("source", sa.Text(), nullable=False, comment="the hub's id of the product that was deleted"),
        sa.Column("state", types.Word(), nullable=False),
        sa.Column("how", types.Word(), nullable=True, comment="unpublish or delete"),
        sa.Column("run_id", sa.Integer(), nullable=True, comment="run that sent it"),
        sa.Column("error", sa.Text(), nullable=True, comment="why it is unknown or refused"),
        sa.Column("noted_at", types.Instant(), nullable=False),
        sa.Column("sent_at", types.Instant(), nullable=True),
        sa.Column("settled_at", types.Instant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'sent', 'unknown', 'done', 'refused', 'ignored')", name=op.f("ck_withdrawals_state")
        ),
        sa.CheckConstraint("how IS NULL OR how IN ('unpublish', 'delete')", name=op.f("ck_withdrawals_how")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_withdrawals_listing_id_listings")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_withdrawals_run_id_runs")),
        sa.PrimaryKeyConstraint("listing_id", name=op.f("pk_withdrawals")),
        comment="Listings of shops whose product was deleted at the hub, and what became of withdrawing them",
    )
