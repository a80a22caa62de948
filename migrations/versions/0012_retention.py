"""Old movements give way to checkpoints; a database that was put back from a backup knows it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncd.state import types

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_CAUSES = ("opening", "initial_stock", "sale", "return", "change", "correction", "lost_update", "undo", "manual")
_NAME = "ck_movements_cause"
_REFERRING = (
    ("movements", "operation_id"),
    ("findings", "operation_id"),
    ("stock_events", "run_id"),
    ("creations", "run_id"),
)
"""Without an index on these, each row that is removed has the whole table looked through."""


def upgrade() -> None:
    with op.batch_alter_table("movements") as table:
        table.add_column(
            sa.Column(
                "stands_for",
                sa.Integer(),
                nullable=True,
                comment="of a checkpoint: how many older movements it is the sum of",
            )
        )
        table.drop_constraint(op.f(_NAME), type_="check")
        causes = ", ".join(f"'{cause}'" for cause in (*_CAUSES, "checkpoint"))
        table.create_check_constraint(op.f(_NAME), f"cause IN ({causes})")
    for table_name, column in _REFERRING:
        condition = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_{table_name}_{column}",
            table_name,
            [column],
            unique=False,
            sqlite_where=condition,
            postgresql_where=condition,
        )
    op.add_column(
        "listings",
        sa.Column(
            "held_at",
            types.Instant(),
            nullable=True,
            comment="since when a person must say what counts, after a restore; until then nothing is counted or "
            "written",
        ),
    )
    op.create_table(
        "restores",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("restored_at", types.Instant(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="the backup, as it was named"),
        sa.Column("backup_at", types.Instant(), nullable=True, comment="newest moment that the backup knows of"),
        sa.Column(
            "compared_at",
            types.Instant(),
            nullable=True,
            comment="when all sides were compared; until then nothing is counted or written",
        ),
        sa.Column("held", sa.Integer(), nullable=True, comment="items that were left to a person"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restores")),
        comment="Times at which this database was put back from a backup",
    )
