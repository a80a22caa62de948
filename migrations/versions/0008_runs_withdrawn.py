"""Runs say how many products were withdrawn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "runs",
        sa.Column(
            "withdrawn",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="products and variations withdrawn there",
        ),
    )
