"""Fields of products: what both ends agreed on, and what was written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncd.state import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "field_pairs",
        sa.Column("listing_id", sa.Integer(), nullable=False, comment="the shop's listing"),
        sa.Column("field", types.Word(), nullable=False),
        sa.Column(
            "agreed_hub", sa.Text(), nullable=True, comment="the hub's half of the pair; empty before the first one"
        ),
        sa.Column("agreed_shop", sa.Text(), nullable=True, comment="the shop's half"),
        sa.Column(
            "refused_hub", sa.Text(), nullable=True, comment="pair at which a side refused the write; not sent again"
        ),
        sa.Column("refused_shop", sa.Text(), nullable=True),
        sa.Column("unsure", types.Word(), nullable=True, comment="end whose last write had no answer: hub or shop"),
        sa.Column("changed_at", types.Instant(), nullable=False),
        sa.CheckConstraint("unsure IS NULL OR unsure IN ('hub', 'shop')", name=op.f("ck_field_pairs_unsure")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_field_pairs_listing_id_listings")),
        sa.PrimaryKeyConstraint("listing_id", "field", name=op.f("pk_field_pairs")),
        comment="What hub and shop showed of a product's field when they last agreed",
    )
    op.create_table(
        "field_writes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("listing_id", sa.Integer(), nullable=False, comment="listing that was written to"),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("field", types.Word(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False, comment="what the side showed before"),
        sa.Column("value", sa.Text(), nullable=False, comment="what it was told"),
        sa.Column("shown", sa.Text(), nullable=True, comment="what it showed after"),
        sa.Column(
            "overwrote",
            sa.Boolean(),
            nullable=False,
            comment="whether `before` were words that the other side never had",
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="the rule in words"),
        sa.Column("state", types.Word(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True, comment="why it is unknown or rejected"),
        sa.Column("sent_at", types.Instant(), nullable=False),
        sa.Column("settled_at", types.Instant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('sent', 'confirmed', 'unknown', 'rejected', 'cancelled')", name=op.f("ck_field_writes_state")
        ),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_field_writes_listing_id_listings")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_field_writes_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_field_writes")),
        comment="Fields of products written to sides, with what they replaced",
    )
    op.create_index("ix_field_writes_listing_id", "field_writes", ["listing_id", "id"], unique=False)
    op.create_index("ix_field_writes_run_id", "field_writes", ["run_id"], unique=False)

    op.add_column(
        "listings",
        sa.Column(
            "fields_pending",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="fields are to be compared with the other side on next run",
        ),
    )
    op.add_column(
        "listings",
        sa.Column(
            "fields_recheck_at",
            types.Instant(),
            nullable=True,
            comment="fields were written: what a read shows that began before this moment may be older",
        ),
    )
    op.create_index(
        "ix_listings_fields_pending",
        "listings",
        ["side_id"],
        unique=False,
        sqlite_where=sa.text("fields_pending = 1"),
        postgresql_where=sa.text("fields_pending"),
    )
    op.create_index(
        "ix_listings_fields_recheck",
        "listings",
        ["side_id"],
        unique=False,
        sqlite_where=sa.text("fields_recheck_at IS NOT NULL"),
        postgresql_where=sa.text("fields_recheck_at IS NOT NULL"),
    )

    op.add_column(
        "runs",
        sa.Column(
            "fields_written",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="fields of products written and confirmed",
        ),
    )
    op.add_column(
        "sides",
        sa.Column(
            "owners", sa.Text(), server_default="", nullable=False, comment="owners of fields last compared with"
        ),
    )
