"""Products of shops that are to be made at the hub."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncd.state import types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BEFORE = ("side_id", "hub_listing_id", "state", "mark", "product_id", "run_id", "error", "sent_at", "settled_at")


def upgrade() -> None:
    connection = op.get_bind()
    kept = [tuple(row) for row in connection.execute(sa.text(f"SELECT {', '.join(_BEFORE)} FROM creations"))]  # noqa: S608 - our own names
    op.drop_table("creations")
    _create()
    names = ["source_listing_id" if name == "hub_listing_id" else name for name in _BEFORE]
    statement = sa.text(
        f"INSERT INTO creations ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"  # noqa: S608 - our own names
    )
    if kept:
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in kept])
    op.add_column(
        "sides",
        sa.Column(
            "offered_through",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="last listing of this shop of which it was considered whether to make it at the hub",
        ),
    )
    op.add_column(
        "sides",
        sa.Column(
            "offering",
            sa.Text(),
            server_default="never",
            nullable=False,
            comment="which of its products were considered last",
        ),
    )


def _create() -> None:
    op.create_table(
        "creations",
        sa.Column("side_id", sa.Integer(), nullable=False, comment="where it is made"),
        sa.Column("source_listing_id", sa.Integer(), nullable=False, comment="the listing that it is made for"),
        sa.Column("state", types.Word(), nullable=False),
        sa.Column("mark", types.Word(), nullable=True, comment="kept by a shop with what it makes"),
        sa.Column(
            "product_id", types.Word(), nullable=True, comment="product that was made, or parent of the variation"
        ),
        sa.Column("run_id", sa.Integer(), nullable=True, comment="run that sent it"),
        sa.Column("error", sa.Text(), nullable=True, comment="why it is unknown or refused"),
        sa.Column("sent_at", types.Instant(), nullable=True),
        sa.Column("settled_at", types.Instant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'unwanted', 'sent', 'unknown', 'made', 'refused')", name=op.f("ck_creations_state")
        ),
        sa.ForeignKeyConstraint(["side_id"], ["sides.id"], name=op.f("fk_creations_side_id_sides")),
        sa.ForeignKeyConstraint(
            ["source_listing_id"], ["listings.id"], name=op.f("fk_creations_source_listing_id_listings")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_creations_run_id_runs")),
        sa.PrimaryKeyConstraint("side_id", "source_listing_id", name=op.f("pk_creations")),
        comment="Products that one side has and another was to get, and what became of making them there",
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
    op.create_index("ix_creations_source_listing_id", "creations", ["source_listing_id"], unique=False)
