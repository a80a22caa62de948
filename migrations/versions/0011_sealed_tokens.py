"""Tokens may be sealed; each row names its key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "tokens",
        sa.Column(
            "sealed_with",
            sa.Text(),
            nullable=False,
            server_default="",
            comment="id of the key that both tokens are sealed with; empty: they are plain",
        ),
    )
