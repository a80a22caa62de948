"""Products of shops may be made at the hub as well: a creation names any listing, and keeps what was sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncd.state import types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_KEPT = "state, mark, product_id, run_id, error, sent_at, settled_at"


def upgrade() -> None:
    # Made anew: a column that is renamed leaves its old name in those of constraints, in each database other ones.
    op.execute("CREATE TABLE creations_0006 AS SELECT * FROM creations")
    op.drop_table("creations")
    op.create_table(
        "creations",
        sa.Column("side_id", sa.Integer(), nullable=False, comment="where it is to be made"),
        sa.Column(
            "listing_id", sa.Integer(), nullable=False, comment="what is to be made: the hub's listing, or a shop's"
        ),
        sa.Column("state", types.Word(), nullable=False),
        sa.Column(
            "mark", types.Word(), nullable=True, comment="of the call; kept by sides that can with what they make"
        ),
        sa.Column("product_id", types.Word(), nullable=True, comment="the side's product that the variation is one of"),
        sa.Column("run_id", sa.Integer(), nullable=True, comment="run that sent it"),
        sa.Column(
            "sent",
            sa.Text(),
            nullable=True,
            comment="what was sent, JSON, until it is settled; one row of a call has it",
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="why it is unknown or refused"),
        sa.Column("sent_at", types.Instant(), nullable=True),
        sa.Column(
            "settled_at",
            types.Instant(),
            nullable=True,
            comment="when it was settled; while unknown: when it could not be told from what others made",
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'unwanted', 'sent', 'unknown', 'made', 'refused')", name=op.f("ck_creations_state")
        ),
        sa.ForeignKeyConstraint(["side_id"], ["sides.id"], name=op.f("fk_creations_side_id_sides")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_creations_listing_id_listings")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_creations_run_id_runs")),
        sa.PrimaryKeyConstraint("side_id", "listing_id", name=op.f("pk_creations")),
        comment="Products that were to be made on another side (in a shop, or at the hub), and what became of it",
    )
    op.execute(
        f"INSERT INTO creations (side_id, listing_id, {_KEPT}) "  # noqa: S608 - our own names
        f"SELECT side_id, hub_listing_id, {_KEPT} FROM creations_0006"
    )
    op.drop_table("creations_0006")
    for name, condition in (("waiting", "state = 'waiting'"), ("unsettled", "state IN ('sent', 'unknown', 'refused')")):
        op.create_index(
            f"ix_creations_{name}",
            "creations",
            ["side_id"],
            unique=False,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
    op.create_index("ix_creations_listing_id", "creations", ["listing_id"], unique=False)
