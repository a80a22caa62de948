"""Looks at a side while the outcome of a write is unknown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COMMENT = "looks at the side while its outcome was unknown, JSON: began, ended, quantity"


def upgrade() -> None:
    op.add_column("operations", sa.Column("looks", sa.Text(), nullable=True, comment=_COMMENT))
