"""Products of the hub that are to be made in a shop."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncd.state import types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "creations",
        sa.Column("side_id", sa.Integer(), nullable=False, comment="the shop"),
        sa.Column("hub_listing_id", sa.Integer(), nullable=False),
        sa.Column("state", types.Word(), nullable=False),
        sa.Column("mark", types.Word(), nullable=True, comment="kept by the shop with what it makes"),
        sa.Column("product_id", types.Word(), nullable=True, comment="the shop's product, or parent of the variation"),
        sa.Column("run_id", sa.Integer(), nullable=True, comment="run that sent it"),
        sa.Column("error", sa.Text(), nullable=True, comment="why it is unknown or refused"),
        sa.Column("sent_at", types.Instant(), nullable=True),
        sa.Column("settled_at", types.Instant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'unwanted', 'sent', 'unknown', 'made', 'refused')", name=op.f("ck_creations_state")
        ),
        sa.ForeignKeyConstraint(["side_id"], ["sides.id"], name=op.f("fk_creations_side_id_sides")),
        sa.ForeignKeyConstraint(["hub_listing_id"], ["listings.id"], name=op.f("fk_creations_hub_listing_id_listings")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_creations_run_id_runs")),
        sa.PrimaryKeyConstraint("side_id", "hub_listing_id", name=op.f("pk_creations")),
        comment="Products of the hub that were to be made in a shop, and what became of it",
    )
    for name, condition in (("waiting", "state = 'waiting'"), ("unsettled", "state IN ('sent', 'unknown', 'refused')")):
        op.create_index(
            f"ix_creations_{name}",
            "creations",
            ["side_id"],
            unique=False,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
    op.create_index("ix_creations_hub_listing_id", "creations", ["hub_listing_id"], unique=False)

    op.add_column(
        "sides",
        sa.Column(
            "considered_through",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="last listing of the hub of which it was considered whether to make it here",
        ),
    )
    op.add_column(
        "sides",
        sa.Column(
            "creation", sa.Text(), server_default="never", nullable=False, comment="which products were considered last"
        ),
    )
    op.add_column(
        "runs",
        sa.Column(
            "made", sa.Integer(), server_default="0", nullable=False, comment="products and variations made there"
        ),
    )
    # Until now nobody asked the till what is meant for a shop: the next read of everything says it.
    op.execute("UPDATE listings SET published = false WHERE side_id IN (SELECT id FROM sides WHERE role = 'hub')")
